//! Decides how a cluster of spins grows along the bonds of a model of pairs, H = Σ c_ij s_i s_j.
//!
//! A bond that lowers the energy, c s_i s_j < 0, takes its other end into the cluster with the
//! probability 1 − e^{−2β|c|} (U. Wolff, Phys. Rev. Lett. 62, 361 (1989)); where c > 0, between
//! antiparallel spins. A cluster that has reached its largest size stops; bonds that were not asked
//! by then have no part in the probability to propose it.

use super::energy::Rows;
use super::{SpinEnergy, Words};
use crate::clusters::threshold;
use std::sync::Arc;

/// One end of a bond, as seen from the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BondEnd {
    pub to: u32,
    /// 2³² times the probability.
    pub threshold: u32,
    /// s_i s_j of low energy.
    pub sign: i8,
}

/// The bonds of a model of pairs at one temperature.
pub(super) fn bond_ends(pairs: &SpinEnergy, beta: f64) -> Rows<BondEnd> {
    let end = |&(to, c): &(u32, f64)| BondEnd {
        to,
        threshold: bond_threshold(c, beta),
        sign: if c < 0.0 { 1 } else { -1 },
    };
    let list = |site: usize| pairs.pairs.of(site).iter().map(end).collect();
    Rows::new((0..pairs.sites()).map(list).collect())
}

/// 2³² times the probability of a bond.
fn bond_threshold(coupling: f64, beta: f64) -> u32 {
    threshold(-(-2.0 * beta * coupling.abs()).exp_m1())
}

/// Clusters of parallel spins along bonds of one strength, which are flipped as they grow: a spin
/// that has joined is no longer parallel to those that ask.
pub(super) struct ParallelCluster {
    ends: Rows<u32>,
    threshold: u32,
    waiting: Vec<u32>,
}

impl ParallelCluster {
    /// Where all pairs have one coupling, below 0.
    pub fn new(pairs: &SpinEnergy, beta: f64) -> Option<Self> {
        let coupling = pairs.only_coefficient().filter(|c| *c < 0.0)?;
        let list = |site: usize| pairs.pairs.of(site).iter().map(|(to, _)| *to).collect();
        Some(ParallelCluster {
            ends: Rows::new((0..pairs.sites()).map(list).collect()),
            threshold: bond_threshold(coupling, beta),
            waiting: vec![0; pairs.sites() + 1],
        })
    }

    /// Flips the cluster that grows from `seed`; its size.
    pub fn turn(&mut self, seed: usize, spins: &mut [i8], random: &mut Words) -> usize {
        let before = spins[seed];
        spins[seed] = -before;
        self.waiting[0] = seed as u32;
        let (mut size, mut top) = (0, 1);
        while top > 0 {
            top -= 1;
            size += 1;
            for two in self.ends.of(self.waiting[top] as usize).chunks(2) {
                let mut word = random.word();
                for &j in two {
                    // Without branches, which would be guessed wrong once for each site.
                    let spin = &mut spins[j as usize];
                    let joins = ((word as u32) < self.threshold) & (*spin == before);
                    word >>= 32;
                    self.waiting[top] = j;
                    top += usize::from(joins);
                    *spin = if joins { -before } else { *spin };
                }
            }
        }
        size
    }
}

/// How many bonds a cluster has asked: all of its first members, and some of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AskedBonds {
    pub members: usize,
    pub of_next: usize,
}

/// A growing cluster.
pub(super) struct Cluster {
    pairs: Arc<SpinEnergy>,
    ends: Rows<BondEnd>,
    /// Number of the cluster that a site belonged to last.
    stamps: Vec<u32>,
    number: u32,
    /// Its sites in the order in which they came.
    pub sites: Vec<u32>,
    most: usize,
}

impl Cluster {
    /// Along the bonds of `pairs`; `most` sites, or any number for 0.
    pub fn new(pairs: Arc<SpinEnergy>, beta: f64, most: usize) -> Self {
        Cluster {
            ends: bond_ends(&pairs, beta),
            stamps: vec![0; pairs.sites()],
            number: 0,
            sites: Vec::with_capacity(pairs.sites()),
            most: if most == 0 { usize::MAX } else { most },
            pairs,
        }
    }

    /// Grows from `seed` anew.
    pub fn grow(&mut self, seed: usize, spins: &[i8], random: &mut Words) -> AskedBonds {
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.stamps.fill(0);
            self.number = 1;
        }
        self.sites.clear();
        self.sites.push(seed as u32);
        self.stamps[seed] = self.number;
        let mut members = 0;
        while members < self.sites.len() {
            if self.sites.len() == self.most {
                let of_next = 0;
                return AskedBonds { members, of_next };
            }
            let i = self.sites[members] as usize;
            for (k, end) in self.ends.of(i).iter().enumerate() {
                let j = end.to as usize;
                // All three are worked out: one branch is guessed wrong less often than three.
                let alike = spins[j] == end.sign * spins[i];
                let is_new = self.stamps[j] != self.number;
                let asked = ((random.word() >> 32) as u32) < end.threshold;
                let joins = alike & is_new & asked;
                if joins {
                    self.stamps[j] = self.number;
                    self.sites.push(end.to);
                    if self.sites.len() == self.most {
                        let of_next = k + 1;
                        return AskedBonds { members, of_next };
                    }
                }
            }
            members += 1;
        }
        AskedBonds {
            members,
            of_next: 0,
        }
    }

    /// Whether a site is in the cluster.
    #[inline]
    pub fn contains(&self, site: u32) -> bool {
        self.stamps[site as usize] == self.number
    }

    /// The change by the flip of what the bonds that were asked carry.
    pub fn asked_change(&self, spins: &[i8], asked: AskedBonds) -> f64 {
        let of_member = |k: usize, most: usize| {
            let i = self.sites[k] as usize;
            let ends = self.pairs.pairs.of(i).iter().take(most);
            let out = ends.filter(|(j, _)| !self.contains(*j));
            let field: f64 = out.map(|(j, c)| c * f64::from(spins[*j as usize])).sum();
            f64::from(spins[i]) * field
        };
        let whole: f64 = (0..asked.members).map(|k| of_member(k, usize::MAX)).sum();
        let part = match asked.of_next {
            0 => 0.0,
            most => of_member(asked.members, most),
        };
        -2.0 * (whole + part)
    }

    /// Flips its spins.
    pub fn flip(&self, spins: &mut [i8]) {
        for &i in &self.sites {
            spins[i as usize] = -spins[i as usize];
        }
    }
}
