//! Decides the methods that remember the last direction: `spring` and `march`.
//!
//! φ minimises ‖Ō φ − ε‖² + λ (φ − μ φ')^H D (φ − μ φ') with the last direction φ':
//! ```text
//! φ = μ φ' + (S + λ D)⁻¹ Ō^H (ε − μ Ō φ')
//! spring  D = 1
//! march   D = √v̂ + tiny, D = 1 at first
//!         v ← β v + (1 − β) |φ − φ'|², v̂ = v/(1 − β^t)
//! ```
//! (SPRING: G. Goldshlager, N. Abrahamsen, L. Lin, J. Comput. Phys. 516, 113351 (2024); MARCH:
//! Y. Gu et al., arXiv:2507.02644.) Whichever of S and the Gram matrix is the smaller is
//! factorised.

use super::least_squares::LeastSquares;
use super::regularisation::Inverse;
use super::regulariser::Regulariser;
use super::{
    Direction, Objective, Optimizer, OptimizerOptions, Shift, Sizes, SolveCost, Space, cost,
};
use crate::comm::Comm;
use crate::comm::counting::Load;
use crate::error::{Error, Result};
use crate::io::tree::Tree;

/// Keeps D away from zero, where v has been zero.
const TINY: f64 = 1e-8;

/// SPRING, or MARCH where second moments are kept.
pub struct Momentum {
    regulariser: Regulariser,
    mu: f64,
    /// β of the second moments.
    beta: Option<f64>,
    count: usize,
    /// φ', flat; empty before the first step.
    last: Vec<f64>,
    /// v, one number per column.
    second: Vec<f64>,
}

/// Largest squared length of a step where the input gives none.
const NORM_CONSTRAINT: f64 = 1e-3;

impl Momentum {
    /// With the share `mu` of the last direction, and second moments where `beta` is given.
    pub(super) fn new(options: &OptimizerOptions, mu: f64, beta: Option<f64>) -> Result<Self> {
        if options.shift == Shift::AUTOMATIC {
            return Err(Error::input(
                "optimize.shift",
                "\"auto\" belongs to methods that do not remember the last direction",
                "give a number, or method = \"sr\"",
            ));
        }
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
            regulariser: Regulariser::new(options),
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

impl Momentum {
    /// The inverse with D, where it is not 1.
    fn shaped(&self, inverse: Inverse) -> Inverse {
        match (inverse, self.shape()) {
            (Inverse::Damped { scale, shape: None }, Some(shape)) => Inverse::Damped {
                scale,
                shape: Some(shape),
            },
            (other, _) => other,
        }
    }

    /// Keeps the direction, and what it adds to the second moments.
    fn remember(&mut self, update: &[f64], width: usize) {
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
        self.last.copy_from_slice(update);
    }
}

/// The cost of a direction with the smaller matrix, whose columns have weights of their own where
/// `weighted`; `with_last` says whether there is a last direction.
pub(super) fn cost_of(sizes: &Sizes, rank: usize, weighted: bool, with_last: bool) -> SolveCost {
    let mut cost = match sizes.columns <= sizes.rows() {
        true => cost::in_parameter_space(sizes, rank),
        false => cost::in_sample_space(sizes, rank, weighted),
    };
    let images = usize::from(with_last);
    cost.traffic.sum = cost.traffic.sum + Load::new(1 + images, 1 + 2 * images);
    cost.memory += 8.0 * 2.0 * (sizes.columns * sizes.parts()) as f64;
    // The last direction and second moments.
    cost.remembered = (8 * sizes.columns * (sizes.parts() + 1)) as f64;
    cost
}

impl Optimizer for Momentum {
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let data = objective.residuals()?;
        let derivatives = data.derivatives;
        let mut rows = [(derivatives.samples() * derivatives.kind.stack()) as f64];
        comm.sum(&mut rows)?;
        let space = match derivatives.columns() as f64 <= rows[0] {
            true => Space::Parameters,
            false => Space::Samples,
        };
        let regularisation = self.regulariser.at(data, step, comm)?;
        let with_mean = space == Space::Parameters || regularisation.needs_diagonal();
        let problem = LeastSquares::new(data, with_mean, comm)?;
        let inverse = self.regulariser.inverse(regularisation, &problem, comm)?;
        let inverse = self.shaped(inverse);
        let width = problem.width();
        self.last.resize(derivatives.columns() * width, 0.0);
        self.second.resize(derivatives.columns(), 0.0);
        let mut zeta = problem.target.clone();
        if self.mu > 0.0 && self.count > 0 {
            let image = problem.image(&self.last, comm)?;
            let less = |(z, y): (&mut f64, f64)| *z -= self.mu * y;
            zeta.iter_mut().zip(image).for_each(less);
        }
        let above = self.regulariser.options().distribute_above;
        let (mut update, fallbacks) = space.solve(&problem, &zeta, &inverse, above, comm)?;
        let more = |(u, l): (&mut f64, &f64)| *u += self.mu * l;
        update.iter_mut().zip(&self.last).for_each(more);
        let direction = Direction::solved(&problem, (update, fallbacks), comm)?;
        self.remember(&direction.update, width);
        Ok(direction)
    }
    fn shift(&self) -> f64 {
        self.regulariser.last()
    }
    fn norm_constraint(&self) -> Option<f64> {
        Some(NORM_CONSTRAINT)
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
