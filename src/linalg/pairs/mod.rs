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

/// Whether a ratio may hide a zero: it is so small that the matrix of the target can be singular
/// where that of the source, with entries `inverse`, is not.
fn may_vanish<T: Scalar>(ratio: T, condition: f64) -> bool {
    let size = ratio.norm_sqr().sqrt();
    // A NaN has to be looked at as well.
    !(size > 1e-7_f64.max(ZERO * condition * condition))
}

/// Largest modulus.
fn largest<T: Scalar>(numbers: &[T]) -> f64 {
    let squares = numbers.iter().map(|x| x.norm_sqr());
    squares.fold(0.0, f64::max).sqrt()
}
