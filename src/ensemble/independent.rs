//! Decides how configurations are drawn without chains: independently, each from |ψ|².
//!
//! Sample k of stream c is the k-th configuration that the generator (seed, purpose, c, step)
//! draws, on whichever rank the stream lies. Weights are 1/n, and nothing is remembered from block
//! to block.

use super::evaluated::{Evaluated, log_psi_within};
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Erased};
use crate::basis::{Basis, Numbering};
use crate::derivatives::Derivatives;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{Generator, lane, stream};
use crate::sampler::Counts;
use num_complex::Complex64;
use std::ops::Range;

/// What drawing needs besides the wave function.
pub struct IndependentSettings {
    /// The configurations.
    pub basis: Basis,
    /// Seed of the run.
    pub seed: u64,
    /// Number of this ensemble among those of the run, each with streams of its own.
    pub number: u64,
    /// Global numbers of this rank's streams.
    pub streams: Range<usize>,
    /// Streams over all ranks.
    pub total_streams: usize,
}

/// Independent samples of one rank.
pub struct Independent {
    ansatz: Erased,
    settings: IndependentSettings,
    samples: Evaluated,
    weights: Vec<f64>,
}

impl Independent {
    /// Samples of `ansatz`; an error where it cannot be drawn from.
    pub fn new(ansatz: Erased, settings: IndependentSettings) -> Result<Self> {
        if ansatz.direct().is_none() {
            return Err(Error::input(
                "sampler.method",
                "\"direct\" draws independent samples, and this wave function cannot be drawn \
                 without a chain",
                "use \"metropolis\" or \"full-sum\", or ansatz.kind = \"autoregressive\", which \
                 can be drawn",
            ));
        }
        Ok(Independent {
            ansatz,
            settings,
            samples: Evaluated::default(),
            weights: Vec::new(),
        })
    }
}

impl Ensemble for Independent {
    fn sites(&self) -> usize {
        self.ansatz.sites()
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let (n, settings, each) = (self.ansatz.sites(), &self.settings, request.per_chain);
        let streams = settings.streams.len();
        let generator = |c| {
            let name = lane(settings.number, c as u64);
            stream(settings.seed, request.purpose, name, request.step)
        };
        let mut rngs: Vec<Generator> = settings.streams.clone().map(generator).collect();
        let mut drawn = vec![0; streams * n];
        let mut log_weights = vec![0.0; streams];
        self.samples.rows.resize(streams * each * n, 0);
        for k in 0..each {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            if let Some(direct) = self.ansatz.direct() {
                direct.draw(&mut rngs, &mut drawn, &mut log_weights);
            }
            for (c, x) in drawn.chunks_exact(n).enumerate() {
                self.samples.rows[(c * each + k) * n..][..n].copy_from_slice(x);
            }
        }
        self.samples.evaluate(&self.ansatz);
        let total = (self.settings.total_streams * each) as f64;
        self.weights = vec![1.0 / total; streams * each];
        Ok(())
    }

    fn configurations(&self) -> &[i8] {
        &self.samples.rows
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn noise(&self) -> Noise {
        Noise::Independent(self.settings.streams.clone())
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        Ok(LocalValues {
            values: self.samples.local_values(&self.ansatz, operator),
            unseen: 0.0,
        })
    }
    fn psi(&self) -> Option<&dyn Amplitudes> {
        Some(self)
    }
    fn take_counts(&mut self) -> Counts {
        Counts::default()
    }
    fn chain_states(&self) -> &[i8] {
        &[]
    }
    fn set_chain_states(&mut self, _states: &[i8]) -> Result<()> {
        Ok(())
    }
    fn load(&mut self, _whole: &[i8]) -> Result<()> {
        Ok(())
    }
}

impl Amplitudes for Independent {
    fn facts(&self) -> AnsatzFacts {
        self.ansatz.facts()
    }
    fn layout(&self) -> Vec<Block> {
        self.ansatz.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.ansatz.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.ansatz.set_parameters(parameters)
    }
    fn log_psi(&self) -> &[Complex64] {
        &self.samples.log_psi
    }
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        log_psi_within(&self.ansatz, &self.settings.basis, xs)
    }
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        self.samples
            .ratios_within(&self.ansatz, &self.settings.basis, asks)
    }
    fn derivatives(&self) -> Derivatives {
        self.samples.derivatives(&self.ansatz)
    }
    fn all(&self) -> Option<(&Numbering, &[Complex64])> {
        None
    }
}
