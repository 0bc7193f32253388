//! Decides what `check` predicts of a run from a trial of it.
//!
//! Where the trial was as large as the run on each rank, its numbers stand. Where it had n' of a
//! rank's n samples, or one of R ranks, t = (t' − solve(n')) n/n' + solve(n, R) and M = M' +
//! solver(n, R) − solver(n') + n − n' samples, with operations, bytes and messages of the cost
//! model and the rate at which this machine multiplies matrices.

mod storage;

use super::extent::burn_in;
use super::forecast::{Forecast, MODELLED, SectionCost};
use super::growth::Growth;
use super::trial::Trial;
use crate::calculation::evolve::{self, EvolveInput};
use crate::calculation::measure::{self, MeasureInput};
use crate::calculation::optimize::{self, OptimizeInput, Workload};
use crate::calculation::{Extent, Plan};
use crate::error::Result;
use crate::input::{Method, OutputInput, SamplerInput, Source};
use crate::io::tree::Tree;
use crate::observable::Named;
use crate::optimizer::Sizes;
use crate::stats::median;

/// A share of a step that is never the solve.
const SAMPLING: f64 = 0.05;

/// What the forecast rests on.
struct Scaling<'a> {
    plan: &'a Plan,
    /// The solve of the run, and that of the trial.
    wanted: &'a Sizes,
    ran: Sizes,
    /// Samples of rank 0 in the run over those in the trial.
    larger: f64,
    rate: f64,
}

impl<'a> Scaling<'a> {
    /// From a trial of `extent` to solves of these sizes; `exact` is a full sum, `rate` that of
    /// matrix products.
    fn new(plan: &'a Plan, wanted: &'a Sizes, extent: Extent, exact: bool, rate: f64) -> Self {
        let ran = Sizes {
            ranks: extent.ranks,
            samples: match exact {
                true => wanted.samples,
                false => extent.chains * extent.per_chain,
            },
            ..wanted.clone()
        };
        Scaling {
            plan,
            wanted,
            larger: wanted.samples_of(0) as f64 / ran.samples_of(0) as f64,
            ran,
            rate,
        }
    }

    fn is_whole(&self) -> bool {
        self.larger == 1.0 && self.ran.ranks == self.plan.ranks
    }

    /// Seconds of `solves` solves with their samples, from those of the trial.
    fn seconds(&self, taken: f64, of_motion: bool, iterations: usize, solves: f64) -> f64 {
        if self.is_whole() {
            return taken;
        }
        let solve = |sizes: &Sizes| {
            solves
                * self
                    .plan
                    .solve_seconds(of_motion, sizes, iterations, self.rate)
        };
        (taken - solve(&self.ran)).max(SAMPLING * taken) * self.larger + solve(self.wanted)
    }
}

/// From a trial; `rate` is that of matrix products.
pub fn forecast(
    source: &Source,
    plan: &Plan,
    observables: &[Named],
    sections: &[SectionCost],
    trial: &Trial,
    rate: f64,
) -> Result<Forecast> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let exact = sampler.method == Method::FullSum;
    let tree = &trial.results.0;
    let measure = measure::keys(source)?;
    let forecaster = Forecaster {
        scaling: Scaling::new(plan, &plan.sizes, trial.extent, exact, rate),
        of_slopes: Scaling::new(plan, &plan.slope_sizes, trial.extent, exact, rate),
        trial,
        output: &source.input.output,
        exact,
        work: optimize::workload(source)?,
        steps_ran: tree.count("status/steps").unwrap_or(0).max(1),
        measured: measure.as_ref().map_or(0, |m| m.samples),
        measured_ran: tree.count("measure/samples").unwrap_or(0),
        sampler,
    };
    let mut out = Forecast::default();
    let mut growth = Growth {
        outputs: (1.0, 0),
        ..Growth::default()
    };
    out.total = Some(forecaster.rest());
    forecaster.of_steps(&mut out);
    if let Some(evolve) = &evolve::keys(source)? {
        forecaster.of_evolution(evolve, &mut out, &mut growth);
    }
    if let Some(measure) = &measure {
        forecaster.of_measurement(measure, &mut out);
    }
    forecaster.of_other_sections(sections, &mut out);
    forecaster.of_files(observables, &mut out, growth);
    forecaster.of_samples(&mut out);
    forecaster.of_memory(&mut out);
    forecaster.say(
        source,
        measure.is_some_and(|m| m.target_error.is_some()),
        &mut out,
    )?;
    out.leave_open(&trial.untimed(sections.iter().map(|s| s.name)));
    Ok(out)
}

/// What the forecast is made of.
struct Forecaster<'a> {
    scaling: Scaling<'a>,
    /// Of right-hand sides of an evolution.
    of_slopes: Scaling<'a>,
    trial: &'a Trial,
    sampler: SamplerInput,
    output: &'a OutputInput,
    /// Whether it is a full sum.
    exact: bool,
    /// Steps of the optimisation with their samples, and the steps of the trial.
    work: Workload,
    steps_ran: usize,
    /// Samples of the measurement, and those of the trial.
    measured: usize,
    measured_ran: usize,
}

impl Forecaster<'_> {
    fn tree(&self) -> &Tree {
        &self.trial.results.0
    }

    /// Wall times of the steps of the trial.
    fn seconds(&self, of: &str) -> Vec<f64> {
        let path = format!("timing/{of}_seconds");
        self.tree().reals(&path).unwrap_or_default()
    }

    /// Seconds of the trial outside the sections.
    fn rest(&self) -> f64 {
        let elapsed = self.tree().real("timing/elapsed").unwrap_or(0.0);
        let sum = |of: &str| self.seconds(of).iter().sum::<f64>();
        let others: f64 = self.other_sections().map(|(_, seconds)| seconds).sum();
        (elapsed - sum("step") - sum("evolve") - sum("measure") - others).max(0.0)
    }

    fn of_steps(&self, out: &mut Forecast) {
        let all = self.seconds("step");
        let Some(&first) = all.first() else {
            return;
        };
        let taken = median(all[1..].to_vec()).unwrap_or_else(|| first - self.burn_in(first));
        let iterations = self.tree().reals("optimize/history/iterations");
        let iterations = iterations.unwrap_or_default();
        let iterations = iterations.last().map_or(0.0, |i| i.max(0.0));
        let burn_in = (first - taken).max(0.0) * self.more_chains();
        let step = self.scaling.seconds(taken, false, iterations as usize, 1.0);
        out.step = Some(step);
        out.add(burn_in + self.work.equivalent * step);
    }

    /// Seconds of the sweeps before the first sample in a first step, where there is no other.
    fn burn_in(&self, step: f64) -> f64 {
        let sampling = self.tree().real("timing/phase/sampling").unwrap_or(0.0);
        let before = burn_in(&self.sampler) as f64;
        let between = (self.trial.extent.per_chain * self.sampler.sweeps) as f64;
        sampling.min(step) * before / (before + between).max(1.0)
    }

    /// Chains of a rank in the run over those in the trial.
    fn more_chains(&self) -> f64 {
        let extent = self.trial.extent;
        self.sampler.chains.div_ceil(self.scaling.plan.ranks) as f64
            / extent.chains.div_ceil(extent.ranks) as f64
    }

    fn of_evolution(&self, evolve: &EvolveInput, out: &mut Forecast, growth: &mut Growth) {
        let all = self.seconds("evolve");
        let [first, steps @ .., last] = all.as_slice() else {
            return;
        };
        let larger = self.of_slopes.larger;
        let taken = median(steps.to_vec()).unwrap_or(*last);
        let solves = self.tree().reals("evolve/history/solves");
        let solves = median(solves.unwrap_or_default().into_iter().skip(1).collect());
        let slopes = solves.unwrap_or(evolve.slopes_per_step() as f64).max(1.0);
        let step = self.of_slopes.seconds(taken, true, 0, slopes);
        let output = (last - taken).max(0.0) * larger;
        let outputs = (evolve.time / evolve.every()).ceil();
        let adapted = self.trial.adapted.clone();
        let (lengths, attempts) = adapted.unwrap_or((vec![evolve.step], 1.0));
        // The later half: the first steps are those of the input.
        let length = median(lengths[lengths.len() / 2..].to_vec()).unwrap_or(evolve.step);
        let points = match evolve.integrator.is_adaptive() {
            true => evolve.time / length,
            false => outputs * (evolve.every() / evolve.step - 1e-9).ceil(),
        };
        if evolve.integrator.is_adaptive() {
            out.notes.push(format!(
                "the steps of the evolution adapt; it takes {points:.0} if they stay at \
                 {length:.1e}"
            ));
        }
        out.evolve = Some((step, step / slopes));
        out.add(first * larger + points * attempts * step + (outputs + 1.0) * output);
        let times = self.tree().reals("evolve/output/time");
        let outputs_ran = times.map_or(1, |t| t.len().max(1));
        growth.points = (points + 1.0) / all.len() as f64;
        growth.outputs = ((outputs + 1.0) / outputs_ran as f64, outputs_ran);
    }

    fn of_measurement(&self, measure: &MeasureInput, out: &mut Forecast) {
        let (sampler, extent) = (&self.sampler, self.trial.extent);
        let per_chain = (self.measured / sampler.chains) as f64;
        let burn_in = match sampler.method {
            method if method.has_chains() => measure.burn_in as f64 / sampler.sweeps as f64,
            _ => 0.0,
        };
        let rows = per_chain + burn_in;
        let taken: f64 = self.seconds("measure").iter().sum();
        let row = taken / (self.measured_ran / extent.chains).max(1) as f64;
        let row = match (self.exact, row) {
            // A full sum is done once, whatever the number of samples.
            (true, whole) if whole > 0.0 => whole * self.scaling.larger / rows.max(1.0),
            (false, row) if row > 0.0 => row * self.more_chains(),
            // It was not reached: no sample takes longer than one of a step.
            (exact, _) => match out.step.or(out.evolve.map(|e| e.1)) {
                Some(step) if exact => step / rows.max(1.0),
                Some(step) => step / (self.work.most.max(sampler.samples) / sampler.chains) as f64,
                None => return,
            },
        };
        let rows = if self.exact { rows.max(1.0) } else { rows };
        out.measure = Some(row * rows);
        out.add(row * rows);
    }

    /// Sections without a model of their own: seconds of a block in the trial, and of all blocks.
    fn other_sections(&self) -> impl Iterator<Item = (&str, f64)> {
        self.tree().datasets.keys().filter_map(|path| {
            let name = path.strip_prefix("progress/")?.strip_suffix("/seconds")?;
            let known = MODELLED.contains(&name);
            (!known).then(|| (name, self.tree().real(path).unwrap_or(0.0)))
        })
    }

    /// They take as long as the blocks of the trial, block by block.
    fn of_other_sections(&self, sections: &[SectionCost], out: &mut Forecast) {
        for (name, seconds) in self.other_sections() {
            let blocks = self.tree().count(&format!("progress/{name}/blocks"));
            let cost = sections.iter().find(|s| s.name == name);
            if let (Ok(blocks), Some(section)) = (blocks, cost) {
                out.add(seconds / blocks.max(1) as f64 * section.cost.blocks);
            }
        }
    }

    /// What the forecast rests on and leaves out.
    fn say(&self, source: &Source, measures_to_target: bool, out: &mut Forecast) -> Result<()> {
        let Forecaster { scaling, trial, .. } = self;
        let (steps, measured) = (self.steps_ran, self.measured_ran);
        out.notes
            .insert(0, basis(scaling.plan, trial, scaling, steps, measured));
        if !trial.finished {
            out.notes
                .push("the trial did not come to its end; what follows it is extrapolated".into());
        }
        let ends_early = |o: OptimizeInput| o.target_error.is_some() || o.target_v_score.is_some();
        if measures_to_target || optimize::keys(source)?.is_some_and(ends_early) {
            out.notes.push("targets may end it earlier".into());
        }
        if scaling
            .plan
            .method
            .as_ref()
            .is_some_and(|m| m.is_iterative(&scaling.plan.sizes))
        {
            out.notes
                .push("conjugate gradients may need more iterations in later steps".into());
        }
        Ok(())
    }
}

/// What was run, in a sentence.
fn basis(plan: &Plan, trial: &Trial, scaling: &Scaling, steps: usize, measured: usize) -> String {
    let extent = trial.extent;
    let mut said = format!(
        "from a trial of {steps} step(s) and {measured} measured samples on {} rank(s)",
        extent.ranks
    );
    if !scaling.is_whole() {
        said += &format!(
            " with {} of the {} samples of a step; {} rank(s) with all of them follow by the cost \
             model",
            scaling.ran.samples, plan.rows, plan.ranks
        );
    }
    said
}
