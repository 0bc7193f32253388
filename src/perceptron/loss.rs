//! Decides how far answers are from targets.
//!
//! Cross-entropy −Σ_k y_k ln p_k of p = softmax(z), for targets y that are weights of classes;
//! or Σ_k (z_k − y_k)²/K, or Σ_k |z_k − y_k|/K.

use crate::linalg::functions::exp;
use crate::linalg::simd::{Simd, compiled_for_each_set};

/// What is minimised, summed over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// NetworkTargets are weights of classes; their sum is the weight of the row.
    CrossEntropy,
    /// NetworkTargets are numbers.
    Squared,
    /// The same, by absolute values.
    Absolute,
}

impl Loss {
    /// The sum over rows of `width` outputs each, which are replaced by the derivatives by them.
    pub(super) fn differentiate(self, outputs: &mut [f64], targets: &[f64], width: usize) -> f64 {
        let mut sum = 0.0;
        let rows = outputs
            .chunks_exact_mut(width)
            .zip(targets.chunks_exact(width));
        match self {
            Loss::CrossEntropy => {
                for (z, y) in rows {
                    let weight: f64 = y.iter().sum();
                    let of_targets: f64 = z.iter().zip(y).map(|(z, y)| z * y).sum();
                    sum += weight * softmax(Simd::chosen(), z) - of_targets;
                    let each = z.iter_mut().zip(y);
                    each.for_each(|(p, y)| *p = weight * *p - y);
                }
            }
            Loss::Squared => {
                let share = 1.0 / width as f64;
                for (z, y) in outputs.iter_mut().zip(targets) {
                    let off = *z - y;
                    sum += share * off * off;
                    *z = 2.0 * share * off;
                }
            }
            Loss::Absolute => {
                let share = 1.0 / width as f64;
                for (z, y) in outputs.iter_mut().zip(targets) {
                    let off = *z - y;
                    sum += share * off.abs();
                    *z = match off == 0.0 {
                        true => 0.0,
                        false => share * off.signum(),
                    };
                }
            }
        }
        sum
    }

    /// Outputs become answers: probabilities of classes, or the numbers themselves.
    pub(super) fn answer(self, outputs: &mut [f64], width: usize) {
        if self == Loss::CrossEntropy {
            for z in outputs.chunks_exact_mut(width) {
                softmax(Simd::chosen(), z);
            }
        }
    }
}

compiled_for_each_set! {
    /// Replaces z by its softmax; returns ln Σ e^z.
    fn softmax(z: &mut [f64]) -> f64 = softmax_body
}

#[inline(always)]
fn softmax_body<const SET: u8>(z: &mut [f64]) -> f64 {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for v in z.iter_mut() {
        *v = exp::<f64, SET>(*v - largest);
    }
    let sum: f64 = z.iter().sum();
    for v in z.iter_mut() {
        *v /= sum;
    }
    largest + sum.ln()
}
