//! Decides the model given as a list of Pauli strings: H = Σ_k c_k P_k.
//!
//! A string such as `X0 Y3 Z4` is a product of one-site matrices, the empty one the identity; the
//! sum is Hermitian. Reference: P. Jordan and E. Wigner, Z. Phys. 47, 631 (1928), for molecules
//! mapped to spins.

use super::{Model, ModelContext, Units, check_sum, schema_of};
use crate::error::{Error, Result};
use crate::lattice::Bond;
use crate::operator::files::{parse_coefficient, parse_string, read_pauli};
use crate::operator::{Pauli, PauliSum};
use num_complex::Complex64;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A sum of Pauli strings, from a file or listed here; Pauli matrices unless `units` says
/// otherwise.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// File with the columns coefficient,string, relative to the input file; instead of `terms`.
    file: Option<PathBuf>,
    /// Pairs [coefficient, string] such as [-1.0, "X0 Z1"]; instead of `file`.
    terms: Option<Vec<(Coefficient, String)>>,
}

/// A real number, or text such as "0.5+0.2i".
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "a number, or a complex one as a text such as \"0.5+0.2i\""
)]
enum Coefficient {
    /// A real number.
    Real(f64),
    /// A complex number as text.
    Text(String),
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

/// A term of the input as a coefficient and a string; what is wrong otherwise.
fn term(
    (c, string): &(Coefficient, String),
    sites: usize,
) -> std::result::Result<(Complex64, Vec<(u32, Pauli)>), String> {
    let c = match c {
        Coefficient::Real(c) if c.is_finite() => Complex64::from(*c),
        Coefficient::Real(c) => return Err(format!("{c} is not finite")),
        Coefficient::Text(text) => parse_coefficient(text)?,
    };
    Ok((c, parse_string(string, sites)?))
}

pub(super) fn build(table: &toml::Table, context: &ModelContext) -> Result<Model> {
    let units = context.units.unwrap_or(Units::Pauli);
    let sum = hermitian_sum(
        table,
        "hamiltonian",
        context.folder,
        context.lattice.sites,
        units.factor(),
    )?;
    let (marshall_bonds, exchange_bonds) = pairs(&sum);
    Ok(Model {
        sum: super::Sum::Pauli(sum),
        marshall_bonds,
        exchange_bonds,
        units,
    })
}

/// The Hermitian sum of strings that a table at `path` of the input gives by the keys `file` or
/// `terms`; each letter stands for `factor` times a Pauli matrix.
pub fn hermitian_sum(
    table: &toml::Table,
    path: &str,
    folder: &Path,
    sites: usize,
    factor: f64,
) -> Result<PauliSum> {
    let keys: Keys = crate::table::parse(table, path)?;
    let key = |name: &str| format!("{path}.{name}");
    let (key, list) = match (&keys.file, &keys.terms) {
        (Some(file), None) => (
            key("file"),
            read_pauli(&folder.join(file), &key("file"), sites)?,
        ),
        (None, Some(terms)) => {
            let read = |(k, pair)| {
                term(pair, sites).map_err(|problem| {
                    let remedy = "write terms such as [0.5, \"X0 Z1\"]";
                    Error::input(key("terms"), format!("term {}: {problem}", k + 1), remedy)
                })
            };
            (
                key("terms"),
                terms
                    .iter()
                    .enumerate()
                    .map(read)
                    .collect::<Result<Vec<_>>>()?,
            )
        }
        _ => {
            let problem = "the strings come from `file` or from `terms`";
            return Err(Error::input(
                key("terms"),
                problem,
                "give exactly one of the two",
            ));
        }
    };
    let mut sum = PauliSum::default();
    for (c, string) in &list {
        sum.add(c * factor.powi(string.len() as i32), string);
    }
    check_sum(&sum, path)?;
    if let Some((string, c)) = sum.non_hermitian() {
        return Err(Error::input(
            key,
            format!(
                "the coefficient {c} of `{string}` is not real, so that the sum is not Hermitian"
            ),
            "give every string a real coefficient",
        ));
    }
    Ok(sum)
}

/// The pairs that a string flips alone, and all pairs that are flipped together.
fn pairs(sum: &PauliSum) -> (Vec<Bond>, Vec<(u32, u32)>) {
    let flips: BTreeSet<Vec<u32>> = sum
        .iter()
        .filter(|(_, c)| c.norm() != 0.0)
        .map(|(string, _)| {
            string
                .iter()
                .filter(|f| f.1 != Pauli::Z)
                .map(|f| f.0)
                .collect()
        })
        .collect();
    let mut together = BTreeSet::new();
    let mut alone = Vec::new();
    for flip in flips {
        for (k, &i) in flip.iter().enumerate() {
            together.extend(flip[k + 1..].iter().map(|&j| (i, j)));
        }
        if let [i, j] = flip[..] {
            alone.push(Bond {
                i: i as usize,
                j: j as usize,
                kind: 1,
            });
        }
    }
    (alone, together.into_iter().collect())
}
