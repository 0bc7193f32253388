//! Decides the pictures of what is measured site by site, block by block and in pairs of bonds:
//! values of sites, entropies against the size of a block, dimer correlations with one bond.

use super::axis::Axis;
use super::bonds::{links, plane};
use super::correlations::names;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::map::{Map, Patch, sheet};
use super::panel::Panel;
use super::{Drawn, reasons};
use crate::error::Result;

const NOT_A_NUMBER: &str = "none of its values is a number";

fn prefix(name: &str) -> String {
    format!("measure/observables/{name}")
}

/// All pictures of them.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for name in names(runs, "/sites/mean") {
        drawn.push(sites(runs, &name)?);
    }
    for name in names(runs, "/blocks") {
        drawn.push(entropy(runs, &name)?);
    }
    for name in names(runs, "/connected/mean") {
        drawn.extend(dimers(runs, &name)?);
    }
    Ok(drawn)
}

/// The symbol of a mean of one site.
fn symbol(run: &ResultsFile, name: &str, path: &str) -> String {
    let unit = run.unit(path);
    let spin = if unit.is_empty() { "σ" } else { "S" };
    let text = match name {
        "magnetisation" => format!("⟨{spin}ᶻᵢ⟩"),
        "transverse-magnetisation" => format!("⟨{spin}ₓ⟩ of a site"),
        "density" => "⟨nᵢ⟩".into(),
        other => other.to_string(),
    };
    text + &unit
}

/// Means of sites against their numbers.
fn sites(runs: &[ResultsFile], name: &str) -> Result<Drawn> {
    let path = format!("{}/sites/mean", prefix(name));
    let curve = |run: &ResultsFile| {
        let values = run.reals(&path);
        let errors = run.reals(&format!("{}/sites/error", prefix(name)));
        let x: Vec<f64> = (0..values.len()).map(|i| i as f64).collect();
        Curve::new(
            &run.name,
            run.style,
            Look::Marks,
            &x,
            &values,
            Some(&errors),
        )
    };
    let first = first(runs, &path);
    let y = Axis::linear(symbol(first, name, &path));
    let panel = Panel::new(
        Axis::linear("site").with_ticks(8).counting(),
        y,
        runs.iter().map(curve).collect(),
    );
    Ok(Drawn::new(format!("{name}-sites"), panel, NOT_A_NUMBER))
}

fn first<'r>(runs: &'r [ResultsFile], path: &str) -> &'r ResultsFile {
    let has = |run: &&ResultsFile| run.tree.datasets.contains_key(path);
    runs.iter().find(has).unwrap_or(&runs[0])
}

/// Entropies of blocks against their numbers of sites.
fn entropy(runs: &[ResultsFile], name: &str) -> Result<Drawn> {
    let curve = |run: &ResultsFile| {
        let under = |part: &str| run.reals(&format!("{}/{part}", prefix(name)));
        let (blocks, values, errors) = (under("blocks"), under("mean"), under("error"));
        let length = blocks.len() / values.len().max(1);
        let sizes = blocks.chunks(length.max(1)).map(|b| b.iter().sum::<f64>());
        let mut rows: Vec<[f64; 3]> = sizes
            .zip(&values)
            .enumerate()
            .map(|(k, (size, value))| [size, *value, errors.get(k).copied().unwrap_or(0.0)])
            .collect();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        // Several blocks of one size are no curve.
        let single = rows.windows(2).all(|w| w[0][0] < w[1][0]);
        Curve {
            name: run.name.clone(),
            style: run.style,
            look: if single { Look::Points } else { Look::Marks },
            points: rows,
        }
    };
    let panel = Panel::new(
        Axis::linear("sites of the block").with_ticks(8).counting(),
        Axis::linear("Rényi entropy S₂ [nats]").with(0.0),
        runs.iter().map(curve).collect(),
    );
    Ok(Drawn::new(name, panel, NOT_A_NUMBER))
}

/// Connected correlations of every bond with the first one, on the lattice.
fn dimers(runs: &[ResultsFile], name: &str) -> Result<Vec<Drawn>> {
    let path = format!("{}/connected/mean", prefix(name));
    let (mut maps, mut missing, mut curves) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs {
        if run.lattice.as_ref().is_ok_and(|l| l.dimensions() == 1) {
            curves.push(dimer_curve(run, name));
            continue;
        }
        match dimer_map(run, name, &path) {
            Ok(map) => maps.push(map),
            Err(reason) => missing.push((run.name.clone(), reason)),
        }
    }
    if let [one] = &mut maps[..] {
        one.title.clear();
    }
    let unit = first(runs, &path).unit(&path);
    let label = format!("⟨D₀D⟩ − ⟨D₀⟩⟨D⟩{unit}");
    let mut drawn = Vec::new();
    if !curves.is_empty() {
        let x = Axis::linear("number of the bond D")
            .with_ticks(8)
            .counting();
        let panel = Panel::new(x, Axis::linear(label.clone()), curves);
        drawn.push(Drawn::new(name, panel, NOT_A_NUMBER));
    }
    if !maps.is_empty() {
        let both = if drawn.is_empty() { "" } else { "-map" };
        let name = format!("{name}{both}");
        drawn.push(Drawn::new(
            name,
            sheet(&maps, &label, true, 1)?,
            NOT_A_NUMBER,
        ));
    }
    if !missing.is_empty() {
        drawn.push(Drawn::left_out(name, reasons(missing)));
    }
    Ok(drawn)
}

/// The correlations of all bonds of a chain with the first one, without its own.
fn dimer_curve(run: &ResultsFile, name: &str) -> Curve {
    let under = |part: &str| run.reals(&format!("{}/connected/{part}", prefix(name)));
    let (values, errors) = (under("mean"), under("error"));
    let bonds = values.len().isqrt();
    let x: Vec<f64> = (0..bonds).map(|k| k as f64).collect();
    let row = |all: &[f64]| all.get(1..bonds).unwrap_or_default().to_vec();
    let x = row(&x);
    let (values, errors) = (row(&values), row(&errors));
    Curve::new(
        &run.name,
        run.style,
        Look::Points,
        &x,
        &values,
        Some(&errors),
    )
}

fn dimer_map(run: &ResultsFile, name: &str, path: &str) -> std::result::Result<Map, String> {
    let lattice = run.lattice.as_ref().map_err(Clone::clone)?;
    let bonds = run
        .tree
        .integers(&format!("{}/bonds", prefix(name)))
        .map_err(|_| "it has no pairs of bonds".to_string())?;
    let values = run.reals(path);
    let ends: Vec<[usize; 2]> = bonds
        .chunks_exact(2)
        .map(|b| [b[0] as usize, b[1] as usize])
        .collect();
    let inside = ends.iter().flatten().all(|i| *i < lattice.sites);
    if values.len() != ends.len() * ends.len() || !inside {
        return Err("its bonds are not those of the lattice".into());
    }
    let places = plane(lattice);
    let mut map = Map {
        title: run.name.clone(),
        ..Map::default()
    };
    for (k, [i, j]) in ends.iter().enumerate() {
        for link in links(lattice, &places, *i, *j) {
            match k {
                // The bond itself, in black.
                0 => map.lines.push(link.to_vec()),
                _ => map.patches.push(Patch {
                    corners: link.to_vec(),
                    value: values[k],
                    width: 0.14,
                }),
            }
        }
    }
    map.dots = places.into_iter().map(|p| (p, 0.08)).collect();
    Ok(map)
}
