//! Decides the functions between linear layers, y = g(s x) with a fixed factor s, and their
//! derivatives.
//!
//! gelu x = x (1 + tanh u)/2 with u = √(2/π) (x + 0.044715 x³) (D. Hendrycks, K. Gimpel,
//! arXiv:1606.08415); selu x = l x for x > 0 and l A (eˣ − 1) below (G. Klambauer et al., NIPS
//! 2017); silu x = x/(1 + e^{−x}). With w = e^{−|v|}: 1/(1 + e^{−v}) is 1/(1 + w) or w/(1 +
//! w).

use super::{LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape};
use crate::linalg::functions::{Elementary, exp_moderate};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use std::f64::consts::FRAC_2_PI;

/// l of selu.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
/// A of selu.
const SELU_FLOOR: f64 = 1.673_263_242_354_377_2;
/// The factor of x³ in gelu.
const CUBIC: f64 = 0.044715;

/// A function of real numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// x (1 + tanh u(x))/2
    Gelu,
    /// Linear above zero, exponential below.
    Selu,
    /// x/(1 + e^{−x})
    Silu,
}

/// 1/(1 + e^{−v}) and 1/(1 + e^{v}).
#[inline(always)]
pub fn logistic<R: Elementary, const SET: u8>(v: R) -> (R, R) {
    let one = R::from_f64(1.0);
    let w = exp_moderate::<_, SET>(-v.abs());
    let large = one / (one + w);
    let small = w * large;
    if v < R::default() {
        (small, large)
    } else {
        (large, small)
    }
}

/// (1 + tanh u)/2 and (1 − tanh u)/2 of gelu.
#[inline(always)]
pub fn gelu_gate<R: Elementary, const SET: u8>(x: R) -> (R, R) {
    let slope = R::from_f64(2.0 * FRAC_2_PI.sqrt());
    logistic::<_, SET>(slope * multiply_add::<_, SET>(R::from_f64(CUBIC) * x * x, x, x))
}

/// d gelu/dx
#[inline(always)]
pub fn gelu_slope<R: Elementary, const SET: u8>(x: R) -> R {
    let ((r, p), number) = (gelu_gate::<_, SET>(x), R::from_f64);
    let inner = number(FRAC_2_PI.sqrt()) * (number(1.0) + number(3.0 * CUBIC) * x * x);
    r + x * number(2.0) * p * r * inner
}

compiled_for_each_set! {
    /// y = g(s x)
    fn values<R: Elementary>(g: Nonlinearity, scale: R, x: &[R], y: &mut [R]) = values_body
}
compiled_for_each_set! {
    /// out = δ s g'(s x)
    fn slopes<R: Elementary>(
        g: Nonlinearity, scale: R, x: &[R], deltas: &[R], out: &mut [R],
    ) = slopes_body
}

#[inline(always)]
fn values_body<R: Elementary, const SET: u8>(g: Nonlinearity, scale: R, x: &[R], y: &mut [R]) {
    let (zero, one, number) = (R::default(), R::from_f64(1.0), R::from_f64);
    let entries = y.iter_mut().zip(x);
    match g {
        Nonlinearity::Gelu => entries.for_each(|(y, &x)| {
            let x = scale * x;
            *y = x * gelu_gate::<_, SET>(x).0
        }),
        Nonlinearity::Silu => entries.for_each(|(y, &x)| {
            let x = scale * x;
            *y = x * logistic::<_, SET>(x).0
        }),
        Nonlinearity::Selu => {
            let (l, floor) = (number(SELU_SCALE), number(SELU_SCALE * SELU_FLOOR));
            entries.for_each(|(y, &x)| {
                let x = scale * x;
                let below = floor * (exp_moderate::<_, SET>(if x > zero { zero } else { x }) - one);
                *y = if x > zero { l * x } else { below }
            })
        }
    }
}

#[inline(always)]
fn slopes_body<R: Elementary, const SET: u8>(
    g: Nonlinearity,
    scale: R,
    x: &[R],
    deltas: &[R],
    out: &mut [R],
) {
    let (zero, number) = (R::default(), R::from_f64);
    let entries = out.iter_mut().zip(x.iter().zip(deltas));
    match g {
        Nonlinearity::Gelu => {
            entries.for_each(|(out, (&x, &d))| *out = d * scale * gelu_slope::<_, SET>(scale * x))
        }
        Nonlinearity::Silu => entries.for_each(|(out, (&x, &d))| {
            let x = scale * x;
            let (s, rest) = logistic::<_, SET>(x);
            *out = d * scale * multiply_add::<_, SET>(x * s, rest, s)
        }),
        Nonlinearity::Selu => {
            let (l, floor) = (number(SELU_SCALE), number(SELU_SCALE * SELU_FLOOR));
            entries.for_each(|(out, (&x, &d))| {
                let x = scale * x;
                let below = floor * exp_moderate::<_, SET>(if x > zero { zero } else { x });
                *out = d * scale * if x > zero { l } else { below }
            })
        }
    }
}

/// A function of every entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationLayer {
    /// g
    pub curve: Nonlinearity,
    /// s
    pub scale: f64,
}

impl ActivationLayer {
    /// g(x)
    pub fn new(curve: Nonlinearity) -> Self {
        ActivationLayer { curve, scale: 1.0 }
    }
}

impl<R: Elementary> RowLayer<R> for ActivationLayer {
    fn parts(&self) -> Vec<LayerPart> {
        Vec::new()
    }
    fn set(&mut self, _parameters: &[f64]) {}
    fn output(&self, input: RowShape) -> RowShape {
        input
    }
    fn reads(&self) -> RowReads<'_> {
        RowReads::Own
    }
    fn forward(&self, simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        values(simd, self.curve, R::from_f64(self.scale), x.numbers, y);
    }
    fn backward(
        &self,
        simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        _slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        let Some(inputs) = inputs else { return };
        let length = x.numbers.len();
        let parts = deltas.numbers.chunks_exact(length);
        for (deltas, inputs) in parts.zip(inputs.chunks_exact_mut(length)) {
            let scale = R::from_f64(self.scale);
            slopes(simd, self.curve, scale, x.numbers, deltas, inputs);
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        20.0 * input.size() as f64
    }
}
