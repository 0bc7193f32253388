//! Decides how the parameters of an autoregressive wave function follow from those of a smaller
//! one, on fewer sites or without phases.

use super::factory::NetworkName;
use crate::ansatz::{ParameterGrowth, PhaseBlocks};

/// Of a network whose last layer has the number `last`, with ψ > 0 where `positive`.
pub(super) fn growth(network: NetworkName, last: usize, positive: bool) -> ParameterGrowth {
    let phases = match network {
        NetworkName::Made => {
            return ParameterGrowth::never("every position has weights of its own");
        }
        NetworkName::Transformer => {
            return ParameterGrowth::never("every position has a row P of its own");
        }
        NetworkName::Conv1d | NetworkName::Conv2d => [format!("{last}.W"), format!("{last}.b")],
        NetworkName::Gru | NetworkName::Rnn2d => ["phase.W".into(), "phase.b".into()],
    };
    ParameterGrowth::unchanged(match positive {
        true => PhaseBlocks::None,
        false => PhaseBlocks::Named(phases.into()),
    })
}
