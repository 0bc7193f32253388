//! Decides what `info` says about a file that a run wrote.

use super::amplitudes::amplitudes;
use super::learned::{construct, convert, holography, learn, phases, regression};
use super::problem::problem;
use super::spins::classical;
use crate::calculation::Registry;
use crate::calculation::sectors::{SectorRow, Tried};
use crate::error::{Error, Result};
use crate::io::roles::Role;
use crate::io::tree::Tree;
use crate::io::{hdf5, seal};
use crate::run::{Curves, Declaration, Record};
use serde_json::{Value, json};
use std::path::Path;

/// Reads a result or checkpoint file and returns what it holds as one JSON object.
pub fn info(path: &Path, registry: &Registry) -> Result<Value> {
    // Samples are too many to be read.
    if Role::of_file(path)? == Some(Role::Samples) {
        return of_samples(path);
    }
    let tree = hdf5::read(path)?;
    match Role::of(&tree) {
        Some(Role::Checkpoint) => of_checkpoint(&tree),
        Some(Role::Results) => of_results(&tree, registry),
        Some(Role::Exact) => of_exact(&tree),
        _ => Err(Error::input(
            path.display().to_string(),
            "this file holds nothing that this program knows",
            "give a file that this program has written",
        )),
    }
}

fn of_samples(path: &Path) -> Result<Value> {
    seal::verify(path, true)?;
    let sources = hdf5::sources(path, "configurations")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for source in sources.iter().flatten() {
        hdf5::check_source(folder, source)?;
    }
    let names = ["configurations", "energies", "log_weights"];
    let shapes = hdf5::shapes(path, &names)?;
    let has = |k: usize| shapes.get(k).is_some_and(Option::is_some);
    let shape = shapes.first().cloned().flatten().unwrap_or_default();
    let datasets = match (has(1), has(2)) {
        (true, _) => "configurations, energies, temperature, chain",
        (_, true) => "configurations, log_psi, local_energies, log_weights, chain, step",
        _ => "configurations, log_psi, local_energies, chain, step",
    };
    let origin = hdf5::read_groups(path, &["input", "provenance"])?;
    Ok(json!({
        "title": origin.text("input/title").ok(), "provenance": provenance(&origin),
        "file": "samples", "samples": shape.first(), "sites": shape.get(1),
        "datasets": datasets,
        "files": sources.map(|sources| sources.len()),
    }))
}

fn of_exact(tree: &Tree) -> Result<Value> {
    Ok(json!({
        "file": "exact energies", "states": tree.integer("dimension").ok(),
        "energies": tree.reals("energies")?, "residuals": tree.reals("residuals").ok(),
    }))
}

fn of_checkpoint(tree: &Tree) -> Result<Value> {
    let stage = tree.text("run/stage")?;
    let state = if stage == "finished" {
        "finished"
    } else {
        "stopped"
    };
    let present = tree.texts("run/sections")?.iter().rev();
    let part = |name: &'static str| {
        present
            .clone()
            .map(move |section| format!("{section}/{name}"))
    };
    let proposals = part("proposals").find_map(|path| tree.real(&path).ok());
    let parameters = part("parameters").find_map(|path| tree.reals(&path).ok());
    Ok(json!({
        "file": "checkpoint", "state": state, "stage": stage, "proposals": proposals,
        "steps": tree.integer("optimize/step").unwrap_or(0),
        "parameters": parameters.map(|p| p.len()),
    }))
}

fn of_results(tree: &Tree, registry: &Registry) -> Result<Value> {
    let energy = energy(tree)?;
    let sampled = !is_full_sum(tree);
    let convergence = |name: &str| {
        let path = format!("measure/convergence/{name}");
        tree.real(&path).ok().filter(|_| sampled)
    };
    let of_energy = |name: &str| energy.get(name).cloned().unwrap_or(Value::Null);
    let count = |path: &str| tree.integer(path).unwrap_or(0);
    let [lattice, hamiltonian, seed, files] = problem(tree);
    Ok(json!({
        "lattice": lattice, "hamiltonian": hamiltonian, "seed": seed, "files": files,
        "file": "results", "title": tree.text("input/title")?,
        "state": tree.text("status/state")?, "steps": count("status/steps"),
        "started_at_step": count("status/started_at_step"),
        "proposals": count("status/proposals"), "samples": count("measure/samples"),
        "ranks": tree.integer("timing/ranks")?, "sites": tree.integer("status/sites").ok(),
        "evolution": evolution(tree), "classical": classical(tree),
        "holography": holography(tree), "phases": phases(tree),
        "regression": regression(tree), "learn": learn(tree),
        "construct": construct(tree), "convert": convert(tree), "amplitudes": amplitudes(tree),
        "observables": observables(tree), "arrays": arrays(tree),
        "v_score": of_energy("v_score"), "r_hat": of_energy("r_hat"),
        "cut": convergence("cut"), "drift": convergence("drift"),
        "spin_r_hat": convergence("spin_r_hat"), "warnings": warnings(tree),
        "sections": sections(tree, registry), "provenance": provenance(tree),
        "ending": tree.text("optimize/ending").ok(), "pilots": pilots(tree),
        "sectors": sectors(tree)?,
        "verdict": tree.text("measure/verdict").ok(), "energy": energy,
    }))
}

/// How many pilots there were, and which one went on, from 1; null without any.
fn pilots(tree: &Tree) -> Value {
    let Ok(chosen) = tree.reals("optimize/pilots/chosen") else {
        return Value::Null;
    };
    let number = chosen.iter().position(|c| *c == 1.0).map(|k| k + 1);
    json!({ "tried": chosen.len(), "chosen": number })
}

/// The sectors that were tried, with their energies; null without any.
fn sectors(tree: &Tree) -> Result<Value> {
    let tried = Tried::load(tree)?;
    if tried.rows.is_empty() {
        return Ok(Value::Null);
    }
    let one = |row: &SectorRow| {
        let mut about: serde_json::Map<String, Value> = row
            .numbers()
            .into_iter()
            .zip(SectorRow::COLUMNS)
            .map(|(number, column)| (column.name.to_string(), json!(number)))
            .collect();
        about.insert("sector".into(), json!(row.name()));
        Value::Object(about)
    };
    Ok(tried.rows.iter().map(one).collect())
}

/// Whether the averages of results are sums over all configurations: there are no chains.
fn is_full_sum(tree: &Tree) -> bool {
    let resolved = tree.text("input/resolved").unwrap_or_default();
    let table: toml::Table = resolved.parse().unwrap_or_default();
    let method = table.get("sampler").and_then(|s| s.get("method"));
    method.and_then(toml::Value::as_str) == Some("full-sum")
}

/// The measured energy; null without one.
fn energy(tree: &Tree) -> Result<Value> {
    let part = |name: &str| tree.real(&format!("measure/energy/{name}"));
    let Ok(mean) = part("mean") else {
        return Ok(Value::Null);
    };
    let of_chains = |name: &str| match is_full_sum(tree) {
        true => Ok(None),
        false => part(name).map(Some),
    };
    Ok(json!({
        "mean": mean, "error": part("error")?, "variance": part("variance").ok(),
        "v_score": part("v_score").ok(),
        "r_hat": of_chains("r_hat")?, "tau": of_chains("tau")?,
        "variance_error": part("variance_error").ok(),
        "v_score_error": part("v_score_error").ok(),
        "effective_samples": part("effective_samples").ok(),
        "effective_fraction": part("effective_fraction").ok(),
    }))
}

/// How far each section is, and the last numbers of its shown columns.
fn sections(tree: &Tree, registry: &Registry) -> Value {
    let mut found = serde_json::Map::new();
    for Declaration { name, curves, .. } in registry.sections.iter().map(|s| &s.declaration) {
        let Ok(blocks) = tree.integer(&format!("progress/{name}/blocks")) else {
            continue;
        };
        let mut about = json!({
            "blocks": blocks, "expected": tree.real(&format!("progress/{name}/expected")).ok(),
            "seconds": tree.real(&format!("progress/{name}/seconds")).ok(),
        });
        for (of, column) in shown(curves) {
            let values = tree.reals(&format!("{}/{column}", of.group));
            let values = values.unwrap_or_default();
            about[column] = json!(values.last().filter(|last| of.knows(**last)));
        }
        found.insert(name.to_string(), about);
    }
    found.into()
}

fn shown(curves: &'static [Curves]) -> impl Iterator<Item = (&'static Curves, &'static str)> {
    let columns = |c: &'static Curves| c.shown.iter().map(move |column| (c, *column));
    curves.iter().flat_map(columns)
}

/// How far an evolution came and how well it followed the motion; null without one.
fn evolution(tree: &Tree) -> Value {
    let column = |name: &str| {
        tree.reals(&format!("evolve/history/{name}"))
            .unwrap_or_default()
    };
    let largest = |name: &str| column(name).iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let Some(&time) = column("time").last() else {
        return Value::Null;
    };
    json!({
        "time": time,
        "points": column("time").len(),
        "largest_drift": largest("drift"),
        "largest_r2": largest("r2"),
        "r2_integral": column("r2_integral").last(),
    })
}

/// Mean and error of every measured quantity that is one number, by names such as
/// `magnetisation.squared`.
fn observables(tree: &Tree) -> Value {
    let mut found = serde_json::Map::new();
    for (path, value) in &tree.datasets {
        let inner = path
            .strip_prefix("measure/observables/")
            .and_then(|p| p.strip_suffix("/mean"));
        if let (Some(name), crate::io::tree::Value::Real(mean)) = (inner, value)
            && mean.len() == 1
        {
            let error = tree
                .reals(&format!("measure/observables/{name}/error"))
                .ok();
            let error = error.and_then(|e| e.first().copied());
            found.insert(
                name.replace('/', "."),
                json!({ "mean": mean.first(), "error": error }),
            );
        }
    }
    found.into()
}

/// Shapes of the measured quantities that are more than one number.
fn arrays(tree: &Tree) -> Value {
    let means = tree.datasets.iter().filter_map(|(path, value)| {
        let inner = path.strip_prefix("measure/observables/")?;
        let name = inner.strip_suffix("/mean")?.replace('/', ".");
        match value {
            crate::io::tree::Value::Real(mean) if mean.len() > 1 => {
                Some((name, json!(mean.shape())))
            }
            _ => None,
        }
    });
    means.collect::<serde_json::Map<_, _>>().into()
}

fn warnings(tree: &Tree) -> Vec<String> {
    match tree.datasets.get("status/warnings") {
        Some(crate::io::tree::Value::Texts(list)) => list.clone(),
        _ => Vec::new(),
    }
}

fn provenance(tree: &Tree) -> Value {
    let under = tree
        .datasets
        .keys()
        .filter_map(|k| k.strip_prefix("provenance/"));
    under
        .filter_map(|k| {
            Some((
                k.to_string(),
                json!(tree.text(&format!("provenance/{k}")).ok()?),
            ))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
