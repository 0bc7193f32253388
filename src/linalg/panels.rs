//! Decides how rows are multiplied by a fixed matrix so that a row's result has the same bits in
//! every batch.
//!
//! y_j = b_j + Σ_k x_k A_kj, summed in the order of k for every j, whatever stands in the other
//! rows and however many there are. Library routines do not promise this: OpenBLAS 0.3.21 rounds a
//! row differently with the number of rows on all of its x86-64 kernels. A is packed once, in
//! panels of sixteen columns, and used for many batches.

use super::simd::{Simd, fused};

/// Columns of a panel.
pub const LANES: usize = 16;

/// Sixteen neighbouring columns of a row.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct PanelRow([f64; LANES]);

/// A matrix A and an offset b, packed.
#[derive(Debug, Clone)]
pub struct Panels {
    depth: usize,
    width: usize,
    /// Row k of panel p at `p × depth + k`; columns beyond the width are zero.
    entries: Vec<PanelRow>,
    /// b, one entry per panel.
    offset: Vec<PanelRow>,
}

/// Length of a row of `width` numbers that is padded to whole panels.
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Panels {
    /// A matrix of zeros with `depth` rows and `width` columns.
    pub fn zeros(depth: usize, width: usize) -> Self {
        let panels = width.div_ceil(LANES);
        let zero = PanelRow([0.0; LANES]);
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
    pub fn set(&mut self, k: usize, j: usize, value: f64) {
        self.entries[j / LANES * self.depth + k].0[j % LANES] = value;
    }
    /// A_kj
    pub fn get(&self, k: usize, j: usize) -> f64 {
        self.entries[j / LANES * self.depth + k].0[j % LANES]
    }
    /// Replaces A by the numbers of `from` that `places` names, row by row.
    pub fn gather(&mut self, from: &[f64], places: &[u32]) {
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
    pub fn set_offset(&mut self, j: usize, value: f64) {
        self.offset[j / LANES].0[j % LANES] = value;
    }
    /// Writes b + x A for every row x, of which the first `depth` of `stride` numbers count; rows
    /// of `out` have the length [`Panels::stride`].
    pub fn multiply(&self, simd: Simd, xs: &[f64], stride: usize, out: &mut [f64]) {
        multiply(simd, self, xs, stride, out);
    }
}

super::simd::compiled_for_each_set! {
    fn multiply(matrix: &Panels, xs: &[f64], stride: usize, out: &mut [f64]) = rows
}

#[inline(always)]
fn rows<const SET: u8>(matrix: &Panels, xs: &[f64], stride: usize, out: &mut [f64]) {
    let width = padded(matrix.width);
    if width == 0 {
        return;
    }
    let count = out.len() / width;
    for (p, offset) in matrix.offset.iter().enumerate() {
        let panel = &matrix.entries[p * matrix.depth..(p + 1) * matrix.depth];
        let out = &mut out[p * LANES..];
        let mut done = 0;
        // As many sums as there are registers: 32 of eight numbers, 16 of four, 16 of two.
        while SET == Simd::Avx512 as u8 && done + 8 <= count {
            tile::<8, SET>(
                panel,
                offset,
                &xs[done * stride..],
                stride,
                &mut out[done * width..],
                width,
            );
            done += 8;
        }
        while fused(SET) && done + 2 <= count {
            tile::<2, SET>(
                panel,
                offset,
                &xs[done * stride..],
                stride,
                &mut out[done * width..],
                width,
            );
            done += 2;
        }
        while done < count {
            tile::<1, SET>(
                panel,
                offset,
                &xs[done * stride..],
                stride,
                &mut out[done * width..],
                width,
            );
            done += 1;
        }
    }
}

/// The product of ROWS rows with one panel; every sum stays in a register.
#[inline(always)]
fn tile<const ROWS: usize, const SET: u8>(
    panel: &[PanelRow],
    offset: &PanelRow,
    xs: &[f64],
    stride: usize,
    out: &mut [f64],
    width: usize,
) {
    let mut sums = [offset.0; ROWS];
    let rows: [&[f64]; ROWS] = std::array::from_fn(|r| &xs[r * stride..][..panel.len()]);
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
        out[r * width..][..LANES].copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn example(depth: usize, width: usize) -> (Panels, Vec<f64>) {
        let mut rng = stream(1, Purpose::Law, depth as u64, width as u64);
        let mut matrix = Panels::zeros(depth, width);
        let mut dense = vec![0.0; (depth + 1) * width];
        for (at, value) in dense.iter_mut().enumerate() {
            *value = 2.0 * rng.random::<f64>() - 1.0;
            let (k, j) = (at / width, at % width);
            if k < depth {
                matrix.set(k, j, *value)
            } else {
                matrix.set_offset(j, *value)
            }
        }
        (matrix, dense)
    }

    fn inputs(rows: usize, stride: usize) -> Vec<f64> {
        let mut rng = stream(2, Purpose::Law, 0, 0);
        (0..rows * stride)
            .map(|_| 2.0 * rng.random::<f64>() - 1.0)
            .collect()
    }

    #[test]
    fn products_agree_with_the_definition() {
        for simd in Simd::available() {
            for (depth, width, rows) in [
                (1, 1, 1),
                (3, 17, 11),
                (40, 32, 16),
                (7, 16, 0),
                (0, 5, 3),
                (300, 33, 19),
            ] {
                let (matrix, dense) = example(depth, width);
                let stride = depth + 3;
                let xs = inputs(rows, stride);
                let mut out = vec![f64::NAN; rows * padded(width)];
                matrix.multiply(simd, &xs, stride, &mut out);
                for (x, y) in xs.chunks_exact(stride).zip(out.chunks_exact(padded(width))) {
                    for j in 0..width {
                        let sum: f64 = (0..depth).map(|k| x[k] * dense[k * width + j]).sum();
                        let expected = sum + dense[depth * width + j];
                        assert!(
                            (y[j] - expected).abs() < 1e-13 * (1 + depth) as f64,
                            "{simd:?} {depth} {width}"
                        );
                    }
                    assert!(y[width..].iter().all(|&y| y == 0.0));
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_every_batch() {
        for simd in Simd::available() {
            for (depth, width) in [(16, 16), (200, 100), (1000, 1), (500, 7)] {
                let (matrix, _) = example(depth, width);
                let (xs, stride) = (inputs(45, depth), padded(width));
                let mut all = vec![0.0; 45 * stride];
                matrix.multiply(simd, &xs, depth, &mut all);
                for rows in 1..=45 {
                    for first in [0, 1, (45 - rows) / 2, 45 - rows]
                        .into_iter()
                        .filter(|f| f + rows <= 45)
                    {
                        let mut part = vec![0.0; rows * stride];
                        matrix.multiply(
                            simd,
                            &xs[first * depth..(first + rows) * depth],
                            depth,
                            &mut part,
                        );
                        assert_eq!(
                            part,
                            all[first * stride..(first + rows) * stride],
                            "{simd:?} {depth} {width} {rows}"
                        );
                    }
                }
            }
        }
    }
}
