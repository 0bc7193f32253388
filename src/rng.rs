//! Decides how random numbers are made: a generator is a pure function of (seed, purpose, chain,
//! step).
//!
//! The four numbers are the 256-bit key of a ChaCha8 stream (Salmon et al., SC'11: counter-based
//! generators), so there is nothing to store in a checkpoint and nothing depends on the number of
//! ranks.

pub use rand::{Rng, RngExt};
pub use rand_distr::{Binomial, Distribution, StandardNormal};

/// The generator that every random decision is drawn from.
pub type Generator = rand_chacha::ChaCha8Rng;

/// What a stream is used for; different purposes never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Initial parameters of a wave function.
    Parameters = 1,
    /// Initial configurations of the chains.
    Configurations = 2,
    /// Metropolis sweeps during the optimisation.
    Optimize = 3,
    /// Metropolis sweeps during the measurement.
    Measure = 4,
    /// Start vectors of iterative eigensolvers.
    StartVector = 5,
    /// Random inputs of laws and tests.
    Law = 6,
    /// Metropolis sweeps for the slopes of an evolution in time.
    Evolve = 7,
    /// Metropolis sweeps at the output times of an evolution.
    EvolveOutput = 8,
    /// Two copies of the system, for entropies.
    Copies = 9,
    /// Metropolis sweeps of a state that the optimisation stays orthogonal to.
    Orthogonal = 10,
    /// Seeds of the initial parameters of pilots.
    Pilot = 11,
    /// Configurations whose diagonal elements give the energy at infinite temperature.
    Diagonal = 12,
    /// Updates of classical spins.
    Classical = 20,
    /// Swaps of classical configurations between temperatures.
    ClassicalSwap = 21,
    /// Points of the boundary of a space.
    BoundaryData = 40,
    /// Start of a fit of a metric.
    BoundaryStart = 41,
    /// Order of the points in an epoch.
    BoundaryOrder = 42,
    /// Samples of a bootstrap.
    Bootstrap = 43,
    /// Start of a perceptron.
    PerceptronStart = 60,
    /// Order of its examples in an epoch.
    PerceptronOrder = 61,
    /// Rows of a table that are held out.
    HeldOut = 62,
    /// Annealed samples for the normalisation of a distribution.
    Annealing = 70,
    /// Metropolis or Gibbs sweeps while a distribution is learned.
    Learn = 80,
    /// Outcomes drawn from a state.
    DrawnOutcomes = 81,
    /// Outcomes of a batch, and those that chains start at.
    LearnBatch = 82,
    /// Start of the phase of a Boltzmann machine.
    PhaseStart = 83,
    /// Random couplings.
    Disorder = 90,
    /// Seeds of realisations of random couplings.
    Realisation = 91,
}

/// The only constructor of generators: one independent stream per (`seed`, `purpose`, `chain`,
/// `step`).
pub fn stream(seed: u64, purpose: Purpose, chain: u64, step: u64) -> Generator {
    use rand::SeedableRng;
    let mut key = [0u8; 32];
    for (slot, word) in key
        .chunks_exact_mut(8)
        .zip([seed, purpose as u64, chain, step])
    {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    Generator::from_seed(key)
}

/// The word of `chain` in ensemble number `ensemble` of a run; ensemble 0 has the numbers of the
/// chains themselves. There are fewer than 2³² chains.
pub fn lane(ensemble: u64, chain: u64) -> u64 {
    ensemble << 32 | chain
}

/// Any order, all equally likely (R. Durstenfeld, Commun. ACM 7, 420 (1964)); a draw is uniform up
/// to length/2³².
pub fn shuffle(order: &mut [u32], rng: &mut Generator) {
    for k in (1..order.len()).rev() {
        let draw = u64::from(rng.next_u32()) * (k as u64 + 1);
        order.swap(k, (draw >> 32) as usize);
    }
}

/// Where the initial parameters of a wave function come from: the seed of the run, and the place of
/// the wave function among the parts of a composed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Seed of the run.
    pub seed: u64,
    part: u64,
}

impl Origin {
    /// Most parts of one composed wave function that have streams of their own.
    pub const MAX_PARTS: u64 = 64;

    /// Part number `k` of this one: a path of numbers in base 64, so that no two places meet.
    pub fn part(self, k: u64) -> Self {
        let part = self.part.wrapping_mul(Self::MAX_PARTS).wrapping_add(k + 1);
        Origin { part, ..self }
    }

    /// The stream of its initial parameters.
    pub fn parameters(self) -> Generator {
        stream(self.seed, Purpose::Parameters, self.part, 0)
    }
}

impl From<u64> for Origin {
    fn from(seed: u64) -> Self {
        Origin { seed, part: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_distinct() {
        let draw = |seed, purpose, chain, step| stream(seed, purpose, chain, step).random::<u64>();
        let first = draw(1, Purpose::Optimize, 2, 3);
        assert_eq!(first, draw(1, Purpose::Optimize, 2, 3));
        for other in [
            draw(2, Purpose::Optimize, 2, 3),
            draw(1, Purpose::Measure, 2, 3),
            draw(1, Purpose::Optimize, 3, 3),
            draw(1, Purpose::Optimize, 2, 4),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn ensembles_have_chains_of_their_own() {
        assert_eq!(lane(0, 7), 7);
        let mut first: Vec<u64> = Vec::new();
        for seed in 1..4 {
            for (ensemble, chain) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)] {
                let lane = lane(ensemble, chain);
                first.push(stream(seed, Purpose::Orthogonal, lane, 5).random());
            }
        }
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }

    #[test]
    fn nested_parts_have_streams_of_their_own() {
        let root = Origin::from(1);
        let mut first: Vec<u64> = Vec::new();
        for part in [
            root,
            root.part(0),
            root.part(1),
            root.part(0).part(0),
            root.part(0).part(1),
            root.part(1).part(0),
            Origin::from(2).part(0),
        ] {
            first.push(part.parameters().random());
        }
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), first.len());
    }
}
