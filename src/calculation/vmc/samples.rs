//! Decides what is kept of samples: configurations, ln ψ, local energies, weights, chain and step.

use super::Vmc;
use super::state::gather_spins;
use crate::comm::Comm;
use crate::error::Result;
use crate::input::{KeptSamples, Method};
use crate::io::samples::Segment;
use crate::number::{flatten, unflatten};
use num_complex::Complex64;

fn complex(flat: &[f64]) -> Vec<Complex64> {
    unflatten(flat)
}

fn flat(values: &[Complex64]) -> Vec<f64> {
    flatten(values.iter().copied())
}

impl Vmc<'_> {
    /// Whether the input asks for the samples of an optimisation, or of a measurement.
    pub fn keeps_samples(&self, of_steps: bool) -> bool {
        let kept =
            self.kept == KeptSamples::All || (self.kept == KeptSamples::Measure && !of_steps);
        kept && self.sampler.method != Method::FullSum && self.ensemble.psi().is_some()
    }

    /// The present samples of all ranks, `per_chain` of each chain, as rows of the samples file on
    /// rank 0; `step` is −1 in a measurement.
    pub fn sample_rows(
        &self,
        comm: &dyn Comm,
        local_energies: &[Complex64],
        per_chain: usize,
        step: i64,
    ) -> Result<Segment> {
        let configurations = gather_spins(comm, self.ensemble.configurations())?;
        let log_psi = complex(&comm.gather(&flat(self.ensemble.log_psi()))?);
        let local_energies = complex(&comm.gather(&flat(local_energies))?);
        let log_weights = match self.ensemble.log_weights() {
            Some(logs) => comm.gather(logs)?,
            None => Vec::new(),
        };
        let rows = log_psi.len();
        Ok(Segment {
            sites: self.sites(),
            configurations,
            log_psi,
            local_energies,
            log_weights,
            chain: (0..rows).map(|k| (k / per_chain.max(1)) as i64).collect(),
            step: Some(vec![step; rows]),
            ..Segment::default()
        })
    }
}
