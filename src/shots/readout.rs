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
            let [plus, minus] = sums(&m);
            m.map(|row| [row[0] / plus, row[1] / minus])
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

    /// What is read, drawn in place from the `outcome` ±1 of each site that is there.
    pub fn read_out(&self, outcome: &mut [i8], rng: &mut Generator) {
        for (value, m) in outcome.iter_mut().zip(&self.0) {
            let wrong = if *value == 1 { m[1][0] } else { m[0][1] };
            if rng.random::<f64>() < wrong {
                *value = -*value;
            }
        }
    }
}

/// The sums of both columns.
fn sums(m: &[[f64; 2]; 2]) -> [f64; 2] {
    [0, 1].map(|column| m[0][column] + m[1][column])
}

/// What is wrong with a matrix, and the remedy.
fn check(m: &[[f64; 2]; 2]) -> std::result::Result<(), (String, &'static str)> {
    const MEANING: &str = "give [[p(+|+), p(+|-)], [p(-|+), p(-|-)]], probabilities whose columns \
                           sum to 1";
    if let Some(p) = m.iter().flatten().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err((format!("{p} is no probability"), MEANING));
    }
    for (column, sum) in sums(m).into_iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_that_are_no_readout_errors_are_refused() {
        let good = [[0.9, 0.2], [0.1, 0.8]];
        for (matrices, part) in [
            (vec![good; 2], "2 matrices for 3 sites"),
            (vec![], "0 matrices for 3 sites"),
            (
                vec![[[1.1, 0.0], [-0.1, 1.0]]],
                "site 0: 1.1 is no probability",
            ),
            (vec![[[f64::NAN, 0.0], [0.0, 1.0]]], "NaN is no probability"),
            (
                vec![good, good, [[0.9, 0.2], [0.2, 0.8]]],
                "site 2: column 0 sums to 1.1",
            ),
            (vec![[[0.9, 0.1], [0.1, 0.8]]], "column 1 sums to 0.9"),
            (
                vec![[[0.5, 0.5], [0.5, 0.5]]],
                "both states give the same outcomes",
            ),
        ] {
            let error = Readout::new(&matrices, 3, "learn.readout").unwrap_err();
            assert_eq!(error.exit_code(), 64);
            let error = error.to_string();
            assert!(error.starts_with("learn.readout: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
        // Rounding is put right.
        let rounded = [[0.3333333, 0.0], [0.6666666, 1.0]];
        let readout = Readout::new(&[rounded], 1, "learn.readout").unwrap();
        assert!((readout.0[0][0][0] + readout.0[0][1][0] - 1.0).abs() < 1e-15);
    }
}
