//! Decides how samples are evaluated: in blocks whose tables fit in a fixed number of bytes.
//!
//! Tables of all samples are kept only where they are one block; otherwise each question builds
//! those of its samples anew and drops them. A walker's numbers do not depend on the batch that it
//! is in, so blocks change no bit.

use super::weights::LogWeights;
use super::{Amplitudes, LocalValues, local_values_by_ratios};
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, Erased, MatrixProduct};
use crate::basis::{Basis, Numbering};
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::operator::Operator;
use crate::sampler::BORN;
use crate::stats::{all_streams, largest_log, stream_sums};
use num_complex::Complex64;

/// Bytes that the tables of samples may take at once on a rank.
pub const BATCH_BYTES: usize = 64 << 20;

type Batch = <Erased as Ansatz>::Batch;
type Scratch = <Erased as Ansatz>::Scratch;

/// Walkers of a wave function that are evaluated at once.
pub(super) fn block(ansatz: &Erased) -> usize {
    (BATCH_BYTES / ansatz.facts().bytes_per_walker.max(1)).max(1)
}

/// ln ψ of any configurations.
pub(super) fn log_psi(ansatz: &Erased, xs: &[i8]) -> Vec<Complex64> {
    xs.chunks(block(ansatz) * ansatz.sites())
        .flat_map(|xs| ansatz.log_psi(&ansatz.batch(xs)))
        .collect()
}

/// ln ψ of configurations that may lie outside the sector, where it is −∞.
pub(super) fn log_psi_within(ansatz: &Erased, basis: &Basis, xs: &[i8]) -> Vec<Complex64> {
    let outside = Complex64::new(f64::NEG_INFINITY, 0.0);
    let logs = log_psi(ansatz, xs).into_iter();
    logs.zip(xs.chunks_exact(basis.sites()))
        .map(|(log, x)| if basis.contains(x) { log } else { outside })
        .collect()
}

/// O_k of any configurations.
pub(super) fn derivatives(ansatz: &Erased, xs: &[i8]) -> Derivatives {
    let n = ansatz.sites();
    if xs.is_empty() {
        return ansatz.derivatives(&ansatz.batch(xs));
    }
    let parts = xs.chunks(block(ansatz) * n);
    let parts = parts.map(|xs| ansatz.derivatives(&ansatz.batch(xs)));
    Derivatives::collect(xs.len() / n, parts)
}

/// A_loc of any configurations, row by row.
pub(super) fn local_values(ansatz: &Erased, xs: &[i8], operator: &dyn Operator) -> Vec<Complex64> {
    xs.chunks(block(ansatz) * ansatz.sites())
        .flat_map(|xs| local_values_by_ratios(ansatz, &ansatz.batch(xs), xs, operator))
        .collect()
}

/// Samples of a wave function with what is known of them.
pub(super) struct Evaluated {
    /// The wave function.
    pub ansatz: Erased,
    basis: Basis,
    /// Configurations, row by row.
    pub rows: Vec<i8>,
    /// ln ψ of each.
    pub log_psi: Vec<Complex64>,
    /// Their weights.
    pub weights: Vec<f64>,
    /// What they follow from, where they differ.
    pub log_weights: LogWeights,
    /// Tables of all of them, if they are one block.
    batch: Option<Batch>,
}

impl Evaluated {
    /// No samples yet.
    pub fn new(ansatz: Erased, basis: &Basis) -> Self {
        Evaluated {
            ansatz,
            basis: basis.clone(),
            rows: Vec::new(),
            log_psi: Vec::new(),
            weights: Vec::new(),
            log_weights: LogWeights::default(),
            batch: None,
        }
    }

    /// Evaluates `rows`, which have been filled in, with the same weight for each of the `total`
    /// samples of all ranks.
    pub fn evaluate(&mut self, total: usize) {
        self.weights = vec![1.0 / total as f64; self.rows.len() / self.ansatz.sites()];
        self.refresh();
    }

    /// The same for samples of |ψ|^`power`, whose weights sum to 1 over this rank.
    pub fn evaluate_weighted(&mut self, power: f64) {
        self.refresh();
        let logs: Vec<f64> = self.log_psi.iter().map(|l| (BORN - power) * l.re).collect();
        let top = largest_log(&logs);
        let (norm, _) = all_streams(&stream_sums(&logs, 1, top), top);
        self.log_weights = LogWeights { logs, norm };
        self.weights = self.log_weights.weights();
    }

    /// Evaluates them anew, with the weights that they have.
    fn refresh(&mut self) {
        let ansatz = &self.ansatz;
        // The old tables go before the new ones come.
        self.batch = None;
        if self.rows.len() > block(ansatz) * ansatz.sites() {
            self.log_psi = log_psi(ansatz, &self.rows);
            return;
        }
        let batch = ansatz.batch(&self.rows);
        self.log_psi = ansatz.log_psi(&batch);
        self.batch = Some(batch);
    }

    /// Local values of an operator; no configuration is unseen that a sample could miss.
    pub fn local_values(&self, operator: &dyn Operator) -> LocalValues {
        let ansatz = &self.ansatz;
        let values = match &self.batch {
            Some(batch) => local_values_by_ratios(ansatz, batch, &self.rows, operator),
            None => local_values(ansatz, &self.rows, operator),
        };
        LocalValues {
            values,
            unseen: 0.0,
        }
    }

    /// ψ(x')/ψ(x) for questions about any of the samples.
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        let ansatz = &self.ansatz;
        let mut scratch = Scratch::default();
        let mut out = vec![Complex64::ZERO; asks.len()];
        if let Some(batch) = &self.batch {
            ansatz.ratios(batch, asks, &mut scratch, &mut out);
            return out;
        }
        let (n, most) = (ansatz.sites(), block(ansatz));
        let (mut own, mut xs, mut last, mut first) = (Asks::default(), Vec::new(), None, 0);
        let mut settle = |own: &mut Asks, xs: &mut Vec<i8>, first: &mut usize| {
            let answers = &mut out[*first..*first + own.len()];
            ansatz.ratios(&ansatz.batch(xs), own, &mut scratch, answers);
            *first += own.len();
            own.clear();
            xs.clear();
        };
        for (walker, step) in asks.iter() {
            if last != Some(walker) {
                if xs.len() == most * n {
                    settle(&mut own, &mut xs, &mut first);
                }
                xs.extend_from_slice(&self.rows[walker * n..(walker + 1) * n]);
                last = Some(walker);
            }
            own.push(xs.len() / n - 1, step);
        }
        settle(&mut own, &mut xs, &mut first);
        out
    }
}

/// What an [`super::Ensemble`] with the field `samples` says of its samples.
macro_rules! answers_from_samples {
    () => {
        fn configurations(&self) -> &[i8] {
            &self.samples.rows
        }
        fn weights(&self) -> &[f64] {
            &self.samples.weights
        }
        fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
            Ok(self.samples.local_values(operator))
        }
        fn psi(&self) -> Option<&dyn Amplitudes> {
            Some(self)
        }
    };
}
pub(super) use answers_from_samples;

/// An ensemble whose samples are kept evaluated.
pub(super) trait KeepsSamples {
    fn samples(&self) -> &Evaluated;
    fn samples_mut(&mut self) -> &mut Evaluated;
}

impl<E: KeepsSamples> Amplitudes for E {
    fn facts(&self) -> AnsatzFacts {
        self.samples().ansatz.facts()
    }
    fn truncation(&self) -> Option<f64> {
        self.samples().ansatz.truncation()
    }
    fn layout(&self) -> Vec<Block> {
        self.samples().ansatz.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.samples().ansatz.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.samples_mut().ansatz.set_parameters(parameters)
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.samples_mut().ansatz.set_exact(exact)
    }
    fn refresh(&mut self) -> Result<()> {
        self.samples_mut().refresh();
        Ok(())
    }
    fn log_psi(&self) -> &[Complex64] {
        &self.samples().log_psi
    }
    fn log_psi_of(&self, xs: &[i8]) -> Vec<Complex64> {
        let samples = self.samples();
        log_psi_within(&samples.ansatz, &samples.basis, xs)
    }
    fn local_values_of(&self, xs: &[i8], operator: &dyn Operator) -> Vec<Complex64> {
        local_values(&self.samples().ansatz, xs, operator)
    }
    fn ratios(&self, asks: &Asks) -> Vec<Complex64> {
        let samples = self.samples();
        let n = samples.ansatz.sites();
        let mut out = samples.ratios(asks);
        for (ratio, (walker, step)) in out.iter_mut().zip(asks.iter()) {
            let x = &samples.rows[walker * n..(walker + 1) * n];
            if !samples.basis.keeps(x, step) {
                *ratio = Complex64::ZERO;
            }
        }
        out
    }
    fn derivatives(&self) -> Derivatives {
        let samples = self.samples();
        match &samples.batch {
            Some(batch) => samples.ansatz.derivatives(batch),
            None => derivatives(&samples.ansatz, &samples.rows),
        }
    }
    fn derivatives_of(&self, xs: &[i8]) -> Derivatives {
        derivatives(&self.samples().ansatz, xs)
    }
    fn all(&self) -> Option<(&Numbering, &[Complex64])> {
        None
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        self.samples().ansatz.matrix_product()
    }
}
