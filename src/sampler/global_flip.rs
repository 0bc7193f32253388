//! Decides the global flip: all spins at once, which joins the two signs of an ordered phase.

use super::{Reach, Rule, RuleContext, RuleEntry, without_keys};
use crate::basis::{PARTICLES, Step, TOTAL_SZ, only_spin_half};
use crate::error::Result;
use crate::rng::Generator;

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "global-flip",
    build,
    schema: || crate::table::no_keys("Flips all spins."),
};

struct GlobalFlip {
    /// What it changes: nothing where total Sz is zero.
    changes: &'static [&'static str],
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    without_keys(table)?;
    if context.basis.fixed(PARTICLES).is_some() || !context.basis.locals().iter().all(is_spin) {
        return Err(only_spin_half(super::KEY, "`global-flip`"));
    }
    Ok(Box::new(GlobalFlip {
        changes: match context.basis.fixed(TOTAL_SZ) {
            Some(0) => &[],
            _ => &[TOTAL_SZ],
        },
    }))
}

/// Whether −x is a value wherever x is.
fn is_spin(local: &crate::basis::Local) -> bool {
    local.value(local.count as usize - 1) == -local.first
}

impl Rule for GlobalFlip {
    fn propose(&self, x: &[i8], _rng: &mut Generator, step: &mut Step) -> Option<f64> {
        (0u32..)
            .zip(x)
            .for_each(|(site, &value)| step.set(site, -value));
        Some(0.0)
    }
    fn changes(&self) -> &[&'static str] {
        self.changes
    }
    fn carries(&self) -> Reach<'_> {
        Reach::Nothing
    }
}
