//! Decides what is kept of samples between two checkpoints: configurations, ln ψ, local energies,
//! chain and step.

use super::Run;
use crate::comm::Comm;
use crate::ensemble::Variational;
use crate::error::Result;
use crate::input::{KeptSamples, Method};
use crate::io::samples::Segment;
use num_complex::Complex64;

/// Samples on their way to the next segment; only rank 0 holds any.
#[derive(Debug, Clone, Default)]
pub struct SampleBuffer {
    /// Spins, row by row.
    pub configurations: Vec<i8>,
    /// ln ψ of each sample.
    pub log_psi: Vec<Complex64>,
    /// Local energy of each sample.
    pub local_energies: Vec<Complex64>,
    /// Global number of the chain of each sample.
    pub chain: Vec<i64>,
    /// Optimisation step of each sample, −1 in a measurement.
    pub step: Vec<i64>,
}

fn complex(flat: Vec<f64>) -> impl Iterator<Item = Complex64> {
    flat.chunks_exact(2)
        .map(|v| Complex64::new(v[0], v[1]))
        .collect::<Vec<_>>()
        .into_iter()
}

fn flat(values: &[Complex64]) -> Vec<f64> {
    values.iter().flat_map(|v| [v.re, v.im]).collect()
}

impl SampleBuffer {
    /// Gathers the ensemble's present samples, `per_chain` of each chain, on rank 0.
    pub fn gather(
        &mut self,
        comm: &dyn Comm,
        ensemble: &dyn Variational,
        local_energies: &[Complex64],
        per_chain: usize,
        step: i64,
    ) -> Result<()> {
        let bytes: Vec<u8> = ensemble.configurations().iter().map(|&s| s as u8).collect();
        let configurations = comm.gather_bytes(&bytes)?;
        let log_psi = comm.gather(&flat(ensemble.log_psi()))?;
        let energies = comm.gather(&flat(local_energies))?;
        if comm.is_root() {
            let new = log_psi.len() / 2;
            self.configurations
                .extend(configurations.into_iter().map(|b| b as i8));
            self.log_psi.extend(complex(log_psi));
            self.local_energies.extend(complex(energies));
            self.chain
                .extend((0..new).map(|k| (k / per_chain.max(1)) as i64));
            self.step.extend(std::iter::repeat_n(step, new));
        }
        Ok(())
    }

    /// The buffer as a segment of the samples file.
    pub fn into_segment(self, sites: usize) -> Segment {
        Segment {
            sites,
            configurations: self.configurations,
            log_psi: self.log_psi,
            local_energies: self.local_energies,
            chain: self.chain,
            step: Some(self.step),
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.log_psi.is_empty()
    }
}

impl Run<'_> {
    /// Where the chains of all ranks stand, on rank 0.
    pub(super) fn gather_chains(&self) -> Result<Option<Vec<i8>>> {
        let bytes: Vec<u8> = self
            .ensemble
            .chain_states()
            .iter()
            .map(|&s| s as u8)
            .collect();
        let all = self.comm.gather_bytes(&bytes)?;
        Ok(self
            .comm
            .is_root()
            .then(|| all.into_iter().map(|b| b as i8).collect()))
    }

    fn keeps_samples(&self, of_steps: bool) -> bool {
        let sampled =
            self.source.input.sampler.clone().unwrap_or_default().method != Method::FullSum;
        let kept = self.source.input.output.samples;
        sampled && (kept == KeptSamples::All || (kept == KeptSamples::Measure && !of_steps))
    }

    /// Keeps the samples of a step, where the input says so.
    pub(super) fn keep_step_samples(&mut self, local_energies: &[Complex64]) -> Result<()> {
        let step = self.progress.step as i64 - 1;
        let per_chain = local_energies.len() / self.ensemble.noise().streams().len().max(1);
        if self.keeps_samples(true) {
            self.buffer
                .gather(self.comm, &*self.ensemble, local_energies, per_chain, step)?;
        }
        Ok(())
    }

    /// Keeps the samples of a measurement, where the input says so.
    pub(super) fn keep_measured_samples(
        &mut self,
        local_energies: &[Complex64],
        per_chain: usize,
    ) -> Result<()> {
        if self.keeps_samples(false) {
            self.buffer
                .gather(self.comm, &*self.ensemble, local_energies, per_chain, -1)?;
        }
        Ok(())
    }
}
