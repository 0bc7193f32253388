//! Decides how real numbers that one rank fits move: down the gradient, or by steps of Adam with
//! the decays of its authors (D. P. Kingma, J. Ba, arXiv:1412.6980), as [`super::adam`] for the
//! sampled objective of all ranks.

use crate::linalg::simd::{Simd, compiled_for_each_set};

const BETA: [f64; 2] = [0.9, 0.999];
const FLOOR: f64 = 1e-8;

/// How steps follow the gradient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FitMethod {
    /// By its running mean over the root of that of its square.
    #[default]
    Adam,
    /// By the gradient itself.
    Sgd,
}

/// Numbers on their way, with the memory of Adam.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The numbers.
    pub theta: Vec<f64>,
    /// Running mean of the gradient.
    pub first: Vec<f64>,
    /// Running mean of its square.
    pub second: Vec<f64>,
    /// Powers of the two decays so far.
    pub decayed: [f64; 2],
}

impl Fit {
    /// Before the first step.
    pub fn new(theta: Vec<f64>) -> Self {
        Fit {
            first: vec![0.0; theta.len()],
            second: vec![0.0; theta.len()],
            decayed: [1.0; 2],
            theta,
        }
    }

    /// One step against the gradient.
    pub fn follow(&mut self, gradient: &[f64], method: FitMethod, rate: f64) {
        match method {
            FitMethod::Adam => self.step(gradient, rate),
            FitMethod::Sgd => {
                let pairs = self.theta.iter_mut().zip(gradient);
                pairs.for_each(|(theta, g)| *theta -= rate * g);
            }
        }
    }

    /// One step of Adam against the gradient.
    pub fn step(&mut self, gradient: &[f64], rate: f64) {
        for (power, beta) in self.decayed.iter_mut().zip(BETA) {
            *power *= beta;
        }
        let unbias = self.decayed.map(|power| 1.0 - power);
        adam(Simd::chosen(), self, gradient, rate, unbias);
    }
}

compiled_for_each_set! {
    fn adam(fit: &mut Fit, gradient: &[f64], rate: f64, unbias: [f64; 2]) = adam_body
}

#[inline(always)]
fn adam_body<const SET: u8>(fit: &mut Fit, gradient: &[f64], rate: f64, unbias: [f64; 2]) {
    let moments = fit.first.iter_mut().zip(&mut fit.second);
    for ((theta, g), (m, v)) in fit.theta.iter_mut().zip(gradient).zip(moments) {
        *m = BETA[0] * *m + (1.0 - BETA[0]) * g;
        *v = BETA[1] * *v + (1.0 - BETA[1]) * g * g;
        *theta -= rate * (*m / unbias[0]) / ((*v / unbias[1]).sqrt() + FLOOR);
    }
}
