//! Decides what `info` says of the amplitudes of listed configurations.

use crate::io::tree::{Tree, Value as Dataset};
use serde_json::{Value, json};

/// Configurations and ln ψ as pairs (re, im); null without them.
pub(super) fn amplitudes(tree: &Tree) -> Value {
    let logs = tree.complexes("measure/amplitudes/log_psi");
    let xs = tree.datasets.get("measure/amplitudes/configurations");
    let (Ok(logs), Some(Dataset::Spin(xs))) = (logs, xs) else {
        return Value::Null;
    };
    let rows: Vec<Vec<i8>> = xs
        .outer_iter()
        .map(|x| x.iter().copied().collect())
        .collect();
    let logs: Vec<[f64; 2]> = logs.iter().map(|z| [z.re, z.im]).collect();
    json!({ "configurations": rows, "log_psi": logs })
}

/// A line about each, for people.
pub(super) fn amplitude_texts(about: &Value) -> Vec<String> {
    let list = |name: &str| about[name].as_array().cloned().unwrap_or_default();
    let line = |(x, log): (&Value, &Value)| {
        let part = |k: usize| log[k].as_f64().unwrap_or(f64::NAN);
        let number = match part(0) > -f64::MAX {
            true => format!("{:.12} {:+.12}i", part(0), part(1)),
            false => "-inf".into(),
        };
        format!("ln psi {x} = {number}")
    };
    let (xs, logs) = (list("configurations"), list("log_psi"));
    xs.iter().zip(&logs).map(line).collect()
}
