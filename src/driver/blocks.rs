//! Decides where a run may stop: at the boundaries between blocks (steps, blocks of samples,
//! attempts of a time step), where a checkpoint describes it completely.
//!
//! A rank that has to stop within a block leaves it at the next sweep, all others follow, and the
//! run goes back to the boundary before: the block is dropped, so that a restart repeats it from
//! the same random streams.

use super::trajectory::Trajectory;
use super::{Run, Stage};
use crate::comm::agree;
use crate::ensemble::Request;
use crate::error::Result;
use crate::input::FIRST_BURN_IN;
use crate::problem::ChosenOptimizer;
use std::time::{Duration, Instant};

/// Where the run stood at the last boundary: all that an unfinished block may have changed.
pub(super) struct Boundary {
    parameters: Vec<f64>,
    chains: Vec<i8>,
    trajectory: Option<Trajectory>,
    proposals: f64,
    burn_in_due: bool,
    /// When it was reached.
    since: Instant,
    /// Boundaries of this attempt so far.
    pub number: usize,
}

impl Default for Boundary {
    fn default() -> Self {
        let (parameters, chains) = (Vec::new(), Vec::new());
        let (proposals, burn_in_due) = (0.0, false);
        Boundary {
            parameters,
            chains,
            trajectory: None,
            proposals,
            burn_in_due,
            since: Instant::now(),
            number: 0,
        }
    }
}

/// Proposals of one block of sampling.
pub(super) struct BlockCounts {
    /// Per chain, on rank 0.
    pub proposed: Vec<f64>,
    /// Per chain, on rank 0.
    pub accepted: Vec<f64>,
    /// Whether each chain of this rank stood still.
    pub still: Vec<bool>,
    /// Over all ranks: proposals, accepted ones, ratios that were not numbers, chains that stood
    /// still.
    pub totals: [f64; 4],
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
}

impl Run<'_> {
    /// Remembers where the run stands, at a boundary.
    pub(super) fn begin_block(&mut self) -> Result<()> {
        let p = &self.progress;
        self.boundary = Boundary {
            parameters: self.ensemble.parameters(),
            chains: self.ensemble.chain_states().to_vec(),
            trajectory: (p.stage == Stage::Evolve).then(|| p.trajectory.clone()),
            proposals: p.proposals,
            burn_in_due: p.burn_in_due,
            since: Instant::now(),
            number: self.boundary.number + 1,
        };
        match &self.fault {
            Some(fault) => fault.strike(self.comm.rank(), self.boundary.number - 1),
            None => Ok(()),
        }
    }

    /// Goes back to the last boundary.
    pub(super) fn rewind(&mut self) -> Result<()> {
        self.end_bar();
        if let Some(reason) = self.stop.should_stop(self.comm)? {
            log::info!(
                "stopping: {}; the unfinished block is dropped",
                reason.words()
            );
        }
        self.ensemble.set_parameters(&self.boundary.parameters)?;
        self.ensemble.set_chain_states(&self.boundary.chains)?;
        if let Some(trajectory) = self.boundary.trajectory.take() {
            self.progress.trajectory = trajectory;
        }
        self.progress.proposals = self.boundary.proposals;
        self.progress.burn_in_due = self.boundary.burn_in_due;
        Ok(())
    }

    /// Samples on all ranks, or on none: `Error::Interrupted` where the run has to stop before the
    /// block is complete.
    pub(super) fn sample(&mut self, request: &Request) -> Result<()> {
        let (stop, comm) = (self.stop, self.comm);
        let sampled = self
            .ensemble
            .sample_while(request, &|| !stop.leave_block(comm));
        agree(comm, sampled)
    }

    /// Asks all ranks whether to go on; saves when a checkpoint is due.
    pub(super) fn continue_between_blocks(
        &mut self,
        chosen: Option<&ChosenOptimizer>,
    ) -> Result<bool> {
        self.stop
            .measured(0.0, self.boundary.since.elapsed().as_secs_f64());
        if let Some(reason) = self.stop.should_stop(self.comm)? {
            self.boundary.number += 1;
            log::info!("stopping: {}", reason.words());
            return Ok(false);
        }
        let due = self.saved.elapsed()
            >= Duration::from_secs_f64(self.source.input.output.checkpoint_every.min(1e9));
        let mut due = [f64::from(u8::from(due))];
        self.comm.max(&mut due)?;
        if due[0] > 0.0 {
            self.save(chosen, "stopped")?;
        }
        self.begin_block()?;
        Ok(true)
    }

    /// Counts of the block that was just sampled, over all ranks.
    pub(super) fn count_proposals(&mut self) -> Result<BlockCounts> {
        let counts = self.ensemble.take_counts();
        let reals = |values: &[u64]| values.iter().map(|&v| v as f64).collect::<Vec<_>>();
        let (proposed, accepted) = (reals(&counts.proposed), reals(&counts.accepted));
        let still: Vec<bool> = proposed
            .iter()
            .zip(&accepted)
            .map(|(&p, &a)| p > 0.0 && a == 0.0)
            .collect();
        let standing = still.iter().filter(|&&s| s).count() as f64;
        let mut totals = [
            proposed.iter().sum(),
            accepted.iter().sum(),
            counts.non_finite as f64,
            standing,
        ];
        self.comm.sum(&mut totals)?;
        let mut drift = [counts.table_drift];
        self.comm.max(&mut drift)?;
        let table_drift = drift[0];
        if table_drift > crate::stats::limits::MAX_TABLE_DRIFT * self.ensemble.facts().precision {
            log::warn!(
                "the chains' tables are off by {table_drift:.1e} in ln psi; their ratios are less \
                 accurate than usual"
            );
        }
        self.progress.proposals += totals[0];
        if totals[2] > 0.0 {
            log::warn!(
                "{} proposals had a ratio that is not a number; they were rejected",
                totals[2]
            );
        }
        let (proposed, accepted) = (self.comm.gather(&proposed)?, self.comm.gather(&accepted)?);
        Ok(BlockCounts {
            proposed,
            accepted,
            still,
            totals,
            table_drift,
        })
    }

    /// Sweeps that all chains need before the next sample because some are not where |ψ|² wants
    /// them.
    pub(super) fn take_burn_in(&mut self) -> usize {
        if std::mem::take(&mut self.progress.burn_in_due) {
            FIRST_BURN_IN
        } else {
            0
        }
    }
}
