//! Decides which values of `[phases]` are refused before anything is read or drawn.

use super::keys::{FeatureName, ParameterInput, PhaseRecipe, PhasesInput, Task, keys};
use crate::error::{Error, Result};
use crate::input::Source;

/// Sections that belong to sampled configurations, which files replace.
const OF_SAMPLING: [&str; 4] = ["basis", "hamiltonian", "ansatz", "sampler"];

pub(super) fn wrong<T>(key: &str, problem: impl Into<String>, remedy: &str) -> Result<T> {
    Err(Error::input(format!("phases.{key}"), problem, remedy))
}

/// An error for the first key whose value cannot work.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    let recipe = keys.recipe();
    origin(source, &keys)?;
    counts(&recipe)?;
    numbers(&recipe)?;
    critical(&keys)?;
    network(&keys, &recipe)
}

/// Configurations come from `[classical]` or from files, and nothing else is calculated.
fn origin(source: &Source, keys: &PhasesInput) -> Result<()> {
    let here = |name: &str| source.table.contains_key(name);
    let allowed = |name: &str| matches!(name, "phases" | "classical");
    let other = source.sections().find(|name| !allowed(name));
    if let Some(name) = other {
        return Err(Error::input(
            name.as_str(),
            "[phases] follows [classical] or stands alone",
            "remove this section, or move it to an input of its own",
        ));
    }
    let files = match (&keys.files, here("classical")) {
        (None, true) => return Ok(()),
        (None, false) => {
            let remedy = "add a section [classical], or name files with configurations";
            return wrong("files", "there are no configurations", remedy);
        }
        (Some(_), true) => {
            let problem = "[classical] draws the configurations of this input";
            return wrong(
                "files",
                problem,
                "remove this key, or the section [classical]",
            );
        }
        (Some(files), false) => files,
    };
    if let Some(name) = OF_SAMPLING.into_iter().find(|name| here(name)) {
        return Err(Error::input(
            name,
            "[phases] reads its configurations from files",
            "remove this section; [lattice] alone may stay, for a convolution",
        ));
    }
    if files.is_empty() {
        return wrong("files", "the list is empty", "name at least one file");
    }
    let given = files.iter().flat_map(|f| match &f.parameter {
        Some(ParameterInput::One(value)) => vec![*value],
        Some(ParameterInput::Many(list)) => list.clone(),
        None => Vec::new(),
    });
    match given.into_iter().find(|v| !v.is_finite()) {
        Some(v) => wrong(
            "files",
            format!("parameter = {v} is not finite"),
            "give a finite number",
        ),
        None => Ok(()),
    }
}

fn counts(recipe: &PhaseRecipe) -> Result<()> {
    let narrow = recipe.widths.iter().copied().min().unwrap_or(1);
    let wide = recipe.widths.iter().copied().max().unwrap_or(1);
    let convolution = recipe.convolution;
    for (key, value, least, most) in [
        ("seeds", recipe.seeds, 1, 100_000),
        ("epochs", recipe.epochs, 0, 100_000_000),
        ("batch", recipe.pace.batch, 0, 100_000_000),
        ("widths", narrow, 1, 100_000),
        ("widths", wide, 1, 100_000),
        (
            "convolution.filters",
            convolution.map_or(1, |c| c.filters),
            1,
            10_000,
        ),
        (
            "convolution.kernel",
            convolution.map_or(1, |c| c.kernel),
            1,
            1000,
        ),
    ] {
        if !(least..=most).contains(&value) {
            let remedy = format!("give a number from {least} to {most}");
            return wrong(key, format!("{value} is not allowed"), &remedy);
        }
    }
    Ok(())
}

fn numbers(recipe: &PhaseRecipe) -> Result<()> {
    let (l2, rate) = (recipe.pace.l2, recipe.pace.learning_rate);
    if !(l2.is_finite() && l2 >= 0.0) {
        let remedy = "give a number of at least 0";
        return wrong("l2", format!("{l2} is not allowed"), remedy);
    }
    if !(rate.is_finite() && rate > 0.0) {
        let remedy = "give a positive number";
        return wrong("learning_rate", format!("{rate} is not allowed"), remedy);
    }
    let share = recipe.test_fraction;
    if !(0.0..1.0).contains(&share) {
        let remedy = "give a number from 0 on that is below 1";
        return wrong("test_fraction", format!("{share} is not allowed"), remedy);
    }
    Ok(())
}

fn critical(keys: &PhasesInput) -> Result<()> {
    let pairs = [
        ("critical_temperature", keys.critical_temperature),
        ("critical_value", keys.critical_value),
    ];
    let given: Vec<_> = pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    match (keys.task, given.as_slice()) {
        (Task::Classify, []) => wrong(
            "critical_temperature",
            "a classification needs labels",
            "give the critical temperature, or critical_value for another parameter of files",
        ),
        (Task::Classify, [(key, value)]) if !value.is_finite() => wrong(
            key,
            format!("{value} is not finite"),
            "give a finite number",
        ),
        (Task::Classify, [("critical_value", _)]) if keys.files.is_none() => wrong(
            "critical_value",
            "[classical] has temperatures",
            "use critical_temperature",
        ),
        (Task::Classify, [_]) | (Task::Temperature, []) => Ok(()),
        (Task::Classify, list) => wrong(
            list[1].0,
            "there are two critical points",
            "remove critical_temperature or critical_value",
        ),
        (Task::Temperature, list) => wrong(
            list[0].0,
            "task = \"temperature\" has no labels of phases",
            "remove this key, or use task = \"classify\"",
        ),
    }
}

/// Keys of the network that exclude each other.
fn network(keys: &PhasesInput, recipe: &PhaseRecipe) -> Result<()> {
    if recipe.convolution.is_some() && recipe.features != FeatureName::Spins {
        let problem = "one number has no neighbours";
        return wrong("convolution", problem, "use features = \"spins\"");
    }
    if !recipe.newton {
        return Ok(());
    }
    if recipe.convolution.is_some() {
        let problem = "the objective of a convolution is not convex";
        return wrong(
            "newton",
            problem,
            "remove the convolution, or use newton = false",
        );
    }
    if !recipe.widths.is_empty() {
        let problem = "the objective of a network with hidden layers is not convex";
        return wrong("newton", problem, "use widths = [], or newton = false");
    }
    if recipe.pace.batch != 0 {
        let problem = "Newton steps are made over the whole training set";
        return wrong("newton", problem, "use batch = 0, or newton = false");
    }
    if recipe.seeds > 1 {
        let problem = "all Newton steps from one start are the same";
        return wrong("seeds", problem, "use seeds = 1, or newton = false");
    }
    if keys.learning_rate.is_some() {
        let problem = "Newton steps have no learning rate";
        return wrong(
            "learning_rate",
            problem,
            "remove this key, or use newton = false",
        );
    }
    Ok(())
}
