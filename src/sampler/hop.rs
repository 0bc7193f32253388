//! Decides the hop: a particle, chosen uniformly, goes to one of the sites that are joined to its
//! own.
//!
//! With N particles, n_i of them on site i and z_i sites joined to it, q = (n_i/N)(1/z_i) there and
//! ((n_j + 1)/N)(1/z_j) back, n before the hop: ln q(x' → x) − ln q(x → x') = ln (n_j + 1) z_i −
//! ln n_i z_j. A target that is full changes nothing.

use super::{Reach, Rule, RuleContext, RuleEntry, without_keys};
use crate::basis::{Local, Step};
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

pub(super) const ENTRY: RuleEntry = RuleEntry {
    kind: "hop",
    build,
    schema: || {
        crate::table::no_keys(
            "A boson, chosen uniformly, goes to a site that the Hamiltonian joins to its own.",
        )
    },
};

struct Hop {
    locals: Vec<Local>,
    pairs: Vec<(u32, u32)>,
    /// Sites joined to each site.
    joined: Vec<Vec<u32>>,
}

fn build(table: &toml::Table, context: &RuleContext) -> Result<Box<dyn Rule>> {
    without_keys(table)?;
    let locals = context.basis.locals().to_vec();
    if locals.iter().any(|l| l.first != 0 || l.step != 1) {
        return Err(Error::input(
            super::KEY,
            "`hop` moves particles, and there are spins",
            "use \"exchange\" or \"raise\"",
        ));
    }
    if context.pairs.is_empty() && locals.len() > 1 {
        return Err(Error::input(
            super::KEY,
            "`hop` has no pairs: the Hamiltonian moves no particles",
            "choose other moves",
        ));
    }
    let mut joined = vec![Vec::new(); locals.len()];
    for &(i, j) in context.pairs {
        joined[i as usize].push(j);
        joined[j as usize].push(i);
    }
    Ok(Box::new(Hop {
        locals,
        pairs: context.pairs.to_vec(),
        joined,
    }))
}

impl Rule for Hop {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        let particles: u32 = x.iter().map(|&n| n as u32).sum();
        if particles == 0 {
            return None;
        }
        // The site of particle number `left`, counted site by site.
        let mut left = rng.random_range(0..particles);
        let from = x.iter().position(|&n| {
            let here = left < n as u32;
            left = left.wrapping_sub(n as u32);
            here
        })?;
        let neighbours = &self.joined[from];
        if neighbours.is_empty() {
            return None;
        }
        let to = neighbours[rng.random_range(0..neighbours.len())];
        let (here, there) = (x[from], x[to as usize]);
        self.locals[to as usize].place(there + 1)?;
        step.set(from as u32, here - 1);
        step.set(to, there + 1);
        let back = (f64::from(there) + 1.0) * neighbours.len() as f64;
        let forth = f64::from(here) * self.joined[to as usize].len() as f64;
        // The logarithm of 1 is exactly 0.
        Some((back / forth).ln())
    }
    fn changes(&self) -> &[&'static str] {
        &[]
    }
    fn carries(&self) -> Reach<'_> {
        Reach::Transfer(&self.pairs)
    }
}
