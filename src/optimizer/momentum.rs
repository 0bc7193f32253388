//! Decides the methods that remember the last direction: `spring` and `march`.
//!
//! φ minimises ‖Ō φ − ε‖² + λ (φ − μ φ')^H D (φ − μ φ') with the last
//! direction φ':
//! ```text
//! φ = μ φ' + (S + λ D)⁻¹ Ō^H (ε − μ Ō φ')
//! spring  D = 1                (G. Goldshlager, N. Abrahamsen, L. Lin, J. Comput. Phys. 516, 113351 (2024))
//! march   D = √v̂ + tiny, v ← β v + (1 − β) |φ − φ'|², v̂ = v/(1 − β^t), D = 1 at first (Y. Gu et al., arXiv:2507.02644)
//! ```
//! Whichever of S and the Gram matrix is the smaller is factorised.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, Regularisation};
use super::{Direction, Optimizer, OptimizerOptions, Space, StepData};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;

/// Keeps D away from zero, where v has been zero.
const TINY: f64 = 1e-8;

/// SPRING, or MARCH where second moments are kept.
pub struct Momentum {
    options: OptimizerOptions,
    mu: f64,
    /// β of the second moments.
    beta: Option<f64>,
    count: usize,
    /// φ', flat; empty before the first step.
    last: Vec<f64>,
    /// v, one number per column.
    second: Vec<f64>,
}

impl Momentum {
    /// SPRING; μ is 0.9 unless given.
    pub fn spring(options: &OptimizerOptions) -> Result<Self> {
        Self::new(options, options.mu.unwrap_or(0.9), None)
    }
    /// MARCH; μ is 0.95 and β 0.995 unless given.
    pub fn march(options: &OptimizerOptions) -> Result<Self> {
        let damped = Regularisation::at(options, 0);
        if !matches!(damped, Regularisation::Diagonal { relative: 0.0, absolute } if absolute > 0.0)
        {
            return Err(Error::input(
                "optimize.method",
                "\"march\" scales a shift, column by column, and has no other regularisation",
                "give a positive optimize.shift, or use method = \"spring\"",
            ));
        }
        Self::new(
            options,
            options.mu.unwrap_or(0.95),
            Some(options.beta.unwrap_or(0.995)),
        )
    }
    fn new(options: &OptimizerOptions, mu: f64, beta: Option<f64>) -> Result<Self> {
        for (key, value) in [("optimize.mu", mu), ("optimize.beta", beta.unwrap_or(0.0))] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::input(
                    key,
                    format!("{value} is not allowed"),
                    "give a number from 0 to below 1",
                ));
            }
        }
        Ok(Momentum {
            options: options.clone(),
            mu,
            beta,
            count: 0,
            last: Vec::new(),
            second: Vec::new(),
        })
    }

    /// D, where it is not 1.
    fn shape(&self) -> Option<Vec<f64>> {
        let beta = self.beta.filter(|_| self.count > 0)?;
        let unbias = 1.0 - beta.powf(self.count as f64);
        Some(
            self.second
                .iter()
                .map(|v| ((v / unbias).sqrt().sqrt() + TINY).powi(2))
                .collect(),
        )
    }
}

impl Optimizer for Momentum {
    fn direction(&mut self, data: &StepData, step: usize, comm: &dyn Comm) -> Result<Direction> {
        let derivatives = data.derivatives;
        let mut rows = [(derivatives.samples() * derivatives.kind.stack()) as f64];
        comm.sum(&mut rows)?;
        let space = if derivatives.columns() as f64 <= rows[0] {
            Space::Parameters
        } else {
            Space::Samples
        };
        let regularisation = Regularisation::at(&self.options, step);
        let problem = LeastSquares::new(
            data,
            space == Space::Parameters || regularisation.needs_diagonal(),
            comm,
        )?;
        let inverse = match (regularisation.inverse(&problem, comm)?, self.shape()) {
            (Inverse::Damped { scale, shape: None }, Some(shape)) => Inverse::Damped {
                scale,
                shape: Some(shape),
            },
            (other, _) => other,
        };
        let width = problem.width();
        self.last.resize(derivatives.columns() * width, 0.0);
        self.second.resize(derivatives.columns(), 0.0);
        let mut zeta = problem.target.clone();
        if self.mu > 0.0 && self.count > 0 {
            let image = problem.image(&self.last, comm)?;
            zeta.iter_mut()
                .zip(image)
                .for_each(|(z, y)| *z -= self.mu * y);
        }
        let (mut update, fallbacks) = space.solve(
            &problem,
            &zeta,
            &inverse,
            self.options.distribute_above,
            comm,
        )?;
        update
            .iter_mut()
            .zip(&self.last)
            .for_each(|(u, l)| *u += self.mu * l);
        let metric_norm = Some(problem.metric_norm(&update, comm)?);
        if let Some(beta) = self.beta {
            let pairs = update
                .chunks_exact(width)
                .zip(self.last.chunks_exact(width));
            for (v, (new, old)) in self.second.iter_mut().zip(pairs) {
                let change: f64 = new.iter().zip(old).map(|(n, o)| (n - o) * (n - o)).sum();
                *v = beta * *v + (1.0 - beta) * change;
            }
        }
        self.count = self.count.saturating_add(1);
        self.last.copy_from_slice(&update);
        Ok(Direction {
            update,
            metric_norm,
            fallbacks,
            iterations: None,
        })
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/count"), self.count as i64);
        tree.put_reals(&format!("{prefix}/last"), &self.last);
        tree.put_reals(&format!("{prefix}/second"), &self.second);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.count = tree.count(&format!("{prefix}/count"))?;
        self.last = tree.reals(&format!("{prefix}/last"))?;
        self.second = tree.reals(&format!("{prefix}/second"))?;
        Ok(())
    }
}
