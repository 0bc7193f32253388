//! Decides the update that proposes clusters of an effective model of pairs and corrects for what
//! the model lacks.
//!
//! The flip of a cluster that was grown along the bonds of H_eff is accepted with min(1, e^{−βΔ}),
//! Δ the change of H − H_eff: averages are exact whatever the effective model is. Bonds that a
//! limited cluster has not asked do not count in the change of H_eff. J. Liu, Y. Qi, Z. Y. Meng, L.
//! Fu, Phys. Rev. B 95, 041101 (2017).

use super::cluster::{AskedBonds, Cluster};
use super::takes_all;
use super::unpacked::{SpinRule, Unpacked};
use super::{SpinEnergy, SpinUpdate, Tally, UpdateCourse, UpdateEntry, UpdateSetting, Words};
use std::sync::Arc;

pub(super) const ENTRY: UpdateEntry = UpdateEntry {
    kind: "self-learning",
    about: "Clusters of an effective model that is fitted to samples, of any energy",
    clusters: true,
    refuse: takes_all,
    course: UpdateCourse::Learned(build),
};

fn build(setting: &UpdateSetting) -> Box<dyn SpinUpdate> {
    let energy = setting.energy;
    let none = || SpinEnergy::new(energy.sites(), []);
    let pairs = setting.effective.map_or_else(none, |e| e.pairs().clone());
    let minus = pairs.products().map(|(c, on)| (-c, on.to_vec()));
    let all = energy.products().map(|(c, on)| (c, on.to_vec()));
    let rule = ProposedClusters {
        energy: energy.clone(),
        residual: SpinEnergy::new(energy.sites(), all.chain(minus)),
        beta: setting.beta,
        cluster: Cluster::new(Arc::new(pairs), setting.beta, setting.max_cluster),
    };
    Box::new(Unpacked::new(energy, rule))
}

/// Clusters of an effective model that are proposed.
struct ProposedClusters {
    energy: Arc<SpinEnergy>,
    /// H − H_eff
    residual: SpinEnergy,
    beta: f64,
    cluster: Cluster,
}

impl ProposedClusters {
    /// The change of H − H_eff by the cluster that has grown.
    fn change(&self, spins: &[i8], asked: AskedBonds) -> f64 {
        let sites = &self.cluster.sites;
        let inside = |site: u32| self.cluster.contains(site);
        if asked.members == sites.len() {
            return self.residual.cluster_change(spins, sites, inside);
        }
        let whole = self.energy.cluster_change(spins, sites, inside);
        whole - self.cluster.asked_change(spins, asked)
    }
}

impl SpinRule for ProposedClusters {
    fn advance(&mut self, spins: &mut [i8], count: usize, random: &mut Words, tally: &mut Tally) {
        for _ in 0..count {
            let seed = random.below(spins.len());
            let asked = self.cluster.grow(seed, spins, random);
            let change = self.change(spins, asked);
            let accepted = change <= 0.0 || random.unit() < (-self.beta * change).exp();
            if accepted {
                self.cluster.flip(spins);
            }
            let size = self.cluster.sites.len() as f64;
            tally.add([1.0, f64::from(u8::from(accepted)), size]);
        }
    }
}
