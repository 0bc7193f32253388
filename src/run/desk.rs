//! Decides what the engine lends to a calculation for the length of a block: ranks, the wish to
//! stop, the log, room for samples.

use super::bar::Bar;
use crate::comm::Comm;
use crate::io::samples::Segment;
use crate::job::Stop;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Lent to a calculation for the length of a block.
pub struct Desk<'a> {
    /// The ranks.
    pub comm: &'a dyn Comm,
    stop: &'a Stop,
    bar: Option<Bar>,
    kept: Segment,
    /// Rows of `kept` at the last boundary.
    settled: usize,
    /// Questions about going on that are answered with yes, where they are counted.
    patience: Option<Cell<usize>>,
    /// Least time between two lines of progress in a log.
    log_every: Duration,
    /// When the last one was written.
    told: Option<Instant>,
}

impl<'a> Desk<'a> {
    /// A desk with nothing on it.
    pub fn new(comm: &'a dyn Comm, stop: &'a Stop) -> Self {
        Desk {
            comm,
            stop,
            bar: None,
            kept: Segment::default(),
            settled: 0,
            patience: None,
            log_every: Duration::ZERO,
            told: None,
        }
    }

    /// The same with at least so many seconds between two lines of progress in a log.
    pub fn with_log_every(self, seconds: f64) -> Self {
        Desk {
            log_every: Duration::from_secs_f64(seconds.clamp(0.0, 1e9)),
            ..self
        }
    }

    /// A desk that wants to stop once it was asked so often: what laws use.
    pub fn stopping_after(comm: &'a dyn Comm, stop: &'a Stop, asked: usize) -> Self {
        Desk {
            patience: Some(Cell::new(asked)),
            ..Desk::new(comm, stop)
        }
    }

    /// Whether to go on within the block; cheap, and asked between two sweeps.
    pub fn go_on(&self) -> bool {
        if let Some(left) = &self.patience {
            left.set(left.get().wrapping_sub(1));
            if left.get() == usize::MAX {
                left.set(0);
                return false;
            }
        }
        !self.stop.leave_block(self.comm)
    }

    /// A line in the log, or a step of the progress bar on a terminal: `done` of `total` parts of
    /// the section are behind. A log has the first line, the last, and those between as often as it
    /// is asked to.
    pub fn line(&mut self, done: usize, total: usize, text: &str) {
        if !self.comm.is_root() {
            return;
        }
        if !Bar::shown() {
            let all = log::log_enabled!(log::Level::Debug);
            let due = |told: Instant| all || told.elapsed() >= self.log_every;
            if self.told.is_none_or(due) || done + 1 >= total {
                log::info!("{text}");
                self.told = Some(Instant::now());
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| Bar::new(total));
        bar.set(done + 1, text);
    }

    /// A line that stands in the log and is left out where a progress bar is shown.
    pub fn detail(&self, text: &str) {
        if self.comm.is_root() && !Bar::shown() {
            log::info!("{text}");
        }
    }

    /// A warning, below the progress bar.
    pub fn warn(&mut self, text: &str) {
        self.end_bar();
        if self.comm.is_root() {
            log::warn!("{text}");
        }
    }

    /// A line that stands alone, below the progress bar.
    pub fn say(&mut self, text: &str) {
        self.end_bar();
        if self.comm.is_root() {
            log::info!("{text}");
        }
    }

    /// Rows for the samples file, gathered on rank 0 in the order of the chains; empty elsewhere.
    pub fn keep(&mut self, rows: Segment) {
        let all = &mut self.kept;
        all.sites = rows.sites.max(all.sites);
        all.configurations.extend(rows.configurations);
        all.log_psi.extend(rows.log_psi);
        all.local_energies.extend(rows.local_energies);
        all.log_weights.extend(rows.log_weights);
        all.energies.extend(rows.energies);
        all.temperature.extend(rows.temperature);
        all.chain.extend(rows.chain);
        if let Some(step) = rows.step {
            all.step.get_or_insert_default().extend(step);
        }
    }

    /// What was kept since the last call.
    pub fn take_kept(&mut self) -> Segment {
        self.settled = 0;
        std::mem::take(&mut self.kept)
    }

    /// What has been kept so far belongs to completed blocks.
    pub(super) fn settle_kept(&mut self) {
        self.settled = self.kept.chain.len();
    }

    /// Forgets what an unfinished block has kept.
    pub(super) fn drop_unsettled(&mut self) {
        let (rows, all) = (self.settled, &mut self.kept);
        all.configurations.truncate(rows * all.sites);
        all.log_psi.truncate(rows);
        all.local_energies.truncate(rows);
        all.log_weights.truncate(rows);
        all.energies.truncate(rows);
        all.temperature.truncate(rows);
        all.chain.truncate(rows);
        all.step.iter_mut().for_each(|step| step.truncate(rows));
    }

    /// Clears the progress bar, so that log lines stand alone.
    pub fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }
}
