//! Decides the loop update of circuits of exchange gates.
//!
//! World lines are the spins at the start of the ket and one bit for each plaquette: whether its
//! spins are swapped. A sweep breaks up all plaquettes, and draws the orientation of every cluster
//! of lines (H. G. Evertz, G. Lana, M. Marcu, Phys. Rev. Lett. 70, 875 (1993)).
//!
//! A sweep goes up the plaquettes twice. It holds 2 bytes for each, those of the gate of the ket
//! (12) for two of them, and 13 for each horizontal break-up; a checkpoint holds one bit.

use super::WorldLines;
use super::breakups::{DIAGONAL, FROZEN, HORIZONTAL, VERTICAL};
use super::circuit::{Circuit, Gate, Start};
use super::packing::{other_circuit, pack, unpack};
use super::plaquettes::{ExchangePlan, Plaquette, has_strings};
use super::sectors::Orientations;
use super::strings::LoopStrings;
use crate::clusters::{Words, join, root};
use crate::error::Result;
use std::sync::Arc;

/// Random numbers that are drawn at once.
const DRAWN: usize = 1024;

/// World lines of exchange gates that loops move.
#[derive(Debug, Clone)]
pub(super) struct ExchangeLoops {
    pub(super) plan: Arc<ExchangePlan>,
    /// Spins at the start of the ket.
    bottom: Vec<i8>,
    /// 1 for each plaquette that is swapped: those of the ket, inserted ones, those of the bra.
    pub(super) swaps: Vec<u8>,
    pub(super) visible: Vec<i8>,
    breakups: Vec<u8>,
    /// Spins and labels of the lines at the plaquette that is looked at.
    spins: Vec<i8>,
    lines: Vec<u32>,
    /// Labels of the lines at the visible configuration, in the ket.
    visible_lines: Vec<u32>,
    parents: Vec<u32>,
    turns: Vec<bool>,
    /// The label below each horizontal break-up.
    below: Vec<u32>,
    random: Vec<u32>,
    orientations: Orientations,
    /// What hangs together at the visible configuration; none where something is frozen.
    pub(super) strings: Option<LoopStrings>,
}

impl ExchangeLoops {
    /// World lines that go straight up. `inserted` stand between ket and bra.
    pub fn new(circuit: &Circuit, inserted: &[Gate]) -> Result<Self> {
        let plan = ExchangePlan::new(circuit, inserted)?;
        let (n, count) = (plan.sites, 2 * plan.ket.len() + plan.inserted.len());
        let up = match plan.start {
            Start::Uniform => n.div_ceil(2),
            Start::Sector { up } => up,
        };
        // As many spins up on the even sites as there is room for.
        let order = (0..n).step_by(2).chain((1..n).step_by(2));
        let mut bottom = vec![-1; n];
        order.take(up).for_each(|site| bottom[site] = 1);
        let has_strings = inserted.is_empty() && has_strings(circuit);
        Ok(ExchangeLoops {
            visible: bottom.clone(),
            swaps: vec![0; count],
            breakups: vec![0; count],
            spins: vec![0; n],
            lines: vec![0; n],
            visible_lines: vec![0; n],
            // Labels that stay unused take no memory.
            parents: vec![0; 2 * n + count],
            turns: vec![false; 2 * n + count],
            below: vec![0; count],
            random: vec![0; DRAWN],
            orientations: Orientations::new(n, plan.start),
            strings: has_strings.then(|| LoopStrings::new(n, plan.start)),
            bottom,
            plan: Arc::new(plan),
        })
    }

    /// Begins a line at each site; labels from `next` on.
    fn begin(lines: &mut [u32], next: u32) -> u32 {
        (next..)
            .zip(lines.iter_mut())
            .for_each(|(k, line)| *line = k);
        next + lines.len() as u32
    }

    /// Breaks up all plaquettes and labels the clusters; how many labels there are.
    fn break_up(&mut self, rng: &mut Words) -> usize {
        let n = self.plan.sites;
        self.spins.copy_from_slice(&self.bottom);
        let next = Self::begin(&mut self.lines, 0);
        (0..next).for_each(|k| self.parents[k as usize] = k);
        let mut half = Half {
            limits: &self.plan.limits,
            spins: &mut self.spins,
            lines: &mut self.lines,
            parents: &mut self.parents,
            below: &mut self.below,
            random: &mut self.random,
            next,
            turned: 0,
        };
        let (swaps, above) = self.swaps.split_at(self.plan.ket.len());
        let (breakups, breakups_above) = self.breakups.split_at_mut(self.plan.ket.len());
        half.break_up(self.plan.ket.iter(), swaps, breakups, rng);
        self.visible_lines.copy_from_slice(half.lines);
        let first = half.next;
        half.next = Self::begin(half.lines, first);
        (first..half.next).for_each(|k| half.parents[k as usize] = k);
        half.break_up(self.plan.upper(), above, breakups_above, rng);
        let count = half.next as usize;
        if let Some(strings) = &mut self.strings {
            strings.take(&self.visible_lines, first, &mut self.parents);
        }
        for (k, line) in (first..).zip(&self.visible_lines) {
            join(&mut self.parents, *line, k);
        }
        debug_assert!(count <= 2 * n + self.swaps.len());
        count
    }

    /// Draws which clusters turn.
    fn draw(&mut self, count: usize, rng: &mut Words) {
        let n = self.plan.sites;
        let roots = (0..n as u32).map(|line| root(&mut self.parents, line));
        let lower = self.orientations.draw(roots, &self.bottom, rng);
        let (mut word, mut left) = (0u64, 0);
        for label in 0..count {
            let parent = self.parents[label] as usize;
            if parent != label {
                self.turns[label] = self.turns[parent];
                continue;
            }
            self.turns[label] = match lower.get(label).copied().flatten() {
                Some(turned) => turned,
                None => {
                    if left == 0 {
                        (word, left) = (rng.word(), 64);
                    }
                    left -= 1;
                    word >> left & 1 == 1
                }
            };
        }
    }

    /// Follows all lines once more and turns them.
    fn turn(&mut self) {
        let mut next = Self::begin(&mut self.lines, 0);
        for (spin, turned) in self.bottom.iter_mut().zip(&self.turns) {
            *spin = if *turned { -*spin } else { *spin };
        }
        self.spins.copy_from_slice(&self.bottom);
        let mut turns = Turns {
            spins: &mut self.spins,
            lines: &mut self.lines,
            turns: &self.turns,
            below: &self.below,
            next,
            turned: 0,
        };
        let (swaps, above) = self.swaps.split_at_mut(self.plan.ket.len());
        let (breakups, breakups_above) = self.breakups.split_at(self.plan.ket.len());
        turns.follow(self.plan.ket.iter(), swaps, breakups);
        self.visible.copy_from_slice(turns.spins);
        next = Self::begin(turns.lines, turns.next);
        turns.next = next;
        turns.follow(self.plan.upper(), above, breakups_above);
    }
}

/// The way up through one half, with what it meets.
struct Half<'a> {
    limits: &'a [[[u64; 3]; 3]],
    spins: &'a mut [i8],
    lines: &'a mut [u32],
    parents: &'a mut [u32],
    below: &'a mut [u32],
    random: &'a mut [u32],
    /// The next label.
    next: u32,
    /// Horizontal break-ups so far.
    turned: usize,
}

impl Half<'_> {
    fn break_up<'p>(
        &mut self,
        mut plaquettes: impl Iterator<Item = &'p Plaquette>,
        swaps: &[u8],
        breakups: &mut [u8],
        rng: &mut Words,
    ) {
        for (swaps, breakups) in swaps.chunks(DRAWN).zip(breakups.chunks_mut(DRAWN)) {
            let random = &mut self.random[..swaps.len()];
            rng.fill(random);
            // Plaquettes come last, so that none is taken when the others are at their end.
            let each = swaps.iter().zip(breakups).zip(random.iter());
            for (((swap, breakup), random), plaquette) in each.zip(plaquettes.by_ref()) {
                let (l, m) = (plaquette.l as usize, plaquette.m as usize);
                let (s_l, s_m) = (self.spins[l], self.spins[m]);
                let state = usize::from(s_l != s_m) + usize::from(*swap);
                let limits = &self.limits[plaquette.kind as usize][state];
                let r = u64::from(*random);
                let drawn = limits.iter().map(|limit| u8::from(r >= *limit)).sum();
                *breakup = drawn;
                let swapped = *swap == 1;
                self.spins[l] = if swapped { s_m } else { s_l };
                self.spins[m] = if swapped { s_l } else { s_m };
                match drawn {
                    HORIZONTAL => {
                        self.below[self.turned] = join(self.parents, self.lines[l], self.lines[m]);
                        self.turned += 1;
                        self.parents[self.next as usize] = self.next;
                        (self.lines[l], self.lines[m]) = (self.next, self.next);
                        self.next += 1;
                    }
                    DIAGONAL => self.lines.swap(l, m),
                    FROZEN => {
                        join(self.parents, self.lines[l], self.lines[m]);
                    }
                    _ => debug_assert_eq!(drawn, VERTICAL),
                }
            }
        }
    }
}

/// The way up, when it is known which labels turn.
struct Turns<'a> {
    spins: &'a mut [i8],
    lines: &'a mut [u32],
    turns: &'a [bool],
    below: &'a [u32],
    next: u32,
    turned: usize,
}

impl Turns<'_> {
    fn follow<'p>(
        &mut self,
        plaquettes: impl Iterator<Item = &'p Plaquette>,
        swaps: &mut [u8],
        breakups: &[u8],
    ) {
        for ((plaquette, swap), breakup) in plaquettes.zip(swaps).zip(breakups) {
            let (l, m) = (plaquette.l as usize, plaquette.m as usize);
            let swapped = match *breakup {
                HORIZONTAL => {
                    let below = self.turns[self.below[self.turned] as usize];
                    let above = self.turns[self.next as usize];
                    (self.lines[l], self.lines[m]) = (self.next, self.next);
                    self.turned += 1;
                    self.next += 1;
                    (*swap == 1) ^ below ^ above
                }
                DIAGONAL => {
                    self.lines.swap(l, m);
                    self.spins[l] != self.spins[m]
                }
                _ => false,
            };
            *swap = u8::from(swapped);
            if swapped {
                self.spins.swap(l, m);
            }
        }
    }
}

impl WorldLines for ExchangeLoops {
    fn sweep(&mut self, rng: &mut Words) {
        let count = self.break_up(rng);
        self.draw(count, rng);
        self.turn();
    }

    fn visible(&self) -> &[i8] {
        &self.visible
    }

    fn each_slice(&self, visit: &mut dyn FnMut(&[i8])) {
        let mut spins = self.bottom.clone();
        let mut swaps = self.swaps.iter();
        let mut go = |plaquettes: &mut dyn Iterator<Item = &Plaquette>, count: usize| {
            for (plaquette, swap) in plaquettes.take(count).zip(swaps.by_ref()) {
                if *swap == 1 {
                    spins.swap(plaquette.l as usize, plaquette.m as usize);
                }
            }
            visit(&spins);
        };
        let mut plaquettes = self.plan.ket.iter().chain(self.plan.upper());
        go(&mut plaquettes, 0);
        for count in &self.plan.layers {
            go(&mut plaquettes, *count);
        }
        go(&mut plaquettes, self.plan.inserted.len());
        for count in self.plan.layers.iter().rev() {
            go(&mut plaquettes, *count);
        }
    }

    /// Means over the orientations of loops and strings, where nothing is frozen.
    fn pairs(&mut self, pairs: &[[usize; 2]], out: &mut [f64]) {
        match &mut self.strings {
            Some(strings) => strings.pairs(&self.visible, pairs, out),
            None => super::visible_pairs(&self.visible, pairs, out),
        }
    }

    fn flips(&mut self, out: &mut [f64]) -> Result<()> {
        match &mut self.strings {
            Some(strings) => strings.flips(out),
            None => return Err(super::missing("σˣ")),
        }
        Ok(())
    }

    fn exchanges(&mut self, pairs: &[[usize; 2]], out: &mut [f64]) -> Result<()> {
        match &mut self.strings {
            Some(strings) => strings.exchanges(pairs, out),
            None => return Err(super::missing("σˣσˣ + σʸσʸ")),
        }
        Ok(())
    }

    fn sign(&self) -> f64 {
        let weights = self.plan.kinds.iter().flat_map(|kind| kind.weights());
        if weights.into_iter().all(|w| w > 0.0) {
            return 1.0;
        }
        let mut spins = self.bottom.clone();
        let mut sign = 1.0;
        let plaquettes = self.plan.ket.iter().chain(self.plan.upper());
        for (plaquette, swap) in plaquettes.zip(&self.swaps) {
            let (l, m) = (plaquette.l as usize, plaquette.m as usize);
            let state = usize::from(spins[l] != spins[m]) + usize::from(*swap);
            sign *= self.plan.kinds[plaquette.kind as usize].weights()[state].signum();
            if *swap == 1 {
                spins.swap(l, m);
            }
        }
        sign
    }

    fn another(&self) -> Box<dyn WorldLines> {
        Box::new(self.clone())
    }

    fn export(&self) -> Vec<u8> {
        let swaps = self.swaps.iter().map(|swap| 2 * (*swap as i8) - 1);
        pack(&self.bottom.iter().copied().chain(swaps).collect::<Vec<_>>())
    }

    fn import(&mut self, bytes: &[u8]) -> Result<()> {
        let mut all = vec![0; self.bottom.len() + self.swaps.len()];
        unpack(bytes, &mut all)?;
        let (bottom, swaps) = all.split_at(self.bottom.len());
        let mut spins = bottom.to_vec();
        let mut visible = spins.clone();
        let plaquettes = self.plan.ket.iter().chain(self.plan.upper());
        for (k, (plaquette, swap)) in plaquettes.zip(swaps).enumerate() {
            let (l, m) = (plaquette.l as usize, plaquette.m as usize);
            if *swap == 1 && spins[l] == spins[m] {
                return Err(other_circuit(bytes.len()));
            }
            if *swap == 1 {
                spins.swap(l, m);
            }
            if k + 1 == self.plan.ket.len() {
                visible.copy_from_slice(&spins);
            }
        }
        self.bottom.copy_from_slice(bottom);
        self.visible = visible;
        let own = self.swaps.iter_mut().zip(swaps);
        own.for_each(|(own, swap)| *own = u8::from(*swap == 1));
        Ok(())
    }
}
