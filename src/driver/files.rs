//! Decides what a checkpoint and a result file hold, and how a run finds its place again.
//!
//! Checkpoint: `run/` (place), `parameters/flat`, `optimizer/`, `chains/`, `optimize/history/`,
//! `measure/`. Results: `input/`, `provenance/`, `status/`, `optimize/history/`, `measure/energy/`,
//! `parameters/<block>`, `timing/`.

use super::history::History;
use super::measure::Measurement;
use super::policy::Policy;
use super::trajectory::Trajectory;
use super::{Progress, Run, Stage, evolve, physics};
use crate::comm::{Comm, agree};
use crate::ensemble::{Noise, Variational, fit_chains};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::output::OutputPaths;
use crate::io::tree::{Tree, Value, shaped};
use crate::io::{hdf5, samples};
use crate::job;
use crate::linalg::simd::Simd;
use crate::problem::ChosenOptimizer;
use num_complex::Complex64;
use std::time::Instant;

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Stage::Optimize => "optimize",
            Stage::Evolve => "evolve",
            Stage::Measure => "measure",
            Stage::Finished => "finished",
        }
    }
}

/// The place a run goes on from.
pub(super) struct Loaded {
    pub progress: Progress,
    /// Whether everything that the input asks for is already there.
    pub finished: bool,
}

/// Continues from the newest readable checkpoint, if there is one; refuses other physics.
pub(super) fn load(
    paths: &OutputPaths,
    comm: &dyn Comm,
    source: &Source,
    physics: &str,
    ensemble: &mut dyn Variational,
    chosen: Option<&mut ChosenOptimizer>,
    mut progress: Progress,
) -> Result<Loaded> {
    let Some(tree) = read_once(paths, comm)? else {
        agree(
            comm,
            if comm.is_root() {
                samples::truncate(paths, 0)
            } else {
                Ok(())
            },
        )?;
        return Ok(Loaded {
            progress,
            finished: false,
        });
    };
    physics::compare(tree.text("run/physics")?, physics)?;
    let (then, now) = (
        tree.text("run/vector_instructions").unwrap_or_default(),
        Simd::chosen().name(),
    );
    if then != now {
        log::warn!(
            "the checkpoint was made with other vector instructions ({then}) than this run's \
             ({now}): from here on numbers agree to rounding, not bit for bit"
        );
    }
    let read = read_place(&tree, &mut progress);
    agree(comm, read)?;
    ensemble.set_parameters(&tree.reals("parameters/flat")?)?;
    let input = &source.input;
    let steps = input.optimize.as_ref().map_or(0, |o| o.steps);
    let mut chains = tree.spins("chains/now")?;
    if tree.text("policy/schedule")? != physics::schedule(source) {
        progress.policy.level = 0;
    }
    if let Some(chosen) = chosen {
        if tree
            .text("optimizer/kind")
            .is_ok_and(|kind| kind == chosen.kind)
        {
            chosen.optimizer.load(&tree, "optimizer/state")?;
        } else {
            log::warn!(
                "the checkpoint was made by another optimiser; {} starts without its memory",
                chosen.kind
            );
        }
        if progress.stage != Stage::Optimize && steps > tree.count("run/steps_asked")? {
            progress.stage = Stage::Optimize;
            progress.measurement = Measurement::default();
            if !progress.optimized_parameters.is_empty() {
                ensemble.set_parameters(&std::mem::take(&mut progress.optimized_parameters))?;
                progress.trajectory = Trajectory::default();
            }
            progress.segments = progress.step_segments;
            chains = progress.optimized_chains.clone().unwrap_or(chains);
        }
    }
    if let Some(settings) = &input.evolve {
        if !progress.trajectory.rows.is_empty() {
            physics::compare(
                tree.text("run/evolution")?,
                &physics::describe_evolution(source),
            )?;
        }
        let behind =
            progress.trajectory.time < evolve::end(settings) || progress.trajectory.rows.is_empty();
        if behind && matches!(progress.stage, Stage::Measure | Stage::Finished) {
            progress.stage = Stage::Evolve;
            progress.measurement = Measurement::default();
            progress.segments = progress.step_segments;
            let evolved = progress
                .trajectory
                .chains
                .take()
                .or_else(|| progress.optimized_chains.clone());
            chains = evolved.unwrap_or(chains);
        }
    }
    let asked = physics::observables(source);
    if progress.stage == Stage::Evolve
        && !progress.trajectory.outputs.is_empty()
        && tree.text("run/observables").unwrap_or_default() != asked
    {
        return Err(Error::input(
            "measure.observables",
            format!(
                "the evolution beside the output recorded others up to t = {}",
                progress.trajectory.time
            ),
            "keep the list until the evolution has come to its end, or use --fresh",
        ));
    }
    if matches!(progress.stage, Stage::Measure | Stage::Finished)
        && tree.text("run/observables").unwrap_or_default() != asked
    {
        if progress.measurement.per_chain > 0 {
            log::warn!("other observables are asked for; the measurement starts over");
        }
        progress.stage = Stage::Measure;
        progress.measurement = Measurement::default();
        progress.segments = progress.step_segments;
    }
    if let (Stage::Finished, Some(m)) = (progress.stage, &input.measure) {
        let measured = tree.datasets.contains_key("measure/energy");
        // A target that was reached before all samples is as good as they are.
        let short = progress.measurement.samples() < m.samples;
        let reached = m.target_error.is_some()
            && tree.text("run/target_reached").ok() == Some(&physics::target(source));
        if !measured || (!ensemble.noise().is_none() && short && !reached) {
            progress.stage = Stage::Measure;
        }
    }
    if matches!(ensemble.noise(), Noise::Independent(_)) {
        settle_streams(source, &mut progress);
    }
    if matches!(ensemble.noise(), Noise::Chains(_)) {
        settle_chains(source, ensemble, chains, &mut progress)?;
    }
    let finished = progress.stage == Stage::Finished;
    if !finished {
        let kept = progress.segments;
        agree(
            comm,
            if comm.is_root() {
                samples::truncate(paths, kept)
            } else {
                Ok(())
            },
        )?;
    }
    Ok(Loaded { progress, finished })
}

/// The newest readable checkpoint on every rank; rank 0 alone reads it, so that all have the same
/// and no other needs the folder.
fn read_once(paths: &OutputPaths, comm: &dyn Comm) -> Result<Option<Tree>> {
    let found = agree(
        comm,
        if comm.is_root() {
            paths.load_checkpoint()
        } else {
            Ok(None)
        },
    )?;
    let mut bytes = found.as_ref().map_or_else(Vec::new, Tree::to_bytes);
    comm.broadcast_bytes(&mut bytes)?;
    Ok(if comm.is_root() {
        found
    } else {
        Tree::from_bytes(&bytes).filter(|tree| !tree.datasets.is_empty())
    })
}

/// A measurement from another number of independent streams starts over.
fn settle_streams(source: &Source, progress: &mut Progress) {
    let wanted = source.input.sampler.clone().unwrap_or_default().chains;
    let measured = progress.measurement.series.len();
    if progress.stage == Stage::Measure && measured > 0 && measured != wanted {
        log::warn!("the measurement starts over with samples of {wanted} streams");
        progress.measurement = Measurement::default();
        progress.segments = progress.step_segments;
    }
}

/// Puts the chains of the checkpoint, as many as this run has, where they belong.
fn settle_chains(
    source: &Source,
    ensemble: &mut dyn Variational,
    chains: Vec<i8>,
    progress: &mut Progress,
) -> Result<()> {
    let (sites, range) = (ensemble.sites(), ensemble.noise().streams());
    let wanted = source.input.sampler.clone().unwrap_or_default().chains;
    let before = chains.len() / sites.max(1);
    if before != wanted {
        log::info!(
            "the checkpoint has {before} chains, this run {wanted}; they burn in before the next \
             sample"
        );
        progress.burn_in_due = true;
        progress.policy.still.clear();
        if progress.measurement.per_chain > 0 && progress.stage == Stage::Measure {
            log::warn!("the measurement starts over with {wanted} chains");
            progress.measurement = Measurement::default();
            progress.segments = progress.step_segments;
        }
    }
    let all = |states: Vec<i8>| fit_chains(&states, sites, wanted, 0..wanted);
    progress.optimized_chains = progress.optimized_chains.take().map(all);
    progress.trajectory.chains = progress.trajectory.chains.take().map(all);
    if let Some(safe) = &mut progress.policy.safe {
        safe.chains = fit_chains(&safe.chains, sites, wanted, range.clone());
    }
    let still = std::mem::take(&mut progress.policy.still);
    progress.policy.still = still.get(range).unwrap_or(&[]).to_vec();
    ensemble.load(&chains)
}

fn read_place(tree: &Tree, progress: &mut Progress) -> Result<()> {
    progress.stage = match tree.text("run/stage")? {
        "optimize" => Stage::Optimize,
        "evolve" => Stage::Evolve,
        "measure" => Stage::Measure,
        _ => Stage::Finished,
    };
    progress.step = tree.count("run/step")?;
    progress.proposals = tree.real("run/proposals")?;
    progress.segments = tree.count("run/segments")?;
    progress.step_segments = tree.count("run/step_segments")?;
    progress.policy = Policy::load(tree)?;
    progress.burn_in_due = tree.integer("run/burn_in_due")? != 0;
    progress.trajectory = Trajectory::load(tree)?;
    progress.optimized_parameters = tree.reals("parameters/optimized").unwrap_or_default();
    progress.history = History::load(tree, "optimize/history")?;
    progress.measurement = Measurement::load(tree, "measure")?;
    progress.optimized_chains = tree.spins("chains/optimized").ok();
    Ok(())
}

impl Run<'_> {
    /// Writes the samples gathered since the last segment as a segment of their own.
    pub(super) fn flush_samples(&mut self) -> Result<()> {
        let mut written = Ok(());
        let mut segments = [self.progress.segments as f64];
        if self.comm.is_root() && !self.buffer.is_empty() {
            let segment = std::mem::take(&mut self.buffer).into_segment(self.problem.lattice.sites);
            written = samples::write_segment(&self.paths, self.progress.segments + 1, segment);
            segments[0] += 1.0;
        }
        agree(self.comm, written)?;
        self.comm.broadcast(&mut segments)?;
        self.progress.segments = segments[0] as usize;
        Ok(())
    }

    /// Segments, results, checkpoint: in this order.
    pub(super) fn save(&mut self, chosen: Option<&ChosenOptimizer>, state: &str) -> Result<()> {
        let clock = Instant::now();
        self.flush_samples()?;
        let chains = self.gather_chains()?;
        let mut policy = Tree::default();
        self.progress
            .policy
            .save(&mut policy, self.comm, self.problem.lattice.sites)?;
        let mut results = Ok(Tree::default());
        if self.comm.is_root() {
            results = self.results(state);
        }
        let mut peak = [job::peak_memory()];
        self.comm.max(&mut peak)?;
        let written = match (chains, results) {
            (None, _) => Ok(()),
            (Some(_), Err(e)) => Err(e),
            (Some(chains), Ok(mut results)) => {
                let value = Value::Real(shaped(&[], vec![peak[0]]));
                results.describe(
                    "timing/peak_memory",
                    value,
                    "byte",
                    "largest resident memory of a rank so far",
                );
                self.write_files(chosen, results, &chains, policy)
            }
        };
        agree(self.comm, written)?;
        self.saved = Instant::now();
        self.stop.measured(clock.elapsed().as_secs_f64(), 0.0);
        Ok(())
    }

    fn write_files(
        &self,
        chosen: Option<&ChosenOptimizer>,
        results: Tree,
        chains: &[i8],
        policy: Tree,
    ) -> Result<()> {
        if self.progress.segments > 0 {
            samples::write_joined(&self.paths, self.progress.segments)?;
        }
        hdf5::write_atomic(&self.paths.results(), &results)?;
        drop(results);
        self.paths
            .save_checkpoint(&self.checkpoint(chosen, chains, policy))
    }

    fn checkpoint(&self, chosen: Option<&ChosenOptimizer>, chains: &[i8], policy: Tree) -> Tree {
        let p = &self.progress;
        let sites = self.problem.lattice.sites;
        let mut tree = policy;
        tree.put_text("policy/schedule", physics::schedule(self.source));
        tree.put_integer("run/burn_in_due", i64::from(p.burn_in_due));
        tree.put_text("run/physics", self.physics.clone());
        tree.put_text("run/vector_instructions", Simd::chosen().name());
        tree.put_text("run/observables", physics::observables(self.source));
        tree.put_text(
            "run/target_reached",
            if p.target_reached {
                physics::target(self.source)
            } else {
                String::new()
            },
        );
        tree.put_text("run/stage", p.stage.word());
        tree.put_integer("run/step", p.step as i64);
        tree.put_integer(
            "run/steps_asked",
            self.source
                .input
                .optimize
                .as_ref()
                .map_or(0, |o| o.steps as i64),
        );
        tree.put_real("run/proposals", p.proposals);
        tree.put_integer("run/segments", p.segments as i64);
        tree.put_integer("run/step_segments", p.step_segments as i64);
        tree.put_reals("parameters/flat", &self.ensemble.parameters());
        if let Some(chosen) = chosen {
            tree.put_text("optimizer/kind", chosen.kind);
            chosen.optimizer.save(&mut tree, "optimizer/state");
        }
        tree.put_spins("chains/now", &[chains.len() / sites, sites], chains);
        if self.source.input.evolve.is_some() {
            tree.put_text("run/evolution", physics::describe_evolution(self.source));
            tree.put_reals("parameters/optimized", &p.optimized_parameters);
            p.trajectory.save(&mut tree, sites);
        }
        if let Some(chains) = &p.optimized_chains {
            tree.put_spins("chains/optimized", &[chains.len() / sites, sites], chains);
        }
        p.history.save(&mut tree, "optimize/history");
        p.measurement.save(&mut tree, "measure");
        if let Some(energy) = &p.measurement.energy {
            tree.put_complex("measure/energy", &[], &[energy.mean]);
        }
        tree
    }

    fn results(&self, state: &str) -> Result<Tree> {
        let p = &self.progress;
        let mut tree = Tree::default();
        tree.put_text("input/verbatim", self.source.text.clone());
        tree.put_text("input/resolved", self.source.table.to_string());
        tree.put_text("input/title", self.source.input.title.clone());
        for (key, value) in job::provenance() {
            tree.put_text(&format!("provenance/{key}"), value);
        }
        tree.put_text("status/state", state);
        tree.put_integer("status/steps", p.step as i64);
        tree.put_integer("status/started_at_step", p.started_at_step as i64);
        tree.put_integer("status/proposals", p.proposals as i64);
        tree.put_integer("status/sites", self.problem.lattice.sites as i64);
        let mut warnings = self.optimisation_warnings();
        warnings.extend(p.warnings.iter().cloned());
        if let Some(settings) = &self.source.input.evolve {
            let (max_drift, max_r2) = evolve::bounds(settings);
            warnings.extend(p.trajectory.warnings(max_drift, max_r2));
            p.trajectory.save_record(&mut tree);
        }
        tree.put("status/warnings", Value::Texts(warnings));
        tree.put_integer("timing/ranks", self.comm.size() as i64);
        tree.describe(
            "timing/elapsed",
            Value::Real(shaped(&[], vec![self.stop.elapsed()])),
            "s",
            "wall time of the last attempt",
        );
        p.history.save(&mut tree, "optimize/history");
        self.named_parameters(&mut tree)?;
        self.record_measurement(&mut tree);
        Ok(tree)
    }

    /// One dataset per block of the wave function, complex where the block is.
    fn named_parameters(&self, tree: &mut Tree) -> Result<()> {
        let flat = self.ensemble.parameters();
        let mut rest = flat.as_slice();
        for block in self.ensemble.layout() {
            let entries: usize = block.shape.iter().product();
            let (mine, after) = rest
                .split_at_checked(if block.complex { 2 * entries } else { entries })
                .ok_or_else(|| {
                    Error::numerical(
                        "the layout of the wave function does not fit its parameters",
                        "fix it",
                    )
                })?;
            rest = after;
            let value = if block.complex {
                Value::Complex(shaped(
                    &block.shape,
                    mine.chunks_exact(2)
                        .map(|v| Complex64::new(v[0], v[1]))
                        .collect(),
                ))
            } else {
                Value::Real(shaped(&block.shape, mine.to_vec()))
            };
            tree.describe(
                &format!("parameters/{}", block.name),
                value,
                "1",
                "final parameters",
            );
        }
        Ok(())
    }
}
