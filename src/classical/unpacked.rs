//! Decides what all updates share that keep each spin as a number of its own: putting spins in
//! place, copying them, and what is observed.

use super::{SpinEnergy, SpinUpdate, Tally, Words};
use std::sync::Arc;

/// A rule that moves spins.
pub(super) trait SpinRule {
    /// `count` sweeps or cluster moves of the spins.
    fn advance(&mut self, spins: &mut [i8], count: usize, random: &mut Words, tally: &mut Tally);
}

/// Spins ±1 and the rule that moves them.
pub(super) struct Unpacked<R> {
    energy: Arc<SpinEnergy>,
    spins: Vec<i8>,
    rule: R,
}

impl<R: SpinRule> Unpacked<R> {
    /// All spins up.
    pub(super) fn new(energy: &Arc<SpinEnergy>, rule: R) -> Self {
        Unpacked {
            energy: energy.clone(),
            spins: vec![1; energy.sites()],
            rule,
        }
    }
}

impl<R: SpinRule> SpinUpdate for Unpacked<R> {
    fn put(&mut self, spins: &[i8]) {
        self.spins.copy_from_slice(spins);
    }
    fn copy(&self, out: &mut [i8]) {
        out.copy_from_slice(&self.spins);
    }
    fn advance(&mut self, count: usize, random: &mut Words, tally: &mut Tally) {
        self.rule.advance(&mut self.spins, count, random, tally);
    }
    fn observe(&self) -> (f64, i64) {
        let sum = self.spins.iter().map(|s| i64::from(*s)).sum();
        (self.energy.energy(&self.spins), sum)
    }
}
