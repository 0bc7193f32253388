//! Decides the Heisenberg model: H = J Σ_⟨ij⟩ S_i·S_j − hz Σ Sz_i over nearest neighbours.
//!
//! J > 0 is antiferromagnetic. Reference: W. Heisenberg, Z. Phys. 49, 619 (1928).

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::{Error, Result};
use crate::operator::Term;
use crate::operator::sites::spin;
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
    let twice_s = context.twice_s("heisenberg")?;
    if twice_s > 1 {
        return any_spin(&keys, twice_s, context);
    }
    let mut terms = Terms::new(context.units.unwrap_or(Units::Spin));
    let bonds = first_neighbours(context.lattice)?;
    let j = context.on_bonds("j", &bonds, keys.j);
    for (bond, j) in bonds.into_iter().zip(j) {
        terms.couple(bond, [j; 3]);
    }
    terms.fields(context, [0.0, 0.0, keys.hz]);
    terms.finish()
}

/// The model of spins longer than one half.
fn any_spin(keys: &Keys, twice_s: u8, context: &ModelContext) -> Result<Model> {
    if context.units == Some(Units::Pauli) {
        return Err(Error::input(
            "hamiltonian.units",
            "there are no Pauli matrices for spins longer than one half",
            "use units = \"spin\"",
        ));
    }
    let axes = spin(twice_s);
    let bonds = first_neighbours(context.lattice)?;
    let mut terms = Vec::new();
    let couplings = context.on_bonds("j", &bonds, keys.j);
    for (bond, coupling) in bonds.iter().zip(couplings) {
        let (i, j) = (bond.i as u32, bond.j as u32);
        let along = |a| Term::new(coupling, &[(i, a), (j, a)]);
        terms.extend(axes.iter().map(along));
    }
    let fields = (0..).zip(context.on_sites("hz", keys.hz));
    let fields = fields.filter(|(_, hz)| *hz != 0.0);
    terms.extend(fields.map(|(i, hz)| Term::new(-hz, &[(i, &axes[2])])));
    Model::local(terms, bonds)
}
