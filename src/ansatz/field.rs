//! Decides what wave functions need besides the arithmetic of [`Scalar`]: the kind of their
//! log-derivatives, random parameters, and logarithms of amplitudes.

use super::{Kind, Matrix};
use crate::error::{Error, Result};
pub use crate::number::{Scalar, flatten, unflatten};
use crate::rng::Generator;
use ndarray::Array2;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

/// `f64` or `Complex64` as the type of the parameters of a wave function: its log-derivatives are
/// stored in a matrix of this type.
pub trait Field: Scalar {
    /// A matrix of derivatives of a wave function that is holomorphic in this type.
    fn matrix(rows: Array2<Self>) -> Matrix;

    /// What the log-derivatives with respect to such parameters are.
    fn kind() -> Kind {
        if Self::COMPLEX {
            Kind::Holomorphic
        } else {
            Kind::Real
        }
    }
}

impl Field for f64 {
    fn matrix(rows: Array2<Self>) -> Matrix {
        Matrix::Real(rows)
    }
}

impl Field for Complex64 {
    fn matrix(rows: Array2<Self>) -> Matrix {
        Matrix::Complex(rows)
    }
}

/// Gaussian numbers; real and imaginary part each have the standard deviation `sd`.
pub fn gaussian<T: Field>(count: usize, sd: f64, rng: &mut Generator) -> Vec<T> {
    (0..count).map(|_| T::normal(rng) * sd).collect()
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

/// ψ'/ψ from ln ψ' − ln ψ; beyond the range of numbers the modulus stays at e^{700}. No number
/// where the difference is none.
pub fn ratio_from_log(delta: Complex64) -> Complex64 {
    let re = if delta.re > 700.0 { 700.0 } else { delta.re };
    match re.is_nan() {
        true => Complex64::new(f64::NAN, f64::NAN),
        false => Complex64::new(re, delta.im).exp(),
    }
}

/// ψ'/ψ from ln ψ' and ln ψ: 0 where ψ' = 0, +∞ where only ψ = 0, no number where one of them is
/// none.
pub fn ratio_of_logs(new: Complex64, old: Complex64) -> Complex64 {
    match (new.re == f64::NEG_INFINITY, old.re == f64::NEG_INFINITY) {
        (true, _) if !old.re.is_nan() => Complex64::ZERO,
        (false, true) if !new.re.is_nan() => Complex64::new(f64::INFINITY, 0.0),
        _ => ratio_from_log(new - old),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_with_zeros_are_zero_or_infinite() {
        let (zero, one) = (Complex64::new(f64::NEG_INFINITY, 0.0), Complex64::ZERO);
        assert_eq!(ratio_of_logs(zero, one), Complex64::ZERO);
        assert_eq!(ratio_of_logs(zero, zero), Complex64::ZERO);
        assert_eq!(ratio_of_logs(one, zero).re, f64::INFINITY);
        assert_eq!(ratio_of_logs(one, one), Complex64::ONE);
    }

    #[test]
    fn ratios_with_what_is_no_number_are_none() {
        let nan = Complex64::new(f64::NAN, 0.0);
        let zero = Complex64::new(f64::NEG_INFINITY, 0.0);
        assert!(ratio_from_log(nan).re.is_nan() && ratio_from_log(nan).im.is_nan());
        for (new, old) in [
            (nan, Complex64::ONE),
            (Complex64::ONE, nan),
            (nan, zero),
            (zero, nan),
        ] {
            assert!(ratio_of_logs(new, old).re.is_nan(), "{new} {old}");
        }
        let far = ratio_from_log(Complex64::new(1e300, 0.0));
        assert_eq!(far.re, 700f64.exp());
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
