//! Decides how the parameters of an autoregressive wave function follow from those of a smaller
//! one, on fewer sites or without phases.
//!
//! Where positions have weights of their own, phases alone can be added.

use super::factory::NetworkName;
use crate::ansatz::{Meaning, ParameterGrowth, PhaseBlocks};

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
