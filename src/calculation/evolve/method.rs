//! Decides which keys `evolve.method` has to itself, and which others it excludes.

use super::keys::{EvolveInput, wrong};
use crate::error::Result;
use crate::evolution::integrator::Integrator;
use crate::evolution::motion::Principle;
use crate::evolution::product::ProductExpansion;
use crate::input::at_least_one;
use schemars::JsonSchema;
use serde::Deserialize;

/// `evolve.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvolveMethod {
    /// The equation of motion of the parameters.
    #[default]
    Variational,
    /// Fits to the state a step later.
    Projected,
}

/// `[evolve.projection]`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectionInput {
    /// Solves of one fit at most (8)
    pub solves: usize,
    /// A fit ends where 1 - overlap squared is below this (1e-9)
    pub infidelity: f64,
}

impl Default for ProjectionInput {
    fn default() -> Self {
        ProjectionInput {
            solves: 8,
            infidelity: 1e-9,
        }
    }
}

impl EvolveInput {
    /// How fits are made, where steps are projected.
    pub fn projected(&self) -> Option<ProjectionInput> {
        let wanted = self.projection.unwrap_or_default();
        (self.method == EvolveMethod::Projected).then_some(wanted)
    }

    /// The factors of a projected step.
    pub fn expansion(&self) -> ProductExpansion {
        match self.integrator {
            Integrator::Rk4 => ProductExpansion::Fourth,
            _ => ProductExpansion::Second,
        }
    }

    /// Slopes that a step evaluates; of a projected one the sets of samples that it draws, as far
    /// as they are known before: of each factor that of the start and that of one solve.
    pub fn slopes_per_step(&self) -> usize {
        match self.method {
            EvolveMethod::Variational => self.integrator.slopes_per_step(),
            EvolveMethod::Projected => 2 * self.expansion().factors().len(),
        }
    }

    /// An error where the method excludes other keys.
    pub(super) fn check_method(&self) -> Result<()> {
        if self.method == EvolveMethod::Variational {
            return match self.projection {
                None => Ok(()),
                Some(_) => wrong(
                    "projection",
                    "no fits are made",
                    "remove it, or use evolve.method = \"projected\"",
                ),
            };
        }
        let wanted = self.projection.unwrap_or_default();
        at_least_one("evolve.projection.solves", wanted.solves)?;
        if !(wanted.infidelity.is_finite() && wanted.infidelity >= 0.0) {
            return wrong(
                "projection.infidelity",
                "it is not a number from 0",
                "give a number such as 1e-9",
            );
        }
        if self.integrator.is_adaptive() {
            return wrong(
                "integrator",
                "projected steps are fixed",
                "use \"heun\" for factors of second order, or \"rk4\" for those of fourth",
            );
        }
        if self.integrator == Integrator::Rk4 && !self.ramps.is_empty() {
            return wrong(
                "integrator",
                "with ramps a projected step has second order",
                "use \"heun\"",
            );
        }
        match self.principle {
            Principle::Mclachlan => Ok(()),
            Principle::DiracFrenkel => wrong(
                "principle",
                "a fit is a least-squares problem",
                "remove the key, or use evolve.method = \"variational\"",
            ),
        }
    }
}
