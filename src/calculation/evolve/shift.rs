//! Decides what `evolve.shift` can be: a number, or what the samples of each slope ask for.

use crate::optimizer::AutomaticWord;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `evolve.shift`
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum MotionShift {
    /// This much is added to the diagonal of S.
    Number(f64),
    /// What predicts samples best that it was not fitted to.
    Automatic(AutomaticWord),
}

impl MotionShift {
    /// The number, where it is one.
    pub fn number(self) -> Option<f64> {
        match self {
            MotionShift::Number(number) => Some(number),
            MotionShift::Automatic(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for MotionShift {
    /// Read by what stands there, so that an error says what can.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Float(number) => Ok(MotionShift::Number(number)),
            toml::Value::Integer(number) => Ok(MotionShift::Number(number as f64)),
            toml::Value::String(word) if word == "auto" => {
                Ok(MotionShift::Automatic(AutomaticWord::Auto))
            }
            _ => Err(D::Error::custom("\"auto\", or a number of at least 0")),
        }
    }
}
