//! Decides what the input says of a network of depthwise convolutions, `kind = "convnext"`.
//!
//! In every layer x ← x + gelu(LN2(dwconv(x) + k) A + a) B + b; everything else is as in the
//! transformer, `kind = "vit"`. Patches of one cell give all translations.

use super::factory::{built, check_normed, check_size, check_translations};
use super::patches::{Mixing, PatchNetwork};
use crate::ansatz::{Context, Erased, LoadKey, Precision, schema_of};
use crate::error::Result;
use crate::layers::PatchGrid;
use serde::Deserialize;
use std::sync::Arc;

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn three() -> usize {
    3
}

/// Depthwise convolutions between dense layers, on patches of a periodic lattice.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Cells of a patch in each direction, a divisor of the lengths of the lattice. Default 1.
    #[serde(default = "one")]
    patch: usize,
    /// Channels d. No default.
    width: usize,
    /// Heads: 1 alone, every channel has a kernel of its own. Default 1.
    #[serde(default = "one")]
    heads: usize,
    /// Patches that a convolution reads in each direction, odd. Default 3.
    #[serde(default = "three")]
    kernel: usize,
    /// Number of layers. No default.
    layers: usize,
    /// Hidden units of the dense part of a layer, in units of `width`. Default 2.
    #[serde(default = "two")]
    ratio: usize,
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

/// Builds a network of depthwise convolutions from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    for (size, key) in [
        (keys.width, "width"),
        (keys.layers, "layers"),
        (keys.ratio, "ratio"),
    ] {
        check_size(size, key, context)?;
    }
    check_normed(keys.width, context)?;
    if keys.heads != 1 {
        let problem = format!(
            "{} heads: every channel has a kernel of its own",
            keys.heads
        );
        let remedy = "remove the key, or use kind = \"vit\", whose channels share weights";
        return Err(context.wrong("heads", problem, remedy));
    }
    let grid = PatchGrid::new(context.lattice, keys.patch, &context.key("patch"))?;
    let window = grid.window(keys.kernel, &context.key("kernel"))?;
    check_translations(&grid, context)?;
    let network = PatchNetwork {
        grid,
        width: keys.width,
        layers: keys.layers,
        ratio: keys.ratio,
        centred: true,
        complex: keys.complex,
        mixing: Mixing::Window(Arc::new(window)),
    };
    built(&network, keys.precision, keys.load.as_ref(), context)
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
