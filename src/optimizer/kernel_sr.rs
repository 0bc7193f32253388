//! Decides `kernel-sr`, stochastic reconfiguration in sample space:
//! δ = D⁻¹ Ō^H (Ō D⁻¹ Ō^H + λ)⁻¹ ε from the N × N matrix of samples (A. Chen, M. Heyl, Nat. Phys.
//! 20, 1476 (2024)).

use super::reconfiguration::Reconfiguration;
use super::{OptimizerEntry, Space, cost};
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "kernel-sr",
    build: |keys, options| {
        crate::table::parse::<Keys>(keys, "optimize")?;
        Ok(Box::new(Reconfiguration::new(options, Space::Samples)))
    },
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: true,
    local_derivatives: false,
    cost: |sizes, rank, _| cost::in_sample_space(sizes, rank, sizes.diagonal),
};

/// Stochastic reconfiguration with the matrix of samples.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {}
