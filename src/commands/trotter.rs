//! Decides the energy that constructed states of several step lengths δ extrapolate to at δ = 0.
//!
//! Second-order steps project on the ground state of H + δ² H₂ + …, which is off by δ²; ⟨H⟩ is
//! stationary at the ground state, so that E(δ) = E + c δ⁴ where the time is long enough.

use super::extrapolate::physics;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::stats::{FitPoint, Line, fit, with_error};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The power of the step that energies differ by.
const POWER: i32 = 4;

/// One file.
struct Stepped {
    file: String,
    sites: f64,
    energy: f64,
    error: f64,
    step: f64,
    /// Imaginary time at the end.
    time: f64,
    physics: String,
}

/// Whether a file has a state that [construct] has made.
pub(super) fn is_constructed(tree: &Tree) -> bool {
    tree.datasets.contains_key("construct/history/time")
}

fn stepped(file: String, tree: &Tree) -> Result<Stepped> {
    let missing = |_| {
        Error::input(
            &file,
            "the file has no measured energy",
            "name results X.h5 of runs with [construct] and [measure]",
        )
    };
    let times = tree.reals("construct/history/time")?;
    let part = |name: &str| tree.real(&format!("measure/energy/{name}"));
    let [first, second] = [0, 1].map(|k| times.get(k).copied().unwrap_or(0.0));
    Ok(Stepped {
        sites: tree.integer("status/sites").map_err(missing)? as f64,
        energy: part("mean").map_err(missing)?,
        error: part("error").map_err(missing)?,
        step: second - first,
        time: times.last().copied().unwrap_or(0.0),
        physics: physics(tree).unwrap_or_default(),
        file,
    })
}

impl Stepped {
    fn point(&self) -> FitPoint {
        FitPoint {
            x: self.step.powi(POWER),
            y: self.energy / self.sites,
            x_variance: 0.0,
            y_variance: (self.error / self.sites).powi(2),
            covariance: 0.0,
        }
    }

    /// Whether only the step differs.
    fn is_like(&self, other: &Stepped) -> bool {
        let near = (self.time - other.time).abs() <= 1e-9 * self.time.abs();
        near && self.physics == other.physics
    }
}

/// Fits the energies of the files against the fourth power of the step.
pub(super) fn extrapolate(files: &[PathBuf], trees: &[Tree]) -> Result<Value> {
    let each = files.iter().zip(trees);
    let runs = each.map(|(file, tree)| stepped(file.display().to_string(), tree));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    if let Some(other) = runs.iter().find(|run| !run.is_like(&runs[0])) {
        return Err(Error::input(
            &other.file,
            format!(
                "lattice, Hamiltonian or construct.time differ from those of {}",
                runs[0].file
            ),
            "extrapolate runs that differ in construct.step alone",
        ));
    }
    let points: Vec<FitPoint> = runs.iter().map(Stepped::point).collect();
    let Some(line) = fit(&points) else {
        return Err(Error::input(
            "extrapolate",
            format!("all {} runs have the step {}", runs.len(), runs[0].step),
            "name results of at least two lengths of construct.step",
        ));
    };
    let Line {
        intercept,
        error,
        slope,
        slope_error,
        chi2,
    } = line;
    let finite = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
    let n = runs[0].sites;
    let list = runs.iter().map(|run| {
        json!({ "file": run.file, "step": run.step, "energy": run.energy, "error": run.error })
    });
    Ok(json!({
        "energy": n * intercept,
        "error": finite(n * error),
        "energy_per_site": intercept,
        "error_per_site": finite(error),
        "power_of_step": POWER,
        "slope": n * slope,
        "slope_error": finite(n * slope_error),
        "chi2_per_freedom": chi2,
        "sites": n,
        "runs": list.collect::<Vec<_>>(),
    }))
}

/// The same for people.
pub(super) fn words(result: &Value) -> String {
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::NAN);
    let shown = |value: &Value, mean: &str, error: &str| match value[error].as_f64() {
        Some(e) if e > 0.0 => with_error(number(value, mean), e),
        _ => format!("{:.8}", number(value, mean)),
    };
    let runs = result["runs"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = runs
        .map(|run| {
            let file = run["file"].as_str().unwrap_or_default();
            let energy = shown(run, "energy", "error");
            format!("{file}  step = {}  E = {energy}", number(run, "step"))
        })
        .collect();
    lines.push(format!(
        "E at step 0 = {}",
        shown(result, "energy", "error")
    ));
    let per_site = shown(result, "energy_per_site", "error_per_site");
    lines.push(format!("per site    = {per_site}"));
    lines.push(match result["chi2_per_freedom"].as_f64() {
        Some(chi2) if chi2 > 3.0 => format!(
            "chi^2 per degree of freedom {chi2:.1}: the energies are not on a line in step^4; \
             leave out long steps, or raise construct.time"
        ),
        Some(chi2) => format!("chi^2 per degree of freedom {chi2:.2}"),
        None => "nothing tests E = E_0 + c step^4: add runs".to_string(),
    });
    lines.join("\n")
}
