//! Decides how far a step goes along its direction, and what is written down of that.
//!
//! The rate η is lowered until η² δ^H S δ and η² |δ|² are as small as the input asks for.

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
    /// method where they do not.
    pub(super) fn shorten(
        &mut self,
        keys: &OptimizeInput,
        own: Option<f64>,
        metric_norm: Option<f64>,
        direction: &[f64],
    ) {
        if let (Some(norm), Some(largest)) = (metric_norm, keys.max_distance) {
            self.rate *= trust_region_scale(self.rate, norm, largest);
        }
        if let Some(largest) = keys.norm_constraint.or(own) {
            let squared = direction.iter().map(|d| d * d).sum();
            self.rate *= trust_region_scale(self.rate, squared, largest.sqrt());
        }
    }
}
