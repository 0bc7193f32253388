//! Decides one optimisation step: θ ← θ − η δ with δ from the registered optimiser,
//! sampled at the present parameters.
//!
//! What happens to a step that goes wrong is decided in [`super::policy`].

use super::history::{COLUMNS, Row, place};
use super::policy::{Bounds, Fault, OPTIMIZER, Snapshot};
use super::statistics::{Energy, estimate};
use super::{BlockCounts, Run, Stage};
use crate::comm::agree;
use crate::ensemble::{LocalValues, Noise, Request};
use crate::error::{Error, Result};
use crate::input::{FIRST_BURN_IN, OptimizeInput};
use crate::io::tree::Tree;
use crate::optimizer::{Direction, Iterations, StepData, trust_region_scale, whole};
use crate::problem::{ChosenOptimizer, section};
use crate::rng::{Purpose, stream};
use crate::stats::limits::MAX_R_HAT;
use crate::stats::{v_score, with_error};

/// Most draws of a configuration with a non-zero amplitude.
const DRAWS: usize = 10_000;
const R_HAT: usize = place("r_hat");

/// Runs the optimisation from where it stands; returns whether it came to its end.
pub(super) fn optimize(run: &mut Run, chosen: &mut ChosenOptimizer) -> Result<bool> {
    let settings = section(&run.source.input.optimize, "optimize")?.clone();
    let sampler = run.source.input.sampler.clone().unwrap_or_default();
    // A penalty lifts the energy on purpose.
    let bounds = Bounds::new(
        &run.problem,
        if run.orthogonal.is_empty() {
            settings.max_rise
        } else {
            0.0
        },
    );
    while run.progress.stage == Stage::Optimize && run.progress.step < settings.steps {
        let step = run.progress.step;
        let clock = std::time::Instant::now();
        let burn_in = sampler.burn_in
            + if step == 0 {
                FIRST_BURN_IN
            } else {
                run.take_burn_in()
            };
        let per_chain = sampler.samples / sampler.chains;
        run.sample(&Request {
            purpose: Purpose::Optimize,
            step: step as u64,
            burn_in,
            per_chain,
        })?;
        let local = agree(
            run.comm,
            run.ensemble.local_values(&*run.problem.hamiltonian),
        )?;
        let counts = run.count_proposals()?;
        let [non_finite, zeros] = run.count_faults(&local)?;
        let energy = estimate(run.comm, &*run.ensemble, &local, sampler.chains)?;
        let score = v_score(
            run.problem.lattice.sites,
            energy.variance,
            energy.mean.re,
            run.problem.facts.centre,
        );
        let level = run.progress.policy.level;
        let (mut fault, well) = run.progress.policy.judge(&energy, &bounds);
        if non_finite + zeros > 0.0 {
            fault = Some(Fault::NotFinite);
        }
        let mut taken = Taken {
            rate: settings.learning_rate.at(step) * run.progress.policy.rate_factor(),
            ..Taken::NONE
        };
        if fault.is_none() {
            fault = run.update(chosen, &settings, &local, per_chain, well, &mut taken)?;
        }
        let mut row: Row = [
            energy.mean.re,
            energy.mean.im,
            energy.error,
            energy.variance,
            if score.is_finite() { score } else { -1.0 },
            energy.r_hat,
            counts.acceptance(),
            taken.rate,
            settings.shift.as_ref().map_or(0.0, |s| s.at(step)),
            taken.metric_norm,
            taken.fallbacks,
            taken.iterations[0],
            taken.iterations[1],
            fault.map_or(0.0, |f| f as u8 as f64),
            level as f64,
            non_finite,
            zeros,
            counts.totals[3],
            counts.totals[2],
            if counts.table_drift.is_finite() {
                counts.table_drift
            } else {
                -1.0
            },
        ];
        if fault.is_some() {
            // The numbers of an unsound step mean nothing; those of the last sound one stand for
            // them.
            let last: Row = run
                .progress
                .history
                .rows
                .last()
                .copied()
                .unwrap_or([0.0; COLUMNS.len()]);
            row[..6].copy_from_slice(&last[..6]);
        }
        let seconds = clock.elapsed().as_secs_f64();
        run.progress.history.rows.push(row);
        run.progress.history.seconds.push(seconds);
        run.progress.step += 1;
        match fault {
            None => {
                run.progress.policy.passed(&energy);
                run.redraw_still_chains(&counts, sampler.chains)?;
                run.keep_step_samples(&local.values)?;
                run.log_step(step, &settings, &energy, score, &counts, seconds);
            }
            Some(fault) => run.undo(fault, chosen, &settings)?,
        }
        let below =
            |target: Option<f64>, value: f64| target.is_some_and(|t| value > 0.0 && value <= t);
        if fault.is_none()
            && (below(settings.target_error, energy.error) || below(settings.target_v_score, score))
        {
            log::info!("step {step}: the target is reached");
            run.progress.stage = Stage::Measure;
        }
        if !run.continue_between_blocks(Some(chosen))? {
            return Ok(false);
        }
    }
    run.progress.stage = Stage::Measure;
    run.summarise_faults();
    Ok(true)
}

/// What an update was.
struct Taken {
    rate: f64,
    metric_norm: f64,
    fallbacks: f64,
    /// Their number and the residual.
    iterations: [f64; 2],
}

impl Taken {
    const NONE: Taken = Taken {
        rate: 0.0,
        metric_norm: -1.0,
        fallbacks: 0.0,
        iterations: [-1.0; 2],
    };
}

impl Run<'_> {
    /// Over all ranks: local energies that are not finite, and samples whose amplitude vanishes or
    /// is not finite.
    fn count_faults(&self, local: &LocalValues) -> Result<[f64; 2]> {
        let finite = |v: &num_complex::Complex64| v.re.is_finite() && v.im.is_finite();
        let bad =
            |values: &[num_complex::Complex64]| values.iter().filter(|v| !finite(v)).count() as f64;
        // A full sum meets every zero of the wave function and gives it no weight.
        let zeros = if self.ensemble.noise().is_none() {
            0.0
        } else {
            bad(self.ensemble.log_psi())
        };
        let mut counts = [bad(&local.values), zeros];
        self.comm.sum(&mut counts)?;
        Ok(counts)
    }

    /// Moves the parameters; a fault, the same on every rank, where there is no finite update.
    fn update(
        &mut self,
        chosen: &mut ChosenOptimizer,
        settings: &OptimizeInput,
        local: &LocalValues,
        per_chain: usize,
        well: bool,
        taken: &mut Taken,
    ) -> Result<Option<Fault>> {
        let mut state = Tree::default();
        chosen.optimizer.save(&mut state, OPTIMIZER);
        let step = self.progress.step;
        let pulled = self.orthogonal.local_energies(
            self.comm,
            &*self.ensemble,
            &local.values,
            step,
            per_chain,
        )?;
        let derivatives = self.ensemble.derivatives();
        let data = StepData {
            derivatives: &derivatives,
            weights: self.ensemble.weights(),
            local_energies: &pulled,
        };
        let solved = match self.source.input.deterministic {
            true => whole::direction(&mut *chosen.optimizer, &data, step, self.comm),
            false => chosen.optimizer.direction(&data, step, self.comm),
        };
        let Some(Direction {
            update,
            metric_norm,
            fallbacks,
            iterations,
        }) = self.solved_everywhere(solved)?
        else {
            return Ok(Some(Fault::Solve));
        };
        if let (Some(norm), Some(largest)) = (metric_norm, settings.max_distance) {
            taken.rate *= trust_region_scale(taken.rate, norm, largest);
        }
        if let Some(largest) = settings.largest_norm() {
            let squared = update.iter().map(|d| d * d).sum();
            taken.rate *= trust_region_scale(taken.rate, squared, largest.sqrt());
        }
        if let Some(Iterations { count, residual }) = iterations {
            taken.iterations = [count as f64, residual];
        }
        let before = self.ensemble.parameters();
        let after: Vec<f64> = before
            .iter()
            .zip(&update)
            .map(|(p, d)| p - taken.rate * d)
            .collect();
        let norm = metric_norm.unwrap_or(-1.0);
        let finite =
            taken.rate.is_finite() && norm.is_finite() && after.iter().all(|p| p.is_finite());
        if well {
            let chains = self.ensemble.chain_states().to_vec();
            self.progress.policy.safe = Some(Snapshot {
                parameters: before,
                chains,
                optimizer: state,
            });
        }
        if !finite {
            taken.rate = 0.0;
            return Ok(Some(Fault::Overflow));
        }
        (taken.metric_norm, taken.fallbacks) = (norm, fallbacks as f64);
        self.ensemble.set_parameters(&after)?;
        Ok(None)
    }

    /// The direction, or `None` on every rank where the numbers of any rank had none; other errors
    /// stay errors.
    fn solved_everywhere(&self, solved: Result<Direction>) -> Result<Option<Direction>> {
        let numerical = matches!(solved, Err(Error::Numerical { .. }));
        let other = matches!(
            solved,
            Err(Error::Input { .. } | Error::Memory { .. } | Error::Output { .. })
        );
        let mut failed = [f64::from(u8::from(numerical)), f64::from(u8::from(other))];
        self.comm.max(&mut failed)?;
        match solved {
            Err(e) if failed[1] > 0.0 || failed[0] == 0.0 => Err(e),
            Ok(direction) if failed[0] == 0.0 => Ok(Some(direction)),
            Err(Error::Numerical { what, .. }) => {
                log::warn!("{what}");
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Goes back to the last good state; ends the run, with that state saved, after too many
    /// faults.
    fn undo(
        &mut self,
        fault: Fault,
        chosen: &mut ChosenOptimizer,
        settings: &OptimizeInput,
    ) -> Result<()> {
        let step = self.progress.step - 1;
        self.progress.policy.failed();
        if let Some(safe) = &self.progress.policy.safe {
            self.ensemble.set_parameters(&safe.parameters)?;
            if !self.ensemble.noise().is_none() {
                self.ensemble.set_chain_states(&safe.chains)?;
            }
            chosen.optimizer.load(&safe.optimizer, OPTIMIZER)?;
        }
        let level = self.progress.policy.level;
        self.end_bar();
        log::warn!(
            "step {step}: {}; undone, the learning rate is now {:.1e} of the input's",
            fault.words(),
            self.progress.policy.rate_factor()
        );
        if level <= settings.max_backoffs {
            return Ok(());
        }
        self.save(Some(chosen), "stopped")?;
        let given_up = Error::numerical(
            format!(
                "step {step}: {}, after {} undone steps; the last good parameters are saved",
                fault.words(),
                self.progress.policy.faults
            ),
            "lower optimize.learning_rate, raise optimize.shift or sampler.samples, and run again \
             to go on from them",
        );
        agree(
            self.comm,
            if self.comm.is_root() {
                Err(given_up)
            } else {
                Ok(())
            },
        )
    }

    /// Chains that have stood still for long start again from random configurations.
    fn redraw_still_chains(&mut self, counts: &BlockCounts, chains: usize) -> Result<()> {
        if !matches!(self.ensemble.noise(), Noise::Chains(_)) {
            return Ok(());
        }
        let due = self
            .progress
            .policy
            .stand_still(&counts.still, counts.totals[3], chains);
        let (sites, first) = (
            self.problem.lattice.sites,
            self.ensemble.noise().streams().start,
        );
        let mut states = self.ensemble.chain_states().to_vec();
        for &k in &due {
            let name = (first + k) as u64;
            let mut rng = stream(
                self.source.input.seed,
                Purpose::Configurations,
                name,
                self.progress.step as u64,
            );
            let mut draws = (0..DRAWS).map(|_| self.problem.basis.random(&mut rng));
            if let Some(new) = draws.find(|x| self.ensemble.log_psi_of(x)[0].re > f64::NEG_INFINITY)
            {
                states[k * sites..][..sites].copy_from_slice(&new);
            }
        }
        let mut redrawn = [due.len() as f64];
        self.comm.sum(&mut redrawn)?;
        if redrawn[0] > 0.0 {
            log::warn!(
                "{} chains did not move for many steps and are drawn anew",
                redrawn[0]
            );
            self.ensemble.set_chain_states(&states)?;
            self.progress.burn_in_due = true;
        }
        Ok(())
    }

    fn log_step(
        &mut self,
        step: usize,
        settings: &OptimizeInput,
        energy: &Energy,
        score: f64,
        counts: &BlockCounts,
        seconds: f64,
    ) {
        let line = format!(
            "step {step}  E = {}  var = {:.4}  V-score {score:.2e}  R-hat {:.3}  acc {:.2} \
              {seconds:.3} s/step{}",
            with_error(energy.mean.re, energy.error),
            energy.variance,
            energy.r_hat,
            counts.acceptance(),
            self.orthogonal.words(),
        );
        self.log_line(step, settings.steps, &line);
    }

    /// What the whole optimisation met, in one line each.
    fn summarise_faults(&self) {
        let rows = &self.progress.history.rows;
        let late = &rows[rows.len() / 2..];
        let apart = late.iter().filter(|r| r[R_HAT] > MAX_R_HAT).count();
        if 2 * apart > late.len() && late.len() >= 10 {
            log::warn!(
                "R-hat was above {MAX_R_HAT} in {apart} of the last {} steps: the chains disagree; \
                 raise sampler.sweeps or add moves",
                late.len()
            );
        }
    }
}
