//! Decides how T = Ō D⁻¹ Ō^H is made from the factors of all ranks, N × N, and how δ =
//! D⁻¹ Ō^H (T + λ)⁻¹ ζ follows.
//!
//! Ranks exchange factors, never O: rank r works out the Gram blocks of its samples with its own
//! and with those of the next half of the ranks, so that each pair of samples is met once. Centring
//! is C G C, C = 1 − 1 w^T, from the row means of G: T_st = √w_s (G_st − g_s − g_t* + g)
//! √w_t, g_s = Σ_t G_st w_t, g = Σ_s w_s g_s. √w is then a null vector of T (two where rows
//! are stacked); a multiple of √w √w^T is added, which leaves δ alone because ζ is orthogonal
//! to it. (A. Chen, M. Heyl, Nat. Phys. 20, 1476 (2024).) Blocks are gathered on rank 0, which
//! solves and broadcasts.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, solve as solve_dense};
use super::{Facts, solve_on_root};
use crate::comm::Comm;
use crate::derivatives::Entry;
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use crate::number::{flatten, unflatten};
use ndarray::{Array2, s};

/// Blocks of T between this rank's samples and those of some ranks; of its own block the upper
/// triangle.
pub struct Blocks<T> {
    /// With the rank of the columns; the own block comes first.
    pub blocks: Vec<(usize, Array2<T>)>,
}

/// The ranks whose samples `rank` meets.
pub fn partners(rank: usize, size: usize) -> impl Iterator<Item = usize> {
    let met = move |d: &usize| 2 * d < size || (2 * d == size && rank < size / 2);
    (1..=size / 2).filter(met).map(move |d| (rank + d) % size)
}

/// 1/d, nothing where d is zero: such a column is zero.
pub(super) fn reciprocals(shape: &[f64]) -> Vec<f64> {
    shape
        .iter()
        .map(|&d| if d > 0.0 { 1.0 / d } else { 0.0 })
        .collect()
}

/// This rank's blocks of T, centred; `shape` is D.
pub fn assemble<T: Lapack + Entry>(
    problem: &LeastSquares,
    shape: Option<&[f64]>,
    comm: &dyn Comm,
) -> Result<Blocks<T>> {
    let (rank, size) = (comm.rank(), comm.size());
    let own = &problem.derivatives;
    let stack = problem.kind().stack();
    let inverse = shape.map(reciprocals);
    let zeros = |m: usize, n: usize| Array2::from_elem((m * stack, n * stack), T::zero());
    let mut block = zeros(own.samples(), own.samples());
    match &inverse {
        None => own.own_gram(block.view_mut()),
        Some(d) => own.own_weighted_gram(d, block.view_mut()),
    }
    let mut blocks = vec![(rank, block)];
    if size > 1 {
        let packed = own.pack();
        let pieces: Vec<Vec<f64>> = (0..size)
            .map(|r| {
                if partners(r, size).any(|q| q == rank) {
                    packed.clone()
                } else {
                    Vec::new()
                }
            })
            .collect();
        let received = comm.transpose(&pieces)?;
        for q in partners(rank, size) {
            let other = own.unpack(problem.counts[q], &received[q]);
            let mut block = zeros(own.samples(), other.samples());
            match &inverse {
                None => own.gram(
                    0..own.samples(),
                    &other,
                    0..other.samples(),
                    block.view_mut(),
                ),
                Some(d) => own.weighted_gram(&other, d, block.view_mut()),
            }
            blocks.push((q, block));
        }
    }
    let mut blocks = Blocks { blocks };
    blocks.centre(problem, comm)?;
    Ok(blocks)
}

impl<T: Lapack> Blocks<T> {
    fn centre(&mut self, problem: &LeastSquares, comm: &dyn Comm) -> Result<()> {
        let (rank, size, stack) = (comm.rank(), comm.size(), problem.kind().stack());
        let starts: Vec<usize> = starts(&problem.counts);
        let total = starts[size];
        // Means of rows, one per kind of column; then the weights of all samples.
        let mut sums = vec![T::zero(); total * stack * stack];
        let mut weights = vec![0.0; total];
        weights[starts[rank]..starts[rank + 1]].copy_from_slice(&problem.weights);
        if size > 1 {
            // Weights of the others are needed for the sums themselves.
            comm.sum(&mut weights)?;
        }
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
        if size > 1 {
            comm.sum(T::reals_mut(&mut sums))?;
        }
        let mut mean = vec![T::zero(); width];
        for (a, sums) in sums.chunks_exact(stack).enumerate() {
            let w = T::from_re(weights[a / stack]);
            (0..stack).for_each(|beta| mean[a % stack * stack + beta] += sums[beta] * w);
        }
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
        Ok(())
    }

    /// The upper triangle of T, ζ and √w of all samples on rank 0; nothing elsewhere.
    pub fn gather(
        self,
        problem: &LeastSquares,
        zeta: &[f64],
        comm: &dyn Comm,
    ) -> Result<Option<Kernel<T>>> {
        let (size, stack) = (comm.size(), problem.kind().stack());
        if size == 1 {
            let empty = || Array2::from_elem((0, 0), T::zero());
            let matrix = self
                .blocks
                .into_iter()
                .next()
                .map_or_else(empty, |(_, block)| block);
            return Ok(Some(Kernel {
                matrix,
                zeta: unflatten(zeta),
                roots: problem.roots.clone(),
            }));
        }
        let mut piece = Vec::new();
        for (q, block) in self.blocks {
            match q == comm.rank() {
                true => block.rows().into_iter().enumerate().for_each(|(a, row)| {
                    piece.extend_from_slice(T::reals(&row.as_slice().unwrap_or_default()[a..]));
                }),
                false => piece.extend_from_slice(T::reals(block.as_slice().unwrap_or_default())),
            }
        }
        piece.extend_from_slice(zeta);
        piece.extend_from_slice(&problem.roots);
        let all = comm.gather(&piece)?;
        drop(piece);
        if !comm.is_root() {
            return Ok(None);
        }
        let starts = starts(&problem.counts);
        let rows = starts[size] * stack;
        let mut kernel = Kernel {
            matrix: Array2::from_elem((rows, rows), T::zero()),
            zeta: Vec::new(),
            roots: Vec::new(),
        };
        let mut rest = &all[..];
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
            let count = problem.counts[r] * stack;
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
            for q in partners(r, size) {
                let (left, width) = (starts[q] * stack, problem.counts[q] * stack);
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
            kernel.roots.extend_from_slice(take(problem.counts[r])?);
        }
        Ok(Some(kernel))
    }
}

/// First sample of every rank, and the total.
pub fn starts(counts: &[usize]) -> Vec<usize> {
    let mut starts = vec![0];
    counts
        .iter()
        .for_each(|c| starts.push(starts.last().copied().unwrap_or(0) + c));
    starts
}

/// T with the right-hand side, whole.
pub struct Kernel<T> {
    /// T, as its upper triangle.
    pub matrix: Array2<T>,
    /// ζ
    pub zeta: Vec<T>,
    /// √w
    pub roots: Vec<f64>,
}

impl<T: Lapack> Kernel<T> {
    /// Adds √w √w^T, as large as T is on average, for each kind of row.
    fn fill_null_space(&mut self) {
        let stack = self.matrix.nrows() / self.roots.len().max(1);
        let trace: f64 = self.matrix.diag().iter().map(|v| v.re()).sum();
        let scale = if trace > 0.0 {
            trace / self.matrix.nrows() as f64
        } else {
            1.0
        };
        for (a, mut row) in self.matrix.rows_mut().into_iter().enumerate() {
            let factor = scale * self.roots[a / stack];
            let entries = row
                .iter_mut()
                .skip(a)
                .step_by(stack)
                .zip(&self.roots[a / stack..]);
            entries.for_each(|(m, r)| *m += T::from_re(factor * r));
        }
    }
    /// x minus its part along √w, for each kind of row.
    fn project(&self, x: &mut [T]) {
        let stack = x.len() / self.roots.len().max(1);
        for alpha in 0..stack {
            let rows = || x.iter().skip(alpha).step_by(stack).zip(&self.roots);
            let along = rows().fold(T::zero(), |s, (&x, &r)| s + x * T::from_re(r));
            x.iter_mut()
                .skip(alpha)
                .step_by(stack)
                .zip(&self.roots)
                .for_each(|(x, &r)| *x = *x - along * T::from_re(r));
        }
    }
}

/// Makes a sample-space solution known to all and pulls it back: D⁻¹ Ō^H x.
pub fn pull_back(
    problem: &LeastSquares,
    shape: Option<&[f64]>,
    comm: &dyn Comm,
    on_root: impl FnOnce() -> Result<(Vec<f64>, Facts)>,
) -> Result<(Vec<f64>, Facts)> {
    let parts = problem.kind().parts();
    let starts = starts(&problem.counts);
    let (x, facts) = solve_on_root(starts[comm.size()] * parts, comm, on_root)?;
    let mine = starts[comm.rank()] * parts..starts[comm.rank() + 1] * parts;
    let mut delta = problem.pull_back(&x[mine], comm)?;
    if let Some(shape) = shape {
        let inverse = reciprocals(shape);
        delta
            .chunks_exact_mut(problem.width())
            .zip(inverse)
            .for_each(|(d, i)| d.iter_mut().for_each(|d| *d *= i));
    }
    Ok((delta, facts))
}

/// δ = D⁻¹ Ō^H (Ō D⁻¹ Ō^H + λ)⁻¹ ζ, flat, and the number of fallbacks; the same
/// bytes on every rank.
pub fn solve<T: Lapack + Entry>(
    problem: &LeastSquares,
    zeta: &[f64],
    inverse: &Inverse,
    comm: &dyn Comm,
) -> Result<(Vec<f64>, usize)> {
    let (shape, inverse) = match inverse {
        Inverse::Damped { scale, shape } => (
            shape.as_deref(),
            Inverse::Damped {
                scale: *scale,
                shape: None,
            },
        ),
        Inverse::Pseudo(cut) => (None, Inverse::Pseudo(*cut)),
    };
    let kernel = assemble::<T>(problem, shape, comm)?.gather(problem, zeta, comm)?;
    let on_root = || {
        let Some(mut kernel) = kernel else {
            return Ok((Vec::new(), [0.0; 2]));
        };
        if matches!(inverse, Inverse::Damped { .. }) {
            kernel.fill_null_space();
        }
        let (mut x, fallbacks) = solve_dense(&mut kernel.matrix, &kernel.zeta, &inverse)?;
        kernel.project(&mut x);
        Ok((flatten(x), [fallbacks as f64, 0.0]))
    };
    let (delta, [fallbacks, _]) = pull_back(problem, shape, comm, on_root)?;
    Ok((delta, fallbacks as usize))
}

#[cfg(test)]
mod tests {
    use super::partners;

    #[test]
    fn every_pair_of_ranks_meets_once() {
        for size in 1..=9 {
            let mut pairs: Vec<(usize, usize)> = (0..size)
                .flat_map(|r| partners(r, size).map(move |q| (r.min(q), r.max(q))))
                .collect();
            pairs.sort_unstable();
            let all: Vec<_> = (0..size)
                .flat_map(|r| (r + 1..size).map(move |q| (r, q)))
                .collect();
            assert_eq!(pairs, all);
        }
    }
}
