//! Decides when replicas at smaller powers exchange too rarely to help the samples.

use crate::stats::limits::MIN_SWAP_ACCEPTANCE;

/// A warning where the share of exchanges between some power and the next is small.
pub fn of_exchanges(shares: &[f64]) -> Option<String> {
    let least = shares.iter().copied().fold(1.0, f64::min);
    (least < MIN_SWAP_ACCEPTANCE).then(|| {
        format!(
            "only a share {least:.2} of the exchanges between two powers was done: the replicas \
             do not help the samples; raise sampler.tempering.replicas or least_power"
        )
    })
}
