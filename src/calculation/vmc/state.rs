//! Decides what is kept of the sampled wave function at a boundary, and how the chains of a
//! checkpoint become those of a run with another number of them.
//!
//! Of fewer chains: the first ones. Of more: chain c starts where chain c mod n stood, and because
//! copies are not independent at first, all chains burn in (100 sweeps) before the next sample;
//! each draws from its own random stream.

use super::Vmc;
use crate::comm::Comm;
use crate::ensemble::{Noise, fit_chains};
use crate::error::Result;
use crate::io::tree::Tree;

/// Where the wave function stands, on this rank.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    parameters: Vec<f64>,
    chains: Vec<i8>,
    proposals: f64,
    burn_in_due: bool,
}

/// What a checkpoint gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Whether it held another number of chains than this run has.
    pub other_chains: bool,
}

/// Spins of all ranks on rank 0, in the order of the ranks.
pub fn gather_spins(comm: &dyn Comm, mine: &[i8]) -> Result<Vec<i8>> {
    let bytes: Vec<u8> = mine.iter().map(|&s| s as u8).collect();
    let all = comm.gather_bytes(&bytes)?;
    Ok(all.into_iter().map(|b| b as i8).collect())
}

impl Vmc<'_> {
    /// Remembers where the wave function stands.
    pub fn mark(&mut self) {
        self.mark = Place {
            parameters: self.ensemble.parameters(),
            chains: self.ensemble.chain_states().to_vec(),
            proposals: self.proposals,
            burn_in_due: self.burn_in_due,
        };
    }

    /// Goes back to the last mark.
    pub fn rewind(&mut self) -> Result<()> {
        self.ensemble.set_parameters(&self.mark.parameters)?;
        self.ensemble.set_chain_states(&self.mark.chains)?;
        self.ensemble.take_counts();
        self.proposals = self.mark.proposals;
        self.burn_in_due = self.mark.burn_in_due;
        Ok(())
    }

    /// Writes parameters and the chains of all ranks, on rank 0.
    pub fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        let chains = gather_spins(comm, self.ensemble.chain_states())?;
        let length = self.ensemble.chain_length();
        out.put_reals("parameters", &self.ensemble.parameters());
        out.put_spins("chains", &[chains.len() / length.max(1), length], &chains);
        out.put_real("proposals", self.proposals);
        out.put_integer("burn_in_due", i64::from(self.burn_in_due));
        Ok(())
    }

    /// Takes back what [`Vmc::save`] has written, with as many chains as this run has.
    pub fn load(&mut self, from: &Tree) -> Result<Restored> {
        self.ensemble.set_parameters(&from.reals("parameters")?)?;
        self.proposals = from.real("proposals")?;
        self.burn_in_due = from.integer("burn_in_due")? != 0;
        if !matches!(self.ensemble.noise(), Noise::Chains(_)) {
            return Ok(Restored {
                other_chains: false,
            });
        }
        let chains = from.spins("chains")?;
        let length = self.ensemble.chain_length().max(1);
        let (before, wanted) = (chains.len() / length, self.sampler.chains);
        let other_chains = before != wanted;
        if other_chains {
            log::info!(
                "the checkpoint has {before} chains, this run {wanted}; they burn in before the \
                 next sample"
            );
            self.burn_in_due = true;
        }
        self.ensemble.load(&chains)?;
        Ok(Restored { other_chains })
    }

    /// This rank's share of the chains of a checkpoint, made as many as this run has.
    pub fn my_chains(&self, all: &[i8]) -> Vec<i8> {
        let mine = self.ensemble.noise().streams();
        fit_chains(all, self.ensemble.chain_length(), self.sampler.chains, mine)
    }
}
