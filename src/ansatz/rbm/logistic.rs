//! Decides how p, r and ln cosh θ of many hidden units are computed from θ, and e^{4w} from the
//! weights.
//!
//! With z = ±θ so that Re z ≥ 0 and w = e^{−2z}: the larger of p = 1/(1+e^{2θ}) and r =
//! 1/(1+e^{−2θ}) is 1/(1+w), the other w/(1+w), and ln cosh θ = z + ln((1+w)/2).

use crate::linalg::functions::{Elementary, angle, exp, exp_moderate, ln, ln_mean, sin_cos};
use crate::linalg::simd::multiply_add;
use crate::number::Scalar;
use num_complex::Complex64;
use std::f64::consts::LN_2;

/// Real θ; `planes` are p and r.
#[inline(always)]
pub fn real<const SET: u8>(theta: &mut [f64], planes: &mut [f64]) {
    let count = theta.len();
    let (p, r) = planes.split_at_mut(count);
    let r = &mut r[..count];
    for j in 0..count {
        let x = theta[j];
        let w = exp_moderate::<_, SET>(-2.0 * x.abs());
        let large = 1.0 / (1.0 + w);
        let small = w * large;
        p[j] = if x < 0.0 { large } else { small };
        r[j] = if x < 0.0 { small } else { large };
        theta[j] = x.abs() + ln_mean::<_, SET>(w);
    }
}

/// Complex θ, real parts first; `planes` are Re p, Im p, Re r and Im r.
#[inline(always)]
pub fn complex<const SET: u8>(theta: &mut [f64], planes: &mut [f64]) {
    let count = theta.len() / 2;
    let (re, im) = theta.split_at_mut(count);
    let (p, r) = planes.split_at_mut(2 * count);
    let ((pr, pi), (rr, ri)) = (p.split_at_mut(count), r.split_at_mut(count));
    let (im, pi, rr, ri) = (
        &mut im[..count],
        &mut pi[..count],
        &mut rr[..count],
        &mut ri[..count],
    );
    // Not so for angles that are too large or not numbers; a test of the whole row keeps the loop
    // free of branches.
    if !im.iter().fold(true, |small, y| {
        small & (y.abs() < 0.5 * f64::LARGEST_ANGLE)
    }) {
        for j in 0..count {
            let theta = Complex64::new(re[j], im[j]);
            let ((p, r), log) = (theta.logistic(), theta.lncosh());
            (pr[j], pi[j], rr[j], ri[j], re[j], im[j]) = (p.re, p.im, r.re, r.im, log.re, log.im);
        }
        return;
    }
    for j in 0..count {
        let (x, y) = (re[j], im[j]);
        let turned = x < 0.0;
        let y = if turned { -y } else { y };
        let size = exp_moderate::<_, SET>(-2.0 * x.abs());
        let (sin, cos) = sin_cos::<_, SET>(2.0 * y);
        let (u, v) = (size * cos, -size * sin);
        let square = multiply_add::<_, SET>(1.0 + u, 1.0 + u, v * v);
        let inverse = 1.0 / square;
        let (a, b) = ((1.0 + u) * inverse, -v * inverse);
        let (c, d) = (u * a - v * b, u * b + v * a);
        (pr[j], pi[j]) = (if turned { a } else { c }, if turned { b } else { d });
        (rr[j], ri[j]) = (if turned { c } else { a }, if turned { d } else { b });
        re[j] = multiply_add::<_, SET>(0.5, ln::<_, SET>(square), x.abs() - LN_2);
        im[j] = y + angle::<_, SET>(v, 1.0 + u);
    }
}

/// e^{4w} of real w.
#[inline(always)]
pub fn real_growth<const SET: u8>(weights: &mut [f64]) {
    weights
        .iter_mut()
        .for_each(|w| *w = exp::<_, SET>(4.0 * *w));
}

/// e^{4w} of complex w, real parts first.
#[inline(always)]
pub fn complex_growth<const SET: u8>(weights: &mut [f64]) {
    let (re, im) = weights.split_at_mut(weights.len() / 2);
    if !im.iter().fold(true, |small, y| {
        small & (y.abs() < 0.25 * f64::LARGEST_ANGLE)
    }) {
        for (x, y) in re.iter_mut().zip(im) {
            let z = (4.0 * Complex64::new(*x, *y)).exp();
            (*x, *y) = (z.re, z.im);
        }
        return;
    }
    for (x, y) in re.iter_mut().zip(im) {
        let size = exp::<_, SET>(4.0 * *x);
        let (sin, cos) = sin_cos::<_, SET>(4.0 * *y);
        (*x, *y) = (size * cos, size * sin);
    }
}
