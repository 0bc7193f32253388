//! Decides how the many random words of a sweep are made: eight generators side by side, as wide as
//! vector registers, seeded from a stream of the run.
//!
//! xoshiro256++ (D. Blackman, S. Vigna, ACM Trans. Math. Softw. 47, 36 (2021)).

use crate::linalg::simd::{Simd, compiled_for_each_set};
use crate::rng::{Generator, RngExt};

/// Generators side by side.
pub const WIDTH: usize = 8;
/// Words that are made at once.
const BUFFER: usize = 16 * WIDTH;

/// A row of words, one of each generator.
pub type WordRow = [u64; WIDTH];

/// Random words, many at a time or one by one.
#[derive(Debug, Clone)]
pub struct Words {
    state: [WordRow; 4],
    buffer: [u64; BUFFER],
    at: usize,
    simd: Simd,
}

/// The next word of each generator.
#[inline(always)]
pub fn next_row(state: &mut [WordRow; 4]) -> WordRow {
    let mut out = [0; WIDTH];
    for (k, out) in out.iter_mut().enumerate() {
        let sum = state[0][k].wrapping_add(state[3][k]);
        *out = sum.rotate_left(23).wrapping_add(state[0][k]);
        let shifted = state[1][k] << 17;
        state[2][k] ^= state[0][k];
        state[3][k] ^= state[1][k];
        state[1][k] ^= state[2][k];
        state[0][k] ^= state[3][k];
        state[2][k] ^= shifted;
        state[3][k] = state[3][k].rotate_left(45);
    }
    out
}

#[inline(always)]
fn refill_body<const SET: u8>(state: &mut [WordRow; 4], buffer: &mut [u64; BUFFER]) {
    let mut now = *state;
    for row in buffer.chunks_exact_mut(WIDTH) {
        row.copy_from_slice(&next_row(&mut now));
    }
    *state = now;
}

compiled_for_each_set! {
    fn refill(state: &mut [WordRow; 4], buffer: &mut [u64; BUFFER]) = refill_body
}

impl Words {
    /// Seeded from the next words of `rng`.
    pub fn new(rng: &mut Generator) -> Self {
        let mut state = [[0; WIDTH]; 4];
        state.iter_mut().flatten().for_each(|s| *s = rng.random());
        Words {
            state,
            buffer: [0; BUFFER],
            at: BUFFER,
            simd: Simd::chosen(),
        }
    }

    /// The generators, for kernels that draw rows of words.
    pub fn state(&mut self) -> &mut [WordRow; 4] {
        &mut self.state
    }

    /// A word of 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        if self.at == BUFFER {
            refill(self.simd, &mut self.state, &mut self.buffer);
            self.at = 0;
        }
        self.at += 1;
        self.buffer[self.at - 1]
    }

    /// Fills `out` with random bits, two numbers from each word.
    pub fn fill(&mut self, mut out: &mut [u32]) {
        while out.len() > 1 {
            if self.at == BUFFER {
                refill(self.simd, &mut self.state, &mut self.buffer);
                self.at = 0;
            }
            let count = (BUFFER - self.at).min(out.len() / 2);
            let (now, later) = out.split_at_mut(2 * count);
            let words = &self.buffer[self.at..self.at + count];
            for (two, word) in now.chunks_exact_mut(2).zip(words) {
                two[0] = *word as u32;
                two[1] = (*word >> 32) as u32;
            }
            self.at += count;
            out = later;
        }
        out.iter_mut().for_each(|last| *last = self.word() as u32);
    }

    /// A number of [0, 1), a multiple of 2⁻⁵³.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number from 0 to `count` − 1, each with the same probability to 2⁻⁶⁴ `count`.
    #[inline]
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.word()) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn words_are_those_of_the_published_generator() {
        // With the state 1, 2, 3, 4 the first word is rotl(1 + 4, 23) + 1.
        let mut state = [[1; WIDTH], [2; WIDTH], [3; WIDTH], [4; WIDTH]];
        assert_eq!(next_row(&mut state), [41_943_041; WIDTH]);
        assert_eq!(next_row(&mut state), [58_720_359; WIDTH]);
        assert_eq!(next_row(&mut state), [3_588_806_011_781_223; WIDTH]);
    }

    #[test]
    fn filled_numbers_are_the_words_in_halves() {
        let new = || Words::new(&mut stream(2, Purpose::Law, 0, 0));
        let (mut one, mut many) = (new(), new());
        for count in [3, 256, 1, 700, 0] {
            let mut filled = vec![0; count];
            many.fill(&mut filled);
            for two in filled.chunks(2) {
                let word = one.word();
                let halves = [word as u32, (word >> 32) as u32];
                assert_eq!(two, &halves[..two.len()]);
            }
        }
    }

    #[test]
    fn numbers_are_uniform_and_the_same_for_every_instruction_set() {
        let new = || Words::new(&mut stream(1, Purpose::Law, 0, 0));
        let (mut words, count) = (new(), 60_000);
        let mut boxes = [0usize; 10];
        (0..count).for_each(|_| boxes[words.below(10)] += 1);
        let wanted = count as f64 / 10.0;
        let chi2: f64 = boxes
            .iter()
            .map(|b| (*b as f64 - wanted).powi(2) / wanted)
            .sum();
        assert!(chi2 < 30.0, "{chi2}");
        let mean = (0..count).map(|_| words.unit()).sum::<f64>() / count as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let first: Vec<u64> = Simd::available()
            .into_iter()
            .map(|simd| {
                let mut words = Words { simd, ..new() };
                (0..1000).fold(0, |all, _| all ^ words.word())
            })
            .collect();
        assert!(first.windows(2).all(|w| w[0] == w[1]));
    }
}
