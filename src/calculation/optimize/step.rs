//! Decides one step of an optimisation: samples, energy, direction, update, and what is written
//! down of it.

use super::clipping::clip;
use super::ending::How;
use super::history::StepRow;
use super::length::take;
use super::method::ChosenOptimizer;
use super::policy::{Fault, Snapshot};
use super::rounding::{Rounding, evaluate};
use super::spin::SpinSquare;
use super::update::Update;
use super::{Optimize, warnings};
use crate::calculation::vmc::{BlockCounts, Energy, Vmc, estimate};
use crate::comm::{Comm, agree};
use crate::ensemble::{LocalValues, Noise, Request, local_derivatives};
use crate::error::{Error, Result};
use crate::input::FIRST_BURN_IN;
use crate::job::{Phase, timed};
use crate::optimizer::{Direction, Iterations, Objective, Residuals, deterministic};
use crate::rng::{Purpose, stream};
use crate::run::{Desk, Progress};
use crate::stats::limits::USABLE_EFFECTIVE_FRACTION;
use crate::stats::{v_score, v_score_words, with_error};
use num_complex::Complex64;
use std::time::Instant;

/// Most draws of a configuration with a non-zero amplitude.
const DRAWS: usize = 10_000;

/// What the samples of a step gave.
struct Sampled {
    local: LocalValues,
    counts: BlockCounts,
    /// Over all ranks: samples whose local energy is not finite, and whose amplitude vanishes or
    /// is not finite.
    non_finite: f64,
    zeros: f64,
    rounding: Rounding,
    energy: Energy,
    score: Option<f64>,
    /// Where there is a penalty on it.
    spin: Option<SpinSquare>,
    /// That of [`Vmc::effective_fraction`].
    effective_fraction: f64,
}

impl Optimize<'_> {
    /// One step from the present parameters.
    pub(super) fn make_step(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = Instant::now();
        let step = self.step;
        self.take_stage(desk)?;
        let sampled = self.sample(desk)?;
        let level = self.policy.level;
        let (mut fault, well) = self.judge(&sampled);
        if sampled.non_finite + sampled.zeros > 0.0 {
            fault = Some(Fault::NotFinite);
        }
        if fault.is_none() && sampled.effective_fraction < USABLE_EFFECTIVE_FRACTION {
            fault = Some(Fault::Weights);
        }
        let judged = self.state_of_window();
        let mut update = Update::none(self.stage().rate(step) * self.policy.rate_factor());
        if fault.is_none() {
            fault = self.update(desk.comm, &sampled, well, &mut update)?;
        }
        let row = self.row(&sampled, &update, fault, level);
        if let Some(warning) = warnings::start(&self.history, &row) {
            desk.warn(&warning);
        }
        let seconds = clock.elapsed().as_secs_f64();
        self.history.rows.push(row);
        self.history.seconds.push(seconds);
        self.step += 1;
        self.say_if_high(desk);
        if let Some(fault) = fault {
            return self.undo(fault, desk);
        }
        self.policy
            .passed(&sampled.energy, self.acceptance(&sampled));
        self.keep_best(judged);
        if let Some(average) = &mut self.average {
            average.add(step, &self.vmc.borrow().ensemble.parameters());
        }
        self.redraw_still_chains(&sampled.counts, desk.comm)?;
        let vmc = self.vmc.borrow();
        let pilot = self.pilots.present();
        if vmc.keeps_samples(true) && pilot.is_none() {
            let values = &sampled.local.values;
            let per_chain = values.len() / vmc.ensemble.noise().streams().len().max(1);
            desk.keep(vmc.sample_rows(desk.comm, values, per_chain, step as i64)?);
        }
        drop(vmc);
        self.log_step(desk, step, &sampled, seconds);
        if self.keys.is_reached(&row) {
            desk.say(&format!("step {step}: the target is reached"));
            self.ending.how = How::Target;
            return Ok(Progress::Done);
        }
        Ok(self.after_step())
    }

    /// What is wrong with samples, and whether a later step may come back to them.
    fn judge(&self, sampled: &Sampled) -> (Option<Fault>, bool) {
        let acceptance = self.acceptance(sampled);
        self.policy.judge(&sampled.energy, acceptance, &self.bounds)
    }

    /// How often the chains move, 1 without chains.
    fn acceptance(&self, sampled: &Sampled) -> f64 {
        match self.vmc.borrow().ensemble.noise() {
            Noise::Chains(_) => sampled.counts.acceptance(),
            _ => 1.0,
        }
    }

    pub(super) fn after_step(&self) -> Progress {
        match self.step < self.keys.steps {
            true => Progress::GoesOn,
            false => Progress::Done,
        }
    }

    /// Samples at the present parameters, and their energy.
    fn sample(&mut self, desk: &mut Desk) -> Result<Sampled> {
        let vmc = &mut *self.vmc.borrow_mut();
        let burn_in = match self.step {
            0 => FIRST_BURN_IN,
            _ => vmc.take_burn_in(),
        };
        let request = Request {
            purpose: Purpose::Optimize,
            step: self.step as u64,
            burn_in: vmc.sampler.burn_in + burn_in,
            per_chain: vmc.per_chain(),
        };
        vmc.ensemble.set_exact(false)?;
        vmc.sample(&request, desk)?;
        let counts = vmc.count_proposals(desk.comm)?;
        let rounding = Rounding::measure(vmc, desk.comm)?;
        let (local, [non_finite, zeros], exact) = evaluate(vmc, &rounding, desk.comm)?;
        if exact && !self.history.rows.iter().any(StepRow::is_rounded) {
            desk.warn(&format!(
                "step {}: {}; it is evaluated in double precision, and so are later ones of the \
                 kind",
                self.step,
                rounding.words()
            ));
        }
        let rounding = rounding.of_step(exact);
        let energy = estimate(desk.comm, &*vmc.ensemble, &local, vmc.sampler.chains)?;
        let spin = self.spin.as_ref().map(|s| s.measure(vmc, desk.comm));
        let spin = spin.transpose()?;
        let e_infinity = vmc.problem.facts.centre;
        let score = v_score(
            vmc.problem.basis.degrees_of_freedom(),
            energy.variance,
            energy.mean.re,
            e_infinity,
        );
        Ok(Sampled {
            local,
            counts,
            non_finite: non_finite + spin.as_ref().map_or(0.0, |s| s.non_finite),
            zeros,
            rounding,
            energy,
            score,
            spin,
            effective_fraction: vmc.effective_fraction,
        })
    }

    /// The row of a step in the history.
    fn row(
        &self,
        sampled: &Sampled,
        update: &Update,
        fault: Option<Fault>,
        level: usize,
    ) -> StepRow {
        let (energy, counts) = (&sampled.energy, &sampled.counts);
        let square = sampled.spin.as_ref().map(|s| s.estimate);
        let finite_or = |value: f64| if value.is_finite() { value } else { -1.0 };
        let row = StepRow {
            energy: energy.mean.re,
            energy_imag: energy.mean.im,
            error: energy.error,
            variance: energy.variance,
            v_score: sampled.score.unwrap_or(-1.0),
            r_hat: energy.r_hat,
            acceptance: counts.acceptance(),
            learning_rate: update.rate,
            shift: self.stages[self.at].chosen.optimizer.shift(),
            metric_norm: update.metric_norm,
            fallbacks: update.fallbacks,
            iterations: update.iterations,
            residual: update.residual,
            rejected: fault.map_or(0.0, |f| f as u8 as f64),
            backoff: level as f64,
            non_finite: sampled.non_finite,
            zero_amplitudes: sampled.zeros,
            still_chains: counts.totals[3],
            bad_ratios: counts.totals[2],
            table_drift: finite_or(counts.table_drift),
            clipped: update.clipped,
            rounding_rms: finite_or(sampled.rounding.rms),
            rounding_max: finite_or(sampled.rounding.largest),
            stage: (self.at + 1) as f64,
            spin_squared: square.map_or(0.0, |s| s.mean.re),
            spin_squared_error: square.map_or(0.0, |s| s.error),
            effective_fraction: finite_or(sampled.effective_fraction),
            swap_acceptance: counts.swap_acceptance(),
        };
        match fault {
            None => row,
            Some(_) => row.with_numbers_of(self.history.rows.last()),
        }
    }

    /// Moves the parameters; a fault, the same on every rank, where there is no finite update.
    fn update(
        &mut self,
        comm: &dyn Comm,
        sampled: &Sampled,
        well: bool,
        update: &mut Update,
    ) -> Result<Option<Fault>> {
        let vmc = &mut *self.vmc.borrow_mut();
        let (ensemble, per_chain) = (&*vmc.ensemble, vmc.per_chain());
        let (orthogonal, local) = (&mut self.orthogonal, &sampled.local.values);
        let mut pulled = orthogonal.local_energies(comm, ensemble, local, self.step, per_chain)?;
        if let (Some(penalty), Some(square)) = (&self.spin, &sampled.spin) {
            penalty.add(square, pulled.to_mut());
        }
        if let Some(times) = self.keys.clip_force {
            let weights = ensemble.log_weights().map(|_| ensemble.weights());
            update.clipped = clip(pulled.to_mut(), weights, times, comm)?;
        }
        let stage = &mut self.stages[self.at];
        let (counted, chosen) = (stage.counted(self.step), &mut stage.chosen);
        let work = || solve(vmc, chosen, &pulled, counted, comm);
        let solved = timed(Phase::Solve, work)?;
        let Some(Direction {
            update: direction,
            metric_norm,
            fallbacks,
            iterations,
        }) = solved
        else {
            return Ok(Some(Fault::Solve));
        };
        let own = stage.chosen.optimizer.norm_constraint();
        let of_faults = self.policy.rate_factor();
        update.shorten(&stage.plan.keys, own, (metric_norm, &direction), of_faults);
        if let Some(Iterations { count, residual }) = iterations {
            (update.iterations, update.residual) = (count as f64, residual);
        }
        let before = vmc.ensemble.parameters();
        let norm = metric_norm.unwrap_or(-1.0);
        let largest = metric_norm.and(stage.plan.keys.max_distance);
        let halvings = take(vmc, comm, (&before, &direction), update, largest)?;
        if let Some(halvings) = halvings {
            stage.chosen.optimizer.halved(halvings);
        }
        if well {
            let safe = Snapshot {
                parameters: before,
                chains: vmc.ensemble.chain_states().to_vec(),
                optimizer: self.mark.optimizer.clone(),
            };
            self.mark.replaced = Some(self.policy.safe.replace(safe));
        }
        if halvings.is_none() || !norm.is_finite() {
            update.rate = 0.0;
            return Ok(Some(Fault::Overflow));
        }
        (update.metric_norm, update.fallbacks) = (norm, fallbacks as f64);
        Ok(None)
    }

    /// Chains that have stood still for long start again from random configurations.
    fn redraw_still_chains(&mut self, counts: &BlockCounts, comm: &dyn Comm) -> Result<()> {
        let vmc = &mut *self.vmc.borrow_mut();
        if !matches!(vmc.ensemble.noise(), Noise::Chains(_)) {
            return Ok(());
        }
        let (still, everywhere) = (&counts.still, counts.totals[3]);
        let due = self
            .policy
            .stand_still(still, everywhere, vmc.sampler.chains);
        let (sites, length) = (vmc.sites(), vmc.ensemble.chain_length());
        let first = vmc.ensemble.noise().streams().start;
        let mut states = vmc.ensemble.chain_states().to_vec();
        for &k in &due {
            let (name, purpose) = ((first + k) as u64, Purpose::Configurations);
            let mut rng = stream(vmc.seed, purpose, name, self.step as u64);
            let mut draws = (0..DRAWS).map(|_| vmc.problem.basis.random(&mut rng));
            let seen = |x: &Vec<i8>| vmc.ensemble.log_psi_of(x)[0].re > f64::NEG_INFINITY;
            if let Some(new) = draws.find(seen) {
                states[k * length..][..sites].copy_from_slice(&new);
            }
        }
        let mut redrawn = [due.len() as f64];
        comm.sum(&mut redrawn)?;
        if redrawn[0] > 0.0 {
            log::warn!(
                "{} chains did not move for many steps and are drawn anew",
                redrawn[0]
            );
            vmc.ensemble.set_chain_states(&states)?;
            vmc.burn_in_due = true;
        }
        Ok(())
    }

    fn log_step(&self, desk: &mut Desk, step: usize, sampled: &Sampled, seconds: f64) {
        let energy = &sampled.energy;
        // A full sum has no chains.
        let chains = match self.vmc.borrow().ensemble.noise().is_none() {
            true => String::new(),
            false => {
                let acceptance = sampled.counts.acceptance();
                let vmc = self.vmc.borrow();
                let weights = vmc.words_of_weights(sampled.effective_fraction);
                format!("  R-hat {:.3}  acc {acceptance:.2}{weights}", energy.r_hat)
            }
        };
        let (pilot, steps) = match self.pilots.present() {
            Some((number, pilots)) => (format!("pilot {number} "), pilots.steps),
            None => (String::new(), self.keys.steps),
        };
        let spin = sampled
            .spin
            .as_ref()
            .map_or_else(String::new, SpinSquare::words);
        let line = format!(
            "{pilot}step {step}  E = {}  var = {:.4}  V-score {}{chains} {seconds:.3} s/step{}",
            with_error(energy.mean.re, energy.error),
            energy.variance,
            v_score_words(sampled.score),
            self.orthogonal.words() + &spin,
        );
        desk.line(step, steps, &line);
    }
}

/// The direction, or `None` on every rank where the numbers of any rank had none; other errors
/// stay errors, on every rank.
fn solve(
    vmc: &Vmc,
    chosen: &mut ChosenOptimizer,
    local_energies: &[Complex64],
    step: usize,
    comm: &dyn Comm,
) -> Result<Option<Direction>> {
    let derivatives = vmc.ensemble.derivatives();
    let data = Residuals {
        derivatives: &derivatives,
        weights: vmc.ensemble.weights(),
        residual: local_energies,
        exact: vmc.ensemble.noise().is_none(),
    };
    let operator = &*vmc.problem.hamiltonian;
    let local = chosen
        .local_derivatives
        .then(|| local_derivatives(&*vmc.ensemble, &derivatives, operator));
    let objective = match &local {
        Some(local) => Objective::Hamiltonian(&data, local),
        None => Objective::LeastSquares(&data),
    };
    let optimizer = &mut *chosen.optimizer;
    let solved = match vmc.deterministic {
        true => deterministic::direction(optimizer, &objective, step, comm),
        false => optimizer.direction(&objective, step, comm),
    };
    let numerical = matches!(solved, Err(Error::Numerical { .. }));
    let other = matches!(
        solved,
        Err(Error::Input { .. } | Error::Memory { .. } | Error::Output { .. })
    );
    let mut failed = [f64::from(u8::from(numerical)), f64::from(u8::from(other))];
    comm.max(&mut failed)?;
    if failed[1] > 0.0 {
        return agree(comm, solved).map(Some);
    }
    match solved {
        Err(e) if failed[0] == 0.0 => Err(e),
        Ok(direction) if failed[0] == 0.0 => Ok(Some(direction)),
        Err(Error::Numerical { what, .. }) => {
            log::warn!("{what}");
            Ok(None)
        }
        _ => Ok(None),
    }
}
