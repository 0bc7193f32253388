//! Decides how a network is evaluated: rows of many walkers at once, layer by layer.
//!
//! Weights, pre-activations and activations are numbers of the type `R`, in single or double
//! precision. Spins are exact in both. What follows the last layer, Σ_i a_i σ_i + Σ_k c_k x^L_k, is
//! summed in double precision, and so is everything after it.

use super::Feedforward;
use super::activation::Order;
use super::tables::{FeedforwardTables, numbers};
use crate::ansatz::Move;
use crate::ansatz::field::{Field, reduce};
use crate::linalg::functions::Elementary;
use crate::linalg::panels::Panels;
use crate::number::Real;
use num_complex::Complex64;

/// Questions evaluated at once: the activations of a block stay in cache.
pub const BLOCK: usize = 64;

/// What a batch of walkers keeps.
#[derive(Debug)]
pub struct FeedforwardBatch<R> {
    /// Spins.
    pub x: Vec<i8>,
    /// θ¹, one padded row per walker.
    pub rows: Vec<R>,
    /// Σ_i a_i σ_i of each walker, for Re ln ψ and Im ln ψ.
    pub visible: Vec<[f64; 2]>,
    /// ln ψ.
    pub log_psi: Vec<Complex64>,
    /// Accepted moves since the walker was computed afresh.
    pub accepted: Vec<u32>,
}

/// The last ratios, rows of first-layer pre-activations of one block of questions, and activations
/// on their way through the layers.
#[derive(Debug, Default)]
pub struct FeedforwardScratch<R = f64> {
    pub(super) ratios: Vec<Complex64>,
    rows: Vec<R>,
    visible: Vec<[f64; 2]>,
    one: Vec<R>,
    other: Vec<R>,
    spins: Vec<R>,
    last: Vec<f64>,
    sums: Vec<f64>,
}

impl<R: Real> FeedforwardScratch<R> {
    /// Makes room for a block of walkers or questions.
    pub(super) fn fit(&mut self, tables: &FeedforwardTables<R>) {
        let widest = tables
            .inner
            .iter()
            .map(Panels::stride)
            .chain([tables.first.stride()])
            .max();
        for room in [&mut self.one, &mut self.other] {
            room.resize(BLOCK * widest.unwrap_or(0), R::default());
        }
        self.rows
            .resize(BLOCK * tables.first.stride(), R::default());
        self.visible.resize(BLOCK, [0.0; 2]);
        self.sums.resize(BLOCK * tables.output.stride(), 0.0);
        self.spins.clear();
        self.spins.reserve(BLOCK * tables.sites);
    }
    /// Makes row `row` of a block that of walker `k` after a move.
    pub(super) fn ask(
        &mut self,
        row: usize,
        tables: &FeedforwardTables<R>,
        batch: &FeedforwardBatch<R>,
        k: usize,
        step: Move,
    ) {
        let stride = tables.first.stride();
        let out = &mut self.rows[row * stride..(row + 1) * stride];
        self.visible[row] = tables.moved(batch, k, step, out);
    }
}

impl<R: Real> FeedforwardBatch<R> {
    /// Walkers with spins `xs` and all else to be filled in.
    pub fn new(xs: &[i8], walkers: usize, tables: &FeedforwardTables<R>) -> Self {
        FeedforwardBatch {
            x: xs.to_vec(),
            rows: vec![R::default(); walkers * tables.first.stride()],
            visible: vec![[0.0; 2]; walkers],
            log_psi: vec![Complex64::ZERO; walkers],
            accepted: vec![0; walkers],
        }
    }
}

impl<T: Field, R: Elementary> Feedforward<T, R> {
    /// Bytes of a walker in a batch.
    pub(super) fn bytes_per_walker(&self) -> usize {
        self.shape.sites
            + self.tables.first.stride() * size_of::<R>()
            + size_of::<[f64; 2]>()
            + size_of::<Complex64>()
            + size_of::<u32>()
    }

    /// Row and ln ψ of every walker from its spins.
    pub(super) fn rebuild(&self, batch: &mut FeedforwardBatch<R>) {
        let (n, stride) = (self.shape.sites, self.tables.first.stride());
        let scratch = &mut FeedforwardScratch::<R>::default();
        scratch.fit(&self.tables);
        let blocks = batch
            .x
            .chunks(BLOCK * n)
            .zip(batch.rows.chunks_mut(BLOCK * stride));
        let results = batch
            .visible
            .chunks_mut(BLOCK)
            .zip(batch.log_psi.chunks_mut(BLOCK));
        for ((x, rows), (visible, logs)) in blocks.zip(results) {
            self.evaluate(x, rows, visible, scratch, logs);
        }
    }

    /// Row, sum over visible biases and ln ψ of at most a block of configurations.
    fn evaluate(
        &self,
        x: &[i8],
        rows: &mut [R],
        visible: &mut [[f64; 2]],
        scratch: &mut FeedforwardScratch<R>,
        logs: &mut [Complex64],
    ) {
        let n = self.shape.sites;
        scratch.spins.clear();
        scratch
            .spins
            .extend(x.iter().map(|&s| R::from_f64(f64::from(s))));
        let first = &self.tables.first;
        first.multiply(self.simd, &scratch.spins, n, rows);
        scratch.rows[..rows.len()].copy_from_slice(rows);
        for (visible, x) in visible.iter_mut().zip(x.chunks_exact(n)) {
            *visible = self.tables.visible_sum(x);
        }
        scratch.visible[..visible.len()].copy_from_slice(visible);
        self.log_amplitudes(scratch, logs);
    }

    /// Row and ln ψ of walker `k` from its spins.
    pub(super) fn refresh(
        &self,
        batch: &mut FeedforwardBatch<R>,
        k: usize,
        scratch: &mut FeedforwardScratch<R>,
    ) {
        let (n, stride) = (self.shape.sites, self.tables.first.stride());
        self.evaluate(
            &batch.x[k * n..(k + 1) * n],
            &mut batch.rows[k * stride..(k + 1) * stride],
            &mut batch.visible[k..=k],
            scratch,
            &mut batch.log_psi[k..=k],
        );
    }

    /// ln ψ of the first `out.len()` rows of `scratch`.
    pub(super) fn log_amplitudes(
        &self,
        scratch: &mut FeedforwardScratch<R>,
        out: &mut [Complex64],
    ) {
        let (tables, count) = (&self.tables, out.len());
        let FeedforwardScratch {
            rows,
            visible,
            one,
            other,
            last,
            sums,
            ..
        } = scratch;
        let first = tables.first.stride();
        let mut stride = first;
        self.activate(
            0,
            Order::Value,
            rows,
            first,
            &mut one[..count * first],
            first,
        );
        for (l, panels) in tables.inner.iter().enumerate() {
            let next = panels.stride();
            panels.multiply(self.simd, one, stride, &mut other[..count * next]);
            self.activate(
                l + 1,
                Order::Value,
                other,
                next,
                &mut one[..count * next],
                next,
            );
            stride = next;
        }
        let output = &tables.output;
        let values = R::widened(&one[..count * stride], last);
        let sums = &mut sums[..count * output.stride()];
        output.multiply(self.simd, values, stride, sums);
        let rows = sums.chunks_exact(output.stride()).zip(visible);
        for (out, (sum, visible)) in out.iter_mut().zip(rows) {
            let phase = if output.width() == 2 {
                sum[1] + visible[1]
            } else {
                0.0
            };
            *out = reduce(Complex64::new(sum[0] + visible[0], phase));
        }
    }

    /// g or g' of layer `l` for as many rows as fit `out`; rows of θ have the length `from`, those
    /// of `out` the length `to`.
    pub(super) fn activate(
        &self,
        l: usize,
        order: Order,
        theta: &[R],
        from: usize,
        out: &mut [R],
        to: usize,
    ) {
        let (units, g) = self.shape.layers[l];
        let count = numbers::<T>(units);
        for (theta, out) in theta.chunks_exact(from).zip(out.chunks_exact_mut(to)) {
            g.apply::<T, R>(order, self.simd, &theta[..count], &mut out[..count]);
        }
    }

    /// The rows θ¹ of walkers from `first` on, and their stride.
    pub(super) fn pre_activations<'a>(
        &self,
        batch: &'a FeedforwardBatch<R>,
        first: usize,
        count: usize,
    ) -> (&'a [R], usize) {
        let stride = self.tables.first.stride();
        (
            &batch.rows[first * stride..(first + count) * stride],
            stride,
        )
    }
}
