//! Decides how (S + λ D) δ = F is solved without any matrix, `cg`: for many parameters and many
//! samples.
//!
//! Conjugate gradients on S v = Ō^H (Ō v), preconditioned by diag S + λ D (J. Shewchuk,
//! CMU-CS-94-125 (1994), B3). All vectors are whole on every rank; an iteration is two products
//! with the factors and one sum of a parameter vector. It stops at ‖F − (S + λ D) δ‖ ≤
//! tolerance × ‖F‖.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, Regularisation};
use super::regulariser::Regulariser;
use super::{
    Direction, Iterations, Objective, Optimizer, OptimizerEntry, OptimizerOptions, Sizes,
    SolveCost, cost,
};
use crate::comm::Comm;
use crate::comm::counting::Load;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "cg",
    build: |keys, options| Ok(Box::new(ConjugateGradient::new(keys, options)?)),
    schema: crate::table::schema_of::<Keys>,
    metric: true,
    cross_validated: true,
    local_derivatives: false,
    cost: cost_of,
};

/// Stochastic reconfiguration by conjugate gradients, without any matrix.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Relative residual at which it stops (1e-6)
    tolerance: f64,
    /// Iterations after which it stops (1000)
    max_iterations: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Keys {
            tolerance: 1e-6,
            max_iterations: 1000,
        }
    }
}

/// It keeps nothing between steps but what the shift follows from.
struct ConjugateGradient {
    regulariser: Regulariser,
    keys: Keys,
}

impl ConjugateGradient {
    fn new(keys: &toml::Table, options: &OptimizerOptions) -> Result<Self> {
        let keys: Keys = crate::table::parse(keys, "optimize")?;
        if options.pseudo_inverse.is_some() {
            return Err(Error::input(
                "optimize.pseudo_inverse",
                "\"cg\" knows no eigenvalues",
                "use optimize.shift, optimize.carleo_troyer or optimize.scale_invariant",
            ));
        }
        if !(keys.tolerance > 0.0 && keys.tolerance < 1.0) {
            return Err(Error::input(
                "optimize.tolerance",
                format!("{} is not allowed", keys.tolerance),
                "give a number between 0 and 1",
            ));
        }
        if keys.max_iterations == 0 {
            return Err(Error::input(
                "optimize.max_iterations",
                "0 is not allowed",
                "give at least 1",
            ));
        }
        Ok(ConjugateGradient {
            regulariser: Regulariser::new(options),
            keys,
        })
    }
}

/// What a direction of so many iterations costs.
fn cost_of(sizes: &Sizes, rank: usize, iterations: usize) -> SolveCost {
    let vector = sizes.columns * sizes.parts();
    let mut cost = cost::start(sizes, rank, true);
    let sum = &mut cost.traffic.sum;
    *sum = *sum + Load::new(2, vector + sizes.columns);
    *sum = *sum + Load::new(iterations, iterations * (vector + 2));
    *sum = *sum + cost::METRIC_NORM;
    // A product with factors keeps two matrices of their size.
    let factors = sizes.scaled(rank) as f64;
    cost.memory += 8.0 * (12.0 * vector as f64 + 2.0 * factors);
    cost.operations = (iterations as f64 + 2.0) * cost::products(sizes);
    cost
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// A symmetric positive problem (S + λ D) x = F on its way to the solution.
struct Iterate {
    /// Solution so far.
    x: Vec<f64>,
    /// F − (S + λ D) x.
    r: Vec<f64>,
    /// Search direction.
    p: Vec<f64>,
    /// r^T M⁻¹ r
    rz: f64,
    count: usize,
}

impl Iterate {
    fn start(force: &[f64], precondition: &impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let z = precondition(force);
        Iterate {
            x: vec![0.0; force.len()],
            r: force.to_vec(),
            rz: dot(force, &z),
            p: z,
            count: 0,
        }
    }

    fn residual(&self) -> f64 {
        dot(&self.r, &self.r).sqrt()
    }

    /// One step, with `image` = (S + λ D) p; false where p has no curvature: S + λ D is not
    /// negative, so that such a direction is one of rounding errors.
    fn advance(&mut self, image: &[f64], precondition: &impl Fn(&[f64]) -> Vec<f64>) -> bool {
        let curvature = dot(&self.p, image);
        if !(curvature > 0.0 && curvature.is_finite()) {
            return false;
        }
        let alpha = self.rz / curvature;
        (self.x.iter_mut().zip(&self.p)).for_each(|(x, p)| *x += alpha * p);
        (self.r.iter_mut().zip(image)).for_each(|(r, q)| *r -= alpha * q);
        let z = precondition(&self.r);
        let next = dot(&self.r, &z);
        let beta = next / self.rz;
        (self.p.iter_mut().zip(&z)).for_each(|(p, z)| *p = z + beta * *p);
        (self.rz, self.count) = (next, self.count + 1);
        true
    }
}

impl ConjugateGradient {
    /// λ D, one number per column.
    fn damping(
        &mut self,
        regularisation: Regularisation,
        problem: &LeastSquares,
        comm: &dyn Comm,
    ) -> Result<Vec<f64>> {
        let columns = problem.derivatives.columns();
        match self.regulariser.inverse(regularisation, problem, comm)? {
            Inverse::Damped {
                scale,
                shape: Some(shape),
            } => Ok(shape.iter().map(|d| scale * d).collect()),
            Inverse::Damped { scale, shape: None } => Ok(vec![scale; columns]),
            Inverse::Pseudo(_) => Err(Error::numerical(
                "conjugate gradients know no eigenvalues",
                "use a shift",
            )),
        }
    }
}

impl Optimizer for ConjugateGradient {
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let data = objective.residuals()?;
        let regularisation = self.regulariser.at(data, step, comm)?;
        let problem = LeastSquares::new(data, true, comm)?;
        let force = problem.pull_back(&problem.target, comm)?;
        let diagonal = problem.diagonal(comm)?;
        let damping = self.damping(regularisation, &problem, comm)?;
        let width = problem.width();
        let precondition = |r: &[f64]| -> Vec<f64> {
            let of = |(k, r): (usize, &f64)| {
                let d = diagonal[k / width] + damping[k / width];
                if d > 0.0 { r / d } else { *r }
            };
            r.iter().enumerate().map(of).collect()
        };
        let mut at = Iterate::start(&force, &precondition);
        let goal = self.keys.tolerance * dot(&force, &force).sqrt();
        while at.residual() > goal && at.count < self.keys.max_iterations {
            let mut image = problem.metric_times(&at.p, comm)?;
            let numbers = image.iter_mut().zip(&at.p).enumerate();
            numbers.for_each(|(k, (q, p))| *q += damping[k / width] * p);
            if !at.advance(&image, &precondition) {
                break;
            }
        }
        if !at.x.iter().all(|x| x.is_finite()) {
            let what = "conjugate gradients have diverged";
            return Err(Error::numerical(what, "take a larger shift"));
        }
        let (residual, count) = (at.residual(), at.count);
        let reached = residual <= goal;
        let relative = match goal > 0.0 {
            true => residual * self.keys.tolerance / goal,
            false => 0.0,
        };
        if !reached {
            log::warn!(
                "step {step}: conjugate gradients stand at a residual of {relative:.1e} after \
                 {count} iterations"
            );
        }
        Ok(Direction {
            metric_norm: Some(problem.metric_norm(&at.x, comm)?),
            update: at.x,
            fallbacks: usize::from(!reached),
            iterations: Some(Iterations {
                count,
                residual: relative,
            }),
        })
    }
    fn shift(&self) -> f64 {
        self.regulariser.last()
    }
    fn halved(&mut self, halvings: usize) {
        self.regulariser.halved(halvings);
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        self.regulariser.save(tree, prefix);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.regulariser.load(tree, prefix)
    }
}
