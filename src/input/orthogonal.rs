//! Decides how an input names a state that the optimisation stays orthogonal to.
//!
//! The penalty is `weight` × |⟨ψ|φ⟩|², with φ the state of `file`.

use schemars::JsonSchema;
use serde::Deserialize;

/// An entry of `optimize.orthogonal_to`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrthogonalInput {
    /// Results file of the state, relative to the input file
    pub file: std::path::PathBuf,
    /// Energy of the penalty, larger than the gap
    pub weight: f64,
}
