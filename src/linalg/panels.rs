//! Decides how rows are multiplied by a fixed matrix so that a row's result has the same bits in
//! every batch.
//!
//! y_j = b_j + Σ_k x_k A_kj, summed in the order of k for every j, whatever stands in the other
//! rows and however many there are. Library routines do not promise this: OpenBLAS 0.3.21 rounds a
//! row differently with the number of rows on all of its x86-64 kernels. A is packed once, in
//! panels of sixteen columns, and used for many batches.

use super::simd::{Simd, fused};
use crate::number::Real;

/// Columns of a panel.
pub const LANES: usize = 16;

/// Columns of a panel that is half empty.
pub const HALF: usize = 8;

/// Sixteen neighbouring columns of a row.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct PanelRow<R>(pub(super) [R; LANES]);

/// A matrix A and an offset b, packed, in single or double precision.
#[derive(Debug, Clone)]
pub struct Panels<R = f64> {
    pub(super) depth: usize,
    width: usize,
    /// Row k of panel p at `p × depth + k`; columns beyond the width are zero.
    pub(super) entries: Vec<PanelRow<R>>,
    /// b, one entry per panel.
    pub(super) offset: Vec<PanelRow<R>>,
}

/// Length of a row of `width` numbers that is padded to whole panels.
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl<R: Real> Panels<R> {
    /// A matrix of zeros with `depth` rows and `width` columns.
    pub fn zeros(depth: usize, width: usize) -> Self {
        let panels = width.div_ceil(LANES);
        let zero = PanelRow([R::default(); LANES]);
        Panels {
            depth,
            width,
            entries: vec![zero; panels * depth],
            offset: vec![zero; panels],
        }
    }
    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }
    /// Length of the rows of a product.
    pub fn stride(&self) -> usize {
        padded(self.width)
    }
    /// Replaces A_kj.
    pub fn set(&mut self, k: usize, j: usize, value: R) {
        self.entries[j / LANES * self.depth + k].0[j % LANES] = value;
    }
    /// A_kj
    pub fn get(&self, k: usize, j: usize) -> R {
        self.entries[j / LANES * self.depth + k].0[j % LANES]
    }
    /// Replaces A by the numbers of `from` that `places` names, row by row.
    pub fn gather(&mut self, from: &[R], places: &[u32]) {
        for (k, row) in places.chunks_exact(self.width).enumerate() {
            for (panel, places) in row.chunks(LANES).enumerate() {
                let lanes = &mut self.entries[panel * self.depth + k].0;
                lanes
                    .iter_mut()
                    .zip(places)
                    .for_each(|(entry, &place)| *entry = from[place as usize]);
            }
        }
    }
    /// Replaces b_j.
    pub fn set_offset(&mut self, j: usize, value: R) {
        self.offset[j / LANES].0[j % LANES] = value;
    }
    /// Writes b + x A for every row x, of which the first `depth` of `stride` numbers count; rows
    /// of `out` have the length [`Panels::stride`].
    pub fn multiply(&self, simd: Simd, xs: &[R], stride: usize, out: &mut [R]) {
        multiply(simd, self, xs, stride, out, self.stride());
    }
    /// The same with rows of `out` that have `width` numbers, of which [`Panels::stride`] are
    /// written; the last row may end with those.
    pub fn multiply_among(
        &self,
        simd: Simd,
        (xs, stride): (&[R], usize),
        (out, width): (&mut [R], usize),
    ) {
        multiply(simd, self, xs, stride, out, width);
    }
}

super::simd::compiled_for_each_set! {
    fn multiply<R: Real>(
        matrix: &Panels<R>, xs: &[R], stride: usize, out: &mut [R], width: usize,
    ) = rows
}

#[inline(always)]
fn rows<R: Real, const SET: u8>(
    matrix: &Panels<R>,
    xs: &[R],
    stride: usize,
    out: &mut [R],
    width: usize,
) {
    if width == 0 || out.is_empty() {
        return;
    }
    for (p, offset) in matrix.offset.iter().enumerate() {
        let panel = (
            &matrix.entries[p * matrix.depth..(p + 1) * matrix.depth],
            offset,
        );
        // The last panel may have few columns.
        let left = matrix.width - p * LANES;
        match left > HALF {
            true => columns::<R, LANES, SET>(panel, xs, stride, &mut out[p * LANES..], width),
            false => columns::<R, HALF, SET>(panel, xs, stride, &mut out[p * LANES..], width),
        }
    }
}

/// The products of all rows with the first COLUMNS columns of a panel; `out` begins at its place in
/// the first row.
#[inline(always)]
fn columns<R: Real, const COLUMNS: usize, const SET: u8>(
    panel: (&[PanelRow<R>], &PanelRow<R>),
    xs: &[R],
    stride: usize,
    out: &mut [R],
    width: usize,
) {
    let end = out.len().div_ceil(width);
    let mut done = 0;
    let rows = (xs, stride);
    // Sums stay in registers, of which there are 32 or 16, and are so many that none waits for
    // its last addition. In single precision a register holds twice as many numbers.
    if SET == Simd::Avx512 as u8 {
        done = tiles::<R, 8, COLUMNS, SET>(panel, rows, (done, end), width, out);
    }
    if fused(SET) && size_of::<R>() == 4 {
        done = tiles::<R, 4, COLUMNS, SET>(panel, rows, (done, end), width, out);
    }
    if fused(SET) {
        done = tiles::<R, 2, COLUMNS, SET>(panel, rows, (done, end), width, out);
    }
    tiles::<R, 1, COLUMNS, SET>(panel, rows, (done, end), width, out);
}

/// The products of as many whole groups of ROWS rows as there are from row `first` to `end`; the
/// first row that is left. Every sum stays in a register.
#[inline(always)]
fn tiles<R: Real, const ROWS: usize, const COLUMNS: usize, const SET: u8>(
    (panel, offset): (&[PanelRow<R>], &PanelRow<R>),
    (xs, stride): (&[R], usize),
    (mut first, end): (usize, usize),
    width: usize,
    out: &mut [R],
) -> usize {
    while first + ROWS <= end {
        let mut sums: [[R; COLUMNS]; ROWS] = [std::array::from_fn(|c| offset.0[c]); ROWS];
        let xs = &xs[first * stride..];
        let rows: [&[R]; ROWS] = std::array::from_fn(|r| &xs[r * stride..][..panel.len()]);
        for (k, a) in panel.iter().enumerate() {
            for r in 0..ROWS {
                let x = rows[r][k];
                for (sum, a) in sums[r].iter_mut().zip(a.0) {
                    *sum = if fused(SET) {
                        x.mul_add(a, *sum)
                    } else {
                        *sum + x * a
                    };
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut out[(first + r) * width..][..LANES];
            out[..COLUMNS].copy_from_slice(sums);
            out[COLUMNS..].fill(R::default());
        }
        first += ROWS;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// A random matrix, and the same with its offset as one table.
    fn example<R: Real>(depth: usize, width: usize) -> (Panels<R>, Vec<R>) {
        let mut rng = stream(1, Purpose::Law, depth as u64, width as u64);
        let mut matrix = Panels::zeros(depth, width);
        let mut dense = vec![R::default(); (depth + 1) * width];
        for (at, value) in dense.iter_mut().enumerate() {
            *value = R::from_f64(2.0 * rng.random::<f64>() - 1.0);
            let (k, j) = (at / width, at % width);
            if k < depth {
                matrix.set(k, j, *value)
            } else {
                matrix.set_offset(j, *value)
            }
        }
        (matrix, dense)
    }

    fn inputs<R: Real>(rows: usize, stride: usize) -> Vec<R> {
        let mut rng = stream(2, Purpose::Law, 0, 0);
        (0..rows * stride)
            .map(|_| R::from_f64(2.0 * rng.random::<f64>() - 1.0))
            .collect()
    }

    /// The largest error of an entry in units of the precision and of the number of terms.
    fn error<R: Real>(simd: Simd, depth: usize, width: usize, rows: usize) -> f64 {
        let (matrix, dense) = example::<R>(depth, width);
        let stride = depth + 3;
        let xs = inputs(rows, stride);
        let mut out = vec![R::from_f64(f64::NAN); rows * padded(width)];
        matrix.multiply(simd, &xs, stride, &mut out);
        let mut largest: f64 = 0.0;
        for (x, y) in xs.chunks_exact(stride).zip(out.chunks_exact(padded(width))) {
            for j in 0..width {
                let term = |k: usize| x[k].to_f64() * dense[k * width + j].to_f64();
                let expected =
                    (0..depth).map(term).sum::<f64>() + dense[depth * width + j].to_f64();
                let scale = R::EPSILON * (1 + depth) as f64;
                let off = (y[j].to_f64() - expected).abs() / scale;
                assert!(!off.is_nan());
                largest = largest.max(off);
            }
            assert!(y[width..].iter().all(|&y| y == R::default()));
        }
        largest
    }

    #[test]
    fn products_agree_with_the_definition() {
        for simd in Simd::available() {
            for (depth, width, rows) in [
                (1, 1, 1),
                (3, 17, 11),
                (40, 32, 16),
                (7, 16, 0),
                (7, 33, 0),
                (0, 5, 3),
                (300, 33, 19),
            ] {
                let double = error::<f64>(simd, depth, width, rows);
                let single = error::<f32>(simd, depth, width, rows);
                assert!(double < 2.0, "{simd:?} {depth} {width}: {double}");
                assert!(single < 2.0, "{simd:?} {depth} {width}: {single}");
            }
        }
    }

    /// Every part of a batch of 45 rows gives the rows of the whole.
    fn compare_batches<R: Real>(simd: Simd, depth: usize, width: usize) {
        let (matrix, _) = example::<R>(depth, width);
        let (xs, stride) = (inputs(45, depth), padded(width));
        let mut all = vec![R::default(); 45 * stride];
        matrix.multiply(simd, &xs, depth, &mut all);
        for rows in 1..=45 {
            for first in [0, 1, (45 - rows) / 2, 45 - rows]
                .into_iter()
                .filter(|f| f + rows <= 45)
            {
                let mut part = vec![R::default(); rows * stride];
                let own = &xs[first * depth..(first + rows) * depth];
                matrix.multiply(simd, own, depth, &mut part);
                assert_eq!(
                    part,
                    all[first * stride..(first + rows) * stride],
                    "{simd:?} {depth} {width} {rows}"
                );
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_every_batch() {
        for simd in Simd::available() {
            for (depth, width) in [(16, 16), (200, 100), (1000, 1), (500, 7)] {
                compare_batches::<f64>(simd, depth, width);
                compare_batches::<f32>(simd, depth, width);
            }
        }
    }
}
