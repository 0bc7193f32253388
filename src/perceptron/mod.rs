//! Decides how networks of dense layers are trained on one rank: exact gradients by
//! back-propagation, steps in batches, Newton steps or least squares for a single layer.
//!
//! a_l = f(W_l a_{l−1} + b_l), the last layer linear or of sigmoids; cross-entropy of a softmax,
//! squared or absolute errors, plus λ Σ W² (D. E. Rumelhart, G. E. Hinton, R. J. Williams, Nature
//! 323, 533 (1986)). The first layer may be a convolution over the translations of a lattice.
//! Numbers form one flat vector: [`Perceptron::blocks`] names its parts.

mod convolution;
mod dense;
pub mod examples;
mod inverse;
mod least_squares;
mod loss;
mod network;
mod newton;
mod training;

pub use convolution::Convolution;
pub use dense::UnitFunction;
pub use examples::{NetworkInputs, NetworkTargets, TrainingSet};
pub use inverse::InverseStart;
pub use loss::Loss;
pub use network::{ParameterBlock, Perceptron};
pub use newton::{LARGEST_HESSIAN, NewtonStep};
pub use training::{LearningPlan, LossGradient, NetworkTrainer};

use ndarray::{ArrayView2, ArrayViewMut2};

/// Numbers as a matrix of `columns` columns, row by row.
fn matrix(values: &[f64], columns: usize) -> ArrayView2<'_, f64> {
    let rows = values.len() / columns.max(1);
    ArrayView2::from_shape((rows, columns), values)
        .unwrap_or_else(|_| unreachable!("buffers hold whole rows"))
}

/// The same to be written to.
fn matrix_mut(values: &mut [f64], columns: usize) -> ArrayViewMut2<'_, f64> {
    let rows = values.len() / columns.max(1);
    ArrayViewMut2::from_shape((rows, columns), values)
        .unwrap_or_else(|_| unreachable!("buffers hold whole rows"))
}
