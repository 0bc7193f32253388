//! Decides how rows that a table gathers are multiplied by fixed matrices, one for each tap of a
//! window, so that a row's result has the same bits in every batch.
//!
//! y_r = b + Σ_k x_{t(r,k)} A_k and, for the derivatives with respect to the matrices, G_k = Σ_r
//! x_{t(r,k)}^T d_r. The table t holds positions within a walker; a walker's rows stand one behind
//! the other, walker after walker. The matrices stand one below the other in [`Panels`]. No window
//! is ever copied: an entry of x is read where it stands and multiplied with sixteen columns.

use super::panels::{LANES, PanelRow, Panels, padded};
use super::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::number::Real;

/// Which rows a window reads: row t(r, k) of the same walker for tap k of position r.
#[derive(Debug, Clone, Copy)]
pub struct Taps<'a> {
    /// Positions of a walker, at least one.
    pub positions: usize,
    /// t(r, k) at `k × positions + r`.
    pub table: &'a [u32],
}

impl Taps<'_> {
    /// Number of taps.
    pub fn count(&self) -> usize {
        self.table.len() / self.positions
    }
}

impl<R: Real> Panels<R> {
    /// Writes b + Σ_k x_{t(r,k)} A_k for every row r of whole walkers; of the `stride` numbers of
    /// a row x as many count as the matrix has rows for each tap. Rows of `out` have the length
    /// [`Panels::stride`].
    pub fn multiply_windows(&self, simd: Simd, taps: Taps, xs: &[R], stride: usize, out: &mut [R]) {
        windows(simd, self, taps, xs, stride, out);
    }
}

compiled_for_each_set! {
    fn windows<R: Real>(
        matrix: &Panels<R>, taps: Taps, xs: &[R], stride: usize, out: &mut [R],
    ) = windows_body
}

/// Rows of one walker, `stride` numbers each of which `channels` count.
#[derive(Debug, Clone, Copy)]
pub struct WindowInput<'a, R> {
    /// All numbers.
    pub numbers: &'a [R],
    /// Length of a row.
    pub stride: usize,
    /// Numbers of a row that count.
    pub channels: usize,
}

compiled_for_each_set! {
    /// Writes G_k of one walker, tap by tap and row by row; rows of `deltas` and of G_k are padded
    /// from `width` numbers.
    pub fn window_gradient<R: Real>(
        taps: Taps, x: WindowInput<R>, deltas: &[R], width: usize, out: &mut [R],
    ) = gradient_body
}

#[inline(always)]
fn windows_body<R: Real, const SET: u8>(
    matrix: &Panels<R>,
    taps: Taps,
    xs: &[R],
    stride: usize,
    out: &mut [R],
) {
    let (width, count) = (matrix.stride(), taps.count());
    if width == 0 || count == 0 || matrix.depth == 0 || out.is_empty() {
        return;
    }
    let depth = matrix.depth;
    for (p, offset) in matrix.offset.iter().enumerate() {
        let panel = &matrix.entries[p * depth..(p + 1) * depth];
        let rows = WindowRows {
            panel,
            offset,
            taps,
            depth: depth / count,
            xs,
            stride,
            width,
        };
        let (mut done, end) = (0, out.len() / width);
        let out = &mut out[p * LANES..];
        // As for plain rows: as many sums as there are registers for.
        if SET == Simd::Avx512 as u8 && size_of::<R>() == 4 {
            done = rows.tiles::<16, SET>(done, end, out);
        }
        if SET == Simd::Avx512 as u8 {
            done = rows.tiles::<8, SET>(done, end, out);
        }
        if SET != Simd::Portable as u8 && size_of::<R>() == 4 {
            done = rows.tiles::<4, SET>(done, end, out);
        }
        if SET != Simd::Portable as u8 {
            done = rows.tiles::<2, SET>(done, end, out);
        }
        rows.tiles::<1, SET>(done, end, out);
    }
}

/// What the product with one panel reads.
struct WindowRows<'a, R> {
    panel: &'a [PanelRow<R>],
    offset: &'a PanelRow<R>,
    taps: Taps<'a>,
    depth: usize,
    xs: &'a [R],
    stride: usize,
    width: usize,
}

impl<R: Real> WindowRows<'_, R> {
    /// The products of as many whole groups of ROWS rows as there are from row `first` to `end`;
    /// the first row that is left.
    #[inline(always)]
    fn tiles<const ROWS: usize, const SET: u8>(
        &self,
        mut first: usize,
        end: usize,
        out: &mut [R],
    ) -> usize {
        while first + ROWS <= end {
            self.tile::<ROWS, SET>(first, &mut out[first * self.width..]);
            first += ROWS;
        }
        first
    }

    /// Where the walker of each of ROWS rows begins, and the position in it.
    #[inline(always)]
    fn places<const ROWS: usize>(&self, first: usize) -> [(usize, usize); ROWS] {
        let positions = self.taps.positions;
        let (mut start, mut at) = (first / positions * positions, first % positions);
        std::array::from_fn(|_| {
            let place = (start, at);
            at += 1;
            if at == positions {
                (start, at) = (start + positions, 0);
            }
            place
        })
    }

    /// The product of ROWS rows; every sum stays in a register.
    #[inline(always)]
    fn tile<const ROWS: usize, const SET: u8>(&self, first: usize, out: &mut [R]) {
        let mut sums = [self.offset.0; ROWS];
        let places = self.places::<ROWS>(first);
        let tables = self.taps.table.chunks_exact(self.taps.positions);
        for (table, weights) in tables.zip(self.panel.chunks_exact(self.depth)) {
            let rows: [&[R]; ROWS] = std::array::from_fn(|r| {
                let (start, at) = places[r];
                let row = start + table[at] as usize;
                &self.xs[row * self.stride..][..weights.len()]
            });
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
            out[r * self.width..][..LANES].copy_from_slice(sums);
        }
    }
}

#[inline(always)]
fn gradient_body<R: Real, const SET: u8>(
    taps: Taps,
    x: WindowInput<R>,
    deltas: &[R],
    width: usize,
    out: &mut [R],
) {
    let channels = x.channels;
    let sums = GradientSums {
        x: x.numbers,
        stride: x.stride,
        deltas,
        width,
    };
    let tables = taps.table.chunks_exact(taps.positions);
    for (table, out) in tables.zip(out.chunks_exact_mut((channels * padded(width)).max(1))) {
        for column in (0..width).step_by(LANES) {
            let mut done = 0;
            if SET == Simd::Avx512 as u8 {
                done = sums.tiles::<8, SET>(table, (done, channels), column, out);
            }
            if SET != Simd::Portable as u8 {
                done = sums.tiles::<4, SET>(table, (done, channels), column, out);
            }
            sums.tiles::<1, SET>(table, (done, channels), column, out);
        }
    }
}

/// What the derivatives with respect to one matrix read.
struct GradientSums<'a, R> {
    x: &'a [R],
    stride: usize,
    deltas: &'a [R],
    width: usize,
}

impl<R: Real> GradientSums<'_, R> {
    /// Sixteen columns from `column` on of whole groups of ROWS rows of G between `first` and
    /// `end`; the first row that is left.
    #[inline(always)]
    fn tiles<const ROWS: usize, const SET: u8>(
        &self,
        table: &[u32],
        (mut first, end): (usize, usize),
        column: usize,
        out: &mut [R],
    ) -> usize {
        let padded = padded(self.width);
        while first + ROWS <= end {
            let mut sums = [[R::default(); LANES]; ROWS];
            let length = self.x.len() - (first + ROWS - 1);
            let columns: [&[R]; ROWS] = std::array::from_fn(|r| &self.x[first + r..][..length]);
            for (row, &from) in table.iter().enumerate() {
                let at = from as usize * self.stride;
                let delta = &self.deltas[row * padded + column..][..LANES];
                let delta: [R; LANES] = std::array::from_fn(|l| delta[l]);
                for r in 0..ROWS {
                    let x = columns[r][at];
                    for (sum, d) in sums[r].iter_mut().zip(delta) {
                        *sum = multiply_add::<R, SET>(x, d, *sum);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                out[(first + r) * padded + column..][..LANES].copy_from_slice(sums);
            }
            first += ROWS;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn numbers<R: Real>(count: usize, seed: u64) -> Vec<R> {
        let mut rng = stream(seed, Purpose::Law, 0, 0);
        (0..count)
            .map(|_| R::from_f64(2.0 * rng.random::<f64>() - 1.0))
            .collect()
    }

    /// Five positions, three taps; walkers × positions rows of `stride` numbers.
    const TABLE: [u32; 15] = [4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3, 4, 0];
    const TAPS: Taps = Taps {
        positions: 5,
        table: &TABLE,
    };

    fn compare<R: Real>(simd: Simd, channels: usize, width: usize, walkers: usize) {
        let stride = channels + 1;
        let (xs, weights) = (
            numbers::<R>(5 * walkers * stride, 1),
            numbers::<R>(3 * channels * width, 2),
        );
        let mut matrix = Panels::zeros(3 * channels, width);
        for (at, &w) in weights.iter().enumerate() {
            matrix.set(at / width, at % width, w);
        }
        let bias = numbers::<R>(width, 3);
        (0..width).for_each(|j| matrix.set_offset(j, bias[j]));
        let mut out = vec![R::from_f64(f64::NAN); 5 * walkers * padded(width)];
        matrix.multiply_windows(simd, TAPS, &xs, stride, &mut out);
        let x = |w: usize, r: usize, i: usize| xs[(5 * w + r) * stride + i].to_f64();
        let close = |found: R, exact: f64| {
            let error = (found.to_f64() - exact).abs() / R::EPSILON;
            assert!(error < 40.0, "{simd:?} {channels} {width}: {error}");
        };
        for (row, out) in out.chunks_exact(padded(width)).enumerate() {
            for j in 0..width {
                let mut sum = bias[j].to_f64();
                for k in 0..3 {
                    let from = TABLE[5 * k + row % 5] as usize;
                    let term = |i: usize| {
                        x(row / 5, from, i) * weights[(k * channels + i) * width + j].to_f64()
                    };
                    sum += (0..channels).map(term).sum::<f64>();
                }
                close(out[j], sum);
            }
            assert!(out[width..].iter().all(|&y| y == R::default()));
        }
        let deltas = numbers::<R>(5 * padded(width), 4);
        let mut gradient = vec![R::from_f64(f64::NAN); 3 * channels * padded(width)];
        let first = &xs[..5 * stride];
        window_gradient(
            simd,
            TAPS,
            WindowInput {
                numbers: first,
                stride,
                channels,
            },
            &deltas,
            width,
            &mut gradient,
        );
        for (at, &g) in gradient.iter().enumerate() {
            let (row, j) = (at / padded(width), at % padded(width));
            let (k, i) = (row / channels, row % channels);
            if j >= width {
                continue;
            }
            let term = |r: usize| {
                x(0, TABLE[5 * k + r] as usize, i) * deltas[r * padded(width) + j].to_f64()
            };
            close(g, (0..5).map(term).sum());
        }
    }

    #[test]
    fn products_and_gradients_agree_with_the_definition() {
        for simd in Simd::available() {
            for (channels, width, walkers) in [(1, 1, 1), (13, 17, 5), (4, 33, 7), (8, 16, 2)] {
                compare::<f64>(simd, channels, width, walkers);
                compare::<f32>(simd, channels, width, walkers);
            }
        }
    }

    #[test]
    fn a_walker_has_the_same_bits_in_every_batch() {
        for simd in Simd::available() {
            let (channels, width) = (12, 20);
            let xs = numbers::<f32>(5 * 11 * channels, 1);
            let mut matrix = Panels::zeros(3 * channels, width);
            for (at, w) in numbers(3 * channels * width, 2).into_iter().enumerate() {
                matrix.set(at / width, at % width, w);
            }
            let size = 5 * padded(width);
            let mut all = vec![0.0; 11 * size];
            matrix.multiply_windows(simd, TAPS, &xs, channels, &mut all);
            for (first, count) in [(0, 1), (3, 1), (2, 4), (10, 1)] {
                let mut part = vec![0.0; count * size];
                let own = &xs[5 * first * channels..5 * (first + count) * channels];
                matrix.multiply_windows(simd, TAPS, own, channels, &mut part);
                assert_eq!(part, all[first * size..(first + count) * size], "{simd:?}");
            }
        }
    }
}
