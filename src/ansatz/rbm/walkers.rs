//! Decides how walkers of a restricted Boltzmann machine are kept, asked and moved.
//!
//! A walker keeps p = 1/(1+e^{2θ}) and r = 1/(1+e^{−2θ}) of all units, ln ψ when these were
//! last computed from θ, and the product of the ratios since. Ratios that leave the range of
//! numbers, and those of saturated walkers, come from Σ_j [ln cosh θ'_j − ln cosh θ_j].

use super::kernel::{Kernel, Scaled, advance, interleave, product};
use super::machine::Machine;
use crate::ansatz::field::{Field, ratio_from_log, reduce};
use crate::ansatz::{Asks, Move, keep};
use crate::linalg::lanes::{Lanes, Packed, WIDTH};
use crate::linalg::simd::compiled_for_each_set;
use crate::number::Scalar;
use num_complex::Complex64;

/// Accepted moves of a walker after which p, r and ln ψ are computed afresh.
const REFRESH: u32 = 512;
/// Accepted moves of at most two spins after which a walker is looked at for saturated units,
/// unless weights are steep.
const LOOK: u32 = 8;
/// Walkers that are computed afresh at once.
const BLOCK: usize = 32;

/// Numbers of θ of all units.
fn thetas<M: Machine>(machine: &M) -> usize {
    machine.stride() * WIDTH
}

/// Look-up tables of walkers.
#[derive(Debug)]
pub struct RbmBatch {
    /// Values of the sites.
    pub(in crate::ansatz) x: Vec<i8>,
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
pub struct RbmScratch {
    row: Vec<i8>,
    inputs: Vec<f64>,
    theta: Vec<f64>,
    planes: Vec<f64>,
    room: [Vec<Lanes>; 2],
    ratios: Vec<Complex64>,
}

impl RbmScratch {
    /// Makes room for `rows` walkers at once; what there is stays.
    fn fit<M: Machine>(&mut self, machine: &M, rows: usize) {
        let grow = |row: &mut Vec<f64>, wanted| row.resize(row.len().max(wanted), 0.0);
        grow(&mut self.inputs, rows * machine.inputs());
        grow(&mut self.theta, rows * machine.weights().stride());
        self.planes.resize(2 * thetas(machine), 0.0);
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
    fn answer<M: Machine>(
        machine: &M, batch: &RbmBatch, asks: &Asks, room: &mut [Vec<Lanes>; 2],
        out: &mut [Complex64]
    ) = answer_body
}
compiled_for_each_set! {
    /// Moves values, p and r on; notes which walkers are no longer regular.
    fn step<M: Machine>(
        machine: &M, batch: &mut RbmBatch, asks: &Asks, taken: &[bool],
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
fn answer_body<M: Machine, const SET: u8>(
    machine: &M,
    batch: &RbmBatch,
    asks: &Asks,
    room: &mut [Vec<Lanes>; 2],
    out: &mut [Complex64],
) {
    let (n, stride) = (machine.length(), 2 * machine.stride());
    for (at, out) in out.iter_mut().enumerate() {
        let (k, step) = asks.get(at);
        let x = &batch.x[k * n..(k + 1) * n];
        let by = if batch.irregular[k] {
            None
        } else {
            machine.compose::<SET>(x, step, room)
        };
        *out = match by {
            _ if step.is_empty() => Complex64::ONE,
            Some(by) => {
                let row = &batch.rows[k * stride..(k + 1) * stride];
                machine
                    .front(x, step, product::<M::Number, SET>(row, by))
                    .value()
            }
            None => Complex64::new(f64::NAN, f64::NAN),
        };
    }
}

#[inline(always)]
fn step_body<M: Machine, const SET: u8>(
    machine: &M,
    batch: &mut RbmBatch,
    asks: &Asks,
    taken: &[bool],
    room: &mut [Vec<Lanes>; 2],
) {
    let (n, stride) = (machine.length(), 2 * machine.stride());
    // No closures here: they would be compiled without the instructions of the set.
    for (at, &taken) in taken.iter().enumerate() {
        if !taken {
            continue;
        }
        let (k, step) = asks.get(at);
        let x = &mut batch.x[k * n..(k + 1) * n];
        if !batch.irregular[k] {
            batch.irregular[k] = match machine.compose::<SET>(x, step, room) {
                None => true,
                Some(by) => {
                    let row = &mut batch.rows[k * stride..(k + 1) * stride];
                    let blind = !machine.steep()
                        && step.sites.len() <= 2
                        && batch.accepted[k] % LOOK != LOOK - 1;
                    !if blind {
                        advance::<M::Number, SET, false>(row, by)
                    } else {
                        advance::<M::Number, SET, true>(row, by)
                    }
                }
            };
        }
        step.apply(x);
    }
}

/// Walkers with spins `xs`.
pub(super) fn start<M: Machine>(machine: &M, xs: &[i8]) -> RbmBatch {
    let walkers = xs.len() / machine.length();
    let mut batch = RbmBatch {
        x: xs.to_vec(),
        rows: vec![Lanes::splat(0.0); walkers * 2 * machine.stride()],
        log_psi: vec![Complex64::ZERO; walkers],
        moved: vec![Scaled::one(); walkers],
        accepted: vec![0; walkers],
        irregular: vec![false; walkers],
        refreshes: 0,
    };
    let mut scratch = RbmScratch::default();
    for first in (0..walkers).step_by(BLOCK) {
        refresh(
            machine,
            &mut batch,
            first,
            BLOCK.min(walkers - first),
            &mut scratch,
        );
    }
    batch
}

/// Bytes of a walker in a batch.
pub(super) fn bytes_per_walker<M: Machine>(machine: &M) -> usize {
    machine.length()
        + 2 * machine.stride() * size_of::<Lanes>()
        + size_of::<Complex64>()
        + size_of::<Scaled<Complex64>>()
        + size_of::<u32>()
        + size_of::<bool>()
}

/// p, r and ln ψ of `count` walkers from their spins.
fn refresh<M: Machine>(
    machine: &M,
    batch: &mut RbmBatch,
    first: usize,
    count: usize,
    scratch: &mut RbmScratch,
) {
    let (n, stride, width) = (machine.length(), 2 * machine.stride(), machine.inputs());
    scratch.fit(machine, count);
    let RbmScratch {
        inputs,
        theta,
        planes,
        ..
    } = scratch;
    let inputs = &mut inputs[..count * width];
    let rows = batch.x[first * n..(first + count) * n].chunks_exact(n);
    rows.zip(inputs.chunks_exact_mut(width))
        .for_each(|(x, inputs)| machine.write_inputs(x, inputs));
    let theta = &mut theta[..count * machine.weights().stride()];
    machine
        .weights()
        .multiply(machine.simd(), inputs, width, theta);
    for (k, theta) in (first..).zip(theta.chunks_exact_mut(machine.weights().stride())) {
        let (theta, visible) = theta.split_at_mut(thetas(machine));
        let row = &mut batch.rows[k * stride..(k + 1) * stride];
        batch.irregular[k] = !logistic::<M::Number>(machine.simd(), theta, planes, row);
        let visible = <M::Number as Scalar>::new(
            visible[0],
            if <M::Number as Scalar>::COMPLEX {
                visible[1]
            } else {
                0.0
            },
        );
        batch.log_psi[k] = reduce((sum::<M::Number>(theta) + visible).complex());
        (batch.moved[k], batch.accepted[k]) = (Scaled::one(), 0);
    }
    batch.refreshes += count as u64;
}

/// ψ(x')/ψ(x) for every question.
pub(super) fn answers<M: Machine>(
    machine: &M,
    batch: &RbmBatch,
    asks: &Asks,
    scratch: &mut RbmScratch,
    out: &mut [Complex64],
) {
    // What θ may need later is there from the first question on.
    scratch.fit(machine, 2);
    answer::<M>(machine.simd(), machine, batch, asks, &mut scratch.room, out);
    let unknown = |out: &Complex64| !out.is_finite();
    for ((k, step), out) in asks.iter().zip(&mut *out).filter(|(_, out)| unknown(out)) {
        *out = ratio_from_theta(machine, batch, k, step, scratch);
    }
    keep(&mut scratch.ratios, out, batch.walkers());
}

/// Moves the walkers whose question is taken.
pub(super) fn move_on<M: Machine>(
    machine: &M,
    batch: &mut RbmBatch,
    asks: &Asks,
    taken: &[bool],
    scratch: &mut RbmScratch,
) {
    step::<M>(
        machine.simd(),
        machine,
        batch,
        asks,
        taken,
        &mut scratch.room,
    );
    for (at, _) in taken.iter().enumerate().filter(|(_, taken)| **taken) {
        let (k, step) = asks.get(at);
        if step.is_empty() {
            continue;
        }
        batch.accepted[k] += 1;
        let ratio = scratch.ratios[at];
        let moderate = (1e-200..1e200).contains(&ratio.norm_sqr());
        if batch.irregular[k] || batch.accepted[k] == REFRESH || !moderate {
            refresh(machine, batch, k, 1, scratch);
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
pub(super) fn ratio_from_theta<M: Machine>(
    machine: &M,
    batch: &RbmBatch,
    k: usize,
    step: Move,
    scratch: &mut RbmScratch,
) -> Complex64 {
    scratch.fit(machine, 2);
    let (n, stride) = (machine.length(), machine.weights().stride());
    let count = machine.inputs();
    let RbmScratch {
        row,
        inputs,
        theta,
        planes,
        room,
        ..
    } = scratch;
    let (before, after) = inputs[..2 * count].split_at_mut(count);
    let x = &batch.x[k * n..(k + 1) * n];
    machine.write_inputs(x, before);
    row.clear();
    row.extend_from_slice(x);
    step.apply(row);
    machine.write_inputs(row, after);
    machine.weights().multiply(
        machine.simd(),
        &inputs[..2 * count],
        count,
        &mut theta[..2 * stride],
    );
    let (before, after) = theta[..2 * stride].split_at_mut(stride);
    let visible = |row: &[f64]| {
        <M::Number as Scalar>::new(
            row[thetas(machine)],
            *row.get(thetas(machine) + 1).unwrap_or(&0.0),
        )
    };
    let difference = visible(after) - visible(before);
    let unused = &mut room[0];
    unused.resize(2 * machine.stride(), Lanes::splat(0.0));
    for row in [&mut *before, &mut *after] {
        logistic::<M::Number>(machine.simd(), &mut row[..thetas(machine)], planes, unused);
    }
    let changes = after[..thetas(machine)].iter_mut().zip(&*before);
    changes.for_each(|(after, before)| *after -= before);
    ratio_from_log((sum::<M::Number>(&after[..thetas(machine)]) + difference).complex())
}
/// tanh θ = r − p of walker `k`, flat and one part after the other.
pub(super) fn tanh<M: Machine>(machine: &M, batch: &RbmBatch, k: usize, out: &mut [f64]) {
    let (parts, stride) = (<M::Number as Kernel>::Packed::PARTS, 2 * machine.stride());
    let rows = batch.rows[k * stride..(k + 1) * stride].chunks_exact(2 * parts);
    for (first, row) in (0..).step_by(WIDTH).zip(rows) {
        for part in 0..parts {
            let (p, r) = (row[part], row[parts + part]);
            let width = WIDTH.min(machine.hidden() - first);
            let out = &mut out[part * machine.hidden() + first..][..width];
            out.iter_mut()
                .zip(r.0.iter().zip(&p.0))
                .for_each(|(t, (r, p))| *t = r - p);
        }
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
