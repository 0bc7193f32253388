//! Decides how configurations are drawn without chains: independently, each from |ψ|².
//!
//! Sample k of stream c is the k-th configuration that the generator (seed, purpose, c, step)
//! draws, on whichever rank the stream lies. Weights are 1/n, and nothing is remembered from block
//! to block.

use super::evaluated::{Evaluated, KeepsSamples, answers_from_samples};
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::{Ansatz, Erased};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::rng::{Generator, lane, stream};
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
    settings: IndependentSettings,
    samples: Evaluated,
}

impl Independent {
    /// Samples of `ansatz`; an error where it cannot be drawn from.
    pub fn new(ansatz: Erased, settings: IndependentSettings) -> Result<Self> {
        if ansatz.direct().is_none() {
            return Err(Error::input(
                "sampler.method",
                "\"direct\" draws independent samples, and this wave function cannot be drawn \
                 without a chain",
                "use \"metropolis\" or \"full-sum\", or a wave function that can be drawn: \
                 ansatz.kind = \"autoregressive\", or \"mps\" with boundary = \"open\" and without \
                 a sector",
            ));
        }
        Ok(Independent {
            samples: Evaluated::new(ansatz, &settings.basis),
            settings,
        })
    }
}

impl Ensemble for Independent {
    fn sites(&self) -> usize {
        self.samples.ansatz.sites()
    }

    fn sample_while(&mut self, request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        let (n, settings, each) = (
            self.samples.ansatz.sites(),
            &self.settings,
            request.per_chain,
        );
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
            if let Some(direct) = self.samples.ansatz.direct() {
                direct.draw(&mut rngs, &mut drawn, &mut log_weights);
            }
            for (c, x) in drawn.chunks_exact(n).enumerate() {
                self.samples.rows[(c * each + k) * n..][..n].copy_from_slice(x);
            }
        }
        let total = self.settings.total_streams * each;
        self.samples.evaluate(total);
        Ok(())
    }

    answers_from_samples!();
    fn noise(&self) -> Noise {
        Noise::Independent(self.settings.streams.clone())
    }
}

impl KeepsSamples for Independent {
    fn samples(&self) -> &Evaluated {
        &self.samples
    }
    fn samples_mut(&mut self) -> &mut Evaluated {
        &mut self.samples
    }
}
