//! Decides which sites a unit of limited range sees: R consecutive sites of a chain.
//!
//! The centres of the M units are spread evenly over the N sites, the centre of unit j at
//! ⌊(2 j + 1) N / (2 M)⌋. On a ring the sites of a unit go on behind the last one; at the ends of
//! an open chain they are moved inside. A cut of an open chain is then straddled by α (R − 1)
//! units, α = M/N, away from the ends, so that its entropy is at most α (R − 1) ln 2 for α ≥ 1
//! (D.-L. Deng, X. Li, S. Das Sarma, PRX 7, 021021 (2017)).

use super::kernel::Kernel;
use super::{Rbm, Tie};
use crate::ansatz::Context;
use crate::error::Result;
use std::sync::Arc;

/// The sites that every unit sees, as long as the range of none is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitRange {
    /// Consecutive sites R, at most those of the chain.
    pub sites: usize,
    /// Whether the chain closes.
    pub ring: bool,
}

impl UnitRange {
    /// Of the key `range` for a lattice.
    ///
    /// Errors: [`Error::Input`](crate::error::Error::Input) at the key where the sites have no
    /// order or are fewer.
    pub fn new(sites: usize, context: &Context) -> Result<Self> {
        let lattice = context.lattice;
        let count = context.basis.sites();
        if lattice.is_graph() || lattice.dimensions() != 1 || lattice.extent()[0] != count {
            let problem = "consecutive sites are those of a chain, and the lattice is none";
            let remedy = "leave the key out, or use [lattice] kind = \"chain\"";
            return Err(context.wrong("range", problem, remedy));
        }
        if !(1..=count).contains(&sites) {
            let problem = format!("a unit cannot see {sites} of {count} sites");
            let remedy = format!("choose a number from 1 to {count}");
            return Err(context.wrong("range", problem, remedy));
        }
        let ring = lattice.periodic()[0];
        Ok(UnitRange { sites, ring })
    }

    /// The sites, of `count`, that unit `j` of `units` sees.
    pub fn window(&self, j: usize, units: usize, count: usize) -> impl Iterator<Item = usize> {
        let (centre, before) = ((2 * j + 1) * count / (2 * units), (self.sites - 1) / 2);
        let first = match self.ring {
            true => centre + count - before,
            false => centre.saturating_sub(before).min(count - self.sites),
        };
        (first..first + self.sites).map(move |site| site % count)
    }
}

impl<T: Kernel> Rbm<T> {
    /// The machine with units of limited range: the other weights are zero and stay so. A filter
    /// sees the first sites.
    pub fn limited(mut self, range: UnitRange) -> Self {
        let (n, m) = (self.sites, self.hidden);
        let mut inside: Vec<usize> = match &self.tie {
            None => (0..m)
                .flat_map(|j| range.window(j, m, n).map(move |site| site * m + j))
                .collect(),
            Some(Tie { filters, .. }) => (0..*filters)
                .flat_map(|f| (0..range.sites).map(move |site| f * n + site))
                .collect(),
        };
        inside.sort_unstable();
        let mut w = vec![T::new(0.0, 0.0); self.w.len()];
        inside.iter().for_each(|&k| w[k] = self.w[k]);
        self.w = w;
        self.inside = Some(Arc::from(inside));
        self.tabulate();
        self
    }

    /// The weights that are parameters.
    pub(super) fn free(&self) -> impl Iterator<Item = T> {
        let every = self.inside.is_none().then_some(&self.w);
        let some = self.inside.iter().flat_map(|inside| inside.iter());
        (every.into_iter().flatten().copied()).chain(some.map(|&k| self.w[k]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_see_as_many_consecutive_sites_and_their_centres_are_spread_evenly() {
        for (units, count, sites) in [(10, 10, 3), (8, 10, 4), (20, 10, 5), (5, 10, 10), (7, 7, 1)]
        {
            let mut seen = vec![0; count];
            for j in 0..units {
                let open = UnitRange { sites, ring: false };
                let window: Vec<usize> = open.window(j, units, count).collect();
                assert!(window.windows(2).all(|w| w[1] == w[0] + 1) && window.len() == sites);
                assert!(window[sites - 1] < count);
                let ring = UnitRange { sites, ring: true };
                let ring: Vec<usize> = ring.window(j, units, count).collect();
                assert!(ring.windows(2).all(|w| w[1] == (w[0] + 1) % count) && ring.len() == sites);
                ring.iter().for_each(|&site| seen[site] += 1);
            }
            let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
            assert!(most - least <= 1, "{units} {count} {sites}: {seen:?}");
        }
    }
}
