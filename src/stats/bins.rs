//! Decides how samples of many quantities are kept for their error bars: sums per bin, in a bounded
//! number of bins.
//!
//! Chains are joined to at most 64 groups, and the samples of a group to bins whose length doubles
//! when there are too many of them; at the end they are joined to the longest bins of which at
//! least 64 are left.
//!
//! Samples with weights come with sums in units of their own block, and the largest unit so far is
//! that of all.

use crate::error::{Error, Result};
use crate::io::tree::Tree;
use std::ops::Range;

/// Most groups of chains, and the number of bins that the error rests on.
const BINS: usize = 64;
/// Numbers that the bins of one observable may take.
const NUMBERS: usize = 1 << 22;

/// Samples of a bin, and its sums.
pub(super) type BinSums = (f64, Vec<f64>);

/// Sums of the columns of one observable over bins of samples. Every rank counts, rank 0 alone
/// holds the sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    pub(super) columns: usize,
    pub(super) chains: usize,
    pub(super) groups: usize,
    /// Samples of one chain in a bin.
    pub(super) length: usize,
    /// Samples of one chain so far.
    pub(super) samples: usize,
    /// Group after group, in each bin after bin, Σ x of the columns and then Σ x²; of samples with
    /// weights the sums of [`super::push_sums`].
    sums: Vec<f64>,
    /// ln of the unit of the weights; none where all samples count the same.
    unit: Option<f64>,
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
            unit: None,
        };
        // A few columns start with bins of one sample, so that sums do not depend on how many
        // samples were expected.
        while columns > 256 && expected.div_ceil(bins.length) > bins.most() {
            bins.length *= 2;
        }
        bins
    }

    /// The same for samples with weights.
    pub fn weighted(self) -> Self {
        Bins {
            unit: Some(f64::NEG_INFINITY),
            ..self
        }
    }

    /// Whether samples have weights.
    pub fn is_weighted(&self) -> bool {
        self.unit.is_some()
    }

    /// Numbers of one bin.
    pub(super) fn row(&self) -> usize {
        match self.is_weighted() {
            true => 3 * self.columns + 2,
            false => 2 * self.columns,
        }
    }

    /// Most bins of one group.
    fn most(&self) -> usize {
        let wanted = (16 * BINS).min(NUMBERS / self.columns.max(1)).max(2 * BINS);
        (wanted / self.groups.max(1)).max(2)
    }

    pub(super) fn count(&self) -> usize {
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
        let (row, per_group) = (self.row(), self.row() * count);
        let mut sums = Vec::with_capacity(self.sums.len() / 2 + row);
        for group in self.sums.chunks(per_group) {
            for pair in group.chunks(2 * row) {
                let second = |k: usize| pair.get(row + k).copied().unwrap_or(0.0);
                sums.extend((0..row).map(|k| pair[k] + second(k)));
            }
        }
        self.sums = sums;
    }

    /// As [`Bins::push`], of samples with weights in units of exp(`unit`).
    pub fn push_weighted(
        &mut self,
        new: usize,
        segments: &[Range<usize>],
        sums: Option<&[f64]>,
        unit: f64,
    ) {
        let before = self.unit.unwrap_or(unit);
        let after = before.max(unit);
        self.unit = Some(after);
        let (columns, row) = (self.columns, self.row());
        // The first sums and Σ w go as the unit, the others as its square.
        let scale = |sums: &mut [f64], from: f64| {
            let factor = (from - after).exp();
            for (k, s) in sums.iter_mut().enumerate() {
                let linear = k % row < columns || k % row == 3 * columns;
                *s *= if linear { factor } else { factor * factor };
            }
        };
        if before < after {
            scale(&mut self.sums, before);
        }
        let Some(sums) = sums else {
            return self.push(new, segments, None);
        };
        let mut sums = sums.to_vec();
        if unit < after {
            scale(&mut sums, unit);
        }
        self.push(new, segments, Some(&sums));
    }

    /// Counts `new` samples of every chain; on rank 0 `sums` holds, chain by chain, the sums over
    /// the segments of [`Bins::segments`], as [`super::push_sums`] gives them.
    pub fn push(&mut self, new: usize, segments: &[Range<usize>], sums: Option<&[f64]>) {
        let (before, row) = (self.count(), self.row());
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
            self.row() * self.groups * count,
        )
    }

    /// Joins the bins without the first `skip` of each group to the longest of which at least 64
    /// are left: samples and sums of each, group by group.
    pub(super) fn joined(&self, skip: usize) -> Vec<Vec<BinSums>> {
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
                        let row = self.row();
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
        if let Some(unit) = self.unit {
            tree.put_real(&format!("{prefix}/unit"), unit);
        }
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
            unit: tree.real(&format!("{prefix}/unit")).ok(),
            ..Bins::new(chains, columns, 0)
        };
        let wanted = bins
            .count()
            .checked_mul(bins.groups)
            .and_then(|n| n.checked_mul(bins.row()));
        if wanted == Some(bins.sums.len()) {
            Ok(bins)
        } else {
            Err(misfit())
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    /// Pushes samples x[chain][t] of one column and its square in portions.
    pub(in crate::stats) fn filled(x: &[Vec<f64>], portions: &[usize]) -> Bins {
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

    /// Chains of x ← a x + normal number.
    pub(in crate::stats) fn chains(
        a: f64,
        count: u64,
        length: usize,
        experiment: u64,
    ) -> Vec<Vec<f64>> {
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
}
