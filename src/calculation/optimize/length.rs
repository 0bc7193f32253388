//! Decides how far a step may go in truth, on the samples at hand.
//!
//! √(δ^H S δ) is the length of a step to first order. Where the derivatives themselves grow along
//! the step, as with small weights, the state goes much further than that. The angle D to the new
//! state is known from one more evaluation of the samples. A step whose D is above twice
//! `max_distance` is halved until it is not. Configurations of a full sum that ψ does not have,
//! ψ(x) = 0, have no weight and no part in it.

use super::update::Update;
use crate::calculation::vmc::{RatioMeans, Vmc};
use crate::comm::Comm;
use crate::error::Result;
use num_complex::Complex64;

/// How much longer than to first order a step may be.
const MARGIN: f64 = 2.0;
/// Halvings of one step at most.
const MOST_HALVINGS: usize = 20;

/// Moves the parameters from where they were along a direction, by the rate of `update`, which is
/// halved while the state goes further than `largest` allows. How often; none where numbers are not
/// finite, and nothing has moved.
pub(super) fn take(
    vmc: &mut Vmc,
    comm: &dyn Comm,
    (before, direction): (&[f64], &[f64]),
    update: &mut Update,
    largest: Option<f64>,
) -> Result<Option<usize>> {
    let from = vmc.ensemble.log_psi().to_vec();
    for halvings in 0.. {
        let moved = before.iter().zip(direction);
        let after: Vec<f64> = moved.map(|(p, d)| p - update.rate * d).collect();
        if !after.iter().chain([&update.rate]).all(|p| p.is_finite()) {
            break;
        }
        vmc.ensemble.set_parameters(&after)?;
        let Some(largest) = largest.filter(|_| halvings < MOST_HALVINGS) else {
            return Ok(Some(halvings));
        };
        let to = vmc.ensemble.log_psi_of(vmc.ensemble.configurations());
        let allowed = (largest, vmc.deterministic);
        if !is_too_long(comm, vmc.ensemble.weights(), &from, &to, allowed)? {
            return Ok(Some(halvings));
        }
        update.rate *= 0.5;
    }
    Ok(None)
}

/// Whether a step from amplitudes with these logarithms to others is longer than `largest` allows;
/// weights are those of the samples of this rank. The same on every rank.
fn is_too_long(
    comm: &dyn Comm,
    weights: &[f64],
    before: &[Complex64],
    after: &[Complex64],
    (largest, deterministic): (f64, bool),
) -> Result<bool> {
    let pairs = after.iter().zip(before).zip(weights);
    let seen = pairs.filter(|((_, before), _)| before.re > f64::NEG_INFINITY);
    let logs: Vec<(Complex64, f64)> = seen.map(|((a, b), w)| (a - b, *w)).collect();
    let means = RatioMeans::new(comm, &logs, deterministic)?;
    let angle = |overlap: f64| overlap.clamp(0.0, 1.0).sqrt().acos();
    Ok(means.overlap().is_none_or(|o| angle(o) > MARGIN * largest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::Serial;

    fn too_long(angle: f64, largest: f64) -> bool {
        // ψ = (1, 1), and ψ turned by an angle and multiplied by e^700.
        let after = [angle.cos() - angle.sin(), angle.cos() + angle.sin()];
        let after = after.map(|a| Complex64::new(a, 0.0).ln() + 700.0);
        is_too_long(
            &Serial,
            &[0.5, 0.5],
            &[Complex64::ZERO; 2],
            &after,
            (largest, true),
        )
        .unwrap()
    }

    #[test]
    fn the_angle_between_two_states_decides() {
        assert!(!too_long(0.19, 0.1) && too_long(0.21, 0.1));
        assert!(!too_long(1e-6, 1e-3) && too_long(1.0, 0.4));
    }

    #[test]
    fn configurations_without_an_amplitude_do_not_count() {
        let none = Complex64::new(f64::NEG_INFINITY, 0.0);
        let (zero, small) = (Complex64::ZERO, Complex64::new(0.05, 0.0));
        let far = |before: [Complex64; 3], after: [Complex64; 3]| {
            is_too_long(&Serial, &[0.5, 0.5, 0.0], &before, &after, (0.1, false)).unwrap()
        };
        assert!(!far([zero, zero, none], [small, zero, none]));
        assert!(!far([zero, zero, none], [small, zero, zero]));
        // Half of the state is gone: an angle of 45 degrees.
        assert!(far([zero, zero, none], [zero, none, none]));
    }

    #[test]
    fn amplitudes_that_are_not_finite_are_too_far() {
        let before = [Complex64::ZERO; 2];
        let after = [Complex64::new(f64::INFINITY, 0.0), Complex64::ZERO];
        assert!(is_too_long(&Serial, &[0.5, 0.5], &before, &after, (1.0, false)).unwrap());
    }
}
