//! Decides what the input says of a wave function over Boltzmann machines, `kind = "boltzmann"`.

use super::Boltzmann;
use crate::ansatz::rbm::hidden_units;
use crate::ansatz::{Context, Erased, check_init, check_parameters, schema_of, warn_of_zeros};
use crate::error::Result;
use serde::Deserialize;

fn small() -> f64 {
    0.01
}

/// The root of a Boltzmann machine's distribution, with a phase if wanted: ψ = √p_λ e^{iφ_μ/2} with
/// p ∝ e^{Σ_i a_i σ_i} Π_j 2 cosh(b_j + Σ_i W_ij σ_i), φ_μ the logarithm of another such product,
/// and real parameters.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Hidden units per site. No default.
    density: f64,
    /// Whether there is a phase φ, with hidden units of its own; without, ψ > 0. Default false.
    #[serde(default)]
    phase: bool,
    /// Standard deviation of the initial weights; biases start at 0. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, an HDF5 file with datasets a, b, W and with a phase phase_a,
    /// phase_b, phase_W, or a text N, M, a, b, W. Default none.
    load: Option<String>,
}

/// Builds the wave function from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    if keys.load.is_none() {
        warn_of_zeros(keys.init, context);
    }
    let (sites, hidden) = (context.basis.sites(), hidden_units(keys.density, context)?);
    let machines = if keys.phase { 2.0 } else { 1.0 };
    check_parameters(machines * sites as f64 * hidden as f64, 5.0)?;
    let machine = Boltzmann::new(sites, hidden, keys.phase, keys.init, context.origin);
    context.loaded(machine, keys.load.as_ref())
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
