//! Decides the update that grows one cluster from a random site and flips it, always.
//!
//! U. Wolff, Phys. Rev. Lett. 62, 361 (1989).

use super::cluster::{Cluster, ParallelCluster};
use super::takes_pairs;
use super::unpacked::{SpinRule, Unpacked};
use super::{SpinUpdate, Tally, UpdateCourse, UpdateEntry, UpdateSetting, Words};

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
    Box::new(Unpacked::new(energy, growth))
}

/// How the single clusters grow that are flipped.
enum ClusterGrowth {
    Parallel(ParallelCluster),
    Any(Cluster),
}

impl SpinRule for ClusterGrowth {
    fn advance(&mut self, spins: &mut [i8], count: usize, random: &mut Words, tally: &mut Tally) {
        for _ in 0..count {
            let seed = random.below(spins.len());
            let size = match self {
                ClusterGrowth::Parallel(parallel) => parallel.turn(seed, spins, random),
                ClusterGrowth::Any(cluster) => {
                    cluster.grow(seed, spins, random);
                    cluster.flip(spins);
                    cluster.sites.len()
                }
            };
            tally.add([1.0, 1.0, size as f64]);
        }
    }
}
