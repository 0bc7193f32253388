//! Decides the masked dense network: positions look at all positions before them.
//!
//! x⁰_i = s_i and x^{l+1}_i = b^l_i + Σ_j g(xˡ_j) Wˡ_ij over j < i in the first layer and j ≤ i in
//! the others; g is SELU, and the identity on the spins (M. Germain et al., PMLR 37, 881 (2015); G.
//! Klambauer et al., NIPS 2017). Only the weights that the mask leaves are parameters.

use super::Network;
use crate::ansatz::field::check_length;
use crate::ansatz::{Block, Columns, Kind, Matrix};
use crate::error::Result;
use crate::rng::{Distribution, Origin, StandardNormal};
use ndarray::Array2;
use num_complex::Complex64;
use std::ops::Range;
use std::sync::Arc;

/// λ of SELU.
const SCALE: f64 = 1.0507009873554805;
/// λ α of SELU.
const FLOOR: f64 = SCALE * 1.6732632423543772;

fn selu(x: f64) -> f64 {
    if x > 0.0 {
        SCALE * x
    } else {
        FLOOR * x.exp_m1()
    }
}

/// The derivative of SELU where its value is `y`.
fn slope(y: f64) -> f64 {
    if y > 0.0 { SCALE } else { y + FLOOR }
}

/// y += x W with W row-major.
fn add_product(x: &[f64], w: &[f64], y: &mut [f64]) {
    fn fixed<const F: usize>(x: &[f64], w: &[f64], y: &mut [f64]) {
        let mut sum = [0.0; F];
        for (x, w) in x.iter().zip(w.chunks_exact(F)) {
            sum.iter_mut().zip(w).for_each(|(s, w)| *s += x * w);
        }
        y.iter_mut().zip(sum).for_each(|(y, s)| *y += s);
    }
    match y.len() {
        2 => fixed::<2>(x, w, y),
        4 => fixed::<4>(x, w, y),
        8 => fixed::<8>(x, w, y),
        16 => fixed::<16>(x, w, y),
        width => {
            for (x, w) in x.iter().zip(w.chunks_exact(width)) {
                y.iter_mut().zip(w).for_each(|(y, w)| *y += x * w);
            }
        }
    }
}

/// One layer: where its parameters and its inputs start.
#[derive(Debug, Clone, Copy)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// Whether a position sees itself.
    own: bool,
    weights: usize,
    biases: usize,
    state: usize,
}

impl Layer {
    /// Positions that position `i` sees.
    fn seen(&self, i: usize) -> usize {
        i + usize::from(self.own)
    }
    /// The weights of position `i`, seen positions × inputs × outputs.
    fn weights(&self, i: usize) -> Range<usize> {
        let before = if self.own {
            i * (i + 1) / 2
        } else {
            i * i.saturating_sub(1) / 2
        };
        let size = self.inputs * self.outputs;
        let start = self.weights + before * size;
        start..start + self.seen(i) * size
    }
    fn bias(&self, i: usize) -> Range<usize> {
        let start = self.biases + i * self.outputs;
        start..start + self.outputs
    }
    /// What position `i` sees of the inputs, in the state of a walker.
    fn sees(&self, i: usize) -> Range<usize> {
        self.state..self.state + self.seen(i) * self.inputs
    }
}

/// A masked dense network.
#[derive(Debug, Clone)]
pub struct Made {
    sites: usize,
    layers: Vec<Layer>,
    /// Numbers in the state of a walker: spins, then the outputs of every hidden layer.
    state: usize,
    values: Vec<f64>,
}

impl Made {
    /// Number of parameters of a network, as a real number that cannot overflow.
    pub fn count(sites: usize, features: &[usize], heads: usize) -> f64 {
        let n = sites as f64;
        let widths: Vec<f64> = std::iter::once(1)
            .chain(features.iter().copied())
            .chain([heads])
            .map(|f| f as f64)
            .collect();
        let pairs = |l: usize| n * (n + if l == 0 { -1.0 } else { 1.0 }) / 2.0;
        let layer = |(l, w): (usize, &[f64])| pairs(l) * w[0] * w[1] + n * w[1];
        widths.windows(2).enumerate().map(layer).sum()
    }

    /// Weights are Gaussian with the standard deviation `init`/√(allowed inputs), those of the last
    /// layer a tenth of that, so that conditional probabilities start near 1/2; biases are 0.
    pub fn new(
        sites: usize,
        features: &[usize],
        heads: usize,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let (mut layers, mut values, mut state) = (Vec::new(), Vec::new(), 0);
        let mut inputs = 1;
        for (l, &outputs) in features.iter().chain([&heads]).enumerate() {
            let mut layer = Layer {
                inputs,
                outputs,
                own: l > 0,
                weights: values.len(),
                biases: 0,
                state,
            };
            let factor = init * if l == features.len() { 0.1 } else { 1.0 };
            for i in 0..sites {
                let fan_in = layer.seen(i) * inputs;
                let sd = factor / (fan_in.max(1) as f64).sqrt();
                for _ in 0..fan_in * outputs {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    values.push(sd * z);
                }
            }
            layer.biases = values.len();
            values.resize(values.len() + sites * outputs, 0.0);
            state += sites * inputs;
            layers.push(layer);
            inputs = outputs;
        }
        Made {
            sites,
            layers,
            state,
            values,
        }
    }

    /// ∂ ln ψ/∂xˡ⁺¹ of a walker and of all layers from those of the last one, `seeds`.
    fn slopes(&self, state: &[f64], seeds: &[Complex64]) -> Vec<Vec<Complex64>> {
        let mut all = vec![seeds.to_vec()];
        for layer in self.layers.iter().skip(1).rev() {
            let above = &all[all.len() - 1];
            let mut below = vec![Complex64::ZERO; self.sites * layer.inputs];
            for (i, d) in above.chunks_exact(layer.outputs).enumerate() {
                let rows = self.values[layer.weights(i)].chunks_exact(layer.outputs);
                for (sum, w) in below.iter_mut().zip(rows) {
                    *sum += w.iter().zip(d).map(|(w, d)| d * w).sum::<Complex64>();
                }
            }
            let values = &state[layer.state..];
            below
                .iter_mut()
                .zip(values)
                .for_each(|(d, &y)| *d *= slope(y));
            all.push(below);
        }
        all.reverse();
        all
    }
}

/// A matrix of the slopes `at` of every walker, real where the kind is.
fn factor<'a>(
    kind: Kind,
    rows: usize,
    width: usize,
    of: impl Fn(usize) -> &'a [Complex64],
) -> Arc<Matrix> {
    Arc::new(match kind {
        Kind::Real => Matrix::Real(Array2::from_shape_fn((rows, width), |(r, c)| of(r)[c].re)),
        _ => Matrix::Complex(Array2::from_shape_fn((rows, width), |(r, c)| of(r)[c])),
    })
}

impl Network for Made {
    fn layout(&self) -> Vec<Block> {
        let block = |name: String, shape| Block::new(name, shape, false);
        let mut blocks = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            for i in (0..self.sites).filter(|&i| layer.seen(i) > 0) {
                let shape = vec![layer.seen(i), layer.inputs, layer.outputs];
                blocks.push(block(format!("{l}.W_{i}"), shape));
            }
            blocks.push(block(format!("{l}.b"), vec![self.sites, layer.outputs]));
        }
        blocks
    }
    fn parameters(&self) -> Vec<f64> {
        self.values.clone()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, self.values.len())?;
        self.values.copy_from_slice(parameters);
        Ok(())
    }
    fn state(&self) -> usize {
        self.state
    }
    fn derivative_bytes(&self) -> usize {
        let sites = self.sites * (self.sites + 1) / 2;
        let of = |l: &Layer| 8 * sites * l.inputs + 32 * self.sites * l.outputs;
        self.layers.iter().map(of).sum()
    }
    fn put(&self, i: usize, spin: i8, state: &mut [f64]) {
        state[i] = f64::from(spin);
    }
    fn advance(&self, i: usize, state: &mut [f64], heads: &mut [f64]) {
        for (l, layer) in self.layers.iter().enumerate() {
            let w = &self.values[layer.weights(i)];
            let bias = &self.values[layer.bias(i)];
            let Some(next) = self.layers.get(l + 1) else {
                heads.copy_from_slice(bias);
                return add_product(&state[layer.sees(i)], w, heads);
            };
            let (below, above) = state.split_at_mut(next.state);
            let out = &mut above[i * layer.outputs..(i + 1) * layer.outputs];
            out.copy_from_slice(bias);
            add_product(&below[layer.sees(i)], w, out);
            out.iter_mut().for_each(|y| *y = selu(*y));
        }
    }
    fn derivatives(&self, kind: Kind, states: &[f64], seeds: &[Complex64]) -> Vec<Columns> {
        let heads = self.layers.last().map_or(1, |l| self.sites * l.outputs);
        let walkers = states
            .chunks_exact(self.state)
            .zip(seeds.chunks_exact(heads));
        let slopes: Vec<_> = walkers.map(|(x, seeds)| self.slopes(x, seeds)).collect();
        let rows = slopes.len();
        let mut blocks = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            for i in 0..self.sites {
                let seen = layer.sees(i);
                let x = |(r, c)| states[r * self.state + seen.start + c];
                let inputs = Array2::from_shape_fn((rows, seen.len()), x);
                let own = i * layer.outputs..(i + 1) * layer.outputs;
                let slopes = factor(kind, rows, layer.outputs, |r| &slopes[r][l][own.clone()]);
                blocks.push(Columns::Outer(Arc::new(Matrix::Real(inputs)), slopes));
            }
            let width = self.sites * layer.outputs;
            blocks.push(Columns::Dense(factor(kind, rows, width, |r| &slopes[r][l])));
        }
        blocks
    }
}
