//! Decides how the parameters of an autoregressive wave function follow from those of a smaller
//! one, on fewer sites or without phases.
//!
//! Where positions have weights of their own, phases alone can be added.

use super::names::NetworkName;
use crate::ansatz::{Meaning, ParameterGrowth, PhaseBlocks};
use serde::Serialize;
use toml::Value;

/// A key as input files hold it.
pub(super) fn value(key: &impl Serialize) -> Option<Value> {
    Value::try_from(key).ok()
}

/// What these keys say that shapes do not tell.
pub(super) fn meaning(keys: [(&'static str, Option<Value>); 4], complex: bool) -> Meaning {
    let given = |(key, value): (&'static str, Option<Value>)| Some((key, value?));
    Meaning {
        kind: "autoregressive",
        keys: keys.into_iter().filter_map(given).collect(),
        complex,
    }
}

/// Of a network on so many `sites` whose last layer has the number `last`.
pub(super) fn growth(
    network: NetworkName,
    last: usize,
    sites: usize,
    meaning: Meaning,
) -> ParameterGrowth {
    let of_positions = |i| format!("{last}.W_{i}");
    let phases: Vec<String> = match network {
        NetworkName::Made => (0..sites)
            .map(of_positions)
            .chain([format!("{last}.b")])
            .collect(),
        NetworkName::Transformer => vec!["out.W".into(), "out.b".into()],
        NetworkName::Conv1d | NetworkName::Conv2d => {
            vec![format!("{last}.W"), format!("{last}.b")]
        }
        NetworkName::Gru | NetworkName::Rnn2d => vec!["phase.W".into(), "phase.b".into()],
    };
    let fixed = match network {
        NetworkName::Made => Some("every position has weights of its own"),
        NetworkName::Transformer => Some("every position has a row P of its own"),
        _ => None,
    };
    ParameterGrowth {
        fixed,
        ..ParameterGrowth::unchanged(match meaning.complex {
            false => PhaseBlocks::None,
            true => PhaseBlocks::Named(phases),
        })
    }
    .meaning(meaning)
}
