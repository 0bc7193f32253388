//! Decides what the network answers at the horizon, and where derivatives begin.
//!
//! With E = e^{−2s|F|} and c = s b the answer is y = (1 + E² + 2 E e^{−2c})/D, its slope dy/dF
//! = 4 s sinh(2c) E (1 − E²) sign(F)/D², D = 1 + E² + 2 E cosh(2c): one exponential, no
//! cancellation.

use super::{Chunk, GROUPS, LayerWeights, SATURATED, Sums};
use crate::holography::bulk::{Bulk, Horizon};
use crate::linalg::functions::exp_moderate;
use crate::linalg::lanes::{Lanes, WIDTH};

#[inline(always)]
fn splat(x: f64) -> Lanes {
    Lanes::splat(x)
}

/// Constants of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    /// −2 s
    exponent: f64,
    /// 2 e^{−2c}
    inside: f64,
    /// 2 cosh(2c)
    cosh: f64,
    /// 4 s sinh(2c)
    slope: f64,
}

impl Answers {
    pub fn new(bulk: &Bulk) -> Self {
        let twice = 2.0 * bulk.steepness * bulk.band;
        Answers {
            exponent: -2.0 * bulk.steepness,
            inside: 2.0 * (-twice).exp(),
            cosh: 2.0 * twice.cosh(),
            slope: 4.0 * bulk.steepness * twice.sinh(),
        }
    }
}

/// F, y and the derivatives of Σ |y − label| with respect to the last slice; adds the errors.
#[inline(always)]
pub(super) fn answer<const SET: u8>(
    bulk: &Bulk,
    constants: &Answers,
    weights: &LayerWeights,
    chunk: &mut Chunk,
    sums: &mut Sums,
) {
    let (inside, cosh) = (splat(constants.inside), splat(constants.cosh));
    let slope = splat(constants.slope);
    for g in 0..chunk.groups.min(GROUPS) {
        let f = condition::<SET>(bulk, weights, chunk, g);
        let mut e = splat(0.0);
        for l in 0..WIDTH {
            e.0[l] = exp_moderate::<f64, SET>(constants.exponent * f.0[l].abs());
        }
        let square = e.times::<SET>(e);
        let one = splat(1.0).plus::<SET>(square);
        let inverse = splat(1.0).over::<SET>(e.times_plus::<SET>(cosh, one));
        let y = e.times_plus::<SET>(inside, one).times::<SET>(inverse);
        let rest = splat(1.0).minus::<SET>(square).times::<SET>(e);
        let mut slope = slope
            .times::<SET>(rest)
            .times::<SET>(inverse)
            .times::<SET>(inverse);
        let sign = chunk.sign[g];
        for l in 0..WIDTH {
            slope.0[l] = slope.0[l].copysign(f.0[l]);
        }
        let slope = slope.times::<SET>(sign);
        // |y − label| is y or 1 − y.
        let label = sign
            .size::<SET>()
            .minus::<SET>(sign)
            .times::<SET>(splat(0.5));
        let error = y.times_plus::<SET>(sign, label);
        sums.error = sums.error.plus::<SET>(error);
        (chunk.f[g], chunk.y[g]) = (f, y);
        leave::<SET>(bulk, weights, chunk, sums, g, slope);
        if !f.size::<SET>().all_below::<SET>(SATURATED) {
            still(bulk, chunk, sums, g);
        }
    }
}

/// F of a group, within ±[`SATURATED`].
#[inline(always)]
fn condition<const SET: u8>(bulk: &Bulk, weights: &LayerWeights, chunk: &Chunk, g: usize) -> Lanes {
    let (p, q) = (chunk.phi[bulk.layers][g], chunk.pi[bulk.layers][g]);
    let f = match bulk.horizon {
        Horizon::Pi => q,
        Horizon::Regular => {
            let square = p.times::<SET>(p);
            let force = square.times_plus::<SET>(splat(weights.coupling), splat(bulk.mass_squared));
            let slope = q.times::<SET>(splat(2.0 / bulk.eta_horizon));
            p.times_from::<SET>(force, slope)
        }
    };
    // The bound comes second: it takes the place of what is not a number.
    let (low, high) = (splat(-SATURATED), splat(SATURATED));
    f.smaller::<SET>(high).larger::<SET>(low)
}

/// Derivatives with respect to the last slice from those with respect to F.
#[inline(always)]
fn leave<const SET: u8>(
    bulk: &Bulk,
    weights: &LayerWeights,
    chunk: &mut Chunk,
    sums: &mut Sums,
    g: usize,
    slope: Lanes,
) {
    (chunk.back[0][g], chunk.back[1][g]) = match bulk.horizon {
        Horizon::Pi => (splat(0.0), slope),
        Horizon::Regular => {
            let p = chunk.phi[bulk.layers][g];
            let square = p.times::<SET>(p);
            let thrice = splat(3.0 * weights.coupling);
            let force = square.times_plus::<SET>(thrice, splat(bulk.mass_squared));
            // A saturated trajectory has no slope, and its cube may not be a number.
            let mut cube = square.times::<SET>(p);
            let mut of_phi = force.times_from::<SET>(slope, splat(0.0));
            let end = chunk.f[g].size::<SET>();
            if !end.all_below::<SET>(SATURATED) {
                for l in (0..WIDTH).filter(|&l| end.0[l] >= SATURATED) {
                    (cube.0[l], of_phi.0[l]) = (0.0, 0.0);
                }
            }
            sums.coupling = cube.times_from::<SET>(slope, sums.coupling);
            (of_phi, slope.times::<SET>(splat(2.0 / bulk.eta_horizon)))
        }
    };
}

/// Saturated trajectories of a group: nothing comes back from them.
#[cold]
fn still(bulk: &Bulk, chunk: &mut Chunk, sums: &mut Sums, g: usize) {
    let end = chunk.f[g].0.map(f64::abs);
    for l in (0..WIDTH).filter(|&l| end[l] >= SATURATED) {
        sums.saturated += 1;
        chunk.back.iter_mut().for_each(|back| back[g].0[l] = 0.0);
        for n in 0..=bulk.layers {
            (chunk.phi[n][g].0[l], chunk.pi[n][g].0[l]) = (0.0, 0.0);
        }
    }
}
