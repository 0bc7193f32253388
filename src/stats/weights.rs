//! Decides what samples with weights say of a mean X = Σ w x/Σ w: the series whose plain mean and
//! error are those of X.
//!
//! y = X + (w/w̄)(x − X) has the mean X, and to first order in the noise its fluctuations are those
//! of the ratio (W. G. Cochran, Sampling Techniques (Wiley, 1977), chapter 6): errors,
//! autocorrelation times and R-hat of y count the weights. What N samples are worth is N_eff/N =
//! (Σ w)²/(N Σ w²) (L. Kish, Survey Sampling (Wiley, 1965)). Exponentials are taken relative to the
//! largest ln w, and sums are added stream by stream, so that none overflows and all have the same
//! bits on any number of ranks.

use num_complex::Complex64;

/// One series per chain, with the logarithms of its weights up to a common constant; none of these
/// where all samples count the same.
#[derive(Debug, Clone, Copy)]
pub struct WeightedSeries<'s> {
    /// What is averaged.
    pub values: &'s [Vec<Complex64>],
    /// ln w of each.
    pub logs: &'s [Vec<f64>],
}

/// Samples whose weights have been taken into them.
#[derive(Debug, Clone, PartialEq)]
pub struct Linearised {
    /// X
    pub mean: Complex64,
    /// Σ w |x − X|²/Σ w
    pub variance: f64,
    /// y
    pub series: Vec<Vec<Complex64>>,
}

/// Weights relative to the largest, chain by chain.
pub(super) fn relative(logs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let top = logs.iter().map(|l| largest_log(l)).fold(f64::MIN, f64::max);
    let chain = |logs: &Vec<f64>| logs.iter().map(|l| (l - top).exp()).collect();
    logs.iter().map(chain).collect()
}

/// Sums over the samples of one stream: number, Σ exp(l − largest), Σ exp(2(l − largest)).
pub type StreamSums = [f64; 3];

/// The largest of some logarithms; numbers that are none do not count.
pub fn largest_log(logs: &[f64]) -> f64 {
    logs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The sums of `streams` streams with equally many samples, which stand one behind the other.
pub fn stream_sums(logs: &[f64], streams: usize, largest: f64) -> Vec<StreamSums> {
    let each = (logs.len() / streams.max(1)).max(1);
    let add = |[n, sum, squares]: StreamSums, log: &f64| {
        let w = (log - largest).exp();
        [n + 1.0, sum + w, squares + w * w]
    };
    let streams = logs.chunks(each);
    streams
        .map(|logs| logs.iter().fold([0.0; 3], add))
        .collect()
}

/// ln Σ exp of all streams, and N_eff/N.
pub fn all_streams(sums: &[StreamSums], largest: f64) -> (f64, f64) {
    let add = |a: StreamSums, b: &StreamSums| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let [n, sum, squares] = sums.iter().fold([0.0; 3], add);
    (largest + sum.ln(), sum * sum / (n * squares))
}

/// N_eff/N of chains of samples with these logarithms of weights; 1 of none.
pub fn effective_fraction(logs: &[Vec<f64>]) -> f64 {
    if logs.iter().all(Vec::is_empty) {
        return 1.0;
    }
    let top = logs.iter().map(|l| largest_log(l)).fold(f64::MIN, f64::max);
    let sums: Vec<_> = logs.iter().flat_map(|l| stream_sums(l, 1, top)).collect();
    all_streams(&sums, top).1
}

impl WeightedSeries<'_> {
    /// The same without the first `cut` samples of each chain.
    pub fn after(self, cut: usize) -> (Vec<Vec<Complex64>>, Vec<Vec<f64>>) {
        (rest(self.values, cut), rest(self.logs, cut))
    }

    /// The series y with mean and variance; `None` where all samples count the same.
    pub fn linearised(self) -> Option<Linearised> {
        if self.logs.is_empty() {
            return None;
        }
        let weights = relative(self.logs);
        let pairs = || self.values.iter().flatten().zip(weights.iter().flatten());
        let sum: f64 = pairs().map(|(_, w)| w).sum();
        let mean = pairs().map(|(x, w)| x * w).sum::<Complex64>() / sum;
        let spread: f64 = pairs().map(|(x, w)| w * (x - mean).norm_sqr()).sum();
        let scale = pairs().count() as f64 / sum;
        let turned = |(x, w): (&Complex64, &f64)| mean + (x - mean) * (w * scale);
        let chain = |(values, weights): (&Vec<Complex64>, &Vec<f64>)| {
            values.iter().zip(weights).map(turned).collect()
        };
        Some(Linearised {
            mean,
            variance: spread / sum,
            series: self.values.iter().zip(&weights).map(chain).collect(),
        })
    }
}

/// Chains without their first `cut` numbers.
fn rest<T: Clone>(chains: &[Vec<T>], cut: usize) -> Vec<Vec<T>> {
    let chains = chains.iter();
    chains.map(|c| c[cut.min(c.len())..].to_vec()).collect()
}

/// Appends what [`super::Bins`] want of some rows with `columns` numbers each: Σ x and Σ x², column
/// by column; with weights Σ w x, Σ w² x² and Σ w² x, and then Σ w and Σ w².
pub fn push_sums(values: &[f64], columns: usize, weights: Option<&[f64]>, sums: &mut Vec<f64>) {
    let start = sums.len();
    let width = if weights.is_some() { 3 } else { 2 };
    sums.resize(start + width * columns, 0.0);
    let rows = values.chunks_exact(columns.max(1));
    let parts = &mut sums[start..];
    let Some(weights) = weights else {
        for row in rows {
            let (first, second) = parts.split_at_mut(columns);
            first.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            second.iter_mut().zip(row).for_each(|(s, x)| *s += x * x);
        }
        return;
    };
    for (row, w) in rows.zip(weights) {
        for (k, x) in row.iter().enumerate() {
            let y = w * x;
            parts[k] += y;
            parts[columns + k] += y * y;
            parts[2 * columns + k] += w * y;
        }
    }
    sums.push(weights.iter().sum());
    sums.push(weights.iter().map(|w| w * w).sum());
}

#[cfg(test)]
mod tests {
    use super::super::Estimate;
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    /// Chains of a normal x with autocorrelation, sampled with twice the variance that its weights
    /// make one: w = exp(−x²/4) turns exp(−x²/4) into exp(−x²/2).
    fn wide(a: f64, count: u64, length: usize, experiment: u64) -> [Vec<Vec<f64>>; 2] {
        let chain = |c: u64| {
            let mut rng = stream(11, Purpose::Law, c, experiment);
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let mut x = normal();
            let mut next = || {
                x = a * x + (1.0 - a * a).sqrt() * normal();
                2f64.sqrt() * x
            };
            (0..length).map(|_| next()).collect::<Vec<f64>>()
        };
        let xs: Vec<Vec<f64>> = (0..count).map(chain).collect();
        let log = |x: &Vec<f64>| x.iter().map(|x| 500.0 - 0.25 * x * x).collect();
        let logs = xs.iter().map(log).collect();
        [xs, logs]
    }

    #[test]
    fn pulls_of_ratios_are_standard_normal() {
        for (a, count, length) in [(0.0, 16, 64), (0.7, 16, 256)] {
            let pull = |experiment| {
                let [xs, logs] = wide(a, count, length, experiment);
                let square = |x: &Vec<f64>| x.iter().map(|x| (x * x).into()).collect();
                let values: Vec<Vec<Complex64>> = xs.iter().map(square).collect();
                let series = WeightedSeries {
                    values: &values,
                    logs: &logs,
                };
                let e = Estimate::weighted(series);
                (e.mean.re - 1.0) / e.error
            };
            let pulls: Vec<f64> = (1..=400).map(pull).collect();
            let mean = pulls.iter().sum::<f64>() / 400.0;
            let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
            assert!(
                mean.abs() < 0.25 && (0.86..1.15).contains(&sd),
                "a = {a}: mean {mean}, standard deviation {sd}"
            );
        }
    }

    #[test]
    fn bins_of_weighted_samples_have_honest_errors() {
        use super::super::Bins;
        let functions = |m: &[f64]| vec![m[0], m[1], m[1].ln()];
        let mut pulls = [Vec::new(), Vec::new(), Vec::new()];
        let mut last = None;
        for experiment in 1..=300 {
            let [xs, logs] = wide(0.6, 16, 512, experiment);
            let mut bins = Bins::new(16, 2, 0).weighted();
            // Two blocks, with units of their own.
            for (block, unit) in [(0..128, 480.0), (128..512, 501.0)] {
                let segments = bins.segments(block.len());
                let mut sums = Vec::new();
                for (xs, logs) in xs.iter().zip(&logs) {
                    let (xs, logs) = (&xs[block.clone()], &logs[block.clone()]);
                    for s in &segments {
                        let rows: Vec<f64> =
                            xs[s.clone()].iter().flat_map(|x| [*x, x * x]).collect();
                        let w = logs[s.clone()].iter().map(|l| (l - unit).exp());
                        push_sums(&rows, 2, Some(&w.collect::<Vec<_>>()), &mut sums);
                    }
                }
                bins.push_weighted(block.len(), &segments, Some(&sums), unit);
            }
            let s = bins.summary(0, &functions);
            for (k, truth) in [0.0, 1.0, 0.0].into_iter().enumerate() {
                pulls[k].push((s.mean[k] - truth) / s.error[k]);
            }
            last = Some((bins, s));
        }
        for pulls in &pulls {
            let mean = pulls.iter().sum::<f64>() / 300.0;
            let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 299.0).sqrt();
            assert!(
                mean.abs() < 0.25 && (0.85..1.15).contains(&sd),
                "mean {mean}, standard deviation {sd}"
            );
        }
        let (bins, s) = last.unwrap();
        assert!(s.r_hat < 1.1 && (0.5..4.0).contains(&s.tau), "{s:?}");
        let mut tree = crate::io::tree::Tree::default();
        bins.save(&mut tree, "x");
        assert_eq!(Bins::load(&tree, "x").unwrap(), bins);
    }

    #[test]
    fn a_chain_of_its_own_is_seen_and_equal_weights_change_nothing() {
        let [mut xs, logs] = wide(0.0, 8, 200, 1);
        let complex = |xs: &[Vec<f64>]| -> Vec<Vec<Complex64>> {
            let chain = |x: &Vec<f64>| x.iter().map(|x| (*x).into()).collect();
            xs.iter().map(chain).collect()
        };
        let of = |values: &[Vec<Complex64>], logs: &[Vec<f64>]| {
            Estimate::weighted(WeightedSeries { values, logs })
        };
        assert!(of(&complex(&xs), &logs).r_hat < 1.1);
        let fraction = effective_fraction(&logs);
        // <w>²/<w²> of exp(−x²/4) over the variance 2: √(3)/2.
        assert!((fraction - 0.75f64.sqrt()).abs() < 0.05, "{fraction}");
        let equal = vec![vec![-7.0; 200]; 8];
        let (plain, weighted) = (of(&complex(&xs), &[]), of(&complex(&xs), &equal));
        assert!((plain.mean - weighted.mean).norm() < 1e-14);
        assert!((plain.error / weighted.error - 1.0).abs() < 1e-9);
        assert_eq!(effective_fraction(&equal), 1.0);
        xs[3].iter_mut().for_each(|x| *x += 3.0);
        assert!(of(&complex(&xs), &equal).r_hat > 1.1);
    }

    #[test]
    fn nothing_overflows_and_equal_weights_are_worth_all_samples() {
        let logs = [1e4, 1e4 - 2f64.ln(), 1e4 - 900.0, f64::NEG_INFINITY];
        let top = largest_log(&logs);
        let (norm, fraction) = all_streams(&stream_sums(&logs, 2, top), top);
        assert!((norm - (1e4 + 1.5f64.ln())).abs() < 1e-11);
        assert!((fraction - 1.5 * 1.5 / (4.0 * 1.25)).abs() < 1e-12);
        let equal = [-3e5; 6];
        let (norm, fraction) = all_streams(&stream_sums(&equal, 3, -3e5), -3e5);
        assert_eq!(fraction, 1.0);
        assert!((norm - (6f64.ln() - 3e5)).abs() < 1e-9);
    }

    #[test]
    fn samples_that_are_no_numbers_leave_no_weight() {
        let none = [f64::NEG_INFINITY; 2];
        let (_, fraction) = all_streams(
            &stream_sums(&none, 1, largest_log(&none)),
            largest_log(&none),
        );
        assert!(fraction.is_nan());
        let (norm, _) = all_streams(&stream_sums(&[0.0, f64::NAN], 1, 0.0), 0.0);
        assert!(norm.is_nan());
    }
}
