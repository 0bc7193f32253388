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
use num_complex::Complex64;

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

/// The ratio of a minor to the one before, from their logarithms; exactly 0 where it is singular.
fn quotient(log: Complex64, before: Complex64) -> Complex64 {
    match log.re == f64::NEG_INFINITY {
        true => Complex64::ZERO,
        false => (log - before).exp(),
    }
}

/// Largest entry of row `a` of M X − 1, where `row` is that row of the table, M has its `columns`,
/// and X stands row by row.
fn deviation<T: Scalar>(row: &[T], columns: &[u32], inverse: &[T], a: usize) -> f64 {
    let n = columns.len();
    let mut image = vec![T::zero(); n];
    image[a] = -T::one();
    for (line, &column) in inverse.chunks_exact(n).zip(columns) {
        let u = row[column as usize];
        image.iter_mut().zip(line).for_each(|(i, &x)| *i += u * x);
    }
    let error = largest(&image);
    // A NaN is no small number.
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Largest modulus.
fn largest<T: Scalar>(numbers: &[T]) -> f64 {
    let squares = numbers.iter().map(|x| x.norm_sqr());
    squares.fold(0.0, f64::max).sqrt()
}
