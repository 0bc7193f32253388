//! Decides `[construct]`: a deep Boltzmann machine by exact imaginary-time evolution, without any
//! parameter that is optimised.
//!
//! |ψ⟩ = e^{−τH} |start⟩ in second-order Trotter steps, of which each gate adds a few units (G.
//! Carleo, Y. Nomura, M. Imada, Nat. Commun. 9, 5322 (2018)). A block is one step; the first one
//! looks at the start.

mod circuit;
mod keys;
mod motion;
mod outcome;
mod record;
mod sampled;

pub use keys::{ConstructInput, keys, steps};
pub use record::{CURVES, ConstructRow};

use super::vmc::Vmc;
use super::world::{Extent, Section, World};
use crate::ansatz::Block;
use crate::ansatz::dbm::{StateVector, units};
use crate::comm::{Comm, agree};
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{Method, Source};
use crate::io::tree::Tree;
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress, load_rows, save_rows};
use crate::table::schema_of;
use crate::worldlines::Terms;
use crate::worldlines::trotter::Trotter;
use motion::{Mover, Vectors};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

/// `[construct]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        grows: &["time"],
        curves: &[CURVES],
        ..Declaration::named(keys::NAME)
    },
    schema: schema_of::<ConstructInput>,
    validate: |source, _| keys::validate(source),
    effective: Section::own_keys,
    shorten,
    build: |world| Ok(Box::new(Construct::new(world)?)),
};

/// A trial does fewer steps.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let keys = keys(source)?;
    let steps = keys.steps().min(extent.steps.max(1));
    Ok(vec![format!(
        "construct.time={:e}",
        steps as f64 * keys.step
    )])
}

/// A construction in progress.
pub struct Construct<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    source: &'a Source,
    rank: (usize, usize),
    keys: ConstructInput,
    trotter: Trotter,
    /// The Hamiltonian in the frame of the circuit.
    terms: Terms,
    /// Parameters of the machine at the start, known from the first block on.
    start: Vec<f64>,
    layout: Vec<Block>,
    rows: Vec<ConstructRow>,
    /// Of full sums.
    mover: Option<Mover>,
    vectors: Option<Rc<Vectors>>,
    deviation: Option<f64>,
    said: Vec<String>,
    seconds: Vec<f64>,
    /// The ensemble of the start, where another one has been handed on.
    before: RefCell<Option<Box<dyn Variational>>>,
    mark: (usize, Option<Rc<Vectors>>),
}

impl<'a> Construct<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let keys = keys(world.source)?;
        let vmc = world.vmc()?;
        let sampled = vmc.borrow();
        let (trotter, terms) = circuit::trotter(world.source, &sampled.problem, &keys)?;
        sampled::check(&sampled, &trotter, &terms)?;
        let layout = sampled.ensemble.layout();
        drop(sampled);
        let construct = Construct {
            vmc,
            source: world.source,
            rank: (world.rank, world.size),
            keys,
            trotter,
            terms,
            start: Vec::new(),
            layout,
            rows: Vec::new(),
            mover: None,
            vectors: None,
            deviation: None,
            said: Vec::new(),
            seconds: Vec::new(),
            before: RefCell::new(None),
            mark: (0, None),
        };
        if construct.is_sampled() {
            construct.refuse_observables()?;
        }
        Ok(construct)
    }

    fn is_sampled(&self) -> bool {
        self.vmc.borrow().sampler.method != Method::FullSum
    }

    fn is_complete(&self) -> bool {
        self.rows.len() > self.keys.steps()
    }

    /// Hidden and deep units of the circuit of so many steps, those of the start included.
    fn units(&self, steps: usize) -> [usize; 2] {
        let hidden = self.layout.iter().find(|block| block.name == "b");
        let first = hidden.map_or(0, Block::size);
        let count = |k: usize| {
            self.trotter
                .count(steps, |gate| units(gate, self.keys.gates)[k])
        };
        [first + count(0), count(1)]
    }

    /// Row 0: the start.
    fn begin(&mut self) -> Result<()> {
        let vmc = self.vmc.borrow();
        self.start = vmc.ensemble.parameters();
        if vmc.sampler.method != Method::FullSum {
            self.rows.push(ConstructRow::default());
            return Ok(());
        }
        let first = StateVector::of_network(&vmc.problem.basis, &self.first_network())?;
        let mover = Mover::new(&vmc.problem, &first)?;
        let vectors = mover.start(first);
        self.rows.push(mover.judge(&vectors));
        (self.mover, self.vectors) = (Some(mover), Some(Rc::new(vectors)));
        Ok(())
    }

    /// One step, of the time alone where there is no state vector.
    fn advance(&mut self, desk: &Desk) -> Result<()> {
        let time = self.rows.len() as f64 * self.keys.step;
        let mut row = ConstructRow::default();
        if let (Some(mover), Some(vectors)) = (&self.mover, &self.vectors) {
            let layers = self.trotter.step();
            let next = mover.step(vectors, &layers, self.keys.step, &|| desk.go_on());
            let next = agree(desk.comm, next)?;
            row = mover.judge(&next);
            self.vectors = Some(Rc::new(next));
        }
        self.rows.push(ConstructRow { time, ..row });
        Ok(())
    }

    /// Takes back the state vectors of a checkpoint.
    fn load_vectors(&mut self, from: &Tree) -> Result<()> {
        let vectors = self.vectors.as_ref().map(|v| (**v).clone());
        let (circuit, exact) = (from.complexes("circuit")?, from.complexes("exact")?);
        let fits = |v: &Vectors| v.exact.len() == exact.len() && circuit.len() == exact.len();
        let Some(mut vectors) = vectors.filter(fits) else {
            let problem = "the checkpoint has another number of states";
            return Err(Error::output("circuit", problem));
        };
        (vectors.circuit.amplitudes, vectors.exact) = (circuit, exact);
        vectors.circuit.log_scale = from.real("log_scale")?;
        self.vectors = Some(Rc::new(vectors));
        Ok(())
    }

    /// Writes parameters and chains of the start, also where something else has been handed on.
    fn save_start(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        let mut vmc = self.vmc.borrow_mut();
        let mut before = self.before.borrow_mut();
        let Some(old) = before.as_mut() else {
            return vmc.save(out, comm);
        };
        std::mem::swap(&mut vmc.ensemble, old);
        let saved = vmc.save(out, comm);
        std::mem::swap(&mut vmc.ensemble, old);
        saved
    }
}

impl Calculation for Construct<'_> {
    fn cost(&self) -> Cost {
        let vmc = self.vmc.borrow();
        let (states, chains) = (vmc.problem.basis.dimension(), vmc.sampler.chains);
        let rows = 40.0 * (self.keys.steps() + 1) as f64;
        let blocks = (self.keys.steps() + 1) as f64;
        if vmc.sampler.method != Method::FullSum {
            let here = chains.div_ceil(self.rank.1);
            return Cost {
                blocks,
                bytes: rows + sampled::bytes(self, vmc.sampler.method, here),
                state: rows,
                ..Cost::default()
            };
        }
        Cost {
            blocks,
            bytes: motion::KEPT_BYTES * states + rows,
            work: motion::WORK_BYTES * states,
            work_elsewhere: motion::WORK_BYTES * states,
            state: motion::SAVED_BYTES * states + rows,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        if self.is_complete() {
            return Ok(Progress::Done);
        }
        let clock = Instant::now();
        match self.rows.is_empty() {
            true => {
                let begun = self.begin();
                agree(desk.comm, begun)?;
            }
            false => self.advance(desk)?,
        }
        self.seconds.push(clock.elapsed().as_secs_f64());
        if let Some(row) = self.rows.last() {
            let energy = match self.is_sampled() {
                true => String::new(),
                false => format!("  E = {:.10}", row.energy),
            };
            let text = format!("construct t = {:.6}{energy}", row.time);
            desk.line(self.rows.len() - 1, self.keys.steps() + 1, &text);
        }
        if !self.is_complete() {
            return Ok(Progress::GoesOn);
        }
        let handed_on = self.hand_on();
        agree(desk.comm, handed_on)?;
        self.said.iter().for_each(|text| desk.warn(text));
        Ok(Progress::Done)
    }
    fn mark(&mut self) {
        self.vmc.borrow_mut().mark();
        self.mark = (self.rows.len(), self.vectors.clone());
    }
    fn rewind(&mut self) -> Result<()> {
        let (rows, vectors) = self.mark.clone();
        if rows <= self.keys.steps() {
            self.take_back();
        }
        self.rows.truncate(rows);
        self.seconds.truncate(rows);
        self.vectors = vectors;
        self.vmc.borrow_mut().rewind()
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.save_start(out, comm)?;
        save_rows(out, "rows", &self.rows);
        out.put_reals("seconds", &self.seconds);
        if let Some(vectors) = &self.vectors {
            let circuit = &vectors.circuit;
            let shape = [circuit.amplitudes.len()];
            out.put_complex("circuit", &shape, &circuit.amplitudes);
            out.put_complex("exact", &shape, &vectors.exact);
            out.put_real("log_scale", circuit.log_scale);
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let rows: Vec<ConstructRow> = load_rows(from, "rows")?;
        if rows.len() > self.keys.steps() + 1 {
            return Ok(Loaded::StartsOver);
        }
        self.take_back();
        self.vmc.borrow_mut().load(from)?;
        self.rows = Vec::new();
        self.seconds = from.reals("seconds")?;
        if rows.is_empty() {
            return Ok(Loaded::Resumed);
        }
        self.begin()?;
        if self.vectors.is_some() {
            self.load_vectors(from)?;
        }
        self.rows = rows;
        if self.is_complete() {
            self.hand_on()?;
        }
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        record::results(self, out)
    }
    fn warnings(&self) -> Vec<String> {
        self.said.clone()
    }
    fn place(&self) -> String {
        format!("t = {}", self.rows.last().map_or(0.0, |row| row.time))
    }
}
