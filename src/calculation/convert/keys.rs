//! Decides which keys `[convert]` has, and which values are refused before any physics is built.

use crate::error::{Error, Result};
use crate::input::{Source, missing_section};
use schemars::JsonSchema;
use serde::Deserialize;

/// Name of the section.
pub const NAME: &str = "convert";

/// `convert.to`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConvertedForm {
    /// An open matrix product state.
    Mps,
}

/// `[convert]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvertInput {
    /// The form that the wave function gets: "mps"
    pub to: ConvertedForm,
    /// Singular values below this fraction of the largest of their cut are left out; 0 keeps all
    /// (1e-12)
    #[serde(default = "tiny")]
    pub threshold: f64,
    /// Bond dimension before anything is left out, above which the run refuses (4096)
    #[serde(default = "large")]
    pub max_bond: usize,
}

fn tiny() -> f64 {
    1e-12
}
fn large() -> usize {
    4096
}

/// The keys of an input that has the section.
pub fn keys(source: &Source) -> Result<ConvertInput> {
    let keys: Option<ConvertInput> = source.section(NAME)?;
    let keys = keys.ok_or_else(|| missing_section(NAME))?;
    if !(0.0..1.0).contains(&keys.threshold) {
        return Err(Error::input(
            "convert.threshold",
            format!("{} is not a fraction", keys.threshold),
            "choose a number from 0 to below 1, such as 1e-12",
        ));
    }
    if keys.max_bond == 0 {
        return Err(Error::input(
            "convert.max_bond",
            "0 is not a bond dimension",
            "choose for example 4096",
        ));
    }
    Ok(keys)
}
