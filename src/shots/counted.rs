//! Decides how outcomes are kept with their weights, and how they are shared out: frequencies,
//! entropy, a part that is held out, batches.

use super::bases::MeasuredBasis;
use super::drawing::Urn;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value};
use crate::rng::{Binomial, Distribution, Generator};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Outcomes with weights: counts, or probabilities. [`Shots::joined`] puts the rows in the order
/// of basis, then outcome, and adds up equal ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shots {
    /// The bases, in the order in which they came.
    pub bases: Vec<MeasuredBasis>,
    /// Number of the basis of each row among `bases`.
    pub basis: Vec<u32>,
    /// [row, site] ±1
    pub outcomes: Vec<i8>,
    /// Count or probability of each row, from 0.
    pub weights: Vec<f64>,
    sites: usize,
    number: HashMap<MeasuredBasis, u32>,
}

impl Shots {
    /// None yet, of so many sites.
    pub fn new(sites: usize) -> Self {
        Shots {
            sites,
            ..Shots::default()
        }
    }

    /// Adds a row; `outcome` holds ±1 for each site.
    pub fn add(&mut self, basis: &MeasuredBasis, outcome: &[i8], weight: f64) {
        debug_assert_eq!(basis.0.len(), self.sites);
        debug_assert_eq!(outcome.len(), self.sites);
        let number = self.enter(basis);
        self.push(number, outcome, weight);
    }

    /// The number of a basis, which is added where it is new. A basis may stay without rows.
    pub fn enter(&mut self, basis: &MeasuredBasis) -> u32 {
        if let Some(number) = self.number.get(basis) {
            return *number;
        }
        let number = self.bases.len() as u32;
        self.bases.push(basis.clone());
        self.number.insert(basis.clone(), number);
        number
    }

    fn push(&mut self, basis: u32, outcome: &[i8], weight: f64) {
        self.basis.push(basis);
        self.outcomes.extend_from_slice(outcome);
        self.weights.push(weight);
    }

    /// Writes everything below `prefix`.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        let path = |name: &str| format!("{prefix}/{name}");
        let bases = self.bases.iter().map(MeasuredBasis::text).collect();
        out.put(&path("bases"), Value::Texts(bases));
        let basis: Vec<i64> = self.basis.iter().map(|b| i64::from(*b)).collect();
        out.put_integers(&path("basis"), &basis);
        out.put_spins(&path("outcomes"), &[self.len(), self.sites], &self.outcomes);
        out.put_reals(&path("weights"), &self.weights);
    }

    /// Reads back what was saved of shots of so many sites; an error where the parts do not fit
    /// together.
    pub fn load(from: &Tree, prefix: &str, sites: usize) -> Result<Self> {
        let path = |name: &str| format!("{prefix}/{name}");
        let mut all = Shots::new(sites);
        for text in from.texts(&path("bases"))? {
            all.enter(&MeasuredBasis::parse(text, sites, prefix)?);
        }
        let basis = from.integers(&path("basis"))?;
        all.basis = basis.iter().map(|b| *b as u32).collect();
        all.outcomes = from.spins(&path("outcomes"))?;
        all.weights = from.reals(&path("weights"))?;
        let bases = all.bases.len() as i64;
        let fits = all.basis.len() == all.len()
            && all.outcomes.len() == all.len() * sites
            && basis.iter().all(|b| (0..bases).contains(b));
        match fits {
            true => Ok(all),
            false => Err(Error::output(prefix, "these shots do not fit together")),
        }
    }

    /// The same bases without rows.
    fn without_rows(&self) -> Self {
        Shots {
            bases: self.bases.clone(),
            number: self.number.clone(),
            ..Shots::new(self.sites)
        }
    }

    /// Rows in the order of basis, then of words (bit i set where site i is +1); the weights of
    /// equal rows are added.
    pub fn joined(self) -> Self {
        if self.is_joined() {
            return self;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| self.compare(*a, *b));
        let mut all = self.without_rows();
        let mut last: Option<usize> = None;
        for k in order {
            match (last, all.weights.last_mut()) {
                (Some(before), Some(weight)) if self.compare(before, k).is_eq() => {
                    *weight += self.weights[k];
                }
                _ => all.push(self.basis[k], self.outcome(k), self.weights[k]),
            }
            last = Some(k);
        }
        all
    }

    fn is_joined(&self) -> bool {
        (1..self.len()).all(|k| self.compare(k - 1, k).is_lt())
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let word = |k: usize| self.outcome(k).iter().rev();
        let bases = self.basis[a].cmp(&self.basis[b]);
        bases.then_with(|| word(a).cmp(word(b)))
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// The outcome of row `k`, ±1 for each site.
    pub fn outcome(&self, k: usize) -> &[i8] {
        &self.outcomes[k * self.sites..(k + 1) * self.sites]
    }

    /// The weights of all rows of each basis, added.
    pub fn basis_weights(&self) -> Vec<f64> {
        let mut total = vec![0.0; self.bases.len()];
        for (basis, weight) in self.basis.iter().zip(&self.weights) {
            total[*basis as usize] += weight;
        }
        total
    }

    /// Weights w of the rows that make Ξ = −Σ_k w_k ln |ψ_b(s_k)|² the mean over bases of the mean
    /// over their outcomes: weight / (weight of its basis × number of bases). Bases of weight 0 do
    /// not count, so that the sum is 1; a batch then gives the mean over all bases without bias.
    pub fn shares(&self) -> Vec<f64> {
        let total = self.basis_weights();
        let bases = total.iter().filter(|t| **t > 0.0).count() as f64;
        let rows = self.basis.iter().zip(&self.weights);
        rows.map(|(basis, weight)| match total[*basis as usize] {
            total if total > 0.0 => weight / (total * bases),
            _ => 0.0,
        })
        .collect()
    }

    /// Entropy of the data, mean over bases: −(1/N_b) Σ_b Σ_s f ln f with the frequencies f of the
    /// outcomes s within their basis b. Ξ is never below it.
    pub fn entropy(&self) -> f64 {
        if !self.is_joined() {
            return self.clone().joined().entropy();
        }
        let total = self.basis_weights();
        let rows = self.basis.iter().zip(&self.weights).zip(self.shares());
        let terms = rows.map(|((basis, weight), share)| match *weight > 0.0 {
            true => -share * (weight / total[*basis as usize]).ln(),
            false => 0.0,
        });
        terms.sum()
    }

    /// The rows split in two, shot by shot: each single shot is held out with probability
    /// `fraction`, by a binomial draw for each row. Returns (kept, held out), both with all bases.
    /// Weights are counts; a part of a weight beyond its whole number is kept.
    pub fn split(&self, fraction: f64, rng: &mut Generator) -> (Shots, Shots) {
        let (mut kept, mut held) = (self.without_rows(), self.without_rows());
        for (k, weight) in self.weights.iter().enumerate() {
            // A fraction outside 0 to 1 has no distribution and holds nothing out.
            let drawn = Binomial::new(*weight as u64, fraction).map_or(0, |d| d.sample(rng)) as f64;
            for (part, weight) in [(&mut kept, weight - drawn), (&mut held, drawn)] {
                if weight > 0.0 {
                    part.push(self.basis[k], self.outcome(k), weight);
                }
            }
        }
        (kept, held)
    }

    /// What batches are drawn from: the rows with probabilities by [`Shots::shares`].
    pub fn urn(&self) -> Urn {
        Urn::new(&self.shares())
    }

    /// The rows along z alone, in the same way; nothing can be drawn where there are none.
    pub fn urn_along_z(&self) -> Urn {
        let mut shares = self.shares();
        for (share, basis) in shares.iter_mut().zip(&self.basis) {
            if !self.bases[*basis as usize].rotated().is_empty() {
                *share = 0.0;
            }
        }
        Urn::new(&shares)
    }

    /// Whether all weights are whole numbers.
    pub fn is_counted(&self) -> bool {
        self.weights.iter().all(|w| w.fract() == 0.0)
    }

    /// A batch: `count` single shots drawn with replacement from the [`Shots::urn`] of these shots;
    /// its weights are counts, its bases those of all shots.
    pub fn batch(&self, urn: &Urn, count: usize, rng: &mut Generator) -> Shots {
        let mut batch = self.without_rows();
        for (k, times) in urn.draw(count, rng) {
            batch.push(self.basis[k], self.outcome(k), times as f64);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_come_back() {
        let mut shots = Shots::new(2);
        let basis = |text| MeasuredBasis::parse(text, 2, "bases").unwrap();
        shots.add(&basis("ZX"), &[1, -1], 3.0);
        shots.enter(&basis("YY"));
        shots.add(&basis("ZZ"), &[-1, -1], 0.25);
        let mut tree = Tree::default();
        shots.save(&mut tree, "x");
        assert_eq!(Shots::load(&tree, "x", 2), Ok(shots));
        assert!(Shots::load(&tree, "x", 3).is_err());
        tree.put_integers("x/basis", &[0, 3]);
        assert!(Shots::load(&tree, "x", 2).is_err());
    }

    #[test]
    fn rows_along_z_are_drawn_alone() {
        let mut shots = Shots::new(2);
        let basis = |text| MeasuredBasis::parse(text, 2, "bases").unwrap();
        shots.add(&basis("XZ"), &[1, 1], 9.0);
        let mut rng = crate::rng::stream(1, crate::rng::Purpose::Law, 0, 0);
        assert!(shots.urn_along_z().draw(5, &mut rng).is_empty());
        shots.add(&basis("ZZ"), &[1, -1], 1.0);
        assert_eq!(shots.urn_along_z().draw(50, &mut rng), [(1, 50)]);
        assert!(shots.is_counted());
        shots.add(&basis("ZZ"), &[-1, -1], 0.5);
        assert!(!shots.is_counted());
    }

    #[test]
    fn shares_give_each_basis_the_same_weight() {
        let mut shots = Shots::new(2);
        let basis = |text| MeasuredBasis::parse(text, 2, "bases").unwrap();
        let (zz, xx) = (basis("ZZ"), basis("XX"));
        shots.add(&zz, &[1, 1], 6.0);
        shots.add(&zz, &[1, -1], 2.0);
        shots.add(&xx, &[1, 1], 1.0);
        assert_eq!(shots.shares(), [0.375, 0.125, 0.5]);
        // A basis without shots does not count.
        shots.enter(&basis("YY"));
        shots.add(&basis("XY"), &[1, 1], 0.0);
        assert_eq!(shots.shares(), [0.375, 0.125, 0.5, 0.0]);
        assert_eq!(shots.basis_weights(), [8.0, 1.0, 0.0, 0.0]);
    }
}
