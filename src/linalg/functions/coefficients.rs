//! Decides the constants of the elementary functions in single and double precision: splittings of
//! ln 2 and π/2, lengths of series, and what is read from the bits of a number.
//!
//! A series is cut where its remainder is a tenth of the last digit or less. The head of a constant
//! has so few bits that its products with the integers that occur are exact.

use crate::number::Real;
use std::f64::consts::{FRAC_PI_2, LN_2};

/// A real number with elementary functions.
pub trait Elementary: Real {
    /// Adding this rounds a number to an integer, which then stands in the last bits.
    const ROUND: Self;
    /// Up to this angle sin and cos are accurate.
    const LARGEST_ANGLE: Self;
    /// Below this, eˣ is not a normal number.
    const LOWEST_EXPONENT: Self;
    /// Above this, eˣ is infinite.
    const HIGHEST_EXPONENT: Self;
    /// The leading bits of ln 2.
    const LN_2_HEAD: Self;
    /// The rest of ln 2.
    const LN_2_TAIL: Self;
    /// The leading bits of π/2.
    const HALF_PI_HEAD: Self;
    /// The next bits of π/2.
    const HALF_PI_MIDDLE: Self;
    /// The rest of π/2.
    const HALF_PI_TAIL: Self;
    /// 1/k! for k = 0, 1, …
    const EXP: &'static [Self];
    /// 1/3, 1/5, …: artanh s = s (1 + s²/3 + …).
    const ARTANH: &'static [Self];
    /// −1/3!, 1/5!, …
    const SIN: &'static [Self];
    /// −1/2!, 1/4!, …
    const COS: &'static [Self];
    /// Chebyshev fit of (arctan √u)/√u on 0 ≤ u ≤ tan² π/8.
    const ARCTAN: &'static [Self];

    /// 2ⁿ of n + [`Elementary::ROUND`].
    fn power_of_two(shifted: Self) -> Self;
    /// k and m of x = 2ᵏ m > 0 with m between √½ and √2.
    fn split(self) -> (Self, Self);
    /// Whether n of n + [`Elementary::ROUND`] is odd.
    fn is_odd(shifted: Self) -> bool;
    /// Changes the sign where n + `more` is 2 or 3 modulo 4, for n of n + [`Elementary::ROUND`].
    fn negated_by(self, shifted: Self, more: bool) -> Self;
}

/// 1/k!
const fn inverse_factorial(k: usize) -> f64 {
    let (mut product, mut i) = (1.0, 1);
    while i <= k {
        product *= i as f64;
        i += 1;
    }
    1.0 / product
}

/// (±1)ⁱ/(first + step i)!
const fn factorials<const N: usize>(first: usize, step: usize, sign: f64) -> [f64; N] {
    let (mut out, mut i, mut s) = ([0.0; N], 0, 1.0);
    while i < N {
        s *= sign;
        out[i] = s * inverse_factorial(first + step * i);
        i += 1;
    }
    out
}

/// 1/3, 1/5, …
const fn odd_inverses<const N: usize>() -> [f64; N] {
    let (mut out, mut k) = ([0.0; N], 0);
    while k < N {
        out[k] = 1.0 / (2 * k + 3) as f64;
        k += 1;
    }
    out
}

/// An array of double precision in another one.
macro_rules! rounded {
    ($real:ident, $count:literal, $numbers:expr) => {{
        let numbers: [f64; $count] = $numbers;
        let (mut out, mut k) = ([0.0; $count], 0);
        while k < $count {
            out[k] = numbers[k] as $real;
            k += 1;
        }
        out
    }};
}
/// What differs between the two types: the layout of their bits and how many terms are needed.
macro_rules! elementary {
    (
        $real:ident, $bits:ident, mantissa $mantissa:literal, bias $bias:literal,
        head $head:literal, exponents $lowest:literal $highest:literal, angle $angle:literal,
        terms $exp:literal $artanh:literal $sin:literal $cos:literal, arctan $arctan:expr
    ) => {
        impl Elementary for $real {
            const ROUND: Self = 1.5 * (1u64 << $mantissa) as $real;
            const LARGEST_ANGLE: Self = $angle;
            const LOWEST_EXPONENT: Self = $lowest;
            const HIGHEST_EXPONENT: Self = $highest;
            const LN_2_HEAD: Self = $real::from_bits((LN_2 as $real).to_bits() & $head);
            // Of ln 2, 2.3190468138462996e−17 does not fit into a double.
            const LN_2_TAIL: Self =
                (LN_2 - Self::LN_2_HEAD as f64 + 2.319_046_813_846_299_6e-17) as $real;
            const HALF_PI_HEAD: Self = $real::from_bits((FRAC_PI_2 as $real).to_bits() & $head);
            const HALF_PI_MIDDLE: Self = {
                let rest = (FRAC_PI_2 - Self::HALF_PI_HEAD as f64) as $real;
                $real::from_bits(rest.to_bits() & $head)
            };
            const HALF_PI_TAIL: Self =
                (FRAC_PI_2 - Self::HALF_PI_HEAD as f64 - Self::HALF_PI_MIDDLE as f64
                    + 6.123_233_995_736_766e-17) as $real;
            const EXP: &'static [Self] = &rounded!($real, $exp, factorials(0, 1, 1.0));
            const ARTANH: &'static [Self] = &rounded!($real, $artanh, odd_inverses());
            const SIN: &'static [Self] = &rounded!($real, $sin, factorials(3, 2, -1.0));
            const COS: &'static [Self] = &rounded!($real, $cos, factorials(2, 2, -1.0));
            const ARCTAN: &'static [Self] = &$arctan;

            #[inline(always)]
            fn power_of_two(shifted: Self) -> Self {
                $real::from_bits(shifted.to_bits().wrapping_add($bias) << $mantissa)
            }
            #[inline(always)]
            fn split(self) -> (Self, Self) {
                const ONE: $bits = (1.0 as $real).to_bits();
                const TO_HALF_ROOT: $bits = ONE - std::$real::consts::FRAC_1_SQRT_2.to_bits();
                const INTEGER: $real = (1u64 << $mantissa) as $real;
                let bits = self.to_bits();
                let biased = bits.wrapping_add(TO_HALF_ROOT) >> $mantissa;
                let m =
                    $real::from_bits(bits.wrapping_sub(biased.wrapping_sub($bias) << $mantissa));
                let k = $real::from_bits(INTEGER.to_bits() | biased) - (INTEGER + $bias as $real);
                (k, m)
            }
            #[inline(always)]
            fn is_odd(shifted: Self) -> bool {
                shifted.to_bits() & 1 == 1
            }
            #[inline(always)]
            fn negated_by(self, shifted: Self, more: bool) -> Self {
                const TO_SIGN: u32 = $bits::BITS - 2;
                let quadrant = shifted.to_bits().wrapping_add(more as $bits);
                $real::from_bits(self.to_bits() ^ ((quadrant & 2) << TO_SIGN))
            }
        }
    };
}

elementary! {
    f64, u64, mantissa 52, bias 1023, head 0xffff_ffff_0000_0000, exponents -708.0 709.0,
    angle 2e5, terms 14 10 8 8,
    arctan [
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
    ]
}
elementary! {
    f32, u32, mantissa 23, bias 127, head 0xffff_f000, exponents -87.0 88.0,
    angle 5e3, terms 8 4 4 5,
    arctan [
        1.0,
        -0.333_333_3,
        0.199_995_4,
        -0.142_639_56,
        0.107_437_31,
        -0.064_519_28,
    ]
}
