//! Decides the error bars of many quantities at once: sums per bin of bounded number, the
//! delete-one-bin jackknife.
//!
//! Chains are joined to at most 64 groups, and the samples of a group to bins whose length doubles
//! when there are too many of them; at the end they are joined to the longest bins of which at
//! least 64 are left. With n samples in all, n_i in bin i, h_i = n/n_i and f₋ᵢ the function of
//! the means without bin i, p_i = h_i f − (h_i − 1) f₋ᵢ and cov = (1/g) Σ_i (p_i −
//! p̄)(p_i − p̄)ᵀ/(h_i − 1) (F. Busing, E. Meijer, R. van der Leeden, Stat. Comput. 9, 3
//! (1999)). For a linear f, p_i is the mean of bin i and this is the error of binning.

use crate::error::{Error, Result};
use crate::io::tree::Tree;
use std::ops::Range;

/// Most groups of chains, and the number of bins that the error rests on.
const BINS: usize = 64;
/// Numbers that the bins of one observable may take.
const NUMBERS: usize = 1 << 22;

/// Sums of the columns of one observable over bins of samples. Every rank counts, rank 0 alone
/// holds the sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    columns: usize,
    chains: usize,
    groups: usize,
    /// Samples of one chain in a bin.
    length: usize,
    /// Samples of one chain so far.
    samples: usize,
    /// Bin after bin, in each group after group, Σ x of the columns and then Σ x².
    sums: Vec<f64>,
}

/// What is said of the functions of an observable's columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// The functions at the means of all samples.
    pub mean: Vec<f64>,
    /// Standard errors; 0 for a full sum, infinite where there are fewer than two bins.
    pub error: Vec<f64>,
    /// p_i, bin by bin: means of bins where the function is linear, jackknife pseudo-values
    /// elsewhere.
    pub bins: Vec<Vec<f64>>,
    /// 1/(g (h_i − 1)) of each bin, with which the covariance of the p_i is that of the means.
    pub weights: Vec<f64>,
    /// Integrated autocorrelation time in recording intervals, over all columns, 0.5 for
    /// independent samples.
    pub tau: f64,
    /// The largest split R-hat of a column, from the means of half-chains.
    pub r_hat: f64,
}

impl Bins {
    /// Empty bins for `columns` quantities of `chains` chains, of which `expected` samples each
    /// are about to come.
    pub fn new(chains: usize, columns: usize, expected: usize) -> Self {
        let groups = chains / chains.div_ceil(BINS).max(1);
        let mut bins = Bins {
            columns,
            chains,
            groups,
            length: 1,
            samples: 0,
            sums: Vec::new(),
        };
        // A few columns start with bins of one sample, so that sums do not depend on how many
        // samples were expected.
        while columns > 256 && expected.div_ceil(bins.length) > bins.most() {
            bins.length *= 2;
        }
        bins
    }

    /// Most bins of one group.
    fn most(&self) -> usize {
        let wanted = (16 * BINS).min(NUMBERS / self.columns.max(1)).max(2 * BINS);
        (wanted / self.groups.max(1)).max(2)
    }

    fn count(&self) -> usize {
        self.samples.div_ceil(self.length)
    }

    fn group(&self, chain: usize) -> usize {
        chain * self.groups / self.chains
    }

    /// Number of chains that are counted, the first ones.
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// Samples of one chain so far.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Makes room for `new` more samples per chain and returns how they fall into bins. The same on
    /// every rank.
    pub fn segments(&mut self, new: usize) -> Vec<Range<usize>> {
        while (self.samples + new).div_ceil(self.length) > self.most() {
            self.double();
        }
        let mut ends: Vec<usize> = (1..=new)
            .filter(|k| (self.samples + k).is_multiple_of(self.length))
            .collect();
        if ends.last() != Some(&new) {
            ends.push(new);
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts
            .zip(ends.iter().copied())
            .map(|(a, b)| a..b)
            .collect()
    }

    fn double(&mut self) {
        let count = self.count();
        self.length *= 2;
        if self.sums.is_empty() {
            return;
        }
        let (row, per_group) = (2 * self.columns, 2 * self.columns * count);
        let mut sums = Vec::with_capacity(self.sums.len() / 2 + row);
        for group in self.sums.chunks(per_group) {
            for pair in group.chunks(2 * row) {
                let second = |k: usize| pair.get(row + k).copied().unwrap_or(0.0);
                sums.extend((0..row).map(|k| pair[k] + second(k)));
            }
        }
        self.sums = sums;
    }

    /// Counts `new` samples of every chain; on rank 0 `sums` holds, chain by chain, the sums over
    /// the segments of [`Bins::segments`], in each Σ x of all columns and then Σ x².
    pub fn push(&mut self, new: usize, segments: &[Range<usize>], sums: Option<&[f64]>) {
        let (before, row) = (self.count(), 2 * self.columns);
        let first = self.samples;
        self.samples += new;
        let after = self.count();
        let Some(sums) = sums else { return };
        if after > before {
            let old = std::mem::replace(&mut self.sums, vec![0.0; self.groups * after * row]);
            for (to, from) in self
                .sums
                .chunks_mut(after * row)
                .zip(old.chunks((before * row).max(1)))
            {
                to[..before * row].copy_from_slice(from);
            }
        }
        for (chain, mine) in sums.chunks((segments.len() * row).max(1)).enumerate() {
            let group = self.group(chain);
            for (segment, part) in segments.iter().zip(mine.chunks(row)) {
                let bin = (first + segment.start) / self.length;
                let place = &mut self.sums[(group * after + bin) * row..][..row];
                place.iter_mut().zip(part).for_each(|(s, x)| *s += x);
            }
        }
    }

    /// Bins of a group that become one, of `left`.
    fn joined_at_once(&self, left: usize) -> usize {
        let mut factor = 1;
        while factor < left && self.groups * left.div_ceil(2 * factor) >= BINS {
            factor *= 2;
        }
        factor
    }

    /// Bins of the summary and numbers that a checkpoint holds, once `samples` of each chain have
    /// come in blocks of `block`.
    pub fn sizes_after(mut self, samples: usize, block: usize) -> (usize, usize) {
        while self.samples < samples {
            let new = block.min(samples - self.samples);
            let segments = self.segments(new);
            self.push(new, &segments, None);
        }
        let count = self.count();
        (
            self.groups * count.div_ceil(self.joined_at_once(count)),
            2 * self.columns * self.groups * count,
        )
    }

    /// Joins the bins without the first `skip` of each group to the longest of which at least 64
    /// are left: samples, Σ x and Σ x² of each, group by group.
    fn joined(&self, skip: usize) -> Vec<Vec<(f64, Vec<f64>)>> {
        let (count, left) = (self.count(), self.count() - skip);
        let factor = self.joined_at_once(left);
        let of_group = |group: usize| (0..self.chains).filter(|&c| self.group(c) == group).count();
        (0..self.groups)
            .map(|group| {
                let chains = of_group(group) as f64;
                (0..left.div_ceil(factor))
                    .map(|k| {
                        let range = skip + k * factor..(skip + (k + 1) * factor).min(count);
                        let end = (range.end * self.length).min(self.samples);
                        let n = chains * (end - range.start * self.length) as f64;
                        let row = 2 * self.columns;
                        let mut sum = vec![0.0; row];
                        for bin in range {
                            let from = &self.sums[(group * count + bin) * row..][..row];
                            sum.iter_mut().zip(from).for_each(|(s, x)| *s += x);
                        }
                        (n, sum)
                    })
                    .collect()
            })
            .collect()
    }

    /// Mean, error, bins and diagnostics of `evaluate` of the means of the columns, without the
    /// bins that hold the first `cut` samples of each chain; on rank 0.
    pub fn summary(&self, cut: usize, evaluate: &dyn Fn(&[f64]) -> Vec<f64>) -> Summary {
        let groups = self.joined(
            cut.div_ceil(self.length)
                .min(self.count().saturating_sub(1)),
        );
        let bins: Vec<&(f64, Vec<f64>)> = groups.iter().flatten().collect();
        let n: f64 = bins.iter().map(|b| b.0).sum();
        let mut total = vec![0.0; 2 * self.columns];
        bins.iter()
            .for_each(|b| total.iter_mut().zip(&b.1).for_each(|(t, s)| *t += s));
        let squares = total.split_off(self.columns);
        let means: Vec<f64> = total.iter().map(|t| t / n).collect();
        let all = evaluate(&means);
        let mut summary = Summary {
            error: vec![f64::INFINITY; all.len()],
            mean: all,
            tau: 0.5,
            ..Summary::default()
        };
        summary.r_hat = self.r_hat(&groups, &means, &squares);
        if bins.len() < 2 {
            return summary;
        }
        let g = bins.len() as f64;
        for (m, sum) in &bins {
            let h = n / m;
            let without: Vec<f64> = total
                .iter()
                .zip(sum)
                .map(|(t, s)| (t - s) / (n - m))
                .collect();
            let part = evaluate(&without);
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
            .map(|k| summary.covariance(k, k).max(0.0).sqrt())
            .collect();
        summary.tau = self.tau(&bins, &means, &squares, n);
        summary
    }

    /// Half the ratio of the squared errors with and without correlations, summed over the columns.
    fn tau(&self, bins: &[&(f64, Vec<f64>)], means: &[f64], squares: &[f64], n: f64) -> f64 {
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

    fn r_hat(&self, groups: &[Vec<(f64, Vec<f64>)>], means: &[f64], squares: &[f64]) -> f64 {
        let halves: Vec<&[(f64, Vec<f64>)]> = groups
            .iter()
            .flat_map(|g| [&g[..g.len() / 2], &g[g.len() - g.len() / 2..]])
            .collect();
        let halves: Vec<&[(f64, Vec<f64>)]> = if halves.iter().any(|h| h.is_empty()) {
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
            let of = |h: &[(f64, Vec<f64>)]| {
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
        (0..self.columns).map(column).fold(1.0, f64::max)
    }

    /// Writes the state that a restart needs.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        for (name, value) in [
            ("columns", self.columns),
            ("chains", self.chains),
            ("length", self.length),
            ("samples", self.samples),
        ] {
            tree.put_integer(&format!("{prefix}/{name}"), value as i64);
        }
        tree.put_reals(&format!("{prefix}/sums"), &self.sums);
    }

    /// Reads it back; an error where the parts do not fit together.
    pub fn load(tree: &Tree, prefix: &str) -> Result<Self> {
        let count = |name: &str| tree.count(&format!("{prefix}/{name}"));
        let sums = tree.reals(&format!("{prefix}/sums"))?;
        let (chains, columns, length, samples) = (
            count("chains")?,
            count("columns")?,
            count("length")?,
            count("samples")?,
        );
        let misfit = || Error::output(prefix, "the bins of this checkpoint do not fit together");
        if length == 0 || columns > (1 << 32) || samples.checked_mul(chains.max(1)).is_none() {
            return Err(misfit());
        }
        let bins = Bins {
            length,
            samples,
            sums,
            ..Bins::new(chains, columns, 0)
        };
        let wanted = bins
            .count()
            .checked_mul(bins.groups)
            .and_then(|n| n.checked_mul(2 * columns));
        if wanted == Some(bins.sums.len()) {
            Ok(bins)
        } else {
            Err(misfit())
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    /// Pushes samples x[chain][t] of one column and its square in portions.
    fn filled(x: &[Vec<f64>], portions: &[usize]) -> Bins {
        let mut bins = Bins::new(x.len(), 2, 0);
        let mut done = 0;
        for &new in portions {
            let segments = bins.segments(new);
            let mut sums = Vec::new();
            for chain in x {
                let part = &chain[done..done + new];
                for s in &segments {
                    let inside = &part[s.clone()];
                    let power = |p: i32| inside.iter().map(|v| v.powi(p)).sum::<f64>();
                    sums.extend([power(1), power(2), power(2), power(4)]);
                }
            }
            bins.push(new, &segments, Some(&sums));
            done += new;
        }
        bins
    }

    fn chains(a: f64, count: u64, length: usize, experiment: u64) -> Vec<Vec<f64>> {
        let chain = |c: u64| {
            let mut rng = stream(5, Purpose::Law, c, experiment);
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let mut x = normal() / (1.0 - a * a).sqrt();
            let mut next = || {
                x = a * x + normal();
                x
            };
            (0..length).map(|_| next()).collect()
        };
        (0..count).map(chain).collect()
    }

    #[test]
    fn portions_and_restarts_change_nothing() {
        let x = chains(0.0, 5, 3000, 0);
        let identity = |m: &[f64]| m.to_vec();
        let whole = filled(&x, &[3000]);
        let parts = filled(&x, &[64, 64, 64, 1, 1000, 1807]);
        assert_eq!((whole.length, whole.samples), (parts.length, parts.samples));
        let (a, b) = (whole.summary(0, &identity), parts.summary(0, &identity));
        a.mean
            .iter()
            .zip(&b.mean)
            .for_each(|(p, q)| assert!((p - q).abs() < 1e-12));
        a.error
            .iter()
            .zip(&b.error)
            .for_each(|(p, q)| assert!((p / q - 1.0).abs() < 1e-9));
        assert!(
            a.bins.len() >= BINS && a.bins.len() <= 4 * BINS,
            "{}",
            a.bins.len()
        );
        let mut tree = Tree::default();
        parts.save(&mut tree, "x");
        assert_eq!(Bins::load(&tree, "x").unwrap(), parts);
    }

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
