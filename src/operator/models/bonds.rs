//! Decides the model whose couplings and fields are listed in files:
//! H = Σ (Jx o^x_i o^x_j + Jy o^y_i o^y_j + Jz o^z_i o^z_j) + Σ (hx o^x_i + hy o^y_i + hz o^z_i).
//!
//! Fields enter with the sign of the file. Reference: S. F. Edwards and P. W. Anderson, J. Phys. F
//! 5, 965 (1975).

use super::{Model, ModelContext, Terms, schema_of};
use crate::error::{Error, Result};
use crate::lattice::Bond;
use crate::operator::files::{read_bonds, read_fields};
use serde::Deserialize;
use std::path::PathBuf;

/// Couplings and fields from files, as listed; `units` is required.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// File with the columns i,j,Jx,Jy,Jz, relative to the input file.
    bonds: PathBuf,
    /// File with the columns i,hx,hy,hz, relative to the input file; fields enter with +.
    fields: Option<PathBuf>,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    let units = context.units.ok_or_else(|| {
        Error::input(
            "hamiltonian.units",
            "the files do not say what the operators are",
            "add units = \"spin\" or units = \"pauli\"",
        )
    })?;
    let sites = context.lattice.sites;
    let mut terms = Terms::new(units);
    for c in read_bonds(
        &context.folder.join(&keys.bonds),
        "hamiltonian.bonds",
        sites,
    )? {
        terms.couple(
            Bond {
                i: c.i,
                j: c.j,
                kind: 1,
            },
            c.j_xyz,
        );
    }
    if let Some(file) = &keys.fields {
        for (site, field) in read_fields(&context.folder.join(file), "hamiltonian.fields", sites)? {
            terms.field(site, field);
        }
    }
    terms.finish()
}
