//! Decides the network in front of a matrix product, `kind = "cnn-mps"`.
//!
//! x_r = E_{r,s_r}, a row of numbers for every site r and spin s_r, then layers
//! ```text
//! x   ← LN(x + silu(conv(x; W) + b))
//! A_r = silu(x_r W_m + b_m) W_o + b_o, of shape (2, D, D)
//! ψ   = Tr Π_r A_r[s_r]
//! ```
//! (arXiv:2603.14425). ψ is real and may change sign. The product is divided by its largest entry
//! after every site. With L_r and R_r the products before and behind r, ∂ψ/∂A_r = (R_r L_r)ᵀ.

use super::factory::{built, check_size};
use super::{Architecture, DeepHead, DeepParts};
use crate::ansatz::{Context, Erased, LoadKey, ParameterGrowth, Precision, schema_of};
use crate::error::Result;
use crate::layers::{ActivationLayer, Composition, EmbedLayer, FirstValues, LinearLayer};
use crate::layers::{Nonlinearity, NormLayer, PatchGrid, PlaceLayer, RowShape, WindowTable};
use crate::linalg::functions::Elementary;
use crate::linalg::simd::Simd;
use num_complex::Complex64;
use serde::Deserialize;
use std::f64::consts::PI;
use std::sync::Arc;

/// ε of the norms.
const EPSILON: f64 = 1e-4;

/// Part of 1 by which the entries of the first matrices vary.
const SPREAD: f64 = 0.1;

fn three() -> usize {
    3
}

/// Matrix product of matrices that a convolutional network makes from all spins; ψ is real.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Channels of every layer. No default.
    channels: usize,
    /// Cells that a convolution reads in each direction, odd. Default 3.
    #[serde(default = "three")]
    kernel: usize,
    /// Number of residual layers. No default.
    layers: usize,
    /// Hidden units between the channels of a site and its matrices. No default.
    mlp: usize,
    /// Bond dimension D of the matrices. No default.
    bond: usize,
    /// Whether ψ is complex: false alone, ψ is real. Default false.
    #[serde(default)]
    complex: bool,
    /// Precision in which the layers are evaluated: "double", or "single", which takes about half
    /// the time; ratios are then right to about 1e-5. Parameters, ln ψ and energies have double
    /// precision in either. Default "double".
    #[serde(default)]
    precision: Precision,
    /// File to start from: results, or an HDF5 file with the same datasets. Default
    /// none.
    load: Option<LoadKey>,
}

/// A network in front of a matrix product.
struct CnnMps {
    grid: PatchGrid,
    window: Arc<WindowTable>,
    keys: Keys,
}

impl Architecture for CnnMps {
    fn count(&self) -> f64 {
        let Keys {
            channels,
            layers,
            mlp,
            bond,
            ..
        } = self.keys;
        let [c, l, m, d] = [channels, layers, mlp, bond].map(|size| size as f64);
        let matrices = 2.0 * d * d;
        let layer = self.window.taps() as f64 * c * c + 3.0 * c;
        2.0 * self.grid.positions() as f64 * c + l * layer + (c + 1.0) * m + (m + 1.0) * matrices
    }
    fn own(&self) -> f64 {
        let channels = (self.keys.channels, self.keys.channels);
        let held = LinearLayer::<f64>::held(&self.window, channels);
        4.0 + self.keys.layers as f64 * held / self.count()
    }
    fn growth(&self) -> ParameterGrowth {
        ParameterGrowth::never("every site has rows E of its own")
    }
    fn parts<R: Elementary>(&self) -> DeepParts<R> {
        let (n, keys) = (self.grid.positions(), &self.keys);
        let (c, units, bond) = (keys.channels, keys.mlp, keys.bond);
        let silu = || ActivationLayer::new(Nonlinearity::Silu);
        let mut net = Composition::new(RowShape::plain(n, 1));
        let mut x = net.add("embed.", EmbedLayer::new(n, c), 0);
        for l in 0..keys.layers {
            let (path, names) = (format!("{l}."), ("W", Some("b")));
            let start = FirstValues::lecun(self.window.taps() * c);
            let layer = LinearLayer::convolution(names, self.window.clone(), (c, c), start);
            let y = net.add(&path, layer, x);
            let y = net.add_onto(x, "", silu(), y);
            x = net.add(&path, NormLayer::new("n", c, true, EPSILON), y);
        }
        let dense =
            |sizes: (usize, usize), start| LinearLayer::dense(("W", Some("b")), n, sizes, start);
        let y = net.add("mlp.", dense((c, units), FirstValues::lecun(c)), x);
        let y = net.add("", silu(), y);
        // Biases 1/D make every matrix the same projector at first, and ψ close to 1.
        let (width, deviation) = (2 * bond * bond, SPREAD / bond as f64);
        let start = FirstValues::Normal(deviation * deviation / units as f64);
        let biases = FirstValues::Constant(1.0 / bond as f64);
        let matrices = dense((units, width), start).starting_at(biases);
        let y = net.add("out.", matrices, y);
        let channels = width + 1;
        let spins = net.add(
            "",
            PlaceLayer {
                first: width,
                channels,
            },
            0,
        );
        let all = net.add_onto(spins, "", PlaceLayer { first: 0, channels }, y);
        net.give(vec![all]);
        let shape = net.shape(all);
        DeepParts {
            sites: self.grid.sites().to_vec(),
            trunk: net,
            top: Composition::new(shape),
            head: Box::new(TraceHead {
                bond,
                stride: shape.stride,
            }),
            complex: false,
            positive: false,
        }
    }
}

/// ψ = Tr Π_r A_r[s_r] of rows (A_r[up], A_r[down], spin).
#[derive(Debug, Clone, Copy)]
struct TraceHead {
    bond: usize,
    stride: usize,
}

/// A matrix times e^{scale}.
#[derive(Debug, Clone)]
struct Scaled {
    numbers: Vec<f64>,
    scale: f64,
}

impl Scaled {
    fn identity(bond: usize) -> Self {
        let number = |at: usize| f64::from(u8::from(at.is_multiple_of(bond + 1)));
        Scaled {
            numbers: (0..bond * bond).map(number).collect(),
            scale: 0.0,
        }
    }
    /// These numbers, divided by the largest of them.
    fn new(mut numbers: Vec<f64>, scale: f64) -> Self {
        let larger = |m: f64, x: &f64| {
            if x.abs() > m || x.is_nan() {
                x.abs()
            } else {
                m
            }
        };
        let largest = numbers.iter().fold(0.0, larger);
        if largest == 0.0 {
            return Scaled { numbers, scale };
        }
        numbers.iter_mut().for_each(|x| *x /= largest);
        let scale = scale + largest.ln();
        Scaled { numbers, scale }
    }
}

impl TraceHead {
    /// The product of two matrices.
    fn product(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let d = self.bond;
        let mut out = vec![0.0; d * d];
        for (a, out) in a.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            for (&a, b) in a.iter().zip(b.chunks_exact(d)) {
                out.iter_mut().zip(b).for_each(|(out, b)| *out += a * b);
            }
        }
        out
    }
    /// Where the matrix of a row begins.
    fn first(&self, row: &[f64]) -> usize {
        let size = self.bond * self.bond;
        if row[2 * size] < 0.0 { size } else { 0 }
    }
    fn matrix<'a>(&self, row: &'a [f64]) -> &'a [f64] {
        let first = self.first(row);
        &row[first..first + self.bond * self.bond]
    }
    fn trace(&self, m: &[f64]) -> f64 {
        m.iter().step_by(self.bond + 1).sum()
    }
}

impl DeepHead for TraceHead {
    fn log(&self, _simd: Simd, outputs: [&[f64]; 2]) -> Complex64 {
        let mut left = Scaled::identity(self.bond);
        for row in outputs[0].chunks_exact(self.stride) {
            left = Scaled::new(self.product(&left.numbers, self.matrix(row)), left.scale);
        }
        let trace = self.trace(&left.numbers);
        let phase = if trace < 0.0 { PI } else { 0.0 };
        Complex64::new(trace.abs().ln() + left.scale, phase)
    }
    fn slopes(&self, simd: Simd, outputs: [&[f64]; 2], slopes: [&mut [Complex64]; 2]) {
        let psi = self.log(simd, outputs);
        if psi.re == f64::NEG_INFINITY {
            return;
        }
        let sign = if psi.im == 0.0 { 1.0 } else { -1.0 };
        let mut lefts = vec![Scaled::identity(self.bond)];
        for row in outputs[0].chunks_exact(self.stride) {
            let last = &lefts[lefts.len() - 1];
            let next = self.product(&last.numbers, self.matrix(row));
            lefts.push(Scaled::new(next, last.scale));
        }
        let (d, mut right) = (self.bond, Scaled::identity(self.bond));
        let [slopes, _] = slopes;
        let rows = outputs[0].chunks_exact(self.stride);
        let places = slopes.chunks_exact_mut(self.stride);
        for ((row, out), left) in rows.zip(places).zip(&lefts).rev() {
            let around = self.product(&right.numbers, &left.numbers);
            let factor = sign * (right.scale + left.scale - psi.re).exp();
            let first = self.first(row);
            for (at, out) in out[first..first + d * d].iter_mut().enumerate() {
                *out = (factor * around[at % d * d + at / d]).into();
            }
            right = Scaled::new(self.product(self.matrix(row), &right.numbers), right.scale);
        }
    }
}

/// Builds a network in front of a matrix product from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    for (size, key) in [
        (keys.channels, "channels"),
        (keys.layers, "layers"),
        (keys.mlp, "mlp"),
        (keys.bond, "bond"),
    ] {
        check_size(size, key, context)?;
    }
    let grid = PatchGrid::new(context.lattice, 1, &context.key("kind"))?;
    if grid.inputs() != 1 {
        let problem = format!("a cell of this lattice has {} sites", grid.inputs());
        let remedy = "use a lattice with one site in a cell, or kind = \"mps\"";
        return Err(context.wrong("kind", problem, remedy));
    }
    if keys.complex {
        let problem = "the matrices are real, and ψ with them";
        let remedy = "remove the key, or use kind = \"resnet\"";
        return Err(context.wrong("complex", problem, remedy));
    }
    let window = Arc::new(grid.window(keys.kernel, &context.key("kernel"))?);
    let (precision, load) = (keys.precision, keys.load.clone());
    let network = CnnMps { grid, window, keys };
    built(&network, precision, load.as_ref(), context)
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
