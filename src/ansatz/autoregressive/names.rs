//! Decides the words of the input for networks, for the order of the sites and for windows.

use serde::Deserialize;

/// The network that gives the conditional probabilities.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum NetworkName {
    /// Masked dense layers.
    #[default]
    Made,
    /// Convolutions along the path.
    Conv1d,
    /// Convolutions on a square lattice.
    Conv2d,
    /// A gated recurrent network along the path.
    Gru,
    /// A recurrent network on a square lattice or a chain.
    Rnn2d,
    /// Attention to all positions before.
    Transformer,
}

impl NetworkName {
    /// Its word in the input.
    pub(super) fn name(self) -> &'static str {
        match self {
            NetworkName::Made => "made",
            NetworkName::Conv1d => "conv1d",
            NetworkName::Conv2d => "conv2d",
            NetworkName::Gru => "gru",
            NetworkName::Rnn2d => "rnn2d",
            NetworkName::Transformer => "transformer",
        }
    }
    /// Its own keys.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            NetworkName::Made => &["features"],
            NetworkName::Conv1d | NetworkName::Conv2d => &["features", "kernel"],
            NetworkName::Gru | NetworkName::Rnn2d => &["hidden"],
            NetworkName::Transformer => &["width", "heads", "layers", "ratio"],
        }
    }
}

/// The order in which sites are drawn.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum PathName {
    /// By site number.
    #[default]
    Rows,
    /// Rows of a square lattice in alternating direction.
    Snake,
}

/// Sites of a window.
#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "a number of sites along the path, or [rows, columns] of a window"
)]
pub(super) enum KernelInput {
    /// Along the path.
    Length(usize),
    /// Rows and columns.
    Area([usize; 2]),
}
