//! Decides what `info` says of networks that have learned: outcomes or a state, a space, a
//! transition, a table.

use crate::io::tree::Tree;
use crate::stats::{mean_and_error, mean_and_scatter};
use serde_json::{Value, json};

/// What was learned of a space, the losses those of the best seed; null without one. Errors are
/// standard deviations over the successful seeds.
pub(super) fn holography(tree: &Tree) -> Value {
    let part = |name: &str| tree.real(&format!("holography/{name}")).ok();
    let list = |name: &str| {
        let found = tree.reals(&format!("holography/{name}"));
        found.unwrap_or_default()
    };
    let seeds = list("coupling").len();
    if seeds == 0 {
        return Value::Null;
    }
    let losses = list("loss");
    let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b]));
    let of_best = |values: Vec<f64>| best.and_then(|k| values.get(k).copied());
    let success = tree.integers("holography/success").unwrap_or_default();
    let with_error = |name: &str| match part(&format!("mean/{name}")) {
        None => Value::Null,
        Some(mean) => json!({ "mean": mean, "error": part(&format!("mean/{name}_spread")) }),
    };
    json!({
        "seeds": seeds, "successful": success.iter().sum::<i64>(),
        "loss": of_best(losses.clone()), "mean_error": of_best(list("mean_error")),
        "coupling": with_error("coupling"), "radius": with_error("radius"),
        "wall": list("potential/walls").last(), "tension": list("potential/tension").last(),
        "screening_separation": part("potential/screening_separation"),
    })
}

/// What networks have seen of a transition, accuracies as means over the seeds; null without them.
/// Errors come from the scatter of the seeds.
pub(super) fn phases(tree: &Tree) -> Value {
    let Ok(task) = tree.text("phases/task") else {
        return Value::Null;
    };
    let part = |name: &str| tree.real(&format!("phases/{name}")).ok();
    let list = |name: &str| {
        let found = tree.reals(&format!("phases/{name}"));
        found.unwrap_or_default()
    };
    let over_seeds = |values: Vec<f64>| match mean_and_scatter(&values) {
        None => Value::Null,
        Some((mean, error)) => json!({ "mean": mean, "error": error }),
    };
    let crosses = tree.integers("phases/crosses").unwrap_or_default();
    let crossings = list("crossing").into_iter().zip(&crosses);
    let crossings = crossings.filter(|(_, there)| **there == 1);
    json!({
        "task": task, "seeds": list("objective").len(),
        "crossing": over_seeds(crossings.map(|(c, _)| c).collect()),
        "accuracy": mean_and_error(&list("accuracy")).map(|a| a.0),
        "baseline_crossing": part("baseline_crossing"),
        "baseline_accuracy": part("baseline_accuracy"),
        "peak": part("peak"), "tanh_centre": over_seeds(list("tanh/centre")),
    })
}

/// What was learned of a table, the errors in transformed units; null without one. Slopes and
/// intercepts are those of a single layer, output by output.
pub(super) fn regression(tree: &Tree) -> Value {
    let part = |name: &str| tree.real(&format!("regression/{name}")).ok();
    let list = |name: &str| tree.reals(&format!("regression/{name}")).ok();
    let Some(train_error) = part("train_error") else {
        return Value::Null;
    };
    let alone = list("parameters/W_1").is_none();
    let single = |name: &str| list(name).filter(|_| alone);
    json!({
        "train_error": train_error, "test_error": part("test_error"),
        "slope": single("parameters/W_0"), "intercept": single("parameters/b_0"),
        "inverse": list("inverse"),
    })
}

/// What was constructed; null without it. What is not known is null.
pub(super) fn construct(tree: &Tree) -> Value {
    let column = |name: &str| tree.reals(&format!("construct/history/{name}"));
    let units = |name: &str| tree.integers(&format!("construct/history/{name}"));
    let times = column("time").unwrap_or_default();
    let Some(time) = times.last() else {
        return Value::Null;
    };
    let last = |values: Vec<i64>| values.last().copied();
    json!({
        "time": time, "steps": times.len() - 1,
        "hidden": units("hidden").ok().and_then(last), "deep": units("deep").ok().and_then(last),
        "gates": tree.integer("construct/gates").ok(),
        "deviation": tree.real("construct/deviation").ok(),
        "infidelity": column("infidelity").ok().and_then(|values| values.last().copied()),
    })
}

/// What a wave function has become in another form; null without it. What is not known is null.
pub(super) fn convert(tree: &Tree) -> Value {
    let Ok(compressed) = tree.integers("convert/compressed") else {
        return Value::Null;
    };
    json!({
        "bond_dimensions": tree.integers("convert/bond_dimensions").ok(),
        "compressed": compressed, "lost_weight": tree.real("convert/lost_weight").ok(),
        "deviation": tree.real("convert/deviation").ok(),
        "entropies": tree.reals("convert/entropies").ok(),
    })
}

/// What a wave function has learned; null without it. What is not known is null.
pub(super) fn learn(tree: &Tree) -> Value {
    let part = |name: &str| tree.real(&format!("learn/{name}")).ok();
    let rows = tree
        .reals("learn/history/gradient_norm")
        .unwrap_or_default();
    if rows.is_empty() {
        return Value::Null;
    }
    json!({
        "objective": part("objective"), "kl": part("kl"), "nll": part("nll"),
        "entropy": part("entropy"), "held_out": part("held_out"),
        "fidelity": part("fidelity"), "fidelity_error": part("fidelity_error"),
        "log_z": part("log_z"), "log_z_error": part("log_z_error"),
        "steps": rows.len() - 1, "clipped": part("clipped"),
    })
}
