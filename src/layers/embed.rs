//! Decides the first layer of networks that know their positions, and how channels are joined.
//!
//! A row of E for every position and spin, y_{r,a} = E_{r,s,a} with s = 0 for up and 1 for down.
//! Channels of two values stand beside each other as the sum of two values with zeros elsewhere.

use super::{FirstValues, LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape};
use crate::linalg::functions::Elementary;
use crate::linalg::panels::padded;
use crate::linalg::simd::Simd;

/// From one spin of each position to channels.
#[derive(Debug, Clone)]
pub struct EmbedLayer<R> {
    positions: usize,
    channels: usize,
    /// E, row-major.
    rows: Vec<R>,
}

impl<R: Elementary> EmbedLayer<R> {
    /// E (positions, 2, channels).
    pub fn new(positions: usize, channels: usize) -> Self {
        EmbedLayer {
            positions,
            channels,
            rows: vec![R::default(); 2 * positions * channels],
        }
    }
    /// Where the row of position `r` begins.
    fn first(&self, r: usize, spin: R) -> usize {
        (2 * r + usize::from(spin < R::default())) * self.channels
    }
}

impl<R: Elementary> RowLayer<R> for EmbedLayer<R> {
    fn parts(&self) -> Vec<LayerPart> {
        let shape = [self.positions, 2, self.channels];
        vec![LayerPart::new("E", &shape, FirstValues::Normal(1.0))]
    }
    fn set(&mut self, parameters: &[f64]) {
        let rows = self.rows.iter_mut().zip(parameters);
        rows.for_each(|(row, &p)| *row = R::from_f64(p));
    }
    fn output(&self, input: RowShape) -> RowShape {
        RowShape::padded(input.positions, self.channels)
    }
    /// Rows on their own do not know their positions.
    fn reads(&self) -> RowReads<'_> {
        RowReads::All
    }
    fn forward(&self, _simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        let rows = y.chunks_exact_mut(padded(self.channels));
        for (at, (x, y)) in x.rows().zip(rows).enumerate() {
            let first = self.first(at % self.positions, x[0]);
            let (own, rest) = y.split_at_mut(self.channels);
            own.copy_from_slice(&self.rows[first..first + self.channels]);
            rest.fill(R::default());
        }
    }
    /// A spin has no derivative: those with respect to the input are zero.
    fn backward(
        &self,
        _simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        for k in 0..deltas.walkers() {
            let spins = x.walker(k % x.walkers()).chunks_exact(x.shape.stride);
            let rows = deltas.walker(k).chunks_exact(deltas.shape.stride);
            let slopes = slopes.row(k);
            for (r, (spin, delta)) in spins.zip(rows).enumerate() {
                let first = self.first(r, spin[0]);
                slopes[first..first + self.channels].copy_from_slice(&delta[..self.channels]);
            }
        }
        inputs
            .into_iter()
            .for_each(|inputs| inputs.fill(R::default()));
    }
    fn operations(&self, input: RowShape) -> f64 {
        (input.positions * self.channels) as f64
    }
}

/// The channels of the input from the number `first` on, zeros elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct PlaceLayer {
    /// Where the first channel of the input stands.
    pub first: usize,
    /// Number of channels of the output.
    pub channels: usize,
}

impl<R: Elementary> RowLayer<R> for PlaceLayer {
    fn parts(&self) -> Vec<LayerPart> {
        Vec::new()
    }
    fn set(&mut self, _parameters: &[f64]) {}
    fn output(&self, input: RowShape) -> RowShape {
        RowShape::padded(input.positions, self.channels)
    }
    fn reads(&self) -> RowReads<'_> {
        RowReads::Own
    }
    fn forward(&self, _simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        y.fill(R::default());
        let rows = y.chunks_exact_mut(padded(self.channels));
        let width = x.shape.channels;
        for (x, y) in x.rows().zip(rows) {
            y[self.first..self.first + width].copy_from_slice(&x[..width]);
        }
    }
    fn backward(
        &self,
        _simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        _slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        let Some(inputs) = inputs else { return };
        inputs.fill(R::default());
        let width = x.shape.channels;
        for (row, delta) in inputs.chunks_exact_mut(x.shape.stride).zip(deltas.rows()) {
            row[..width].copy_from_slice(&delta[self.first..self.first + width]);
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        input.size() as f64
    }
}
