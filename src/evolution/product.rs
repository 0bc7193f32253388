//! Decides the factors of a step e^z, z = −ihH or −hH, that are fitted one after the other.
//!
//! The Taylor polynomial of order s is the product of s factors that are linear in H, so that one
//! factor asks for local energies alone:
//! ```text
//! Σ_{j ≤ s} z^j/j! = Π_k (1 + a_k z)        a_k = −1/z_k, z_k the roots
//! s = 2            a = (1 ± i)/2
//! ```
//! (L. Gravina, V. Savona, F. Vicentini, Quantum 9, 1803 (2025), linear product expansion.) Roots
//! come in pairs, so that the state between two factors of a pair is complex even where H and ψ are
//! real.

use num_complex::Complex64;

const SECOND: [Complex64; 2] = [Complex64::new(0.5, 0.5), Complex64::new(0.5, -0.5)];
const FOURTH: [Complex64; 4] = [
    Complex64::new(0.042_626_656_502_702_43, 0.394_632_953_172_113_4),
    Complex64::new(0.042_626_656_502_702_43, -0.394_632_953_172_113_4),
    Complex64::new(0.457_373_343_497_297_6, 0.235_100_487_998_542_67),
    Complex64::new(0.457_373_343_497_297_6, -0.235_100_487_998_542_67),
];

/// How a step is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductExpansion {
    /// To h².
    Second,
    /// To h⁴.
    Fourth,
}

impl ProductExpansion {
    /// a_k
    pub fn factors(self) -> &'static [Complex64] {
        match self {
            ProductExpansion::Second => &SECOND,
            ProductExpansion::Fourth => &FOURTH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coefficients of Π (1 + a_k z).
    fn product(expansion: ProductExpansion) -> Vec<Complex64> {
        let mut all = vec![Complex64::ONE];
        for a in expansion.factors() {
            all.push(Complex64::ZERO);
            for k in (1..all.len()).rev() {
                let below = all[k - 1];
                all[k] += a * below;
            }
        }
        all
    }

    #[test]
    fn factors_multiply_to_the_taylor_polynomial() {
        for expansion in [ProductExpansion::Second, ProductExpansion::Fourth] {
            let mut wanted = 1.0;
            for (k, found) in product(expansion).into_iter().enumerate() {
                wanted /= f64::max(1.0, k as f64);
                assert!(
                    (found - wanted).norm() < 1e-15,
                    "{expansion:?} {k}: {found}"
                );
            }
        }
    }
}
