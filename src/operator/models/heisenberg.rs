//! Decides the Heisenberg model: H = J Σ_⟨ij⟩ S_i·S_j − hz Σ Sz_i over nearest neighbours.
//!
//! J > 0 is antiferromagnetic. Reference: W. Heisenberg, Z. Phys. 49, 619 (1928).

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use serde::Deserialize;

/// Heisenberg model: j Σ S·S − hz Σ Sz, spin operators unless `units` says otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Coupling; positive is antiferromagnetic.
    j: f64,
    /// Field along z.
    hz: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys { j: 1.0, hz: 0.0 }
    }
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[("j", keys.j), ("hz", keys.hz)])?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Spin));
    for bond in first_neighbours(context.lattice)? {
        terms.couple(bond, [keys.j; 3]);
    }
    terms.uniform_field(context.lattice, [0.0, 0.0, keys.hz]);
    terms.finish()
}
