//! Decides how log-derivatives are found: by back-propagation, for a block of walkers at once, and
//! kept in factors.
//!
//! With δˡ_j = ∂ ln ψ/∂θˡ_j: δ^L = c g'_L(θ^L) and δˡ⁻¹ = (δˡ (Wˡ)^T)
//! g'_{l−1}(θˡ⁻¹), entry by entry. Then ∂ ln ψ/∂b^l = δˡ and ∂ ln ψ/∂Wˡ_kj =
//! xˡ⁻¹_k δˡ_j with x⁰ = σ: samples × units numbers xˡ and δˡ are kept, and the
//! products never written out. They are computed in the precision `R` of the layers and kept in
//! double precision. A second output is a second δ, and counts as the imaginary part.

use super::activation::Order;
use super::forward::FeedforwardBatch;
use super::tables::{half, numbers};
use super::{BLOCK, Feedforward};
use crate::ansatz::field::Field;
use crate::ansatz::{Ansatz, Columns, Derivatives, Matrix};
use crate::linalg::functions::Elementary;
use crate::linalg::panels::padded;
use crate::number::Real;
use ndarray::{Array2, ArrayViewMut1};
use num_complex::Complex64;
use std::sync::Arc;

/// What a block of walkers leaves in a layer: rows of the length `stride`.
struct Layer<R> {
    units: usize,
    stride: usize,
    /// x
    values: Vec<R>,
    /// g'(θ)
    slopes: Vec<R>,
    /// δ, all walkers for the first output, then for the second.
    signals: Vec<R>,
}

/// a b, entry by entry, of two rows.
fn multiply<T: Field, R: Real>(a: &mut [R], b: &[R], units: usize) {
    if !T::COMPLEX {
        return a.iter_mut().zip(b).for_each(|(a, &b)| *a *= b);
    }
    let (a_re, a_im) = a.split_at_mut(half(units));
    let (b_re, b_im) = b.split_at(half(units));
    for ((x, y), (&u, &v)) in a_re.iter_mut().zip(a_im).zip(b_re.iter().zip(b_im)) {
        (*x, *y) = (*x * u - *y * v, *x * v + *y * u);
    }
}

/// Writes the values of walker `k` of a block in double precision.
fn write_values<T: Field, R: Real>(layer: &Layer<R>, k: usize, mut out: ArrayViewMut1<T>) {
    let imaginary = half(layer.units);
    for (j, x) in out.iter_mut().enumerate() {
        let at = k * layer.stride + j;
        let im = if T::COMPLEX {
            layer.values[at + imaginary].to_f64()
        } else {
            0.0
        };
        *x = T::new(layer.values[at].to_f64(), im);
    }
}

/// Writes the signals of walker `k` of a block in double precision; imaginary parts stand `second`
/// numbers behind real parts.
fn write_signals<D: Field, R: Real>(
    layer: &Layer<R>,
    k: usize,
    second: usize,
    mut out: ArrayViewMut1<D>,
) {
    for (j, delta) in out.iter_mut().enumerate() {
        let at = k * layer.stride + j;
        *delta = D::new(
            layer.signals[at].to_f64(),
            layer.signals[at + second].to_f64(),
        );
    }
}

impl<T: Field, R: Elementary> Feedforward<T, R> {
    /// c of an output as a row.
    fn output_row(&self, output: usize) -> Vec<R> {
        let last = self.shape.last();
        let mut row = vec![R::default(); numbers::<T>(last)];
        for k in 0..last {
            let at = self.places.c + output * last + k;
            let c = if self.shape.output_weights {
                self.values[at].complex()
            } else {
                Complex64::ONE
            };
            row[k] = R::from_f64(c.re);
            if T::COMPLEX {
                row[half(last) + k] = R::from_f64(c.im);
            }
        }
        row
    }

    /// Fills `layers` with what `count` walkers from `first` on leave; `theta` is room for
    /// pre-activations.
    fn propagate(
        &self,
        batch: &FeedforwardBatch<R>,
        first: usize,
        count: usize,
        layers: &mut [Layer<R>],
        theta: &mut [R],
    ) {
        for l in 0..layers.len() {
            let (before, layer) = layers.split_at_mut(l);
            let layer = &mut layer[0];
            let (rows, from) = match before.last() {
                None => self.pre_activations(batch, first, count),
                Some(previous) => {
                    let product = &mut theta[..count * layer.stride];
                    self.tables.inner[l - 1].multiply(
                        self.simd,
                        &previous.values,
                        previous.stride,
                        product,
                    );
                    (&*product, layer.stride)
                }
            };
            let end = count * layer.stride;
            self.activate(
                l,
                Order::Value,
                rows,
                from,
                &mut layer.values[..end],
                layer.stride,
            );
            self.activate(
                l,
                Order::Slope,
                rows,
                from,
                &mut layer.slopes[..end],
                layer.stride,
            );
        }
        self.propagate_back(count, layers);
    }

    /// Fills the signals of `count` walkers, from the last layer to the first.
    fn propagate_back(&self, count: usize, layers: &mut [Layer<R>]) {
        let (last, outputs) = (layers.len() - 1, self.shape.outputs::<T>());
        for l in (0..layers.len()).rev() {
            let (before, after) = layers.split_at_mut(l + 1);
            let layer = &mut before[l];
            let signals = &mut layer.signals[..outputs * count * layer.stride];
            if l == last {
                for (output, rows) in signals.chunks_exact_mut(count * layer.stride).enumerate() {
                    let c = self.output_row(output);
                    rows.chunks_exact_mut(layer.stride)
                        .for_each(|row| row[..c.len()].copy_from_slice(&c));
                }
            } else {
                self.tables.back[l].multiply(
                    self.simd,
                    &after[0].signals,
                    after[0].stride,
                    signals,
                );
            }
            let width = numbers::<T>(layer.units);
            for (at, row) in signals.chunks_exact_mut(layer.stride).enumerate() {
                multiply::<T, R>(
                    &mut row[..width],
                    &layer.slopes[at % count * layer.stride..][..width],
                    layer.units,
                );
            }
        }
    }

    /// The log-derivatives; `D` is complex if `T` is or there are two outputs.
    pub(super) fn log_derivatives<D: Field>(&self, batch: &FeedforwardBatch<R>) -> Derivatives {
        let (shape, walkers, outputs) =
            (&self.shape, batch.log_psi.len(), self.shape.outputs::<T>());
        let room = BLOCK.min(walkers);
        let mut layers: Vec<Layer<R>> = (shape.layers.iter())
            .map(|&(units, _)| {
                let stride = padded(numbers::<T>(units));
                let rows = |count: usize| vec![R::default(); count * stride];
                Layer {
                    units,
                    stride,
                    values: rows(room),
                    slopes: rows(room),
                    signals: rows(outputs * room),
                }
            })
            .collect();
        let widest = layers.iter().map(|layer| layer.stride).max().unwrap_or(0);
        let mut theta = vec![R::default(); room * widest];
        let mut values: Vec<_> = layers
            .iter()
            .map(|l| Array2::from_elem((walkers, l.units), T::new(0.0, 0.0)))
            .collect();
        let mut signals: Vec<_> = layers
            .iter()
            .map(|l| Array2::from_elem((walkers, l.units), D::new(0.0, 0.0)))
            .collect();
        for first in (0..walkers).step_by(BLOCK) {
            let count = BLOCK.min(walkers - first);
            self.propagate(batch, first, count, &mut layers, &mut theta);
            for (layer, (values, signals)) in layers.iter().zip(values.iter_mut().zip(&mut signals))
            {
                let second = self.imaginary_signals(layer, count);
                for k in 0..count {
                    let row = values.row_mut(first + k);
                    write_values(layer, k, row);
                    let row = signals.row_mut(first + k);
                    write_signals(layer, k, second, row);
                }
            }
        }
        let spins = Array2::from_shape_fn((walkers, shape.sites), |(k, i)| {
            f64::from(batch.x[k * shape.sites + i])
        });
        let values: Vec<Arc<Matrix>> = std::iter::once(Matrix::Real(spins))
            .chain(values.into_iter().map(T::matrix))
            .map(Arc::new)
            .collect();
        Derivatives::new(
            self.facts().kind,
            walkers,
            self.blocks(&values, signals.into_iter().map(D::matrix)),
        )
    }

    /// How far behind the real part of a signal its imaginary part stands: in the same row, or in
    /// that of the second output.
    fn imaginary_signals(&self, layer: &Layer<R>, count: usize) -> usize {
        if T::COMPLEX {
            half(layer.units)
        } else {
            (self.shape.outputs::<T>() - 1) * count * layer.stride
        }
    }

    /// The columns, from the values of all layers (those of the spins first) and the signals of all
    /// but the spins.
    fn blocks(
        &self,
        values: &[Arc<Matrix>],
        signals: impl Iterator<Item = Matrix>,
    ) -> Vec<Columns> {
        let walkers = values[0].dim().0;
        // With two outputs, parameters that act on one of them have real columns for ln |ψ| and
        // imaginary ones for the phase.
        let units = Array2::from_shape_fn((walkers, 2), |(_, r)| {
            if r == 0 {
                Complex64::ONE
            } else {
                Complex64::i()
            }
        });
        let units = Arc::new(Matrix::Complex(units));
        let of_outputs = |x: &Arc<Matrix>| match self.shape.outputs::<T>() {
            1 => Columns::Dense(x.clone()),
            _ => Columns::Outer(units.clone(), x.clone()),
        };
        let mut blocks = Vec::new();
        if self.shape.visible_bias {
            blocks.push(of_outputs(&values[0]));
        }
        for (x, delta) in values.iter().zip(signals.map(Arc::new)) {
            if self.shape.hidden_bias {
                blocks.push(Columns::Dense(delta.clone()));
            }
            blocks.push(Columns::Outer(x.clone(), delta));
        }
        if let (true, Some(x)) = (self.shape.output_weights, values.last()) {
            blocks.push(of_outputs(x));
        }
        blocks
    }
}
