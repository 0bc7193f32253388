//! Decides the functions g that a dense layer applies to its pre-activations, and their
//! derivatives.
//!
//! ln cosh θ and tanh θ, real or holomorphic; for real numbers also GELU, g(θ) = θ (1 + tanh
//! u)/2 with u = √(2/π) (θ + 0.044715 θ³) (D. Hendrycks, K. Gimpel, arXiv:1606.08415), and
//! ReLU, g(θ) = max(θ, 0). With w = e^{−2|θ|}, or e^{−2z} for z = ±θ with Re z ≥ 0: ln
//! cosh θ = z + ln((1 + w)/2), tanh z = (1 − w)/(1 + w), 1 − tanh² θ = 4 w/(1 + w)².

use crate::ansatz::field::{Field, Scalar};
use crate::layers::activation::{gelu_gate, gelu_slope};
use crate::linalg::functions::{Elementary, angle, exp_moderate as exp, ln, ln_mean, sin_cos};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use num_complex::Complex64;
use std::f64::consts::{LN_2, SQRT_2};

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

/// Whether g or its derivative is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// g(θ)
    Value,
    /// g'(θ)
    Slope,
}

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

    /// Standard deviation of the weights that keeps the size of signals from layer to layer, times
    /// √(fan-in).
    pub fn gain(self) -> f64 {
        match self {
            Activation::LnCosh | Activation::Tanh => 1.0,
            Activation::Gelu | Activation::Relu => SQRT_2,
        }
    }

    /// g or g' of a row: of all numbers, or for complex `T` of the numbers whose real and imaginary
    /// parts are its halves.
    pub fn apply<T: Field, R: Elementary>(
        self,
        order: Order,
        simd: Simd,
        theta: &[R],
        out: &mut [R],
    ) {
        if !T::COMPLEX {
            return real(simd, self, order, theta, out);
        }
        let (re, im) = theta.split_at(theta.len() / 2);
        let (out_re, out_im) = out.split_at_mut(theta.len() / 2);
        let largest = R::from_f64(0.5) * R::LARGEST_ANGLE;
        // Not so for angles that are too large or not numbers; a test of the whole row keeps the
        // loop free of branches.
        if im.iter().fold(true, |small, y| small & (y.abs() < largest)) {
            return complex(simd, self, order, re, im, out_re, out_im);
        }
        for j in 0..re.len() {
            let z = Complex64::new(re[j].to_f64(), im[j].to_f64());
            let value = match (self, order) {
                (Activation::LnCosh, Order::Value) => z.lncosh(),
                (Activation::Tanh, Order::Slope) => {
                    let (p, r) = z.logistic();
                    4.0 * p * r
                }
                _ => {
                    let (p, r) = z.logistic();
                    r - p
                }
            };
            (out_re[j], out_im[j]) = (R::from_f64(value.re), R::from_f64(value.im));
        }
    }
}

compiled_for_each_set! {
    fn real<R: Elementary>(g: Activation, order: Order, theta: &[R], out: &mut [R]) = real_body
}
compiled_for_each_set! {
    fn complex<R: Elementary>(
        g: Activation, order: Order, re: &[R], im: &[R], out_re: &mut [R], out_im: &mut [R],
    ) = complex_body
}

#[inline(always)]
fn each<R: Elementary>(theta: &[R], out: &mut [R], g: impl Fn(R) -> R) {
    out.iter_mut().zip(theta).for_each(|(out, &x)| *out = g(x));
}

#[inline(always)]
fn real_body<R: Elementary, const SET: u8>(
    g: Activation,
    order: Order,
    theta: &[R],
    out: &mut [R],
) {
    let number = R::from_f64;
    let (zero, one, two, four) = (number(0.0), number(1.0), number(2.0), number(4.0));
    match (g, order) {
        (Activation::LnCosh, Order::Value) => each(theta, out, |x| {
            x.abs() + ln_mean::<_, SET>(exp::<_, SET>(-two * x.abs()))
        }),
        (Activation::LnCosh, Order::Slope) | (Activation::Tanh, Order::Value) => {
            each(theta, out, |x| {
                let w = exp::<_, SET>(-two * x.abs());
                ((one - w) / (one + w)).copysign(x)
            })
        }
        (Activation::Tanh, Order::Slope) => each(theta, out, |x| {
            let w = exp::<_, SET>(-two * x.abs());
            four * w / ((one + w) * (one + w))
        }),
        (Activation::Gelu, Order::Value) => each(theta, out, |x| x * gelu_gate::<_, SET>(x).0),
        (Activation::Gelu, Order::Slope) => each(theta, out, gelu_slope::<_, SET>),
        (Activation::Relu, Order::Value) => each(theta, out, |x| if x < zero { zero } else { x }),
        (Activation::Relu, Order::Slope) => each(theta, out, |x| if x > zero { one } else { zero }),
    }
}

#[inline(always)]
fn complex_body<R: Elementary, const SET: u8>(
    g: Activation,
    order: Order,
    re: &[R],
    im: &[R],
    out_re: &mut [R],
    out_im: &mut [R],
) {
    let number = R::from_f64;
    let (zero, one, two, four) = (number(0.0), number(1.0), number(2.0), number(4.0));
    let count = re.len();
    let (im, out_re, out_im) = (&im[..count], &mut out_re[..count], &mut out_im[..count]);
    // z with Re z ≥ 0 and w = e^{−2z}.
    let turned = |x: R, y: R| {
        let y = if x < zero { -y } else { y };
        let size = exp::<_, SET>(-two * x.abs());
        let (sin, cos) = sin_cos::<_, SET>(two * y);
        (x.abs(), y, size * cos, -size * sin)
    };
    match (g, order) {
        (Activation::LnCosh, Order::Value) => {
            for j in 0..count {
                let (x, y, u, v) = turned(re[j], im[j]);
                let square = multiply_add::<_, SET>(one + u, one + u, v * v);
                let log = ln::<_, SET>(square);
                out_re[j] = multiply_add::<_, SET>(number(0.5), log, x - number(LN_2));
                out_im[j] = y + angle::<_, SET>(v, one + u);
            }
        }
        (Activation::Tanh, Order::Slope) => {
            for j in 0..count {
                let (_, _, u, v) = turned(re[j], im[j]);
                // 4 w (1 + w*)²/|1 + w|⁴
                let square = multiply_add::<_, SET>(one + u, one + u, v * v);
                let (a, b) = ((one + u) * (one + u) - v * v, -two * v * (one + u));
                let factor = four / (square * square);
                out_re[j] = factor * (u * a - v * b);
                out_im[j] = factor * (u * b + v * a);
            }
        }
        _ => {
            for j in 0..count {
                let (_, _, u, v) = turned(re[j], im[j]);
                // (1 − w)(1 + w*)/|1 + w|²
                let factor = one / multiply_add::<_, SET>(one + u, one + u, v * v);
                let factor = if re[j] < zero { -factor } else { factor };
                out_re[j] = factor * (one - u * u - v * v);
                out_im[j] = factor * (-two * v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_derivatives() {
        for (name, g) in Activation::ALL {
            for x in [-30.0, -2.0, -0.4, 0.3, 1.5, 25.0] {
                let at = |x: f64| {
                    let mut out = [0.0];
                    g.apply::<f64, f64>(Order::Value, Simd::Portable, &[x], &mut out);
                    out[0]
                };
                let mut slope = [0.0];
                g.apply::<f64, f64>(Order::Slope, Simd::Portable, &[x], &mut slope);
                let difference = (at(x + 1e-5) - at(x - 1e-5)) / 2e-5;
                assert!(
                    (slope[0] - difference).abs() < 1e-8,
                    "{name} at {x}: {} {difference}",
                    slope[0]
                );
            }
        }
    }

    #[test]
    fn holomorphic_slopes_are_derivatives_in_both_directions() {
        for (name, g) in Activation::ALL
            .into_iter()
            .filter(|(_, g)| g.is_holomorphic())
        {
            for z in [
                Complex64::new(0.3, 0.2),
                Complex64::new(-1.2, 0.9),
                Complex64::new(4.0, -2.0),
            ] {
                let at = |z: Complex64| {
                    let mut out = [0.0; 2];
                    g.apply::<Complex64, f64>(
                        Order::Value,
                        Simd::Portable,
                        &[z.re, z.im],
                        &mut out,
                    );
                    Complex64::new(out[0], out[1])
                };
                let mut slope = [0.0; 2];
                g.apply::<Complex64, f64>(Order::Slope, Simd::Portable, &[z.re, z.im], &mut slope);
                for step in [Complex64::new(1e-5, 0.0), Complex64::new(0.0, 1e-5)] {
                    let difference = (at(z + step) - at(z - step)) / (2.0 * step);
                    assert!(
                        (Complex64::new(slope[0], slope[1]) - difference).norm() < 1e-8,
                        "{name} at {z}"
                    );
                }
            }
        }
    }

    #[test]
    fn rows_agree_with_single_numbers_of_the_standard_library() {
        let points = [
            -40.0, -3.0, -0.7, -1e-3, 0.0, 1e-5, 0.4, 1.0, 2.5, 17.0, 400.0,
        ];
        for simd in Simd::available() {
            let of = |g: Activation, theta: &[f64], complex: bool| {
                let mut out = vec![0.0; theta.len()];
                if complex {
                    g.apply::<Complex64, f64>(Order::Value, simd, theta, &mut out);
                } else {
                    g.apply::<f64, f64>(Order::Value, simd, theta, &mut out);
                }
                out
            };
            for (x, y) in points.iter().zip(of(Activation::LnCosh, &points, false)) {
                assert!(
                    (y - x.lncosh()).abs() < 1e-15 * (1.0 + x.abs()),
                    "{simd:?} {x}"
                );
            }
            for (x, y) in points.iter().zip(of(Activation::Tanh, &points, false)) {
                assert!((y - x.tanh()).abs() < 1e-15, "{simd:?} {x}");
            }
            for angle in [0.0, 0.3, -1.5, 2.0, 50.0, 1e7] {
                let theta: Vec<f64> = points.into_iter().chain([angle; 11]).collect();
                let (values, tanh) = (
                    of(Activation::LnCosh, &theta, true),
                    of(Activation::Tanh, &theta, true),
                );
                for (j, &x) in points.iter().enumerate() {
                    let z = Complex64::new(x, angle);
                    let (p, r) = z.logistic();
                    let found = Complex64::new(values[j], values[11 + j]);
                    assert!(
                        (found - z.lncosh()).norm() < 1e-14 * (1.0 + z.norm()),
                        "{simd:?} {z}: {found}"
                    );
                    let found = Complex64::new(tanh[j], tanh[11 + j]);
                    assert!(
                        (found - (r - p)).norm() < 1e-13 * (1.0 + (r - p).norm()),
                        "{simd:?} {z}: {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn not_a_number_stays_so() {
        for (name, g) in Activation::ALL {
            let mut out = [0.0; 2];
            g.apply::<f64, f64>(Order::Value, Simd::chosen(), &[f64::NAN, 1.0], &mut out);
            assert!(out[0].is_nan() && out[1].is_finite(), "{name}");
            if g.is_holomorphic() {
                g.apply::<Complex64, f64>(Order::Value, Simd::chosen(), &[1.0, f64::NAN], &mut out);
                assert!(out[0].is_nan(), "{name}");
            }
        }
    }
}
