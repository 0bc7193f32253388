//! Decides how exponentials, logarithms and angles are worked out for long rows: without branches,
//! so that a loop over a row becomes vector instructions.
//!
//! eˣ = 2ⁿ e^r with |r| ≤ ln 2/2 and the series of e^r; ln u = k ln 2 + 2 artanh s with s = (m
//! − 1)/(m + 1) for u = 2ᵏ m, m between √½ and √2; sin and cos from r = x − n π/2;
//! arctan t by a polynomial in t² on |t| ≤ tan π/8. Absolute errors are a few units of
//! 2⁻⁵³ (for sin and cos up to |x| = [`LARGEST_ANGLE`]).

use super::simd::multiply_add;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, SQRT_2};

/// Adding this rounds a number to an integer, which then stands in the last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Up to this angle sin and cos are accurate.
pub const LARGEST_ANGLE: f64 = 2e5;
const TAN_PI_8: f64 = SQRT_2 - 1.0;

/// The leading 21 bits: products with integers below 2³² are exact.
const fn head(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}
const LN2_HEAD: f64 = head(LN_2);
/// The rest of ln 2, of which 2.3190468138462996e−17 does not fit into a double.
const LN2_TAIL: f64 = LN_2 - LN2_HEAD + 2.319_046_813_846_299_6e-17;
const HALF_PI_HEAD: f64 = head(FRAC_PI_2);
const HALF_PI_MIDDLE: f64 = head(FRAC_PI_2 - HALF_PI_HEAD);
const HALF_PI_TAIL: f64 = FRAC_PI_2 - HALF_PI_HEAD - HALF_PI_MIDDLE + 6.123_233_995_736_766e-17;

/// 1/k!
const fn inverse_factorial(k: usize) -> f64 {
    let (mut product, mut i) = (1.0, 1);
    while i <= k {
        product *= i as f64;
        i += 1;
    }
    1.0 / product
}
/// (±1)ⁱ/(first + 2 i)!
const fn trigonometric<const N: usize>(first: usize, sign: f64) -> [f64; N] {
    let (mut out, mut i, mut s) = ([0.0; N], 0, sign);
    while i < N {
        out[i] = s * inverse_factorial(first + 2 * i);
        s = -s;
        i += 1;
    }
    out
}
const EXP: [f64; 14] = {
    let (mut out, mut k) = ([0.0; 14], 0);
    while k < 14 {
        out[k] = inverse_factorial(k);
        k += 1;
    }
    out
};
/// 1/3, 1/5, …: artanh s = s (1 + s²/3 + …).
const ARTANH: [f64; 10] = {
    let (mut out, mut k) = ([0.0; 10], 0);
    while k < 10 {
        out[k] = 1.0 / (2 * k + 3) as f64;
        k += 1;
    }
    out
};
const SIN: [f64; 8] = trigonometric(3, -1.0);
const COS: [f64; 8] = trigonometric(2, -1.0);
/// Chebyshev fit of (arctan √u)/√u on 0 ≤ u ≤ tan² π/8, with an error of 1.3e−18.
const ARCTAN: [f64; 12] = [
    1.0,
    -0.333_333_333_333_331_2,
    0.199_999_999_999_409_4,
    -0.142_857_142_792_501_92,
    0.111_111_107_449_170_34,
    -0.090_908_968_089_881_35,
    0.076_920_453_295_390_92,
    -0.066_629_517_979_556_37,
    0.058_468_781_818_920_52,
    -0.050_351_019_300_160_78,
    0.037_965_243_910_971_95,
    -0.017_805_382_196_606_493,
];

#[inline(always)]
fn polynomial<const SET: u8, const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for k in (0..N - 1).rev() {
        sum = multiply_add::<SET>(sum, x, coefficients[k]);
    }
    sum
}

/// eˣ; below −708 it stays at e^{−708}, above 709 it is infinite.
#[inline(always)]
pub fn exp<const SET: u8>(x: f64) -> f64 {
    let y = exp_moderate::<SET>(if x > 709.0 { 709.0 } else { x });
    if x > 709.0 { f64::INFINITY } else { y }
}

/// eˣ for x ≤ 709; below −708 it stays at e^{−708}.
#[inline(always)]
pub fn exp_moderate<const SET: u8>(x: f64) -> f64 {
    let x = if x < -708.0 { -708.0 } else { x };
    let shifted = multiply_add::<SET>(x, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<SET>(n, -LN2_TAIL, multiply_add::<SET>(n, -LN2_HEAD, x));
    polynomial::<SET, 14>(r, &EXP) * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// 2 artanh s for |s| ≤ (√2 − 1)/(√2 + 1).
#[inline(always)]
fn twice_artanh<const SET: u8>(s: f64) -> f64 {
    let square = s * s;
    2.0 * multiply_add::<SET>(s * square, polynomial::<SET, 10>(square, &ARTANH), s)
}

/// ln((1 + w)/2) for 0 ≤ w ≤ 1.
#[inline(always)]
pub fn ln_mean<const SET: u8>(w: f64) -> f64 {
    let far = w > TAN_PI_8;
    let numerator = if far { w - 1.0 } else { w };
    let denominator = if far { w + 3.0 } else { w + 2.0 };
    twice_artanh::<SET>(numerator / denominator) + if far { 0.0 } else { -LN_2 }
}

/// ln u for finite u > 0; −709 for 0.
#[inline(always)]
pub fn ln<const SET: u8>(u: f64) -> f64 {
    const ONE: u64 = 1.0f64.to_bits();
    const TO_HALF_ROOT: u64 = ONE - std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let bits = u.to_bits();
    let biased = bits.wrapping_add(TO_HALF_ROOT) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(1023) << 52));
    let k = f64::from_bits(4_503_599_627_370_496f64.to_bits() | biased) - 4_503_599_627_371_519.0;
    let m = if u == 0.0 { 1.0 } else { m };
    multiply_add::<SET>(k, LN_2, twice_artanh::<SET>((m - 1.0) / (m + 1.0)))
}

/// sin x and cos x.
#[inline(always)]
pub fn sin_cos<const SET: u8>(x: f64) -> (f64, f64) {
    let shifted = multiply_add::<SET>(x, 1.0 / FRAC_PI_2, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<SET>(n, -HALF_PI_MIDDLE, multiply_add::<SET>(n, -HALF_PI_HEAD, x));
    let r = multiply_add::<SET>(n, -HALF_PI_TAIL, r);
    let square = r * r;
    let sin = multiply_add::<SET>(r * square, polynomial::<SET, 8>(square, &SIN), r);
    let cos = multiply_add::<SET>(square, polynomial::<SET, 8>(square, &COS), 1.0);
    let quadrant = shifted.to_bits();
    let odd = quadrant & 1 == 1;
    let (s, c) = (if odd { cos } else { sin }, if odd { sin } else { cos });
    let negate = |x: f64, q: u64| f64::from_bits(x.to_bits() ^ ((q & 2) << 62));
    (negate(s, quadrant), negate(c, quadrant.wrapping_add(1)))
}

/// The angle of c + i s for c ≥ 0, between −π/2 and π/2; 0 at the origin.
#[inline(always)]
pub fn angle<const SET: u8>(s: f64, c: f64) -> f64 {
    let a = s.abs();
    let steep = a > c;
    let (low, high) = (if steep { c } else { a }, if steep { a } else { c });
    let high = if high == 0.0 { 1.0 } else { high };
    let far = low > TAN_PI_8 * high;
    let t = (if far { low - high } else { low }) / (if far { low + high } else { high });
    let near = t * polynomial::<SET, 12>(t * t, &ARCTAN) + if far { FRAC_PI_4 } else { 0.0 };
    (if steep { FRAC_PI_2 - near } else { near }).copysign(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// The largest difference from the standard library over random arguments, for code with and
    /// without fused operations.
    fn worst(
        from: f64,
        to: f64,
        ours: [fn(f64) -> f64; 2],
        theirs: fn(f64) -> f64,
        relative: bool,
    ) -> f64 {
        let mut rng = stream(1, Purpose::Law, 0, 0);
        let mut draw = || from + (to - from) * rng.random::<f64>();
        let points: Vec<f64> = (0..20_000).map(|_| draw()).chain([from, to]).collect();
        let error =
            |x: f64, y: f64| (y - theirs(x)).abs() / if relative { theirs(x).abs() } else { 1.0 };
        points
            .iter()
            .flat_map(|&x| ours.map(|f| error(x, f(x))))
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_agree_with_the_standard_library() {
        assert!(worst(-700.0, 0.0, [exp::<0>, exp::<1>], f64::exp, true) < 4e-16);
        assert!(worst(-1.0, 1.0, [exp::<0>, exp::<1>], f64::exp, true) < 4e-16);
        assert!(worst(0.0, 708.9, [exp::<0>, exp::<1>], f64::exp, true) < 4e-16);
        assert!(
            worst(
                0.0,
                1.0,
                [ln_mean::<0>, ln_mean::<1>],
                |w| (0.5 * (1.0 + w)).ln(),
                false
            ) < 3e-16
        );
        assert!(worst(0.5, 4.0, [ln::<0>, ln::<1>], f64::ln, false) < 4e-16);
        assert!(worst(1e-300, 0.5, [ln::<0>, ln::<1>], f64::ln, true) < 4e-16);
        for largest in [3.0, 1e3, LARGEST_ANGLE] {
            assert!(
                worst(
                    -largest,
                    largest,
                    [|x| sin_cos::<0>(x).0, |x| sin_cos::<1>(x).0],
                    f64::sin,
                    false
                ) < 3e-16
            );
            assert!(
                worst(
                    -largest,
                    largest,
                    [|x| sin_cos::<0>(x).1, |x| sin_cos::<1>(x).1],
                    f64::cos,
                    false
                ) < 3e-16
            );
        }
        for c in [0.0, 1e-5, 0.3, 1.0] {
            let mut rng = stream(2, Purpose::Law, 0, 0);
            for _ in 0..1000 {
                let s = 4.0 * rng.random::<f64>() - 2.0;
                assert!((angle::<0>(s, c) - s.atan2(c)).abs() < 5e-16, "{s} {c}");
                assert!((angle::<1>(s, c) - s.atan2(c)).abs() < 5e-16, "{s} {c}");
            }
        }
    }

    #[test]
    fn limits_are_finite_and_not_a_number_stays_so() {
        assert!(exp::<0>(-1e300) > 0.0 && exp::<0>(-1e300) < 1e-300);
        assert!((ln::<0>(0.0) + 709.0).abs() < 1.0);
        assert_eq!(angle::<0>(0.0, 0.0), 0.0);
        let nan = f64::NAN;
        assert_eq!(exp::<1>(709.1), f64::INFINITY);
        assert!(exp::<0>(nan).is_nan() && ln_mean::<0>(nan).is_nan());
        assert!(
            sin_cos::<0>(nan).0.is_nan()
                && angle::<0>(nan, 1.0).is_nan()
                && angle::<0>(1.0, nan).is_nan()
        );
    }
}
