//! Decides how a block of samples is drawn on all ranks, and what is counted of it.

use super::Vmc;
use crate::comm::{Comm, agree, everywhere};
use crate::ensemble::{Ensemble, LocalValues, Request};
use crate::error::Result;
use crate::input::FIRST_BURN_IN;
use crate::job::{Phase, timed};
use crate::operator::Operator;
use crate::run::Desk;
use crate::sampler::{Counts, swap_shares};
use crate::stats::limits::max_table_drift;
use crate::stats::{all_streams, largest_log, stream_sums};

/// Proposals of one block of sampling.
pub struct BlockCounts {
    /// Per chain, on rank 0.
    pub proposed: Vec<f64>,
    /// Per chain, on rank 0.
    pub accepted: Vec<f64>,
    /// Whether each chain of this rank stood still.
    pub still: Vec<bool>,
    /// Over all ranks: proposals, accepted ones, ratios that were not numbers, chains that stood
    /// still.
    pub totals: [f64; 4],
    /// Exchanges of replicas between each power and the next that were tried, and those that were
    /// done, over all ranks.
    pub swaps: Vec<[f64; 2]>,
    /// The largest error of a chain's tables, over all ranks.
    pub table_drift: f64,
}

impl BlockCounts {
    /// Accepted proposals / proposals.
    pub fn acceptance(&self) -> f64 {
        if self.totals[0] > 0.0 {
            self.totals[1] / self.totals[0]
        } else {
            1.0
        }
    }
    /// The smallest share of exchanges that were done between two powers; 1 without replicas.
    pub fn swap_acceptance(&self) -> f64 {
        swap_shares(&self.swaps).into_iter().fold(1.0, f64::min)
    }
}

/// Gives the samples of all ranks weights that sum to 1, and tells which fraction of so many
/// samples with equal weights they are worth; 1 where all count the same.
pub fn weigh(ensemble: &mut dyn Ensemble, comm: &dyn Comm) -> Result<f64> {
    let Some(logs) = ensemble.log_weights() else {
        return Ok(1.0);
    };
    let mut top = [largest_log(logs)];
    comm.max(&mut top)?;
    let own = stream_sums(logs, ensemble.noise().streams().len(), top[0]);
    let all = everywhere(own.as_flattened(), comm)?;
    let (norm, fraction) = all_streams(all.as_chunks().0, top[0]);
    ensemble.set_log_norm(norm);
    Ok(fraction)
}

/// Which chains were asked to move and stood still: no proposal was accepted, and no exchange of
/// replicas has put another configuration in their place.
fn still(counts: &Counts) -> Vec<bool> {
    let chains = counts.proposed.iter().zip(&counts.accepted);
    let chains = chains.zip(&counts.replaced);
    let stands = |((&proposed, &accepted), &replaced): ((&u64, &u64), &u64)| {
        proposed > 0 && accepted + replaced == 0
    };
    chains.map(stands).collect()
}

impl Vmc<'_> {
    /// Samples on all ranks, or on none: `Error::Interrupted` where the run has to stop before the
    /// block is complete.
    pub fn sample(&mut self, request: &Request, desk: &Desk) -> Result<()> {
        timed(Phase::Sampling, || {
            let sampled = self.ensemble.sample_while(request, &|| desk.go_on());
            agree(desk.comm, sampled)?;
            self.effective_fraction = weigh(&mut *self.ensemble, desk.comm)?;
            Ok(())
        })
    }

    /// Local values of an operator on the present samples, on all ranks or on none.
    pub fn local_values(&self, operator: &dyn Operator, comm: &dyn Comm) -> Result<LocalValues> {
        timed(Phase::LocalEnergies, || {
            agree(comm, self.ensemble.local_values(operator))
        })
    }

    /// Counts of the block that was just sampled, over all ranks.
    pub fn count_proposals(&mut self, comm: &dyn Comm) -> Result<BlockCounts> {
        let counts = self.ensemble.take_counts();
        let reals = |values: &[u64]| values.iter().map(|&v| v as f64).collect::<Vec<_>>();
        let (proposed, accepted) = (reals(&counts.proposed), reals(&counts.accepted));
        let still = still(&counts);
        let standing = still.iter().filter(|&&s| s).count() as f64;
        let mut totals = [
            proposed.iter().sum(),
            accepted.iter().sum(),
            counts.non_finite as f64,
            standing,
        ];
        comm.sum(&mut totals)?;
        let mut swaps: Vec<[f64; 2]> = (counts.swaps.iter())
            .map(|pair| pair.map(|count| count as f64))
            .collect();
        comm.sum(swaps.as_flattened_mut())?;
        let mut drift = [counts.table_drift];
        comm.max(&mut drift)?;
        let table_drift = drift[0];
        if table_drift > max_table_drift(self.ensemble.facts().precision) {
            log::warn!(
                "the chains' tables are off by {table_drift:.1e} in ln psi; their ratios are less \
                 accurate than usual"
            );
        }
        self.proposals += totals[0];
        if totals[2] > 0.0 {
            log::warn!(
                "{} proposals had a ratio that is not a number; they were rejected",
                totals[2]
            );
        }
        let (proposed, accepted) = (comm.gather(&proposed)?, comm.gather(&accepted)?);
        Ok(BlockCounts {
            proposed,
            accepted,
            still,
            totals,
            swaps,
            table_drift,
        })
    }

    /// For a line of the log: which fraction samples with weights are worth; nothing where all
    /// count the same.
    pub fn words_of_weights(&self, fraction: f64) -> String {
        match self.sampler.is_weighted() {
            true => format!("  weights {fraction:.2}"),
            false => String::new(),
        }
    }

    /// Sweeps that all chains need before the next sample because some are not where |ψ|² wants
    /// them.
    pub fn take_burn_in(&mut self) -> usize {
        if std::mem::take(&mut self.burn_in_due) {
            FIRST_BURN_IN
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_moves_by_proposals_or_by_exchanges() {
        let counts = Counts {
            proposed: vec![8, 8, 8, 0],
            accepted: vec![0, 1, 0, 0],
            replaced: vec![0, 0, 1, 0],
            ..Counts::new(4)
        };
        // One that was asked nothing has not stood still.
        assert_eq!(still(&counts), [true, false, false, false]);
    }
}
