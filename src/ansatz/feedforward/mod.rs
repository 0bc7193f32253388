//! Decides the wave function of dense layers: any depth and widths, holomorphic, or real with one
//! or two outputs.
//!
//! θ¹ = b¹ + σ W¹, xˡ = g_l(θˡ), θˡ⁺¹ = bˡ⁺¹ + xˡ Wˡ⁺¹, ln ψ(σ) = Σ_i a_i
//! σ_i + Σ_k c_k x^L_k. With real parameters a and c have two rows, for ln |ψ| and for the
//! phase, or one for a positive wave function. Walkers keep θ¹: flipping F adds −2 Σ_{l∈F}
//! σ_l W¹_l, and what follows is a product of matrices over many questions at once. One layer of
//! ln cosh with c = 1 is the restricted Boltzmann machine (G. Carleo, M. Troyer, Science 355, 602
//! (2017)).

mod activation;
mod backward;
mod factory;
mod forward;
mod tables;
#[cfg(test)]
mod tests;

pub use activation::{Activation, Order};
pub use factory::{build, schema};
pub use forward::{FeedforwardBatch, FeedforwardScratch};

use super::field::{Field, check_length, flatten, gaussian, ratio_from_log, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Kind, keep};
use crate::error::Result;
use crate::linalg::functions::Elementary;
use crate::linalg::simd::Simd;
use crate::rng::Origin;
use forward::BLOCK;
use num_complex::Complex64;
use tables::FeedforwardTables;

/// Accepted moves of a walker after which its θ¹ and ln ψ are computed afresh.
const REFRESH: u32 = 256;

/// What a network looks like, without its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Number of spins.
    pub sites: usize,
    /// Units and function of each hidden layer, at least one.
    pub layers: Vec<(usize, Activation)>,
    /// Whether real parameters have a second output for the phase; without effect on complex ones,
    /// which always have it.
    pub phase: bool,
    /// Whether there are biases a of the spins.
    pub visible_bias: bool,
    /// Whether there are biases b of the units.
    pub hidden_bias: bool,
    /// Whether the output weights c are parameters; otherwise all of them are 1, and there is one
    /// output.
    pub output_weights: bool,
}

impl Shape {
    /// Inputs of layer `l`.
    fn fan_in(&self, l: usize) -> usize {
        if l == 0 {
            self.sites
        } else {
            self.layers[l - 1].0
        }
    }
    /// Units of the last layer.
    fn last(&self) -> usize {
        self.layers.last().map_or(self.sites, |layer| layer.0)
    }
    /// Rows of a and c.
    fn outputs<T: Field>(&self) -> usize {
        if self.phase && !T::COMPLEX { 2 } else { 1 }
    }
    /// Where each block of parameters starts, in numbers of type `T`.
    fn places<T: Field>(&self) -> Places {
        let mut end = 0;
        let mut take = |wanted: bool, count: usize| {
            let start = end;
            end += if wanted { count } else { 0 };
            start
        };
        let a = take(self.visible_bias, self.outputs::<T>() * self.sites);
        let layers = (0..self.layers.len()).map(|l| {
            let units = self.layers[l].0;
            (
                take(self.hidden_bias, units),
                take(true, self.fan_in(l) * units),
            )
        });
        let layers = layers.collect();
        let c = take(self.output_weights, self.outputs::<T>() * self.last());
        Places { a, layers, c, end }
    }
}

/// Where the blocks of parameters start: a, (b, W) of each layer, c, and the end.
#[derive(Debug, Clone)]
struct Places {
    a: usize,
    layers: Vec<(usize, usize)>,
    c: usize,
    end: usize,
}

/// A wave function of dense layers with real or complex parameters. The layers are evaluated in the
/// precision of `R`, `f32` or `f64`; parameters, ln ψ and ratios have double precision.
#[derive(Debug, Clone)]
pub struct Feedforward<T, R = f64> {
    shape: Shape,
    places: Places,
    values: Vec<T>,
    tables: FeedforwardTables<R>,
    simd: Simd,
}

impl<T: Field, R: Elementary> Feedforward<T, R> {
    /// Gaussian parameters. Weights have the standard deviation [`Activation::gain`]/√(fan-in), so
    /// that signals keep their size. What multiplies the output (c, or the last layer where c is
    /// not a parameter) and all biases have a tenth of that, so that ψ starts almost uniform;
    /// imaginary parts have a tenth of the real ones, away from the zeros of cosh. All times
    /// `init`.
    pub fn new(shape: Shape, init: f64, seed: impl Into<Origin>) -> Self {
        let mut rng = seed.into().parameters();
        let mut draw = |count: usize, sd: f64| {
            let values = gaussian::<T>(count, init * sd, &mut rng);
            values
                .into_iter()
                .map(|z| T::new(z.complex().re, 0.1 * z.complex().im))
                .collect::<Vec<T>>()
        };
        let (places, outputs) = (shape.places::<T>(), shape.outputs::<T>());
        let mut values = Vec::with_capacity(places.end);
        if shape.visible_bias {
            values.extend(draw(
                outputs * shape.sites,
                0.1 / (shape.sites as f64).sqrt(),
            ));
        }
        for (l, &(units, g)) in shape.layers.iter().enumerate() {
            let to_output = l + 1 == shape.layers.len() && !shape.output_weights;
            let sd = g.gain() / (shape.fan_in(l) as f64).sqrt() * if to_output { 0.1 } else { 1.0 };
            if shape.hidden_bias {
                values.extend(draw(units, 0.1 * sd));
            }
            values.extend(draw(shape.fan_in(l) * units, sd));
        }
        if shape.output_weights {
            values.extend(draw(
                outputs * shape.last(),
                0.1 / (shape.last() as f64).sqrt(),
            ));
        }
        let tables = FeedforwardTables::new::<T>(&shape);
        let mut network = Feedforward {
            shape,
            places,
            values,
            tables,
            simd: Simd::chosen(),
        };
        network.tabulate();
        network
    }

    /// The same wave function evaluated with other instructions, one of [`Simd::available`].
    pub fn with_simd(mut self, simd: Simd) -> Self {
        self.simd = simd;
        self
    }
}

impl<T: Field, R: Elementary> Ansatz for Feedforward<T, R> {
    type Batch = FeedforwardBatch<R>;
    type Scratch = FeedforwardScratch<R>;

    fn sites(&self) -> usize {
        self.shape.sites
    }
    fn layout(&self) -> Vec<Block> {
        let (shape, outputs) = (&self.shape, self.shape.outputs::<T>());
        let block = |name: String, shape| Block::new(name, shape, T::COMPLEX);
        let rows = |count| {
            if outputs == 1 {
                vec![count]
            } else {
                vec![outputs, count]
            }
        };
        let mut blocks = Vec::new();
        if shape.visible_bias {
            blocks.push(block("a".into(), rows(shape.sites)));
        }
        for (l, &(units, _)) in shape.layers.iter().enumerate() {
            if shape.hidden_bias {
                blocks.push(block(format!("b{}", l + 1), vec![units]));
            }
            blocks.push(block(format!("W{}", l + 1), vec![shape.fan_in(l), units]));
        }
        if shape.output_weights {
            blocks.push(block("c".into(), rows(shape.last())));
        }
        blocks
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.values.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.places.end)?;
        self.values = unflatten(parameters);
        self.tabulate();
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let phase = self.shape.outputs::<T>() == 2;
        let layers = 1..self.shape.layers.len();
        let products = layers.map(|l| self.shape.fan_in(l) * self.shape.layers[l].0);
        let rows = self.shape.outputs::<T>() * self.shape.last();
        AnsatzFacts {
            kind: if phase { Kind::Stacked } else { T::kind() },
            precision: super::precision::<R>(),
            positive: !phase && !T::COMPLEX,
            bytes_per_walker: self.bytes_per_walker(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            // A complex multiplication takes four real ones.
            operations: (2 * T::PARTS.pow(2) * (products.sum::<usize>() + rows)) as f64,
        }
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let mut batch = FeedforwardBatch::new(xs, xs.len() / self.shape.sites, &self.tables);
        self.rebuild(&mut batch);
        batch
    }

    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.log_psi.clone()
    }

    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        scratch.fit(&self.tables);
        for (first, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
            for (row, at) in (first..first + out.len()).enumerate() {
                let (k, step) = asks.get(at);
                scratch.ask(row, &self.tables, batch, k, step);
            }
            self.log_amplitudes(scratch, out);
            for (at, out) in (first..).zip(out) {
                let (k, step) = asks.get(at);
                let unchanged = step.is_empty();
                *out = if unchanged {
                    Complex64::ONE
                } else {
                    ratio_from_log(*out - batch.log_psi[k])
                };
            }
        }
        keep(&mut scratch.ratios, out, batch.log_psi.len());
    }

    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        for (at, (k, step)) in asks.iter().enumerate().filter(|(at, _)| taken[*at]) {
            let ratio = scratch.ratios[at];
            self.tables.move_on(batch, k, step);
            batch.accepted[k] = (batch.accepted[k] + 1) % REFRESH;
            if batch.accepted[k] == 0 || !(1e-100..1e100).contains(&ratio.norm()) {
                self.refresh(batch, k, scratch);
            } else {
                batch.log_psi[k] = reduce(batch.log_psi[k] + ratio.ln());
            }
        }
    }

    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        if self.facts().kind == Kind::Real {
            self.log_derivatives::<f64>(batch)
        } else {
            self.log_derivatives::<Complex64>(batch)
        }
    }
}
