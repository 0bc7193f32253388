//! Decides the entropy of a large block as a product of ratios, Tr ρ_A² = Π_k Z_{k+1}/Z_k over
//! blocks that grow site by site.
//!
//! Z_k = Σ_{x,x'} w_k, w_k = ψ*(x) ψ*(x') ψ(s) ψ(s') with s, s' the copies after swapping
//! block k; Z_0 is the norm. For each k two copies are sampled with the weight Q = |w_k| +
//! |w_{k+1}|, and Z_{k+1}/Z_k = ⟨w_{k+1}/Q⟩/⟨w_k/Q⟩: both averages are bounded by 1, and no
//! pair is missed that a fixed total Sz forbids in one of the two blocks (after M. B. Hastings et
//! al., Phys. Rev. Lett. 104, 157201 (2010), who sample w_k alone). The copies start from a sample
//! of the chain in every block of samples.

use super::{Mask, entropy, labels, mask, propose, purity, quantities, swapped};
use crate::basis::{Basis, Step};
use crate::ensemble::{Amplitudes, Ensemble};
use crate::error::Result;
use crate::observable::{Label, Observable, Quantity, View};
use crate::rng::{Generator, Purpose, RngExt, stream};
use num_complex::Complex64;

pub(super) struct Ratio {
    /// The block before and after each step.
    steps: Vec<(Mask, Mask)>,
    /// Steps that lead to each block.
    paths: Vec<Vec<usize>>,
    blocks: Vec<Mask>,
    basis: Basis,
    seed: u64,
    burn_in: usize,
}

/// Two copies that are sampled with the weight of one step.
struct Copies {
    x: Vec<i8>,
    y: Vec<i8>,
    /// ln w_k and ln w_{k+1}
    logs: [Complex64; 2],
}

fn log_sum(logs: &[Complex64; 2]) -> f64 {
    let (a, b) = (logs[0].re.max(logs[1].re), logs[0].re.min(logs[1].re));
    if a == f64::NEG_INFINITY {
        a
    } else {
        a + (b - a).exp().ln_1p()
    }
}

impl Ratio {
    pub(super) fn new(blocks: &[Vec<usize>], basis: Basis, seed: u64, burn_in: usize) -> Self {
        let (mut steps, mut paths): (_, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        for (k, block) in blocks.iter().enumerate() {
            // A block that continues the one before goes on from there.
            let before = k.checked_sub(1).filter(|&p| block.starts_with(&blocks[p]));
            let (mut path, done) =
                before.map_or((Vec::new(), 0), |p| (paths[p].clone(), blocks[p].len()));
            for length in done..block.len() {
                path.push(steps.len());
                steps.push((
                    mask(&block[..length], basis.sites()),
                    mask(&block[..length + 1], basis.sites()),
                ));
            }
            paths.push(path);
        }
        let blocks = blocks.iter().map(|b| mask(b, basis.sites())).collect();
        Ratio {
            steps,
            paths,
            blocks,
            basis,
            seed,
            burn_in,
        }
    }

    /// ln w_k and ln w_{k+1} of each pair of configurations.
    fn logs(
        &self,
        psi: &dyn Amplitudes,
        pairs: &[(usize, Vec<i8>, Vec<i8>)],
    ) -> Vec<[Complex64; 2]> {
        let mut asked = Vec::new();
        for (step, x, y) in pairs {
            let (before, after) = &self.steps[*step];
            asked.extend_from_slice(x);
            asked.extend_from_slice(y);
            asked.extend(swapped(x, y, before).concat());
            asked.extend(swapped(x, y, after).concat());
        }
        let weight = |l: &[Complex64]| {
            let zero = Complex64::new(f64::NEG_INFINITY, 0.0);
            let of = |k: usize| (l[0] + l[1]).conj() + l[k] + l[k + 1];
            [of(2), of(4)].map(|w| if w.re > f64::NEG_INFINITY { w } else { zero })
        };
        psi.log_psi_of(&asked).chunks_exact(6).map(weight).collect()
    }

    /// One proposal for the copies of every step.
    fn advance(&self, psi: &dyn Amplitudes, copies: &mut [Copies], rng: &mut Generator) {
        let mut proposals = Vec::new();
        let mut thresholds = Vec::new();
        for (step, pair) in copies.iter().enumerate() {
            // The first copy, the second, or both: where total Sz is fixed, spins cross the edge of
            // the block in both.
            let which = rng.random_range(0..3);
            let (mut x, mut y) = (pair.x.clone(), pair.y.clone());
            let (mut moved, mut move_of_copy) = (true, Step::default());
            for (copy, stays) in [(&mut x, 1), (&mut y, 0)] {
                if which != stays {
                    propose(copy, &self.basis, rng, &mut move_of_copy);
                    moved &= !move_of_copy.get().is_empty();
                    move_of_copy.get().apply(copy);
                }
            }
            let threshold: f64 = rng.random();
            if moved {
                proposals.push((step, x, y));
                thresholds.push(threshold);
            }
        }
        let logs = self.logs(psi, &proposals);
        for (((step, x, y), logs), threshold) in proposals.into_iter().zip(logs).zip(thresholds) {
            let probability = (log_sum(&logs) - log_sum(&copies[step].logs)).exp();
            if threshold < probability {
                copies[step] = Copies { x, y, logs };
            }
        }
    }
}

impl Observable for Ratio {
    fn columns(&self) -> usize {
        2 * self.steps.len()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let Some(start) = view.configurations().next() else {
            return Ok(Vec::new());
        };
        let (chain, sample) = view.place;
        let mut rng = stream(self.seed, Purpose::Copies, chain, sample);
        let pairs: Vec<_> = (0..self.steps.len())
            .map(|k| (k, start.to_vec(), start.to_vec()))
            .collect();
        let psi = view.psi()?;
        let logs = self.logs(psi, &pairs);
        let mut copies: Vec<_> = pairs
            .into_iter()
            .zip(logs)
            .map(|((_, x, y), logs)| Copies { x, y, logs })
            .collect();
        let sweep = |copies: &mut [Copies], rng: &mut Generator| {
            (0..self.basis.sites()).for_each(|_| self.advance(psi, copies, rng));
        };
        (0..self.burn_in).for_each(|_| sweep(&mut copies, &mut rng));
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        for _ in view.rows.clone() {
            sweep(&mut copies, &mut rng);
            for pair in &copies {
                let total = log_sum(&pair.logs);
                out.extend(pair.logs.map(|l| {
                    if l.re == f64::NEG_INFINITY {
                        0.0
                    } else {
                        (l - total).exp().re
                    }
                }));
            }
        }
        Ok(out)
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        let Some((index, amplitudes)) = ensemble.psi().and_then(|psi| psi.all()) else {
            return Ok(None);
        };
        let mut means = Vec::new();
        for (before, after) in &self.steps {
            means.extend([
                purity(index, amplitudes, before)?,
                purity(index, amplitudes, after)?,
            ]);
        }
        Ok(Some(means))
    }
    fn draws_its_own(&self) -> bool {
        true
    }
    fn quantities(&self) -> Vec<Quantity> {
        quantities(self.blocks.len())
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let ratio = |step: usize| {
            if means[2 * step] > 0.0 {
                means[2 * step + 1] / means[2 * step]
            } else {
                0.0
            }
        };
        let purities: Vec<f64> = self
            .paths
            .iter()
            .map(|path| path.iter().map(|&k| ratio(k)).product())
            .collect();
        purities
            .iter()
            .map(|&p| entropy(p))
            .chain(purities.iter().copied())
            .collect()
    }
    fn labels(&self) -> Vec<Label> {
        labels(&self.blocks)
    }
}
