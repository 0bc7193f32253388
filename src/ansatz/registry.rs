//! Decides which wave functions an input can ask for by `kind`.
//!
//! A new wave function is one file and one line in [`ANSATZE`]; another crate hands its own entries
//! to [`build`].

use super::{Context, Erased, feedforward, jastrow, product, rbm, symmetrised, table};
use crate::error::{Error, Result};
use serde::Deserialize;

/// What builds a wave function from a table of keys.
pub type Build =
    fn(&toml::Table, &Context, &dyn Fn(&toml::Table, &Context) -> Result<Erased>) -> Result<Erased>;

/// A wave function that an input can name.
pub struct AnsatzEntry {
    /// The value of the key `kind`.
    pub kind: &'static str,
    /// Builds it from its table, from which `kind` is removed; the last argument builds parts,
    /// whose tables have one.
    pub build: Build,
    /// JSON schema of its keys.
    pub schema: fn() -> serde_json::Value,
}

/// All wave functions of this program.
pub const ANSATZE: &[AnsatzEntry] = &[
    AnsatzEntry {
        kind: "rbm",
        build: rbm::build,
        schema: rbm::schema,
    },
    AnsatzEntry {
        kind: "feedforward",
        build: feedforward::build,
        schema: feedforward::schema,
    },
    AnsatzEntry {
        kind: "jastrow",
        build: jastrow::build,
        schema: jastrow::schema,
    },
    AnsatzEntry {
        kind: "table",
        build: table::build,
        schema: table::schema,
    },
    AnsatzEntry {
        kind: "product",
        build: product::build,
        schema: product::schema,
    },
    AnsatzEntry {
        kind: "symmetrised",
        build: symmetrised::build,
        schema: symmetrised::schema,
    },
];

/// Builds the wave function that `table` asks for, of [`ANSATZE`] and `extra`.
pub fn build(table: &toml::Table, context: &Context, extra: &[AnsatzEntry]) -> Result<Erased> {
    let key = format!("{}.kind", context.path);
    let entries = || ANSATZE.iter().chain(extra);
    let known = || {
        entries()
            .map(|e| format!("\"{}\"", e.kind))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let kind = match table.get("kind") {
        Some(toml::Value::String(kind)) => kind,
        Some(other) => {
            return Err(Error::input(
                key,
                format!("{other} is not a text"),
                format!("one of {}", known()),
            ));
        }
        None => {
            return Err(Error::input(
                key,
                "this key is missing",
                format!("add one of {}", known()),
            ));
        }
    };
    let Some(entry) = entries().find(|e| e.kind == kind) else {
        return Err(Error::input(
            key,
            format!("there is no wave function \"{kind}\""),
            format!("one of {}", known()),
        ));
    };
    let mut own = table.clone();
    own.remove("kind");
    (entry.build)(&own, context, &|part, context| build(part, context, extra))
}

/// Whether parameters are real or complex.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// Pairs (re, im) of a holomorphic ln ψ.
    #[default]
    Complex,
    /// Real numbers.
    Real,
}

/// The JSON schema of a structure of keys.
pub fn schema_of<T: schemars::JsonSchema>() -> serde_json::Value {
    schemars::schema_for!(T).to_value()
}

/// An error unless `init` can be a standard deviation.
pub fn check_init(init: f64, context: &Context) -> Result<()> {
    if init >= 0.0 && init.is_finite() {
        return Ok(());
    }
    let key = format!("{}.init", context.path);
    Err(Error::input(
        key,
        format!("{init} is not a standard deviation"),
        "choose a number ≥ 0, such as 0.01",
    ))
}

/// An error unless `count` real numbers fit in memory as parameters: with the update, the state to
/// go back to, the optimiser's moments and what is written, eight vectors of that length.
pub fn check_parameters(count: f64) -> Result<()> {
    let (needed, available) = (64.0 * count, crate::linalg::available_memory());
    if needed <= available {
        return Ok(());
    }
    Err(Error::Memory {
        what: format!("a wave function with {count:.3e} parameters"),
        needed,
        available,
    })
}
