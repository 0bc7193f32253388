//! Decides the straight line of a run: plan, continue from the checkpoint, optimise, evolve,
//! measure, write; stop when told to.
//!
//! Order of writing: sample segments, results, checkpoint. The checkpoint is the truth; what is
//! newer is dropped.

mod blocks;
mod convergence;
mod couplings;
mod curves;
mod evolve;
mod files;
pub mod history;
mod measure;
pub mod observe;
mod optimize;
mod orthogonal;
pub mod physics;
pub mod policy;
pub mod samples;
mod start;
pub mod statistics;
mod target;
pub mod trajectory;
pub mod trial;

pub use couplings::{Couplings, validate as validate_evolution};
pub use measure::{BLOCK, Measurement};
pub use orthogonal::Orthogonal;
pub use start::start as start_evolution;
pub use target::Target;

use crate::comm::{Comm, agree, same_everywhere};
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{Input, Source};
use crate::io::output::OutputPaths;
use crate::io::seal::fnv1a;
use crate::job::{self, Stop};
use crate::linalg::total_memory;
use crate::observable::Named;
use crate::problem::{self, ChosenOptimizer, Problem};
use crate::registry::Registry;
use blocks::{BlockCounts, Boundary};
use history::History;
use samples::SampleBuffer;
use std::io::IsTerminal;
use std::time::Instant;
use trajectory::Trajectory;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All sections are done.
    Finished,
    /// Told to stop, or out of time; the state is saved.
    Stopped,
}

/// Which part of a run comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `[optimize]`
    Optimize,
    /// `[evolve]`
    Evolve,
    /// `[measure]`
    Measure,
    /// Nothing.
    Finished,
}

impl Stage {
    /// The first part that an input has.
    fn first(input: &Input) -> Self {
        match (&input.optimize, &input.evolve) {
            (Some(_), _) => Stage::Optimize,
            (None, Some(_)) => Stage::Evolve,
            (None, None) => Stage::Measure,
        }
    }
}

/// What a checkpoint has to remember besides parameters, optimiser and chains.
pub struct Progress {
    /// What comes next.
    pub stage: Stage,
    /// Parameter updates done.
    pub step: usize,
    /// Where this attempt began.
    pub started_at_step: usize,
    /// Proposals made so far over all ranks.
    pub proposals: f64,
    /// One row per step.
    pub history: History,
    /// The evolution so far.
    pub trajectory: Trajectory,
    /// The parameters that the optimisation ended with, from which more steps would go on.
    pub optimized_parameters: Vec<f64>,
    /// The measurement so far.
    pub measurement: Measurement,
    /// Sample segments on disk.
    pub segments: usize,
    /// Sample segments of the optimisation.
    pub step_segments: usize,
    /// Chains at the end of the optimisation, on rank 0, from which more steps would go on.
    pub optimized_chains: Option<Vec<i8>>,
    /// Warnings of the measurement.
    pub warnings: Vec<String>,
    /// Whether the measurement ended because its error was as small as asked for.
    pub target_reached: bool,
    /// What faults have done to the optimisation.
    pub policy: policy::Policy,
    /// Whether all chains burn in before the next sample.
    pub burn_in_due: bool,
}

/// A run in progress on one rank.
struct Run<'a> {
    source: &'a Source,
    problem: Problem<'a>,
    comm: &'a dyn Comm,
    ensemble: Box<dyn Variational>,
    observables: Vec<Named>,
    orthogonal: Orthogonal,
    paths: OutputPaths,
    progress: Progress,
    buffer: SampleBuffer,
    physics: String,
    stop: &'a Stop,
    fault: Option<job::InjectedFault>,
    boundary: Boundary,
    saved: Instant,
    bar: Option<indicatif::ProgressBar>,
}

/// Options of `run` that are not input.
pub struct Options<'a> {
    /// Signals and the deadline.
    pub stop: &'a Stop,
    /// Start over and keep the old files aside.
    pub fresh: bool,
    /// Parts that another crate registers.
    pub registry: Registry<'a>,
}

/// Runs an input to its end or until it is told to stop.
pub fn run<'a>(source: &'a Source, comm: &'a dyn Comm, options: &Options<'a>) -> Result<Outcome> {
    let input = &source.input;
    if input.optimize.is_none() && input.evolve.is_none() && input.measure.is_none() {
        return Err(Error::input(
            "optimize",
            "there is nothing to do",
            "add an [optimize], an [evolve] or a [measure] section",
        ));
    }
    // Together, so that what every rank finds wrong is said once, and a file that one host lacks
    // leaves nobody waiting.
    let problem = agree(comm, problem::problem(source, &options.registry))?;
    agree(comm, validate_evolution(source, &problem))?;
    let ensemble = problem::ensemble(source, &problem, comm.rank(), comm.size());
    let mut ensemble = agree(comm, ensemble)?;
    agree(comm, start::start(source, &mut *ensemble))?;
    let local = job::placement::ranks_here(comm.size());
    // The smallest share decides, so that all ranks choose the same method.
    let mut share = [-total_memory() / local as f64];
    comm.max(&mut share)?;
    let plan = crate::commands::plan(source, &problem, &*ensemble, comm.size(), -share[0])?;
    plan.refuse_if_too_large(local)?;
    let observables = match &input.measure {
        Some(m) => agree(
            comm,
            problem::observables(source, &problem, &m.observables, "measure.observables"),
        )?,
        None => Vec::new(),
    };
    if let Some(m) = &input.measure {
        Target::new(m, &observables)?;
    }
    let orthogonal = Orthogonal::new(source, &problem, comm.rank(), comm.size())?;
    let mut chosen = match &plan.method {
        Some(method) => Some(problem::optimizer(input, &options.registry, method)?),
        None => None,
    };

    let name = input.output.name.clone().unwrap_or_default();
    let paths = OutputPaths::new(input.output.directory.as_str(), name.as_str());
    let lock = || {
        paths.prepare()?;
        let lock = paths.lock()?;
        paths.clear().map(|()| Some(lock))
    };
    let _lock = agree(comm, if comm.is_root() { lock() } else { Ok(None) })?;
    if options.fresh {
        agree(
            comm,
            if comm.is_root() {
                paths.set_aside().map(drop)
            } else {
                Ok(())
            },
        )?;
    }
    let physics = physics::describe(source, &problem);
    same_everywhere(
        comm,
        fnv1a(physics.as_bytes()),
        "the ranks read different files that the input names; put them into a folder that all \
         hosts share",
    )?;
    let progress = Progress {
        stage: Stage::first(input),
        step: 0,
        started_at_step: 0,
        proposals: 0.0,
        history: History::default(),
        trajectory: Trajectory::default(),
        optimized_parameters: Vec::new(),
        measurement: Measurement::default(),
        segments: 0,
        step_segments: 0,
        optimized_chains: None,
        warnings: Vec::new(),
        target_reached: false,
        policy: policy::Policy::default(),
        burn_in_due: false,
    };
    let loaded = files::load(
        &paths,
        comm,
        source,
        &physics,
        &mut *ensemble,
        chosen.as_mut(),
        progress,
    )?;
    let (mut progress, finished_before) = (loaded.progress, loaded.finished);
    progress.started_at_step = progress.step;
    if finished_before {
        log::info!(
            "{name} is finished; nothing to do (raise optimize.steps or measure.samples, or use \
             --fresh)"
        );
        return Ok(Outcome::Finished);
    }
    log::info!(
        "{}: {} sites, {:.4e} states, {} parameters, {} rank{}",
        input.title,
        problem.lattice.sites,
        problem.basis.dimension(),
        ensemble.parameters().len(),
        comm.size(),
        if comm.size() == 1 { "" } else { "s" }
    );
    if let Some(chosen) = &chosen {
        log::info!("optimiser {} ({})", chosen.kind, chosen.reason);
    }
    if progress.step > 0 {
        log::info!("continuing from step {}", progress.step);
    }
    if !progress.trajectory.rows.is_empty() {
        log::info!("continuing from t = {}", progress.trajectory.time);
    }
    let mut run = Run {
        source,
        problem,
        comm,
        ensemble,
        observables,
        orthogonal,
        paths,
        progress,
        buffer: SampleBuffer::default(),
        physics,
        stop: options.stop,
        fault: job::InjectedFault::asked()?,
        boundary: Boundary::default(),
        saved: Instant::now(),
        bar: None,
    };
    match run.go(&mut chosen) {
        Err(Error::Interrupted) => {
            run.rewind()?;
            run.stop(chosen.as_ref())
        }
        other => other,
    }
}

impl Run<'_> {
    fn go(&mut self, chosen: &mut Option<ChosenOptimizer>) -> Result<Outcome> {
        self.begin_block()?;
        if self.progress.stage == Stage::Optimize {
            if let Some(chosen) = chosen.as_mut()
                && !optimize::optimize(self, chosen)?
            {
                return self.stop(Some(chosen));
            }
            if self.comm.is_root() {
                self.optimisation_warnings()
                    .iter()
                    .for_each(|w| log::warn!("{w}"));
            }
            self.progress.optimized_chains = self.gather_chains()?;
            self.flush_samples()?;
            self.progress.step_segments = self.progress.segments;
            if self.source.input.evolve.is_some() {
                self.progress.optimized_parameters = self.ensemble.parameters();
                self.progress.stage = Stage::Evolve;
            }
            self.begin_block()?;
        }
        if self.progress.stage == Stage::Evolve {
            if !evolve::evolve(self, chosen.as_ref())? {
                return self.stop(chosen.as_ref());
            }
            self.progress.trajectory.chains = self.gather_chains()?;
        } else if let Some(settings) = &self.source.input.evolve {
            self.problem =
                Couplings::new(self.source, &self.problem.registry, settings)?.at(settings.time)?;
        }
        self.progress.stage = Stage::Measure;
        self.begin_block()?;
        self.end_bar();
        if self.source.input.measure.is_some() {
            if !measure::measure(self, chosen.as_ref())? {
                return self.stop(chosen.as_ref());
            }
        } else {
            self.progress.stage = Stage::Finished;
        }
        self.end_bar();
        self.save(chosen.as_ref(), "finished")?;
        Ok(Outcome::Finished)
    }

    fn stop(&mut self, chosen: Option<&ChosenOptimizer>) -> Result<Outcome> {
        self.end_bar();
        self.save(chosen, "stopped")?;
        if self.boundary.number <= 1 {
            log::warn!("no step was completed in this attempt; give the run more time");
        }
        log::info!(
            "stopped at step {} with the state saved; run the same command again to go on",
            self.progress.step
        );
        Ok(Outcome::Stopped)
    }

    /// Clears the progress bar, so that log lines stand alone.
    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A line in the log, or a step of the progress bar on a terminal.
    fn log_line(&mut self, done: usize, total: usize, line: &str) {
        if !self.comm.is_root() {
            return;
        }
        if !std::io::stderr().is_terminal() {
            log::info!("{line}");
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style =
                indicatif::ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}\n{msg}");
            let bar = indicatif::ProgressBar::new(total as u64);
            if let Ok(style) = style {
                bar.with_style(style)
            } else {
                bar
            }
        });
        bar.set_message(line.to_string());
        bar.set_position(done as u64 + 1);
    }
}
