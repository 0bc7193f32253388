//! Decides when a small matrix is singular, and its determinant and inverse otherwise.
//!
//! Elimination with complete pivoting (G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed.
//! (2013), sec. 3.4.8): the last pivots show the rank. ln det is a sum of logarithms beside a
//! phase, so that it neither overflows nor loses its sign.

use super::largest;
use crate::number::Scalar;
use num_complex::Complex64;

/// A pivot below this, relative to the largest entry of the matrix, is a zero.
pub const ZERO: f64 = 1e-13;

/// ln 0
pub(super) const NOTHING: Complex64 = Complex64::new(f64::NEG_INFINITY, 0.0);

/// A product of numbers as ln of its modulus and a phase.
pub(super) struct LogProduct {
    log: f64,
    phase: Complex64,
}

impl LogProduct {
    pub(super) fn new() -> Self {
        LogProduct {
            log: 0.0,
            phase: Complex64::ONE,
        }
    }
    pub(super) fn times<T: Scalar>(&mut self, factor: T) {
        let (size, factor) = (factor.norm_sqr().sqrt(), factor.complex());
        self.log += size.ln();
        self.phase *= factor / size;
    }
    pub(super) fn turn(&mut self) {
        self.phase = -self.phase;
    }
    pub(super) fn ln(&self) -> Complex64 {
        // A sum with +0 has no negative zero, whose argument would be −π.
        let phase = self.phase + Complex64::ZERO;
        Complex64::new(self.log, phase.arg())
    }
}

/// ln det of the row-major n × n matrix; −∞ where a pivot is not larger than `zero` times the
/// largest entry. The matrix is overwritten, with its inverse where `inverse` is asked for.
pub fn determinant<T: Scalar>(a: &mut [T], n: usize, zero: f64, inverse: bool) -> Complex64 {
    let least = zero * largest(a);
    let mut product = LogProduct::new();
    let (mut used, mut swaps) = (vec![false; n], Vec::with_capacity(n));
    let (mut scaled, mut factor) = (vec![T::zero(); n], T::zero());
    for _ in 0..n {
        let (row, column, size) = pivot(a, n, &used);
        if size <= least || size.is_nan() {
            return NOTHING;
        }
        if row != column {
            (0..n).for_each(|l| a.swap(row * n + l, column * n + l));
            product.turn();
        }
        swaps.push((row, column));
        used[column] = true;
        let k = column;
        product.times(a[k * n + k]);
        let inverted = a[k * n + k].inverse();
        a[k * n + k] = T::one();
        for (to, from) in scaled.iter_mut().zip(&mut a[k * n..(k + 1) * n]) {
            *from *= inverted;
            *to = *from;
        }
        for (i, row) in a.chunks_exact_mut(n).enumerate() {
            if i == k || (!inverse && used[i]) {
                continue;
            }
            std::mem::swap(&mut factor, &mut row[k]);
            row[k] = T::zero();
            let factor = -factor;
            row.iter_mut()
                .zip(&scaled)
                .for_each(|(x, &s)| *x += s * factor);
        }
    }
    for (row, column) in swaps.into_iter().rev().filter(|(r, c)| r != c) {
        (0..n).for_each(|i| a.swap(i * n + row, i * n + column));
    }
    product.ln()
}

/// The largest entry in rows and columns that are not used, with its modulus.
fn pivot<T: Scalar>(a: &[T], n: usize, used: &[bool]) -> (usize, usize, f64) {
    let mut best = (0, 0, -1.0);
    for (i, row) in a.chunks_exact(n).enumerate().filter(|(i, _)| !used[*i]) {
        for (j, x) in row.iter().enumerate().filter(|(j, _)| !used[*j]) {
            let square = x.norm_sqr();
            if square > best.2 {
                best = (i, j, square);
            }
        }
    }
    (best.0, best.1, best.2.max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_and_determinant_of_a_matrix_that_needs_pivots() {
        let i = Complex64::i();
        let a: Vec<Complex64> = vec![
            Complex64::ZERO,
            2.0.into(),
            i,
            1.0.into(),
            Complex64::ZERO,
            3.0.into(),
            4.0 * i,
            1.0.into(),
            Complex64::ZERO,
        ];
        // Expansion along the first row: −2 (1·0 − 3·4i) + i (1·1 − 0).
        let expected = 24.0 * i + i;
        let mut inverse = a.clone();
        let log = determinant(&mut inverse, 3, ZERO, true);
        assert!((log.exp() - expected).norm() < 1e-13, "{}", log.exp());
        assert_eq!(log, determinant(&mut a.clone(), 3, ZERO, false));
        for r in 0..3 {
            for c in 0..3 {
                let sum: Complex64 = (0..3).map(|k| a[3 * r + k] * inverse[3 * k + c]).sum();
                let one = if r == c { 1.0 } else { 0.0 };
                assert!((sum - one).norm() < 1e-14);
            }
        }
    }

    #[test]
    fn singular_matrices_have_no_logarithm() {
        let mut a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(determinant(&mut a, 3, ZERO, false), NOTHING);
        assert_eq!(determinant(&mut [f64::NAN], 1, ZERO, true), NOTHING);
        assert_eq!(determinant::<f64>(&mut [], 0, ZERO, true), Complex64::ZERO);
        assert_eq!(
            determinant(&mut [-2.0], 1, ZERO, false).im,
            std::f64::consts::PI
        );
    }
}
