//! Decides which concrete types an input means: names become lattices, models, wave functions,
//! ensembles, optimisers.

use super::disorder;
use super::sampled::sampled;
use super::tying;
use crate::ansatz::symmetrised::sectors::Sector;
use crate::ansatz::{self, Ansatz, Erased, sign};
use crate::basis::Basis;
use crate::calculation::Registry;
use crate::derivatives::Kind;
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{
    self, HamiltonianCommon, Method, ObservableInput, SignRuleName, Source, configurations,
    site_kind, split_hamiltonian,
};
use crate::io;
use crate::lattice::{Bond, Lattice, bipartition};
use crate::observable::{self, Named, ObservableContext};
use crate::operator::models::{DrawnCoupling, Model, ModelContext, Units};
use crate::operator::{Facts, Operator};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The physical problem of an input: what `exact` needs, and half of what a run needs.
pub struct Problem<'a> {
    /// The kinds that the input can name.
    pub registry: Registry<'a>,
    /// Sites and symmetries.
    pub lattice: Lattice,
    /// The sector.
    pub basis: Basis,
    /// The Hamiltonian.
    pub hamiltonian: Arc<dyn Operator>,
    /// What is known of it on this basis, with the sign rule.
    pub facts: Facts,
    /// Sublattice A of the sign rule, if one is used.
    pub sign_rule: Option<Vec<bool>>,
    /// One of the two sublattices of the bonds, where they have two.
    pub bipartite: Option<Vec<bool>>,
    /// What operators stand for in the input.
    pub units: Units,
}

/// Builds lattice, sector and Hamiltonian.
pub fn problem<'a>(source: &Source, registry: &Registry<'a>) -> Result<Problem<'a>> {
    let lattice =
        Lattice::new(&input::section(&source.input.lattice, "lattice")?.spec(&source.folder)?)?;
    let (common, model) = model(source, registry, &lattice)?;
    let site = site_kind(source.input.basis.as_ref(), common.sector.as_ref())?;
    let basis = configurations(site, lattice.sites, common.sector.as_ref())?;
    let hamiltonian = model.compile(&basis)?;
    hamiltonian.check(&basis)?;
    let sign_rule = match common.sign_rule {
        SignRuleName::None => None,
        SignRuleName::Marshall => Some(marshall_sublattice(lattice.sites, &model.marshall_bonds)?),
    };
    let bipartite = bipartition(lattice.sites, &model.marshall_bonds).ok();
    let bipartite = bipartite.filter(|_| !model.marshall_bonds.is_empty());
    let facts = Facts {
        pairs: model.exchange_bonds,
        ..hamiltonian.facts(&basis, sign_rule.as_deref())
    };
    if !facts.idle.is_empty() && facts.spread > 0.0 {
        log::warn!(
            "no term of the Hamiltonian acts on the sites {:?}: they are free; sites are counted \
             from 0",
            facts.idle
        );
    }
    Ok(Problem {
        registry: *registry,
        lattice,
        basis,
        hamiltonian,
        facts,
        sign_rule,
        bipartite,
        units: model.units,
    })
}

/// The model of `[hamiltonian]` on a lattice, with the keys that all models share.
pub fn model(
    source: &Source,
    registry: &Registry,
    lattice: &Lattice,
) -> Result<(HamiltonianCommon, Model)> {
    let (common, model, _) = model_and_draws(source, registry, lattice)?;
    Ok((common, model))
}

/// The same with the random couplings that the model has, by name.
pub(super) fn model_and_draws(
    source: &Source,
    registry: &Registry,
    lattice: &Lattice,
) -> Result<(HamiltonianCommon, Model, BTreeMap<String, DrawnCoupling>)> {
    let table = input::section(&source.input.hamiltonian, "hamiltonian")?;
    let (common, own) = split_hamiltonian(table)?;
    let entry = registry.models.find(&common.kind, "hamiltonian.kind")?;
    let site = site_kind(source.input.basis.as_ref(), common.sector.as_ref())?;
    let draws = disorder::draws(source, &own)?;
    let context = ModelContext {
        lattice,
        folder: &source.folder,
        site,
        units: common.units,
        draws: draws.as_ref(),
    };
    let model = (entry.build)(&own, &context)?;
    let drawn = draws.unwrap_or_default().all_taken(&common.kind)?;
    Ok((common, model, drawn))
}

fn marshall_sublattice(sites: usize, bonds: &[Bond]) -> Result<Vec<bool>> {
    bipartition(sites, bonds).map_err(|cycle| {
        Error::input(
            "hamiltonian.sign_rule",
            format!(
                "\"marshall\" needs a bipartite lattice; sites {cycle:?} form a cycle of odd length"
            ),
            "use sign_rule = \"none\" and complex parameters",
        )
    })
}

/// The network of `[ansatz]` with the initial parameters of a seed. Filters that the input does not
/// tie are tied where the ground state is invariant, and where a file that is loaded fits to it.
fn bare(table: &toml::Table, source: &Source, problem: &Problem, seed: u64) -> Result<Erased> {
    match tying::tied(table, source, problem) {
        None => network(table, source, problem, seed),
        Some(tied) if !table.contains_key("load") => network(&tied, source, problem, seed),
        Some(tied) => {
            network(&tied, source, problem, seed).or_else(|_| network(table, source, problem, seed))
        }
    }
}

/// The symmetry that ties the filters of `[ansatz]` where the input leaves it out, and the order of
/// its group; none where they are free, as those of a file may be.
pub fn tied_by(source: &Source, problem: &Problem) -> Option<(&'static str, usize)> {
    let table = source.input.ansatz.as_ref()?;
    let tied = tying::tied(table, source, problem)?;
    let fits = || network(&tied, source, problem, source.input.seed).is_ok();
    let holds = !table.contains_key("load") || fits();
    tying::tying(source, problem).filter(|_| holds)
}

/// The network of a table.
fn network(table: &toml::Table, source: &Source, problem: &Problem, seed: u64) -> Result<Erased> {
    ansatz::build(table, &context(source, problem, seed))
}

fn context<'a>(source: &'a Source, problem: &'a Problem, seed: u64) -> ansatz::Context<'a> {
    ansatz::Context {
        lattice: &problem.lattice,
        basis: &problem.basis,
        origin: seed.into(),
        kinds: problem.registry.ansatze,
        folder: &source.folder,
        sign_rule: problem.sign_rule.as_deref(),
        hamiltonian: Some(&*problem.hamiltonian),
        path: "ansatz".into(),
    }
}

/// Why the wave function inside `[ansatz]` cannot be projected on each of these sectors; none where
/// it can.
pub fn misfits(
    sectors: &[Sector],
    source: &Source,
    problem: &Problem,
) -> Result<Vec<Option<Error>>> {
    let table = input::section(&source.input.ansatz, "ansatz")?;
    let context = context(source, problem, source.input.seed);
    ansatz::symmetrised::misfits(table, sectors, &context)
}

/// The initial parameters that the wave function of an input has with another seed.
pub fn initial_parameters(source: &Source, problem: &Problem, seed: u64) -> Result<Vec<f64>> {
    let table = input::section(&source.input.ansatz, "ansatz")?;
    Ok(bare(table, source, problem, seed)?.parameters())
}

/// The key that makes a wave function complex, as its table has it.
pub fn complex_key(table: &toml::Table) -> &'static str {
    let is = |key: &str, value: bool| table.get(key).and_then(toml::Value::as_bool) == Some(value);
    match table.get("of").and_then(toml::Value::as_table) {
        _ if is("complex", false) => "complex = true",
        _ if is("positive", true) => "positive = false",
        Some(inner) => complex_key(inner),
        None => "parameters = \"complex\", or phase = true",
    }
}

/// Builds the wave function of `[ansatz]`, with the sign rule around it, and checks that it can
/// represent the model.
pub fn wave_function(source: &Source, problem: &Problem) -> Result<Erased> {
    let table = input::section(&source.input.ansatz, "ansatz")?;
    let bare = bare(table, source, problem, source.input.seed)?;
    let facts = bare.facts();
    if ansatz::dbm::is_meant(table) && source.table.contains_key("construct") {
        // Whether gates keep amplitudes positive is for the construction to say.
        return with_sign_rule(bare, problem);
    }
    if facts.kind == Kind::Real && !problem.facts.real {
        return Err(Error::input(
            "ansatz.parameters",
            "real parameters cannot represent the ground state of a Hamiltonian with imaginary \
             elements",
            format!("use {}", complex_key(table)),
        ));
    }
    if facts.positive && !problem.facts.stoquastic {
        log::warn!(
            "real parameters give a wave function of one sign, and the Hamiltonian has positive \
             off-diagonal elements{}: \
             the energy will stay above the ground state; use {}{}",
            if problem.sign_rule.is_some() {
                " after the sign rule"
            } else {
                ""
            },
            complex_key(table),
            if problem.sign_rule.is_some() {
                ""
            } else {
                " or sign_rule = \"marshall\""
            }
        );
    }
    with_sign_rule(bare, problem)
}

/// A wave function behind the sign rule of the problem, if there is one.
pub fn with_sign_rule(bare: Erased, problem: &Problem) -> Result<Erased> {
    Ok(match &problem.sign_rule {
        None => bare,
        Some(in_a) => {
            let sign = sign::Sign::new(in_a.clone(), &problem.basis);
            Erased::new(sign::SignRule::new(bare, sign)?)
        }
    })
}

/// Builds this rank's ensemble of another wave function, with the sign rule in front of it.
pub fn ensemble_of(
    source: &Source,
    problem: &Problem,
    bare: Erased,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Variational>> {
    let wave_function = with_sign_rule(bare, problem)?;
    sampled(source, problem, wave_function, 0, rank, size)
}

/// Builds this rank's ensemble. The number of chains has to be at least the number of ranks.
pub fn ensemble(
    source: &Source,
    problem: &Problem,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Variational>> {
    let wave_function = wave_function(source, problem)?;
    sampled(source, problem, wave_function, 0, rank, size)
}

/// Builds this rank's ensemble of the state in a results file, sampled as this input says, with the
/// random streams of ensemble `number` of the run, which is not 0.
pub fn saved_ensemble(
    source: &Source,
    problem: &Problem,
    file: &Path,
    key: &str,
    number: u64,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Variational>> {
    let state = saved_state(&source.folder.join(file), problem, key)?;
    sampled(source, problem, state, number, rank, size)
}

/// Builds the observables of a list; `key` is the place of the list in the input. Names are unique.
pub fn observables(
    source: &Source,
    problem: &Problem,
    list: &[ObservableInput],
    key: &str,
) -> Result<Vec<Named>> {
    let mut named: Vec<Named> = Vec::new();
    let circuit = crate::calculation::construct::steps(source)?;
    for (k, entry) in list.iter().enumerate() {
        let (table, path) = match entry {
            ObservableInput::Name(kind) if kind == "energy" => continue,
            ObservableInput::Name(kind) => (
                toml::Table::from_iter([("kind".to_string(), kind.clone().into())]),
                key.to_string(),
            ),
            ObservableInput::Table(table) => (table.clone(), format!("{key}[{k}]")),
        };
        let context = ObservableContext {
            lattice: &problem.lattice,
            basis: &problem.basis,
            hamiltonian: &problem.hamiltonian,
            units: problem.units,
            seed: source.input.seed,
            circuit,
            folder: &source.folder,
            state: &|file, key| saved_state(&source.folder.join(file), problem, key),
            path: path.clone(),
        };
        let new = observable::build(&table, &context, problem.registry.observables)?;
        let sampler = source.input.sampler.clone().unwrap_or_default();
        if new.observable.needs_partners()
            && sampler.method != Method::FullSum
            && sampler.chains < 2
        {
            let what = format!(
                "`{}` compares two independent chains, and there is one",
                new.name
            );
            return Err(Error::input(
                "sampler.chains",
                what,
                "use at least 2 chains",
            ));
        }
        if named.iter().any(|n| n.name == new.name) {
            return Err(Error::input(
                path,
                format!("two observables are called `{}`", new.name),
                "give one a `name`",
            ));
        }
        named.push(new);
    }
    Ok(named)
}

/// The wave function of a results file with its final parameters, on the lattice and the sector of
/// `problem`.
pub fn saved_state(file: &Path, problem: &Problem, key: &str) -> Result<Erased> {
    let failed = |e: Error| {
        Error::input(
            key,
            format!("the state cannot be loaded: {e}"),
            "name a results file X.h5",
        )
    };
    let tree = io::hdf5::read(file).map_err(failed)?;
    let folder = file
        .parent()
        .map_or_else(Default::default, Path::to_path_buf);
    let source = input::from_results(&tree, folder).map_err(failed)?;
    if source.table.contains_key("construct") {
        let what =
            "the state in the file is a constructed machine, which has no parameters to load";
        return Err(Error::input(
            key,
            what,
            "name the results of another wave function",
        ));
    }
    let theirs = self::problem(&source, &problem.registry).map_err(failed)?;
    if theirs.basis != problem.basis {
        let what = theirs.basis.describe();
        return Err(Error::input(
            key,
            format!("the state has {what}"),
            "take a state of the same lattice and sector",
        ));
    }
    let mut state = wave_function(&source, &theirs).map_err(failed)?;
    let parameters = super::parameters_of(&tree, &state.layout()).map_err(failed)?;
    state.set_parameters(&parameters).map_err(failed)?;
    state.set_exact(true)?;
    Ok(state)
}
