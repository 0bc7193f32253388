//! Decides how amplitudes of paired modes follow their moves: minors of a table as determinants,
//! skew ones as Pfaffians.
//!
//! det f[r, c] for pairs of one mode of each of two families, Pf F[p, p] for pairs of any modes (M.
//! Bajdich et al., Phys. Rev. B 77, 115112 (2008)). Both keep an inverse, which gives ratios,
//! log-derivatives and its own update.

mod elimination;
mod minor;
mod skew;

pub use elimination::{ZERO, determinant};
pub use minor::{Minor, PairOrbital, Replacement};
pub use skew::{ModeReplacement, SkewMinor, SkewTable, pfaffian};

use crate::number::Scalar;

/// An update after which the inverse fails its equation by more than this is replaced by a new
/// inverse.
const WORN: f64 = 1e-11;

/// Updates after which the inverse of an n × n matrix is made anew: an inverse costs about as much
/// as n updates.
fn lifetime(n: usize) -> usize {
    n.max(16)
}

/// Minors of a larger condition are compared by their determinants.
const ILL: f64 = 1e6;

/// Whether a ratio is left to the determinants of both minors. It may hide a zero, or it leads into
/// or out of a minor that is nearly singular: what rounding makes of the small determinant is then
/// the same on the way in and out, and nothing of it stays.
fn is_delicate<T: Scalar>(ratio: T, condition: f64) -> bool {
    let size = ratio.norm_sqr().sqrt();
    // A NaN has to be looked at as well.
    !(size > 1e-4_f64.max(ZERO * condition * condition) && condition < ILL)
}

/// Largest modulus.
fn largest<T: Scalar>(numbers: &[T]) -> f64 {
    let squares = numbers.iter().map(|x| x.norm_sqr());
    squares.fold(0.0, f64::max).sqrt()
}
