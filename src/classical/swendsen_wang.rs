//! Decides the update that divides all spins into clusters and flips each with probability 1/2.
//!
//! R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987); clusters by union and find.

use super::cluster::{BondEnd, bond_ends};
use super::energy::Rows;
use super::takes_pairs;
use super::unpacked::{SpinRule, Unpacked};
use super::{SpinUpdate, Tally, UpdateCourse, UpdateEntry, UpdateSetting, Words};
use crate::clusters::{join, root};

pub(super) const ENTRY: UpdateEntry = UpdateEntry {
    kind: "swendsen-wang",
    about: "All clusters of pair couplings without fields",
    clusters: true,
    refuse: takes_pairs,
    course: UpdateCourse::Chain(build),
};

fn build(setting: &UpdateSetting) -> Box<dyn SpinUpdate> {
    let energy = setting.energy;
    let rule = AllClusters {
        ends: bond_ends(energy, setting.beta),
        parents: vec![0; energy.sites()],
        sizes: vec![0; energy.sites()],
        turned: vec![false; energy.sites()],
    };
    Box::new(Unpacked::new(energy, rule))
}

/// The division of spins into clusters.
struct AllClusters {
    ends: Rows<BondEnd>,
    parents: Vec<u32>,
    sizes: Vec<u32>,
    turned: Vec<bool>,
}

impl AllClusters {
    /// Divides and flips; the mean size of the cluster of a site.
    fn turn(&mut self, spins: &mut [i8], random: &mut Words) -> f64 {
        let sites = spins.len();
        (0..sites).for_each(|i| self.parents[i] = i as u32);
        self.sizes.fill(0);
        for i in 0..sites {
            for end in self.ends.of(i).iter().filter(|end| end.to as usize > i) {
                let joins = spins[end.to as usize] == end.sign * spins[i]
                    && ((random.word() >> 32) as u32) < end.threshold;
                if joins {
                    join(&mut self.parents, i as u32, end.to);
                }
            }
        }
        for (i, spin) in spins.iter_mut().enumerate() {
            let first = root(&mut self.parents, i as u32) as usize;
            if first == i {
                self.turned[i] = random.word() >> 63 == 1;
            }
            self.sizes[first] += 1;
            if self.turned[first] {
                *spin = -*spin;
            }
        }
        let squares = self.sizes.iter().map(|s| f64::from(*s).powi(2));
        squares.sum::<f64>() / sites as f64
    }
}

impl SpinRule for AllClusters {
    fn advance(&mut self, spins: &mut [i8], count: usize, random: &mut Words, tally: &mut Tally) {
        for _ in 0..count {
            let size = self.turn(spins, random);
            tally.add([1.0, 1.0, size]);
        }
    }
}
