//! Decides `[optimize]`: θ ← θ − η δ with δ from the registered optimiser, sampled at the present
//! parameters, step by step.
//!
//! What happens to a step that goes wrong is decided in [`policy`].

mod average;
mod best;
mod clipping;
mod ending;
mod height;
mod history;
mod keys;
mod length;
mod method;
mod orthogonal;
mod passage;
mod pilots;
pub mod policy;
mod rounding;
mod spin;
mod stages;
mod state;
mod step;
mod update;
mod warnings;

pub use history::{CURVES, History, StepRow};
pub use keys::{OptimizeInput, OrthogonalInput, decided_by, keys, schema, validate};
pub use method::{ChosenMethod, ChosenOptimizer, method, optimizer};
pub use spin::pairs;
pub use stages::{StagePlan, Workload, heaviest, named, stages, workload};

use super::plan::Plan;
use super::vmc::Vmc;
use super::world::{Extent, Section, World};
use crate::comm::Comm;
use crate::error::Result;
use crate::input::SamplerInput;
use crate::input::{self, Source};
use crate::io::tree::{Tree, Value, shaped};
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress, load_rows};
use average::Average;
use best::Best;
use ending::{Ended, How};
use orthogonal::Orthogonal;
use passage::OpenStage;
use pilots::Pilots;
use policy::{Bounds, Policy};
use spin::SpinPenalty;
use state::Mark;
use std::cell::RefCell;
use std::rc::Rc;
use warnings::window_length;

/// `[optimize]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "optimize",
        free: &[],
        grows: &["steps"],
        reopens: &[],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema,
    validate: |source, _| validate(source),
    effective,
    shorten,
    build: |world| Ok(Box::new(Optimize::new(world)?)),
};

/// How an optimisation steps may change between attempts; towards which state may not.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    table.retain(|key, _| matches!(key, "steps" | "orthogonal_to" | "spin_penalty"));
    if let Some(keys) = keys(source)? {
        table.insert("steps".into(), (keys.steps as i64).into());
    }
    Ok(table)
}

/// Settings of a trial of so many first steps, or of all where they are fewer.
pub fn shortened(source: &Source, steps: usize) -> Result<Vec<String>> {
    let keys = keys(source)?;
    let keys = input::section(&keys, "optimize")?;
    let table = Section::own_keys(source, "optimize")?;
    let samples = source.input.sampler.clone().unwrap_or_default().samples;
    let of_trial = (keys.steps.min(steps), samples);
    Ok(stages::shorten(keys, &table, of_trial))
}

/// Mean energy and its standard error of the last window of an optimisation that is recorded; none
/// where the window is not sound.
pub fn last_window(record: &Tree, lower_bound: f64) -> Result<Option<(f64, f64)>> {
    let rows: Vec<StepRow> = load_rows(record, CURVES.group)?;
    let length = window_length(rows.len()).min(rows.len());
    let window = &rows[rows.len() - length..];
    Ok(warnings::window_mean(window, length, lower_bound))
}

/// A trial does fewer steps, with the method that the run on its ranks would choose.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let Some(keys) = keys(source)? else {
        return Ok(Vec::new());
    };
    let mut changes = shortened(source, extent.steps)?;
    // Full sums have no ladder.
    changes.extend(keys.shift_of_trial().filter(|_| !keys::sums(source)));
    Ok(changes)
}

/// An optimisation.
pub struct Optimize<'a> {
    source: &'a Source,
    vmc: Rc<RefCell<Vmc<'a>>>,
    keys: OptimizeInput,
    /// The keys without when the optimisation ends: with others, old faults count no more.
    schedule: String,
    /// At least one, and the number of that of the next step.
    stages: Vec<OpenStage>,
    at: usize,
    /// The stage that samples are drawn for, where there are several, and `[sampler]`.
    taken: Option<usize>,
    sampler: SamplerInput,
    orthogonal: Orthogonal,
    spin: Option<SpinPenalty>,
    bounds: Bounds,
    /// Of the energy.
    lower_bound: f64,
    /// One row per step.
    history: History,
    /// What faults have done so far.
    policy: Policy,
    /// Of the parameters, where the input asks for one.
    average: Option<Average>,
    /// The state to end with where the last one is worse.
    best: Option<Rc<Best>>,
    ending: Ended,
    pilots: Pilots,
    /// Parameter updates done.
    step: usize,
    /// Where this attempt began.
    started_at: usize,
    mark: Mark,
    cost: Cost,
}

/// What an optimisation takes: the state to go back to and the one that a step replaces, each with
/// what the method remembers, which the boundary and the method itself have as well.
fn cost(keys: &OptimizeInput, stages: &[OpenStage], plan: &Plan) -> Cost {
    let (vector, remembered) = (plan.vector(), plan.remembered());
    let snapshot = vector + remembered;
    // The sum, what is not judged yet and what the mean replaces, at the boundary and as they
    // stand.
    let averaged = keys.average.map_or(0.0, |_| 6.0 * vector);
    // The parameters of the best window, and those whose place they take.
    let has_windows = |s: &OpenStage| s.plan.steps >= window_length(s.plan.steps);
    let best = match stages.iter().any(has_windows) {
        true => 2.0 * vector,
        false => 0.0,
    };
    // Where the best pilot stood.
    let (pilots, tried) = match keys.pilots.filter(|p| p.seeds > 1) {
        Some(p) => (
            2.0 * snapshot + averaged / 3.0 + best / 2.0,
            (p.seeds - 1) * p.steps,
        ),
        None => (0.0, 0),
    };
    // After the solve: the direction and the parameters behind it, and as the wave function takes
    // them its numbers, its copy and its tables, while the old ones are there; and what the solver
    // has not given back to the system.
    let work = |solver: f64| solver.max(7.0 * vector);
    Cost {
        blocks: (keys.steps + tried) as f64,
        bytes: keys.steps.min(2) as f64 * snapshot + 2.0 * remembered + averaged + best + pilots,
        work: work(plan.root_bytes),
        work_elsewhere: work(plan.other_bytes),
        state: 2.0 * snapshot + averaged / 2.0 + best + pilots,
        ..Cost::default()
    }
}

impl<'a> Optimize<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let keys = input::section(&keys, "optimize")?.clone();
        let vmc = world.vmc()?;
        let plan = world.plan()?;
        let vmc_now = vmc.borrow();
        let (problem, sampler) = (&vmc_now.problem, vmc_now.sampler.clone());
        let planned = stages(&keys, &sampler).into_iter().zip(plan.methods());
        let stage = |(k, (of, method)): (usize, (StagePlan, &ChosenMethod))| {
            let chosen = vmc_now
                .refuse_keys(&of.sampler)
                .and_then(|()| optimizer(&of.keys, &world.registry, method));
            Ok(OpenStage::new(of, chosen.map_err(|e| named(e, &keys, k))?))
        };
        let stages: Vec<OpenStage> = planned.enumerate().map(stage).collect::<Result<_>>()?;
        let orthogonal = Orthogonal::new(source, &keys, problem, world.rank, world.size)?;
        // A penalty lifts the energy on purpose.
        let spin = SpinPenalty::new(&keys, problem)?;
        let rise = match orthogonal.is_empty() && spin.is_none() {
            true => keys.max_rise,
            false => 0.0,
        };
        let pilots = Pilots::new(keys.pilots, source, &vmc_now)?;
        let cost = cost(&keys, &stages, plan);
        Ok(Optimize {
            source,
            pilots,
            bounds: Bounds::new(problem.facts.centre, problem.facts.lower_bound(), rise),
            lower_bound: problem.facts.lower_bound(),
            vmc: vmc.clone(),
            schedule: schedule(source)?,
            average: keys.average.map(|over| Average::new(over, keys.steps)),
            best: None,
            ending: Ended::default(),
            keys,
            stages,
            at: 0,
            taken: None,
            sampler,
            orthogonal,
            spin,
            history: History::default(),
            policy: Policy::default(),
            step: 0,
            started_at: 0,
            mark: Mark::default(),
            cost,
        })
    }
}

/// Canonical text of how the optimisation steps, without when it ends.
fn schedule(source: &Source) -> Result<String> {
    let mut table = Section::own_keys(source, "optimize")?;
    table.retain(|key, _| !matches!(key, "steps" | "target_error" | "target_v_score"));
    Ok(table.to_string())
}

impl Calculation for Optimize<'_> {
    fn cost(&self) -> Cost {
        self.cost
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        if self.ending.how != How::Open {
            return Ok(Progress::Done);
        }
        let progress = match self.step < self.keys.steps {
            true => self.make_step(desk)?,
            false => Progress::Done,
        };
        let progress = self.pass_pilot(progress, desk)?;
        match progress {
            Progress::Done => self.end(desk)?,
            _ => self.enter_stage(desk.comm)?,
        }
        Ok(progress)
    }
    fn mark(&mut self) {
        self.vmc.borrow_mut().mark();
        self.set_mark();
    }
    fn rewind(&mut self) -> Result<()> {
        self.vmc.borrow_mut().rewind()?;
        self.go_to_mark()
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.save_state(out, comm)
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        self.load_state(from)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        self.vmc.borrow().record(out)?;
        out.put_integer("status/steps", self.step as i64);
        out.put_integer("status/started_at_step", self.started_at as i64);
        self.history.record(out);
        self.record_ending(out);
        self.pilots.record(out);
        if let Some(average) = &self.average {
            let count = Value::Integer(shaped(&[], vec![average.averaged() as i64]));
            let meaning = "steps whose parameters are averaged";
            out.describe("optimize/averaged_steps", count, "1", meaning);
        }
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        self.reasons_for_care()
    }
    fn growing_key(&self) -> Option<String> {
        Some(self.keys.steps_key())
    }
    fn place(&self) -> String {
        match self.pilots.present() {
            Some((number, _)) => format!("step {} of pilot {number}", self.step),
            None => format!("step {}", self.step),
        }
    }
}
