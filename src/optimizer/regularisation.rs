//! Decides how an ill-conditioned S is solved, and what happens when that fails.
//!
//! R1 S + λ(p) diag S, λ(p) = max(λ₀ b^p, λ_min); R2 S + λ; R3 S + ε₁ diag S + ε₂; R4 eigenvalues s_k with the factor
//! 1/(1 + (ε s_max/s_k)⁶)/s_k, zero below 10⁻¹⁴ s_max; R6 η² δ^H S δ ≤ d². (Carleo, Troyer, Science 355, 602 (2017).)
//! A factorisation that fails or gives numbers that are not finite is tried again with ten times the shift, three times,
//! then the pseudo-inverse takes over.

use super::OptimizerOptions;
use crate::error::{Error, Result};
use crate::linalg::dense::{Lapack, adjoint_times_vector};
use ndarray::{Array1, Array2};

/// How S is made invertible at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regularisation {
    /// S + relative × diag S + absolute.
    Diagonal {
        /// Multiplies the diagonal of S.
        relative: f64,
        /// Added to the diagonal.
        absolute: f64,
    },
    /// The smooth pseudo-inverse with this relative cut-off.
    PseudoInverse(f64),
}

/// Cut-off of the pseudo-inverse that a failed factorisation falls back to.
const FALLBACK_CUT: f64 = 1e-10;
const RETRIES: usize = 3;

impl Regularisation {
    /// What the options ask for at a step.
    pub fn at(options: &OptimizerOptions, step: usize) -> Self {
        if let Some(cut) = options.pseudo_inverse {
            return Regularisation::PseudoInverse(cut);
        }
        if let Some((lambda0, b, lambda_min)) = options.carleo_troyer {
            let relative = (lambda0 * b.powf(step as f64)).max(lambda_min);
            return Regularisation::Diagonal { relative, absolute: 0.0 };
        }
        if let Some((relative, absolute)) = options.scale_invariant {
            return Regularisation::Diagonal { relative, absolute };
        }
        Regularisation::Diagonal { relative: 0.0, absolute: options.shift.at(step) }
    }
}

/// Solves S_reg x = f; returns x, finite, and the number of fallbacks.
pub fn solve<T: Lapack>(s: &Array2<T>, f: &Array1<T>, regularisation: Regularisation) -> Result<(Array1<T>, usize)> {
    let mut fallbacks = 0;
    if let Regularisation::Diagonal { relative, absolute } = regularisation {
        let largest = s.diag().iter().fold(0.0f64, |m, v| m.max(v.re()));
        let mut scale = 1.0;
        for _ in 0..=RETRIES {
            let mut shifted = s.clone();
            // A shift of zero has to grow from somewhere when the factorisation fails.
            let extra = if fallbacks > 0 { (1e-12 * largest).max(f64::MIN_POSITIVE) * scale } else { 0.0 };
            for d in shifted.diag_mut() {
                *d += T::from_re(scale * (relative * d.re() + absolute) + extra);
            }
            match T::solve_positive(&shifted, f) {
                Ok(x) => return Ok((x, fallbacks)),
                Err(e) => {
                    fallbacks += 1;
                    scale *= 10.0;
                    log::warn!("{e}: trying again with {scale} times the shift");
                }
            }
        }
        log::warn!("the shifted matrix cannot be factorised: falling back to the pseudo-inverse");
    }
    let cut = if let Regularisation::PseudoInverse(cut) = regularisation { cut } else { FALLBACK_CUT };
    Ok((pseudo_inverse(s, f, cut)?, fallbacks))
}

/// R4.
fn pseudo_inverse<T: Lapack>(s: &Array2<T>, f: &Array1<T>, cut: f64) -> Result<Array1<T>> {
    let (values, vectors) = T::eigh(s)?;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let mut projected = adjoint_times_vector(&vectors, f);
    for (p, &value) in projected.iter_mut().zip(&values) {
        let kept = value > 1e-14 * largest && value > 0.0;
        let factor = if kept { 1.0 / (value * (1.0 + (cut * largest / value).powi(6))) } else { 0.0 };
        *p = *p * T::from_re(factor);
    }
    let x = vectors.dot(&projected);
    if x.iter().all(|v| v.is_finite()) {
        Ok(x)
    } else {
        Err(Error::numerical("the pseudo-inverse is not finite", "lower optimize.learning_rate"))
    }
}

/// R6: the factor on the rate that keeps rate √(δ^H S δ) within `largest`.
pub fn trust_region_scale(rate: f64, metric_norm: f64, largest: f64) -> f64 {
    let length = rate * metric_norm.max(0.0).sqrt();
    if length > largest { largest / length } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn diagonal_shifts_match_the_formula() {
        let s = array![[2.0, 0.5], [0.5, 1.0]];
        let f = array![1.0, -1.0];
        let (x, fallbacks) = solve(&s, &f, Regularisation::Diagonal { relative: 0.1, absolute: 0.2 }).unwrap();
        let (a, b, d) = (2.0 * 1.1 + 0.2, 0.5, 1.0 * 1.1 + 0.2);
        let det = a * d - b * b;
        assert!((x[0] - (d + b) / det).abs() < 1e-14 && (x[1] + (b + a) / det).abs() < 1e-14);
        assert_eq!(fallbacks, 0);
    }

    #[test]
    fn singular_matrices_fall_back_and_are_counted() {
        // Indefinite: no small shift helps, the pseudo-inverse keeps the positive direction.
        let s = array![[1.0, 0.0], [0.0, -1.0]];
        let (x, fallbacks) =
            solve(&s, &array![2.0, 3.0], Regularisation::Diagonal { relative: 0.0, absolute: 0.0 }).unwrap();
        assert!((x[0] - 2.0).abs() < 1e-12 && x[1] == 0.0);
        assert_eq!(fallbacks, RETRIES + 1);
    }

    #[test]
    fn pseudo_inverse_is_smooth_and_bounded() {
        let s = array![[1.0, 0.0], [0.0, 1e-6]];
        let (x, _) = solve(&s, &array![1.0, 1.0], Regularisation::PseudoInverse(1e-6)).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 0.5e6).abs() < 1.0);
    }

    #[test]
    fn trust_region_limits_the_length() {
        assert_eq!(trust_region_scale(0.1, 1.0, 0.2), 1.0);
        assert!((trust_region_scale(0.1, 100.0, 0.2) - 0.2).abs() < 1e-15);
    }
}
