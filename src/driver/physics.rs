//! Decides when a checkpoint belongs to an input: the physics is the same, though steps, rates,
//! samples, sweeps and the number of chains may differ.

use crate::error::{Error, Result};
use crate::input::{Source, flatten};
use crate::io::seal::fnv1a;
use crate::problem::Problem;

/// Canonical TOML text of everything that a checkpoint must agree with.
pub fn describe(source: &Source, problem: &Problem) -> String {
    let mut physics = toml::Table::new();
    for section in ["basis", "lattice", "hamiltonian", "ansatz"] {
        if let Some(value) = source.table.get(section) {
            physics.insert(section.into(), value.clone());
        }
    }
    if let Some(toml::Value::Table(sampler)) = source.table.get("sampler") {
        let mut kept = sampler.clone();
        kept.retain(|key, _| matches!(key, "method" | "moves"));
        physics.insert("sampler".into(), toml::Value::Table(kept));
    }
    if let Some(others) = source
        .table
        .get("optimize")
        .and_then(|o| o.get("orthogonal_to"))
    {
        physics.insert("orthogonal_to".into(), others.clone());
    }
    physics.insert(
        "seed".into(),
        toml::Value::Integer(source.input.seed as i64),
    );
    let digest = format!(
        "{:016x}",
        fnv1a(format!("{:?}", problem.hamiltonian).as_bytes())
    );
    // Input files count by what they say, not by their names.
    physics.insert("hamiltonian_digest".into(), toml::Value::String(digest));
    physics.to_string()
}

/// As [`describe`] for `[evolve]`, which may go on to later times and judge itself by other bounds.
pub fn describe_evolution(source: &Source) -> String {
    let mut physics = toml::Table::new();
    if let Some(toml::Value::Table(evolve)) = source.table.get("evolve") {
        let mut kept = evolve.clone();
        kept.retain(|key, _| {
            !matches!(
                key,
                "time" | "max_drift" | "max_r2" | "min_step" | "max_step"
            )
        });
        if let Some(input) = &source.input.evolve {
            kept.insert("output_every".into(), toml::Value::Float(input.every()));
        }
        physics.insert("evolve".into(), toml::Value::Table(kept));
    }
    physics.to_string()
}

/// Canonical text of how the optimisation steps, without when it ends.
pub fn schedule(source: &Source) -> String {
    let mut table = source
        .table
        .get("optimize")
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    table.retain(|key, _| !matches!(key, "steps" | "target_error" | "target_v_score"));
    table.to_string()
}

/// Canonical text of what is measured besides the energy.
pub fn observables(source: &Source) -> String {
    let list = source
        .table
        .get("measure")
        .and_then(|m| m.get("observables"))
        .and_then(toml::Value::as_array);
    list.into_iter()
        .flatten()
        .map(|o| format!("{o}\n"))
        .collect()
}

/// Canonical text of the error that the measurement goes on to.
pub fn target(source: &Source) -> String {
    let target = source
        .table
        .get("measure")
        .and_then(|m| m.get("target_error"));
    target.map(toml::Value::to_string).unwrap_or_default()
}

/// An error that lists what differs, if anything does.
pub fn compare(of_checkpoint: &str, of_input: &str) -> Result<()> {
    let flat = |text: &str| flatten(&text.parse().unwrap_or_default());
    let (old, new) = (flat(of_checkpoint), flat(of_input));
    let value = |pairs: &[(String, String)], key: &str| {
        pairs
            .iter()
            .find(|(k, _)| k == key)
            .map_or("absent".to_string(), |(_, v)| v.clone())
    };
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(k, _)| k).collect();
    keys.sort();
    keys.dedup();
    let changed: Vec<_> = keys
        .into_iter()
        .filter(|k| value(&old, k) != value(&new, k))
        .collect();
    let Some(first) = changed.first() else {
        return Ok(());
    };
    let list: Vec<_> = changed
        .iter()
        .map(|k| format!("{k} was {}, is {}", value(&old, k), value(&new, k)))
        .collect();
    Err(Error::input(
        first.as_str(),
        format!(
            "the checkpoint beside the output holds other physics: {}",
            list.join("; ")
        ),
        "use --fresh to start over, or another output.name",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_listed_and_numbers_compare_by_value() {
        assert!(compare("a = 1\n[b]\nc = 'x'", "a = 1.0\n[b]\nc = 'x'").is_ok());
        let message = compare("a = 1\n[b]\nc = 'x'", "a = 2\n[b]\nc = 'y'")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a was 1, is 2") && message.contains("b.c was"),
            "{message}"
        );
        assert!(compare("a = 1", "").is_err());
    }
}
