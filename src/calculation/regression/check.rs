//! Decides which values of `[regression]` are refused before anything is read or trained.

use super::keys::{
    ColumnTransform, ErrorFunction, InvertInput, OutputUnits, RegressionInput, RegressionMethod,
    RegressionRecipe, keys,
};
use crate::calculation::fits::stands_alone;
use crate::error::{Error, Result};
use crate::input::Source;
use std::collections::BTreeSet;

/// Steps, at most.
const MOST_STEPS: usize = 100_000_000;

pub(super) fn wrong<T>(key: &str, problem: impl Into<String>, remedy: &str) -> Result<T> {
    Err(Error::input(format!("regression.{key}"), problem, remedy))
}

/// An error for the first key whose value cannot work.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    let recipe = keys.recipe();
    stands_alone(source, "regression")?;
    columns(&keys)?;
    counts(&recipe)?;
    numbers(&recipe)?;
    method(&keys, &recipe)?;
    match &keys.invert {
        None => Ok(()),
        Some(invert) => inversion(invert, &keys),
    }
}

fn columns(keys: &RegressionInput) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (key, names) in [("inputs", &keys.inputs), ("outputs", &keys.outputs)] {
        if names.is_empty() {
            return wrong(key, "the list is empty", "name at least one column");
        }
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            let problem = format!("the column `{name}` is named twice");
            return wrong(key, problem, "name every column once");
        }
    }
    Ok(())
}

fn counts(recipe: &RegressionRecipe) -> Result<()> {
    let narrow = recipe.widths.iter().copied().min().unwrap_or(1);
    let wide = recipe.widths.iter().copied().max().unwrap_or(1);
    for (key, value, least, most) in [
        ("widths", narrow, 1, 100_000),
        ("widths", wide, 1, 100_000),
        ("steps", recipe.steps, 0, MOST_STEPS),
        ("restarts", recipe.restarts, 1, 100_000),
    ] {
        if !(least..=most).contains(&value) {
            let remedy = format!("give a number from {least} to {most}");
            return wrong(key, format!("{value} is not allowed"), &remedy);
        }
    }
    Ok(())
}

fn numbers(recipe: &RegressionRecipe) -> Result<()> {
    let share = recipe.test_fraction;
    if !(0.0..1.0).contains(&share) {
        let remedy = "give a number from 0 on that is below 1";
        return wrong("test_fraction", format!("{share} is not allowed"), remedy);
    }
    let init = recipe.init;
    if !(init.is_finite() && init >= 0.0) {
        let remedy = "give a number of at least 0";
        return wrong("init", format!("{init} is not allowed"), remedy);
    }
    match recipe.learning_rate {
        Some(rate) if !(rate.is_finite() && rate > 0.0) => {
            let problem = format!("{rate} is not allowed");
            wrong("learning_rate", problem, "give a positive number")
        }
        _ => Ok(()),
    }
}

/// Keys that the method asks for or excludes.
fn method(keys: &RegressionInput, recipe: &RegressionRecipe) -> Result<()> {
    if recipe.method != RegressionMethod::LeastSquares {
        return match recipe.learning_rate {
            Some(_) => Ok(()),
            None => wrong(
                "learning_rate",
                "this key is missing",
                "add it: 0.01 is a fair start for adam",
            ),
        };
    }
    let minimum = "least squares have one exact minimum";
    if !recipe.widths.is_empty() {
        let problem = format!("{minimum} for one layer alone");
        return wrong("widths", problem, "use widths = [], or method = \"adam\"");
    }
    if recipe.output != OutputUnits::Linear {
        let problem = format!("{minimum} for linear outputs alone");
        return wrong("output", problem, "use \"linear\", or method = \"adam\"");
    }
    if recipe.loss != ErrorFunction::Squared {
        let problem = format!("{minimum} for squared errors alone");
        return wrong("loss", problem, "use \"squared\", or method = \"adam\"");
    }
    if recipe.restarts > 1 {
        let problem = format!("{minimum}: all starts have the same end");
        return wrong("restarts", problem, "use restarts = 1");
    }
    match keys.load {
        Some(_) if recipe.steps > 0 => wrong(
            "load",
            format!("{minimum} wherever they start"),
            "remove this key, or use steps = 0",
        ),
        _ => Ok(()),
    }
}

fn inversion(invert: &InvertInput, keys: &RegressionInput) -> Result<()> {
    let (ins, outs) = (keys.inputs.len(), keys.outputs.len());
    for (key, list, wanted) in [
        ("invert.outputs", &invert.outputs, outs),
        ("invert.start", &invert.start, ins),
    ] {
        if list.len() != wanted {
            let problem = format!("there are {} numbers instead of {wanted}", list.len());
            return wrong(
                key,
                problem,
                "give one number for each column, in their order",
            );
        }
        let log = keys.transform == ColumnTransform::Log;
        let bad = |v: &&f64| !v.is_finite() || (log && **v <= 0.0);
        if let Some(value) = list.iter().find(bad) {
            let (problem, remedy) = match value.is_finite() {
                false => (format!("{value} is not finite"), "give a finite number"),
                true => (
                    format!("{value} has no logarithm"),
                    "give a positive number, or use transform = \"none\"",
                ),
            };
            return wrong(key, problem, remedy);
        }
    }
    match invert.steps <= MOST_STEPS {
        true => Ok(()),
        false => wrong(
            "invert.steps",
            format!("{} is not allowed", invert.steps),
            &format!("give a number from 0 to {MOST_STEPS}"),
        ),
    }
}
