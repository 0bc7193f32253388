//! Decides the single flip: one site, chosen uniformly, takes its other value.

use super::{Reach, Rule, RuleContext, RuleEntry, without_keys};
use crate::basis::{PARTICLES, Step, TOTAL_SZ, only_spin_half};
use crate::error::Result;
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "flip",
    build,
    schema: || crate::table::no_keys("Flips one spin, chosen uniformly."),
};

struct FlipRule {
    sites: u32,
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    without_keys(table)?;
    if !context.basis.is_spin_half() {
        return Err(only_spin_half(super::KEY, "`flip`"));
    }
    Ok(Box::new(FlipRule {
        sites: context.basis.sites() as u32,
    }))
}

impl Rule for FlipRule {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        let site = rng.random_range(0..self.sites);
        step.set(site, -x[site as usize]);
        Some(0.0)
    }
    fn changes(&self) -> &[&'static str] {
        &[TOTAL_SZ, PARTICLES]
    }
    fn carries(&self) -> Reach<'_> {
        Reach::Values
    }
}
