//! Decides what a string between two charges at the boundary weighs: separation and energy as
//! functions of the depth to which it hangs.
//!
//! ```text
//! d = 2 ∫_{η₀}^∞ dη/√(g (fg/(f₀g₀) − 1))
//! 2πα' V = 2 ∫_{η₀}^∞ dη √f [1/√(1 − f₀g₀/(fg)) − 1] − 2 ∫_{η_h}^{η₀} dη √f
//! ```
//! (J. Maldacena, Phys. Rev. Lett. 80, 4859 (1998); S.-J. Rey, S. Theisen, J.-T. Yee, Nucl. Phys. B
//! 527, 171 (1998)), 0 for two straight strings that end at the horizon. With η = η₀ + s² the
//! integrands are smooth at the turning point; fg/(f₀g₀) − 1 is expm1 of the difference of
//! ln(fg), itself an integral, so that no digits are lost. A minimum of fg is a wall: the string
//! lies along it, and its tension √(fg)/(2πα') is the slope of V.

use super::quadrature::integral;
use super::spline::Spline;

/// Beyond the last break by this much the integrands, which fall as e^{−3η}, are nothing.
const FAR: f64 = 14.0;
/// Places at which a string is looked at before it is hung.
const LOOKS: usize = 200;
/// Places between two breaks at which the slope is looked at.
const FINE: usize = 64;
/// Halvings to a place.
const HALVINGS: usize = 60;

/// A space ds² = −f dt² + dη² + g dx² in which strings hang.
pub trait Warp {
    /// ln f
    fn ln_f(&self, eta: f64) -> f64;
    /// ln g
    fn ln_g(&self, eta: f64) -> f64;
    /// ln(fg) at `from + by` minus that at `from`, to full relative precision for small `by`.
    fn rise(&self, from: f64, by: f64) -> f64;
    /// d ln(fg)/dη
    fn slope(&self, eta: f64) -> f64;
    /// Where derivatives jump, in increasing order.
    fn breaks(&self) -> &[f64];
    /// Where straight strings end: the horizon, or the last layer.
    fn floor(&self) -> f64;
    /// √(fg)
    fn tension(&self, eta: f64) -> f64 {
        (0.5 * (self.ln_f(eta) + self.ln_g(eta))).exp()
    }
}

/// The space of a learned h, split by f/g = tanh²(d η/2) and normalised to f, g → e^{2η}; h =
/// d beyond its first position.
///
/// ln √(f g^{d−1}) = H gives ln g = (2/d) [H − ln tanh(d η/2)], exact for
/// AdS–Schwarzschild up to the normalisation.
#[derive(Debug, Clone)]
pub struct Learned {
    dimension: f64,
    h: Spline,
    boundary: f64,
}

impl Learned {
    /// From h at positions `eta`, from the boundary inward, of a `dimension`-dimensional boundary.
    pub fn new(dimension: usize, eta: &[f64], h: &[f64]) -> Self {
        let ascending = |list: &[f64]| list.iter().rev().copied().collect::<Vec<_>>();
        Learned {
            dimension: dimension as f64,
            h: Spline::new(&ascending(eta), &ascending(h)),
            boundary: eta.first().copied().unwrap_or(1.0),
        }
    }

    /// ∫ h from `from` to `from + by`
    fn integrated(&self, from: f64, by: f64) -> f64 {
        let inside = (self.boundary - from).clamp(0.0, by);
        let outside = if inside > 0.0 {
            from + by - self.boundary
        } else {
            by
        };
        let beyond = self.dimension * outside.max(0.0);
        match inside > 0.0 {
            true => self.h.integral(from, inside) + beyond,
            false => beyond,
        }
    }

    /// H = ln √(f g^{d−1})
    fn volume(&self, eta: f64) -> f64 {
        match eta < self.boundary {
            true => self.dimension * self.boundary - self.integrated(eta, self.boundary - eta),
            false => self.dimension * eta,
        }
    }

    fn ln_tanh(&self, eta: f64) -> f64 {
        (0.5 * self.dimension * eta).tanh().ln()
    }
}

impl Warp for Learned {
    fn ln_f(&self, eta: f64) -> f64 {
        self.ln_g(eta) + 2.0 * self.ln_tanh(eta)
    }
    fn ln_g(&self, eta: f64) -> f64 {
        2.0 / self.dimension * (self.volume(eta) - self.ln_tanh(eta))
    }
    fn rise(&self, from: f64, by: f64) -> f64 {
        let half = 0.5 * self.dimension;
        let (a, b) = (half * from, half * (from + by));
        let of_tanh = ((half * by).sinh() / (a.sinh() * b.cosh())).ln_1p();
        self.integrated(from, by) / half * 2.0 + (2.0 - 2.0 / half) * of_tanh
    }
    fn slope(&self, eta: f64) -> f64 {
        let d = self.dimension;
        let h = if eta < self.boundary {
            self.h.value(eta)
        } else {
            d
        };
        4.0 / d * h + (2.0 * d - 4.0) / (d * eta).sinh()
    }
    fn breaks(&self) -> &[f64] {
        self.h.points()
    }
    fn floor(&self) -> f64 {
        self.h.points().first().copied().unwrap_or(0.0)
    }
}

/// A string that hangs down to a turning point, in units of the AdS radius.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hanging {
    /// Separation of its ends at the boundary.
    pub separation: f64,
    /// 2πα' V
    pub energy: f64,
}

/// The string that turns at `eta`; `None` where none comes from the boundary to there.
pub fn hang(warp: &dyn Warp, eta: f64) -> Option<Hanging> {
    let end = warp.breaks().last().map_or(eta, |last| last.max(eta)) + FAR;
    let look = |k: usize| (end - eta) * (k as f64 / LOOKS as f64).powi(3);
    let rises = (1..=LOOKS).all(|k| warp.rise(eta, look(k)) > 0.0);
    if !(eta >= warp.floor() && warp.slope(eta) > 0.0 && rises) {
        return None;
    }
    let inner = warp.breaks().iter().filter(|&&b| b > eta && b < end);
    let mut ends = vec![0.0];
    ends.extend(inner.map(|b| (b - eta).sqrt()));
    ends.push((end - eta).sqrt());
    let across = |s: f64| {
        let rise = warp.rise(eta, s * s);
        4.0 * s / (warp.ln_g(eta + s * s).exp() * rise.exp_m1()).sqrt()
    };
    let along = |s: f64| {
        let rise = warp.rise(eta, s * s);
        let root = (-(-rise).exp_m1()).sqrt();
        let excess = (-rise).exp() / (root * (1.0 + root));
        4.0 * s * (0.5 * warp.ln_f(eta + s * s)).exp() * excess
    };
    let floor = warp.floor();
    let mut below = vec![floor];
    let passed = warp.breaks().iter().filter(|&&b| b > floor && b < eta);
    below.extend(passed);
    below.push(eta);
    let straight = |eta: f64| 2.0 * (0.5 * warp.ln_f(eta)).exp();
    let found = Hanging {
        separation: integral(&across, &ends),
        energy: integral(&along, &ends) - integral(&straight, &below),
    };
    // Between two looks f g may lie below its value at the turning point.
    (found.separation.is_finite() && found.energy.is_finite()).then_some(found)
}

/// The place between `low` and `high` where a condition that holds at `high` begins to hold.
fn begins(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        match holds(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    high
}

/// Local minima of f g above the floor, in increasing order.
pub fn walls(warp: &dyn Warp) -> Vec<f64> {
    let places: Vec<f64> = warp
        .breaks()
        .windows(2)
        .flat_map(|w| (0..FINE).map(move |k| w[0] + (w[1] - w[0]) * k as f64 / FINE as f64))
        .chain(warp.breaks().last().copied())
        .collect();
    let rises = |eta: f64| warp.slope(eta) >= 0.0;
    let crossing = |w: &[f64]| {
        let found = !rises(w[0]) && rises(w[1]);
        found.then(|| begins(w[0], w[1], rises))
    };
    places.windows(2).filter_map(crossing).collect()
}

/// Depths outside the outermost wall, or above the floor where there is none: `count` places, from
/// 10⁻³ to 1 away from it in equal ratios.
pub fn turning_points(warp: &dyn Warp, count: usize) -> Vec<f64> {
    depths(warp, count, 1.0)
}

fn depths(warp: &dyn Warp, count: usize, far: f64) -> Vec<f64> {
    const NEAR: f64 = 1e-3;
    let lowest = walls(warp).last().copied().unwrap_or(warp.floor());
    let ratio = (far / NEAR).powf(1.0 / (count.max(2) - 1) as f64);
    let offset = |k: usize| NEAR * ratio.powi(k as i32);
    (0..count).map(|k| lowest + offset(k)).collect()
}

/// The separation at which two straight strings become lighter than one that hangs: where its
/// energy has its outermost zero; `None` where it has none.
pub fn screening_separation(warp: &dyn Warp) -> Option<f64> {
    let energy = |eta: f64| hang(warp, eta).map(|string| string.energy);
    let depths = depths(warp, 60, 3.0);
    let (mut above, mut found) = (None, None);
    for &eta in depths.iter().rev() {
        match (energy(eta), above) {
            (Some(value), Some(outside)) if value > 0.0 => {
                found = Some((eta, outside));
                break;
            }
            (Some(value), _) if value <= 0.0 => above = Some(eta),
            _ => {}
        }
    }
    let (inside, outside) = found?;
    let eta = begins(inside, outside, |eta| energy(eta).is_some_and(|v| v <= 0.0));
    hang(warp, eta).map(|string| string.separation)
}
