//! Decides layers that mix positions and leave channels apart: depthwise convolutions and factored
//! attention.
//!
//! y_{r,c} = b_c + Σ_k x_{t(r,k),c} K_{k,c}. Attention whose weights depend on positions alone,
//! Σ_p J_{head(c), p−q} x_{p,c}, is the same with the window of the whole lattice, where the
//! channels of a head share their weights (R. Rende et al., Commun. Phys. 7, 260 (2024)). On the
//! way back ∂x_{r,c} = Σ_k δ_{t⁻¹(r,k),c} K_{k,c} and ∂K_{k,c} = Σ_r x_{t(r,k),c}
//! δ_{r,c}.

use super::{
    FirstValues, LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape, WindowTable,
};
use crate::linalg::functions::Elementary;
use crate::linalg::gathered::{GatheredRows, mix_gathered};
use crate::linalg::panels::{HALF, LANES, padded};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::linalg::windowed::Taps;
use crate::number::Real;
use std::sync::Arc;

/// A depthwise convolution.
#[derive(Debug)]
pub struct DepthwiseLayer<R> {
    window: Arc<WindowTable>,
    channels: usize,
    parts: Vec<LayerPart>,
    /// Parameter of K_{k,c}, row-major.
    places: Vec<u32>,
    /// K, a padded row for each tap.
    kernel: Vec<R>,
    /// b, a padded row.
    offset: Vec<R>,
    /// A padded row of zeros.
    nothing: Vec<R>,
}

impl<R: Elementary> DepthwiseLayer<R> {
    /// A convolution with K (taps, channels) and b (channels), under these names.
    pub fn convolution(
        names: (&str, &str),
        window: Arc<WindowTable>,
        channels: usize,
        start: FirstValues,
    ) -> Self {
        let taps = window.taps();
        let zero = FirstValues::Constant(0.0);
        let parts = vec![
            LayerPart::new(names.0, &[taps, channels], start),
            LayerPart::new(names.1, &[channels], zero),
        ];
        Self::new(window, channels, parts, |k, c| k * channels + c)
    }

    /// Attention by displacements with J (heads, taps), under this name; channels c of a head stand
    /// together.
    pub fn attention(
        name: &str,
        window: Arc<WindowTable>,
        (channels, heads): (usize, usize),
        start: FirstValues,
    ) -> Self {
        let taps = window.taps();
        let parts = vec![LayerPart::new(name, &[heads, taps], start)];
        let head = move |c: usize| c * heads / channels.max(1);
        Self::new(window, channels, parts, |k, c| head(c) * taps + k)
    }

    fn new(
        window: Arc<WindowTable>,
        channels: usize,
        parts: Vec<LayerPart>,
        place: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let taps = window.taps();
        let place = &place;
        let places = (0..taps).flat_map(|k| (0..channels).map(move |c| place(k, c) as u32));
        DepthwiseLayer {
            places: places.collect(),
            window,
            channels,
            parts,
            kernel: vec![R::default(); taps * padded(channels)],
            offset: vec![R::default(); padded(channels)],
            nothing: vec![R::default(); padded(channels)],
        }
    }
}

/// K and b, padded rows of so many channels.
struct Kernel<'a, R> {
    channels: usize,
    weights: &'a [R],
    offset: &'a [R],
}

impl<R> DepthwiseLayer<R> {
    fn with<'a>(&'a self, offset: &'a [R]) -> Kernel<'a, R> {
        Kernel {
            channels: self.channels,
            weights: &self.kernel,
            offset,
        }
    }
}

compiled_for_each_set! {
    /// Σ_k x_{t(r,k),c} K_{k,c} + b_c of rows with as many numbers as the offset.
    fn mix<R: Real>(
        taps: Taps, kernel: &Kernel<R>, x: &[R], stride: usize, y: &mut [R],
    ) = mix_body
}
compiled_for_each_set! {
    /// Σ_r x_{t(r,k),c} δ_{r,c} of one walker, padded rows.
    fn mix_gradient<R: Real>(
        taps: Taps, x: &[R], stride: usize, deltas: &[R], width: usize, out: &mut [R],
    ) = mix_gradient_body
}

#[inline(always)]
fn mix_body<R: Real, const SET: u8>(
    taps: Taps,
    kernel: &Kernel<R>,
    x: &[R],
    stride: usize,
    y: &mut [R],
) {
    let (width, positions) = (kernel.offset.len(), taps.positions);
    let walkers = x.chunks_exact(positions * stride);
    for (x, y) in walkers.zip(y.chunks_exact_mut(positions * width)) {
        for lane in (0..width).step_by(LANES) {
            // The last channels may be few.
            match kernel.channels - lane > HALF {
                true => mix_channels::<R, LANES, SET>(taps, kernel, (x, stride), lane, y),
                false => mix_channels::<R, HALF, SET>(taps, kernel, (x, stride), lane, y),
            }
        }
    }
}

/// COLUMNS channels of all positions of a walker.
#[inline(always)]
fn mix_channels<R: Real, const COLUMNS: usize, const SET: u8>(
    taps: Taps,
    kernel: &Kernel<R>,
    rows: (&[R], usize),
    lane: usize,
    y: &mut [R],
) {
    let (mut first, positions) = (0, taps.positions);
    // As many sums as there are registers for.
    while SET == Simd::Avx512 as u8 && first + 8 <= positions {
        mix_tile::<R, 8, COLUMNS, SET>(taps, kernel, rows, (first, lane), y);
        first += 8;
    }
    while SET != Simd::Portable as u8 && first + 2 <= positions {
        mix_tile::<R, 2, COLUMNS, SET>(taps, kernel, rows, (first, lane), y);
        first += 2;
    }
    while first < positions {
        mix_tile::<R, 1, COLUMNS, SET>(taps, kernel, rows, (first, lane), y);
        first += 1;
    }
}

/// COLUMNS channels of ROWS neighbouring positions.
#[inline(always)]
fn mix_tile<R: Real, const ROWS: usize, const COLUMNS: usize, const SET: u8>(
    taps: Taps,
    kernel: &Kernel<R>,
    (x, stride): (&[R], usize),
    (first, lane): (usize, usize),
    y: &mut [R],
) {
    let (width, offset) = (kernel.offset.len(), kernel.offset);
    let mut sums = [[R::default(); COLUMNS]; ROWS];
    sums.iter_mut()
        .for_each(|s| s.copy_from_slice(&offset[lane..lane + COLUMNS]));
    let tables = taps.table.chunks_exact(taps.positions);
    for (table, weights) in tables.zip(kernel.weights.chunks_exact(width)) {
        let (weights, from) = (
            weights[lane..].first_chunk::<COLUMNS>(),
            table[first..].first_chunk::<ROWS>(),
        );
        let (Some(&weights), Some(from)) = (weights, from) else {
            continue;
        };
        for r in 0..ROWS {
            let Some(&x) = x[from[r] as usize * stride + lane..].first_chunk::<COLUMNS>() else {
                continue;
            };
            for ((sum, x), w) in sums[r].iter_mut().zip(x).zip(weights) {
                *sum = multiply_add::<R, SET>(x, w, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        let y = &mut y[(first + r) * width + lane..][..LANES];
        y[..COLUMNS].copy_from_slice(sums);
        y[COLUMNS..].fill(R::default());
    }
}

#[inline(always)]
fn mix_gradient_body<R: Real, const SET: u8>(
    taps: Taps,
    x: &[R],
    stride: usize,
    deltas: &[R],
    width: usize,
    out: &mut [R],
) {
    let tables = taps.table.chunks_exact(taps.positions);
    for (table, out) in tables.zip(out.chunks_exact_mut(width)) {
        for (lane, out) in (0..width).step_by(LANES).zip(out.chunks_exact_mut(LANES)) {
            let mut sums = [R::default(); LANES];
            for (&from, delta) in table.iter().zip(deltas.chunks_exact(width)) {
                let x = x[from as usize * stride + lane..].first_chunk::<LANES>();
                let (Some(&x), Some(&delta)) = (x, delta[lane..].first_chunk::<LANES>()) else {
                    continue;
                };
                for ((sum, x), d) in sums.iter_mut().zip(x).zip(delta) {
                    *sum = multiply_add::<R, SET>(x, d, *sum);
                }
            }
            out.copy_from_slice(&sums);
        }
    }
}

impl<R: Elementary> RowLayer<R> for DepthwiseLayer<R> {
    fn parts(&self) -> Vec<LayerPart> {
        self.parts.clone()
    }
    fn set(&mut self, parameters: &[f64]) {
        let (weights, biases) = parameters.split_at(self.parts[0].len());
        let rows = self.kernel.chunks_exact_mut(padded(self.channels));
        for (row, places) in rows.zip(self.places.chunks_exact(self.channels)) {
            let entries = row.iter_mut().zip(places);
            entries.for_each(|(w, &at)| *w = R::from_f64(weights[at as usize]));
        }
        let offset = self.offset.iter_mut().zip(biases);
        offset.for_each(|(b, &value)| *b = R::from_f64(value));
    }
    fn output(&self, input: RowShape) -> RowShape {
        RowShape::padded(input.positions, self.channels)
    }
    fn reads(&self) -> RowReads<'_> {
        RowReads::Window(&self.window)
    }
    fn forward_gathered(&self, simd: Simd, x: GatheredRows<R>, y: &mut [R]) {
        mix_gathered(simd, x, &self.kernel, &self.offset, y);
    }
    fn forward(&self, simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        let (reads, stride) = (self.window.reads(), x.shape.stride);
        mix(simd, reads, &self.with(&self.offset), x.numbers, stride, y);
    }
    fn backward(
        &self,
        simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        let (width, weights) = (deltas.shape.stride, self.parts[0].len());
        let mut kernel = vec![R::default(); self.kernel.len()];
        for k in 0..deltas.walkers() {
            let (own, walker) = (deltas.walker(k), x.walker(k % x.walkers()));
            let reads = self.window.reads();
            mix_gradient(simd, reads, walker, x.shape.stride, own, width, &mut kernel);
            let (slopes, biases) = slopes.row(k).split_at_mut(weights);
            let rows = kernel.chunks_exact(width);
            for (row, places) in rows.zip(self.places.chunks_exact(self.channels)) {
                (places.iter().zip(row)).for_each(|(&at, &g)| slopes[at as usize] += g);
            }
            for row in own.chunks_exact(width) {
                biases.iter_mut().zip(row).for_each(|(b, &d)| *b += d);
            }
        }
        if let Some(inputs) = inputs {
            let (readers, numbers) = (self.window.readers(), deltas.numbers);
            let kernel = self.with(&self.nothing);
            mix(simd, readers, &kernel, numbers, width, inputs);
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        (input.positions * self.places.len()) as f64
    }
}
