//! Decides how configurations are sampled: this rank's Markov chains, continued from step to step.
//!
//! Tables are rebuilt at the start of every block, so that a checkpoint needs the configurations
//! alone. A run with another number of chains goes on from them too: of fewer chains the first ones
//! stay; of more, chain c starts where chain c mod n stood, and because copies are not independent
//! at first, all chains burn in before the next sample; each draws from its own random stream.

use super::evaluated::{Evaluated, KeepsSamples, answers_from_samples};
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::{Ansatz, Erased};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{Generator, Purpose, lane, stream};
use crate::sampler::{BORN, Counts, Metropolis, Mixture, Tempering};
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
    /// Number of this ensemble among those of the run, each with streams of its own; 0 for the one
    /// that the input describes.
    pub number: u64,
    /// Global numbers of this rank's chains.
    pub chains: Range<usize>,
    /// Chains over all ranks.
    pub total_chains: usize,
    /// Sweeps between kept samples.
    pub sweeps: usize,
    /// Configurations that chains begin in, one after the other; none where these are random.
    pub starts: Vec<Vec<i8>>,
    /// p of the replicas of a chain, of which the first one gives samples: chains sample |ψ|^p. A
    /// chain without replicas has one power.
    pub powers: Vec<f64>,
}

impl ChainSettings {
    /// p of the samples.
    fn power(&self) -> f64 {
        self.powers.first().copied().unwrap_or(BORN)
    }
    /// Whether samples count differently.
    fn is_weighted(&self) -> bool {
        self.power() != BORN
    }
    /// Replicas of a chain.
    fn replicas(&self) -> usize {
        self.powers.len().max(1)
    }
    /// No proposals yet of this rank's chains.
    fn counts(&self) -> Counts {
        Counts {
            swaps: vec![[0; 2]; self.replicas() - 1],
            ..Counts::new(self.chains.len())
        }
    }
    /// The numbers of the replicas of this rank's chains among all.
    fn walkers(&self) -> Range<usize> {
        self.chains.start * self.replicas()..self.chains.end * self.replicas()
    }

    /// ln ψ and the weights of so many samples of each chain.
    fn evaluate(&self, samples: &mut Evaluated, per_chain: usize) {
        match self.is_weighted() {
            true => samples.evaluate_weighted(self.power()),
            false => samples.evaluate(self.total_chains * per_chain),
        }
    }

    /// The random numbers of a chain.
    fn stream(&self, purpose: Purpose, chain: usize, step: u64) -> Generator {
        stream(self.seed, purpose, lane(self.number, chain as u64), step)
    }
}

/// Configurations of the chains `mine` of a run with `wanted` chains, from those of a checkpoint
/// with any number of them, row by row.
pub fn fit_chains(states: &[i8], sites: usize, wanted: usize, mine: Range<usize>) -> Vec<i8> {
    let row = sites.max(1);
    let there = states.len() / row;
    if there == 0 {
        return Vec::new();
    }
    mine.filter(|&c| c < wanted)
        .flat_map(|c| states[(c % there) * row..][..row].iter().copied())
        .collect()
}

/// Puts the chains `own` where `states` say; an error unless these are as many configurations.
pub(super) fn put_back(states: &[i8], own: &mut [i8], basis: &Basis) -> Result<()> {
    let mut rows = states.chunks_exact(basis.sites());
    if states.len() != own.len() || !rows.all(|x| basis.contains(x)) {
        return Err(Error::numerical(
            "the chains of the checkpoint do not fit this run",
            "start over with --fresh or use another output.name",
        ));
    }
    own.copy_from_slice(states);
    Ok(())
}

/// Metropolis chains of one rank and what they sampled last.
pub struct Chains {
    settings: ChainSettings,
    states: Vec<i8>,
    samples: Evaluated,
    counts: Counts,
    metropolis: Metropolis,
}

impl Chains {
    /// How often a start is drawn again because its amplitude vanishes.
    const STARTS: usize = 10_000;

    /// Chains where the settings say, in configurations with a non-zero amplitude.
    pub fn new(ansatz: Erased, settings: ChainSettings) -> Result<Self> {
        let mut states = Vec::new();
        for chain in settings.walkers() {
            let mut rng = settings.stream(Purpose::Configurations, chain, 0);
            // Where the amplitude of an ordered start vanishes, a random one takes its place.
            let ordered = settings.starts.iter().cycle().nth(chain).cloned();
            let random = (0..Self::STARTS).map(|_| settings.basis.random(&mut rng));
            let start = ordered
                .into_iter()
                .chain(random)
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
        let counts = settings.counts();
        Ok(Chains {
            samples: Evaluated::new(ansatz, &settings.basis),
            metropolis: Metropolis::default(),
            settings,
            states,
            counts,
        })
    }

    /// The largest |ln ψ − ln ψ computed afresh| over the chains, whose last samples are where
    /// the walkers `of` stand.
    fn drift(&self, walkers: &<Erased as Ansatz>::Batch, of: &[usize], per_chain: usize) -> f64 {
        let fresh = self
            .samples
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
        let logs = self.samples.ansatz.log_psi(walkers);
        (of.iter().map(|&walker| logs[walker]))
            .zip(fresh)
            .map(difference)
            .fold(0.0, f64::max)
    }
}

impl Ensemble for Chains {
    fn sites(&self) -> usize {
        self.samples.ansatz.sites()
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let n = self.samples.ansatz.sites();
        let settings = &self.settings;
        let local = settings.chains.len();
        let mut rngs: Vec<Generator> = (settings.walkers())
            .map(|walker| settings.stream(request.purpose, walker, request.step))
            .collect();
        let mut walkers = self.samples.ansatz.batch(&self.states);
        let mut tempering = Tempering::new(&settings.powers, local, request.step);
        self.metropolis.set_powers(&tempering.powers());
        let mut all = Counts::new(rngs.len());
        let mut advance = |states: &mut Vec<i8>, counts: &mut Counts, sweeps: usize| {
            for _ in 0..sweeps {
                if !go_on() {
                    return Err(Error::Interrupted);
                }
                all.proposed.fill(0);
                all.accepted.fill(0);
                let ansatz = &self.samples.ansatz;
                self.metropolis.sweep(
                    ansatz,
                    &mut walkers,
                    states,
                    &settings.mixture,
                    &mut rngs,
                    1,
                    &mut all,
                );
                for (chain, walker) in tempering.first().enumerate() {
                    counts.proposed[chain] += all.proposed[walker];
                    counts.accepted[chain] += all.accepted[walker];
                }
                if settings.replicas() > 1 {
                    tempering.swap(&ansatz.log_psi(&walkers), &mut rngs, counts);
                    self.metropolis.set_powers(&tempering.powers());
                }
            }
            counts.non_finite += std::mem::take(&mut all.non_finite);
            Ok(tempering.first().collect::<Vec<usize>>())
        };
        advance(&mut self.states, &mut self.counts, request.burn_in)?;
        let rows = &mut self.samples.rows;
        rows.resize(local * request.per_chain * n, 0);
        let mut first = Vec::new();
        for k in 0..request.per_chain {
            first = advance(&mut self.states, &mut self.counts, settings.sweeps)?;
            for (chain, &walker) in first.iter().enumerate() {
                let x = &self.states[walker * n..(walker + 1) * n];
                rows[(chain * request.per_chain + k) * n..][..n].copy_from_slice(x);
            }
        }
        settings.evaluate(&mut self.samples, request.per_chain);
        let drift = self.drift(&walkers, &first, request.per_chain);
        self.counts.table_drift = self.counts.table_drift.max(drift);
        // The next block begins with replicas in the order of the powers.
        let row = |&walker: &usize| self.states[walker * n..(walker + 1) * n].iter().copied();
        self.states = tempering.order().iter().flat_map(row).collect();
        Ok(())
    }

    answers_from_samples!();
    fn log_weights(&self) -> Option<&[f64]> {
        let logs = self.samples.log_weights.logs.as_slice();
        self.settings.is_weighted().then_some(logs)
    }
    fn log_norm(&self) -> f64 {
        self.samples.log_weights.norm
    }
    fn set_log_norm(&mut self, log_norm: f64) {
        if self.settings.is_weighted() {
            self.samples.log_weights.norm = log_norm;
            self.samples.weights = self.samples.log_weights.weights();
        }
    }
    fn noise(&self) -> Noise {
        Noise::Chains(self.settings.chains.clone())
    }
    fn take_counts(&mut self) -> Counts {
        std::mem::replace(&mut self.counts, self.settings.counts())
    }
    fn set_sweeps(&mut self, sweeps: usize) {
        self.settings.sweeps = sweeps;
    }
    fn set_moves(&mut self, moves: Mixture) {
        self.settings.mixture = moves;
    }
    fn chain_states(&self) -> &[i8] {
        &self.states
    }
    fn chain_length(&self) -> usize {
        self.sites() * self.settings.replicas()
    }
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()> {
        put_back(states, &mut self.states, &self.settings.basis)
    }
    fn set_chains(&mut self, mine: Range<usize>, total: usize, states: &[i8]) -> Result<()> {
        (self.settings.chains, self.settings.total_chains) = (mine, total);
        let walkers = self.settings.walkers().len();
        self.states.resize(walkers * self.sites(), 0);
        self.counts = self.settings.counts();
        self.set_chain_states(states)
    }
    fn load(&mut self, whole: &[i8]) -> Result<()> {
        let (length, settings) = (self.chain_length(), &self.settings);
        let mine = settings.chains.clone();
        self.set_chain_states(&fit_chains(whole, length, settings.total_chains, mine))
    }
}

impl KeepsSamples for Chains {
    fn samples(&self) -> &Evaluated {
        &self.samples
    }
    fn samples_mut(&mut self) -> &mut Evaluated {
        &mut self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::fit_chains;

    #[test]
    fn the_first_stay_and_more_are_copies() {
        let three = [1, 1, -1, 1, -1, -1];
        assert_eq!(fit_chains(&three, 2, 3, 0..3), three);
        assert_eq!(fit_chains(&three, 2, 2, 0..2), [1, 1, -1, 1]);
        let five = [1, 1, -1, 1, -1, -1, 1, 1, -1, 1];
        assert_eq!(fit_chains(&three, 2, 5, 0..5), five);
        assert_eq!(fit_chains(&three, 2, 5, 2..4), [-1, -1, 1, 1]);
        assert!(fit_chains(&[], 2, 5, 0..5).is_empty());
    }
}
