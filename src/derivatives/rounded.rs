//! Decides how rows of log-derivatives of a network in single precision are kept: rounded, in half
//! of the bytes.
//!
//! Every product is made in double precision, of parts of the rows that are widened for it. To
//! round O_k, which the network knows to some 10⁻⁶, adds 6 · 10⁻⁸ of it.

use super::columns::{Columns, Matrix, Numbers, shaped};
use super::{Derivatives, PORTION};
use crate::number::{flatten, unflatten};
use ndarray::{Array2, ArrayView2, Axis, s};
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// Rounded rows of a matrix; complex numbers are pairs of columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    numbers: Array2<f32>,
    complex: bool,
}

impl Rounded {
    /// The numbers of `matrix`, rounded.
    pub(super) fn of(matrix: &Matrix) -> Self {
        let single = |x: &f64| *x as f32;
        let (numbers, complex) = match matrix {
            Matrix::Real(m) => (m.mapv(|x| single(&x)), false),
            Matrix::Complex(m) => {
                let pairs = flatten(m.iter().copied()).iter().map(single).collect();
                (shaped((m.nrows(), 2 * m.ncols()), pairs), true)
            }
            Matrix::Rounded(m) => return m.clone(),
        };
        Rounded { numbers, complex }
    }
    /// The rows of all parts.
    pub(super) fn joined(parts: &[&Rounded]) -> Option<Self> {
        let complex = parts.first()?.complex;
        let views: Vec<ArrayView2<f32>> = parts.iter().map(|part| part.numbers.view()).collect();
        let numbers = ndarray::concatenate(Axis(0), &views).ok()?;
        Some(Rounded { numbers, complex })
    }
    /// Rows and columns.
    pub(super) fn dim(&self) -> (usize, usize) {
        let (rows, width) = self.numbers.dim();
        (rows, width / self.parts())
    }
    /// Numbers of one entry.
    pub(super) fn parts(&self) -> usize {
        if self.complex { 2 } else { 1 }
    }
    /// All numbers, in the order of the rows.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.numbers.iter().map(|&x| x.into())
    }
    /// The same shape of other rows: so many of these numbers.
    pub(super) fn with_numbers(&self, samples: usize, numbers: &[f64]) -> Self {
        let numbers = numbers.iter().map(|&x| x as f32).collect();
        Rounded {
            numbers: shaped((samples, self.numbers.ncols()), numbers),
            complex: self.complex,
        }
    }
    /// The same rows, with room for as many as `samples`.
    pub(super) fn with_room(&self, samples: usize) -> Self {
        let m = &self.numbers;
        let mut numbers = Vec::with_capacity(samples.max(m.nrows()) * m.ncols());
        numbers.extend(m.iter().copied());
        Rounded {
            numbers: shaped(m.dim(), numbers),
            complex: self.complex,
        }
    }
    /// Puts the rows of `other` behind these; whether they fit.
    pub(super) fn extend(&mut self, other: &Rounded) -> bool {
        self.numbers.append(Axis(0), other.numbers.view()).is_ok()
    }
    /// Some rows, in the given order.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Rounded {
            numbers: self.numbers.select(Axis(0), rows),
            complex: self.complex,
        }
    }
    /// Some neighbouring rows in double precision.
    pub(super) fn widened(&self, rows: Range<usize>) -> Matrix {
        let numbers = self.numbers.slice(s![rows, ..]).mapv(f64::from);
        let shape = (numbers.nrows(), numbers.ncols() / self.parts());
        match self.complex {
            false => Matrix::Real(numbers),
            true => {
                let flat = numbers.into_raw_vec_and_offset().0;
                Matrix::Complex(shaped(shape, unflatten(&flat)))
            }
        }
    }
    /// All rows in double precision, in portions.
    fn portions(&self) -> impl Iterator<Item = (Range<usize>, Matrix)> {
        let (rows, width) = self.numbers.dim();
        let length = (PORTION / width.max(1)).max(1);
        let starts = (0..rows).step_by(length);
        starts.map(move |start| {
            let range = start..rows.min(start + length);
            (range.clone(), self.widened(range))
        })
    }
    /// One entry.
    #[inline]
    pub(super) fn get(&self, s: usize, k: usize) -> Complex64 {
        let number = |k: usize| f64::from(self.numbers[(s, k)]);
        match self.complex {
            true => Complex64::new(number(2 * k), number(2 * k + 1)),
            false => number(k).into(),
        }
    }
    /// Some columns of a row.
    pub(super) fn run(&self, s: usize, columns: Range<usize>) -> Numbers<'_> {
        let (parts, width) = (self.parts(), self.numbers.ncols());
        let row = (self.numbers.as_slice()).map_or(&[][..], |all| &all[s * width..(s + 1) * width]);
        let own = &row[columns.start * parts..columns.end * parts];
        match self.complex {
            true => Numbers::RoundedPairs(own.as_chunks().0),
            false => Numbers::Rounded(own),
        }
    }
    /// A V for complex V.
    pub(super) fn times(&self, v: &Array2<Complex64>) -> Array2<Complex64> {
        let mut out = Array2::from_elem((self.dim().0, v.ncols()), Complex64::ZERO);
        for (rows, part) in self.portions() {
            out.slice_mut(s![rows, ..]).assign(&part.times(v));
        }
        out
    }
    /// A^H W for complex W.
    pub(super) fn adjoint_times(&self, w: &Array2<Complex64>) -> Array2<Complex64> {
        let mut out = Array2::from_elem((self.dim().1, w.ncols()), Complex64::ZERO);
        for (rows, part) in self.portions() {
            out += &part.adjoint_times(&w.slice(s![rows, ..]).to_owned());
        }
        out
    }
    /// Σ_s w_s |A_sk|²
    pub(super) fn squares(&self, w: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.dim().1];
        for (row, w) in self.numbers.outer_iter().zip(w) {
            for (k, &x) in row.iter().enumerate() {
                out[k / self.parts()] += w * f64::from(x).powi(2);
            }
        }
        out
    }
}

impl Derivatives {
    /// The same, of a network of single precision where `single`: columns that are written out are
    /// then kept in single precision, and ranks send each other rounded numbers.
    pub fn of_precision(self, single: bool) -> Self {
        let both = Derivatives { single, ..self };
        if !single {
            return both;
        }
        let of = |dense: bool| {
            let blocks = both.blocks.iter();
            blocks.filter(move |block| matches!(block, Columns::Dense(_)) == dense)
        };
        let among = |dense: bool, factor: &Arc<Matrix>| {
            let mut all = of(dense).flat_map(Columns::factors);
            all.any(|other| Arc::ptr_eq(other, factor))
        };
        let lone: Vec<*const Matrix> = both
            .unique()
            .into_iter()
            .filter(|factor| among(true, factor) && !among(false, factor))
            .map(Arc::as_ptr)
            .collect();
        if lone.is_empty() {
            return both;
        }
        both.with_factors(both.samples, |factor| {
            match lone.contains(&std::ptr::from_ref(factor)) {
                true => Matrix::Rounded(Rounded::of(factor)),
                false => factor.clone(),
            }
        })
    }
    /// Whether all columns are kept in single precision.
    pub fn is_rounded(&self) -> bool {
        let rounded = |factor: &&Arc<Matrix>| matches!(***factor, Matrix::Rounded(_));
        !self.blocks.is_empty() && self.unique().iter().all(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// Numbers that single precision holds exactly.
    fn exact(rows: usize, columns: usize) -> Vec<Matrix> {
        let mut rng = stream(5, Purpose::Law, 0, 0);
        let mut draw = move || (rng.random::<f64>() * 512.0).round() / 64.0 - 4.0;
        vec![
            Matrix::Real(Array2::from_shape_fn((rows, columns), |_| draw())),
            Matrix::Complex(Array2::from_shape_fn((rows, columns), |_| {
                Complex64::new(draw(), draw())
            })),
        ]
    }

    #[test]
    fn rounded_rows_answer_as_the_numbers_that_they_hold() {
        for (matrix, kind) in exact(7, 5).into_iter().zip([Kind::Real, Kind::Stacked]) {
            let double = Derivatives::dense(kind, matrix);
            let single = double.clone().of_precision(true);
            assert!(single.is_rounded() && !double.is_rounded());
            let numbers: Vec<f64> = (0..7 * kind.parts())
                .map(|k| 0.3 * k as f64 - 1.0)
                .collect();
            assert_eq!(single.times(&numbers[..5]), double.times(&numbers[..5]));
            assert_eq!(
                single.adjoint_times(&numbers),
                double.adjoint_times(&numbers)
            );
            assert_eq!(single.written_out(), double.written_out());
            let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
            let w = &numbers[..7];
            assert!(near(&single.squares(w), &double.squares(w)));
            let gram = |o: &Derivatives| {
                let order = 7 * kind.stack();
                let mut out = Array2::<f64>::zeros((order, order));
                o.gram(0..7, o, 0..7, out.view_mut());
                out
            };
            assert_eq!(gram(&single), gram(&double));
            let halves = [&[0, 2, 4][..], &[1, 6, 3, 5]].map(|rows| single.select(rows));
            let whole = Derivatives::join(&halves);
            assert_eq!(whole.pack(), double.select(&[0, 2, 4, 1, 6, 3, 5]).pack());
            assert_eq!(Derivatives::collect(7, halves.into_iter()), whole);
            assert_eq!(single.unpack(7, &double.pack()), single);
            assert_eq!(single.numbers_per_sample(), double.numbers_per_sample());
        }
    }

    #[test]
    fn factors_of_products_are_not_rounded() {
        let [Matrix::Real(a), _] = &exact(3, 2)[..] else {
            panic!("real numbers come first")
        };
        let shared = Arc::new(Matrix::Real(a.clone() / 3.0));
        let blocks = vec![
            Columns::Dense(shared.clone()),
            Columns::Outer(shared.clone(), shared),
        ];
        let both = Derivatives::new(Kind::Real, 3, blocks);
        assert_eq!(both.clone().of_precision(true).pack(), both.pack());
    }
}
