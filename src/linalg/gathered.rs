//! Decides how rows that a list gathers from two places are multiplied by the matrices of a
//! window: y_r = b + Σ_k x_{s(r,k)} A_k.
//!
//! The sums have the order of [`Panels::multiply_windows`], so that a row has the same bits in
//! both.

use super::panels::{LANES, PanelRow, Panels};
use super::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::number::Real;

/// Sources from this number on are fresh rows.
pub const FRESH: u32 = 1 << 31;

/// Rows that stand in two places, and which of them each output row reads.
#[derive(Debug, Clone, Copy)]
pub struct GatheredRows<'a, R> {
    /// Rows of the first place.
    pub kept: &'a [R],
    /// Rows of the second place.
    pub fresh: &'a [R],
    /// Length of a row.
    pub stride: usize,
    /// s(r, k) at `r × taps + k`: the number of a kept row, or [`FRESH`] plus that of a fresh one.
    pub sources: &'a [u32],
    /// Number of taps, at least one.
    pub taps: usize,
}

impl<'a, R: Real> GatheredRows<'a, R> {
    /// The first `depth` numbers of what tap `k` of output row `r` reads.
    #[inline(always)]
    fn row(&self, r: usize, k: usize, depth: usize) -> &'a [R] {
        let source = self.sources[r * self.taps + k];
        let from = if source < FRESH {
            self.kept
        } else {
            self.fresh
        };
        &from[(source & !FRESH) as usize * self.stride..][..depth]
    }
}

impl<R: Real> Panels<R> {
    /// Writes b + Σ_k x_{s(r,k)} A_k for every output row r; rows of `out` have the length
    /// [`Panels::stride`].
    pub fn multiply_gathered(&self, simd: Simd, x: GatheredRows<R>, out: &mut [R]) {
        gathered(simd, self, x, out);
    }
}

compiled_for_each_set! {
    fn gathered<R: Real>(matrix: &Panels<R>, x: GatheredRows<R>, out: &mut [R]) = gathered_body
}

#[inline(always)]
fn gathered_body<R: Real, const SET: u8>(matrix: &Panels<R>, x: GatheredRows<R>, out: &mut [R]) {
    let width = matrix.stride();
    if width == 0 || matrix.depth == 0 || out.is_empty() {
        return;
    }
    let (depth, end) = (matrix.depth, out.len() / width);
    for (p, offset) in matrix.offset.iter().enumerate() {
        let panel = (&matrix.entries[p * depth..(p + 1) * depth], offset);
        let out = &mut out[p * LANES..];
        let mut done = 0;
        if SET == Simd::Avx512 as u8 && size_of::<R>() == 4 {
            done = tiles::<R, 16, SET>(panel, x, (done, end), width, out);
        }
        if SET == Simd::Avx512 as u8 {
            done = tiles::<R, 8, SET>(panel, x, (done, end), width, out);
        }
        if SET != Simd::Portable as u8 && size_of::<R>() == 4 {
            done = tiles::<R, 4, SET>(panel, x, (done, end), width, out);
        }
        if SET != Simd::Portable as u8 {
            done = tiles::<R, 2, SET>(panel, x, (done, end), width, out);
        }
        tiles::<R, 1, SET>(panel, x, (done, end), width, out);
    }
}

/// The products of as many whole groups of ROWS rows as there are from row `first` to `end`; the
/// first row that is left.
#[inline(always)]
fn tiles<R: Real, const ROWS: usize, const SET: u8>(
    (panel, offset): (&[PanelRow<R>], &PanelRow<R>),
    x: GatheredRows<R>,
    (mut first, end): (usize, usize),
    width: usize,
    out: &mut [R],
) -> usize {
    while first + ROWS <= end {
        let mut sums = [offset.0; ROWS];
        for (k, weights) in panel.chunks_exact(panel.len() / x.taps).enumerate() {
            let rows: [&[R]; ROWS] = std::array::from_fn(|r| x.row(first + r, k, weights.len()));
            for (i, a) in weights.iter().enumerate() {
                for r in 0..ROWS {
                    let x = rows[r][i];
                    for (sum, a) in sums[r].iter_mut().zip(a.0) {
                        *sum = multiply_add::<R, SET>(x, a, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            out[(first + r) * width..][..LANES].copy_from_slice(sums);
        }
        first += ROWS;
    }
    first
}

compiled_for_each_set! {
    /// Σ_k x_{s(r,k),c} K_{k,c} + b_c for every output row r, with as many numbers as `offset`;
    /// K is a padded row for each tap.
    pub fn mix_gathered<R: Real>(
        x: GatheredRows<R>, kernel: &[R], offset: &[R], y: &mut [R],
    ) = mix_body
}

#[inline(always)]
fn mix_body<R: Real, const SET: u8>(x: GatheredRows<R>, kernel: &[R], offset: &[R], y: &mut [R]) {
    let width = offset.len();
    for (r, y) in y.chunks_exact_mut(width.max(1)).enumerate() {
        y.copy_from_slice(offset);
        for (k, weights) in kernel.chunks_exact(width).enumerate() {
            let row = x.row(r, k, width);
            for ((y, &x), &w) in y.iter_mut().zip(row).zip(weights) {
                *y = multiply_add::<R, SET>(x, w, *y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::panels::padded;
    use crate::linalg::windowed::Taps;
    use crate::rng::{Purpose, RngExt, stream};

    fn numbers<R: Real>(count: usize, seed: u64) -> Vec<R> {
        let mut rng = stream(seed, Purpose::Law, 0, 0);
        (0..count)
            .map(|_| R::from_f64(2.0 * rng.random::<f64>() - 1.0))
            .collect()
    }

    /// Rows of seven positions, some of them fresh, against the product of all rows.
    fn compare<R: Real>(simd: Simd, channels: usize, width: usize) {
        let table: Vec<u32> = (0..3)
            .flat_map(|k| (0..7).map(move |r| (r + k + 6) % 7))
            .collect();
        let mut matrix = Panels::zeros(3 * channels, width);
        for (at, w) in numbers(3 * channels * width, 2).into_iter().enumerate() {
            matrix.set(at / width, at % width, w);
        }
        let stride = padded(channels);
        let (old, new) = (numbers::<R>(14 * stride, 1), numbers::<R>(14 * stride, 3));
        // Of the second walker rows 2 and 5 are fresh.
        let mut whole = old[7 * stride..].to_vec();
        for row in [2, 5] {
            let own = row * stride..(row + 1) * stride;
            whole[own.clone()].copy_from_slice(&new[own]);
        }
        let taps = Taps {
            positions: 7,
            table: &table,
        };
        let mut expected = vec![R::default(); 7 * padded(width)];
        matrix.multiply_windows(simd, taps, &whole, stride, &mut expected);
        let source = |row: u32| {
            if row == 2 || row == 5 {
                FRESH + row
            } else {
                7 + row
            }
        };
        let of = |r: usize| (0..3).map(move |k| (k, r));
        let sources: Vec<u32> = (0..7)
            .flat_map(of)
            .map(|(k, r)| source(table[7 * k + r]))
            .collect();
        let x = GatheredRows {
            kept: &old,
            fresh: &new,
            stride,
            sources: &sources,
            taps: 3,
        };
        let mut found = vec![R::default(); 7 * padded(width)];
        matrix.multiply_gathered(simd, x, &mut found);
        assert!(found == expected, "{simd:?} {channels} {width}");
    }

    #[test]
    fn gathered_rows_have_the_bits_of_whole_walkers() {
        for simd in Simd::available() {
            for (channels, width) in [(1, 1), (12, 12), (5, 33)] {
                compare::<f64>(simd, channels, width);
                compare::<f32>(simd, channels, width);
            }
        }
    }
}
