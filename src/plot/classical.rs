//! Decides the pictures of classical spins against the temperature, all files in one: energy,
//! specific heat, magnetisation, Binder cumulant; and of autocorrelation times against the size.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;
use crate::run::lattice_length;
use crate::stats::{FitPoint, fit};

/// The Binder cumulant of the Ising class at its transition, on periodic squares (J. Salas, A. D.
/// Sokal, J. Stat. Phys. 98, 551 (2000)).
const BINDER: f64 = 0.6107;

const UNFINISHED: &str = "no samples count yet";

/// All pictures; none where no file has classical spins.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("classical/temperature");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut drawn = Vec::new();
    for (name, quantity, label, per_site) in [
        ("thermal-energy", "energy", "E/N", true),
        ("specific-heat", "specific_heat", "specific heat C/N", false),
        ("magnetisation", "abs_magnetisation", "⟨|m|⟩", false),
        ("binder", "binder", "Binder cumulant 1 − ⟨m⁴⟩/3⟨m²⟩²", false),
    ] {
        let mut curves = Vec::new();
        for run in &runs {
            curves.extend(of_quantity(run, quantity, per_site));
        }
        let mut panel = Panel::new(Axis::linear("T"), Axis::linear(label), curves);
        if quantity == "binder" {
            panel.guides.push(Guide {
                y: BINDER,
                text: "0.6107: Ising class, periodic squares".into(),
            });
        }
        drawn.push(Drawn::new(name, panel, UNFINISHED));
    }
    let reason = "files of three sizes that share a temperature are needed";
    drawn.push(Drawn::new("autocorrelation", times(&runs), reason));
    Ok(drawn)
}

/// Points of a quantity at the temperatures of the samples, and a line where they are reweighted.
fn of_quantity(run: &ResultsFile, quantity: &str, per_site: bool) -> Vec<Curve> {
    let scale = if per_site {
        1.0 / run.sites as f64
    } else {
        1.0
    };
    let list = |path: String| -> Vec<f64> { run.reals(&path).iter().map(|v| v * scale).collect() };
    let of = |under: &str, look: Look| {
        let mut points: Vec<[f64; 3]> = run
            .reals(&format!("classical/{under}temperature"))
            .into_iter()
            .zip(list(format!("classical/{under}{quantity}/mean")))
            .zip(list(format!("classical/{under}{quantity}/error")))
            .map(|((t, mean), error)| [t, mean, error])
            .collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        Curve {
            name: run.name.clone(),
            style: run.style,
            look,
            points,
        }
    };
    let line = of("reweighted/", Look::Line);
    let points = of("", Look::Points);
    match line.points.is_empty() {
        true => vec![points],
        false => vec![line, points],
    }
}

/// Autocorrelation times against the size, at the slowest temperature where all files have the
/// same, with the power laws that fit them.
fn times(runs: &[&ResultsFile]) -> Panel {
    let temperatures = |r: &ResultsFile| r.reals("classical/temperature");
    let first = runs.first().map(|r| temperatures(r)).unwrap_or_default();
    let slowest = |t: &f64| {
        let place = first.iter().position(|o| o == t).unwrap_or(0);
        let times = runs
            .iter()
            .filter_map(|r| r.reals("classical/tau").get(place).copied());
        times.fold(0.0, f64::max)
    };
    let everywhere = |t: &&f64| {
        runs.iter()
            .all(|r| temperatures(r) == first && first.contains(t))
    };
    let shared = first.iter().filter(everywhere);
    let shared = shared
        .max_by(|a, b| slowest(a).total_cmp(&slowest(b)))
        .copied();
    let mut curves = Vec::new();
    if let Some(t) = shared {
        for (style, (name, what)) in [("tau", "the update"), ("local_tau", "single flips")]
            .into_iter()
            .enumerate()
        {
            curves.extend(of_times(runs, t, name, what, style));
        }
    }
    let label = shared.map_or(String::new(), |t| format!(" at T = {t}"));
    let y = Axis::log(format!("integrated time of |m|{label} [sweeps or moves]"));
    Panel::new(Axis::log("L"), y, curves)
}

fn of_times(runs: &[&ResultsFile], t: f64, name: &str, what: &str, style: usize) -> Vec<Curve> {
    let one = |r: &&ResultsFile| {
        let place = r
            .reals("classical/temperature")
            .iter()
            .position(|o| *o == t)?;
        let tau = *r.reals(&format!("classical/{name}")).get(place)?;
        Some([lattice_length(&r.tree)?, tau, 0.0])
    };
    let mut points: Vec<[f64; 3]> = runs.iter().filter_map(one).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    points.dedup_by(|a, b| a[0] == b[0]);
    if points.len() < 3 {
        return Vec::new();
    }
    let logs: Vec<FitPoint> = points
        .iter()
        .map(|p| FitPoint {
            x: p[0].ln(),
            y: p[1].ln(),
            x_variance: 0.0,
            y_variance: 0.0,
            covariance: 0.0,
        })
        .collect();
    let Some(line) = fit(&logs) else {
        return Vec::new();
    };
    let law = |p: &[f64; 3]| [p[0], (line.intercept + line.slope * p[0].ln()).exp(), 0.0];
    let curve = |name: String, look, points, style| Curve {
        name,
        style,
        look,
        points,
    };
    let fitted = points.iter().map(law).collect();
    let z = line.slope;
    vec![
        curve(format!("L^{z:.2}"), Look::Line, fitted, style + 3),
        curve(what.into(), Look::Points, points, style),
    ]
}
