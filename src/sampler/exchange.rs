//! Decides the exchange: a pair, chosen uniformly from a list, swaps its values if they differ.

use super::{Reach, Rule, RuleContext, RuleEntry};
use crate::basis::Step;
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};
use crate::table::{parse, schema_of};
use serde::Deserialize;

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "exchange",
    build,
    schema: schema_of::<Keys>,
};

/// Swaps the values of a pair of sites, where they differ. The pair is chosen uniformly.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// The pairs: "hamiltonian" (default, those that it couples), "all", "neighbours" (first
    /// neighbours of the lattice), or a list such as [[0, 1], [1, 2]]
    #[serde(default)]
    bonds: Bonds,
}

/// `bonds` of an exchange.
#[derive(Debug, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "\"hamiltonian\", \"all\", \"neighbours\", or a list such as [[0, 1], [1, 2]]"
)]
enum Bonds {
    /// A named set.
    Named(Set),
    /// These pairs of sites.
    List(Vec<(u32, u32)>),
}

impl Default for Bonds {
    fn default() -> Self {
        Bonds::Named(Set::Hamiltonian)
    }
}

/// The named sets of pairs.
#[derive(Debug, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Set {
    /// Pairs between which the Hamiltonian carries a charge.
    Hamiltonian,
    /// Every pair of sites.
    All,
    /// First neighbours of the lattice.
    Neighbours,
}

struct Exchange {
    /// The pairs; where all are meant, some that join all sites.
    pairs: Vec<(u32, u32)>,
    /// Number of sites where every pair is meant: there are too many for a list.
    all: Option<u32>,
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    let keys: Keys = parse(table, super::KEY)?;
    let sites = context.basis.sites() as u32;
    let mut all = None;
    let pairs = match keys.bonds {
        Bonds::Named(Set::Hamiltonian) => context.pairs.to_vec(),
        Bonds::Named(Set::Neighbours) => context.neighbours.to_vec(),
        Bonds::Named(Set::All) => {
            all = Some(sites).filter(|&n| n > 1);
            (1..sites).map(|j| (j - 1, j)).collect()
        }
        Bonds::List(list) => checked(list, sites)?,
    };
    if pairs.is_empty() && sites > 1 {
        return Err(Error::input(
            super::KEY,
            "`exchange` has no pairs",
            "give it some: { kind = \"exchange\", bonds = \"all\" }",
        ));
    }
    Ok(Box::new(Exchange { pairs, all }))
}

/// Pairs of two different sites of the lattice.
fn checked(pairs: Vec<(u32, u32)>, sites: u32) -> Result<Vec<(u32, u32)>> {
    match pairs.iter().find(|&&(i, j)| i == j || i.max(j) >= sites) {
        None => Ok(pairs),
        Some((i, j)) => Err(Error::input(
            format!("{}.bonds", super::KEY),
            format!("[{i}, {j}] is no pair of sites"),
            format!(
                "give two different sites from 0 to {}",
                sites.saturating_sub(1)
            ),
        )),
    }
}

impl Rule for Exchange {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        if self.pairs.is_empty() {
            return None;
        }
        let (i, j) = match self.all {
            None => self.pairs[rng.random_range(0..self.pairs.len())],
            Some(n) => {
                let (i, j) = (rng.random_range(0..n), rng.random_range(0..n - 1));
                (i, j + u32::from(j >= i))
            }
        };
        let (a, b) = (x[i as usize], x[j as usize]);
        if a == b {
            return None;
        }
        step.set_two([i, j], [b, a]);
        Some(0.0)
    }
    fn changes(&self) -> &[&'static str] {
        &[]
    }
    fn carries(&self) -> Reach<'_> {
        Reach::Exchange(&self.pairs)
    }
}
