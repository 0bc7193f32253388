//! Decides what `exact` says: the lowest energies of an input's Hamiltonian, and the file of its
//! states.

use super::answer;
use crate::calculation::vmc::problem;
use crate::calculation::{self, Registry};
use crate::error::{Error, Result};
use crate::exact::{ExactOptions, solve};
use crate::{input, io, job, linalg};
use std::path::{Path, PathBuf};

/// What the command is asked for.
pub struct ExactRequest {
    /// Number of states, lowest first.
    pub states: usize,
    /// Only this translation block: momentum indices, one per direction.
    pub momentum: Option<Vec<usize>>,
    /// The file of energies and amplitudes.
    pub output: Option<PathBuf>,
    /// Whether to print one JSON object.
    pub json: bool,
}

/// Prints the lowest energies.
pub fn exact(
    path: &Path,
    settings: &[String],
    registry: &Registry,
    options: ExactRequest,
) -> Result<()> {
    job::ensure_blas_kernel();
    linalg::blas::take_buffers()?;
    // What the sections that calculate something hold is none of its business.
    let source = input::read(path, settings)?;
    calculation::refuse_unknown(&source, registry)?;
    super::say_realisation(&source);
    let problem = problem::problem(&source, registry)?;
    if let Some(path) = &options.output {
        let failed = |e| Error::output(path, format!("cannot be written: {e}"));
        io::atomic::probe(&io::atomic::followed(path)).map_err(failed)?;
    }
    let limits = ExactOptions {
        states: options.states,
        momentum: options.momentum,
        seed: source.input.seed,
        memory_limit: linalg::available_memory(),
    };
    let lattice = Some(&problem.lattice);
    let result = solve(&*problem.hamiltonian, &problem.basis, lattice, &limits)?;
    if let Some(path) = options.output {
        io::hdf5::write_atomic(&path, &result.to_tree())?;
    }
    let (energies, states) = (&result.energies, result.dimension);
    if options.json {
        let residuals = &result.residuals;
        let object = serde_json::json!({
            "energies": energies, "residuals": residuals, "states": states
        });
        return answer(&object.to_string());
    }
    let lines = energies.iter().enumerate();
    let lines: Vec<_> = lines.map(|(k, e)| format!("E{k} = {e:.12}")).collect();
    answer(&format!("{states} states\n{}", lines.join("\n")))
}
