//! Decides the update that grows one cluster from a random site and flips it, always.
//!
//! U. Wolff, Phys. Rev. Lett. 62, 361 (1989).

use super::cluster::Cluster;
use super::metropolis::observed;
use super::takes_pairs;
use super::{SpinEnergy, SpinUpdate, Tally, UpdateCourse, UpdateEntry, UpdateSetting, Words};
use std::sync::Arc;

pub(super) const ENTRY: UpdateEntry = UpdateEntry {
    kind: "wolff",
    about: "Single clusters of pair couplings without fields",
    clusters: true,
    refuse: takes_pairs,
    course: UpdateCourse::Chain(build),
};

fn build(setting: &UpdateSetting) -> Box<dyn SpinUpdate> {
    let energy = setting.energy;
    Box::new(SingleClusters {
        energy: energy.clone(),
        cluster: Cluster::new(energy.clone(), setting.beta, 0),
        spins: vec![1; energy.sites()],
    })
}

/// Spins that are flipped cluster by cluster.
struct SingleClusters {
    energy: Arc<SpinEnergy>,
    cluster: Cluster,
    spins: Vec<i8>,
}

impl SpinUpdate for SingleClusters {
    fn put(&mut self, spins: &[i8]) {
        self.spins.copy_from_slice(spins);
    }
    fn copy(&self, out: &mut [i8]) {
        out.copy_from_slice(&self.spins);
    }
    fn advance(&mut self, count: usize, random: &mut Words, tally: &mut Tally) {
        for _ in 0..count {
            let seed = random.below(self.spins.len());
            self.cluster.grow(seed, &self.spins, random);
            self.cluster.flip(&mut self.spins);
            tally.add([1.0, 1.0, self.cluster.sites.len() as f64]);
        }
    }
    fn observe(&self) -> (f64, i64) {
        observed(&self.energy, &self.spins)
    }
}
