//! Decides what a driver can ask of a set of weighted configurations, sampled ([`Chains`]) or
//! complete ([`FullSum`]).
//!
//! Both give ⟨A⟩ = Σ_x w(x) A_loc(x) with A_loc(x) = Σ_x' ⟨x|A|x'⟩ ψ(x')/ψ(x) and Σ w
//! = 1 over all ranks.

mod chains;
mod full_sum;

pub use chains::{ChainSettings, Chains};
pub use full_sum::FullSum;

use crate::ansatz::{Ansatz, Asks};
use crate::basis::{Basis, Numbering};
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::operator::{self, Operator};
use crate::rng::Purpose;
use num_complex::Complex64;

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

/// A set of weighted configurations with the wave function that weights them. Object-safe; knows no
/// communicator.
pub trait Ensemble {
    /// Number of sites.
    fn sites(&self) -> usize;
    /// The flat parameter vector.
    fn parameters(&self) -> Vec<f64>;
    /// Replaces the parameters.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()>;
    /// Named blocks of the parameter vector.
    fn layout(&self) -> Vec<crate::ansatz::Block>;
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
    /// Configurations of the last [`Ensemble::sample`], row by row, chain after chain.
    fn configurations(&self) -> &[i8];
    /// ln ψ of those configurations.
    fn log_psi(&self) -> &[Complex64];
    /// Their weights.
    fn weights(&self) -> &[f64];
    /// Local values of an operator on those configurations.
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues>;
    /// ψ(x')/ψ(x) for questions about those configurations; 0 where the move leaves the sector.
    fn ratios(&self, asks: &Asks) -> Vec<Complex64>;
    /// ln ψ of any configurations, row by row; −∞ outside the sector.
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64>;
    /// All amplitudes of a full sum, on every rank and up to a common factor; `None` where there
    /// are samples.
    fn amplitudes(&self) -> Option<(&Numbering, &[Complex64])>;
    /// Log-derivatives on those configurations.
    fn derivatives(&self) -> Derivatives;
    /// Proposals and acceptances since the last call, per chain of this rank.
    fn take_counts(&mut self) -> crate::sampler::Counts;
    /// Numbers of this rank's chains; empty for a full sum.
    fn chains(&self) -> std::ops::Range<usize>;
    /// Where the chains stand, row by row: what a checkpoint keeps.
    fn chain_states(&self) -> &[i8];
    /// Puts the chains back.
    fn set_chain_states(&mut self, states: &[i8]) -> Result<()>;
    /// Whether averages carry statistical noise.
    fn is_exact(&self) -> bool;
}

/// ln ψ of configurations that may lie outside the sector, where it is −∞.
fn log_psi_within<A: Ansatz>(ansatz: &A, basis: &Basis, xs: &[i8]) -> Vec<Complex64> {
    let outside = Complex64::new(f64::NEG_INFINITY, 0.0);
    let log = ansatz.log_psi(&ansatz.batch(xs)).into_iter();
    log.zip(xs.chunks_exact(basis.sites()))
        .map(|(l, x)| if basis.contains(x) { l } else { outside })
        .collect()
}

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
