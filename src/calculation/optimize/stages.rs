//! Decides the stages of an optimisation: which samples, moves, rate, shift and method a step has.
//!
//! `steps` steps of one stage follow those of the one before. A key that a stage does not give is
//! that of `[optimize]` or `[sampler]`. A schedule that a stage gives counts the steps of the
//! stage, any other those of all. A method remembers what it remembered in the stage before, where
//! that has the same one; it starts anew elsewhere. A rate of its own starts without halvings.

use super::keys::{OptimizeInput, keys};
use crate::error::{Error, Result};
use crate::input::{Method, MoveInput, SamplerInput, Source, at_least_one};
use crate::optimizer::{MetricKeys, Schedule, Shift};
use schemars::JsonSchema;
use serde::Deserialize;

/// The last stage of `polish` is this part of all steps, with so many times the samples.
const POLISHED: usize = 5;
const MORE_SAMPLES: usize = 4;

/// An entry of `optimize.stages`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageInput {
    /// Parameter updates of the stage
    pub steps: usize,
    /// Samples of a step over all ranks, a multiple of the chains (sampler.samples)
    pub samples: Option<usize>,
    /// Markov chains over all ranks, the first ones of those of the stage before, or copies of
    /// them, which burn in (sampler.chains)
    pub chains: Option<usize>,
    /// Sweeps of N proposals between kept samples (sampler.sweeps)
    pub sweeps: Option<usize>,
    /// Moves (sampler.moves)
    pub moves: Option<Vec<MoveInput>>,
    /// The method (optimize.method)
    pub method: Option<String>,
    /// A number or a schedule over the steps of the stage (optimize.learning_rate)
    pub learning_rate: Option<Schedule>,
    /// As optimize.shift, a schedule over the steps of the stage; in place of any regularisation
    /// of [optimize] (optimize.shift)
    pub shift: Option<Shift>,
}

/// A stage with all of its keys.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Steps before it.
    pub first: usize,
    /// Its steps.
    pub steps: usize,
    /// `[sampler]` as it holds in it.
    pub sampler: SamplerInput,
    /// `[optimize]` as it holds in it.
    pub keys: OptimizeInput,
    /// Steps at which the schedules of rate and shift begin.
    pub(super) rate_from: usize,
    pub(super) shift_from: usize,
}

/// The stages of an optimisation, at least one.
pub fn stages(keys: &OptimizeInput, sampler: &SamplerInput) -> Vec<StagePlan> {
    let mut plans = as_given(keys, sampler);
    plans.iter_mut().for_each(|plan| plan.keys.settle());
    plans
}

/// The stages with what the input says.
fn as_given(keys: &OptimizeInput, sampler: &SamplerInput) -> Vec<StagePlan> {
    let whole = StagePlan {
        first: 0,
        steps: keys.steps,
        sampler: sampler.clone(),
        keys: keys.clone(),
        rate_from: 0,
        shift_from: 0,
    };
    if !keys.stages.is_empty() {
        let mut first = 0;
        let plan = |stage: &StageInput| {
            let plan = planned(stage, &whole, first);
            first = first.saturating_add(stage.steps);
            plan
        };
        return keys.stages.iter().map(plan).collect();
    }
    let last = keys.steps / POLISHED;
    if !keys.polish || last == 0 {
        return vec![whole];
    }
    let mut polished = StagePlan {
        first: keys.steps - last,
        steps: last,
        ..whole.clone()
    };
    polished.sampler.samples = sampler.samples.saturating_mul(MORE_SAMPLES);
    let before = StagePlan {
        steps: keys.steps - last,
        ..whole
    };
    vec![before, polished]
}

/// A stage of the input, which begins at step `first`.
fn planned(stage: &StageInput, whole: &StagePlan, first: usize) -> StagePlan {
    let mut plan = StagePlan {
        first,
        steps: stage.steps,
        ..whole.clone()
    };
    let StagePlan { sampler, keys, .. } = &mut plan;
    sampler.samples = stage.samples.unwrap_or(sampler.samples);
    sampler.chains = stage.chains.unwrap_or(sampler.chains);
    sampler.sweeps = stage.sweeps.unwrap_or(sampler.sweeps);
    if stage.moves.is_some() {
        sampler.moves.clone_from(&stage.moves);
    }
    if let Some(method) = &stage.method {
        keys.method.clone_from(method);
    }
    if let Some(rate) = &stage.learning_rate {
        keys.learning_rate = rate.clone();
        plan.rate_from = first;
    }
    if stage.shift.is_some() {
        plan.keys.metric = MetricKeys {
            shift: stage.shift.clone(),
            distribute_above: plan.keys.metric.distribute_above,
            ..MetricKeys::default()
        };
        plan.shift_from = first;
    }
    plan
}

/// An error of a key of stage number `k` where the stage gives that key itself, named there.
pub fn named(error: Error, keys: &OptimizeInput, k: usize) -> Error {
    let Some(stage) = keys.stages.get(k) else {
        return error;
    };
    error.of_input(|key, problem, remedy| {
        let (_, name) = key.split_once('.').unwrap_or_default();
        let is_own = match key.as_str() {
            "optimize.method" => stage.method.is_some(),
            "optimize.learning_rate" => stage.learning_rate.is_some(),
            "optimize.shift" => stage.shift.is_some(),
            "sampler.moves" => stage.moves.is_some(),
            _ => false,
        };
        let key = match is_own {
            true => format!("optimize.stages[{k}].{name}"),
            false => key,
        };
        [key, problem, remedy]
    })
}

/// What the steps of an optimisation come to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Workload {
    /// Steps of the history.
    pub steps: f64,
    /// Samples of the largest step.
    pub most: usize,
    /// Markov chains of the step with the most.
    pub chains: usize,
    /// Steps of that size that take as long as all, those of pilots too.
    pub equivalent: f64,
    /// Samples of all steps of the history.
    pub samples: f64,
}

/// What the optimisation of an input comes to; no steps without one.
pub fn workload(source: &Source) -> Result<Workload> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let Some(keys) = keys(source)? else {
        return Ok(Workload {
            most: sampler.samples,
            chains: sampler.chains,
            ..Workload::default()
        });
    };
    let stages = stages(&keys, &sampler);
    let most = heaviest(&stages).map_or(sampler.samples, |s| s.sampler.samples);
    let samples = |upto: usize| {
        let of = |s: &StagePlan| upto.saturating_sub(s.first).min(s.steps) * s.sampler.samples;
        stages.iter().map(of).sum::<usize>() as f64
    };
    let pilots = keys.pilots.map(|p| (p.seeds.saturating_sub(1), p.steps));
    let tried = pilots.map_or(0.0, |(others, steps)| others as f64 * samples(steps));
    Ok(Workload {
        steps: keys.steps as f64,
        most,
        chains: stages
            .iter()
            .map(|s| s.sampler.chains)
            .fold(sampler.chains, usize::max),
        equivalent: (samples(keys.steps) + tried) / most.max(1) as f64,
        samples: samples(keys.steps),
    })
}

/// The stage with the most samples, the first of several.
pub fn heaviest(stages: &[StagePlan]) -> Option<&StagePlan> {
    stages.iter().rev().max_by_key(|s| s.sampler.samples)
}

/// Keys, as `a.b=c`, of a trial of so many steps of the stage with the most samples; one that gives
/// none has the `samples` of the whole.
pub(super) fn shorten(
    keys: &OptimizeInput,
    table: &toml::Table,
    (steps, samples): (usize, usize),
) -> Vec<String> {
    let mut all = vec![format!("optimize.steps={steps}")];
    if let Some(over) = keys.average {
        all.push(format!("optimize.average={}", over.min(steps)));
    }
    if keys.pilots.is_some() {
        all.push("optimize.pilots={ seeds = 1, steps = 1 }".into());
    }
    if keys.polish {
        all.push("optimize.polish=false".into());
    }
    let list = table.get("stages").and_then(toml::Value::as_array);
    let most = |stage: &&toml::Value| {
        let own = stage.get("samples").and_then(toml::Value::as_integer);
        own.unwrap_or(samples as i64)
    };
    let list = list.into_iter().flatten().rev();
    if let Some(toml::Value::Table(stage)) = list.max_by_key(most) {
        let mut stage = stage.clone();
        stage.retain(|key, _| !matches!(key, "samples" | "chains" | "method"));
        stage.insert("steps".into(), toml::Value::Integer(steps as i64));
        let stage = toml::Value::Array(vec![toml::Value::Table(stage)]);
        all.push(format!("optimize.stages={stage}"));
    }
    all
}

/// An error for the first key of a stage whose value cannot work.
pub(super) fn validate(source: &Source, keys: &OptimizeInput, given: Option<usize>) -> Result<()> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let sum = (keys.stages.iter()).fold(0usize, |sum, s| sum.saturating_add(s.steps));
    if let Some(steps) = given.filter(|&s| !keys.stages.is_empty() && s != sum) {
        let problem = format!("{steps} steps, and those of the stages are {sum}");
        let remedy = "remove the key: the stages say it";
        return Err(Error::input("optimize.steps", problem, remedy));
    }
    if keys.polish && !keys.stages.is_empty() {
        let remedy = "remove it, and write the last stage as you want it";
        return Err(Error::input("optimize.polish", "there are stages", remedy));
    }
    if keys.polish && sampler.method == Method::FullSum {
        let problem = "a full sum has no samples to take more of";
        return Err(Error::input("optimize.polish", problem, "remove the key"));
    }
    for (k, stage) in keys.stages.iter().enumerate() {
        let key = |name: &str| format!("optimize.stages[{k}].{name}");
        at_least_one(&key("steps"), stage.steps)?;
        let has_no = |problem: &str, name: &str| {
            let remedy = "remove the key, or use sampler.method = \"metropolis\"";
            Err(Error::input(key(name), problem, remedy))
        };
        if stage.moves.is_some() && sampler.method != Method::Metropolis {
            return has_no("moves are of \"metropolis\" alone", "moves");
        }
        for (name, given) in [("sweeps", stage.sweeps), ("chains", stage.chains)] {
            if given.is_some() && !sampler.method.has_chains() {
                return has_no("there are no Markov chains", name);
            }
            at_least_one(&key(name), given.unwrap_or(1))?;
        }
        if stage.samples.is_some() && sampler.method == Method::FullSum {
            return has_no("a full sum has no samples", "samples");
        }
        if let Some(rate) = &stage.learning_rate {
            rate.validate(&key("learning_rate"), false)?;
        }
        if let Some(shift) = &stage.shift {
            shift.validate(&key("shift"))?;
        }
    }
    for (k, stage) in stages(keys, &sampler).iter().enumerate() {
        let key = match keys.stages.is_empty() {
            true => "sampler.samples".to_string(),
            false => format!("optimize.stages[{k}].samples"),
        };
        let samples = stage.sampler.samples;
        stage.sampler.enough_for_an_error(&key, samples)?;
        stage.sampler.multiple_of_chains(&key, samples)?;
        if samples > 1 << 31 {
            let problem = "more than 2^31 samples a step";
            return Err(Error::input(key, problem, "use fewer samples"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_without_samples_has_those_of_the_whole() {
        let text = "steps = 9\nlearning_rate = 0.1\n\
                    stages = [{ steps = 4, samples = 512, sweeps = 3 }, { steps = 5, sweeps = 7 }]";
        let keys: OptimizeInput = toml::from_str(text).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let of_trial = |samples: usize| shorten(&keys, &table, (2, samples)).concat();
        assert!(of_trial(4096).contains("sweeps = 7"), "{}", of_trial(4096));
        assert!(of_trial(256).contains("sweeps = 3"), "{}", of_trial(256));
    }
}
