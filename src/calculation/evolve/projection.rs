//! Decides a step of projected evolution: a fit for each factor of the step.
//!
//! The next state is the ψ of largest overlap with φ = (1 + a z)|ψ_0⟩, z = −ih(H − E) or −h(H − E),
//! E the energy at the start of the step; then ψ takes the place of ψ_0 for the next factor. On
//! samples of |ψ|²,
//! ```text
//! r(x) = φ(x)/ψ(x) = (ψ_0(x)/ψ(x)) (1 + a z_loc(x))       z_loc: local values with ψ_0
//! −∂ ln(cos² D)/∂θ* = ⟨Ō^* ε⟩        ε(x) = 1 − r(x)/⟨r⟩
//! ```
//! so that δ with S δ = −⟨Ō^* ε⟩ fits ψ + Σ_k δ_k O_k ψ to φ: the first solve is a step of the
//! equation of motion, later ones remove what it left. ε vanishes on all samples where ψ = φ, and
//! the noise of the fit with it. (A. Sinibaldi, C. Giuliani, G. Carleo, F. Vicentini, Quantum 7,
//! 1131 (2023).) The Hamiltonian is that of the middle of the step, which is of second order.

use super::flow::Flow;
use super::method::ProjectionInput;
use super::search::Search;
use super::step::{astray, next_step, output_after};
use super::trajectory::Point;
use crate::calculation::vmc::RatioMeans;
use crate::error::Result;
use crate::evolution::motion::{Equation, Principle, Quality, TimeAxis};
use crate::operator::Operator;
use num_complex::Complex64;
use std::sync::Arc;
use std::time::Instant;

/// Where a solve leaves more than this part of the residuals, or no number, the fit is as good as
/// it gets.
const LEFT: f64 = 0.9;

/// What a fit aims at: (1 + a z)|ψ_0⟩.
struct Aim {
    /// The parameters of ψ_0.
    from: Vec<f64>,
    hamiltonian: Arc<dyn Operator>,
    /// E
    energy: f64,
    /// a times −ih or −h.
    factor: Complex64,
}

/// Where a fit has come to.
#[derive(Default)]
struct Fit {
    parameters: Vec<f64>,
    infidelity: f64,
    acceptance: f64,
    /// Of the last solve.
    quality: Quality,
    solves: usize,
}

/// Residuals of this rank's samples, and 1 − cos² D.
struct Missed {
    residuals: Vec<Complex64>,
    infidelity: f64,
}

impl Flow<'_, '_, '_> {
    /// The energy and the observables at time 0.
    pub(super) fn begin_projected(&mut self) -> Result<()> {
        let clock = Instant::now();
        let parameters = self.vmc.ensemble.parameters();
        let acceptance = self.sample(&parameters)?;
        let (_, energy) = self.energies(0.0)?.ok_or_else(|| astray(0.0))?;
        self.last = Some(Point {
            energy,
            quality: Quality::default(),
            acceptance,
            infidelity: 0.0,
            solves: 0,
            effective_fraction: self.vmc.effective_fraction,
        });
        self.trajectory.step = self.keys.step;
        self.record(0.0, [0.0; 3], clock);
        self.output(0.0, &parameters, None)?;
        self.vmc.ensemble.set_parameters(&parameters)
    }

    /// One step, and the observables at its end where that is an output time.
    pub(super) fn project(&mut self, wanted: &ProjectionInput) -> Result<()> {
        let (clock, keys) = (Instant::now(), self.keys);
        let (time, from) = (self.trajectory.time, self.vmc.ensemble.parameters());
        let (h, after) = next_step(keys, time, keys.step);
        let start = self.trajectory.rows.last().copied().unwrap_or_default();
        let hamiltonian = self.hamiltonian_at(time + 0.5 * h)?;
        let z = match keys.axis {
            TimeAxis::Real => Complex64::new(0.0, -h),
            TimeAxis::Imaginary => Complex64::new(-h, 0.0),
        };
        let mut whole = Fit {
            parameters: from,
            ..Fit::default()
        };
        for a in keys.expansion().factors() {
            let aim = Aim {
                from: whole.parameters,
                hamiltonian: hamiltonian.clone(),
                energy: start.energy,
                factor: a * z,
            };
            let fit = self.fit(&aim, wanted)?.ok_or_else(|| astray(time))?;
            whole = Fit {
                infidelity: whole.infidelity + fit.infidelity,
                solves: whole.solves + fit.solves,
                ..fit
            };
        }
        let (_, energy) = self.energies(after)?.ok_or_else(|| astray(time))?;
        let moved = h * h * start.variance;
        self.last = Some(Point {
            energy,
            quality: Quality {
                r2: if moved > 0.0 {
                    whole.infidelity / moved
                } else {
                    0.0
                },
                ..whole.quality
            },
            acceptance: whole.acceptance,
            infidelity: whole.infidelity,
            solves: whole.solves,
            effective_fraction: self.vmc.effective_fraction,
        });
        self.record(after, [h, 0.0, 0.0], clock);
        // Fixed steps divide the way to an output time evenly.
        let outputs = self.trajectory.outputs.last().map_or(0.0, |o| o.time);
        if output_after(keys, outputs) <= after * (1.0 + 1e-12) {
            self.output(after, &whole.parameters, None)?;
        }
        if let Some(seconds) = self.trajectory.seconds.last_mut() {
            *seconds = clock.elapsed().as_secs_f64();
        }
        self.vmc.ensemble.set_parameters(&whole.parameters)
    }

    /// The state nearest to an aim, with samples of its own; `None`, on every rank, where numbers
    /// are not finite at the start.
    fn fit(&mut self, aim: &Aim, wanted: &ProjectionInput) -> Result<Option<Fit>> {
        let mut fit = Fit {
            parameters: aim.from.clone(),
            ..Fit::default()
        };
        let mut search = Search::default();
        loop {
            fit.acceptance = self.sample(&fit.parameters)?;
            let missed = self.missed(aim, &fit.parameters)?;
            let Some(missed) = missed.filter(|m| search.accepts(m.infidelity)) else {
                let Some(parameters) = search.back() else {
                    return Ok(None);
                };
                fit.parameters = parameters;
                continue;
            };
            fit.infidelity = missed.infidelity;
            if search.ends()
                || missed.infidelity <= wanted.infidelity
                || fit.solves == wanted.solves
            {
                return Ok(Some(fit));
            }
            let equation = Equation {
                axis: TimeAxis::Imaginary,
                principle: Principle::Mclachlan,
                ..self.keys.equation()
            };
            let motion = self.solve(&equation, &missed.residuals, 0.0)?;
            let (change, quality, _) = motion.into_parts();
            fit.solves += 1;
            fit.quality = quality;
            let is_found = quality.r2 <= LEFT;
            if !is_found {
                return Ok(Some(fit));
            }
            fit.parameters = search.forward(fit.parameters, change);
        }
    }

    /// How far the present samples of the state with `parameters` are from an aim; `None`, on
    /// every rank, where that is no number.
    fn missed(&mut self, aim: &Aim, parameters: &[f64]) -> Result<Option<Missed>> {
        let comm = self.desk.comm;
        let ensemble = &mut self.vmc.ensemble;
        let (xs, own) = (
            ensemble.configurations().to_vec(),
            ensemble.log_psi().to_vec(),
        );
        ensemble.set_parameters(&aim.from)?;
        let before = ensemble.log_psi_of(&xs);
        let local = ensemble.local_values_of(&xs, &*aim.hamiltonian);
        ensemble.set_parameters(parameters)?;
        let moved = before.iter().zip(&local).map(|(log, value)| {
            // The logarithm of 0 times a local value that is not finite is no number, but −∞.
            match log.re > f64::NEG_INFINITY {
                true => log + (1.0 + aim.factor * (value - aim.energy)).ln(),
                false => *log,
            }
        });
        let logs: Vec<Complex64> = moved.zip(&own).map(|(to, from)| to - from).collect();
        let weights = ensemble.weights();
        let pairs = |values: &[Complex64]| {
            let values = values.iter().zip(weights);
            values.map(|(v, w)| (*v, *w)).collect::<Vec<_>>()
        };
        let means = RatioMeans::new(comm, &pairs(&logs), self.vmc.deterministic)?;
        if means.overlap().is_none() {
            return Ok(None);
        }
        let residuals: Vec<Complex64> = logs.iter().map(|l| means.residual(*l)).collect();
        let infidelity = means.infidelity(comm, &pairs(&residuals))?;
        Ok(infidelity.is_finite().then_some(Missed {
            residuals,
            infidelity,
        }))
    }
}
