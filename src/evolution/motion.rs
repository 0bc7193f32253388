//! Decides the velocity of the parameters at one point, and how well it follows the Schrödinger
//! equation there.
//!
//! With Ō, ε as in the least-squares problem of stochastic reconfiguration, S = Ō^H Ō, F = Ō^H
//! ε:
//! ```text
//! real time        θ̇ minimises ‖Ō θ̇ + iε‖: S θ̇ = −iF
//!                  real parameters (McLachlan): Re S θ̇ = Im F
//! Dirac–Frenkel    real parameters: Im S θ̇ = −Re F, which conserves the energy
//! imaginary time   θ̇ minimises ‖Ō θ̇ + ε‖: S θ̇ = −F
//! local error      r² = ‖Ō θ̇ − target‖²/Var H
//! solver residual  ‖S θ̇ − f‖/‖f‖ with f = Ō^H target
//! ```
//! (X. Yuan et al., Quantum 3, 191 (2019); D. Hofmann et al., SciPost Phys. 12, 165 (2022).) The
//! sampling noise of θ̇ in the metric S is that of a linear regression with p effective
//! parameters and N samples, ‖Ō θ̇ − target‖² (p/N)/(1 − p/N)², times 2τ.

pub use super::inverse::MotionInverse;
pub use super::spectrum::Spectral;
use super::spectrum::{self, SettledInverse};
use crate::comm::{Comm, Serial};
use crate::derivatives::Kind;
use crate::error::Result;
use crate::optimizer::least_squares::LeastSquares;
use crate::optimizer::{Residuals, deterministic, solve_on_root};
use num_complex::Complex64;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which time passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeAxis {
    /// e^{−iHt}
    #[default]
    Real,
    /// e^{−Hτ}
    Imaginary,
}

impl TimeAxis {
    /// What a residual asks of ln ψ per time: −iε or −ε.
    pub fn target(self, residual: Complex64) -> Complex64 {
        match self {
            TimeAxis::Real => Complex64::new(residual.im, -residual.re),
            TimeAxis::Imaginary => -residual,
        }
    }
}

/// The variational principle for real parameters; for a holomorphic wave function both give the
/// same equations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Principle {
    /// Re S θ̇ = Im F
    #[default]
    Mclachlan,
    /// Im S θ̇ = −Re F
    DiracFrenkel,
}

/// The equation of motion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equation {
    /// Real or imaginary time.
    pub axis: TimeAxis,
    /// For real parameters.
    pub principle: Principle,
    /// The inverse of S.
    pub inverse: MotionInverse,
}

/// What an evaluation of the equation tells besides the velocity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// r²: the part of the exact motion that the wave function cannot follow.
    pub r2: f64,
    /// ‖S θ̇ − f‖/‖f‖
    pub solver_residual: f64,
    /// Smallest eigenvalue that counts by more than half; −1 without a decomposition.
    pub smallest_kept: f64,
    /// Σ of the factors on the eigenvalues: effective parameters.
    pub kept: f64,
    /// Standard deviation of θ̇ in the metric S for independent samples; 0 for a full sum.
    pub noise: f64,
    /// What was added to the diagonal of S; 0 with cut-offs.
    pub shift: f64,
}

/// A velocity with the metric in which it was found.
pub struct Motion {
    /// θ̇, flat, (re, im) pairs where holomorphic.
    pub velocity: Vec<f64>,
    /// How good it is.
    pub quality: Quality,
    metric: Metric,
}

/// The metric S of one set of samples: this rank's part, or all of it on rank 0.
pub enum Metric {
    /// Every rank has the part of its samples.
    Shared(LeastSquares),
    /// Rank 0 has all samples, the others none.
    Whole(Option<LeastSquares>),
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

impl Metric {
    /// √(x^H S x) of a flat vector.
    pub fn length(&self, x: &[f64], comm: &dyn Comm) -> Result<f64> {
        let problem = match self {
            Metric::Shared(problem) => return Ok(problem.metric_norm(x, comm)?.sqrt()),
            Metric::Whole(problem) => problem,
        };
        let on_root = || {
            Ok((
                vec![
                    problem
                        .as_ref()
                        .map_or(Ok(0.0), |p| p.metric_norm(x, &Serial))?
                        .sqrt(),
                ],
                [0.0; 2],
            ))
        };
        Ok(solve_on_root(1, comm, on_root)?.0.iter().sum())
    }
}

impl Motion {
    /// Its velocity, quality and metric.
    pub fn into_parts(self) -> (Vec<f64>, Quality, Metric) {
        (self.velocity, self.quality, self.metric)
    }
}

/// Solves the equation of motion for one set of samples; `unseen` is this rank's ⟨|H|²⟩ where
/// ψ = 0.
pub fn solve(
    equation: &Equation,
    data: &Residuals,
    unseen: f64,
    exact: bool,
    comm: &dyn Comm,
) -> Result<Motion> {
    // A real wave function has no room for the other part.
    let room = |e: &Complex64| match data.derivatives.kind {
        Kind::Real => e.re.into(),
        _ => *e,
    };
    let target = |e: &Complex64| equation.axis.target(room(e));
    let targets: Vec<Complex64> = data.residual.iter().map(target).collect();
    let data = &Residuals {
        residual: &targets,
        ..*data
    };
    let inverse = equation.inverse.settled(data, exact, comm)?;
    let problem = LeastSquares::new(data, true, comm)?;
    let stacked = problem.kind() == Kind::Stacked && equation.axis == TimeAxis::Real;
    let found = match (equation.principle, inverse, problem.kind()) {
        (Principle::DiracFrenkel, SettledInverse::Spectral(cut), _) if stacked => {
            spectrum::symplectic(cut, &problem, comm)?
        }
        (_, inverse, Kind::Holomorphic) => spectrum::solve::<Complex64>(inverse, &problem, comm)?,
        (_, inverse, _) => spectrum::solve::<f64>(inverse, &problem, comm)?,
    };
    finish(problem, found, unseen, exact, comm)
}

/// As [`solve`] of samples, by rank 0 with those of all ranks: nothing depends on the number of
/// ranks.
pub fn solve_whole(equation: &Equation, data: &Residuals, comm: &dyn Comm) -> Result<Motion> {
    if comm.size() == 1 {
        return solve(equation, data, 0.0, false, comm);
    }
    let mut metric = None;
    let on_root = |data: &Residuals| {
        let motion = solve(equation, data, 0.0, false, &Serial)?;
        if let Metric::Shared(problem) = motion.metric {
            metric = Some(problem);
        }
        let Quality {
            r2,
            solver_residual,
            smallest_kept,
            kept,
            noise,
            shift,
        } = motion.quality;
        let beside = [r2, solver_residual, smallest_kept, shift];
        Ok(([&motion.velocity[..], &beside].concat(), [kept, noise]))
    };
    let (mut velocity, [kept, noise]) = deterministic::solve(
        data,
        deterministic::parameters(data.derivatives) + 4,
        comm,
        on_root,
    )?;
    let beside = velocity.last_chunk().copied().unwrap_or_default();
    let [r2, solver_residual, smallest_kept, shift] = beside;
    velocity.truncate(velocity.len().saturating_sub(beside.len()));
    let quality = Quality {
        r2,
        solver_residual,
        smallest_kept,
        kept,
        noise,
        shift,
    };
    Ok(Motion {
        velocity,
        quality,
        metric: Metric::Whole(metric),
    })
}

/// r², residual and noise of what a solver found.
fn finish(
    problem: LeastSquares,
    found: spectrum::Found,
    unseen: f64,
    exact: bool,
    comm: &dyn Comm,
) -> Result<Motion> {
    let missed: Vec<f64> = problem
        .image_by_mean(&found.velocity)
        .iter()
        .zip(&problem.target)
        .map(|(y, t)| y - t)
        .collect();
    let mut squares = [squared(&missed) + unseen, squared(&problem.target) + unseen];
    comm.sum(&mut squares)?;
    let [lost, variance] = squares;
    // S θ̇ − f = Ō^H (Ō θ̇ − target)
    let norm = |v: Vec<f64>| squared(&v).sqrt();
    let (residual, force) = (
        norm(problem.pull_back(&missed, comm)?),
        norm(problem.pull_back(&problem.target, comm)?),
    );
    let total = problem.counts.iter().sum::<usize>() as f64;
    // A force of rounding errors alone is solved by any velocity.
    let tiny = f64::EPSILON * variance.sqrt();
    let share = (found.kept / total).min(0.9);
    let quality = Quality {
        r2: if variance > 0.0 { lost / variance } else { 0.0 },
        solver_residual: if force > tiny { residual / force } else { 0.0 },
        smallest_kept: found.smallest_kept,
        kept: found.kept,
        noise: if exact {
            0.0
        } else {
            (lost * share).sqrt() / (1.0 - share)
        },
        shift: found.shift,
    };
    Ok(Motion {
        velocity: found.velocity,
        quality,
        metric: Metric::Shared(problem),
    })
}
