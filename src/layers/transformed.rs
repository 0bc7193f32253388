//! Decides how a convolution is done over frequencies, where that takes fewer operations.
//!
//! y_r = b + Σ_d x_{r+d} W_d becomes Y_k = b √N δ_{k,0} + X_k Ω_k with Ω_k = Σ_d exp(2πi k·d/L)
//! W_d. With Ω = A + iB, real and imaginary parts beside each other are one product with the real
//! matrix ((A, B), (−B, A)). On the way back ∂x is the same with the transposes. The numbers of
//! Ω are found in double precision.

use super::WindowTable;
use crate::linalg::fourier::FourierGrid;
use crate::linalg::functions::Elementary;
use crate::linalg::panels::{Panels, padded};
use crate::linalg::simd::Simd;
use std::ops::Range;

/// Walkers that are transformed before a frequency's matrix is read again.
const WALKERS: usize = 16;

/// Entries of the matrices that are found at once, which bounds the memory that this takes.
const ENTRIES: usize = 1024;

/// Time of an operation in that of one of a sum over taps, measured: blocks are small, and the
/// matrices of all frequencies do not stay in a cache.
const SLOWER: f64 = 3.0;

/// A convolution over frequencies.
#[derive(Debug)]
pub(super) struct TransformedProduct<R> {
    grid: FourierGrid<R>,
    exact: FourierGrid<f64>,
    inputs: usize,
    outputs: usize,
    /// The matrices of all frequencies, and their transposes.
    matrices: Vec<Panels<R>>,
    back: Vec<Panels<R>>,
}

impl<R: Elementary> TransformedProduct<R> {
    /// Of a window from `inputs` to `outputs` channels; `None` where the window is not on a grid,
    /// or where a sum over taps is cheaper.
    pub fn where_cheaper(window: &WindowTable, (inputs, outputs): (usize, usize)) -> Option<Self> {
        let all = TransformedProduct {
            grid: FourierGrid::new(window.extent()?),
            exact: FourierGrid::new(window.extent()?),
            inputs,
            outputs,
            matrices: Vec::new(),
            back: Vec::new(),
        };
        let taps = (window.taps() * inputs * padded(outputs) * all.grid.positions()) as f64;
        (SLOWER * all.operations() < taps).then_some(all)
    }

    /// Numbers that the matrices of both directions take.
    pub fn held(&self) -> f64 {
        let (inputs, outputs) = (self.inputs as f64, self.outputs as f64);
        let [padded_in, padded_out] = [self.inputs, self.outputs].map(|c| padded(c) as f64);
        let one = |complex: bool| match complex {
            true => {
                let forward = (padded_in + inputs) * 2.0 * padded_out;
                forward + (padded_out + outputs) * 2.0 * padded_in
            }
            false => inputs * padded_out + outputs * padded_in,
        };
        let all = self.grid.frequencies();
        all.map(|(_, complex)| one(complex)).sum()
    }

    /// Makes the matrices, of zeros.
    fn make_room(&mut self) {
        let zeros = |inputs: usize, outputs: usize| -> Vec<Panels<R>> {
            let of = |complex| match complex {
                true => Panels::zeros(padded(inputs) + inputs, padded(outputs) + outputs),
                false => Panels::zeros(inputs, outputs),
            };
            let all = self.grid.frequencies();
            all.map(|(_, complex)| of(complex)).collect()
        };
        let both = (
            zeros(self.inputs, self.outputs),
            zeros(self.outputs, self.inputs),
        );
        (self.matrices, self.back) = both;
    }

    /// Multiply-adds of one walker, those with padded columns too.
    pub fn operations(&self) -> f64 {
        let (inputs, outputs) = (padded(self.inputs), padded(self.outputs));
        let of = |complex| if complex { 4.0 } else { 1.0 } * (inputs * outputs) as f64;
        let products: f64 = self
            .grid
            .frequencies()
            .map(|(_, complex)| of(complex))
            .sum();
        products + self.grid.operations() * (inputs + outputs) as f64
    }

    /// Takes W_{k,i,o} of the taps of the window, and b_o.
    pub fn set(
        &mut self,
        window: &WindowTable,
        weight: impl Fn(usize) -> f64,
        bias: impl Fn(usize) -> f64,
    ) {
        if self.matrices.is_empty() {
            self.make_room();
        }
        let (count, n) = (self.inputs * self.outputs, self.exact.positions());
        for first in (0..count).step_by(ENTRIES) {
            self.set_entries(window, &weight, first..count.min(first + ENTRIES));
        }
        for o in 0..self.outputs {
            let offset = (n as f64).sqrt() * bias(o);
            self.matrices[0].set_offset(o, R::from_f64(offset));
        }
    }

    /// Sets some entries of Ω, o + outputs i, for all frequencies.
    fn set_entries(
        &mut self,
        window: &WindowTable,
        weight: impl Fn(usize) -> f64,
        entries: Range<usize>,
    ) {
        let (count, n) = (self.inputs * self.outputs, self.exact.positions());
        let stride = padded(entries.len());
        let mut rows = vec![0.0; n * stride];
        // The row that position 0 reads is the displacement of a tap.
        for (k, reads) in window.reads().table.chunks_exact(n).enumerate() {
            let row = &mut rows[reads[0] as usize * stride..][..entries.len()];
            let taken = entries.clone().map(|at| weight(k * count + at));
            row.iter_mut().zip(taken).for_each(|(w, value)| *w = value);
        }
        let (mut omega, mut room) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        (self.exact).forward(Simd::chosen(), stride, &rows, &mut omega, &mut room);
        let frequencies: Vec<_> = self.grid.frequencies().collect();
        for (number, (first, complex)) in frequencies.into_iter().enumerate() {
            let size = (n as f64 / if complex { 2.0 } else { 1.0 }).sqrt();
            let (re, im) = omega[first * stride..].split_at(stride);
            for (column, at) in entries.clone().enumerate() {
                let im = complex.then(|| -size * im[column]);
                self.set_entry(number, at, size * re[column], im);
            }
        }
    }

    /// Sets entry (i, o) of Ω_k, at = o + outputs i.
    fn set_entry(&mut self, number: usize, at: usize, re: f64, im: Option<f64>) {
        let (i, o) = (at / self.outputs, at % self.outputs);
        let (matrix, back) = (&mut self.matrices[number], &mut self.back[number]);
        let mut set = |i: usize, o: usize, value: f64| {
            matrix.set(i, o, R::from_f64(value));
            back.set(o, i, R::from_f64(value));
        };
        set(i, o, re);
        if let Some(im) = im {
            let (below, beside) = (padded(self.inputs) + i, padded(self.outputs) + o);
            set(below, beside, re);
            set(i, beside, im);
            set(below, o, -im);
        }
    }

    /// Writes b + Σ_d x_{r+d} W_d for every row r of whole walkers; rows of both are padded.
    pub fn forward(&self, simd: Simd, x: &[R], y: &mut [R]) {
        let strides = [padded(self.inputs), padded(self.outputs)];
        self.run(simd, &self.matrices, strides, x, y);
    }
    /// Writes ∂x from δ.
    pub fn backward(&self, simd: Simd, deltas: &[R], x: &mut [R]) {
        let strides = [padded(self.outputs), padded(self.inputs)];
        self.run(simd, &self.back, strides, deltas, x);
    }

    /// The product of the rows of each frequency with its matrix.
    fn run(
        &self,
        simd: Simd,
        matrices: &[Panels<R>],
        [from, to]: [usize; 2],
        x: &[R],
        y: &mut [R],
    ) {
        let n = self.grid.positions();
        let some = WALKERS.min(x.len() / (n * from)).max(1) * n;
        let [mut given, mut made] = [from, to].map(|stride| vec![R::default(); some * stride]);
        let mut room = vec![R::default(); n * from.max(to)];
        for (x, y) in x.chunks(some * from).zip(y.chunks_mut(some * to)) {
            let (given, made) = (&mut given[..x.len()], &mut made[..y.len()]);
            self.grid.forward(simd, from, x, given, &mut room);
            for (matrix, (first, _)) in matrices.iter().zip(self.grid.frequencies()) {
                let rows = (&given[first * from..], n * from);
                matrix.multiply_among(simd, rows, (&mut made[first * to..], n * to));
            }
            self.grid.back(simd, to, made, y, &mut room);
        }
    }
}
