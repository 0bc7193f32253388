//! Decides how a run shows itself between two saves: rank 0 writes the results so far, without
//! parameters, to the file X.live for `watch`.
//!
//! The first one comes after a second, the next ones after 20 times as long as the last one took to
//! write, which is 5 % of the time at most, and after a second at least. Nothing is read back, a
//! file that cannot be written is none, and the next save of the results removes it.

use super::engine::Engine;
use crate::io::hdf5;
use crate::job;
use std::time::{Duration, Instant};

/// Least time between two of them.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time between two of them in units of what one takes.
const SHARE: u32 = 20;

/// When the next one is due.
pub(super) struct Live {
    next: Instant,
}

impl Live {
    pub(super) fn new() -> Self {
        Live {
            next: Instant::now() + INTERVAL,
        }
    }
}

impl Engine<'_, '_> {
    /// Shows the results so far, where it is time.
    pub(super) fn show(&mut self) {
        let clock = Instant::now();
        if !self.job.comm.is_root() || clock < self.live.next {
            return;
        }
        if let Ok(mut results) = self.results("stopped", job::peak_memory()) {
            results.remove_group("parameters");
            results.leave_out_unfinite();
            if let Err(e) = hdf5::write_atomic(&self.paths.live(), &results) {
                log::debug!("{e}");
            }
        }
        let pause = INTERVAL.max(clock.elapsed() * SHARE);
        self.live.next = Instant::now() + pause;
    }

    /// Forgets the last one.
    pub(super) fn hide(&self) {
        // Where it stays, `watch` still takes the newer file.
        let _ = std::fs::remove_file(self.paths.live());
    }
}
