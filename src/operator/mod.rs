//! Decides what an operator is: a sum of Pauli strings, compiled to a term table of diagonal terms
//! and flips.
//!
//! For O = Σ_k c_k P_k the element between x and the configuration with the sites of P_k's X and Y
//! flipped is ⟨x|P_k|x'⟩ = (−i)^{n_Y} Π_{Y} σ_y Π_{Z} σ_z, with σ the spins of x.
//! Strings that flip the same sites share one connected configuration: ⟨x|O|x'⟩ = Σ_k c_k
//! (−i)^{n_Y} Π σ.

pub mod files;
pub mod models;
mod symmetry;

use crate::basis::SpinBasis;
use crate::error::{Error, Result};
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

/// One polynomial term: coefficient × Π σ over the sites.
#[derive(Debug, Clone, PartialEq)]
pub struct Monomial {
    /// c_k (−i)^{n_Y}
    pub coefficient: Complex64,
    /// Sites of the product.
    pub sites: Vec<u32>,
}

/// All terms that flip the same sites.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// The flipped sites, in increasing order.
    pub sites: Vec<u32>,
    /// The element ⟨x|O|x'⟩ as a polynomial in the spins of x.
    pub element: Vec<Monomial>,
}

/// A compiled operator: ⟨x|O|x⟩ and the connected configurations of any x.
#[derive(Debug, Clone, PartialEq)]
pub struct TermTable {
    /// Number of sites.
    pub sites: usize,
    /// The diagonal as a polynomial in the spins.
    pub diagonal: Vec<Monomial>,
    /// The off-diagonal part.
    pub flips: Vec<Flip>,
}

fn evaluate(polynomial: &[Monomial], x: &[i8]) -> Complex64 {
    // The sign bit of spins combined by exclusive or is that of their product.
    let negative = |m: &Monomial| {
        m.sites
            .iter()
            .fold(0, |product, &s| product ^ x[s as usize])
            < 0
    };
    polynomial
        .iter()
        .map(|m| {
            if negative(m) {
                -m.coefficient
            } else {
                m.coefficient
            }
        })
        .sum()
}

impl TermTable {
    /// Compiles a sum on `sites` sites.
    pub fn compile(sites: usize, sum: &PauliSum) -> Result<Self> {
        if let Some(site) = sum.largest_site().filter(|&s| s as usize >= sites) {
            return Err(Error::input(
                "hamiltonian",
                format!(
                    "a term acts on site {site}, the lattice has sites 0 to {}",
                    sites.saturating_sub(1)
                ),
                "correct the term or enlarge the lattice",
            ));
        }
        let mut groups: BTreeMap<Vec<u32>, Vec<Monomial>> = BTreeMap::new();
        for (string, c) in sum.iter().filter(|(_, c)| c.norm() != 0.0) {
            let pick =
                |keep: fn(Pauli) -> bool| string.iter().filter(move |f| keep(f.1)).map(|f| f.0);
            let n_y = pick(|p| p == Pauli::Y).count();
            let coefficient = c * Complex64::new(0.0, -1.0).powu(n_y as u32);
            groups
                .entry(pick(|p| p != Pauli::Z).collect())
                .or_default()
                .push(Monomial {
                    coefficient,
                    sites: pick(|p| p != Pauli::X).collect(),
                });
        }
        let diagonal = groups.remove(&Vec::new()).unwrap_or_default();
        let flips = groups
            .into_iter()
            .map(|(sites, element)| Flip { sites, element })
            .collect();
        Ok(TermTable {
            sites,
            diagonal,
            flips,
        })
    }

    /// ⟨x|O|x⟩.
    pub fn diagonal(&self, x: &[i8]) -> Complex64 {
        evaluate(&self.diagonal, x)
    }

    /// Calls `visit(sites to flip, ⟨x|O|x'⟩)` for every x' ≠ x with a non-zero element.
    pub fn connected(&self, x: &[i8], mut visit: impl FnMut(&[u32], Complex64)) {
        for flip in &self.flips {
            let element = evaluate(&flip.element, x);
            if element != Complex64::ZERO {
                visit(&flip.sites, element);
            }
        }
    }

    /// Tr O / dim over the whole space: the coefficient of the identity.
    pub fn mean_diagonal(&self) -> f64 {
        self.diagonal
            .iter()
            .filter(|m| m.sites.is_empty())
            .map(|m| m.coefficient.re)
            .sum()
    }

    /// Whether every element is real in the σz basis.
    pub fn is_real(&self) -> bool {
        self.flips
            .iter()
            .flat_map(|f| &f.element)
            .all(|m| m.coefficient.im == 0.0)
    }

    /// The first flip that can change total Sz with a non-zero element, if any: the sites and the
    /// element.
    ///
    /// An element vanishes for an assignment of the flipped spins when, for every product of the
    /// other spins, the coefficients of its monomials cancel.
    pub fn breaks_total_sz(&self) -> Option<(Vec<u32>, Complex64)> {
        for flip in &self.flips {
            let n = flip.sites.len();
            if n > 20 {
                return Some((flip.sites.clone(), flip.element[0].coefficient));
            }
            for assignment in 0..1u32 << n {
                if 2 * assignment.count_ones() as usize == n {
                    continue;
                }
                let mut rest: BTreeMap<Vec<u32>, Complex64> = BTreeMap::new();
                for m in &flip.element {
                    let mut c = m.coefficient;
                    let mut outside = Vec::new();
                    for &site in &m.sites {
                        match flip.sites.binary_search(&site) {
                            Ok(k) if assignment >> k & 1 == 0 => c = -c,
                            Ok(_) => {}
                            Err(_) => outside.push(site),
                        }
                    }
                    *rest.entry(outside).or_default() += c;
                }
                let scale: f64 = flip.element.iter().map(|m| m.coefficient.norm()).sum();
                if let Some(c) = rest.values().find(|c| c.norm() > 1e-12 * scale) {
                    return Some((flip.sites.clone(), *c));
                }
            }
        }
        None
    }

    /// Checks that the operator leaves the basis' sector invariant.
    pub fn check_sector(&self, basis: &SpinBasis) -> Result<()> {
        match self.breaks_total_sz().filter(|_| basis.up.is_some()) {
            None => Ok(()),
            Some((sites, element)) => Err(Error::input(
                "hamiltonian.sector.total_sz",
                format!(
                    "the Hamiltonian does not conserve total Sz: flipping sites {sites:?} has the \
                     element {element}"
                ),
                "remove the sector, or the terms that change total Sz",
            )),
        }
    }
}
