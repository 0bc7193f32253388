//! Decides what is worked out once at the end: ln Z, the likelihood with its norm, the fidelity
//! with its error.

use super::Learn;
use super::judge::{UNKNOWN, fidelity};
use super::keys::{LearnedObjective, PartitionMethod};
use super::overlap::Overlap;
use super::pairs::OutcomeFigures;
use super::target::{LARGEST, TargetState};
use crate::ansatz::boltzmann::BoltzmannMachine;
use crate::ansatz::boltzmann::partition::{ais_log_weights, combine, log_z_exact};
use crate::calculation::vmc::Vmc;
use crate::comm::{agree, share};
use crate::ensemble::{Amplitudes, relative_amplitudes};
use crate::error::{Error, Result};
use crate::input::Method;
use crate::io::tree::Tree;
use crate::run::Desk;
use num_complex::Complex64;

/// Terms of ln ⟨ψ|ψ⟩ that are summed in every step, at most.
pub(super) const EVERY_STEP: f64 = 4096.0;
/// Annealed samples between two looks at whether to go on.
const ANNEALED: usize = 16;

/// What the end gave; `None` where a number is not known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LearnedFigures {
    pub objective: Option<f64>,
    pub nll: Option<f64>,
    pub entropy: Option<f64>,
    pub kl: Option<f64>,
    pub held_out: Option<f64>,
    pub fidelity: Option<f64>,
    pub fidelity_error: Option<f64>,
    pub log_z: Option<f64>,
    pub log_z_error: Option<f64>,
    pub clipped: f64,
    pub data: OutcomeFigures,
}

impl LearnedFigures {
    fn places(&mut self) -> [(&'static str, &mut Option<f64>); 9] {
        [
            ("objective", &mut self.objective),
            ("nll", &mut self.nll),
            ("entropy", &mut self.entropy),
            ("kl", &mut self.kl),
            ("held_out", &mut self.held_out),
            ("fidelity", &mut self.fidelity),
            ("fidelity_error", &mut self.fidelity_error),
            ("log_z", &mut self.log_z),
            ("log_z_error", &mut self.log_z_error),
        ]
    }

    /// Writes what is known.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        let mut all = self.clone();
        for (name, value) in all.places() {
            if let Some(value) = value {
                out.put_real(&format!("{prefix}/{name}"), *value);
            }
        }
        out.put_real(&format!("{prefix}/clipped"), self.clipped);
        self.data.save(out, prefix);
    }

    /// Takes it back; `None` where there is none.
    pub fn load(from: &Tree, prefix: &str) -> Option<Self> {
        let mut all = LearnedFigures {
            clipped: from.real(&format!("{prefix}/clipped")).ok()?,
            data: OutcomeFigures::load(from, prefix),
            ..LearnedFigures::default()
        };
        for (name, value) in all.places() {
            *value = from.real(&format!("{prefix}/{name}")).ok();
        }
        Some(all)
    }
}

/// ln ψ of all configurations.
fn all_logs(vmc: &Vmc, go_on: &dyn Fn() -> bool) -> Result<Vec<Complex64>> {
    const BLOCK: usize = 4096;
    let index = vmc.problem.basis.numbering()?;
    let (dimension, mut logs) = (index.dimension(), Vec::new());
    for start in (0..dimension).step_by(BLOCK) {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        let xs = index.rows(start..(start + BLOCK).min(dimension));
        logs.extend(vmc.ensemble.log_psi_of(&xs));
    }
    Ok(logs)
}

fn log_norm_of(logs: &[Complex64]) -> f64 {
    let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
    let sum: f64 = logs.iter().map(|l| (2.0 * (l.re - largest)).exp()).sum();
    2.0 * largest + sum.ln()
}

/// Whether ⟨ψ|ψ⟩ = 1: what is drawn by its conditional probabilities. A product of matrices has
/// those of another form.
pub(super) fn is_normalised(vmc: &Vmc) -> bool {
    vmc.sampler.method == Method::Direct && vmc.ensemble.matrix_product().is_none()
}

/// ln ⟨ψ|ψ⟩, where at most `most` terms give it.
pub(super) fn log_norm(vmc: &Vmc, most: f64, go_on: &dyn Fn() -> bool) -> Result<Option<f64>> {
    if is_normalised(vmc) {
        return Ok(Some(0.0));
    }
    if let Some(machine) = machine(&*vmc.ensemble) {
        let smaller = machine.sites().min(machine.hidden());
        if 2f64.powi(smaller as i32) <= most {
            return Ok(log_z_exact(&machine));
        }
    }
    match vmc.problem.basis.dimension() <= most {
        true => all_logs(vmc, go_on).map(|logs| Some(log_norm_of(&logs))),
        false => Ok(None),
    }
}

/// The machine whose distribution |ψ|² is, if there is one: 2 Re ln ψ = ln p̃ tells it from a
/// wave function with the same blocks.
pub(super) fn machine(psi: &dyn Amplitudes) -> Option<BoltzmannMachine> {
    let machine = BoltzmannMachine::of(&psi.layout(), &psi.parameters())?;
    let sites = machine.sites();
    let turned: Vec<i8> = (0..sites)
        .map(|i| if i % 3 == 1 { -1 } else { 1 })
        .collect();
    let fits = [vec![1; sites], turned].iter().all(|x| {
        let wanted = machine.log_weight(x);
        let found = psi.log_psi_of(x).first().map_or(f64::NAN, |l| 2.0 * l.re);
        (found - wanted).abs() <= 1e-9 * (1.0 + wanted.abs())
    });
    fits.then_some(machine)
}

/// ln Z with its error, shared out over the ranks where it is annealed.
fn log_z(learn: &Learn, vmc: &Vmc, desk: &Desk) -> Result<Option<(f64, f64)>> {
    let Some(machine) = machine(&*vmc.ensemble) else {
        return Ok(None);
    };
    let keys = learn.keys.log_z.clone();
    let annealed = keys.filter(|k| k.method == PartitionMethod::Ais);
    let Some(annealed) = annealed else {
        return Ok(log_z_exact(&machine).map(|z| (z, 0.0)));
    };
    let comm = desk.comm;
    let mine = share(annealed.samples, comm.rank(), comm.size());
    let mut logs = Vec::new();
    let mut stopped = Ok(());
    for start in mine.clone().step_by(ANNEALED) {
        if !desk.go_on() {
            stopped = Err(Error::Interrupted);
            break;
        }
        let numbers = start..(start + ANNEALED).min(mine.end);
        logs.extend(ais_log_weights(
            &machine,
            annealed.temperatures,
            numbers,
            vmc.seed,
        ));
    }
    agree(comm, stopped)?;
    let all = comm.gather(&logs)?;
    let mut found = match comm.is_root() {
        true => {
            let (z, error) = combine(&all);
            [z, error]
        }
        false => [0.0; 2],
    };
    comm.broadcast(&mut found)?;
    Ok(Some((found[0], found[1])))
}

/// Everything, at the parameters that are kept.
pub(super) fn find(learn: &Learn, vmc: &Vmc, desk: &Desk) -> Result<LearnedFigures> {
    let comm = desk.comm;
    let mut found = LearnedFigures::default();
    let Some(point) = &learn.standing.point else {
        return Ok(found);
    };
    found.clipped = point.clipped;
    if let Some(lesson) = &learn.lesson {
        found.data = OutcomeFigures::of(&learn.keys, &lesson.shots);
    }
    let z = log_z(learn, vmc, desk)?;
    if let Some((log_z, error)) = z {
        (found.log_z, found.log_z_error) = (Some(log_z), Some(error));
    }
    let known = |value: f64| (value != UNKNOWN).then_some(value);
    (found.objective, found.held_out) = (known(point.objective), known(point.held_out));
    if learn.keys.objective == LearnedObjective::KullbackLeibler {
        found.entropy = learn.lesson.as_ref().map(|l| l.entropy);
        if found.objective.is_none() {
            let norm = match z {
                Some((log_z, _)) => Some(log_z),
                None => agree(comm, log_norm(vmc, LARGEST, &|| desk.go_on()))?,
            };
            if let Some(norm) = norm {
                let (nll, held) = learn.likelihood_of_all(vmc, norm, comm)?;
                (found.objective, found.held_out) = (Some(nll), held);
            }
        }
        found.nll = found.objective;
        found.kl = found.nll.zip(found.entropy).map(|(n, s)| n - s);
    }
    (found.fidelity, found.fidelity_error) = fidelities(learn, vmc, desk)?;
    Ok(found)
}

/// The fidelity with the state and its error: exact where all amplitudes of both are known, else
/// that of the samples.
fn fidelities(learn: &Learn, vmc: &Vmc, desk: &Desk) -> Result<(Option<f64>, Option<f64>)> {
    let Some(state) = &learn.state else {
        return Ok((None, None));
    };
    if vmc.ensemble.noise().is_none() {
        let fidelity = learn.standing.point.as_ref().map(|p| p.fidelity);
        return Ok((fidelity, Some(0.0)));
    }
    if let TargetState::Known(_, phi) = state
        && vmc.problem.basis.dimension() <= LARGEST
    {
        let logs = agree(desk.comm, all_logs(vmc, &|| desk.go_on()))?;
        let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
        let psi = relative_amplitudes(&logs, largest);
        return Ok((Some(fidelity(phi, &psi)), Some(0.0)));
    }
    let overlap = Overlap::new(vmc, state, desk.comm)?;
    Ok((Some(overlap.fidelity), overlap.error(vmc, desk.comm)?))
}
