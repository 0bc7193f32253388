//! Decides what an optimiser is: local derivatives and local energies in, a direction in parameter space out.

use crate::ansatz::Derivatives;
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;
use num_complex::Complex64;

/// One rank's part of the data of a step. Weights are normalised over all ranks: their sum over ranks is 1.
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
    /// δ^H S δ, the squared Fubini–Study length per unit rate; `None` where the method has no metric.
    pub metric_norm: Option<f64>,
    /// How many fallbacks (larger shift, pseudo-inverse) were needed.
    pub fallbacks: usize,
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
