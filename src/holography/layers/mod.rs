//! Decides how boundary points go through the layers to the horizon and how gradients come back,
//! eight points side by side.
//!
//! A point with label 0 should end with |F| below the band, one with label 1 should not. The answer
//! y = 1 + [tanh s(F − b) − tanh s(F + b)]/2 goes from 0 inside the band b to 1 outside; the
//! error of a point is |y − label|. A trajectory with |F| above [`SATURATED`] or not finite
//! counts as y = 1 without a gradient.

mod answer;
mod steps;

use self::answer::Answers;
use super::bulk::{Bulk, Entrance, Stepper};
use super::entrance::Expansion;
use crate::linalg::lanes::{Lanes, WIDTH};
use crate::linalg::simd::{Simd, compiled_for_each_set};

/// Groups of eight points that go through the layers together.
const GROUPS: usize = 16;
/// Points of a chunk, at most.
pub const CHUNK: usize = GROUPS * WIDTH;
/// |F| above which a trajectory is saturated.
pub const SATURATED: f64 = 1e6;

/// Eight numbers for each group of a chunk.
type Row = [Lanes; GROUPS];

const ZERO: Lanes = Lanes::splat(0.0);

/// The layers of a space.
#[derive(Debug, Clone)]
pub struct Layers {
    bulk: Bulk,
    numbers: usize,
    map: Option<Vec<Vec<f64>>>,
    expansion: Expansion,
    answer: Answers,
}

/// The layers with numbers: h at the stages, λ, and what turns data into fields.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    metric: Vec<f64>,
    coupling: f64,
    radius: f64,
    scales: [f64; 2],
}

/// Points on their way through the layers.
pub struct Chunk {
    groups: usize,
    points: usize,
    x: [Row; 2],
    /// 1 for label 0, −1 for label 1, 0 where there is no point.
    sign: Row,
    phi: Vec<Row>,
    pi: Vec<Row>,
    /// What comes back: derivatives with respect to φ and π at a slice.
    back: [Row; 2],
    f: Row,
    y: Row,
}

/// Sums over points, not yet divided by their number.
#[derive(Debug, Clone)]
pub struct Sums {
    error: Lanes,
    metric: Vec<Lanes>,
    coupling: Lanes,
    radius: Lanes,
    /// Saturated trajectories.
    pub saturated: usize,
}

fn total(lanes: &Lanes) -> f64 {
    let x = &lanes.0;
    ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]))
}

impl Layers {
    /// Of a space.
    pub fn new(bulk: Bulk) -> Self {
        Layers {
            numbers: bulk.positions().len(),
            map: bulk.map(),
            expansion: Expansion::new(&bulk),
            answer: Answers::new(&bulk),
            bulk,
        }
    }

    /// The space.
    pub fn bulk(&self) -> &Bulk {
        &self.bulk
    }

    /// How many numbers the metric has; λ and the radius come behind them.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// With numbers, λ and the radius, in this order.
    pub fn weights(&self, theta: &[f64]) -> LayerWeights {
        let mut weights = LayerWeights {
            metric: Vec::new(),
            coupling: 0.0,
            radius: 0.0,
            scales: [0.0; 2],
        };
        self.set(theta, &mut weights);
        weights
    }

    /// Replaces the numbers of `weights`.
    pub fn set(&self, theta: &[f64], weights: &mut LayerWeights) {
        let (metric, rest) = theta.split_at(self.numbers);
        match &self.map {
            None => {
                weights.metric.clear();
                weights.metric.extend_from_slice(metric);
            }
            Some(rows) => {
                let value = |row: &Vec<f64>| row.iter().zip(metric).map(|(w, h)| w * h).sum();
                weights.metric = rows.iter().map(value).collect();
            }
        }
        (weights.coupling, weights.radius) = (rest[0], rest[1]);
        if self.bulk.entrance == Entrance::Condensate {
            weights.scales = self.expansion.scales(rest[1]);
        }
    }

    /// The exact metric of the AdS–Schwarzschild black hole, whatever the knots.
    pub fn black_hole(&self, coupling: f64) -> LayerWeights {
        let at = |eta: f64| self.bulk.black_hole(eta);
        LayerWeights {
            metric: self.bulk.stages().into_iter().map(at).collect(),
            coupling,
            radius: 0.0,
            scales: [0.0; 2],
        }
    }

    /// A chunk without points.
    pub fn chunk(&self) -> Chunk {
        let slices = vec![[ZERO; GROUPS]; self.bulk.layers + 1];
        Chunk {
            groups: 0,
            points: 0,
            x: [[ZERO; GROUPS]; 2],
            sign: [ZERO; GROUPS],
            phi: slices.clone(),
            pi: slices,
            back: [[ZERO; GROUPS]; 2],
            f: [ZERO; GROUPS],
            y: [ZERO; GROUPS],
        }
    }

    /// Sums of nothing.
    pub fn sums(&self) -> Sums {
        Sums {
            error: ZERO,
            metric: vec![ZERO; self.bulk.stages().len()],
            coupling: ZERO,
            radius: ZERO,
            saturated: 0,
        }
    }

    /// Adds the gradient of `factor` Σ |y − label| to `out`: numbers, λ, radius.
    pub fn add_gradient(&self, sums: &Sums, factor: f64, out: &mut [f64]) {
        let (metric, rest) = out.split_at_mut(self.numbers);
        let of_stages = sums.metric.iter().map(|sum| factor * total(sum));
        match &self.map {
            None => metric.iter_mut().zip(of_stages).for_each(|(g, s)| *g += s),
            Some(rows) => {
                for (row, s) in rows.iter().zip(of_stages) {
                    metric.iter_mut().zip(row).for_each(|(g, w)| *g += w * s);
                }
            }
        }
        rest[0] += factor * total(&sums.coupling);
        rest[1] += factor * total(&sums.radius);
    }

    /// Sends the points of `chunk` through the layers and adds their errors to `sums`, with the
    /// derivatives where `gradient` is set.
    pub fn pass(&self, weights: &LayerWeights, chunk: &mut Chunk, sums: &mut Sums, gradient: bool) {
        pass(Simd::chosen(), self, weights, chunk, sums, gradient);
    }
}

impl Sums {
    /// Back to nothing.
    pub fn clear(&mut self) {
        (self.error, self.coupling, self.radius) = (ZERO, ZERO, ZERO);
        self.metric.fill(ZERO);
        self.saturated = 0;
    }

    /// Σ |y − label|
    pub fn error(&self) -> f64 {
        total(&self.error)
    }
}

impl Chunk {
    /// Takes up to [`CHUNK`] points in place of those before: their two numbers, and whether their
    /// label is 1.
    pub fn fill(&mut self, points: impl Iterator<Item = ([f64; 2], bool)>) {
        let mut points = points.fuse().peekable();
        (self.points, self.groups) = (0, 0);
        while self.groups < GROUPS && points.peek().is_some() {
            let g = self.groups;
            for l in 0..WIDTH {
                let (x, sign) = match points.next() {
                    Some((x, negative)) => (x, if negative { -1.0 } else { 1.0 }),
                    None => ([0.0; 2], 0.0),
                };
                (self.x[0][g].0[l], self.x[1][g].0[l]) = (x[0], x[1]);
                self.sign[g].0[l] = sign;
                self.points += usize::from(sign != 0.0);
            }
            self.groups += 1;
        }
    }

    /// F and y of each point after a pass; F of saturated trajectories is ±[`SATURATED`].
    pub fn answers(&self) -> impl Iterator<Item = (f64, f64)> {
        let at = |k: usize| (k / WIDTH, k % WIDTH);
        let both = move |k: usize| {
            let (g, l) = at(k);
            (self.f[g].0[l], self.y[g].0[l])
        };
        (0..self.points).map(both)
    }
}

compiled_for_each_set! {
    fn pass(
        layers: &Layers,
        weights: &LayerWeights,
        chunk: &mut Chunk,
        sums: &mut Sums,
        gradient: bool,
    ) = pass_body
}

#[inline(always)]
fn pass_body<const SET: u8>(
    layers: &Layers,
    weights: &LayerWeights,
    chunk: &mut Chunk,
    sums: &mut Sums,
    gradient: bool,
) {
    let bulk = &layers.bulk;
    enter::<SET>(layers, weights, chunk);
    match bulk.scheme {
        Stepper::Euler => steps::euler::<SET>(bulk, weights, chunk),
        Stepper::Rk4 => steps::rk4::<SET>(bulk, weights, chunk),
    }
    answer::answer::<SET>(bulk, &layers.answer, weights, chunk, sums);
    if !gradient {
        return;
    }
    match bulk.scheme {
        Stepper::Euler => steps::euler_back::<SET>(bulk, weights, chunk, sums),
        Stepper::Rk4 => steps::rk4_back::<SET>(bulk, weights, chunk, sums),
    }
    if bulk.entrance == Entrance::Condensate {
        enter_back::<SET>(layers, weights, chunk, sums);
    }
}

/// α, β and λ α³ of a group.
#[inline(always)]
fn sources<const SET: u8>(weights: &LayerWeights, chunk: &Chunk, g: usize) -> [Lanes; 3] {
    let alpha = chunk.x[0][g].times::<SET>(Lanes::splat(weights.scales[0]));
    let beta = chunk.x[1][g].times::<SET>(Lanes::splat(weights.scales[1]));
    let cube = alpha.times::<SET>(alpha).times::<SET>(alpha);
    [alpha, beta, cube]
}

/// Σ_k c_k v_k
#[inline(always)]
fn combined<const SET: u8>(c: [f64; 3], v: [Lanes; 3]) -> Lanes {
    let sum = v[0].times::<SET>(Lanes::splat(c[0]));
    let sum = v[1].times_plus::<SET>(Lanes::splat(c[1]), sum);
    v[2].times_plus::<SET>(Lanes::splat(c[2]), sum)
}

/// The field at the first slice.
#[inline(always)]
fn enter<const SET: u8>(layers: &Layers, weights: &LayerWeights, chunk: &mut Chunk) {
    let (e, lambda) = (&layers.expansion, weights.coupling);
    for g in 0..chunk.groups {
        (chunk.phi[0][g], chunk.pi[0][g]) = match layers.bulk.entrance {
            Entrance::Field => (chunk.x[0][g], chunk.x[1][g]),
            Entrance::Condensate => {
                let v = sources::<SET>(weights, chunk, g);
                let with = |c: [f64; 3]| combined::<SET>([c[0], c[1], lambda * c[2]], v);
                (with(e.phi), with(e.pi))
            }
        };
    }
}

/// Derivatives with respect to λ and the radius at the first slice.
#[inline(always)]
fn enter_back<const SET: u8>(
    layers: &Layers,
    weights: &LayerWeights,
    chunk: &Chunk,
    sums: &mut Sums,
) {
    let (e, lambda) = (&layers.expansion, weights.coupling);
    let powers = e.powers.map(|p| p / weights.radius);
    let by_radius = |c: [f64; 3]| {
        [
            c[0] * powers[0],
            c[1] * powers[1],
            lambda * c[2] * powers[2],
        ]
    };
    for g in 0..chunk.groups {
        let v = sources::<SET>(weights, chunk, g);
        let (p, q) = (chunk.back[0][g], chunk.back[1][g]);
        let cube = v[2].times::<SET>(p.times::<SET>(Lanes::splat(e.phi[2])));
        sums.coupling = sums.coupling.plus::<SET>(cube);
        let cube = v[2].times::<SET>(q.times::<SET>(Lanes::splat(e.pi[2])));
        sums.coupling = sums.coupling.plus::<SET>(cube);
        let slope = combined::<SET>(by_radius(e.phi), v);
        sums.radius = slope.times_plus::<SET>(p, sums.radius);
        let slope = combined::<SET>(by_radius(e.pi), v);
        sums.radius = slope.times_plus::<SET>(q, sums.radius);
    }
}
