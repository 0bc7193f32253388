//! Decides stochastic reconfiguration, with the matrix of parameters or with that of samples.
//!
//! δ = (Ō^H Ō + λ D)⁻¹ Ō^H ε = D⁻¹ Ō^H (Ō D⁻¹ Ō^H + λ)⁻¹ ε (Sorella, PRL 80,
//! 4558 (1998); Chen, Heyl, Nat. Phys. 20, 1476 (2024)): the same direction, whichever matrix is
//! factorised.

#[cfg(feature = "scalapack")]
use super::distributed;
use super::least_squares::LeastSquares;
use super::regularisation::Inverse;
use super::regulariser::Regulariser;
use super::{Direction, Objective, Optimizer, OptimizerOptions, parameter_space, sample_space};
use crate::comm::Comm;
use crate::derivatives::{Kind, MatrixNumber};
use crate::error::Result;
use crate::io::tree::Tree;
use num_complex::Complex64;

/// Which matrix is factorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// P × P.
    Parameters,
    /// N × N, or 2 N × 2 N where stacked.
    Samples,
}

impl Space {
    /// (Ō^H Ō + λ D)⁻¹ Ō^H ζ, flat, and the number of fallbacks; the same bytes on every
    /// rank. In parameter space the problem has to know ⟨O⟩. A matrix of more than `above` rows
    /// is shared out where the program can do that.
    pub fn solve(
        self,
        problem: &LeastSquares,
        zeta: &[f64],
        inverse: &Inverse,
        above: usize,
        comm: &dyn Comm,
    ) -> Result<(Vec<f64>, usize)> {
        match problem.kind() {
            Kind::Holomorphic => self.solve_as::<Complex64>(problem, zeta, inverse, above, comm),
            _ => self.solve_as::<f64>(problem, zeta, inverse, above, comm),
        }
    }

    fn solve_as<T: MatrixNumber>(
        self,
        problem: &LeastSquares,
        zeta: &[f64],
        inverse: &Inverse,
        above: usize,
        comm: &dyn Comm,
    ) -> Result<(Vec<f64>, usize)> {
        #[cfg(feature = "scalapack")]
        {
            let order = match self {
                Space::Parameters => problem.derivatives.columns(),
                Space::Samples => problem.counts.iter().sum::<usize>() * problem.kind().stack(),
            };
            if distributed::applies(order, inverse, above, comm) {
                return match self {
                    Space::Parameters => {
                        distributed::in_parameter_space::<T>(problem, zeta, inverse, comm)
                    }
                    Space::Samples => {
                        distributed::in_sample_space::<T>(problem, zeta, inverse, comm)
                    }
                };
            }
        }
        #[cfg(not(feature = "scalapack"))]
        let _ = above;
        match self {
            Space::Parameters => parameter_space::solve::<T>(problem, zeta, inverse, comm),
            Space::Samples => sample_space::solve::<T>(problem, zeta, inverse, comm),
        }
    }
}

/// Stochastic reconfiguration; it keeps nothing between steps but what the shift follows from.
pub struct Reconfiguration {
    regulariser: Regulariser,
    space: Space,
}

impl Reconfiguration {
    /// With the matrix of the given space.
    pub fn new(options: &OptimizerOptions, space: Space) -> Self {
        Reconfiguration {
            regulariser: Regulariser::new(options),
            space,
        }
    }
}

impl Optimizer for Reconfiguration {
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        let data = objective.residuals()?;
        let regularisation = self.regulariser.at(data, step, comm)?;
        let with_mean = self.space == Space::Parameters || regularisation.needs_diagonal();
        let problem = LeastSquares::new(data, with_mean, comm)?;
        let inverse = self.regulariser.inverse(regularisation, &problem, comm)?;
        let found = self.space.solve(
            &problem,
            &problem.target,
            &inverse,
            self.regulariser.options().distribute_above,
            comm,
        )?;
        Direction::solved(&problem, found, comm)
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
