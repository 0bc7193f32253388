//! Decides what log-derivatives in factors have to obey: every answer is that of the matrix written
//! out.
//!
//! O v, O^H w, Σ_s w_s |O_sk|², O O'^H and O diag(d) O'^H, portions of O, and the way to another
//! rank and back.

use super::{Verdict, is_close};
use crate::derivatives::{Derivatives, Kind, Matrix, MatrixNumber};
use ndarray::Array2;
use num_complex::Complex64;

/// O v, O^H w, Gram matrices, column squares, portions and the way to another rank are those of the
/// matrix written out.
pub fn operator_is_matrix(derivatives: &Derivatives) -> Verdict {
    match derivatives.kind {
        Kind::Holomorphic => operator_agrees::<Complex64>(derivatives),
        _ => operator_agrees::<f64>(derivatives),
    }
}

fn operator_agrees<T: MatrixNumber>(derivatives: &Derivatives) -> Verdict {
    let written = Written::of(derivatives);
    written.products_agree()?;
    written.squares_agree()?;
    written.portion_agrees::<T>()?;
    written.grams_agree::<T>()
}

/// Derivatives with their matrix written out.
struct Written<'a> {
    derivatives: &'a Derivatives,
    matrix: Matrix,
    samples: usize,
    columns: usize,
    stack: usize,
}

impl<'a> Written<'a> {
    fn of(derivatives: &'a Derivatives) -> Self {
        Written {
            derivatives,
            matrix: derivatives.written_out(),
            samples: derivatives.samples(),
            columns: derivatives.columns(),
            stack: derivatives.kind.stack(),
        }
    }
    /// Rows of the solver's matrix.
    fn rows(&self) -> usize {
        self.samples * self.stack
    }
    /// An entry of the solver's matrix.
    fn entry(&self, r: usize, k: usize) -> Complex64 {
        let z = self.matrix.get(r / self.stack, k);
        match self.derivatives.kind {
            Kind::Stacked => Complex64::from(if r.is_multiple_of(2) { z.re } else { z.im }),
            _ => z,
        }
    }
    /// Real numbers per entry of a flat vector.
    fn reals(&self) -> usize {
        if self.derivatives.kind == Kind::Holomorphic {
            2
        } else {
            1
        }
    }
    fn numbers(&self, flat: Vec<f64>) -> Vec<Complex64> {
        let complex = |z: &[f64]| Complex64::new(z[0], if z.len() > 1 { z[1] } else { 0.0 });
        flat.chunks(self.reals()).map(complex).collect()
    }

    /// O v and O^H w.
    fn products_agree(&self) -> Verdict {
        let (rows, columns) = (self.rows(), self.columns);
        let v = waves(columns * self.reals());
        let (found, v) = (self.numbers(self.derivatives.times(&v)), self.numbers(v));
        let sum = |r: usize| (0..columns).map(|k| self.entry(r, k) * v[k]).sum();
        compare("O v", (0..rows).map(|r| (found[r], sum(r))))?;
        let w = waves(rows * self.reals());
        let found = self.numbers(self.derivatives.adjoint_times(&w));
        let w = self.numbers(w);
        let sum = |k: usize| (0..rows).map(|r| self.entry(r, k).conj() * w[r]).sum();
        compare("O^H w", (0..columns).map(|k| (found[k], sum(k))))
    }

    /// Σ_s w_s |O_sk|²
    fn squares_agree(&self) -> Verdict {
        let weights: Vec<f64> = (0..self.samples).map(|s| 1.0 + s as f64).collect();
        let found = self.derivatives.squares(&weights);
        let sum = |k: usize| -> f64 {
            let terms = (0..self.samples).map(|s| weights[s] * self.matrix.get(s, k).norm_sqr());
            terms.sum()
        };
        let pairs = (0..self.columns).map(|k| (found[k].into(), sum(k).into()));
        compare("squares", pairs)
    }

    /// All samples but the first, without the first third of the columns.
    fn portion_agrees<T: MatrixNumber>(&self) -> Verdict {
        let first = self.columns / 3;
        let part: Array2<T> = self
            .derivatives
            .matrix(1..self.samples, first..self.columns);
        let expected = |(r, k): (usize, usize)| self.entry(r + self.stack, k + first);
        let pairs = part.indexed_iter();
        compare(
            "a portion",
            pairs.map(|(at, z)| (z.complex(), expected(at))),
        )
    }

    /// O O'^H and O diag(d) O'^H, where O' are the same samples in reverse order that have been
    /// sent.
    fn grams_agree<T: MatrixNumber>(&self) -> Verdict {
        let (derivatives, samples, stack) = (self.derivatives, self.samples, self.stack);
        let other = derivatives
            .unpack(samples, &derivatives.pack())
            .select(&(0..samples).rev().collect::<Vec<_>>());
        let singles = (0..samples).map(|s| derivatives.select(&[s]));
        if Derivatives::collect(samples, singles) != *derivatives {
            return Err("operator: collected from single samples it is another one".into());
        }
        let last = |r: usize| (samples - 1 - r / stack) * stack + r % stack;
        let sum = |a: usize, b: usize, d: &dyn Fn(usize) -> f64| -> Complex64 {
            let term = |k| self.entry(a, k) * d(k) * self.entry(last(b), k).conj();
            (0..self.columns).map(term).sum()
        };
        let mut gram = Array2::from_elem((self.rows() - stack, self.rows()), T::zero());
        derivatives.gram(1..samples, &other, 0..samples, gram.view_mut());
        let pairs = gram.indexed_iter();
        compare(
            "Gram",
            pairs.map(|((a, b), z)| (z.complex(), sum(a + stack, b, &|_| 1.0))),
        )?;
        let d: Vec<f64> = (0..self.columns).map(|k| 1.0 + 0.1 * k as f64).collect();
        let mut gram = Array2::from_elem((self.rows(), self.rows()), T::zero());
        derivatives.weighted_gram(&other, &d, gram.view_mut());
        let pairs = gram.indexed_iter();
        compare(
            "weighted Gram",
            pairs.map(|((a, b), z)| (z.complex(), sum(a, b, &|k| d[k]))),
        )
    }
}

/// The first pair (found, expected) that differs breaks the law.
fn compare(what: &str, pairs: impl Iterator<Item = (Complex64, Complex64)>) -> Verdict {
    let apart = |(_, (found, expected)): &(usize, (Complex64, Complex64))| {
        !is_close(*found, *expected, 1e-11)
    };
    match pairs.enumerate().find(apart) {
        Some((k, (found, expected))) => Err(format!(
            "operator: {what}, number {k}: {found}, written out {expected}"
        )),
        None => Ok(()),
    }
}

/// `count` numbers between −1 and 1.
fn waves(count: usize) -> Vec<f64> {
    let wave = |k| (1.0 + 0.7 * k as f64).sin();
    (0..count).map(wave).collect()
}
