//! Decides what a driver can ask of a set of weighted configurations, sampled (such as [`Chains`])
//! or complete ([`FullSum`]).
//!
//! Both give ⟨A⟩ = Σ_x w(x) A_loc(x) with A_loc(x) = Σ_x' ⟨x|A|x'⟩ ψ(x')/ψ(x) and Σ w
//! = 1 over all ranks.

mod chains;
mod evaluated;
mod full_sum;
mod gibbs;
mod independent;
mod lines;
mod tangents;
mod weights;

pub use chains::{ChainSettings, Chains, fit_chains};
pub use evaluated::BATCH_BYTES;
pub use full_sum::{FullSum, relative_amplitudes};
pub use gibbs::{Gibbs, GibbsSettings};
pub use independent::{Independent, IndependentSettings};
pub use lines::{CircuitLines, CircuitSettings};
pub use tangents::local_derivatives;

use crate::ansatz::dbm::ImaginaryTime;
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, MatrixProduct};
use crate::basis::Numbering;
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::operator::{self, Operator};
use crate::rng::Purpose;
use crate::sampler::{Counts, Mixture};
use num_complex::Complex64;
use std::ops::Range;

/// One block of sampling.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Which random streams are used.
    pub purpose: Purpose,
    /// The step or block number, which completes the name of the stream.
    pub step: u64,
    /// Sweeps before the first kept sample.
    pub burn_in: usize,
    /// Kept samples per chain.
    pub per_chain: usize,
}

/// Local values of an operator on this rank's configurations.
#[derive(Debug, Clone, Default)]
pub struct LocalValues {
    /// A_loc(x), in the order of the configurations.
    pub values: Vec<Complex64>,
    /// Σ |⟨x|A|ψ⟩|²/⟨ψ|ψ⟩ over this rank's configurations with ψ(x) = 0: part of
    /// ⟨A²⟩ that no sample sees.
    pub unseen: f64,
}

/// How error bars of averages over an ensemble have to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noise {
    /// Averages are exact.
    None,
    /// All configurations are independent. They are drawn from streams with these global numbers,
    /// equally many from each, one stream after the other.
    Independent(Range<usize>),
    /// Neighbours along Markov chains are correlated. The chains have these global numbers; their
    /// configurations are equally many and stand chain after chain.
    Chains(Range<usize>),
}

impl Noise {
    /// Whether averages are exact.
    pub fn is_none(&self) -> bool {
        *self == Noise::None
    }
    /// Global numbers of this rank's streams or chains.
    pub fn streams(&self) -> Range<usize> {
        match self {
            Noise::None => 0..0,
            Noise::Independent(streams) | Noise::Chains(streams) => streams.clone(),
        }
    }
}

/// A set of weighted configurations: what measuring needs. Object-safe; knows no communicator.
pub trait Ensemble {
    /// Number of sites.
    fn sites(&self) -> usize;
    /// Draws (or enumerates) this rank's configurations at the present parameters, looking between
    /// sweeps whether to go on.
    ///
    /// Fails with `Error::Interrupted` where `go_on` says no; the chains then stand somewhere
    /// within the block.
    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()>;
    /// The whole block of [`Ensemble::sample_while`].
    fn sample(&mut self, request: &Request) -> Result<()> {
        self.sample_while(request, &|| true)
    }
    /// Configurations of the last [`Ensemble::sample`], row by row.
    fn configurations(&self) -> &[i8];
    /// Their weights, whose sum over all ranks is 1.
    fn weights(&self) -> &[f64];
    /// ln of the weights up to a constant that is common to all ranks, (2 − p) ln|ψ|, where samples
    /// follow |ψ|^p; none where all count the same, or where weights are known as they are.
    fn log_weights(&self) -> Option<&[f64]> {
        None
    }
    /// ln Σ exp of [`Ensemble::log_weights`] over all ranks, as it was set.
    fn log_norm(&self) -> f64 {
        0.0
    }
    /// Sets it: with that of all ranks the weights sum to 1 over them. Without, they sum to 1 over
    /// this rank.
    fn set_log_norm(&mut self, _log_norm: f64) {}
    /// How error bars have to be made.
    fn noise(&self) -> Noise;
    /// Local values of an operator on those configurations.
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues>;
    /// The wave function that weights them, on those configurations and on others; `None` where it
    /// cannot be evaluated.
    fn psi(&self) -> Option<&dyn Amplitudes>;
    /// Spins at the times of a window about each configuration, row by row and time after time, one
    /// Trotter step apart; empty where there is no imaginary time or no window was asked for.
    fn times(&self) -> &[i8] {
        &[]
    }
    /// The numbers of each configuration whose means give the energy, where that is more than a
    /// mean of local values: [`crate::worldlines::EnergyLines::energy`]. Their count, and row by
    /// row; none elsewhere.
    fn energy_columns(&self) -> Option<(usize, &[f64])> {
        None
    }
    /// Proposals and acceptances since the last call, per chain of this rank; none where there are
    /// no chains.
    fn take_counts(&mut self) -> Counts {
        Counts::default()
    }
    /// Sets the sweeps between kept samples; nothing where there are no chains, as here.
    fn set_sweeps(&mut self, _sweeps: usize) {}
    /// Sets how chains move; nothing where there are no moves, as here.
    fn set_moves(&mut self, _moves: Mixture) {}
    /// Where the chains of this rank stand, row by row: its part of a checkpoint. Empty for an
    /// ensemble that remembers nothing from block to block, as this one and the next two do by
    /// default.
    fn chain_states(&self) -> &[i8] {
        &[]
    }
    /// Numbers of a chain in [`Ensemble::chain_states`].
    fn chain_length(&self) -> usize {
        self.sites()
    }
    /// Puts the chains of this rank back.
    fn set_chain_states(&mut self, _states: &[i8]) -> Result<()> {
        Ok(())
    }
    /// From now on this rank has the chains with these global numbers, of so many over all ranks,
    /// and they stand at `states`. What has a fixed number of chains only puts them there.
    fn set_chains(&mut self, _mine: Range<usize>, _total: usize, states: &[i8]) -> Result<()> {
        self.set_chain_states(states)
    }
    /// Puts the chains of this rank where a checkpoint of any number of ranks and chains wants
    /// them; `whole` are the parts of all its ranks, one behind the other. Of fewer chains the
    /// first ones go on; of more, some start at the same place and have to burn in.
    fn load(&mut self, _whole: &[i8]) -> Result<()> {
        Ok(())
    }
}

/// A wave function together with the configurations that it was last asked about.
pub trait Amplitudes {
    /// What callers have to know of it.
    fn facts(&self) -> AnsatzFacts;
    /// As [`crate::ansatz::Ansatz::truncation`], on this rank.
    fn truncation(&self) -> Option<f64> {
        None
    }
    /// Named blocks of the parameter vector.
    fn layout(&self) -> Vec<Block>;
    /// The flat parameter vector.
    fn parameters(&self) -> Vec<f64>;
    /// Replaces the parameters.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()>;
    /// As [`crate::ansatz::Ansatz::set_exact`]: what is asked from now on of other configurations,
    /// and what is sampled from now on, is in that precision; what is known of the configurations
    /// stays until [`Amplitudes::refresh`].
    fn set_exact(&mut self, _exact: bool) -> Result<()> {
        Ok(())
    }
    /// Evaluates the configurations anew; their weights stay unless they are those of a full sum.
    fn refresh(&mut self) -> Result<()> {
        Ok(())
    }
    /// ln ψ of the configurations.
    fn log_psi(&self) -> &[Complex64];
    /// ln ψ of any configurations, row by row; −∞ outside the sector.
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64>;
    /// A_loc of any configurations of the sector, row by row.
    fn local_values_of(&self, xs: &[i8], operator: &dyn Operator) -> Vec<Complex64>;
    /// ψ(x')/ψ(x) for questions about the configurations; 0 where the move leaves the sector.
    fn ratios(&self, asks: &Asks) -> Vec<Complex64>;
    /// Log-derivatives on the configurations.
    fn derivatives(&self) -> Derivatives;
    /// Log-derivatives on any configurations, row by row.
    fn derivatives_of(&self, xs: &[i8]) -> Derivatives;
    /// All amplitudes of a full sum, on every rank and up to a common factor; `None` where there
    /// are samples.
    fn all(&self) -> Option<(&Numbering, &[Complex64])>;
    /// The product of matrices that the wave function is.
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        None
    }
    /// The circuit in imaginary time whose state a full sum is of.
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        None
    }
}

/// Configurations that are weighted by |ψ|² of a wave function with parameters: what is optimised
/// and evolved.
pub trait Variational: Ensemble + Amplitudes {}

impl<E: Ensemble + Amplitudes> Variational for E {}

/// Local values by ratios: one question per connected configuration, walker by walker.
pub fn local_values_by_ratios<A: Ansatz>(
    ansatz: &A,
    batch: &A::Batch,
    xs: &[i8],
    operator: &dyn Operator,
) -> Vec<Complex64> {
    let mut scratch = A::Scratch::default();
    operator::local_values(operator, xs, ansatz.sites(), 0, |asks, out| {
        out.resize(asks.len(), Complex64::ZERO);
        ansatz.ratios(batch, asks, &mut scratch, out);
    })
}
