//! Decides the functions of single units, for rows of many configurations at once.
//!
//! selu(x) = λ x for x > 0 and λ α (eˣ − 1) below (G. Klambauer et al., NIPS 2017); s(x) =
//! 1/(1 + e^{−x}); gelu(x) = x (1 + tanh(c (x + a x³)))/2 with c = √(2/π), a = 0.044715 (D.
//! Hendrycks, K. Gimpel, arXiv:1606.08415); softsign(x) = x/(1 + |x|).

use crate::linalg::functions::{Elementary, exp};
use crate::linalg::simd::compiled_for_each_set;
use crate::number::Real;
use std::f64::consts::PI;

/// λ of SELU.
const SCALE: f64 = 1.0507009873554805;
/// λ α of SELU.
const FLOOR: f64 = SCALE * 1.6732632423543772;
/// √(2/π)
const GELU: f64 = 0.797_884_560_802_865_4;
/// The coefficient of x³ in GELU.
const CUBIC: f64 = 0.044715;

/// 1/(1 + e^{−x})
#[inline(always)]
pub(super) fn sigmoid_of<R: Elementary, const SET: u8>(x: R) -> R {
    let one = R::from_f64(1.0);
    one / (one + exp::<_, SET>(-x))
}

/// tanh x, to a few units of the last digit of 1.
#[inline(always)]
pub(super) fn tanh_of<R: Elementary, const SET: u8>(x: R) -> R {
    let (one, two) = (R::from_f64(1.0), R::from_f64(2.0));
    two / (one + exp::<_, SET>(-two * x)) - one
}

compiled_for_each_set! {
    /// Replaces x by selu(x).
    pub(super) fn selu<R: Elementary>(row: &mut [R]) = selu_body
}
#[inline(always)]
fn selu_body<R: Elementary, const SET: u8>(row: &mut [R]) {
    let [zero, one, scale, floor] = [0.0, 1.0, SCALE, FLOOR].map(R::from_f64);
    for x in row {
        let low = floor * (exp::<_, SET>(*x) - one);
        *x = if *x > zero { scale * *x } else { low };
    }
}

/// The derivative of SELU where its value is `y`.
pub(super) fn selu_slope<R: Real>(y: R) -> R {
    if y > R::default() {
        R::from_f64(SCALE)
    } else {
        y + R::from_f64(FLOOR)
    }
}

compiled_for_each_set! {
    /// Replaces x by s(x).
    pub(super) fn sigmoid<R: Elementary>(row: &mut [R]) = sigmoid_body
}
#[inline(always)]
fn sigmoid_body<R: Elementary, const SET: u8>(row: &mut [R]) {
    for x in row {
        *x = sigmoid_of::<_, SET>(*x);
    }
}

compiled_for_each_set! {
    /// Replaces x by tanh x.
    pub(super) fn tanh<R: Elementary>(row: &mut [R]) = tanh_body
}
#[inline(always)]
fn tanh_body<R: Elementary, const SET: u8>(row: &mut [R]) {
    for x in row {
        *x = tanh_of::<_, SET>(*x);
    }
}

compiled_for_each_set! {
    /// Replaces x by eˣ.
    pub(super) fn exponential<R: Elementary>(row: &mut [R]) = exponential_body
}
#[inline(always)]
fn exponential_body<R: Elementary, const SET: u8>(row: &mut [R]) {
    for x in row {
        *x = exp::<_, SET>(*x);
    }
}

compiled_for_each_set! {
    /// Replaces x by gelu(x).
    pub(super) fn gelu<R: Elementary>(row: &mut [R]) = gelu_body
}
#[inline(always)]
fn gelu_body<R: Elementary, const SET: u8>(row: &mut [R]) {
    let [one, half, scale, cubic] = [1.0, 0.5, GELU, CUBIC].map(R::from_f64);
    for x in row {
        let t = tanh_of::<_, SET>(scale * (*x + cubic * *x * *x * *x));
        *x = half * *x * (one + t);
    }
}

/// The derivative of GELU at x.
pub(super) fn gelu_slope<R: Real>(x: R) -> R {
    let x = x.to_f64();
    let t = (GELU * (x + CUBIC * x * x * x)).tanh();
    R::from_f64(0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU * (1.0 + 3.0 * CUBIC * x * x))
}

/// Replaces x by π softsign(x).
pub(super) fn angles<R: Real>(row: &mut [R]) {
    let (pi, one) = (R::from_f64(PI), R::from_f64(1.0));
    row.iter_mut().for_each(|x| *x = pi * *x / (one + x.abs()));
}

/// The derivative of π softsign where its value is `y`.
pub(super) fn angle_slope<R: Real>(y: R) -> R {
    let pi = R::from_f64(PI);
    let rest = R::from_f64(1.0) - y.abs() / pi;
    pi * rest * rest
}

/// ½ ln p and p of both spins from what a row of logits says.
#[derive(Clone, Copy)]
pub(super) struct Logits<'a> {
    /// u of up.
    pub up: &'a [f64],
    /// u of down.
    pub down: &'a [f64],
}

compiled_for_each_set! {
    /// ln p(up) of every column, p = softmax(2 u), to `out`, and ln p(down) to `other`.
    pub(super) fn log_probabilities(u: Logits, out: &mut [f64], other: &mut [f64])
        = log_probabilities_body
}
#[inline(always)]
fn log_probabilities_body<const SET: u8>(u: Logits, out: &mut [f64], other: &mut [f64]) {
    use crate::linalg::functions::ln;
    let rows = u.up.iter().zip(u.down).zip(out.iter_mut().zip(other));
    for ((a, b), (out, other)) in rows {
        let d = 2.0 * (a - b);
        let size = d.abs();
        let log = ln::<_, SET>(1.0 + exp::<_, SET>(-size));
        *out = -log - if d < 0.0 { size } else { 0.0 };
        *other = -log - if d < 0.0 { 0.0 } else { size };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::simd::Simd;

    #[test]
    fn slopes_are_differences() {
        let simd = Simd::chosen();
        let at = |f: fn(Simd, &mut [f64]), x: f64| {
            let mut row = [x; 8];
            f(simd, &mut row);
            row[0]
        };
        for x in [-2.7, -0.4, 0.3, 1.9, 3.1] {
            let slope = |f: fn(Simd, &mut [f64])| (at(f, x + 1e-5) - at(f, x - 1e-5)) / 2e-5;
            assert!((slope(gelu) - gelu_slope(x)).abs() < 1e-9);
            assert!((slope(selu) - selu_slope(at(selu, x))).abs() < 1e-9);
            let turned = |_: Simd, row: &mut [f64]| angles(row);
            assert!((slope(turned) - angle_slope(at(turned, x))).abs() < 1e-9);
            assert!((at(tanh, x) - x.tanh()).abs() < 1e-15);
            assert!((at(sigmoid, x) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-15);
            assert!((at(exponential, x) / x.exp() - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn probabilities_add_up_and_keep_their_small_parts() {
        let (up, down) = ([0.1, -3.0, 40.0, -500.0, 0.0, 0.2, 7.0, 1.0], [0.3; 8]);
        let (mut out, mut other) = ([0.0; 8], [0.0; 8]);
        let u = Logits {
            up: &up,
            down: &down,
        };
        log_probabilities(Simd::chosen(), u, &mut out, &mut other);
        for k in 0..8 {
            assert!((out[k].exp() + other[k].exp() - 1.0).abs() < 1e-12);
            assert!((out[k] - other[k] - 2.0 * (up[k] - down[k])).abs() < 1e-12 * 1000.0);
        }
    }
}
