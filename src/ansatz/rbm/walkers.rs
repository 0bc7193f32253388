//! Decides how walkers of a restricted Boltzmann machine are kept, asked and moved.
//!
//! A walker keeps p = 1/(1+e^{2θ}) and r = 1/(1+e^{−2θ}) of all units, ln ψ when these were
//! last computed from θ, and the product of the ratios since. Ratios that leave the range of
//! numbers, and those of saturated walkers, come from Σ_j [ln cosh θ'_j − ln cosh θ_j].

use super::Rbm;
use super::kernel::{Kernel, Scaled, advance, interleave, product};
use super::tables::Tables;
use crate::ansatz::field::{Field, ratio_from_log, reduce};
use crate::ansatz::{Asks, Move, keep};
use crate::linalg::lanes::{Lanes, WIDTH};
use crate::linalg::simd::compiled_for_each_set;
use num_complex::Complex64;

/// Accepted moves of a walker after which p, r and ln ψ are computed afresh.
const REFRESH: u32 = 512;
/// Accepted moves of at most two spins after which a walker is looked at for saturated units,
/// unless weights are steep.
const LOOK: u32 = 8;
/// Walkers that are computed afresh at once.
const BLOCK: usize = 32;

/// Look-up tables of walkers.
#[derive(Debug)]
pub struct RbmBatch {
    /// Spins.
    pub(super) x: Vec<i8>,
    /// p and r of eight units at a time, one row per walker.
    pub(super) rows: Vec<Lanes>,
    /// ln ψ when p and r were last computed from θ.
    log_psi: Vec<Complex64>,
    /// The ratio since.
    moved: Vec<Scaled<Complex64>>,
    /// Accepted moves since.
    accepted: Vec<u32>,
    /// Walkers for which ratios come from θ: multiplying p and r on would lose digits.
    irregular: Vec<bool>,
    refreshes: u64,
}

/// The last ratios, and room for what questions are answered from.
#[derive(Debug, Default)]
pub struct Scratch {
    spins: Vec<f64>,
    theta: Vec<f64>,
    planes: Vec<f64>,
    room: [Vec<Lanes>; 2],
    ratios: Vec<Complex64>,
}

impl Scratch {
    /// Makes room for `rows` walkers at once.
    fn fit<T: Kernel>(&mut self, tables: &Tables<T>, sites: usize, rows: usize) {
        self.spins.resize(rows * sites, 0.0);
        self.theta.resize(rows * tables.weights.stride(), 0.0);
        self.planes.resize(2 * tables.thetas(), 0.0);
    }
}

impl RbmBatch {
    /// Number of walkers.
    pub fn walkers(&self) -> usize {
        self.log_psi.len()
    }
    /// How often a walker's tables were computed from θ, the first time included.
    pub fn refreshes(&self) -> u64 {
        self.refreshes
    }
    /// ln ψ of all walkers.
    pub(super) fn log_psi(&self) -> Vec<Complex64> {
        let all = self.log_psi.iter().zip(&self.moved).zip(&self.accepted);
        all.map(|((&log, moved), &since)| {
            if since == 0 {
                log
            } else {
                reduce(log + moved.ln())
            }
        })
        .collect()
    }
}

compiled_for_each_set! {
    /// p, r and ln cosh θ in place of θ of one walker, as eights; whether the walker is regular.
    fn logistic<T: Kernel>(
        theta: &mut [f64], planes: &mut [f64], row: &mut [Lanes]
    ) -> bool = logistic_body
}
compiled_for_each_set! {
    /// Ratios of walkers; not numbers where θ has to answer.
    fn answer<T: Kernel>(
        rbm: &Rbm<T>, batch: &RbmBatch, asks: &Asks, room: &mut [Vec<Lanes>; 2],
        out: &mut [Complex64]
    ) = answer_body
}
compiled_for_each_set! {
    /// Moves spins, p and r on; notes which walkers are no longer regular.
    fn step<T: Kernel>(
        rbm: &Rbm<T>, batch: &mut RbmBatch, asks: &Asks, taken: &[bool],
        room: &mut [Vec<Lanes>; 2]
    ) = step_body
}

#[inline(always)]
fn logistic_body<T: Kernel, const SET: u8>(
    theta: &mut [f64],
    planes: &mut [f64],
    row: &mut [Lanes],
) -> bool {
    T::logistic_row::<SET>(theta, planes);
    interleave::<T, SET>(planes, row)
}

#[inline(always)]
fn answer_body<T: Kernel, const SET: u8>(
    rbm: &Rbm<T>,
    batch: &RbmBatch,
    asks: &Asks,
    room: &mut [Vec<Lanes>; 2],
    out: &mut [Complex64],
) {
    let (n, stride) = (rbm.sites, 2 * rbm.tables.stride());
    for ((k, Move { sites, .. }), out) in asks.iter().zip(out) {
        let x = &batch.x[k * n..(k + 1) * n];
        let by = if batch.irregular[k] {
            None
        } else {
            rbm.tables.compose::<SET>(x, sites, room)
        };
        *out = match by {
            _ if sites.is_empty() => Complex64::ONE,
            Some(by) => {
                let row = &batch.rows[k * stride..(k + 1) * stride];
                rbm.tables
                    .front(x, sites, product::<T, SET>(row, by))
                    .value()
            }
            None => Complex64::new(f64::NAN, f64::NAN),
        };
    }
}

#[inline(always)]
fn step_body<T: Kernel, const SET: u8>(
    rbm: &Rbm<T>,
    batch: &mut RbmBatch,
    asks: &Asks,
    taken: &[bool],
    room: &mut [Vec<Lanes>; 2],
) {
    let (n, stride) = (rbm.sites, 2 * rbm.tables.stride());
    for (k, step) in asks.taken(taken) {
        let sites = step.sites;
        let x = &mut batch.x[k * n..(k + 1) * n];
        if !batch.irregular[k] {
            batch.irregular[k] = match rbm.tables.compose::<SET>(x, sites, room) {
                None => true,
                Some(by) => {
                    let row = &mut batch.rows[k * stride..(k + 1) * stride];
                    let blind = !rbm.tables.steep
                        && sites.len() <= 2
                        && batch.accepted[k] % LOOK != LOOK - 1;
                    !if blind {
                        advance::<T, SET, false>(row, by)
                    } else {
                        advance::<T, SET, true>(row, by)
                    }
                }
            };
        }
        step.apply(x);
    }
}

impl<T: Kernel> Rbm<T> {
    /// Walkers with spins `xs`.
    pub(super) fn start(&self, xs: &[i8]) -> RbmBatch {
        let walkers = xs.len() / self.sites;
        let mut batch = RbmBatch {
            x: xs.to_vec(),
            rows: vec![Lanes::splat(0.0); walkers * 2 * self.tables.stride()],
            log_psi: vec![Complex64::ZERO; walkers],
            moved: vec![Scaled::one(); walkers],
            accepted: vec![0; walkers],
            irregular: vec![false; walkers],
            refreshes: 0,
        };
        let mut scratch = Scratch::default();
        scratch.fit(&self.tables, self.sites, walkers.min(BLOCK));
        for first in (0..walkers).step_by(BLOCK) {
            self.refresh(&mut batch, first, BLOCK.min(walkers - first), &mut scratch);
        }
        batch
    }

    /// Bytes of a walker in a batch.
    pub(super) fn bytes_per_walker(&self) -> usize {
        self.sites
            + 2 * self.tables.stride() * size_of::<Lanes>()
            + size_of::<Complex64>()
            + size_of::<Scaled<Complex64>>()
            + size_of::<u32>()
            + size_of::<bool>()
    }

    /// p, r and ln ψ of `count` walkers from their spins, as many as `scratch` has room for.
    fn refresh(&self, batch: &mut RbmBatch, first: usize, count: usize, scratch: &mut Scratch) {
        let (n, stride) = (self.sites, 2 * self.tables.stride());
        let Scratch {
            spins,
            theta,
            planes,
            ..
        } = scratch;
        let (from, numbers) = (
            &batch.x[first * n..(first + count) * n],
            &mut spins[..count * n],
        );
        numbers
            .iter_mut()
            .zip(from)
            .for_each(|(number, &x)| *number = f64::from(x));
        let theta = &mut theta[..count * self.tables.weights.stride()];
        self.tables.weights.multiply(self.simd, numbers, n, theta);
        for (k, theta) in (first..).zip(theta.chunks_exact_mut(self.tables.weights.stride())) {
            let (theta, visible) = theta.split_at_mut(self.tables.thetas());
            let row = &mut batch.rows[k * stride..(k + 1) * stride];
            batch.irregular[k] = !logistic::<T>(self.simd, theta, planes, row);
            let visible = T::new(visible[0], if T::COMPLEX { visible[1] } else { 0.0 });
            batch.log_psi[k] = reduce((sum::<T>(theta) + visible).complex());
            (batch.moved[k], batch.accepted[k]) = (Scaled::one(), 0);
        }
        batch.refreshes += count as u64;
    }

    /// ψ(x')/ψ(x) for every question.
    pub(super) fn answers(
        &self,
        batch: &RbmBatch,
        asks: &Asks,
        scratch: &mut Scratch,
        out: &mut [Complex64],
    ) {
        scratch.fit(&self.tables, self.sites, 2);
        answer::<T>(self.simd, self, batch, asks, &mut scratch.room, out);
        let unknown = |out: &Complex64| !out.is_finite();
        for ((k, step), out) in asks.iter().zip(&mut *out).filter(|(_, out)| unknown(out)) {
            *out = self.ratio_from_theta(batch, k, step.sites, scratch);
        }
        keep(&mut scratch.ratios, out, batch.walkers());
    }

    /// Moves the walkers whose question is taken.
    pub(super) fn move_on(
        &self,
        batch: &mut RbmBatch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Scratch,
    ) {
        step::<T>(self.simd, self, batch, asks, taken, &mut scratch.room);
        for (at, (k, step)) in asks.iter().enumerate() {
            if !taken[at] || step.is_empty() {
                continue;
            }
            batch.accepted[k] += 1;
            let ratio = scratch.ratios[at];
            let moderate = (1e-200..1e200).contains(&ratio.norm_sqr());
            if batch.irregular[k] || batch.accepted[k] == REFRESH || !moderate {
                self.refresh(batch, k, 1, scratch);
            } else {
                let ratio = Scaled {
                    mantissa: ratio,
                    exponent: 0,
                };
                batch.moved[k] = batch.moved[k].times(ratio).normalised();
            }
        }
    }

    /// The ratio from differences of ln cosh, for walkers or moves where products leave the range
    /// of numbers.
    pub(super) fn ratio_from_theta(
        &self,
        batch: &RbmBatch,
        k: usize,
        sites: &[u32],
        scratch: &mut Scratch,
    ) -> Complex64 {
        scratch.fit(&self.tables, self.sites, 2);
        let (n, stride) = (self.sites, self.tables.weights.stride());
        let Scratch {
            spins,
            theta,
            planes,
            room,
            ..
        } = scratch;
        let (before, after) = spins[..2 * n].split_at_mut(n);
        before
            .iter_mut()
            .zip(&batch.x[k * n..])
            .for_each(|(spin, &x)| *spin = f64::from(x));
        after.copy_from_slice(before);
        sites.iter().for_each(|&site| after[site as usize] *= -1.0);
        self.tables
            .weights
            .multiply(self.simd, &spins[..2 * n], n, &mut theta[..2 * stride]);
        let (before, after) = theta[..2 * stride].split_at_mut(stride);
        let visible = |row: &[f64]| {
            T::new(
                row[self.tables.thetas()],
                *row.get(self.tables.thetas() + 1).unwrap_or(&0.0),
            )
        };
        let difference = visible(after) - visible(before);
        let unused = &mut room[0];
        unused.resize(2 * self.tables.stride(), Lanes::splat(0.0));
        for row in [&mut *before, &mut *after] {
            logistic::<T>(self.simd, &mut row[..self.tables.thetas()], planes, unused);
        }
        let changes = after[..self.tables.thetas()].iter_mut().zip(&*before);
        changes.for_each(|(after, before)| *after -= before);
        ratio_from_log((sum::<T>(&after[..self.tables.thetas()]) + difference).complex())
    }
}

/// The sum of flat numbers, real parts first.
fn sum<T: Field>(numbers: &[f64]) -> T {
    let plane = |numbers: &[f64]| {
        let mut sums = [0.0; WIDTH];
        for eight in numbers.chunks_exact(WIDTH) {
            sums.iter_mut().zip(eight).for_each(|(sum, x)| *sum += x);
        }
        sums.iter().sum::<f64>()
    };
    let (re, im) = numbers.split_at(if T::COMPLEX {
        numbers.len() / 2
    } else {
        numbers.len()
    });
    T::new(plane(re), if T::COMPLEX { plane(im) } else { 0.0 })
}
