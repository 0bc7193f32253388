//! Decides when a measurement has reached the error that it was asked for.
//!
//! The error bar is looked at after 4, 6, 8, 12, 16, 24, … blocks of samples: σ of few blocks is
//! itself noisy, and a stop at the first low value would flatter it. The chains have to agree
//! (R-hat ≤ 1.1) and to hold 100 effective samples.

use super::keys::{MeasureInput, TargetError};
use super::measurement::Measurement;
use crate::calculation::vmc::Energy;
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

impl Target {
    /// The target of an input, if it has one; an error if it names nothing that is measured.
    pub fn new(settings: &MeasureInput, observables: &[Named]) -> Result<Option<Self>> {
        let key = |name: &str| format!("measure.target_error{name}");
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
                let names = observables.iter().map(|n| n.name.as_str());
                let known = ["energy"]
                    .into_iter()
                    .chain(names)
                    .collect::<Vec<_>>()
                    .join(", ");
                let k = observables
                    .iter()
                    .position(|n| n.name == *observable)
                    .ok_or_else(|| {
                        let problem = format!("`{observable}` is not measured");
                        Error::input(key(".observable"), problem, format!("measured: {known}"))
                    })?;
                let quantities = observables[k].observable.quantities();
                let wanted = quantity.clone().unwrap_or_default();
                let q = quantities
                    .iter()
                    .position(|q| q.name == wanted)
                    .ok_or_else(|| {
                        let names: Vec<_> = quantities
                            .iter()
                            .map(|q| format!("\"{}\"", q.name))
                            .collect();
                        let problem = format!("`{observable}` has no quantity `{wanted}`");
                        Error::input(
                            key(".quantity"),
                            problem,
                            format!("it has {}", names.join(", ")),
                        )
                    })?;
                let start: usize = quantities[..q].iter().map(|q| q.entries()).sum();
                (Some((k, start..start + quantities[q].entries())), *error)
            }
        };
        if !(error.is_finite() && error > 0.0) {
            return Err(Error::input(
                key(""),
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
        let energy = Energy::from_series(&m.after(cut), noise);
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
