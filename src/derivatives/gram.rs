//! Decides how Gram matrices of samples come from those of the factors, each of which is worked out
//! once.
//!
//! O O'^H = Σ_blocks (A A'^H) ∘ (B B'^H), entry by entry. Stacked rows (re, im) need O O'^T too:
//! re re' = Re(O O'* + O O')/2, im im' = Re(O O'* − O O')/2, im re' = Im(O O' + O O'*)/2, re im'
//! = Im(O O' − O O'*)/2.

use super::columns::{Columns, Matrix, Numbers, Span};
use crate::linalg::dense::Lapack;
use crate::linalg::products::Op;
use ndarray::{ArrayViewMut2, Axis, Zip};
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// Numbers in which a solver's matrices are written: `f64` for real and stacked parameters, else
/// `Complex64`.
pub trait Entry: Lapack {
    /// Writes a run of entries; `second` is the row of imaginary parts where they are stacked, else
    /// empty.
    fn put(first: &mut [Self], second: &mut [Self], run: Span);
    /// Adds O O'^H, given with O O'^T where rows are stacked.
    fn add_gram(out: ArrayViewMut2<Self>, hermitian: &Matrix, bilinear: Option<&Matrix>);
}

impl Entry for f64 {
    fn put(first: &mut [Self], second: &mut [Self], run: Span) {
        let Span {
            start,
            step,
            factor,
            numbers,
        } = run;
        let stacked = !second.is_empty();
        match numbers {
            Numbers::Real(row) => {
                first[start..]
                    .iter_mut()
                    .step_by(step)
                    .zip(row)
                    .for_each(|(o, x)| *o = factor.re * x);
                if stacked {
                    second[start..]
                        .iter_mut()
                        .step_by(step)
                        .zip(row)
                        .for_each(|(o, x)| *o = factor.im * x);
                }
            }
            Numbers::Complex(row) => {
                first[start..]
                    .iter_mut()
                    .step_by(step)
                    .zip(row)
                    .for_each(|(o, z)| *o = (factor * z).re);
                if stacked {
                    second[start..]
                        .iter_mut()
                        .step_by(step)
                        .zip(row)
                        .for_each(|(o, z)| *o = (factor * z).im);
                }
            }
        }
    }
    fn add_gram(mut out: ArrayViewMut2<Self>, hermitian: &Matrix, bilinear: Option<&Matrix>) {
        if out.dim() == hermitian.dim() {
            let Matrix::Real(h) = hermitian else {
                unreachable!("real derivatives have real factors")
            };
            return Zip::from(&mut out).and(h).for_each(|o, h| *o += h);
        }
        for (s, mut rows) in out.axis_chunks_iter_mut(Axis(0), 2).enumerate() {
            for t in 0..hermitian.dim().1 {
                let (h, c) = (
                    hermitian.get(s, t),
                    bilinear.map_or(Complex64::ZERO, |c| c.get(s, t)),
                );
                rows[(0, 2 * t)] += 0.5 * (h.re + c.re);
                rows[(0, 2 * t + 1)] += 0.5 * (c.im - h.im);
                rows[(1, 2 * t)] += 0.5 * (c.im + h.im);
                rows[(1, 2 * t + 1)] += 0.5 * (h.re - c.re);
            }
        }
    }
}

impl Entry for Complex64 {
    fn put(first: &mut [Self], _second: &mut [Self], run: Span) {
        let Span {
            start,
            step,
            factor,
            numbers,
        } = run;
        let out = first[start..].iter_mut().step_by(step);
        match numbers {
            Numbers::Real(row) => out.zip(row).for_each(|(o, x)| *o = factor * x),
            Numbers::Complex(row) => out.zip(row).for_each(|(o, z)| *o = factor * z),
        }
    }
    fn add_gram(mut out: ArrayViewMut2<Self>, hermitian: &Matrix, _bilinear: Option<&Matrix>) {
        match hermitian {
            Matrix::Real(h) => Zip::from(&mut out).and(h).for_each(|o, h| *o += h),
            Matrix::Complex(h) => Zip::from(&mut out).and(h).for_each(|o, h| *o += h),
        }
    }
}

/// A ∘ B
pub(super) fn hadamard(a: &Matrix, b: &Matrix) -> Matrix {
    match (a, b) {
        (Matrix::Real(a), Matrix::Real(b)) => Matrix::Real(a * b),
        (Matrix::Complex(a), Matrix::Complex(b)) => Matrix::Complex(a * b),
        (Matrix::Real(r), Matrix::Complex(c)) | (Matrix::Complex(c), Matrix::Real(r)) => {
            let mut c = c.clone();
            Zip::from(&mut c).and(r).for_each(|c, r| *c *= r);
            Matrix::Complex(c)
        }
    }
}

/// Gram matrices of factors, each worked out once.
pub(super) struct Grams<'a> {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) op: Op,
    pub(super) known: Vec<(&'a Arc<Matrix>, Arc<Matrix>)>,
}

impl<'a> Grams<'a> {
    fn of(&mut self, a: &'a Arc<Matrix>, b: &Arc<Matrix>) -> Arc<Matrix> {
        if let Some((_, gram)) = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, a)) {
            return gram.clone();
        }
        let gram = Arc::new(a.gram(&self.rows, b, &self.columns, self.op));
        self.known.push((a, gram.clone()));
        gram
    }
    pub(super) fn block(&mut self, mine: &'a Columns, other: &Columns) -> Arc<Matrix> {
        match (mine, other) {
            (Columns::Dense(a), Columns::Dense(b)) => self.of(a, b),
            (Columns::Outer(a, b), Columns::Outer(c, d)) => {
                Arc::new(hadamard(&self.of(a, c), &self.of(b, d)))
            }
            (Columns::Pairs(a), Columns::Pairs(b)) => self.block(a, b),
            _ => unreachable!("the same wave function has the same columns on all ranks"),
        }
    }
}
