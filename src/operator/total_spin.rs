//! Decides the square of the total spin as an operator, and which operators conserve the spin.
//!
//! S² = (Σ_i S_i)² = N s (s + 1) + 2 Σ_{i<j} S_i·S_j of N spins of length s (P. A. M. Dirac, Proc.
//! R. Soc. A 123, 714 (1929)): N (N − 1)/2 connected configurations. H conserves the total spin
//! where [H, S⁺] = 0.

use super::sites::{Term, raising, spin};
use super::{Operator, Pauli, PauliSum, Small, TermTable};
use crate::basis::{Asks, Basis};
use crate::error::Result;
use crate::rng::{Purpose, stream};
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Configurations on which an operator is compared with S⁺.
const ROWS: usize = 8;

/// S² of the spins of length `twice_spin`/2 on the sites of a basis.
pub fn total_spin_squared(basis: &Basis, twice_spin: u8) -> Result<Arc<dyn Operator>> {
    let (sites, s) = (basis.sites() as u32, f64::from(twice_spin) / 2.0);
    let own = f64::from(sites) * s * (s + 1.0);
    let pairs = (0..sites).flat_map(|i| (i + 1..sites).map(move |j| (i, j)));
    if twice_spin > 1 {
        let axes = spin(twice_spin);
        let pair = |(i, j)| axes.each_ref().map(|a| Term::new(2.0, &[(i, a), (j, a)]));
        let terms = [Term::new(own, &[])].into_iter();
        let terms: Vec<Term> = terms.chain(pairs.flat_map(pair)).collect();
        return Ok(Arc::new(Small::compile(basis, &terms)?));
    }
    let mut sum = PauliSum::default();
    sum.add(own, &[]);
    for (i, j) in pairs {
        for axis in [Pauli::X, Pauli::Y, Pauli::Z] {
            sum.add(0.5, &[(i, axis), (j, axis)]);
        }
    }
    Ok(Arc::new(TermTable::compile(basis.sites(), &sum)?))
}

/// Whether ⟨x|[H, S⁺]|x'⟩ vanishes for some x and every x', for an operator H on spins of length
/// `twice_spin`/2.
pub fn conserves_total_spin(operator: &dyn Operator, basis: &Basis, twice_spin: u8) -> bool {
    let mut rng = stream(0, Purpose::Configurations, u64::MAX, 1);
    (0..ROWS).all(|_| {
        let x = basis.random(&mut rng);
        let mut difference = BTreeMap::new();
        for (y, h) in row(operator, &x) {
            for (z, s) in lowered(&y, twice_spin) {
                *difference.entry(z).or_insert(Complex64::ZERO) += h * s;
            }
        }
        let mut scale: f64 = 1.0;
        for (y, s) in lowered(&x, twice_spin) {
            for (z, h) in row(operator, &y) {
                *difference.entry(z).or_insert(Complex64::ZERO) -= h * s;
                scale = scale.max(h.norm());
            }
        }
        difference.values().all(|d| d.norm() <= 1e-12 * scale)
    })
}

/// The configurations and elements of ⟨x|H.
fn row(operator: &dyn Operator, x: &[i8]) -> Vec<(Vec<i8>, Complex64)> {
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    operator.connect(0, x, &mut asks, &mut elements);
    let mut out = vec![(x.to_vec(), operator.diagonal(x))];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::MatrixRows;

    /// S² = S⁺S⁻ + Sz² − Sz, element by element.
    #[test]
    fn the_square_is_that_of_ladder_operators() {
        for (sites, twice_spin) in [(1, 1), (4, 1), (5, 1), (3, 2), (2, 3)] {
            let basis = Basis::spins(sites, twice_spin, None).unwrap();
            let numbering = basis.numbering().unwrap();
            let square = total_spin_squared(&basis, twice_spin).unwrap();
            let mut rows = MatrixRows::new(&*square, &numbering);
            let all = numbering.dimension();
            for k in 0..all {
                let mut found = vec![Complex64::ZERO; all];
                let diagonal = rows.row(k, |to, element| found[to] += element);
                found[k] += diagonal;
                let x = numbering.row(k);
                let m = x.iter().map(|&v| f64::from(v)).sum::<f64>() / 2.0;
                let raised = lowered(&x, twice_spin);
                for (z, found) in found.iter().enumerate() {
                    let row = numbering.row(z);
                    let own = if z == k { m * m - m } else { 0.0 };
                    let back = lowered(&row, twice_spin);
                    let product = |(y, a): &(Vec<i8>, f64)| {
                        let same = back.iter().filter(|(other, _)| other == y);
                        same.map(|(_, b)| a * b).sum::<f64>()
                    };
                    let wanted = own + raised.iter().map(product).sum::<f64>();
                    assert!((found - wanted).norm() < 1e-12, "{sites} {twice_spin}");
                }
            }
            assert!(conserves_total_spin(&*square, &basis, twice_spin));
        }
    }
}
