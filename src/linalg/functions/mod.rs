//! Decides how exponentials, logarithms and angles are worked out for long rows: without branches,
//! so that a loop over a row becomes vector instructions. In single and double precision.
//!
//! eˣ = 2ⁿ e^r with |r| ≤ ln 2/2 and the series of e^r; ln u = k ln 2 + 2 artanh s with
//! s = (m − 1)/(m + 1) for u = 2ᵏ m, m between √½ and √2; sin and cos from r = x − n π/2;
//! arctan t by a polynomial in t² on |t| ≤ tan π/8. Absolute errors are a few units of 2⁻⁵³, or of
//! 2⁻²⁴ in single precision (for sin and cos up to |x| = [`Elementary::LARGEST_ANGLE`]).

mod coefficients;

pub use coefficients::Elementary;

use super::simd::multiply_add;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, SQRT_2};

const TAN_PI_8: f64 = SQRT_2 - 1.0;

#[inline(always)]
fn polynomial<R: Elementary, const SET: u8>(x: R, coefficients: &'static [R]) -> R {
    let last = coefficients.len() - 1;
    let mut sum = coefficients[last];
    for k in (0..last).rev() {
        sum = multiply_add::<_, SET>(sum, x, coefficients[k]);
    }
    sum
}

/// eˣ; below the least normal number it stays there, above the largest number it is infinite.
#[inline(always)]
pub fn exp<R: Elementary, const SET: u8>(x: R) -> R {
    let highest = R::HIGHEST_EXPONENT;
    let y = exp_moderate::<_, SET>(if x > highest { highest } else { x });
    if x > highest {
        R::from_f64(f64::INFINITY)
    } else {
        y
    }
}

/// eˣ for x ≤ [`Elementary::HIGHEST_EXPONENT`]; below the least normal number it stays there.
#[inline(always)]
pub fn exp_moderate<R: Elementary, const SET: u8>(x: R) -> R {
    let lowest = R::LOWEST_EXPONENT;
    let x = if x < lowest { lowest } else { x };
    let shifted = multiply_add::<_, SET>(x, R::from_f64(LOG2_E), R::ROUND);
    let n = shifted - R::ROUND;
    let r = multiply_add::<_, SET>(n, -R::LN_2_HEAD, x);
    let r = multiply_add::<_, SET>(n, -R::LN_2_TAIL, r);
    polynomial::<_, SET>(r, R::EXP) * R::power_of_two(shifted)
}

/// 2 artanh s for |s| ≤ (√2 − 1)/(√2 + 1).
#[inline(always)]
fn twice_artanh<R: Elementary, const SET: u8>(s: R) -> R {
    let square = s * s;
    let series = polynomial::<_, SET>(square, R::ARTANH);
    R::from_f64(2.0) * multiply_add::<_, SET>(s * square, series, s)
}

/// ln((1 + w)/2) for 0 ≤ w ≤ 1.
#[inline(always)]
pub fn ln_mean<R: Elementary, const SET: u8>(w: R) -> R {
    let number = R::from_f64;
    let far = w > number(TAN_PI_8);
    let numerator = if far { w - number(1.0) } else { w };
    let denominator = w + number(if far { 3.0 } else { 2.0 });
    let offset = number(if far { 0.0 } else { -LN_2 });
    twice_artanh::<_, SET>(numerator / denominator) + offset
}

/// ln u for finite u > 0; for 0 the logarithm of about the least normal number.
#[inline(always)]
pub fn ln<R: Elementary, const SET: u8>(u: R) -> R {
    let one = R::from_f64(1.0);
    let (k, m) = u.split();
    let m = if u == R::default() { one } else { m };
    let rest = twice_artanh::<_, SET>((m - one) / (m + one));
    multiply_add::<_, SET>(k, R::from_f64(LN_2), rest)
}

/// sin x and cos x.
#[inline(always)]
pub fn sin_cos<R: Elementary, const SET: u8>(x: R) -> (R, R) {
    let shifted = multiply_add::<_, SET>(x, R::from_f64(1.0 / FRAC_PI_2), R::ROUND);
    let n = shifted - R::ROUND;
    let r = multiply_add::<_, SET>(n, -R::HALF_PI_HEAD, x);
    let r = multiply_add::<_, SET>(n, -R::HALF_PI_MIDDLE, r);
    let r = multiply_add::<_, SET>(n, -R::HALF_PI_TAIL, r);
    let square = r * r;
    let sin = multiply_add::<_, SET>(r * square, polynomial::<_, SET>(square, R::SIN), r);
    let cos = polynomial::<_, SET>(square, R::COS);
    let cos = multiply_add::<_, SET>(square, cos, R::from_f64(1.0));
    let odd = R::is_odd(shifted);
    let (s, c) = (if odd { cos } else { sin }, if odd { sin } else { cos });
    (s.negated_by(shifted, false), c.negated_by(shifted, true))
}

/// The angle of c + i s for c ≥ 0, between −π/2 and π/2; 0 at the origin.
#[inline(always)]
pub fn angle<R: Elementary, const SET: u8>(s: R, c: R) -> R {
    let (zero, number) = (R::default(), R::from_f64);
    let a = s.abs();
    let steep = a > c;
    let (low, high) = (if steep { c } else { a }, if steep { a } else { c });
    let high = if high == zero { number(1.0) } else { high };
    let far = low > number(TAN_PI_8) * high;
    let t = (if far { low - high } else { low }) / (if far { low + high } else { high });
    let near = t * polynomial::<_, SET>(t * t, R::ARCTAN);
    let near = near + if far { number(FRAC_PI_4) } else { zero };
    let angle = if steep {
        number(FRAC_PI_2) - near
    } else {
        near
    };
    angle.copysign(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// The largest difference from the standard library over random arguments, in units of ε = the
    /// distance from 1 to the next number.
    fn worst<R: Elementary>(
        (from, to): (f64, f64),
        ours: impl Fn(R) -> R,
        theirs: fn(f64) -> f64,
        relative: bool,
    ) -> f64 {
        let mut rng = stream(1, Purpose::Law, 0, 0);
        let mut draw = || from + (to - from) * rng.random::<f64>();
        let points: Vec<f64> = (0..20_000).map(|_| draw()).chain([from, to]).collect();
        let error = |x: R| {
            let exact = theirs(x.to_f64());
            let scale = if relative { exact.abs() } else { 1.0 };
            (ours(x).to_f64() - exact).abs() / (scale * R::EPSILON)
        };
        let errors: Vec<f64> = points.iter().map(|&x| error(R::from_f64(x))).collect();
        assert!(errors.iter().all(|error| !error.is_nan()));
        errors.into_iter().fold(0.0, f64::max)
    }

    /// Holds all functions to the standard library, in code without and with fused operations.
    fn compare<R: Elementary, const SET: u8>() {
        let (lowest, highest) = (R::LOWEST_EXPONENT.to_f64(), R::HIGHEST_EXPONENT.to_f64());
        for range in [(lowest + 1.0, 0.0), (-1.0, 1.0), (0.0, highest - 0.1)] {
            let error = worst::<R>(range, exp::<_, SET>, f64::exp, true);
            assert!(error < 1.8, "exp {range:?}: {error}");
        }
        let exact = |w: f64| (0.5 * (1.0 + w)).ln();
        let error = worst::<R>((0.0, 1.0), ln_mean::<_, SET>, exact, false);
        assert!(error < 1.4, "ln((1 + w)/2): {error}");
        let error = worst::<R>((0.5, 4.0), ln::<_, SET>, f64::ln, false);
        assert!(error < 1.8, "ln: {error}");
        let least = (0.99 * lowest).exp();
        let error = worst::<R>((least, 0.5), ln::<_, SET>, f64::ln, true);
        assert!(error < 1.8, "ln: {error}");
        for largest in [3.0, 1e3, R::LARGEST_ANGLE.to_f64()] {
            let range = (-largest, largest);
            let error = worst::<R>(range, |x| sin_cos::<_, SET>(x).0, f64::sin, false);
            assert!(error < 1.4, "sin to {largest}: {error}");
            let error = worst::<R>(range, |x| sin_cos::<_, SET>(x).1, f64::cos, false);
            assert!(error < 1.4, "cos to {largest}: {error}");
        }
        for c in [0.0, 1e-5, 0.3, 1.0] {
            let c = R::from_f64(c);
            let mut rng = stream(2, Purpose::Law, 0, 0);
            for _ in 0..1000 {
                let s = R::from_f64(4.0 * rng.random::<f64>() - 2.0);
                let exact = s.to_f64().atan2(c.to_f64());
                let error = (angle::<_, SET>(s, c).to_f64() - exact).abs() / R::EPSILON;
                assert!(error < 2.25, "the angle of {s:?} and {c:?}: {error}");
            }
        }
    }

    #[test]
    fn functions_agree_with_the_standard_library() {
        compare::<f64, 0>();
        compare::<f64, 1>();
        compare::<f32, 0>();
        compare::<f32, 1>();
    }

    fn limits<R: Elementary, const SET: u8>() {
        let (number, huge) = (R::from_f64, R::from_f64(1e30));
        let least = exp::<_, SET>(-huge).to_f64();
        assert!(least > 0.0 && least < 1e-37);
        let lowest = R::LOWEST_EXPONENT.to_f64();
        assert!((ln::<_, SET>(R::default()).to_f64() - lowest).abs() < 2.0);
        assert_eq!(angle::<_, SET>(R::default(), R::default()), R::default());
        let above = R::HIGHEST_EXPONENT + number(0.1);
        assert_eq!(exp::<_, SET>(above).to_f64(), f64::INFINITY);
        let nan = number(f64::NAN);
        let values = [
            exp::<_, SET>(nan),
            exp_moderate::<_, SET>(nan),
            ln_mean::<_, SET>(nan),
            sin_cos::<_, SET>(nan).0,
            sin_cos::<_, SET>(nan).1,
            angle::<_, SET>(nan, number(1.0)),
            angle::<_, SET>(number(1.0), nan),
        ];
        assert!(values.iter().all(|x| x.to_f64().is_nan()), "{values:?}");
    }

    #[test]
    fn limits_are_finite_and_not_a_number_stays_so() {
        limits::<f64, 0>();
        limits::<f64, 1>();
        limits::<f32, 0>();
        limits::<f32, 1>();
    }
}
