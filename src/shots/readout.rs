//! Decides what readout errors do: each site confuses its two outcomes on its own.

use super::rotation::{multiply, transposed};
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

/// Deviation from 1 of the sum of a column that is put down to rounding.
const ROUNDING: f64 = 1e-6;
/// Smallest |p(+|+) − p(+|−)|, the determinant; below it an outcome says nothing of its site.
const LEAST: f64 = 1e-3;

/// Readout errors, per site [[p(+|+), p(+|−)], [p(−|+), p(−|−)]] (columns sum to 1):
/// P(s) = Σ_s' Π_i C_i(s_i, s'_i) |ψ(s')|².
#[derive(Debug, Clone, PartialEq)]
pub struct Readout(pub Vec<[[f64; 2]; 2]>);

impl Readout {
    /// From one matrix for all sites, or one per site; columns are divided by their sums, which are
    /// 1 up to rounding. `key` is named in errors.
    pub fn new(matrices: &[[[f64; 2]; 2]], sites: usize, key: &str) -> Result<Self> {
        let all = match matrices.len() {
            1 => vec![matrices[0]; sites],
            n if n == sites => matrices.to_vec(),
            n => {
                return Err(Error::input(
                    key,
                    format!("{n} matrices for {sites} sites"),
                    "give one matrix for all sites, or one per site",
                ));
            }
        };
        for (site, m) in all.iter().enumerate() {
            check(m).map_err(|(problem, remedy)| {
                Error::input(key, format!("site {site}: {problem}"), remedy)
            })?;
        }
        let normalised = |m: [[f64; 2]; 2]| {
            let sums = [0, 1].map(|c| m[0][c] + m[1][c]);
            m.map(|row| [row[0] / sums[0], row[1] / sums[1]])
        };
        Ok(Readout(all.into_iter().map(normalised).collect()))
    }

    /// Probabilities of what is read from those of what is there, over all 2^N words (bit i set
    /// where site i is +1), in place.
    pub fn apply(&self, probabilities: &mut [f64]) {
        for (site, m) in self.0.iter().enumerate() {
            multiply(probabilities, site, m);
        }
    }

    /// The transposed matrix on `weights` over all 2^N words, in place.
    pub fn transpose(&self, weights: &mut [f64]) {
        for (site, m) in self.0.iter().enumerate() {
            multiply(weights, site, &transposed(m));
        }
    }

    /// What is read, drawn in place from the `outcome` [site] that is there.
    pub fn read_out(&self, outcome: &mut [i8], rng: &mut Generator) {
        for (value, m) in outcome.iter_mut().zip(&self.0) {
            let wrong = if *value == 1 { m[1][0] } else { m[0][1] };
            if rng.random::<f64>() < wrong {
                *value = -*value;
            }
        }
    }
}

/// What is wrong with a matrix, and the remedy.
fn check(m: &[[f64; 2]; 2]) -> std::result::Result<(), (String, &'static str)> {
    const MEANING: &str = "give [[p(+|+), p(+|-)], [p(-|+), p(-|-)]], probabilities whose columns \
                           sum to 1";
    if let Some(p) = m.iter().flatten().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err((format!("{p} is no probability"), MEANING));
    }
    for column in 0..2 {
        let sum = m[0][column] + m[1][column];
        if (sum - 1.0).abs() > ROUNDING {
            return Err((format!("column {column} sums to {sum}"), MEANING));
        }
    }
    match (m[0][0] - m[0][1]).abs() < LEAST {
        true => Err((
            "both states give the same outcomes".into(),
            "give p(+|+) and p(+|-) that differ, or leave the site out",
        )),
        false => Ok(()),
    }
}
