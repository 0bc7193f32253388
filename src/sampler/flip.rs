//! Decides the single flip: one site, chosen uniformly.

use super::{Rule, RuleContext, RuleEntry};
use crate::basis::SpinBasis;
use crate::error::Result;
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "flip",
    build,
};

struct Flip {
    sites: u32,
}

fn build(context: &RuleContext) -> Result<Box<dyn Rule>> {
    Ok(Box::new(Flip {
        sites: context.basis.sites as u32,
    }))
}

impl Rule for Flip {
    fn propose(&self, _x: &[i8], rng: &mut Generator, sites: &mut Vec<u32>) {
        sites.push(rng.random_range(0..self.sites));
    }
    fn changes_total_sz(&self) -> bool {
        true
    }
    fn is_ergodic(&self, basis: &SpinBasis) -> bool {
        basis.up.is_none()
    }
}
