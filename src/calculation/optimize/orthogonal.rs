//! Decides how an optimisation finds the next state: a penalty on the overlap with states that are
//! known.
//!
//! E + Σ_k w_k |⟨ψ|φ_k⟩|²/(⟨ψ|ψ⟩⟨φ_k|φ_k⟩) is the energy of H + Σ_k w_k
//! |φ_k⟩⟨φ_k|/⟨φ_k|φ_k⟩, whose next state is the lowest one where w exceeds the gap (K.
//! Choo et al., Phys. Rev. Lett. 121, 167204 (2018)). Its local energy has the terms w r₂ R(x), R
//! = φ/ψ and r₂ = ⟨ψ/φ⟩ over |φ|²; with r₁ = ⟨R⟩ over |ψ|² the overlap squared
//! is Re r₁ r₂. Both averages are sampled, or both full sums.

use super::keys::OptimizeInput;
use crate::calculation::vmc::problem::{self, Problem};
use crate::calculation::vmc::weigh;
use crate::comm::{Comm, agree};
use crate::ensemble::{Request, Variational};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::rng::Purpose;
use crate::stats::limits::{FIXED_STATE_BURN_IN, FIXED_STATE_FIRST_BURN_IN};
use num_complex::Complex64;
use std::borrow::Cow;

struct Known {
    file: String,
    weight: f64,
    ensemble: Box<dyn Variational>,
    /// Where its chains begin in every step: nothing of them is in a checkpoint.
    start: Vec<i8>,
    overlap: f64,
}

/// The states that an optimisation stays orthogonal to.
pub struct Orthogonal {
    known: Vec<Known>,
}

impl Orthogonal {
    /// Loads the states of `optimize.orthogonal_to`; errors name the key.
    pub fn new(
        source: &Source,
        keys: &OptimizeInput,
        problem: &Problem,
        rank: usize,
        size: usize,
    ) -> Result<Self> {
        let mut known = Vec::new();
        for (k, entry) in keys.orthogonal_to.iter().enumerate() {
            let key = format!("optimize.orthogonal_to[{k}]");
            if !(entry.weight.is_finite() && entry.weight > 0.0) {
                let remedy = "give an energy larger than the gap to the state that is wanted";
                return Err(Error::input(
                    format!("{key}.weight"),
                    format!("the weight {}", entry.weight),
                    remedy,
                ));
            }
            let key = format!("{key}.file");
            let ensemble = problem::saved_ensemble(
                source,
                problem,
                &entry.file,
                &key,
                k as u64 + 1,
                rank,
                size,
            )?;
            let file = entry.file.display().to_string();
            known.push(Known {
                file,
                weight: entry.weight,
                ensemble,
                start: Vec::new(),
                overlap: 0.0,
            });
        }
        Ok(Orthogonal { known })
    }

    /// Whether there is no such state.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The local energies of H and the penalties at the configurations of `ensemble`, the samples
    /// of step `step`.
    pub fn local_energies<'a>(
        &mut self,
        comm: &dyn Comm,
        ensemble: &dyn Variational,
        local: &'a [Complex64],
        step: usize,
        per_chain: usize,
    ) -> Result<Cow<'a, [Complex64]>> {
        if self.is_empty() {
            return Ok(Cow::Borrowed(local));
        }
        let mut sum = local.to_vec();
        for known in &mut self.known {
            let sampled = known.sample(step, per_chain);
            agree(comm, sampled)?;
            weigh(&mut *known.ensemble, comm)?;
            known.add(comm, ensemble, &mut sum)?;
        }
        Ok(Cow::Owned(sum))
    }

    /// The overlaps of the last step, for the log.
    pub fn words(&self) -> String {
        self.known
            .iter()
            .map(|k| format!("  overlap^2 with {} = {:.2e}", k.file, k.overlap))
            .collect()
    }
}

impl Known {
    fn sample(&mut self, step: usize, per_chain: usize) -> Result<()> {
        let request = |step, burn_in| Request {
            purpose: Purpose::Orthogonal,
            step,
            burn_in,
            per_chain,
        };
        if !self.ensemble.noise().is_none() {
            if self.start.is_empty() {
                self.ensemble.sample(&Request {
                    per_chain: 1,
                    ..request(u64::MAX, FIXED_STATE_FIRST_BURN_IN)
                })?;
                self.start = self.ensemble.chain_states().to_vec();
            }
            self.ensemble.set_chain_states(&self.start)?;
        } else if !self.ensemble.weights().is_empty() {
            return Ok(());
        }
        self.ensemble
            .sample(&request(step as u64, FIXED_STATE_BURN_IN))?;
        self.ensemble.take_counts();
        Ok(())
    }

    fn add(&mut self, comm: &dyn Comm, psi: &dyn Variational, sum: &mut [Complex64]) -> Result<()> {
        let phi = self.ensemble.log_psi_of(psi.configurations());
        let differences: Vec<Complex64> = phi
            .iter()
            .zip(psi.log_psi())
            .map(|(phi, psi)| phi - psi)
            .collect();
        // Neither state is normalised: a common factor brings R near 1.
        let mut scale = [differences.iter().map(|d| d.re).fold(f64::MIN, f64::max)];
        comm.max(&mut scale)?;
        let ratios: Vec<Complex64> = differences.iter().map(|d| exp(d - scale[0])).collect();
        let theirs = psi.log_psi_of(self.ensemble.configurations());
        let back = theirs
            .iter()
            .zip(self.ensemble.log_psi())
            .map(|(psi, phi)| exp(psi - phi + scale[0]));
        let r1: Complex64 = ratios.iter().zip(psi.weights()).map(|(r, w)| r * w).sum();
        let r2: Complex64 = back.zip(self.ensemble.weights()).map(|(r, w)| r * w).sum();
        let mut totals = [r1.re, r1.im, r2.re, r2.im];
        comm.sum(&mut totals)?;
        if !totals.iter().all(|t| t.is_finite()) {
            return Err(Error::numerical(
                format!("the overlap with {} is not a finite number", self.file),
                "lower optimize.learning_rate, or optimise to a state with fewer zeros",
            ));
        }
        let (r1, r2) = (
            Complex64::new(totals[0], totals[1]),
            Complex64::new(totals[2], totals[3]),
        );
        self.overlap = (r1 * r2).re;
        sum.iter_mut()
            .zip(ratios)
            .for_each(|(e, r)| *e += self.weight * r2 * r);
        Ok(())
    }
}

fn exp(log: Complex64) -> Complex64 {
    if log.re == f64::NEG_INFINITY {
        Complex64::ZERO
    } else {
        log.exp()
    }
}
