//! Decides how the layers of a wave function that has hidden units are sampled in turn: block
//! Gibbs, of which every step is taken.
//!
//! Chain c of a block draws from the generator (seed, purpose, c, step), on whichever rank it lies.
//! Chains are saved, loaded and changed in number as those of chains.rs.

use super::chains::{fit_chains, put_back};
use super::evaluated::{Evaluated, KeepsSamples, answers_from_samples};
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::{Ansatz, Erased, SweepRoom};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{Generator, Purpose, lane, stream};
use std::ops::Range;

/// What the chains need besides the wave function.
pub struct GibbsSettings {
    /// The configurations.
    pub basis: Basis,
    /// Seed of the run.
    pub seed: u64,
    /// Number of this ensemble among those of the run, each with streams of its own.
    pub number: u64,
    /// Global numbers of this rank's chains.
    pub chains: Range<usize>,
    /// Chains over all ranks.
    pub total_chains: usize,
    /// Sweeps of both layers between kept samples.
    pub sweeps: usize,
}

impl GibbsSettings {
    /// The random numbers of this rank's chains.
    fn streams(&self, purpose: Purpose, step: u64) -> Vec<Generator> {
        let name = |chain| lane(self.number, chain as u64);
        let chains = self.chains.clone();
        chains
            .map(|chain| stream(self.seed, purpose, name(chain), step))
            .collect()
    }
}

/// Chains of one rank whose layers are drawn in turn, and what they sampled last.
pub struct Gibbs {
    settings: GibbsSettings,
    states: Vec<i8>,
    samples: Evaluated,
    room: SweepRoom,
}

impl Gibbs {
    /// Chains at random configurations; an error where the wave function has no hidden units to
    /// draw, or where a sector is fixed, which such steps leave.
    pub fn new(ansatz: Erased, settings: GibbsSettings) -> Result<Self> {
        let wrong =
            |problem: &str, remedy: &str| Err(Error::input("sampler.method", problem, remedy));
        if ansatz.alternating().is_none() {
            return wrong(
                "\"gibbs\" draws visible and hidden units in turn, and this wave function has no \
                 hidden units with a distribution",
                "use \"metropolis\" or \"full-sum\", or ansatz.kind = \"boltzmann\"",
            );
        }
        if !settings.basis.charges().is_empty() {
            return wrong(
                "\"gibbs\" draws all sites at once and leaves the sector",
                "use \"metropolis\" or \"full-sum\", or remove hamiltonian.sector",
            );
        }
        let mut states = Vec::new();
        for mut rng in settings.streams(Purpose::Configurations, 0) {
            states.extend(settings.basis.random(&mut rng));
        }
        Ok(Gibbs {
            samples: Evaluated::new(ansatz, &settings.basis),
            settings,
            states,
            room: SweepRoom::default(),
        })
    }

    /// Moves all chains by so many sweeps.
    fn advance(
        &mut self,
        sweeps: usize,
        rngs: &mut [Generator],
        go_on: &dyn Fn() -> bool,
    ) -> Result<()> {
        for _ in 0..sweeps {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            if let Some(layers) = self.samples.ansatz.alternating() {
                layers.sweep(rngs, &mut self.states, &mut self.room);
            }
        }
        Ok(())
    }
}

impl Ensemble for Gibbs {
    fn sites(&self) -> usize {
        self.samples.ansatz.sites()
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let (n, each) = (self.sites(), request.per_chain);
        let mut rngs = self.settings.streams(request.purpose, request.step);
        self.advance(request.burn_in, &mut rngs, go_on)?;
        self.samples.rows.resize(self.states.len() * each, 0);
        for k in 0..each {
            self.advance(self.settings.sweeps, &mut rngs, go_on)?;
            for (chain, x) in self.states.chunks_exact(n).enumerate() {
                self.samples.rows[(chain * each + k) * n..][..n].copy_from_slice(x);
            }
        }
        self.samples.evaluate(self.settings.total_chains * each);
        Ok(())
    }

    answers_from_samples!();
    fn noise(&self) -> Noise {
        Noise::Chains(self.settings.chains.clone())
    }
    fn set_sweeps(&mut self, sweeps: usize) {
        self.settings.sweeps = sweeps;
    }
    fn chain_states(&self) -> &[i8] {
        &self.states
    }
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()> {
        put_back(states, &mut self.states, &self.settings.basis)
    }
    fn set_chains(&mut self, mine: Range<usize>, total: usize, states: &[i8]) -> Result<()> {
        (self.settings.chains, self.settings.total_chains) = (mine, total);
        let walkers = self.settings.chains.len();
        self.states.resize(walkers * self.sites(), 0);
        self.set_chain_states(states)
    }
    fn load(&mut self, whole: &[i8]) -> Result<()> {
        let mine = self.settings.chains.clone();
        let own = fit_chains(whole, self.sites(), self.settings.total_chains, mine);
        self.set_chain_states(&own)
    }
}

impl KeepsSamples for Gibbs {
    fn samples(&self) -> &Evaluated {
        &self.samples
    }
    fn samples_mut(&mut self) -> &mut Evaluated {
        &mut self.samples
    }
}
