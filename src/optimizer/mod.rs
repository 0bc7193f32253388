//! Decides what an optimiser is: local derivatives and local energies in, a direction in parameter
//! space out.

mod conjugate_gradient;
pub mod cost;
#[cfg(feature = "scalapack")]
mod distributed;
mod gradient;
pub mod least_squares;
mod momentum;
pub mod parameter_space;
mod reconfiguration;
pub mod regularisation;
pub mod sample_space;
mod schedule;
pub mod whole;

pub use conjugate_gradient::ConjugateGradient;
pub use cost::Sizes;
pub use gradient::{Adam, Sgd};
pub use momentum::Momentum;
pub use reconfiguration::{Reconfiguration, Space};
pub use regularisation::{Inverse, Regularisation, trust_region_scale};
pub use schedule::{Rule, Schedule};

use crate::comm::{Comm, agree};
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::table::Entry;
use num_complex::Complex64;

/// One rank's part of the data of a step. Weights are normalised over all ranks: their sum over
/// ranks is 1.
pub struct StepData<'a> {
    /// Log-derivatives of this rank's samples.
    pub derivatives: &'a Derivatives,
    /// Weights of this rank's samples.
    pub weights: &'a [f64],
    /// Local energies of this rank's samples.
    pub local_energies: &'a [Complex64],
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
    /// The direction of step number `step`, with `shift` from its schedule.
    fn direction(&mut self, data: &StepData, step: usize, comm: &dyn Comm) -> Result<Direction>;
    /// Writes the state that cannot be recomputed under `prefix`.
    fn save(&self, tree: &mut Tree, prefix: &str);
    /// Reads it back.
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()>;
}

/// What the registered optimisers are built from.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerOptions {
    /// R2: absolute shift of S.
    pub shift: Schedule,
    /// R1: (λ₀, b, λ_min).
    pub carleo_troyer: Option<(f64, f64, f64)>,
    /// R3: (ε₁, ε₂).
    pub scale_invariant: Option<(f64, f64)>,
    /// R4: relative cut-off.
    pub pseudo_inverse: Option<f64>,
    /// Adam's decay of the first moment.
    pub beta1: f64,
    /// Adam's decay of the second moment.
    pub beta2: f64,
    /// Adam's floor.
    pub epsilon: f64,
    /// Share of the last direction that `spring` and `march` keep; `None`: their defaults.
    pub mu: Option<f64>,
    /// Decay of the second moment of `march`.
    pub beta: Option<f64>,
    /// Relative residual at which `cg` stops.
    pub tolerance: Option<f64>,
    /// Iterations after which `cg` stops.
    pub max_iterations: Option<usize>,
    /// Matrices of more rows are shared out over the ranks, where the program was built with
    /// ScaLAPACK.
    pub distribute_above: usize,
}

/// Matrices of more rows are shared out, or avoided, where the input says nothing else.
pub const DISTRIBUTE_ABOVE: usize = 8192;

impl OptimizerOptions {
    /// A shift of S, and for all else what the input's keys default to.
    pub fn shifted(shift: Schedule) -> Self {
        OptimizerOptions {
            shift,
            carleo_troyer: None,
            scale_invariant: None,
            pseudo_inverse: None,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            mu: None,
            beta: None,
            tolerance: None,
            max_iterations: None,
            distribute_above: DISTRIBUTE_ABOVE,
        }
    }
}

/// One registered optimiser.
pub struct OptimizerEntry {
    /// Its name in `optimize.method`.
    pub kind: &'static str,
    /// Builds it.
    pub build: fn(&OptimizerOptions) -> Result<Box<dyn Optimizer>>,
}

impl Entry for OptimizerEntry {
    const WHAT: &'static str = "method";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        crate::table::no_keys()
    }
}

/// The registry of optimisers.
pub const OPTIMIZERS: &[OptimizerEntry] = &[
    OptimizerEntry {
        kind: "dense-sr",
        build: |o| Ok(Box::new(Reconfiguration::new(o, Space::Parameters))),
    },
    OptimizerEntry {
        kind: "kernel-sr",
        build: |o| Ok(Box::new(Reconfiguration::new(o, Space::Samples))),
    },
    OptimizerEntry {
        kind: "spring",
        build: |o| Ok(Box::new(Momentum::spring(o)?)),
    },
    OptimizerEntry {
        kind: "march",
        build: |o| Ok(Box::new(Momentum::march(o)?)),
    },
    OptimizerEntry {
        kind: "cg",
        build: |o| Ok(Box::new(ConjugateGradient::new(o)?)),
    },
    OptimizerEntry {
        kind: "adam",
        build: |o| Ok(Box::new(Adam::new(o)?)),
    },
    OptimizerEntry {
        kind: "sgd",
        build: |_| Ok(Box::new(Sgd)),
    },
];

/// What rank 0 tells besides a vector, such as the number of fallbacks.
pub type Facts = [f64; 2];

/// What rank 0 works out, `length` real numbers and two facts, on every rank; its failure is
/// everyone's.
pub fn solve_on_root(
    length: usize,
    comm: &dyn Comm,
    on_root: impl FnOnce() -> Result<(Vec<f64>, Facts)>,
) -> Result<(Vec<f64>, Facts)> {
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
