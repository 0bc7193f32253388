//! Decides which values of `[classical]` are refused before anything is drawn.

use super::keys::{ClassicalInput, FeatureChoice, FlipOrder, NumberList, keys};
use crate::classical::{UPDATES, UpdateCourse, UpdateEntry};
use crate::error::{Error, Result};
use crate::input::{Method, Source, at_least_one};
use crate::table::Shelf;

/// Most temperatures, and most temperatures to which samples are reweighted.
const MOST: usize = 10_000;
/// Most rounds of fits.
const MOST_ROUNDS: usize = 1000;
/// Most samples that a fit learns from, and most sweeps.
const MOST_SAMPLES: usize = 1 << 31;

fn wrong<T>(key: &str, problem: impl Into<String>, remedy: &str) -> Result<T> {
    Err(Error::input(format!("classical.{key}"), problem, remedy))
}

/// The update that an input names.
pub(super) fn entry(update: &str) -> Result<&'static UpdateEntry> {
    Shelf::new(UPDATES).find(update, "classical.update")
}

/// An error for the first key whose value cannot work.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    temperatures(&keys)?;
    let entry = entry(&keys.update)?;
    if let Some(list) = &keys.reweight {
        positive("reweight", list)?;
        if matches!(entry.course, UpdateCourse::All) {
            let problem = "all states are summed at the temperatures themselves";
            return wrong("reweight", problem, "add them to classical.temperatures");
        }
    }
    effective(&keys, entry)?;
    idle_keys(source, &keys, entry)?;
    if let Some(interval) = keys.tempering {
        at_least_one("classical.tempering", interval)?;
        if matches!(entry.course, UpdateCourse::All) || keys.temperatures().len() < 2 {
            let problem = "there are no chains of several temperatures to swap";
            return wrong("tempering", problem, "remove the key, or add temperatures");
        }
    }
    sampler(source, entry)
}

fn positive(key: &str, list: &NumberList) -> Result<()> {
    if let NumberList::Range(range) = list
        && !(1..=MOST).contains(&range.count)
    {
        let remedy = format!("give from 1 to {MOST} numbers");
        return wrong(
            key,
            format!("{} numbers are not allowed", range.count),
            &remedy,
        );
    }
    let list = list.numbers();
    if list.is_empty() || list.len() > MOST {
        let remedy = format!("give from 1 to {MOST} numbers");
        return wrong(
            key,
            format!("{} numbers are not allowed", list.len()),
            &remedy,
        );
    }
    // Both T and 1/T, and their squares, are numbers.
    let fits = |v: &&f64| (1e-100..=1e100).contains(*v);
    match list.iter().find(|v| !fits(v)) {
        None => Ok(()),
        Some(v) => wrong(
            key,
            format!("{v:?} is not a number between 1e-100 and 1e100"),
            "give positive numbers",
        ),
    }
}

fn temperatures(keys: &ClassicalInput) -> Result<()> {
    match (&keys.temperatures, &keys.inverse_temperatures) {
        (Some(list), None) => positive("temperatures", list),
        (None, Some(list)) => positive("inverse_temperatures", list),
        (None, None) => wrong(
            "temperatures",
            "this key is missing",
            "add temperatures = 2.269, a list, or { from = 1, to = 3.5, count = 26 }",
        ),
        (Some(_), Some(_)) => wrong(
            "inverse_temperatures",
            "temperatures are given in two ways",
            "remove one of the two keys",
        ),
    }
}

fn effective(keys: &ClassicalInput, entry: &UpdateEntry) -> Result<()> {
    let Some(effective) = &keys.effective else {
        return Ok(());
    };
    let learned = matches!(entry.course, UpdateCourse::Learned(_));
    if matches!(entry.course, UpdateCourse::Chain(_)) {
        let problem = format!("\"{}\" has no effective model", entry.kind);
        return wrong("effective", problem, "remove it, or use \"self-learning\"");
    }
    match (&effective.features, effective.classes) {
        (Some(_), Some(_)) => {
            let problem = "classes and features say the same";
            return wrong("effective.features", problem, "remove one of the two keys");
        }
        (None, Some(classes)) if !(1..=3).contains(&classes) => {
            let problem = format!("there are no {classes} classes of pairs");
            return wrong("effective.classes", problem, "give 1, 2 or 3");
        }
        (Some(FeatureChoice::Name(name)), _) if name != "auto" || !learned => {
            let problem = format!("\"{name}\" chooses no features of this update");
            return wrong("effective.features", problem, "give a list of features");
        }
        _ => {}
    }
    let list = effective.list();
    let twice = |k: usize| list[..k].contains(&list[k]);
    if list.is_empty() || (0..list.len()).any(twice) {
        let problem = format!("{list:?} names no feature, or one twice");
        return wrong("effective.features", problem, "name each feature once");
    }
    if let Some(couplings) = &effective.couplings {
        let finite = couplings.iter().all(|j| j.is_finite());
        if !finite || couplings.len() != list.len() || effective.chooses() {
            let problem = format!("{} couplings for {} features", couplings.len(), list.len());
            return wrong(
                "effective.couplings",
                problem,
                "give a finite number for each",
            );
        }
    }
    let samples = effective.training_samples;
    if learned && !(2..=MOST_SAMPLES).contains(&samples) {
        let remedy = "give at least 2, better thousands, and at most 2^31";
        let problem = format!("no fit learns from {samples} samples");
        return wrong("effective.training_samples", problem, remedy);
    }
    if effective.rounds > MOST_ROUNDS {
        let problem = format!("{} rounds are too many", effective.rounds);
        return wrong("effective.rounds", problem, "give at most 1000");
    }
    if learned && !list.iter().any(|feature| feature.is_pairs()) {
        let problem = "clusters grow along pairs, and there are none";
        return wrong("effective.features", problem, "add \"nearest\"");
    }
    Ok(())
}

/// An error for keys that the update never looks at.
fn idle_keys(source: &Source, keys: &ClassicalInput, entry: &UpdateEntry) -> Result<()> {
    let flips = match entry.course {
        UpdateCourse::Chain(_) => !entry.clusters,
        UpdateCourse::Learned(_) => true,
        UpdateCourse::All => false,
    };
    if keys.order == FlipOrder::Random && !flips {
        let problem = format!("\"{}\" has no single flips", entry.kind);
        return wrong("order", problem, "remove the key");
    }
    let Some(effective) = &keys.effective else {
        return Ok(());
    };
    let (all, given) = (
        matches!(entry.course, UpdateCourse::All),
        effective.couplings.is_some(),
    );
    let section = source.table.get("classical");
    let section = section.and_then(|table| table.get("effective"));
    let is_there = |key: &str| section.is_some_and(|table| table.get(key).is_some());
    let learning = ["training_samples", "rounds"];
    let idle = learning.iter().find(|key| (all || given) && is_there(key));
    let idle = idle.or_else(|| Some(&"max_cluster").filter(|key| all && is_there(key)));
    match idle {
        None => Ok(()),
        Some(key) => {
            let why = if all {
                "no samples are drawn"
            } else {
                "nothing is fitted: couplings are given"
            };
            wrong(&format!("effective.{key}"), why, "remove the key")
        }
    }
}

/// `[sampler]` is that of chains.
fn sampler(source: &Source, entry: &UpdateEntry) -> Result<()> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let refuse = |key: &str, problem: &str, remedy: &str| {
        Err(Error::input(format!("sampler.{key}"), problem, remedy))
    };
    if sampler.method != Method::Metropolis {
        let problem = "[classical] has updates of its own";
        let remedy = "remove the key; classical.update = \"enumeration\" sums over all states";
        return refuse("method", problem, remedy);
    }
    if sampler.moves.is_some() {
        let problem = "moves are those of wave functions";
        return refuse(
            "moves",
            problem,
            "remove the key and choose classical.update",
        );
    }
    sampler.refuse_weights("[classical]")?;
    sampler.refuse_replicas("[classical]")?;
    let most = [("sweeps", sampler.sweeps), ("burn_in", sampler.burn_in)];
    if let Some((key, count)) = most.iter().find(|(_, count)| *count > MOST_SAMPLES) {
        let problem = format!("{count} sweeps never end");
        return refuse(key, &problem, "give at most 2^31");
    }
    let (chains, samples) = (sampler.chains, sampler.samples);
    if matches!(entry.course, UpdateCourse::All) {
        return Ok(());
    }
    if samples / chains.max(1) < 2 {
        let problem = format!("{samples} samples of {chains} chains: one alone has no variance");
        return refuse("samples", &problem, "use at least 2 for each chain");
    }
    Ok(())
}
