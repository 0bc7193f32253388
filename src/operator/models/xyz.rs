//! Decides the XYZ model: H = Σ_⟨ij⟩ (Jx Sx_i Sx_j + Jy Sy_i Sy_j + Jz Sz_i Sz_j) − Σ
//! h·S_i over nearest neighbours.
//!
//! Reference: R. J. Baxter, Ann. Phys. 70, 323 (1972).

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use serde::Deserialize;

/// XYZ model: Σ (jx Sx Sx + jy Sy Sy + jz Sz Sz) − Σ h·S, spin operators unless `units` says
/// otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Coupling of the x components.
    jx: f64,
    /// Coupling of the y components.
    jy: f64,
    /// Coupling of the z components.
    jz: f64,
    /// Field along x.
    #[serde(default)]
    hx: f64,
    /// Field along y.
    #[serde(default)]
    hy: f64,
    /// Field along z.
    #[serde(default)]
    hz: f64,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    let Keys {
        jx,
        jy,
        jz,
        hx,
        hy,
        hz,
    } = keys;
    check_finite(&[
        ("jx", jx),
        ("jy", jy),
        ("jz", jz),
        ("hx", hx),
        ("hy", hy),
        ("hz", hz),
    ])?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Spin));
    let bonds = first_neighbours(context.lattice)?;
    let [x, y, z] = [("jx", jx), ("jy", jy), ("jz", jz)]
        .map(|(name, uniform)| context.on_bonds(name, &bonds, uniform));
    for (k, bond) in bonds.into_iter().enumerate() {
        terms.couple(bond, [x[k], y[k], z[k]]);
    }
    terms.fields(context, [hx, hy, hz]);
    terms.finish()
}
