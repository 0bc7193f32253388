//! Decides what a dense layer does with rows of numbers, and how derivatives go back through it.

use super::{matrix, matrix_mut};
use crate::linalg::functions::exp;
use crate::linalg::lapack::Lapack;
use crate::linalg::products::Op;
use crate::linalg::simd::{Simd, compiled_for_each_set};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a unit does with its sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnitFunction {
    /// 1/(1 + e^−x)
    #[default]
    Sigmoid,
    /// max(0, x)
    Relu,
    /// tanh x
    Tanh,
}

impl UnitFunction {
    /// Replaces sums by what the units make of them.
    pub(super) fn apply(self, values: &mut [f64]) {
        match self {
            UnitFunction::Sigmoid => sigmoid(Simd::chosen(), values, 1.0),
            UnitFunction::Relu => values.iter_mut().for_each(|v| *v = v.max(0.0)),
            UnitFunction::Tanh => {
                sigmoid(Simd::chosen(), values, 2.0);
                values.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
            }
        }
    }

    /// Derivatives by outputs become those by sums; `outputs` are what the units gave.
    pub(super) fn pull_back(self, outputs: &[f64], delta: &mut [f64]) {
        let pairs = delta.iter_mut().zip(outputs);
        match self {
            UnitFunction::Sigmoid => pairs.for_each(|(d, y)| *d *= y * (1.0 - y)),
            UnitFunction::Relu => pairs.for_each(|(d, y)| *d *= f64::from(u8::from(*y > 0.0))),
            UnitFunction::Tanh => pairs.for_each(|(d, y)| *d *= 1.0 - y * y),
        }
    }
}

compiled_for_each_set! {
    fn sigmoid(values: &mut [f64], factor: f64) = sigmoid_body
}

#[inline(always)]
fn sigmoid_body<const SET: u8>(values: &mut [f64], factor: f64) {
    for v in values {
        *v = 1.0 / (1.0 + exp::<f64, SET>(-factor * *v));
    }
}

/// y = f(W x + b); W is [outputs, inputs] and b follows it in the flat vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// `None`: linear.
    pub activation: Option<UnitFunction>,
}

impl Dense {
    pub fn weights(&self) -> usize {
        self.inputs * self.outputs
    }

    /// Rows of outputs from rows of inputs.
    pub fn forward(&self, theta: &[f64], x: &[f64], out: &mut Vec<f64>) {
        let (weights, bias) = theta.split_at(self.weights());
        let rows = x.len() / self.inputs.max(1);
        out.clear();
        (0..rows).for_each(|_| out.extend_from_slice(bias));
        let (x, w) = (matrix(x, self.inputs), matrix(weights, self.inputs));
        let y = matrix_mut(out, self.outputs);
        f64::gemm(1.0, x, Op::Same, w, Op::Transpose, 1.0, y);
        if let Some(activation) = self.activation {
            activation.apply(out);
        }
    }

    /// Adds to the gradient; `delta` comes as the derivative by the outputs `y` and leaves as that
    /// by the sums. `back` gets the derivative by the inputs where it is wanted.
    pub fn backward(
        &self,
        theta: &[f64],
        (x, y): (&[f64], &[f64]),
        delta: &mut [f64],
        gradient: &mut [f64],
        back: Option<&mut Vec<f64>>,
    ) {
        if let Some(activation) = self.activation {
            activation.pull_back(y, delta);
        }
        let (of_weights, of_bias) = gradient.split_at_mut(self.weights());
        let d = matrix(delta, self.outputs);
        let out = matrix_mut(of_weights, self.inputs);
        f64::gemm(
            1.0,
            d,
            Op::Transpose,
            matrix(x, self.inputs),
            Op::Same,
            1.0,
            out,
        );
        add_rows(delta, of_bias);
        if let Some(back) = back {
            back.clear();
            back.resize(x.len(), 0.0);
            let w = matrix(&theta[..self.weights()], self.inputs);
            f64::gemm(
                1.0,
                d,
                Op::Same,
                w,
                Op::Same,
                0.0,
                matrix_mut(back, self.inputs),
            );
        }
    }
}

/// Adds all rows of `values` to `sum`.
pub(super) fn add_rows(values: &[f64], sum: &mut [f64]) {
    for row in values.chunks_exact(sum.len().max(1)) {
        sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
    }
}
