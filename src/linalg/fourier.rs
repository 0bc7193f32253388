//! Decides how rows of numbers on a periodic grid become frequencies, and back.
//!
//! X_k = c Σ_r exp(−2πi Σ_a k_a r_a/L_a) x_r for real rows x, direction after direction. Of k and
//! −k one is kept: real and imaginary part as two rows, or one row where k = −k. With c = N^{−1/2},
//! times 2^{1/2} where there are two rows, the rows are an orthogonal transform of those of the
//! grid: the way back is the transpose. A product for each length costs 4 N Σ_a L_a multiply-adds
//! at most; lengths of lattices are too short for a fast transform to do it in fewer registers.

use super::panels::LANES;
use super::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::number::Real;
use std::f64::consts::TAU;

/// The transform of one grid.
#[derive(Debug, Clone)]
pub struct FourierGrid<R> {
    positions: usize,
    stages: Vec<Vec<FourierBlock<R>>>,
    /// Of every frequency, whether it has an imaginary part.
    complex: Vec<bool>,
}

/// Rows that are made of as many others: y_{to(j)} = Σ_m A_jm x_{from(m)}.
#[derive(Debug, Clone)]
struct FourierBlock<R> {
    /// A, and its transpose for the way back; row-major.
    matrices: [Vec<R>; 2],
    from: Vec<u32>,
    to: Vec<u32>,
}

/// Rows of one frequency, or of one kind of position, on the way: `parts` rows for each of the
/// cells that are left.
struct Partial {
    parts: usize,
    rows: Vec<u32>,
}

impl<R: Real> FourierGrid<R> {
    /// Of a grid of these lengths, the first direction fastest.
    pub fn new(lengths: &[usize]) -> Self {
        let positions = lengths.iter().product();
        let mut grid = FourierGrid {
            positions,
            stages: Vec::new(),
            complex: Vec::new(),
        };
        let mut all = vec![Partial {
            parts: 1,
            rows: (0..positions as u32).collect(),
        }];
        for &length in lengths.iter().filter(|&&length| length > 1) {
            all = grid.add_direction(length, all);
        }
        grid.complex = all.iter().map(|class| class.parts == 2).collect();
        grid
    }

    /// Adds the transform of the first direction that is left.
    fn add_direction(&mut self, length: usize, all: Vec<Partial>) -> Vec<Partial> {
        let (mut blocks, mut next, mut row) = (Vec::new(), Vec::new(), 0);
        for class in all {
            let parts = class.parts;
            let (matrix, kinds) = match parts {
                1 => real_matrix(length),
                _ => complex_matrix(length),
            };
            let cells = class.rows.len() / (parts * length);
            let start: Vec<u32> = (kinds.iter())
                .scan(row, |at, &parts| {
                    let first = *at;
                    *at += (parts * cells) as u32;
                    Some(first)
                })
                .collect();
            for cell in 0..cells {
                let of =
                    |m: usize| class.rows[m % length * parts + m / length + cell * parts * length];
                let to = (kinds.iter().zip(&start)).flat_map(|(&parts, &first)| {
                    let first = first + (cell * parts) as u32;
                    first..first + parts as u32
                });
                blocks.push(FourierBlock::new(
                    &matrix,
                    (0..parts * length).map(of).collect(),
                    to.collect(),
                ));
            }
            for (&parts, &first) in kinds.iter().zip(&start) {
                let rows = (first..first + (parts * cells) as u32).collect();
                next.push(Partial { parts, rows });
            }
            row += (parts * cells * length) as u32;
        }
        self.stages.push(blocks);
        next
    }

    /// Number of rows, on the grid as well as of all frequencies.
    pub fn positions(&self) -> usize {
        self.positions
    }
    /// Of every frequency the first row, and whether a second one is its imaginary part. The first
    /// frequency is zero.
    pub fn frequencies(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.complex.iter().scan(0, |row, &complex| {
            let first = *row;
            *row += if complex { 2 } else { 1 };
            Some((first, complex))
        })
    }
    /// Multiply-adds of one channel.
    pub fn operations(&self) -> f64 {
        let of = |block: &FourierBlock<R>| (block.from.len() * block.to.len()) as f64;
        self.stages.iter().flatten().map(of).sum()
    }

    /// Writes the rows of all frequencies of every walker, from its rows of the grid; rows have
    /// `stride` numbers, whole vectors, and `room` has place for those of a walker.
    pub fn forward(&self, simd: Simd, stride: usize, x: &[R], y: &mut [R], room: &mut [R]) {
        self.run(
            simd,
            self.stages.iter().map(|s| (s, false)),
            (x, y, room),
            stride,
        );
    }
    /// Writes the rows of the grid, from those of all frequencies.
    pub fn back(&self, simd: Simd, stride: usize, x: &[R], y: &mut [R], room: &mut [R]) {
        self.run(
            simd,
            self.stages.iter().rev().map(|s| (s, true)),
            (x, y, room),
            stride,
        );
    }

    fn run<'a>(
        &self,
        simd: Simd,
        stages: impl ExactSizeIterator<Item = (&'a Vec<FourierBlock<R>>, bool)> + Clone,
        (x, y, room): (&[R], &mut [R], &mut [R]),
        stride: usize,
    ) where
        R: 'a,
    {
        let size = self.positions * stride;
        for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)) {
            // The last of the stages writes to y.
            let (mut to, mut other) = match stages.len() % 2 {
                1 => (y, &mut room[..size]),
                _ => (&mut room[..size], y),
            };
            let mut rest = stages.clone();
            match rest.next() {
                Some((stage, back)) => transform(simd, stage, back, (x, stride), to),
                None => other.copy_from_slice(x),
            }
            for (stage, back) in rest {
                std::mem::swap(&mut to, &mut other);
                transform(simd, stage, back, (other, stride), to);
            }
        }
    }
}

impl<R: Real> FourierBlock<R> {
    fn new(matrix: &[f64], from: Vec<u32>, to: Vec<u32>) -> Self {
        let n = from.len();
        let turned = (0..n * n).map(|at| R::from_f64(matrix[at % n * n + at / n]));
        FourierBlock {
            matrices: [
                matrix.iter().map(|&a| R::from_f64(a)).collect(),
                turned.collect(),
            ],
            from,
            to,
        }
    }
}

/// The transform of real numbers, and whether each frequency has one row or two.
fn real_matrix(length: usize) -> (Vec<f64>, Vec<usize>) {
    let (mut matrix, mut kinds) = (Vec::new(), Vec::new());
    for k in 0..=length / 2 {
        let own = k == 0 || 2 * k == length;
        kinds.push(if own { 1 } else { 2 });
        let size = (if own { 1.0 } else { 2.0 } / length as f64).sqrt();
        matrix.extend((0..length).map(|x| size * angle(k, x, length).cos()));
        if !own {
            matrix.extend((0..length).map(|x| -size * angle(k, x, length).sin()));
        }
    }
    (matrix, kinds)
}

/// The same of complex numbers, all real parts before all imaginary ones.
fn complex_matrix(length: usize) -> (Vec<f64>, Vec<usize>) {
    let (mut matrix, size) = (Vec::new(), (1.0 / length as f64).sqrt());
    for k in 0..length {
        let cos = (0..length).map(|x| size * angle(k, x, length).cos());
        let sin = (0..length).map(|x| size * angle(k, x, length).sin());
        matrix.extend(cos.clone().chain(sin.clone()));
        matrix.extend(sin.map(|s| -s).chain(cos));
    }
    (matrix, vec![2; length])
}

/// 2π k x/L, of the remainder of k x.
fn angle(k: usize, x: usize, length: usize) -> f64 {
    TAU * (k * x % length) as f64 / length as f64
}

compiled_for_each_set! {
    /// One stage of one walker, forward or back.
    fn transform<R: Real>(
        blocks: &[FourierBlock<R>], back: bool, rows: (&[R], usize), y: &mut [R],
    ) = transform_body
}

#[inline(always)]
fn transform_body<R: Real, const SET: u8>(
    blocks: &[FourierBlock<R>],
    back: bool,
    (x, stride): (&[R], usize),
    y: &mut [R],
) {
    for block in blocks {
        let product = match back {
            true => RowProduct::new(&block.matrices[1], &block.to, &block.from, x, stride),
            false => RowProduct::new(&block.matrices[0], &block.from, &block.to, x, stride),
        };
        for lane in (0..stride).step_by(LANES) {
            let mut done = 0;
            // As many sums as there are registers for.
            if SET == Simd::Avx512 as u8 {
                done = product.tiles::<12, SET>(done, lane, y);
                done = product.tiles::<10, SET>(done, lane, y);
                done = product.tiles::<8, SET>(done, lane, y);
                done = product.tiles::<6, SET>(done, lane, y);
            }
            if SET != Simd::Portable as u8 && (SET == Simd::Avx512 as u8 || size_of::<R>() == 4) {
                done = product.tiles::<4, SET>(done, lane, y);
            }
            if SET != Simd::Portable as u8 {
                done = product.tiles::<2, SET>(done, lane, y);
            }
            product.tiles::<1, SET>(done, lane, y);
        }
    }
}

/// What a block of rows reads.
struct RowProduct<'a, R> {
    matrix: &'a [R],
    from: &'a [u32],
    to: &'a [u32],
    x: &'a [R],
    stride: usize,
}

impl<'a, R: Real> RowProduct<'a, R> {
    #[inline(always)]
    fn new(matrix: &'a [R], from: &'a [u32], to: &'a [u32], x: &'a [R], stride: usize) -> Self {
        RowProduct {
            matrix,
            from,
            to,
            x,
            stride,
        }
    }

    /// Sixteen columns from `lane` on of whole groups of ROWS rows from `first` on; the first row
    /// that is left.
    #[inline(always)]
    fn tiles<const ROWS: usize, const SET: u8>(
        &self,
        mut first: usize,
        lane: usize,
        y: &mut [R],
    ) -> usize {
        let depth = self.from.len();
        while first + ROWS <= depth {
            let mut sums = [[R::default(); LANES]; ROWS];
            let rows: [&[R]; ROWS] =
                std::array::from_fn(|r| &self.matrix[(first + r) * depth..][..depth]);
            for (m, &from) in self.from.iter().enumerate() {
                let x = self.x[from as usize * self.stride + lane..].first_chunk::<LANES>();
                let Some(&x) = x else { continue };
                for r in 0..ROWS {
                    let a = rows[r][m];
                    for (sum, x) in sums[r].iter_mut().zip(x) {
                        *sum = multiply_add::<R, SET>(a, x, *sum);
                    }
                }
            }
            for (sums, &to) in sums.iter().zip(&self.to[first..]) {
                y[to as usize * self.stride + lane..][..LANES].copy_from_slice(sums);
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

    fn numbers<R: Real>(count: usize) -> Vec<R> {
        let mut rng = stream(1, Purpose::Law, 0, 0);
        let mut number = || R::from_f64(2.0 * rng.random::<f64>() - 1.0);
        (0..count).map(|_| number()).collect()
    }

    /// Frequencies of a grid in the order of the transform.
    fn wave_numbers(lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut all = vec![(vec![], true)];
        for &length in lengths.iter().filter(|&&l| l > 1) {
            let mut next = Vec::new();
            for (ks, real) in all {
                let last = if real { length / 2 } else { length - 1 };
                for k in 0..=last {
                    let own = real && (k == 0 || 2 * k == length);
                    next.push(([&ks[..], &[k]].concat(), own));
                }
            }
            all = next;
        }
        all.into_iter().map(|(ks, _)| ks).collect()
    }

    fn compare<R: Real>(simd: Simd, lengths: &[usize]) {
        let grid = FourierGrid::<R>::new(lengths);
        let (n, stride, walkers) = (lengths.iter().product::<usize>(), 2 * LANES, 3);
        let x = numbers::<R>(walkers * n * stride);
        let (mut y, mut room) = (x.clone(), vec![R::default(); n * stride]);
        grid.forward(simd, stride, &x, &mut y, &mut room);
        let close = |found: R, exact: f64| {
            let error = (found.to_f64() - exact).abs() / R::EPSILON;
            assert!(error < 60.0, "{simd:?} {lengths:?}: {error}");
        };
        let lengths: Vec<usize> = lengths.iter().copied().filter(|&l| l > 1).collect();
        for ((first, complex), ks) in grid.frequencies().zip(wave_numbers(&lengths)) {
            for (walker, column) in [(0, 0), (2, 19)] {
                let (mut re, mut im) = (0.0, 0.0);
                for r in 0..n {
                    let (mut at, mut turn) = (r, 0.0);
                    for (&k, &l) in ks.iter().zip(&lengths) {
                        turn += (k * (at % l)) as f64 / l as f64;
                        at /= l;
                    }
                    let value = x[(walker * n + r) * stride + column].to_f64();
                    re += value * (TAU * turn).cos();
                    im -= value * (TAU * turn).sin();
                }
                let size = (if complex { 2.0 } else { 1.0 } / n as f64).sqrt();
                close(y[(walker * n + first) * stride + column], size * re);
                if complex {
                    close(y[(walker * n + first + 1) * stride + column], size * im);
                }
            }
        }
        let mut back = vec![R::default(); x.len()];
        grid.back(simd, stride, &y, &mut back, &mut room);
        (back.iter().zip(&x)).for_each(|(&found, x)| close(found, x.to_f64()));
    }

    #[test]
    fn frequencies_agree_with_the_definition_and_lead_back() {
        for simd in Simd::available() {
            for lengths in [
                &[6][..],
                &[7],
                &[6, 6],
                &[4, 5],
                &[5, 1, 4],
                &[2, 3, 4],
                &[10, 12],
                &[1],
            ] {
                compare::<f64>(simd, lengths);
                compare::<f32>(simd, lengths);
            }
        }
    }
}
