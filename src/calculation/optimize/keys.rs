//! Decides which keys `[optimize]` has, their defaults, and which values are refused before any
//! physics is built.

use crate::error::{Error, Result};
use crate::input::{Method, Source, at_least_one, positive};
use crate::optimizer::{DISTRIBUTE_ABOVE, Schedule};
use schemars::JsonSchema;
use serde::Deserialize;

/// An entry of `optimize.orthogonal_to`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrthogonalInput {
    /// Results file of the state, relative to the input file
    pub file: std::path::PathBuf,
    /// Energy of the penalty, larger than the gap
    pub weight: f64,
}

/// R3 of the regularisations: S + eps1 diag(S) + eps2.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleInvariantInput {
    /// Multiplies the diagonal of S
    pub eps1: f64,
    /// Absolute shift
    pub eps2: f64,
}

/// R1 of the regularisations: S + λ(p) diag(S), λ(p) = max(lambda0 b^p, lambda_min).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CarleoTroyerInput {
    /// λ at step 0 (100)
    pub lambda0: f64,
    /// Factor per step (0.9)
    pub b: f64,
    /// Floor (1e-4)
    pub lambda_min: f64,
}

impl Default for CarleoTroyerInput {
    fn default() -> Self {
        CarleoTroyerInput {
            lambda0: 100.0,
            b: 0.9,
            lambda_min: 1e-4,
        }
    }
}

/// `[optimize]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptimizeInput {
    /// Parameter updates
    pub steps: usize,
    /// sr (default), dense-sr, kernel-sr, spring, march, cg, adam, sgd
    #[serde(default = "default_method")]
    pub method: String,
    /// A number or a schedule
    pub learning_rate: Schedule,
    /// Added to the diagonal of S, a number or a schedule (0.01; 0 with another regularisation)
    pub shift: Option<Schedule>,
    /// S + λ(p) diag(S) instead of a shift
    pub carleo_troyer: Option<CarleoTroyerInput>,
    /// S + eps1 diag(S) + eps2 instead of a shift
    pub scale_invariant: Option<ScaleInvariantInput>,
    /// Pseudo-inverse with this relative cut-off instead of a shift
    pub pseudo_inverse: Option<f64>,
    /// Largest Fubini–Study length of a step
    pub max_distance: Option<f64>,
    /// Stop when the error bar of a step is below this
    pub target_error: Option<f64>,
    /// Stop when the V-score of a step is below this
    pub target_v_score: Option<f64>,
    /// Largest rise of the energy above its best, in units of the distance of the best from E_inf;
    /// 0 allows any (0.5)
    #[serde(default = "default_max_rise")]
    pub max_rise: f64,
    /// Halvings of the learning rate after undone steps before the run ends with code 70 (10)
    #[serde(default = "default_max_backoffs")]
    pub max_backoffs: usize,
    /// adam: decay of the first moment (0.9)
    pub beta1: Option<f64>,
    /// adam: decay of the second moment (0.999)
    pub beta2: Option<f64>,
    /// adam: floor of the denominator (1e-8)
    pub epsilon: Option<f64>,
    /// States that the optimisation stays orthogonal to, for the next one
    #[serde(default)]
    pub orthogonal_to: Vec<OrthogonalInput>,
    /// spring, march: share of the last direction that is kept (0.9, 0.95)
    pub mu: Option<f64>,
    /// march: decay of the second moment (0.995)
    pub beta: Option<f64>,
    /// Largest Euclidean length squared of a step (spring, march: 1e-3; else none)
    pub norm_constraint: Option<f64>,
    /// cg: relative residual at which it stops (1e-6)
    pub tolerance: Option<f64>,
    /// cg: iterations after which it stops (1000)
    pub max_iterations: Option<usize>,
    /// Matrices of more rows are held by all ranks together, or avoided (8192)
    #[serde(default = "default_distribute_above")]
    pub distribute_above: usize,
}

impl OptimizeInput {
    /// The norm constraint in force.
    pub fn largest_norm(&self) -> Option<f64> {
        let kept = matches!(self.method.as_str(), "spring" | "march");
        self.norm_constraint.or(kept.then_some(1e-3))
    }
}

fn default_distribute_above() -> usize {
    DISTRIBUTE_ABOVE
}

fn default_method() -> String {
    "sr".into()
}

fn default_max_rise() -> f64 {
    0.5
}

fn default_max_backoffs() -> usize {
    10
}

/// `[optimize]` of an input, if there is one.
pub fn keys(source: &Source) -> Result<Option<OptimizeInput>> {
    source.section("optimize")
}

/// An error for the first key whose value cannot work.
pub fn validate(source: &Source) -> Result<()> {
    let Some(o) = keys(source)? else {
        return Ok(());
    };
    if source.input.deterministic && !o.orthogonal_to.is_empty() {
        return Err(Error::input(
            "deterministic",
            "overlaps with known states are summed rank by rank, so their last digits depend on \
             the number of ranks",
            "remove the key, or optimize.orthogonal_to",
        ));
    }
    at_least_one("optimize.steps", o.steps)?;
    positive("optimize.max_distance", o.max_distance)?;
    positive("optimize.norm_constraint", o.norm_constraint)?;
    at_least_one("optimize.distribute_above", o.distribute_above)?;
    if !(o.max_rise.is_finite() && o.max_rise >= 0.0) {
        return Err(Error::input(
            "optimize.max_rise",
            format!("{} is not a number from 0", o.max_rise),
            "give a number, 0 to allow any rise",
        ));
    }
    positive("optimize.target_error", o.target_error)?;
    positive("optimize.target_v_score", o.target_v_score)?;
    one_regularisation(&o)?;
    let sampler = source.input.sampler.clone().unwrap_or_default();
    if sampler.method == Method::Metropolis && sampler.samples < 2 {
        return Err(Error::input(
            "sampler.samples",
            "one sample has no variance",
            "use at least 2",
        ));
    }
    Ok(())
}

fn one_regularisation(o: &OptimizeInput) -> Result<()> {
    let named = [
        ("shift", o.shift.is_some()),
        ("carleo_troyer", o.carleo_troyer.is_some()),
        ("scale_invariant", o.scale_invariant.is_some()),
        ("pseudo_inverse", o.pseudo_inverse.is_some()),
    ];
    let named: Vec<_> = named.iter().filter(|r| r.1).map(|r| r.0).collect();
    if named.len() < 2 {
        return Ok(());
    }
    Err(Error::input(
        format!("optimize.{}", named[1]),
        format!("several regularisations: {}", named.join(", ")),
        "keep one of them",
    ))
}
