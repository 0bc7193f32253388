//! Decides the exchange: a pair, chosen uniformly from a list, swaps its spins if they are
//! antiparallel.

use super::{Rule, RuleContext, RuleEntry};
use crate::basis::SpinBasis;
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "exchange",
    build,
};

struct Exchange {
    pairs: Vec<(u32, u32)>,
    connected: bool,
}

fn build(context: &RuleContext) -> Result<Box<dyn Rule>> {
    if context.pairs.is_empty() && context.basis.sites > 1 {
        return Err(Error::input(
            "sampler.moves",
            "`exchange` has no pairs: the Hamiltonian exchanges no spins",
            "use \"flip\" without a sector",
        ));
    }
    // Sites that a path of pairs connects carry the same label.
    let mut label: Vec<usize> = (0..context.basis.sites).collect();
    for &(i, j) in context.pairs {
        let (from, to) = (label[j as usize], label[i as usize]);
        label
            .iter_mut()
            .filter(|l| **l == from)
            .for_each(|l| *l = to);
    }
    let connected = label.windows(2).all(|w| w[0] == w[1]);
    Ok(Box::new(Exchange {
        pairs: context.pairs.to_vec(),
        connected,
    }))
}

impl Rule for Exchange {
    fn propose(&self, x: &[i8], rng: &mut Generator, sites: &mut Vec<u32>) {
        if self.pairs.is_empty() {
            return;
        }
        let (i, j) = self.pairs[rng.random_range(0..self.pairs.len())];
        if x[i as usize] != x[j as usize] {
            sites.extend([i, j]);
        }
    }
    fn changes_total_sz(&self) -> bool {
        false
    }
    fn is_ergodic(&self, basis: &SpinBasis) -> bool {
        basis.up.is_some() && self.connected
    }
}
