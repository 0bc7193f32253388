//! Decides what the input says of an autoregressive wave function, `kind = "autoregressive"`.

use super::{Autoregressive, Made};
use crate::ansatz::{Context, Erased, check_init, check_parameters, schema_of};
use crate::basis::{TOTAL_SZ, only_spin_half};
use crate::error::{Error, Result};
use serde::Deserialize;

fn one() -> f64 {
    1.0
}

/// The network that gives the conditional probabilities.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum NetworkName {
    /// Masked dense layers.
    #[default]
    Made,
}

/// The order in which sites are drawn.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum PathName {
    /// By site number.
    #[default]
    Rows,
    /// Rows of a square lattice in alternating direction.
    Snake,
}

/// A normalised product of conditional amplitudes, which can be drawn without a chain.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// What gives the conditional probabilities: "made", masked dense layers. Default "made".
    #[serde(default)]
    network: NetworkName,
    /// Units per site of each hidden layer, from the spins on; [] for none. No default.
    features: Vec<usize>,
    /// The order of the sites: "rows", or "snake" on square lattices. Default "rows".
    #[serde(default)]
    path: PathName,
    /// Whether ψ > 0, without phases. Default false.
    #[serde(default)]
    positive: bool,
    /// Factor on the standard deviations of the initial parameters. Default 1.
    #[serde(default = "one")]
    init: f64,
}

fn path(keys: &Keys, context: &Context) -> Result<Vec<usize>> {
    let sites = context.basis.sites();
    if keys.path == PathName::Rows {
        return Ok((0..sites).collect());
    }
    let snake = context.lattice.snake().filter(|path| path.len() == sites);
    snake.ok_or_else(|| {
        Error::input(
            context.key("path"),
            "\"snake\" needs the rows of a square lattice",
            "use path = \"rows\"",
        )
    })
}

/// Builds an autoregressive wave function from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    if !context.basis.is_spin_half() {
        let key = context.key("kind");
        return Err(only_spin_half(&key, "\"autoregressive\""));
    }
    if keys.features.contains(&0) || keys.features.iter().any(|&f| f > 1 << 20) {
        return Err(Error::input(
            context.key("features"),
            format!(
                "{:?} has a layer without units or with too many",
                keys.features
            ),
            "give each hidden layer from 1 to 1048576 units per site, such as [8]",
        ));
    }
    let sites = context.basis.sites();
    let heads = if keys.positive { 2 } else { 4 };
    check_parameters(Made::count(sites, &keys.features, heads), 1.0)?;
    let path = path(&keys, context)?;
    let up = context.basis.fixed(TOTAL_SZ);
    let up = up.map(|twice| (sites as i32 + twice) as usize / 2);
    let network = match keys.network {
        NetworkName::Made => Made::new(sites, &keys.features, heads, keys.init, context.origin),
    };
    Ok(Erased::new(Autoregressive::new(
        network,
        path,
        up,
        keys.positive,
    )))
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
