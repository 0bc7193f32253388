//! Decides how T = Ō D⁻¹ Ō^H is made from the factors of all ranks, N × N, and how δ =
//! D⁻¹ Ō^H (T + λ)⁻¹ ζ follows.
//!
//! Where rows are dense and ranks are many, ranks turn rows into columns (`turned.rs`; the
//! rule stands in `exchange.rs`). Elsewhere they exchange factors, never O: rank r works out
//! the Gram blocks of its samples with its own and with those of the next half of the ranks, so
//! that each pair of samples is met once. Centring
//! is C G C, C = 1 − 1 w^T, from the row means of G: T_st = √w_s (G_st − g_s − g_t* + g)
//! √w_t, g_s = Σ_t G_st w_t, g = Σ_s w_s g_s. √w is then a null vector of T (two where rows
//! are stacked); a multiple of √w √w^T is added, which leaves δ alone because ζ is orthogonal
//! to it. (A. Chen, M. Heyl, Nat. Phys. 20, 1476 (2024).) Blocks are gathered on rank 0, which
//! solves and broadcasts.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, solve as solve_dense};
use super::turned::Turned;
use super::{RootFacts, solve_on_root};
use crate::comm::Comm;
use crate::derivatives::MatrixNumber;
use crate::error::Result;
use crate::linalg::dense::Lapack;
use crate::number::{Scalar, flatten};
use ndarray::Array2;

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
pub fn assemble<T: Lapack + MatrixNumber>(
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

/// First sample of every rank, and the total.
pub fn starts(counts: &[usize]) -> Vec<usize> {
    let mut starts = vec![0];
    counts
        .iter()
        .for_each(|c| starts.push(starts.last().copied().unwrap_or(0) + c));
    starts
}

/// T with the right-hand side, whole.
pub struct SampleKernel<T> {
    /// T, as its upper triangle.
    pub matrix: Array2<T>,
    /// ζ
    pub zeta: Vec<T>,
    /// √w
    pub roots: Vec<f64>,
}

impl<T: Lapack> SampleKernel<T> {
    /// Adds √w √w^T, as large as T is on average, for each kind of row.
    pub(super) fn fill_null_space(&mut self) {
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
}

/// x minus its part along √w, for each kind of row.
pub(super) fn project<T: Scalar>(x: &mut [T], roots: &[f64]) {
    let stack = x.len() / roots.len().max(1);
    for alpha in 0..stack {
        let rows = || x.iter().skip(alpha).step_by(stack).zip(roots);
        let along = rows().fold(T::zero(), |s, (&x, &r)| s + x * T::from_re(r));
        let rows = x.iter_mut().skip(alpha).step_by(stack).zip(roots);
        rows.for_each(|(x, &r)| *x = *x - along * T::from_re(r));
    }
}

/// D⁻¹ Ō^H x, from the solution of all samples, flat.
pub(super) fn scaled_pull_back(
    problem: &LeastSquares,
    shape: Option<&[f64]>,
    x: &[f64],
    comm: &dyn Comm,
) -> Result<Vec<f64>> {
    let (rank, parts) = (comm.rank(), problem.kind().parts());
    let starts = starts(&problem.counts);
    let mine = starts[rank] * parts..starts[rank + 1] * parts;
    let mut delta = problem.pull_back(&x[mine], comm)?;
    if let Some(shape) = shape {
        let inverse = reciprocals(shape);
        delta
            .chunks_exact_mut(problem.width())
            .zip(inverse)
            .for_each(|(d, i)| d.iter_mut().for_each(|d| *d *= i));
    }
    Ok(delta)
}

/// How the rows of all ranks have met: as rows, or as columns.
pub struct Meeting<'a, T> {
    problem: &'a LeastSquares,
    /// D
    shape: Option<&'a [f64]>,
    turned: Option<Turned<T>>,
}

impl<'a, T: Lapack + MatrixNumber> Meeting<'a, T> {
    /// Turns rows into columns where that is cheaper (`exchange.rs`).
    pub fn new(
        problem: &'a LeastSquares,
        shape: Option<&'a [f64]>,
        comm: &dyn Comm,
    ) -> Result<Self> {
        let turned = Turned::of(problem, shape, comm)?;
        Ok(Meeting {
            problem,
            shape,
            turned,
        })
    }
    /// The columns of all samples, where rows were turned.
    pub fn turned(&self) -> Option<&Turned<T>> {
        self.turned.as_ref()
    }
    /// The upper triangle of T, ζ and √w of all samples on rank 0; nothing elsewhere.
    pub fn kernel(&self, zeta: &[f64], comm: &dyn Comm) -> Result<Option<SampleKernel<T>>> {
        match &self.turned {
            Some(turned) => turned.gather(zeta, comm),
            None => assemble::<T>(self.problem, self.shape, comm)?.gather(self.problem, zeta, comm),
        }
    }
    /// D⁻¹ Ō^H x, from the solution of all samples, flat; the same bytes on every rank.
    pub fn pull_back(&self, x: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
        match &self.turned {
            Some(turned) => turned.pull_back(x, comm),
            None => scaled_pull_back(self.problem, self.shape, x, comm),
        }
    }
    /// Makes a sample-space solution known to all and pulls it back.
    pub fn solved(
        &self,
        comm: &dyn Comm,
        on_root: impl FnOnce() -> Result<(Vec<f64>, RootFacts)>,
    ) -> Result<(Vec<f64>, RootFacts)> {
        let samples: usize = self.problem.counts.iter().sum();
        let numbers = samples * self.problem.kind().parts();
        let (x, facts) = solve_on_root(numbers, comm, on_root)?;
        Ok((self.pull_back(&x, comm)?, facts))
    }
}

/// δ = D⁻¹ Ō^H (Ō D⁻¹ Ō^H + λ)⁻¹ ζ, flat, and the number of fallbacks; the same
/// bytes on every rank.
pub fn solve<T: Lapack + MatrixNumber>(
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
    let meeting = Meeting::<T>::new(problem, shape, comm)?;
    let kernel = meeting.kernel(zeta, comm)?;
    let on_root = || {
        let Some(mut kernel) = kernel else {
            return Ok((Vec::new(), [0.0; 2]));
        };
        if matches!(inverse, Inverse::Damped { .. }) {
            kernel.fill_null_space();
        }
        let (mut x, fallbacks) = solve_dense(&mut kernel.matrix, &kernel.zeta, &inverse)?;
        project(&mut x, &kernel.roots);
        Ok((flatten(x), [fallbacks as f64, 0.0]))
    };
    let (delta, [fallbacks, _]) = meeting.solved(comm, on_root)?;
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
