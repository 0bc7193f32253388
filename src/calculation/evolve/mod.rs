//! Decides `[evolve]`: θ(t) by an integrator, fresh samples for every slope, observables on a grid
//! of times; or, projected, by fits to the factors of a step.
//!
//! A boundary, where the run may stop, lies between two attempts of a step: parameters, the slope
//! at the present point, the length of the next step and the number of the next random stream are
//! all that a restart needs.

mod couplings;
mod curves;
mod flow;
mod keys;
mod method;
mod projection;
mod search;
mod shift;
mod start;
mod step;
mod trajectory;

pub use couplings::{Couplings, Present, validate as validate_evolution};
pub use keys::{EvolveInput, InitialState, keys, validate};
pub use method::{EvolveMethod, ProjectionInput};
pub use shift::MotionShift;
pub use trajectory::{CURVES, OUTPUTS, OutputRow, PointRow, Trajectory};

use super::measure;
use super::vmc::Vmc;
use super::vmc::problem::observables;
use super::world::{Extent, Section, World};
use crate::comm::Comm;
use crate::error::Result;
use crate::evolution::motion::TimeAxis;
use crate::input::{self, Method, Source};
use crate::io::tree::Tree;
use crate::observable::Named;
use crate::operator::{Facts, Operator};
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress};
use crate::table::schema_of;
use std::cell::RefCell;
use std::rc::Rc;
use trajectory::TrajectoryMark;

/// `[evolve]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "evolve",
        free: &["max_drift", "max_r2", "min_step", "max_step"],
        grows: &["time"],
        reopens: &[],
        restarts: &[],
        relies_on: &["measure.observables"],
        curves: &[CURVES, OUTPUTS],
    },
    schema: schema_of::<EvolveInput>,
    validate: |source, _| validate(source),
    effective,
    shorten,
    build: |world| Ok(Box::new(Evolve::new(world)?)),
};

/// The grid of output times follows from the time where the input does not give it.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    if let Some(keys) = keys(source)? {
        table.insert("output_every".into(), toml::Value::Float(keys.every()));
    }
    Ok(table)
}

/// Steps of a trial, whose first one burns in.
const TRIAL_STEPS: f64 = 3.0;

/// A trial evolves for a few steps on the same grid.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let Some(keys) = keys(source)? else {
        return Ok(Vec::new());
    };
    let time = match extent.whole_evolution {
        true => keys.time,
        false => keys.time.min(TRIAL_STEPS * keys.step),
    };
    let mut all = vec![
        format!("evolve.time={time:e}"),
        format!("evolve.output_every={:e}", keys.every()),
    ];
    let sampler = source.input.sampler.clone().unwrap_or_default();
    if let Some(samples) = keys.samples.filter(|_| sampler.method != Method::FullSum) {
        let samples = samples / sampler.chains * extent.chains;
        all.push(format!("evolve.samples={samples}"));
    }
    Ok(all)
}

/// An evolution in time.
pub struct Evolve<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    keys: EvolveInput,
    couplings: Couplings<'a>,
    /// A Hamiltonian that does not depend on time.
    constant: Option<Present>,
    /// `[hamiltonian]`, under which the state was prepared.
    prepared: std::sync::Arc<dyn Operator>,
    /// Those of `[measure]`.
    observables: Vec<Named>,
    trajectory: Trajectory,
    /// Warnings that the log has had.
    said: Vec<String>,
    mark: TrajectoryMark,
    /// Bytes of the parameter vector, and of the solve of a slope on rank 0 and on another rank.
    vector: f64,
    solver: [f64; 2],
}

impl<'a> Evolve<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let keys = input::section(&keys, "evolve")?.clone();
        let shared = world.vmc()?;
        let plan = world.plan()?;
        let (vector, solver) = (plan.vector(), [plan.root_bytes, plan.other_bytes]);
        let vmc = &mut *shared.borrow_mut();
        validate_evolution(source, &vmc.problem)?;
        start::start(source, vmc)?;
        let couplings = Couplings::new(source, &vmc.problem, &keys)?;
        let constant = match couplings.are_constant() {
            true => Some(couplings.at(0.0)?),
            false => None,
        };
        let list = measure::keys(source)?.map_or_else(Vec::new, |m| m.observables);
        Ok(Evolve {
            vmc: shared.clone(),
            constant,
            couplings,
            prepared: vmc.problem.hamiltonian.clone(),
            observables: observables(source, &vmc.problem, &list, "measure.observables")?,
            keys,
            trajectory: Trajectory::default(),
            said: Vec::new(),
            mark: TrajectoryMark::default(),
            vector,
            solver,
        })
    }

    fn is_complete(&self) -> bool {
        !self.trajectory.rows.is_empty() && self.trajectory.time >= end(&self.keys)
    }

    /// Those behind go on under the Hamiltonian of the last time.
    fn hand_on(&self) -> Result<()> {
        let last = self.couplings.at(self.keys.time)?;
        let problem = &mut self.vmc.borrow_mut().problem;
        problem.hamiltonian = last.hamiltonian;
        problem.facts = Facts {
            pairs: std::mem::take(&mut problem.facts.pairs),
            ..last.facts
        };
        Ok(())
    }
}

/// From where on the evolution counts as finished.
fn end(keys: &EvolveInput) -> f64 {
    keys.time * (1.0 - 1e-12)
}

/// Bounds of drift and r² above which there is a warning.
fn bounds(keys: &EvolveInput) -> (Option<f64>, f64) {
    let conserved = keys.ramps.is_empty() && keys.axis == TimeAxis::Real;
    (conserved.then(|| keys.max_drift()), keys.max_r2())
}

impl Calculation for Evolve<'_> {
    fn cost(&self) -> Cost {
        let slopes = self.keys.slopes_per_step() as f64;
        // All slopes, both ends, the start, the point of the next slope, and the solve.
        let work = |solver: f64| solver + (slopes + 5.0) * self.vector;
        Cost {
            blocks: 1.0 + (self.keys.time / self.keys.step).ceil(),
            // The slope at the present point.
            bytes: self.vector,
            work: work(self.solver[0]),
            work_elsewhere: work(self.solver[1]),
            state: 2.0 * self.vector,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        // Whatever precision the section before has left: nothing here tells how far single is off.
        self.vmc.borrow_mut().ensemble.set_exact(true)?;
        if !self.is_complete() {
            self.attempt(desk)?;
            let warnings = self.warnings();
            for warning in warnings.iter().filter(|w| !self.said.contains(w)) {
                log::warn!("{warning}");
            }
            self.said = warnings;
        }
        if !self.is_complete() {
            return Ok(Progress::GoesOn);
        }
        self.hand_on().map(|()| Progress::Done)
    }
    fn mark(&mut self) {
        self.vmc.borrow_mut().mark();
        self.mark = self.trajectory.mark();
    }
    fn rewind(&mut self) -> Result<()> {
        self.trajectory.rewind(&self.mark);
        self.vmc.borrow_mut().rewind()
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.vmc.borrow().save(out, comm)?;
        self.trajectory.save(out);
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        self.vmc.borrow_mut().load(from)?;
        self.trajectory = Trajectory::load(from)?;
        self.said = self.warnings();
        if self.is_complete() {
            self.hand_on()?;
        }
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        self.vmc.borrow().record(out)?;
        self.trajectory.record(out);
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        let (max_drift, max_r2) = bounds(&self.keys);
        let mut list = self.trajectory.warnings(max_drift, max_r2);
        if !self.trajectory.outputs.is_empty() {
            list.extend(curves::undefined(
                &self.trajectory.curves,
                &self.observables,
            ));
        }
        list
    }
    fn place(&self) -> String {
        format!("t = {}", self.trajectory.time)
    }
}
