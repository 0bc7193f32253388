//! Decides how far a network in single precision is off in a step: ln ψ(x')/ψ(x) of some
//! questions about the samples is evaluated in double precision as well.
//!
//! With d the difference of the two logarithms, the root mean square and the largest |d| are
//! recorded. Where the former is above 10⁻³, or a number is not finite, the step goes on in double
//! precision with the samples that it has.

use super::StepRow;
use crate::calculation::vmc::Vmc;
use crate::comm::{Comm, agree, everywhere};
use crate::ensemble::LocalValues;
use crate::error::Result;
use num_complex::Complex64;
use std::f64::consts::TAU;

/// Questions of a step, over all ranks.
const ASKED: usize = 32;

/// Largest root mean square difference with which a step stays in single precision.
const MOST: f64 = 1e-3;

/// How far single precision is off; 0 where nothing is evaluated in it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rounding {
    /// Root mean square of |d|; infinite where a number is not finite.
    pub rms: f64,
    /// The largest |d|.
    pub largest: f64,
}

impl Rounding {
    /// Of the differences of all ranks.
    fn of(differences: &[f64]) -> Self {
        let count = differences.len().max(1) as f64;
        let squares: f64 = differences.iter().map(|d| d * d).sum();
        Rounding {
            rms: (squares / count).sqrt(),
            largest: differences.iter().fold(0.0, |most, &d| most.max(d)),
        }
    }

    /// Whether the step has to be evaluated in double precision.
    pub fn is_large(&self) -> bool {
        self.rms > MOST
    }

    /// The same for the record of a step that was, or was not, evaluated in double precision: what
    /// led to it without a large difference was not finite.
    pub fn of_step(self, exact: bool) -> Self {
        match exact && !self.is_large() {
            true => Rounding {
                rms: f64::INFINITY,
                ..self
            },
            false => self,
        }
    }

    /// What is wrong with a step that has to be evaluated in double precision.
    pub fn words(&self) -> String {
        match self.is_large() {
            true => format!(
                "ln(psi'/psi) in single precision is off by {:.1e}, the root mean square of at \
                 most {ASKED} questions",
                self.rms
            ),
            false => "amplitudes or local energies in single precision are not finite".into(),
        }
    }

    /// Of the samples of a step at the present parameters, the same on every rank.
    pub fn measure(vmc: &mut Vmc, comm: &dyn Comm) -> Result<Self> {
        if !vmc.ensemble.facts().is_single() {
            return Ok(Rounding::default());
        }
        let pairs = pairs(vmc, comm.is_root());
        let ensemble = &mut *vmc.ensemble;
        let rough = ensemble.log_psi_of(&pairs);
        ensemble.set_exact(true)?;
        let exact = ensemble.log_psi_of(&pairs);
        ensemble.set_exact(false)?;
        let mine: Vec<f64> = (rough.chunks_exact(2).zip(exact.chunks_exact(2)))
            .filter_map(|(rough, exact)| difference(rough, exact))
            .collect();
        Ok(Rounding::of(&everywhere(&mine, comm)?))
    }
}

/// Local energies of the samples and [`count_faults`] of them; in double precision, which is said
/// then, where single precision is far off or has faults.
pub(super) fn evaluate(
    vmc: &mut Vmc,
    rounding: &Rounding,
    comm: &dyn Comm,
) -> Result<(LocalValues, [f64; 2], bool)> {
    if !rounding.is_large() {
        let local = vmc.local_values(&*vmc.problem.hamiltonian, comm)?;
        let faults = count_faults(vmc, &local, comm)?;
        if faults == [0.0; 2] || !vmc.ensemble.facts().is_single() {
            return Ok((local, faults, false));
        }
    }
    vmc.ensemble.set_exact(true)?;
    agree(comm, vmc.ensemble.refresh())?;
    let local = vmc.local_values(&*vmc.problem.hamiltonian, comm)?;
    let faults = count_faults(vmc, &local, comm)?;
    Ok((local, faults, true))
}

/// Over all ranks: local energies that are not finite, and samples whose amplitude vanishes or is
/// not finite.
fn count_faults(vmc: &Vmc, local: &LocalValues, comm: &dyn Comm) -> Result<[f64; 2]> {
    let finite = |v: &Complex64| v.re.is_finite() && v.im.is_finite();
    let bad = |values: &[Complex64]| values.iter().filter(|v| !finite(v)).count() as f64;
    // A full sum meets every zero of the wave function and gives it no weight.
    let zeros = match vmc.ensemble.noise().is_none() {
        true => 0.0,
        false => bad(vmc.ensemble.log_psi()),
    };
    let mut counts = [bad(&local.values), zeros];
    comm.sum(&mut counts)?;
    Ok(counts)
}

impl StepRow {
    /// Whether single precision was too far off for the step.
    pub(super) fn is_rounded(&self) -> bool {
        self.rounding_rms < 0.0 || self.rounding_rms > MOST
    }
}

/// |d| of a pair of configurations, infinite where it is not a number; nothing where ψ vanishes in
/// both precisions.
fn difference(rough: &[Complex64], exact: &[Complex64]) -> Option<f64> {
    let vanishes = |log: &Complex64| log.re == f64::NEG_INFINITY;
    if exact.iter().any(vanishes) && rough.iter().any(vanishes) {
        return None;
    }
    let d = (rough[1] - rough[0]) - (exact[1] - exact[0]);
    let size = d.re.hypot(d.im - TAU * (d.im / TAU).round());
    Some(if size.is_finite() {
        size
    } else {
        f64::INFINITY
    })
}

/// Rows x and x' of the questions that this rank has among those of all ranks: equally distant
/// samples, or states of a full sum, and one of the configurations that the Hamiltonian connects
/// with each.
fn pairs(vmc: &Vmc, root: bool) -> Vec<i8> {
    let rows = match vmc.ensemble.all() {
        Some((numbering, _)) => {
            let total = numbering.dimension();
            let chosen = spread(total).filter(|_| root);
            numbering.rows(chosen)
        }
        None => own_samples(vmc),
    };
    let (mut asks, mut elements) = (Default::default(), Vec::new());
    let mut pairs = Vec::new();
    for (k, x) in rows.chunks_exact(vmc.sites()).enumerate() {
        vmc.problem
            .hamiltonian
            .connect(k, x, &mut asks, &mut elements);
        if let Some((_, step)) = asks.iter().nth(k % asks.len().max(1)) {
            pairs.extend_from_slice(x);
            pairs.extend(step.applied(x));
        }
        asks.clear();
        elements.clear();
    }
    pairs
}

/// At most [`ASKED`] numbers below `total` at equal distances.
fn spread(total: usize) -> impl Iterator<Item = usize> {
    let count = total.min(ASKED);
    (0..count).map(move |k| k * total / count)
}

/// The chosen samples of this rank.
fn own_samples(vmc: &Vmc) -> Vec<i8> {
    let (n, per_chain) = (vmc.sites(), vmc.per_chain());
    let first = vmc.ensemble.noise().streams().start * per_chain;
    let xs = vmc.ensemble.configurations();
    let own = spread(vmc.sampler.chains * per_chain).filter_map(|k| k.checked_sub(first));
    own.filter_map(|k| xs.get(k * n..(k + 1) * n))
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_logarithms_are_taken_modulo_a_turn() {
        let z = |re: f64, im: f64| Complex64::new(re, im);
        let exact = [z(1.0, 3.0), z(2.0, -3.0)];
        let rough = [z(1.0, 3.0), z(2.0 + 3e-4, TAU - 3.0 + 4e-4)];
        let found = difference(&rough, &exact).unwrap();
        assert!((found - 5e-4).abs() < 1e-12);
        let zero = z(f64::NEG_INFINITY, 0.0);
        assert_eq!(difference(&[zero, exact[0]], &[zero, exact[0]]), None);
        let far = difference(&[zero, exact[0]], &exact);
        assert_eq!(far, Some(f64::INFINITY));
        let not = difference(&[z(f64::NAN, 0.0), exact[0]], &exact);
        assert_eq!(not, Some(f64::INFINITY));
    }

    #[test]
    fn single_precision_is_left_where_it_is_far_off() {
        let of = |list: &[f64]| Rounding::of(list);
        assert_eq!(of(&[3e-4, 4e-4]).largest, 4e-4);
        assert!((of(&[3e-4, 4e-4]).rms - 12.5e-8f64.sqrt()).abs() < 1e-12);
        assert!(!of(&[3e-4, 1e-3]).is_large() && of(&[2e-3, 2e-3]).is_large());
        assert!(of(&[0.0, f64::INFINITY]).is_large() && !of(&[]).is_large());
        // Faults alone are recorded as what is not finite.
        assert_eq!(of(&[3e-4]).of_step(true).rms, f64::INFINITY);
        assert_eq!(of(&[3e-4]).of_step(false), of(&[3e-4]));
        assert_eq!(of(&[2e-3]).of_step(true), of(&[2e-3]));
    }

    #[test]
    fn questions_lie_at_equal_distances() {
        assert_eq!(spread(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(64).nth(31), Some(62));
        assert_eq!(spread(64).count(), ASKED);
        assert_eq!(spread(0).count(), 0);
    }
}
