//! Decides how many bytes sampling takes on a rank beside the wave function itself.
//!
//! Of n samples on N sites: rows, ln ψ and weights stay; local values and the tables of chains go.
//! Tables of samples are there in blocks of [`BATCH_BYTES`]. What log-derivatives need until they
//! are done is there once; where there is one block, it is gone before a solve begins. Of a full
//! sum over D states, of which a rank owns d: amplitudes of all stay, and their logarithms or
//! projections go.

use crate::ansatz::AnsatzFacts;
use crate::basis::Basis;
use crate::ensemble::{BATCH_BYTES, FullSum};
use crate::error::{Error, Result};
use crate::input::{Method, SamplerInput};
use crate::linalg;

/// Bytes of a sample besides its row: ln ψ and weight.
const SAMPLE: f64 = 24.0;
/// Bytes of what a weight follows from, where weights differ.
const LOG_WEIGHT: f64 = 8.0;
/// Bytes of its local value and of what makes it.
const VALUES: f64 = 32.0;
/// Bytes of a complex number.
const COMPLEX: f64 = 16.0;

/// Bytes that samples take on a rank.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sampling {
    /// Until the next samples.
    pub kept: f64,
    /// Besides, while they are made and evaluated.
    pub work: f64,
    /// Besides, while log-derivatives are made, and gone before they are used.
    pub scratch: f64,
}

impl Sampling {
    /// Of `samples` samples over `size` ranks, or of a full sum; `derived` says whether
    /// log-derivatives are asked for.
    pub fn new(
        sampler: &SamplerInput,
        basis: &Basis,
        facts: &AnsatzFacts,
        (samples, size): (usize, usize),
        derived: bool,
    ) -> Self {
        let (sites, most) = (basis.sites() as f64, BATCH_BYTES as f64);
        let walker = facts.bytes_per_walker as f64;
        let lean = walker - facts.derivative_bytes as f64;
        let block = (most / walker).max(1.0);
        let scratch = facts.derivative_scratch as f64;
        // Later blocks need it beside what a solve has of the first ones.
        let once = |own: f64| match (derived, own > block) {
            (false, _) => [0.0; 2],
            (true, true) => [scratch, 0.0],
            (true, false) => [0.0, scratch],
        };
        let slopes = |own: f64| match derived {
            true => own.min(block) * walker + once(own)[0],
            false => 0.0,
        };
        if sampler.method == Method::FullSum {
            let all = basis.dimension();
            let own = (all / size as f64).ceil();
            let blocks = own.min(block).min(FullSum::BLOCK as f64) * lean;
            // Steps sample anew while the old amplitudes are there.
            let old = if derived { COMPLEX * all } else { 0.0 };
            return Sampling {
                kept: COMPLEX * all + own * (sites + SAMPLE + 8.0),
                // Logarithms are gone when values come.
                work: f64::max(COMPLEX * all + old + blocks, VALUES * own + slopes(own)),
                scratch: once(own)[1],
            };
        }
        let own = samples.div_ceil(size) as f64;
        let sample = match sampler.is_weighted() {
            true => SAMPLE + LOG_WEIGHT,
            false => SAMPLE,
        };
        let replicas = sampler.powers(basis.sites()).len();
        let walkers = (sampler.chains.div_ceil(size) * replicas) as f64;
        Sampling {
            kept: own * (sites + sample) + walkers * sites + own.min(block) * lean,
            work: own * VALUES + (walkers * lean).max(slopes(own) - own.min(block) * lean),
            scratch: once(own)[1],
        }
    }

    /// All of it.
    pub fn bytes(&self) -> f64 {
        self.kept + self.work + self.scratch
    }
}

/// An error where the samples of a step cannot fit in memory.
pub fn refuse_samples(
    sampler: &SamplerInput,
    basis: &Basis,
    facts: &AnsatzFacts,
    size: usize,
) -> Result<()> {
    let needed = Sampling::new(sampler, basis, facts, (sampler.samples, size), false).bytes();
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
