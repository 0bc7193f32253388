//! Decides the quadrature over rotations that projects a state of total Sz = 0 on a total spin.
//!
//! P_S = (2S + 1)/2 ∫ d(cos β) P_S(cos β) e^{−iβ S_y}, by Gauss–Legendre points, exact from
//! (S + N/2 + 1)/2 points on. A rotation by β takes the pair table into
//! ```text
//! F_ud = c² f + s² fᵀ,   F_uu = −cs (f − fᵀ),   F_dd = cs (f − fᵀ),   c = cos β/2, s = sin β/2
//! ```
//! (T. Misawa et al., Comput. Phys. Commun. 235, 447 (2019); P. Ring, P. Schuck, The Nuclear
//! Many-Body Problem (1980), ch. 11).

use std::f64::consts::PI;

/// One point of the quadrature.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// Its weight, not zero.
    pub weight: f64,
    cos: f64,
    sin: f64,
}

/// P_l(x) and P_{l−1}(x).
fn legendre(l: usize, x: f64) -> (f64, f64) {
    let (mut last, mut now) = (0.0, 1.0);
    for k in 0..l {
        let k = k as f64;
        let next = ((2.0 * k + 1.0) * x * now - k * last) / (k + 1.0);
        (last, now) = (now, next);
    }
    (now, last)
}

/// Points and weights of Gauss and Legendre on [−1, 1].
fn points(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let point = |k: usize| {
        let mut x = (PI * (k as f64 + 0.75) / (n + 0.5)).cos();
        let slope = |x: f64| {
            let (value, before) = legendre(count, x);
            (value, n * (before - x * value) / (1.0 - x * x))
        };
        for _ in 0..50 {
            let (value, slope) = slope(x);
            x -= value / slope;
        }
        let slope = slope(x).1;
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(point).collect()
}

impl Rotation {
    /// The least number of points with which the projection of `sites` spins one half is exact.
    pub fn least(spin: usize, sites: usize) -> usize {
        (spin + sites / 2 + 1).div_ceil(2)
    }

    /// The points of a projection on total spin `spin`.
    pub fn projection(spin: usize, count: usize) -> Vec<Rotation> {
        let one = |(x, weight): (f64, f64)| Rotation {
            weight: 0.5 * (2 * spin + 1) as f64 * weight * legendre(spin, x).0,
            cos: (0.5 * (1.0 + x)).sqrt(),
            sin: (0.5 * (1.0 - x)).sqrt(),
        };
        let all = points(count).into_iter().map(one);
        all.filter(|r| r.weight.abs() > 1e-14).collect()
    }

    /// What F for spins up (true) or down at i and j has of f_ij and of f_ji.
    pub fn shares(&self, up: bool, other_up: bool) -> (f64, f64) {
        let (c, s) = (self.cos, self.sin);
        match (up, other_up) {
            (true, true) => (-c * s, c * s),
            (true, false) => (c * c, s * s),
            (false, true) => (-s * s, -c * c),
            (false, false) => (c * s, -c * s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for count in 1..9 {
            for power in 0..2 * count {
                let sum: f64 = points(count)
                    .iter()
                    .map(|(x, w)| w * x.powi(power as i32))
                    .sum();
                let exact = if power % 2 == 0 {
                    2.0 / (power + 1) as f64
                } else {
                    0.0
                };
                assert!(
                    (sum - exact).abs() < 1e-14,
                    "{count} points, power {power}: {sum}"
                );
            }
        }
    }
}
