//! Decides the picture of what a restricted Boltzmann machine has learned: the weights of each
//! hidden unit, or filter, on the lattice.
//!
//! Reference: G. Carleo, M. Troyer, Science 355, 602 (2017), Fig. 2.

use super::bonds::plane;
use super::data::ResultsFile;
use super::map::{Map, Patch, sheet};
use super::plane::Plane;
use super::structure::wigner_seitz;
use super::{Drawn, reasons};
use crate::error::Result;
use crate::io::tree::Value;
use crate::lattice::Lattice;
use std::f64::consts::TAU;

/// Most units that are shown, those with the largest weights.
const MOST: usize = 16;

/// One sheet per file with weights W.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let (mut drawn, mut missing) = (Vec::new(), Vec::new());
    for run in runs {
        match filters(run) {
            Err(reason) => missing.push((run.name.clone(), reason)),
            Ok((maps, parts)) => {
                let name = if runs.len() == 1 {
                    "filters".to_string()
                } else {
                    format!("filters-{}", file_name(&run.name))
                };
                drawn.push(Drawn::new(
                    name,
                    sheet(&maps, "W", true, parts)?,
                    "none of the weights is a number",
                ));
            }
        }
    }
    if !missing.is_empty() {
        drawn.push(Drawn::left_out("filters", reasons(missing)));
    }
    Ok(drawn)
}

/// A name without what does not belong into the name of a file.
fn file_name(name: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let words = name.split(|c: char| !kept(c)).filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Weights W as they stand in a file.
struct Weights {
    shape: Vec<usize>,
    /// Real weights, or real and imaginary parts, with their names.
    parts: Vec<(&'static str, Vec<f64>)>,
}

impl Weights {
    fn of(run: &ResultsFile) -> Option<Self> {
        let value = run.tree.datasets.iter().find_map(|(key, value)| {
            let name = key.strip_prefix("parameters/")?;
            (name == "W" || name.ends_with(".W")).then_some(value)
        })?;
        match value {
            Value::Real(a) => Some(Weights {
                shape: a.shape().to_vec(),
                parts: vec![("", a.iter().copied().collect())],
            }),
            Value::Complex(a) => Some(Weights {
                shape: a.shape().to_vec(),
                parts: vec![
                    ("Re ", a.iter().map(|z| z.re).collect()),
                    ("Im ", a.iter().map(|z| z.im).collect()),
                ],
            }),
            _ => None,
        }
    }
}

/// Whether one filter stands for all its translations: W then has a row per filter.
fn is_tied(run: &ResultsFile) -> bool {
    let resolved = run.tree.text("input/resolved").ok();
    let table = resolved.and_then(|t| t.parse::<toml::Table>().ok());
    table.is_some_and(|t| {
        let ansatz = t.get("ansatz");
        let symmetry = ansatz.and_then(|a| a.get("symmetry")?.as_str());
        symmetry.is_some_and(|s| s != "none")
    })
}

/// The maps, and of how many parts each weight consists.
fn filters(run: &ResultsFile) -> std::result::Result<(Vec<Map>, usize), String> {
    if run.tree.datasets.contains_key("construct/gates") {
        let reason = "the hidden units of a constructed machine are those of its gates, each on \
                      one or two sites";
        return Err(reason.into());
    }
    let Some(Weights { shape, parts }) = Weights::of(run) else {
        return Err(
            "the wave function has no weights W; they belong to ansatz kind \"rbm\"".into(),
        );
    };
    let lattice = run.lattice.as_ref().map_err(Clone::clone)?;
    let (tied, n) = (is_tied(run), lattice.sites);
    let [rows, columns] = shape[..] else {
        return Err("W is not a matrix".into());
    };
    let (units, at): (usize, Box<dyn Fn(usize, usize) -> usize>) =
        match (tied, rows == n, columns == n) {
            (true, _, true) => (rows, Box::new(move |unit, site| unit * columns + site)),
            (false, true, _) => (columns, Box::new(move |unit, site| site * columns + unit)),
            _ => return Err(format!("W is {rows} × {columns} on {n} sites")),
        };
    let size = |unit: usize| {
        parts
            .iter()
            .map(|p| (0..n).map(|s| p.1[at(unit, s)].powi(2)).sum::<f64>())
            .sum::<f64>()
    };
    let mut order: Vec<usize> = (0..units).collect();
    order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    order.truncate(MOST / parts.len());
    if lattice.dimensions() == 1 && !lattice.is_graph() {
        let maps = parts.iter().map(|(part, values)| {
            let value = |unit: usize, site: usize| values[at(unit, site)];
            rows_of_units(part, &order, n, tied, value)
        });
        return Ok((maps.collect(), parts.len()));
    }
    let what = if tied { "filter" } else { "unit" };
    let mut maps = Vec::new();
    for (part, values) in &parts {
        for &unit in &order {
            let weights: Vec<f64> = (0..n).map(|site| values[at(unit, site)]).collect();
            maps.push(Map {
                title: format!("{part}{what} {}", unit + 1),
                ..cells(lattice, &weights)
            });
        }
    }
    Ok((maps, parts.len()))
}

/// Weights of a chain: a row for every unit of `order`, from above, and a column for every site.
fn rows_of_units(
    part: &str,
    order: &[usize],
    sites: usize,
    tied: bool,
    value: impl Fn(usize, usize) -> f64,
) -> Map {
    let what = if tied { "filters" } else { "units" };
    let plane = Plane {
        x: [-0.5, sites as f64 - 0.5],
        y: [-0.5, order.len() as f64 - 0.5],
        size: [
            3.0,
            (3.0 * order.len() as f64 / sites as f64).clamp(1.0, 2.0),
        ],
    };
    let shown = match order.len() {
        1 => what.trim_end_matches('s').to_string(),
        n => format!("{n} largest {what}, the largest on top"),
    };
    let mut map = Map {
        title: format!("{part}W of the {shown}"),
        ..Map::default()
    };
    for (row, &unit) in order.iter().rev().enumerate() {
        let (low, high) = (row as f64 - 0.5, row as f64 + 0.5);
        for site in 0..sites {
            let (left, right) = (site as f64 - 0.5, site as f64 + 0.5);
            let corners = [(left, low), (right, low), (right, high), (left, high)];
            map.patches.push(Patch {
                corners: corners.map(|(x, y)| plane.place(x, y)).to_vec(),
                value: value(unit, site),
                width: 0.0,
            });
        }
    }
    let columns: Vec<f64> = (0..sites).map(|k| k as f64).collect();
    plane.add_ticks(&mut map, &columns, &[]);
    plane.add_frame(&mut map, "site", "");
    map
}

/// A cell of the lattice around each site.
fn cells(lattice: &Lattice, values: &[f64]) -> Map {
    let places = plane(lattice);
    let flat = lattice.dimensions() <= 2 && !lattice.is_graph();
    let single = flat && lattice.sublattice.iter().all(|&s| s == 0);
    let tile: Vec<[f64; 2]> = if single && lattice.dimensions() == 2 {
        let [a, b, _] = lattice.vectors();
        wigner_seitz(&[[a[0], a[1]], [b[0], b[1]]])
    } else if single {
        vec![[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    } else {
        // Layers of three dimensions are drawn closer than neighbours within one.
        let radius = if lattice.dimensions() > 2 { 0.22 } else { 0.44 };
        (0..24)
            .map(|k| TAU * f64::from(k) / 24.0)
            .map(|t| [radius * t.cos(), radius * t.sin()])
            .collect()
    };
    let cell = |(p, &value): (&[f64; 2], &f64)| Patch {
        corners: tile.iter().map(|c| [c[0] + p[0], c[1] + p[1]]).collect(),
        value,
        width: 0.0,
    };
    Map {
        patches: places.iter().zip(values).map(cell).collect(),
        ..Map::default()
    }
}
