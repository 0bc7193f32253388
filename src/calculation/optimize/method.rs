//! Decides which optimiser `[optimize]` means, and why.

use super::keys::OptimizeInput;
use crate::calculation::Registry;
use crate::error::Result;
use crate::optimizer::{Optimizer, OptimizerOptions, Schedule, Sizes, cost};

/// An optimiser with its name and why it was chosen.
pub struct ChosenOptimizer {
    /// The rule.
    pub optimizer: Box<dyn Optimizer>,
    /// Its registered name.
    pub kind: &'static str,
    /// Why, where the input said "sr".
    pub reason: String,
}

/// The method of `[optimize]` and why, for ranks that have `memory` bytes each.
pub fn method(optimize: &OptimizeInput, sizes: &Sizes, memory: f64) -> (String, String) {
    let (name, mut why) = match optimize.method.as_str() {
        "sr" => {
            let (name, why) = cost::choose_sr(sizes, memory);
            (name.to_string(), why)
        }
        other => (other.to_string(), "named in the input".to_string()),
    };
    if sizes.is_shared_out(&name) {
        why = format!("{why}; its matrix is shared out over {} ranks", sizes.ranks);
    }
    (name, why)
}

/// Builds the optimiser of `[optimize]` with the method that [`method`] has found.
pub fn optimizer(
    o: &OptimizeInput,
    registry: &Registry,
    (name, reason): &(String, String),
) -> Result<ChosenOptimizer> {
    let exclusive =
        o.carleo_troyer.is_some() || o.scale_invariant.is_some() || o.pseudo_inverse.is_some();
    let shift = o
        .shift
        .clone()
        .unwrap_or(Schedule::Number(if exclusive { 0.0 } else { 0.01 }));
    shift.validate("optimize.shift", true)?;
    o.learning_rate.validate("optimize.learning_rate", false)?;
    let plain = OptimizerOptions::shifted(shift);
    let options = OptimizerOptions {
        carleo_troyer: o.carleo_troyer.map(|c| (c.lambda0, c.b, c.lambda_min)),
        scale_invariant: o.scale_invariant.map(|s| (s.eps1, s.eps2)),
        pseudo_inverse: o.pseudo_inverse,
        beta1: o.beta1.unwrap_or(plain.beta1),
        beta2: o.beta2.unwrap_or(plain.beta2),
        epsilon: o.epsilon.unwrap_or(plain.epsilon),
        mu: o.mu,
        beta: o.beta,
        tolerance: o.tolerance,
        max_iterations: o.max_iterations,
        distribute_above: o.distribute_above,
        ..plain
    };
    let entry = registry.optimizers.find(name, "optimize.method")?;
    Ok(ChosenOptimizer {
        optimizer: (entry.build)(&options)?,
        kind: entry.kind,
        reason: reason.clone(),
    })
}
