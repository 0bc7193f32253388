//! Decides which keys `[measure]` has, their defaults, and which values are refused before any
//! physics is built.
//!
//! `target_error = 1e-3` is the σ of the energy; a table names an observable and one of its
//! quantities.

use crate::error::{Error, Result};
use crate::input::{FIRST_BURN_IN, Method, ObservableInput, SamplerInput, Source};
use crate::linalg::available_memory;
use schemars::JsonSchema;
use serde::Deserialize;

/// `measure.target_error`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a number, or a table with the keys observable, error and perhaps quantity"
)]
pub enum TargetError {
    /// Of the energy.
    Energy(f64),
    /// Of an observable.
    Observable {
        /// Its name in the results
        observable: String,
        /// Its quantity, such as "squared" of "magnetisation"; the observable's own by default
        quantity: Option<String>,
        /// The largest error of an entry
        error: f64,
    },
}

/// `[measure]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureInput {
    /// Samples over all ranks, a multiple of chains; 0 with `amplitudes`: nothing is sampled
    pub samples: usize,
    /// Sweeps before the first sample (100)
    #[serde(default = "default_burn_in")]
    pub burn_in: usize,
    /// Sampling stops at this error of the energy or of an observable, and at `samples` at the
    /// latest
    pub target_error: Option<TargetError>,
    /// Observables besides the energy
    #[serde(default)]
    pub observables: Vec<ObservableInput>,
    /// Configurations of which ln psi is told, one value a site
    #[serde(default)]
    pub amplitudes: Vec<Vec<i64>>,
}

fn default_burn_in() -> usize {
    FIRST_BURN_IN
}

/// Bytes of a measured sample's local energy on rank 0: in its series, and in the two copies that
/// a save makes.
const BYTES_PER_SAMPLE: f64 = 48.0;
/// The same of its weight, where weights differ.
const BYTES_PER_WEIGHT: f64 = 24.0;

/// Bytes that rank 0 keeps of a measured sample.
pub fn bytes_of_sample(sampler: &SamplerInput) -> f64 {
    match sampler.is_weighted() {
        true => BYTES_PER_SAMPLE + BYTES_PER_WEIGHT,
        false => BYTES_PER_SAMPLE,
    }
}

/// `[measure]` of an input, if there is one.
pub fn keys(source: &Source) -> Result<Option<MeasureInput>> {
    source.section("measure")
}

/// An error for the first key whose value cannot work.
pub fn validate(source: &Source) -> Result<()> {
    let Some(m) = keys(source)? else {
        return Ok(());
    };
    if m.samples == 0 && !m.amplitudes.is_empty() {
        return nothing_sampled(&m);
    }
    let sampler = source.input.sampler.clone().unwrap_or_default();
    sampler.enough_for_an_error("measure.samples", m.samples)?;
    sampler.multiple_of_chains("measure.samples", m.samples)?;
    let needed = bytes_of_sample(&sampler) * m.samples as f64;
    let available = available_memory();
    if sampler.method != Method::FullSum && needed > available {
        return Err(Error::input(
            "measure.samples",
            format!(
                "rank 0 keeps the local energies of all samples, {:.1} GB, and {:.1} GB are free",
                needed / 1e9,
                available / 1e9
            ),
            "measure fewer samples, with more sampler.sweeps between them",
        ));
    }
    Ok(())
}

/// An error for a key that needs samples, where there are none.
fn nothing_sampled(m: &MeasureInput) -> Result<()> {
    let observables = (!m.observables.is_empty()).then_some("observables");
    let target = m.target_error.as_ref().map(|_| "target_error");
    match observables.or(target) {
        None => Ok(()),
        Some(key) => Err(Error::input(
            format!("measure.{key}"),
            "measure.samples = 0 leaves out everything but amplitudes",
            "raise measure.samples, or leave the key out",
        )),
    }
}
