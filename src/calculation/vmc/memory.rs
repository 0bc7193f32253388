//! Decides how many bytes sampling takes on a rank beside the wave function itself.
//!
//! Of n samples on N sites: rows, ln ψ, weights, local values; tables of the chains, and of the
//! samples in blocks of [`BATCH_BYTES`]. Of a full sum over D states, of which a rank owns d: the
//! amplitudes of all states three times (old, new, logarithms), rows of its own twice.

use crate::basis::Basis;
use crate::ensemble::{BATCH_BYTES, FullSum};
use crate::error::{Error, Result};
use crate::input::{Method, SamplerInput};
use crate::linalg;

/// Bytes of a sample besides its row: ln ψ, weight, local value and what makes them.
const SAMPLE: f64 = 64.0;
/// Bytes of a state of a full sum on every rank.
const STATE: f64 = 48.0;

/// Bytes that `samples` samples over `size` ranks take on one of them, or a full sum; `walker` are
/// those of the tables of one configuration.
pub fn sampling_bytes(
    sampler: &SamplerInput,
    basis: &Basis,
    walker: usize,
    samples: usize,
    size: usize,
) -> f64 {
    let (sites, walker) = (basis.sites() as f64, walker as f64);
    let tables = |samples: f64| (samples * walker).min(walker.max(BATCH_BYTES as f64));
    if sampler.method == Method::FullSum {
        let own = (basis.dimension() / size as f64).ceil();
        return STATE * basis.dimension() + own * (2.0 * sites + SAMPLE) + tables(own);
    }
    let own = samples.div_ceil(size) as f64;
    let chains = sampler.chains.div_ceil(size) as f64;
    own * (sites + SAMPLE) + chains * walker + tables(own)
}

/// An error where the samples of a step cannot fit in memory.
pub fn refuse_samples(
    sampler: &SamplerInput,
    basis: &Basis,
    walker: usize,
    size: usize,
) -> Result<()> {
    let needed = sampling_bytes(sampler, basis, walker, sampler.samples, size);
    let available = linalg::available_memory();
    // A sum over too many states has an error of its own.
    let refused = sampler.method == Method::FullSum && basis.dimension() > FullSum::MAX_STATES;
    if needed <= available || refused {
        return Ok(());
    }
    let what = match sampler.method {
        Method::FullSum => format!("a full sum over {:.3e} states", basis.dimension()),
        _ => format!("a step with {} samples", sampler.samples),
    };
    Err(Error::Memory {
        what,
        needed,
        available,
    })
}
