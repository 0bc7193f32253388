//! Decides the natural gradient of a force that need not come from the samples of the metric:
//! δ = (S + λ D)⁻¹ F.
//!
//! S = ⟨O* O⟩ − ⟨O*⟩⟨O⟩ of the model (S. Amari, Neural Comput. 10, 251 (1998)), P × P, on rank 0.

use super::least_squares::LeastSquares;
use super::regularisation::{Regularisation, solve as solve_dense};
use super::{Residuals, deterministic, parameter_space, solve_on_root};
use crate::comm::{Comm, Serial};
use crate::derivatives::{Kind, MatrixNumber};
use crate::error::Result;
use crate::linalg::dense::Lapack;
use crate::number::{flatten, unflatten};
use num_complex::Complex64;

/// δ, flat, the same bytes on every rank; the residuals of `data` count for nothing. `in_order`:
/// rank 0 alone sums, in the order of the samples.
pub fn direction(
    data: &Residuals,
    force: &[f64],
    rule: Regularisation,
    in_order: bool,
    comm: &dyn Comm,
) -> Result<Vec<f64>> {
    match in_order {
        false => solved(data, force, rule, comm),
        true => {
            let whole = |data: &Residuals| Ok((solved(data, force, rule, &Serial)?, [0.0; 2]));
            Ok(deterministic::solve(data, force.len(), comm, whole)?.0)
        }
    }
}

fn solved(
    data: &Residuals,
    force: &[f64],
    rule: Regularisation,
    comm: &dyn Comm,
) -> Result<Vec<f64>> {
    match data.derivatives.kind {
        Kind::Holomorphic => solved_as::<Complex64>(data, force, rule, comm),
        _ => solved_as::<f64>(data, force, rule, comm),
    }
}

fn solved_as<T: Lapack + MatrixNumber>(
    data: &Residuals,
    force: &[f64],
    rule: Regularisation,
    comm: &dyn Comm,
) -> Result<Vec<f64>> {
    let problem = LeastSquares::new(data, true, comm)?;
    let inverse = rule.inverse(&problem, comm)?;
    let (mut metric, _) = parameter_space::assemble::<T>(&problem, &problem.target, comm)?;
    let (delta, _) = solve_on_root(force.len(), comm, || {
        let (x, fallbacks) = solve_dense(&mut metric, &unflatten::<T>(force), &inverse)?;
        Ok((flatten(x), [fallbacks as f64, 0.0]))
    })?;
    Ok(delta)
}
