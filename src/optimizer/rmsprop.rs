//! Decides `rmsprop`: the gradient divided by the running root of its square.
//!
//! v ← β v + (1 − β) |F|², δ = F/(√v + ε), on the flat real vector (G. Hinton, N. Srivastava,
//! K. Swersky, Neural Networks for Machine Learning, lecture 6e (2012)).

use super::{Direction, Objective, Optimizer, OptimizerEntry, cost};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "rmsprop",
    build: |keys, _| {
        Ok(Box::new(RmsProp::new(crate::table::parse(
            keys, "optimize",
        )?)?))
    },
    schema: crate::table::schema_of::<Keys>,
    metric: false,
    cross_validated: false,
    local_derivatives: false,
    cost: |sizes, rank, _| cost::with_moments(sizes, rank, 1),
};

/// The gradient divided by the running root of its square.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Decay of the mean square (0.9)
    decay: f64,
    /// Floor of the denominator (1e-8)
    epsilon: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            decay: 0.9,
            epsilon: 1e-8,
        }
    }
}

struct RmsProp {
    keys: Keys,
    /// v, one number per entry of the flat vector; empty before the first step.
    square: Vec<f64>,
}

impl RmsProp {
    /// With a mean square that starts from zero.
    fn new(keys: Keys) -> Result<Self> {
        let wrong = |key: &str, value: f64, remedy: &str| {
            let problem = format!("{value} is not allowed");
            Err(Error::input(format!("optimize.{key}"), problem, remedy))
        };
        if !(0.0..1.0).contains(&keys.decay) {
            return wrong("decay", keys.decay, "give a number from 0 to below 1");
        }
        if !(keys.epsilon > 0.0 && keys.epsilon.is_finite()) {
            return wrong("epsilon", keys.epsilon, "give a positive number");
        }
        Ok(RmsProp {
            keys,
            square: Vec::new(),
        })
    }
}

impl Optimizer for RmsProp {
    fn direction(
        &mut self,
        objective: &Objective,
        _step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let gradient = objective.gradient(comm)?;
        let Keys { decay, epsilon } = self.keys;
        self.square.resize(gradient.len(), 0.0);
        let scaled = |(g, v): (&f64, &mut f64)| {
            *v = decay * *v + (1.0 - decay) * g * g;
            g / (v.sqrt() + epsilon)
        };
        let update = gradient.iter().zip(&mut self.square).map(scaled).collect();
        Ok(Direction::plain(update))
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_reals(&format!("{prefix}/square"), &self.square);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.square = tree.reals(&format!("{prefix}/square"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::Serial;

    #[test]
    fn directions_follow_the_mean_square() {
        let mut method = RmsProp::new(Keys {
            decay: 0.5,
            epsilon: 1e-12,
        })
        .unwrap();
        let mut next = |g: [f64; 2]| {
            let objective = Objective::Gradient(&g);
            method.direction(&objective, 0, &Serial).unwrap().update
        };
        // v = g²/2, then (v + g²)/2.
        let first = next([3.0, 0.0]);
        assert!((first[0] - 2f64.sqrt()).abs() < 1e-10 && first[1] == 0.0);
        let second = next([1.0, -2.0]);
        assert!((second[0] - 1.0 / (11.0f64 / 4.0).sqrt()).abs() < 1e-10);
        assert!((second[1] + 2f64.sqrt()).abs() < 1e-10);
    }
}
