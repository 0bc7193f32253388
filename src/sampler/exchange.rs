//! Decides the exchange: a pair, chosen uniformly from a list, swaps its values if they differ.

use super::{Reach, Rule, RuleContext, RuleEntry, without_keys};
use crate::basis::Step;
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "exchange",
    build,
    schema: crate::table::no_keys,
};

struct Exchange {
    pairs: Vec<(u32, u32)>,
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    without_keys(table)?;
    if context.pairs.is_empty() && context.basis.sites() > 1 {
        return Err(Error::input(
            super::KEY,
            "`exchange` has no pairs: the Hamiltonian exchanges no spins",
            "use \"flip\" without a sector",
        ));
    }
    Ok(Box::new(Exchange {
        pairs: context.pairs.to_vec(),
    }))
}

impl Rule for Exchange {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        if self.pairs.is_empty() {
            return None;
        }
        let (i, j) = self.pairs[rng.random_range(0..self.pairs.len())];
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
