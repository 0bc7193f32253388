//! Decides stochastic reconfiguration in parameter space (`dense-sr`) and in sample space (`kernel-sr`).
//!
//! δ = (Ō^H Ō + λ)^{-1} Ō^H ε = Ō^H (Ō Ō^H + λ)^{-1} ε (Sorella, PRL 80, 4558 (1998); Chen, Heyl, Nat. Phys. 20, 1476 (2024)).
//! `dense-sr` sums the upper triangle of S and F over ranks in one message. `kernel-sr` turns rows into columns, so that
//! each rank forms T = Ō Ō^H from its share of the parameters. Rank 0 solves and broadcasts.

use super::least_squares::{AnyLeastSquares, LeastSquares, assemble};
use super::regularisation::{Regularisation, solve};
use super::{Direction, Optimizer, OptimizerOptions, StepData};
use crate::comm::{Comm, share};
use crate::error::Result;
use crate::io::tree::Tree;
use crate::linalg::dense::{Lapack, adjoint_times, adjoint_times_vector};
use crate::scalar::flatten;
use ndarray::{Array1, Array2, s};

/// Which matrix is factorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// P × P.
    Parameters,
    /// N × N, or 2 N × 2 N where stacked.
    Samples,
}

/// Stochastic reconfiguration; it keeps no state between steps.
pub struct Reconfiguration {
    options: OptimizerOptions,
    space: Space,
}

impl Reconfiguration {
    /// With the matrix of the given space.
    pub fn new(options: &OptimizerOptions, space: Space) -> Self {
        Reconfiguration { options: options.clone(), space }
    }
}

impl Optimizer for Reconfiguration {
    fn direction(&mut self, data: &StepData, step: usize, comm: &dyn Comm) -> Result<Direction> {
        let regularisation = Regularisation::at(&self.options, step);
        match assemble(data, comm)? {
            AnyLeastSquares::Real(problem) => direction(&problem, self.space, regularisation, comm),
            AnyLeastSquares::Complex(problem) => direction(&problem, self.space, regularisation, comm),
        }
    }
    fn save(&self, _tree: &mut Tree, _prefix: &str) {}
    fn load(&mut self, _tree: &Tree, _prefix: &str) -> Result<()> {
        Ok(())
    }
}

fn direction<T: Lapack>(
    problem: &LeastSquares<T>,
    space: Space,
    regularisation: Regularisation,
    comm: &dyn Comm,
) -> Result<Direction> {
    let (delta, fallbacks) = match space {
        Space::Parameters => in_parameter_space(problem, regularisation, comm)?,
        Space::Samples => in_sample_space(problem, regularisation, comm)?,
    };
    // δ^H S δ = ‖Ō δ‖² over all rows.
    let mut norm = [problem.matrix.dot(&delta).iter().map(|v| v.norm_sqr()).sum::<f64>()];
    comm.sum(&mut norm)?;
    Ok(Direction { update: flatten(delta), metric_norm: Some(norm[0]), fallbacks })
}

/// Rank 0 solves; all ranks get its bytes, or its failure.
fn solve_on_root<T: Lapack>(
    s: &Array2<T>,
    f: &Array1<T>,
    regularisation: Regularisation,
    comm: &dyn Comm,
) -> Result<(Array1<T>, usize)> {
    let solved = if comm.is_root() { solve(s, f, regularisation).map(Some) } else { Ok(None) };
    let mut packed = match crate::comm::agree(comm, solved)? {
        Some((x, fallbacks)) => {
            let mut packed = flatten(x);
            packed.push(fallbacks as f64);
            packed
        }
        None => vec![0.0; f.len() * T::PARTS + 1],
    };
    comm.broadcast(&mut packed)?;
    let fallbacks = packed.pop().unwrap_or(0.0) as usize;
    Ok((Array1::from_iter(packed.chunks_exact(T::PARTS).map(T::from_parts)), fallbacks))
}

fn in_parameter_space<T: Lapack>(
    problem: &LeastSquares<T>,
    regularisation: Regularisation,
    comm: &dyn Comm,
) -> Result<(Array1<T>, usize)> {
    let local_s = adjoint_times(&problem.matrix, &problem.matrix);
    let local_f = adjoint_times_vector(&problem.matrix, &problem.target);
    let p = local_f.len();
    let mut packed = Vec::with_capacity((p * (p + 1) / 2 + p) * T::PARTS);
    for i in 0..p {
        (i..p).for_each(|j| local_s[[i, j]].push_parts(&mut packed));
    }
    local_f.iter().for_each(|v| v.push_parts(&mut packed));
    comm.sum(&mut packed)?;
    let mut values = packed.chunks_exact(T::PARTS).map(T::from_parts);
    let mut s = local_s;
    for i in 0..p {
        for (j, value) in (i..p).zip(&mut values) {
            s[[i, j]] = value;
            s[[j, i]] = value.conj();
        }
    }
    let f = Array1::from_iter(values);
    solve_on_root(&s, &f, regularisation, comm)
}

fn in_sample_space<T: Lapack>(
    problem: &LeastSquares<T>,
    regularisation: Regularisation,
    comm: &dyn Comm,
) -> Result<(Array1<T>, usize)> {
    let columns = problem.matrix.ncols();
    // Rows to columns: afterwards this rank holds all rows of its share of the parameters, in rank order.
    let mine = share(columns, comm.rank(), comm.size());
    let pieces: Vec<Vec<f64>> = (0..comm.size())
        .map(|r| flatten(problem.matrix.slice(s![.., share(columns, r, comm.size())]).iter().copied()))
        .collect();
    let all = if comm.size() == 1 {
        problem.matrix.clone()
    } else {
        let flat: Vec<f64> = comm.transpose(&pieces)?.concat();
        let values: Vec<T> = flat.chunks_exact(T::PARTS).map(T::from_parts).collect();
        let rows = count_rows(problem.matrix.nrows(), comm)?;
        Array2::from_shape_vec((rows, mine.len()), values)
            .map_err(|e| crate::error::Error::Communication { what: format!("kernel-sr: {e}") })?
    };
    let mut kernel = flatten(all.dot(&all.t().mapv(|v| v.conj())));
    comm.sum(&mut kernel)?;
    let rows = all.nrows();
    let values: Vec<T> = kernel.chunks_exact(T::PARTS).map(T::from_parts).collect();
    let kernel = Array2::from_shape_vec((rows, rows), values)
        .map_err(|e| crate::error::Error::Communication { what: format!("kernel-sr: {e}") })?;
    let target = comm.gather(&flatten(problem.target.iter().copied()))?;
    let target = if comm.is_root() {
        Array1::from_iter(target.chunks_exact(T::PARTS).map(T::from_parts))
    } else {
        Array1::from_elem(rows, T::zero())
    };
    let (x, fallbacks) = solve_on_root(&kernel, &target, regularisation, comm)?;
    let before: usize = rows_before(problem.matrix.nrows(), comm)?;
    let x_mine = x.slice(s![before..before + problem.matrix.nrows()]).to_owned();
    let mut delta = flatten(adjoint_times_vector(&problem.matrix, &x_mine));
    comm.sum(&mut delta)?;
    Ok((Array1::from_iter(delta.chunks_exact(T::PARTS).map(T::from_parts)), fallbacks))
}

/// Row counts of all ranks.
fn row_counts(rows: usize, comm: &dyn Comm) -> Result<Vec<f64>> {
    let mut counts = vec![0.0; comm.size()];
    counts[comm.rank()] = rows as f64;
    comm.sum(&mut counts)?;
    Ok(counts)
}

fn count_rows(rows: usize, comm: &dyn Comm) -> Result<usize> {
    Ok(row_counts(rows, comm)?.iter().sum::<f64>() as usize)
}

fn rows_before(rows: usize, comm: &dyn Comm) -> Result<usize> {
    Ok(row_counts(rows, comm)?.iter().take(comm.rank()).sum::<f64>() as usize)
}
