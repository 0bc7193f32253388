//! Decides single flips of 512 spins at once, on periodic square lattices with one coupling of
//! nearest neighbours: one bit for each spin, one sublattice after the other.
//!
//! Sublattice p holds the sites with x + y + p even, in bits n = y L_x/2 + ⌊x/2⌋. All neighbours
//! are of the other one: n, n ± L_x/2, and in the same row n − 1 or n + 1. With u neighbours of high
//! energy a flip costs 2|J|(4 − 2u); it is accepted where u ≥ 2, else where a random number is below
//! the factor, compared bit by bit from the highest on until all 512 are decided (L. Jacobs, C.
//! Rebbi, J. Comput. Phys. 41, 203 (1981)).

use super::random::{WIDTH, WordRow, next_row};
use super::{SpinEnergy, SpinUpdate, Tally, UpdateSetting, Words};
use crate::linalg::simd::{Simd, compiled_for_each_set};
use std::sync::Arc;

/// Fewest bits of a sublattice for which it is worth it.
const FEWEST: usize = 64;
/// Bits that are compared before the first look whether all are decided.
const SURE: usize = 6;

/// Where bits at a distance from others stand: whole words, and bits.
#[derive(Debug, Clone, Copy)]
struct Offset {
    words: isize,
    bits: u32,
}

impl Offset {
    fn of(distance: isize) -> Self {
        Offset {
            words: distance.div_euclid(64),
            bits: distance.rem_euclid(64) as u32,
        }
    }

    /// The row of words that begins so far from word `at`.
    #[inline(always)]
    fn row(self, words: &[u64], at: usize) -> WordRow {
        let start = at.wrapping_add_signed(self.words);
        let part = &words[start..start + WIDTH + 1];
        let mut out = [0; WIDTH];
        for (k, out) in out.iter_mut().enumerate() {
            *out = part[k] >> self.bits | part[k + 1] << 1 << (63 - self.bits);
        }
        out
    }

    /// 64 bits from bit `at` on.
    fn word(words: &[u64], at: usize) -> u64 {
        let (word, bits) = (at / 64, at % 64);
        words[word] >> bits | words[word + 1] << 1 << (63 - bits)
    }
}

/// Which bits of a sublattice have their fourth neighbour where.
#[derive(Debug, Clone)]
struct Sides {
    valid: Vec<u64>,
    /// One before, at the end of the row, one behind, at its beginning.
    masks: [Vec<u64>; 4],
}

/// The shape of both sublattices.
#[derive(Debug, Clone)]
struct Layout {
    cells: [usize; 2],
    /// Bits of a row of the lattice in a sublattice.
    half: usize,
    bits: usize,
    /// The word in which they begin; before and behind them stand those that close the lattice.
    first: usize,
    rows: usize,
    /// Down, up, and those of `Sides`.
    offsets: [Offset; 6],
    sides: [Sides; 2],
}

impl Layout {
    fn new(cells: [usize; 2]) -> Self {
        let half = cells[0] / 2;
        let bits = half * cells[1];
        let rows = bits.div_ceil(64 * WIDTH);
        let h = half as isize;
        let mut layout = Layout {
            cells,
            half,
            bits,
            first: half.div_ceil(64) + 1,
            rows,
            offsets: [-h, h, -1, h - 1, 1, 1 - h].map(Offset::of),
            sides: [0, 1].map(|_| Sides {
                valid: vec![0; rows * WIDTH],
                masks: std::array::from_fn(|_| vec![0; rows * WIDTH]),
            }),
        };
        for colour in 0..2 {
            for n in 0..bits {
                let (k, y) = (n % half, n / half);
                let kind = match ((colour + y) % 2, k) {
                    (0, 0) => 1,
                    (0, _) => 0,
                    (_, k) if k + 1 == half => 3,
                    _ => 2,
                };
                let sides = &mut layout.sides[colour];
                sides.valid[n / 64] |= 1 << (n % 64);
                sides.masks[kind][n / 64] |= 1 << (n % 64);
            }
        }
        layout
    }

    /// Words of a sublattice with what closes the lattice.
    fn words(&self) -> usize {
        2 * self.first + self.rows * WIDTH + 1
    }

    /// Sublattice and bit of a site.
    fn place(&self, site: usize) -> (usize, usize) {
        let (x, y) = (site % self.cells[0], site / self.cells[0]);
        ((x + y) % 2, y * self.half + x / 2)
    }

    /// The four neighbours of each bit of a row of words.
    #[inline(always)]
    fn neighbours(&self, other: &[u64], sides: &Sides, row: usize) -> [WordRow; 4] {
        let (at, own) = (self.first + row * WIDTH, row * WIDTH);
        let down = self.offsets[0].row(other, at);
        let up = self.offsets[1].row(other, at);
        let mut same = [0; WIDTH];
        same.copy_from_slice(&other[at..at + WIDTH]);
        let mut side = [0; WIDTH];
        for (offset, mask) in self.offsets[2..].iter().zip(&sides.masks) {
            let (there, mask) = (offset.row(other, at), &mask[own..own + WIDTH]);
            for k in 0..WIDTH {
                side[k] |= there[k] & mask[k];
            }
        }
        [same, down, up, side]
    }

    /// Copies the bits that close the lattice.
    fn close(&self, words: &mut [u64]) {
        let start = 64 * self.first;
        let end = start + self.bits;
        copy_bits(words, end - self.half, start - self.half, self.half);
        copy_bits(words, start, end, self.half);
    }
}

/// Copies `count` bits from one place to another.
fn copy_bits(words: &mut [u64], from: usize, to: usize, count: usize) {
    let mut done = 0;
    while done < count {
        let at = to + done;
        let length = (64 - at % 64).min(count - done);
        let mask = (!0u64 >> (64 - length)) << (at % 64);
        let new = Offset::word(words, from + done) << (at % 64);
        words[at / 64] = words[at / 64] & !mask | new & mask;
        done += length;
    }
}

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
    layout: &Layout,
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
        layout: &Layout,
        colour: usize,
        rule: FlipRule,
        state: &mut [WordRow; 4],
    ) -> u32 = half_sweep_body
}

/// Bits of the first sublattice that differ from their neighbours, counted for each.
#[inline(always)]
fn unlike_body<const SET: u8>(own: &[u64], other: &[u64], layout: &Layout) -> u32 {
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
    fn unlike(own: &[u64], other: &[u64], layout: &Layout) -> u32 = unlike_body
}

/// Packed spins that are flipped one sublattice after the other.
pub(super) struct PackedFlips {
    energy: Arc<SpinEnergy>,
    layout: Layout,
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
        let layout = Layout::new([lx, ly]);
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
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn square(lx: u32, ly: u32, coupling: f64) -> Arc<SpinEnergy> {
        let site = |x: u32, y: u32| x % lx + lx * (y % ly);
        let all = (0..ly).flat_map(|y| (0..lx).map(move |x| (x, y)));
        let bonds =
            all.flat_map(|(x, y)| [[site(x, y), site(x + 1, y)], [site(x, y), site(x, y + 1)]]);
        let terms = bonds.map(|on| (coupling, on.to_vec()));
        Arc::new(SpinEnergy::new((lx * ly) as usize, terms))
    }

    fn packed(energy: &Arc<SpinEnergy>, cells: [usize; 2], beta: f64) -> Option<PackedFlips> {
        PackedFlips::new(&UpdateSetting {
            energy,
            square: Some(cells),
            beta,
            effective: None,
            max_cluster: 0,
        })
    }

    #[test]
    fn flips_of_a_cold_lattice_are_those_that_cost_nothing() {
        // At T = 0 a sweep is a rule without chance, which is followed here spin by spin.
        for (lx, ly, coupling) in [(12, 14, -1.0), (64, 6, -0.5), (10, 40, 1.0), (200, 8, -2.0)] {
            let energy = square(lx, ly, coupling);
            let cells = [lx as usize, ly as usize];
            let mut update = packed(&energy, cells, 1e9).unwrap();
            let mut rng = stream(5, Purpose::Law, 0, u64::from(lx));
            let sites = cells[0] * cells[1];
            let mut spins: Vec<i8> = (0..sites)
                .map(|_| if rng.random() { 1 } else { -1 })
                .collect();
            let mut back = vec![0; sites];
            update.put(&spins);
            update.copy(&mut back);
            assert_eq!(back, spins);
            let mut words = Words::new(&mut rng);
            for _ in 0..5 {
                let sum = spins.iter().map(|s| i64::from(*s)).sum();
                assert_eq!(update.observe(), (energy.energy(&spins), sum));
                let mut accepted = 0;
                for colour in 0..2 {
                    for i in (0..sites).filter(|i| (i % cells[0] + i / cells[0]) % 2 == colour) {
                        if energy.change(&spins, i) <= 0.0 {
                            spins[i] = -spins[i];
                            accepted += 1;
                        }
                    }
                }
                let mut tally = Tally::default();
                update.advance(1, &mut words, &mut tally);
                update.copy(&mut back);
                assert_eq!(back, spins, "{lx} x {ly}");
                assert_eq!(
                    (tally.accepted, tally.proposed),
                    (f64::from(accepted), sites as f64)
                );
            }
        }
    }

    #[test]
    fn flips_that_cost_energy_come_as_often_as_they_should() {
        let energy = square(64, 64, -1.0);
        let beta = 0.3;
        let mut update = packed(&energy, [64, 64], beta).unwrap();
        let mut words = Words::new(&mut stream(6, Purpose::Law, 0, 0));
        let (mut flipped, rounds) = (0.0, 200.0);
        for _ in 0..rounds as usize {
            // From all up, flips of the first sublattice cost 8; the second sees their traces.
            update.put(&[1; 4096]);
            let mut back = [0; 4096];
            update.advance(1, &mut words, &mut Tally::default());
            update.copy(&mut back);
            let even = (0..4096).filter(|i| (i % 64 + i / 64) % 2 == 0 && back[*i] < 0);
            flipped += even.count() as f64;
        }
        let (p, n) = ((-8.0 * beta).exp(), 2048.0 * rounds);
        let pull = (flipped / n - p) / (p * (1.0 - p) / n).sqrt();
        assert!(pull.abs() < 4.0, "{pull}");
    }

    #[test]
    fn other_lattices_and_energies_are_left_to_others() {
        let energy = square(12, 14, -1.0);
        assert!(packed(&energy, [12, 14], 0.5).is_some());
        assert!(packed(&energy, [12, 14], 0.1).is_none(), "too hot");
        assert!(
            packed(&square(11, 14, -1.0), [11, 14], 0.5).is_none(),
            "odd"
        );
        assert!(packed(&square(4, 4, -1.0), [4, 4], 0.5).is_none(), "small");
        let with_field = energy.products().map(|(c, on)| (c, on.to_vec()));
        let with_field = SpinEnergy::new(168, with_field.chain([(0.1, vec![3])]));
        assert!(packed(&Arc::new(with_field), [12, 14], 0.5).is_none());
    }
}
