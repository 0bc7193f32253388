//! Decides what is kept of the sampled wave function at a boundary, and how the chains of a
//! checkpoint, or of a stage, become those of a run, or of a stage, with another number of them.
//!
//! Of fewer chains: the first ones. Of more: chain c starts where chain c mod n stood, and because
//! copies are not independent at first, all chains burn in (100 sweeps) before the next sample;
//! each draws from its own random stream.

use super::Vmc;
use crate::comm::{Comm, share};
use crate::ensemble::{Noise, fit_chains};
use crate::error::Result;
use crate::io::tree::Tree;
use std::ops::Range;

/// Where the wave function stands, on this rank.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    parameters: Vec<f64>,
    chains: Vec<i8>,
    /// Chains over all ranks.
    total: usize,
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
            total: self.sampler.chains,
            proposals: self.proposals,
            burn_in_due: self.burn_in_due,
        };
    }

    /// Goes back to the last mark.
    pub fn rewind(&mut self) -> Result<()> {
        self.ensemble.set_parameters(&self.mark.parameters)?;
        let chains = std::mem::take(&mut self.mark.chains);
        let put = self.set_chains(self.mark.total, &chains);
        self.mark.chains = chains;
        put?;
        self.ensemble.take_counts();
        self.proposals = self.mark.proposals;
        self.burn_in_due = self.mark.burn_in_due;
        Ok(())
    }

    /// From now on there are so many chains over all ranks; those of this rank stand at `states`.
    pub fn set_chains(&mut self, total: usize, states: &[i8]) -> Result<()> {
        let mine = self.chains_of(total);
        self.ensemble.set_chains(mine, total, states)?;
        self.sampler.chains = total;
        Ok(())
    }

    /// This rank's share of `total` chains that begin where the chains of all ranks stand, those of
    /// this rank at `states`.
    pub fn spread(&self, comm: &dyn Comm, states: &[i8], total: usize) -> Result<Vec<i8>> {
        let mut all: Vec<u8> = gather_spins(comm, states)?
            .into_iter()
            .map(|s| s as u8)
            .collect();
        comm.broadcast_bytes(&mut all)?;
        let all: Vec<i8> = all.into_iter().map(|b| b as i8).collect();
        Ok(self.my_chains(&all, total))
    }

    /// Has so many chains from now on: the first ones of those of before, or more, which begin in
    /// the same places and burn in before the next sample.
    pub(super) fn change_chains(&mut self, comm: &dyn Comm, total: usize) -> Result<()> {
        let before = self.sampler.chains;
        if total != before {
            let own = self.spread(comm, self.ensemble.chain_states(), total)?;
            self.set_chains(total, &own)?;
            self.burn_in_due |= total > before;
        }
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

    /// As [`Vmc::load`], with so many chains from now on.
    pub fn load_with(&mut self, from: &Tree, total: usize) -> Result<Restored> {
        if total != self.sampler.chains {
            let own = self.my_chains(&from.spins("chains")?, total);
            self.set_chains(total, &own)?;
        }
        self.load(from)
    }

    /// The numbers of this rank's chains among `total` over all ranks.
    pub fn chains_of(&self, total: usize) -> Range<usize> {
        share(total, self.rank, self.size)
    }

    /// This rank's share of `total` chains that begin where `all` of a checkpoint stand.
    pub fn my_chains(&self, all: &[i8], total: usize) -> Vec<i8> {
        let length = self.ensemble.chain_length();
        fit_chains(all, length, total, self.chains_of(total))
    }
}
