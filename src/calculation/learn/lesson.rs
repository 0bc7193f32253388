//! Decides which outcomes are learned: those of a file, those drawn from a state, or its exact
//! distribution in every basis; and which of them are held out.

use super::keys::{BasesInput, LearnInput, NAME, TargetInput};
use super::target::TargetState;
use crate::basis::Numbering;
use crate::calculation::vmc::problem::{Problem, saved_ensemble};
use crate::comm::{Comm, agree};
use crate::ensemble::Request;
use crate::error::{Error, Result};
use crate::input::{FIRST_BURN_IN, Method, SamplerInput, Source};
use crate::io::tree::Tree;
use crate::rng::{Generator, Purpose, stream};
use crate::shots::{MeasuredBasis, Readout, Shots, Urn, collapse, draw, pairs, read_shots, rotate};
use num_complex::Complex64;

/// Sites of which all 2^N words are enumerated, at most.
pub(super) const MOST_SITES: usize = 24;
/// Rotated sites of a basis, at most, where outcomes are written out one by one.
const MOST_ROTATED: usize = 3;
/// Outcomes of an exact distribution over all bases, at most.
const MOST_OUTCOMES: f64 = 16_777_216.0;
/// Kept samples of a chain of which one is an outcome.
const THINNING: usize = 5;
/// Number of the ensemble that outcomes are drawn from.
const ENSEMBLE: u64 = 1 << 20;

/// What is learned from.
pub(super) struct Lesson {
    /// Outcomes that parameters follow.
    pub shots: Shots,
    /// Those that are held out.
    pub held: Option<Shots>,
    /// What batches are drawn from.
    pub urn: Urn,
    /// What starts of chains are drawn from: outcomes along z.
    pub starts: Urn,
    /// Entropy of `shots`, mean over the bases.
    pub entropy: f64,
    /// What was drawn from a state, if anything; on rank 0.
    pub drawn: Option<Shots>,
}

/// The bases of an input.
pub(super) fn bases(keys: &LearnInput, problem: &Problem) -> Result<Vec<MeasuredBasis>> {
    let sites = problem.lattice.sites;
    let all = match &keys.bases {
        None => vec![MeasuredBasis::all_z(sites)],
        Some(BasesInput::Named(name)) if name == "pairs" => {
            let bonds = problem.lattice.bonds(1).unwrap_or_default();
            let neighbours: Vec<_> = bonds.iter().map(|b| (b.i, b.j)).collect();
            pairs(sites, &neighbours)
        }
        Some(BasesInput::Named(name)) => {
            let problem = format!("\"{name}\" is no list of bases");
            let remedy = "use \"pairs\", or a list with one letter X, Y, Z per site for each basis";
            return Err(Error::input("learn.bases", problem, remedy));
        }
        Some(BasesInput::Listed(list)) => {
            let each = list
                .iter()
                .map(|b| MeasuredBasis::parse(b, sites, "learn.bases"));
            each.collect::<Result<_>>()?
        }
    };
    let twice = (1..all.len()).find(|k| all[..*k].iter().any(|b| b.text() == all[*k].text()));
    match (all.is_empty(), twice) {
        (true, _) => Err(Error::input("learn.bases", "no basis", "name at least one")),
        (_, Some(k)) => {
            let problem = format!("{} stands there twice", all[k].text());
            Err(Error::input(
                "learn.bases",
                problem,
                "name every basis once",
            ))
        }
        _ => Ok(all),
    }
}

/// An error where a basis rotates too many sites for outcomes that are written out.
pub(super) fn few_rotated(basis: &MeasuredBasis) -> Result<()> {
    let rotated = basis.rotated().len();
    if rotated <= MOST_ROTATED {
        return Ok(());
    }
    let problem = format!("{} rotates {rotated} sites", basis.text());
    let remedy = "use at most 3 rotated sites, or sampler.method = \"full-sum\"";
    Err(Error::input("learn.bases", problem, remedy))
}

/// The readout errors of an input.
pub(super) fn readout(keys: &LearnInput, sites: usize) -> Result<Option<Readout>> {
    let matrices = keys.readout.as_deref();
    matrices
        .map(|m| Readout::new(m, sites, "learn.readout"))
        .transpose()
}

impl Lesson {
    /// Of an input and the state that it names, if it names one; `sampled`: outcomes are written
    /// out one by one.
    pub fn new(
        source: &Source,
        keys: &LearnInput,
        problem: &Problem,
        state: Option<&TargetState>,
        sampled: bool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let (sites, seed) = (problem.lattice.sites, source.input.seed);
        let readout = readout(keys, sites)?;
        if sampled {
            let all = bases(keys, problem)?;
            all.iter().try_for_each(few_rotated)?;
        }
        let (all, drawn) = match (&keys.target, state) {
            (TargetInput::Shots { file, first }, _) => {
                let path = source.folder.join(file);
                (read_shots(&path, "learn.target.file", sites, *first)?, None)
            }
            (_, Some(TargetState::Known(index, phi))) => {
                let bases = bases(keys, problem)?;
                let of = |basis: &_| Distribution::new(index, phi, basis, readout.as_ref());
                outcomes(keys, &bases, sites, seed, of)?
            }
            (_, Some(TargetState::Evaluated(_))) => {
                let shots = from_chains(source, keys, problem, readout.as_ref(), go_on)?;
                (shots.clone(), Some(shots))
            }
            (_, None) => return Err(crate::input::missing_section(NAME)),
        };
        let (shots, held) = match keys.test_fraction > 0.0 {
            false => (all, None),
            true if !all.is_counted() => {
                let problem = "outcomes whose weights are no whole numbers cannot be held out";
                return Err(Error::input(
                    "learn.test_fraction",
                    problem,
                    "give counts, or remove the key",
                ));
            }
            true => {
                let mut rng = stream(seed, Purpose::HeldOut, 0, 0);
                let (kept, held) = all.split(keys.test_fraction, &mut rng);
                (kept, Some(held))
            }
        };
        if shots.is_empty() || held.as_ref().is_some_and(Shots::is_empty) {
            let problem = "no outcome is left on one side";
            let remedy = "use more shots, or another fraction";
            return Err(Error::input("learn.test_fraction", problem, remedy));
        }
        Ok(Self::of(shots, held, drawn))
    }

    fn of(shots: Shots, held: Option<Shots>, drawn: Option<Shots>) -> Self {
        Lesson {
            entropy: shots.entropy(),
            urn: shots.urn(),
            starts: shots.urn_along_z(),
            shots,
            held,
            drawn,
        }
    }

    /// That of rank 0 on every rank.
    pub fn share(found: Option<Self>, sites: usize, comm: &dyn Comm) -> Result<Self> {
        let mut tree = Tree::default();
        if let Some(lesson) = &found {
            lesson.shots.save(&mut tree, "shots");
            if let Some(held) = &lesson.held {
                held.save(&mut tree, "held");
            }
        }
        let mut bytes = tree.to_bytes();
        comm.broadcast_bytes(&mut bytes)?;
        let own = found.map_or_else(|| Self::read(&bytes, sites), Ok);
        agree(comm, own)
    }

    /// Out of the bytes of rank 0.
    fn read(bytes: &[u8], sites: usize) -> Result<Self> {
        let lost = || Error::numerical("outcomes did not come from rank 0 as a whole", "try again");
        let tree = Tree::from_bytes(bytes).ok_or_else(lost)?;
        let held = tree.datasets.contains_key("held/weights");
        let held = held
            .then(|| Shots::load(&tree, "held", sites))
            .transpose()?;
        Ok(Self::of(Shots::load(&tree, "shots", sites)?, held, None))
    }
}

/// The word of a configuration: bit i is set where site i is up.
pub(super) fn word(x: &[i8]) -> usize {
    let bits = x.iter().enumerate();
    bits.fold(0, |w, (i, s)| w | usize::from(*s > 0) << i)
}

/// The spins of a word.
fn spins(word: usize, sites: usize) -> Vec<i8> {
    let spin = |i: usize| if word >> i & 1 == 1 { 1 } else { -1 };
    (0..sites).map(spin).collect()
}

/// The exact distribution of outcomes in a basis.
struct Distribution<'a> {
    /// By numbers within the sector, or by words.
    probabilities: Vec<f64>,
    /// The numbers, where they are those of the sector.
    index: Option<&'a Numbering>,
    sites: usize,
}

impl<'a> Distribution<'a> {
    /// Of a state. Words are only where a site is rotated or read out with errors.
    fn new(
        index: &'a Numbering,
        phi: &[Complex64],
        basis: &MeasuredBasis,
        readout: Option<&Readout>,
    ) -> Result<Self> {
        let sites = index.sites();
        if basis.rotated().is_empty() && readout.is_none() {
            return Ok(Distribution {
                probabilities: phi.iter().map(Complex64::norm_sqr).collect(),
                index: Some(index),
                sites,
            });
        }
        if sites > MOST_SITES {
            return Err(too_many_words(sites));
        }
        let mut all = vec![Complex64::ZERO; 1 << sites];
        let each = phi.iter().enumerate();
        each.for_each(|(k, z)| all[word(&index.row(k))] = *z);
        rotate(&mut all, basis);
        let mut probabilities: Vec<f64> = all.iter().map(Complex64::norm_sqr).collect();
        if let Some(readout) = readout {
            readout.apply(&mut probabilities);
        }
        Ok(Distribution {
            probabilities,
            index: None,
            sites,
        })
    }

    /// The outcome of a place in the list.
    fn outcome(&self, place: usize) -> Vec<i8> {
        match self.index {
            Some(index) => index.row(place),
            None => spins(place, self.sites),
        }
    }
}

pub(super) fn too_many_words(sites: usize) -> Error {
    let problem = format!("rotated bases, or readout errors, over all words of {sites} sites");
    let remedy = "use at most 24 sites, or a sampled sampler.method and a saved state";
    Error::input("learn.bases", problem, remedy)
}

/// Outcomes in all bases: drawn where the input says how many, else the distribution itself.
fn outcomes<'a>(
    keys: &LearnInput,
    bases: &[MeasuredBasis],
    sites: usize,
    seed: u64,
    of: impl Fn(&MeasuredBasis) -> Result<Distribution<'a>>,
) -> Result<(Shots, Option<Shots>)> {
    let mut all = Shots::new(sites);
    for (b, basis) in bases.iter().enumerate() {
        let found = of(basis)?;
        let most = (bases.len() * found.probabilities.len()) as f64;
        if keys.shots == 0 && most > MOST_OUTCOMES {
            let problem = format!("{most:.3e} exact probabilities in all bases");
            let remedy = "give a number of outcomes that are drawn in every basis, such as 100000";
            return Err(Error::input("learn.shots", problem, remedy));
        }
        if keys.shots == 0 {
            let seen = found.probabilities.iter().enumerate();
            let seen = seen.filter(|(_, p)| **p > 0.0);
            seen.for_each(|(k, p)| all.add(basis, &found.outcome(k), *p));
            continue;
        }
        let mut rng = stream(seed, Purpose::DrawnOutcomes, b as u64, 0);
        for (k, count) in draw(&found.probabilities, keys.shots, &mut rng) {
            all.add(basis, &found.outcome(k), count as f64);
        }
    }
    let all = all.joined();
    let drawn = (keys.shots > 0).then(|| all.clone());
    Ok((all, drawn))
}

/// Outcomes of a saved state by Markov chains.
fn from_chains(
    source: &Source,
    keys: &LearnInput,
    problem: &Problem,
    readout: Option<&Readout>,
    go_on: &dyn Fn() -> bool,
) -> Result<Shots> {
    let TargetInput::File { file } = &keys.target else {
        return Err(crate::input::missing_section(NAME));
    };
    let mut metropolis = source.clone();
    let sampler = source.input.sampler.clone().unwrap_or_default();
    metropolis.input.sampler = Some(SamplerInput {
        method: Method::Metropolis,
        ..sampler
    });
    let key = "learn.target.file";
    if keys.shots == 0 {
        let problem = "the state has too many configurations for an exact distribution";
        let remedy = "give a number of outcomes that are drawn in every basis, such as 100000";
        return Err(Error::input("learn.shots", problem, remedy));
    }
    let mut chains = saved_ensemble(&metropolis, problem, file, key, ENSEMBLE, 0, 1)?;
    let (sites, many) = (problem.lattice.sites, chains.noise().streams().len().max(1));
    let mut all = Shots::new(sites);
    for (b, basis) in bases(keys, problem)?.iter().enumerate() {
        let request = Request {
            purpose: Purpose::DrawnOutcomes,
            step: b as u64,
            burn_in: FIRST_BURN_IN,
            per_chain: THINNING * keys.shots.div_ceil(many),
        };
        chains.sample_while(&request, go_on)?;
        let rows = chains.configurations().chunks_exact(sites);
        let mut rng: Generator = stream(source.input.seed, Purpose::DrawnOutcomes, b as u64, 1);
        for x in rows.skip(THINNING - 1).step_by(THINNING).take(keys.shots) {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            let mut outcome = collapse(x, basis, &|xs| chains.log_psi_of(xs), &mut rng);
            if let Some(readout) = readout {
                readout.read_out(&mut outcome, &mut rng);
            }
            all.add(basis, &outcome, 1.0);
        }
    }
    Ok(all.joined())
}
