//! Decides one optimisation step: θ ← θ − η δ with δ from the registered optimiser, sampled at the present parameters.

use super::history::Row;
use super::statistics::estimate;
use super::{Run, Stage};
use crate::comm::agree;
use crate::ensemble::Request;
use crate::error::{Error, Result};
use crate::input::FIRST_BURN_IN;
use crate::optimizer::{Iterations, StepData, trust_region_scale};
use crate::registry::{ChosenOptimizer, section};
use crate::rng::Purpose;
use crate::stats::{v_score, with_error};

/// Updates in a row that may be dropped because a number was not finite.
const MAX_REJECTED: usize = 10;

/// Runs the optimisation from where it stands; returns whether it came to its end.
pub(super) fn optimize(run: &mut Run, chosen: &mut ChosenOptimizer) -> Result<bool> {
    let settings = section(&run.source.input.optimize, "optimize")?.clone();
    let sampler = run.source.input.sampler.clone().unwrap_or_default();
    let mut rejected_in_a_row = 0;
    while run.progress.stage == Stage::Optimize && run.progress.step < settings.steps {
        let step = run.progress.step;
        let clock = std::time::Instant::now();
        let burn_in = sampler.burn_in + if step == 0 { FIRST_BURN_IN } else { 0 };
        let request = Request {
            purpose: Purpose::Optimize,
            step: step as u64,
            burn_in,
            per_chain: sampler.samples / sampler.chains,
        };
        run.sample(&request)?;
        let local = agree(run.comm, run.ensemble.local_values(&run.problem.hamiltonian))?;
        let counts = run.count_proposals()?;
        let mut bad = [local.values.iter().filter(|e| !(e.re.is_finite() && e.im.is_finite())).count() as f64];
        run.comm.sum(&mut bad)?;
        let energy = estimate(run.comm, &*run.ensemble, &local, sampler.chains)?;
        let per_chain = request.per_chain;
        let pulled = run.orthogonal.local_energies(run.comm, &*run.ensemble, &local.values, step, per_chain)?;
        let rate = settings.learning_rate.at(step);
        let sites = run.problem.lattice.sites;
        let score = v_score(sites, energy.variance, energy.mean.re, run.problem.e_infinity);
        let mut row: Row = [
            energy.mean.re,
            energy.mean.im,
            energy.error,
            energy.variance,
            score,
            energy.r_hat,
            counts.acceptance(),
            rate,
            settings.shift.as_ref().map_or(0.0, |s| s.at(step)),
            -1.0,
            0.0,
            -1.0,
            -1.0,
            0.0,
            counts.table_drift,
        ];
        if bad[0] > 0.0 {
            rejected_in_a_row += 1;
            row[13] = 1.0;
            log::warn!("step {step}: {} local energies are not finite; the update is dropped", bad[0]);
            if rejected_in_a_row > MAX_REJECTED {
                return Err(Error::numerical(
                    format!("local energies were not finite in {rejected_in_a_row} steps in a row"),
                    "lower optimize.learning_rate or raise optimize.shift",
                ));
            }
            row.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
        } else {
            rejected_in_a_row = 0;
            let derivatives = run.ensemble.derivatives();
            let data = StepData { derivatives: &derivatives, weights: run.ensemble.weights(), local_energies: &pulled };
            let direction = chosen.optimizer.direction(&data, step, run.comm)?;
            let mut rate = rate;
            if let (Some(norm), Some(largest)) = (direction.metric_norm, settings.max_distance) {
                rate *= trust_region_scale(rate, norm, largest);
            }
            if let Some(largest) = settings.largest_norm() {
                let squared = direction.update.iter().map(|d| d * d).sum();
                rate *= trust_region_scale(rate, squared, largest.sqrt());
            }
            let mut parameters = run.ensemble.parameters();
            parameters.iter_mut().zip(&direction.update).for_each(|(p, d)| *p -= rate * d);
            if parameters.iter().any(|p| !p.is_finite()) {
                return Err(Error::numerical("the parameters overflow", "lower optimize.learning_rate"));
            }
            run.ensemble.set_parameters(&parameters)?;
            row[7] = rate;
            row[9] = direction.metric_norm.unwrap_or(-1.0);
            row[10] = direction.fallbacks as f64;
            if let Some(Iterations { count, residual }) = direction.iterations {
                (row[11], row[12]) = (count as f64, residual);
            }
        }
        let seconds = clock.elapsed().as_secs_f64();
        run.progress.history.rows.push(row);
        run.progress.history.seconds.push(seconds);
        run.progress.step += 1;
        run.keep_step_samples(&local.values)?;
        run.log_line(
            step,
            settings.steps,
            &format!(
                "step {step}  E = {}  var = {:.4}  V-score {score:.2e}  R-hat {:.3}  acc {:.2}  {seconds:.3} s/step{}",
                with_error(energy.mean.re, energy.error),
                energy.variance,
                energy.r_hat,
                counts.acceptance(),
                run.orthogonal.words(),
            ),
        );
        let below = |target: Option<f64>, value: f64| target.is_some_and(|t| value > 0.0 && value <= t);
        if below(settings.target_error, energy.error) || below(settings.target_v_score, score) {
            log::info!("step {step}: the target is reached");
            run.progress.stage = Stage::Measure;
        }
        if !run.continue_between_blocks(Some(chosen))? {
            return Ok(false);
        }
    }
    run.progress.stage = Stage::Measure;
    Ok(true)
}
