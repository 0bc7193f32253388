//! Decides which inputs give wanted outputs: the initial value of a system, found by
//! back-propagation to the inputs.
//!
//! |f(x) − y|² is minimised by the quasi-Newton method of C. G. Broyden, R. Fletcher, D. Goldfarb
//! and D. F. Shanno (J. Nocedal, S. J. Wright, Numerical Optimization, Springer 2006, chapter 6),
//! in units of the deviations of the inputs, with steps that are short enough not to leave the
//! valley of the start.

use super::loss::Loss;
use super::training::NetworkTrainer;
use crate::linalg::vectors::dot;

/// Longest step, in deviations of the inputs.
const LONGEST: f64 = 0.3;
/// Share of the expected fall that a step has to bring (L. Armijo, Pac. J. Math. 16, 1 (1966)).
const ENOUGH: f64 = 1e-4;
/// Times a step is halved, at most.
const HALVINGS: usize = 40;

/// Where the search for inputs begins.
#[derive(Debug, Clone, PartialEq)]
pub struct InverseStart {
    /// Inputs to start from.
    pub inputs: Vec<f64>,
    /// The scale of each input, above 0.
    pub scales: Vec<f64>,
    /// Most steps.
    pub steps: usize,
}

impl NetworkTrainer {
    /// The squared distance of the outputs at `x` from `wanted`, mean over the outputs, with its
    /// derivative by the inputs, which is 0 of a network with a convolution.
    pub fn distance(&mut self, theta: &[f64], x: &[f64], wanted: &[f64]) -> (f64, Vec<f64>) {
        let outputs = self.network.forward(theta, x, &mut self.pass);
        let width = wanted.len().max(1);
        let distance = Loss::Squared.differentiate(outputs, wanted, width);
        self.gradient.fill(0.0);
        let (gradient, pass) = (&mut self.gradient, &mut self.pass);
        let back = self.network.backward(theta, x, pass, gradient, true);
        (distance, back.map_or(vec![0.0; x.len()], <[f64]>::to_vec))
    }

    /// Inputs whose outputs are nearest to `wanted` in the valley of the start, and the distance
    /// there, as [`NetworkTrainer::distance`].
    pub fn invert(
        &mut self,
        theta: &[f64],
        wanted: &[f64],
        start: &InverseStart,
    ) -> (Vec<f64>, f64) {
        let (mut x, n) = (start.inputs.clone(), start.inputs.len());
        let mut at = |x: &[f64]| {
            let (distance, mut slope) = self.distance(theta, x, wanted);
            slope
                .iter_mut()
                .zip(&start.scales)
                .for_each(|(g, s)| *g *= s);
            (distance, slope)
        };
        let (mut distance, mut slope) = at(&x);
        let mut inverse = identity(n);
        for _ in 0..start.steps {
            let mut step = times(&inverse, &slope, -1.0);
            if dot(&step, &slope) >= 0.0 {
                inverse = identity(n);
                step = slope.iter().map(|g| -g).collect();
            }
            let length = dot(&step, &step).sqrt();
            let shrink = if length > LONGEST {
                LONGEST / length
            } else {
                1.0
            };
            step.iter_mut().for_each(|s| *s *= shrink);
            let fall = dot(&step, &slope);
            let mut share = 1.0;
            let found = (0..HALVINGS).find_map(|_| {
                let pairs = x.iter().zip(&step).zip(&start.scales);
                let moved: Vec<f64> = pairs.map(|((x, d), s)| x + share * d * s).collect();
                let (new, new_slope) = at(&moved);
                let enough = new <= distance + ENOUGH * share * fall && new < distance;
                let found = enough.then_some((moved, new, new_slope, share));
                share *= 0.5;
                found
            });
            // Nothing falls any more: a minimum to rounding, or a plain.
            let Some((moved, new, new_slope, share)) = found else {
                break;
            };
            step.iter_mut().for_each(|s| *s *= share);
            let change: Vec<f64> = new_slope.iter().zip(&slope).map(|(a, b)| a - b).collect();
            update(&mut inverse, &step, &change);
            (x, distance, slope) = (moved, new, new_slope);
        }
        (x, distance)
    }
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n)
        .map(|k| f64::from(u8::from(k % (n + 1) == 0)))
        .collect()
}

fn times(a: &[f64], v: &[f64], factor: f64) -> Vec<f64> {
    a.chunks_exact(v.len().max(1))
        .map(|row| factor * dot(row, v))
        .collect()
}

/// The inverse second derivatives after a step and its change of the gradient; unchanged where the
/// curvature along the step is not positive.
fn update(inverse: &mut [f64], step: &[f64], change: &[f64]) {
    let curvature = dot(step, change);
    let size = dot(step, step).sqrt() * dot(change, change).sqrt();
    let positive = curvature > 1e-12 * size;
    if !positive {
        return;
    }
    let moved = times(inverse, change, 1.0);
    let both = (1.0 + dot(change, &moved) / curvature) / curvature;
    let n = step.len();
    for i in 0..n {
        for j in 0..n {
            let cross = step[i] * moved[j] + moved[i] * step[j];
            inverse[i * n + j] += both * step[i] * step[j] - cross / curvature;
        }
    }
}
