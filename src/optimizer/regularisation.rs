//! Decides how an ill-conditioned S is solved, and what happens when that fails.
//!
//! R1 S + λ(p) diag S, λ(p) = max(λ₀ b^p, λ_min); R2 S + λ or S + c tr S/P; R3 S + ε₁ diag S + ε₂;
//! R4 eigenvalues s_k with the factor 1/(1 + (ε s_max/s_k)⁶)/s_k, zero below 10⁻¹⁴ s_max; R6
//! η² δ^H S δ ≤ d². (Carleo, Troyer, Science 355, 602 (2017).) A factorisation that fails or
//! gives numbers that are not finite is tried again with ten times the shift, three times, then the
//! pseudo-inverse takes over.

use super::least_squares::LeastSquares;
use super::{OptimizerOptions, Shift};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::linalg::dense::{Lapack, mirror, restore};
use crate::linalg::products::{Op, multiply};
use ndarray::{Array2, ArrayView2};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the options ask for at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regularisation {
    /// S + relative × diag S + absolute.
    Diagonal {
        /// Multiplies the diagonal of S.
        relative: f64,
        /// Added to the diagonal.
        absolute: f64,
    },
    /// S + this multiple of tr S/P.
    Trace(f64),
    /// The smooth pseudo-inverse with this relative cut-off.
    PseudoInverse(f64),
}

/// How a matrix is inverted.
#[derive(Debug, Clone, PartialEq)]
pub enum Inverse {
    /// After scale × shape was added to its diagonal; shape is 1 for every column where it is not
    /// given.
    Damped {
        /// λ
        scale: f64,
        /// One number ≥ 0 per column of O.
        shape: Option<Vec<f64>>,
    },
    /// By its eigenvalues, with this relative cut-off.
    Pseudo(f64),
}

/// Cut-off of the pseudo-inverse that a failed factorisation falls back to.
const FALLBACK_CUT: f64 = 1e-10;
/// Larger shifts that are tried.
pub(super) const RETRIES: usize = 3;
/// Diagonal elements of S below this fraction of the largest count as this much: those columns are
/// rounding errors.
const DEAD: f64 = 1e-14;

impl Regularisation {
    /// What the options ask for at a step.
    pub fn at(options: &OptimizerOptions, step: usize) -> Self {
        if let Some(cut) = options.pseudo_inverse {
            return Regularisation::PseudoInverse(cut);
        }
        if let Some((lambda0, b, lambda_min)) = options.carleo_troyer {
            let relative = (lambda0 * b.powf(step as f64)).max(lambda_min);
            return Regularisation::Diagonal {
                relative,
                absolute: 0.0,
            };
        }
        if let Some((relative, absolute)) = options.scale_invariant {
            return Regularisation::Diagonal { relative, absolute };
        }
        let absolute = match &options.shift {
            Shift::Relative(shift) => return Regularisation::Trace(shift.relative.at(step)),
            Shift::Absolute(schedule) => schedule.at(step),
            Shift::Automatic(_) => 0.0,
        };
        Regularisation::Diagonal {
            relative: 0.0,
            absolute,
        }
    }

    /// Whether the diagonal of S is needed, and with it ⟨O⟩.
    pub fn needs_diagonal(self) -> bool {
        match self {
            Regularisation::Diagonal { relative, .. } => relative > 0.0,
            Regularisation::Trace(_) => true,
            Regularisation::PseudoInverse(_) => false,
        }
    }

    /// A multiple of tr S/P as the shift that it is where tr S/P is `mean`.
    pub fn in_units_of(self, mean: f64) -> Self {
        match self {
            Regularisation::Trace(multiple) => Regularisation::Diagonal {
                relative: 0.0,
                absolute: multiple * mean,
            },
            other => other,
        }
    }

    /// The inverse for a problem; asks for the diagonal of S where it counts.
    pub fn inverse(self, problem: &LeastSquares, comm: &dyn Comm) -> Result<Inverse> {
        Ok(self.inverse_with(&if self.needs_diagonal() {
            problem.diagonal(comm)?
        } else {
            Vec::new()
        }))
    }

    /// The inverse for a given diagonal of S.
    pub fn inverse_with(self, diagonal: &[f64]) -> Inverse {
        match self {
            Regularisation::PseudoInverse(cut) => Inverse::Pseudo(cut),
            Regularisation::Trace(_) => {
                let mean = diagonal.iter().sum::<f64>() / diagonal.len().max(1) as f64;
                self.in_units_of(mean).inverse_with(&[])
            }
            Regularisation::Diagonal { relative, absolute } if relative > 0.0 => {
                let floor = DEAD * diagonal.iter().fold(0.0, |m: f64, &s| m.max(s));
                let shape = diagonal
                    .iter()
                    .map(|s| relative * s.max(floor) + absolute)
                    .collect();
                Inverse::Damped {
                    scale: 1.0,
                    shape: Some(shape),
                }
            }
            Regularisation::Diagonal { absolute, .. } => Inverse::Damped {
                scale: absolute,
                shape: None,
            },
        }
    }
}

/// Solves A_reg x = f for a Hermitian A, given by its upper triangle and overwritten; returns x,
/// finite, and the number of fallbacks.
pub fn solve<T: Lapack>(
    matrix: &mut Array2<T>,
    f: &[T],
    inverse: &Inverse,
) -> Result<(Vec<T>, usize)> {
    let mut fallbacks = 0;
    if let Inverse::Damped { scale, shape } = inverse {
        // The lower triangle keeps what the factorisation overwrites.
        mirror(matrix, |v| v);
        let diagonal: Vec<f64> = matrix.diag().iter().map(|v| v.re()).collect();
        let largest = diagonal.iter().fold(0.0f64, |m, &d| m.max(d));
        let mut factor = 1.0;
        for _ in 0..=RETRIES {
            // A shift of zero has to grow from somewhere when the factorisation fails.
            let extra = if fallbacks > 0 {
                (1e-12 * largest).max(f64::MIN_POSITIVE) * factor
            } else {
                0.0
            };
            for (k, d) in matrix.diag_mut().iter_mut().enumerate() {
                *d = T::from_re(
                    diagonal[k] + factor * scale * shape.as_ref().map_or(1.0, |s| s[k]) + extra,
                );
            }
            let mut x = f.to_vec();
            match T::factorise(matrix).and_then(|()| T::solve_factorised(matrix, &mut x)) {
                Ok(()) => return Ok((x, fallbacks)),
                Err(e) => {
                    fallbacks += 1;
                    factor *= 10.0;
                    restore(matrix);
                    tell(&format!("{e}: trying again with {factor} times the shift"));
                }
            }
        }
        matrix
            .diag_mut()
            .iter_mut()
            .zip(&diagonal)
            .for_each(|(m, &d)| *m = T::from_re(d));
        tell("the shifted matrix cannot be factorised: falling back to the pseudo-inverse");
    }
    let cut = if let Inverse::Pseudo(cut) = inverse {
        *cut
    } else {
        FALLBACK_CUT
    };
    Ok((pseudo_inverse(matrix, f, cut)?, fallbacks))
}

/// Fallbacks of this process.
static FALLBACKS: AtomicUsize = AtomicUsize::new(0);

/// Says in the log that a solve fell back: the first time, and each time that their number has
/// doubled, since an input that makes one solve fail makes most of them fail.
pub(super) fn tell(words: &str) {
    let count = 1 + FALLBACKS.fetch_add(1, Ordering::Relaxed);
    if count.is_power_of_two() {
        match count {
            1 => log::warn!("{words}"),
            _ => log::warn!("{words} ({count} fallbacks so far)"),
        }
    }
}

/// A vector as a matrix of one column.
pub fn column<T>(values: &[T]) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((values.len(), 1), values)
        .unwrap_or_else(|_| unreachable!("one column of all values"))
}

/// R4.
fn pseudo_inverse<T: Lapack>(matrix: &mut Array2<T>, f: &[T], cut: f64) -> Result<Vec<T>> {
    let (values, rows) = T::eigen(std::mem::replace(
        matrix,
        Array2::from_elem((0, 0), T::zero()),
    ))?;
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let mut projected = multiply(rows.view(), Op::Same, column(f), Op::Same);
    for (p, &value) in projected.iter_mut().zip(&values) {
        let kept = value > 1e-14 * largest && value > 0.0;
        let factor = if kept {
            1.0 / (value * (1.0 + (cut * largest / value).powi(6)))
        } else {
            0.0
        };
        *p *= T::from_re(factor);
    }
    let x = multiply(rows.view(), Op::Adjoint, projected.view(), Op::Same)
        .into_raw_vec_and_offset()
        .0;
    if x.iter().all(|v| v.is_finite()) {
        Ok(x)
    } else {
        Err(Error::numerical(
            "the pseudo-inverse is not finite",
            "lower optimize.learning_rate",
        ))
    }
}

/// R6: the factor on the rate that keeps rate √(δ^H S δ) within `largest`.
pub fn trust_region_scale(rate: f64, metric_norm: f64, largest: f64) -> f64 {
    let length = rate * metric_norm.max(0.0).sqrt();
    if length > largest {
        largest / length
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn damping_matches_the_formula() {
        let mut s = array![[2.0, 0.5], [0.5, 1.0]];
        let inverse = Inverse::Damped {
            scale: 0.1,
            shape: Some(vec![4.0, 3.0]),
        };
        let (x, fallbacks) = solve(&mut s, &[1.0, -1.0], &inverse).unwrap();
        let (a, b, d) = (2.4, 0.5, 1.3);
        let det = a * d - b * b;
        assert!((x[0] - (d + b) / det).abs() < 1e-14 && (x[1] + (b + a) / det).abs() < 1e-14);
        assert_eq!(fallbacks, 0);
    }

    #[test]
    fn singular_matrices_fall_back_and_are_counted() {
        // Indefinite: no small shift helps, the pseudo-inverse keeps the positive direction.
        let mut s = array![[1.0, 0.0], [0.0, -1.0]];
        let (x, fallbacks) = solve(
            &mut s,
            &[2.0, 3.0],
            &Inverse::Damped {
                scale: 0.0,
                shape: None,
            },
        )
        .unwrap();
        assert!((x[0] - 2.0).abs() < 1e-12 && x[1] == 0.0);
        assert_eq!(fallbacks, RETRIES + 1);
    }

    #[test]
    fn a_failed_factorisation_leaves_no_trace() {
        // Positive definite but for a small negative eigenvalue that the second attempt lifts.
        let s = array![[1.0, 0.9, 0.1], [0.9, 1.0, 0.3], [0.1, 0.3, 0.05]];
        let inverse = |scale| Inverse::Damped { scale, shape: None };
        let (retried, fallbacks) = solve(&mut s.clone(), &[1.0, 2.0, 3.0], &inverse(0.03)).unwrap();
        assert_eq!(fallbacks, 1);
        let (direct, none) = solve(&mut s.clone(), &[1.0, 2.0, 3.0], &inverse(0.3)).unwrap();
        assert_eq!(none, 0);
        assert!(
            retried
                .iter()
                .zip(&direct)
                .all(|(a, b)| (a - b).abs() < 1e-9 * b.abs())
        );
    }

    #[test]
    fn pseudo_inverse_is_smooth_and_bounded() {
        let (x, _) = solve(
            &mut array![[1.0, 0.0], [0.0, 1e-6]],
            &[1.0, 1.0],
            &Inverse::Pseudo(1e-6),
        )
        .unwrap();
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 0.5e6).abs() < 1.0);
    }

    #[test]
    fn trust_region_limits_the_length() {
        assert_eq!(trust_region_scale(0.1, 1.0, 0.2), 1.0);
        assert!((trust_region_scale(0.1, 100.0, 0.2) - 0.2).abs() < 1e-15);
    }
}
