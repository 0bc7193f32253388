//! Decides which pairs of spins a cluster update joins: a satisfied pair of weight e^{x s s'} with
//! the probability 1 − e^{−2|x|} (R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987)).

use super::spacetime::{SliceCouplings, SpaceTime};
use crate::clusters::{Words, join, threshold};
use crate::linalg::simd::{Simd, compiled_for_each_set};

/// Pairs i, j and i + 1, j + 1 and so on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    i: usize,
    j: usize,
    count: usize,
}

/// What is asked of pairs of spins, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Bonds {
    runs: Vec<Run>,
    /// Ends of each pair.
    ends: Vec<[u32; 2]>,
    /// 2³² times the probabilities; the largest number is certain.
    thresholds: Vec<u32>,
    /// 0 where parallel spins are satisfied, −1 where antiparallel ones are.
    unlike: Vec<i8>,
}

/// Of a coupling that may be infinite.
fn bond_threshold(x: f64) -> u32 {
    threshold(-(-2.0 * x.abs()).exp_m1())
}

impl Bonds {
    /// Within a slice.
    pub fn within(plane: &SliceCouplings) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for &[i, j] in &plane.pairs {
            let (i, j) = (i as usize, j as usize);
            match runs.last_mut() {
                Some(run) if (run.i + run.count, run.j + run.count) == (i, j) => run.count += 1,
                _ => runs.push(Run { i, j, count: 1 }),
            }
        }
        Bonds {
            runs,
            ends: plane.pairs.clone(),
            thresholds: plane.x.iter().map(|x| bond_threshold(*x)).collect(),
            unlike: plane.x.iter().map(|x| -i8::from(*x < 0.0)).collect(),
        }
    }

    /// Between each site of a slice and of the next one.
    fn between(wall: &[f64]) -> Self {
        let count = wall.len();
        Bonds {
            runs: vec![Run { i: 0, j: 0, count }],
            ends: Vec::new(),
            thresholds: wall.iter().map(|k| bond_threshold(*k)).collect(),
            unlike: vec![0; count],
        }
    }

    fn count(&self) -> usize {
        self.thresholds.len()
    }

    /// Writes 1 where a pair joins, of one spin of `a` and one of `b`.
    fn ask(&self, simd: Simd, a: &[i8], b: &[i8], random: &[u32], joins: &mut [u8]) {
        let mut at = 0;
        for run in &self.runs {
            let part = at..at + run.count;
            at += run.count;
            ask(
                simd,
                &a[run.i..run.i + run.count],
                &b[run.j..run.j + run.count],
                (&self.unlike[part.clone()], &self.thresholds[part.clone()]),
                &random[part.clone()],
                &mut joins[part],
            );
        }
    }
}

#[inline(always)]
fn ask_body<const SET: u8>(
    a: &[i8],
    b: &[i8],
    rule: (&[i8], &[u32]),
    random: &[u32],
    joins: &mut [u8],
) {
    let count = joins.len();
    let (a, b, random) = (&a[..count], &b[..count], &random[..count]);
    let (unlike, thresholds) = (&rule.0[..count], &rule.1[..count]);
    for k in 0..count {
        let satisfied = a[k] ^ b[k] ^ unlike[k] >= 0;
        let drawn = (random[k] < thresholds[k]) | (thresholds[k] == u32::MAX);
        joins[k] = u8::from(satisfied & drawn);
    }
}

compiled_for_each_set! {
    fn ask(
        a: &[i8],
        b: &[i8],
        rule: (&[i8], &[u32]),
        random: &[u32],
        joins: &mut [u8],
    ) = ask_body
}

/// The pairs of all slices, and the division of their spins into clusters.
#[derive(Debug, Clone)]
pub(super) struct Division {
    planes: Vec<Bonds>,
    walls: Vec<Bonds>,
    random: Vec<u32>,
    joins: Vec<u8>,
    simd: Simd,
    /// The label of each spin, slice by slice.
    pub labels: Vec<u32>,
    /// Cluster of each label: [`crate::clusters::root`].
    pub parents: Vec<u32>,
    /// Labels that are in use.
    pub count: usize,
}

/// The places of eight joined pairs as bits.
#[inline]
fn bits(joins: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..joins.len()].copy_from_slice(joins);
    u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Division {
    pub fn new(spacetime: &SpaceTime) -> Self {
        let planes: Vec<Bonds> = spacetime.planes.iter().map(Bonds::within).collect();
        let walls: Vec<Bonds> = spacetime.walls.iter().map(|w| Bonds::between(w)).collect();
        let all = planes.iter().chain(&walls);
        let most = all.map(Bonds::count).max().unwrap_or(0);
        let spins = spacetime.sites * spacetime.slices();
        Division {
            planes,
            walls,
            random: vec![0; most],
            joins: vec![0; most],
            simd: Simd::chosen(),
            labels: vec![0; spins],
            // Labels that stay unused take no memory.
            parents: vec![0; spins + 1],
            count: 0,
        }
    }

    /// Gives slice `t` labels: those of the slice before where spins are joined to it.
    pub fn continue_to(&mut self, spacetime: &SpaceTime, spins: &[i8], t: usize, rng: &mut Words) {
        let n = spacetime.sites;
        let wall = (t > 0).then(|| spacetime.wall(t - 1)).flatten();
        let (before, own) = self.labels.split_at_mut(t * n);
        let own = &mut own[..n];
        let mut next = self.count as u32;
        match wall {
            Some(wall) => {
                let before = &before[(t - 1) * n..];
                let (random, joins) = (&mut self.random[..n], &mut self.joins[..n]);
                rng.fill(random);
                let (a, b) = (&spins[(t - 1) * n..t * n], &spins[t * n..(t + 1) * n]);
                self.walls[wall].ask(self.simd, a, b, random, joins);
                for ((label, before), joined) in own.iter_mut().zip(before).zip(joins) {
                    self.parents[next as usize] = next;
                    // Without branches, which would be guessed wrong at each end of a line.
                    let goes_on = 0u32.wrapping_sub(u32::from(*joined));
                    *label = next ^ (next ^ *before) & goes_on;
                    next += 1 - u32::from(*joined);
                }
            }
            None => {
                for label in own {
                    self.parents[next as usize] = next;
                    *label = next;
                    next += 1;
                }
            }
        }
        self.count = next as usize;
    }

    /// Joins the clusters of slice `t` that its pairs connect.
    pub fn connect(&mut self, spacetime: &SpaceTime, spins: &[i8], t: usize, rng: &mut Words) {
        let n = spacetime.sites;
        let plane = &self.planes[spacetime.plane(t)];
        let count = plane.count();
        let (random, joins) = (&mut self.random[..count], &mut self.joins[..count]);
        let own = &spins[t * n..(t + 1) * n];
        let labels = &mut self.labels[t * n..(t + 1) * n];
        rng.fill(random);
        plane.ask(self.simd, own, own, random, joins);
        for (ends, joins) in plane.ends.chunks(8).zip(joins.chunks(8)) {
            let mut open = bits(joins);
            while open != 0 {
                let [i, j] = ends[open.trailing_zeros() as usize];
                open &= open - 1;
                let (i, j) = (i as usize, j as usize);
                let first = join(&mut self.parents, labels[i], labels[j]);
                // The next slices start nearer to the root.
                (labels[i], labels[j]) = (first, first);
            }
        }
    }
}
