//! Decides the sum over all positions, y_c = Σ_r x_{r,c}: from rows of a walker to one.

use super::{LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape};
use crate::linalg::functions::Elementary;
use crate::linalg::simd::Simd;

/// The sum over positions.
#[derive(Debug, Clone, Copy)]
pub struct PoolLayer;

impl<R: Elementary> RowLayer<R> for PoolLayer {
    fn parts(&self) -> Vec<LayerPart> {
        Vec::new()
    }
    fn set(&mut self, _parameters: &[f64]) {}
    fn output(&self, input: RowShape) -> RowShape {
        RowShape::padded(1, input.channels)
    }
    fn reads(&self) -> RowReads<'_> {
        RowReads::All
    }
    fn forward(&self, _simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        let stride = RowShape::padded(1, x.shape.channels).stride;
        for (k, y) in y.chunks_exact_mut(stride).enumerate() {
            y.fill(R::default());
            for row in x.walker(k).chunks_exact(x.shape.stride) {
                y.iter_mut().zip(row).for_each(|(y, &x)| *y += x);
            }
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
        let walkers = inputs
            .into_iter()
            .flat_map(|i| i.chunks_exact_mut(x.shape.size()));
        for (inputs, delta) in walkers.zip(deltas.rows()) {
            for row in inputs.chunks_exact_mut(x.shape.stride) {
                let width = row.len();
                row.copy_from_slice(&delta[..width]);
            }
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        input.size() as f64
    }
}
