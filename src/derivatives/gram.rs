//! Decides how Gram matrices of samples come from those of the factors, each of which is worked out
//! once.
//!
//! O O'^H = Σ_blocks (A A'^H) ∘ (B B'^H), entry by entry. Stacked rows (re, im) need O O'^T too:
//! re re' = Re(O O'* + O O')/2, im im' = Re(O O'* − O O')/2, im re' = Im(O O' + O O'*)/2, re im'
//! = Im(O O' − O O'*)/2.

use super::columns::{Columns, Matrix, Numbers, Span, masked};
use super::masked::Masked;
use super::{Derivatives, Kind, PORTION};
use crate::linalg::dense::Lapack;
use crate::linalg::products::Op;
use ndarray::{Array2, ArrayViewMut2, Axis, Zip, s};
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// Some rows of a masked layer.
pub type MaskedRows<'a> = (Masked<'a>, &'a Range<usize>);

/// Numbers in which a solver's matrices are written: `f64` for real and stacked parameters, else
/// `Complex64`.
pub trait MatrixNumber: Lapack {
    /// Writes a run of entries; `second` is the row of imaginary parts where they are stacked, else
    /// empty.
    fn put(first: &mut [Self], second: &mut [Self], run: Span);
    /// Adds O O'^H, given with O O'^T where rows are stacked.
    fn add_gram(out: ArrayViewMut2<Self>, hermitian: &Matrix, bilinear: Option<&Matrix>);
    /// Adds that of some rows of two masked layers.
    fn add_masked(out: ArrayViewMut2<Self>, mine: MaskedRows, other: MaskedRows, kind: Kind);
}

impl MatrixNumber for f64 {
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
            Numbers::Rounded(_) | Numbers::RoundedPairs(_) => {
                for (k, x) in numbers.wide().enumerate() {
                    let (at, z) = (start + k * step, factor * x);
                    first[at] = z.re;
                    if stacked {
                        second[at] = z.im;
                    }
                }
            }
        }
    }
    fn add_masked(out: ArrayViewMut2<Self>, mine: MaskedRows, other: MaskedRows, kind: Kind) {
        (mine.0).add_gram(mine.1, &other.0, other.1, kind == Kind::Stacked, out);
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

impl MatrixNumber for Complex64 {
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
            Numbers::Rounded(_) | Numbers::RoundedPairs(_) => {
                out.zip(numbers.wide()).for_each(|(o, z)| *o = factor * z);
            }
        }
    }
    fn add_masked(_: ArrayViewMut2<Self>, _: MaskedRows, _: MaskedRows, _: Kind) {
        unreachable!("the parameters of a masked layer are real")
    }
    fn add_gram(mut out: ArrayViewMut2<Self>, hermitian: &Matrix, _bilinear: Option<&Matrix>) {
        match hermitian {
            Matrix::Real(h) => Zip::from(&mut out).and(h).for_each(|o, h| *o += h),
            Matrix::Complex(h) => Zip::from(&mut out).and(h).for_each(|o, h| *o += h),
            Matrix::Rounded(_) => unreachable!("products have double precision"),
        }
    }
}

/// A ∘ B
fn hadamard(a: &Matrix, b: &Matrix) -> Matrix {
    match (a, b) {
        (Matrix::Real(a), Matrix::Real(b)) => Matrix::Real(a * b),
        (Matrix::Complex(a), Matrix::Complex(b)) => Matrix::Complex(a * b),
        (Matrix::Real(r), Matrix::Complex(c)) | (Matrix::Complex(c), Matrix::Real(r)) => {
            let mut c = c.clone();
            Zip::from(&mut c).and(r).for_each(|c, r| *c *= r);
            Matrix::Complex(c)
        }
        _ => unreachable!("products have double precision"),
    }
}

/// Gram matrices of factors, each worked out once.
struct Grams<'a> {
    rows: Range<usize>,
    columns: Range<usize>,
    op: Op,
    known: Vec<(&'a Arc<Matrix>, Arc<Matrix>)>,
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
    fn block(&mut self, mine: &'a Columns, other: &Columns) -> Arc<Matrix> {
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

impl Derivatives {
    /// O O'^H of some samples of these derivatives and some of others, written to `out`, tile by
    /// tile in cache.
    pub fn gram<T: MatrixNumber>(
        &self,
        rows: Range<usize>,
        other: &Self,
        columns: Range<usize>,
        mut out: ArrayViewMut2<T>,
    ) {
        let stack = self.kind.stack();
        for mine in tiles(rows.clone(), TILE.0) {
            for theirs in tiles(columns.clone(), TILE.1) {
                let (top, left) = (mine.start - rows.start, theirs.start - columns.start);
                let (m, n) = (mine.len(), theirs.len());
                let part = s![
                    top * stack..(top + m) * stack,
                    left * stack..(left + n) * stack
                ];
                self.gram_tile(mine.clone(), other, theirs, out.slice_mut(part));
            }
        }
    }

    /// The upper triangle of O O^H, written to `out`; some entries below it are written too.
    pub fn own_gram<T: MatrixNumber>(&self, mut out: ArrayViewMut2<T>) {
        let stack = self.kind.stack();
        for mine in tiles(0..self.samples, TILE.0) {
            for theirs in tiles(mine.start..self.samples, TILE.1) {
                let part = s![
                    mine.start * stack..mine.end * stack,
                    theirs.start * stack..theirs.end * stack
                ];
                self.gram_tile(mine.clone(), self, theirs, out.slice_mut(part));
            }
        }
    }

    fn gram_tile<T: MatrixNumber>(
        &self,
        rows: Range<usize>,
        other: &Self,
        columns: Range<usize>,
        mut out: ArrayViewMut2<T>,
    ) {
        out.fill(T::zero());
        let grams = |op| Grams {
            rows: rows.clone(),
            columns: columns.clone(),
            op,
            known: Vec::new(),
        };
        let (mut hermitian, mut bilinear) = (grams(Op::Adjoint), grams(Op::Transpose));
        for (mine, other) in self.blocks.iter().zip(&other.blocks) {
            if let (Columns::Masked(a, b, mask), Columns::Masked(c, d, _)) = (mine, other) {
                let (own, others) = (masked(a, b, mask), masked(c, d, mask));
                T::add_masked(out.view_mut(), (own, &rows), (others, &columns), self.kind);
                continue;
            }
            let h = hermitian.block(mine, other);
            if mine.paired() {
                // The bilinear parts of O and i O cancel, the others are equal.
                let two = Matrix::Real(Array2::from_elem((rows.len(), columns.len()), 2.0));
                T::add_gram(out.view_mut(), &hadamard(&h, &two), None);
                continue;
            }
            let c = (self.kind == Kind::Stacked).then(|| bilinear.block(mine, other));
            T::add_gram(out.view_mut(), &h, c.as_deref());
        }
    }

    /// O diag(d) O'^H with one d ≥ 0 per column, from columns written out in portions.
    pub fn weighted_gram<T: MatrixNumber>(
        &self,
        other: &Self,
        d: &[f64],
        mut out: ArrayViewMut2<T>,
    ) {
        out.fill(T::zero());
        for range in tiles(0..d.len(), self.portion::<T>(self.samples + other.samples)) {
            let (mine, theirs) = (self.scaled::<T>(&range, d), other.scaled::<T>(&range, d));
            T::gemm(
                T::one(),
                mine.view(),
                Op::Same,
                theirs.view(),
                Op::Adjoint,
                T::one(),
                out.view_mut(),
            );
        }
    }

    /// The upper triangle of O diag(d) O^H.
    pub fn own_weighted_gram<T: MatrixNumber>(&self, d: &[f64], mut out: ArrayViewMut2<T>) {
        out.fill(T::zero());
        for range in tiles(0..d.len(), self.portion::<T>(self.samples)) {
            T::rank_update(
                1.0,
                self.scaled::<T>(&range, d).view(),
                Op::Same,
                1.0,
                out.view_mut(),
            );
        }
    }

    /// Columns that may be written out at once for so many samples.
    fn portion<T: MatrixNumber>(&self, samples: usize) -> usize {
        (PORTION / (samples * self.kind.stack() * T::PARTS).max(1)).max(1)
    }

    /// Some columns, each times √d.
    fn scaled<T: MatrixNumber>(&self, columns: &Range<usize>, d: &[f64]) -> Array2<T> {
        let roots: Vec<T> = d[columns.clone()]
            .iter()
            .map(|d| T::from_re(d.max(0.0).sqrt()))
            .collect();
        let mut out: Array2<T> = self.matrix(0..self.samples, columns.clone());
        out.rows_mut()
            .into_iter()
            .for_each(|mut row| row.iter_mut().zip(&roots).for_each(|(z, &r)| *z *= r));
        out
    }
}

/// Rows and columns of a tile of a Gram matrix.
const TILE: (usize, usize) = (128, 256);

/// The parts of a range, each of `length` but the last.
fn tiles(range: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    range
        .clone()
        .step_by(length)
        .map(move |start| start..range.end.min(start + length))
}
