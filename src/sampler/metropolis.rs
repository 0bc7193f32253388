//! Decides the accept loop: all chains of a rank propose in lock step, each from its own random
//! stream.
//!
//! A proposal x → x' is accepted with probability min(1, |ψ(x')/ψ(x)|² q(x' → x)/q(x → x'))
//! (Metropolis et al., J. Chem. Phys. 21, 1087 (1953); W. K. Hastings, Biometrika 57, 97 (1970)). A
//! chain's moves depend on its stream and its configuration alone, never on the chains beside it.
//! Chains that sample |ψ|^p have |ψ(x')/ψ(x)|^p in the place of the square.

use super::Mixture;
use crate::ansatz::{Ansatz, Asks, Erased};
use crate::rng::{Generator, RngExt};
use num_complex::Complex64;

/// What happened to the proposals of each chain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Proposals made per chain.
    pub proposed: Vec<u64>,
    /// Proposals accepted per chain.
    pub accepted: Vec<u64>,
    /// Proposals whose ratio was not a number; they are rejected.
    pub non_finite: u64,
    /// The largest |ln ψ − ln ψ computed afresh| of a chain's tables at the end of its sweeps.
    pub table_drift: f64,
    /// Exchanges of replicas between each power and the next that were tried, and those that were
    /// done; none without replicas.
    pub swaps: Vec<[u64; 2]>,
    /// Sweeps after which another replica had the first power, per chain.
    pub replaced: Vec<u64>,
}

impl Counts {
    /// No proposals yet, for `chains` chains.
    pub fn new(chains: usize) -> Self {
        Counts {
            proposed: vec![0; chains],
            accepted: vec![0; chains],
            non_finite: 0,
            table_drift: 0.0,
            swaps: Vec::new(),
            replaced: vec![0; chains],
        }
    }
}

/// The power of |ψ| that gives probabilities.
pub const BORN: f64 = 2.0;

/// Memory of the accept loop, so that a sweep allocates nothing.
#[derive(Default)]
pub struct Metropolis<S = <Erased as Ansatz>::Scratch> {
    asks: Asks,
    thresholds: Vec<f64>,
    ratios: Vec<Complex64>,
    taken: Vec<bool>,
    scratch: S,
    /// p/2 of every walker; none where all sample |ψ|².
    halves: Vec<f64>,
}

impl<S: Default + Send> Metropolis<S> {
    /// From now on walker k samples |ψ|^p with the power `powers[k]`.
    pub fn set_powers(&mut self, powers: &[f64]) {
        self.halves.clear();
        if powers.iter().any(|&power| power != BORN) {
            self.halves.extend(powers.iter().map(|power| 0.5 * power));
        }
    }

    /// |ψ(x')/ψ(x)|^p of a walker from ψ(x')/ψ(x).
    fn probability(&self, walker: usize, ratio: &Complex64) -> f64 {
        let square = ratio.norm_sqr();
        match self.halves.get(walker) {
            Some(&half) if 2.0 * half != BORN => square.powf(half),
            _ => square,
        }
    }

    /// Advances every walker of `batch` by `sweeps` sweeps of N proposals; `xs` holds their
    /// configurations, row by row.
    #[allow(clippy::too_many_arguments)]
    pub fn sweep<A: Ansatz<Scratch = S>>(
        &mut self,
        ansatz: &A,
        batch: &mut A::Batch,
        xs: &mut [i8],
        mixture: &Mixture,
        rngs: &mut [Generator],
        sweeps: usize,
        counts: &mut Counts,
    ) {
        let n = ansatz.sites();
        self.asks.clear();
        self.asks.reserve(rngs.len(), xs.len());
        self.taken.clear();
        self.taken.reserve(rngs.len());
        for _ in 0..sweeps * n {
            self.asks.clear();
            self.thresholds.clear();
            for (walker, (x, rng)) in xs.chunks_exact(n).zip(rngs.iter_mut()).enumerate() {
                let log_q = (self.asks).write(walker, |step| mixture.propose(x, rng, step));
                let threshold: f64 = rng.random();
                counts.proposed[walker] += 1;
                if let Some(log_q) = log_q {
                    self.thresholds.push(match log_q {
                        0.0 => threshold,
                        _ => threshold * (-log_q).exp(),
                    });
                }
            }
            self.ratios.resize(self.asks.len(), Complex64::ZERO);
            ansatz.ratios(batch, &self.asks, &mut self.scratch, &mut self.ratios);
            self.taken.clear();
            for (k, (ratio, threshold)) in self.ratios.iter().zip(&self.thresholds).enumerate() {
                let (walker, step) = self.asks.get(k);
                let probability = self.probability(walker, ratio);
                let taken = *threshold < probability;
                self.taken.push(taken);
                if taken {
                    counts.accepted[walker] += 1;
                    step.apply(&mut xs[walker * n..(walker + 1) * n]);
                } else if probability.is_nan() {
                    counts.non_finite += 1;
                }
            }
            if self.taken.contains(&true) {
                ansatz.accept(batch, &self.asks, &self.taken, &mut self.scratch);
            }
        }
    }
}
