//! Decides `spring`, stochastic reconfiguration that remembers the last direction: D = 1 in
//! [`super::momentum`] (G. Goldshlager, N. Abrahamsen, L. Lin, J. Comput. Phys. 516, 113351
//! (2024)).

use super::momentum::{Momentum, cost_of};
use super::{OptimizerEntry, OptimizerOptions};
use crate::error::Result;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "spring",
    build: |keys, options| Ok(Box::new(build(keys, options)?)),
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: false,
    local_derivatives: false,
    cost: |sizes, rank, last| cost_of(sizes, rank, sizes.diagonal, last > 0),
};

/// Stochastic reconfiguration that remembers the last direction.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Share of the last direction that is kept (0.9)
    mu: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys { mu: 0.9 }
    }
}

fn build(keys: &toml::Table, options: &OptimizerOptions) -> Result<Momentum> {
    let keys: Keys = crate::table::parse(keys, "optimize")?;
    Momentum::new(options, keys.mu, None)
}
