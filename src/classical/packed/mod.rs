//! Decides single flips of 512 spins at once, on periodic square lattices with one coupling of
//! nearest neighbours: one bit for each spin, one sublattice after the other.
//!
//! Sublattice p holds the sites with x + y + p even, in bits n = y L_x/2 + ⌊x/2⌋. All neighbours
//! are of the other one: n, n ± L_x/2, and in the same row n − 1 or n + 1. With u neighbours of
//! high energy a flip costs 2|J|(4 − 2u). It is accepted where u ≥ 2, else where a random number
//! is below the factor, compared bit by bit from the highest on until all 512 are decided (L.
//! Jacobs, C. Rebbi, J. Comput. Phys. 41, 203 (1981)).

mod layout;

use super::{SpinEnergy, SpinUpdate, Tally, UpdateSetting, Words};
use crate::clusters::{WIDTH, WordRow, next_row};
use crate::linalg::simd::{Simd, compiled_for_each_set};
use layout::BitLayout;
use std::sync::Arc;

/// Fewest bits of a sublattice for which it is worth it.
const FEWEST: usize = 64;
/// Bits that are compared before the first look whether all are decided.
const SURE: usize = 6;

/// The factors 2⁶⁴ e^{−βΔ} of u = 1 and u = 0, and all ones where antiparallel spins have the lower
/// energy.
#[derive(Debug, Clone, Copy)]
struct FlipRule {
    factors: [u64; 2],
    inverted: u64,
}

/// Flips one sublattice; how many flips were accepted.
#[inline(always)]
fn half_sweep_body<const SET: u8>(
    own: &mut [u64],
    other: &[u64],
    layout: &BitLayout,
    colour: usize,
    rule: FlipRule,
    state: &mut [WordRow; 4],
) -> u32 {
    let mut generators = *state;
    let sides = &layout.sides[colour];
    let mut accepted = 0;
    for row in 0..layout.rows {
        let [a, b, c, d] = layout.neighbours(other, sides, row);
        let at = layout.first + row * WIDTH;
        let spins = &mut own[at..at + WIDTH];
        let valid = &sides.valid[row * WIDTH..(row + 1) * WIDTH];
        let (mut flips, mut none, mut one) = ([0; WIDTH], [0; WIDTH], [0; WIDTH]);
        for k in 0..WIDTH {
            let s = spins[k] ^ rule.inverted;
            let (a, b, c, d) = (a[k] ^ s, b[k] ^ s, c[k] ^ s, d[k] ^ s);
            let two = a & b | c & d | (a ^ b) & (c ^ d);
            let any = a | b | c | d;
            flips[k] = two & valid[k];
            none[k] = !any & valid[k];
            one[k] = any & !two & valid[k];
        }
        decide(&mut flips, &none, &one, rule.factors, &mut generators);
        for k in 0..WIDTH {
            spins[k] ^= flips[k];
            accepted += flips[k].count_ones();
        }
    }
    *state = generators;
    accepted
}

/// Adds the flips of u = 0 and u = 1 whose random numbers are below their factors.
#[inline(always)]
fn decide(
    flips: &mut WordRow,
    none: &WordRow,
    one: &WordRow,
    factors: [u64; 2],
    generators: &mut [WordRow; 4],
) {
    let mut open = [0; WIDTH];
    for k in 0..WIDTH {
        open[k] = none[k] | one[k];
    }
    for bit in 0..64 {
        let all = |factor: u64| 0u64.wrapping_sub(factor >> (63 - bit) & 1);
        let (of_one, of_none) = (all(factors[0]), all(factors[1]));
        let random = next_row(generators);
        let mut left = 0;
        for k in 0..WIDTH {
            let factor = none[k] & of_none | one[k] & of_one;
            flips[k] |= open[k] & factor & !random[k];
            open[k] &= !(factor ^ random[k]);
            left |= open[k];
        }
        if bit >= SURE && left == 0 {
            return;
        }
    }
}

compiled_for_each_set! {
    fn half_sweep(
        own: &mut [u64],
        other: &[u64],
        layout: &BitLayout,
        colour: usize,
        rule: FlipRule,
        state: &mut [WordRow; 4],
    ) -> u32 = half_sweep_body
}

/// Bits of the first sublattice that differ from their neighbours, counted for each.
#[inline(always)]
fn unlike_body<const SET: u8>(own: &[u64], other: &[u64], layout: &BitLayout) -> u32 {
    let sides = &layout.sides[0];
    let mut count = 0;
    for row in 0..layout.rows {
        let at = layout.first + row * WIDTH;
        for neighbour in layout.neighbours(other, sides, row) {
            for k in 0..WIDTH {
                let valid = sides.valid[row * WIDTH + k];
                count += ((neighbour[k] ^ own[at + k]) & valid).count_ones();
            }
        }
    }
    count
}

compiled_for_each_set! {
    fn unlike(own: &[u64], other: &[u64], layout: &BitLayout) -> u32 = unlike_body
}

/// Packed spins that are flipped one sublattice after the other.
pub(super) struct PackedFlips {
    energy: Arc<SpinEnergy>,
    layout: BitLayout,
    coupling: f64,
    rule: FlipRule,
    words: [Vec<u64>; 2],
    simd: Simd,
}

impl PackedFlips {
    /// Where the lattice and the energy allow it, and flips are rare enough for the rule min(1,
    /// e^{−βΔ}).
    pub fn new(setting: &UpdateSetting) -> Option<Self> {
        let [lx, ly] = setting.square?;
        let coupling = setting.energy.nearest_coupling([lx, ly])?;
        let fits = lx.is_multiple_of(2) && ly.is_multiple_of(2) && lx * ly / 2 >= FEWEST;
        let step = setting.beta * coupling.abs();
        if !fits || 8.0 * step < 1.0 {
            return None;
        }
        let layout = BitLayout::new([lx, ly]);
        let factor = |power: f64| (power.exp() * 2f64.powi(64)) as u64;
        let words = vec![0; layout.words()];
        Some(PackedFlips {
            energy: setting.energy.clone(),
            layout,
            coupling,
            rule: FlipRule {
                factors: [factor(-4.0 * step), factor(-8.0 * step)],
                inverted: if coupling > 0.0 { !0 } else { 0 },
            },
            words: [words.clone(), words],
            simd: Simd::chosen(),
        })
    }

    fn sweep(&mut self, random: &mut Words) -> u32 {
        let mut accepted = 0;
        for colour in 0..2 {
            let [first, second] = &mut self.words;
            let (own, other) = if colour == 0 {
                (first, second)
            } else {
                (second, first)
            };
            let (layout, rule) = (&self.layout, self.rule);
            accepted += half_sweep(self.simd, own, other, layout, colour, rule, random.state());
            layout.close(own);
        }
        accepted
    }
}

impl SpinUpdate for PackedFlips {
    fn put(&mut self, spins: &[i8]) {
        self.words.iter_mut().for_each(|words| words.fill(0));
        for (site, spin) in spins.iter().enumerate() {
            let (colour, bit) = self.layout.place(site);
            let at = 64 * self.layout.first + bit;
            self.words[colour][at / 64] |= u64::from(*spin > 0) << (at % 64);
        }
        let [first, second] = &mut self.words;
        self.layout.close(first);
        self.layout.close(second);
    }
    fn copy(&self, out: &mut [i8]) {
        for (site, spin) in out.iter_mut().enumerate() {
            let (colour, bit) = self.layout.place(site);
            let at = 64 * self.layout.first + bit;
            *spin = 2 * (self.words[colour][at / 64] >> (at % 64) & 1) as i8 - 1;
        }
    }
    fn advance(&mut self, count: usize, random: &mut Words, tally: &mut Tally) {
        let accepted: u64 = (0..count).map(|_| u64::from(self.sweep(random))).sum();
        tally.accepted += accepted as f64;
        tally.proposed += (count * 2 * self.layout.bits) as f64;
    }
    fn observe(&self) -> (f64, i64) {
        let [first, second] = &self.words;
        let unlike = unlike(self.simd, first, second, &self.layout);
        let up = |(words, colour): (&Vec<u64>, usize)| -> u32 {
            let own = &words[self.layout.first..];
            let valid = self.layout.sides[colour].valid.iter();
            own.iter()
                .zip(valid)
                .map(|(w, v)| (w & v).count_ones())
                .sum()
        };
        let sites = 2 * self.layout.bits as i64;
        let sum = 2 * i64::from(up((first, 0)) + up((second, 1))) - sites;
        let bonds = (2 * sites - 2 * i64::from(unlike)) as f64;
        (self.energy.constant() + self.coupling * bonds, sum)
    }
}

#[cfg(test)]
mod tests;
