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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_halves_steps_that_a_length_has_shortened() {
        let text = "steps = 1\nlearning_rate = 0.5\nmax_distance = 0.1";
        let keys: OptimizeInput = toml::from_str(text).unwrap();
        let rate = |norm: f64, own: Option<f64>, of_faults: f64| {
            let mut update = Update::none(0.5 * of_faults);
            update.shorten(&keys, own, (Some(norm), &[3.0, 4.0]), of_faults);
            update.rate
        };
        // Lengths of 1 and 0.1 at the rate 1; the squared Euclidean one is 25.
        for (norm, own, expected) in [(1.0, None, 0.1), (0.01, None, 0.5), (0.01, Some(1.0), 0.2)] {
            for of_faults in [1.0, 0.5, 0.125] {
                let found = rate(norm, own, of_faults);
                assert!(
                    (found - expected * of_faults).abs() < 1e-15,
                    "{found} {expected}"
                );
            }
        }
    }
}
