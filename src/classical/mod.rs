//! Decides how configurations of classical spins are drawn from e^{−H/T}/Z: the energy, the
//! updates, the effective models that some of them learn, and all states where they can be counted.
//!
//! A new update is a file of this room and one line of [`UPDATES`].

pub mod averages;
mod cluster;
pub mod configurations;
pub mod effective;
pub mod energy;
pub mod enumeration;
mod metropolis;
mod packed;
mod self_learning;
mod swendsen_wang;
mod unpacked;
mod wolff;

pub use crate::clusters::Words;
pub use configurations::Configurations;
pub use energy::SpinEnergy;

use crate::table::{Entry, no_keys};
use effective::EffectiveModel;
use std::sync::Arc;

/// Spins of one walker and what moves them at one temperature.
pub trait SpinUpdate {
    /// Puts spins ±1 in the place of those that it holds.
    fn put(&mut self, spins: &[i8]);
    /// Copies its spins.
    fn copy(&self, out: &mut [i8]);
    /// `count` sweeps or cluster moves.
    fn advance(&mut self, count: usize, random: &mut Words, tally: &mut Tally);
    /// Energy and sum of the spins.
    fn observe(&self) -> (f64, i64);
}

/// What has been proposed and accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Flips of spins or of clusters that were proposed.
    pub proposed: f64,
    /// Those that were accepted.
    pub accepted: f64,
    /// Sites of the proposed clusters; mean size of the cluster of a site for `swendsen-wang`.
    pub cluster_sites: f64,
}

impl Tally {
    /// The numbers in the order of the fields.
    pub fn numbers(&self) -> [f64; 3] {
        [self.proposed, self.accepted, self.cluster_sites]
    }

    /// Of three such numbers; those that are missing are 0.
    pub fn of(numbers: &[f64]) -> Self {
        let at = |k: usize| numbers.get(k).copied().unwrap_or(0.0);
        Tally {
            proposed: at(0),
            accepted: at(1),
            cluster_sites: at(2),
        }
    }

    /// Adds such numbers.
    pub fn add(&mut self, numbers: [f64; 3]) {
        self.proposed += numbers[0];
        self.accepted += numbers[1];
        self.cluster_sites += numbers[2];
    }
}

/// What an update is built from.
#[derive(Clone, Copy)]
pub struct UpdateSetting<'s> {
    /// H.
    pub energy: &'s Arc<SpinEnergy>,
    /// Cells in each direction of a periodic square lattice; `None` elsewhere.
    pub square: Option<[usize; 2]>,
    /// 1/T in units of 1/energy.
    pub beta: f64,
    /// The model whose clusters are proposed, where the update has one.
    pub effective: Option<&'s EffectiveModel>,
    /// Most sites of a cluster; 0 for no limit.
    pub max_cluster: usize,
    /// Whether single flips are proposed at random sites.
    pub random_sites: bool,
}

/// How an update makes its configurations.
#[derive(Clone, Copy)]
pub enum UpdateCourse {
    /// A Markov chain.
    Chain(fn(&UpdateSetting) -> Box<dyn SpinUpdate>),
    /// A Markov chain whose proposals are learned from samples of another.
    Learned(fn(&UpdateSetting) -> Box<dyn SpinUpdate>),
    /// All states, without noise.
    All,
}

/// An update that inputs can name.
#[derive(Clone, Copy)]
pub struct UpdateEntry {
    /// `classical.update`
    pub kind: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it flips clusters.
    pub clusters: bool,
    /// What it cannot do with an energy: the problem and the remedy.
    pub refuse: fn(&SpinEnergy) -> Option<(String, &'static str)>,
    /// How it makes its configurations.
    pub course: UpdateCourse,
}

impl Entry for UpdateEntry {
    const WHAT: &'static str = "update";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        no_keys(self.about)
    }
}

/// All updates; the first is the default, and makes the samples from which others learn.
pub const UPDATES: &[UpdateEntry] = &[
    metropolis::ENTRY,
    wolff::ENTRY,
    swendsen_wang::ENTRY,
    self_learning::ENTRY,
    enumeration::ENTRY,
];

/// Nothing is refused.
fn takes_all(_: &SpinEnergy) -> Option<(String, &'static str)> {
    None
}

/// Clusters need pairs of spins.
fn takes_pairs(energy: &SpinEnergy) -> Option<(String, &'static str)> {
    (!energy.is_pairs()).then(|| {
        let what = "the energy has terms of other than two spins, which bonds cannot carry";
        (
            what.into(),
            "use \"metropolis\" or \"self-learning\", or remove fields and plaquettes",
        )
    })
}
