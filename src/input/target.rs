//! Decides how an input says to which error bar a measurement goes on.
//!
//! `target_error = 1e-3` is the σ of the energy; a table names an observable and one of its
//! quantities.

use schemars::JsonSchema;
use serde::Deserialize;

/// `measure.target_error`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum TargetError {
    /// Of the energy.
    Energy(f64),
    /// Of an observable.
    Observable {
        /// Its name in the results
        observable: String,
        /// Its quantity, such as "squared" of "magnetisation"; the observable's own by default
        quantity: Option<String>,
        /// The largest error of an entry
        error: f64,
    },
}
