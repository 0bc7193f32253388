//! Decides the course of a run: sections in order, boundaries between blocks, saves, stops and
//! errors.
//!
//! A run may stop at the boundaries between blocks, where a checkpoint describes it completely. A
//! rank that has to stop within a block leaves it, all others follow, and the run goes back to the
//! boundary before: the block is dropped, so that a restart repeats it from the same random
//! streams. An error within a block goes the same way: the state of the boundary is saved first.

use super::calculation::{Calculation, Progress};
use super::contents::with_bytes;
use super::desk::Desk;
use super::identity::Declaration;
use super::live::Live;
use crate::comm::{Comm, agree, same_everywhere};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::output::OutputPaths;
use crate::io::sum::fnv1a;
use crate::io::tree::Tree;
use crate::job::{self, Phase, Stop, timed};
use std::time::{Duration, Instant};

/// Seconds that a rank with an error waits for the others to come to the same one.
const PATIENCE: f64 = 2.0;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All sections are done.
    Finished,
    /// Told to stop, or out of time; the state is saved.
    Stopped,
}

/// What a run is given besides its sections.
pub struct Job<'j> {
    /// The input.
    pub source: &'j Source,
    /// Canonical TOML text of what all sections share: a checkpoint has to agree with it.
    pub identity: String,
    /// The ranks.
    pub comm: &'j dyn Comm,
    /// Signals and the deadline.
    pub stop: &'j Stop,
    /// Start over and keep the old files aside.
    pub fresh: bool,
    /// Lines for the log before the first block.
    pub headlines: Vec<String>,
    /// What results hold of the problem itself, on rank 0.
    pub contents: Tree,
    /// What was found out before the first block, for the checkpoint.
    pub kept: Tree,
    /// What a reader of the results has to know of that.
    pub remarks: Vec<String>,
}

/// Where a section stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Ahead,
    Begun,
    Complete,
}

/// One section of an input on its way through a run.
pub struct Stage<'c> {
    pub(super) declaration: Declaration,
    /// The keys of the section, with the defaults that other keys decide.
    pub(super) keys: toml::Table,
    pub(super) calculation: Box<dyn Calculation + 'c>,
    pub(super) standing: Standing,
    /// The state at its end, once another section has begun.
    pub(super) handed_on: Option<Tree>,
    /// Sample segments up to its present place.
    pub(super) segments: usize,
    /// Blocks so far and their wall time.
    pub(super) blocks: usize,
    pub(super) seconds: f64,
}

impl<'c> Stage<'c> {
    /// A section before its first block.
    pub fn new(
        declaration: Declaration,
        keys: toml::Table,
        calculation: Box<dyn Calculation + 'c>,
    ) -> Self {
        Stage {
            declaration,
            keys,
            calculation,
            standing: Standing::Ahead,
            handed_on: None,
            segments: 0,
            blocks: 0,
            seconds: 0.0,
        }
    }

    /// What it calculates.
    pub fn calculation(&self) -> &(dyn Calculation + 'c) {
        &*self.calculation
    }

    /// The same, on its own.
    pub fn into_calculation(self) -> Box<dyn Calculation + 'c> {
        self.calculation
    }

    /// What it is.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }
}

/// A run in progress on one rank.
pub(super) struct Engine<'e, 'c> {
    pub(super) job: &'e Job<'e>,
    pub(super) stages: &'e mut [Stage<'c>],
    /// The stage in progress; their number where all are done.
    pub(super) at: usize,
    pub(super) desk: Desk<'e>,
    pub(super) paths: OutputPaths,
    /// Sample segments on disk.
    pub(super) segments: usize,
    pub(super) saved: Instant,
    pub(super) live: Live,
    /// What the last save left out, on rank 0, also of an attempt before this one.
    pub(super) left_out: Vec<String>,
    fault: Option<job::InjectedFault>,
    /// Blocks completed in this attempt.
    completed: usize,
}

/// An error where the ranks do not read the same: files that the input names count by their
/// content.
fn refuse_other_files(stages: &[Stage], job: &Job) -> Result<()> {
    let mut read = job.identity.clone();
    read += &with_bytes(&job.source.table, &job.source.folder);
    read.extend(stages.iter().map(|stage| stage.keys.to_string()));
    same_everywhere(
        job.comm,
        fnv1a(read.as_bytes()),
        "the ranks read different files that the input names; put them into a folder that all \
         hosts share",
    )
}

/// Runs sections to their end or until the run is told to stop.
///
/// Fails with the error of a block, after the state of the boundary before it is saved.
pub fn run(stages: &mut [Stage], job: &Job) -> Result<Outcome> {
    let (comm, output) = (job.comm, &job.source.input.output);
    let name = output.name.clone().unwrap_or_default();
    let paths = OutputPaths::new(output.directory.as_str(), name.as_str());
    refuse_other_files(stages, job)?;
    let lock = || {
        paths.prepare()?;
        let lock = paths.lock()?;
        paths.clear()?;
        let _ = std::fs::remove_file(paths.live());
        if job.fresh {
            paths.set_aside()?;
        }
        Ok(Some(lock))
    };
    let _lock = agree(comm, if comm.is_root() { lock() } else { Ok(None) })?;
    let mut engine = Engine {
        job,
        stages,
        at: 0,
        desk: Desk::new(comm, job.stop).with_log_every(job.source.input.output.log_every),
        paths,
        segments: 0,
        saved: Instant::now(),
        live: Live::new(),
        left_out: Vec::new(),
        fault: job::InjectedFault::asked()?,
        completed: 0,
    };
    engine.load()?;
    if engine.at == engine.stages.len() {
        let hints = engine.growing_keys().join(" or ");
        log::info!("{name} is finished; nothing to do (raise {hints}, or use --fresh)");
        return engine.refuse_gaps().map(|()| Outcome::Finished);
    }
    job.stop.begin();
    job::forget_phases();
    job.headlines.iter().for_each(|line| log::info!("{line}"));
    for stage in engine.stages.iter() {
        if stage.standing != Standing::Ahead {
            log::info!("continuing from {}", stage.calculation.place());
        }
    }
    engine.go()
}

impl Engine<'_, '_> {
    fn go(&mut self) -> Result<Outcome> {
        while self.at < self.stages.len() {
            self.begin_block()?;
            let clock = Instant::now();
            let stage = &mut self.stages[self.at];
            let progress = match stage.calculation.block(&mut self.desk) {
                Ok(progress) => progress,
                Err(Error::Interrupted) => return self.interrupted(),
                Err(error) => return self.failed(error),
            };
            self.completed += 1;
            stage.blocks += 1;
            stage.seconds += clock.elapsed().as_secs_f64();
            self.job.stop.measured(0.0, clock.elapsed().as_secs_f64());
            self.show();
            match progress {
                Progress::GoesOn => {}
                Progress::Done => self.complete()?,
                Progress::GivesUp(error) => {
                    self.save("stopped")?;
                    let root = self.job.comm.is_root();
                    agree(self.job.comm, if root { Err(error) } else { Ok(()) })?;
                }
            }
            if self.at < self.stages.len() && !self.may_go_on()? {
                return self.stopped();
            }
        }
        self.save("finished")?;
        self.merge_samples();
        self.say_what_is_there();
        self.refuse_gaps().map(|()| Outcome::Finished)
    }

    /// The files of a finished run, and what it took.
    fn say_what_is_there(&self) {
        let hours = |seconds: f64| seconds * self.job.comm.size() as f64 / 3600.0;
        let parts = self.stages.iter();
        let parts = parts.map(|s| format!("{} {:.1} s", s.declaration.name, s.seconds));
        let elapsed = self.job.stop.elapsed();
        log::info!(
            "finished: {}; {:.1} s in this attempt, {:.3} core hours at one core a rank",
            parts.collect::<Vec<_>>().join(", "),
            elapsed,
            hours(elapsed)
        );
        let shares = job::phase_seconds().filter(|(_, seconds)| *seconds > 0.0);
        let shares = shares.map(|(phase, seconds)| {
            let words = phase.name().replace('_', " ");
            format!("{words} {:.0} %", 100.0 * seconds / elapsed.max(1e-9))
        });
        log::info!("on rank 0: {}", shares.collect::<Vec<_>>().join(", "));
        let results = self.paths.results();
        log::info!("results in {0}: nishina info {0}", results.display());
    }

    /// An error where the results could not be written as a whole; all else is saved.
    fn refuse_gaps(&self) -> Result<()> {
        let missing = self.left_out.join(", ");
        let verdict = match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::numerical(
                format!("{missing} holds a number that is not finite; all else is saved"),
                "take more samples",
            )),
        };
        agree(self.job.comm, verdict)
    }

    /// Remembers where the section stands.
    fn begin_block(&mut self) -> Result<()> {
        let stage = &mut self.stages[self.at];
        stage.standing = Standing::Begun;
        stage.calculation.mark();
        self.desk.settle_kept();
        match &self.fault {
            Some(fault) => fault.strike(self.job.comm.rank(), self.completed),
            None => Ok(()),
        }
    }

    /// The section is done: what it hands on is kept as it is now, and the next one comes.
    fn complete(&mut self) -> Result<()> {
        self.desk.end_bar();
        timed(Phase::Files, || self.flush_samples())?;
        let last = self.at + 1 == self.stages.len();
        let stage = &mut self.stages[self.at];
        stage.standing = Standing::Complete;
        if !last {
            let mut state = Tree::default();
            stage.calculation.save(&mut state, self.job.comm)?;
            stage.handed_on = Some(state);
            self.stages[self.at + 1].segments = self.segments;
        }
        self.at += 1;
        Ok(())
    }

    /// Asks all ranks whether to go on; saves when a checkpoint is due.
    fn may_go_on(&mut self) -> Result<bool> {
        let (comm, output) = (self.job.comm, &self.job.source.input.output);
        if let Some(reason) = self.job.stop.should_stop(comm)? {
            log::info!("stopping: {}", reason.words());
            return Ok(false);
        }
        let every = Duration::from_secs_f64(output.checkpoint_every.min(1e9));
        let mut due = [f64::from(u8::from(self.saved.elapsed() >= every))];
        comm.max(&mut due)?;
        if due[0] > 0.0 {
            self.save("stopped")?;
            self.merge_samples();
        }
        Ok(true)
    }

    /// Leaves an unfinished block.
    fn interrupted(&mut self) -> Result<Outcome> {
        self.desk.end_bar();
        if let Some(reason) = self.job.stop.should_stop(self.job.comm)? {
            log::info!(
                "stopping: {}; the unfinished block is dropped",
                reason.words()
            );
        }
        self.back_to_boundary()?;
        self.stopped()
    }

    fn back_to_boundary(&mut self) -> Result<()> {
        self.desk.drop_unsettled();
        self.stages[self.at].calculation.rewind()
    }

    fn stopped(&mut self) -> Result<Outcome> {
        self.desk.end_bar();
        self.save("stopped")?;
        if self.completed == 0 {
            log::warn!("no step was completed in this attempt; give the run more time");
        }
        log::info!(
            "stopped at {} with the state saved; run the same command again to go on",
            self.stages[self.at].calculation.place()
        );
        Ok(Outcome::Stopped)
    }

    /// A block has failed on every rank: what was reached before it is saved.
    fn failed(&mut self, error: Error) -> Result<Outcome> {
        self.desk.end_bar();
        if matches!(error, Error::Communication { .. }) || self.completed == 0 {
            return Err(error);
        }
        let message = format!("error: {error}");
        let speaks = (error != Error::Elsewhere).then_some(message.as_str());
        self.job.comm.meet(error.exit_code(), speaks, PATIENCE)?;
        match self.back_to_boundary().and_then(|()| self.save("stopped")) {
            Ok(()) => log::info!("the state before the error is saved"),
            Err(e) => log::warn!("the state before the error is not saved: {e}"),
        }
        Err(error)
    }

    /// The first growing key of each section, for messages.
    fn growing_keys(&self) -> Vec<String> {
        let key = |stage: &Stage| {
            let own = stage.calculation.growing_key();
            let grows = stage.declaration.grows.first();
            own.or_else(|| Some(format!("{}.{}", stage.declaration.name, grows?)))
        };
        self.stages.iter().filter_map(key).collect()
    }
}
