//! Decides the row of a measured energy in the tables of the variational benchmark collection.
//!
//! Whole-system energy, its standard error, ⟨H²⟩ − ⟨H⟩², degrees of freedom, energy at
//! infinite temperature Tr H / dim. The collection writes spin models with Pauli matrices: energies
//! in spin units, S = σ/2, are multiplied by 4, variances by 16 (couplings of two spins keep their
//! value; a field h becomes 2h).
//!
//! Reference: D. Wu et al., Science 386, 296 (2024), and its data tables.

use crate::calculation::Registry;
use crate::calculation::vmc::problem;
use crate::error::{Error, Result};
use crate::input;
use crate::io::hdf5;
use crate::io::tree::Value;
use crate::operator::models::Units;
use std::path::Path;

fn entries(value: &Value) -> usize {
    match value {
        Value::Real(a) => a.len(),
        Value::Complex(a) => a.len(),
        _ => 0,
    }
}

/// The row, after a line that names the columns; the last line says what it was made from.
pub fn varbench(path: &Path, registry: &Registry) -> Result<String> {
    let tree = hdf5::read(path)?;
    let part = |name: &str| {
        tree.real(&format!("measure/energy/{name}")).map_err(|_| {
            Error::input(
                path.display().to_string(),
                "the file has no measured energy",
                "give the results of a run with [measure] that has come to its end",
            )
        })
    };
    let folder = path
        .parent()
        .map_or_else(Default::default, Path::to_path_buf);
    let source = input::from_results(&tree, folder)?;
    let problem = problem::problem(&source, registry)?;
    let (scale, units) = match problem.units {
        Units::Spin => (4.0, "Pauli matrices: 4 times the energy in spin units"),
        Units::Pauli => (1.0, "Pauli matrices, as in the input"),
    };
    let kind = source
        .input
        .ansatz
        .as_ref()
        .and_then(|a| a.get("kind"))
        .and_then(|k| k.as_str())
        .unwrap_or("unknown");
    let count = tree
        .datasets
        .iter()
        .filter(|(k, _)| k.starts_with("parameters/"));
    let parameters: usize = count.map(|(_, v)| entries(v)).sum();
    Ok(format!(
        "| Energy | Sigma | Energy Variance | DOF | Einf | Method |\n| {:.12} | {:.3e} | {:.6e} | \
         {} | {:.6} | {} ({} parameters), nishina {} |\n# units: {units}; V-score {}",
        scale * part("mean")?,
        scale * part("error")?,
        scale * scale * part("variance")?,
        tree.integer("status/sites")?,
        scale * problem.facts.centre + 0.0,
        kind,
        parameters,
        env!("CARGO_PKG_VERSION"),
        part("v_score").map_or_else(|_| "undefined".into(), |score| format!("{score:.3e}")),
    ))
}
