//! Decides how a layer moves the field from one slice to the next, and derivatives back.
//!
//! Euler: φ' = φ + ε π, π' = π − ε (h π − m² φ − λ φ³) with ε < 0 and φ, π of
//! the slice before. Fourth order: the Runge–Kutta step of the same equation, h at both ends and
//! in the middle. In reverse mode k̄ of a slope k = (π, −h π + m² φ + λ φ³) gives (m² +
//! 3 λ φ²) k̄_π to φ, k̄_φ − h k̄_π to π, −π k̄_π to h and φ³ k̄_π to λ.

use super::{Chunk, GROUPS, LayerWeights, Sums};
use crate::holography::bulk::Bulk;
use crate::linalg::lanes::Lanes;

/// φ and π of eight points, or derivatives with respect to them.
type Phase = [Lanes; 2];

#[inline(always)]
fn splat(x: f64) -> Lanes {
    Lanes::splat(x)
}

/// Through all layers by steps of Euler.
#[inline(always)]
pub(super) fn euler<const SET: u8>(bulk: &Bulk, weights: &LayerWeights, chunk: &mut Chunk) {
    let step = bulk.step();
    let (by, mass) = (splat(step), splat(step * bulk.mass_squared));
    let cubic = splat(step * weights.coupling);
    let groups = chunk.groups.min(GROUPS);
    for n in 0..bulk.layers {
        let keep = splat(1.0 - step * weights.metric[n]);
        let (phi, next_phi) = chunk.phi[n..].split_at_mut(1);
        let (pi, next_pi) = chunk.pi[n..].split_at_mut(1);
        let (phi, next_phi) = (&phi[0], &mut next_phi[0]);
        let (pi, next_pi) = (&pi[0], &mut next_pi[0]);
        for g in 0..groups {
            let (p, q) = (phi[g], pi[g]);
            let force = p.times::<SET>(p).times_plus::<SET>(cubic, mass);
            next_phi[g] = q.times_plus::<SET>(by, p);
            next_pi[g] = p.times_plus::<SET>(force, q.times::<SET>(keep));
        }
    }
}

/// Derivatives from the last slice to the first.
#[inline(always)]
pub(super) fn euler_back<const SET: u8>(
    bulk: &Bulk,
    weights: &LayerWeights,
    chunk: &mut Chunk,
    sums: &mut Sums,
) {
    let step = bulk.step();
    let (by, mass) = (splat(step), splat(step * bulk.mass_squared));
    let cubic = splat(3.0 * step * weights.coupling);
    let groups = chunk.groups.min(GROUPS);
    let [back_phi, back_pi] = &mut chunk.back;
    let mut of_coupling = splat(0.0);
    for n in (0..bulk.layers).rev() {
        let keep = splat(1.0 - step * weights.metric[n]);
        let (phi, pi) = (&chunk.phi[n], &chunk.pi[n]);
        let mut of_metric = splat(0.0);
        for g in 0..groups {
            let (p, a, b) = (phi[g], back_phi[g], back_pi[g]);
            let square = p.times::<SET>(p);
            of_metric = pi[g].times_plus::<SET>(b, of_metric);
            let cube = square.times::<SET>(p);
            of_coupling = cube.times_plus::<SET>(b, of_coupling);
            let force = square.times_plus::<SET>(cubic, mass);
            back_phi[g] = b.times_plus::<SET>(force, a);
            back_pi[g] = a.times_plus::<SET>(by, b.times::<SET>(keep));
        }
        sums.metric[n] = of_metric.times_from::<SET>(by, sums.metric[n]);
    }
    sums.coupling = of_coupling.times_plus::<SET>(by, sums.coupling);
}

/// m² and λ in lanes.
#[derive(Clone, Copy)]
struct Potential {
    mass: Lanes,
    coupling: Lanes,
    thrice: Lanes,
}

impl Potential {
    #[inline(always)]
    fn new(bulk: &Bulk, weights: &LayerWeights) -> Self {
        Potential {
            mass: splat(bulk.mass_squared),
            coupling: splat(weights.coupling),
            thrice: splat(3.0 * weights.coupling),
        }
    }

    /// The slope of a field.
    #[inline(always)]
    fn slope<const SET: u8>(&self, [p, q]: Phase, h: Lanes) -> Phase {
        let square = p.times::<SET>(p);
        let force = square.times_plus::<SET>(self.coupling, self.mass);
        [q, h.times_from::<SET>(q, p.times::<SET>(force))]
    }

    /// What derivatives `k` of a slope give to the field, and to h and λ.
    #[inline(always)]
    fn back<const SET: u8>(&self, [p, q]: Phase, h: Lanes, k: Phase) -> (Phase, [Lanes; 2]) {
        let square = p.times::<SET>(p);
        let force = square.times_plus::<SET>(self.thrice, self.mass);
        let field = [force.times::<SET>(k[1]), h.times_from::<SET>(k[1], k[0])];
        let cube = square.times::<SET>(p);
        let of_metric = q.times_from::<SET>(k[1], splat(0.0));
        (field, [of_metric, cube.times::<SET>(k[1])])
    }
}

/// a + c b
#[inline(always)]
fn moved<const SET: u8>(a: Phase, c: f64, b: Phase) -> Phase {
    let c = splat(c);
    [
        b[0].times_plus::<SET>(c, a[0]),
        b[1].times_plus::<SET>(c, a[1]),
    ]
}

#[inline(always)]
fn scaled<const SET: u8>(a: Phase, c: f64) -> Phase {
    [a[0].times::<SET>(splat(c)), a[1].times::<SET>(splat(c))]
}

/// The four fields at which a step asks for slopes, and the slopes.
#[inline(always)]
fn inner<const SET: u8>(
    potential: &Potential,
    step: f64,
    start: Phase,
    h: [Lanes; 3],
) -> ([Phase; 4], [Phase; 4]) {
    let first = potential.slope::<SET>(start, h[0]);
    let at_second = moved::<SET>(start, 0.5 * step, first);
    let second = potential.slope::<SET>(at_second, h[1]);
    let at_third = moved::<SET>(start, 0.5 * step, second);
    let third = potential.slope::<SET>(at_third, h[1]);
    let at_fourth = moved::<SET>(start, step, third);
    let fourth = potential.slope::<SET>(at_fourth, h[2]);
    (
        [start, at_second, at_third, at_fourth],
        [first, second, third, fourth],
    )
}

/// h at both ends and in the middle of layer `n`.
#[inline(always)]
fn metric_of(weights: &LayerWeights, n: usize) -> [Lanes; 3] {
    std::array::from_fn(|k| splat(weights.metric[2 * n + k]))
}

/// Through all layers by steps of fourth order.
#[inline(always)]
pub(super) fn rk4<const SET: u8>(bulk: &Bulk, weights: &LayerWeights, chunk: &mut Chunk) {
    let (step, potential) = (bulk.step(), Potential::new(bulk, weights));
    for n in 0..bulk.layers {
        let h = metric_of(weights, n);
        for g in 0..chunk.groups.min(GROUPS) {
            let start = [chunk.phi[n][g], chunk.pi[n][g]];
            let [k1, k2, k3, k4] = inner::<SET>(&potential, step, start, h).1;
            let end = moved::<SET>(start, step / 6.0, k1);
            let end = moved::<SET>(end, step / 3.0, k2);
            let end = moved::<SET>(end, step / 3.0, k3);
            let end = moved::<SET>(end, step / 6.0, k4);
            (chunk.phi[n + 1][g], chunk.pi[n + 1][g]) = (end[0], end[1]);
        }
    }
}

/// Derivatives from the last slice to the first.
#[inline(always)]
pub(super) fn rk4_back<const SET: u8>(
    bulk: &Bulk,
    weights: &LayerWeights,
    chunk: &mut Chunk,
    sums: &mut Sums,
) {
    let (step, potential) = (bulk.step(), Potential::new(bulk, weights));
    let none = [splat(0.0); 2];
    for n in (0..bulk.layers).rev() {
        let h = metric_of(weights, n);
        for g in 0..chunk.groups.min(GROUPS) {
            let start = [chunk.phi[n][g], chunk.pi[n][g]];
            let places = inner::<SET>(&potential, step, start, h).0;
            let end = [chunk.back[0][g], chunk.back[1][g]];
            let (mut sum, mut behind) = (end, none);
            // From the last slope to the first: its weight, the share of the slope behind it that
            // passes through it, and where it asks for h.
            let stages = [
                (6.0, 0.0, 2),
                (3.0, step, 1),
                (3.0, 0.5 * step, 1),
                (6.0, 0.5 * step, 0),
            ];
            for (k, (part, share, stage)) in stages.into_iter().enumerate() {
                let slope = moved::<SET>(scaled::<SET>(end, step / part), share, behind);
                let (field, more) = potential.back::<SET>(places[3 - k], h[stage], slope);
                let of_metric = &mut sums.metric[2 * n + stage];
                *of_metric = of_metric.plus::<SET>(more[0]);
                sums.coupling = sums.coupling.plus::<SET>(more[1]);
                sum = [sum[0].plus::<SET>(field[0]), sum[1].plus::<SET>(field[1])];
                behind = field;
            }
            (chunk.back[0][g], chunk.back[1][g]) = (sum[0], sum[1]);
        }
    }
}
