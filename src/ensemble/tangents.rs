//! Decides how H acts on the derivatives of ψ, sample by sample.
//!
//! The local derivatives are A_l(x) = Σ_x' H_xx' ψ(x')/ψ(x) O_l(x'), the local values of H on
//! ∂ψ/∂θ_l. Connected configurations of several samples are evaluated at once; each sum runs
//! within a sample, so that no number depends on that.

use super::{Ensemble, Variational};
use crate::ansatz::Asks;
use crate::derivatives::{Derivatives, Matrix, PORTION};
use crate::number::Scalar;
use crate::operator::Operator;
use ndarray::Array2;
use num_complex::Complex64;
use std::collections::HashMap;

/// Real numbers of derivatives that are written out at once.
const NUMBERS: usize = PORTION / 8;

/// A_l(x) of the configurations of an ensemble, whose own derivatives are at hand: a row for each,
/// and a column for each of theirs.
pub fn local_derivatives(
    ensemble: &dyn Variational,
    own: &Derivatives,
    operator: &dyn Operator,
) -> Matrix {
    let mut sums = own.written_out();
    let n = Ensemble::sites(ensemble);
    let xs = || ensemble.configurations().chunks_exact(n);
    match &mut sums {
        Matrix::Real(sums) => scale(sums, xs(), operator),
        Matrix::Complex(sums) => scale(sums, xs(), operator),
        Matrix::Rounded(_) => unreachable!("what is written out has double precision"),
    }
    let most = (NUMBERS / (2 * own.columns()).max(1)).max(1);
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    let mut settle = |asks: &mut Asks, elements: &mut Vec<Complex64>| {
        add(&mut sums, ensemble, (asks, elements));
        asks.clear();
        elements.clear();
    };
    for (walker, x) in xs().enumerate() {
        operator.connect(walker, x, &mut asks, &mut elements);
        if asks.len() >= most {
            settle(&mut asks, &mut elements);
        }
    }
    settle(&mut asks, &mut elements);
    sums
}

/// The diagonal part: H_xx O_l(x) from O_l(x).
fn scale<'a, T: Scalar>(
    rows: &mut Array2<T>,
    xs: impl Iterator<Item = &'a [i8]>,
    operator: &dyn Operator,
) {
    for (mut row, x) in rows.rows_mut().into_iter().zip(xs) {
        let diagonal = T::from_complex(operator.diagonal(x));
        row.mapv_inplace(|o| diagonal * o);
    }
}

/// Adds what the questions lead to; a configuration that several lead to is evaluated once.
fn add(sums: &mut Matrix, ensemble: &dyn Variational, (asks, elements): (&Asks, &[Complex64])) {
    let n = Ensemble::sites(ensemble);
    let ratios = ensemble.ratios(asks);
    let (mut reached, mut terms) = (Vec::new(), Vec::new());
    let mut numbers: HashMap<Vec<i8>, usize> = HashMap::new();
    for ((walker, step), (element, ratio)) in asks.iter().zip(elements.iter().zip(ratios)) {
        let factor = element * ratio;
        // Outside the sector there are no derivatives.
        if factor == Complex64::ZERO {
            continue;
        }
        let x = step.applied(&ensemble.configurations()[walker * n..][..n]);
        let next = numbers.len();
        let number = *numbers.entry(x).or_insert_with_key(|x| {
            reached.extend_from_slice(x);
            next
        });
        terms.push((walker, factor, number));
    }
    if terms.is_empty() {
        return;
    }
    match (sums, ensemble.derivatives_of(&reached).written_out()) {
        (Matrix::Real(sums), Matrix::Real(rows)) => accumulate(sums, &terms, &rows),
        (Matrix::Complex(sums), Matrix::Complex(rows)) => accumulate(sums, &terms, &rows),
        _ => unreachable!("derivatives of one wave function are of one kind"),
    }
}

/// Adds rows with their factors to those of the samples that lead to them.
fn accumulate<T: Scalar>(
    sums: &mut Array2<T>,
    terms: &[(usize, Complex64, usize)],
    rows: &Array2<T>,
) {
    for (walker, factor, number) in terms {
        let factor = T::from_complex(*factor);
        let sum = sums.row_mut(*walker).into_iter();
        let row = rows.row(*number);
        sum.zip(row).for_each(|(sum, o)| *sum += factor * *o);
    }
}
