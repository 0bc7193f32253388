//! Decides the picture of the lattice: sites at their places, nearest-neighbour bonds by their spin
//! correlation.

use super::correlations::symbol;
use super::data::ResultsFile;
use super::map::{Map, Patch, plain, sheet};
use super::{Drawn, reasons};
use crate::error::Result;
use crate::lattice::Lattice;
use std::f64::consts::TAU;

const OBSERVABLES: [&str; 2] = ["spin-correlations", "spin-correlations-zz"];
/// Most sites of a graph that are numbered.
const NUMBERED: usize = 40;
/// Most sites whose numbers a drawing of the lattice has room for.
const LARGEST_DRAWN: usize = 400;

/// Positions in a plane; a graph is drawn as a circle, three dimensions from a corner.
pub fn plane(lattice: &Lattice) -> Vec<[f64; 2]> {
    let n = lattice.sites as f64;
    if lattice.is_graph() {
        return (0..lattice.sites).map(|i| round(i, n, 0.16 * n)).collect();
    }
    lattice.positions.iter().map(|p| flatten(*p)).collect()
}

/// Place of site `i` of `n` on a circle, from the top on clockwise.
fn round(i: usize, n: f64, radius: f64) -> [f64; 2] {
    let angle = TAU * i as f64 / n;
    [radius * angle.sin(), radius * angle.cos()]
}

/// A position in space as it is drawn.
fn flatten(p: [f64; 3]) -> [f64; 2] {
    [p[0] + 0.38 * p[2], p[1] + 0.27 * p[2]]
}

/// The way from site `i` to the nearest image of site `j`.
fn nearest_image(lattice: &Lattice, i: usize, j: usize) -> [f64; 3] {
    let (vectors, extent, periodic) = (lattice.vectors(), lattice.extent(), lattice.periodic());
    let shift = |a: usize, m: i32| {
        if periodic[a] {
            f64::from(m) * extent[a] as f64
        } else {
            0.0
        }
    };
    let mut best = ([0.0; 3], f64::INFINITY);
    for m in (0..27).map(|k| [k % 3 - 1, k / 3 % 3 - 1, k / 9 - 1]) {
        let d: [f64; 3] = std::array::from_fn(|c| {
            let wrap: f64 = (0..3).map(|a| shift(a, m[a]) * vectors[a][c]).sum();
            lattice.positions[j][c] - lattice.positions[i][c] + wrap
        });
        let length = d.iter().map(|x| x * x).sum::<f64>();
        if length < best.1 - 1e-9 {
            best = (d, length);
        }
    }
    best.0
}

/// The lines of a bond between sites at `places`: one through the boundary leaves at one end and
/// comes back at the other.
pub(super) fn links(
    lattice: &Lattice,
    places: &[[f64; 2]],
    i: usize,
    j: usize,
) -> Vec<[[f64; 2]; 2]> {
    let (a, b) = (places[i], places[j]);
    let d = flatten(nearest_image(lattice, i, j));
    let wraps = (a[0] + d[0] - b[0]).hypot(a[1] + d[1] - b[1]) > 1e-6;
    if lattice.is_graph() || !wraps {
        return vec![[a, b]];
    }
    let stub = |from: [f64; 2], way: f64| [from, [from[0] + way * d[0], from[1] + way * d[1]]];
    vec![stub(a, 0.45), stub(b, -0.45)]
}

/// The SVG of a lattice: sites with their numbers, and lines between the pairs of `bonds`.
pub fn drawing(lattice: &Lattice, bonds: &[(usize, usize)]) -> Result<Option<String>> {
    let places = plane(lattice);
    let mut map = Map::default();
    for &(i, j) in bonds {
        let lines = links(lattice, &places, i, j);
        map.lines.extend(lines.into_iter().map(Vec::from));
    }
    map.dots = places.iter().map(|p| (*p, 0.05)).collect();
    if places.len() <= LARGEST_DRAWN {
        let named = places.into_iter().enumerate();
        map.marks = named.map(|(i, p)| (p, i.to_string())).collect();
    }
    plain(&map)
}

/// One map per file with spin correlations.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let (mut maps, mut missing, mut label) = (Vec::new(), Vec::new(), None);
    for run in runs {
        let has = |n: &&str| {
            run.tree
                .datasets
                .contains_key(&format!("measure/observables/{n}/mean"))
        };
        let Some(name) = OBSERVABLES.into_iter().find(|n| has(n)) else {
            let reason = match run.observables("/pairs_left_out").is_empty() {
                true => {
                    "the correlations were not measured; add \"spin-correlations\" to \
                     measure.observables"
                }
                false => "the matrix of all pairs is left out above 65536 pairs",
            };
            missing.push((run.name.clone(), reason.to_string()));
            continue;
        };
        let path = format!("measure/observables/{name}/mean");
        let drawn = run
            .lattice
            .clone()
            .and_then(|lattice| bonds(run, &lattice, &path));
        match drawn {
            Err(reason) => missing.push((run.name.clone(), reason)),
            Ok(map) => {
                label.get_or_insert_with(|| symbol(run, name, &path));
                maps.push(Map {
                    title: run.name.clone(),
                    ..map
                });
            }
        }
    }
    if maps.len() == 1 {
        maps[0].title.clear();
    }
    let mut drawn = Vec::new();
    if let Some(label) = label {
        drawn.push(Drawn::new(
            "bonds",
            sheet(&maps, &label, false, 1)?,
            "none of the correlations is a number",
        ));
    }
    if !missing.is_empty() {
        drawn.push(Drawn::left_out("bonds", reasons(missing)));
    }
    Ok(drawn)
}

fn bonds(run: &ResultsFile, lattice: &Lattice, path: &str) -> std::result::Result<Map, String> {
    let n = lattice.sites;
    let values = run.reals(path);
    if values.len() != n * n {
        return Err(format!("{path} has {} entries for {n} sites", values.len()));
    }
    let places = plane(lattice);
    let bonds = lattice.bonds(1).map_err(|e| e.to_string())?;
    if bonds.is_empty() {
        return Err("the lattice has no bonds of its own; the model brings them".into());
    }
    let error = path.strip_suffix("/mean").unwrap_or(path);
    let errors = run.reals(&format!("{error}/error"));
    let error = |i: usize, j: usize| errors.get(i * n + j).copied().filter(|e| e.is_finite());
    let of_bonds = bonds.iter().filter_map(|b| error(b.i, b.j));
    let mut map = Map {
        error: of_bonds.fold(0.0, f64::max),
        ..Map::default()
    };
    for bond in bonds {
        for link in links(lattice, &places, bond.i, bond.j) {
            map.patches.push(Patch {
                corners: link.to_vec(),
                value: values[bond.i * n + bond.j],
                width: 0.14,
            });
        }
    }
    map.dots = places.into_iter().map(|p| (p, 0.08)).collect();
    if lattice.is_graph() && n <= NUMBERED {
        // Sites of a graph have no places to know them by.
        let radius = 0.16 * n as f64 + 0.3;
        map.texts = (0..n)
            .map(|i| (round(i, n as f64, radius), i.to_string()))
            .collect();
        let far = radius + 0.1;
        map.lines
            .extend([[-far, -far], [far, far]].map(|corner| vec![corner; 2]));
    }
    Ok(map)
}
