//! Decides when a measurement has reached the error that it was asked for.
//!
//! The error bar is looked at after 4, 6, 8, 12, 16, 24, … blocks of samples: σ of few blocks is
//! itself noisy, and a stop at the first low value would flatter it. The chains have to agree
//! (R-hat ≤ 1.1) and to hold 100 effective samples.

use super::keys::{MeasureInput, TargetError};
use super::measurement::Measurement;
use crate::ensemble::Noise;
use crate::error::{Error, Result};
use crate::observable::Named;
use crate::stats::limits::{MAX_R_HAT, MIN_EFFECTIVE_SAMPLES};
use std::ops::Range;

/// An error that sampling goes on to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The observable and the entries of its quantities; the energy where there is none.
    observable: Option<(usize, Range<usize>)>,
    error: f64,
}

/// The observable called `name` and where the entries of its quantity `wanted` stand.
///
/// Errors: [`Error::Input`] where nothing of that name is measured.
fn place(observables: &[Named], name: &str, wanted: &str) -> Result<(usize, Range<usize>)> {
    let Some(k) = observables.iter().position(|n| n.name == name) else {
        let names = observables.iter().map(|n| n.name.as_str());
        let known: Vec<_> = std::iter::once("energy").chain(names).collect();
        return Err(Error::input(
            "measure.target_error.observable",
            format!("`{name}` is not measured"),
            format!("measured: {}", known.join(", ")),
        ));
    };
    let quantities = observables[k].observable.quantities();
    let Some(q) = quantities.iter().position(|q| q.name == wanted) else {
        let names = quantities.iter().map(|q| format!("\"{}\"", q.name));
        let names: Vec<_> = names.collect();
        return Err(Error::input(
            "measure.target_error.quantity",
            format!("`{name}` has no quantity `{wanted}`"),
            format!("it has {}", names.join(", ")),
        ));
    };
    let start: usize = quantities[..q].iter().map(|q| q.entries()).sum();
    Ok((k, start..start + quantities[q].entries()))
}

impl Target {
    /// The target of an input, if it has one; an error if it names nothing that is measured.
    pub fn new(settings: &MeasureInput, observables: &[Named]) -> Result<Option<Self>> {
        let (place, error) = match &settings.target_error {
            None => return Ok(None),
            Some(TargetError::Energy(error)) => (None, *error),
            Some(TargetError::Observable {
                observable, error, ..
            }) if observable == "energy" => (None, *error),
            Some(TargetError::Observable {
                observable,
                quantity,
                error,
            }) => {
                let wanted = quantity.as_deref().unwrap_or_default();
                (Some(place(observables, observable, wanted)?), *error)
            }
        };
        if !(error.is_finite() && error > 0.0) {
            return Err(Error::input(
                "measure.target_error",
                format!("{error} is not an error bar"),
                "give a positive number",
            ));
        }
        Ok(Some(Target {
            observable: place,
            error,
        }))
    }

    /// Whether the error is looked at after so many blocks.
    pub fn is_due(blocks: usize) -> bool {
        let third = blocks / 3;
        blocks >= 4
            && (blocks.is_power_of_two() || (blocks.is_multiple_of(3) && third.is_power_of_two()))
    }

    /// Whether the measurement so far is good enough; on rank 0.
    pub fn is_reached(&self, m: &Measurement, observables: &[Named], noise: &Noise) -> bool {
        let cut = m.approach(noise).cut;
        let energy = m.energy_after(cut, noise);
        let error = match &self.observable {
            None => energy.error,
            Some((k, range)) => {
                let observable = &observables[*k].observable;
                let summary =
                    m.observations.bins[*k].summary(cut, &|means| observable.evaluate(means));
                if summary.r_hat > MAX_R_HAT {
                    return false;
                }
                summary.error[range.clone()]
                    .iter()
                    .copied()
                    .fold(0.0, f64::max)
            }
        };
        error <= self.error
            && energy.r_hat <= MAX_R_HAT
            && energy.effective_samples >= MIN_EFFECTIVE_SAMPLES
    }

    /// What is said where `samples` were not enough.
    pub fn missed(&self, samples: usize) -> String {
        format!(
            "the target error {:e} is not reached with {samples} samples, the most that were \
             allowed; raise measure.samples",
            self.error
        )
    }
}
