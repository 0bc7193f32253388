//! Decides the error bar of a mean over several Markov chains.
//!
//! σ² = 2 τ Var / n with τ from all chains about their common mean, and by binning with blocks
//! of at least 10 τ, where there are enough of them: the larger of the two is quoted, so that
//! neither short windows nor few blocks flatter it.

use super::series::{autocorrelation_time, binned_error, mean, split_r_hat};
use super::weights::{WeightedSeries, effective_fraction};
use num_complex::Complex64;

/// Fewest blocks whose spread is trusted.
const MIN_BLOCKS: usize = 32;

/// Mean, error and convergence of a set of chains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean over all samples.
    pub mean: Complex64,
    /// Standard error of the real part of the mean; infinite where one sample is all there is.
    pub error: f64,
    /// ⟨|x − mean|²⟩
    pub variance: f64,
    /// Integrated autocorrelation time in recording intervals, 0.5 for independent samples.
    pub tau: f64,
    /// n / (2 τ), times the fraction that samples with weights are worth.
    pub effective_samples: f64,
    /// Split R-hat.
    pub r_hat: f64,
}

impl Estimate {
    /// From samples that are all independent, in any number of series: σ² = Var / (n − 1), τ = 0.5.
    pub fn independent(series: &[Vec<Complex64>]) -> Self {
        let all: Vec<Complex64> = series.concat();
        let n = all.len() as f64;
        let mean = mean(&all);
        let spread = |f: &dyn Fn(&Complex64) -> f64| all.iter().map(f).sum::<f64>() / n.max(1.0);
        let variance_re = spread(&|v| (v.re - mean.re).powi(2));
        let error = (variance_re / (n - 1.0)).sqrt();
        Estimate {
            mean,
            error: if n > 1.0 { error } else { f64::INFINITY },
            variance: spread(&|v| (v - mean).norm_sqr()),
            tau: 0.5,
            effective_samples: n,
            r_hat: 1.0,
        }
    }

    /// From one series per chain with the weights of its samples.
    pub fn weighted(series: WeightedSeries) -> Self {
        let Some(linear) = series.linearised() else {
            return Estimate::from_series(series.values);
        };
        let plain = Estimate::from_series(&linear.series);
        Estimate {
            mean: linear.mean,
            variance: linear.variance,
            effective_samples: plain.effective_samples * effective_fraction(series.logs),
            ..plain
        }
    }

    /// From one series per chain, all of the same length.
    pub fn from_series(series: &[Vec<Complex64>]) -> Self {
        let all: Vec<Complex64> = series.concat();
        let n = all.len() as f64;
        let mean = mean(&all);
        let spread = |f: &dyn Fn(&Complex64) -> f64| all.iter().map(f).sum::<f64>() / n.max(1.0);
        let variance = spread(&|v| (v - mean).norm_sqr());
        let variance_re = spread(&|v| (v.re - mean.re).powi(2));
        let tau = autocorrelation_time(series);
        let mut error = if n > 1.0 {
            (2.0 * tau * variance_re / (n - 1.0)).sqrt()
        } else {
            f64::INFINITY
        };
        let block = (10.0 * tau).ceil() as usize;
        let blocks: usize = series.iter().map(|s| s.len() / block.max(1)).sum();
        if blocks >= MIN_BLOCKS {
            error = error.max(binned_error(series, block));
        }
        Estimate {
            mean,
            error,
            variance,
            tau,
            effective_samples: n / (2.0 * tau),
            r_hat: split_r_hat(series),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    /// Chains x_t = a x_{t-1} + noise, for which τ = (1 + a)/(2 (1 − a)).
    fn chains(a: f64, count: u64, length: usize, experiment: u64) -> Vec<Vec<Complex64>> {
        (0..count)
            .map(|chain| {
                let mut rng = stream(3, Purpose::Law, chain, experiment);
                let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
                let mut x = normal() / (1.0 - a * a).sqrt();
                let mut next = || {
                    x = a * x + normal();
                    Complex64::new(x, 0.0)
                };
                (0..length).map(|_| next()).collect()
            })
            .collect()
    }

    #[test]
    fn autocorrelation_time_of_a_known_process() {
        for (a, tau) in [(0.0, 0.5), (0.5, 1.5), (0.9, 9.5)] {
            let e = Estimate::from_series(&chains(a, 16, 20_000, 0));
            assert!((e.tau / tau - 1.0).abs() < 0.05, "{} for {tau}", e.tau);
            assert!((e.variance * (1.0 - a * a) - 1.0).abs() < 0.05);
            assert!(e.r_hat < 1.01);
        }
    }

    #[test]
    fn pulls_are_standard_normal() {
        for (a, count, length) in [(0.0, 16, 64), (0.6, 16, 256), (0.8, 8, 512)] {
            let pulls: Vec<f64> = (1..=400)
                .map(|k| Estimate::from_series(&chains(a, count, length, k)))
                .map(|e| e.mean.re / e.error)
                .collect();
            let mean = pulls.iter().sum::<f64>() / 400.0;
            let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
            assert!(
                mean.abs() < 0.2 && (0.86..1.1).contains(&sd),
                "a = {a}: mean {mean}, sd {sd}"
            );
        }
    }

    #[test]
    fn chains_that_disagree_are_noticed() {
        let mut series = chains(0.0, 8, 200, 1);
        series[3].iter_mut().for_each(|v| *v += 3.0);
        assert!(Estimate::from_series(&series).r_hat > 1.1);
    }

    #[test]
    fn constants_and_single_samples_are_not_nan() {
        let e = Estimate::from_series(&vec![vec![Complex64::new(-3.0, 0.0); 10]; 4]);
        assert_eq!(
            (e.mean.re, e.error, e.variance, e.r_hat),
            (-3.0, 0.0, 0.0, 1.0)
        );
        assert_eq!(
            Estimate::from_series(&[vec![Complex64::ONE]]).error,
            f64::INFINITY
        );
    }
}
