//! Decides how a state is turned into a measured basis: U_b = Π_i U_i over the rotated sites.
//!
//! One-site matrices, rows for the outcomes +1 and −1, columns for spin up and down: U_X = [[1, 1],
//! [1, −1]]/√2, U_Y = [[1, −i], [1, i]]/√2, U_Z = 1.

use super::bases::{MeasuredAxis, MeasuredBasis};
use num_complex::Complex64;
use std::f64::consts::FRAC_1_SQRT_2;
use std::ops::{Add, Mul};

/// A matrix of one site: rows and columns for +1, −1.
pub(super) type TwoByTwo<T> = [[T; 2]; 2];

/// The matrix of an axis.
fn matrix(axis: MeasuredAxis) -> TwoByTwo<Complex64> {
    let re = |v: f64| Complex64::new(v, 0.0);
    let im = |v: f64| Complex64::new(0.0, v);
    let h = FRAC_1_SQRT_2;
    match axis {
        MeasuredAxis::X => [[re(h), re(h)], [re(h), re(-h)]],
        MeasuredAxis::Y => [[re(h), im(-h)], [re(h), im(h)]],
        MeasuredAxis::Z => [[re(1.0), re(0.0)], [re(0.0), re(1.0)]],
    }
}

/// The matrix with rows and columns exchanged.
pub(super) fn transposed<T: Copy>(m: &TwoByTwo<T>) -> TwoByTwo<T> {
    [[m[0][0], m[1][0]], [m[0][1], m[1][1]]]
}

/// Multiplies a vector over all words (bit i set where site i is +1) by the matrix of one site.
pub(super) fn multiply<T>(vector: &mut [T], site: usize, m: &TwoByTwo<T>)
where
    T: Copy + Add<Output = T> + Mul<Output = T>,
{
    let half = 1usize << site;
    for block in vector.chunks_exact_mut(2 * half) {
        let (down, up) = block.split_at_mut(half);
        for (down, up) in down.iter_mut().zip(up) {
            let (plus, minus) = (*up, *down);
            *up = m[0][0] * plus + m[0][1] * minus;
            *down = m[1][0] * plus + m[1][1] * minus;
        }
    }
}

/// U_b on a vector over all 2^N words (bit i set: site i up, outcome +1), in place.
pub fn rotate(vector: &mut [Complex64], basis: &MeasuredBasis) {
    for site in basis.rotated() {
        multiply(vector, site, &matrix(basis.0[site]));
    }
}

/// U_b^T (transposed, not conjugated) on a vector over all 2^N words, in place.
pub fn rotate_back(vector: &mut [Complex64], basis: &MeasuredBasis) {
    for site in basis.rotated() {
        multiply(vector, site, &transposed(&matrix(basis.0[site])));
    }
}

/// All 2^t configurations [row, site] that differ from `x` on t sites at most; bit k of the number
/// of a row is set where `sites[k]` is +1.
pub(super) fn configurations(x: &[i8], sites: &[usize]) -> Vec<i8> {
    let mut rows = x.to_vec();
    for &site in sites {
        let before = rows.len();
        rows.extend_from_within(..);
        let values = rows.iter_mut().enumerate();
        for (k, value) in values.filter(|(k, _)| k % x.len() == site) {
            *value = if k < before { -1 } else { 1 };
        }
    }
    rows
}

/// The configurations σ [row, site] that contribute to an outcome s, and U_b(s, σ) of each row:
/// 2^t of them where t sites are rotated; bit k of the number of a row is set where the k-th
/// rotated site is +1.
pub fn unrotated(outcome: &[i8], basis: &MeasuredBasis) -> (Vec<i8>, Vec<Complex64>) {
    let rotated = basis.rotated();
    let mut coefficients = vec![Complex64::new(1.0, 0.0)];
    for &site in &rotated {
        let row = matrix(basis.0[site])[usize::from(outcome[site] != 1)];
        let factors = [row[1], row[0]];
        let products = factors.map(|f| coefficients.iter().map(|c| c * f).collect::<Vec<_>>());
        coefficients = products.concat();
    }
    (configurations(outcome, &rotated), coefficients)
}
