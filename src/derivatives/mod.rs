//! Decides what log-derivatives are to a solver: a (real-)linear operator from parameters to
//! samples, kept in factors.
//!
//! (O v)_s = Σ_k O_k(x_s) v_k, (O^H w)_k = Σ_s O_k(x_s)* w_s and the Gram matrix O O^H. The
//! weights of a dense layer have the columns O_{s,(i,j)} = a_si b_sj, activation times
//! back-propagated signal, so (O v)_s = Σ_j (A V)_sj b_sj, O^H w = A^H (w ∘ B*) and O O'^H = (A
//! A'^H) ∘ (B B'^H), the product of two small Gram matrices entry by entry: samples × (widths)
//! numbers are kept instead of samples × parameters. A masked layer has such columns for every
//! position, of a growing part of one factor.
//!
//! Vectors are flat: parameters as in the parameter vector; samples one real number each, or (re,
//! im) unless the kind is [`Kind::Real`]. For [`Kind::Stacked`], re and im of a sample are two real
//! rows.

mod columns;
mod gram;
mod masked;
mod rounded;

pub use columns::{Columns, Matrix};
pub use gram::MatrixNumber;
pub use masked::Mask;
pub use rounded::Rounded;

use crate::linalg::products::{Op, multiply};
use crate::number::{flatten, unflatten};
use columns::{Span, shaped};
use ndarray::Array2;
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// What an entry of the parameter vector is and how solvers have to treat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real parameters, real derivatives.
    Real,
    /// Real parameters, complex derivatives: real and imaginary parts are stacked.
    Stacked,
    /// Complex parameters of a holomorphic ln ψ: one complex column for each pair (re, im) of the
    /// flat vector.
    Holomorphic,
}

impl Kind {
    /// Numbers per sample in a flat vector over samples.
    pub fn parts(self) -> usize {
        if self == Kind::Real { 1 } else { 2 }
    }
    /// Rows of a solver's matrix per sample.
    pub fn stack(self) -> usize {
        if self == Kind::Stacked { 2 } else { 1 }
    }
}

/// The log-derivatives of a batch, not centred.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// How to treat them.
    pub kind: Kind,
    /// Number of rows.
    samples: usize,
    /// In the order of the parameters.
    blocks: Vec<Columns>,
    /// Whether they come from a network of single precision.
    single: bool,
}

impl Derivatives {
    /// From columns that are all known.
    pub fn dense(kind: Kind, matrix: Matrix) -> Self {
        let samples = matrix.dim().0;
        Derivatives {
            kind,
            samples,
            blocks: vec![Columns::Dense(Arc::new(matrix))],
            single: false,
        }
    }
    /// Whether they come from a network of single precision.
    pub fn is_single(&self) -> bool {
        self.single
    }
    /// From blocks in the order of the parameters; every factor has one row per sample. Factors of
    /// [`Kind::Real`] are real.
    pub fn new(kind: Kind, samples: usize, blocks: Vec<Columns>) -> Self {
        let blocks: Vec<_> = blocks.into_iter().filter(|b| b.width() > 0).collect();
        debug_assert!(
            blocks
                .iter()
                .flat_map(Columns::factors)
                .all(|f| f.dim().0 == samples)
        );
        Derivatives {
            kind,
            samples,
            blocks,
            single: false,
        }
    }
    /// The blocks, each holomorphic one as pairs where `kind` is stacked and these are not.
    pub fn blocks_as(self, kind: Kind) -> Vec<Columns> {
        let pairs = kind == Kind::Stacked && self.kind == Kind::Holomorphic;
        let pair = |block| {
            if pairs {
                Columns::Pairs(Box::new(block))
            } else {
                block
            }
        };
        self.blocks.into_iter().map(pair).collect()
    }
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }
    /// Number of columns: real parameters, or complex ones where holomorphic.
    pub fn columns(&self) -> usize {
        self.blocks.iter().map(Columns::columns).sum()
    }
    /// Real numbers that are kept per sample.
    pub fn numbers_per_sample(&self) -> usize {
        self.unique().iter().map(|f| f.dim().1 * f.parts()).sum()
    }
    fn unique(&self) -> Vec<&Arc<Matrix>> {
        let mut unique: Vec<&Arc<Matrix>> = Vec::new();
        for factor in self.blocks.iter().flat_map(Columns::factors) {
            if !unique.iter().any(|known| Arc::ptr_eq(known, factor)) {
                unique.push(factor);
            }
        }
        unique
    }
    /// The same blocks with each factor replaced once.
    fn with_factors(&self, samples: usize, mut replace: impl FnMut(&Matrix) -> Matrix) -> Self {
        let mut done: Vec<(Arc<Matrix>, Arc<Matrix>)> = Vec::new();
        let mut factor = |old: &Arc<Matrix>| {
            if let Some((_, new)) = done.iter().find(|(known, _)| Arc::ptr_eq(known, old)) {
                return new.clone();
            }
            let new = Arc::new(replace(old));
            done.push((old.clone(), new.clone()));
            new
        };
        let blocks = self.blocks.iter().map(|b| b.rebuilt(&mut factor)).collect();
        Derivatives {
            kind: self.kind,
            samples,
            blocks,
            single: self.single,
        }
    }
    /// The samples of several batches of one wave function, batch after batch; nothing from
    /// nothing.
    pub fn join(parts: &[Derivatives]) -> Self {
        let Some(first) = parts.first() else {
            return Derivatives::new(Kind::Real, 0, Vec::new());
        };
        let factors: Vec<Vec<&Arc<Matrix>>> = parts.iter().map(Derivatives::unique).collect();
        let mut number = 0;
        first.with_factors(parts.iter().map(|p| p.samples).sum(), |_| {
            number += 1;
            Matrix::joined(
                factors
                    .iter()
                    .filter_map(|f| f.get(number - 1))
                    .map(|m| &***m),
            )
        })
    }
    /// As [`Derivatives::join`], of parts with `samples` samples in total that come one by one:
    /// each is dropped once its numbers are copied.
    pub fn collect(samples: usize, mut parts: impl Iterator<Item = Derivatives>) -> Self {
        let Some(first) = parts.next() else {
            return Derivatives::join(&[]);
        };
        if first.samples == samples {
            return first;
        }
        let mut factors: Vec<Matrix> = (first
            .unique()
            .iter()
            .map(|factor| factor.with_room(samples)))
        .collect();
        for part in parts {
            let own = factors.iter_mut().zip(part.unique());
            own.for_each(|(factor, rows)| factor.extend(rows));
        }
        let mut factors = factors.into_iter();
        first.with_factors(samples, |_| {
            (factors.next()).unwrap_or_else(|| unreachable!("as many factors as before"))
        })
    }
    /// Some samples, in the given order.
    pub fn select(&self, samples: &[usize]) -> Self {
        self.with_factors(samples.len(), |factor| factor.select(samples))
    }
    /// All factors as numbers, to be sent to another rank.
    pub fn pack(&self) -> Vec<f64> {
        self.unique()
            .iter()
            .flat_map(|factor| factor.flat())
            .collect()
    }
    /// The inverse of [`Derivatives::pack`] for `samples` samples of the same wave function.
    pub fn unpack(&self, samples: usize, mut numbers: &[f64]) -> Self {
        self.with_factors(samples, |factor| {
            let width = factor.dim().1;
            let count = samples * width * factor.parts();
            let (own, rest) = numbers.split_at(count);
            numbers = rest;
            let pairs = || unflatten(own);
            match factor {
                Matrix::Real(_) => Matrix::Real(shaped((samples, width), own.to_vec())),
                Matrix::Complex(_) => Matrix::Complex(shaped((samples, width), pairs())),
                Matrix::Rounded(m) => Matrix::Rounded(m.with_numbers(samples, own)),
            }
        })
    }
    fn is_pair(&self, block: &Columns) -> bool {
        self.kind == Kind::Holomorphic || block.paired()
    }

    /// O v
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![Complex64::ZERO; self.samples];
        let mut rest = v;
        for block in &self.blocks {
            let pair = self.is_pair(block);
            let (own, others) = rest.split_at(block.width() * if pair { 2 } else { 1 });
            rest = others;
            let own = match pair {
                true => unflatten(own),
                false => own.iter().map(|&x| x.into()).collect(),
            };
            block.add_product(own, &mut out);
        }
        if self.kind == Kind::Real {
            out.iter().map(|z| z.re).collect()
        } else {
            flatten(out)
        }
    }

    /// O^H w, its real part where parameters are real.
    pub fn adjoint_times(&self, w: &[f64]) -> Vec<f64> {
        let w: Vec<Complex64> = match self.kind {
            Kind::Real => w.iter().map(|&x| x.into()).collect(),
            _ => unflatten(w),
        };
        let mut out = Vec::new();
        for block in &self.blocks {
            let own = block.adjoint(&w);
            if self.is_pair(block) {
                out.extend(flatten(own))
            } else {
                out.extend(own.iter().map(|z| z.re))
            }
        }
        out
    }

    /// Σ_s w_s |O_sk|² of every column.
    pub fn squares(&self, weights: &[f64]) -> Vec<f64> {
        fn squared(m: &Matrix) -> Array2<f64> {
            match m {
                Matrix::Real(m) => m.mapv(|x| x * x),
                Matrix::Complex(m) => m.mapv(|z| z.norm_sqr()),
                Matrix::Rounded(m) => squared(&m.widened(0..m.dim().0)),
            }
        }
        fn of(block: &Columns, w: &Array2<f64>) -> Vec<f64> {
            let product = match block {
                Columns::Dense(a) if let Matrix::Rounded(a) = &**a => {
                    return a.squares(w.as_slice().unwrap_or_default());
                }
                Columns::Dense(a) => multiply(squared(a).view(), Op::Transpose, w.view(), Op::Same),
                Columns::Outer(a, b) => multiply(
                    squared(a).view(),
                    Op::Transpose,
                    (squared(b) * w).view(),
                    Op::Same,
                ),
                Columns::Masked(a, b, mask) => {
                    let w = w.as_slice().unwrap_or_default();
                    return columns::masked(a, b, mask).squares(w);
                }
                Columns::Pairs(inner) => {
                    return of(inner, w).into_iter().flat_map(|x| [x, x]).collect();
                }
            };
            product.into_raw_vec_and_offset().0
        }
        let w = shaped((weights.len(), 1), weights.to_vec());
        self.blocks.iter().flat_map(|b| of(b, &w)).collect()
    }

    /// All columns written out, complex ones where derivatives are stacked.
    pub fn written_out(&self) -> Matrix {
        match self.kind {
            Kind::Real => Matrix::Real(self.matrix(0..self.samples, 0..self.columns())),
            _ => {
                let mut out = Array2::from_elem((self.samples, self.columns()), Complex64::ZERO);
                for (s, mut row) in out.outer_iter_mut().enumerate() {
                    self.write_row(
                        s,
                        0..self.columns(),
                        row.as_slice_mut().unwrap_or_default(),
                        &mut [],
                    );
                }
                Matrix::Complex(out)
            }
        }
    }

    /// Whether all factors are finite numbers.
    pub fn is_finite(&self) -> bool {
        self.unique().iter().all(|factor| factor.is_finite())
    }

    fn write_row<T: MatrixNumber>(
        &self,
        s: usize,
        columns: Range<usize>,
        first: &mut [T],
        second: &mut [T],
    ) {
        let mut start = 0;
        for block in &self.blocks {
            let end = start + block.columns();
            let (from, to) = (columns.start.max(start), columns.end.min(end));
            if from < to {
                let skip = from - columns.start;
                let put = &mut |run: Span| {
                    T::put(
                        first,
                        second,
                        Span {
                            start: run.start + skip,
                            ..run
                        },
                    )
                };
                block.visit(s, from - start..to - start, put);
            }
            start = end;
        }
    }

    /// Some rows and columns written out.
    pub fn matrix<T: MatrixNumber>(
        &self,
        samples: Range<usize>,
        columns: Range<usize>,
    ) -> Array2<T> {
        let (stack, width) = (self.kind.stack(), columns.len());
        let mut out = Array2::from_elem((samples.len() * stack, width), T::zero());
        let Some(numbers) = out.as_slice_mut().filter(|n| !n.is_empty()) else {
            return out;
        };
        for (s, rows) in samples.zip(numbers.chunks_exact_mut(stack * width)) {
            let (first, second) = rows.split_at_mut(width);
            self.write_row(s, columns.clone(), first, second);
        }
        out
    }
}

/// Real numbers that are written out at once, at most: 64 MiB.
pub const PORTION: usize = 1 << 23;
