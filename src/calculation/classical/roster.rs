//! Decides which walkers a run has, how they are shared out over the ranks, and in which legs they
//! go: samples to learn from, fits, samples that count.
//!
//! A walker is one chain at one temperature. Where temperatures are swapped, those of a chain stay
//! on one rank. Streams belong to walkers and samples, so no result depends on the ranks.

use super::keys::ClassicalPlan;
use crate::classical::{UpdateCourse, UpdateEntry};
use crate::comm::share;
use crate::rng::{Generator, Purpose, lane, stream};
use std::ops::Range;

/// All walkers in the order in which ranks hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Roster {
    pub temperatures: usize,
    pub chains: usize,
    /// Whether temperatures are swapped.
    pub swapped: bool,
}

impl Roster {
    pub fn len(&self) -> usize {
        self.temperatures * self.chains
    }

    /// Walkers that go together.
    pub fn unit(&self) -> usize {
        if self.swapped { self.temperatures } else { 1 }
    }

    /// Temperature and chain of a walker.
    pub fn of(&self, walker: usize) -> (usize, usize) {
        match self.swapped {
            true => (walker % self.temperatures, walker / self.temperatures),
            false => (walker / self.chains, walker % self.chains),
        }
    }

    /// The walkers at a temperature, chain by chain.
    pub fn at(&self, temperature: usize) -> impl Iterator<Item = usize> + use<> {
        let roster = *self;
        (0..roster.chains).map(move |chain| match roster.swapped {
            true => chain * roster.temperatures + temperature,
            false => temperature * roster.chains + chain,
        })
    }

    /// Those of a rank.
    pub fn share(&self, rank: usize, size: usize) -> Range<usize> {
        let units = share(self.len() / self.unit(), rank, size);
        units.start * self.unit()..units.end * self.unit()
    }
}

/// A part of a run with one kind of update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    /// Whether the update has learned from the leg before.
    pub learned: bool,
    /// Whether its samples count; else the next leg learns from them.
    pub counts: bool,
    /// Sweeps or moves before the first sample.
    pub burn_in: usize,
    /// Samples of each walker.
    pub samples: usize,
    /// Sweeps or moves between samples.
    pub sweeps: usize,
}

impl Leg {
    /// All legs of a run.
    pub fn all(plan: &ClassicalPlan, entry: &UpdateEntry) -> Vec<Leg> {
        let learned = matches!(entry.course, UpdateCourse::Learned(_));
        let last = Leg {
            learned,
            counts: true,
            burn_in: plan.burn_in,
            samples: plan.samples,
            sweeps: plan.sweeps,
        };
        let effective = &plan.effective;
        if !learned || effective.couplings.is_some() {
            return vec![last];
        }
        let training = Leg {
            counts: false,
            samples: effective.training_samples.div_ceil(plan.chains).max(2),
            ..last
        };
        let first = Leg {
            learned: false,
            ..training
        };
        let rounds = std::iter::repeat_n(training, effective.rounds);
        std::iter::once(first).chain(rounds).chain([last]).collect()
    }

    /// Steps before the first sample.
    pub fn idle_steps(&self) -> usize {
        self.burn_in.div_ceil(self.sweeps)
    }

    /// Steps, of which each ends with a sample or is part of the beginning.
    pub fn steps(&self) -> usize {
        self.idle_steps() + self.samples
    }

    /// Sweeps or moves of a step.
    pub fn moves(&self, step: usize) -> usize {
        match step < self.idle_steps() {
            true => self.sweeps.min(self.burn_in - step * self.sweeps),
            false => self.sweeps,
        }
    }

    /// Sweeps or moves of the first `steps` steps.
    pub fn moves_until(&self, steps: usize) -> usize {
        let idle = steps.min(self.idle_steps()) * self.sweeps;
        idle.min(self.burn_in) + self.kept(steps) * self.sweeps
    }

    /// The half of the leg that the sample of a step belongs to; the first for samples that count,
    /// whose number may grow.
    pub fn half(&self, step: usize) -> usize {
        let late = 2 * self.kept(step) >= self.samples;
        usize::from(late && !self.counts)
    }

    /// Samples among the first `steps` steps.
    pub fn kept(&self, steps: usize) -> usize {
        steps.saturating_sub(self.idle_steps())
    }
}

/// The stream of a walker, or with `Purpose::ClassicalSwap` of a chain, in a step of a leg.
pub(super) fn words(
    seed: u64,
    purpose: Purpose,
    (temperature, chain): (usize, usize),
    (leg, step): (usize, usize),
) -> Generator {
    let lane = lane(temperature as u64, chain as u64);
    stream(seed, purpose, lane, (leg as u64) << 48 | step as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_walker_has_a_place() {
        for swapped in [false, true] {
            let roster = Roster {
                temperatures: 3,
                chains: 4,
                swapped,
            };
            for t in 0..3 {
                let found: Vec<_> = roster.at(t).map(|w| roster.of(w)).collect();
                let wanted: Vec<_> = (0..4).map(|c| (t, c)).collect();
                assert_eq!(found, wanted);
            }
            let shares: Vec<_> = (0..3).flat_map(|rank| roster.share(rank, 3)).collect();
            assert_eq!(shares, (0..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn samples_to_learn_from_have_two_halves() {
        let training = Leg {
            learned: false,
            counts: false,
            burn_in: 2,
            samples: 5,
            sweeps: 1,
        };
        let halves: Vec<_> = (2..7).map(|step| training.half(step)).collect();
        assert_eq!(halves, [0, 0, 0, 1, 1]);
        let counted = Leg {
            counts: true,
            ..training
        };
        assert!((2..7).all(|step| counted.half(step) == 0));
    }

    #[test]
    fn the_beginning_has_exactly_its_moves() {
        let leg = Leg {
            learned: false,
            counts: true,
            burn_in: 25,
            samples: 4,
            sweeps: 10,
        };
        let moves: Vec<_> = (0..leg.steps()).map(|k| leg.moves(k)).collect();
        assert_eq!(moves, [10, 10, 5, 10, 10, 10, 10]);
        for k in 0..=leg.steps() {
            assert_eq!(leg.moves_until(k), moves[..k].iter().sum::<usize>());
        }
        assert_eq!((leg.kept(2), leg.kept(3), leg.kept(7)), (0, 0, 4));
    }
}
