//! Decides the residual convolutional network, `kind = "resnet"`.
//!
//! x = conv(σ; W_e) + b_e, then for blocks j = 0, 1, … of B
//! ```text
//! x ← x + conv( gelu( conv( gelu( x/√(j+1) ); W1_j ) + b1_j ); W2_j ) + b2_j
//! ```
//! without b2 in the last one, and z_{r,a} = (x_{r,a} + i x_{r,a+c/2})/√(B+1) (A. Chen, M.
//! Heyl, Nat. Phys. 20, 1476 (2024)). Heads: ψ = Σ_r e^{ik·r} Σ_a e^z or 1 + sinh z, whose
//! translations have the characters of momentum k, or ln ψ = Σ_a ln cosh ⟨z_{r,a}⟩_r. Block j
//! is divided by √(j+1), so that blocks add variance 1 each and see variance 1.

use super::factory::{built, cancelled, check_size, check_translations};
use super::{Architecture, DeepHead, DeepParts, LogCoshHead, SumHead, SumTerm};
use crate::ansatz::symmetrised::translations;
use crate::ansatz::{
    Context, Erased, LoadKey, Meaning, ParameterGrowth, PhaseBlocks, Precision, schema_of,
};
use crate::error::Result;
use crate::layers::{
    ActivationLayer, Composition, FirstValues, LinearLayer, Nonlinearity, PatchGrid,
};
use crate::layers::{PoolLayer, RowShape, WindowTable};
use crate::linalg::functions::Elementary;
use num_complex::Complex64;
use serde::Deserialize;
use std::sync::Arc;

/// What ψ is of the last values.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum HeadName {
    /// A sum of exponentials.
    #[default]
    Exp,
    /// A sum of 1 + sinh.
    Sinh,
    /// A product of cosh of means.
    LnCosh,
}

fn yes() -> bool {
    true
}

fn three() -> usize {
    3
}

/// Residual convolutional network on a periodic lattice, with translations built in.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Channels c of every layer; even where ψ is complex: the second half are the phases. No
    /// default.
    channels: usize,
    /// Number of residual blocks, of two convolutions each. No default.
    blocks: usize,
    /// Cells that a convolution reads in each direction, odd. Default 3.
    #[serde(default = "three")]
    kernel: usize,
    /// How ψ follows from the last values z: "exp", the sum of eᶻ over cells and channels;
    /// "sinh", of 1 + sinh z; "lncosh", the product over channels of cosh of the mean. Default
    /// "exp".
    #[serde(default)]
    head: HeadName,
    /// Momentum indices m, one per direction: k = 2 pi m / L. Default zero; of "exp" and "sinh"
    /// with complex ψ.
    momentum: Option<Vec<usize>>,
    /// Whether ψ is complex; false: ψ > 0, or real for the head "sinh". Default true.
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

/// A residual network.
pub(super) struct Resnet {
    pub(super) grid: PatchGrid,
    pub(super) window: Arc<WindowTable>,
    pub(super) channels: usize,
    pub(super) blocks: usize,
    pub(super) head: HeadName,
    pub(super) complex: bool,
    /// e^{ik·r} of every position.
    pub(super) phases: Vec<Complex64>,
}

impl Resnet {
    fn trunk<R: Elementary>(&self) -> Composition<R> {
        let (n, c, taps) = (self.grid.positions(), self.channels, self.window.taps());
        let inputs = self.grid.inputs();
        let convolution = |names: (&str, Option<&str>), inputs: usize| {
            let start = FirstValues::he(taps * inputs);
            LinearLayer::convolution(names, self.window.clone(), (inputs, c), start)
        };
        let mut net = Composition::new(RowShape::plain(n, inputs));
        let mut x = net.add("embed.", convolution(("W", Some("b")), inputs), 0);
        for j in 0..self.blocks {
            let (path, last) = (format!("{j}."), j + 1 == self.blocks);
            let scale = 1.0 / ((j + 1) as f64).sqrt();
            let curve = Nonlinearity::Gelu;
            let y = net.add("", ActivationLayer { curve, scale }, x);
            let y = net.add(&path, convolution(("W1", Some("b1")), c), y);
            let y = net.add("", ActivationLayer::new(curve), y);
            let bias = (!last).then_some("b2");
            x = net.add_onto(x, &path, convolution(("W2", bias), c), y);
        }
        net.give(vec![x]);
        net
    }

    /// Places of z in `rows` rows of the last value.
    fn places(&self, rows: usize, stride: usize) -> (Vec<u32>, Option<Vec<u32>>) {
        let half = if self.complex {
            self.channels / 2
        } else {
            self.channels
        };
        let of = |first: usize| {
            let row = move |r: usize| (0..half).map(move |a| (r * stride + first + a) as u32);
            (0..rows).flat_map(row).collect()
        };
        (of(0), self.complex.then(|| of(half)))
    }
}

impl Architecture for Resnet {
    fn count(&self) -> f64 {
        let (taps, c) = (self.window.taps() as f64, self.channels as f64);
        let blocks = 2.0 * self.blocks as f64;
        taps * c * (self.grid.inputs() as f64 + blocks * c) + blocks * c
    }
    fn own(&self) -> f64 {
        let channels = (self.channels, self.channels);
        let held = LinearLayer::<f64>::held(&self.window, channels);
        2.0 + 2.0 * self.blocks as f64 * held / self.count()
    }
    fn growth(&self) -> ParameterGrowth {
        ParameterGrowth::unchanged(match self.complex {
            true => PhaseBlocks::All,
            false => PhaseBlocks::None,
        })
        .meaning(Meaning {
            kind: "resnet",
            keys: toml::Value::try_from(self.head)
                .map(|head| ("head", head))
                .into_iter()
                .collect(),
            complex: self.complex,
        })
    }
    fn parts<R: Elementary>(&self) -> DeepParts<R> {
        let trunk = self.trunk::<R>();
        let shape = trunk.shape(trunk.outputs()[0]);
        let mut top = Composition::new(shape);
        let scale = 1.0 / ((self.blocks + 1) as f64).sqrt();
        let sum = |term: SumTerm| -> Box<dyn DeepHead> {
            let (re, im) = self.places(shape.positions, shape.stride);
            let per_row = re.len() / shape.positions.max(1);
            let weights: Vec<_> = (self.phases.iter())
                .flat_map(|&phase| std::iter::repeat_n(phase, per_row))
                .collect();
            Box::new(SumHead::new(
                term,
                (re, im),
                &weights,
                scale,
                cancelled::<R>(),
            ))
        };
        let head = match self.head {
            HeadName::Exp => sum(SumTerm::Exp),
            HeadName::Sinh => sum(SumTerm::Sinh),
            HeadName::LnCosh => {
                let pooled = top.add("", PoolLayer, 0);
                top.give(vec![pooled]);
                let (re, im) = self.places(1, shape.stride);
                let mean = scale / shape.positions as f64;
                Box::new(LogCoshHead::new(re, im, 0, mean))
            }
        };
        DeepParts {
            sites: self.grid.sites().to_vec(),
            trunk,
            top,
            head,
            complex: self.complex,
            positive: !self.complex && self.head != HeadName::Sinh,
        }
    }
}

/// e^{ik·r} of every cell r, χ_g* of the translation g that brings the first cell there.
pub(super) fn phases(
    momentum: Option<&Vec<usize>>,
    grid: &PatchGrid,
    context: &Context,
) -> Result<Vec<Complex64>> {
    let zero = vec![0; grid.dimensions()];
    let momentum = momentum.unwrap_or(&zero);
    let mut phases = vec![Complex64::ONE; grid.positions()];
    for element in translations(context.lattice, momentum, &context.key("momentum"))? {
        let cell = element.permutation[0] as usize / grid.inputs();
        phases[cell] = element.character.conj();
    }
    Ok(phases)
}

/// Builds a residual network from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_size(keys.channels, "channels", context)?;
    check_size(keys.blocks, "blocks", context)?;
    if keys.complex && !keys.channels.is_multiple_of(2) {
        let problem = format!(
            "{} channels are no pairs of modulus and phase",
            keys.channels
        );
        let remedy = "choose an even number, or complex = false";
        return Err(context.wrong("channels", problem, remedy));
    }
    let grid = PatchGrid::new(context.lattice, 1, &context.key("kind"))?;
    let window = Arc::new(grid.window(keys.kernel, &context.key("kernel"))?);
    let phases = phases(keys.momentum.as_ref(), &grid, context)?;
    let moves = keys.momentum.iter().flatten().any(|&m| m != 0);
    if moves && (!keys.complex || keys.head == HeadName::LnCosh) {
        let problem = match keys.complex {
            true => "the head \"lncosh\" has momentum zero",
            false => "with complex = false the momentum is zero",
        };
        let remedy = "remove the key, or choose complex = true and head = \"exp\"";
        return Err(context.wrong("momentum", problem, remedy));
    }
    check_translations(&grid, context)?;
    let network = Resnet {
        grid,
        window,
        channels: keys.channels,
        blocks: keys.blocks,
        head: keys.head,
        complex: keys.complex,
        phases,
    };
    built(&network, keys.precision, keys.load.as_ref(), context)
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
