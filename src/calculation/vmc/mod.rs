//! Decides what the sections of variational Monte Carlo share: the problem and the sampled wave
//! function, which one section hands on to the next.

mod block;
mod counted;
pub mod disorder;
mod estimate;
mod memory;
pub mod observe;
mod overlap;
pub mod problem;
mod record;
mod sampled;
mod samples;
mod starts;
mod state;
mod tying;
mod unused;

pub use block::{BlockCounts, weigh};
pub use estimate::{Energy, estimate, gather_log_weights, gather_series, moments};
pub use memory::Sampling;
pub use overlap::RatioMeans;
pub use record::{ShownParameters, parameters_of, value_of};
pub use sampled::default_move;
pub use state::{Restored, gather_spins};

use crate::ensemble::Variational;
use crate::error::Result;
use crate::input::{KeptSamples, SamplerInput, Source};
use problem::Problem;
use state::Place;

/// A problem, and the wave function with its samples.
pub struct Vmc<'a> {
    /// Lattice, sector, Hamiltonian.
    pub problem: Problem<'a>,
    /// The wave function and this rank's configurations.
    pub ensemble: Box<dyn Variational>,
    /// `[sampler]`
    pub sampler: SamplerInput,
    /// Seed of the run.
    pub seed: u64,
    /// Whether sums are made in an order that does not depend on the ranks.
    pub deterministic: bool,
    /// `output.samples`
    pub kept: KeptSamples,
    /// Proposals made so far over all ranks.
    pub proposals: f64,
    /// Which fraction of so many samples with equal weights those of the last block are worth.
    pub effective_fraction: f64,
    /// Whether all chains burn in before the next sample.
    pub burn_in_due: bool,
    /// What results show as parameters in place of those of the wave function that is sampled.
    pub shown: Option<ShownParameters>,
    /// What is known of the problem and not used by the input, a sentence each.
    pub unused: Vec<String>,
    /// By which group filters are tied that the input does not tie, a sentence.
    pub tying: Option<String>,
    mark: Place,
    rank: usize,
    size: usize,
}

impl<'a> Vmc<'a> {
    /// This rank's part of the initial state of an input.
    pub fn new(source: &Source, problem: Problem<'a>, rank: usize, size: usize) -> Result<Self> {
        let ensemble = problem::ensemble(source, &problem, rank, size)?;
        Ok(Vmc {
            unused: unused::unused(source, &problem),
            tying: problem::tied_by(source, &problem).map(tying::headline),
            problem,
            ensemble,
            sampler: source.input.sampler.clone().unwrap_or_default(),
            seed: source.input.seed,
            deterministic: source.input.deterministic,
            kept: source.input.output.samples,
            proposals: 0.0,
            effective_fraction: 1.0,
            burn_in_due: false,
            shown: None,
            mark: Place::default(),
            rank,
            size,
        })
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.problem.lattice.sites
    }

    /// Samples of a chain in a step.
    pub fn per_chain(&self) -> usize {
        self.sampler.samples / self.sampler.chains
    }
}
