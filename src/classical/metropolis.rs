//! Decides how single spins are flipped: many at once where the lattice and the energy allow it,
//! else one after the other in the order of the sites, or at random sites.
//!
//! A flip is accepted with min(1, e^{−βΔ}) (N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953)).
//! Where every change of a site is small, 2β Σ|c| < 1, with 1/(1 + e^{βΔ}) instead: spins that
//! always flip would only swing to and fro.
//!
//! Sweeps in order propose each flip with probability 15/16: spins that flip for certain where a
//! flip costs nothing carry the walls of a ring round and round, and their number never changes.

use super::packed::PackedFlips;
use super::takes_all;
use super::unpacked::{SpinRule, Unpacked};
use super::{SpinEnergy, SpinUpdate, Tally, UpdateCourse, UpdateEntry, UpdateSetting, Words};
use std::sync::Arc;

pub(super) const ENTRY: UpdateEntry = UpdateEntry {
    kind: "metropolis",
    about: "Flips of single spins, of any energy",
    clusters: false,
    refuse: takes_all,
    course: UpdateCourse::Chain(build),
};

/// How probable a proposal of a sweep in order is.
const PROPOSED: f64 = 15.0 / 16.0;
/// Slots of the table of factors.
const SLOTS: usize = 16;

fn build(setting: &UpdateSetting) -> Box<dyn SpinUpdate> {
    match PackedFlips::new(setting).filter(|_| !setting.random_sites) {
        Some(packed) => Box::new(packed),
        None => Box::new(Unpacked::new(setting.energy, SingleFlips::new(setting))),
    }
}

/// Flips of one spin after the other.
struct SingleFlips {
    energy: Arc<SpinEnergy>,
    beta: f64,
    /// Whether a site follows the second rule.
    balanced: Vec<bool>,
    factors: Factors,
    random_sites: bool,
}

/// e^{−βΔ} of the changes that came last: most energies have a few.
struct Factors([(u64, f64); SLOTS]);

impl Factors {
    #[inline]
    fn of(&mut self, beta: f64, change: f64) -> f64 {
        let bits = change.to_bits();
        let place = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % SLOTS;
        if self.0[place].0 != bits {
            self.0[place] = (bits, (-beta * change).exp());
        }
        self.0[place].1
    }
}

impl SingleFlips {
    fn new(setting: &UpdateSetting) -> Self {
        let energy = setting.energy;
        let small = |i: usize| 2.0 * setting.beta * energy.reach(i) < 1.0;
        SingleFlips {
            energy: energy.clone(),
            beta: setting.beta,
            balanced: (0..energy.sites()).map(small).collect(),
            random_sites: setting.random_sites,
            factors: Factors([(f64::NAN.to_bits(), 0.0); SLOTS]),
        }
    }

    fn sweep(&mut self, spins: &mut [i8], random: &mut Words) -> usize {
        let mut accepted = 0;
        let proposed = if self.random_sites { 1.0 } else { PROPOSED };
        for k in 0..spins.len() {
            let i = match self.random_sites {
                true => random.below(spins.len()),
                false => k,
            };
            let change = self.energy.change(spins, i);
            let flips = match self.balanced[i] {
                true => random.unit() * (1.0 + (self.beta * change).exp()) < 1.0,
                false if change <= 0.0 => self.random_sites || random.unit() < proposed,
                false => random.unit() < proposed * self.factors.of(self.beta, change),
            };
            if flips {
                spins[i] = -spins[i];
                accepted += 1;
            }
        }
        accepted
    }
}

impl SpinRule for SingleFlips {
    fn advance(&mut self, spins: &mut [i8], count: usize, random: &mut Words, tally: &mut Tally) {
        let accepted: usize = (0..count).map(|_| self.sweep(spins, random)).sum();
        tally.accepted += accepted as f64;
        tally.proposed += (count * spins.len()) as f64;
    }
}
