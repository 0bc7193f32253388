//! Decides what `info` says of classical spins: one object for each temperature.

use crate::classical::averages::QUANTITIES;
use crate::io::tree::Tree;
use serde_json::{Map, Value, json};

/// The temperatures of `[classical]` with their averages; null without one. What a run has not, or
/// not yet, is null.
pub(super) fn classical(tree: &Tree) -> Value {
    let list = |name: &str| {
        let found = tree.reals(&format!("classical/{name}"));
        found.unwrap_or_default()
    };
    let temperatures = list("temperature");
    if temperatures.is_empty() {
        return Value::Null;
    }
    let at = |t: usize| {
        let one = |name: &str| list(name).get(t).copied();
        let mut about = Map::new();
        about.insert("temperature".into(), json!(temperatures[t]));
        for (name, ..) in QUANTITIES {
            let mean = one(&format!("{name}/mean"));
            let error = one(&format!("{name}/error"));
            let both = mean.map(|mean| json!({ "mean": mean, "error": error }));
            about.insert(name.into(), both.unwrap_or_default());
        }
        for name in [
            "tau",
            "r_hat",
            "effective_samples",
            "acceptance",
            "cluster_size",
            "log_z",
            "local_tau",
            "gain",
        ] {
            about.insert(name.into(), json!(one(name)));
        }
        about.insert("effective".into(), effective(tree, t, temperatures.len()));
        Value::Object(about)
    };
    (0..temperatures.len()).map(at).collect()
}

/// The effective model of a temperature.
fn effective(tree: &Tree, t: usize, temperatures: usize) -> Value {
    let list = |name: &str| {
        let found = tree.reals(&format!("classical/effective/{name}"));
        found.unwrap_or_default()
    };
    let couplings = list("couplings");
    if couplings.is_empty() {
        return Value::Null;
    }
    let classes = couplings.len() / temperatures;
    let one = |name: &str| list(name).get(t).copied();
    json!({
        "constant": one("constant"), "couplings": couplings[t * classes..(t + 1) * classes],
        "kl": one("kl"), "residual": one("residual"),
        "expected_acceptance": one("expected_acceptance"),
    })
}
