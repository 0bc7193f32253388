//! Decides the pictures of an evolution in time: energies, drift and local error; every single
//! number that was recorded; correlations in distance and time as a map.

use super::Drawn;
use super::axis::Axis;
use super::correlations::{DISTANCE, symbol};
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::map::{Map, Patch, sheet};
use super::panel::{Guide, Panel};
use super::plane::Plane;
use crate::error::Result;
use std::collections::BTreeSet;

const NONE: &str = "no file has an evolution ([evolve] was not run)";
const NOT_A_NUMBER: &str = "none of the values is a number";
const CURVES: &str = "evolve/output/observables/";

const TIME: &str = "time t [1/coupling]";

fn time() -> Axis {
    Axis::linear(TIME).tight().with_ticks(8)
}

/// All pictures of time.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let mut drawn = vec![Drawn::new("evolution", motion(runs), NONE)];
    if !runs
        .iter()
        .any(|r| r.tree.datasets.contains_key("evolve/history/time"))
    {
        return Ok(drawn);
    }
    let (singles, by_distance) = observables(runs);
    // At most three diagrams in a picture.
    for (number, group) in singles.chunks(3).enumerate() {
        let panels: Vec<_> = group.iter().map(|name| single(runs, name)).collect();
        let name = if singles.len() > 3 {
            format!("observables-of-time-{}", number + 1)
        } else {
            "observables-of-time".into()
        };
        drawn.push(Drawn::new(name, panels, NOT_A_NUMBER));
    }
    for name in by_distance {
        let mut maps: Vec<_> = runs.iter().filter_map(|r| cone(r, &name)).collect();
        if maps.len() == 1 {
            maps[0].title.clear();
        }
        let path = format!("{CURVES}{name}/by_distance/mean");
        let first = runs
            .iter()
            .find(|r| r.tree.datasets.contains_key(&path))
            .unwrap_or(&runs[0]);
        let svg = sheet(&maps, &symbol(first, &name, &path), false, 1)?;
        drawn.push(Drawn::new(format!("{name}-of-time"), svg, NOT_A_NUMBER));
    }
    Ok(drawn)
}

/// Energy, drift and local error against time.
///
/// Where the energy is conserved the drift is the energy but for its start, and stands alone.
fn motion(runs: &[ResultsFile]) -> Vec<Panel> {
    let curves = |column: &str, error: Option<&str>, per_site: bool| -> Vec<Curve> {
        let path = |c: &str| format!("evolve/history/{c}");
        let curve = |r: &ResultsFile| {
            let x = r.reals("evolve/history/time");
            let scale = if per_site { 1.0 / r.sites as f64 } else { 1.0 };
            r.line(&x, &path(column), error.map(path).as_deref(), scale)
        };
        runs.iter().map(curve).collect()
    };
    let panel = |y: Axis, curves| Panel::new(time(), y.with_ticks(5), curves);
    let mut drift = panel(
        Axis::linear("drift of E/N [couplings]"),
        curves("drift", Some("drift_error"), false),
    );
    drift.guides.push(Guide {
        y: 0.0,
        text: String::new(),
    });
    let energy = panel(
        Axis::linear("E/N [couplings]"),
        curves("energy", Some("error"), true),
    );
    let local = panel(Axis::log("local error r²"), curves("r2", None, false));
    match runs.iter().all(is_conserved) {
        true => vec![drift, local],
        false => vec![energy, drift, local],
    }
}

/// Whether the drift is what the energy has moved from its start.
fn is_conserved(run: &ResultsFile) -> bool {
    let energy = run.reals("evolve/history/energy");
    let drift = run.reals("evolve/history/drift");
    let start = energy.first().copied().unwrap_or(0.0);
    let moved = energy.iter().map(|e| (e - start) / run.sites as f64);
    let scale = start.abs().max(1.0) / run.sites as f64;
    moved
        .zip(&drift)
        .all(|(a, b)| (a - b).abs() <= 1e-9 * scale)
}

/// Names of what is one number per time, and of what is one per distance and time.
fn observables(runs: &[ResultsFile]) -> (Vec<String>, BTreeSet<String>) {
    let (mut singles, mut by_distance) = (BTreeSet::new(), BTreeSet::new());
    for run in runs {
        for key in run.tree.datasets.keys() {
            let Some(name) = key
                .strip_prefix(CURVES)
                .and_then(|k| k.strip_suffix("/mean"))
            else {
                continue;
            };
            let shape = run.shape(key);
            if let Some(name) = name.strip_suffix("/by_distance") {
                by_distance.insert(name.to_string());
            } else if shape.len() == 1 || shape[1..].iter().product::<usize>() == 1 {
                singles.insert(name.to_string());
            }
        }
    }
    (singles.into_iter().collect(), by_distance)
}

fn single(runs: &[ResultsFile], name: &str) -> Panel {
    let (mean, error) = (
        format!("{CURVES}{name}/mean"),
        format!("{CURVES}{name}/error"),
    );
    let curve = |r: &ResultsFile| {
        let x = r.reals("evolve/output/time");
        Curve::new(
            &r.name,
            r.style,
            Look::Points,
            &x,
            &r.reals(&mean),
            Some(&r.reals(&error)),
        )
    };
    let unit = runs
        .iter()
        .map(|r| r.unit(&mean))
        .find(|u| !u.is_empty())
        .unwrap_or_default();
    Panel::new(
        time(),
        Axis::linear(format!("{}{unit}", moment(name, &unit))).with_ticks(5),
        runs.iter().map(curve).collect(),
    )
}

/// The symbol of one number, where it has one.
fn moment(name: &str, unit: &str) -> String {
    let spin = if unit.is_empty() { "σ" } else { "S" };
    match name {
        "transverse-magnetisation" => format!("⟨{spin}ₓ⟩"),
        "magnetisation" => format!("⟨{spin}ᶻ⟩"),
        other => other.replace(['/', '_'], " "),
    }
}

/// Cells over distance (across) and time (up), the time stretched to a map of the width of its
/// height.
fn cone(run: &ResultsFile, name: &str) -> Option<Map> {
    let values = run.reals(&format!("{CURVES}{name}/by_distance/mean"));
    let distances = run.reals(&format!("{CURVES}{name}/distances"));
    let times = run.reals("evolve/output/time");
    let (d, t) = (distances.len(), times.len());
    if d < 2 || t < 2 || values.len() != d * t {
        return None;
    }
    let (across, up) = (edges(&distances), edges(&times));
    let width = across[d] - across[0];
    let plane = Plane {
        x: [across[0], across[d]],
        y: [up[0], up[t]],
        size: [width, 0.7 * width],
    };
    let mut map = Map {
        title: run.name.clone(),
        ..Map::default()
    };
    for i in 0..t {
        for k in 0..d {
            let corners = vec![
                plane.place(across[k], up[i]),
                plane.place(across[k + 1], up[i]),
                plane.place(across[k + 1], up[i + 1]),
                plane.place(across[k], up[i + 1]),
            ];
            map.patches.push(Patch {
                corners,
                value: values[i * d + k],
                width: 0.0,
            });
        }
    }
    plane.add_ticks(&mut map, &distances, &times);
    plane.add_frame(&mut map, DISTANCE, TIME);
    Some(map)
}

/// The ends of cells around these places: halfway between neighbours.
fn edges(x: &[f64]) -> Vec<f64> {
    let inner = x.windows(2).map(|w| 0.5 * (w[0] + w[1]));
    let (first, last) = (
        1.5 * x[0] - 0.5 * x[1],
        1.5 * x[x.len() - 1] - 0.5 * x[x.len() - 2],
    );
    std::iter::once(first)
        .chain(inner)
        .chain(std::iter::once(last))
        .collect()
}
