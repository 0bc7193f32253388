//! Decides what the start of a run is: the one list of what is read, checked and built, for `run`
//! and for `check`.

use super::contents;
use super::registry::Registry;
use super::sectors::{self, Tried};
use super::vmc;
use super::world::{Section, World};
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::tree::Tree;
use crate::job::{self, Stop};
use crate::linalg::{available_memory, total_memory};
use crate::run::{self, Cost, Job, Outcome, Stage, most_held};
use crate::table::Entry;

/// Options of `run` that are not input.
pub struct Options<'a> {
    /// Signals and the deadline.
    pub stop: &'a Stop,
    /// Start over and keep the old files aside.
    pub fresh: bool,
    /// The kinds that the input can name.
    pub registry: Registry<'a>,
}

/// An error for the first section that does not exist or whose keys cannot work.
pub fn validate(source: &Source, registry: &Registry) -> Result<()> {
    refuse_unknown(source, registry)?;
    sectors::validate(source)?;
    sections(source, registry).try_for_each(|s| (s.validate)(source, s.declaration.name))
}

/// An error for the first name at the top of the input that nobody knows.
pub fn refuse_unknown(source: &Source, registry: &Registry) -> Result<()> {
    let known: Vec<_> = registry.sections.iter().map(Entry::kind).collect();
    source.refuse_unknown(&known)
}

/// The sections of an input in the order in which they are done.
fn sections<'s>(
    source: &'s Source,
    registry: &Registry<'s>,
) -> impl Iterator<Item = &'s Section> + use<'s> {
    let here = |section: &&Section| source.table.contains_key(section.declaration.name);
    registry.sections.iter().filter(here)
}

/// A run before its first block.
pub struct RunStart<'a> {
    /// What its sections share.
    pub world: World<'a>,
    /// Its sections.
    pub stages: Vec<Stage<'a>>,
}

/// Builds everything that an input asks for, as rank `rank` of `size`; each rank has `memory` bytes
/// of its machine to itself.
///
/// An input without sections has no stages: `check` still has figures for it.
pub fn start<'a>(
    source: &'a Source,
    registry: &Registry<'a>,
    (rank, size): (usize, usize),
    memory: f64,
) -> Result<RunStart<'a>> {
    validate(source, registry)?;
    let world = World::new(source, registry, rank, size, memory);
    let mut stages = Vec::new();
    for section in sections(source, registry) {
        let keys = (section.effective)(source, section.declaration.name)?;
        let calculation = (section.build)(&world)?;
        stages.push(Stage::new(section.declaration, keys, calculation));
    }
    refuse_empty(&stages, registry)?;
    Ok(RunStart { world, stages })
}

/// Bytes of its machine that each rank has to itself. The smallest share decides, so that all ranks
/// choose the same method.
pub(super) fn memory_of_a_rank(comm: &dyn Comm) -> Result<f64> {
    let local = job::placement::ranks_here(comm.size());
    let mut share = [-total_memory() / local as f64];
    comm.max(&mut share)?;
    Ok(-share[0])
}

/// Runs an input to its end or until it is told to stop.
pub fn run(source: &Source, comm: &dyn Comm, options: &Options) -> Result<Outcome> {
    match sectors::settle(source, comm, options) {
        // Nothing is kept yet.
        Err(Error::Interrupted) => Ok(Outcome::Stopped),
        settled => match settled? {
            None => run_settled(source, comm, options, &Tried::default()),
            Some(known) => run_settled(&known.source, comm, options, &known.tried),
        },
    }
}

/// Runs an input whose sector is known; `tried` are the sectors that it was found among.
fn run_settled(
    source: &Source,
    comm: &dyn Comm,
    options: &Options,
    tried: &Tried,
) -> Result<Outcome> {
    let local = job::placement::ranks_here(comm.size());
    let memory = memory_of_a_rank(comm)?;
    // Together, so that what every rank finds wrong is said once, and a file that one host lacks
    // leaves nobody waiting.
    let place = (comm.rank(), comm.size());
    let built = start(source, &options.registry, place, memory).and_then(|start| {
        start.refuse_if_too_large(local)?;
        Ok(start)
    });
    let RunStart { world, mut stages } = agree(comm, built)?;
    let of_file = match comm.is_root() {
        true => told(source, &options.registry, world.method()),
        false => Ok(Tree::default()),
    };
    let mut of_file = agree(comm, of_file)?;
    let (mut kept, mut remarks) = (Tree::default(), Vec::from_iter(contents::warning(&of_file)));
    tried.record(&mut kept);
    of_file.append(kept.clone());
    remarks.extend(tried.warning());
    let job = Job {
        source,
        identity: world.identity(),
        comm,
        stop: options.stop,
        fresh: options.fresh,
        headlines: world.headlines(),
        remarks,
        contents: of_file,
        kept,
    };
    run::run(&mut stages, &job)
}

/// What results hold of the problem itself.
fn told(source: &Source, registry: &Registry, method: Option<&str>) -> Result<Tree> {
    let mut tree = contents::contents(source, registry, method)?;
    tree.append(vmc::disorder::record(source, registry)?);
    Ok(tree)
}

impl RunStart<'_> {
    /// What the sections take, in order.
    pub fn costs(&self) -> Vec<Cost> {
        let costs = self.stages.iter().map(|stage| stage.calculation().cost());
        costs.collect()
    }

    /// An error where `local` ranks of the run, rank 0 among them, cannot fit in this machine's
    /// memory.
    fn refuse_if_too_large(&self, local: usize) -> Result<()> {
        if self.world.samples() {
            let plan = self.world.plan()?;
            return plan.refuse_if_too_large(local, &self.costs());
        }
        let (needed, available) = (most_held(&self.costs(), 0.0), available_memory());
        if needed <= available {
            return Ok(());
        }
        Err(Error::Memory {
            what: "what the sections keep".into(),
            needed,
            available,
        })
    }
}

/// An error where an input has no section that calculates.
fn refuse_empty(stages: &[Stage], registry: &Registry) -> Result<()> {
    if !stages.is_empty() {
        return Ok(());
    }
    let known = registry.sections.iter();
    let known: Vec<_> = known.map(|s| format!("[{}]", s.declaration.name)).collect();
    Err(Error::input(
        "input",
        "there is nothing to do",
        format!("add a section: {}", known.join(", ")),
    ))
}
