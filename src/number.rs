//! Decides what a number is: [`Scalar`] (`f64`, `Complex64`) for parameters, amplitudes, vectors
//! and matrices, [`Real`] (`f32`, `f64`) for products of lower precision, and how many numbers are
//! written as one flat vector of real ones.
//!
//! With z = ±θ such that Re z ≥ 0 and w = e^{−2z}, |w| ≤ 1: ln cosh θ = z + ln(1 + w) − ln 2, so
//! nothing overflows.

use crate::rng::{Distribution, Generator, StandardNormal};
use ndarray::{LinalgScalar, ScalarOperand};
use num_complex::Complex64;
use std::f64::consts::LN_2;
use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// Keeps the traits to the types of this file: the layout that [`Scalar::reals`] relies on is
/// theirs.
mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for num_complex::Complex64 {}
}

/// The larger of two numbers; unlike `f64::max`, not a number where one of them is none.
pub fn larger(a: f64, b: f64) -> f64 {
    match a.is_nan() || a > b {
        true => a,
        false => b,
    }
}

/// A real or complex number of double precision.
pub trait Scalar:
    sealed::Sealed
    + LinalgScalar
    + ScalarOperand
    + Neg<Output = Self>
    + Mul<f64, Output = Self>
    + AddAssign
    + MulAssign
    + Default
    + PartialEq
    + Send
    + Sync
    + Debug
{
    /// Whether the type has an imaginary part.
    const COMPLEX: bool;
    /// Real numbers in one of these: 1 or 2.
    const PARTS: usize = if Self::COMPLEX { 2 } else { 1 };

    /// The number re + i im; the imaginary part of a real number is dropped.
    fn new(re: f64, im: f64) -> Self;
    /// The same number as a complex one.
    fn complex(self) -> Complex64;
    /// z*
    fn conj(self) -> Self;
    /// Re z
    fn re(self) -> f64;
    /// |z|²
    fn norm_sqr(self) -> f64;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// eᶻ
    fn exp(self) -> Self;
    /// ln(1 + z) without loss for small |z|.
    fn ln_1p(self) -> Self;
    /// 1/z
    fn inverse(self) -> Self;
    /// Numbers as real ones, re, im, re, im, … where they are complex.
    fn reals(numbers: &[Self]) -> &[f64];
    /// The same, to be changed.
    fn reals_mut(numbers: &mut [Self]) -> &mut [f64];

    /// A real number.
    fn from_re(re: f64) -> Self {
        Self::new(re, 0.0)
    }
    /// The number itself, or its real part where the type is real.
    fn from_complex(z: Complex64) -> Self {
        Self::new(z.re, z.im)
    }
    /// From [`Scalar::PARTS`] real numbers.
    fn from_parts(parts: &[f64]) -> Self {
        Self::new(parts[0], if Self::COMPLEX { parts[1] } else { 0.0 })
    }
    /// Appends its [`Scalar::PARTS`] real numbers.
    fn push_parts(self, out: &mut Vec<f64>) {
        out.extend_from_slice(Self::reals(&[self]));
    }
    /// A normally distributed number: real and imaginary part have variance 1 each.
    fn normal(rng: &mut Generator) -> Self {
        let re = StandardNormal.sample(rng);
        let im = if Self::COMPLEX {
            StandardNormal.sample(rng)
        } else {
            0.0
        };
        Self::new(re, im)
    }
    /// ln cosh z; the imaginary part is one of many that differ by 2π.
    fn lncosh(self) -> Self {
        let z = if self.re() < 0.0 { -self } else { self };
        z + (z * -2.0).exp().ln_1p() - Self::from_re(LN_2)
    }
    /// p = 1/(1 + e^{2z}) and r = 1/(1 + e^{−2z}), for which p + r = 1 and r − p = tanh z.
    fn logistic(self) -> (Self, Self) {
        let negative = self.re() < 0.0;
        let w = ((if negative { -self } else { self }) * -2.0).exp();
        let large = (Self::one() + w).inverse();
        if negative {
            (large, w * large)
        } else {
            (w * large, large)
        }
    }
}

impl Scalar for f64 {
    const COMPLEX: bool = false;
    fn new(re: f64, _im: f64) -> Self {
        re
    }
    fn complex(self) -> Complex64 {
        self.into()
    }
    fn conj(self) -> Self {
        self
    }
    fn re(self) -> f64 {
        self
    }
    fn norm_sqr(self) -> f64 {
        self * self
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn ln_1p(self) -> Self {
        f64::ln_1p(self)
    }
    fn inverse(self) -> Self {
        1.0 / self
    }
    fn reals(numbers: &[Self]) -> &[f64] {
        numbers
    }
    fn reals_mut(numbers: &mut [Self]) -> &mut [f64] {
        numbers
    }
}

impl Scalar for Complex64 {
    const COMPLEX: bool = true;
    fn new(re: f64, im: f64) -> Self {
        Complex64::new(re, im)
    }
    fn complex(self) -> Complex64 {
        self
    }
    fn conj(self) -> Self {
        Complex64::conj(&self)
    }
    fn re(self) -> f64 {
        self.re
    }
    fn norm_sqr(self) -> f64 {
        Complex64::norm_sqr(&self)
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
    fn exp(self) -> Self {
        Complex64::exp(self)
    }
    fn ln_1p(self) -> Self {
        Complex64::new(
            0.5 * (2.0 * self.re + self.norm_sqr()).ln_1p(),
            self.im.atan2(1.0 + self.re),
        )
    }
    fn inverse(self) -> Self {
        self.inv()
    }
    fn reals(numbers: &[Self]) -> &[f64] {
        let length = 2 * numbers.len();
        // SAFETY: Complex64 is #[repr(C)] { re: f64, im: f64 }: the memory holds twice as many f64.
        unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), length) }
    }
    fn reals_mut(numbers: &mut [Self]) -> &mut [f64] {
        let length = 2 * numbers.len();
        // SAFETY: as above, and the borrow of `numbers` lasts as long.
        unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), length) }
    }
}

/// A real number of single or double precision.
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Send
    + Sync
    + Debug
    + 'static
{
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// x a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// |x| with the sign of another number.
    fn copysign(self, sign: Self) -> Self;
    /// The same numbers in double precision; `room` is where they stand if they are not there yet.
    fn widened<'a>(numbers: &'a [Self], room: &'a mut Vec<f64>) -> &'a [f64];
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32::mul_add(self, a, b)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        f32::copysign(self, sign)
    }
    fn widened<'a>(numbers: &'a [Self], room: &'a mut Vec<f64>) -> &'a [f64] {
        room.clear();
        room.extend(numbers.iter().map(|&x| f64::from(x)));
        room
    }
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        f64::copysign(self, sign)
    }
    fn widened<'a>(numbers: &'a [Self], _room: &'a mut Vec<f64>) -> &'a [f64] {
        numbers
    }
}

/// The flat vector of these numbers, complex ones as (re, im).
pub fn flatten<T: Scalar>(values: impl IntoIterator<Item = T>) -> Vec<f64> {
    let mut flat = Vec::new();
    values.into_iter().for_each(|v| v.push_parts(&mut flat));
    flat
}

/// The numbers of a flat vector: the inverse of [`flatten`].
pub fn unflatten<T: Scalar>(flat: &[f64]) -> Vec<T> {
    flat.chunks_exact(T::PARTS).map(T::from_parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn points() -> Vec<Complex64> {
        let mut rng = stream(3, Purpose::Law, 0, 0);
        (0..20)
            .map(|_| {
                Complex64::new(
                    2.0 * rng.random::<f64>() - 1.0,
                    2.0 * rng.random::<f64>() - 1.0,
                )
            })
            .collect()
    }

    #[test]
    fn lncosh_agrees_with_the_definition_near_zero() {
        for z in points() {
            let z = z * 0.7;
            assert!((z.lncosh() - z.cosh().ln()).norm() < 1e-14, "{z}");
            assert!((z.re.lncosh() - z.re.cosh().ln()).abs() < 1e-14);
        }
    }

    #[test]
    fn lncosh_is_even_and_survives_large_arguments() {
        for z in points() {
            assert!((z.lncosh() - (-z).lncosh()).norm() < 1e-14);
        }
        let z = Complex64::new(400.0, 3.0);
        assert!((z.lncosh() - (z - LN_2)).norm() < 1e-12);
        assert!(((-z).lncosh() - (z - LN_2)).norm() < 1e-12);
        assert!(((-1e5f64).lncosh() - (1e5 - LN_2)).abs() < 1e-9);
    }

    #[test]
    fn derivative_of_lncosh_is_tanh_and_tanh_is_odd() {
        let h = 1e-5;
        for z in points() {
            let difference = ((z + h).lncosh() - (z - h).lncosh()) / (2.0 * h);
            let (p, r) = z.logistic();
            assert!((difference - (r - p)).norm() < 1e-9);
            assert!((z.tanh() - (r - p)).norm() < 1e-14);
            assert!((p + r - 1.0).norm() < 1e-15);
            let (q, s) = (-z).logistic();
            assert!((q - r).norm() < 1e-15 && (s - p).norm() < 1e-15);
        }
    }

    #[test]
    fn flat_vectors_and_numbers_are_inverse() {
        let (z, flat) = (points(), flatten(points()));
        assert_eq!(flat.len(), 2 * z.len());
        assert_eq!((flat[0], flat[1]), (z[0].re, z[0].im));
        assert_eq!(flat, Complex64::reals(&z));
        assert_eq!(unflatten::<Complex64>(&flat), z);
        assert_eq!(unflatten::<f64>(&flat), flat);
    }
}
