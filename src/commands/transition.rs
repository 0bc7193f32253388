//! Decides where the transition of an infinite system is: the crossings of networks on lattices of
//! several sizes, on a line in 1/L.
//!
//! T*(L) = T_c + a/L, for the exponent ν = 1 of the correlation length (M. N. Barber, in Phase
//! Transitions and Critical Phenomena 8 (1983)).

use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::stats::{FitPoint, Line, fit, mean_and_scatter, with_error};
use serde_json::{Value, json};
use std::path::PathBuf;

/// One file.
struct Seen {
    file: String,
    size: f64,
    /// With its error, where networks of several seeds say what it is.
    crossing: (f64, Option<f64>),
    baseline: Option<f64>,
}

/// Whether a file has networks that classify phases.
pub(super) fn has_crossings(tree: &Tree) -> bool {
    tree.datasets.contains_key("phases/crossing")
}

/// Keys that say what a network is and what it minimises.
const NETWORK: [&str; 6] = [
    "task",
    "features",
    "widths",
    "activation",
    "convolution",
    "l2",
];

/// What a file must share with the others: all but sizes, seeds, samples and the training.
pub(super) fn physics(tree: &Tree) -> String {
    let text = tree.text("input/resolved").unwrap_or_default();
    let mut table: toml::Table = text.parse().unwrap_or_default();
    if let Some(lattice) = table.get_mut("lattice").and_then(toml::Value::as_table_mut) {
        lattice.remove("size");
    }
    let critical = tree.real("phases/critical").unwrap_or(0.0);
    let part = |name: &str| table.get(name).map(ToString::to_string);
    let key = |name: &str| table.get("phases")?.get(name).map(ToString::to_string);
    let (lattice, hamiltonian) = (part("lattice"), part("hamiltonian"));
    format!(
        "{lattice:?} {hamiltonian:?} {critical} {:?}",
        NETWORK.map(key)
    )
}

fn seen(file: String, tree: &Tree) -> Result<Seen> {
    let size = tree.real("phases/size").map_err(|_| {
        Error::input(
            &file,
            "the file does not say how large its lattice is",
            "add [lattice] with equal sizes in all directions to the input of this run",
        )
    })?;
    let crosses = tree.integers("phases/crosses")?;
    let crossings = tree.reals("phases/crossing")?.into_iter().zip(crosses);
    let there: Vec<f64> = crossings.filter(|(_, c)| *c == 1).map(|(x, _)| x).collect();
    let crossing = mean_and_scatter(&there).ok_or_else(|| {
        Error::input(
            &file,
            "no output crosses 1/2",
            "leave the file out, or train it longer",
        )
    })?;
    Ok(Seen {
        file,
        size,
        crossing,
        baseline: tree.real("phases/baseline_crossing").ok(),
    })
}

/// The line of points (1/L, T*, error); an error where the sizes are all the same.
fn line(points: &[(f64, f64, f64)]) -> Result<Line> {
    let point = |(size, place, error): &(f64, f64, f64)| FitPoint {
        x: 1.0 / size,
        y: *place,
        x_variance: 0.0,
        y_variance: error * error,
        covariance: 0.0,
    };
    let points: Vec<FitPoint> = points.iter().map(point).collect();
    fit(&points).ok_or_else(|| {
        Error::input(
            "extrapolate",
            "runs of two different sizes are needed",
            "name results of [phases] on lattices of several sizes",
        )
    })
}

/// Fits the crossings of files, whose content is given, and returns what comes out.
pub(super) fn extrapolate(files: &[PathBuf], trees: &[Tree]) -> Result<Value> {
    let names = files.iter().map(|f| f.display().to_string());
    let all = names.zip(trees).map(|(name, tree)| seen(name, tree));
    let all = all.collect::<Result<Vec<_>>>()?;
    let first = physics(&trees[0]);
    if let Some(k) = trees.iter().position(|tree| physics(tree) != first) {
        return Err(Error::input(
            &all[k].file,
            format!(
                "lattice, Hamiltonian, labels or network differ from those of {}",
                all[0].file
            ),
            "extrapolate runs that differ in size alone",
        ));
    }
    // A file without an error would weigh nothing or all: then all weigh the same.
    let known = all.iter().all(|s| s.crossing.1.is_some());
    let error = |s: &Seen| s.crossing.1.filter(|_| known).unwrap_or(0.0);
    let points = all.iter().map(|s| (s.size, s.crossing.0, error(s)));
    let found = line(&points.collect::<Vec<_>>())?;
    let baselines: Option<Vec<_>> = all
        .iter()
        .map(|s| Some((s.size, s.baseline?, 0.0)))
        .collect();
    let baseline = baselines.map(|points| line(&points)).transpose()?;
    let finite = |x: f64| if x.is_finite() { json!(x) } else { Value::Null };
    let runs = all.iter().map(|s| {
        json!({
            "file": s.file, "size": s.size, "crossing": s.crossing.0, "error": s.crossing.1,
            "baseline_crossing": s.baseline,
        })
    });
    Ok(json!({
        "transition": found.intercept, "error": finite(found.error),
        "slope": found.slope, "slope_error": finite(found.slope_error),
        "chi2_per_freedom": found.chi2,
        "baseline": baseline.map(|line| line.intercept),
        "runs": runs.collect::<Vec<_>>(),
    }))
}

/// The same for people.
pub(super) fn words(result: &Value) -> String {
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap_or(f64::INFINITY);
    let shown = |value: &Value, mean: &str| match value["error"].as_f64() {
        Some(e) if e > 0.0 => with_error(number(value, mean), e),
        _ => format!("{:.6}", number(value, mean)),
    };
    let runs = result["runs"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = runs
        .map(|run| {
            let beside = run["baseline_crossing"].as_f64();
            format!(
                "{}  L = {}  output 1/2 at {}{}",
                run["file"].as_str().unwrap_or_default(),
                number(run, "size"),
                shown(run, "crossing"),
                beside.map_or(String::new(), |b| format!("  |m| alone {b:.6}"))
            )
        })
        .collect();
    lines.push(format!(
        "at 1/L = 0          {}",
        shown(result, "transition")
    ));
    if let Some(baseline) = result["baseline"].as_f64() {
        lines.push(format!("|m| alone           {baseline:.6}"));
    }
    match result["chi2_per_freedom"].as_f64() {
        Some(chi2) => lines.push(format!("chi^2 per degree of freedom {chi2:.2}")),
        None => lines.push("nothing tests the line: add sizes, or seeds".to_string()),
    }
    lines.join("\n")
}
