//! Decides whether a Hamiltonian of spins conserves the total spin: [H, S⁺] = 0.
//!
//! ⟨x|[H, S⁺]|x'⟩ is compared with zero for some random x and every x'.

use super::Operator;
use crate::basis::{Asks, Basis};
use crate::rng::{Purpose, stream};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Configurations on which H is compared with S⁺.
const ROWS: usize = 8;

/// ⟨v+2|S⁺|v⟩ of a spin of length `twice_s`/2 with 2 m = v; 0 where v is the largest value.
pub fn raising(twice_s: u8, v: i8) -> f64 {
    let (t, v) = (f64::from(twice_s), f64::from(v));
    ((t - v) * (t + v + 2.0) / 4.0).sqrt()
}

/// Whether ⟨x|[H, S⁺]|x'⟩ vanishes for some x and every x'.
pub fn conserves_total_spin(hamiltonian: &dyn Operator, basis: &Basis, twice_spin: u8) -> bool {
    let mut rng = stream(0, Purpose::Configurations, u64::MAX, 1);
    (0..ROWS).all(|_| {
        let x = basis.random(&mut rng);
        let mut difference = BTreeMap::new();
        for (y, h) in row(hamiltonian, &x) {
            for (z, s) in lowered(&y, twice_spin) {
                *difference.entry(z).or_insert(Complex64::ZERO) += h * s;
            }
        }
        let mut scale: f64 = 1.0;
        for (y, s) in lowered(&x, twice_spin) {
            for (z, h) in row(hamiltonian, &y) {
                *difference.entry(z).or_insert(Complex64::ZERO) -= h * s;
                scale = scale.max(h.norm());
            }
        }
        difference.values().all(|d| d.norm() <= 1e-12 * scale)
    })
}

/// The configurations and elements of ⟨x|H.
fn row(hamiltonian: &dyn Operator, x: &[i8]) -> Vec<(Vec<i8>, Complex64)> {
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    hamiltonian.connect(0, x, &mut asks, &mut elements);
    let mut out = vec![(x.to_vec(), hamiltonian.diagonal(x))];
    for ((_, step), &element) in asks.iter().zip(&elements) {
        out.push((step.applied(x), element));
    }
    out
}

/// The configurations and elements of ⟨x|S⁺, whose spins are lower by one.
fn lowered(x: &[i8], twice_spin: u8) -> Vec<(Vec<i8>, f64)> {
    let mut out = Vec::new();
    for (site, &value) in x.iter().enumerate() {
        if value > -(twice_spin as i8) {
            let mut y = x.to_vec();
            y[site] = value - 2;
            out.push((y, raising(twice_spin, value - 2)));
        }
    }
    out
}
