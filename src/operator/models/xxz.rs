//! Decides the XXZ model: H = J Σ_⟨ij⟩ (Sx_i Sx_j + Sy_i Sy_j + Δ Sz_i Sz_j) − hz Σ Sz_i
//! over nearest neighbours.
//!
//! Reference: C. N. Yang and C. P. Yang, Phys. Rev. 150, 321 (1966).

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use serde::Deserialize;

/// XXZ model: j Σ (Sx Sx + Sy Sy + delta Sz Sz) − hz Σ Sz, spin operators unless `units` says
/// otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Coupling; positive is antiferromagnetic.
    #[serde(default = "super::one")]
    j: f64,
    /// Anisotropy of the z coupling.
    delta: f64,
    /// Field along z.
    #[serde(default)]
    hz: f64,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[("j", keys.j), ("delta", keys.delta), ("hz", keys.hz)])?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Spin));
    let bonds = first_neighbours(context.lattice)?;
    let j = context.on_bonds("j", &bonds, keys.j);
    for (bond, j) in bonds.into_iter().zip(j) {
        terms.couple(bond, [j, j, j * keys.delta]);
    }
    terms.fields(context, [0.0, 0.0, keys.hz]);
    terms.finish()
}
