//! Decides how outcomes are drawn: from all probabilities by the inverse of their sum, or from one
//! configuration by the conditional probabilities of its rotated sites.

use super::bases::MeasuredBasis;
use super::rotation::{configurations, rotate};
use crate::rng::{Generator, RngExt};
use num_complex::Complex64;

/// Probabilities, ready to be drawn from many times.
#[derive(Debug, Clone)]
pub struct Urn {
    /// Sums of the first 1, 2, … probabilities; none where nothing can be drawn.
    sums: Vec<f64>,
}

impl Urn {
    /// Of probabilities over words or over any list, up to a common factor; not negative. Nothing
    /// is drawn where their sum is not positive and finite.
    pub fn new(probabilities: &[f64]) -> Self {
        let mut total = 0.0;
        let add = |p: &f64| {
            total += p;
            total
        };
        let sums: Vec<f64> = probabilities.iter().map(add).collect();
        match total > 0.0 && total.is_finite() {
            true => Urn { sums },
            false => Urn { sums: Vec::new() },
        }
    }

    /// `count` places drawn independently, with how often each was drawn, in ascending order.
    pub fn draw(&self, count: usize, rng: &mut Generator) -> Vec<(usize, u64)> {
        let Some(total) = self.sums.last() else {
            return Vec::new();
        };
        // A product may round up to the sum itself, which the last possible place has.
        let last = self.sums.partition_point(|s| s < total);
        let place = |_| {
            let level = rng.random::<f64>() * total;
            self.sums.partition_point(|s| *s <= level).min(last)
        };
        let mut places: Vec<usize> = (0..count).map(place).collect();
        places.sort_unstable();
        let runs = places.chunk_by(|a, b| a == b);
        runs.map(|run| (run[0], run.len() as u64)).collect()
    }
}

/// `count` places drawn once from `probabilities`, as [`Urn`] draws them.
pub fn draw(probabilities: &[f64], count: usize, rng: &mut Generator) -> Vec<(usize, u64)> {
    Urn::new(probabilities).draw(count, rng)
}

/// An outcome in a basis from one configuration `x` that was drawn from |ψ|²: the sites
/// along z keep their values; the others are drawn together from the conditional probabilities
/// |Σ_σ U(s, σ) ψ(σ)|². `log_psi` gives ln ψ of configurations, row by row; it is asked once for
/// 2^t rows where t sites are rotated. Where no probability is finite and positive `x` comes back.
pub fn collapse(
    x: &[i8],
    basis: &MeasuredBasis,
    log_psi: &dyn Fn(&[i8]) -> Vec<Complex64>,
    rng: &mut Generator,
) -> Vec<i8> {
    let rotated = basis.rotated();
    if rotated.is_empty() {
        return x.to_vec();
    }
    let rows = configurations(x, &rotated);
    let logs = log_psi(&rows);
    let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
    let mut amplitudes: Vec<Complex64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let axes = rotated.iter().map(|i| basis.0[*i]).collect();
    rotate(&mut amplitudes, &MeasuredBasis(axes));
    let probabilities: Vec<f64> = amplitudes.iter().map(|a| a.norm_sqr()).collect();
    match draw(&probabilities, 1, rng).first() {
        Some((k, _)) => rows[k * x.len()..(k + 1) * x.len()].to_vec(),
        None => x.to_vec(),
    }
}
