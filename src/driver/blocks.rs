//! Decides where a run may stop: at the boundaries between blocks (steps, blocks of samples, attempts of a time step), where a
//! checkpoint describes it completely.
//!
//! A rank that has to stop within a block leaves it at the next sweep, all others follow, and the run goes back to the
//! boundary before: the block is dropped, so that a restart repeats it from the same random streams.

use super::trajectory::Trajectory;
use super::{Run, Stage};
use crate::comm::agree;
use crate::ensemble::Request;
use crate::error::Result;
use crate::registry::ChosenOptimizer;
use std::time::{Duration, Instant};

/// Where the run stood at the last boundary: all that an unfinished block may have changed.
pub(super) struct Boundary {
    parameters: Vec<f64>,
    chains: Vec<i8>,
    trajectory: Option<Trajectory>,
    proposals: f64,
    /// When it was reached.
    since: Instant,
    /// Boundaries of this attempt so far.
    pub number: usize,
}

impl Default for Boundary {
    fn default() -> Self {
        let (parameters, chains) = (Vec::new(), Vec::new());
        Boundary { parameters, chains, trajectory: None, proposals: 0.0, since: Instant::now(), number: 0 }
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
            log::info!("stopping: {}; the unfinished block is dropped", reason.words());
        }
        self.ensemble.set_parameters(&self.boundary.parameters)?;
        self.ensemble.set_chain_states(&self.boundary.chains)?;
        if let Some(trajectory) = self.boundary.trajectory.take() {
            self.progress.trajectory = trajectory;
        }
        self.progress.proposals = self.boundary.proposals;
        Ok(())
    }

    /// Samples on all ranks, or on none: `Error::Interrupted` where the run has to stop before the block is complete.
    pub(super) fn sample(&mut self, request: &Request) -> Result<()> {
        let (stop, comm) = (self.stop, self.comm);
        let sampled = self.ensemble.sample_while(request, &|| !stop.leave_block(comm));
        agree(comm, sampled)
    }

    /// Asks all ranks whether to go on; saves when a checkpoint is due.
    pub(super) fn continue_between_blocks(&mut self, chosen: Option<&ChosenOptimizer>) -> Result<bool> {
        self.stop.measured(0.0, self.boundary.since.elapsed().as_secs_f64());
        if let Some(reason) = self.stop.should_stop(self.comm)? {
            self.boundary.number += 1;
            log::info!("stopping: {}", reason.words());
            return Ok(false);
        }
        let due = self.saved.elapsed() >= Duration::from_secs_f64(self.source.input.output.checkpoint_every.min(1e9));
        let mut due = [f64::from(u8::from(due))];
        self.comm.max(&mut due)?;
        if due[0] > 0.0 {
            self.save(chosen, "stopped")?;
        }
        self.begin_block()?;
        Ok(true)
    }
}
