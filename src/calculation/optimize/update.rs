//! Decides how far a step goes along its direction, and what is written down of that.
//!
//! The rate η is lowered until η² δ^H S δ and η² |δ|² are as small as the input asks for, and is
//! halved for each fault in force (policy/mod.rs) beside that: the next step is half as long as the
//! one that went wrong, also where a largest length and not the rate decided.

use super::keys::OptimizeInput;
use crate::optimizer::trust_region_scale;

/// What an update was.
pub(super) struct Update {
    pub(super) rate: f64,
    pub(super) metric_norm: f64,
    pub(super) fallbacks: f64,
    pub(super) iterations: f64,
    pub(super) residual: f64,
    pub(super) clipped: f64,
}

impl Update {
    /// Before anything is solved, at this rate.
    pub(super) fn none(rate: f64) -> Self {
        Update {
            rate,
            metric_norm: -1.0,
            fallbacks: 0.0,
            iterations: -1.0,
            residual: -1.0,
            clipped: 0.0,
        }
    }

    /// Lowers the rate until the step along a direction is as short as the keys ask for, or the
    /// method where they do not; of the rate without the factor of the faults in force, which it
    /// keeps.
    pub(super) fn shorten(
        &mut self,
        keys: &OptimizeInput,
        own: Option<f64>,
        (metric_norm, direction): (Option<f64>, &[f64]),
        of_faults: f64,
    ) {
        if let (Some(norm), Some(largest)) = (metric_norm, keys.max_distance) {
            self.rate *= trust_region_scale(self.rate / of_faults, norm, largest);
        }
        if let Some(largest) = keys.norm_constraint.or(own) {
            let squared = direction.iter().map(|d| d * d).sum();
            let rate = self.rate / of_faults;
            self.rate *= trust_region_scale(rate, squared, largest.sqrt());
        }
    }
}
