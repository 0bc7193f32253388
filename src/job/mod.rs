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
mod instructions;
mod launch;
mod limit;
mod machine;
mod phases;
pub mod placement;
mod streams;

pub use child::run_again;
pub use faults::InjectedFault;
pub use instructions::{choose_instructions, instructions_of_all_ranks, own_instructions};
pub use launch::{foreign_launcher, heartbeat_patience, launcher_present, world_mismatch};
pub use limit::time_left;
pub use machine::{
    batch_job, ensure_blas_kernel, free_file_locks, peak_memory, program_digest, provenance,
    trim_and_measure,
};
pub use phases::{Phase, forget_phases, phase_seconds, timed};
pub use streams::stdout_was_closed;

use crate::comm::Comm;
use crate::error::{EXIT_STOPPED, Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXCPU};
use signal_hook::{flag, low_level};
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
    /// SIGHUP: the terminal is closed.
    Hangup,
    /// SIGXCPU: the processor time that the system allows is used up.
    CpuTime,
    /// SIGINT: the user has pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the batch system ends the job in seconds.
    Terminate,
}

impl StopReason {
    const ALL: [StopReason; 7] = [
        Self::Deadline,
        Self::JobEnd,
        Self::Usr1,
        Self::Hangup,
        Self::CpuTime,
        Self::Interrupt,
        Self::Terminate,
    ];

    /// Words for the log and the result file.
    pub fn words(self) -> &'static str {
        match self {
            Self::Deadline => "the time limit of the input",
            Self::JobEnd => "the time limit of the batch job",
            Self::Usr1 => "signal USR1",
            Self::Hangup => "signal HUP, the terminal is closed",
            Self::CpuTime => "signal XCPU, the limit of the processor time",
            Self::Interrupt => "signal INT",
            Self::Terminate => "signal TERM",
        }
    }
}

/// A signal that asks for a stop, and whether it has arrived.
type Signal = (i32, StopReason, Arc<AtomicBool>);

/// The flags that end a run: signals that have arrived and the deadlines.
#[derive(Debug)]
pub struct Stop {
    /// The signals that have arrived, those of more urgent reasons first.
    signals: [Signal; 5],
    /// Whether a signal ends the process at once.
    nothing_begun: Arc<AtomicBool>,
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
    /// Installs the handlers of SIGTERM, SIGINT, SIGXCPU, SIGUSR1 and, unless it is ignored
    /// (nohup), SIGHUP, and starts the clock; call it once, early.
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
        for (signal, _, raised) in &stop.signals {
            let ends = matches!(*signal, SIGTERM | SIGINT);
            if *signal == SIGHUP && is_ignored(SIGHUP) {
                continue;
            }
            leave_where_nothing_was_begun(*signal, stop.nothing_begun.clone()).map_err(refused)?;
            // The order matters: the first signal finds `twice` unset, then sets it.
            if ends {
                flag::register_conditional_default(*signal, twice.clone()).map_err(refused)?;
            }
            flag::register(*signal, raised.clone()).map_err(refused)?;
            if ends {
                flag::register(*signal, twice.clone()).map_err(refused)?;
            }
        }
        Ok(stop)
    }

    /// Flags without handlers and without a deadline: never stops by itself.
    pub fn unarmed() -> Self {
        let off = || Arc::new(AtomicBool::new(false));
        Stop {
            signals: [
                (SIGTERM, StopReason::Terminate, off()),
                (SIGINT, StopReason::Interrupt, off()),
                (SIGXCPU, StopReason::CpuTime, off()),
                (SIGHUP, StopReason::Hangup, off()),
                (SIGUSR1, StopReason::Usr1, off()),
            ],
            nothing_begun: off(),
            started: Instant::now(),
            max_time: None,
            job_end: None,
            margin: AtomicU64::new(LEAST_MARGIN.as_millis() as u64),
            looked: AtomicU64::new(0),
        }
    }

    /// Lets a signal end the process with code 75 until [`Stop::begin`]: while files are read and
    /// tables are built nobody looks at the flags, and there is nothing to be saved.
    pub fn leave_at_once(&self) {
        self.nothing_begun.store(true, Ordering::Relaxed);
    }

    /// From here on there is something to be saved, and the flags are looked at.
    pub fn begin(&self) {
        self.nothing_begun.store(false, Ordering::Relaxed);
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
        let mine = self.signals.iter().find(|(_, r, _)| *r == reason);
        mine.iter()
            .for_each(|(.., raised)| raised.store(true, Ordering::Relaxed));
    }

    /// What this rank alone knows.
    fn here(&self) -> Option<StopReason> {
        self.within(Duration::ZERO)
    }

    /// Whether this rank knows of no reason to stop within so many seconds from now; asks nobody.
    pub fn has_time(&self, seconds: f64) -> bool {
        let ahead = Duration::try_from_secs_f64(seconds);
        self.within(ahead.unwrap_or(Duration::ZERO)).is_none()
    }

    fn within(&self, ahead: Duration) -> Option<StopReason> {
        if let Some(reason) = first(&self.signals) {
            return Some(reason);
        }
        let now = self.started.elapsed() + ahead;
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

/// The most urgent signal that has arrived.
fn first(signals: &[Signal]) -> Option<StopReason> {
    let arrived = |(.., raised): &&Signal| raised.load(Ordering::Relaxed);
    signals.iter().find(arrived).map(|&(_, reason, _)| reason)
}

/// Makes a signal end the process with code 75 and a word of it, as long as the flag is set.
fn leave_where_nothing_was_begun(signal: i32, flag: Arc<AtomicBool>) -> std::io::Result<()> {
    const WORDS: &[u8] =
        b"stopping: told so by a signal; nothing was begun, run the same command again\n";
    let leave = move || {
        if flag.load(Ordering::Relaxed) {
            // SAFETY: both calls are allowed in a handler; the words are static.
            unsafe { libc::write(libc::STDERR_FILENO, WORDS.as_ptr().cast(), WORDS.len()) };
            low_level::exit(EXIT_STOPPED);
        }
    };
    // SAFETY: the handler reads a flag, and makes calls that are allowed in one.
    unsafe { low_level::register(signal, leave) }.map(drop)
}

/// Whether this process was started with the signal ignored.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: the structure is plain numbers, for which zero is a value, and outlives the call.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut present) == 0
            && present.sa_sigaction == libc::SIG_IGN
    }
}

/// Makes a file that would become larger than the system allows (`ulimit -f`) an error of writing
/// instead of the end of the process. Call it first in `main`.
pub fn survive_file_limits() {
    // SAFETY: to ignore a signal needs no handler; other threads do not exist yet.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
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
        assert!(stop.has_time(0.0) && stop.has_time(3500.0) && !stop.has_time(3599.0));
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
