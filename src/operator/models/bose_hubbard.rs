//! Decides the Bose–Hubbard model: H = −J Σ_b (b⁺_i b_j + b⁺_j b_i) + U/2 Σ_i n_i (n_i − 1)
//! + V Σ_b n_i n_j, with at most n_max bosons on a site.
//!
//! M. P. A. Fisher, P. B. Weichman, G. Grinstein and D. S. Fisher, Phys. Rev. B 40, 546 (1989).

use super::{Model, ModelContext, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use crate::operator::Term;
use crate::operator::sites::boson;
use serde::Deserialize;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
/// Bosons that hop between first neighbours and repel each other.
struct Keys {
    /// Hopping amplitude.
    j: f64,
    /// Energy of a pair of bosons on one site.
    u: f64,
    /// Energy of a pair of bosons on neighbouring sites.
    v: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            j: 1.0,
            u: 0.0,
            v: 0.0,
        }
    }
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[("j", keys.j), ("u", keys.u), ("v", keys.v)])?;
    let [lower, raise, number] = boson(context.max_occupation("bose-hubbard")?);
    let bonds = first_neighbours(context.lattice)?;
    let mut terms = Vec::new();
    for bond in &bonds {
        let (i, j) = (bond.i as u32, bond.j as u32);
        terms.push(Term::new(-keys.j, &[(i, &raise), (j, &lower)]));
        terms.push(Term::new(-keys.j, &[(j, &raise), (i, &lower)]));
        if keys.v != 0.0 {
            terms.push(Term::new(keys.v, &[(i, &number), (j, &number)]));
        }
    }
    for i in 0..context.lattice.sites as u32 {
        terms.push(Term::new(keys.u / 2.0, &[(i, &number), (i, &number)]));
        terms.push(Term::new(-keys.u / 2.0, &[(i, &number)]));
    }
    Model::local(terms, bonds)
}
