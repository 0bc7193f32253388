//! Decides what `check` says of a run before it starts: its plan, a forecast of memory, time and
//! files, and the header of a job script.

mod extent;
mod forecast;
mod from_trial;
mod growth;
mod header;
mod trial;

use forecast::Built;
pub use forecast::{Forecast, SectionCost, modelled};
pub use from_trial::forecast;
pub use header::header;
pub use trial::{Trial, trial};

use crate::calculation::vmc::problem;
use crate::calculation::{self, Plan, Registry, RunStart, measure};
use crate::error::Result;
use crate::input::Source;
use crate::job::{self, Stop};
use crate::linalg;
use crate::observable::Named;
use serde_json::json;
use std::path::Path;

/// What is said of a trial without results.
const NOTHING: &str = "the trial taught nothing";

/// What is asked of `check`.
pub struct Question<'a> {
    /// The input file.
    pub path: &'a Path,
    /// `a.b=c` of `--set`
    pub settings: &'a [String],
    /// Ranks that the figures are for.
    pub ranks: usize,
    /// Seconds that the trial may take; none with 0.
    pub seconds: f64,
}

/// What `check` answers.
pub struct Answer {
    title: String,
    chains: usize,
    /// Where the input samples a wave function.
    plan: Option<Plan>,
    forecast: Forecast,
    header: String,
    /// What is known of the problem and not used by the input.
    unused: Vec<String>,
}

/// Builds everything that a run would build, tries a piece of it, and forecasts the rest.
///
/// Fails as a run would fail before its first block.
pub fn check(asked: &Question, registry: &Registry) -> Result<Answer> {
    job::free_file_locks();
    job::ensure_blas_kernel();
    let stop = Stop::install()?;
    stop.leave_at_once();
    linalg::blas::take_buffers()?;
    let source = calculation::read(asked.path, asked.settings, registry)?;
    crate::commands::say_realisation(&source);
    answer_for(asked, &source, registry, &stop).map_err(|e| source.located(e))
}

/// The answer for an input that has been read.
fn answer_for(
    asked: &Question,
    source: &Source,
    registry: &Registry,
    stop: &Stop,
) -> Result<Answer> {
    let local = asked.ranks.min(job::placement::cores());
    let share = linalg::total_memory() / local as f64;
    let before = job::trim_and_measure();
    let start = calculation::start(source, registry, (0, asked.ranks), share)?;
    let built = Built {
        held: (job::trim_and_measure() - before).max(0.0),
        most: (job::peak_memory() - before).max(0.0),
    };
    let RunStart { world, stages } = start;
    let plan = match world.samples() {
        true => Some(world.plan()?.clone()),
        false => None,
    };
    let sections: Vec<SectionCost> = stages.iter().map(SectionCost::of).collect();
    let observables = match measure::keys(source)? {
        Some(m) => {
            let vmc = world.vmc()?;
            let vmc = vmc.borrow();
            let (problem, list) = (&vmc.problem, &m.observables);
            problem::observables(source, problem, list, "measure.observables")?
        }
        None => Vec::new(),
    };
    let unused = world.unused();
    drop((world, stages));
    let mut forecast = match &plan {
        None => predict_sections(asked, source, registry, &sections, stop)?,
        Some(plan) => {
            let physics = Physics {
                plan,
                observables: &observables,
                built,
            };
            predict(asked, source, registry, &physics, &sections, stop)?
        }
    };
    forecast.take_sections(sections);
    forecast.repeat(source.input.disorder.as_ref().map_or(1, |d| d.runs()));
    let name = source.input.output.name.clone().unwrap_or_default();
    Ok(Answer {
        header: header(&name, asked.ranks, source.input.threads, &forecast),
        title: source.input.title.clone(),
        chains: source.input.sampler.clone().unwrap_or_default().chains,
        plan,
        forecast,
        unused,
    })
}

/// A trial with this method of the optimisation on so many ranks; nothing where it does not end in
/// time.
fn tried(
    asked: &Question,
    source: &Source,
    registry: &Registry,
    (method, ranks): (Option<&'static str>, usize),
    stop: &Stop,
) -> Result<Option<Trial>> {
    // A trial looks at the flags, and has a folder to be removed.
    stop.begin();
    trial(&trial::Asked {
        path: asked.path,
        settings: asked.settings,
        source,
        registry,
        method,
        ranks,
        seconds: asked.seconds,
        stop,
    })
}

/// By a trial of an input whose sections sample no wave function; nothing without one.
fn predict_sections(
    asked: &Question,
    source: &Source,
    registry: &Registry,
    sections: &[SectionCost],
    stop: &Stop,
) -> Result<Forecast> {
    if asked.seconds <= 0.0 {
        return Ok(Forecast::default());
    }
    let trial = tried(asked, source, registry, (None, asked.ranks), stop)?;
    let of_nothing = || Forecast {
        notes: vec![format!(
            "{NOTHING}: the memory is the least that is needed, the time is not known"
        )],
        ..Forecast::default()
    };
    Ok(trial.map_or_else(of_nothing, |trial| Forecast::of_blocks(&trial, sections)))
}

/// What an input samples.
struct Physics<'a> {
    plan: &'a Plan,
    observables: &'a [Named],
    built: Built,
}

/// By a trial where there is time and memory for one, else by the cost model.
fn predict(
    asked: &Question,
    source: &Source,
    registry: &Registry,
    physics: &Physics,
    sections: &[SectionCost],
    stop: &Stop,
) -> Result<Forecast> {
    let Physics {
        plan,
        observables,
        built,
    } = *physics;
    let costs: Vec<_> = sections.iter().map(|s| s.cost).collect();
    let mut modelled = modelled(plan, built, &costs);
    let seconds = asked.seconds;
    if seconds <= 0.0 {
        return Ok(modelled);
    }
    if let Err(e) = plan.refuse_trial(job::placement::cores(), built.held, &costs) {
        modelled.notes.push(format!(
            "from the cost model alone, without a trial on this machine: {e}"
        ));
        return Ok(modelled);
    }
    log::info!(
        "a trial: a few steps in a temporary folder, at most {seconds:.0} s (--quick leaves it out)"
    );
    let method = plan.method.as_ref().map(|m| m.kind);
    match tried(asked, source, registry, (method, plan.ranks), stop)? {
        Some(trial) => {
            let rate = linalg::product_rate();
            let mut found = forecast(source, plan, observables, sections, &trial, rate)?;
            if found.least.is_some() {
                // The trial did not hold what a block of every section holds.
                found.memory = found.memory.max(modelled.memory);
            }
            Ok(found)
        }
        None => {
            modelled
                .notes
                .push(format!("from the cost model alone: {NOTHING}"));
            Ok(modelled)
        }
    }
}

impl Answer {
    /// For people, or as one JSON object.
    pub fn print(&self, json: bool) -> String {
        if json {
            let mut object = self.plan.as_ref().map_or_else(|| json!({}), Plan::json);
            self.forecast.add_to(&mut object, &self.header);
            object["unused"] = json!(self.unused);
            return object.to_string();
        }
        let own = "(in place of those of jobs/slurm-run.sh)";
        let more = format!("--ranks n is for n ranks, {} at most", self.chains);
        let hints: Vec<_> = self.unused.iter().map(|f| format!("\nhint: {f}")).collect();
        let hints = hints.concat();
        format!(
            "{}\n{}{hints}\n\nLines of a job script {own}; {more}:\n{}",
            self.plan
                .as_ref()
                .map_or(self.title.clone(), |plan| plan.text(&self.title)),
            self.forecast.text(),
            self.header
        )
    }
}
