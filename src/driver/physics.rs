//! Decides when a checkpoint belongs to an input: the physics is the same, though steps, rates and samples may differ.

use crate::error::{Error, Result};
use crate::input::Source;
use crate::registry::Problem;

/// Canonical TOML text of everything that a checkpoint must agree with.
pub fn describe(source: &Source, problem: &Problem) -> String {
    let mut physics = toml::Table::new();
    for section in ["lattice", "hamiltonian", "ansatz"] {
        if let Some(value) = source.table.get(section) {
            physics.insert(section.into(), value.clone());
        }
    }
    if let Some(toml::Value::Table(sampler)) = source.table.get("sampler") {
        let mut kept = sampler.clone();
        kept.retain(|key, _| matches!(key, "method" | "moves" | "chains" | "sweeps"));
        physics.insert("sampler".into(), toml::Value::Table(kept));
    }
    physics.insert("seed".into(), toml::Value::Integer(source.input.seed as i64));
    // Input files count by what they say, not by their names.
    physics.insert("hamiltonian_digest".into(), toml::Value::String(digest(&format!("{:?}", problem.hamiltonian))));
    physics.to_string()
}

/// As [`describe`] for `[evolve]`, which may go on to later times and judge itself by other bounds.
pub fn describe_evolution(source: &Source) -> String {
    let mut physics = toml::Table::new();
    if let Some(toml::Value::Table(evolve)) = source.table.get("evolve") {
        let mut kept = evolve.clone();
        kept.retain(|key, _| !matches!(key, "time" | "max_drift" | "max_r2" | "min_step" | "max_step"));
        if let Some(input) = &source.input.evolve {
            kept.insert("output_every".into(), toml::Value::Float(input.every()));
        }
        physics.insert("evolve".into(), toml::Value::Table(kept));
    }
    physics.to_string()
}

/// Canonical text of what is measured besides the energy.
pub fn observables(source: &Source) -> String {
    let list = source.table.get("measure").and_then(|m| m.get("observables")).and_then(toml::Value::as_array);
    list.into_iter().flatten().map(|o| format!("{o}\n")).collect()
}

/// FNV-1a, 64 bits.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// An error that lists what differs, if anything does.
pub fn compare(of_checkpoint: &str, of_input: &str) -> Result<()> {
    let flat = |text: &str| {
        let mut pairs = Vec::new();
        flatten("", &toml::Value::Table(text.parse().unwrap_or_default()), &mut pairs);
        pairs
    };
    let (old, new) = (flat(of_checkpoint), flat(of_input));
    let value = |pairs: &[(String, String)], key: &str| {
        pairs.iter().find(|(k, _)| k == key).map_or("absent".to_string(), |(_, v)| v.clone())
    };
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(k, _)| k).collect();
    keys.sort();
    keys.dedup();
    let changed: Vec<_> = keys.into_iter().filter(|k| value(&old, k) != value(&new, k)).collect();
    let Some(first) = changed.first() else { return Ok(()) };
    let list: Vec<_> = changed.iter().map(|k| format!("{k} was {}, is {}", value(&old, k), value(&new, k))).collect();
    Err(Error::input(
        first.as_str(),
        format!("the checkpoint beside the output holds other physics: {}", list.join("; ")),
        "use --fresh to start over, or another output.name",
    ))
}

fn flatten(path: &str, value: &toml::Value, pairs: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, inner, pairs);
            }
        }
        // 1 and 1.0 are the same physics.
        toml::Value::Integer(i) => pairs.push((path.into(), (*i as f64).to_string())),
        toml::Value::Float(x) => pairs.push((path.into(), x.to_string())),
        other => pairs.push((path.into(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_listed_and_numbers_compare_by_value() {
        assert!(compare("a = 1\n[b]\nc = 'x'", "a = 1.0\n[b]\nc = 'x'").is_ok());
        let message = compare("a = 1\n[b]\nc = 'x'", "a = 2\n[b]\nc = 'y'").unwrap_err().to_string();
        assert!(message.contains("a was 1, is 2") && message.contains("b.c was"), "{message}");
        assert!(compare("a = 1", "").is_err());
    }
}
