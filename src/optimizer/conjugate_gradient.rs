//! Decides how (S + λ D) δ = F is solved without any matrix, `cg`: for many parameters and many
//! samples.
//!
//! Conjugate gradients on S v = Ō^H (Ō v), preconditioned by diag S + λ D (J. Shewchuk,
//! CMU-CS-94-125 (1994), B3). All vectors are whole on every rank; an iteration is two products
//! with the factors and one sum of a parameter vector. It stops at ‖F − (S + λ D) δ‖ ≤
//! tolerance × ‖F‖.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, Regularisation};
use super::{Direction, Iterations, Optimizer, OptimizerOptions, StepData};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;

/// Stochastic reconfiguration by conjugate gradients; it keeps no state between steps.
pub struct ConjugateGradient {
    options: OptimizerOptions,
    tolerance: f64,
    most: usize,
}

impl ConjugateGradient {
    /// Tolerance 1e-6 and 1000 iterations unless given.
    pub fn new(options: &OptimizerOptions) -> Result<Self> {
        if options.pseudo_inverse.is_some() {
            return Err(Error::input(
                "optimize.pseudo_inverse",
                "\"cg\" knows no eigenvalues",
                "use optimize.shift, optimize.carleo_troyer or optimize.scale_invariant",
            ));
        }
        let (tolerance, most) = (
            options.tolerance.unwrap_or(1e-6),
            options.max_iterations.unwrap_or(1000),
        );
        if !(tolerance > 0.0 && tolerance < 1.0) {
            let problem = format!("{tolerance} is not allowed");
            return Err(Error::input(
                "optimize.tolerance",
                problem,
                "give a number between 0 and 1",
            ));
        }
        if most == 0 {
            return Err(Error::input(
                "optimize.max_iterations",
                "0 is not allowed",
                "give at least 1",
            ));
        }
        Ok(ConjugateGradient {
            options: options.clone(),
            tolerance,
            most,
        })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

impl Optimizer for ConjugateGradient {
    fn direction(&mut self, data: &StepData, step: usize, comm: &dyn Comm) -> Result<Direction> {
        let problem = LeastSquares::new(data, true, comm)?;
        let force = problem.pull_back(&problem.target, comm)?;
        let diagonal = problem.diagonal(comm)?;
        let damping = match Regularisation::at(&self.options, step).inverse_with(&diagonal) {
            Inverse::Damped {
                scale,
                shape: Some(shape),
            } => shape.iter().map(|d| scale * d).collect(),
            Inverse::Damped { scale, shape: None } => vec![scale; diagonal.len()],
            Inverse::Pseudo(_) => unreachable!("refused when the optimiser was built"),
        };
        let width = problem.width();
        let per_number = |k: usize| k / width;
        let precondition = |r: &[f64]| -> Vec<f64> {
            let of = |(k, r): (usize, &f64)| {
                let d = diagonal[per_number(k)] + damping[per_number(k)];
                if d > 0.0 { r / d } else { *r }
            };
            r.iter().enumerate().map(of).collect()
        };
        let mut x = vec![0.0; force.len()];
        let mut r = force.clone();
        let mut z = precondition(&r);
        let mut p = z.clone();
        let mut rz = dot(&r, &z);
        let goal = self.tolerance * dot(&force, &force).sqrt();
        let mut residual = dot(&r, &r).sqrt();
        let mut count = 0;
        while residual > goal && count < self.most {
            let mut image = problem.metric_times(&p, comm)?;
            image
                .iter_mut()
                .zip(&p)
                .enumerate()
                .for_each(|(k, (q, p))| *q += damping[per_number(k)] * p);
            let curvature = dot(&p, &image);
            // A direction without curvature is one of rounding errors: S + λ D is not negative.
            if !(curvature > 0.0 && curvature.is_finite()) {
                break;
            }
            let alpha = rz / curvature;
            x.iter_mut().zip(&p).for_each(|(x, p)| *x += alpha * p);
            r.iter_mut().zip(&image).for_each(|(r, q)| *r -= alpha * q);
            z = precondition(&r);
            let next = dot(&r, &z);
            p.iter_mut()
                .zip(&z)
                .for_each(|(p, z)| *p = z + next / rz * *p);
            (rz, residual, count) = (next, dot(&r, &r).sqrt(), count + 1);
        }
        if !x.iter().all(|x| x.is_finite()) {
            return Err(Error::numerical(
                "conjugate gradients have diverged",
                "raise optimize.shift",
            ));
        }
        let reached = residual <= goal;
        if !reached {
            log::warn!(
                "step {step}: conjugate gradients stand at a residual of {:.1e} after {count} \
                 iterations",
                residual / (goal / self.tolerance)
            );
        }
        let relative = if goal > 0.0 {
            residual * self.tolerance / goal
        } else {
            0.0
        };
        let metric_norm = Some(problem.metric_norm(&x, comm)?);
        let iterations = Some(Iterations {
            count,
            residual: relative,
        });
        Ok(Direction {
            update: x,
            metric_norm,
            fallbacks: usize::from(!reached),
            iterations,
        })
    }
    fn save(&self, _tree: &mut Tree, _prefix: &str) {}
    fn load(&mut self, _tree: &Tree, _prefix: &str) -> Result<()> {
        Ok(())
    }
}
