//! Decides how the history of a run looks to other programs: a CSV table, or the log of NetKet.
//!
//! NetKet's `JsonLog` is `{"Energy": {"iters": [0, 1, …], "Mean": {"real": […], "imag": […]},
//! "Sigma": […], "Variance": […], "R_hat": […]}}`, which `json.load` and NetKet's own readers
//! take; numbers that are not finite are null.
//!
//! Reference: F. Vicentini et al., SciPost Phys. Codebases 7 (2022).

use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::files;
use crate::io::hdf5;
use crate::io::tree::{Tree, Value};
use crate::run::Curves;
use serde_json::json;
use std::path::Path;

/// Columns (name, values) of a history under `prefix`, all of the same length, in alphabetical
/// order.
fn columns(tree: &Tree, prefix: &str) -> Vec<(String, Vec<f64>)> {
    let column = |(key, value): (&String, &Value)| match (key.strip_prefix(prefix), value) {
        (Some(name), Value::Real(a)) if a.ndim() == 1 => {
            Some((name.to_string(), a.iter().copied().collect()))
        }
        _ => None,
    };
    tree.datasets.iter().filter_map(column).collect()
}

fn no_history(path: &Path) -> Error {
    Error::input(
        path.display().to_string(),
        "the file has no steps of an optimisation or an evolution",
        "give the results file X.h5 of a run with [optimize] or [evolve]",
    )
}

/// The record of the first section that has one, with a row per step or point.
///
/// Optimisation: `step` (from 1), then the columns of `optimize/history`, then `seconds`.
/// Evolution: `time`, then the others.
pub fn csv(path: &Path, registry: &Registry) -> Result<String> {
    let tree = hdf5::read(path)?;
    let records = registry.sections.iter();
    let records = records.filter_map(|s| s.declaration.curves.first());
    let mut tables = records.map(|curves| table(&tree, curves));
    let table = tables.find(|table| table.iter().any(|c| !c.1.is_empty()));
    let table = table.unwrap_or_default();
    let rows = table.iter().map(|c| c.1.len()).max().unwrap_or(0);
    if rows == 0 {
        return Err(no_history(path));
    }
    let cell =
        |c: &(String, Vec<f64>), k: usize| c.1.get(k).map_or_else(String::new, f64::to_string);
    let names: Vec<String> = table.iter().map(|c| c.0.clone()).collect();
    let values = (0..rows).map(|k| table.iter().map(|c| cell(c, k)).collect());
    Ok(files::comma_separated(std::iter::once(names).chain(values)))
}

/// The columns of a record: what runs along its axis first, in the order of their names then.
fn table(tree: &Tree, curves: &Curves) -> Vec<(String, Vec<f64>)> {
    let mut table = columns(tree, &format!("{}/", curves.group));
    if let Some(across) = curves.across {
        table.sort_by_key(|c| c.0 != across);
    } else {
        let rows = table.first().map_or(0, |c| c.1.len());
        let numbers = (1..=rows).map(|k| k as f64).collect();
        table.insert(0, (curves.row.into(), numbers));
        let seconds = tree.reals(curves.seconds).unwrap_or_default();
        table.push(("seconds".into(), seconds));
    }
    table
}

/// The history of the optimisation as NetKet logs it, acceptance and V-score added.
pub fn netket(path: &Path) -> Result<String> {
    let tree = hdf5::read(path)?;
    let column = |name: &str| tree.reals(&format!("optimize/history/{name}"));
    let energy = column("energy").map_err(|_| no_history(path))?;
    if energy.is_empty() {
        return Err(no_history(path));
    }
    let iterations: Vec<usize> = (0..energy.len()).collect();
    let single =
        |name: &str| Ok::<_, Error>(json!({ "iters": iterations, "value": column(name)? }));
    let log = json!({
        "Energy": {
            "iters": iterations,
            "Mean": { "real": energy, "imag": column("energy_imag")? },
            "Sigma": column("error")?,
            "Variance": column("variance")?,
            "R_hat": column("r_hat")?,
        },
        "acceptance": single("acceptance")?,
        "v_score": single("v_score")?,
    });
    Ok(log.to_string())
}
