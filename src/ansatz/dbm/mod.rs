//! Decides what the input says of a deep Boltzmann machine, `kind = "dbm"`: what the construction
//! in imaginary time starts from.
//!
//! Without hidden units that is ψ = 1, else a restricted machine. `[construct]` adds the units of
//! its circuit.

mod fixed;
mod gadgets;
mod network;
mod times;
mod vector;

pub use fixed::{FixedTable, Uniform};
pub use gadgets::units;
pub use network::{BondUnits, DeepNetwork, Row};
pub use times::{ImaginaryTime, TimeSeries};
pub use vector::StateVector;

use super::{Context, Erased, rbm, schema_of};
use crate::error::{Error, Result};
use serde::Deserialize;

fn small() -> f64 {
    0.01
}

fn real() -> super::ParameterNumbers {
    super::ParameterNumbers::Real
}

/// Deep Boltzmann machine, ψ = C Σ_{h,d} exp(a·σ + σ·W·h + b·h + h·W'·d + b'·d) with h, d = ±1,
/// constructed by `[construct]`; these keys say what the construction starts from.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Hidden units per site at the start; 0: none, the same amplitude everywhere. Default 0.
    #[serde(default)]
    density: f64,
    /// Whether parameters at the start are "complex" or "real". Default "real".
    #[serde(default = "real")]
    parameters: super::ParameterNumbers,
    /// Standard deviation of the parameters at the start. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from, as of an "rbm". Default none.
    load: Option<String>,
}

/// Builds the start from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    super::check_init(keys.init, context)?;
    if keys.density != 0.0 {
        let mut own = table.clone();
        let numbers = match keys.parameters {
            super::ParameterNumbers::Real => "real",
            super::ParameterNumbers::Complex => "complex",
        };
        own.insert("parameters".into(), numbers.into());
        return rbm::build(&own, context);
    }
    let without = |name: &str, remedy: &str| {
        let problem = "a start without hidden units has no parameters";
        Err(Error::input(context.key(name), problem, remedy))
    };
    if table.contains_key("init") {
        return without("init", "remove `init`, or set density above 0");
    }
    if matches!(keys.parameters, super::ParameterNumbers::Complex) {
        return without("parameters", "remove `parameters`, or set density above 0");
    }
    if keys.load.is_some() {
        return Err(Error::input(
            context.key("load"),
            "a start without hidden units has no parameters to load",
            "set density to the hidden units per site in the file, or remove `load`",
        ));
    }
    let sites = context.basis.sites();
    Ok(Erased::new(Uniform { sites }))
}

/// Whether a table of `[ansatz]` is that of a deep Boltzmann machine.
pub fn is_meant(table: &toml::Table) -> bool {
    super::registry::is_of_kind(table, "dbm")
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
