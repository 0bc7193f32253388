//! Decides the regularisation of each step of a method, with what it keeps of the steps before.

use super::cross_validation::{AutomaticShift, mean_of_diagonal};
use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, Regularisation};
use super::{OptimizerOptions, Residuals, Shift};
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;

/// The regularisations of a run, step by step.
pub struct Regulariser {
    options: OptimizerOptions,
    automatic: AutomaticShift,
    /// What was added to the diagonal of S last.
    last: f64,
}

impl Regulariser {
    /// As the options ask for.
    pub fn new(options: &OptimizerOptions) -> Self {
        Regulariser {
            options: options.clone(),
            automatic: AutomaticShift::default(),
            last: 0.0,
        }
    }

    /// What the method was built from.
    pub fn options(&self) -> &OptimizerOptions {
        &self.options
    }

    /// The regularisation of a step.
    pub fn at(&mut self, data: &Residuals, step: usize, comm: &dyn Comm) -> Result<Regularisation> {
        Ok(match Regularisation::at(&self.options, step) {
            Regularisation::Diagonal { relative, .. } if self.options.shift == Shift::AUTOMATIC => {
                let absolute = self.automatic.next(data, comm)?;
                Regularisation::Diagonal { relative, absolute }
            }
            other => other,
        })
    }

    /// The inverse for the problem of the step.
    pub fn inverse(
        &mut self,
        regularisation: Regularisation,
        problem: &LeastSquares,
        comm: &dyn Comm,
    ) -> Result<Inverse> {
        let settled = match regularisation {
            Regularisation::Trace(_) => {
                regularisation.in_units_of(mean_of_diagonal(problem, comm)?)
            }
            other => other,
        };
        self.last = match settled {
            Regularisation::Diagonal { absolute, .. } => absolute,
            _ => 0.0,
        };
        settled.inverse(problem, comm)
    }

    /// What was added to the diagonal of S in the last step, whatever its size.
    pub fn last(&self) -> f64 {
        self.last
    }

    /// Takes note of how often the last step had to be halved.
    pub fn halved(&mut self, halvings: usize) {
        self.automatic.halved(halvings, self.last);
    }

    /// Writes what later steps need under `prefix`.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        if self.options.shift == Shift::AUTOMATIC {
            self.automatic.save(tree, &format!("{prefix}/shift"));
        }
    }

    /// Reads it back.
    pub fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        let own = format!("{prefix}/shift");
        // A run that went on with a number so far has nothing to tell.
        match self.options.shift == Shift::AUTOMATIC && !tree.group(&own).datasets.is_empty() {
            true => self.automatic.load(tree, &own),
            false => Ok(()),
        }
    }
}
