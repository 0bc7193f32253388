//! Decides what is learned: a state, by its amplitudes or as a wave function, or outcomes alone.

use super::keys::{LearnInput, TargetInput};
use crate::ansatz::{Ansatz, Erased};
use crate::basis::{Basis, Numbering};
use crate::calculation::vmc::problem::{Problem, saved_state};
use crate::comm::{Comm, agree};
use crate::ensemble::{FullSum, relative_amplitudes};
use crate::error::{Error, Result};
use crate::exact::{self, ExactOptions};
use crate::input::Source;
use crate::io::hdf5;
use crate::io::tree::Value;
use crate::number::{Scalar, flatten, unflatten};
use num_complex::Complex64;
use std::path::Path;

/// Levels closer than this, beside the energy, count as degenerate.
const DEGENERATE: f64 = 1e-9;
/// States of a basis whose amplitudes are all kept, at most.
pub(super) const LARGEST: f64 = 1_048_576.0;
/// The key that names a file.
const KEY: &str = "learn.target.file";
/// Datasets of amplitudes in a file.
const NAMES: [&str; 2] = ["states/0/amplitudes", "amplitudes"];
/// Configurations of a state that are evaluated at once.
const BLOCK: usize = 1024;

/// The state that is learned.
pub(super) enum TargetState {
    /// All amplitudes in the order of the basis, Σ |Φ|² = 1.
    Known(Numbering, Vec<Complex64>),
    /// Amplitudes on demand, up to a common factor.
    Evaluated(Erased),
}

/// All amplitudes of the state of an input, Σ |Φ|² = 1; `None` where it has outcomes alone, or a
/// wave function with too many of them. Heavy: the ground state is diagonalised here.
pub(super) fn amplitudes(
    source: &Source,
    keys: &LearnInput,
    problem: &Problem,
) -> Result<Option<Vec<Complex64>>> {
    match &keys.target {
        TargetInput::Shots { .. } => Ok(None),
        TargetInput::GroundState {} => ground_state(source, problem).map(Some),
        TargetInput::File { file } => {
            let path = source.folder.join(file);
            let most = problem.basis.dimension() as usize;
            let tree =
                hdf5::read_foreign(&path, &NAMES, most).map_err(|e| unreadable(&e.to_string()))?;
            match NAMES.iter().find_map(|name| tree.datasets.get(*name)) {
                Some(all) => known(&problem.basis, all).map(Some),
                None if problem.basis.dimension() > LARGEST => Ok(None),
                None => evaluated(&path, problem).map(Some),
            }
        }
    }
}

/// An error where the state of an input cannot be had, as far as a look at it tells.
pub(super) fn look_at(source: &Source, keys: &LearnInput, problem: &Problem) -> Result<()> {
    let dimension = problem.basis.dimension();
    match &keys.target {
        TargetInput::Shots { .. } => Ok(()),
        TargetInput::GroundState {} if dimension > FullSum::MAX_STATES => {
            let problem = format!("the ground state of {dimension:.3e} states is not diagonalised");
            let remedy = "optimise a wave function, and give its results as { kind = \"file\" }";
            Err(Error::input("learn.target", problem, remedy))
        }
        TargetInput::GroundState {} => Ok(()),
        TargetInput::File { file } => {
            let path = source.folder.join(file);
            let shapes =
                hdf5::foreign_shapes(&path, &NAMES).map_err(|e| unreadable(&e.to_string()))?;
            match shapes.into_iter().flatten().next() {
                None => saved_state(&path, problem, KEY).map(drop),
                Some(shape) => fits(&problem.basis, shape.iter().product()),
            }
        }
    }
}

impl TargetState {
    /// The state of an input on every rank, from its amplitudes on rank 0.
    pub fn share(
        source: &Source,
        keys: &LearnInput,
        problem: &Problem,
        found: Result<Option<Vec<Complex64>>>,
        comm: &dyn Comm,
    ) -> Result<Option<Self>> {
        let found = agree(comm, found)?;
        let mut known = [f64::from(u8::from(found.is_some()))];
        comm.broadcast(&mut known)?;
        if known[0] == 1.0 {
            let index = problem.basis.numbering()?;
            let none = || vec![Complex64::ZERO; index.dimension()];
            let mut flat = flatten(found.unwrap_or_else(none));
            comm.broadcast(&mut flat)?;
            return Ok(Some(TargetState::Known(index, unflatten(&flat))));
        }
        let TargetInput::File { file } = &keys.target else {
            return Ok(None);
        };
        let state = saved_state(&source.folder.join(file), problem, KEY);
        Ok(Some(TargetState::Evaluated(agree(comm, state)?)))
    }

    /// ln Φ of configurations, −∞ where Φ = 0.
    pub fn log_amplitudes(&self, xs: &[i8], sites: usize) -> Vec<Complex64> {
        match self {
            TargetState::Evaluated(state) => log_psi(state, xs),
            TargetState::Known(index, all) => {
                let zero = Complex64::new(f64::NEG_INFINITY, 0.0);
                let of = |x: &[i8]| match index.number(x).map(|k| all[k]) {
                    Some(z) if z != Complex64::ZERO => z.ln(),
                    _ => zero,
                };
                xs.chunks_exact(sites).map(of).collect()
            }
        }
    }
}

fn unreadable(why: &str) -> Error {
    let remedy = "name a results file X.h5, a file of `nishina exact --output`, or an HDF5 file \
                  with the dataset amplitudes";
    Error::input(KEY, why, remedy)
}

/// ln ψ of configurations, in blocks.
fn log_psi(state: &Erased, xs: &[i8]) -> Vec<Complex64> {
    let blocks = xs.chunks(BLOCK * state.sites().max(1));
    blocks
        .flat_map(|xs| state.log_psi(&state.batch(xs)))
        .collect()
}

fn normalised(mut all: Vec<Complex64>) -> Result<Vec<Complex64>> {
    let norm: f64 = all.iter().map(Complex64::norm_sqr).sum();
    let finite = all.iter().all(|z| Scalar::is_finite(*z));
    if !(finite && norm.is_finite() && norm > 0.0) {
        return Err(unreadable("the amplitudes are zero or not finite"));
    }
    let scale = 1.0 / norm.sqrt();
    all.iter_mut().for_each(|z| *z *= scale);
    Ok(all)
}

/// An error where so many amplitudes are not those of the basis.
fn fits(basis: &Basis, amplitudes: usize) -> Result<()> {
    match amplitudes as f64 == basis.dimension() {
        true => Ok(()),
        false => {
            let states = basis.describe();
            Err(unreadable(&format!(
                "{amplitudes} amplitudes, and {states}"
            )))
        }
    }
}

fn known(basis: &Basis, value: &Value) -> Result<Vec<Complex64>> {
    let all: Vec<Complex64> = match value {
        Value::Complex(v) => v.iter().copied().collect(),
        Value::Real(v) => v.iter().map(|x| (*x).into()).collect(),
        _ => return Err(unreadable("the amplitudes are neither real nor complex")),
    };
    fits(basis, all.len())?;
    normalised(all)
}

/// All amplitudes of a saved wave function.
fn evaluated(path: &Path, problem: &Problem) -> Result<Vec<Complex64>> {
    let state = saved_state(path, problem, KEY)?;
    let index = problem.basis.numbering()?;
    let logs = log_psi(&state, &index.rows(0..index.dimension()));
    let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
    normalised(relative_amplitudes(&logs, largest))
}

fn ground_state(source: &Source, problem: &Problem) -> Result<Vec<Complex64>> {
    let options = ExactOptions {
        states: 2.min(problem.basis.dimension() as usize),
        momentum: None,
        seed: source.input.seed,
        memory_limit: f64::INFINITY,
    };
    let found = exact::solve(&*problem.hamiltonian, &problem.basis, None, &options)?;
    if let [first, second, ..] = found.energies[..]
        && second - first < DEGENERATE * (1.0 + first.abs())
    {
        log::warn!(
            "the ground state is degenerate (E = {first}): any state of its space is learned"
        );
    }
    let vectors = found.vectors.and_then(|v| v.into_iter().next());
    normalised(vectors.ok_or_else(|| {
        let remedy = "use a smaller lattice, or a results file as { kind = \"file\" }";
        Error::input(
            "learn.target",
            "the ground state does not fit in memory",
            remedy,
        )
    })?)
}
