//! Decides the fidelity with a state from samples of |ψ|², with an error bar.
//!
//! F = |⟨R⟩|²/⟨|R|²⟩, R = Φ/ψ, over the last samples; the error is that of a jackknife which
//! leaves out one chain at a time (M. H. Quenouille, Biometrika 43, 353 (1956)).

use super::target::TargetState;
use crate::calculation::vmc::{Vmc, gather_series};
use crate::comm::Comm;
use crate::error::Result;
use num_complex::Complex64;

/// The fidelity and its standard error, the same on every rank.
pub(super) fn sampled(vmc: &Vmc, state: &TargetState, comm: &dyn Comm) -> Result<(f64, f64)> {
    let ensemble = &*vmc.ensemble;
    let theirs = state.log_amplitudes(ensemble.configurations(), ensemble.sites());
    let logs: Vec<Complex64> = theirs
        .iter()
        .zip(ensemble.log_psi())
        .map(|(f, p)| f - p)
        .collect();
    let mut largest = [logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re))];
    comm.max(&mut largest)?;
    let ratio = |l: &Complex64| match l.re == f64::NEG_INFINITY {
        true => Complex64::ZERO,
        false => (l - largest[0]).exp(),
    };
    let ratios: Vec<Complex64> = logs.iter().map(ratio).collect();
    let series = gather_series(comm, &ratios, vmc.sampler.chains)?;
    let mut found = match comm.is_root() {
        true => jackknife(&series),
        false => [0.0; 2],
    };
    comm.broadcast(&mut found)?;
    Ok((found[0], found[1]))
}

fn jackknife(series: &[Vec<Complex64>]) -> [f64; 2] {
    let sums = |chain: &Vec<Complex64>| {
        let squares: f64 = chain.iter().map(Complex64::norm_sqr).sum();
        (chain.iter().sum::<Complex64>(), squares, chain.len() as f64)
    };
    let parts: Vec<_> = series.iter().map(sums).collect();
    let add =
        |a: (Complex64, f64, f64), b: &(Complex64, f64, f64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    let whole = parts.iter().fold((Complex64::ZERO, 0.0, 0.0), add);
    let of = |(mean, squares, count): (Complex64, f64, f64)| mean.norm_sqr() / (count * squares);
    let without: Vec<f64> = parts
        .iter()
        .map(|p| of((whole.0 - p.0, whole.1 - p.1, whole.2 - p.2)))
        .collect();
    let count = without.len() as f64;
    let centre = without.iter().sum::<f64>() / count;
    let spread: f64 = without.iter().map(|f| (f - centre).powi(2)).sum();
    [of(whole), ((count - 1.0) / count * spread).sqrt()]
}
