//! Decides the functions g that a dense layer applies to its pre-activations, and their derivatives.
//!
//! ln cosh θ and tanh θ, real or holomorphic; for real numbers also GELU, g(θ) = θ (1 + tanh u)/2 with
//! u = √(2/π) (θ + 0.044715 θ³) (D. Hendrycks, K. Gimpel, arXiv:1606.08415), and ReLU, g(θ) = max(θ, 0).

use crate::ansatz::field::Field;
use std::f64::consts::{FRAC_2_PI, SQRT_2};

/// The function of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// ln cosh θ, which makes a single layer a restricted Boltzmann machine.
    LnCosh,
    /// tanh θ
    Tanh,
    /// θ (1 + tanh u(θ))/2; real numbers only.
    Gelu,
    /// max(θ, 0); real numbers only.
    Relu,
}

const CUBIC: f64 = 0.044715;

impl Activation {
    /// All functions with their names in an input.
    pub const ALL: [(&str, Activation); 4] = [
        ("lncosh", Activation::LnCosh),
        ("tanh", Activation::Tanh),
        ("gelu", Activation::Gelu),
        ("relu", Activation::Relu),
    ];

    /// Whether the function has a derivative in the complex plane.
    pub fn is_holomorphic(self) -> bool {
        matches!(self, Activation::LnCosh | Activation::Tanh)
    }

    /// Standard deviation of the weights that keeps the size of signals from layer to layer, times √(fan-in).
    pub fn gain(self) -> f64 {
        match self {
            Activation::LnCosh | Activation::Tanh => 1.0,
            Activation::Gelu | Activation::Relu => SQRT_2,
        }
    }

    /// g(θ) of `width` numbers in split form (real parts, then imaginary parts where there are any).
    pub fn values<T: Field>(self, theta: &[f64], width: usize, out: &mut [f64]) {
        match self {
            Activation::LnCosh => each(theta, width, out, T::lncosh),
            Activation::Tanh => each(theta, width, out, tanh::<T>),
            Activation::Gelu => each(theta, width, out, |x: f64| x * gate(x).1),
            Activation::Relu => each(theta, width, out, |x: f64| x.max(0.0)),
        }
    }

    /// g'(θ), as [`Activation::values`].
    pub fn slopes<T: Field>(self, theta: &[f64], width: usize, out: &mut [f64]) {
        match self {
            Activation::LnCosh => each(theta, width, out, tanh::<T>),
            Activation::Tanh => each(theta, width, out, |z: T| {
                let (p, r) = z.logistic();
                p * r * 4.0
            }),
            Activation::Gelu => each(theta, width, out, |x: f64| {
                let (p, r) = gate(x);
                r + x * 2.0 * p * r * FRAC_2_PI.sqrt() * (1.0 + 3.0 * CUBIC * x * x)
            }),
            Activation::Relu => each(theta, width, out, |x: f64| if x > 0.0 { 1.0 } else { 0.0 }),
        }
    }
}

fn tanh<T: Field>(z: T) -> T {
    let (p, r) = z.logistic();
    r - p
}

/// (1 − tanh u)/2 and (1 + tanh u)/2 of GELU.
fn gate(x: f64) -> (f64, f64) {
    (FRAC_2_PI.sqrt() * (x + CUBIC * x * x * x)).logistic()
}

fn each<T: Field>(theta: &[f64], width: usize, out: &mut [f64], g: impl Fn(T) -> T) {
    for j in 0..width {
        let value = g(T::new(theta[j], if T::COMPLEX { theta[width + j] } else { 0.0 })).complex();
        out[j] = value.re;
        if T::COMPLEX {
            out[width + j] = value.im;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex64;

    #[test]
    fn slopes_are_derivatives() {
        for (name, g) in Activation::ALL {
            for x in [-30.0, -2.0, -0.4, 0.3, 1.5, 25.0] {
                let at = |x: f64| {
                    let mut out = [0.0];
                    g.values::<f64>(&[x], 1, &mut out);
                    out[0]
                };
                let mut slope = [0.0];
                g.slopes::<f64>(&[x], 1, &mut slope);
                let difference = (at(x + 1e-5) - at(x - 1e-5)) / 2e-5;
                assert!((slope[0] - difference).abs() < 1e-8, "{name} at {x}: {} {difference}", slope[0]);
            }
        }
    }

    #[test]
    fn holomorphic_slopes_are_derivatives_in_both_directions() {
        for (name, g) in Activation::ALL.into_iter().filter(|(_, g)| g.is_holomorphic()) {
            for z in [Complex64::new(0.3, 0.2), Complex64::new(-1.2, 0.9), Complex64::new(4.0, -2.0)] {
                let at = |z: Complex64| {
                    let mut out = [0.0; 2];
                    g.values::<Complex64>(&[z.re, z.im], 1, &mut out);
                    Complex64::new(out[0], out[1])
                };
                let mut slope = [0.0; 2];
                g.slopes::<Complex64>(&[z.re, z.im], 1, &mut slope);
                for step in [Complex64::new(1e-5, 0.0), Complex64::new(0.0, 1e-5)] {
                    let difference = (at(z + step) - at(z - step)) / (2.0 * step);
                    assert!((Complex64::new(slope[0], slope[1]) - difference).norm() < 1e-8, "{name} at {z}");
                }
            }
        }
    }
}
