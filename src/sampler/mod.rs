//! Decides how a chain moves: symmetric proposals and the Metropolis rule min(1, |ψ(x')/ψ(x)|²).

mod exchange;
mod flip;
mod global_flip;
mod metropolis;

pub use metropolis::{Counts, Metropolis};

use crate::basis::SpinBasis;
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};
use crate::table::{Entry, Shelf};

/// A symmetric proposal: q(x → x') = q(x' → x).
pub trait Rule: Send + Sync {
    /// Writes the sites to flip into `sites`; leaves it empty for a proposal that changes nothing
    /// and counts as rejected.
    fn propose(&self, x: &[i8], rng: &mut Generator, sites: &mut Vec<u32>);
    /// Whether total Sz can change.
    fn changes_total_sz(&self) -> bool;
    /// Whether this rule alone reaches every configuration of the basis.
    fn is_ergodic(&self, basis: &SpinBasis) -> bool;
}

/// What a rule is built from.
pub struct RuleContext<'a> {
    /// The configurations.
    pub basis: &'a SpinBasis,
    /// Pairs over which spins are exchanged.
    pub pairs: &'a [(u32, u32)],
}

/// One registered rule.
pub struct RuleEntry {
    /// Its name in `sampler.moves`.
    pub kind: &'static str,
    /// Builds it, or says why it cannot be used here.
    pub build: fn(&RuleContext) -> Result<Box<dyn Rule>>,
}

impl Entry for RuleEntry {
    const WHAT: &'static str = "move";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        crate::table::no_keys()
    }
}

/// The registry of rules.
pub const RULES: &[RuleEntry] = &[flip::ENTRY, exchange::ENTRY, global_flip::ENTRY];

/// A mixture of rules, each chosen with a fixed probability.
pub struct Mixture {
    rules: Vec<(f64, Box<dyn Rule>)>,
}

impl Mixture {
    /// Builds the mixture of (kind, weight) pairs; refuses one that leaves the sector or cannot
    /// reach all of it.
    pub fn new(
        parts: &[(String, f64)],
        context: &RuleContext,
        kinds: Shelf<RuleEntry>,
    ) -> Result<Self> {
        let key = "sampler.moves";
        if parts.is_empty() {
            return Err(Error::input(
                key,
                "the list is empty",
                format!("name at least one of {}", kinds.names()),
            ));
        }
        let mut rules = Vec::new();
        let mut total = 0.0;
        for (kind, weight) in parts {
            let entry = kinds.find(kind, key)?;
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(Error::input(
                    key,
                    format!("the weight {weight} of `{kind}`"),
                    "weights are positive numbers",
                ));
            }
            total += weight;
            let rule = (entry.build)(context)?;
            if rule.changes_total_sz() && context.basis.up.is_some() {
                return Err(Error::input(
                    key,
                    format!("`{kind}` leaves the sector of fixed total Sz"),
                    "use \"exchange\", or remove hamiltonian.sector",
                ));
            }
            rules.push((total, rule));
        }
        if !rules.iter().any(|(_, r)| r.is_ergodic(context.basis)) {
            return Err(Error::input(
                key,
                "these moves cannot reach every configuration",
                if context.basis.up.is_some() {
                    "add \"exchange\" over bonds that connect all sites"
                } else {
                    "add \"flip\", or fix hamiltonian.sector"
                },
            ));
        }
        rules.iter_mut().for_each(|(edge, _)| *edge /= total);
        Ok(Mixture { rules })
    }

    /// Proposes with one of the rules.
    pub fn propose(&self, x: &[i8], rng: &mut Generator, sites: &mut Vec<u32>) {
        sites.clear();
        let mut k = 0;
        if self.rules.len() > 1 {
            let u: f64 = rng.random();
            k = self
                .rules
                .iter()
                .position(|(edge, _)| u < *edge)
                .unwrap_or(self.rules.len() - 1);
        }
        self.rules[k].1.propose(x, rng, sites);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::StateIndex;
    use crate::rng::{Purpose, stream};
    use std::collections::BTreeSet;

    fn ring(n: u32) -> Vec<(u32, u32)> {
        (0..n).map(|i| (i, (i + 1) % n)).collect()
    }

    #[test]
    fn every_rule_stays_in_and_reaches_its_whole_sector() {
        let pairs = ring(6);
        for (kinds, twice_sz) in [
            (vec!["flip"], None),
            (vec!["exchange"], Some(0)),
            (vec!["exchange"], Some(-2)),
            (vec!["exchange", "global-flip"], Some(0)),
        ] {
            let basis = SpinBasis::new(6, twice_sz).unwrap();
            let parts: Vec<_> = kinds.iter().map(|k| (k.to_string(), 1.0)).collect();
            let mixture = Mixture::new(
                &parts,
                &RuleContext {
                    basis: &basis,
                    pairs: &pairs,
                },
                Shelf::new(RULES),
            )
            .unwrap();
            let mut rng = stream(1, Purpose::Law, 0, 0);
            let mut x = basis.random(&mut rng);
            let mut seen = BTreeSet::new();
            let mut sites = Vec::new();
            for _ in 0..20_000 {
                mixture.propose(&x, &mut rng, &mut sites);
                sites.iter().for_each(|&s| x[s as usize] *= -1);
                assert!(basis.contains(&x));
                seen.insert(StateIndex::word(&x));
            }
            assert_eq!(
                seen.len() as f64,
                basis.dimension(),
                "{kinds:?} {twice_sz:?}"
            );
        }
    }

    #[test]
    fn mixtures_that_cannot_work_are_refused() {
        let pairs = ring(4);
        let split = vec![(0, 1), (2, 3)];
        let build = |kinds: &[&str], twice_sz, pairs: &[(u32, u32)]| {
            let basis = SpinBasis::new(4, twice_sz).unwrap();
            let parts: Vec<_> = kinds.iter().map(|k| (k.to_string(), 1.0)).collect();
            Mixture::new(
                &parts,
                &RuleContext {
                    basis: &basis,
                    pairs,
                },
                Shelf::new(RULES),
            )
            .is_ok()
        };
        assert!(!build(&[], None, &pairs));
        assert!(!build(&["flip"], Some(0), &pairs));
        assert!(!build(&["exchange"], None, &pairs));
        assert!(!build(&["global-flip"], None, &pairs));
        assert!(!build(&["exchange", "global-flip"], Some(2), &pairs));
        assert!(!build(&["exchange"], Some(0), &split));
        assert!(!build(&["hop"], None, &pairs));
        assert!(build(&["flip", "exchange", "global-flip"], None, &pairs));
    }
}
