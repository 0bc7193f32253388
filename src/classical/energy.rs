//! Decides what the energy of classical spins is: a sum of products of spins, with tables of what
//! each spin takes part in.
//!
//! H(s) = c₀ + Σ_t c_t Π_{i∈t} s_i with s = ±1. A flip of the spins A changes it by −2 Σ_t c_t
//! Π s over the terms that have an odd number of sites in A, which all lie at the boundary of A for
//! pairs: the work is that of A, not of the lattice.

use crate::error::{Error, Result};
use crate::operator::TermTable;
use std::collections::BTreeMap;
use std::ops::Range;

/// Products of spins with their coefficients, by site and by coefficient.
#[derive(Debug, Clone, PartialEq)]
pub struct SpinEnergy {
    sites: usize,
    constant: f64,
    /// Terms of one coefficient stand together.
    groups: Vec<(f64, Range<usize>)>,
    coefficients: Vec<f64>,
    /// First member of each term, and the end.
    starts: Vec<u32>,
    members: Vec<u32>,
    /// Σ of the coefficients of each site alone.
    fields: Vec<f64>,
    /// Neighbours of each site with the couplings of the pairs.
    pub(super) pairs: Rows<(u32, f64)>,
    /// Terms of three and more spins at each site.
    others: Rows<u32>,
}

/// Lists, one for each site, in one vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T> Rows<T> {
    pub fn new(lists: Vec<Vec<T>>) -> Self {
        let mut starts = vec![0];
        let mut items = Vec::new();
        for list in lists {
            items.extend(list);
            starts.push(items.len() as u32);
        }
        Rows { starts, items }
    }

    /// The list of a site.
    #[inline]
    pub fn of(&self, site: usize) -> &[T] {
        &self.items[self.starts[site] as usize..self.starts[site + 1] as usize]
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// −1 where the product of the spins is negative, else 1.
#[inline]
fn product(spins: &[i8], sites: &[u32]) -> f64 {
    // The sign bit of spins combined by exclusive or is that of their product.
    let bits = sites.iter().fold(0, |sign, &i| sign ^ spins[i as usize]);
    if bits < 0 { -1.0 } else { 1.0 }
}

impl SpinEnergy {
    /// Of coefficients and sites without repetitions; terms on the same sites are added up, and
    /// those that vanish are left out.
    pub fn new(sites: usize, terms: impl IntoIterator<Item = (f64, Vec<u32>)>) -> Self {
        let mut merged: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
        for (coefficient, mut on) in terms {
            on.sort_unstable();
            *merged.entry(on).or_default() += coefficient;
        }
        let constant = merged.remove(&Vec::new()).unwrap_or(0.0);
        let mut list: Vec<(f64, Vec<u32>)> = merged
            .into_iter()
            .filter(|(_, c)| *c != 0.0)
            .map(|(on, c)| (c, on))
            .collect();
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut energy = SpinEnergy {
            sites,
            constant,
            groups: Vec::new(),
            coefficients: Vec::new(),
            starts: vec![0],
            members: Vec::new(),
            fields: vec![0.0; sites],
            pairs: Rows::new(vec![Vec::new(); sites]),
            others: Rows::new(vec![Vec::new(); sites]),
        };
        let (mut pairs, mut others) = (vec![Vec::new(); sites], vec![Vec::new(); sites]);
        for (k, (c, on)) in list.iter().enumerate() {
            match energy.groups.last_mut() {
                Some((same, range)) if same == c => range.end = k + 1,
                _ => energy.groups.push((*c, k..k + 1)),
            }
            energy.coefficients.push(*c);
            energy.members.extend(on);
            energy.starts.push(energy.members.len() as u32);
            match on[..] {
                [i] => energy.fields[i as usize] += c,
                [i, j] => {
                    pairs[i as usize].push((j, *c));
                    pairs[j as usize].push((i, *c));
                }
                _ => on.iter().for_each(|i| others[*i as usize].push(k as u32)),
            }
        }
        energy.pairs = Rows::new(pairs);
        energy.others = Rows::new(others);
        energy
    }

    /// Of an operator; the error names a site that it flips, which classical spins cannot be.
    pub fn of(table: &TermTable) -> Result<Self> {
        if let Some(flip) = table.flips.first() {
            return Err(Error::input(
                "hamiltonian",
                format!(
                    "the Hamiltonian flips the sites {:?}: it is not one of classical spins",
                    flip.sites
                ),
                "leave products of Z alone: hx = 0 for `ising`, Jx = Jy = 0 for bonds",
            ));
        }
        let terms = table.diagonal.iter();
        let terms = terms.map(|m| (m.coefficient.re, m.sites.clone()));
        Ok(Self::new(table.sites, terms))
    }

    /// Number of spins.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// Number of products.
    pub fn terms(&self) -> usize {
        self.coefficients.len()
    }

    /// Coefficients and sites of all products, the constant without sites first.
    pub fn products(&self) -> impl Iterator<Item = (f64, &[u32])> {
        let terms = (0..self.terms()).map(|k| (self.coefficients[k], self.term(k)));
        std::iter::once((self.constant, &[][..])).chain(terms)
    }

    /// The largest number of spins in a product.
    pub fn order(&self) -> usize {
        (0..self.terms())
            .map(|k| self.term(k).len())
            .max()
            .unwrap_or(0)
    }

    /// Whether all products are pairs of spins.
    pub fn is_pairs(&self) -> bool {
        (0..self.terms()).all(|k| self.term(k).len() == 2)
    }

    /// The number that the sum begins with.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// The coefficient that all products share, if they do.
    pub fn only_coefficient(&self) -> Option<f64> {
        match self.groups[..] {
            [(coefficient, _)] => Some(coefficient),
            _ => None,
        }
    }

    /// The coefficient of all pairs of nearest neighbours, where these are all that there is on a
    /// periodic square lattice of so many cells.
    pub(super) fn nearest_coupling(&self, [lx, ly]: [usize; 2]) -> Option<f64> {
        let coupling = self.only_coefficient()?;
        let of_site = |i: usize| {
            let (x, y) = (i % lx, i / lx);
            let at = |x: usize, y: usize| (x % lx + lx * (y % ly)) as u32;
            let wanted = [
                at(x + 1, y),
                at(x + lx - 1, y),
                at(x, y + 1),
                at(x, y + ly - 1),
            ];
            let pairs = self.pairs.of(i);
            pairs.len() == 4 && wanted.iter().all(|j| pairs.iter().any(|(to, _)| to == j))
        };
        let nearest = self.sites == lx * ly && self.is_pairs() && (0..self.sites).all(of_site);
        nearest.then_some(coupling)
    }

    /// Σ |c_t| over the terms of a site: half of the largest change by a flip.
    pub fn reach(&self, site: usize) -> f64 {
        let pairs = self.pairs.of(site).iter().map(|(_, c)| c.abs());
        let others = self.others.of(site).iter();
        let others = others.map(|&t| self.coefficients[t as usize].abs());
        self.fields[site].abs() + pairs.chain(others).sum::<f64>()
    }

    /// Bytes of the tables.
    pub fn bytes(&self) -> usize {
        let terms = self.terms() * 12 + self.members.len() * 4;
        terms + self.sites * 16 + self.pairs.len() * 16 + self.others.len() * 4
    }

    #[inline]
    fn term(&self, k: usize) -> &[u32] {
        &self.members[self.starts[k] as usize..self.starts[k + 1] as usize]
    }

    /// H of spins ±1. Products are counted by coefficient, so that the same spins have the same
    /// energy to the bit on whatever way they were reached.
    pub fn energy(&self, spins: &[i8]) -> f64 {
        let of_group = |(c, range): &(f64, Range<usize>)| {
            let sign = |k: usize| {
                let on = self.term(k).iter();
                i64::from(on.fold(0, |sign, &i| sign ^ spins[i as usize]) < 0)
            };
            let negative: i64 = range.clone().map(sign).sum();
            c * (range.len() as i64 - 2 * negative) as f64
        };
        self.constant + self.groups.iter().map(of_group).sum::<f64>()
    }

    /// The change of H where the spin of a site is flipped.
    #[inline]
    pub fn change(&self, spins: &[i8], site: usize) -> f64 {
        let s = f64::from(spins[site]);
        let pairs = self.pairs.of(site).iter();
        let field: f64 = pairs.map(|(j, c)| c * f64::from(spins[*j as usize])).sum();
        let others = self.others.of(site).iter();
        let rest: f64 = others
            .map(|&t| self.coefficients[t as usize] * product(spins, self.term(t as usize)))
            .sum();
        -2.0 * (s * (self.fields[site] + field) + rest)
    }

    /// The change of H where all spins of `cluster`, the sites that are `inside`, are flipped.
    pub fn cluster_change(
        &self,
        spins: &[i8],
        cluster: &[u32],
        inside: impl Fn(u32) -> bool,
    ) -> f64 {
        let mut sum = 0.0;
        for &i in cluster {
            let site = i as usize;
            let s = f64::from(spins[site]);
            let out = self.pairs.of(site).iter().filter(|(j, _)| !inside(*j));
            let field: f64 = out.map(|(j, c)| c * f64::from(spins[*j as usize])).sum();
            sum += s * (self.fields[site] + field);
            for &t in self.others.of(site) {
                let on = self.term(t as usize);
                // A term counts once, at its first site inside.
                let mut within = on.iter().filter(|j| inside(**j));
                if within.next() == Some(&i) && within.count() % 2 == 0 {
                    sum += self.coefficients[t as usize] * product(spins, on);
                }
            }
        }
        -2.0 * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// Fields, pairs, triples, squares with coefficients that are not simple.
    fn mixed(sites: u32) -> SpinEnergy {
        let at = |k: u32| k % sites;
        let terms = (0..sites).flat_map(|i| {
            [
                (0.3, vec![i]),
                (-1.0, vec![i, at(i + 1)]),
                (0.7 + f64::from(i), vec![i, at(i + 3)]),
                (0.11, vec![i, at(i + 1), at(i + 2)]),
                (-0.2, vec![i, at(i + 1), at(i + 4), at(i + 5)]),
            ]
        });
        SpinEnergy::new(sites as usize, terms.chain([(2.5, vec![])]))
    }

    #[test]
    fn changes_are_those_of_the_whole_energy() {
        let energy = mixed(12);
        let mut rng = stream(1, Purpose::Law, 0, 0);
        for _ in 0..200 {
            let spins: Vec<i8> = (0..12).map(|_| if rng.random() { 1 } else { -1 }).collect();
            let before = energy.energy(&spins);
            for i in 0..12 {
                let mut flipped = spins.clone();
                flipped[i] = -flipped[i];
                let change = energy.energy(&flipped) - before;
                assert!((energy.change(&spins, i) - change).abs() < 1e-12);
            }
            let inside: Vec<bool> = (0..12).map(|_| rng.random()).collect();
            let cluster: Vec<u32> = (0..12).filter(|i| inside[*i as usize]).collect();
            let mut flipped = spins.clone();
            cluster.iter().for_each(|i| flipped[*i as usize] *= -1);
            let change = energy.cluster_change(&spins, &cluster, |i| inside[i as usize]);
            assert!((energy.energy(&flipped) - before - change).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_products_are_added_and_those_that_vanish_left_out() {
        let terms = [(1.0, vec![1, 0]), (-1.0, vec![0, 1]), (2.0, vec![2, 0])];
        let energy = SpinEnergy::new(3, terms);
        assert_eq!(energy.terms(), 1);
        assert_eq!(energy.energy(&[1, 1, -1]), -2.0);
        assert_eq!((energy.reach(0), energy.reach(1)), (2.0, 0.0));
        assert!(energy.is_pairs() && energy.order() == 2);
    }
}
