//! Decides how a chain moves: proposals with known probabilities and the rule of Metropolis and
//! Hastings.
//!
//! x → x' is accepted with probability min(1, |ψ(x')/ψ(x)|² q(x' → x)/q(x → x')) (W. K. Hastings,
//! Biometrika 57, 97 (1970)).

mod exchange;
mod flip;
mod global_flip;
mod hop;
mod metropolis;
mod raise;
mod tempering;

pub use metropolis::{BORN, Counts, Metropolis};
pub use tempering::{Tempering, ladder, swap_shares};

use crate::basis::{Basis, Step};
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};
use crate::table::{Entry, Shelf};

/// A proposal rule.
pub trait Rule: Send + Sync {
    /// Adds a move from `x` to `step` and returns ln q(x' → x) − ln q(x → x'). `None`
    /// is a proposal that changes nothing and counts as rejected.
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64>;
    /// Names of the charges that it can change.
    fn changes(&self) -> &[&'static str];
    /// How far it gets by itself.
    fn carries(&self) -> Reach<'_>;
}

/// What a rule, repeated, can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Nothing that counts: it helps another rule.
    Nothing,
    /// The value of every site, to any other value.
    Values,
    /// It exchanges the values of these pairs of sites.
    Exchange(&'a [(u32, u32)]),
    /// It carries single units of a charge between these pairs of sites.
    Transfer(&'a [(u32, u32)]),
}

/// What a rule is built from.
pub struct RuleContext<'a> {
    /// The configurations.
    pub basis: &'a Basis,
    /// Pairs between which the Hamiltonian carries a charge.
    pub pairs: &'a [(u32, u32)],
    /// First neighbours of the lattice.
    pub neighbours: &'a [(u32, u32)],
}

/// One registered rule.
pub struct RuleEntry {
    /// Its name in `sampler.moves`.
    pub kind: &'static str,
    /// Builds it from its table without `kind` and `weight`, or says why it cannot be used here.
    pub build: fn(&toml::Table, &RuleContext) -> Result<Box<dyn Rule>>,
    /// JSON schema of its keys.
    pub schema: fn() -> serde_json::Value,
}

impl Entry for RuleEntry {
    const WHAT: &'static str = "move";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// The registry of rules.
pub const RULES: &[RuleEntry] = &[
    flip::ENTRY,
    exchange::ENTRY,
    global_flip::ENTRY,
    raise::ENTRY,
    hop::ENTRY,
];

/// Where the moves stand in the input.
const KEY: &str = "sampler.moves";

/// The table of a move that has no keys of its own.
pub fn named(kind: &str) -> toml::Table {
    toml::Table::from_iter([("kind".to_string(), kind.into())])
}

/// Refuses the keys of a table that has to be empty.
fn without_keys(table: &toml::Table) -> Result<()> {
    match table.keys().next() {
        None => Ok(()),
        Some(key) => Err(Error::input(
            format!("{KEY}.{key}"),
            "unknown key",
            "this move has no keys besides `kind` and `weight`",
        )),
    }
}

/// A mixture of rules, each chosen with a fixed probability.
pub struct Mixture {
    rules: Vec<(f64, Box<dyn Rule>)>,
}

impl Mixture {
    /// Builds the mixture of the moves of these tables, each with the keys `kind`, `weight`
    /// (default 1) and those of the move; refuses one that breaks a fixed charge or cannot reach
    /// every configuration.
    pub fn new(
        parts: &[toml::Table],
        context: &RuleContext,
        kinds: Shelf<RuleEntry>,
    ) -> Result<Self> {
        if parts.is_empty() {
            return Err(Error::input(
                KEY,
                "the list is empty",
                format!("name at least one of {}", kinds.names()),
            ));
        }
        let mut rules = Vec::new();
        let mut total = 0.0;
        for part in parts {
            let (entry, mut keys) = kinds.take(part, KEY)?;
            total += weight(&mut keys, entry.kind)?;
            let rule = (entry.build)(&keys, context)?;
            check_charges(&*rule, entry.kind, context.basis)?;
            rules.push((total, rule));
        }
        if !f64::is_finite(total) {
            return Err(Error::input(
                KEY,
                "the sum of the weights is too large for a number",
                "weights are relative: give smaller ones",
            ));
        }
        check_reach(&rules, context.basis)?;
        rules.iter_mut().for_each(|(edge, _)| *edge /= total);
        Ok(Mixture { rules })
    }

    /// Proposes with one of the rules: adds the move to `step`, the result is that of
    /// [`Rule::propose`].
    pub fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        let mut k = 0;
        if self.rules.len() > 1 {
            let u: f64 = rng.random();
            k = self
                .rules
                .iter()
                .position(|(edge, _)| u < *edge)
                .unwrap_or(self.rules.len() - 1);
        }
        self.rules[k].1.propose(x, rng, step)
    }
}

fn weight(keys: &mut toml::Table, kind: &str) -> Result<f64> {
    let value = keys.remove("weight").unwrap_or(toml::Value::Float(1.0));
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|k| k as f64));
    number.filter(|w| w.is_finite() && *w > 0.0).ok_or_else(|| {
        Error::input(
            KEY,
            format!("the weight {value} of `{kind}`"),
            "weights are positive numbers",
        )
    })
}

fn check_charges(rule: &dyn Rule, kind: &str, basis: &Basis) -> Result<()> {
    let fixed = |name: &&&str| basis.charges().iter().any(|c| c.name == **name);
    match rule.changes().iter().find(fixed) {
        None => Ok(()),
        Some(name) => Err(Error::input(
            KEY,
            format!(
                "`{kind}` leaves the sector of fixed {}",
                name.replace('_', " ")
            ),
            "use \"exchange\", or remove hamiltonian.sector",
        )),
    }
}

/// Refuses rules that do not reach every configuration together.
fn check_reach(rules: &[(f64, Box<dyn Rule>)], basis: &Basis) -> Result<()> {
    let reached = || rules.iter().map(|(_, rule)| rule.carries());
    // Sites that a path of pairs connects carry the same label.
    let mut label: Vec<usize> = (0..basis.sites()).collect();
    let carrying = |reach| match reach {
        Reach::Transfer(pairs) => pairs,
        Reach::Exchange(pairs) if basis.is_binary() => pairs,
        _ => &[],
    };
    for &(i, j) in reached().flat_map(carrying) {
        let (from, to) = (label[j as usize], label[i as usize]);
        (label.iter_mut().filter(|l| **l == from)).for_each(|l| *l = to);
    }
    let connected = label.windows(2).all(|w| w[0] == w[1]);
    let fixed = !basis.charges().is_empty();
    if (fixed && connected) || (!fixed && reached().any(|r| r == Reach::Values)) {
        return Ok(());
    }
    Err(Error::input(
        KEY,
        "these moves cannot reach every configuration",
        if fixed {
            "add { kind = \"exchange\", bonds = \"all\" }, which connects all sites"
        } else {
            "add \"flip\", or fix hamiltonian.sector"
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let basis = Basis::spin_half(6, twice_sz).unwrap();
            let parts: Vec<_> = kinds.iter().map(|k| named(k)).collect();
            let mixture = Mixture::new(
                &parts,
                &RuleContext {
                    basis: &basis,
                    pairs: &pairs,
                    neighbours: &[],
                },
                Shelf::new(RULES),
            )
            .unwrap();
            let mut rng = stream(1, Purpose::Law, 0, 0);
            let mut x = basis.random(&mut rng);
            let mut seen = BTreeSet::new();
            let mut step = Step::default();
            for _ in 0..20_000 {
                step.clear();
                mixture.propose(&x, &mut rng, &mut step);
                step.get().apply(&mut x);
                assert!(basis.contains(&x));
                seen.insert(x.clone());
            }
            assert_eq!(
                seen.len() as f64,
                basis.dimension(),
                "{kinds:?} {twice_sz:?}"
            );
        }
    }

    #[test]
    fn an_exchange_takes_the_pairs_that_it_is_given() {
        let basis = Basis::spin_half(4, Some(0)).unwrap();
        let build = |bonds: &str| {
            let table: toml::Table = format!("kind = 'exchange'\nbonds = {bonds}")
                .parse()
                .unwrap();
            let context = RuleContext {
                basis: &basis,
                pairs: &[(0, 1), (2, 3)],
                neighbours: &[(0, 1), (1, 2), (2, 3)],
            };
            Mixture::new(&[table], &context, Shelf::new(RULES)).map_err(|e| e.to_string())
        };
        for bonds in ["'all'", "'neighbours'", "[[0, 3], [3, 1], [1, 2]]"] {
            let mixture = build(bonds).unwrap();
            let law = crate::laws::moves(
                |x, rng, step| mixture.propose(x, rng, step),
                &basis,
                true,
                1,
            );
            law.unwrap_or_else(|e| panic!("{bonds}: {e}"));
        }
        let refused = |bonds: &str| build(bonds).err().unwrap();
        assert!(refused("'hamiltonian'").contains("bonds = \"all\""));
        assert!(refused("[[0, 4]]").contains("sites from 0 to 3"));
        assert!(refused("[[1, 1]]").contains("no pair"));
        assert!(refused("'some'").contains("\"neighbours\""));
    }

    #[test]
    fn mixtures_that_cannot_work_are_refused() {
        let pairs = ring(4);
        let split = vec![(0, 1), (2, 3)];
        let build = |kinds: &[&str], twice_sz, pairs: &[(u32, u32)]| {
            let basis = Basis::spin_half(4, twice_sz).unwrap();
            let parts: Vec<_> = kinds.iter().map(|k| named(k)).collect();
            Mixture::new(
                &parts,
                &RuleContext {
                    basis: &basis,
                    pairs,
                    neighbours: &[],
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
        assert!(!build(&["jump"], None, &pairs));
        assert!(build(&["flip", "exchange", "global-flip"], None, &pairs));
    }
}
