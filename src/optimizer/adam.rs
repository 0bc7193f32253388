//! Decides `adam`: the gradient rescaled by its running moments.
//!
//! m ← β₁ m + (1 − β₁) F, v ← β₂ v + (1 − β₂) |F|², δ = m̂/(√v̂ + ε) with m̂ = m/(1 − β₁^t),
//! v̂ = v/(1 − β₂^t), on the flat real vector (D. P. Kingma, J. Ba, arXiv:1412.6980).

use super::{Direction, Objective, Optimizer, OptimizerEntry, cost};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "adam",
    build: |keys, _| Ok(Box::new(Adam::new(crate::table::parse(keys, "optimize")?)?)),
    schema: crate::table::schema_of::<Keys>,
    metric: false,
    cross_validated: false,
    local_derivatives: false,
    cost: |sizes, rank, _| cost::with_moments(sizes, rank, 2),
};

/// The gradient rescaled by its running moments.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Decay of the first moment (0.9)
    beta1: f64,
    /// Decay of the second moment (0.999)
    beta2: f64,
    /// Floor of the denominator (1e-8)
    epsilon: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

struct Adam {
    keys: Keys,
    count: usize,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// With moments that start from zero.
    fn new(keys: Keys) -> Result<Self> {
        let decay = |beta: f64| (0.0..1.0).contains(&beta);
        let floor = keys.epsilon > 0.0 && keys.epsilon.is_finite();
        for (key, value, fine) in [
            ("beta1", keys.beta1, decay(keys.beta1)),
            ("beta2", keys.beta2, decay(keys.beta2)),
            ("epsilon", keys.epsilon, floor),
        ] {
            if !fine {
                return Err(Error::input(
                    format!("optimize.{key}"),
                    format!("{value} is not allowed"),
                    "0 <= beta < 1 and epsilon > 0",
                ));
            }
        }
        Ok(Adam {
            keys,
            count: 0,
            first: Vec::new(),
            second: Vec::new(),
        })
    }
}

impl Optimizer for Adam {
    fn direction(
        &mut self,
        objective: &Objective,
        _step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let gradient = objective.gradient(comm)?;
        let Keys {
            beta1,
            beta2,
            epsilon,
        } = self.keys;
        self.first.resize(gradient.len(), 0.0);
        self.second.resize(gradient.len(), 0.0);
        self.count = self.count.saturating_add(1);
        let unbias = |beta: f64| 1.0 - beta.powf(self.count as f64);
        let (unbias1, unbias2) = (unbias(beta1), unbias(beta2));
        let update = (gradient.iter().zip(&mut self.first).zip(&mut self.second))
            .map(|((g, m), v)| {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                (*m / unbias1) / ((*v / unbias2).sqrt() + epsilon)
            })
            .collect();
        Ok(Direction::plain(update))
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/count"), self.count as i64);
        tree.put_reals(&format!("{prefix}/first"), &self.first);
        tree.put_reals(&format!("{prefix}/second"), &self.second);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.count = tree.count(&format!("{prefix}/count"))?;
        self.first = tree.reals(&format!("{prefix}/first"))?;
        self.second = tree.reals(&format!("{prefix}/second"))?;
        Ok(())
    }
}
