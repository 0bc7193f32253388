//! Decides how a mass and a condensate become the field at the first slice.
//!
//! φ = α e^{−Δ₋η} + β e^{−Δ₊η} + λ α³ r(η), π = φ', with α = m √N_c/(2π)
//! L^{Δ₋} and β = c π/√N_c L^{Δ₊}, N_c = 3. The last term solves the equation of motion
//! with h = d to third order in α: r = e^{−3Δ₋η}/P(3Δ₋), P(k) = k² − d k − m², and
//! r = η e^{−Δ₊η}/(d − 2Δ₊) where 3Δ₋ = Δ₊ (K. Hashimoto et al., Phys. Rev. D 98,
//! 106014 (2018), for d = 4, Δ₋ = 1, Δ₊ = 3).

use super::bulk::Bulk;
use std::f64::consts::PI;

/// Colours of the gauge theory.
const COLOURS: f64 = 3.0;
/// A difference of powers of η below this is none.
const RESONANCE: f64 = 1e-9;

/// The coefficients of (α, β, λ α³) in φ and in π, and their powers of the radius.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expansion {
    /// Of φ.
    pub phi: [f64; 3],
    /// Of π.
    pub pi: [f64; 3],
    /// Powers of L in α, β and λ α³.
    pub powers: [f64; 3],
}

impl Expansion {
    /// At the first slice of a space.
    pub fn new(bulk: &Bulk) -> Self {
        let (low, high) = bulk.falloffs();
        let (d, eta) = (bulk.dimension as f64, bulk.eta_boundary);
        let cubed = if (3.0 * low - high).abs() < RESONANCE {
            let scale = (-high * eta).exp() / (d - 2.0 * high);
            [scale * eta, scale * (1.0 - high * eta)]
        } else {
            let k = 3.0 * low;
            let value = (-k * eta).exp() / (k * k - d * k - bulk.mass_squared);
            [value, -k * value]
        };
        let (first, second) = ((-low * eta).exp(), (-high * eta).exp());
        Expansion {
            phi: [first, second, cubed[0]],
            pi: [-low * first, -high * second, cubed[1]],
            powers: [low, high, 3.0 * low],
        }
    }

    /// α of a unit of mass and β of a unit of condensate at the radius `l`.
    pub fn scales(&self, l: f64) -> [f64; 2] {
        let root = COLOURS.sqrt();
        [
            root / (2.0 * PI) * l.powf(self.powers[0]),
            PI / root * l.powf(self.powers[1]),
        ]
    }
}
