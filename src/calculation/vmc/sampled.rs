//! Decides how `[sampler]` samples a wave function: which ensemble, with which moves.

use super::Vmc;
use super::memory::refuse_samples;
use super::problem::Problem;
use super::starts::starts;
use crate::ansatz::{Ansatz, Erased, dbm};
use crate::basis::{Basis, PARTICLES};
use crate::comm::{Comm, share};
use crate::ensemble::{
    ChainSettings, Chains, FullSum, Gibbs, GibbsSettings, Independent, IndependentSettings,
    Variational,
};
use crate::error::{Error, Result};
use crate::input::{Method, MoveInput, SamplerInput, Source};
use crate::sampler::{Mixture, RuleContext, named};

fn refuse_idle_ranks(sampler: &SamplerInput, size: usize) -> Result<()> {
    let chains = sampler.chains;
    if size <= chains {
        return Ok(());
    }
    Err(match sampler.method {
        Method::Direct => Error::input(
            "sampler.samples",
            format!("{chains} independent streams for {size} ranks"),
            "use fewer ranks, or numbers of samples (also of [measure] and [evolve]) that are \
             multiples of the number of ranks; there are at most 256 streams",
        ),
        _ => Error::input(
            "sampler.chains",
            format!("{chains} chains for {size} ranks"),
            format!("use at least {size} chains or at most {chains} ranks"),
        ),
    })
}

fn no_circuit() -> Error {
    Error::input(
        "sampler.method",
        "\"cluster\" moves the world lines of a circuit in imaginary time",
        "use \"metropolis\", or ansatz.kind = \"dbm\" with [construct]",
    )
}

/// This rank's samples of a wave function as `[sampler]` says, with the random streams of ensemble
/// `number` of the run.
pub(super) fn sampled(
    source: &Source,
    problem: &Problem,
    wave_function: Erased,
    number: u64,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Variational>> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let facts = wave_function.facts();
    if sampler.method == Method::FullSum {
        refuse_samples(&sampler, &problem.basis, &facts, size)?;
        return Ok(Box::new(FullSum::new(
            wave_function,
            &problem.basis,
            |states| share(states, rank, size),
        )?));
    }
    refuse_idle_ranks(&sampler, size)?;
    refuse_samples(&sampler, &problem.basis, &facts, size)?;
    if sampler.method == Method::Direct {
        let settings = IndependentSettings {
            basis: problem.basis.clone(),
            seed: source.input.seed,
            number,
            streams: share(sampler.chains, rank, size),
            total_streams: sampler.chains,
        };
        return Ok(Box::new(Independent::new(wave_function, settings)?));
    }
    let chains = share(sampler.chains, rank, size);
    // Chains of what a construction starts from.
    let is_start = source.input.ansatz.as_ref().is_some_and(dbm::is_meant);
    if sampler.method == Method::Cluster && !is_start {
        return Err(no_circuit());
    }
    if sampler.method == Method::Gibbs && !is_start {
        let settings = GibbsSettings {
            basis: problem.basis.clone(),
            seed: source.input.seed,
            number,
            chains,
            total_chains: sampler.chains,
            sweeps: sampler.sweeps,
        };
        return Ok(Box::new(Gibbs::new(wave_function, settings)?));
    }
    let settings = ChainSettings {
        basis: problem.basis.clone(),
        mixture: mixture(&sampler, problem)?,
        seed: source.input.seed,
        number,
        chains,
        total_chains: sampler.chains,
        sweeps: sampler.sweeps,
        starts: starts(&sampler, problem, &source.folder)?,
        powers: sampler.powers(problem.basis.sites()),
    };
    Ok(Box::new(Chains::new(wave_function, settings)?))
}

impl Vmc<'_> {
    /// From now on draws samples as these keys say, whose method and starts are those of the run.
    pub fn sample_as(&mut self, sampler: &SamplerInput, comm: &dyn Comm) -> Result<()> {
        self.change_chains(comm, sampler.chains)?;
        self.ensemble.set_sweeps(sampler.sweeps);
        if sampler.method == Method::Metropolis {
            self.ensemble.set_moves(mixture(sampler, &self.problem)?);
        }
        self.sampler = sampler.clone();
        Ok(())
    }

    /// An error where the moves or the chains of these keys cannot work.
    pub fn refuse_keys(&self, sampler: &SamplerInput) -> Result<()> {
        if sampler.method.has_chains() {
            refuse_idle_ranks(sampler, self.size)?;
        }
        match sampler.method == Method::Metropolis && sampler.moves != self.sampler.moves {
            true => mixture(sampler, &self.problem).map(drop),
            false => Ok(()),
        }
    }
}

/// The moves of an input that names none.
pub fn default_move(basis: &Basis) -> &'static str {
    let fixed = !basis.charges().is_empty();
    match (basis.is_spin_half(), fixed) {
        (true, true) => "exchange",
        (true, false) => "flip",
        (false, true) if basis.fixed(PARTICLES).is_some() => "hop",
        (false, _) => "raise",
    }
}

fn mixture(sampler: &SamplerInput, problem: &Problem) -> Result<Mixture> {
    let parts: Vec<toml::Table> = match &sampler.moves {
        None => vec![named(default_move(&problem.basis))],
        Some(moves) => moves
            .iter()
            .map(|m| match m {
                MoveInput::Name(kind) => named(kind),
                MoveInput::Table(table) => table.clone(),
            })
            .collect(),
    };
    // A lattice without neighbours, such as a graph without edges, has moves all the same.
    let bonds = problem.lattice.bonds(1).unwrap_or_default();
    let neighbours: Vec<_> = bonds.iter().map(|b| (b.i as u32, b.j as u32)).collect();
    Mixture::new(
        &parts,
        &RuleContext {
            basis: &problem.basis,
            pairs: &problem.facts.pairs,
            neighbours: &neighbours,
        },
        problem.registry.moves,
    )
}
