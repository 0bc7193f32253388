//! Decides when a run stops: signals, the time that the input allows, the end of the batch job.
//! Signals and the environment are read in this room alone.
//!
//! Every rank looks at its own flags between two sweeps; one that has to stop tells the others,
//! which leave at their next sweep. With s the longest save and b the longest block so far, a run
//! stops when less than 2 s + b + 5 s of the job are left.
//!
//! Reference: signal(7).

mod child;
mod faults;
mod launch;
mod limit;
mod machine;
pub mod placement;

pub use child::run_again;
pub use faults::InjectedFault;
pub use launch::{heartbeat_patience, launcher_present, world_mismatch};
pub use limit::time_left;
pub use machine::{
    choose_instructions, ensure_blas_kernel, free_file_locks, peak_memory, program_digest,
    provenance,
};

use crate::comm::Comm;
use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why a run stops before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The time that the input allows is used up.
    Deadline,
    /// The batch job ends soon.
    JobEnd,
    /// SIGUSR1: the batch system asks for a checkpoint and an end.
    Usr1,
    /// SIGINT: the user has pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the batch system ends the job in seconds.
    Terminate,
}

impl StopReason {
    const ALL: [StopReason; 5] = [
        Self::Deadline,
        Self::JobEnd,
        Self::Usr1,
        Self::Interrupt,
        Self::Terminate,
    ];

    /// Words for the log and the result file.
    pub fn words(self) -> &'static str {
        match self {
            Self::Deadline => "the time limit of the input",
            Self::JobEnd => "the time limit of the batch job",
            Self::Usr1 => "signal USR1",
            Self::Interrupt => "signal INT",
            Self::Terminate => "signal TERM",
        }
    }
}

/// The flags that end a run: signals that have arrived and the deadlines.
#[derive(Debug)]
pub struct Stop {
    usr1: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    started: Instant,
    max_time: Option<Duration>,
    /// When the batch job ends, from the start on.
    job_end: Option<Duration>,
    /// Milliseconds that the way from a request to the end of the job has to have.
    margin: AtomicU64,
    /// Milliseconds from the start to the last look at the other ranks' messages.
    looked: AtomicU64,
}

/// What a save and an exit need beyond what was measured.
const LEAST_MARGIN: Duration = Duration::from_secs(5);

/// How often a rank looks for messages of the others, at most, in milliseconds.
const LOOK_EVERY: u64 = 1;

impl Stop {
    /// Installs the handlers of SIGTERM, SIGINT and SIGUSR1 and starts the clock; call it once,
    /// early.
    ///
    /// The first SIGTERM or SIGINT only sets a flag; a further one of the two ends the process at
    /// once, by the signal's default action. Fails with `Error::Communication` when the system
    /// refuses a handler.
    pub fn install() -> Result<Self> {
        let stop = Self::unarmed();
        let twice = Arc::new(AtomicBool::new(false));
        let refused = |e: std::io::Error| Error::Communication {
            what: format!("cannot install a signal handler: {e}"),
        };
        // The order matters: the first signal finds `twice` unset, then sets it.
        for (signal, raised) in [(SIGTERM, &stop.terminate), (SIGINT, &stop.interrupt)] {
            flag::register_conditional_default(signal, twice.clone()).map_err(refused)?;
            flag::register(signal, raised.clone()).map_err(refused)?;
            flag::register(signal, twice.clone()).map_err(refused)?;
        }
        flag::register(SIGUSR1, stop.usr1.clone()).map_err(refused)?;
        Ok(stop)
    }

    /// Flags without handlers and without a deadline: never stops by itself.
    pub fn unarmed() -> Self {
        let off = || Arc::new(AtomicBool::new(false));
        Stop {
            usr1: off(),
            interrupt: off(),
            terminate: off(),
            started: Instant::now(),
            max_time: None,
            job_end: None,
            margin: AtomicU64::new(LEAST_MARGIN.as_millis() as u64),
            looked: AtomicU64::new(0),
        }
    }

    /// Sets the deadline, in seconds since this object was made; `None` or a number that is no time
    /// means none.
    pub fn deadline(&mut self, max_time: Option<f64>) {
        self.max_time = max_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }

    /// Sets the end of the batch job, `left` from now.
    pub fn job_end(&mut self, left: Option<Duration>) {
        self.job_end = left.map(|left| self.started.elapsed() + left);
    }

    /// Tells how long a save and a block of work have taken, in seconds: the run leaves the batch
    /// job in time for both.
    pub fn measured(&self, save: f64, block: f64) {
        let needed = (2.0 * save + block).clamp(0.0, 1e9);
        let margin = LEAST_MARGIN + Duration::from_secs_f64(needed);
        self.margin
            .fetch_max(margin.as_millis() as u64, Ordering::Relaxed);
    }

    /// Seconds since this object was made.
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Raises the flag of a reason by hand, as the signal would.
    pub fn request(&self, reason: StopReason) {
        match reason {
            StopReason::Deadline | StopReason::JobEnd => {}
            StopReason::Usr1 => self.usr1.store(true, Ordering::Relaxed),
            StopReason::Interrupt => self.interrupt.store(true, Ordering::Relaxed),
            StopReason::Terminate => self.terminate.store(true, Ordering::Relaxed),
        }
    }

    /// What this rank alone knows.
    fn here(&self) -> Option<StopReason> {
        if self.terminate.load(Ordering::Relaxed) {
            return Some(StopReason::Terminate);
        } else if self.interrupt.load(Ordering::Relaxed) {
            return Some(StopReason::Interrupt);
        } else if self.usr1.load(Ordering::Relaxed) {
            return Some(StopReason::Usr1);
        }
        let now = self.started.elapsed();
        let margin = Duration::from_millis(self.margin.load(Ordering::Relaxed));
        if self.job_end.is_some_and(|end| now + margin >= end) {
            return Some(StopReason::JobEnd);
        }
        self.max_time
            .filter(|&limit| now >= limit)
            .map(|_| StopReason::Deadline)
    }

    /// Whether to leave an unfinished block now; cheap, waits for nobody, and tells the other ranks
    /// where they do not know.
    pub fn leave_block(&self, comm: &dyn Comm) -> bool {
        if self.here().is_some() {
            comm.alert();
            return true;
        }
        let now = self.started.elapsed().as_millis() as u64;
        if now < self.looked.load(Ordering::Relaxed) + LOOK_EVERY {
            return false;
        }
        self.looked.store(now, Ordering::Relaxed);
        comm.alerted()
    }

    /// Whether to stop now, and why; collective, and the same answer on every rank: the most urgent
    /// reason of all.
    pub fn should_stop(&self, comm: &dyn Comm) -> Result<Option<StopReason>> {
        let code = self
            .here()
            .and_then(|mine| StopReason::ALL.iter().position(|&r| r == mine))
            .map_or(0, |i| i + 1);
        let mut urgency = [code as f64];
        comm.max(&mut urgency)?;
        Ok((urgency[0] as usize)
            .checked_sub(1)
            .and_then(|i| StopReason::ALL.get(i).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::{Serial, threads};

    #[test]
    fn every_rank_takes_the_same_decision() {
        let decisions = threads::run(3, |comm| {
            let mut stop = Stop::unarmed();
            let before = stop.should_stop(comm)?;
            if comm.rank() == 1 {
                stop.request(StopReason::Usr1);
            }
            if comm.rank() == 2 {
                stop.deadline(Some(0.0));
            }
            Ok::<_, Error>((before, stop.should_stop(comm)?))
        });
        assert!(
            decisions
                .iter()
                .all(|d| *d == Ok((None, Some(StopReason::Usr1))))
        );
    }

    #[test]
    fn the_deadline_passes() {
        let mut stop = Stop::unarmed();
        stop.deadline(Some(0.02));
        assert_eq!(stop.should_stop(&Serial), Ok(None));
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Deadline)));
        stop.deadline(Some(f64::INFINITY));
        assert_eq!(stop.should_stop(&Serial), Ok(None));
    }

    #[test]
    fn the_end_of_the_batch_job_leaves_time_to_save() {
        let mut stop = Stop::unarmed();
        stop.job_end(Some(Duration::from_secs(3600)));
        assert_eq!(stop.should_stop(&Serial), Ok(None));
        stop.measured(1.0, 10.0);
        assert_eq!(stop.should_stop(&Serial), Ok(None));
        stop.measured(1790.0, 16.0);
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::JobEnd)));
        let mut short = Stop::unarmed();
        short.job_end(Some(Duration::from_secs(4)));
        assert_eq!(short.should_stop(&Serial), Ok(Some(StopReason::JobEnd)));
    }

    #[test]
    fn one_rank_that_has_to_stop_calls_the_others_out_of_their_blocks() {
        let rounds = threads::run(3, |comm| {
            let stop = Stop::unarmed();
            if comm.rank() == 2 {
                std::thread::sleep(Duration::from_millis(20));
                stop.request(StopReason::Usr1);
            }
            let mut sweeps = 0;
            while !stop.leave_block(comm) {
                sweeps += 1;
                std::thread::sleep(Duration::from_millis(2));
                assert!(sweeps < 5000, "never called");
            }
            Ok::<_, Error>((sweeps > 0, stop.should_stop(comm)?))
        });
        let rounds: Vec<_> = rounds.into_iter().map(Result::unwrap).collect();
        assert_eq!(rounds[0], (true, Some(StopReason::Usr1)));
        assert_eq!(rounds[2], (false, Some(StopReason::Usr1)));
    }

    #[test]
    fn signals_raise_the_flags() {
        let stop = Stop::install().unwrap();
        signal_hook::low_level::raise(SIGUSR1).unwrap();
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Usr1)));
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Terminate)));
    }
}
