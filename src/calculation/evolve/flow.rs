//! Decides the right-hand side of an evolution: the slope of the parameters at a time, from samples
//! of their own, and what is measured at an output time.

use super::couplings::{Couplings, Present};
use super::curves;
use super::keys::EvolveInput;
use super::trajectory::{Point, Trajectory, output_row};
use crate::calculation::optimize::policy::Bounds;
use crate::calculation::vmc::{Energy, Vmc, estimate, observe};
use crate::comm::{Serial, agree};
use crate::ensemble::{LocalValues, Request};
use crate::error::{Error, Result};
use crate::evolution::fresh::local_error;
use crate::evolution::integrator::System;
use crate::evolution::motion::{self, Equation, Metric, Motion, Quality};
use crate::input::FIRST_BURN_IN;
use crate::job::{Phase, timed};
use crate::observable::Named;
use crate::operator::Operator;
use crate::optimizer::{Residuals, deterministic};
use crate::rng::Purpose;
use crate::run::{Desk, Record};
use crate::stats::limits::{OUTPUT_BURN_IN, USABLE_EFFECTIVE_FRACTION};
use crate::stats::with_error;
use num_complex::Complex64;
use std::sync::Arc;

/// The equation of motion, as an integrator sees it.
pub(super) struct Flow<'f, 'a, 'd> {
    pub vmc: &'f mut Vmc<'a>,
    pub desk: &'f mut Desk<'d>,
    pub keys: &'f EvolveInput,
    pub couplings: &'f Couplings<'a>,
    /// A Hamiltonian that does not depend on time.
    pub constant: Option<&'f Present>,
    /// The Hamiltonian under which the state was prepared.
    pub prepared: &'f dyn Operator,
    pub observables: &'f [Named],
    pub trajectory: &'f mut Trajectory,
    pub last: Option<Point>,
    pub metric: Option<Metric>,
    pub marked: Option<Metric>,
}

impl Flow<'_, '_, '_> {
    /// Does `with` the Hamiltonian in force at a time.
    fn under<T>(&self, time: f64, with: impl FnOnce(&Self, &Present) -> Result<T>) -> Result<T> {
        match self.constant {
            Some(present) => with(self, present),
            None => with(self, &self.couplings.at(time)?),
        }
    }

    /// The Hamiltonian at a time.
    pub fn hamiltonian_at(&self, time: f64) -> Result<Arc<dyn Operator>> {
        self.under(time, |_, present| Ok(present.hamiltonian.clone()))
    }

    fn quality(&self) -> Quality {
        let last = self.last.as_ref();
        last.map_or_else(Quality::default, |point| point.quality)
    }

    fn estimate(&self, local: &LocalValues) -> Result<Energy> {
        let chains = self.vmc.sampler.chains;
        estimate(self.desk.comm, &*self.vmc.ensemble, local, chains)
    }

    /// Energies and observables at an output time, from samples of their own, and how `velocity`
    /// fits them; without one, how well the step before was fitted.
    pub fn output(
        &mut self,
        time: f64,
        parameters: &[f64],
        velocity: Option<&[f64]>,
    ) -> Result<()> {
        let sampler = &self.vmc.sampler;
        let chains = sampler.chains;
        let per_chain = self.keys.samples.unwrap_or(sampler.samples) / chains;
        let request = Request {
            purpose: Purpose::EvolveOutput,
            step: self.trajectory.outputs.len() as u64,
            burn_in: sampler.burn_in + OUTPUT_BURN_IN,
            per_chain,
        };
        self.vmc.ensemble.set_parameters(parameters)?;
        self.vmc.sample(&request, self.desk)?;
        let comm = self.desk.comm;
        let local = self.under(time, |flow, present| {
            flow.vmc.local_values(&*present.hamiltonian, comm)
        })?;
        let energy = self.estimate(&local)?;
        let initial = self.estimate(&self.vmc.local_values(self.prepared, comm)?)?;
        let r2 = match velocity {
            Some(velocity) => self.held_out_error(&local, velocity)?,
            None => self.quality().r2,
        };
        let ensemble = &*self.vmc.ensemble;
        let observed = timed(Phase::Observables, || {
            observe::observe(comm, ensemble, self.observables, per_chain, chains)
        })?;
        self.vmc.count_proposals(comm)?;
        let fraction = self.vmc.effective_fraction;
        let row = output_row(time, [&energy, &initial], r2, fraction);
        if row.numbers().iter().any(|v| !v.is_finite()) {
            return Err(Error::numerical(
                format!("the energy at t = {time} is not a finite number"),
                "use shorter steps or a larger cut-off",
            ));
        }
        self.trajectory.outputs.push(row);
        let times = self.trajectory.outputs.len();
        let added = curves::add(
            &mut self.trajectory.curves,
            self.observables,
            &observed,
            times,
        );
        agree(comm, added)?;
        if comm.is_root() {
            let words = curves::words(self.observables, &observed);
            let energy = with_error(energy.mean.re, energy.error);
            self.desk
                .detail(&format!("t {time:.5}  E = {energy}{words}  (output)"));
        }
        Ok(())
    }

    /// r² of `velocity` on the present samples, which did not determine it.
    fn held_out_error(&self, local: &LocalValues, velocity: &[f64]) -> Result<f64> {
        let comm = self.desk.comm;
        let derivatives = self.vmc.ensemble.derivatives();
        let data = Residuals {
            derivatives: &derivatives,
            weights: self.vmc.ensemble.weights(),
            residual: &local.values,
            exact: false,
        };
        let axis = self.keys.axis;
        let of_all = |data: &Residuals| {
            let error = local_error(axis, data, 0.0, velocity, &Serial)?;
            Ok((vec![error], [0.0; 2]))
        };
        match self.vmc.deterministic {
            true => Ok(deterministic::solve(&data, 1, comm, of_all)?.0.iter().sum()),
            false => local_error(axis, &data, local.unseen, velocity, comm),
        }
    }

    /// The samples of a slope; returns the accepted proposals / proposals.
    pub fn sample(&mut self, parameters: &[f64]) -> Result<f64> {
        self.vmc.ensemble.set_parameters(parameters)?;
        let due = self.vmc.take_burn_in();
        let streams = &mut self.trajectory.streams;
        let first = if *streams == 0 { FIRST_BURN_IN } else { due };
        let request = Request {
            purpose: Purpose::Evolve,
            step: *streams,
            burn_in: self.vmc.sampler.burn_in + first,
            per_chain: self.vmc.per_chain(),
        };
        *streams += 1;
        self.vmc.sample(&request, self.desk)?;
        Ok(self.vmc.count_proposals(self.desk.comm)?.acceptance())
    }

    /// Local energies at a time with their estimate; `None` where no state has them.
    pub fn energies(&self, time: f64) -> Result<Option<(LocalValues, Energy)>> {
        let comm = self.desk.comm;
        self.under(time, |flow, present| {
            let local = flow.vmc.local_values(&*present.hamiltonian, comm)?;
            let finite = |e: &&num_complex::Complex64| e.re.is_finite() && e.im.is_finite();
            let good = local.values.iter().filter(finite).count();
            let mut bad = [(local.values.len() - good) as f64];
            comm.sum(&mut bad)?;
            if bad[0] > 0.0 {
                log::warn!("t = {time}: {} local energies are not finite", bad[0]);
                return Ok(None);
            }
            let fraction = flow.vmc.effective_fraction;
            if fraction < USABLE_EFFECTIVE_FRACTION {
                log::warn!(
                    "t = {time}: the samples are worth a fraction {fraction:.1e} of so many; raise \
                     sampler.power towards 2"
                );
                return Ok(None);
            }
            let energy = flow.estimate(&local)?;
            if Bounds::new(present.facts.centre, present.facts.lower_bound(), 0.0).allow(&energy) {
                return Ok(Some((local, energy)));
            }
            let mean = with_error(energy.mean.re, energy.error);
            let variance = energy.variance;
            log::warn!(
                "t = {time}: no state has the energy {mean} with the variance {variance:.1e}"
            );
            Ok(None)
        })
    }

    /// An equation of motion on the present samples; `unseen` is this rank's part of the residuals
    /// where ψ = 0.
    pub fn solve(
        &self,
        equation: &Equation,
        residual: &[Complex64],
        unseen: f64,
    ) -> Result<Motion> {
        let (ensemble, comm) = (&*self.vmc.ensemble, self.desk.comm);
        let derivatives = ensemble.derivatives();
        let data = Residuals {
            derivatives: &derivatives,
            weights: ensemble.weights(),
            residual,
            exact: false,
        };
        let exact = ensemble.noise().is_none();
        timed(Phase::Solve, || match self.vmc.deterministic {
            true => motion::solve_whole(equation, &data, comm),
            false => motion::solve(equation, &data, unseen, exact, comm),
        })
    }
}

impl System for Flow<'_, '_, '_> {
    fn slope(&mut self, time: f64, y: &[f64]) -> Result<Option<Vec<f64>>> {
        if y.iter().any(|v| !v.is_finite()) {
            return Ok(None);
        }
        let acceptance = self.sample(y)?;
        let Some((local, energy)) = self.energies(time)? else {
            return Ok(None);
        };
        let (velocity, mut quality, metric) = self
            .solve(&self.keys.equation(), &local.values, local.unseen)?
            .into_parts();
        let fraction = self.vmc.effective_fraction;
        quality.noise *= (2.0 * energy.tau.max(0.5) / fraction).sqrt();
        let point = Point {
            energy,
            quality,
            acceptance,
            infidelity: 0.0,
            solves: self.keys.integrator.slopes_per_step(),
            effective_fraction: fraction,
        };
        self.last = Some(point);
        self.metric = Some(metric);
        Ok(Some(velocity))
    }
    fn mark(&mut self) {
        self.marked = self.metric.take();
    }
    fn length(&self, change: &[f64]) -> Result<f64> {
        self.metric
            .iter()
            .chain(&self.marked)
            .map(|metric| metric.length(change, self.desk.comm))
            .try_fold(0.0, |m, l| Ok(f64::max(m, l?)))
    }
    fn noise(&self) -> f64 {
        self.quality().noise
    }
}
