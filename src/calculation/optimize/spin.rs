//! Decides how an optimisation is kept from states of larger total spin: a penalty c ⟨S²⟩.
//!
//! E + c ⟨S²⟩ is the energy of H + c S². Where [H, S⁺] = 0 the two have the same eigenstates, and
//! those of spin S are lifted by c S (S + 1). Its local energy is that of H and c times the local
//! value of S² = N s (s + 1) + 2 Σ_{i<j} S_i·S_j, which asks for N (N − 1)/2 ratios of amplitudes
//! of each sample. A sign rule is part of the amplitudes, so that neither operator is rotated.

use super::Optimize;
use super::keys::OptimizeInput;
use crate::calculation::vmc::problem::Problem;
use crate::calculation::vmc::{Energy, Vmc, estimate};
use crate::comm::Comm;
use crate::ensemble::LocalValues;
use crate::error::{Error, Result};
use crate::operator::{Operator, conserves_total_spin, total_spin_squared};
use crate::stats::with_error;
use num_complex::Complex64;
use std::sync::Arc;

const KEY: &str = "optimize.spin_penalty";

/// Ratios that the penalty asks for of each sample of so many sites.
pub fn pairs(sites: usize) -> usize {
    sites * sites.saturating_sub(1) / 2
}

/// The penalty on the total spin.
pub(super) struct SpinPenalty {
    weight: f64,
    square: Arc<dyn Operator>,
}

/// S² of the samples of a step.
pub(super) struct SpinSquare {
    local: LocalValues,
    /// ⟨S²⟩ and its standard error.
    pub estimate: Energy,
    /// Over all ranks: local values that are not finite.
    pub non_finite: f64,
}

impl SpinPenalty {
    /// The penalty that the keys ask for; an error where the total spin is not conserved.
    pub(super) fn new(keys: &OptimizeInput, problem: &Problem) -> Result<Option<Self>> {
        let Some(weight) = keys.spin_penalty else {
            return Ok(None);
        };
        let refused = |what: &str, remedy: &str| Error::input(KEY, what, remedy);
        let twice_spin = problem.basis.twice_spin().ok_or_else(|| {
            let what = "the total spin is one of spins, and the sites hold none";
            refused(what, "remove the key, or use [basis] kind = \"spin\"")
        })?;
        if !conserves_total_spin(&*problem.hamiltonian, &problem.basis, twice_spin) {
            let what =
                "the Hamiltonian does not conserve the total spin: its eigenstates have none";
            let remedy = "remove the key, or the fields and anisotropies";
            return Err(refused(what, remedy));
        }
        let square = total_spin_squared(&problem.basis, twice_spin)?;
        Ok(Some(SpinPenalty { weight, square }))
    }

    /// S² of the present samples, the same on every rank but for the local values.
    pub(super) fn measure(&self, vmc: &Vmc, comm: &dyn Comm) -> Result<SpinSquare> {
        let local = vmc.local_values(&*self.square, comm)?;
        let finite = |v: &&Complex64| v.re.is_finite() && v.im.is_finite();
        let mut bad = [local.values.iter().filter(|v| !finite(v)).count() as f64];
        comm.sum(&mut bad)?;
        Ok(SpinSquare {
            estimate: estimate(comm, &*vmc.ensemble, &local, vmc.sampler.chains)?,
            local,
            non_finite: bad[0],
        })
    }

    /// Adds the local energies of the penalty.
    pub(super) fn add(&self, square: &SpinSquare, local_energies: &mut [Complex64]) {
        let pairs = local_energies.iter_mut().zip(&square.local.values);
        pairs.for_each(|(e, s)| *e += self.weight * s);
    }
}

impl SpinSquare {
    /// For the log.
    pub(super) fn words(&self) -> String {
        let Energy { mean, error, .. } = self.estimate;
        format!("  S^2 = {}", with_error(mean.re, error))
    }
}

impl Optimize<'_> {
    /// Whether a penalty lifts the energy on purpose.
    pub(super) fn is_lifted(&self) -> bool {
        !self.orthogonal.is_empty() || self.spin.is_some()
    }
}
