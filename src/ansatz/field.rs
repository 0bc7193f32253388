//! Decides what wave functions need from a number that is real or complex: the elementary functions
//! and the flat layout.
//!
//! With z = ±θ such that Re z ≥ 0 and w = e^{−2z}, |w| ≤ 1: ln cosh θ = z + ln(1+w) − ln
//! 2, so nothing overflows.

use super::{Kind, Matrix};
use crate::error::{Error, Result};
use crate::rng::{Distribution, Generator, StandardNormal};
use ndarray::Array2;
use num_complex::Complex64;
use std::f64::consts::{LN_2, PI, TAU};
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub};

/// `f64` or `Complex64` as the type of the parameters of a wave function.
pub trait Field:
    Copy
    + Send
    + Sync
    + 'static
    + PartialEq
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Mul<f64, Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
{
    /// Whether the type has an imaginary part.
    const COMPLEX: bool;
    /// The number re + i im; the imaginary part of a real number is dropped.
    fn new(re: f64, im: f64) -> Self;
    /// The same number as a complex one.
    fn complex(self) -> Complex64;
    /// eᶻ
    fn exp(self) -> Self;
    /// ln(1 + z) without loss for small |z|.
    fn ln_1p(self) -> Self;
    /// 1/z
    fn inverse(self) -> Self;
    /// A matrix of derivatives of a wave function that is holomorphic in this type.
    fn matrix(rows: Array2<Self>) -> Matrix;

    /// ln cosh z; the imaginary part is one of many that differ by 2π.
    fn lncosh(self) -> Self {
        let z = if self.complex().re < 0.0 { -self } else { self };
        z + (z * -2.0).exp().ln_1p() - Self::new(LN_2, 0.0)
    }
    /// p = 1/(1 + e^{2z}) and r = 1/(1 + e^{−2z}), for which p + r = 1 and r − p = tanh z.
    fn logistic(self) -> (Self, Self) {
        let negative = self.complex().re < 0.0;
        let w = ((if negative { -self } else { self }) * -2.0).exp();
        let large = (Self::new(1.0, 0.0) + w).inverse();
        if negative {
            (large, w * large)
        } else {
            (w * large, large)
        }
    }
    /// What the log-derivatives with respect to such parameters are.
    fn kind() -> Kind {
        if Self::COMPLEX {
            Kind::Holomorphic
        } else {
            Kind::Real
        }
    }
    /// Number of entries of the flat vector per parameter.
    fn reals() -> usize {
        if Self::COMPLEX { 2 } else { 1 }
    }
}

impl Field for f64 {
    const COMPLEX: bool = false;
    fn new(re: f64, _im: f64) -> Self {
        re
    }
    fn complex(self) -> Complex64 {
        self.into()
    }
    fn exp(self) -> Self {
        self.exp()
    }
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }
    fn inverse(self) -> Self {
        1.0 / self
    }
    fn matrix(rows: Array2<Self>) -> Matrix {
        Matrix::Real(rows)
    }
}

impl Field for Complex64 {
    const COMPLEX: bool = true;
    fn new(re: f64, im: f64) -> Self {
        Complex64::new(re, im)
    }
    fn complex(self) -> Complex64 {
        self
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
    fn matrix(rows: Array2<Self>) -> Matrix {
        Matrix::Complex(rows)
    }
}

/// The flat vector of these numbers, complex ones as (re, im).
pub fn flatten<T: Field>(values: impl IntoIterator<Item = T>) -> Vec<f64> {
    let mut flat = Vec::new();
    for value in values {
        let z = value.complex();
        flat.push(z.re);
        if T::COMPLEX {
            flat.push(z.im);
        }
    }
    flat
}

/// The numbers of a flat vector.
pub fn unflatten<T: Field>(flat: &[f64]) -> Vec<T> {
    flat.chunks_exact(T::reals())
        .map(|c| T::new(c[0], *c.last().unwrap_or(&0.0)))
        .collect()
}

/// Gaussian numbers; real and imaginary part each have the standard deviation `sd`.
pub fn gaussian<T: Field>(count: usize, sd: f64, rng: &mut Generator) -> Vec<T> {
    let mut draw = || {
        let value: f64 = StandardNormal.sample(rng);
        sd * value
    };
    (0..count)
        .map(|_| {
            let re = draw();
            T::new(re, if T::COMPLEX { draw() } else { 0.0 })
        })
        .collect()
}

/// An error unless the flat vector `given` has `expected` entries.
pub fn check_length(given: &[f64], expected: usize) -> Result<()> {
    if given.len() == expected {
        return Ok(());
    }
    Err(Error::input(
        "ansatz",
        format!(
            "{} parameters were given, this wave function has {expected}",
            given.len()
        ),
        "take parameters of the same wave function",
    ))
}

/// ln ψ with the imaginary part reduced to (−π, π].
pub fn reduce(log: Complex64) -> Complex64 {
    if log.im > -PI && log.im <= PI || !log.im.is_finite() {
        return log;
    }
    let im = log.im - TAU * (log.im / TAU).round();
    Complex64::new(log.re, if im <= -PI { im + TAU } else { im })
}

/// ψ'/ψ from ln ψ' − ln ψ; beyond the range of numbers the modulus stays at e^{700}.
pub fn ratio_from_log(delta: Complex64) -> Complex64 {
    Complex64::new(delta.re.min(700.0), delta.im).exp()
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
    fn phases_are_reduced_into_one_turn() {
        for k in -5..=5 {
            let log = reduce(Complex64::new(1.0, 0.3 + TAU * f64::from(k)));
            assert!((log - Complex64::new(1.0, 0.3)).norm() < 1e-13);
        }
        assert_eq!(reduce(Complex64::new(0.0, -PI)).im, PI);
    }
}
