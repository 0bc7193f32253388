//! Decides `[learn]`: a wave function learns measured outcomes, or a state, step by step.
//!
//! θ ← θ − η ∇ of the negative log-likelihood Ξ of outcomes in product bases, or of −ln of the
//! fidelity with a state (G. Carleo, M. Troyer, Science 355, 602 (2017); G. Torlai et al., Nat.
//! Phys. 14, 447 (2018)). A block makes the update that the block before has prepared, and looks
//! at the new parameters; so a finished run can go on.

mod check;
mod course;
mod ending;
mod judge;
mod keys;
mod lesson;
mod likelihood;
mod moving;
mod outcomes;
mod overlap;
mod pairs;
mod record;
mod standing;
mod target;
mod warnings;

pub use keys::{LearnInput, keys, schema};
pub use record::CURVES;

use super::vmc::Vmc;
use super::world::{Extent, Section, World};
use crate::comm::Comm;
use crate::error::Result;
use crate::input::Source;
use crate::io::tree::Tree;
use crate::rng::{Distribution, Purpose, StandardNormal, stream};
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress, Record};
use ending::LearnedFigures;
use keys::{LearnedObjective, LearningMethod, NAME};
use lesson::Lesson;
use moving::{Movers, places};
use outcomes::Prepared;
use record::LearnRow;
use standing::{LearningMark, LearningStanding};
use std::cell::RefCell;
use std::rc::Rc;
use target::TargetState;

/// `[learn]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: NAME,
        free: &[],
        grows: &["steps"],
        reopens: &[],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema,
    validate: |source, _| check::validate(source),
    effective: Section::own_keys,
    shorten,
    build: |world| Ok(Box::new(Learn::new(world)?)),
};

/// A trial does fewer steps of one restart.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let steps = keys(source)?.steps.min(extent.steps);
    Ok(vec![
        format!("learn.steps={steps}"),
        "learn.restarts=1".into(),
    ])
}

/// A wave function that learns.
pub struct Learn<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    keys: LearnInput,
    source: &'a Source,
    rank: (usize, usize),
    /// ∇ beside F.
    factor: f64,
    movers: Movers,
    /// Found in the first block of an attempt: state and outcomes.
    state: Option<TargetState>,
    lesson: Option<Lesson>,
    prepared: Option<Prepared>,
    standing: LearningStanding,
    found: Option<LearnedFigures>,
    seconds: Vec<f64>,
    mark: LearningMark,
    cost: Cost,
}

impl<'a> Learn<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let vmc = world.vmc()?;
        let vector = world.plan()?.vector();
        let mut sampled = vmc.borrow_mut();
        check::refuse(source, &keys, &sampled)?;
        let (layout, facts) = (sampled.ensemble.layout(), sampled.ensemble.facts());
        let start = started(
            &keys,
            sampled.ensemble.parameters(),
            &layout,
            source.input.seed,
        );
        sampled.ensemble.set_parameters(&start)?;
        let (steps, restarts) = (keys.steps as f64, keys.restarts as f64);
        let rows = 8.0 * LearnRow::COLUMNS.len() as f64 * steps;
        // The matrix of a natural gradient and its copy; outcomes written out or as a list.
        let matrix = if keys.method == LearningMethod::Sr {
            vector * vector / 4.0
        } else {
            0.0
        };
        let outcomes = outcome_bytes(&keys, &sampled)?;
        let turned = turned_bytes(&keys, &sampled)?;
        drop(sampled);
        Ok(Learn {
            movers: Movers::new(&keys, &layout, facts.kind)?,
            factor: moving::factor(facts.kind),
            cost: Cost {
                blocks: restarts * (steps + 1.0),
                bytes: 6.0 * vector + 2.0 * rows + outcomes,
                work: 5.0 * vector + matrix + turned,
                work_elsewhere: 5.0 * vector + matrix + turned,
                state: 6.0 * vector + 2.0 * rows,
                ..Cost::default()
            },
            vmc,
            keys,
            source,
            rank: (world.rank, world.size),
            state: None,
            lesson: None,
            prepared: None,
            standing: LearningStanding::default(),
            found: None,
            seconds: Vec::new(),
            mark: LearningMark::default(),
        })
    }

    /// The steps of the restart that results show.
    fn shown_rows(&self) -> &[LearnRow] {
        match &self.standing.kept {
            Some(kept) if self.standing.done => &kept.rows,
            _ => &self.standing.rows,
        }
    }
}

/// Bytes of outcomes that a state gives, on every rank, at most; files are not looked at.
fn outcome_bytes(keys: &LearnInput, vmc: &Vmc) -> Result<f64> {
    let most = vmc.problem.basis.dimension();
    let state = match keys.target {
        keys::TargetInput::GroundState {} => 16.0 * most,
        keys::TargetInput::File { .. } if most <= target::LARGEST => 16.0 * most,
        _ => 0.0,
    };
    if keys.objective == LearnedObjective::Infidelity {
        return Ok(state);
    }
    let sites = vmc.sites() as f64;
    let each = |basis: &crate::shots::MeasuredBasis| {
        let rotated = basis.rotated().len() as i32;
        let rows = match keys.shots {
            0 => most.max(2f64.powi(rotated)),
            some => most.min(some as f64),
        };
        let terms = if vmc.ensemble.noise().is_none() {
            1.0
        } else {
            2f64.powi(rotated.min(3))
        };
        rows * terms * (2.0 * sites + 48.0)
    };
    let bases = match keys.target {
        keys::TargetInput::Shots { .. } => Vec::new(),
        _ => lesson::bases(keys, &vmc.problem)?,
    };
    // What is drawn is written shot by shot.
    let shots = keys.shots as f64 * bases.len() as f64 * (sites + 16.0);
    Ok(state + shots + bases.iter().map(each).sum::<f64>())
}

/// Bytes of a step of a full sum in which outcomes are turned: all words, as amplitudes and as
/// probabilities.
fn turned_bytes(keys: &LearnInput, vmc: &Vmc) -> Result<f64> {
    if !vmc.ensemble.noise().is_none() || matches!(keys.target, keys::TargetInput::Shots { .. }) {
        return Ok(0.0);
    }
    let bases = lesson::bases(keys, &vmc.problem)?;
    let turned = keys.readout.is_some() || bases.iter().any(|b| !b.rotated().is_empty());
    let words = 2f64.powi(vmc.sites().min(1000) as i32);
    Ok(if turned { 40.0 * words } else { 0.0 })
}

/// The parameters at the start: with `phase_init`, weights and biases of the phase are drawn anew.
fn started(
    keys: &LearnInput,
    mut parameters: Vec<f64>,
    layout: &[crate::ansatz::Block],
    seed: u64,
) -> Vec<f64> {
    let Some(deviation) = keys.phase_init else {
        return parameters;
    };
    let mut rng = stream(seed, Purpose::PhaseStart, 0, 0);
    for k in places(layout).1.into_iter().flatten() {
        let normal: f64 = StandardNormal.sample(&mut rng);
        parameters[k] = deviation * normal;
    }
    parameters
}

impl Calculation for Learn<'_> {
    fn cost(&self) -> Cost {
        self.cost
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        // Nothing here tells how far single precision is off.
        self.vmc.borrow_mut().ensemble.set_exact(true)?;
        if self.prepared.is_none() {
            self.prepare(desk)?;
        }
        if self.standing.done {
            return Ok(Progress::Done);
        }
        if !self.is_complete() {
            self.advance(desk)?;
        }
        match self.is_complete() {
            true => self.complete(desk),
            false => Ok(Progress::GoesOn),
        }
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
        record::results(self, out)
    }
    fn warnings(&self) -> Vec<String> {
        warnings::of(self)
    }
    fn place(&self) -> String {
        format!("step {}", self.standing.step)
    }
}
