//! Decides what space the layers cut into slices: radial positions, masses, what counts as regular
//! at the horizon.
//!
//! ds² = −f dt² + dη² + g dx², boundary η → ∞, horizon η → 0; a scalar field φ(η)
//! with potential (λ/4) φ⁴ obeys φ' = π, π' = −h π + m² φ + λ φ³ with h = d/dη ln
//! √(f g^{d−1}), the number that a layer learns (K. Hashimoto, S. Sugishita, A. Tanaka, A.
//! Tomiya, Phys. Rev. D 98, 046019 (2018)). Lengths are in units of the AdS radius.

use super::spline::Spline;
use schemars::JsonSchema;
use serde::Deserialize;

/// How a layer goes from one slice to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stepper {
    /// One step of Euler per layer, as published.
    #[default]
    Euler,
    /// One step of fourth order per layer.
    Rk4,
}

/// What has to vanish at the horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Horizon {
    /// F = π
    #[default]
    Pi,
    /// F = (2/η) π − m² φ − λ φ³
    Regular,
}

/// What a point of the boundary data holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// φ and π at the first slice.
    Field,
    /// A mass and a condensate in powers of GeV, which the AdS radius turns into φ and π.
    Condensate,
}

/// The space, the field in it, and the layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    /// d, dimensions of the boundary.
    pub dimension: usize,
    /// Layers.
    pub layers: usize,
    /// η of the first slice.
    pub eta_boundary: f64,
    /// η behind the last layer.
    pub eta_horizon: f64,
    /// m²
    pub mass_squared: f64,
    /// The condition at the horizon.
    pub horizon: Horizon,
    /// |F| below it is regular.
    pub band: f64,
    /// How fast the answer changes there.
    pub steepness: f64,
    /// How a layer steps.
    pub scheme: Stepper,
    /// The metric is a spline through so many knots instead of one number per layer.
    pub knots: Option<usize>,
    /// What the points of the boundary data hold.
    pub entrance: Entrance,
}

impl Bulk {
    /// The step of a layer in η, negative: inward.
    pub fn step(&self) -> f64 {
        (self.eta_horizon - self.eta_boundary) / self.layers as f64
    }

    /// Positions of the numbers that are trained, from the boundary inward: layers or knots.
    pub fn positions(&self) -> Vec<f64> {
        match self.knots {
            None => self.slices().take(self.layers).collect(),
            Some(knots) => {
                let step = (self.eta_horizon - self.eta_boundary) / (knots - 1) as f64;
                let at = |k| self.eta_boundary + step * k as f64;
                (0..knots).map(at).collect()
            }
        }
    }

    fn slices(&self) -> impl Iterator<Item = f64> {
        (0..=self.layers).map(|n| self.eta_boundary + self.step() * n as f64)
    }

    /// Where the layers ask for h, from the boundary inward: once a layer, or at both ends and the
    /// middle of each.
    pub fn stages(&self) -> Vec<f64> {
        match self.scheme {
            Stepper::Euler => self.slices().take(self.layers).collect(),
            Stepper::Rk4 => {
                let at = |k| self.eta_boundary + 0.5 * self.step() * k as f64;
                (0..=2 * self.layers).map(at).collect()
            }
        }
    }

    /// One row per stage, by which h there follows from the trained numbers; `None` where they are
    /// the same.
    pub fn map(&self) -> Option<Vec<Vec<f64>>> {
        self.knots?;
        let (mut x, at) = (self.positions(), self.stages());
        x.reverse();
        let mut rows = Spline::weights(&x, &at);
        rows.iter_mut().for_each(|row| row.reverse());
        Some(rows)
    }

    /// h of the AdS–Schwarzschild black hole, d coth(d η).
    pub fn black_hole(&self, eta: f64) -> f64 {
        let d = self.dimension as f64;
        d / (d * eta).tanh()
    }

    /// Dimensions of source and operator at the boundary, d/2 ∓ √(d²/4 + m²).
    pub fn falloffs(&self) -> (f64, f64) {
        let half = 0.5 * self.dimension as f64;
        let root = (half * half + self.mass_squared).max(0.0).sqrt();
        (half - root, half + root)
    }
}
