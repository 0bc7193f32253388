//! Decides which concrete types an input means: names become lattices, models, wave functions,
//! ensembles, optimisers.

use crate::ansatz::{self, Ansatz, Erased, sign};
use crate::basis::SpinBasis;
use crate::calculation::Registry;
use crate::comm::share;
use crate::derivatives::Kind;
use crate::ensemble::{ChainSettings, Chains, Ensemble, FullSum};
use crate::error::{Error, Result};
use crate::input::{
    self, HamiltonianCommon, Method, MoveInput, ObservableInput, SamplerInput, SignRule, Source,
    split_hamiltonian,
};
use crate::io;
use crate::lattice::{Bond, Lattice, bipartition};
use crate::linalg;
use crate::observable::{self, Named, ObservableContext};
use crate::operator::models::{Model, ModelContext, Units};
use crate::operator::{Flip, PauliSum, TermTable};
use crate::sampler::{Mixture, RuleContext};
use std::path::Path;

/// The physical problem of an input: what `exact` needs, and half of what a run needs.
pub struct Problem<'a> {
    /// The kinds that the input can name.
    pub registry: Registry<'a>,
    /// Sites and symmetries.
    pub lattice: Lattice,
    /// The sector.
    pub basis: SpinBasis,
    /// The Hamiltonian.
    pub hamiltonian: TermTable,
    /// Pairs over which spins are exchanged.
    pub pairs: Vec<(u32, u32)>,
    /// Sublattice A of the sign rule, if one is used.
    pub sign_rule: Option<Vec<bool>>,
    /// A rigorous lower bound of the energy: c₀ − Σ |c_k| over the Pauli strings.
    pub lower_bound: f64,
    /// Tr H / dim over the whole space.
    pub e_infinity: f64,
    /// What operators stand for in the input.
    pub units: Units,
}

/// Builds lattice, sector and Hamiltonian.
pub fn problem<'a>(source: &Source, registry: &Registry<'a>) -> Result<Problem<'a>> {
    let lattice =
        Lattice::new(&input::section(&source.input.lattice, "lattice")?.spec(&source.folder)?)?;
    let (common, model) = model(source, registry, &lattice)?;
    let Model {
        sum,
        marshall_bonds,
        exchange_bonds,
        units,
    } = model;
    let twice_sz = match &common.sector {
        None => None,
        Some(sector) => {
            let twice = 2.0 * sector.total_sz;
            if !twice.is_finite() || twice.fract() != 0.0 || twice.abs() > 1e9 {
                return Err(Error::input(
                    "hamiltonian.sector.total_sz",
                    format!("{} is not a multiple of 1/2", sector.total_sz),
                    "give an integer for an even number of spins, a half-integer for an odd one",
                ));
            }
            Some(twice as i64)
        }
    };
    let basis = SpinBasis::new(lattice.sites, twice_sz)?;
    let hamiltonian = TermTable::compile(lattice.sites, &sum)?;
    hamiltonian.check_sector(&basis)?;
    let sign_rule = match common.sign_rule {
        SignRule::None => None,
        SignRule::Marshall => Some(marshall_sublattice(lattice.sites, &marshall_bonds)?),
    };
    let (e_infinity, lower_bound) = bounds(&sum, &hamiltonian);
    Ok(Problem {
        registry: *registry,
        lattice,
        basis,
        hamiltonian,
        pairs: exchange_bonds,
        sign_rule,
        lower_bound,
        e_infinity,
        units,
    })
}

/// The model of `[hamiltonian]` on a lattice, with the keys that all models share.
pub fn model(
    source: &Source,
    registry: &Registry,
    lattice: &Lattice,
) -> Result<(HamiltonianCommon, Model)> {
    let table = input::section(&source.input.hamiltonian, "hamiltonian")?;
    let (common, own) = split_hamiltonian(table)?;
    let entry = registry.models.find(&common.kind, "hamiltonian.kind")?;
    let context = ModelContext {
        lattice,
        folder: &source.folder,
        units: common.units,
    };
    let model = (entry.build)(&own, &context)?;
    Ok((common, model))
}

/// Tr H / dim, and the rigorous lower bound c₀ − Σ |c_k| of the energy.
pub fn bounds(sum: &PauliSum, compiled: &TermTable) -> (f64, f64) {
    let e_infinity = compiled.mean_diagonal();
    let total: f64 = sum
        .iter()
        .map(|(string, c)| if string.is_empty() { 0.0 } else { c.norm() })
        .sum();
    (e_infinity, e_infinity - total)
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

/// Builds the wave function of `[ansatz]`, with the sign rule around it, and checks that it can
/// represent the model.
pub fn wave_function(source: &Source, problem: &Problem) -> Result<Erased> {
    let table = input::section(&source.input.ansatz, "ansatz")?;
    let context = ansatz::Context {
        lattice: &problem.lattice,
        basis: &problem.basis,
        origin: source.input.seed.into(),
        kinds: problem.registry.ansatze,
        folder: &source.folder,
        sign_rule: problem.sign_rule.as_deref(),
        hamiltonian: Some(&problem.hamiltonian),
        path: "ansatz".into(),
    };
    let bare = ansatz::build(table, &context)?;
    let signed = ["table", "symmetrised"]
        .map(Some)
        .contains(&table.get("kind").and_then(|k| k.as_str()));
    let positive_only = bare.kind() == Kind::Real && !signed;
    if bare.kind() == Kind::Real && !problem.hamiltonian.is_real() {
        return Err(Error::input(
            "ansatz.parameters",
            "real parameters cannot represent the ground state of a Hamiltonian with imaginary \
             elements",
            "use parameters = \"complex\"",
        ));
    }
    if positive_only
        && problem
            .hamiltonian
            .flips
            .iter()
            .any(|f| positive_element(f, problem))
    {
        log::warn!(
            "real parameters give a wave function of one sign, and the Hamiltonian has positive \
             off-diagonal elements{}: \
             the energy will stay above the ground state; use parameters = \"complex\"{}",
            if problem.sign_rule.is_some() {
                " after the sign rule"
            } else {
                ""
            },
            if problem.sign_rule.is_some() {
                ""
            } else {
                " or sign_rule = \"marshall\""
            }
        );
    }
    Ok(match &problem.sign_rule {
        None => bare,
        Some(sublattice) => Erased::new(sign::SignRule::new(bare, sublattice.clone())?),
    })
}

/// Whether a flip that stays in the sector can have a positive real element once the sign rule is
/// applied.
fn positive_element(flip: &Flip, problem: &Problem) -> bool {
    let in_a = |s: &&u32| problem.sign_rule.as_ref().is_some_and(|a| a[**s as usize]);
    let sign = if flip.sites.iter().filter(in_a).count() % 2 == 1 {
        -1.0
    } else {
        1.0
    };
    let mut sites: Vec<u32> = flip
        .element
        .iter()
        .flat_map(|m| m.sites.iter().copied())
        .chain(flip.sites.clone())
        .collect();
    sites.sort_unstable();
    sites.dedup();
    if sites.len() > 12 {
        return false;
    }
    let spin = |word: u32, site: &u32| {
        if sites.binary_search(site).is_ok_and(|k| word >> k & 1 == 1) {
            1.0
        } else {
            -1.0
        }
    };
    (0..1u32 << sites.len())
        .filter(|&word| {
            problem.basis.up.is_none()
                || flip.sites.iter().map(|s| spin(word, s)).sum::<f64>() == 0.0
        })
        .any(|word| {
            let element: f64 = flip
                .element
                .iter()
                .map(|m| m.coefficient.re * m.sites.iter().map(|s| spin(word, s)).product::<f64>())
                .sum();
            sign * element > 1e-12
        })
}

/// Builds this rank's ensemble. The number of chains has to be at least the number of ranks.
pub fn ensemble(
    source: &Source,
    problem: &Problem,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Ensemble>> {
    let wave_function = wave_function(source, problem)?;
    sampled(
        source,
        problem,
        wave_function,
        source.input.seed,
        rank,
        size,
    )
}

/// Builds this rank's ensemble of the state in a results file, sampled as this input says with
/// other random numbers.
pub fn saved_ensemble(
    source: &Source,
    problem: &Problem,
    file: &Path,
    key: &str,
    number: u64,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Ensemble>> {
    let state = saved_state(&source.folder.join(file), problem, key)?;
    sampled(
        source,
        problem,
        state,
        source.input.seed.wrapping_add(number),
        rank,
        size,
    )
}

fn sampled(
    source: &Source,
    problem: &Problem,
    wave_function: Erased,
    seed: u64,
    rank: usize,
    size: usize,
) -> Result<Box<dyn Ensemble>> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    if sampler.method == Method::FullSum {
        return Ok(Box::new(FullSum::new(
            wave_function,
            &problem.basis,
            |states| share(states, rank, size),
        )?));
    }
    if size > sampler.chains {
        return Err(Error::input(
            "sampler.chains",
            format!("{} chains for {size} ranks", sampler.chains),
            format!(
                "use at least {size} chains or at most {} ranks",
                sampler.chains
            ),
        ));
    }
    // Configurations with ln ψ, local energy and weight of this rank's samples.
    let needed = sampler.samples.div_ceil(size) as f64 * (problem.basis.sites as f64 + 64.0);
    let available = linalg::available_memory();
    if needed > available {
        return Err(Error::Memory {
            what: format!("a step with {} samples", sampler.samples),
            needed,
            available,
        });
    }
    let settings = ChainSettings {
        basis: problem.basis.clone(),
        mixture: mixture(&sampler, problem)?,
        seed,
        chains: share(sampler.chains, rank, size),
        total_chains: sampler.chains,
        sweeps: sampler.sweeps,
    };
    Ok(Box::new(Chains::new(wave_function, settings)?))
}

/// Builds the observables of a list; `key` is the place of the list in the input. Names are unique.
pub fn observables(
    source: &Source,
    problem: &Problem,
    list: &[ObservableInput],
    key: &str,
) -> Result<Vec<Named>> {
    let mut named: Vec<Named> = Vec::new();
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
            folder: &source.folder,
            state: &|file, key| saved_state(&source.folder.join(file), problem, key),
            path: path.clone(),
        };
        let new = observable::build(&table, &context, problem.registry.observables)?;
        let sampler = source.input.sampler.clone().unwrap_or_default();
        if new.observable.needs_partners()
            && sampler.method == Method::Metropolis
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
fn saved_state(file: &Path, problem: &Problem, key: &str) -> Result<Erased> {
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
    let source =
        input::from_text(tree.text("input/resolved").map_err(failed)?, folder).map_err(failed)?;
    let theirs = self::problem(&source, &problem.registry).map_err(failed)?;
    if theirs.basis != problem.basis {
        let sector = theirs
            .basis
            .up
            .map_or("no fixed total Sz".into(), |up| format!("{up} spins up"));
        let what = format!("{} sites and {sector}", theirs.basis.sites);
        return Err(Error::input(
            key,
            format!("the state has {what}"),
            "take a state of the same lattice and sector",
        ));
    }
    let mut state = wave_function(&source, &theirs).map_err(failed)?;
    let parameters = super::parameters_of(&tree, &state.layout()).map_err(failed)?;
    state.set_parameters(&parameters).map_err(failed)?;
    Ok(state)
}

fn mixture(sampler: &SamplerInput, problem: &Problem) -> Result<Mixture> {
    let parts: Vec<(String, f64)> = match &sampler.moves {
        None if problem.basis.up.is_some() => vec![("exchange".into(), 1.0)],
        None => vec![("flip".into(), 1.0)],
        Some(moves) => moves
            .iter()
            .map(|m| match m {
                MoveInput::Name(kind) => (kind.clone(), 1.0),
                MoveInput::Weighted { kind, weight } => (kind.clone(), *weight),
            })
            .collect(),
    };
    Mixture::new(
        &parts,
        &RuleContext {
            basis: &problem.basis,
            pairs: &problem.pairs,
        },
        problem.registry.moves,
    )
}
