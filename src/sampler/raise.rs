//! Decides the step of spins of any length: m_i + 1 and m_j − 1 on a pair where total Sz is fixed,
//! m_i ± 1 on a site where it is free.
//!
//! Pair, site and direction are uniform, and a step that leaves the ladder changes nothing, so that
//! q(x → x') = q(x' → x). For S ≥ 1 exchanging values alone misses (0, 0) → (1, −1).

use super::{Reach, Rule, RuleContext, RuleEntry, without_keys};
use crate::basis::{Local, PARTICLES, Step, TOTAL_SZ};
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "raise",
    build,
    schema: || {
        crate::table::no_keys(
            "Sz or n of a site up or down by one step; where their sum is fixed, up on one site \
             of a pair and down on the other.",
        )
    },
};

struct Raise {
    locals: Vec<Local>,
    /// Empty where single sites step.
    pairs: Vec<(u32, u32)>,
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    without_keys(table)?;
    let fixed = !context.basis.charges().is_empty();
    if fixed && context.pairs.is_empty() {
        return Err(Error::input(
            super::KEY,
            "`raise` has no pairs: the Hamiltonian carries nothing between sites",
            "remove the sector",
        ));
    }
    Ok(Box::new(Raise {
        locals: context.basis.locals().to_vec(),
        pairs: match fixed {
            true => context.pairs.to_vec(),
            false => Vec::new(),
        },
    }))
}

impl Raise {
    /// The value one step above or below that of a site.
    fn next(&self, x: &[i8], site: u32, up: bool) -> Option<i8> {
        let (local, value) = (self.locals[site as usize], i32::from(x[site as usize]));
        let step = i32::from(local.step);
        let next = i8::try_from(if up { value + step } else { value - step }).ok()?;
        local.place(next).map(|_| next)
    }
}

impl Rule for Raise {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        let up: bool = rng.random();
        if self.pairs.is_empty() {
            let site = rng.random_range(0..x.len() as u32);
            step.set(site, self.next(x, site, up)?);
            return Some(0.0);
        }
        let (i, j) = self.pairs[rng.random_range(0..self.pairs.len())];
        let (first, second) = (self.next(x, i, up)?, self.next(x, j, !up)?);
        step.set(i, first);
        step.set(j, second);
        Some(0.0)
    }
    fn changes(&self) -> &[&'static str] {
        match self.pairs[..] {
            [] => &[TOTAL_SZ, PARTICLES],
            _ => &[],
        }
    }
    fn carries(&self) -> Reach<'_> {
        match self.pairs[..] {
            [] => Reach::Values,
            _ => Reach::Transfer(&self.pairs),
        }
    }
}
