//! Decides the cluster update of circuits of pairs, fields and flips, in space and imaginary time.
//!
//! Joined spins are clusters, each of which is drawn up or down with the weights e^{±Σ z s} of its
//! fields (R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987)).
//!
//! A sweep holds 5 bytes for each spin and slice, its value and its label, and 5 for each label, of
//! which there is one for each end of a line in time; a checkpoint holds one bit for each spin.

use super::WorldLines;
use super::bonds::Division;
use super::bridges::Bridges;
use super::circuit::Circuit;
use super::hidden::{HiddenEnds, HiddenStart};
use super::packing::{pack, unpack};
use super::spacetime::SpaceTime;
use crate::clusters::{Words, root};
use crate::error::Result;
use std::sync::Arc;

/// Spins of an Ising circuit that clusters move.
#[derive(Debug, Clone)]
pub(super) struct IsingClusters {
    spacetime: Arc<SpaceTime>,
    spins: Vec<i8>,
    division: Division,
    /// Σ z s of each label; empty without fields.
    pulls: Vec<f64>,
    /// 1 or −1 for each label.
    turns: Vec<i8>,
    /// How the halves of ket and bra hang together at the visible slice, before the last turn.
    bridges: Bridges,
    /// Whether bridges say all of the flips.
    is_satisfiable: bool,
    hidden: Option<HiddenEnds>,
}

impl IsingClusters {
    /// All spins up.
    pub fn new(circuit: &Circuit, start: Option<&HiddenStart>) -> Result<Self> {
        let spacetime = SpaceTime::new(circuit)?;
        let hidden = start.map(|start| HiddenEnds::new(start, spacetime.sites));
        let hidden = hidden.transpose()?;
        let has_fields = hidden.is_some() || spacetime.has_fields();
        let spins = vec![1; spacetime.sites * spacetime.slices()];
        Ok(IsingClusters {
            division: Division::new(&spacetime),
            pulls: vec![0.0; if has_fields { spins.len() } else { 0 }],
            // Labels that stay unused take no memory.
            turns: vec![0; spins.len()],
            bridges: Bridges::new(spacetime.sites),
            is_satisfiable: spacetime.is_satisfiable(),
            spins,
            spacetime: Arc::new(spacetime),
            hidden,
        })
    }

    /// Labels all spins; ket and bra are not yet joined at the visible slice.
    fn divide(&mut self, rng: &mut Words) {
        let (spacetime, spins) = (&self.spacetime, &self.spins);
        let n = spacetime.sites;
        self.division.count = 0;
        for t in 0..spacetime.slices() {
            self.division.continue_to(spacetime, spins, t, rng);
            self.division.connect(spacetime, spins, t, rng);
            if self.pulls.is_empty() {
                continue;
            }
            let range = t * n..(t + 1) * n;
            let labels = &self.division.labels[range.clone()];
            let mut pull = |fields: &[f64]| {
                for ((label, spin), z) in labels.iter().zip(&spins[range.clone()]).zip(fields) {
                    self.pulls[*label as usize] += z * f64::from(*spin);
                }
            };
            pull(&spacetime.planes[spacetime.plane(t)].z);
            if let Some(hidden) = &self.hidden {
                let ends = [0, spacetime.slices() - 1].into_iter().zip(&hidden.fields);
                ends.filter(|(end, _)| *end == t).for_each(|(_, z)| pull(z));
            }
        }
    }

    /// Draws the hidden units of the start.
    fn draw_hidden(&mut self, rng: &mut Words) {
        let (n, last) = (
            self.spacetime.sites,
            self.spins.len() - self.spacetime.sites,
        );
        if let Some(hidden) = &mut self.hidden {
            hidden.draw(0, &self.spins[..n], rng);
            hidden.draw(1, &self.spins[last..], rng);
        }
    }

    /// Moves the pulls of all labels to their roots.
    fn gather_pulls(&mut self) {
        if self.pulls.is_empty() {
            return;
        }
        for label in (0..self.division.count).rev() {
            let parent = self.division.parents[label] as usize;
            if parent != label {
                self.pulls[parent] += std::mem::take(&mut self.pulls[label]);
            }
        }
    }

    /// The cluster of a visible spin in the last sweep, and its mean over the orientations.
    fn mean_spin(&mut self, site: usize) -> (u32, f64) {
        let at = self.spacetime.sites * (self.spacetime.depth - 1) + site;
        let label = self.division.labels[at];
        let cluster = root(&mut self.division.parents, label);
        // The pull is that of the spins before they turned.
        let before = f64::from(self.spins[at] * self.turns[label as usize]);
        let pull = self.pulls.get(cluster as usize).copied().unwrap_or(0.0);
        (cluster, before * pull.tanh())
    }

    /// Draws the orientation of each cluster.
    fn draw(&mut self, rng: &mut Words) {
        let (mut word, mut left) = (0, 0);
        for label in 0..self.division.count {
            let parent = self.division.parents[label] as usize;
            if parent != label {
                self.turns[label] = self.turns[parent];
                continue;
            }
            let turned = match self.pulls.get(label) {
                Some(pull) => rng.unit() * (1.0 + (2.0 * pull).exp()) < 1.0,
                None => {
                    if left == 0 {
                        (word, left) = (rng.word(), 64);
                    }
                    left -= 1;
                    word >> left & 1 == 1
                }
            };
            self.turns[label] = if turned { -1 } else { 1 };
        }
    }
}

impl WorldLines for IsingClusters {
    fn sweep(&mut self, rng: &mut Words) {
        let used = self.pulls.len().min(self.division.count);
        self.pulls[..used].fill(0.0);
        self.draw_hidden(rng);
        self.divide(rng);
        self.gather_pulls();
        let (n, depth) = (self.spacetime.sites, self.spacetime.depth);
        let visible = &self.division.labels[(depth - 1) * n..(depth + 1) * n];
        let (ket, bra) = visible.split_at(n);
        let parents = &mut self.division.parents;
        self.bridges.take(ket, bra, &self.pulls, parents);
        self.gather_pulls();
        self.draw(rng);
        for (spin, label) in self.spins.iter_mut().zip(&self.division.labels) {
            *spin *= self.turns[*label as usize];
        }
    }

    fn visible(&self) -> &[i8] {
        let n = self.spacetime.sites;
        &self.spins[n * (self.spacetime.depth - 1)..n * self.spacetime.depth]
    }

    fn each_slice(&self, visit: &mut dyn FnMut(&[i8])) {
        self.spins.chunks(self.spacetime.sites).for_each(visit);
    }

    /// Means over the orientations of the clusters.
    fn spins(&mut self, out: &mut [f64]) {
        (0..out.len()).for_each(|site| out[site] = self.mean_spin(site).1);
    }

    /// Means over the orientations of the clusters.
    fn pairs(&mut self, pairs: &[[usize; 2]], out: &mut [f64]) {
        for (out, [l, m]) in out.iter_mut().zip(pairs) {
            let (one, other) = (self.mean_spin(*l), self.mean_spin(*m));
            let visible = self.visible();
            *out = match one.0 == other.0 {
                true => f64::from(visible[*l] * visible[*m]),
                false => one.1 * other.1,
            };
        }
    }

    /// Numbers from 0 to 1 where no field is felt. Where pairs compete, numbers with a variance of
    /// order 1/(flip time).
    fn flips(&mut self, out: &mut [f64]) -> Result<()> {
        if self.is_satisfiable {
            self.bridges.flips(out);
        } else {
            let (n, depth) = (self.spacetime.sites, self.spacetime.depth);
            if depth == 1 && self.hidden.is_some() {
                return Err(super::missing("σˣ of competing pairs"));
            }
            let slice = |t: usize| &self.spins[t * n..(t + 1) * n];
            let beyond = [depth.checked_sub(2), (depth > 1).then_some(depth + 1)];
            let beyond = beyond.map(|t| t.map(slice));
            self.spacetime.traced_flips(self.visible(), beyond, out);
        }
        Ok(())
    }

    fn another(&self) -> Box<dyn WorldLines> {
        Box::new(self.clone())
    }

    fn export(&self) -> Vec<u8> {
        pack(&self.spins)
    }

    fn import(&mut self, bytes: &[u8]) -> Result<()> {
        unpack(bytes, &mut self.spins)
    }
}
