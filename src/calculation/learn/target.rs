//! Decides what is learned: a state, by its amplitudes or as a wave function, or outcomes alone.

use super::keys::{LearnInput, TargetInput};
use crate::ansatz::{Ansatz, Erased};
use crate::basis::{Basis, Numbering};
use crate::calculation::vmc::problem::{Problem, saved_state};
use crate::ensemble::relative_amplitudes;
use crate::error::{Error, Result};
use crate::exact::{self, ExactOptions};
use crate::input::Source;
use crate::io::hdf5;
use crate::io::tree::Value;
use crate::number::Scalar;
use num_complex::Complex64;
use std::path::Path;

/// Levels closer than this, beside the energy, count as degenerate.
const DEGENERATE: f64 = 1e-9;
/// States of a basis whose amplitudes are all kept, at most.
pub(super) const LARGEST: f64 = 1_048_576.0;
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

impl TargetState {
    /// The state of an input; `None` where it has outcomes alone. Heavy: the ground state is
    /// diagonalised here.
    pub fn new(source: &Source, keys: &LearnInput, problem: &Problem) -> Result<Option<Self>> {
        match &keys.target {
            TargetInput::Shots { .. } => Ok(None),
            TargetInput::GroundState {} => ground_state(source, problem).map(Some),
            TargetInput::File { file } => {
                let path = source.folder.join(file);
                let key = "learn.target.file";
                let most = problem.basis.dimension() as usize;
                let tree = hdf5::read_foreign(&path, &NAMES, most)
                    .map_err(|e| unreadable(key, &e.to_string()))?;
                match NAMES.iter().find_map(|name| tree.datasets.get(*name)) {
                    Some(all) => known(&problem.basis, all, key).map(Some),
                    None => evaluated(&path, problem, key).map(Some),
                }
            }
        }
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

fn unreadable(key: &str, why: &str) -> Error {
    let remedy = "name a results file X.h5, a file of `nishina exact --output`, or an HDF5 file \
                  with the dataset amplitudes";
    Error::input(key, why, remedy)
}

/// ln ψ of configurations, in blocks.
fn log_psi(state: &Erased, xs: &[i8]) -> Vec<Complex64> {
    let blocks = xs.chunks(BLOCK * state.sites().max(1));
    blocks
        .flat_map(|xs| state.log_psi(&state.batch(xs)))
        .collect()
}

fn normalised(index: Numbering, mut all: Vec<Complex64>, key: &str) -> Result<TargetState> {
    let norm: f64 = all.iter().map(Complex64::norm_sqr).sum();
    let finite = all.iter().all(|z| Scalar::is_finite(*z));
    if !(finite && norm.is_finite() && norm > 0.0) {
        return Err(unreadable(key, "the amplitudes are zero or not finite"));
    }
    let scale = 1.0 / norm.sqrt();
    all.iter_mut().for_each(|z| *z *= scale);
    Ok(TargetState::Known(index, all))
}

fn known(basis: &Basis, value: &Value, key: &str) -> Result<TargetState> {
    let all: Vec<Complex64> = match value {
        Value::Complex(v) => v.iter().copied().collect(),
        Value::Real(v) => v.iter().map(|x| (*x).into()).collect(),
        _ => {
            return Err(unreadable(
                key,
                "the amplitudes are neither real nor complex",
            ));
        }
    };
    if all.len() as f64 != basis.dimension() {
        let what = format!("{} amplitudes, and {}", all.len(), basis.describe());
        return Err(unreadable(key, &what));
    }
    normalised(basis.numbering()?, all, key)
}

/// A saved wave function, with all its amplitudes where they are few.
fn evaluated(path: &Path, problem: &Problem, key: &str) -> Result<TargetState> {
    let state = saved_state(path, problem, key)?;
    if problem.basis.dimension() > LARGEST {
        return Ok(TargetState::Evaluated(state));
    }
    let index = problem.basis.numbering()?;
    let logs = log_psi(&state, &index.rows(0..index.dimension()));
    let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
    normalised(index, relative_amplitudes(&logs, largest), key)
}

fn ground_state(source: &Source, problem: &Problem) -> Result<TargetState> {
    let options = ExactOptions {
        states: 2.min(problem.basis.dimension() as usize),
        momentum: None,
        seed: source.input.seed,
        memory_limit: f64::INFINITY,
    };
    let found = exact::solve(&*problem.hamiltonian, &problem.basis, None, &options)?;
    let key = "learn.target";
    if let [first, second, ..] = found.energies[..]
        && second - first < DEGENERATE * (1.0 + first.abs())
    {
        log::warn!(
            "the ground state is degenerate (E = {first}): any state of its space is learned"
        );
    }
    let vectors = found.vectors.and_then(|v| v.into_iter().next());
    let vector =
        vectors.ok_or_else(|| unreadable(key, "the ground state does not fit in memory"))?;
    normalised(problem.basis.numbering()?, vector, key)
}
