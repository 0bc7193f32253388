//! Decides what a layer of a deep network is: rows in, rows out, a reverse pass, and named
//! parameters. A network composes layers and nothing else.
//!
//! Rows are (walker, position) with channels last, padded with zeros to whole vectors. A position
//! is a patch of cells of the lattice, or the only one after a sum over all. With δ = ∂ ln
//! ψ/∂y of the output, a layer gives ∂ ln ψ/∂x of its input and ∂ ln ψ/∂θ of its
//! parameters. Real and imaginary part of ln ψ are two δ of the same rows. What a layer writes of
//! a walker depends on that walker alone, bit for bit.

pub mod activation;
pub mod changed;
pub mod composition;
pub mod depthwise;
pub mod embed;
pub mod linear;
pub mod norm;
pub mod pool;
mod start;
#[cfg(test)]
mod tests;
mod transformed;
pub mod windows;

pub use activation::{ActivationLayer, Nonlinearity};
pub use changed::{ChangedRows, ChangedWork};
pub use composition::{Composition, Workspace};
pub use depthwise::DepthwiseLayer;
pub use embed::{EmbedLayer, PlaceLayer};
pub use linear::LinearLayer;
pub use norm::NormLayer;
pub use pool::PoolLayer;
pub use start::FirstValues;
pub use windows::{PatchGrid, WindowTable};

use crate::linalg::functions::Elementary;
use crate::linalg::gathered::GatheredRows;
use crate::linalg::panels::padded;
use crate::linalg::simd::Simd;

/// A named block of real parameters of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPart {
    /// Name, such as `W`; within a network the path of the layer comes before it.
    pub name: String,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// What it holds at first.
    pub start: FirstValues,
}

impl LayerPart {
    /// A block of parameters.
    pub fn new(name: &str, shape: &[usize], start: FirstValues) -> Self {
        LayerPart {
            name: name.into(),
            shape: shape.into(),
            start,
        }
    }
    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What rows of a walker are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowShape {
    /// Rows of a walker.
    pub positions: usize,
    /// Numbers of a row that count.
    pub channels: usize,
    /// Length of a row; the numbers behind those that count are zero.
    pub stride: usize,
}

impl RowShape {
    /// Padded rows.
    pub fn padded(positions: usize, channels: usize) -> Self {
        RowShape {
            positions,
            channels,
            stride: padded(channels),
        }
    }
    /// Rows without padding.
    pub fn plain(positions: usize, channels: usize) -> Self {
        RowShape {
            positions,
            channels,
            stride: channels,
        }
    }
    /// Numbers of a walker.
    pub fn size(&self) -> usize {
        self.positions * self.stride
    }
}

/// Rows of some walkers, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct LayerRows<'a, R> {
    /// What the rows of a walker are.
    pub shape: RowShape,
    /// All numbers.
    pub numbers: &'a [R],
}

impl<'a, R> LayerRows<'a, R> {
    /// Number of walkers.
    pub fn walkers(&self) -> usize {
        self.numbers.len() / self.shape.size().max(1)
    }
    /// The numbers of walker `k`.
    pub fn walker(&self, k: usize) -> &'a [R] {
        let size = self.shape.size();
        &self.numbers[k * size..(k + 1) * size]
    }
    /// All rows.
    pub fn rows(&self) -> std::slice::ChunksExact<'a, R> {
        self.numbers.chunks_exact(self.shape.stride)
    }
}

/// Where a layer writes ∂ ln ψ/∂θ: a row for each δ, that is for each part of ln ψ and each
/// walker.
#[derive(Debug)]
pub struct ParameterSlopes<'a, R> {
    /// All numbers of all rows.
    pub numbers: &'a mut [R],
    /// Length of a row.
    pub stride: usize,
    /// Where the parameters of this layer start in a row.
    pub first: usize,
    /// How many they are.
    pub count: usize,
}

impl<R> ParameterSlopes<'_, R> {
    /// The derivatives of row `k`, in the order of the layer's parts; zero before they are written.
    pub fn row(&mut self, k: usize) -> &mut [R] {
        let start = k * self.stride + self.first;
        &mut self.numbers[start..start + self.count]
    }
}

/// Which rows of its input a row of a layer's output depends on.
#[derive(Debug, Clone, Copy)]
pub enum RowReads<'a> {
    /// That of its own position.
    Own,
    /// Those of a window.
    Window(&'a WindowTable),
    /// All of them.
    All,
}

/// One layer of a network, in the precision of `R`.
pub trait RowLayer<R: Elementary>: std::fmt::Debug + Send + Sync {
    /// Its blocks of parameters, in the order of the flat vector.
    fn parts(&self) -> Vec<LayerPart>;
    /// Takes new parameters, as many as [`RowLayer::parts`] has.
    fn set(&mut self, parameters: &[f64]);
    /// Is told, before it takes parameters, that all rows of such an input are always evaluated at
    /// once: another algorithm may then be cheaper.
    fn evaluate_whole(&mut self, _input: RowShape) {}
    /// What its output rows are for these input rows.
    fn output(&self, input: RowShape) -> RowShape;
    /// Which rows of the input a row of the output depends on.
    fn reads(&self) -> RowReads<'_>;
    /// Writes output rows from what their windows read; of layers that have one.
    fn forward_gathered(&self, _simd: Simd, _x: GatheredRows<R>, _y: &mut [R]) {}
    /// Writes the output rows `y`, all numbers of them.
    fn forward(&self, simd: Simd, x: LayerRows<R>, y: &mut [R]);
    /// From the input `x` and δ of the output, one set of rows for each part of ln ψ: adds to the
    /// derivatives with respect to the parameters, which are zero before, and writes those with
    /// respect to the input where they are wanted.
    fn backward(
        &self,
        simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    );
    /// Multiply-adds of one walker, roughly.
    fn operations(&self, input: RowShape) -> f64;
}
