//! Decides whether a permutation of the sites, or a flip of all spins with it, maps an operator
//! onto itself.
//!
//! Terms c Π σ on the sites that they flip go to g(sites); flipping all spins gives c the sign
//! (−1)^{number of σ}.

use super::TermTable;
use num_complex::Complex64;
use std::collections::BTreeMap;

type Terms = BTreeMap<(Vec<u32>, Vec<u32>), Complex64>;

impl TermTable {
    fn terms(&self, permutation: Option<&[u32]>, flip: bool) -> Terms {
        let map = |sites: &[u32]| {
            let mut sites: Vec<u32> = sites
                .iter()
                .map(|&s| permutation.map_or(s, |g| g[s as usize]))
                .collect();
            sites.sort_unstable();
            sites
        };
        let mut terms = Terms::new();
        let flips = self
            .flips
            .iter()
            .flat_map(|f| f.element.iter().map(|m| (f.sites.as_slice(), m)));
        for (flipped, m) in self.diagonal.iter().map(|m| (&[][..], m)).chain(flips) {
            let sign = if flip && m.sites.len() % 2 == 1 {
                -1.0
            } else {
                1.0
            };
            *terms.entry((map(flipped), map(&m.sites))).or_default() += sign * m.coefficient;
        }
        terms
    }

    /// Whether every permutation g of `permutations`, followed by a flip of all spins where asked
    /// for, leaves the operator as it is.
    pub(super) fn maps_to_itself(&self, permutations: &[&[u32]], flip: bool) -> bool {
        let original = self.terms(None, false);
        let scale = original.values().fold(0.0f64, |m, c| m.max(c.norm()));
        let within = |a: &Terms, b: &Terms| {
            a.iter()
                .all(|(k, c)| (c - b.get(k).copied().unwrap_or_default()).norm() <= 1e-12 * scale)
        };
        permutations.iter().all(|g| {
            let moved = self.terms(Some(g), flip);
            within(&original, &moved) && within(&moved, &original)
        })
    }
}
