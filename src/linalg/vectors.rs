//! Decides how long vectors of real or complex numbers are combined, block by block and on several
//! threads.
//!
//! ⟨v|w⟩ = Σ_blocks Σ_k v_k* w_k: sums run within a block of fixed size, then over the blocks
//! in order, so that no result depends on the number of threads.

use crate::number::Scalar;
use ndarray::Array2;

/// Elements that one task of a vector operation handles; sums are taken per block, then over blocks
/// in order.
const SUM_BLOCK: usize = 4096;

fn threads_for(threads: usize, dimension: usize) -> usize {
    if dimension < 8 * SUM_BLOCK {
        1
    } else {
        threads.max(1)
    }
}

/// ⟨v|w⟩ for every v.
pub(super) fn overlaps<T: Scalar>(basis: &[&[T]], w: &[T], threads: usize) -> Vec<T> {
    let blocks = w.len().div_ceil(SUM_BLOCK);
    let threads = threads_for(threads, w.len());
    let share = blocks.div_ceil(threads).max(1);
    let mut partial = vec![T::zero(); blocks * basis.len()];
    if basis.is_empty() {
        return partial;
    }
    std::thread::scope(|scope| {
        for (t, rows) in partial.chunks_mut(share * basis.len()).enumerate() {
            let mut work = move || {
                for (b, row) in rows.chunks_mut(basis.len()).enumerate() {
                    let start = (t * share + b) * SUM_BLOCK;
                    let range = start..w.len().min(start + SUM_BLOCK);
                    for (out, v) in row.iter_mut().zip(basis) {
                        *out = dot(&v[range.clone()], &w[range.clone()]);
                    }
                }
            };
            if threads == 1 {
                work();
            } else {
                scope.spawn(work);
            }
        }
    });
    let mut sums = vec![T::zero(); basis.len()];
    for row in partial.chunks(basis.len()) {
        sums.iter_mut().zip(row).for_each(|(s, &p)| *s += p);
    }
    sums
}

/// ⟨a|b⟩ with eight running sums, which lets the compiler use vector registers.
pub(crate) fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::zero(); 8];
    let (heads_a, heads_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail = heads_a.remainder().iter().zip(heads_b.remainder());
    let rest = tail.fold(T::zero(), |s, (&x, &y)| s + x.conj() * y);
    for (x, y) in heads_a.zip(heads_b) {
        for k in 0..8 {
            sums[k] += x[k].conj() * y[k];
        }
    }
    sums.into_iter().fold(rest, |s, x| s + x)
}

/// w ← w − Σ c_i v_i
pub(super) fn subtract<T: Scalar>(w: &mut [T], basis: &[&[T]], coefficients: &[T], threads: usize) {
    let threads = threads_for(threads, w.len());
    let share = w.len().div_ceil(threads).next_multiple_of(SUM_BLOCK);
    std::thread::scope(|scope| {
        for (t, part) in w.chunks_mut(share).enumerate() {
            let mut work = move || {
                for (b, block) in part.chunks_mut(SUM_BLOCK).enumerate() {
                    let start = t * share + b * SUM_BLOCK;
                    for (v, &c) in basis.iter().zip(coefficients) {
                        let v = &v[start..start + block.len()];
                        block.iter_mut().zip(v).for_each(|(x, &y)| *x = *x - c * y);
                    }
                }
            };
            if threads == 1 {
                work();
            } else {
                scope.spawn(work);
            }
        }
    });
}

/// Replaces the first `columns` vectors by V s and drops the others.
pub(super) fn rotate<T: Scalar>(
    basis: &mut Vec<Vec<T>>,
    s: &Array2<f64>,
    columns: usize,
    threads: usize,
) {
    let dimension = basis.first().map_or(0, Vec::len);
    let threads = threads_for(threads, dimension);
    let share = dimension.div_ceil(threads).max(1);
    let mut parts: Vec<Vec<&mut [T]>> = (0..threads).map(|_| Vec::new()).collect();
    for v in basis.iter_mut() {
        parts
            .iter_mut()
            .zip(v.chunks_mut(share))
            .for_each(|(part, chunk)| part.push(chunk));
    }
    std::thread::scope(|scope| {
        for mut part in parts {
            let mut work = move || {
                let length = part.first().map_or(0, |v| v.len());
                let mut fresh = vec![vec![T::zero(); SUM_BLOCK.min(length)]; columns];
                for start in (0..length).step_by(SUM_BLOCK) {
                    let range = start..length.min(start + SUM_BLOCK);
                    for (c, out) in fresh.iter_mut().enumerate() {
                        out.fill(T::zero());
                        for (r, v) in part.iter().enumerate() {
                            let weight = s[[r, c]];
                            out.iter_mut()
                                .zip(&v[range.clone()])
                                .for_each(|(x, &y)| *x += y * weight);
                        }
                    }
                    for (out, v) in fresh.iter().zip(&mut part) {
                        v[range.clone()].copy_from_slice(&out[..range.len()]);
                    }
                }
            };
            if threads == 1 {
                work();
            } else {
                scope.spawn(work);
            }
        }
    });
    basis.truncate(columns);
}

pub(super) fn norm<T: Scalar>(v: &[T]) -> f64 {
    v.chunks(SUM_BLOCK)
        .map(|block| block.iter().map(|x| x.norm_sqr()).sum::<f64>())
        .sum::<f64>()
        .sqrt()
}

pub(super) fn scale<T: Scalar>(v: &mut [T], factor: f64) {
    v.iter_mut().for_each(|x| *x = *x * factor);
}
