//! Decides what `check` foretells of a run from a trial of it: memory of a rank, bytes of its
//! files, seconds of a step and of all.
//!
//! Where the trial was as large as the run on each rank, its numbers stand. Where it had n' of a
//! rank's n samples, or one of R ranks, t = (t' − solve(n')) n/n' + solve(n, R) and M = M' +
//! solver(n, R) − solver(n') + n − n' samples, with operations, bytes and messages of the cost
//! model and the rate at which this machine multiplies matrices.

use super::growth::{Growth, of_bins};
use super::plan::Plan;
use crate::driver::BLOCK;
use crate::driver::trial::Trial;
use crate::input::{KeptSamples, Method, Source};
use crate::io::samples::bytes_per_sample;
use crate::observable::Named;
use crate::optimizer::Sizes;
use serde_json::{Value, json};

/// Bytes of the program before it has done anything, libraries included.
const PROGRAM: f64 = 3.0e7;
/// Bytes that the MPI library adds to it.
const MPI: f64 = 1.1e7;
/// Bytes of a measured sample's local energy: in its series, and in the two copies that a save
/// makes.
const SERIES: f64 = 48.0;
/// Bytes of a segment of samples besides the samples.
const SEGMENT: f64 = 8192.0;
/// A share of a step that is never the solve.
const SAMPLING: f64 = 0.05;

/// What is expected of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    /// Largest resident memory of a rank in bytes.
    pub memory: f64,
    /// Bytes of X.h5.
    pub results: Option<f64>,
    /// Bytes of X.ckpt.h5; the generation before it takes as much.
    pub checkpoint: Option<f64>,
    /// Bytes of all kept samples.
    pub samples: Option<f64>,
    /// Seconds of a step of the optimisation.
    pub step: Option<f64>,
    /// Seconds of a step of the evolution, and of one right-hand side.
    pub evolve: Option<(f64, f64)>,
    /// Seconds of the measurement.
    pub measure: Option<f64>,
    /// Seconds of the whole run.
    pub total: Option<f64>,
    /// How it was found, and what it leaves out.
    pub notes: Vec<String>,
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// From the cost model alone.
pub fn modelled(plan: &Plan) -> Forecast {
    let mpi = if plan.ranks > 1 { MPI } else { 0.0 };
    let samples = plan.sizes.samples_of(0) as f64 * (plan.sites + 32) as f64;
    Forecast {
        memory: PROGRAM + mpi + plan.root_bytes + samples,
        ..Forecast::default()
    }
}

/// What the forecast rests on.
struct Scaling<'a> {
    plan: &'a Plan,
    /// The solve of the trial.
    ran: Sizes,
    /// Samples of rank 0 in the run over those in the trial.
    larger: f64,
    rate: f64,
}

impl Scaling<'_> {
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
        (taken - solve(&self.ran)).max(SAMPLING * taken) * self.larger + solve(&self.plan.sizes)
    }
}

/// From a trial; `rate` is that of matrix products.
pub fn forecast(
    source: &Source,
    plan: &Plan,
    observables: &[Named],
    trial: &Trial,
    rate: f64,
) -> Forecast {
    let input = &source.input;
    let sampler = input.sampler.clone().unwrap_or_default();
    let exact = sampler.method == Method::FullSum;
    let extent = trial.extent;
    let tree = &trial.results.0;
    let ran = match exact {
        true => Sizes {
            ranks: extent.ranks,
            ..plan.sizes.clone()
        },
        false => Sizes {
            ranks: extent.ranks,
            samples: extent.chains * extent.per_chain,
            ..plan.sizes.clone()
        },
    };
    let larger = plan.sizes.samples_of(0) as f64 / ran.samples_of(0) as f64;
    let scaling = Scaling {
        plan,
        ran,
        larger,
        rate,
    };
    let mut out = Forecast::default();

    // Time.
    let all = |of: &str| {
        tree.reals(&format!("timing/{of}_seconds"))
            .unwrap_or_default()
    };
    let sum = |of: &str| all(of).iter().sum::<f64>();
    let elapsed = tree.real("timing/elapsed").unwrap_or(0.0);
    let mut total = (elapsed - sum("step") - sum("evolve") - sum("measure")).max(0.0);
    let iterations = tree
        .reals("optimize/history/iterations")
        .unwrap_or_default()
        .last()
        .map_or(0.0, |i| i.max(0.0));
    let steps = input.optimize.as_ref().map_or(0, |o| o.steps) as f64;
    if let Some(taken) = median(trial.seconds("step")) {
        let first = (all("step")[0] - taken).max(0.0) * larger;
        let step = scaling.seconds(taken, false, iterations as usize, 1.0);
        out.step = Some(step);
        total += first + steps * step;
    }
    let mut growth = Growth {
        outputs: (1.0, 0),
        ..Growth::default()
    };
    if let Some(evolve) = &input.evolve
        && let [first, steps @ .., last] = all("evolve").as_slice()
    {
        let taken = median(steps.to_vec()).unwrap_or(*last);
        let slopes = evolve.integrator.slopes_per_step() as f64;
        let step = scaling.seconds(taken, true, 0, slopes);
        let output = (last - taken).max(0.0) * larger;
        let outputs = (evolve.time / evolve.every()).ceil();
        let (lengths, attempts) = trial.adapted.clone().unwrap_or((vec![evolve.step], 1.0));
        // The later half: the first steps are those of the input.
        let length = median(lengths[lengths.len() / 2..].to_vec()).unwrap_or(evolve.step);
        let points = match evolve.integrator.is_adaptive() {
            true => evolve.time / length,
            false => outputs * (evolve.every() / evolve.step - 1e-9).ceil(),
        };
        if evolve.integrator.is_adaptive() {
            out.notes.push(format!(
                "the steps of the evolution adapt; it takes {points:.0} if they stay \
                 at {length:.1e}"
            ));
        }
        out.evolve = Some((step, step / slopes));
        total += first * larger + points * attempts * step + (outputs + 1.0) * output;
        let outputs_ran = tree
            .reals("evolve/output/time")
            .map_or(1, |t| t.len().max(1));
        growth.points = (points + 1.0) / all("evolve").len() as f64;
        growth.outputs = ((outputs + 1.0) / outputs_ran as f64, outputs_ran);
    }
    let measured = input.measure.as_ref().map_or(0, |m| m.samples);
    let per_chain = measured / sampler.chains;
    let chains_ran = extent.chains;
    let measured_ran = tree.count("measure/samples").unwrap_or(0);
    if let Some(m) = &input.measure {
        let rows = per_chain as f64 + m.burn_in as f64 / sampler.sweeps as f64;
        let row = match (
            exact,
            sum("measure") / (measured_ran / chains_ran).max(1) as f64,
        ) {
            (true, whole) => whole * larger / rows,
            (false, row) if row > 0.0 => {
                row * sampler.chains.div_ceil(plan.ranks) as f64
                    / chains_ran.div_ceil(extent.ranks) as f64
            }
            // It was not reached: no sample takes longer than one of a step.
            _ => {
                out.step.or(out.evolve.map(|e| e.1)).unwrap_or(0.0)
                    / (sampler.samples / sampler.chains) as f64
            }
        };
        out.measure = Some(row * rows);
        total += row * rows;
    }
    out.total = Some(total);

    // Files.
    let steps_ran = tree.count("status/steps").unwrap_or(1).max(1);
    let per_chain_ran = measured_ran / chains_ran;
    growth.steps = steps / steps_ran as f64;
    growth.chains = sampler.chains as f64 / chains_ran as f64;
    growth.measured = measured as f64 / measured_ran.max(1) as f64;
    growth.blocks = per_chain.div_ceil(BLOCK) as f64 / per_chain_ran.div_ceil(BLOCK).max(1) as f64;
    let unseen = if measured_ran == 0 && !exact {
        16.0 * measured as f64
    } else {
        0.0
    };
    if measured_ran > 0 && !exact {
        let (run, short) = (
            (sampler.chains, per_chain, BLOCK),
            (chains_ran, per_chain_ran, BLOCK),
        );
        growth.bins = of_bins(observables, plan.sites, run, short);
    }
    out.results = Some(growth.bytes(&trial.results) + unseen);
    out.checkpoint = Some(growth.bytes(&trial.checkpoint) + unseen);
    let kept = if exact {
        KeptSamples::None
    } else {
        input.output.samples
    };
    let of_steps = if kept == KeptSamples::All {
        steps * sampler.samples as f64
    } else {
        0.0
    };
    let of_measurement = if kept == KeptSamples::None {
        0.0
    } else {
        measured as f64
    };
    let row = bytes_per_sample(plan.sites) as f64;
    let every = input.output.checkpoint_every;
    let (in_steps, in_measurement) = (steps * out.step.unwrap_or(0.0), out.measure.unwrap_or(0.0));
    let pieces = |rows: f64, seconds: f64| {
        if rows > 0.0 {
            1.0 + (seconds / every).floor()
        } else {
            0.0
        }
    };
    let segments = pieces(of_steps, in_steps) + pieces(of_measurement, in_measurement);
    let rows_ran = |kept: bool, rows: usize| if kept { rows as f64 } else { 0.0 };
    let step_rows_ran = rows_ran(of_steps > 0.0, steps_ran * chains_ran * extent.per_chain);
    let measured_rows_ran = rows_ran(of_measurement > 0.0, measured_ran);
    let (bytes, joined) = &trial.segments;
    let extra = (bytes.iter().sum::<f64>() - row * (step_rows_ran + measured_rows_ran))
        / bytes.len().max(1) as f64;
    let extra = if bytes.is_empty() || extra < 0.0 {
        SEGMENT
    } else {
        extra
    };
    let joined = if segments > 0.0 {
        joined.max(SEGMENT)
    } else {
        0.0
    };
    out.samples = Some(row * (of_steps + of_measurement) + segments * extra + joined);

    // Memory of rank 0, which collects samples and energies until the next save.
    let mpi = if plan.ranks > 1 && extent.ranks == 1 {
        MPI
    } else {
        0.0
    };
    let rows_more = (plan.sizes.samples_of(0) as f64 - scaling.ran.samples_of(0) as f64).max(0.0);
    let tables = rows_more * (plan.sites + 32 + 8 * plan.sizes.numbers) as f64;
    let solver = plan.solver_bytes(&plan.sizes, 0);
    let peak = tree.real("timing/peak_memory").unwrap_or(0.0) + mpi;
    let base = peak + solver - plan.solver_bytes(&scaling.ran, 0) + tables;
    let waiting = |rows: f64, seconds: f64| rows * (every / seconds.max(1e-9)).min(1.0);
    let optimizing = base + row * (waiting(of_steps, in_steps) - step_rows_ran).max(0.0);
    let measuring = (base - solver).max(PROGRAM.min(base))
        + row * (waiting(of_measurement, in_measurement) - measured_rows_ran).max(0.0)
        + SERIES * measured.saturating_sub(measured_ran) as f64;
    out.memory = optimizing.max(measuring).max(PROGRAM);

    out.notes
        .insert(0, basis(plan, trial, &scaling, steps_ran, measured_ran));
    if !trial.finished {
        out.notes
            .push("the trial did not come to its end; what follows it is extrapolated".into());
    }
    if input
        .optimize
        .as_ref()
        .is_some_and(|o| o.target_error.is_some() || o.target_v_score.is_some())
        || input
            .measure
            .as_ref()
            .is_some_and(|m| m.target_error.is_some())
    {
        out.notes.push("targets may end it earlier".into());
    }
    if plan.method.as_ref().is_some_and(|m| m.0 == "cg") {
        out.notes
            .push("conjugate gradients may need more iterations in later steps".into());
    }
    out
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

impl Forecast {
    /// Adds its numbers to those of the plan; what is not known is null.
    pub fn add_to(&self, object: &mut Value, header: &str) {
        let numbers = json!({
            "memory_per_rank": self.memory, "results_bytes": self.results, "checkpoint_bytes": self.checkpoint,
            "samples_bytes": self.samples, "step_seconds": self.step, "evolve_step_seconds": self.evolve.map(|e| e.0),
            "slope_seconds": self.evolve.map(|e| e.1), "measure_seconds": self.measure, "total_seconds": self.total,
            "notes": self.notes, "slurm_header": header,
        });
        if let (Some(all), Value::Object(more)) = (object.as_object_mut(), numbers) {
            all.extend(more);
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let bytes = |b: f64| match b {
            b if b >= 1e9 => format!("{:.2} GB", b / 1e9),
            b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
            b => format!("{:.0} kB", b / 1e3),
        };
        let mut lines = vec![format!("  memory a rank   {}", bytes(self.memory))];
        let mut line = |name: &str, value: Option<String>| {
            lines.extend(value.map(|v| format!("  {name:<16}{v}")))
        };
        line("results", self.results.map(bytes));
        line(
            "checkpoint",
            self.checkpoint
                .map(|b| format!("{}, and the one before", bytes(b))),
        );
        line("samples", self.samples.map(bytes));
        line("a step", self.step.map(|s| format!("{s:.3e} s")));
        line(
            "evolution",
            self.evolve.map(|(step, slope)| {
                format!("{step:.3e} s a step, {slope:.3e} s a right-hand side")
            }),
        );
        line("measurement", self.measure.map(|s| format!("{s:.3e} s")));
        line("the whole run", self.total.map(|s| format!("{s:.3e} s")));
        lines.extend(self.notes.iter().map(|note| format!("  ({note})")));
        lines.join("\n")
    }
}
