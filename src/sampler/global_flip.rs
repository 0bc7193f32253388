//! Decides the global flip: all spins at once, which joins the two signs of an ordered phase.

use super::{Rule, RuleContext, RuleEntry};
use crate::basis::SpinBasis;
use crate::error::Result;
use crate::rng::Generator;

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "global-flip",
    build,
};

struct GlobalFlip {
    sites: u32,
    changes_total_sz: bool,
}

fn build(context: &RuleContext) -> Result<Box<dyn Rule>> {
    let sites = context.basis.sites;
    Ok(Box::new(GlobalFlip {
        sites: sites as u32,
        changes_total_sz: context.basis.up != Some(sites / 2) || sites % 2 == 1,
    }))
}

impl Rule for GlobalFlip {
    fn propose(&self, _x: &[i8], _rng: &mut Generator, sites: &mut Vec<u32>) {
        sites.extend(0..self.sites);
    }
    fn changes_total_sz(&self) -> bool {
        self.changes_total_sz
    }
    fn is_ergodic(&self, _basis: &SpinBasis) -> bool {
        false
    }
}
