//! Decides how averages are taken without noise: every configuration of the sector, with its exact
//! weight.
//!
//! w(x) = |ψ(x)|²/Σ|ψ|², and A_loc(x) = ⟨x|A|ψ⟩/ψ(x) from the amplitudes themselves.
//! Configurations with ψ(x) = 0 have no local value; their share of ⟨A²⟩, Σ
//! |⟨x|A|ψ⟩|², is kept apart. Every rank evaluates all amplitudes and owns a contiguous share
//! of the configurations.

use super::evaluated::{block, derivatives, local_values, log_psi, log_psi_within};
use super::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use crate::ansatz::dbm::ImaginaryTime;
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Erased, MatrixProduct};
use crate::basis::{Basis, Move, Numbering};
use crate::derivatives::Derivatives;
use crate::error::{Error, Result};
use crate::operator::{self, Operator};
use num_complex::Complex64;
use std::ops::Range;

/// The whole sector.
pub struct FullSum {
    ansatz: Erased,
    basis: Basis,
    index: Numbering,
    share: Range<usize>,
    /// ψ(x)/max|ψ| over the sector.
    amplitudes: Vec<Complex64>,
    norm: f64,
    /// This rank's configurations with ψ ≠ 0.
    occupied: Vec<usize>,
    samples: Vec<i8>,
    log_psi: Vec<Complex64>,
    weights: Vec<f64>,
}

/// ψ e^{−`largest`} from ln ψ; `largest` is the largest real part.
pub fn relative_amplitudes(logs: &[Complex64], largest: f64) -> Vec<Complex64> {
    let amplitude = |log: &Complex64| match log.re == f64::NEG_INFINITY {
        true => Complex64::ZERO,
        false => (log - largest).exp(),
    };
    logs.iter().map(amplitude).collect()
}

impl FullSum {
    /// Largest sector that is summed.
    pub const MAX_STATES: f64 = 16_777_216.0;

    /// Configurations evaluated between two looks at whether to go on, at most.
    pub const BLOCK: usize = 1024;

    /// The sum over `basis`; this rank owns the part `share(dimension)` of the configurations.
    pub fn new(
        ansatz: Erased,
        basis: &Basis,
        share: impl Fn(usize) -> Range<usize>,
    ) -> Result<Self> {
        if basis.dimension() > Self::MAX_STATES {
            return Err(Error::input(
                "sampler.method",
                format!("a full sum over {:.3e} configurations", basis.dimension()),
                "use \"metropolis\"; full sums go up to 2^24 configurations",
            ));
        }
        let index = basis.numbering()?;
        let share = share(index.dimension());
        Ok(FullSum {
            ansatz,
            basis: basis.clone(),
            index,
            share,
            amplitudes: Vec::new(),
            norm: 0.0,
            occupied: Vec::new(),
            samples: Vec::new(),
            log_psi: Vec::new(),
            weights: Vec::new(),
        })
    }

    /// Evaluates all configurations, looking between blocks whether to go on.
    fn sum_while(&mut self, go_on: &dyn Fn() -> bool) -> Result<()> {
        let dimension = self.index.dimension();
        let mut logs = Vec::with_capacity(dimension);
        let most = block(&self.ansatz).min(Self::BLOCK);
        for start in (0..dimension).step_by(most) {
            if !go_on() {
                return Err(Error::Interrupted);
            }
            let xs = self.index.rows(start..(start + most).min(dimension));
            logs.extend(log_psi(&self.ansatz, &xs));
        }
        let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
        if !largest.is_finite() || logs.iter().any(|l| l.re.is_nan()) {
            return Err(Error::numerical(
                "the wave function is zero or not a number",
                "restart from other parameters",
            ));
        }
        self.amplitudes = relative_amplitudes(&logs, largest);
        self.norm = self.amplitudes.iter().map(Complex64::norm_sqr).sum();
        self.occupied = self
            .share
            .clone()
            .filter(|&k| self.amplitudes[k].norm_sqr() > 0.0)
            .collect();
        self.samples = self.index.rows(self.occupied.iter().copied());
        self.log_psi = self.occupied.iter().map(|&k| logs[k]).collect();
        self.weights = self
            .occupied
            .iter()
            .map(|&k| self.amplitudes[k].norm_sqr() / self.norm)
            .collect();
        Ok(())
    }
}

impl Ensemble for FullSum {
    fn sites(&self) -> usize {
        self.ansatz.sites()
    }

    fn sample_while(&mut self, _request: &Request, go_on: &dyn Fn() -> bool) -> Result<()> {
        self.sum_while(go_on)
    }

    fn configurations(&self) -> &[i8] {
        &self.samples
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        let mut local = LocalValues::default();
        let share = self.share.clone();
        let projections = operator::apply(operator, &self.index, &self.amplitudes, share.clone());
        for (k, projection) in share.zip(projections) {
            let amplitude = self.amplitudes[k];
            if amplitude.norm_sqr() > 0.0 {
                local.values.push(projection / amplitude);
            } else {
                local.unseen += projection.norm_sqr() / self.norm;
            }
        }
        Ok(local)
    }
    fn psi(&self) -> Option<&dyn Amplitudes> {
        Some(self)
    }
    fn noise(&self) -> Noise {
        Noise::None
    }
}

impl Amplitudes for FullSum {
    fn facts(&self) -> AnsatzFacts {
        self.ansatz.facts()
    }
    fn truncation(&self) -> Option<f64> {
        self.ansatz.truncation()
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
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.ansatz.set_exact(exact)
    }
    fn refresh(&mut self) -> Result<()> {
        self.sum_while(&|| true)
    }
    fn log_psi(&self) -> &[Complex64] {
        &self.log_psi
    }
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        log_psi_within(&self.ansatz, &self.basis, xs)
    }
    fn local_values_of(&self, xs: &[i8], operator: &dyn Operator) -> Vec<Complex64> {
        local_values(&self.ansatz, xs, operator)
    }
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        let n = self.index.sites();
        let ratio = |(walker, step): (usize, Move)| {
            let from = self.occupied[walker];
            let x = &self.samples[walker * n..(walker + 1) * n];
            match self.index.at(from, x).after(step) {
                None => Complex64::ZERO,
                Some(to) => self.amplitudes[to] / self.amplitudes[from],
            }
        };
        asks.iter().map(ratio).collect()
    }
    fn derivatives(&self) -> Derivatives {
        derivatives(&self.ansatz, &self.samples)
    }
    fn derivatives_of(&self, xs: &[i8]) -> Derivatives {
        derivatives(&self.ansatz, xs)
    }
    fn all(&self) -> Option<(&Numbering, &[Complex64])> {
        Some((&self.index, &self.amplitudes))
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        self.ansatz.matrix_product()
    }
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        self.ansatz.imaginary_time()
    }
}
