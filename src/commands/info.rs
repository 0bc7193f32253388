//! Decides what `info` says about a file that a run wrote.

use crate::error::Result;
use crate::io::hdf5;
use crate::io::tree::Tree;
use serde_json::{Value, json};
use std::path::Path;

/// Reads a result or checkpoint file and returns what it holds as one JSON object.
pub fn info(path: &Path) -> Result<Value> {
    let tree = hdf5::read(path)?;
    if tree.datasets.contains_key("run/stage") {
        return checkpoint(&tree);
    }
    let energy = energy(&tree)?;
    let convergence = |name: &str| tree.real(&format!("measure/convergence/{name}")).ok();
    let of_energy = |name: &str| energy.get(name).cloned().unwrap_or(Value::Null);
    Ok(json!({
        "file": "results",
        "title": tree.text("input/title")?,
        "state": tree.text("status/state")?,
        "steps": tree.integer("status/steps")?,
        "started_at_step": tree.integer("status/started_at_step")?,
        "proposals": tree.integer("status/proposals")?,
        "samples": tree.integer("measure/samples")?,
        "ranks": tree.integer("timing/ranks")?,
        "sites": tree.integer("status/sites")?,
        "energy": energy,
        "evolution": evolution(&tree),
        "observables": observables(&tree),
        "v_score": of_energy("v_score"),
        "r_hat": of_energy("r_hat"),
        "cut": convergence("cut"),
        "drift": convergence("drift"),
        "spin_r_hat": convergence("spin_r_hat"),
        "warnings": warnings(&tree),
        "provenance": provenance(&tree),
    }))
}

fn checkpoint(tree: &Tree) -> Result<Value> {
    let stage = tree.text("run/stage")?;
    let finished = stage == "finished";
    Ok(json!({
        "file": "checkpoint",
        "state": if finished { "finished" } else { "stopped" },
        "stage": stage,
        "steps": tree.integer("run/step")?,
        "proposals": tree.real("run/proposals")?,
        "parameters": tree.reals("parameters/flat")?.len(),
    }))
}

/// The measured energy and its diagnostics; null where nothing was measured.
fn energy(tree: &Tree) -> Result<Value> {
    let Ok(mean) = tree.real("measure/energy/mean") else {
        return Ok(Value::Null);
    };
    let part = |name: &str| tree.real(&format!("measure/energy/{name}"));
    Ok(json!({
        "mean": mean,
        "error": part("error")?,
        "variance": part("variance")?,
        "v_score": part("v_score").ok(),
        "r_hat": part("r_hat")?,
        "tau": part("tau")?,
        "variance_error": part("variance_error").ok(),
        "v_score_error": part("v_score_error").ok(),
        "effective_samples": part("effective_samples").ok(),
    }))
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

/// The same for people.
pub fn info_text(info: &Value) -> String {
    let mut lines = Vec::new();
    if let Some(map) = info.as_object() {
        for (key, value) in map.iter().filter(|(k, v)| {
            !["provenance", "energy", "observables"].contains(&k.as_str()) && !v.is_null()
        }) {
            lines.push(format!("{key:<16} {}", value.to_string().trim_matches('"')));
        }
    }
    if let Some(energy) = info.get("energy").filter(|e| !e.is_null()) {
        let part = |name: &str| energy.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
        lines.push(format!(
            "{:<16} {}  variance {}  tau {:.2}{}",
            "energy",
            crate::stats::with_error(part("mean"), part("error")),
            match part("variance_error") {
                error if error > 0.0 => crate::stats::with_error(part("variance"), error),
                _ => format!("{:.4e}", part("variance")),
            },
            part("tau"),
            match part("effective_samples") {
                samples if samples.is_finite() => format!("  effective samples {samples:.0}"),
                _ => String::new(),
            }
        ));
    }
    for (name, value) in info
        .get("observables")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let part = |key: &str| value[key].as_f64().unwrap_or(f64::NAN);
        lines.push(format!(
            "{name:<32} {}",
            crate::stats::with_error(part("mean"), part("error"))
        ));
    }
    if let Some(map) = info.get("provenance").and_then(Value::as_object) {
        lines.extend(
            map.iter()
                .map(|(k, v)| format!("  {k:<14} {}", v.as_str().unwrap_or_default())),
        );
    }
    lines.join("\n")
}
