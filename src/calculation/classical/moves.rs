//! Decides how the walkers of all ranks move through a block of steps, and how what they bring home
//! comes together on rank 0.

use super::keys::FlipOrder;
use super::record::BlockRow;
use super::roster::Leg;
use super::sampled::Sampled;
use super::walkers::{Haul, Wanted};
use crate::classical::configurations::unpack;
use crate::classical::effective::Features;
use crate::classical::{SpinUpdate, UPDATES, UpdateCourse, UpdateEntry, UpdateSetting};
use crate::comm::agree;
use crate::error::Result;
use crate::io::samples::Segment;
use crate::run::Desk;

/// Flips that a block proposes over all walkers.
const BLOCK: f64 = 1e8;

impl Sampled {
    /// Builds the updates of the present leg, with the walkers' spins.
    pub(super) fn build(&mut self) {
        let entry = if self.leg().learned {
            self.entry
        } else {
            self.first_entry()
        };
        let update = |w: usize| -> Option<Box<dyn SpinUpdate>> {
            let (t, _) = self.roster.of(w);
            let setting = UpdateSetting {
                energy: &self.model.energy,
                square: self.model.square(),
                beta: self.walkers.betas[t],
                effective: self.standing.models.get(t).map(|m| &m.model),
                max_cluster: self.plan.effective.max_cluster,
                random_sites: self.plan.order == FlipOrder::Random,
            };
            match entry.course {
                UpdateCourse::Chain(build) | UpdateCourse::Learned(build) => Some(build(&setting)),
                UpdateCourse::All => None,
            }
        };
        if self.built != Some(self.standing.leg) {
            self.walkers.updates = self.walkers.mine.clone().filter_map(update).collect();
            self.built = Some(self.standing.leg);
        }
        let pairs = self.walkers.updates.iter_mut().zip(&self.spins);
        pairs.for_each(|(update, spins)| update.put(spins));
    }

    /// The update of legs that have not learned: that of the input, or the one to learn from.
    pub(super) fn first_entry(&self) -> &'static UpdateEntry {
        match self.entry.course {
            UpdateCourse::Learned(_) => &UPDATES[0],
            _ => self.entry,
        }
    }

    /// Steps of a block of a leg.
    pub(super) fn steps_per_block(&self, leg: &Leg) -> usize {
        let work = (self.roster.len() * self.model.energy.sites() * leg.sweeps) as f64;
        let most = leg.steps().div_ceil(8).max(1);
        ((BLOCK / work) as usize).clamp(1, most)
    }

    /// Moves all walkers and takes over what all ranks bring home.
    pub(super) fn advance(&mut self, count: usize, desk: &mut Desk) -> Result<()> {
        self.build();
        let leg = *self.leg();
        let steps = self.standing.step..self.standing.step + count;
        let wanted = Wanted {
            features: self.features.as_ref(),
            bits: leg.counts && (self.keeps || self.hands_on),
        };
        let kept = leg.kept(steps.end) - leg.kept(steps.start);
        let number = (self.standing.leg, &leg);
        let standing = &self.standing;
        let before = self.walkers.mine.clone();
        let before = before.map(|w| (standing.tallies[w], standing.moments[w].clone()));
        let before = before.collect();
        let moved = self.walkers.advance(number, steps, before, wanted, desk);
        let (hauls, swaps) = agree(desk.comm, moved)?;
        let comm = desk.comm;
        let mut piece = Vec::new();
        hauls.iter().for_each(|haul| haul.write(&mut piece));
        let numbers = comm.gather(&piece)?;
        let bits = hauls.iter().flat_map(|h| &h.bits);
        let bits: Vec<u8> = bits.flat_map(|w| w.to_le_bytes()).collect();
        let bits = comm.gather_bytes(&bits)?;
        let mut swaps: Vec<f64> = swaps.as_flattened().to_vec();
        comm.sum_on_root(&mut swaps)?;
        if comm.is_root() {
            self.take(&numbers, &bits, kept, desk);
            let pairs = self.standing.swaps.iter_mut().zip(swaps.chunks_exact(2));
            pairs.for_each(|(all, new)| {
                all[0] += new[0];
                all[1] += new[1];
            });
        }
        for (w, haul) in self.walkers.mine.clone().zip(hauls) {
            self.standing.tallies[w] = haul.tally;
            self.standing.moments[w] = haul.moments;
        }
        let updates = self.walkers.updates.iter().zip(&mut self.spins);
        updates.for_each(|(update, spins)| update.copy(spins));
        self.standing.step += count;
        Ok(())
    }

    /// Takes over what all walkers have brought home, on rank 0.
    pub(super) fn take(&mut self, numbers: &[f64], bits: &[u8], kept: usize, desk: &mut Desk) {
        let features = self.features.as_ref().map_or(0, Features::len);
        let words = bits.chunks_exact(8);
        let words: Vec<u64> = words
            .map(|w| u64::from_le_bytes(w.try_into().unwrap_or_default()))
            .collect();
        let of_walker = words.len() / self.roster.len();
        let width = Haul::width(kept, features);
        let mut rows = Segment::default();
        let (mut counted, mut proposed, mut now) = (0.0, 0.0, [0.0; 2]);
        for (w, numbers) in numbers.chunks_exact(width).enumerate() {
            let bits = words[w * of_walker..(w + 1) * of_walker].to_vec();
            let haul = Haul::read(numbers, kept, features, bits);
            let series = &mut self.series[w];
            series.energies.extend(&haul.energies);
            series.sums.extend(&haul.sums);
            counted += haul.recent.accepted;
            proposed += haul.recent.proposed;
            self.standing.tallies[w] = haul.tally;
            self.standing.moments[w] = haul.moments.clone();
            if self.roster.of(w).0 == 0 {
                now[0] += haul.now[0];
                now[1] += haul.now[1].abs();
            }
            if haul.bits.is_empty() {
                continue;
            }
            let (t, c) = self.roster.of(w);
            if self.keeps {
                keep(&mut rows, self.model.energy.sites(), (t, c), &haul);
            }
            if self.hands_on {
                let mut all = self.model.configurations.borrow_mut();
                all.push(t, c, &haul.bits, &haul.energies);
            }
        }
        if self.keeps && !rows.chain.is_empty() {
            desk.keep(rows);
        }
        let scale = (self.roster.chains * self.model.energy.sites()) as f64;
        self.blocks.push(BlockRow {
            energy: now[0] / scale,
            abs_magnetisation: now[1] / scale,
            acceptance: counted / f64::max(proposed, 1.0),
        });
    }
}

/// Adds the samples of a walker to the rows of the samples file.
fn keep(rows: &mut Segment, sites: usize, (t, c): (usize, usize), haul: &Haul) {
    rows.sites = sites;
    let words = sites.div_ceil(64);
    let mut spins = vec![1; sites];
    for bits in haul.bits.chunks_exact(words) {
        unpack(bits, &mut spins);
        rows.configurations.extend(&spins);
    }
    rows.energies.extend(&haul.energies);
    let count = haul.energies.len();
    rows.temperature
        .extend(std::iter::repeat_n(t as i64, count));
    rows.chain.extend(std::iter::repeat_n(c as i64, count));
}
