//! Expectation values of products of matrices on sites, from their elements and from nothing of the
//! program but the order of configurations.
#![allow(dead_code)]

use ndarray::Array2;
use nishina::basis::Basis;
use num_complex::Complex64;
use std::collections::BTreeSet;

/// ⟨x|Π_i A_i|y⟩ of matrices on sites, whose levels are in increasing order of the values.
pub fn element(
    basis: &Basis,
    x: &[i8],
    y: &[i8],
    factors: &[(usize, &Array2<Complex64>)],
) -> Complex64 {
    let place = |x: &[i8], s: usize| basis.locals()[s].place(x[s]).unwrap();
    let of_site = |s: usize| {
        let mut matrix = Array2::eye(basis.locals()[s].count as usize);
        for (_, m) in factors.iter().filter(|f| f.0 == s) {
            matrix = matrix.dot(*m);
        }
        matrix[(place(x, s), place(y, s))]
    };
    let differ = |s: usize| x[s] != y[s] && !factors.iter().any(|f| f.0 == s);
    if (0..x.len()).any(differ) {
        return Complex64::ZERO;
    }
    let sites: BTreeSet<usize> = factors.iter().map(|f| f.0).collect();
    sites.into_iter().map(of_site).product()
}

/// ⟨Π_i A_i⟩ of matrices on sites, by the elements between all pairs of configurations.
pub fn expectation(
    basis: &Basis,
    psi: &[Complex64],
    factors: &[(usize, &Array2<Complex64>)],
) -> Complex64 {
    let numbering = basis.numbering().unwrap();
    let rows: Vec<Vec<i8>> = (0..psi.len()).map(|k| numbering.row(k)).collect();
    let (mut sum, mut norm) = (Complex64::ZERO, 0.0);
    for (x, a) in rows.iter().zip(psi) {
        norm += a.norm_sqr();
        for (y, b) in rows.iter().zip(psi) {
            sum += a.conj() * b * element(basis, x, y, factors);
        }
    }
    sum / norm
}

/// Sx, Sy, Sz of a spin of length `twice`/2, by their definition: values in increasing order.
pub fn spin(twice: usize) -> [Array2<Complex64>; 3] {
    let (d, s) = (twice + 1, twice as f64 / 2.0);
    let mut plus = Array2::<Complex64>::zeros((d, d));
    for k in 1..d {
        let m = k as f64 - 1.0 - s;
        plus[(k, k - 1)] = (s * (s + 1.0) - m * (m + 1.0)).sqrt().into();
    }
    let minus = plus.t().to_owned();
    let levels = (0..d).map(|k| Complex64::from(k as f64 - s));
    let z = Array2::from_diag(&ndarray::Array1::from_iter(levels));
    let half = Complex64::new(0.5, 0.0);
    let y = (&plus - &minus).mapv(|v| v * Complex64::new(0.0, -0.5));
    [(&plus + &minus).mapv(|v| v * half), y, z]
}

/// b of at most `most` bosons on a site.
pub fn lowering(most: usize) -> Array2<Complex64> {
    let mut b = Array2::<Complex64>::zeros((most + 1, most + 1));
    (1..=most).for_each(|n| b[(n - 1, n)] = (n as f64).sqrt().into());
    b
}
