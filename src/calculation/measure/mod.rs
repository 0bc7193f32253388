//! Decides `[measure]`: fixed parameters, fresh samples in blocks, an energy with an honest error
//! bar and warnings.

mod amplitudes;
mod block;
mod exchanges;
mod keys;
mod measurement;
mod record;
mod target;
mod verdict;
mod warnings;

use amplitudes::Listed;
pub use keys::{MeasureInput, TargetError, bytes_of_sample, keys, validate};
pub use measurement::Measurement;
pub use target::Target;

use super::vmc::Vmc;
use super::vmc::problem::observables;
use super::world::{Extent, Section, World};
use crate::comm::{Comm, agree};
use crate::ensemble::Noise;
use crate::error::{Error, Result};
use crate::input::{self, Method, Source};
use crate::io::tree::Tree;
use crate::linalg::available_memory;
use crate::observable::Named;
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress};
use crate::table::schema_of;
use std::cell::RefCell;
use std::rc::Rc;

/// Samples of one chain in one block; tables are rebuilt and the run may stop between blocks.
pub const BLOCK: usize = 64;
/// Measured samples of a trial, in samples of a step.
const TRIAL_SAMPLES: usize = 4;
/// Fewest measured samples of a chain: error bars need halves of at least two.
const LEAST: usize = 4;
/// A share of the free memory above which rank 0 warns of what it will keep.
const LARGE: f64 = 0.25;

/// `[measure]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "measure",
        free: &["burn_in"],
        grows: &["samples"],
        reopens: &["target_error", "amplitudes"],
        restarts: &["observables"],
        relies_on: &[],
        curves: &[],
    },
    schema: schema_of::<MeasureInput>,
    validate: |source, _| validate(source),
    effective: Section::own_keys,
    shorten,
    build: |world| Ok(Box::new(Measure::new(world)?)),
};

/// A trial measures a few samples without a burn-in.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let Some(keys) = keys(source)?.filter(|_| sampler.method != Method::FullSum) else {
        return Ok(Vec::new());
    };
    let each = (keys.samples / sampler.chains)
        .min(BLOCK)
        .min((TRIAL_SAMPLES * extent.per_chain).max(LEAST));
    let mut all = vec![format!("measure.samples={}", each * extent.chains)];
    if sampler.method.has_chains() {
        all.push("measure.burn_in=0".into());
    }
    Ok(all)
}

/// A measurement in progress.
pub struct Measure<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    keys: MeasureInput,
    observables: Vec<Named>,
    target: Option<Target>,
    listed: Listed,
    measurement: Measurement,
    /// Bytes of the parameter vector.
    vector: f64,
}

impl<'a> Measure<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let source = world.source;
        let keys = keys(source)?;
        let keys = input::section(&keys, "measure")?.clone();
        let shared = world.vmc()?;
        let vector = world.plan()?.vector();
        let vmc = shared.borrow();
        let list = &keys.observables;
        let observables = observables(source, &vmc.problem, list, "measure.observables")?;
        let measure = Measure {
            target: Target::new(&keys, &observables)?,
            listed: Listed::new(&keys, &vmc.problem.basis)?,
            vmc: shared.clone(),
            observables,
            keys,
            measurement: Measurement::default(),
            vector,
        };
        let bytes = measure.cost().on_root;
        if world.rank == 0 && bytes > LARGE * available_memory() {
            log::warn!(
                "rank 0 will keep {:.1} GB of local energies until the end of the measurement",
                bytes / 1e9
            );
        }
        drop(vmc);
        Ok(measure)
    }

    fn is_independent(&self) -> bool {
        matches!(self.vmc.borrow().ensemble.noise(), Noise::Independent(_))
    }

    /// Whether local energies have the variance of the energy: not where ψ is not known.
    fn has_variance(&self) -> bool {
        self.vmc.borrow().ensemble.psi().is_some()
    }

    /// Samples of a chain that are asked for.
    fn wanted(&self) -> usize {
        self.keys.samples / self.vmc.borrow().sampler.chains
    }

    /// Evaluates the listed amplitudes. Where one has no meaning, the energy is there all the same,
    /// and a warning says what is left out.
    fn tell_amplitudes(&mut self, desk: &mut Desk) -> Result<()> {
        let vmc = self.vmc.borrow();
        let psi = vmc.ensemble.psi();
        let told = self
            .listed
            .evaluate(psi.map(|psi| |xs: &[i8]| psi.log_psi_of(xs)));
        drop(vmc);
        match agree(desk.comm, told) {
            Err(error @ (Error::Numerical { .. } | Error::Elsewhere)) if self.keys.samples > 0 => {
                let warning = format!("amplitudes are left out: {error}");
                desk.warn(&warning);
                self.measurement.warnings.push(warning);
                Ok(())
            }
            other => other,
        }
    }

    /// A block of the energy and the observables, where any samples are asked for.
    fn next(&mut self, desk: &mut Desk) -> Result<Progress> {
        if self.keys.samples == 0 {
            return Ok(Progress::Done);
        }
        if self.vmc.borrow().ensemble.noise().is_none() {
            return self.sum(desk);
        }
        if self.measurement.per_chain < self.wanted() && !self.is_reached(desk.comm)? {
            self.sample_block(desk)?;
            if self.measurement.per_chain < self.wanted() {
                return Ok(Progress::GoesOn);
            }
        }
        self.settle(desk)
    }
}

impl Calculation for Measure<'_> {
    fn cost(&self) -> Cost {
        let vmc = self.vmc.borrow();
        let state = self.vector;
        match vmc.ensemble.noise().is_none() {
            true => Cost {
                blocks: 1.0,
                state,
                ..Cost::default()
            },
            false => Cost {
                blocks: (self.keys.samples / vmc.sampler.chains)
                    .div_ceil(BLOCK)
                    .max(1) as f64,
                on_root: bytes_of_sample(&vmc.sampler) * self.keys.samples as f64,
                state,
                ..Cost::default()
            },
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        // What is quoted has double precision, whatever the optimisation had.
        self.vmc.borrow_mut().ensemble.set_exact(true)?;
        let progress = self.next(desk)?;
        if progress == Progress::Done {
            self.tell_amplitudes(desk)?;
        }
        Ok(progress)
    }
    fn mark(&mut self) {
        self.vmc.borrow_mut().mark();
    }
    /// A block adds to the measurement when nothing can fail any more.
    fn rewind(&mut self) -> Result<()> {
        self.vmc.borrow_mut().rewind()
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.vmc.borrow().save(out, comm)?;
        self.measurement.save(out);
        if (self.measurement.energy.is_some() || self.listed.is_known()) && comm.is_root() {
            let mut results = Tree::default();
            self.record_statistics(&mut results);
            out.put_group("results", results);
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let restored = self.vmc.borrow_mut().load(from)?;
        let complete = from.datasets.contains_key("results/samples");
        let chains = self.vmc.borrow().sampler.chains;
        if restored.other_chains && !complete {
            log::warn!("the measurement starts over with {chains} chains");
            return Ok(Loaded::StartsOver);
        }
        let measurement = Measurement::load(from, self.observables.len())?;
        let streams = measurement.series.len();
        let unfinished = !complete || measurement.per_chain < self.wanted();
        if self.is_independent() && streams > 0 && streams != chains && unfinished {
            log::warn!("the measurement starts over with samples of {chains} streams");
            return Ok(Loaded::StartsOver);
        }
        self.measurement = measurement;
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        self.vmc.borrow().record(out)?;
        self.record_all(out);
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        self.measurement.warnings.clone()
    }
    fn place(&self) -> String {
        format!("sample {}", self.measurement.samples())
    }
}
