//! Decides the sector of a wave function whose input leaves it open, before the run begins: the
//! lowest of those that the Hamiltonian has.
//!
//! Up to 50000 states of spins one half are diagonalised exactly, sector by sector; elsewhere each
//! sector has a trial, the first steps of `[optimize]`, and the lowest E + σ of their last windows
//! counts. Sectors that the wave function inside cannot have, whatever its parameters, are not
//! tried; where one of them is the lowest by diagonalisation, that is an error. The run is then
//! that of an input with these quantum numbers, to the bit; they stand in the results and in the
//! checkpoint, from which a restart takes them.

mod trials;
mod tried;

pub use tried::{GROUP, SectorRow, Tried};

use super::start::Options;
use super::vmc::problem::{Problem, misfits, problem};
use crate::ansatz::symmetrised::sectors::{self, NUMBERS, Sector, SectorContext};
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::exact::{ExactOptions, sector::lowest};
use crate::input::{self, Source};
use crate::io::output::OutputPaths;
use crate::io::tree::Tree;
use crate::linalg::available_memory;
use crate::run::KEPT;
use toml::Table;

/// The key.
const KEY: &str = "ansatz.sector";
/// Most states that are diagonalised.
const MOST_STATES: f64 = 5e4;

/// An input whose sector is known.
pub struct Settled {
    /// With the quantum numbers in the place of the choice.
    pub source: Source,
    /// What was tried, on every rank.
    pub tried: Tried,
}

/// Steps of a trial where the input leaves the sector of its wave function open, and whether the
/// spin is left to the flip.
fn asked(source: &Source) -> Result<Option<(usize, bool)>> {
    match &source.input.ansatz {
        Some(table) => sectors::asked(table),
        None => Ok(None),
    }
}

/// Chooses the sector of an input that leaves it open; none where it does not. The same on every
/// rank.
pub fn settle(source: &Source, comm: &dyn Comm, options: &Options) -> Result<Option<Settled>> {
    let Some((steps, is_plain)) = agree(comm, asked(source))? else {
        return Ok(None);
    };
    agree(comm, validate(source))?;
    let ansatz = input::section(&source.input.ansatz, "ansatz")?;
    if let Some((numbers, tried)) = kept(source, comm, options.fresh)? {
        let source = source.with_section("ansatz", sectors::settled(ansatz, &numbers))?;
        return Ok(Some(Settled { source, tried }));
    }
    let problem = agree(comm, problem(source, &options.registry))?;
    let is_small = problem.basis.dimension() <= MOST_STATES;
    let exact = is_small && is_plain && problem.hamiltonian.table().is_some();
    let of = SectorContext {
        lattice: &problem.lattice,
        basis: &problem.basis,
        hamiltonian: Some(&*problem.hamiltonian),
        all: exact,
    };
    let mut list = agree(comm, sectors::candidates(ansatz, &of))?;
    let is_diagonalised = exact && steps > 0;
    if !is_diagonalised {
        list = agree(comm, reachable(list, source, &problem))?;
    }
    let tried = match (steps, exact) {
        (0, _) => Tried::first(&list),
        (_, true) => diagonalised(&list, &problem, source, comm)?,
        _ => trials::run(&list, (source, steps), &problem, comm, options)?,
    };
    let (chosen, tried) = agree(comm, tried.choose(&list))?;
    if is_diagonalised {
        agree(comm, check_reachable(&chosen, source, &problem))?;
    }
    let source = source.with_section("ansatz", sectors::settled(ansatz, &chosen.keys()))?;
    if comm.is_root() {
        tried.words().iter().for_each(|line| log::info!("{line}"));
        tried.warning().iter().for_each(|line| log::warn!("{line}"));
    }
    Ok(Some(Settled { source, tried }))
}

/// An error where a sector is left open and the lowest energy is not what an optimisation looks
/// for.
pub fn validate(source: &Source) -> Result<()> {
    if asked(source)?.is_none() {
        return Ok(());
    }
    let optimize = source.table.get("optimize");
    let lifted = ["orthogonal_to", "spin_penalty"];
    let lifted = lifted
        .iter()
        .find(|key| optimize.is_some_and(|o| o.get(**key).is_some()));
    match lifted {
        None => Ok(()),
        Some(key) => Err(Error::input(
            KEY,
            format!("with optimize.{key} the lowest energy may be that of another state"),
            "give the quantum numbers",
        )),
    }
}

/// The sectors that the wave function inside can have; an error where there is none.
fn reachable(list: Vec<Sector>, source: &Source, problem: &Problem) -> Result<Vec<Sector>> {
    let (mut kept, mut left_out, mut first) = (Vec::new(), Vec::new(), None);
    for (sector, misfit) in list.iter().zip(misfits(&list, source, problem)?) {
        match misfit {
            None => kept.push(sector.clone()),
            Some(error) => {
                left_out.push(SectorRow::new(sector).name());
                first = first.or(Some(error));
            }
        }
    }
    match first {
        Some(error) if kept.is_empty() => Err(error),
        Some(error) => {
            log::warn!(
                "{KEY}: sectors that the wave function inside cannot have are left out: {}. The \
                 first of them: {error}",
                left_out.join("; ")
            );
            Ok(kept)
        }
        None => Ok(kept),
    }
}

/// An error where the wave function inside cannot have the sector of the lowest energy.
fn check_reachable(chosen: &Sector, source: &Source, problem: &Problem) -> Result<()> {
    let misfit = misfits(std::slice::from_ref(chosen), source, problem)?;
    let lowest = SectorRow::new(chosen).name();
    match misfit.into_iter().flatten().next() {
        None => Ok(()),
        Some(Error::Input {
            problem, remedy, ..
        }) => Err(Error::input(
            KEY,
            format!("the lowest state has {lowest}: {problem}"),
            remedy,
        )),
        Some(error) => Err(error),
    }
}

/// The lowest energy of every sector, worked out on rank 0; empty sectors are left out.
fn diagonalised(
    list: &[Sector],
    problem: &Problem,
    source: &Source,
    comm: &dyn Comm,
) -> Result<Tried> {
    let options = ExactOptions {
        states: 1,
        momentum: None,
        seed: source.input.seed,
        memory_limit: available_memory(),
    };
    let energies = || -> Result<Vec<f64>> {
        let Some(table) = problem.hamiltonian.table().filter(|_| comm.is_root()) else {
            return Ok(vec![f64::INFINITY; list.len()]);
        };
        let of = |s: &Sector| lowest(table, &problem.basis, &s.elements, &options);
        let energies = list.iter().map(|s| Ok(of(s)?.unwrap_or(f64::INFINITY)));
        energies.collect()
    };
    let mut energies = agree(comm, energies())?;
    comm.broadcast(&mut energies)?;
    Ok(Tried::exact(list, &energies))
}

/// The quantum numbers of the checkpoint beside the output with what was tried then, if there is
/// one that goes on.
fn kept(source: &Source, comm: &dyn Comm, fresh: bool) -> Result<Option<(Table, Tried)>> {
    let read = || {
        let output = &source.input.output;
        let name = output.name.clone().unwrap_or_default();
        let paths = OutputPaths::new(output.directory.as_str(), name.as_str());
        match fresh {
            true => Ok(None),
            false => paths.load_checkpoint(),
        }
    };
    let found = agree(comm, if comm.is_root() { read() } else { Ok(None) })?;
    let mut bytes = Vec::new();
    if let Some(tree) = found {
        let mut part = tree.group(KEPT);
        part.put_text("identity", tree.text("run/identity")?.to_string());
        bytes = part.to_bytes();
    }
    comm.broadcast_bytes(&mut bytes)?;
    let Some(part) = Tree::from_bytes(&bytes).filter(|tree| !tree.datasets.is_empty()) else {
        return Ok(None);
    };
    let identity: Table = part.text("identity")?.parse().unwrap_or_default();
    let ansatz = identity.get("ansatz").and_then(toml::Value::as_table);
    let mut numbers = ansatz.cloned().unwrap_or_default();
    numbers.retain(|key, _| NUMBERS.contains(&key));
    Ok(Some((numbers, Tried::load(&part)?)))
}
