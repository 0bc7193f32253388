//! Decides which units represent a gate: pairs of spins by one hidden unit, hard constraints by
//! hidden units with imaginary couplings.
//!
//! ```text
//! pair:       Σ_h e^{h w (s ± s')} = 2 e^{|x|} e^{x s s'},   w = ½ arcosh e^{2|x|}, ± = sgn x
//! constraint: Σ_h e^{i φ h u} = 2 cos φu, which is zero where u is not allowed
//! ```

use super::network::{BondUnits, DeepNetwork};
use crate::linalg::hyperbolic::{half_ln_coth, ln_2cosh, pair_coupling};
use crate::worldlines::circuit::Gate;
use num_complex::Complex64;
use std::f64::consts::{LN_2, PI};

/// A spin that hidden units are coupled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spin {
    Visible(usize),
    Deep(usize),
}

/// ½ ln(sinh y cosh y) for y > 0.
fn half_log_sinh_cosh(y: f64) -> f64 {
    0.5 * (2.0 * y + (-(-4.0 * y).exp_m1()).ln() - 2.0 * LN_2)
}

/// Puts gates into a network.
pub(super) struct Gadget<'n> {
    pub network: &'n mut DeepNetwork,
}

impl Gadget<'_> {
    pub fn apply(&mut self, gate: &Gate, bonds: BondUnits) {
        match *gate {
            Gate::Field { l, z } => self.network.a[l] += z,
            Gate::Pair { l, m, x } => self.pair(Spin::Visible(l), Spin::Visible(m), x),
            Gate::Flip { l, y } => {
                let deep = self.network.move_to_deep(l);
                self.pair(Spin::Visible(l), deep, half_ln_coth(y));
                self.network.log_constant += half_log_sinh_cosh(y);
            }
            Gate::Exchange { l, m, t, jz, jxy } => {
                let kept = half_ln_coth(2.0 * t * jxy);
                let level = 0.5 * (-2.0 * t * jz - (ln_2cosh(2.0 * t * jxy) - LN_2));
                match bonds {
                    BondUnits::OneThree => self.one_deep(l, m, kept, level),
                    BondUnits::TwoFour => self.two_deep(l, m, kept, level, false),
                    BondUnits::TwoSix => self.two_deep(l, m, kept, level, true),
                }
                self.network.log_constant += -t * jz - level - kept;
            }
        }
    }

    /// e^{x s s'}
    fn pair(&mut self, s: Spin, other: Spin, x: f64) {
        let w = pair_coupling(x);
        let couplings = [(s, w.into()), (other, w.copysign(x).into())];
        self.network.add_hidden(&couplings);
        self.network.log_constant -= LN_2 + x.abs();
    }

    /// cos φu with u the sum of the spins with their signs; ln C of the factor 2 is left out.
    fn constraint(&mut self, phi: f64, spins: &[(Spin, f64)]) {
        let couplings = spins
            .iter()
            .map(|(s, sign)| (*s, Complex64::new(0.0, phi * sign)));
        self.network.add_hidden(&couplings.collect::<Vec<_>>());
    }

    /// The old spin of l is d, the old spin of m is s_l + s_m − d = ±1.
    fn one_deep(&mut self, l: usize, m: usize, kept: f64, level: f64) {
        let deep = self.network.share_with_deep(l, m);
        let (l, m) = (Spin::Visible(l), Spin::Visible(m));
        self.constraint(PI / 6.0, &[(l, 1.0), (m, 1.0), (deep, -1.0)]);
        self.network.log_constant -= 0.5 * 3f64.ln();
        self.pair(l, deep, kept);
        self.pair(l, m, level);
    }

    /// Both old spins are deep ones, with s_l + s_m = d + d'.
    fn two_deep(&mut self, l: usize, m: usize, kept: f64, level: f64, symmetric: bool) {
        let old = [self.network.move_to_deep(l), self.network.move_to_deep(m)];
        let new = [Spin::Visible(l), Spin::Visible(m)];
        let balance = [(new[0], 1.0), (new[1], 1.0), (old[0], -1.0), (old[1], -1.0)];
        // These are zero at u = ±2 and at u = ±4.
        self.constraint(PI / 4.0, &balance);
        self.constraint(PI / 8.0, &balance);
        self.network.log_constant -= 2.0 * LN_2;
        if !symmetric {
            self.pair(new[0], old[0], kept);
            self.pair(new[0], new[1], level);
            return;
        }
        self.pair(new[0], old[0], 0.5 * kept);
        self.pair(new[1], old[1], 0.5 * kept);
        self.pair(new[0], new[1], 0.5 * level);
        self.pair(old[0], old[1], 0.5 * level);
    }
}

/// Hidden and deep units that a gate adds.
pub fn units(gate: &Gate, bonds: BondUnits) -> [usize; 2] {
    match gate {
        Gate::Field { .. } => [0, 0],
        Gate::Pair { .. } => [1, 0],
        Gate::Flip { .. } => [1, 1],
        Gate::Exchange { .. } => match bonds {
            BondUnits::OneThree => [3, 1],
            BondUnits::TwoFour => [4, 2],
            BondUnits::TwoSix => [6, 2],
        },
    }
}
