//! Decides how configurations are sampled: this rank's Markov chains, continued from step to step.
//!
//! Tables are rebuilt at the start of every block, so that a checkpoint needs the configurations
//! alone.

use super::{Ensemble, LocalValues, Request, local_values_by_ratios, log_psi_within};
use crate::ansatz::{Ansatz, Asks, Block};
use crate::basis::{Basis, Move, Numbering};
use crate::derivatives::Derivatives;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{Generator, Purpose, stream};
use crate::sampler::{Counts, Metropolis, Mixture};
use num_complex::Complex64;
use std::f64::consts::TAU;
use std::ops::Range;

/// What the chains need besides the wave function.
pub struct ChainSettings {
    /// The configurations.
    pub basis: Basis,
    /// How chains move.
    pub mixture: Mixture,
    /// Seed of the run.
    pub seed: u64,
    /// Global numbers of this rank's chains.
    pub chains: Range<usize>,
    /// Chains over all ranks.
    pub total_chains: usize,
    /// Sweeps between kept samples.
    pub sweeps: usize,
}

/// Metropolis chains of one rank and what they sampled last.
pub struct Chains<A: Ansatz> {
    ansatz: A,
    settings: ChainSettings,
    states: Vec<i8>,
    samples: Vec<i8>,
    batch: A::Batch,
    log_psi: Vec<Complex64>,
    weights: Vec<f64>,
    counts: Counts,
    metropolis: Metropolis<A::Scratch>,
}

impl<A: Ansatz> Chains<A> {
    /// How often a start is drawn again because its amplitude vanishes.
    const STARTS: usize = 10_000;

    /// Chains at random configurations with a non-zero amplitude.
    pub fn new(ansatz: A, settings: ChainSettings) -> Result<Self> {
        let mut states = Vec::new();
        for chain in settings.chains.clone() {
            let mut rng = stream(settings.seed, Purpose::Configurations, chain as u64, 0);
            let start = (0..Self::STARTS)
                .map(|_| settings.basis.random(&mut rng))
                .find(|x| ansatz.log_psi(&ansatz.batch(x))[0].re > f64::NEG_INFINITY)
                .ok_or_else(|| {
                    Error::numerical(
                        format!(
                            "no configuration with a non-zero amplitude in {} draws",
                            Self::STARTS
                        ),
                        "check the wave function, or use sampler.method = \"full-sum\"",
                    )
                })?;
            states.extend(start);
        }
        let batch = ansatz.batch(&[]);
        let counts = Counts::new(settings.chains.len());
        Ok(Chains {
            ansatz,
            settings,
            states,
            samples: Vec::new(),
            batch,
            log_psi: Vec::new(),
            weights: Vec::new(),
            counts,
            metropolis: Metropolis::default(),
        })
    }

    /// The largest |ln ψ − ln ψ computed afresh| over the chains, whose last samples are where
    /// they stand.
    fn drift(&self, walkers: &A::Batch, per_chain: usize) -> f64 {
        let fresh = self
            .log_psi
            .iter()
            .skip(per_chain.saturating_sub(1))
            .step_by(per_chain.max(1));
        let difference = |(walked, fresh): (Complex64, &Complex64)| {
            let d = walked - fresh;
            let distance = d.re.hypot(d.im - TAU * (d.im / TAU).round());
            if walked == *fresh {
                0.0
            } else {
                if distance.is_nan() {
                    f64::INFINITY
                } else {
                    distance
                }
            }
        };
        self.ansatz
            .log_psi(walkers)
            .into_iter()
            .zip(fresh)
            .map(difference)
            .fold(0.0, f64::max)
    }
}

impl<A: Ansatz> Ensemble for Chains<A> {
    fn sites(&self) -> usize {
        self.ansatz.sites()
    }
    fn parameters(&self) -> Vec<f64> {
        self.ansatz.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.ansatz.set_parameters(parameters)
    }
    fn layout(&self) -> Vec<Block> {
        self.ansatz.layout()
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let n = self.ansatz.sites();
        let local = self.settings.chains.len();
        let mut rngs: Vec<Generator> = (self.settings.chains.clone())
            .map(|chain| {
                stream(
                    self.settings.seed,
                    request.purpose,
                    chain as u64,
                    request.step,
                )
            })
            .collect();
        let mut walkers = self.ansatz.batch(&self.states);
        let mut advance = |states: &mut Vec<i8>, counts: &mut Counts, sweeps: usize| {
            for _ in 0..sweeps {
                if !go_on() {
                    return Err(Error::Interrupted);
                }
                self.metropolis.sweep(
                    &self.ansatz,
                    &mut walkers,
                    states,
                    &self.settings.mixture,
                    &mut rngs,
                    1,
                    counts,
                );
            }
            Ok(())
        };
        advance(&mut self.states, &mut self.counts, request.burn_in)?;
        self.samples.resize(local * request.per_chain * n, 0);
        for k in 0..request.per_chain {
            advance(&mut self.states, &mut self.counts, self.settings.sweeps)?;
            for (chain, x) in self.states.chunks_exact(n).enumerate() {
                self.samples[(chain * request.per_chain + k) * n..][..n].copy_from_slice(x);
            }
        }
        self.batch = self.ansatz.batch(&self.samples);
        self.log_psi = self.ansatz.log_psi(&self.batch);
        let drift = self.drift(&walkers, request.per_chain);
        self.counts.table_drift = self.counts.table_drift.max(drift);
        let total = (self.settings.total_chains * request.per_chain) as f64;
        self.weights = vec![1.0 / total; local * request.per_chain];
        Ok(())
    }

    fn configurations(&self) -> &[i8] {
        &self.samples
    }
    fn log_psi(&self) -> &[Complex64] {
        &self.log_psi
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        let values = local_values_by_ratios(&self.ansatz, &self.batch, &self.samples, operator);
        Ok(LocalValues {
            values,
            unseen: 0.0,
        })
    }
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        let n = self.ansatz.sites();
        let leaves = |(walker, step): (usize, Move)| {
            let x = &self.samples[walker * n..(walker + 1) * n];
            !self.settings.basis.keeps(x, step)
        };
        let mut out = vec![Complex64::ZERO; asks.len()];
        let scratch = &mut A::Scratch::default();
        self.ansatz.ratios(&self.batch, asks, scratch, &mut out);
        out.iter_mut()
            .zip(asks.iter())
            .filter(|(_, ask)| leaves(*ask))
            .for_each(|(r, _)| *r = Complex64::ZERO);
        out
    }
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        log_psi_within(&self.ansatz, &self.settings.basis, xs)
    }
    fn amplitudes(&self) -> Option<(&Numbering, &[Complex64])> {
        None
    }
    fn derivatives(&self) -> Derivatives {
        self.ansatz.derivatives(&self.batch)
    }
    fn take_counts(&mut self) -> Counts {
        std::mem::replace(&mut self.counts, Counts::new(self.settings.chains.len()))
    }
    fn chains(&self) -> Range<usize> {
        self.settings.chains.clone()
    }
    fn chain_states(&self) -> &[i8] {
        &self.states
    }
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()> {
        let n = self.ansatz.sites();
        if states.len() != self.states.len()
            || !states
                .chunks_exact(n)
                .all(|x| self.settings.basis.contains(x))
        {
            return Err(Error::numerical(
                "the chains of the checkpoint do not fit this run",
                "start over with --fresh or use another output.name",
            ));
        }
        self.states.copy_from_slice(states);
        Ok(())
    }
    fn is_exact(&self) -> bool {
        false
    }
}
