//! Decides how much of the beginning of a measurement is cut because the chains were not yet in
//! equilibrium.
//!
//! With y_t the mean over the chains at time t, the cut d minimises Σ_{t≥d} (y_t − ȳ_d)²/(n
//! − d)² over d ≤ n/2 (marginal standard error rule, K. P. White, Simulation 69, 323 (1997)).
//! It is made only where the part before d differs from the rest by more than five standard errors,
//! which are those of the chains' own differences. What drifts still after the cut shows as the
//! difference between the halves of the rest.

use super::limits::SIGNIFICANT;
use num_complex::Complex64;

/// Points in time that are told apart.
const POINTS: usize = 200;
/// Shortest chain in which a beginning can be told from the rest.
const SHORTEST: usize = 20;
/// Fewest chains whose differences have a spread.
const FEWEST_CHAINS: usize = 4;

/// What is known of the approach to equilibrium.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Equilibration {
    /// Samples cut from the beginning of each chain.
    pub cut: usize,
    /// Difference between the halves of the rest, in standard errors.
    pub drift: f64,
}

impl Equilibration {
    /// From one series per chain, all of the same length; nothing is cut where chains are short or
    /// few.
    pub fn of(series: &[Vec<Complex64>]) -> Self {
        let n = series.iter().map(Vec::len).min().unwrap_or(0);
        if n < SHORTEST || series.len() < FEWEST_CHAINS {
            return Equilibration::default();
        }
        let candidate = marginal_error_cut(series, n);
        let cut = if candidate > 0
            && difference(series, 0..candidate, candidate..n).abs() > SIGNIFICANT
        {
            candidate
        } else {
            0
        };
        let middle = cut + (n - cut) / 2;
        Equilibration {
            cut,
            drift: difference(series, cut..middle, middle..n),
        }
    }

    /// Whether the chains still drift.
    pub fn drifts(&self) -> bool {
        self.drift.abs() > SIGNIFICANT
    }
}

fn marginal_error_cut(series: &[Vec<Complex64>], n: usize) -> usize {
    let length = n.div_ceil(POINTS);
    let point = |k: usize| {
        series
            .iter()
            .flat_map(|s| &s[k * length..(k + 1) * length])
            .map(|v| v.re)
            .sum::<f64>()
    };
    let points: Vec<f64> = (0..n / length)
        .map(|k| point(k) / (length * series.len()) as f64)
        .collect();
    let centre = points.iter().sum::<f64>() / points.len() as f64;
    let (mut sum, mut squares, mut best) = (0.0, 0.0, (f64::INFINITY, 0));
    for d in (0..points.len()).rev() {
        let y = points[d] - centre;
        (sum, squares) = (sum + y, squares + y * y);
        let left = (points.len() - d) as f64;
        let error = (squares - sum * sum / left).max(0.0) / (left * left);
        if 2 * d <= points.len() && error <= best.0 {
            best = (error, d);
        }
    }
    best.1 * length
}

/// The mean over the chains of (mean of `b` − mean of `a`), in standard errors of it.
fn difference(
    series: &[Vec<Complex64>],
    a: std::ops::Range<usize>,
    b: std::ops::Range<usize>,
) -> f64 {
    let mean = |s: &[Complex64]| s.iter().map(|v| v.re).sum::<f64>() / s.len().max(1) as f64;
    let each: Vec<f64> = series
        .iter()
        .map(|s| mean(&s[b.clone()]) - mean(&s[a.clone()]))
        .collect();
    let n = each.len() as f64;
    let centre = each.iter().sum::<f64>() / n;
    let error = (each.iter().map(|d| (d - centre).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
    let scale = series.iter().map(|s| mean(s).abs()).fold(0.0, f64::max);
    if error > 1e-12 * scale {
        centre / error
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    /// Chains x_t = a x_{t−1} + noise that start at `start`.
    fn chains(a: f64, start: f64, length: usize, experiment: u64) -> Vec<Vec<Complex64>> {
        let chain = |c: u64| {
            let mut rng = stream(9, Purpose::Law, c, experiment);
            let mut x = start;
            let mut next = || {
                let noise: f64 = StandardNormal.sample(&mut rng);
                x = a * x + noise;
                Complex64::new(x - 3.0, 0.0)
            };
            (0..length).map(|_| next()).collect()
        };
        (0..16).map(chain).collect()
    }

    #[test]
    fn a_beginning_out_of_equilibrium_is_cut_and_nothing_else() {
        let mut cuts = 0;
        for experiment in 0..200 {
            let e = Equilibration::of(&chains(0.5, 0.0, 256, experiment));
            cuts += usize::from(e.cut > 0) + usize::from(e.drifts());
        }
        assert!(cuts <= 1, "{cuts} of 200 sound series were cut");
        for length in [200, 1000] {
            let e = Equilibration::of(&chains(0.9, 100.0, length, 1));
            assert!((20..80).contains(&e.cut) && !e.drifts(), "{e:?}");
        }
        let slow = Equilibration::of(&chains(0.999, 100.0, 400, 1));
        assert!(slow.cut > 0 || slow.drifts(), "{slow:?}");
        assert_eq!(
            Equilibration::of(&chains(0.0, 100.0, 10, 1)),
            Equilibration::default()
        );
        assert_eq!(
            Equilibration::of(&vec![vec![Complex64::ONE; 100]; 8]),
            Equilibration::default()
        );
    }
}
