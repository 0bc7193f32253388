//! Decides where the spins of both sublattices stand in words of 64 bits, and where those of their
//! neighbours are found.

use crate::clusters::{WIDTH, WordRow};

/// Where bits at a distance from others stand: whole words, and bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offset {
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
pub(super) struct Sides {
    pub valid: Vec<u64>,
    /// One before, at the end of the row, one behind, at its beginning.
    masks: [Vec<u64>; 4],
}

/// The shape of both sublattices.
#[derive(Debug, Clone)]
pub(super) struct BitLayout {
    cells: [usize; 2],
    /// Bits of a row of the lattice in a sublattice.
    half: usize,
    pub bits: usize,
    /// The word in which they begin; before and behind them stand those that close the lattice.
    pub first: usize,
    pub rows: usize,
    /// Down, up, and those of `Sides`.
    offsets: [Offset; 6],
    pub sides: [Sides; 2],
}

impl BitLayout {
    pub fn new(cells: [usize; 2]) -> Self {
        let half = cells[0] / 2;
        let bits = half * cells[1];
        let rows = bits.div_ceil(64 * WIDTH);
        let h = half as isize;
        let mut layout = BitLayout {
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
    pub fn words(&self) -> usize {
        2 * self.first + self.rows * WIDTH + 1
    }

    /// Sublattice and bit of a site.
    pub fn place(&self, site: usize) -> (usize, usize) {
        let (x, y) = (site % self.cells[0], site / self.cells[0]);
        ((x + y) % 2, y * self.half + x / 2)
    }

    /// The four neighbours of each bit of a row of words.
    #[inline(always)]
    pub fn neighbours(&self, other: &[u64], sides: &Sides, row: usize) -> [WordRow; 4] {
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
    pub fn close(&self, words: &mut [u64]) {
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
