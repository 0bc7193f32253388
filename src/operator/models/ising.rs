//! Decides the Ising model in a field: H = −J Σ σz_i σz_j / d_ij^α − hx Σ σx_i − hz Σ
//! σz_i, over nearest neighbours without α, over all pairs with it.
//!
//! d is the minimum-image distance, and there is no Kac factor. Reference: P. Pfeuty, Ann. Phys.
//! 57, 79 (1970).

use super::{Model, ModelContext, Terms, Units, check_finite, first_neighbours, schema_of};
use crate::error::{Error, Result};
use crate::lattice::Bond;
use serde::Deserialize;

/// Most sites with couplings of all pairs.
const LARGEST: usize = 2048;

/// Ising model: −j Σ σz σz / d^alpha − hx Σ σx − hz Σ σz, Pauli matrices unless `units` says
/// otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Coupling; positive is ferromagnetic.
    j: f64,
    /// Transverse field.
    hx: f64,
    /// Longitudinal field.
    hz: f64,
    /// Exponent of a coupling of all pairs that falls as 1/d^alpha; absent: nearest neighbours
    /// only.
    alpha: Option<f64>,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            j: 1.0,
            hx: 0.0,
            hz: 0.0,
            alpha: None,
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
        ("hx", keys.hx),
        ("hz", keys.hz),
        ("alpha", keys.alpha.unwrap_or(0.0)),
    ])?;
    let mut terms = Terms::new(context.units.unwrap_or(Units::Pauli));
    match keys.alpha {
        None => {
            let bonds = first_neighbours(context.lattice)?;
            let j = context.on_bonds("j", &bonds, keys.j);
            for (bond, j) in bonds.into_iter().zip(j) {
                terms.couple(bond, [0.0, 0.0, -j]);
            }
        }
        Some(alpha) if alpha < 0.0 => {
            return Err(Error::input(
                "hamiltonian.alpha",
                format!("{alpha} makes the coupling grow with the distance"),
                "give an exponent of at least 0",
            ));
        }
        Some(_) if context.lattice.sites > LARGEST => {
            return Err(Error::input(
                "hamiltonian.alpha",
                format!(
                    "{} sites are too many for couplings of all pairs",
                    context.lattice.sites
                ),
                format!("use at most {LARGEST} sites, or remove alpha"),
            ));
        }
        Some(alpha) => {
            for i in 0..context.lattice.sites {
                for j in i + 1..context.lattice.sites {
                    let d = context.lattice.distance(i, j)?;
                    terms.couple(Bond { i, j, kind: 1 }, [0.0, 0.0, -keys.j / d.powf(alpha)]);
                }
            }
        }
    }
    terms.fields(context, [keys.hx, 0.0, keys.hz]);
    terms.finish()
}
