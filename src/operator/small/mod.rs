//! Decides how a sum of products of one-site matrices acts on sites with any number of values: for
//! every set of sites, one table of what their values together become.
//!
//! The places p_i of the values on the sites of a term are one number, Σ_i p_i Π_{j<i} d_j; row by
//! row the table lists the columns with ⟨x|T|x'⟩ ≠ 0. Sites that a term leaves alone are not part
//! of the move.

mod table;

use super::{Facts, Operator, Term};
use crate::basis::{Asks, Basis, Charge, Move, PARTICLES, TOTAL_SZ};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::sync::Arc;
use table::{Arrow, Elements, SiteTable, dimensions, multiplied};

/// Largest number of joint values of the sites of one term.
const LARGEST: usize = 1 << 20;

/// Sites and the table that acts on them.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    sites: Vec<u32>,
    /// Π_{j<i} d_j
    strides: Vec<usize>,
    table: Arc<SiteTable>,
}

/// A compiled operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Small {
    basis: Basis,
    constant: f64,
    parts: Vec<Part>,
    /// Whether two parts can lead to the same configuration.
    overlapping: bool,
}

impl Small {
    /// Compiles a sum of terms for the sites of a basis.
    ///
    /// Errors: [`Error::Input`] where a term acts on a site that does not exist, on too many sites,
    /// or where the sum is not Hermitian.
    pub fn compile(basis: &Basis, terms: &[Term]) -> Result<Self> {
        let mut sums: BTreeMap<Vec<u32>, Elements> = BTreeMap::new();
        for term in terms.iter().filter(|t| t.coefficient != Complex64::ZERO) {
            let mut sites: Vec<u32> = term.factors.iter().map(|f| f.0).collect();
            sites.sort_unstable();
            sites.dedup();
            if let Some(site) = sites.last().filter(|&&s| s as usize >= basis.sites()) {
                return Err(Error::input(
                    "hamiltonian",
                    format!("a term acts on site {site}, which does not exist"),
                    "correct the term or enlarge the lattice",
                ));
            }
            let dimensions = dimensions(basis, &sites);
            if dimensions.iter().map(|&d| d as f64).product::<f64>() > LARGEST as f64 {
                return Err(Error::input(
                    "hamiltonian",
                    format!("the sites {sites:?} of a term have too many values together"),
                    "use terms on fewer sites, or fewer values",
                ));
            }
            let sum = sums.entry(sites.clone()).or_default();
            for (at, element) in multiplied(term, &sites, &dimensions) {
                *sum.entry(at).or_default() += element;
            }
        }
        let constant = sums
            .remove(&Vec::new())
            .and_then(|e| e.get(&(0, 0)).copied());
        let mut parts: Vec<Part> = Vec::new();
        for (sites, elements) in &sums {
            let table = Arc::new(SiteTable::new(basis, sites, elements)?);
            let known = parts.iter().rev().find(|p| p.table == table);
            let table = known.map_or(table, |p| p.table.clone());
            let strides = dimensions(basis, sites)
                .iter()
                .scan(1, |stride, d| Some(std::mem::replace(stride, *stride * d)))
                .collect();
            parts.push(Part {
                sites: sites.clone(),
                strides,
                table,
            });
        }
        Ok(Small {
            basis: basis.clone(),
            constant: constant.unwrap_or_default().re,
            overlapping: overlap(&parts),
            parts,
        })
    }

    /// The joint value of a part's sites.
    #[inline]
    fn code(&self, part: &Part, x: &[i8]) -> usize {
        let place = |(&s, &stride): (&u32, &usize)| {
            let local = self.basis.locals()[s as usize];
            let above = i32::from(x[s as usize]) - i32::from(local.first);
            (above / i32::from(local.step)) as usize * stride
        };
        part.sites.iter().zip(&part.strides).map(place).sum()
    }

    /// Calls `visit(part, row, arrow)` for every off-diagonal element of every table.
    fn arrows(&self, mut visit: impl FnMut(&Part, usize, &Arrow)) {
        for part in &self.parts {
            for row in 0..part.table.diagonal.len() {
                part.table.row(row).iter().for_each(|a| visit(part, row, a));
            }
        }
    }

    /// The first term that changes a charge: its sites.
    fn breaks(&self, charge: &Charge) -> Option<Vec<u32>> {
        let mut found = None;
        self.arrows(|part, row, arrow| {
            let change = |(&k, &v): (&u32, &i8)| {
                let site = part.sites[k as usize] as usize;
                let local = self.basis.locals()[site];
                let place = row / part.strides[k as usize] % local.count as usize;
                i32::from(charge.weights[site]) * (i32::from(v) - i32::from(local.value(place)))
            };
            let moved: i32 = arrow.changed.iter().zip(&arrow.values).map(change).sum();
            if found.is_none() && charge.modulo.map_or(moved, |m| moved.rem_euclid(m)) != 0 {
                found = Some(part.sites.clone());
            }
        });
        found
    }

    /// All elements as a map that does not depend on the order of sites, after a permutation and a
    /// mirror of the values.
    fn image(&self, permutation: Option<&[u32]>, mirrored: bool) -> TermImage {
        let mut image = TermImage::new();
        for part in &self.parts {
            let site = |k: usize| {
                let s = part.sites[k];
                permutation.map_or(s, |g| g[s as usize])
            };
            let counts = dimensions(&self.basis, &part.sites);
            let key = |row: usize, column: usize| {
                let place = |code: usize, k: usize| {
                    let p = code / part.strides[k] % counts[k];
                    if mirrored { counts[k] - 1 - p } else { p }
                };
                let mut key: Vec<_> = (0..counts.len())
                    .map(|k| (site(k), place(row, k), place(column, k)))
                    .collect();
                key.sort_unstable();
                key
            };
            for (row, &diagonal) in part.table.diagonal.iter().enumerate() {
                *image.entry(key(row, row)).or_default() += Complex64::from(diagonal);
                for arrow in part.table.row(row) {
                    *image.entry(key(row, arrow.to)).or_default() += arrow.element;
                }
            }
        }
        image
    }

    /// Mean diagonal of each part: over the sector for particles of one kind, else over all values.
    fn means<'a>(&'a self) -> Vec<f64> {
        let mean = |part: &Part| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for (code, diagonal) in part.table.diagonal.iter().enumerate() {
                let value = |(&s, &stride): (&u32, &usize)| {
                    let local = self.basis.locals()[s as usize];
                    i32::from(local.value(code / stride % local.count as usize))
                };
                let taken = part.sites.iter().zip(&part.strides).map(value).sum();
                let weight = self.basis.completions(part.sites.len(), taken);
                sum += weight * diagonal;
                weights += weight;
            }
            sum / weights
        };
        // Parts with the same table on as many sites have the same mean.
        let mut known: Vec<(&Part, f64)> = Vec::new();
        let mut cached = |part: &'a Part| {
            let same = known
                .iter()
                .find(|(p, _)| Arc::ptr_eq(&p.table, &part.table));
            let value = same.map_or_else(|| mean(part), |k| k.1);
            if same.is_none() {
                known.push((part, value));
            }
            value
        };
        self.parts.iter().map(&mut cached).collect()
    }
}

type TermImage = BTreeMap<Vec<(u32, usize, usize)>, Complex64>;

/// Whether two parts change the same set of sites.
fn overlap(parts: &[Part]) -> bool {
    let mut owners: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    for (k, part) in parts.iter().enumerate() {
        for arrow in &part.table.arrows {
            let sites = arrow.changed.iter().map(|&c| part.sites[c as usize]);
            if *owners.entry(sites.collect()).or_insert(k) != k {
                return true;
            }
        }
    }
    false
}

/// Adds up the elements of questions that lead to the same configuration.
fn merge(walker: usize, from: usize, asks: &mut Asks, elements: &mut Vec<Complex64>) {
    let mut sums: BTreeMap<Vec<(u32, i8)>, Complex64> = BTreeMap::new();
    let start = asks.len() - (elements.len() - from);
    for (k, element) in elements[from..].iter().enumerate() {
        let step = asks.get(start + k).1;
        let key = step.sites.iter().copied().zip(step.values.iter().copied());
        *sums.entry(key.collect()).or_default() += element;
    }
    asks.truncate(start);
    elements.truncate(from);
    for (key, element) in sums.into_iter().filter(|(_, e)| *e != Complex64::ZERO) {
        let (sites, values): (Vec<u32>, Vec<i8>) = key.into_iter().unzip();
        asks.push(
            walker,
            Move {
                sites: &sites,
                values: &values,
            },
        );
        elements.push(element);
    }
}

impl Operator for Small {
    fn diagonal(&self, x: &[i8]) -> Complex64 {
        let value = |part: &Part| part.table.diagonal[self.code(part, x)];
        (self.constant + self.parts.iter().map(value).sum::<f64>()).into()
    }

    fn connect(&self, walker: usize, x: &[i8], asks: &mut Asks, elements: &mut Vec<Complex64>) {
        let from = elements.len();
        for part in &self.parts {
            for arrow in part.table.row(self.code(part, x)) {
                asks.push_on(walker, &part.sites, &arrow.changed, &arrow.values);
                elements.push(arrow.element);
            }
        }
        if self.overlapping {
            merge(walker, from, asks, elements);
        }
    }

    fn check(&self, basis: &Basis) -> Result<()> {
        if basis.locals() != self.basis.locals() {
            return Err(Error::input(
                "basis",
                "the operator was made for other values on the sites",
                "use the basis of the Hamiltonian",
            ));
        }
        for charge in basis.charges() {
            if let Some(sites) = self.breaks(charge) {
                let name = charge.name.replace('_', " ");
                return Err(Error::input(
                    format!("hamiltonian.sector.{}", charge.name),
                    format!(
                        "the Hamiltonian does not conserve {name}: its terms on sites {sites:?}"
                    ),
                    format!("remove the sector, or the terms that change {name}"),
                ));
            }
        }
        Ok(())
    }

    fn facts(&self, basis: &Basis, sign_rule: Option<&[bool]>) -> Facts {
        let means = self.means();
        let size = |(part, mean): (&Part, &f64)| {
            let row = |code: usize| {
                let far: f64 = part.table.row(code).iter().map(|a| a.element.norm()).sum();
                (part.table.diagonal[code] - mean).abs() + far
            };
            (0..part.table.diagonal.len()).map(row).fold(0.0, f64::max)
        };
        let (mut real, mut stoquastic) = (true, true);
        let mut pairs = std::collections::BTreeSet::new();
        self.arrows(|part, row, arrow| {
            let odd = |&k: &u32| {
                let (site, stride) = (part.sites[k as usize] as usize, part.strides[k as usize]);
                let d = basis.locals()[site].count as usize;
                let moved = row / stride % d + arrow.to / stride % d;
                sign_rule.is_some_and(|a| a[site]) && moved % 2 == 1
            };
            let negative = arrow.changed.iter().filter(|k| odd(k)).count() % 2 == 1;
            real &= arrow.element.im == 0.0;
            stoquastic &= if negative {
                -arrow.element.re
            } else {
                arrow.element.re
            } <= 1e-12;
            for (k, &a) in arrow.changed.iter().enumerate() {
                let site = |c: u32| part.sites[c as usize];
                pairs.extend(arrow.changed[k + 1..].iter().map(|&b| (site(a), site(b))));
            }
        });
        let widest = |part: &Part| {
            let rows = 0..part.table.diagonal.len();
            rows.map(|row| part.table.row(row).len()).max().unwrap_or(0)
        };
        let particles = basis.locals().iter().all(|l| l.first == 0);
        let total = Charge {
            name: if particles { PARTICLES } else { TOTAL_SZ },
            weights: vec![1; basis.sites()],
            total: 0,
            modulo: None,
        };
        let kept = self.breaks(&total).is_none();
        Facts {
            centre: self.constant + means.iter().sum::<f64>(),
            spread: self.parts.iter().zip(&means).map(size).sum(),
            real,
            stoquastic,
            connected: self.parts.iter().map(widest).sum(),
            conserved: kept.then_some(total.name).into_iter().collect(),
            pairs: pairs.into_iter().collect(),
            idle: super::others(
                basis.sites(),
                self.parts.iter().flat_map(|p| p.sites.iter().copied()),
            ),
        }
    }

    fn is_invariant(&self, permutations: &[&[u32]], mirrored: bool) -> bool {
        let original = self.image(None, false);
        let scale = original.values().fold(0.0f64, |m, c| m.max(c.norm()));
        let within = |a: &TermImage, b: &TermImage| {
            a.iter()
                .all(|(k, c)| (c - b.get(k).copied().unwrap_or_default()).norm() <= 1e-12 * scale)
        };
        permutations.iter().all(|g| {
            let moved = self.image(Some(g), mirrored);
            within(&original, &moved) && within(&moved, &original)
        })
    }
}
