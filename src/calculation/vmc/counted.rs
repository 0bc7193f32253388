//! Decides what samples count in an observable: their weights, of a pair the product of both.

use crate::comm::{Comm, everywhere};
use crate::ensemble::Ensemble;
use crate::error::Result;
use crate::observable::Named;
use std::ops::Range;

/// What the samples of this rank count, and those that stand beside them in pairs.
pub(super) struct SampleWeights<'e> {
    weights: &'e [f64],
    partners: Vec<f64>,
    log_norm: f64,
}

impl<'e> SampleWeights<'e> {
    /// Those of all of `chains` chains where some observable is `paired`.
    pub(super) fn new(
        comm: &dyn Comm,
        ensemble: &'e dyn Ensemble,
        paired: bool,
        chains: usize,
    ) -> Result<Self> {
        let weights = ensemble.weights();
        let mut partners = Vec::new();
        if paired && ensemble.log_weights().is_some() {
            let all = everywhere(weights, comm)?;
            let row = all.len() / chains.max(1);
            let partner = |chain: usize| &all[(chain + chains / 2) % chains * row..][..row];
            let streams = ensemble.noise().streams();
            partners.extend(streams.flat_map(partner));
        }
        Ok(SampleWeights {
            weights,
            partners,
            log_norm: ensemble.log_norm(),
        })
    }

    /// What some samples count in an observable, in units of [`SampleWeights::unit`].
    pub(super) fn own(&self, named: &Named, rows: Range<usize>) -> Vec<f64> {
        let own = self.weights[rows.clone()].iter();
        match named.observable.needs_partners() {
            true => own.zip(&self.partners[rows]).map(|(a, b)| a * b).collect(),
            false => own.copied().collect(),
        }
    }

    /// ln of the unit.
    pub(super) fn unit(&self, named: &Named) -> f64 {
        match named.observable.needs_partners() {
            true => 2.0 * self.log_norm,
            false => self.log_norm,
        }
    }
}
