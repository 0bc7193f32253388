//! Decides how the blocks of T are centred and gathered on rank 0.
//!
//! T_st = √w_s (G_st − g_s − g_t* + g) √w_t with g_s = Σ_t G_st w_t and g = Σ_s w_s g_s. Where
//! rows are stacked, each row has a mean over columns of either kind, and g is 2 × 2.

use super::least_squares::LeastSquares;
use super::sample_space::{Blocks, SampleKernel, partners, starts};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use crate::number::unflatten;
use ndarray::{Array2, s};

impl<T: Lapack> Blocks<T> {
    pub(super) fn centre(&mut self, problem: &LeastSquares, comm: &dyn Comm) -> Result<()> {
        let (rank, size, stack) = (comm.rank(), comm.size(), problem.kind().stack());
        let starts: Vec<usize> = starts(&problem.counts);
        let mut weights = vec![0.0; starts[size]];
        weights[starts[rank]..starts[rank + 1]].copy_from_slice(&problem.weights);
        if size > 1 {
            // Weights of the others are needed for the sums themselves.
            comm.sum(&mut weights)?;
        }
        let mut sums = self.sums(problem, rank, &starts, &weights);
        if size > 1 {
            comm.sum(T::reals_mut(&mut sums))?;
        }
        let mut mean = vec![T::zero(); stack * stack];
        for (a, sums) in sums.chunks_exact(stack).enumerate() {
            let w = T::from_re(weights[a / stack]);
            (0..stack).for_each(|beta| mean[a % stack * stack + beta] += sums[beta] * w);
        }
        self.subtract(problem, rank, &starts, &weights, (&sums, &mean));
        Ok(())
    }

    /// What the blocks of this rank add to g: row a and columns of kind β stand at `stack` a + β.
    fn sums(
        &self,
        problem: &LeastSquares,
        rank: usize,
        starts: &[usize],
        weights: &[f64],
    ) -> Vec<T> {
        let stack = problem.kind().stack();
        let mut sums = vec![T::zero(); weights.len() * stack * stack];
        let width = stack * stack;
        let factors: Vec<T> = weights.iter().map(|&w| T::from_re(w)).collect();
        for (q, block) in &self.blocks {
            let (own, factors) = (*q == rank, &factors[starts[*q]..starts[*q + 1]]);
            for (a, row) in block.rows().into_iter().enumerate() {
                let (row, of_row) = (
                    row.as_slice().unwrap_or_default(),
                    T::from_re(problem.weights[a / stack]),
                );
                let mut means = [T::zero(); 2];
                // Of the own block the part above the diagonal counts for its mirror image too.
                let whole = if own { a / stack + 1 } else { 0 };
                let columns = &mut sums
                    [(starts[*q] + whole.min(factors.len())) * width..starts[*q + 1] * width];
                let entries = row[whole * stack..]
                    .chunks_exact(stack)
                    .zip(&factors[whole..]);
                for ((entries, &w), columns) in entries.zip(columns.chunks_exact_mut(width)) {
                    for (beta, &g) in entries.iter().enumerate() {
                        means[beta] += g * w;
                        columns[beta * stack + a % stack] += g.conj() * of_row;
                    }
                }
                for b in a..whole * stack {
                    means[b % stack] += row[b] * of_row;
                    if b > a {
                        sums[(starts[rank] * stack + b) * stack + a % stack] +=
                            row[b].conj() * of_row;
                    }
                }
                let mine = (starts[rank] * stack + a) * stack;
                sums[mine..mine + stack]
                    .iter_mut()
                    .zip(means)
                    .for_each(|(s, m)| *s += m);
            }
        }
        sums
    }

    /// Replaces G by T, given g and its mean.
    fn subtract(
        &mut self,
        problem: &LeastSquares,
        rank: usize,
        starts: &[usize],
        weights: &[f64],
        (sums, mean): (&[T], &[T]),
    ) {
        let stack = problem.kind().stack();
        let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
        for (q, block) in &mut self.blocks {
            let theirs = starts[*q] * stack..starts[*q + 1] * stack;
            // What is subtracted from a column, for each kind of row.
            let columns: Vec<Vec<T>> = (0..stack)
                .map(|alpha| {
                    let of =
                        |b: usize| sums[b * stack + alpha].conj() - mean[alpha * stack + b % stack];
                    theirs.clone().map(of).collect()
                })
                .collect();
            let own = *q == rank;
            let roots = &roots[starts[*q]..starts[*q + 1]];
            for (a, mut row) in block.rows_mut().into_iter().enumerate() {
                let from = if own { a / stack } else { 0 };
                let of_row = &sums[(starts[rank] * stack + a) * stack..][..stack];
                let Some(row) = row.as_slice_mut() else {
                    continue;
                };
                let parts = row
                    .chunks_exact_mut(stack)
                    .zip(columns[a % stack].chunks_exact(stack))
                    .zip(roots);
                for ((entries, columns), root) in parts.skip(from) {
                    let scale = T::from_re(problem.roots[a / stack] * root);
                    for ((g, &r), &c) in entries.iter_mut().zip(of_row).zip(columns) {
                        *g = (*g - r - c) * scale;
                    }
                }
            }
        }
    }

    /// The upper triangle of T, ζ and √w of all samples on rank 0; nothing elsewhere.
    pub fn gather(
        self,
        problem: &LeastSquares,
        zeta: &[f64],
        comm: &dyn Comm,
    ) -> Result<Option<SampleKernel<T>>> {
        let (size, stack) = (comm.size(), problem.kind().stack());
        if size == 1 {
            let empty = || Array2::from_elem((0, 0), T::zero());
            let matrix = self
                .blocks
                .into_iter()
                .next()
                .map_or_else(empty, |(_, block)| block);
            return Ok(Some(SampleKernel {
                matrix,
                zeta: unflatten(zeta),
                roots: problem.roots.clone(),
            }));
        }
        let mut piece = self.flat(comm.rank());
        piece.extend_from_slice(zeta);
        piece.extend_from_slice(&problem.roots);
        let all = comm.gather(&piece)?;
        drop(piece);
        if !comm.is_root() {
            return Ok(None);
        }
        SampleKernel::from_pieces(&all, &problem.counts, stack).map(Some)
    }

    /// All numbers of the blocks; of the own block, the rows from the diagonal on.
    fn flat(self, rank: usize) -> Vec<f64> {
        let mut piece = Vec::new();
        for (q, block) in self.blocks {
            match q == rank {
                true => block.rows().into_iter().enumerate().for_each(|(a, row)| {
                    piece.extend_from_slice(T::reals(&row.as_slice().unwrap_or_default()[a..]));
                }),
                false => piece.extend_from_slice(T::reals(block.as_slice().unwrap_or_default())),
            }
        }
        piece
    }
}

impl<T: Lapack> SampleKernel<T> {
    /// From what the ranks have sent, one after the other: blocks, ζ and √w.
    fn from_pieces(all: &[f64], counts: &[usize], stack: usize) -> Result<Self> {
        let starts = starts(counts);
        let size = counts.len();
        let rows = starts[size] * stack;
        let mut kernel = SampleKernel {
            matrix: Array2::from_elem((rows, rows), T::zero()),
            zeta: Vec::new(),
            roots: Vec::new(),
        };
        let mut rest = all;
        let mut take = |count: usize| -> Result<&[f64]> {
            let (own, others) =
                rest.split_at_checked(count)
                    .ok_or_else(|| Error::Communication {
                        what: "kernel-sr: the ranks have sent fewer numbers than they have samples"
                            .into(),
                    })?;
            rest = others;
            Ok(own)
        };
        for r in 0..size {
            // The own block: row a begins at the diagonal.
            let count = counts[r] * stack;
            let top = starts[r] * stack;
            for a in 0..count {
                let row = unflatten::<T>(take((count - a) * T::PARTS)?);
                let place = s![top + a, top + a..top + count];
                kernel
                    .matrix
                    .slice_mut(place)
                    .iter_mut()
                    .zip(row)
                    .for_each(|(m, v)| *m = v);
            }
            // Blocks with other ranks: below the diagonal where r > q, hence turned over.
            for q in partners(r, size) {
                let (left, width) = (starts[q] * stack, counts[q] * stack);
                for a in top..top + count {
                    let row = unflatten::<T>(take(width * T::PARTS)?).into_iter();
                    match r < q {
                        true => row
                            .enumerate()
                            .for_each(|(b, v)| kernel.matrix[(a, left + b)] = v),
                        false => row
                            .enumerate()
                            .for_each(|(b, v)| kernel.matrix[(left + b, a)] = v.conj()),
                    }
                }
            }
            kernel.zeta.extend(unflatten::<T>(take(count * T::PARTS)?));
            kernel.roots.extend_from_slice(take(counts[r])?);
        }
        Ok(kernel)
    }
}
