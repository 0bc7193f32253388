//! Decides the bilinear-biquadratic model with single-ion anisotropy:
//! H = J Σ_b h_b + β Σ_b h_b² + D Σ_i (S^z_i)² with h_b = S^x S^x + S^y S^y + δ S^z S^z.
//!
//! S = 1: β = J/3 is the model of I. Affleck, T. Kennedy, E. H. Lieb and H. Tasaki, Phys. Rev.
//! Lett. 59, 799 (1987), whose ground state has −2/3 J per bond; β = J has SU(3) symmetry.

use super::{Model, ModelContext, check_finite, first_neighbours, schema_of};
use crate::error::Result;
use crate::operator::Term;
use crate::operator::sites::{SiteMatrix, spin};
use serde::Deserialize;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
/// Spins of any length with bilinear and biquadratic couplings of first neighbours.
struct Keys {
    /// Bilinear coupling; positive is antiferromagnetic.
    j: f64,
    /// Biquadratic coupling.
    beta: f64,
    /// Single-ion anisotropy, of (Sz)^2.
    d: f64,
    /// Anisotropy of the z coupling.
    delta: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            j: 1.0,
            beta: 0.0,
            d: 0.0,
            delta: 1.0,
        }
    }
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let keys: Keys = crate::table::parse(table, "hamiltonian")?;
    check_finite(&[
        ("j", keys.j),
        ("beta", keys.beta),
        ("d", keys.d),
        ("delta", keys.delta),
    ])?;
    let axes = spin(context.twice_s("bilinear-biquadratic")?);
    let bonds = first_neighbours(context.lattice)?;
    let weights = [1.0, 1.0, keys.delta];
    let mut terms = Vec::new();
    for bond in &bonds {
        let (i, j) = (bond.i as u32, bond.j as u32);
        for (a, weight) in axes.iter().zip(weights) {
            terms.push(Term::new(keys.j * weight, &[(i, a), (j, a)]));
            for (b, other) in axes.iter().zip(weights) {
                let square: [(u32, &SiteMatrix); 4] = [(i, a), (j, a), (i, b), (j, b)];
                terms.push(Term::new(keys.beta * weight * other, &square));
            }
        }
    }
    let z = &axes[2];
    let single = (0..context.lattice.sites as u32).map(|i| Term::new(keys.d, &[(i, z), (i, z)]));
    terms.extend(single.filter(|_| keys.d != 0.0));
    Model::local(terms, bonds)
}
