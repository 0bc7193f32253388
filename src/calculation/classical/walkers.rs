//! Decides how a rank moves its walkers through some steps, and what it brings home.

use super::keys::ClassicalPlan;
use super::roster::{Leg, Roster, words};
use crate::classical::configurations::pack;
use crate::classical::effective::{Features, Moments};
use crate::classical::{SpinUpdate, Tally, Words};
use crate::error::{Error, Result};
use crate::rng::Purpose;
use crate::run::Desk;
use std::ops::Range;

/// Spins that are moved between two questions whether to go on.
const PATIENCE: usize = 1 << 18;

/// What a rank knows of its walkers.
pub(super) struct Walkers {
    pub roster: Roster,
    /// Their numbers.
    pub mine: Range<usize>,
    pub updates: Vec<Box<dyn SpinUpdate>>,
    /// 1/T of all temperatures, and their order.
    pub betas: Vec<f64>,
    pub order: Vec<usize>,
    /// Sweeps or moves between swaps; 0 for none.
    pub interval: usize,
    pub sites: usize,
    pub seed: u64,
}

/// What one walker brings home from some steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Haul {
    pub energies: Vec<f64>,
    pub sums: Vec<f64>,
    /// Counts and sums of the leg so far: they go on from those before, so that they do not depend
    /// on how steps fall into blocks.
    pub tally: Tally,
    /// Counts of these steps alone, those before the first sample among them.
    pub recent: Tally,
    /// Of even and odd samples.
    pub moments: [Moments; 2],
    /// Energy and sum of the spins at the end.
    pub now: [f64; 2],
    pub bits: Vec<u64>,
}

/// What is wanted of the samples.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub features: Option<&'w Features>,
    pub bits: bool,
}

impl Walkers {
    /// Those with the numbers `mine`, without updates yet.
    pub fn new(plan: &ClassicalPlan, roster: Roster, mine: Range<usize>, sites: usize) -> Self {
        let betas: Vec<f64> = plan.temperatures.iter().map(|t| 1.0 / t).collect();
        let mut order: Vec<usize> = (0..betas.len()).collect();
        order.sort_by(|a, b| betas[*a].total_cmp(&betas[*b]));
        Walkers {
            roster,
            mine,
            updates: Vec::new(),
            betas,
            order,
            interval: plan.tempering.unwrap_or(0),
            sites,
            seed: plan.seed,
        }
    }

    /// Moves all walkers of this rank through `steps` of leg number `number`, with the counts and
    /// sums `before`; also swaps that were proposed and accepted between neighbouring temperatures.
    pub fn advance(
        &mut self,
        (number, leg): (usize, &Leg),
        steps: Range<usize>,
        before: Vec<(Tally, [Moments; 2])>,
        wanted: Wanted,
        desk: &Desk,
    ) -> Result<(Vec<Haul>, Vec<[f64; 2]>)> {
        let begin = |(tally, moments)| Haul {
            energies: Vec::new(),
            sums: Vec::new(),
            tally,
            recent: Tally::default(),
            moments,
            now: [0.0; 2],
            bits: Vec::new(),
        };
        let mut hauls: Vec<Haul> = before.into_iter().map(begin).collect();
        let mut swaps = vec![[0.0; 2]; self.roster.temperatures.saturating_sub(1)];
        let mut spins = vec![1; self.sites];
        let unit = self.roster.unit();
        let mut moved = PATIENCE;
        for first in (0..self.updates.len()).step_by(unit) {
            for step in steps.clone() {
                moved += unit * leg.moves(step) * self.sites;
                if moved >= PATIENCE {
                    moved = 0;
                    if !desk.go_on() {
                        return Err(Error::Interrupted);
                    }
                }
                let moves = self.step(first, (number, leg), step, &mut swaps);
                let range = first..first + unit;
                for (k, moved) in range.clone().zip(&moves) {
                    hauls[k].recent.add(moved.numbers());
                }
                if step < leg.idle_steps() {
                    continue;
                }
                for (k, moved) in range.zip(&moves) {
                    hauls[k].tally.add(moved.numbers());
                    self.look(k, step, wanted, &mut hauls[k], &mut spins);
                }
            }
        }
        for (haul, update) in hauls.iter_mut().zip(&self.updates) {
            let (energy, sum) = update.observe();
            haul.now = [energy, sum as f64];
        }
        Ok((hauls, swaps))
    }

    /// One step of the walkers that go together from `first` on; what each has proposed.
    fn step(
        &mut self,
        first: usize,
        (number, leg): (usize, &Leg),
        step: usize,
        swaps: &mut [[f64; 2]],
    ) -> Vec<Tally> {
        let place = |k: usize| self.roster.of(self.mine.start + k);
        let at = (number, step);
        let stream = |k: usize| {
            let mut rng = words(self.seed, Purpose::Classical, place(k), at);
            Words::new(&mut rng)
        };
        let unit = self.roster.unit();
        let mut random: Vec<Words> = (first..first + unit).map(stream).collect();
        let mut moves = vec![Tally::default(); unit];
        if self.interval == 0 {
            for (k, random) in random.iter_mut().enumerate() {
                let count = leg.moves(step);
                self.updates[first + k].advance(count, random, &mut moves[k]);
            }
            return moves;
        }
        let chain = (0, place(first).1);
        let mut rng = words(self.seed, Purpose::ClassicalSwap, chain, at);
        let mut swapper = Words::new(&mut rng);
        let mut done = step * leg.sweeps;
        let end = done + leg.moves(step);
        while done < end {
            let count = (self.interval - done % self.interval).min(end - done);
            for (k, random) in random.iter_mut().enumerate() {
                self.updates[first + k].advance(count, random, &mut moves[k]);
            }
            done += count;
            if done.is_multiple_of(self.interval) {
                self.swap(first, done / self.interval % 2, &mut swapper, swaps);
            }
        }
        moves
    }

    /// Swaps configurations of neighbouring temperatures with min(1, e^{(β − β')(E − E')}).
    fn swap(&mut self, first: usize, from: usize, random: &mut Words, swaps: &mut [[f64; 2]]) {
        for pair in (from..swaps.len()).step_by(2) {
            let [a, b] = [self.order[pair], self.order[pair + 1]];
            let energy = |t: usize| self.updates[first + t].observe().0;
            let power = (self.betas[a] - self.betas[b]) * (energy(a) - energy(b));
            let accepted = random.unit() < power.exp();
            swaps[pair][0] += 1.0;
            if accepted {
                swaps[pair][1] += 1.0;
                let mut both = [vec![1; self.sites], vec![1; self.sites]];
                self.updates[first + a].copy(&mut both[0]);
                self.updates[first + b].copy(&mut both[1]);
                self.updates[first + a].put(&both[1]);
                self.updates[first + b].put(&both[0]);
            }
        }
    }

    /// Notes the present sample of walker `k`.
    fn look(&self, k: usize, step: usize, wanted: Wanted, haul: &mut Haul, spins: &mut [i8]) {
        let (energy, sum) = self.updates[k].observe();
        haul.energies.push(energy);
        haul.sums.push(sum as f64);
        if wanted.features.is_some() || wanted.bits {
            self.updates[k].copy(spins);
        }
        if let Some(features) = wanted.features {
            haul.moments[step % 2].push(1.0, &features.of(spins), energy);
        }
        if wanted.bits {
            haul.bits.extend(pack(spins));
        }
    }
}

impl Haul {
    /// Appends its numbers, bits apart.
    pub fn write(&self, out: &mut Vec<f64>) {
        out.extend(&self.energies);
        out.extend(&self.sums);
        out.extend(self.tally.numbers());
        out.extend(self.recent.numbers());
        out.extend(self.now);
        self.moments.iter().for_each(|m| out.extend(m.numbers()));
    }

    /// Numbers that it takes with so many samples and features.
    pub fn width(samples: usize, features: usize) -> usize {
        2 * samples + 8 + 2 * Moments::new(features).numbers().len()
    }

    /// Takes back what [`Haul::write`] wrote, with the bits from elsewhere.
    pub fn read(numbers: &[f64], samples: usize, features: usize, bits: Vec<u64>) -> Self {
        let (energies, rest) = numbers.split_at(samples);
        let (sums, rest) = rest.split_at(samples);
        let (tally, rest) = rest.split_at(3);
        let (recent, rest) = rest.split_at(3);
        let (now, rest) = rest.split_at(2);
        let (even, odd) = rest.split_at(rest.len() / 2);
        Haul {
            energies: energies.to_vec(),
            sums: sums.to_vec(),
            tally: Tally::of(tally),
            recent: Tally::of(recent),
            moments: [even, odd].map(|m| Moments::from_numbers(features, m)),
            now: [now[0], now[1]],
            bits,
        }
    }
}
