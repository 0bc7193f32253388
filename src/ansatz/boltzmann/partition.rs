//! Decides how ln Z = ln Σ_v p̃(v) of a machine is found: exactly, by a sum over the smaller layer
//! with the other traced, or by annealed importance sampling from W = 0.
//!
//! References: R. M. Neal, Stat. Comput. 11, 125 (2001); R. Salakhutdinov, I. Murray, ICML (2008).

use super::layers::{BLOCK, SweepRoom, TwoLayers};
use super::machine::BoltzmannMachine;
use crate::linalg::hyperbolic::ln_2cosh;
use crate::rng::{Generator, Purpose, stream};
use std::ops::Range;

/// Units of the smaller layer that a sum may have.
pub const LARGEST_SUM: usize = 20;
/// Terms after which the fields are summed afresh.
const REFRESH: u64 = 1024;

/// ln Z by a sum over the smaller layer; `None` where it has more than [`LARGEST_SUM`] units.
///
/// Neighbouring terms differ in one unit (Gray code), so that a term costs one row of the weights.
pub fn log_z_exact(machine: &BoltzmannMachine) -> Option<f64> {
    if machine.sites().min(machine.hidden()) > LARGEST_SUM {
        return None;
    }
    Some(if machine.sites() <= machine.hidden() {
        sum_over_visible(machine)
    } else {
        sum_over_visible(&machine.transposed())
    })
}

/// ln Z by a sum over the visible units.
fn sum_over_visible(machine: &BoltzmannMachine) -> f64 {
    let (n, layers) = (machine.sites(), TwoLayers::new(machine));
    let (hidden, simd) = (&layers.hidden, layers.simd());
    let mut units = vec![-1.0; n];
    let mut fields = vec![0.0; hidden.stride()];
    let mut visible = 0.0;
    let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0);
    for k in 0..1_u64 << n {
        if k > 0 {
            let i = k.trailing_zeros() as usize;
            units[i] = -units[i];
            let (change, m) = (2.0 * units[i], machine.hidden());
            visible += change * machine.a()[i];
            let row = &machine.w()[i * m..(i + 1) * m];
            let pairs = fields.iter_mut().zip(row);
            pairs.for_each(|(field, w)| *field += change * w);
        }
        if k % REFRESH == 0 {
            visible = units.iter().zip(machine.a()).map(|(v, a)| v * a).sum();
            hidden.fields(simd, &units, n, &mut fields);
        }
        let term = visible + hidden.log_traced(simd, 1.0, &fields);
        if term > largest {
            sum *= (largest - term).exp();
            largest = term;
        }
        sum += (term - largest).exp();
    }
    largest + sum.ln()
}

/// ln Z of the machine with W = 0.
fn log_z_uncoupled(machine: &BoltzmannMachine) -> f64 {
    let units = machine.a().iter().chain(machine.b());
    units.map(|&bias| ln_2cosh(bias)).sum()
}

/// The logarithms of independent unbiased estimates of Z, one per number of `numbers`: annealing
/// from W = 0 along βW in `temperatures` equal steps of β, with a sweep of both layers at each.
///
/// Each is a pure function of the seed and its number, whichever others are asked for.
pub fn ais_log_weights(
    machine: &BoltzmannMachine,
    temperatures: usize,
    numbers: Range<usize>,
    seed: u64,
) -> Vec<f64> {
    let layers = TwoLayers::new(machine);
    let mut room = SweepRoom::default();
    let mut logs = vec![log_z_uncoupled(machine); numbers.len()];
    let generator = |number| stream(seed, Purpose::Annealing, number as u64, 0);
    let mut rngs: Vec<Generator> = numbers.map(generator).collect();
    for (rngs, logs) in rngs.chunks_mut(BLOCK).zip(logs.chunks_mut(BLOCK)) {
        anneal(&layers, temperatures.max(1), rngs, logs, &mut room);
    }
    logs
}

/// Adds to `logs` what a block of samples gains from β = 0 to 1.
fn anneal(
    layers: &TwoLayers,
    temperatures: usize,
    rngs: &mut [Generator],
    logs: &mut [f64],
    room: &mut SweepRoom,
) {
    layers.fit(rngs.len(), room);
    let beta = |k: usize| k as f64 / temperatures as f64;
    for k in 0..temperatures {
        if k > 0 {
            layers.draw_hidden(beta(k), rngs, room);
        }
        layers.draw_visible(beta(k), rngs, room);
        layers.hidden_fields(rngs.len(), room);
        let rows = room.fields.chunks_exact(layers.hidden.stride());
        for (log, fields) in logs.iter_mut().zip(rows) {
            let at = |k| layers.hidden.log_traced(layers.simd(), beta(k), fields);
            *log += at(k + 1) - at(k);
        }
    }
}

/// The logarithm of the mean of independent weights, given by their logarithms, and its standard
/// error by their spread, to first order; infinite for fewer than two.
pub fn combine(log_weights: &[f64]) -> (f64, f64) {
    let largest = log_weights.iter().fold(f64::NEG_INFINITY, |m, &l| m.max(l));
    let count = log_weights.len() as f64;
    let weights = || log_weights.iter().map(|l| (l - largest).exp());
    let mean = weights().sum::<f64>() / count;
    let spread: f64 = weights().map(|w| (w / mean - 1.0).powi(2)).sum();
    let error = if log_weights.len() < 2 {
        f64::INFINITY
    } else {
        (spread / (count - 1.0) / count).sqrt()
    };
    (largest + mean.ln(), error)
}

/// ln Z and its standard error by annealed importance sampling, see [`ais_log_weights`].
pub fn log_z_ais(
    machine: &BoltzmannMachine,
    temperatures: usize,
    samples: usize,
    seed: u64,
) -> (f64, f64) {
    combine(&ais_log_weights(machine, temperatures, 0..samples, seed))
}
