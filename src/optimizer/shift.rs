//! Decides what is added to the diagonal of S: a number, a multiple of the mean of the diagonal, or
//! what the samples themselves ask for.
//!
//! ```text
//! number      λ
//! relative    λ = c tr S/P
//! "auto"      λ by cross-validation (cross_validation.rs)
//! ```

use super::Schedule;
use crate::error::Result;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What is added to the diagonal of S.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum Shift {
    /// This much.
    Absolute(Schedule),
    /// This multiple of the mean of the diagonal.
    Relative(RelativeShift),
    /// What predicts samples best that it was not fitted to.
    Automatic(AutomaticWord),
}

/// A shift in units of tr S/P.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelativeShift {
    /// The multiple of tr S/P, a number or a schedule
    pub relative: Schedule,
}

/// The word for a shift that follows from the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AutomaticWord {
    /// By cross-validation over halves of the samples
    Auto,
}

impl Shift {
    /// By cross-validation.
    pub const AUTOMATIC: Shift = Shift::Automatic(AutomaticWord::Auto);

    /// Checks that every value is finite and not negative.
    pub fn validate(&self, key: &str) -> Result<()> {
        match self {
            Shift::Absolute(schedule) => schedule.validate(key, true),
            Shift::Relative(RelativeShift { relative }) => {
                relative.validate(&format!("{key}.relative"), true)
            }
            Shift::Automatic(_) => Ok(()),
        }
    }
}

impl From<Schedule> for Shift {
    fn from(schedule: Schedule) -> Self {
        Shift::Absolute(schedule)
    }
}

impl<'de> Deserialize<'de> for Shift {
    /// Read by what stands there, so that an error names what is wrong in it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        let relative = |t: &toml::Table| t.contains_key("relative");
        match &value {
            toml::Value::String(word) if word == "auto" => Ok(Shift::AUTOMATIC),
            toml::Value::String(_) => Err(D::Error::custom(
                "\"auto\", a number, a schedule, or { relative = 0.01 }",
            )),
            toml::Value::Table(table) if table.get("relative").is_some_and(toml::Value::is_str) => {
                Err(D::Error::custom(
                    "{ relative = … } with a number or a schedule, or \"auto\" without a table",
                ))
            }
            toml::Value::Table(table) if relative(table) => RelativeShift::deserialize(value)
                .map(Shift::Relative)
                .map_err(|e| D::Error::custom(e.message())),
            _ => Schedule::deserialize(value)
                .map(Shift::Absolute)
                .map_err(|e| D::Error::custom(e.message())),
        }
    }
}
