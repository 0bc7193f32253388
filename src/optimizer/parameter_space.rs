//! Decides how S = Ō^H Ō and Ō^H ζ are summed, P × P, and how S + λ D is solved.
//!
//! Rows of Ō are written out in portions of at most 64 MiB, and each portion is one rank update of
//! the upper triangle. The ranks' triangles are summed on rank 0 in messages of at most 64 MiB;
//! rank 0 solves and broadcasts.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, column, solve as solve_dense};
use super::solve_on_root;
use crate::comm::Comm;
use crate::derivatives::{MatrixNumber, PORTION};
use crate::error::Result;
use crate::linalg::dense::Lapack;
use crate::linalg::products::Op;
use crate::number::{flatten, unflatten};
use ndarray::{Array2, s};

/// S, as its upper triangle, and Ō^H ζ, complete on rank 0.
pub fn assemble<T: Lapack + MatrixNumber>(
    problem: &LeastSquares,
    zeta: &[f64],
    comm: &dyn Comm,
) -> Result<(Array2<T>, Vec<T>)> {
    let (p, stack) = (problem.derivatives.columns(), problem.kind().stack());
    let mut metric = Array2::from_elem((p, p), T::zero());
    let mut force = Array2::from_elem((p, 1), T::zero());
    let zeta: Vec<T> = unflatten(zeta);
    let portion = (PORTION / (p * stack * T::PARTS).max(1)).max(1);
    let samples = problem.derivatives.samples();
    for start in (0..samples).step_by(portion) {
        let end = samples.min(start + portion);
        let rows: Array2<T> = problem.rows(start..end);
        T::rank_update(1.0, rows.view(), Op::Adjoint, 1.0, metric.view_mut());
        let zeta = column(&zeta[start * stack..end * stack]);
        T::gemm(
            T::one(),
            rows.view(),
            Op::Adjoint,
            zeta,
            Op::Same,
            T::one(),
            force.view_mut(),
        );
    }
    let mut force = force.into_raw_vec_and_offset().0;
    if comm.size() > 1 {
        sum_upper(&mut metric, &mut force, comm)?;
    }
    Ok((metric, force))
}

/// Sums the upper triangle and the force on rank 0.
fn sum_upper<T: Lapack>(metric: &mut Array2<T>, force: &mut [T], comm: &dyn Comm) -> Result<()> {
    let p = force.len();
    let mut first = 0;
    while first < p {
        let (mut last, mut length) = (first, 0);
        while last < p && (last == first || (length + p - last) * T::PARTS <= PORTION) {
            length += p - last;
            last += 1;
        }
        let mut packed: Vec<T> = Vec::with_capacity(length + p);
        (first..last).for_each(|i| packed.extend(metric.slice(s![i, i..])));
        if last == p {
            packed.extend_from_slice(force);
        }
        comm.sum_on_root(T::reals_mut(&mut packed))?;
        let mut at = 0;
        for i in first..last {
            metric
                .slice_mut(s![i, i..])
                .iter_mut()
                .zip(&packed[at..])
                .for_each(|(m, &v)| *m = v);
            at += p - i;
        }
        if last == p {
            force.copy_from_slice(&packed[at..]);
        }
        first = last;
    }
    Ok(())
}

/// δ = (S + λ D)⁻¹ Ō^H ζ, flat, and the number of fallbacks; the same bytes on every rank.
pub fn solve<T: Lapack + MatrixNumber>(
    problem: &LeastSquares,
    zeta: &[f64],
    inverse: &Inverse,
    comm: &dyn Comm,
) -> Result<(Vec<f64>, usize)> {
    let (mut metric, force) = assemble::<T>(problem, zeta, comm)?;
    let length = force.len() * T::PARTS;
    let (delta, [fallbacks, _]) = solve_on_root(length, comm, || {
        let (x, fallbacks) = solve_dense(&mut metric, &force, inverse)?;
        Ok((flatten(x), [fallbacks as f64, 0.0]))
    })?;
    Ok((delta, fallbacks as usize))
}
