//! Decides which amplitudes a measurement tells: ln ψ of the configurations that an input lists,
//! with the sign rule, its imaginary part from −π to π.

use super::keys::MeasureInput;
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

/// Configurations that are evaluated at once.
const BLOCK: usize = 256;

/// Configurations whose amplitudes are asked for, and their amplitudes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    sites: usize,
    /// Row by row.
    xs: Vec<i8>,
    /// ln ψ of each, once it is known.
    log_psi: Vec<Complex64>,
}

impl Listed {
    /// The configurations of `measure.amplitudes`.
    ///
    /// Errors: [`Error::Input`] for the first that is not one of the basis.
    pub fn new(keys: &MeasureInput, basis: &Basis) -> Result<Self> {
        let rows = keys.amplitudes.iter().enumerate();
        let rows = rows.map(|(k, x)| configuration(k, x, basis));
        let rows: Vec<Vec<i8>> = rows.collect::<Result<_>>()?;
        Ok(Listed {
            sites: basis.sites(),
            xs: rows.concat(),
            log_psi: Vec::new(),
        })
    }

    /// Takes the amplitudes from `log_psi_of`, which gives ln ψ row by row; the same on every rank.
    ///
    /// Errors: [`Error::Numerical`] where one is not a number; then none is kept.
    pub fn evaluate(&mut self, log_psi_of: Option<impl Fn(&[i8]) -> Vec<Complex64>>) -> Result<()> {
        self.log_psi.clear();
        let mut all = Vec::new();
        for xs in self.xs.chunks(BLOCK * self.sites.max(1)) {
            let Some(log_psi_of) = &log_psi_of else {
                return Err(unknown(0, "is not known to this sampler"));
            };
            for log in log_psi_of(xs) {
                if log.re.is_nan() || log.re == f64::INFINITY || !log.im.is_finite() {
                    return Err(unknown(all.len(), "is not a finite number"));
                }
                all.push(written(log));
            }
        }
        self.log_psi = all;
        Ok(())
    }

    /// Whether there are any amplitudes.
    pub fn is_known(&self) -> bool {
        !self.log_psi.is_empty()
    }

    /// Writes what is known.
    pub fn record(&self, tree: &mut Tree) {
        if self.xs.is_empty() {
            tree.remove_group("amplitudes");
        }
        if self.log_psi.is_empty() {
            return;
        }
        let rows = self.log_psi.len();
        let xs = Value::Spin(shaped(&[rows, self.sites], self.xs.clone()));
        let meaning = "configurations of measure.amplitudes [configuration, site]";
        tree.describe("amplitudes/configurations", xs, "1", meaning);
        let logs = Value::Complex(shaped(&[rows], self.log_psi.clone()));
        let meaning = "ln psi of each, sign rule included [configuration]";
        tree.describe("amplitudes/log_psi", logs, "1", meaning);
    }
}

/// A logarithm as files hold it: finite, with an imaginary part from −π to π.
fn written(log: Complex64) -> Complex64 {
    if log.re == f64::NEG_INFINITY {
        return Complex64::new(-f64::MAX, 0.0);
    }
    let turns = ((log.im + PI) / TAU).floor();
    let im = if log.im.abs() <= PI {
        log.im
    } else {
        log.im - TAU * turns
    };
    Complex64::new(log.re, im)
}

fn unknown(k: usize, problem: &str) -> Error {
    Error::numerical(
        format!("the amplitude of configuration {k} of measure.amplitudes {problem}"),
        "leave the key out, or look at the parameters of the wave function",
    )
}

/// Configuration `k` of the list.
fn configuration(k: usize, values: &[i64], basis: &Basis) -> Result<Vec<i8>> {
    let wrong = |problem: String, remedy: &str| {
        Error::input(format!("measure.amplitudes[{k}]"), problem, remedy)
    };
    if values.len() != basis.sites() {
        let problem = format!("{} values for {} sites", values.len(), basis.sites());
        return Err(wrong(problem, "give one value for each site"));
    }
    let mut row = Vec::new();
    for (site, (&value, local)) in values.iter().zip(basis.locals()).enumerate() {
        let found = i8::try_from(value)
            .ok()
            .filter(|v| local.place(*v).is_some());
        row.push(found.ok_or_else(|| {
            let known = (0..usize::from(local.count)).map(|k| local.value(k).to_string());
            let known = known.collect::<Vec<_>>().join(", ");
            let problem = format!("{value} is not a value of site {site}");
            wrong(problem, &format!("its values are {known}"))
        })?);
    }
    if !basis.contains(&row) {
        let problem = "the configuration is outside the sector".to_string();
        let remedy = format!("the basis has {}", basis.describe());
        return Err(wrong(problem, &remedy));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_kept_where_one_is_no_number() {
        let mut listed = Listed {
            sites: 2,
            xs: vec![1, 1, 1, -1],
            log_psi: Vec::new(),
        };
        let of = |second: f64| {
            move |xs: &[i8]| {
                let log = |x: &[i8]| if x[1] > 0 { 0.5 } else { second };
                xs.chunks(2).map(|x| log(x).into()).collect()
            }
        };
        listed.evaluate(Some(of(0.25))).unwrap();
        assert_eq!(listed.log_psi, [0.5, 0.25].map(Complex64::from));
        for wrong in [f64::NAN, f64::INFINITY] {
            let error = listed.evaluate(Some(of(wrong))).unwrap_err().to_string();
            assert!(error.contains("configuration 1"), "{error}");
            assert!(!listed.is_known());
        }
    }

    #[test]
    fn logarithms_are_written_finite_and_within_a_turn() {
        for (im, wanted) in [
            (0.5, 0.5),
            (PI, PI),
            (7.0, 7.0 - TAU),
            (-10.0, 2.0 * TAU - 10.0),
        ] {
            let found = written(Complex64::new(-3.0, im));
            assert!(
                (found.im - wanted).abs() < 1e-14 && found.re == -3.0,
                "{im}: {found}"
            );
        }
        let zero = written(Complex64::new(f64::NEG_INFINITY, 0.0));
        assert!(zero.re.is_finite() && zero.re.exp() == 0.0);
    }
}
