//! Decides what every wave function has to obey.
//!
//! ratio = ψ(x')/ψ(x); accepting = building anew; O_k = ∂ ln ψ/∂θ_k by central differences;
//! many walkers = one walker; the flat parameters survive a round trip; layout, kind and shape of
//! the derivatives agree; O v, O^H w and the Gram matrix from factors are those of the matrix
//! written out.

use super::{Verdict, is_close, operator_is_matrix};
use crate::ansatz::{Ansatz, Asks, Block};
use crate::basis::{Basis, Step};
use crate::derivatives::{Kind, Matrix};
use crate::rng::{Generator, Purpose, RngExt, stream};
use num_complex::Complex64;
use std::f64::consts::TAU;

const WALKERS: usize = 5;

/// What laws forgive, relative to the numbers that are compared: 10^-10 in double precision.
fn tolerance<A: Ansatz>(ansatz: &A) -> f64 {
    100.0 * ansatz.facts().precision
}

/// Holds `ansatz` to all laws, on random configurations and moves of `basis`. Parameters are as
/// before afterwards.
///
/// The error side names the law, the place and both values.
pub fn laws<A: Ansatz>(ansatz: &mut A, basis: &Basis, seed: u64) -> Verdict {
    let mut rng = stream(seed, Purpose::Law, 0, 0);
    shape(ansatz, basis)?;
    ratio_is_quotient(ansatz, basis, &mut rng)?;
    batch_is_single(ansatz, basis, &mut rng)?;
    accept_is_rebuild(ansatz, basis, &mut rng)?;
    parameters_survive(ansatz, basis, &mut rng)?;
    operator_is_matrix(&ansatz.derivatives(&ansatz.batch(&walkers(ansatz, basis, &mut rng)?)))?;
    derivatives_are_differences(ansatz, basis, &mut rng)
}

fn walkers<A: Ansatz>(ansatz: &A, basis: &Basis, rng: &mut Generator) -> Result<Vec<i8>, String> {
    let mut xs = Vec::new();
    for _ in 0..1000 {
        let x = basis.random(rng);
        if ansatz.log_psi(&ansatz.batch(&x))[0].re.is_finite() {
            xs.extend(x);
        }
        if xs.len() == WALKERS * basis.sites() {
            return Ok(xs);
        }
    }
    Err("no configurations with ψ ≠ 0 were found".into())
}

/// A random move that stays in the basis: new values on one to four sites, or a unit that goes from
/// one site to another; empty where none was found.
fn random_move(x: &[i8], basis: &Basis, rng: &mut Generator, step: &mut Step) {
    let n = x.len();
    let free = basis.charges().is_empty();
    for _ in 0..1000 {
        step.clear();
        let count = match (free, rng.random::<f64>()) {
            (true, u) if u < 0.5 => 1,
            (_, u) if u < 0.9 => 2.min(n),
            _ => rng.random_range(1..=n.min(4)),
        };
        let mut sites: Vec<u32> = (0..n as u32).collect();
        (0..count).for_each(|k| sites.swap(k, rng.random_range(k..n)));
        for &site in &sites[..count] {
            let local = basis.locals()[site as usize];
            let value = local.value(rng.random_range(0..local.count as usize));
            if value != x[site as usize] {
                step.set(site, value);
            }
        }
        if !step.get().is_empty() && basis.keeps(x, step.get()) {
            return;
        }
    }
    step.clear();
}

/// a − b for logarithms, whose imaginary parts count modulo 2π.
fn difference(a: Complex64, b: Complex64) -> Complex64 {
    let d = a - b;
    Complex64::new(d.re, d.im - TAU * (d.im / TAU).round())
}

fn same_log(a: Complex64, b: Complex64, tolerance: f64) -> bool {
    a == b || difference(a, b).norm() <= tolerance * (1.0 + a.re.abs())
}

fn all_asks(xs: &[i8], basis: &Basis, per_walker: usize, rng: &mut Generator) -> Asks {
    let (mut asks, mut step) = (Asks::default(), Step::default());
    for (k, x) in xs.chunks_exact(basis.sites()).enumerate() {
        for _ in 0..per_walker {
            random_move(x, basis, rng, &mut step);
            asks.push(k, step.get());
        }
    }
    asks
}

fn ratios<A: Ansatz>(ansatz: &A, batch: &A::Batch, asks: &Asks) -> Vec<Complex64> {
    let mut out = vec![Complex64::new(f64::NAN, f64::NAN); asks.len()];
    ansatz.ratios(batch, asks, &mut A::Scratch::default(), &mut out);
    out
}

/// The layout counts as many numbers as the flat vector has, and the derivatives have the columns
/// of their kind.
pub fn shape<A: Ansatz>(ansatz: &A, basis: &Basis) -> Verdict {
    let count = ansatz.parameters().len();
    let laid_out: usize = ansatz.layout().iter().map(Block::numbers).sum();
    if laid_out != count {
        return Err(format!(
            "shape: the layout has {laid_out} numbers, the flat vector {count}"
        ));
    }
    if ansatz.sites() != basis.sites() {
        return Err(format!(
            "shape: {} sites instead of {}",
            ansatz.sites(),
            basis.sites()
        ));
    }
    let mut rng = stream(0, Purpose::Law, 1, 0);
    let xs: Vec<i8> = (0..WALKERS).flat_map(|_| basis.random(&mut rng)).collect();
    let derivatives = ansatz.derivatives(&ansatz.batch(&xs));
    let real = matches!(derivatives.written_out(), Matrix::Real(_));
    let kind = ansatz.facts().kind;
    let columns = if kind == Kind::Holomorphic {
        count / 2
    } else {
        count
    };
    if derivatives.kind != kind || real != (kind == Kind::Real) {
        return Err(format!(
            "shape: derivatives of kind {:?}, real: {real}",
            derivatives.kind
        ));
    }
    if (derivatives.samples(), derivatives.columns()) != (WALKERS, columns) {
        let found = (derivatives.samples(), derivatives.columns());
        return Err(format!(
            "shape: derivatives are {found:?} instead of {:?}",
            (WALKERS, columns)
        ));
    }
    Ok(())
}

fn ratio_is_quotient<A: Ansatz>(ansatz: &A, basis: &Basis, rng: &mut Generator) -> Verdict {
    let xs = walkers(ansatz, basis, rng)?;
    let batch = ansatz.batch(&xs);
    let logs = ansatz.log_psi(&batch);
    if ansatz.facts().positive && logs.iter().any(|log| log.im != 0.0) {
        return Err("positive: ψ is said to be positive, and ln ψ is not real".into());
    }
    let asks = all_asks(&xs, basis, 12, rng);
    for ((k, step), ratio) in asks.iter().zip(ratios(ansatz, &batch, &asks)) {
        let x = step.applied(&xs[k * basis.sites()..(k + 1) * basis.sites()]);
        let expected = (ansatz.log_psi(&ansatz.batch(&x))[0] - logs[k]).exp();
        let expected = if expected.re.is_nan() {
            Complex64::ZERO
        } else {
            expected
        };
        if !is_close(ratio, expected, tolerance(ansatz)) {
            return Err(format!(
                "ratio: {ratio} for {step:?}, exp(ln ψ' − ln ψ) = {expected}"
            ));
        }
    }
    Ok(())
}

fn batch_is_single<A: Ansatz>(ansatz: &A, basis: &Basis, rng: &mut Generator) -> Verdict {
    let xs = walkers(ansatz, basis, rng)?;
    let batch = ansatz.batch(&xs);
    let (logs, derivatives) = (ansatz.log_psi(&batch), ansatz.derivatives(&batch));
    let asks = all_asks(&xs, basis, 3, rng);
    let together = ratios(ansatz, &batch, &asks);
    for (k, x) in xs.chunks_exact(basis.sites()).enumerate() {
        let single = ansatz.batch(x);
        let mut own = Asks::default();
        (3 * k..3 * k + 3).for_each(|q| own.push(0, asks.get(q).1));
        let rows = derivatives.select(&[k]).pack() == ansatz.derivatives(&single).pack();
        if !rows
            || ansatz.log_psi(&single)[0] != logs[k]
            || ratios(ansatz, &single, &own) != together[3 * k..3 * k + 3]
        {
            return Err(format!(
                "batch: walker {k} of {WALKERS} differs from the same walker alone"
            ));
        }
    }
    Ok(())
}

fn accept_is_rebuild<A: Ansatz>(ansatz: &A, basis: &Basis, rng: &mut Generator) -> Verdict {
    let n = basis.sites();
    let mut xs = walkers(ansatz, basis, rng)?;
    let (mut batch, mut scratch) = (ansatz.batch(&xs), A::Scratch::default());
    for round in 0..400 {
        let asks = all_asks(&xs, basis, 1, rng);
        let mut all = vec![Complex64::ZERO; asks.len()];
        ansatz.ratios(&batch, &asks, &mut scratch, &mut all);
        let mut taken = vec![false; asks.len()];
        for (((k, step), &ratio), taken) in asks.iter().zip(&all).zip(&mut taken) {
            if rng.random::<f64>() < ratio.norm_sqr() {
                *taken = true;
                step.apply(&mut xs[k * n..(k + 1) * n]);
            }
        }
        ansatz.accept(&mut batch, &asks, &taken, &mut scratch);
        if round % 40 != 39 {
            continue;
        }
        let fresh = ansatz.batch(&xs);
        for (a, b) in ansatz
            .log_psi(&batch)
            .into_iter()
            .zip(ansatz.log_psi(&fresh))
        {
            if !same_log(a, b, tolerance(ansatz)) {
                return Err(format!(
                    "accept: ln ψ = {a} after {} rounds, {b} built anew",
                    round + 1
                ));
            }
        }
        let asks = all_asks(&xs, basis, 3, rng);
        let (moved_on, anew) = (ratios(ansatz, &batch, &asks), ratios(ansatz, &fresh, &asks));
        for (a, b) in moved_on.into_iter().zip(anew) {
            if !is_close(a, b, tolerance(ansatz)) {
                return Err(format!(
                    "accept: ratio {a} after {} rounds, {b} built anew",
                    round + 1
                ));
            }
        }
    }
    Ok(())
}

fn parameters_survive<A: Ansatz>(ansatz: &mut A, basis: &Basis, rng: &mut Generator) -> Verdict {
    let xs = walkers(ansatz, basis, rng)?;
    let (parameters, logs) = (ansatz.parameters(), ansatz.log_psi(&ansatz.batch(&xs)));
    let other: Vec<f64> = parameters
        .iter()
        .map(|p| p + 0.1 * (rng.random::<f64>() - 0.5))
        .collect();
    for set in [&other, &parameters] {
        ansatz.set_parameters(set).map_err(|e| e.to_string())?;
        if ansatz.parameters() != *set {
            return Err("parameters: what was set is not what is read".into());
        }
    }
    if ansatz.log_psi(&ansatz.batch(&xs)) != logs {
        return Err("parameters: the same parameters give another ψ".into());
    }
    let mut long = parameters;
    long.push(0.0);
    match ansatz.set_parameters(&long) {
        Ok(()) => Err("parameters: a vector that is too long was taken".into()),
        Err(_) => Ok(()),
    }
}

fn derivatives_are_differences<A: Ansatz>(
    ansatz: &mut A,
    basis: &Basis,
    rng: &mut Generator,
) -> Verdict {
    // Rounding gives an error ε/h of the difference quotient and the third derivative one of h²:
    // both are smallest together at h ~ ε^{1/3}. Here h = 10^-5 in double precision.
    let precision = ansatz.facts().precision;
    let (step, tolerance) = (0.1 * precision.cbrt(), 100.0 * precision.powf(2.0 / 3.0));
    let xs = walkers(ansatz, basis, rng)?;
    let parameters = ansatz.parameters();
    let derivatives = ansatz.derivatives(&ansatz.batch(&xs));
    let matrix = derivatives.written_out();
    let column = |s: usize, k: usize| match derivatives.kind {
        Kind::Holomorphic => {
            matrix.get(s, k / 2)
                * if k.is_multiple_of(2) {
                    Complex64::ONE
                } else {
                    Complex64::i()
                }
        }
        _ => matrix.get(s, k),
    };
    let mut verdict = Ok(());
    for k in 0..parameters.len() {
        let mut at = |shift: f64| {
            let mut moved = parameters.clone();
            moved[k] += shift;
            ansatz.set_parameters(&moved).map_err(|e| e.to_string())?;
            Ok::<_, String>(ansatz.log_psi(&ansatz.batch(&xs)))
        };
        let (plus, minus) = (at(step)?, at(-step)?);
        for s in 0..WALKERS {
            let expected = difference(plus[s], minus[s]) / (2.0 * step);
            let found: Complex64 = column(s, k);
            if verdict.is_ok() && !is_close(found, expected, tolerance) {
                verdict = Err(format!(
                    "derivatives: O = {found} for parameter {k}, differences give {expected}"
                ));
            }
        }
    }
    ansatz
        .set_parameters(&parameters)
        .map_err(|e| e.to_string())?;
    verdict
}

#[cfg(test)]
mod tests;
