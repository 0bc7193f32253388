//! Decides the exact minimum of squared errors of a single linear layer.
//!
//! W minimises Σ_rows |W x + b − y|². Columns are centred and have the length 1; the normal
//! equations are solved with the factor of LAPACK and corrected by their residuals (Å. Björck,
//! Numerical Methods for Least Squares Problems, SIAM 1996, sections 2.2 and 2.9).

use super::training::NetworkTrainer;
use super::{NetworkTargets, TrainingSet, matrix, matrix_mut};
use crate::error::Result;
use crate::linalg::lapack::Lapack;
use crate::linalg::products::Op;
use ndarray::Array2;

/// Corrections by residuals.
const CORRECTIONS: usize = 2;
/// Squared length, beside 1, of what a column adds to the others, below which it adds nothing.
const NOTHING: f64 = 1e-13;
/// Length, beside its mean, below which a column is constant.
const CONSTANT: f64 = 1e-13;

impl NetworkTrainer {
    /// Weights and biases at the minimum; `None` where they are not unique, since there are too few
    /// rows or columns of inputs depend on each other. The network has to be linear, the loss
    /// squared, the targets numbers.
    pub fn least_squares(&mut self, examples: &TrainingSet) -> Result<Option<Vec<f64>>> {
        let (inputs, outputs) = (self.network.inputs(), self.network.outputs());
        let rows = examples.inputs.len();
        if rows == 0 || !matches!(examples.targets, NetworkTargets::Numbers { .. }) {
            return Ok(None);
        }
        examples.inputs.fill(0..rows, &mut self.x);
        examples.targets.fill(0..rows, &mut self.y);
        let middle = centre(&mut self.x, inputs);
        let mean = centre(&mut self.y, outputs);
        let lengths = normalise(&mut self.x, inputs);
        let size = |mean: f64| CONSTANT * mean.abs() * (rows as f64).sqrt();
        if lengths.iter().zip(&middle).any(|(l, m)| *l <= size(*m)) {
            return Ok(None);
        }
        let x = matrix(&self.x, inputs);
        let mut normal = Array2::<f64>::zeros((inputs, inputs));
        f64::gemm(1.0, x, Op::Transpose, x, Op::Same, 0.0, normal.view_mut());
        let unique =
            f64::factorise(&mut normal).is_ok() && normal.diag().iter().all(|d| d * d > NOTHING);
        if !unique {
            return Ok(None);
        }
        let mut scaled = vec![0.0; outputs * inputs];
        let mut residual = self.y.clone();
        for _ in 0..=CORRECTIONS {
            let mut step = vec![0.0; outputs * inputs];
            let off = matrix(&residual, outputs);
            let sums = matrix_mut(&mut step, inputs);
            f64::gemm(1.0, off, Op::Transpose, x, Op::Same, 0.0, sums);
            for row in step.chunks_exact_mut(inputs) {
                f64::solve_factorised(&normal, row)?;
            }
            scaled.iter_mut().zip(&step).for_each(|(s, d)| *s += d);
            let (step, off) = (matrix(&step, inputs), matrix_mut(&mut residual, outputs));
            f64::gemm(-1.0, x, Op::Same, step, Op::Transpose, 1.0, off);
        }
        let mut theta = scaled;
        for row in theta.chunks_exact_mut(inputs) {
            row.iter_mut().zip(&lengths).for_each(|(w, l)| *w /= l);
        }
        let of_middle = |row: &[f64]| row.iter().zip(&middle).map(|(w, m)| w * m).sum::<f64>();
        let rows = theta.chunks_exact(inputs).zip(&mean);
        let biases: Vec<f64> = rows.map(|(row, mean)| mean - of_middle(row)).collect();
        theta.extend(biases);
        Ok(Some(theta))
    }
}

/// Subtracts from each column its mean; returns the means.
fn centre(values: &mut [f64], width: usize) -> Vec<f64> {
    let rows = values.len() / width.max(1);
    let mut mean = vec![0.0; width];
    super::dense::add_rows(values, &mut mean);
    mean.iter_mut().for_each(|m| *m /= rows.max(1) as f64);
    for row in values.chunks_exact_mut(width.max(1)) {
        row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
    }
    mean
}

/// Divides each column by its length; returns the lengths.
fn normalise(values: &mut [f64], width: usize) -> Vec<f64> {
    let length = |k: usize| {
        let column = values.iter().skip(k).step_by(width);
        column.map(|v| v * v).sum::<f64>().sqrt()
    };
    let lengths: Vec<f64> = (0..width).map(length).collect();
    for row in values.chunks_exact_mut(width.max(1)) {
        let pairs = row.iter_mut().zip(&lengths);
        pairs.filter(|(_, l)| **l > 0.0).for_each(|(v, l)| *v /= l);
    }
    lengths
}
