//! Decides the update that grows one cluster from a random site and flips it, always.
//!
//! U. Wolff, Phys. Rev. Lett. 62, 361 (1989).

use super::cluster::{Cluster, ParallelCluster};
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
    let (energy, beta) = (setting.energy, setting.beta);
    let growth = match ParallelCluster::new(energy, beta) {
        Some(parallel) => ClusterGrowth::Parallel(parallel),
        None => ClusterGrowth::Any(Cluster::new(energy.clone(), beta, 0)),
    };
    Box::new(SingleClusters {
        energy: energy.clone(),
        growth,
        spins: vec![1; energy.sites()],
    })
}

/// How clusters grow.
enum ClusterGrowth {
    Parallel(ParallelCluster),
    Any(Cluster),
}

/// Spins that are flipped cluster by cluster.
struct SingleClusters {
    energy: Arc<SpinEnergy>,
    growth: ClusterGrowth,
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
            let size = match &mut self.growth {
                ClusterGrowth::Parallel(parallel) => parallel.turn(seed, &mut self.spins, random),
                ClusterGrowth::Any(cluster) => {
                    cluster.grow(seed, &self.spins, random);
                    cluster.flip(&mut self.spins);
                    cluster.sites.len()
                }
            };
            tally.add([1.0, 1.0, size as f64]);
        }
    }
    fn observe(&self) -> (f64, i64) {
        observed(&self.energy, &self.spins)
    }
}
