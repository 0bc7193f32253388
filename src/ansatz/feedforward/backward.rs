//! Decides how log-derivatives are found: by back-propagation, for a block of walkers at once.
//!
//! With δˡ_j = ∂ ln ψ/∂θˡ_j: δ^L = c g'_L(θ^L) and δˡ⁻¹ = (δˡ (Wˡ)^T) g'_{l−1}(θˡ⁻¹), entry by entry. Then ∂ ln ψ/∂b^l = δˡ and
//! ∂ ln ψ/∂Wˡ_kj = xˡ⁻¹_k δˡ_j with x⁰ = σ. A second output is a second δ, and counts as the imaginary part.

use super::forward::{FeedforwardBatch, row_of};
use super::{BLOCK, Feedforward};
use crate::ansatz::field::Field;
use crate::ansatz::{Ansatz, Derivatives};
use ndarray::{Array2, ArrayViewMut1};

/// What a block of walkers leaves in each layer: rows of xˡ and of δˡ, the latter for one output after the other.
struct Trace {
    values: Vec<Vec<f64>>,
    signals: Vec<Vec<f64>>,
}

/// a b, entry by entry, of rows of `width` numbers.
fn times<T: Field>(a: &mut [f64], b: &[f64], width: usize) {
    for j in 0..width {
        if T::COMPLEX {
            let product = T::new(a[j], a[width + j]) * T::new(b[j], b[width + j]);
            (a[j], a[width + j]) = (product.complex().re, product.complex().im);
        } else {
            a[j] *= b[j];
        }
    }
}

impl<T: Field> Feedforward<T> {
    fn trace(&self, batch: &FeedforwardBatch, first: usize, count: usize) -> Trace {
        let (shape, outputs) = (&self.shape, self.shape.outputs::<T>());
        let mut values: Vec<Vec<f64>> = Vec::new();
        let mut slopes: Vec<Vec<f64>> = Vec::new();
        for (l, &(units, g)) in shape.layers.iter().enumerate() {
            let stride = row_of::<T>(units);
            let inner: Vec<f64>;
            let (theta, from) = if l == 0 {
                self.pre_activations(batch, first, count)
            } else {
                let mut product = vec![0.0; count * stride];
                self.tables.inner[l - 1].multiply(
                    self.simd,
                    &values[l - 1],
                    row_of::<T>(shape.fan_in(l)),
                    &mut product,
                );
                inner = product;
                (&inner[..], stride)
            };
            let mut x = vec![0.0; count * stride];
            self.activate(l, count, theta, from, &mut x, stride);
            values.push(x);
            let mut slope = vec![0.0; count * stride];
            for (theta, slope) in theta.chunks_exact(from).zip(slope.chunks_exact_mut(stride)) {
                g.slopes::<T>(theta, units, slope);
            }
            slopes.push(slope);
        }
        let last = shape.layers.len() - 1;
        let mut signals: Vec<Vec<f64>> = vec![Vec::new(); shape.layers.len()];
        for (l, &(units, _)) in shape.layers.iter().enumerate().rev() {
            let stride = row_of::<T>(units);
            let mut delta = vec![0.0; outputs * count * stride];
            if l == last {
                for (at, row) in delta.chunks_exact_mut(stride).enumerate() {
                    (0..units).for_each(|j| {
                        let c = self.output_weight(at / count, j).complex();
                        row[j] = c.re;
                        if T::COMPLEX {
                            row[units + j] = c.im;
                        }
                    });
                }
            } else {
                let next = row_of::<T>(shape.layers[l + 1].0);
                self.tables.back[l].multiply(self.simd, &signals[l + 1], next, &mut delta);
            }
            for (at, row) in delta.chunks_exact_mut(stride).enumerate() {
                times::<T>(row, &slopes[l][at % count * stride..], units);
            }
            signals[l] = delta;
        }
        Trace { values, signals }
    }

    /// c_k of an output.
    fn output_weight(&self, output: usize, k: usize) -> T {
        let at = self.places.c + output * self.shape.last() + k;
        if self.shape.output_weights { self.values[at] } else { T::new(1.0, 0.0) }
    }

    /// The log-derivatives as rows; `D` is complex if `T` is or there are two outputs.
    pub(super) fn rows<D: Field>(&self, batch: &FeedforwardBatch) -> Derivatives {
        let walkers = batch.log_psi.len();
        let mut rows = Array2::from_elem((walkers, self.places.end), D::new(0.0, 0.0));
        for first in (0..walkers).step_by(BLOCK) {
            let count = BLOCK.min(walkers - first);
            let trace = self.trace(batch, first, count);
            for k in 0..count {
                let spins = &batch.x[(first + k) * self.shape.sites..][..self.shape.sites];
                self.fill(&trace, k, count, spins, rows.row_mut(first + k));
            }
        }
        Derivatives::dense(self.kind(), D::matrix(rows))
    }

    /// Row `k` of a block of `count`.
    fn fill<D: Field>(&self, trace: &Trace, k: usize, count: usize, spins: &[i8], mut row: ArrayViewMut1<D>) {
        let (shape, places, outputs) = (&self.shape, &self.places, self.shape.outputs::<T>());
        let unit = |output: usize| if output == 0 { D::new(1.0, 0.0) } else { D::new(0.0, 1.0) };
        let entry = |rows: &[f64], k: usize, units: usize, j: usize| {
            let at = k * row_of::<T>(units) + j;
            D::new(rows[at], if T::COMPLEX { rows[at + units] } else { 0.0 })
        };
        let value = |l: usize, i: usize| match l {
            0 => D::new(f64::from(spins[i]), 0.0),
            _ => entry(&trace.values[l - 1], k, shape.fan_in(l), i),
        };
        for output in 0..if shape.visible_bias { outputs } else { 0 } {
            (0..shape.sites).for_each(|i| row[places.a + output * shape.sites + i] = value(0, i) * unit(output));
        }
        for (l, &(units, _)) in shape.layers.iter().enumerate() {
            let (b, w) = places.layers[l];
            for j in 0..units {
                let mut delta = entry(&trace.signals[l], k, units, j);
                if outputs == 2 {
                    delta += entry(&trace.signals[l], count + k, units, j) * unit(1);
                }
                if shape.hidden_bias {
                    row[b + j] = delta;
                }
                (0..shape.fan_in(l)).for_each(|i| row[w + i * units + j] = value(l, i) * delta);
            }
        }
        for output in 0..if shape.output_weights { outputs } else { 0 } {
            let l = shape.layers.len();
            (0..shape.last()).for_each(|i| row[places.c + output * shape.last() + i] = value(l, i) * unit(output));
        }
    }
}
