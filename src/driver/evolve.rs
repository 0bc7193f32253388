//! Decides the evolution in time: θ(t) by an integrator, fresh samples for every slope,
//! observables on a grid of times.
//!
//! A boundary, where the run may stop, lies between two attempts of a step: parameters, the slope
//! at the present point, the length of the next step and the number of the next random stream are
//! all that a restart needs.

use super::Run;
use super::couplings::Couplings;
use super::curves;
use super::observe;
use super::policy::Bounds;
use super::statistics::estimate;
use super::trajectory::{Point, output_row};
use crate::comm::{Serial, agree};
use crate::ensemble::Request;
use crate::error::{Error, Result};
use crate::evolution::fresh::local_error;
use crate::evolution::integrator::System;
use crate::evolution::motion::{self, Axis, Equation, Metric, Quality};
use crate::input::{EvolveInput, FIRST_BURN_IN, SamplerInput};
use crate::operator::Operator;
use crate::optimizer::{StepData, whole};
use crate::problem::{ChosenOptimizer, Problem, section};
use crate::rng::Purpose;
use crate::stats::limits::OUTPUT_BURN_IN;
use crate::stats::with_error;
use std::io::IsTerminal;
use std::time::Instant;

/// The equation of motion of a run, as an integrator sees it.
struct Flow<'r, 'a> {
    run: &'r mut Run<'a>,
    equation: Equation,
    couplings: &'r Couplings<'r>,
    sampler: SamplerInput,
    /// The problem of a constant Hamiltonian.
    constant: Option<Problem<'r>>,
    last: Option<(Point, Metric)>,
    marked: Option<Metric>,
}

impl<'r> Flow<'r, '_> {
    fn problem(&self, time: f64) -> Result<Option<Problem<'r>>> {
        if self.constant.is_some() {
            Ok(None)
        } else {
            self.couplings.at(time).map(Some)
        }
    }

    /// The problem in force, where `present` is that of the time.
    fn in_force<'p>(&'p self, present: &'p Option<Problem>) -> &'p Problem<'p> {
        self.constant
            .as_ref()
            .or(present.as_ref())
            .unwrap_or(&self.run.problem)
    }

    fn quality(&self) -> Quality {
        self.last
            .as_ref()
            .map_or_else(Quality::default, |(point, _)| point.quality)
    }

    /// Energies and observables at an output time, from samples of their own, and how `velocity`
    /// fits them.
    fn output(
        &mut self,
        time: f64,
        parameters: &[f64],
        velocity: &[f64],
        samples: Option<usize>,
    ) -> Result<()> {
        let per_chain = samples.unwrap_or(self.sampler.samples) / self.sampler.chains;
        let step = self.run.progress.trajectory.outputs.len() as u64;
        self.run.ensemble.set_parameters(parameters)?;
        let request = Request {
            purpose: Purpose::EvolveOutput,
            step,
            burn_in: self.sampler.burn_in + OUTPUT_BURN_IN,
            per_chain,
        };
        self.run.sample(&request)?;
        let present = self.problem(time)?;
        let (comm, ensemble, chains) = (self.run.comm, &*self.run.ensemble, self.sampler.chains);
        let values = |operator: &dyn Operator| agree(comm, ensemble.local_values(operator));
        let local = values(&*self.in_force(&present).hamiltonian)?;
        let energy = estimate(comm, ensemble, &local, chains)?;
        let initial = estimate(
            comm,
            ensemble,
            &values(&*self.run.problem.hamiltonian)?,
            chains,
        )?;
        let derivatives = ensemble.derivatives();
        let data = StepData {
            derivatives: &derivatives,
            weights: ensemble.weights(),
            local_energies: &local.values,
        };
        let axis = self.equation.axis;
        let of_all = |data: &StepData| {
            Ok((
                vec![local_error(axis, data, 0.0, velocity, &Serial)?],
                [0.0; 2],
            ))
        };
        let r2 = match self.run.source.input.deterministic {
            true => whole::solve(&data, 1, comm, of_all)?.0.iter().sum(),
            false => local_error(axis, &data, local.unseen, velocity, comm)?,
        };
        let observables = &self.run.observables;
        let observed = observe::observe(comm, ensemble, observables, per_chain, chains)?;
        self.run.count_proposals()?;
        let row = output_row(time, &energy, &initial, r2);
        if row.iter().any(|v| !v.is_finite()) {
            return Err(Error::numerical(
                format!("the energy at t = {time} is not a finite number"),
                "use shorter steps or a larger cut-off",
            ));
        }
        let trajectory = &mut self.run.progress.trajectory;
        trajectory.outputs.push(row);
        let added = curves::add(&mut trajectory.curves, &self.run.observables, &observed);
        agree(self.run.comm, added)?;
        if self.run.comm.is_root() && !std::io::stderr().is_terminal() {
            let words = curves::words(&self.run.observables, &observed);
            log::info!(
                "t {time:.5}  E = {}{words}  (output)",
                with_error(energy.mean.re, energy.error)
            );
        }
        Ok(())
    }
}

impl System for Flow<'_, '_> {
    fn slope(&mut self, time: f64, y: &[f64]) -> Result<Option<Vec<f64>>> {
        if y.iter().any(|v| !v.is_finite()) {
            return Ok(None);
        }
        let run = &mut *self.run;
        run.ensemble.set_parameters(y)?;
        let due = run.take_burn_in();
        let streams = &mut run.progress.trajectory.streams;
        let request = Request {
            purpose: Purpose::Evolve,
            step: *streams,
            burn_in: self.sampler.burn_in + if *streams == 0 { FIRST_BURN_IN } else { due },
            per_chain: self.sampler.samples / self.sampler.chains,
        };
        *streams += 1;
        run.sample(&request)?;
        let acceptance = run.count_proposals()?.acceptance();
        let present = self.problem(time)?;
        let (run, problem) = (&*self.run, self.in_force(&present));
        let local = agree(run.comm, run.ensemble.local_values(&*problem.hamiltonian))?;
        let mut bad = [local
            .values
            .iter()
            .filter(|e| !(e.re.is_finite() && e.im.is_finite()))
            .count() as f64];
        run.comm.sum(&mut bad)?;
        if bad[0] > 0.0 {
            log::warn!("t = {time}: {} local energies are not finite", bad[0]);
            return Ok(None);
        }
        let energy = estimate(run.comm, &*run.ensemble, &local, self.sampler.chains)?;
        if !Bounds::new(problem, 0.0).allow(&energy) {
            let (mean, variance) = (with_error(energy.mean.re, energy.error), energy.variance);
            log::warn!(
                "t = {time}: no state has the energy {mean} with the variance {variance:.1e}"
            );
            return Ok(None);
        }
        let derivatives = run.ensemble.derivatives();
        let data = StepData {
            derivatives: &derivatives,
            weights: run.ensemble.weights(),
            local_energies: &local.values,
        };
        let motion = match run.source.input.deterministic {
            true => motion::solve_whole(&self.equation, &data, run.comm)?,
            false => motion::solve(
                &self.equation,
                &data,
                local.unseen,
                run.ensemble.noise().is_none(),
                run.comm,
            )?,
        };
        let (velocity, mut quality, metric) = motion.into_parts();
        quality.noise *= (2.0 * energy.tau.max(0.5)).sqrt();
        self.last = Some((
            Point {
                energy,
                quality,
                acceptance,
            },
            metric,
        ));
        Ok(Some(velocity))
    }
    fn mark(&mut self) {
        self.marked = self.last.take().map(|(_, metric)| metric);
    }
    fn length(&self, change: &[f64]) -> Result<f64> {
        let metrics = self
            .last
            .iter()
            .map(|(_, metric)| metric)
            .chain(&self.marked);
        metrics
            .map(|metric| metric.length(change, self.run.comm))
            .try_fold(0.0, |m, l| Ok(f64::max(m, l?)))
    }
    fn noise(&self) -> f64 {
        self.quality().noise
    }
}

/// The next time of the output grid; the end of the evolution belongs to it.
fn output_after(settings: &EvolveInput, time: f64) -> f64 {
    let every = settings.every();
    ((time / every + 1e-9).floor() * every + every).min(settings.time)
}

/// The length of the next step and the time after it: fixed steps divide the way to the next output
/// evenly.
fn next_step(settings: &EvolveInput, time: f64, step: f64) -> (f64, f64) {
    let adaptive = settings.integrator.is_adaptive();
    let target = if adaptive {
        settings.time
    } else {
        output_after(settings, time)
    };
    let left = target - time;
    let steps = (left / step - 1e-9).ceil().max(1.0);
    match steps == 1.0 {
        true => (left, target),
        false if adaptive => (step, time + step),
        false => (left / steps, time + left / steps),
    }
}

/// Evolves from where the run stands; returns whether it came to its end.
pub(super) fn evolve(run: &mut Run, chosen: Option<&ChosenOptimizer>) -> Result<bool> {
    let settings = section(&run.source.input.evolve, "evolve")?.clone();
    let couplings = Couplings::new(run.source, &run.problem.registry, &settings)?;
    let sampler = run.source.input.sampler.clone().unwrap_or_default();
    let (max_drift, max_r2) = bounds(&settings);
    let mut said = run.progress.trajectory.warnings(max_drift, max_r2);
    let constant = if settings.ramps.is_empty() {
        Some(couplings.at(0.0)?)
    } else {
        None
    };
    let mut flow = Flow {
        run,
        equation: settings.equation(),
        couplings: &couplings,
        sampler,
        constant,
        last: None,
        marked: None,
    };
    while flow.run.progress.trajectory.rows.is_empty()
        || flow.run.progress.trajectory.time < end(&settings)
    {
        if flow.run.progress.trajectory.rows.is_empty() {
            begin(&mut flow, &settings)?;
        } else {
            advance(&mut flow, &settings)?;
        }
        let warnings = flow.run.progress.trajectory.warnings(max_drift, max_r2);
        warnings
            .iter()
            .filter(|w| !said.contains(w))
            .for_each(|w| log::warn!("{w}"));
        said = warnings;
        if !flow.run.continue_between_blocks(chosen)? {
            return Ok(false);
        }
    }
    flow.run.problem = couplings.at(settings.time)?;
    Ok(true)
}

/// From where on the evolution counts as finished.
pub(super) fn end(settings: &EvolveInput) -> f64 {
    settings.time * (1.0 - 1e-12)
}

/// The first slope and the observables at time 0.
fn begin(flow: &mut Flow, settings: &EvolveInput) -> Result<()> {
    let clock = Instant::now();
    let parameters = flow.run.ensemble.parameters();
    let slope = flow.slope(0.0, &parameters)?.ok_or_else(|| astray(0.0))?;
    let noise = flow.noise();
    let trajectory = &mut flow.run.progress.trajectory;
    (trajectory.slope, trajectory.step) = ((slope.clone(), noise), settings.step);
    record(flow, 0.0, [0.0; 3], clock);
    flow.output(0.0, &parameters, &slope, settings.samples)?;
    flow.run.ensemble.set_parameters(&parameters)
}

/// One attempt of a step.
fn advance(flow: &mut Flow, settings: &EvolveInput) -> Result<()> {
    let clock = Instant::now();
    let method = settings.integrator;
    let before = flow.run.ensemble.parameters();
    let trajectory = &flow.run.progress.trajectory;
    let (time, slope) = (trajectory.time, trajectory.slope.clone());
    let (h, after) = next_step(
        settings,
        time,
        trajectory
            .step
            .min(settings.max_step.unwrap_or(settings.time)),
    );
    let attempt = method.attempt(flow, time, h, &before, (&slope.0, slope.1))?;
    let (kept, factor) = match &attempt {
        Some(attempt) => method.judge(
            attempt.error,
            attempt.noise,
            settings.tolerance.unwrap_or(1e-4),
        ),
        None if method.is_adaptive() => (false, 0.2),
        None => return Err(astray(time)),
    };
    let trajectory = &mut flow.run.progress.trajectory;
    trajectory.step = if method.is_adaptive() {
        h * factor
    } else {
        settings.step
    };
    let Some(attempt) = attempt.filter(|_| kept) else {
        trajectory.rejected += 1;
        let smallest = settings.min_step.unwrap_or(1e-8 * settings.time);
        if trajectory.step < smallest {
            return Err(Error::numerical(
                format!("the step at t = {time} fell below {smallest:e}"),
                "raise evolve.tolerance, evolve.pseudo_inverse or sampler.samples",
            ));
        }
        return flow.run.ensemble.set_parameters(&before);
    };
    trajectory.slope = (attempt.slopes.last().cloned().unwrap_or_default(), 0.0);
    flow.run.progress.trajectory.slope.1 = flow.noise();
    record(flow, after, [h, attempt.error, attempt.noise], clock);
    loop {
        let last = flow
            .run
            .progress
            .trajectory
            .outputs
            .last()
            .map_or(0.0, |o| o[0]);
        let next = output_after(settings, last);
        if last >= end(settings) || next > after * (1.0 + 1e-12) {
            break;
        }
        let at_end = (next - after).abs() <= 1e-12 * after;
        let there = if at_end {
            attempt.ends[1].clone()
        } else {
            method.interpolate(&attempt, next)
        };
        let velocity = method.interpolated_slope(&attempt, next);
        flow.output(next, &there, &velocity, settings.samples)?;
    }
    if let Some(seconds) = flow.run.progress.trajectory.seconds.last_mut() {
        *seconds = clock.elapsed().as_secs_f64();
    }
    flow.run.ensemble.set_parameters(&attempt.ends[1])
}

/// Bounds of drift and r² above which there is a warning.
pub(super) fn bounds(settings: &EvolveInput) -> (Option<f64>, f64) {
    let conserved = settings.ramps.is_empty() && settings.axis == Axis::Real;
    (
        conserved.then(|| settings.max_drift.unwrap_or(1e-3)),
        settings.max_r2.unwrap_or(0.1),
    )
}

fn astray(time: f64) -> Error {
    Error::numerical(
        format!(
            "after t = {time} the evolution has gone astray: numbers that are not finite, or an \
             energy that no state has"
        ),
        "use shorter steps, a larger cut-off, more samples, or evolve.integrator = \
         \"bogacki-shampine\"; the last checkpoint holds",
    )
}

/// Adds the row of the point just reached, and its line in the log.
fn record(flow: &mut Flow, time: f64, attempt: [f64; 3], clock: Instant) {
    let run = &mut *flow.run;
    let Some((point, _)) = &flow.last else { return };
    let seconds = clock.elapsed().as_secs_f64();
    run.progress
        .trajectory
        .push(time, attempt, point, run.problem.lattice.sites, seconds);
    let total = run.source.input.evolve.as_ref().map_or(time, |e| e.time);
    let Some(row) = run.progress.trajectory.rows.last().copied() else {
        return;
    };
    let line = format!(
        "t {time:.5}  E = {}  drift {:.1e}  r2 {:.1e}  R2 {:.1e}  kept {:.0}  residual {:.1e}  dt \
         {:.1e}  acc {:.2}  {seconds:.3} s",
        with_error(row[2], row[4]),
        row[8],
        row[10],
        row[11],
        row[14],
        row[12],
        attempt[0],
        row[7],
    );
    run.log_line((1000.0 * time / total) as usize, 1000, &line);
}
