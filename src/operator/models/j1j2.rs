//! Decides the J1-J2 model: H = J1 Σ_⟨ij⟩ S_i·S_j + J2 Σ_⟨⟨ij⟩⟩ S_i·S_j − hz Σ
//! Sz_i over first and second neighbours.
//!
//! On a graph, edges of kind 1 carry J1 and edges of kind 2 carry J2. Reference: P. Chandra and B.
//! Douçot, Phys. Rev. B 38, 9335 (1988).

use super::{Model, ModelContext, Terms, Units, check_finite, schema_of};
use crate::error::{Error, Result};
use crate::lattice::{Bond, Lattice};
use serde::Deserialize;

/// J1-J2 model: j1 Σ S·S over first neighbours + j2 Σ S·S over second neighbours − hz Σ Sz,
/// spin operators unless `units` says otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Coupling of first neighbours; positive is antiferromagnetic.
    #[serde(default = "super::one")]
    j1: f64,
    /// Coupling of second neighbours.
    j2: f64,
    /// Field along z.
    #[serde(default)]
    hz: f64,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

/// First (1) or second (2) neighbours; on a graph the edges of that kind.
fn neighbours(lattice: &Lattice, shell: u32) -> Result<Vec<Bond>> {
    if lattice.spec.kind != "graph" {
        return lattice.bonds(shell as usize);
    }
    if let Some(edge) = lattice.bonds(1)?.iter().find(|e| e.kind > 2) {
        return Err(Error::input(
            "hamiltonian.kind",
            format!(
                "the edge {},{} of the graph has kind {}, which j1j2 does not use",
                edge.i, edge.j, edge.kind
            ),
            "give edges kind 1 for j1 and kind 2 for j2",
        ));
    }
    lattice.bonds_of_kind(shell)
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[("j1", keys.j1), ("j2", keys.j2), ("hz", keys.hz)])?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Spin));
    let first = neighbours(context.lattice, 1)?;
    let second = neighbours(context.lattice, 2)?;
    for (name, bonds, uniform) in [("j1", &first, keys.j1), ("j2", &second, keys.j2)] {
        let j = context.on_bonds(name, bonds, uniform);
        for (&bond, j) in bonds.iter().zip(j) {
            terms.couple(bond, [j; 3]);
        }
    }
    terms.fields(context, [0.0, 0.0, keys.hz]);
    Ok(Model {
        marshall_bonds: first,
        ..terms.finish()?
    })
}
