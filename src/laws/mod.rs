//! Decides what every wave function has to obey; public, so that wave functions of other crates can
//! be held to it.
//!
//! ratio = ψ(x')/ψ(x); accepting = building anew; O_k = ∂ ln ψ/∂θ_k by central differences;
//! many walkers = one walker; the flat parameters survive a round trip; layout, kind and shape of
//! the derivatives agree; O v, O^H w and the Gram matrix from factors are those of the matrix
//! written out.

mod calculation;
mod derivatives;

pub use calculation::calculation;
pub use derivatives::operator_is_matrix;

use crate::ansatz::{Ansatz, Asks};
use crate::basis::SpinBasis;
use crate::derivatives::{Kind, Matrix};
use crate::rng::{Generator, Purpose, RngExt, stream};
use num_complex::Complex64;
use std::f64::consts::TAU;

/// What a broken law says.
pub type Verdict = std::result::Result<(), String>;

const WALKERS: usize = 5;
const TOLERANCE: f64 = 1e-10;

/// Holds `ansatz` to all laws, on random configurations and moves of `basis`. Parameters are as
/// before afterwards.
///
/// The error side names the law, the place and both values.
pub fn laws<A: Ansatz>(ansatz: &mut A, basis: &SpinBasis, seed: u64) -> Verdict {
    let mut rng = stream(seed, Purpose::Law, 0, 0);
    shape(ansatz, basis)?;
    ratio_is_quotient(ansatz, basis, &mut rng)?;
    batch_is_single(ansatz, basis, &mut rng)?;
    accept_is_rebuild(ansatz, basis, &mut rng)?;
    parameters_survive(ansatz, basis, &mut rng)?;
    operator_is_matrix(&ansatz.derivatives(&ansatz.batch(&walkers(ansatz, basis, &mut rng)?)))?;
    derivatives_are_differences(ansatz, basis, &mut rng)
}

fn walkers<A: Ansatz>(
    ansatz: &A,
    basis: &SpinBasis,
    rng: &mut Generator,
) -> Result<Vec<i8>, String> {
    let mut xs = Vec::new();
    for _ in 0..1000 {
        let x = basis.random(rng);
        if ansatz.log_psi(&ansatz.batch(&x))[0].re.is_finite() {
            xs.extend(x);
        }
        if xs.len() == WALKERS * basis.sites {
            return Ok(xs);
        }
    }
    Err("no configurations with ψ ≠ 0 were found".into())
}

/// A random move that stays in the sector: one to four flips where Sz is free, else an exchange of
/// opposite spins.
fn random_move(x: &[i8], basis: &SpinBasis, rng: &mut Generator) -> Vec<u32> {
    let n = x.len();
    if basis.up.is_none() && rng.random::<f64>() < 0.7 {
        let count = if rng.random::<f64>() < 0.7 {
            1
        } else {
            rng.random_range(1..=n.min(4))
        };
        let mut sites: Vec<u32> = (0..n as u32).collect();
        (0..count).for_each(|k| sites.swap(k, rng.random_range(k..n)));
        sites.truncate(count);
        return sites;
    }
    let place = |value: i8, rng: &mut Generator| {
        let sites: Vec<u32> = (0..n as u32).filter(|&i| x[i as usize] == value).collect();
        if sites.is_empty() {
            None
        } else {
            Some(sites[rng.random_range(0..sites.len())])
        }
    };
    match (place(1, rng), place(-1, rng)) {
        (Some(up), Some(down)) => vec![up, down],
        _ => Vec::new(),
    }
}

fn moved(x: &[i8], sites: &[u32]) -> Vec<i8> {
    let mut x = x.to_vec();
    sites.iter().for_each(|&i| x[i as usize] = -x[i as usize]);
    x
}

/// a − b for logarithms, whose imaginary parts count modulo 2π.
fn difference(a: Complex64, b: Complex64) -> Complex64 {
    let d = a - b;
    Complex64::new(d.re, d.im - TAU * (d.im / TAU).round())
}

/// Whether the numbers agree; never if one is not a number.
fn is_close(a: Complex64, b: Complex64, tolerance: f64) -> bool {
    a == b || (a - b).norm() <= tolerance * (1.0 + b.norm())
}

fn same_log(a: Complex64, b: Complex64) -> bool {
    a == b || difference(a, b).norm() <= TOLERANCE * (1.0 + a.re.abs())
}

fn all_asks(xs: &[i8], basis: &SpinBasis, per_walker: usize, rng: &mut Generator) -> Asks {
    let mut asks = Asks::default();
    for (k, x) in xs.chunks_exact(basis.sites).enumerate() {
        (0..per_walker).for_each(|_| asks.push(k, &random_move(x, basis, rng)));
    }
    asks
}

fn ratios<A: Ansatz>(ansatz: &A, batch: &A::Batch, asks: &Asks) -> Vec<Complex64> {
    let mut out = vec![Complex64::new(f64::NAN, f64::NAN); asks.len()];
    ansatz.ratios(batch, asks, &mut out);
    out
}

/// The layout counts as many numbers as the flat vector has, and the derivatives have the columns
/// of their kind.
pub fn shape<A: Ansatz>(ansatz: &A, basis: &SpinBasis) -> Verdict {
    let count = ansatz.parameters().len();
    let reals = |complex: bool| if complex { 2 } else { 1 };
    let laid_out: usize = ansatz
        .layout()
        .iter()
        .map(|b| b.shape.iter().product::<usize>() * reals(b.complex))
        .sum();
    if laid_out != count {
        return Err(format!(
            "shape: the layout has {laid_out} numbers, the flat vector {count}"
        ));
    }
    if ansatz.sites() != basis.sites {
        return Err(format!(
            "shape: {} sites instead of {}",
            ansatz.sites(),
            basis.sites
        ));
    }
    let mut rng = stream(0, Purpose::Law, 1, 0);
    let xs: Vec<i8> = (0..WALKERS).flat_map(|_| basis.random(&mut rng)).collect();
    let derivatives = ansatz.derivatives(&ansatz.batch(&xs));
    let real = matches!(derivatives.written_out(), Matrix::Real(_));
    let columns = if ansatz.kind() == Kind::Holomorphic {
        count / 2
    } else {
        count
    };
    if derivatives.kind != ansatz.kind() || real != (ansatz.kind() == Kind::Real) {
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

fn ratio_is_quotient<A: Ansatz>(ansatz: &A, basis: &SpinBasis, rng: &mut Generator) -> Verdict {
    let xs = walkers(ansatz, basis, rng)?;
    let batch = ansatz.batch(&xs);
    let logs = ansatz.log_psi(&batch);
    let asks = all_asks(&xs, basis, 12, rng);
    for ((k, sites), ratio) in asks.iter().zip(ratios(ansatz, &batch, &asks)) {
        let x = moved(&xs[k * basis.sites..(k + 1) * basis.sites], sites);
        let expected = (ansatz.log_psi(&ansatz.batch(&x))[0] - logs[k]).exp();
        let expected = if expected.re.is_nan() {
            Complex64::ZERO
        } else {
            expected
        };
        if !is_close(ratio, expected, TOLERANCE) {
            return Err(format!(
                "ratio: {ratio} for the flip of {sites:?}, exp(ln ψ' − ln ψ) = {expected}"
            ));
        }
    }
    Ok(())
}

fn batch_is_single<A: Ansatz>(ansatz: &A, basis: &SpinBasis, rng: &mut Generator) -> Verdict {
    let xs = walkers(ansatz, basis, rng)?;
    let batch = ansatz.batch(&xs);
    let (logs, derivatives) = (ansatz.log_psi(&batch), ansatz.derivatives(&batch));
    let asks = all_asks(&xs, basis, 3, rng);
    let together = ratios(ansatz, &batch, &asks);
    for (k, x) in xs.chunks_exact(basis.sites).enumerate() {
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

fn accept_is_rebuild<A: Ansatz>(ansatz: &A, basis: &SpinBasis, rng: &mut Generator) -> Verdict {
    let n = basis.sites;
    let mut xs = walkers(ansatz, basis, rng)?;
    let mut batch = ansatz.batch(&xs);
    for round in 0..400 {
        let asks = all_asks(&xs, basis, 1, rng);
        let all = ratios(ansatz, &batch, &asks);
        let (mut taken, mut given) = (Asks::default(), Vec::new());
        for ((k, sites), &ratio) in asks.iter().zip(&all) {
            if rng.random::<f64>() < ratio.norm_sqr() {
                taken.push(k, sites);
                given.push(ratio);
                let x = moved(&xs[k * n..(k + 1) * n], sites);
                xs[k * n..(k + 1) * n].copy_from_slice(&x);
            }
        }
        ansatz.accept(&mut batch, &taken, &given);
        if round % 40 != 39 {
            continue;
        }
        let fresh = ansatz.batch(&xs);
        for (a, b) in ansatz
            .log_psi(&batch)
            .into_iter()
            .zip(ansatz.log_psi(&fresh))
        {
            if !same_log(a, b) {
                return Err(format!(
                    "accept: ln ψ = {a} after {} rounds, {b} built anew",
                    round + 1
                ));
            }
        }
        let asks = all_asks(&xs, basis, 3, rng);
        let (moved_on, anew) = (ratios(ansatz, &batch, &asks), ratios(ansatz, &fresh, &asks));
        for (a, b) in moved_on.into_iter().zip(anew) {
            if !is_close(a, b, TOLERANCE) {
                return Err(format!(
                    "accept: ratio {a} after {} rounds, {b} built anew",
                    round + 1
                ));
            }
        }
    }
    Ok(())
}

fn parameters_survive<A: Ansatz>(
    ansatz: &mut A,
    basis: &SpinBasis,
    rng: &mut Generator,
) -> Verdict {
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
    basis: &SpinBasis,
    rng: &mut Generator,
) -> Verdict {
    const STEP: f64 = 1e-5;
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
        let (plus, minus) = (at(STEP)?, at(-STEP)?);
        for s in 0..WALKERS {
            let expected = difference(plus[s], minus[s]) / (2.0 * STEP);
            let found: Complex64 = column(s, k);
            if verdict.is_ok() && !is_close(found, expected, 1e-6) {
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
mod tests {
    use super::*;
    use crate::ansatz::Block;
    use crate::ansatz::rbm::Rbm;
    use crate::derivatives::Derivatives;
    use crate::error::Result;

    /// What is wrong with an otherwise right wave function.
    #[derive(Clone, Copy, Debug)]
    enum Fault {
        Ratio,
        Accept,
        Derivative,
        Batch,
        Layout,
        Length,
    }

    struct Faulty(Rbm<f64>, Fault);

    impl Ansatz for Faulty {
        type Batch = <Rbm<f64> as Ansatz>::Batch;
        fn sites(&self) -> usize {
            self.0.sites()
        }
        fn layout(&self) -> Vec<Block> {
            let mut layout = self.0.layout();
            if matches!(self.1, Fault::Layout) {
                layout.pop();
            }
            layout
        }
        fn parameters(&self) -> Vec<f64> {
            self.0.parameters()
        }
        fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
            let keep = parameters.len().min(self.0.parameters().len());
            self.0.set_parameters(if matches!(self.1, Fault::Length) {
                &parameters[..keep]
            } else {
                parameters
            })
        }
        fn kind(&self) -> Kind {
            self.0.kind()
        }
        fn batch(&self, xs: &[i8]) -> Self::Batch {
            self.0.batch(xs)
        }
        fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
            let mut logs = self.0.log_psi(batch);
            if matches!(self.1, Fault::Batch) && logs.len() > 1 {
                logs[1] += 1e-14;
            }
            logs
        }
        fn ratios(&self, batch: &Self::Batch, asks: &Asks, out: &mut [Complex64]) {
            self.0.ratios(batch, asks, out);
            if matches!(self.1, Fault::Ratio) {
                asks.iter()
                    .zip(out)
                    .for_each(|((_, sites), o)| *o *= 1.0 + 1e-8 * sites.len() as f64);
            }
        }
        fn accept(&self, batch: &mut Self::Batch, asks: &Asks, ratios: &[Complex64]) {
            let mut ratios = ratios.to_vec();
            if matches!(self.1, Fault::Accept) {
                ratios.iter_mut().for_each(|r| *r *= 1.0 + 1e-7);
            }
            self.0.accept(batch, asks, &ratios);
        }
        fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
            let derivatives = self.0.derivatives(batch);
            match (self.1, derivatives.written_out()) {
                (Fault::Derivative, Matrix::Real(mut m)) => {
                    m.column_mut(7).mapv_inplace(|o| o + 1e-4);
                    Derivatives::dense(derivatives.kind, Matrix::Real(m))
                }
                _ => derivatives,
            }
        }
    }

    #[test]
    fn every_broken_law_is_named() {
        let basis = SpinBasis::new(5, None).unwrap();
        for (fault, law) in [
            (Fault::Ratio, "ratio"),
            (Fault::Accept, "accept"),
            (Fault::Derivative, "derivatives"),
            (Fault::Batch, "batch"),
            (Fault::Layout, "shape"),
            (Fault::Length, "parameters"),
        ] {
            let mut faulty = Faulty(Rbm::dense(5, 4, true, true, 0.3, 1), fault);
            let verdict = laws(&mut faulty, &basis, 1).unwrap_err();
            assert!(verdict.starts_with(law), "{fault:?}: {verdict}");
        }
    }
}
