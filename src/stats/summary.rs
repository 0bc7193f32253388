//! Decides what bins of samples say: means of functions, errors by the delete-one-bin jackknife,
//! autocorrelation time and split R-hat.
//!
//! With n samples in all, n_i in bin i, h_i = n/n_i and f₋ᵢ the function of the means without bin
//! i, p_i = h_i f − (h_i − 1) f₋ᵢ and cov = (1/g) Σ_i (p_i − p̄)(p_i − p̄)ᵀ/(h_i − 1) (F. Busing,
//! E. Meijer, R. van der Leeden, Stat. Comput. 9, 3 (1999)). For a linear f, p_i is the mean of bin
//! i and this is the error of binning. With weights the means are ratios Σ w x/Σ w, and so are
//! those without a bin.

use super::bins::{BinSums, Bins};
use super::standard_error;
use std::borrow::Cow;

/// What is said of the functions of an observable's columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// The functions at the means of all samples.
    pub mean: Vec<f64>,
    /// Standard errors; 0 for a full sum, infinite where they are unknown: fewer than two bins, or
    /// a function that is not defined without one of them.
    pub error: Vec<f64>,
    /// p_i, bin by bin: means of bins where the function is linear, jackknife pseudo-values
    /// elsewhere.
    pub bins: Vec<Vec<f64>>,
    /// 1/(g (h_i − 1)) of each bin, with which the covariance of the p_i is that of the means.
    pub weights: Vec<f64>,
    /// Integrated autocorrelation time in recording intervals, over all columns, 0.5 for
    /// independent samples; not a number where a mean is not finite.
    pub tau: f64,
    /// The largest split R-hat of a column, from the means of half-chains.
    pub r_hat: f64,
}

impl Summary {
    /// Of a full sum: no noise.
    pub fn exact(mean: Vec<f64>) -> Self {
        Summary {
            error: vec![0.0; mean.len()],
            mean,
            tau: 0.5,
            r_hat: 1.0,
            ..Summary::default()
        }
    }

    /// Covariance of the means of functions `k` and `l`.
    pub fn covariance(&self, k: usize, l: usize) -> f64 {
        let g = self.bins.len().max(1) as f64;
        let centre = |k: usize| self.bins.iter().map(|p| p[k]).sum::<f64>() / g;
        let (a, b) = (centre(k), centre(l));
        self.bins
            .iter()
            .zip(&self.weights)
            .map(|(p, w)| w * (p[k] - a) * (p[l] - b))
            .sum()
    }
}

/// Σ y² of the columns over all bins.
fn squares_of(groups: &[Vec<BinSums>], columns: usize) -> Vec<f64> {
    let mut squares = vec![0.0; columns];
    for (_, sums) in groups.iter().flatten() {
        let own = &sums[columns..2 * columns];
        squares.iter_mut().zip(own).for_each(|(t, s)| *t += s);
    }
    squares
}

impl Bins {
    /// Mean, error, bins and diagnostics of `evaluate` of the means of the columns, without the
    /// bins that hold the first `cut` samples of each chain; on rank 0.
    pub fn summary(&self, cut: usize, evaluate: &dyn Fn(&[f64]) -> Vec<f64>) -> Summary {
        let groups = self.joined(
            cut.div_ceil(self.length)
                .min(self.count().saturating_sub(1)),
        );
        let bins: Vec<&BinSums> = groups.iter().flatten().collect();
        let n: f64 = bins.iter().map(|b| b.0).sum();
        let mut total = vec![0.0; self.row()];
        bins.iter()
            .for_each(|b| total.iter_mut().zip(&b.1).for_each(|(t, s)| *t += s));
        let means = self.means(&total, n);
        let all = evaluate(&means);
        let mut summary = Summary {
            error: vec![f64::INFINITY; all.len()],
            mean: all,
            tau: 0.5,
            ..Summary::default()
        };
        let linear = self.linearised(&groups, &means, &total, n);
        let squares = squares_of(&linear, self.columns);
        summary.r_hat = self.r_hat(&linear, &means, &squares);
        if bins.len() < 2 {
            let sound = means.iter().all(|mean| mean.is_finite());
            summary.tau = if sound { 0.5 } else { f64::NAN };
            return summary;
        }
        let g = bins.len() as f64;
        for (m, sum) in &bins {
            let h = n / m;
            let without: Vec<f64> = total.iter().zip(sum).map(|(t, s)| t - s).collect();
            let part = evaluate(&self.means(&without, n - m));
            summary.bins.push(
                summary
                    .mean
                    .iter()
                    .zip(part)
                    .map(|(f, p)| h * f - (h - 1.0) * p)
                    .collect(),
            );
            summary.weights.push(1.0 / (g * (h - 1.0)));
        }
        summary.error = (0..summary.mean.len())
            .map(|k| standard_error(summary.covariance(k, k)))
            .collect();
        let linear: Vec<&BinSums> = linear.iter().flatten().collect();
        summary.tau = self.tau(&linear, &means, &squares, n);
        summary
    }

    /// Means of the columns from the sums over `n` samples.
    fn means(&self, sums: &[f64], n: f64) -> Vec<f64> {
        let over = match self.is_weighted() {
            true => sums[3 * self.columns],
            false => n,
        };
        sums[..self.columns].iter().map(|s| s / over).collect()
    }

    /// Samples, Σ y and Σ y² of each bin, where y = x, or with weights X + (w/w̄)(x − X): what
    /// fluctuates as the mean X does.
    fn linearised<'g>(
        &self,
        groups: &'g [Vec<BinSums>],
        means: &[f64],
        total: &[f64],
        n: f64,
    ) -> Cow<'g, [Vec<BinSums>]> {
        if !self.is_weighted() {
            return Cow::Borrowed(groups);
        }
        let c = self.columns;
        let scale = n / total[3 * c];
        let turned = |(m, sums): &BinSums| {
            let (w, w2) = (sums[3 * c], sums[3 * c + 1]);
            // Σ (w/w̄)(x − X) and Σ of its square.
            let first = |k: usize| scale * (sums[k] - means[k] * w);
            let second = |k: usize| {
                let cross = means[k] * (means[k] * w2 - 2.0 * sums[2 * c + k]);
                scale * scale * (sums[c + k] + cross)
            };
            let square = |k: usize| second(k) + means[k] * (2.0 * first(k) + m * means[k]);
            let linear = (0..c).map(|k| first(k) + m * means[k]);
            (*m, linear.chain((0..c).map(square)).collect())
        };
        let group = |bins: &Vec<BinSums>| bins.iter().map(turned).collect();
        Cow::Owned(groups.iter().map(group).collect())
    }

    /// Half the ratio of the squared errors with and without correlations, summed over the columns.
    fn tau(&self, bins: &[&BinSums], means: &[f64], squares: &[f64], n: f64) -> f64 {
        // The bounds below would take 0.5 for what is no number.
        if !means.iter().all(|mean| mean.is_finite()) {
            return f64::NAN;
        }
        let (mut correlated, mut independent) = (0.0, 0.0);
        for (k, mean) in means.iter().enumerate() {
            let spread: f64 = bins
                .iter()
                .map(|(m, s)| (s[k] / m - mean).powi(2) / (bins.len() as f64 * (n / m - 1.0)))
                .sum();
            correlated += spread;
            independent += (squares[k] / n - mean * mean).max(0.0) / n;
        }
        if independent > 0.0 {
            (0.5 * correlated / independent).max(0.5)
        } else {
            0.5
        }
    }

    fn r_hat(&self, groups: &[Vec<BinSums>], means: &[f64], squares: &[f64]) -> f64 {
        let halves: Vec<&[BinSums]> = groups
            .iter()
            .flat_map(|g| [&g[..g.len() / 2], &g[g.len() - g.len() / 2..]])
            .collect();
        let halves: Vec<&[BinSums]> = if halves.iter().any(|h| h.is_empty()) {
            groups.iter().map(Vec::as_slice).collect()
        } else {
            halves
        };
        let n: f64 = groups.iter().flatten().map(|b| b.0).sum();
        let length = n / self.chains as f64 * self.groups as f64 / halves.len() as f64;
        if halves.len() < 2 || length < 4.0 {
            return 1.0;
        }
        let joined = self.chains as f64 / self.groups as f64;
        let column = |k: usize| {
            let of = |h: &[BinSums]| {
                h.iter().map(|b| b.1[k]).sum::<f64>() / h.iter().map(|b| b.0).sum::<f64>()
            };
            let each: Vec<f64> = halves.iter().map(|h| of(h)).collect();
            let centre = each.iter().sum::<f64>() / each.len() as f64;
            let between = joined * each.iter().map(|m| (m - centre).powi(2)).sum::<f64>()
                / (each.len() as f64 - 1.0);
            let within = squares[k] / n - means[k] * means[k] - between;
            let scale = squares[k] / n;
            if between <= 1e-13 * scale {
                1.0
            } else if within <= 1e-13 * scale {
                1e6
            } else {
                ((length - 1.0) / length + between / within).sqrt().min(1e6)
            }
        };
        // Numbers too large to be compared count as disagreement.
        let worse = |worst: f64, r: f64| if r.is_nan() { 1e6 } else { worst.max(r) };
        (0..self.columns).map(column).fold(1.0, worse)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bins::tests::{chains, filled};

    #[test]
    fn pulls_of_linear_and_nonlinear_functions_are_normal() {
        // <x> = 0, <x²> = v and the ratio <x²>²/<x²>, by the jackknife.
        let functions = |m: &[f64]| vec![m[0], m[1], m[1].ln()];
        for (a, count, length) in [(0.0, 16, 64), (0.6, 16, 512), (0.5, 100, 64)] {
            let v: f64 = 1.0 / (1.0 - a * a);
            let truth = [0.0, v, v.ln()];
            let pulls: Vec<Vec<f64>> = (1..=300)
                .map(|k| filled(&chains(a, count, length, k), &[length]).summary(0, &functions))
                .map(|s| {
                    (0..3)
                        .map(|k| (s.mean[k] - truth[k]) / s.error[k])
                        .collect()
                })
                .collect();
            for k in 0..3 {
                let mean = pulls.iter().map(|p| p[k]).sum::<f64>() / 300.0;
                let sd = (pulls.iter().map(|p| (p[k] - mean).powi(2)).sum::<f64>() / 299.0).sqrt();
                assert!(
                    mean.abs() < 0.25 && (0.85..1.15).contains(&sd),
                    "{k} of a = {a}: mean {mean}, sd {sd}"
                );
            }
        }
    }

    #[test]
    fn a_function_that_a_bin_leaves_undefined_has_no_error_bar() {
        // 64 bins of four samples; without the first one the mean is 0, and 1/mean undefined.
        let mut x = vec![vec![0.0; 256]];
        x[0][..4].fill(1.0);
        let bins = filled(&x, &[256]);
        let s = bins.summary(0, &|m: &[f64]| {
            vec![m[0], 1.0 / m[0], 0.0 / (m[0] - 1.0 / 64.0)]
        });
        assert_eq!(s.mean[..2], [1.0 / 64.0, 64.0]);
        assert!(s.mean[2].is_nan());
        assert!((s.error[0] * 64.0 - 1.0).abs() < 1e-12, "{:?}", s.error);
        assert_eq!(s.error[1..], [f64::INFINITY; 2]);
    }

    #[test]
    fn numbers_that_are_not_finite_show() {
        for wrong in [f64::NAN, f64::INFINITY] {
            let mut x = chains(0.5, 8, 64, 5);
            let identity = |m: &[f64]| m.to_vec();
            assert!(filled(&x, &[64]).summary(0, &identity).tau.is_finite());
            x[2][7] = wrong;
            let s = filled(&x, &[64]).summary(0, &identity);
            // The columns are x and its square.
            assert!(!s.mean[0].is_finite() && !s.error[0].is_finite(), "{s:?}");
            assert!(s.tau.is_nan() && s.r_hat == 1e6, "{} {}", s.tau, s.r_hat);
        }
    }

    #[test]
    fn the_beginning_is_cut() {
        let mut x = chains(0.0, 16, 640, 3);
        x.iter_mut()
            .for_each(|chain| chain[..50].iter_mut().for_each(|v| *v += 10.0));
        let mean = |m: &[f64]| m[..1].to_vec();
        let bins = filled(&x, &[64; 10]);
        let (whole, rest) = (bins.summary(0, &mean), bins.summary(50, &mean));
        assert!(
            whole.mean[0] > 0.5 && rest.mean[0].abs() < 4.0 * rest.error[0],
            "{} {}",
            whole.mean[0],
            rest.mean[0]
        );
        assert!(
            (rest.error[0] * (16.0 * 590.0f64).sqrt() - 1.0).abs() < 0.3
                && rest.r_hat < 1.1
                && rest.tau < 0.8
        );
        assert!(bins.summary(10_000, &mean).mean[0].is_finite());
    }

    #[test]
    fn correlations_and_disagreement_are_seen() {
        let identity = |m: &[f64]| m.to_vec();
        let s = filled(&chains(0.8, 32, 4000, 1), &[4000]).summary(0, &|m: &[f64]| m[..1].to_vec());
        assert!((s.tau / 4.5 - 1.0).abs() < 0.6, "{}", s.tau);
        assert!(s.r_hat < 1.05);
        let mut x = chains(0.0, 8, 400, 2);
        x[2].iter_mut().for_each(|v| *v += 2.0);
        assert!(filled(&x, &[400]).summary(0, &identity).r_hat > 1.1);
        let frozen: Vec<Vec<f64>> = (0..4).map(|c| vec![f64::from(c % 2); 100]).collect();
        assert_eq!(filled(&frozen, &[100]).summary(0, &identity).r_hat, 1e6);
        let constant = filled(&vec![vec![3.0; 100]; 4], &[100]).summary(0, &identity);
        assert_eq!(
            (constant.mean[0], constant.r_hat, constant.tau),
            (3.0, 1.0, 0.5)
        );
        assert!(constant.error[0] < 1e-12);
    }
}
