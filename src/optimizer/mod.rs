//! Decides what an optimiser is: a gradient, or residuals with their derivatives, in; a direction
//! in parameter space out.
//!
//! Residuals ε_s of samples with weights w_s and derivatives O: the force is F = Ō^H ε with rows
//! √w_s, less their means. For the energy ε is the local energy.

mod adam;
mod centring;
mod cg;
pub mod cost;
pub mod cross_validation;
mod dense_sr;
pub mod deterministic;
#[cfg(feature = "scalapack")]
mod distributed;
mod exchange;
mod fit;
mod kernel_sr;
pub mod least_squares;
mod linear;
mod march;
mod momentum;
pub mod natural;
mod options;
pub mod parameter_space;
mod reconfiguration;
pub mod regularisation;
mod regulariser;
mod rmsprop;
pub mod sample_space;
mod schedule;
mod sgd;
mod shift;
mod spring;
mod sr;
pub mod tangent;
mod turned;

pub use cost::{CostModel, Sizes, SolveCost};
pub use exchange::RowSizes;
pub use fit::{Fit, FitMethod};
pub use options::{DISTRIBUTE_ABOVE, MetricKeys, OptimizerOptions};
pub use reconfiguration::Space;
pub use regularisation::{Inverse, Regularisation, trust_region_scale};
pub use schedule::{Schedule, ScheduleRule};
pub use shift::{AutomaticWord, RelativeShift, Shift};
pub use sr::choose as choose_sr;

use crate::comm::{Comm, agree};
use crate::derivatives::{Derivatives, Matrix};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::table::Entry;
use least_squares::LeastSquares;
use num_complex::Complex64;

/// One rank's part of a least-squares problem: min ‖Ō δ − ε‖. Weights are normalised over
/// all ranks: their sum over ranks is 1.
pub struct Residuals<'a> {
    /// Derivatives of this rank's samples.
    pub derivatives: &'a Derivatives,
    /// Weights of this rank's samples.
    pub weights: &'a [f64],
    /// What each sample of this rank is off by, such as its local energy.
    pub residual: &'a [Complex64],
    /// Whether these are all configurations, so that averages have no noise.
    pub exact: bool,
}

/// What a direction is asked for.
pub enum Objective<'a> {
    /// A gradient alone, the same on every rank: flat, (re, im) pairs where holomorphic.
    Gradient(&'a [f64]),
    /// Residuals with their derivatives.
    LeastSquares(&'a Residuals<'a>),
    /// Local energies as residuals, with the local derivatives Σ_x' H_xx' ψ(x')/ψ(x) O_l(x') of
    /// the same samples, complex ones where derivatives are stacked.
    Hamiltonian(&'a Residuals<'a>, &'a Matrix),
}

impl<'a> From<&'a Residuals<'a>> for Objective<'a> {
    fn from(data: &'a Residuals<'a>) -> Self {
        Objective::LeastSquares(data)
    }
}

impl<'a> Objective<'a> {
    /// The gradient, the same bytes on every rank.
    pub fn gradient(&self, comm: &dyn Comm) -> Result<Vec<f64>> {
        match self {
            Objective::Gradient(gradient) => Ok(gradient.to_vec()),
            Objective::LeastSquares(data) | Objective::Hamiltonian(data, _) => {
                let problem = LeastSquares::new(data, false, comm)?;
                problem.pull_back(&problem.target, comm)
            }
        }
    }

    /// The residuals; an error where there is a gradient alone.
    pub fn residuals(&self) -> Result<&'a Residuals<'a>> {
        match self {
            Objective::LeastSquares(data) | Objective::Hamiltonian(data, _) => Ok(data),
            Objective::Gradient(_) => Err(Error::input(
                "method",
                "this method needs residuals with their derivatives, and there is a gradient alone",
                "use a first-order method: \"adam\" or \"sgd\"",
            )),
        }
    }

    /// The residuals and the local derivatives; an error where there are none.
    pub fn hamiltonian(&self) -> Result<(&'a Residuals<'a>, &'a Matrix)> {
        match self {
            Objective::Hamiltonian(data, local) => Ok((data, local)),
            _ => Err(Error::input(
                "method",
                "this method needs what a Hamiltonian makes of the derivatives",
                "use it in [optimize], or another method",
            )),
        }
    }
}

/// What a step of the optimiser gives: θ ← θ − rate × update.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// Flat vector, (re, im) pairs where holomorphic, the same bytes on every rank.
    pub update: Vec<f64>,
    /// δ^H S δ, the squared Fubini–Study length per unit rate; `None` where the method has no
    /// metric.
    pub metric_norm: Option<f64>,
    /// How many fallbacks (larger shift, pseudo-inverse) were needed.
    pub fallbacks: usize,
    /// What an iterative solver did; `None` where the method is direct.
    pub iterations: Option<Iterations>,
}

impl Direction {
    /// A direction that a solve with the metric of `problem` gave.
    fn solved(
        problem: &LeastSquares,
        (update, fallbacks): (Vec<f64>, usize),
        comm: &dyn Comm,
    ) -> Result<Self> {
        let metric_norm = Some(problem.metric_norm(&update, comm)?);
        Ok(Direction {
            metric_norm,
            fallbacks,
            ..Direction::plain(update)
        })
    }

    /// A direction without a metric.
    pub fn plain(update: Vec<f64>) -> Self {
        Direction {
            update,
            metric_norm: None,
            fallbacks: 0,
            iterations: None,
        }
    }
}

/// How far an iterative solver went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iterations {
    /// Products with S.
    pub count: usize,
    /// ‖F − S_reg δ‖/‖F‖ where it stopped.
    pub residual: f64,
}

/// A rule that turns the data of a step into a direction.
pub trait Optimizer {
    /// The direction of step number `step`, the same on every rank.
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction>;
    /// What was added to the diagonal of S in the last step, whatever its size; 0 without a metric.
    fn shift(&self) -> f64 {
        0.0
    }
    /// Largest squared Euclidean length of a step, where the method has one of its own.
    fn norm_constraint(&self) -> Option<f64> {
        None
    }
    /// Is told after each step how often it had to be halved, because the state went further than
    /// the direction says to first order; the same on every rank.
    fn halved(&mut self, _halvings: usize) {}
    /// Writes the state that cannot be recomputed under `prefix`.
    fn save(&self, tree: &mut Tree, prefix: &str);
    /// Reads it back.
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()>;
}

/// One registered optimiser.
pub struct OptimizerEntry {
    /// Its name in `optimize.method`.
    pub kind: &'static str,
    /// Builds it from its own keys and from those that all methods with a metric share.
    pub build: fn(&toml::Table, &OptimizerOptions) -> Result<Box<dyn Optimizer>>,
    /// JSON schema of its own keys.
    pub schema: fn() -> serde_json::Value,
    /// Whether it solves with the metric S, and so knows shifts.
    pub metric: bool,
    /// Whether its shift follows from the samples where the input names no regularisation.
    pub cross_validated: bool,
    /// Whether it needs the local derivatives of [`Objective::Hamiltonian`].
    pub local_derivatives: bool,
    /// What a direction costs.
    pub cost: CostModel,
}

impl Entry for OptimizerEntry {
    const WHAT: &'static str = "method";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// The registry of optimisers.
pub const OPTIMIZERS: &[OptimizerEntry] = &[
    dense_sr::ENTRY,
    kernel_sr::ENTRY,
    spring::ENTRY,
    march::ENTRY,
    cg::ENTRY,
    linear::ENTRY,
    adam::ENTRY,
    rmsprop::ENTRY,
    sgd::ENTRY,
];

/// What rank 0 tells besides a vector, such as the number of fallbacks.
pub type RootFacts = [f64; 2];

/// What rank 0 works out, `length` real numbers and two facts, on every rank; its failure is
/// everyone's.
pub fn solve_on_root(
    length: usize,
    comm: &dyn Comm,
    on_root: impl FnOnce() -> Result<(Vec<f64>, RootFacts)>,
) -> Result<(Vec<f64>, RootFacts)> {
    let (mut numbers, facts) = agree(
        comm,
        if comm.is_root() {
            on_root()
        } else {
            Ok((vec![0.0; length], [0.0; 2]))
        },
    )?;
    numbers.extend(facts);
    comm.broadcast(&mut numbers)?;
    let facts = numbers.last_chunk().copied().unwrap_or([0.0; 2]);
    numbers.truncate(length);
    Ok((numbers, facts))
}
