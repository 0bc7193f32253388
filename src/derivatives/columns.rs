//! Decides what neighbouring columns of log-derivatives are: written out, or products of two
//! factors.
//!
//! Column (i, j) of two factors is a_si b_sj; what the derivatives answer as a whole is the sum
//! over such blocks.

use super::masked::{Mask, Masked};
use super::rounded::Rounded;
use crate::linalg::products::{Op, as_reals, from_reals, multiply};
use crate::number::{flatten, unflatten};
use ndarray::{Array2, Axis, s};
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// A factor or a matrix of derivatives; rows are samples.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix {
    /// Real numbers.
    Real(Array2<f64>),
    /// Complex numbers.
    Complex(Array2<Complex64>),
    /// Numbers of single precision.
    Rounded(Rounded),
}

/// Some neighbouring columns. Factors may be shared between several.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    /// As they are.
    Dense(Arc<Matrix>),
    /// Column (i, j), j running faster: a_si b_sj.
    Outer(Arc<Matrix>, Arc<Matrix>),
    /// Of a masked layer: inputs, which are real, and signals of all positions.
    Masked(Arc<Matrix>, Arc<Matrix>, Mask),
    /// Of a holomorphic factor among stacked ones: each column O of these stands for the two real
    /// parameters' O and i O.
    Pairs(Box<Columns>),
}

/// Numbers of one row of a factor.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    /// Real numbers.
    Real(&'a [f64]),
    /// Complex numbers.
    Complex(&'a [Complex64]),
    /// Real numbers of single precision.
    Rounded(&'a [f32]),
    /// Complex numbers of single precision.
    RoundedPairs(&'a [[f32; 2]]),
}

/// Entries of one sample in columns at equal distances: factor × numbers.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    pub(super) start: usize,
    pub(super) step: usize,
    pub(super) factor: Complex64,
    pub(super) numbers: Numbers<'a>,
}

impl Numbers<'_> {
    /// The numbers in double precision.
    pub(super) fn wide(&self) -> impl Iterator<Item = Complex64> {
        let count = match self {
            Numbers::Real(row) => row.len(),
            Numbers::Complex(row) => row.len(),
            Numbers::Rounded(row) => row.len(),
            Numbers::RoundedPairs(row) => row.len(),
        };
        (0..count).map(|k| match self {
            Numbers::Real(row) => row[k].into(),
            Numbers::Complex(row) => row[k],
            Numbers::Rounded(row) => f64::from(row[k]).into(),
            Numbers::RoundedPairs(row) => Complex64::new(row[k][0].into(), row[k][1].into()),
        })
    }
}

impl Matrix {
    /// The rows of all parts, complex where any is.
    pub(super) fn joined<'a>(parts: impl Iterator<Item = &'a Matrix> + Clone) -> Matrix {
        let rounded: Option<Vec<&Rounded>> = parts.clone().map(Matrix::as_rounded).collect();
        if let Some(all) = rounded.and_then(|parts| Rounded::joined(&parts)) {
            return Matrix::Rounded(all);
        }
        let shape = (
            parts.clone().map(|m| m.dim().0).sum(),
            parts.clone().map(|m| m.dim().1).max().unwrap_or(0),
        );
        if parts.clone().all(|m| m.parts() == 1) {
            return Matrix::Real(shaped(shape, parts.flat_map(Matrix::flat).collect()));
        }
        let of = |m: &'a Matrix| match m.parts() {
            1 => m.flat().into_iter().map(Complex64::from).collect(),
            _ => unflatten::<Complex64>(&m.flat()),
        };
        Matrix::Complex(shaped(shape, parts.flat_map(of).collect()))
    }
    /// The same rows, with room for as many as `samples`.
    pub(super) fn with_room(&self, samples: usize) -> Matrix {
        fn grown<T: Copy>(m: &Array2<T>, samples: usize) -> Array2<T> {
            let mut numbers = Vec::with_capacity(samples.max(m.nrows()) * m.ncols());
            numbers.extend(m.iter().copied());
            shaped(m.dim(), numbers)
        }
        match self {
            Matrix::Real(m) => Matrix::Real(grown(m, samples)),
            Matrix::Complex(m) => Matrix::Complex(grown(m, samples)),
            Matrix::Rounded(m) => Matrix::Rounded(m.with_room(samples)),
        }
    }
    /// The rounded rows, where they are.
    fn as_rounded(&self) -> Option<&Rounded> {
        match self {
            Matrix::Rounded(m) => Some(m),
            _ => None,
        }
    }
    /// Real numbers of one entry.
    pub(super) fn parts(&self) -> usize {
        match self {
            Matrix::Real(_) => 1,
            Matrix::Complex(_) => 2,
            Matrix::Rounded(m) => m.parts(),
        }
    }
    /// Puts the rows of `other` behind these.
    pub(super) fn extend(&mut self, other: &Matrix) {
        let done = match (self, other) {
            (Matrix::Real(m), Matrix::Real(other)) => m.append(Axis(0), other.view()).is_ok(),
            (Matrix::Complex(m), Matrix::Complex(other)) => m.append(Axis(0), other.view()).is_ok(),
            (Matrix::Rounded(m), Matrix::Rounded(other)) => m.extend(other),
            _ => unreachable!("a factor has numbers of one type in every part"),
        };
        assert!(done, "a factor has one width in every part");
    }
    /// Whether all numbers are finite.
    pub(super) fn is_finite(&self) -> bool {
        match self {
            Matrix::Real(m) => m.iter().all(|x| x.is_finite()),
            Matrix::Complex(m) => m.iter().all(|z| z.re.is_finite() && z.im.is_finite()),
            Matrix::Rounded(m) => m.numbers().all(f64::is_finite),
        }
    }
    fn run(&self, s: usize, columns: Range<usize>, start: usize, factor: Complex64) -> Span<'_> {
        fn row<T>(m: &Array2<T>, s: usize) -> &[T] {
            let width = m.ncols();
            m.as_slice()
                .map_or(&[], |all| &all[s * width..(s + 1) * width])
        }
        let numbers = match self {
            Matrix::Real(m) => Numbers::Real(&row(m, s)[columns]),
            Matrix::Complex(m) => Numbers::Complex(&row(m, s)[columns]),
            Matrix::Rounded(m) => m.run(s, columns),
        };
        Span {
            start,
            step: 1,
            factor,
            numbers,
        }
    }
    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Matrix::Real(m) => m.dim(),
            Matrix::Complex(m) => m.dim(),
            Matrix::Rounded(m) => m.dim(),
        }
    }
    /// One entry.
    #[inline]
    pub fn get(&self, s: usize, k: usize) -> Complex64 {
        match self {
            Matrix::Real(m) => m[(s, k)].into(),
            Matrix::Complex(m) => m[(s, k)],
            Matrix::Rounded(m) => m.get(s, k),
        }
    }
    /// Some rows, in the given order.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Matrix::Real(m) => Matrix::Real(m.select(Axis(0), rows)),
            Matrix::Complex(m) => Matrix::Complex(m.select(Axis(0), rows)),
            Matrix::Rounded(m) => Matrix::Rounded(m.select(rows)),
        }
    }
    pub(super) fn flat(&self) -> Vec<f64> {
        match self {
            Matrix::Real(m) => m.iter().copied().collect(),
            Matrix::Complex(m) => flatten(m.iter().copied()),
            Matrix::Rounded(m) => m.numbers().collect(),
        }
    }
    /// A V for complex V.
    pub(super) fn times(&self, v: &Array2<Complex64>) -> Array2<Complex64> {
        match self {
            Matrix::Real(m) => from_reals(&multiply(m.view(), Op::Same, as_reals(v), Op::Same)),
            Matrix::Complex(m) => multiply(m.view(), Op::Same, v.view(), Op::Same),
            Matrix::Rounded(m) => m.times(v),
        }
    }
    /// A^H W for complex W.
    pub(super) fn adjoint_times(&self, w: &Array2<Complex64>) -> Array2<Complex64> {
        match self {
            Matrix::Real(m) => {
                from_reals(&multiply(m.view(), Op::Transpose, as_reals(w), Op::Same))
            }
            Matrix::Complex(m) => multiply(m.view(), Op::Adjoint, w.view(), Op::Same),
            Matrix::Rounded(m) => m.adjoint_times(w),
        }
    }
    /// A A'^H, or A A'^T where `op` says so, for some rows of both.
    pub(super) fn gram(
        &self,
        rows: &Range<usize>,
        other: &Matrix,
        columns: &Range<usize>,
        op: Op,
    ) -> Matrix {
        match (self, other) {
            (Matrix::Real(a), Matrix::Real(b)) => {
                let (a, b) = (
                    a.slice(s![rows.clone(), ..]),
                    b.slice(s![columns.clone(), ..]),
                );
                Matrix::Real(multiply(a, Op::Same, b, Op::Transpose))
            }
            (Matrix::Complex(a), Matrix::Complex(b)) => {
                let (a, b) = (
                    a.slice(s![rows.clone(), ..]),
                    b.slice(s![columns.clone(), ..]),
                );
                Matrix::Complex(multiply(a, Op::Same, b, op))
            }
            (Matrix::Rounded(a), b) => {
                let a = a.widened(rows.clone());
                a.gram(&(0..rows.len()), b, columns, op)
            }
            (a, Matrix::Rounded(b)) => {
                let b = b.widened(columns.clone());
                a.gram(rows, &b, &(0..columns.len()), op)
            }
            _ => unreachable!("the same factor is real on all ranks or complex on all"),
        }
    }
}

pub(super) fn shaped<T>(shape: (usize, usize), values: Vec<T>) -> Array2<T> {
    Array2::from_shape_vec(shape, values)
        .unwrap_or_else(|_| unreachable!("the shape was taken from the factors"))
}

/// Both factors of a masked layer.
pub(super) fn masked<'a>(inputs: &'a Matrix, signals: &'a Matrix, mask: &Mask) -> Masked<'a> {
    Masked {
        inputs,
        signals,
        mask: *mask,
    }
}

impl Columns {
    /// Number of complex (or real) columns, before pairs are told apart.
    pub(super) fn width(&self) -> usize {
        match self {
            Columns::Dense(a) => a.dim().1,
            Columns::Outer(a, b) => a.dim().1 * b.dim().1,
            Columns::Masked(a, b, mask) => masked(a, b, mask).width(),
            Columns::Pairs(inner) => inner.width(),
        }
    }
    /// Columns that a solver sees.
    pub(super) fn columns(&self) -> usize {
        if self.paired() {
            2 * self.width()
        } else {
            self.width()
        }
    }
    pub(super) fn paired(&self) -> bool {
        matches!(self, Columns::Pairs(_))
    }
    pub(super) fn factors(&self) -> Vec<&Arc<Matrix>> {
        match self {
            Columns::Dense(a) => vec![a],
            Columns::Outer(a, b) | Columns::Masked(a, b, _) => vec![a, b],
            Columns::Pairs(inner) => inner.factors(),
        }
    }
    /// The same columns with other factors, taken in the order of [`Columns::factors`].
    pub(super) fn rebuilt(&self, factor: &mut dyn FnMut(&Arc<Matrix>) -> Arc<Matrix>) -> Self {
        match self {
            Columns::Dense(a) => Columns::Dense(factor(a)),
            Columns::Outer(a, b) => Columns::Outer(factor(a), factor(b)),
            Columns::Masked(a, b, mask) => Columns::Masked(factor(a), factor(b), *mask),
            Columns::Pairs(inner) => Columns::Pairs(Box::new(inner.rebuilt(factor))),
        }
    }
    /// out_s += Σ_k O_sk v_k
    pub(super) fn add_product(&self, v: Vec<Complex64>, out: &mut [Complex64]) {
        match self {
            Columns::Dense(a) => {
                let product = a.times(&shaped((v.len(), 1), v));
                out.iter_mut().zip(&product).for_each(|(o, p)| *o += p);
            }
            Columns::Outer(a, b) => {
                let product = a.times(&shaped((a.dim().1, b.dim().1), v));
                for (s, (out, row)) in out.iter_mut().zip(product.rows()).enumerate() {
                    *out += match &**b {
                        Matrix::Real(b) => row
                            .iter()
                            .zip(b.row(s))
                            .map(|(y, b)| y * b)
                            .sum::<Complex64>(),
                        Matrix::Complex(b) => row
                            .iter()
                            .zip(b.row(s))
                            .map(|(y, b)| y * b)
                            .sum::<Complex64>(),
                        Matrix::Rounded(b) => (row.iter().enumerate())
                            .map(|(j, y)| y * b.get(s, j))
                            .sum::<Complex64>(),
                    };
                }
            }
            Columns::Masked(a, b, mask) => masked(a, b, mask).add_product(&v, out),
            Columns::Pairs(inner) => inner.add_product(v, out),
        }
    }
    /// Σ_s O_sk* w_s
    pub(super) fn adjoint(&self, w: &[Complex64]) -> Vec<Complex64> {
        match self {
            Columns::Dense(a) => {
                a.adjoint_times(&shaped((w.len(), 1), w.to_vec()))
                    .into_raw_vec_and_offset()
                    .0
            }
            Columns::Outer(a, b) => {
                let weighted = Array2::from_shape_fn(b.dim(), |(s, j)| w[s] * b.get(s, j).conj());
                a.adjoint_times(&weighted).into_raw_vec_and_offset().0
            }
            Columns::Masked(a, b, mask) => masked(a, b, mask).adjoint(w),
            Columns::Pairs(inner) => inner.adjoint(w),
        }
    }
    /// Calls `put` with the entries of sample `s` in the columns `range`, in runs: first column
    /// from the start of the range, distance between columns, factor, numbers that it multiplies.
    pub(super) fn visit(&self, s: usize, range: Range<usize>, put: &mut dyn FnMut(Span)) {
        match self {
            Columns::Dense(a) => put(a.run(s, range, 0, Complex64::ONE)),
            Columns::Outer(a, b) => {
                let width = b.dim().1.max(1);
                let mut k = range.start;
                while k < range.end {
                    let (i, first) = (k / width, k % width);
                    let last = width.min(first + range.end - k);
                    put(b.run(s, first..last, k - range.start, a.get(s, i)));
                    k += last - first;
                }
            }
            Columns::Masked(a, b, mask) => masked(a, b, mask).visit(s, range, put),
            // Column 2 k is O, column 2 k + 1 is i O.
            Columns::Pairs(inner) => {
                let mut part = |whole: Range<usize>, skip: usize, turn: Complex64| {
                    inner.visit(s, whole, &mut |run| {
                        put(Span {
                            start: 2 * run.start + skip,
                            step: 2 * run.step,
                            factor: run.factor * turn,
                            ..run
                        })
                    })
                };
                let (from, to) = (range.start, range.end);
                part(from.div_ceil(2)..to.div_ceil(2), from % 2, Complex64::ONE);
                part(from / 2..to / 2, 1 - from % 2, Complex64::i());
            }
        }
    }
}
