//! Decides Newton steps for a single layer with a softmax, whose objective is convex.
//!
//! H = Σ_rows w x xᵀ ⊗ (diag p − p pᵀ) + 2 λ on weights; x ends with 1. Adding the same
//! numbers to all classes changes nothing: a projector on these directions, of the size of H,
//! fixes them (D. Böhning, Ann. Inst. Stat. Math. 44, 197 (1992)).

use super::examples::TrainingSet;
use super::training::NetworkTrainer;
use super::{matrix, matrix_mut};
use crate::error::{Error, Result};
use crate::linalg::lapack::Lapack;
use crate::linalg::products::Op;
use ndarray::{Array2, s};

/// Most numbers of a network that Newton steps are made for.
pub const LARGEST_HESSIAN: usize = 5000;
/// The step has arrived where the objective would fall by less than this.
const ARRIVED: f64 = 1e-26;
/// Below this fall of the objective rounding hides whether it falls.
const ROUNDING: f64 = 1e-13;
/// A fall of the objective below this, beside 1 and the objective, is of the size of rounding.
const SMALL: f64 = 1e-11;
/// Times a step is halved, at most.
const HALVINGS: usize = 40;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewtonStep {
    /// The objective before it.
    pub objective: f64,
    /// Whether the minimum is reached to rounding.
    pub arrived: bool,
}

impl NetworkTrainer {
    /// One step, shortened until the objective falls; `theta` stays where it does not. Fails with
    /// `Error::Numerical` where the system cannot be solved or a number is not finite. The network
    /// has to be linear, and its loss the cross-entropy.
    pub fn newton(&mut self, theta: &mut [f64], examples: &TrainingSet) -> Result<NewtonStep> {
        let judged = self.judge(theta, examples);
        let mut hessian = self.hessian(theta, examples);
        let mut step = self.in_pairs(&judged.gradient);
        f64::factorise(&mut hessian).map_err(|_| separable())?;
        f64::solve_factorised(&hessian, &mut step)?;
        let step = self.in_blocks(&step);
        let fall: f64 = step.iter().zip(&judged.gradient).map(|(s, g)| s * g).sum();
        let objective = judged.objective;
        let small = SMALL * (1.0 + objective.abs());
        if !(objective.is_finite() && fall.is_finite()) {
            return Err(not_finite());
        }
        if fall < -small {
            return Err(separable());
        }
        if fall <= ARRIVED {
            let arrived = true;
            return Ok(NewtonStep { objective, arrived });
        }
        let mut length = 1.0;
        for _ in 0..HALVINGS {
            let moved: Vec<f64> = theta
                .iter()
                .zip(&step)
                .map(|(t, s)| t - length * s)
                .collect();
            let new = self.judge(&moved, examples).objective;
            if fall < ROUNDING || new <= objective - 1e-4 * length * fall {
                theta.copy_from_slice(&moved);
                return Ok(NewtonStep {
                    objective,
                    arrived: false,
                });
            }
            length *= 0.5;
        }
        Ok(NewtonStep {
            objective,
            arrived: fall < small,
        })
    }

    /// Weights and biases of a class beside each other: [class, input and 1].
    fn in_pairs(&self, flat: &[f64]) -> Vec<f64> {
        let (inputs, classes) = (self.network.inputs(), self.network.outputs());
        let (weights, biases) = flat.split_at(inputs * classes);
        let mut all = Vec::with_capacity(flat.len());
        for (k, bias) in biases.iter().enumerate() {
            all.extend_from_slice(&weights[k * inputs..(k + 1) * inputs]);
            all.push(*bias);
        }
        all
    }

    /// The inverse of [`NetworkTrainer::in_pairs`].
    fn in_blocks(&self, pairs: &[f64]) -> Vec<f64> {
        let width = self.network.inputs() + 1;
        let rows = || pairs.chunks_exact(width);
        let weights = rows().flat_map(|row| row[..width - 1].iter().copied());
        let biases = rows().map(|row| row[width - 1]);
        weights.chain(biases).collect()
    }

    /// The upper triangle of the second derivatives, in pairs.
    fn hessian(&mut self, theta: &[f64], examples: &TrainingSet) -> Array2<f64> {
        let (classes, width) = (self.network.outputs(), self.network.inputs() + 1);
        let order = classes * width;
        let mut hessian = Array2::<f64>::zeros((order, order));
        let rows = examples.inputs.len();
        let scale = 1.0 / rows.max(1) as f64;
        let chunk = (super::training::CHUNK / order.max(1)).max(1);
        let (mut ended, mut outer) = (Vec::new(), Vec::new());
        for start in (0..rows).step_by(chunk) {
            let part = start..(start + chunk).min(rows);
            examples.inputs.fill(part.clone(), &mut self.x);
            examples.targets.fill(part, &mut self.y);
            let outputs = self.network.forward(theta, &self.x, &mut self.pass);
            self.pace.loss.answer(outputs, classes);
            let weights: Vec<f64> = self
                .y
                .chunks_exact(classes)
                .map(|y| y.iter().sum())
                .collect();
            ended.clear();
            for row in self.x.chunks_exact(width - 1) {
                ended.extend_from_slice(row);
                ended.push(1.0);
            }
            outer.clear();
            let each = ended.chunks_exact(width).zip(outputs.chunks_exact(classes));
            for ((x, p), w) in each.zip(&weights) {
                let factor = (scale * w).sqrt();
                outer.extend(p.iter().flat_map(|p| x.iter().map(move |x| factor * p * x)));
            }
            let products = matrix(&outer, order);
            let all = hessian.view_mut();
            f64::gemm(-1.0, products, Op::Transpose, products, Op::Same, 1.0, all);
            for k in 0..classes {
                let mut scaled = ended.clone();
                let probabilities = outputs.iter().skip(k).step_by(classes);
                let rows = scaled
                    .chunks_exact_mut(width)
                    .zip(probabilities.zip(&weights));
                rows.for_each(|(x, (p, w))| x.iter_mut().for_each(|x| *x *= scale * w * p));
                let (from, to) = (k * width, (k + 1) * width);
                let block = hessian.slice_mut(s![from..to, from..to]);
                let (a, b) = (matrix_mut(&mut scaled, width), matrix(&ended, width));
                f64::gemm(1.0, a.view(), Op::Transpose, b, Op::Same, 1.0, block);
            }
        }
        self.settle(hessian)
    }

    /// Adds the penalty, and what fixes the directions that change nothing.
    fn settle(&self, mut hessian: Array2<f64>) -> Array2<f64> {
        let (classes, width) = (self.network.outputs(), self.network.inputs() + 1);
        for k in 0..classes * width {
            if k % width != width - 1 {
                hessian[(k, k)] += 2.0 * self.pace.l2;
            }
        }
        for f in 0..width {
            let places = || (0..classes).map(|k| k * width + f);
            let mean = places().map(|k| hessian[(k, k)]).sum::<f64>() / classes as f64;
            for a in places() {
                for b in places() {
                    hessian[(a, b)] += mean / classes as f64;
                }
            }
        }
        hessian
    }
}

fn not_finite() -> Error {
    Error::numerical(
        "the objective of the network, or its fall along a Newton step, is not finite",
        "use features of moderate size, a larger l2, or newton = false",
    )
}

fn separable() -> Error {
    Error::numerical(
        "the second derivatives of the network cannot be inverted: some classes are told apart \
         without error, or an input never changes",
        "use a larger l2, or newton = false",
    )
}
