//! Decides what the present parameters are worth, and the force on them: F = Σ r(x) O(x)*, with
//! coefficients r of model samples and of outcomes.
//!
//! Kullback–Leibler: r = w on samples of |ψ|², −c* on outcomes; in a full sum both on the same
//! configurations. Infidelity: r = w (1 − R/⟨R⟩), R = Φ/ψ, F = |⟨R⟩|²/⟨|R|²⟩. With real
//! parameters the derivative of the objective is 2 F, with holomorphic ones ∂/∂θ* is F.

use super::likelihood::{AllOutcomes, Likelihood, WrittenOut};
use super::overlap::Overlap;
use super::target::TargetState;
use crate::calculation::vmc::Vmc;
use crate::comm::Comm;
use crate::derivatives::{Derivatives, Kind};
use crate::ensemble::Amplitudes;
use crate::error::{Error, Result};
use crate::number::flatten;
use crate::optimizer::{Residuals, deterministic};
use num_complex::Complex64;

/// What is not known of a point.
pub(super) const UNKNOWN: f64 = -1.0;

/// The present parameters.
#[derive(Debug, Clone)]
pub(super) struct LearningPoint {
    /// Ξ or −ln F; [`UNKNOWN`] where ln ⟨ψ|ψ⟩ is not known.
    pub objective: f64,
    /// Fidelity with the state, where it is known.
    pub fidelity: f64,
    /// Ξ of the outcomes that are held out, where it is known.
    pub held_out: f64,
    /// Outcomes whose probability was clipped.
    pub clipped: f64,
    /// F, flat.
    pub force: Vec<f64>,
}

/// Σ r(x) O(x)* over the rows of this rank.
fn product(derivatives: &Derivatives, r: &[Complex64]) -> Vec<f64> {
    match derivatives.kind {
        Kind::Real => {
            let real: Vec<f64> = r.iter().map(|z| z.re).collect();
            derivatives.adjoint_times(&real)
        }
        _ => derivatives.adjoint_times(&flatten(r.iter().copied())),
    }
}

/// Adds `more` to a sum, which may still be empty.
fn add(sum: &mut Vec<f64>, more: &[f64]) {
    sum.resize(more.len(), 0.0);
    sum.iter_mut().zip(more).for_each(|(s, m)| *s += m);
}

/// Σ r(x) O(x)* over all ranks, the same bytes everywhere.
fn pull(
    vmc: &Vmc,
    derivatives: &Derivatives,
    coefficients: &[Complex64],
    comm: &dyn Comm,
) -> Result<Vec<f64>> {
    if vmc.deterministic {
        let weights = vec![0.0; coefficients.len()];
        let data = Residuals {
            derivatives,
            weights: &weights,
            residual: coefficients,
            exact: false,
        };
        let length = deterministic::parameters(derivatives);
        let (force, _) = deterministic::solve(&data, length, comm, |whole| {
            Ok((product(whole.derivatives, whole.residual), [0.0; 2]))
        })?;
        return Ok(force);
    }
    let mut force = product(derivatives, coefficients);
    comm.sum(&mut force)?;
    Ok(force)
}

/// Sums over the rows of all ranks, the same on every rank; `in_order`: rank 0 alone sums, in the
/// order of the rows.
pub(super) fn total<const K: usize>(
    rows: impl Iterator<Item = [f64; K]>,
    in_order: bool,
    comm: &dyn Comm,
) -> Result<[f64; K]> {
    let add = |sums: &mut [f64; K], row: &[f64]| {
        sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
    };
    let mut sums = [0.0; K];
    if in_order {
        let mine: Vec<f64> = rows.flatten().collect();
        let all = comm.gather(&mine)?;
        all.chunks_exact(K.max(1))
            .for_each(|row| add(&mut sums, row));
        comm.broadcast(&mut sums)?;
    } else {
        rows.for_each(|row| add(&mut sums, &row));
        comm.sum(&mut sums)?;
    }
    Ok(sums)
}

/// |⟨Φ|ψ⟩|²/⟨ψ|ψ⟩ for a normalised Φ.
pub(super) fn fidelity(phi: &[Complex64], psi: &[Complex64]) -> f64 {
    let norm: f64 = psi.iter().map(Complex64::norm_sqr).sum();
    let overlap: Complex64 = phi.iter().zip(psi).map(|(f, p)| f.conj() * p).sum();
    overlap.norm_sqr() / norm
}

/// The fidelity of a full sum with a state of which all amplitudes are known.
fn exact_fidelity(psi: &dyn Amplitudes, state: &TargetState) -> Option<f64> {
    match (psi.all(), state) {
        (Some((_, psi)), TargetState::Known(_, phi)) => Some(fidelity(phi, psi)),
        _ => None,
    }
}

/// Outcomes on a full sum, which has been sampled.
pub(super) fn outcomes_in_full(
    vmc: &Vmc,
    outcomes: &AllOutcomes,
    held: Option<&AllOutcomes>,
    state: Option<&TargetState>,
    comm: &dyn Comm,
) -> Result<LearningPoint> {
    let ensemble = &*vmc.ensemble;
    let (index, psi) = ensemble.all().ok_or_else(not_complete)?;
    let said = outcomes.judge(psi, true);
    let fidelity = match state {
        None => UNKNOWN,
        Some(state) => match exact_fidelity(ensemble, state) {
            Some(fidelity) => fidelity,
            None => Overlap::new(vmc, state, comm)?.fidelity,
        },
    };
    let own = ensemble
        .configurations()
        .chunks_exact(ensemble.sites().max(1));
    let coefficients: Vec<Complex64> = own
        .zip(ensemble.weights())
        .map(|(x, w)| {
            let c = index.number(x).map_or(Complex64::ZERO, |k| said.pull[k]);
            *w - c.conj()
        })
        .collect();
    let force = pull(vmc, &ensemble.derivatives(), &coefficients, comm)?;
    Ok(LearningPoint {
        objective: said.nll,
        fidelity,
        held_out: held.map_or(UNKNOWN, |h| h.judge(psi, false).nll),
        clipped: said.clipped,
        force,
    })
}

/// Outcomes beside samples of |ψ|²; `own` are this rank's, `log_norm` is ln ⟨ψ|ψ⟩ where it is
/// known.
pub(super) fn outcomes_beside_samples(
    vmc: &Vmc,
    own: &WrittenOut,
    held: Option<&WrittenOut>,
    log_norm: Option<f64>,
    comm: &dyn Comm,
) -> Result<LearningPoint> {
    let ensemble = &*vmc.ensemble;
    let (psi, norm): (&dyn Amplitudes, _) = (ensemble, log_norm.unwrap_or(0.0));
    let mut of_data = Vec::new();
    let said = own.judge(psi, norm, |portion, said| {
        if !vmc.deterministic {
            let derivatives = ensemble.derivatives_of(&portion.xs);
            add(&mut of_data, &product(&derivatives, &pulled(said)));
        }
    });
    let held_said = held.map(|h| h.judge(psi, norm, |_, _| ()));
    let in_order = vmc.deterministic;
    let nll = total(said.each.iter().map(|v| [*v]), in_order, comm)?[0];
    let of_held = held_said.iter().flat_map(|l| &l.each).map(|v| [*v]);
    let of_held = total(of_held, in_order, comm)?[0];
    let mut clipped = [said.clipped];
    comm.sum(&mut clipped)?;
    let weights: Vec<Complex64> = ensemble.weights().iter().map(|w| (*w).into()).collect();
    let mut force = pull(vmc, &ensemble.derivatives(), &weights, comm)?;
    if vmc.deterministic {
        let derivatives = ensemble.derivatives_of(&own.configurations());
        of_data = pull(vmc, &derivatives, &pulled(&said), comm)?;
    } else {
        of_data.resize(force.len(), 0.0);
        comm.sum(&mut of_data)?;
    }
    add(&mut force, &of_data);
    let known = |value: f64| if log_norm.is_some() { value } else { UNKNOWN };
    Ok(LearningPoint {
        objective: known(nll),
        fidelity: UNKNOWN,
        held_out: held.map_or(UNKNOWN, |_| known(of_held)),
        clipped: clipped[0],
        force,
    })
}

/// −c*
fn pulled(said: &Likelihood) -> Vec<Complex64> {
    said.pull.iter().map(|c| -c.conj()).collect()
}

/// The infidelity with a state on the present samples or sums.
pub(super) fn infidelity(vmc: &Vmc, state: &TargetState, comm: &dyn Comm) -> Result<LearningPoint> {
    let ensemble = &*vmc.ensemble;
    let overlap = Overlap::new(vmc, state, comm)?;
    if overlap.mean == Complex64::ZERO {
        return Err(no_overlap());
    }
    let fidelity = exact_fidelity(ensemble, state).unwrap_or(overlap.fidelity);
    let each = ensemble.weights().iter().zip(&overlap.ratios);
    let coefficients: Vec<Complex64> = each.map(|(w, r)| w * (1.0 - r / overlap.mean)).collect();
    let force = pull(vmc, &ensemble.derivatives(), &coefficients, comm)?;
    Ok(LearningPoint {
        objective: -fidelity.ln(),
        fidelity,
        held_out: UNKNOWN,
        clipped: 0.0,
        force,
    })
}

/// The gradient of an overlap that vanishes.
fn no_overlap() -> Error {
    Error::numerical(
        "the samples have no overlap with the state that is learned",
        "use more samples, a full sum, the sign rule of the model, or a start that is nearer",
    )
}

fn not_complete() -> Error {
    Error::numerical(
        "the full sum has no amplitudes",
        "restart from other parameters",
    )
}
