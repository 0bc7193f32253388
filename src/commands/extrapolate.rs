//! Decides the energy that several runs of one Hamiltonian extrapolate to where the variance
//! vanishes; of classical spins, the temperature to which crossings extrapolate; of constructed
//! states, the energy of short steps.
//!
//! E/N = e₀ + c Var/N near an eigenstate (Y. Kwon, D. M. Ceperley, R. M. Martin, Phys. Rev. B 58,
//! 6800 (1998)), by a weighted linear fit with the errors of both and their covariance.

use super::crossing::{crossing, crossing_text, is_classical};
use super::transition;
use super::trotter;
use crate::error::{Error, Result};
use crate::io::hdf5;
use crate::io::tree::Tree;
use crate::stats::{FitPoint, Line, fit, with_error};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

struct Measured {
    file: String,
    sites: f64,
    energy: [f64; 2],
    variance: [f64; 2],
    covariance: f64,
    /// Mean and error of the square of the total spin, where it was measured.
    total_spin: Option<[f64; 2]>,
}

/// Standard errors by which the total spins of runs may differ, and a difference that is small
/// where there is no noise.
const SPIN_ERRORS: f64 = 5.0;
const SPIN_DIFFERENCE: f64 = 0.05;

/// What a file must share with the others.
pub(super) fn physics(tree: &Tree) -> Option<String> {
    let table: toml::Table = tree.text("input/resolved").ok()?.parse().ok()?;
    let mut hamiltonian = table.get("hamiltonian")?.as_table()?.clone();
    hamiltonian.remove("sign_rule");
    let quench = table.get("evolve").and_then(|e| e.get("hamiltonian"));
    Some(format!(
        "{:?}{hamiltonian:?}{quench:?}",
        table.get("lattice")
    ))
}

fn read(path: &Path, tree: &Tree) -> Result<(Measured, String)> {
    let file = path.display().to_string();
    let missing = |_| {
        Error::input(
            &file,
            "the file has no measured energy",
            "name results X.h5 of runs with [measure]",
        )
    };
    let part = |name: &str| tree.real(&format!("measure/energy/{name}"));
    let of_spin = |name: &str| tree.real(&format!("measure/observables/total-spin/{name}"));
    let measured = Measured {
        total_spin: match (of_spin("mean"), of_spin("error")) {
            (Ok(mean), Ok(error)) => Some([mean, error]),
            _ => None,
        },
        sites: tree.integer("status/sites").map_err(missing)? as f64,
        energy: [
            part("mean").map_err(missing)?,
            part("error").map_err(missing)?,
        ],
        variance: [
            part("variance").map_err(missing)?,
            part("variance_error").unwrap_or(0.0),
        ],
        covariance: tree
            .reals("measure/energy/covariance")
            .map_or(0.0, |c| c[1]),
        file: file.clone(),
    };
    let physics = physics(tree).ok_or_else(|| {
        Error::input(
            &file,
            "the file does not hold its input",
            "name results of this program",
        )
    })?;
    Ok((measured, physics))
}

impl Measured {
    /// The energy per site against the variance per site.
    fn point(&self) -> FitPoint {
        // The error bar of the energy may be larger than that of the bins, which the covariance
        // belongs to.
        let largest = self.energy[1] * self.variance[1];
        FitPoint {
            x: self.variance[0] / self.sites,
            y: self.energy[0] / self.sites,
            x_variance: (self.variance[1] / self.sites).powi(2),
            y_variance: (self.energy[1] / self.sites).powi(2),
            covariance: self.covariance.clamp(-largest, largest) / self.sites.powi(2),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "energy": self.energy[0],
            "error": self.energy[1],
            "variance": self.variance[0],
            "variance_error": self.variance[1],
        })
    }
}

/// Fits the runs in `files` and returns what comes out as one JSON object: energies against the
/// variance or the step of a construction, or where networks see a transition against the inverse
/// size.
pub fn extrapolate(files: &[PathBuf]) -> Result<Value> {
    let trees = files.iter().map(|f| hdf5::read(f));
    let trees = trees.collect::<Result<Vec<_>>>()?;
    if trees.iter().all(transition::has_crossings) {
        return transition::extrapolate(files, &trees);
    }
    if trees.iter().all(trotter::is_constructed) {
        return trotter::extrapolate(files, &trees);
    }
    if trees.first().is_some_and(is_classical) {
        return crossing(files);
    }
    of_variances(files, &trees)
}

/// Of energies and variances.
fn of_variances(files: &[PathBuf], trees: &[Tree]) -> Result<Value> {
    let read = files.iter().zip(trees).map(|(file, tree)| read(file, tree));
    let read = read.collect::<Result<Vec<_>>>()?;
    if let Some((other, _)) = read.iter().find(|r| r.1 != read[0].1) {
        return Err(Error::input(
            &other.file,
            format!(
                "lattice or Hamiltonian differ from those of {}",
                read[0].0.file
            ),
            "extrapolate runs of one Hamiltonian",
        ));
    }
    same_spin(&read)?;
    let points: Vec<FitPoint> = read.iter().map(|(m, _)| m.point()).collect();
    let Some(Line {
        intercept,
        error,
        slope,
        slope_error,
        chi2,
    }) = fit(&points)
    else {
        let mut variances: Vec<f64> = read.iter().map(|(m, _)| m.variance[0]).collect();
        variances.sort_by(f64::total_cmp);
        variances.dedup();
        return Err(Error::input(
            "extrapolate",
            format!(
                "runs of 2 different variances are needed; those of the {} given are {variances:?}",
                files.len()
            ),
            "name at least two results of wave functions of different quality",
        ));
    };
    let finite = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
    let n = read[0].0.sites;
    let runs: Vec<Value> = read.iter().map(|(m, _)| m.to_json()).collect();
    Ok(json!({
        "energy": n * intercept,
        "error": finite(n * error),
        "energy_per_site": intercept,
        "error_per_site": finite(error),
        "slope": slope,
        "slope_error": finite(slope_error),
        "chi2_per_freedom": chi2,
        "sites": n,
        "runs": runs,
    }))
}

/// Refuses runs whose total spins differ: the admixture of other spins raises the energy and hardly
/// the variance, so that no line joins them.
fn same_spin(read: &[(Measured, String)]) -> Result<()> {
    let known = read
        .iter()
        .filter_map(|(m, _)| Some((m, m.total_spin?)))
        .collect::<Vec<_>>();
    let Some((first, [mean, error])) = known.first() else {
        return Ok(());
    };
    let differs = |[other, noise]: [f64; 2]| {
        let difference = (other - mean).abs();
        difference > SPIN_DIFFERENCE && difference > SPIN_ERRORS * noise.hypot(*error)
    };
    match known.iter().find(|(_, spin)| differs(*spin)) {
        None => Ok(()),
        Some((other, [square, _])) => Err(Error::input(
            &other.file,
            format!(
                "the square of its total spin is {square:.3}, that of {} is {mean:.3}: the energy \
                 is no function of the variance alone",
                first.file
            ),
            "leave out the runs with a larger total spin, or optimise them further",
        )),
    }
}

/// The same for people.
pub fn extrapolate_text(result: &Value) -> String {
    if !result["transition"].is_null() {
        return transition::words(result);
    }
    if result.get("power_of_step").is_some() {
        return trotter::words(result);
    }
    if result.get("crossings").is_some() {
        return crossing_text(result);
    }
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::INFINITY);
    let shown = |value: &Value, mean: &str, error: &str| match value[error].as_f64() {
        Some(e) => with_error(number(value, mean), e),
        None => format!(
            "{:.8} (two runs without noise: no error bar)",
            number(value, mean)
        ),
    };
    let mut lines: Vec<String> = result["runs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|run| {
            let file = run["file"].as_str().unwrap_or_default();
            format!(
                "{file}  E = {}  var = {}",
                shown(run, "energy", "error"),
                shown(run, "variance", "variance_error")
            )
        })
        .collect();
    lines.push(format!(
        "E at variance 0 = {}",
        shown(result, "energy", "error")
    ));
    lines.push(format!(
        "per site          {}",
        shown(result, "energy_per_site", "error_per_site")
    ));
    lines.push(format!(
        "dE/dvar           {}",
        shown(result, "slope", "slope_error")
    ));
    match result["chi2_per_freedom"].as_f64() {
        Some(chi2) if chi2 > 3.0 => lines.push(format!(
            "chi^2 per degree of freedom {chi2:.1}: the runs are not on a line; leave out those \
             with a large variance"
        )),
        Some(chi2) => lines.push(format!("chi^2 per degree of freedom {chi2:.2}")),
        None => lines.push("nothing tests the line: add runs".to_string()),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run with this square of the total spin and its error.
    fn run(total_spin: Option<[f64; 2]>) -> (Measured, String) {
        let measured = Measured {
            file: "x.h5".into(),
            sites: 4.0,
            energy: [-2.0, 0.01],
            variance: [0.1, 0.01],
            covariance: 0.0,
            total_spin,
        };
        (measured, String::new())
    }

    #[test]
    fn runs_of_different_total_spin_are_no_line() {
        let same = |spins: [Option<[f64; 2]>; 2]| same_spin(&spins.map(run)).is_ok();
        assert!(same([None, Some([0.7, 0.01])]));
        assert!(same([Some([0.04, 0.01]), Some([0.07, 0.001])]));
        assert!(same([Some([0.2, 0.1]), Some([0.6, 0.1])]));
        assert!(!same([Some([0.04, 0.01]), Some([0.7, 0.08])]));
    }
}
