//! Decides the deterministic mode: the factors of all samples meet on rank 0 in the order of the
//! chains, and rank 0 alone solves, so that no sum knows how many ranks there are.
//!
//! A walker's factors depend on nothing outside that walker; joined in the order of the chains they
//! are the same bytes whoever worked them out, and so is everything that follows from them. Rank 0
//! holds samples × (numbers per sample) of all ranks.

use super::{Direction, Iterations, Objective, Optimizer, Residuals, RootFacts, solve_on_root};
use crate::comm::{Comm, Serial};
use crate::derivatives::{Derivatives, Matrix};
use crate::error::{Error, Result};
use crate::number::{Scalar, flatten, unflatten};
use ndarray::Array2;
use num_complex::Complex64;

/// The data of a step of all ranks.
struct Whole {
    derivatives: Derivatives,
    weights: Vec<f64>,
    residual: Vec<Complex64>,
    exact: bool,
}

impl Whole {
    /// Gathers the data on rank 0; `None` elsewhere.
    fn gather(data: &Residuals, comm: &dyn Comm) -> Result<Option<Self>> {
        let residuals = flatten(data.residual.iter().copied());
        let counts = comm.gather(&[data.weights.len() as f64])?;
        let (weights, residuals) = (comm.gather(data.weights)?, comm.gather(&residuals)?);
        let numbers = comm.gather(&data.derivatives.pack())?;
        if !comm.is_root() {
            return Ok(None);
        }
        let (width, mut rest) = (data.derivatives.numbers_per_sample(), &numbers[..]);
        let mut parts = Vec::new();
        for count in counts.iter().map(|&c| c as usize) {
            let short = || Error::Communication {
                what: "a rank has sent too few log-derivatives".into(),
            };
            let (own, others) = rest.split_at_checked(count * width).ok_or_else(short)?;
            rest = others;
            parts.push(data.derivatives.unpack(count, own));
        }
        let residual = unflatten(&residuals);
        Ok(Some(Whole {
            derivatives: Derivatives::join(&parts),
            weights,
            residual,
            exact: data.exact,
        }))
    }

    /// As one rank sees it that has all samples.
    fn data(&self) -> Residuals<'_> {
        Residuals {
            derivatives: &self.derivatives,
            weights: &self.weights,
            residual: &self.residual,
            exact: self.exact,
        }
    }
}

/// Real numbers in the parameter vector that derivatives belong to.
pub fn parameters(derivatives: &Derivatives) -> usize {
    let pairs = derivatives.kind == crate::derivatives::Kind::Holomorphic;
    derivatives.columns() * if pairs { 2 } else { 1 }
}

/// What rank 0 works out of the data of all ranks, `length` real numbers and two facts, on every
/// rank.
pub fn solve(
    data: &Residuals,
    length: usize,
    comm: &dyn Comm,
    on_root: impl FnOnce(&Residuals) -> Result<(Vec<f64>, RootFacts)>,
) -> Result<(Vec<f64>, RootFacts)> {
    let whole = Whole::gather(data, comm)?;
    solve_on_root(length, comm, || {
        whole.map_or(Ok((Vec::new(), [0.0; 2])), |whole| on_root(&whole.data()))
    })
}

/// The local derivatives of all ranks on rank 0; nothing elsewhere.
fn gathered(local: &Matrix, comm: &dyn Comm) -> Result<Matrix> {
    fn of<T: Scalar>(rows: &Array2<T>, comm: &dyn Comm) -> Result<Array2<T>> {
        let own = rows.as_slice().unwrap_or_default();
        let all: Vec<T> = unflatten(&comm.gather(T::reals(own))?);
        let shape = (all.len() / rows.ncols().max(1), rows.ncols());
        Array2::from_shape_vec(shape, all).map_err(|_| Error::Communication {
            what: "a rank has sent too few local derivatives".into(),
        })
    }
    Ok(match local {
        Matrix::Real(rows) => Matrix::Real(of(rows, comm)?),
        Matrix::Complex(rows) => Matrix::Complex(of(rows, comm)?),
        Matrix::Rounded(_) => unreachable!("local derivatives have double precision"),
    })
}

/// The direction that one rank with all samples would find; only rank 0's optimiser moves on.
pub fn direction(
    optimizer: &mut dyn Optimizer,
    objective: &Objective,
    step: usize,
    comm: &dyn Comm,
) -> Result<Direction> {
    if comm.size() == 1 {
        return optimizer.direction(objective, step, comm);
    }
    let data = objective.residuals()?;
    let local = match objective {
        Objective::Hamiltonian(_, local) => Some(gathered(local, comm)?),
        _ => None,
    };
    let on_root = |data: &Residuals| {
        let objective = match &local {
            Some(local) => Objective::Hamiltonian(data, local),
            None => Objective::LeastSquares(data),
        };
        let Direction {
            mut update,
            metric_norm,
            fallbacks,
            iterations,
        } = optimizer.direction(&objective, step, &Serial)?;
        let (count, residual) = iterations.map_or((-1.0, 0.0), |i| (i.count as f64, i.residual));
        update.extend([count, residual]);
        Ok((update, [metric_norm.unwrap_or(-1.0), fallbacks as f64]))
    };
    let (mut update, [norm, fallbacks]) =
        solve(data, parameters(data.derivatives) + 2, comm, on_root)?;
    let [count, residual] = update.last_chunk().copied().unwrap_or([-1.0, 0.0]);
    update.truncate(update.len().saturating_sub(2));
    let iterations = (count >= 0.0).then_some(Iterations {
        count: count as usize,
        residual,
    });
    Ok(Direction {
        update,
        metric_norm: (norm >= 0.0).then_some(norm),
        fallbacks: fallbacks as usize,
        iterations,
    })
}
