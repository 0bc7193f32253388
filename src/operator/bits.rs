//! Decides how a sum of Pauli strings acts on spins one half: a term table of diagonal terms and
//! flips.
//!
//! For O = Σ_k c_k P_k the element between x and the configuration with the sites of P_k's X and Y
//! flipped is ⟨x|P_k|x'⟩ = (−i)^{n_Y} Π_{Y} σ_y Π_{Z} σ_z, with σ the spins of x.
//! Strings that flip the same sites share one connected configuration: ⟨x|O|x'⟩ = Σ_k c_k
//! (−i)^{n_Y} Π σ.

use super::{Facts, Operator, Pauli, PauliSum};
use crate::basis::{Asks, Basis, TOTAL_SZ, only_spin_half};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Σ |c_k| over the strings other than the identity.
    spread: f64,
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
        let size = |(string, c): (&[(u32, Pauli)], Complex64)| match string {
            [] => 0.0,
            _ => c.norm(),
        };
        Ok(TermTable {
            sites,
            diagonal,
            flips,
            spread: sum.iter().map(size).sum(),
        })
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

    /// The sites on which some term acts, in any order.
    fn touched(&self) -> impl Iterator<Item = u32> {
        let elements = self.flips.iter().flat_map(|f| &f.element);
        let products = self.diagonal.iter().chain(elements).flat_map(|m| &m.sites);
        let flipped = self.flips.iter().flat_map(|f| &f.sites);
        products.chain(flipped).copied()
    }

    /// All pairs of sites that are flipped together, the smaller one first.
    fn pairs(&self) -> Vec<(u32, u32)> {
        let mut pairs = BTreeSet::new();
        for flip in &self.flips {
            for (k, &i) in flip.sites.iter().enumerate() {
                pairs.extend(flip.sites[k + 1..].iter().map(|&j| (i, j)));
            }
        }
        pairs.into_iter().collect()
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
}

impl Flip {
    /// Whether the flip, where it keeps total Sz if that is `fixed`, can have a positive real
    /// element once its sign is `sign`.
    fn is_positive(&self, fixed: bool, sign: f64) -> bool {
        let products = self.element.iter().flat_map(|m| m.sites.iter().copied());
        let mut sites: Vec<u32> = products.chain(self.sites.clone()).collect();
        sites.sort_unstable();
        sites.dedup();
        if sites.len() > 12 {
            return false;
        }
        let spin = |word: u32, site: &u32| match sites.binary_search(site) {
            Ok(k) if word >> k & 1 == 1 => 1.0,
            _ => -1.0,
        };
        let keeps = |word: &u32| self.sites.iter().map(|s| spin(*word, s)).sum::<f64>() == 0.0;
        (0..1u32 << sites.len())
            .filter(|word| !fixed || keeps(word))
            .any(|word| {
                let value = |m: &Monomial| {
                    m.coefficient.re * m.sites.iter().map(|s| spin(word, s)).product::<f64>()
                };
                sign * self.element.iter().map(value).sum::<f64>() > 1e-12
            })
    }
}

impl Operator for TermTable {
    fn diagonal(&self, x: &[i8]) -> Complex64 {
        evaluate(&self.diagonal, x)
    }

    fn connect(&self, walker: usize, x: &[i8], asks: &mut Asks, elements: &mut Vec<Complex64>) {
        self.connected(x, |sites, element| {
            asks.flip(walker, x, sites);
            elements.push(element);
        });
    }

    fn check(&self, basis: &Basis) -> Result<()> {
        if !basis.is_spin_half() {
            return Err(only_spin_half("hamiltonian", "a sum of Pauli strings"));
        }
        let fixed = basis.fixed(TOTAL_SZ).is_some();
        match self.breaks_total_sz().filter(|_| fixed) {
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

    fn facts(&self, basis: &Basis, sign_rule: Option<&[bool]>) -> Facts {
        let fixed = basis.fixed(TOTAL_SZ).is_some();
        let in_a = |s: &&u32| sign_rule.is_some_and(|a| a[**s as usize]);
        let sign = |flip: &Flip| match flip.sites.iter().filter(in_a).count() % 2 {
            1 => -1.0,
            _ => 1.0,
        };
        let identity = self.diagonal.iter().filter(|m| m.sites.is_empty());
        let mut elements = self.flips.iter().flat_map(|f| &f.element);
        Facts {
            centre: identity.map(|m| m.coefficient.re).sum(),
            spread: self.spread,
            real: elements.all(|m| m.coefficient.im == 0.0),
            stoquastic: !self.flips.iter().any(|f| f.is_positive(fixed, sign(f))),
            connected: self.flips.len(),
            conserved: match self.breaks_total_sz() {
                None => vec![TOTAL_SZ],
                Some(_) => Vec::new(),
            },
            pairs: self.pairs(),
            idle: super::others(self.sites, self.touched()),
        }
    }

    fn is_invariant(&self, permutations: &[&[u32]], flip: bool) -> bool {
        self.maps_to_itself(permutations, flip)
    }

    fn table(&self) -> Option<&TermTable> {
        Some(self)
    }
}
