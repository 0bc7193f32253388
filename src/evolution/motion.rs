//! Decides the velocity of the parameters at one point, and how well it follows the Schrödinger equation there.
//!
//! With Ō, ε as in the least-squares problem of stochastic reconfiguration, S = Ō^H Ō, F = Ō^H ε:
//! ```text
//! real time       θ̇ minimises ‖Ō θ̇ + iε‖:   S θ̇ = −iF;   real parameters (McLachlan): Re S θ̇ = Im F
//! Dirac–Frenkel   real parameters: Im S θ̇ = −Re F, which conserves the energy
//! imaginary time  θ̇ minimises ‖Ō θ̇ + ε‖:    S θ̇ = −F
//! r² = ‖Ō θ̇ − target‖²/Var H                 solver residual ‖S θ̇ − f‖/‖f‖ with f = Ō^H target
//! ```
//! (X. Yuan et al., Quantum 3, 191 (2019); D. Hofmann et al., SciPost Phys. 12, 165 (2022).) The sampling noise of θ̇ in the metric S
//! is that of a linear regression with p effective parameters and N samples, ‖Ō θ̇ − target‖² (p/N)/(1 − p/N)², times 2τ.

use super::spectrum;
pub use super::spectrum::Spectral;
use crate::ansatz::Kind;
use crate::comm::Comm;
use crate::error::Result;
use crate::linalg::dense::{Lapack, adjoint_times_vector};
use crate::optimizer::StepData;
use crate::optimizer::least_squares::{AnyLeastSquares, LeastSquares, assemble};
use crate::scalar::{Scalar, flatten};
use ndarray::{Array1, s};
use num_complex::Complex64;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which time passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// e^{−iHt}
    #[default]
    Real,
    /// e^{−Hτ}
    Imaginary,
}

/// The variational principle for real parameters; for a holomorphic wave function both give the same equations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Principle {
    /// Re S θ̇ = Im F
    #[default]
    Mclachlan,
    /// Im S θ̇ = −Re F
    DiracFrenkel,
}

/// How S is inverted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Inverse {
    /// (S + λ)⁻¹ by a Cholesky factorisation.
    Shift(f64),
    /// Eigenvalues with smooth cut-offs.
    Spectral(Spectral),
}

/// The equation of motion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equation {
    /// Real or imaginary time.
    pub axis: Axis,
    /// For real parameters.
    pub principle: Principle,
    /// The inverse of S.
    pub inverse: Inverse,
}

/// What an evaluation of the equation tells besides the velocity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// r²: the part of the exact motion that the wave function cannot follow.
    pub r2: f64,
    /// ‖S θ̇ − f‖/‖f‖
    pub solver_residual: f64,
    /// Smallest eigenvalue that counts by more than half; −1 without a decomposition.
    pub smallest_kept: f64,
    /// Σ of the factors on the eigenvalues: effective parameters.
    pub kept: f64,
    /// Standard deviation of θ̇ in the metric S for independent samples; 0 for a full sum.
    pub noise: f64,
}

/// A velocity with the metric in which it was found.
pub struct Motion {
    /// θ̇, flat, (re, im) pairs where holomorphic.
    pub velocity: Vec<f64>,
    /// How good it is.
    pub quality: Quality,
    metric: Metric,
}

/// This rank's rows of Ō.
pub enum Metric {
    /// Real or stacked.
    Real(ndarray::Array2<f64>),
    /// Holomorphic.
    Complex(ndarray::Array2<Complex64>),
}

fn squared<T: Scalar>(values: &Array1<T>) -> f64 {
    values.iter().map(|v| v.norm_sqr()).sum()
}

fn from_flat<T: Scalar>(flat: &[f64]) -> Array1<T> {
    flat.chunks_exact(T::PARTS).map(T::from_parts).collect()
}

impl Metric {
    /// √(x^H S x) of a flat vector.
    pub fn length(&self, x: &[f64], comm: &dyn Comm) -> Result<f64> {
        let mut sum = [match self {
            Metric::Real(rows) => squared(&rows.dot(&from_flat(x))),
            Metric::Complex(rows) => squared(&rows.dot(&from_flat(x))),
        }];
        comm.sum(&mut sum)?;
        comm.broadcast(&mut sum)?;
        Ok(sum[0].sqrt())
    }
}

impl Motion {
    /// Its velocity, quality and metric.
    pub fn into_parts(self) -> (Vec<f64>, Quality, Metric) {
        (self.velocity, self.quality, self.metric)
    }
}

/// Solves the equation of motion for one set of samples; `unseen` is this rank's ⟨|H|²⟩ where ψ = 0.
pub fn solve(equation: &Equation, data: &StepData, unseen: f64, exact: bool, comm: &dyn Comm) -> Result<Motion> {
    let turn = match equation.axis {
        Axis::Real => |e: Complex64| Complex64::new(e.im, -e.re),
        Axis::Imaginary => |e: Complex64| -e,
    };
    let weights = data.weights;
    match assemble(data, comm)? {
        AnyLeastSquares::Complex(LeastSquares { matrix, target }) => {
            let problem = LeastSquares { matrix, target: target.mapv(turn) };
            let found = spectrum::solve(&equation.inverse, &problem, weights, exact, comm)?;
            finish(problem, found, unseen, exact, weights.len(), comm, Metric::Complex)
        }
        AnyLeastSquares::Real(LeastSquares { matrix, mut target }) => {
            let n = weights.len();
            if data.derivatives.kind == Kind::Stacked {
                for k in 0..n {
                    let turned = turn(Complex64::new(target[k], target[n + k]));
                    (target[k], target[n + k]) = (turned.re, turned.im);
                }
            } else {
                // A real wave function has no room for the other part.
                target.mapv_inplace(|e| turn(Complex64::new(e, 0.0)).re);
            }
            let problem = LeastSquares { matrix, target };
            let stacked = data.derivatives.kind == Kind::Stacked && equation.axis == Axis::Real;
            let found = match (equation.principle, equation.inverse) {
                (Principle::DiracFrenkel, Inverse::Spectral(cut)) if stacked => {
                    spectrum::symplectic(cut, &problem, n, comm)?
                }
                _ => spectrum::solve(&equation.inverse, &problem, weights, exact, comm)?,
            };
            finish(problem, found, unseen, exact, n, comm, Metric::Real)
        }
    }
}

/// r², residual and noise of what a solver found.
fn finish<T: Lapack>(
    problem: LeastSquares<T>,
    found: spectrum::Found<T>,
    unseen: f64,
    exact: bool,
    samples: usize,
    comm: &dyn Comm,
    metric: fn(ndarray::Array2<T>) -> Metric,
) -> Result<Motion> {
    let LeastSquares { matrix, target } = problem;
    let image = matrix.dot(&found.velocity);
    let columns = found.velocity.len() * T::PARTS;
    let mut sums = flatten(adjoint_times_vector(&matrix, &image));
    sums.extend(flatten(adjoint_times_vector(&matrix, &target)));
    sums.extend([squared(&(&image - &target)) + unseen, squared(&target) + unseen, samples as f64]);
    comm.sum(&mut sums)?;
    comm.broadcast(&mut sums)?;
    let sums = Array1::from(sums);
    let (s_velocity, f) = (sums.slice(s![..columns]), sums.slice(s![columns..2 * columns]));
    let norm = |v: &Array1<f64>| v.dot(v).sqrt();
    let (missed, variance, total) = (sums[2 * columns], sums[2 * columns + 1], sums[2 * columns + 2]);
    let force = norm(&f.to_owned());
    // A force of rounding errors alone is solved by any velocity.
    let tiny = f64::EPSILON * variance.sqrt();
    let share = (found.kept / total).min(0.9);
    let quality = Quality {
        r2: if variance > 0.0 { missed / variance } else { 0.0 },
        solver_residual: if force > tiny { norm(&(&s_velocity - &f)) / force } else { 0.0 },
        smallest_kept: found.smallest_kept,
        kept: found.kept,
        noise: if exact { 0.0 } else { (missed * share).sqrt() / (1.0 - share) },
    };
    Ok(Motion { velocity: flatten(found.velocity), quality, metric: metric(matrix) })
}
