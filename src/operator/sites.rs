//! Decides the matrices of one site: spins of any length, bosons with a largest occupation.
//!
//! Rows and columns are the values of the site from the smallest on: m = −S, …, S for spins, with
//! S⁺|m⟩ = √(S(S+1) − m(m+1)) |m+1⟩; n = 0, …, n_max for bosons, with b|n⟩ = √n |n−1⟩ and
//! b⁺|n_max⟩ = 0.

use ndarray::Array2;
use num_complex::Complex64;
use std::sync::Arc;

/// A matrix ⟨x|A|x'⟩ over the values of a site.
pub type SiteMatrix = Arc<Array2<Complex64>>;

/// A product of one-site matrices in the order given, times a number.
#[derive(Debug, Clone)]
pub struct Term {
    /// The number.
    pub coefficient: Complex64,
    /// Sites and matrices.
    pub factors: Vec<(u32, SiteMatrix)>,
}

impl Term {
    /// coefficient × Π factors.
    pub fn new(coefficient: f64, factors: &[(u32, &SiteMatrix)]) -> Self {
        Term {
            coefficient: coefficient.into(),
            factors: factors.iter().map(|&(s, m)| (s, m.clone())).collect(),
        }
    }
}

/// Sx, Sy, Sz of a spin S = `twice_s`/2.
pub fn spin(twice_s: u8) -> [SiteMatrix; 3] {
    let (d, s) = (twice_s as usize + 1, f64::from(twice_s) / 2.0);
    let m = |k: usize| k as f64 - s;
    let raise = |a: usize, b: usize| match a == b + 1 {
        true => (s * (s + 1.0) - m(b) * m(a)).sqrt() / 2.0,
        false => 0.0,
    };
    let x = |(a, b)| Complex64::from(raise(a, b) + raise(b, a));
    // Sy = (S⁺ − S⁻)/2i
    let y = |(a, b)| Complex64::new(0.0, raise(b, a) - raise(a, b));
    let z = |(a, b)| Complex64::from(if a == b { m(a) } else { 0.0 });
    [
        Arc::new(Array2::from_shape_fn((d, d), x)),
        Arc::new(Array2::from_shape_fn((d, d), y)),
        Arc::new(Array2::from_shape_fn((d, d), z)),
    ]
}

/// ⟨v+2|S⁺|v⟩ of a spin of length `twice_s`/2 with 2 m = v; 0 where v is the largest value.
pub fn raising(twice_s: u8, v: i8) -> f64 {
    let (t, v) = (f64::from(twice_s), f64::from(v));
    ((t - v) * (t + v + 2.0) / 4.0).sqrt()
}

/// b, b⁺ and n of a site with up to `most` bosons.
pub fn boson(most: u8) -> [SiteMatrix; 3] {
    let d = most as usize + 1;
    let lower = |a: usize, b: usize| if b == a + 1 { (b as f64).sqrt() } else { 0.0 };
    let number = |(a, b)| Complex64::from(if a == b { a as f64 } else { 0.0 });
    [
        Arc::new(Array2::from_shape_fn((d, d), |(a, b)| lower(a, b).into())),
        Arc::new(Array2::from_shape_fn((d, d), |(a, b)| lower(b, a).into())),
        Arc::new(Array2::from_shape_fn((d, d), number)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spins_have_their_commutators_and_length() {
        for twice_s in 1..=5 {
            let [x, y, z] = spin(twice_s);
            let s = f64::from(twice_s) / 2.0;
            let i = Complex64::i();
            let close = |a: Array2<Complex64>, b: Array2<Complex64>| {
                assert!((a - b).iter().all(|e| e.norm() < 1e-13));
            };
            close(x.dot(&*y) - y.dot(&*x), z.mapv(|e| i * e));
            close(y.dot(&*z) - z.dot(&*y), x.mapv(|e| i * e));
            let square = x.dot(&*x) + y.dot(&*y) + z.dot(&*z);
            let length = Array2::from_diag_elem(twice_s as usize + 1, (s * (s + 1.0)).into());
            close(square, length);
        }
    }

    #[test]
    fn bosons_commute_up_to_the_largest_occupation() {
        let [b, raise, n] = boson(4);
        let commutator = b.dot(&*raise) - raise.dot(&*b);
        for k in 0..4 {
            assert!((commutator[(k, k)] - 1.0).norm() < 1e-14);
        }
        assert!((commutator[(4, 4)] + 4.0).norm() < 1e-14);
        assert!((raise.dot(&*b) - &*n).iter().all(|e| e.norm() < 1e-14));
    }
}
