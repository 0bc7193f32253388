//! Decides which keys `[construct]` has, and which values are refused before any physics is built.

use crate::ansatz::dbm::{self, BondUnits};
use crate::error::{Error, Result};
use crate::input::{Source, missing_section, positive};
use schemars::JsonSchema;
use serde::Deserialize;

/// The name of the section.
pub(super) const NAME: &str = "construct";

/// Most Trotter steps.
const MOST: f64 = 1e6;

/// `[construct]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstructInput {
    /// Imaginary time at the end in units of 1/energy of the input, a multiple of step
    pub time: f64,
    /// Length of a second-order Trotter step
    pub step: f64,
    /// Units of a bond of `xxz` and `heisenberg`: "1d-3h" (default), "2d-4h" or "2d-6h"
    #[serde(default)]
    pub gates: BondUnits,
}

impl ConstructInput {
    /// Trotter steps.
    pub fn steps(&self) -> usize {
        (self.time / self.step).round() as usize
    }
}

/// The keys of an input that has the section.
pub fn keys(source: &Source) -> Result<ConstructInput> {
    source.section(NAME)?.ok_or_else(|| missing_section(NAME))
}

/// Trotter steps of an input that has the section, and the length of one.
pub fn steps(source: &Source) -> Result<Option<(usize, f64)>> {
    let keys: Option<ConstructInput> = source.section(NAME)?;
    Ok(keys.map(|keys| (keys.steps(), keys.step)))
}

/// An error for the first key whose value cannot work, or for a section that cannot stand beside.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    positive("construct.time", Some(keys.time))?;
    positive("construct.step", Some(keys.step))?;
    let steps = keys.time / keys.step;
    if steps > MOST {
        return Err(Error::input(
            "construct.step",
            format!("{steps:.3e} steps"),
            "use at most 10^6, with a longer step or a shorter time",
        ));
    }
    if keys.steps() == 0 || (steps - steps.round()).abs() > 1e-9 * steps {
        let near = steps.round().max(1.0) * keys.step;
        return Err(Error::input(
            "construct.time",
            format!("{} is not a multiple of the step {}", keys.time, keys.step),
            format!("use for example {near}"),
        ));
    }
    if !source.input.ansatz.as_ref().is_some_and(dbm::is_meant) {
        return Err(Error::input(
            "ansatz.kind",
            "[construct] builds a deep Boltzmann machine",
            "use kind = \"dbm\", or remove [construct]",
        ));
    }
    let beside = ["learn", "evolve"]
        .iter()
        .find(|s| source.table.contains_key(**s));
    if let Some(name) = beside {
        return Err(Error::input(
            *name,
            "a constructed machine has no parameters that move",
            "remove this section; only [optimize] may stand before [construct]",
        ));
    }
    Ok(())
}
