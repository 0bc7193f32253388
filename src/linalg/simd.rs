//! Decides which vector instructions the program's own kernels use: what the processor at hand has,
//! found at run time.
//!
//! A kernel is ordinary code that is compiled once for every set. With fused multiply-add a sum
//! rounds once per term, without it twice: results differ between the sets in the last digits, and
//! are the same bit for bit within one.

use crate::number::Real;
use std::sync::OnceLock;

/// A set of vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Simd {
    /// What every processor of the architecture has.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 (F, DQ, VL) with fused multiply-add.
    Avx512,
}

impl Simd {
    /// All sets, the slowest first; each has the instructions of those before.
    pub const ALL: [Simd; 3] = [Simd::Portable, Simd::Avx2, Simd::Avx512];

    /// All sets that this processor can run, the slowest first.
    pub fn available() -> Vec<Simd> {
        let mut sets = vec![Simd::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Simd::Avx2);
                let has = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl");
                if has {
                    sets.push(Simd::Avx512);
                }
            }
        }
        sets
    }

    /// The set of this process: the one that was chosen first, by default the widest that this
    /// processor can run.
    pub fn chosen() -> Simd {
        *CHOSEN.get_or_init(|| Self::available().last().copied().unwrap_or(Simd::Portable))
    }

    /// Chooses the set of this process, once and before any wave function is made; whether it is
    /// the one in use now.
    pub fn choose(self) -> bool {
        Self::available().contains(&self) && *CHOSEN.get_or_init(|| self) == self
    }

    /// Its name: "portable", "avx2" or "avx512".
    pub fn name(self) -> &'static str {
        match self {
            Simd::Portable => "portable",
            Simd::Avx2 => "avx2",
            Simd::Avx512 => "avx512",
        }
    }
}

static CHOSEN: OnceLock<Simd> = OnceLock::new();

/// Whether multiply-add is one instruction, with one rounding, in the set of this number.
pub const fn fused(set: u8) -> bool {
    set != Simd::Portable as u8
}

/// a b + c, rounded once where the instruction set can.
#[inline(always)]
pub fn multiply_add<R: Real, const SET: u8>(a: R, b: R, c: R) -> R {
    if fused(SET) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// Defines `$name(simd, …)`, which runs the `#[inline(always)]` function `$body::<…, SET>(…)`
/// compiled for the set `simd`, of which SET is the number. There may be one type parameter before
/// SET.
macro_rules! compiled_for_each_set {
    (
        $(#[$doc:meta])*
        $visibility:vis fn $name:ident $(<$t:ident: $bound:path>)? ($($arg:ident: $type:ty),* $(,)?)
            $(-> $out:ty)? = $body:ident
    ) => {
        $(#[$doc])*
        $visibility fn $name $(<$t: $bound>)? (
            simd: $crate::linalg::simd::Simd,
            $($arg: $type),*
        ) $(-> $out)? {
            use $crate::linalg::simd::Simd;
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<$t: $bound>)? ($($arg: $type),*) $(-> $out)? {
                    $body::<$($t,)? { Simd::Avx2 as u8 }>($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn avx512 $(<$t: $bound>)? ($($arg: $type),*) $(-> $out)? {
                    $body::<$($t,)? { Simd::Avx512 as u8 }>($($arg),*)
                }
                match simd {
                    Simd::Portable => {}
                    // SAFETY: such a value is only made where the processor was seen to have these
                    // instructions.
                    Simd::Avx2 => return unsafe { avx2 $(::<$t>)? ($($arg),*) },
                    // SAFETY: as above.
                    Simd::Avx512 => return unsafe { avx512 $(::<$t>)? ($($arg),*) },
                }
            }
            $body::<$($t,)? { Simd::Portable as u8 }>($($arg),*)
        }
    };
}
pub(crate) use compiled_for_each_set;
