//! Decides what a number is to a solver: `f64` or `Complex64`, nothing else.

use ndarray::{LinalgScalar, ScalarOperand};
use num_complex::Complex64;

/// Real or complex double precision.
pub trait Scalar:
    LinalgScalar
    + ScalarOperand
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + Send
    + Sync
    + std::fmt::Debug
{
    /// Real numbers in one of these.
    const PARTS: usize;
    /// Complex conjugate.
    fn conj(self) -> Self;
    /// Real part.
    fn re(self) -> f64;
    /// |z|²
    fn norm_sqr(self) -> f64;
    /// The same number as a complex one.
    fn complex(self) -> Complex64;
    /// A real number.
    fn from_re(re: f64) -> Self;
    /// From [`Scalar::PARTS`] real numbers.
    fn from_parts(parts: &[f64]) -> Self;
    /// Appends the [`Scalar::PARTS`] real numbers.
    fn push_parts(self, out: &mut Vec<f64>);
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

impl Scalar for f64 {
    const PARTS: usize = 1;
    fn conj(self) -> Self {
        self
    }
    fn re(self) -> f64 {
        self
    }
    fn norm_sqr(self) -> f64 {
        self * self
    }
    fn complex(self) -> Complex64 {
        self.into()
    }
    fn from_re(re: f64) -> Self {
        re
    }
    fn from_parts(parts: &[f64]) -> Self {
        parts[0]
    }
    fn push_parts(self, out: &mut Vec<f64>) {
        out.push(self);
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

impl Scalar for Complex64 {
    const PARTS: usize = 2;
    fn conj(self) -> Self {
        Complex64::conj(&self)
    }
    fn re(self) -> f64 {
        self.re
    }
    fn norm_sqr(self) -> f64 {
        Complex64::norm_sqr(&self)
    }
    fn complex(self) -> Complex64 {
        self
    }
    fn from_re(re: f64) -> Self {
        Complex64::new(re, 0.0)
    }
    fn from_parts(parts: &[f64]) -> Self {
        Complex64::new(parts[0], parts[1])
    }
    fn push_parts(self, out: &mut Vec<f64>) {
        out.extend([self.re, self.im]);
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
}

/// The real numbers of a list.
pub fn flatten<T: Scalar>(values: impl IntoIterator<Item = T>) -> Vec<f64> {
    let mut out = Vec::new();
    values.into_iter().for_each(|v| v.push_parts(&mut out));
    out
}

/// The inverse of [`flatten`].
pub fn numbers<T: Scalar>(flat: &[f64]) -> Vec<T> {
    flat.chunks_exact(T::PARTS).map(T::from_parts).collect()
}
