//! Decides `march`, stochastic reconfiguration that remembers the last direction and scales the
//! shift column by column: D from second moments in [`super::momentum`] (Y. Gu et al.,
//! arXiv:2507.02644).

use super::momentum::{Momentum, cost_of};
use super::{OptimizerEntry, OptimizerOptions, Regularisation};
use crate::error::{Error, Result};
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "march",
    build: |keys, options| Ok(Box::new(build(keys, options)?)),
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: false,
    local_derivatives: false,
    cost: |sizes, rank, last| cost_of(sizes, rank, true, last > 0),
};

/// As spring, with a shift scaled by second moments, column by column.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Share of the last direction that is kept (0.95)
    mu: f64,
    /// Decay of the second moment (0.995)
    beta: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            mu: 0.95,
            beta: 0.995,
        }
    }
}

fn build(keys: &toml::Table, options: &OptimizerOptions) -> Result<Momentum> {
    let keys: Keys = crate::table::parse(keys, "optimize")?;
    let damped = Regularisation::at(options, 0);
    if !matches!(damped, Regularisation::Diagonal { relative: 0.0, absolute } if absolute > 0.0) {
        return Err(Error::input(
            "optimize.method",
            "\"march\" scales a shift, column by column, and has no other regularisation",
            "give a positive optimize.shift, or use method = \"spring\"",
        ));
    }
    Momentum::new(options, keys.mu, Some(keys.beta))
}
