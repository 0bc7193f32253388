//! Decides the Ising model with four-spin couplings: H = −J Σ_⟨ij⟩ σz_i σz_j − K Σ_p Π_{i∈p}
//! σz_i over nearest neighbours and elementary squares of the square lattice.
//!
//! Reference: J. Liu, Y. Qi, Z. Y. Meng, L. Fu, Phys. Rev. B 95, 041101 (2017), with K/J = 0.2.

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use crate::operator::Pauli;
use serde::Deserialize;

/// Ising model with plaquettes: −j Σ σz σz − k Σ σz σz σz σz over the elementary squares of
/// the square lattice, Pauli matrices unless `units` says otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Coupling of nearest neighbours; positive is ferromagnetic.
    #[serde(default = "super::one")]
    j: f64,
    /// Coupling of the four spins of a square.
    k: f64,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[("j", keys.j), ("k", keys.k)])?;
    let squares = context.lattice.squares()?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Pauli));
    for bond in first_neighbours(context.lattice)? {
        terms.couple(bond, [0.0, 0.0, -keys.j]);
    }
    let factor = terms.units.factor().powi(4);
    for square in squares {
        let string = square.map(|site| (site as u32, Pauli::Z));
        terms.sum.add(-keys.k * factor, &string);
    }
    terms.finish()
}
