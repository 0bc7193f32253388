//! Decides what the input says of a transformer on patches, `kind = "vit"`.
//!
//! Attention Σ_p J_{head, p−q} v_p depends on displacements alone, so that translations by whole
//! patches are built in (R. Rende et al., Commun. Phys. 7, 260 (2024)); `symmetrised` around it
//! adds those within a patch.

use super::factory::{built, check_normed, check_size, check_translations};
use super::patches::{Mixing, PatchNetwork};
use crate::ansatz::{Context, Erased, LoadKey, Precision, schema_of};
use crate::error::Result;
use crate::layers::PatchGrid;
use serde::Deserialize;

/// Most positions: attention has a table of their pairs.
const MOST_POSITIONS: usize = 1 << 13;

/// The norm of every layer.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum NormName {
    /// Layer norm.
    #[default]
    Layer,
    /// Root mean square, without biases.
    Rms,
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

fn four() -> usize {
    4
}

/// Transformer on patches of a periodic lattice, with attention by displacements.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Cells of a patch in each direction, a divisor of the lengths of the lattice. Default 2.
    #[serde(default = "two")]
    patch: usize,
    /// Channels d. No default.
    width: usize,
    /// Heads of the attention, a divisor of `width`. No default.
    heads: usize,
    /// Number of layers. No default.
    layers: usize,
    /// Hidden units of the dense part of a layer, in units of `width`. Default 4.
    #[serde(default = "four")]
    ratio: usize,
    /// Norm in front of every part: "layer", or "rms", the root mean square. Default "layer".
    #[serde(default)]
    norm: NormName,
    /// Whether ψ is complex; false: ψ > 0. Default true.
    #[serde(default = "yes")]
    complex: bool,
    /// Precision in which the layers are evaluated: "double", or "single", which takes about half
    /// the time; ratios are then right to about 1e-5. Parameters, ln ψ and energies
    /// have double precision in either, and a measurement has it throughout. Default "double".
    #[serde(default)]
    precision: Precision,
    /// File to start from: results, or an HDF5 file with the same datasets; { file, grow = true }:
    /// also of a smaller lattice, or of complex = false. Default none.
    load: Option<LoadKey>,
}

/// Builds a transformer from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    for (size, key) in [
        (keys.width, "width"),
        (keys.heads, "heads"),
        (keys.layers, "layers"),
        (keys.ratio, "ratio"),
    ] {
        check_size(size, key, context)?;
    }
    check_normed(keys.width, context)?;
    if !keys.width.is_multiple_of(keys.heads) {
        let problem = format!("{} heads do not share {} channels", keys.heads, keys.width);
        return Err(context.wrong("heads", problem, "choose a divisor of `width`"));
    }
    let grid = PatchGrid::new(context.lattice, keys.patch, &context.key("patch"))?;
    if grid.positions() > MOST_POSITIONS {
        let problem = format!(
            "{} patches, and {MOST_POSITIONS} is the limit",
            grid.positions()
        );
        return Err(context.wrong("patch", problem, "choose larger patches"));
    }
    check_translations(&grid, context)?;
    let network = PatchNetwork {
        grid,
        width: keys.width,
        layers: keys.layers,
        ratio: keys.ratio,
        centred: keys.norm == NormName::Layer,
        complex: keys.complex,
        mixing: Mixing::Attention(keys.heads),
    };
    built(&network, keys.precision, keys.load.as_ref(), context)
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
