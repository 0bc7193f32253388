//! Decides `[construct]`: a deep Boltzmann machine by exact imaginary-time evolution, without any
//! parameter that is optimised.
//!
//! |ψ⟩ = e^{−τH} |start⟩ in second-order Trotter steps, of which each gate adds a few units (G.
//! Carleo, Y. Nomura, M. Imada, Nat. Commun. 9, 5322 (2018)). A block is one step; the first one
//! looks at the start.

mod circuit;
mod keys;
mod motion;
mod record;

pub use keys::{ConstructInput, keys};
pub use record::{CURVES, ConstructRow};

use super::vmc::Vmc;
use super::vmc::problem::ensemble_of;
use super::world::{Extent, Section, World};
use crate::ansatz::dbm::{FixedTable, Network, StateVector, units};
use crate::ansatz::table::Table;
use crate::ansatz::{Block, Erased};
use crate::comm::{Comm, agree};
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{Method, Source};
use crate::io::tree::Tree;
use crate::number::unflatten;
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress, load_rows, save_rows};
use crate::table::schema_of;
use crate::worldlines::trotter::Trotter;
use motion::{Mover, Vectors};
use num_complex::Complex64;
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

/// Largest 2^(N + M') over which network and state vector are compared, as a power of 2.
const COMPARED: usize = 22;
/// Couplings of a network that is built, at most.
const MOST_COUPLINGS: usize = 1 << 26;

/// A construction in progress.
pub struct Construct<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    source: &'a Source,
    rank: (usize, usize),
    keys: ConstructInput,
    trotter: Trotter,
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
    before: Option<Box<dyn Variational>>,
    mark: (usize, Option<Rc<Vectors>>),
}

impl<'a> Construct<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let keys = keys(world.source)?;
        let vmc = world.vmc()?;
        let sampled = vmc.borrow();
        let trotter = circuit::trotter(world.source, &sampled.problem, &keys)?;
        if sampled.sampler.method != Method::FullSum {
            return Err(Error::input(
                "sampler.method",
                "a constructed machine is not sampled in this version",
                "use \"full-sum\"",
            ));
        }
        let layout = sampled.ensemble.layout();
        drop(sampled);
        Ok(Construct {
            vmc,
            source: world.source,
            rank: (world.rank, world.size),
            keys,
            trotter,
            start: Vec::new(),
            layout,
            rows: Vec::new(),
            mover: None,
            vectors: None,
            deviation: None,
            said: Vec::new(),
            seconds: Vec::new(),
            before: None,
            mark: (0, None),
        })
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
        let first = hidden.map_or(0, |block| block.shape.iter().product());
        let count = |k: usize| {
            self.trotter
                .count(steps, |gate| units(gate, self.keys.gates)[k])
        };
        [first + count(0), count(1)]
    }

    /// The network at the start.
    fn first_network(&self) -> Network {
        let mut rest = self.start.as_slice();
        let mut blocks: Vec<Vec<Complex64>> = Vec::new();
        for block in &self.layout {
            let parts = if block.complex { 2 } else { 1 };
            let length = parts * block.shape.iter().product::<usize>();
            let (own, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            blocks.push(match block.complex {
                true => unflatten(own),
                false => own.iter().map(|x| Complex64::from(*x)).collect(),
            });
        }
        let of = |name: &str| self.layout.iter().position(|block| block.name == name);
        match (of("a"), of("b"), of("W")) {
            (Some(a), Some(b), Some(w)) => {
                Network::restricted(blocks[a].clone(), blocks[b].clone(), &blocks[w])
            }
            _ => Network::uniform(self.trotter.sites),
        }
    }

    /// Row 0: the start.
    fn begin(&mut self) -> Result<()> {
        let vmc = self.vmc.borrow();
        self.start = vmc.ensemble.parameters();
        let first = StateVector::of_network(&vmc.problem.basis, &self.first_network())?;
        let mover = Mover::new(&vmc.problem, &first)?;
        let vectors = mover.start(first);
        self.rows.push(mover.judge(&vectors));
        (self.mover, self.vectors) = (Some(mover), Some(Rc::new(vectors)));
        Ok(())
    }

    /// One step.
    fn advance(&mut self, desk: &Desk) -> Result<()> {
        let (Some(mover), Some(vectors)) = (&self.mover, &self.vectors) else {
            return Err(Error::numerical(
                "the construction has no state",
                "use --fresh",
            ));
        };
        let layers = self.trotter.step();
        let next = mover.step(vectors, &layers, self.keys.step, &|| desk.go_on());
        let next = agree(desk.comm, next)?;
        let row = mover.judge(&next);
        let time = self.rows.len() as f64 * self.keys.step;
        self.rows.push(ConstructRow { time, ..row });
        self.vectors = Some(Rc::new(next));
        Ok(())
    }

    /// The network of all gates; none where its couplings are too many.
    fn network(&self) -> Option<Network> {
        let mut network = self.first_network();
        for gate in self
            .trotter
            .after(self.keys.steps())
            .layers
            .iter()
            .flatten()
        {
            network.apply(gate, self.keys.gates);
            // A gate of the form 1d-3h copies a row: the number may grow as the square of the time.
            if network.b.len().is_multiple_of(1024) && network.couplings() > MOST_COUPLINGS {
                return None;
            }
        }
        (network.couplings() <= MOST_COUPLINGS).then_some(network)
    }

    /// Those behind see the state of the circuit.
    fn hand_on(&mut self) -> Result<()> {
        let network = self.network();
        let vmc = &mut *self.vmc.borrow_mut();
        let Some(vectors) = &self.vectors else {
            return Err(Error::numerical(
                "the construction has no state",
                "use --fresh",
            ));
        };
        let amplitudes = &vectors.circuit.amplitudes;
        let table = Table::from_amplitudes(&vmc.problem.basis, amplitudes)?;
        let fixed = Erased::new(FixedTable(table));
        let (rank, size) = self.rank;
        let next = ensemble_of(self.source, &vmc.problem, fixed, rank, size)?;
        self.deviation = network
            .as_ref()
            .filter(|network| network.a.len() + network.deep.len() <= COMPARED)
            .map(|network| motion::deviation(network, &vectors.circuit));
        self.said.clear();
        if network.is_none() {
            self.said.push(format!(
                "the network has more than {MOST_COUPLINGS} couplings and is not written; use a \
                 shorter time, or gates = \"2d-4h\", whose couplings grow as the time"
            ));
        }
        let parameters = network.as_ref().map(record::parameters).unwrap_or_default();
        vmc.constructed = Some(Rc::new(parameters));
        let old = std::mem::replace(&mut vmc.ensemble, next);
        self.before = Some(old);
        Ok(())
    }

    /// Takes back what has been handed on.
    fn take_back(&mut self) {
        if let Some(old) = self.before.take() {
            let vmc = &mut *self.vmc.borrow_mut();
            (vmc.ensemble, vmc.constructed) = (old, None);
        }
    }
}

impl Calculation for Construct<'_> {
    fn cost(&self) -> Cost {
        let states = self.vmc.borrow().problem.basis.dimension();
        let rows = 40.0 * (self.keys.steps() + 1) as f64;
        Cost {
            blocks: (self.keys.steps() + 1) as f64,
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
            let text = format!("construct t = {:.6}  E = {:.10}", row.time, row.energy);
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
        self.vmc.borrow().save(out, comm)?;
        if !self.rows.is_empty() {
            out.put_reals("parameters", &self.start);
        }
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
        self.take_back();
        self.vmc.borrow_mut().load(from)?;
        self.rows = Vec::new();
        let rows: Vec<ConstructRow> = load_rows(from, "rows")?;
        self.seconds = from.reals("seconds")?;
        if rows.is_empty() {
            return Ok(Loaded::Resumed);
        }
        self.begin()?;
        let vectors = self.vectors.as_ref().map(|v| (**v).clone());
        let (circuit, exact) = (from.complexes("circuit")?, from.complexes("exact")?);
        let fits = |v: &Vectors| v.exact.len() == exact.len() && circuit.len() == exact.len();
        let Some(mut vectors) = vectors.filter(fits) else {
            return Err(Error::output(
                "circuit",
                "the checkpoint has another number of states",
            ));
        };
        (vectors.circuit.amplitudes, vectors.exact) = (circuit, exact);
        vectors.circuit.log_scale = from.real("log_scale")?;
        self.vectors = Some(Rc::new(vectors));
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
