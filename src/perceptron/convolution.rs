//! Decides what a convolution over the translations of a lattice does: every filter looks at every
//! translate of a window.
//!
//! y_{t f} = max(0, b_f + Σ_k K_{f k} x_{g_t(k)}), with the sites g_t(k) of the window moved by
//! translation t (Y. LeCun et al., Neural Comput. 1, 541 (1989)). It stands before all other
//! layers, so nothing is asked for the derivative by its inputs.

use super::dense::{UnitFunction, add_rows};
use super::{matrix, matrix_mut};
use crate::linalg::lapack::Lapack;
use crate::linalg::products::Op;

/// A first layer of filters with ReLU.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Inputs of the network, the sites of the lattice.
    pub inputs: usize,
    /// Sites of the window, moved by each translation: [translation, place in the window].
    pub windows: Vec<Vec<u32>>,
    /// Filters.
    pub filters: usize,
}

impl Convolution {
    /// Sites of the window.
    pub fn taps(&self) -> usize {
        self.windows.first().map_or(0, Vec::len)
    }

    /// Numbers that it gives for a configuration: [translation, filter].
    pub fn outputs(&self) -> usize {
        self.windows.len() * self.filters
    }

    pub(super) fn weights(&self) -> usize {
        self.filters * self.taps()
    }

    /// The windows of all rows below each other.
    fn patches(&self, x: &[f64], out: &mut Vec<f64>) {
        out.clear();
        for row in x.chunks_exact(self.inputs.max(1)) {
            for window in &self.windows {
                out.extend(window.iter().map(|&site| row[site as usize]));
            }
        }
    }

    pub(super) fn forward(
        &self,
        theta: &[f64],
        x: &[f64],
        patches: &mut Vec<f64>,
        out: &mut Vec<f64>,
    ) {
        let (kernel, bias) = theta.split_at(self.weights());
        self.patches(x, patches);
        out.clear();
        let rows = x.len() / self.inputs.max(1) * self.windows.len();
        (0..rows).for_each(|_| out.extend_from_slice(bias));
        let (p, k) = (matrix(patches, self.taps()), matrix(kernel, self.taps()));
        let y = matrix_mut(out, self.filters);
        f64::gemm(1.0, p, Op::Same, k, Op::Transpose, 1.0, y);
        UnitFunction::Relu.apply(out);
    }

    /// Adds to the gradient; `patches` are those that the way forward has left.
    pub(super) fn backward(
        &self,
        (patches, y): (&[f64], &[f64]),
        delta: &mut [f64],
        gradient: &mut [f64],
    ) {
        UnitFunction::Relu.pull_back(y, delta);
        let (of_kernel, of_bias) = gradient.split_at_mut(self.weights());
        let (d, p) = (matrix(delta, self.filters), matrix(patches, self.taps()));
        let out = matrix_mut(of_kernel, self.taps());
        f64::gemm(1.0, d, Op::Transpose, p, Op::Same, 1.0, out);
        add_rows(delta, of_bias);
    }
}
