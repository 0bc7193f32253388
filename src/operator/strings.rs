//! Decides how sums of products of Pauli matrices are written down.

use num_complex::Complex64;
use std::collections::BTreeMap;

/// A one-site Pauli matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pauli {
    /// σx
    X,
    /// σy
    Y,
    /// σz
    Z,
}

/// A sum of Pauli strings with complex coefficients; equal strings are merged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PauliSum {
    strings: BTreeMap<Vec<(u32, Pauli)>, Complex64>,
}

impl PauliSum {
    /// Adds `coefficient` × the product of `factors` in the order given; factors on one site are
    /// multiplied out.
    pub fn add(&mut self, coefficient: impl Into<Complex64>, factors: &[(u32, Pauli)]) {
        use Pauli::{X, Y, Z};
        let mut coefficient = coefficient.into();
        let mut product: BTreeMap<u32, Pauli> = BTreeMap::new();
        let i = Complex64::i();
        for &(site, right) in factors {
            match product.remove(&site) {
                None => {
                    product.insert(site, right);
                }
                Some(left) if left == right => {}
                Some(left) => {
                    let (phase, result) = match (left, right) {
                        (X, Y) => (i, Z),
                        (Y, X) => (-i, Z),
                        (Y, Z) => (i, X),
                        (Z, Y) => (-i, X),
                        (Z, X) => (i, Y),
                        _ => (-i, Y),
                    };
                    coefficient *= phase;
                    product.insert(site, result);
                }
            }
        }
        *self
            .strings
            .entry(product.into_iter().collect())
            .or_default() += coefficient;
    }

    /// The strings and their coefficients.
    pub fn iter(&self) -> impl Iterator<Item = (&[(u32, Pauli)], Complex64)> {
        self.strings.iter().map(|(s, &c)| (s.as_slice(), c))
    }

    /// The largest site that occurs.
    pub fn largest_site(&self) -> Option<u32> {
        self.strings.keys().flatten().map(|&(site, _)| site).max()
    }

    /// The first string whose coefficient is not real, which makes the sum non-Hermitian.
    pub fn non_hermitian(&self) -> Option<(String, Complex64)> {
        let scale = self.strings.values().fold(0.0f64, |m, c| m.max(c.norm()));
        self.strings
            .iter()
            .find(|(_, c)| c.im.abs() > 1e-14 * scale)
            .map(|(s, &c)| (name(s), c))
    }
}

/// The text form of a string, such as `X0 Z1`.
pub fn name(string: &[(u32, Pauli)]) -> String {
    string
        .iter()
        .map(|(site, p)| format!("{p:?}{site}"))
        .collect::<Vec<_>>()
        .join(" ")
}
