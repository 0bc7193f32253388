//! Decides one attempt of a step of an evolution, and the output times on its way.

use super::flow::Flow;
use super::keys::EvolveInput;
use super::{Evolve, end};
use crate::error::{Error, Result};
use crate::evolution::integrator::{Attempt, System};
use crate::run::Desk;
use crate::stats::with_error;
use std::time::Instant;

/// The next time of the output grid; the end of the evolution belongs to it.
pub(super) fn output_after(keys: &EvolveInput, time: f64) -> f64 {
    let every = keys.every();
    ((time / every + 1e-9).floor() * every + every).min(keys.time)
}

/// The length of the next step and the time after it: fixed steps divide the way to the next output
/// evenly.
pub(super) fn next_step(keys: &EvolveInput, time: f64, step: f64) -> (f64, f64) {
    let adaptive = keys.integrator.is_adaptive();
    let target = if adaptive {
        keys.time
    } else {
        output_after(keys, time)
    };
    let left = target - time;
    let steps = (left / step - 1e-9).ceil().max(1.0);
    match steps == 1.0 {
        true => (left, target),
        false if adaptive => (step, time + step),
        false => (left / steps, time + left / steps),
    }
}

pub(super) fn astray(time: f64) -> Error {
    Error::numerical(
        format!(
            "after t = {time} the evolution has gone astray: numbers that are not finite, or an \
             energy that no state has"
        ),
        "use shorter steps, a larger cut-off, more samples, or evolve.integrator = \
         \"bogacki-shampine\"; the last checkpoint holds",
    )
}

impl Evolve<'_> {
    /// The start, or one attempt of a step.
    pub(super) fn attempt(&mut self, desk: &mut Desk) -> Result<()> {
        let begins = self.trajectory.rows.is_empty();
        let mut flow = Flow {
            vmc: &mut self.vmc.borrow_mut(),
            desk,
            keys: &self.keys,
            couplings: &self.couplings,
            constant: self.constant.as_ref(),
            prepared: &*self.prepared,
            observables: &self.observables,
            trajectory: &mut self.trajectory,
            last: None,
            metric: None,
            marked: None,
        };
        match (begins, self.keys.projected()) {
            (true, None) => flow.begin(),
            (true, Some(_)) => flow.begin_projected(),
            (false, None) => flow.advance(),
            (false, Some(wanted)) => flow.project(&wanted),
        }
    }
}

impl Flow<'_, '_, '_> {
    /// The first slope and the observables at time 0.
    fn begin(&mut self) -> Result<()> {
        let clock = Instant::now();
        let parameters = self.vmc.ensemble.parameters();
        let slope = self.slope(0.0, &parameters)?.ok_or_else(|| astray(0.0))?;
        let noise = self.noise();
        self.trajectory.slope = (slope.clone(), noise);
        self.trajectory.step = self.keys.step;
        self.record(0.0, [0.0; 3], clock);
        self.output(0.0, &parameters, Some(&slope))?;
        self.vmc.ensemble.set_parameters(&parameters)
    }

    /// One attempt of a step.
    fn advance(&mut self) -> Result<()> {
        let (clock, keys) = (Instant::now(), self.keys);
        let method = keys.integrator;
        let before = self.vmc.ensemble.parameters();
        let (time, slope) = (self.trajectory.time, self.trajectory.slope.clone());
        let longest = keys.max_step.unwrap_or(keys.time);
        let (h, after) = next_step(keys, time, self.trajectory.step.min(longest));
        let attempt = method.attempt(self, time, h, &before, (&slope.0, slope.1))?;
        let (kept, factor) = match &attempt {
            Some(attempt) => method.judge(attempt.error, attempt.noise, keys.tolerance()),
            None if method.is_adaptive() => (false, 0.2),
            None => return Err(astray(time)),
        };
        self.trajectory.step = match method.is_adaptive() {
            true => h * factor,
            false => keys.step,
        };
        let Some(attempt) = attempt.filter(|_| kept) else {
            return self.reject(&before);
        };
        let slope = attempt.slopes.last().cloned().unwrap_or_default();
        self.trajectory.slope = (slope, self.noise());
        self.record(after, [h, attempt.error, attempt.noise], clock);
        self.outputs_within(&attempt, after)?;
        if let Some(seconds) = self.trajectory.seconds.last_mut() {
            *seconds = clock.elapsed().as_secs_f64();
        }
        self.vmc.ensemble.set_parameters(&attempt.ends[1])
    }

    /// Stays where the step began; an error where steps have become too short.
    fn reject(&mut self, before: &[f64]) -> Result<()> {
        let (time, smallest) = (self.trajectory.time, self.keys.min_step());
        self.trajectory.rejected += 1;
        if self.trajectory.step < smallest {
            return Err(Error::numerical(
                format!("the step at t = {time} fell below {smallest:e}"),
                "raise evolve.tolerance, evolve.pseudo_inverse or sampler.samples",
            ));
        }
        self.vmc.ensemble.set_parameters(before)
    }

    /// Observables at the output times up to `after`, where the step ends.
    fn outputs_within(&mut self, attempt: &Attempt, after: f64) -> Result<()> {
        let (keys, method) = (self.keys, self.keys.integrator);
        loop {
            let last = self.trajectory.outputs.last().map_or(0.0, |o| o.time);
            let next = output_after(keys, last);
            if last >= end(keys) || next > after * (1.0 + 1e-12) {
                return Ok(());
            }
            let at_end = (next - after).abs() <= 1e-12 * after;
            let there = if at_end {
                attempt.ends[1].clone()
            } else {
                method.interpolate(attempt, next)
            };
            let velocity = method.interpolated_slope(attempt, next);
            self.output(next, &there, Some(&velocity))?;
        }
    }

    /// Adds the row of the point just reached, and its line in the log.
    pub(super) fn record(&mut self, time: f64, attempt: [f64; 3], clock: Instant) {
        let Some(point) = &self.last else { return };
        let (seconds, sites) = (clock.elapsed().as_secs_f64(), self.vmc.sites());
        self.trajectory.push(time, attempt, point, sites, seconds);
        let Some(row) = self.trajectory.rows.last() else {
            return;
        };
        let acceptance = match self.vmc.ensemble.noise().is_none() {
            true => String::new(),
            false => {
                let weights = self.vmc.words_of_weights(row.effective_fraction);
                format!("  acc {:.2}{weights}", row.acceptance)
            }
        };
        let shift = match row.shift > 0.0 {
            true => format!("  shift {:.1e}", row.shift),
            false => String::new(),
        };
        let line = format!(
            "t {time:.5}  E = {}  drift {:.1e}  r2 {:.1e}  R2 {:.1e}  kept {:.0}{shift}  residual \
             {:.1e}  dt {:.1e}{acceptance}  {seconds:.3} s",
            with_error(row.energy, row.error),
            row.drift,
            row.r2,
            row.r2_integral,
            row.kept,
            row.solver_residual,
            attempt[0],
        );
        let done = (1000.0 * time / self.keys.time) as usize;
        self.desk.line(done, 1000, &line);
    }
}
