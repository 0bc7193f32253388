//! Decides how eight real or complex numbers stand side by side and are combined entry by entry, as
//! vector registers do.
//!
//! A complex eight is two eights, real parts first: (a + i b)(c + i d) = (a c − b d) + i (a d + b
//! c). The same code serves real numbers, at a quarter of the multiplications.

use super::simd::{Simd, multiply_add};
use num_complex::Complex64;

/// How many numbers stand side by side.
pub const WIDTH: usize = 8;

/// Eight real numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f64; WIDTH]);

/// Defines an operation on eights: instructions of each set, and what they do to one entry.
macro_rules! each_entry {
    (
        $(#[$doc:meta])* fn $name:ident($($arg:ident),+)
            = $wide:ident, $half:ident, |$($x:ident),+| $scalar:expr
    ) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<const SET: u8>($($arg: Self),+) -> Self {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::*;
                if SET == Simd::Avx512 as u8 {
                    // SAFETY: code of this set runs only where the processor was seen to have these
                    // instructions.
                    return unsafe {
                        let wide = $wide($($arg.wide()),+);
                        Lanes(std::mem::transmute::<__m512d, [f64; WIDTH]>(wide))
                    };
                }
                if SET == Simd::Avx2 as u8 {
                    // SAFETY: as above.
                    return unsafe {
                        let halves = [$half($($arg.halves()[0]),+), $half($($arg.halves()[1]),+)];
                        Lanes(std::mem::transmute::<[__m256d; 2], [f64; WIDTH]>(halves))
                    };
                }
            }
            Lanes(std::array::from_fn(|l| {
                let ($($x,)+) = ($($arg.0[l],)+);
                $scalar
            }))
        }
    };
}

impl Lanes {
    /// Eight times the same number.
    #[inline(always)]
    pub const fn splat(x: f64) -> Self {
        Lanes([x; WIDTH])
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self) -> std::arch::x86_64::__m512d {
        // SAFETY: any 64 bytes are eight numbers.
        unsafe { std::mem::transmute(self.0) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn halves(self) -> [std::arch::x86_64::__m256d; 2] {
        // SAFETY: as above.
        unsafe { std::mem::transmute(self.0) }
    }

    each_entry! {
        /// a b
        fn times(self, b) = _mm512_mul_pd, _mm256_mul_pd, |x, y| x * y
    }
    each_entry! {
        /// a + b
        fn plus(self, b) = _mm512_add_pd, _mm256_add_pd, |x, y| x + y
    }
    each_entry! {
        /// a/b
        fn over(self, b) = _mm512_div_pd, _mm256_div_pd, |x, y| x / y
    }
    each_entry! {
        /// a b + c
        fn times_plus(self, b, c) = _mm512_fmadd_pd, _mm256_fmadd_pd, |x, y, z| x * y + z
    }
    each_entry! {
        /// c − a b
        fn times_from(self, b, c) = _mm512_fnmadd_pd, _mm256_fnmadd_pd, |x, y, z| z - x * y
    }
    each_entry! {
        /// The smaller of each pair, b where one is not a number.
        fn smaller(self, b) = _mm512_min_pd, _mm256_min_pd, |x, y| if x < y { x } else { y }
    }
    each_entry! {
        /// The larger of each pair, b where one is not a number.
        fn larger(self, b) = _mm512_max_pd, _mm256_max_pd, |x, y| if x > y { x } else { y }
    }
    /// |a|
    #[inline(always)]
    pub fn size<const SET: u8>(self) -> Self {
        Lanes::splat(0.0).minus::<SET>(self).larger::<SET>(self)
    }
    each_entry! {
        /// a − b
        fn minus(self, b) = _mm512_sub_pd, _mm256_sub_pd, |x, y| x - y
    }
    /// Whether all are above `low`.
    #[inline(always)]
    pub fn all_above<const SET: u8>(self, low: f64) -> bool {
        #[cfg(target_arch = "x86_64")]
        if SET == Simd::Avx512 as u8 {
            use std::arch::x86_64::{_CMP_GT_OQ, _mm512_cmp_pd_mask};
            // SAFETY: code of this set runs only where the processor was seen to have these
            // instructions.
            return unsafe {
                _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.wide(), Lanes::splat(low).wide()) == 0xff
            };
        }
        self.0.iter().fold(true, |all, &x| all & (x > low))
    }
    /// Whether all are below `high`.
    #[inline(always)]
    pub fn all_below<const SET: u8>(self, high: f64) -> bool {
        Lanes::splat(high).minus::<SET>(self).all_above::<SET>(0.0)
    }
}

/// Eight real or eight complex numbers.
pub trait Packed: Copy {
    /// The type of one of them.
    type Number;
    /// How many [`Lanes`] they fill.
    const PARTS: usize;
    /// From the first [`Packed::PARTS`] lanes of a row.
    fn load(from: &[Lanes]) -> Self;
    /// Into the first [`Packed::PARTS`] lanes of a row.
    fn store(self, to: &mut [Lanes]);
    /// Eight times 1.
    fn one() -> Self;
    /// a b
    fn times<const SET: u8>(self, b: Self) -> Self;
    /// a b + c
    fn times_plus<const SET: u8>(self, b: Self, c: Self) -> Self;
    /// a + b
    fn plus<const SET: u8>(self, b: Self) -> Self;
    /// 1/a
    fn inverse<const SET: u8>(self) -> Self;
    /// |x|, or the larger one of |Re z| and |Im z|.
    fn size<const SET: u8>(self) -> Lanes;
    /// |z|²
    fn square<const SET: u8>(self) -> Lanes;
    /// Each number times a real one.
    fn scaled<const SET: u8>(self, by: Lanes) -> Self;
    /// The product of all eight, in pairs.
    fn product<const SET: u8>(self) -> Self::Number;
}

/// Eight real numbers.
#[derive(Debug, Clone, Copy)]
pub struct Reals(Lanes);

/// Eight complex numbers, real and imaginary parts apart.
#[derive(Debug, Clone, Copy)]
pub struct Complexes(Lanes, Lanes);

impl Packed for Reals {
    type Number = f64;
    const PARTS: usize = 1;
    #[inline(always)]
    fn load(from: &[Lanes]) -> Self {
        Reals(from[0])
    }
    #[inline(always)]
    fn store(self, to: &mut [Lanes]) {
        to[0] = self.0;
    }
    #[inline(always)]
    fn one() -> Self {
        Reals(Lanes::splat(1.0))
    }
    #[inline(always)]
    fn times<const SET: u8>(self, b: Self) -> Self {
        Reals(self.0.times::<SET>(b.0))
    }
    #[inline(always)]
    fn times_plus<const SET: u8>(self, b: Self, c: Self) -> Self {
        Reals(self.0.times_plus::<SET>(b.0, c.0))
    }
    #[inline(always)]
    fn plus<const SET: u8>(self, b: Self) -> Self {
        Reals(self.0.plus::<SET>(b.0))
    }
    #[inline(always)]
    fn inverse<const SET: u8>(self) -> Self {
        Reals(Lanes::splat(1.0).over::<SET>(self.0))
    }
    #[inline(always)]
    fn size<const SET: u8>(self) -> Lanes {
        self.0.size::<SET>()
    }
    #[inline(always)]
    fn square<const SET: u8>(self) -> Lanes {
        self.0.times::<SET>(self.0)
    }
    #[inline(always)]
    fn scaled<const SET: u8>(self, by: Lanes) -> Self {
        Reals(self.0.times::<SET>(by))
    }
    #[inline(always)]
    fn product<const SET: u8>(self) -> f64 {
        let x = self.0.0;
        ((x[0] * x[4]) * (x[2] * x[6])) * ((x[1] * x[5]) * (x[3] * x[7]))
    }
}

impl Packed for Complexes {
    type Number = Complex64;
    const PARTS: usize = 2;
    #[inline(always)]
    fn load(from: &[Lanes]) -> Self {
        Complexes(from[0], from[1])
    }
    #[inline(always)]
    fn store(self, to: &mut [Lanes]) {
        (to[0], to[1]) = (self.0, self.1);
    }
    #[inline(always)]
    fn one() -> Self {
        Complexes(Lanes::splat(1.0), Lanes::splat(0.0))
    }
    #[inline(always)]
    fn times<const SET: u8>(self, b: Self) -> Self {
        let re = self.1.times_from::<SET>(b.1, self.0.times::<SET>(b.0));
        Complexes(re, self.0.times_plus::<SET>(b.1, self.1.times::<SET>(b.0)))
    }
    #[inline(always)]
    fn times_plus<const SET: u8>(self, b: Self, c: Self) -> Self {
        let re = self
            .1
            .times_from::<SET>(b.1, self.0.times_plus::<SET>(b.0, c.0));
        Complexes(
            re,
            self.0
                .times_plus::<SET>(b.1, self.1.times_plus::<SET>(b.0, c.1)),
        )
    }
    #[inline(always)]
    fn plus<const SET: u8>(self, b: Self) -> Self {
        Complexes(self.0.plus::<SET>(b.0), self.1.plus::<SET>(b.1))
    }
    #[inline(always)]
    fn inverse<const SET: u8>(self) -> Self {
        let square = self.square::<SET>();
        let factor = Lanes::splat(1.0).over::<SET>(square);
        Complexes(
            self.0.times::<SET>(factor),
            self.1.times::<SET>(Lanes::splat(0.0).minus::<SET>(factor)),
        )
    }
    #[inline(always)]
    fn size<const SET: u8>(self) -> Lanes {
        self.0.size::<SET>().larger::<SET>(self.1.size::<SET>())
    }
    #[inline(always)]
    fn square<const SET: u8>(self) -> Lanes {
        self.0
            .times_plus::<SET>(self.0, self.1.times::<SET>(self.1))
    }
    #[inline(always)]
    fn scaled<const SET: u8>(self, by: Lanes) -> Self {
        Complexes(self.0.times::<SET>(by), self.1.times::<SET>(by))
    }
    #[inline(always)]
    fn product<const SET: u8>(self) -> Complex64 {
        let (mut re, mut im) = (self.0.0, self.1.0);
        for half in [4, 2, 1] {
            for l in 0..half {
                let (a, b, c, d) = (re[l], im[l], re[l + half], im[l + half]);
                (re[l], im[l]) = (
                    multiply_add::<_, SET>(-b, d, a * c),
                    multiply_add::<_, SET>(a, d, b * c),
                );
            }
        }
        Complex64::new(re[0], im[0])
    }
}
