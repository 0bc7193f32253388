//! Decides `dense-sr`, stochastic reconfiguration in parameter space:
//! δ = (Ō^H Ō + λ D)⁻¹ Ō^H ε from the P × P matrix S = Ō^H Ō (S. Sorella, Phys. Rev. Lett. 80, 4558
//! (1998)).

use super::reconfiguration::Reconfiguration;
use super::{OptimizerEntry, Space, cost};
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "dense-sr",
    build: |keys, options| {
        crate::table::parse::<Keys>(keys, "optimize")?;
        Ok(Box::new(Reconfiguration::new(options, Space::Parameters)))
    },
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: true,
    local_derivatives: false,
    cost: |sizes, rank, _| cost::in_parameter_space(sizes, rank),
};

/// Stochastic reconfiguration with the matrix S of parameters.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {}
