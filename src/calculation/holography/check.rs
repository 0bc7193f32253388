//! Decides which values of `[holography]` are refused before anything is drawn.

use super::keys::{
    Experiment, HolographyInput, MeanInput, MetricSource, Recipe, SmoothnessInput, keys,
};
use crate::calculation::fits::stands_alone;
use crate::error::{Error, Result};
use crate::holography::bulk::Bulk;
use crate::input::Source;

/// steepness × band, at most: beyond, the answer is a step to all digits.
const STEEPEST: f64 = 300.0;

fn wrong<T>(key: &str, problem: impl Into<String>, remedy: &str) -> Result<T> {
    Err(Error::input(format!("holography.{key}"), problem, remedy))
}

/// An error for the first key whose value cannot work.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    stands_alone(source, "holography")?;
    let recipe = keys.recipe();
    counts(&keys, &recipe)?;
    numbers(&recipe)?;
    space(&recipe.bulk, recipe.experiment)?;
    belongings(&keys)?;
    mean_at(&recipe.mean, 1.0)?;
    potential(&keys, &recipe.bulk)
}

fn counts(keys: &HolographyInput, recipe: &Recipe) -> Result<()> {
    let knots = recipe.bulk.knots.unwrap_or(4);
    for (key, value, least, most) in [
        ("dimension", recipe.bulk.dimension, 3, 5),
        ("layers", recipe.bulk.layers, 2, 1000),
        ("knots", knots, 4, 200),
        ("points", recipe.points, 1, 10_000_000),
        ("seeds", recipe.seeds, 1, 100_000),
        ("epochs", recipe.epochs, 0, 100_000_000),
        ("batch", recipe.pace.batch, 1, 100_000_000),
        ("bootstrap", recipe.bootstrap, 0, 100_000),
    ] {
        if !(least..=most).contains(&value) {
            let remedy = format!("give a number from {least} to {most}");
            return wrong(key, format!("{value} is not allowed"), &remedy);
        }
    }
    match &keys.smoothness {
        Some(SmoothnessInput::Name(name)) if name != "cross-validated" => wrong(
            "smoothness",
            format!("\"{name}\" is not known"),
            "give a number, or \"cross-validated\"",
        ),
        Some(SmoothnessInput::Name(_)) if recipe.epochs == 0 => wrong(
            "smoothness",
            "without epochs there is nothing to choose from",
            "give a number, or more epochs",
        ),
        _ => Ok(()),
    }
}

fn numbers(recipe: &Recipe) -> Result<()> {
    let bulk = &recipe.bulk;
    let qcd = recipe.experiment == Experiment::Condensate;
    for (key, value, zero) in [
        ("eta_horizon", bulk.eta_horizon, false),
        ("eta_boundary", bulk.eta_boundary, false),
        ("band", bulk.band, false),
        ("steepness", bulk.steepness, false),
        ("radius", recipe.constants[1], !qcd),
        ("smoothness", recipe.smoothness.unwrap_or(0.0), true),
        ("boundary_pull", recipe.boundary_pull, true),
        ("width", recipe.width, false),
        ("h_init.sd", recipe.sd, true),
        ("learning_rate", recipe.pace.learning_rate, false),
        ("success", recipe.success, false),
    ] {
        let fine = value.is_finite() && (value > 0.0 || (zero && value == 0.0));
        if !fine {
            let remedy = match zero {
                true => "give a number of at least 0",
                false => "give a positive number",
            };
            return wrong(key, format!("{value} is not allowed"), remedy);
        }
    }
    for (key, value) in [
        ("mass_squared", bulk.mass_squared),
        ("coupling", recipe.constants[0]),
    ] {
        if !value.is_finite() {
            return wrong(
                key,
                format!("{value} is not finite"),
                "give a finite number",
            );
        }
    }
    if bulk.steepness * bulk.band > STEEPEST {
        return wrong(
            "steepness",
            format!("steepness times band is {}", bulk.steepness * bulk.band),
            "keep it below 300: the answer is a step long before",
        );
    }
    Ok(())
}

fn space(bulk: &Bulk, experiment: Experiment) -> Result<()> {
    if bulk.eta_boundary <= bulk.eta_horizon {
        return wrong(
            "eta_boundary",
            format!("{} is not outside eta_horizon", bulk.eta_boundary),
            "the layers go inward: eta_boundary > eta_horizon > 0",
        );
    }
    let lowest = -0.25 * (bulk.dimension * bulk.dimension) as f64;
    let stable = bulk.mass_squared > lowest && bulk.mass_squared < 0.0;
    if experiment == Experiment::Condensate && !stable {
        return wrong(
            "mass_squared",
            format!("{} gives no source and no condensate", bulk.mass_squared),
            "give a number between -d^2/4 and 0",
        );
    }
    Ok(())
}

/// Keys that exclude each other, or belong to the other experiment.
fn belongings(keys: &HolographyInput) -> Result<()> {
    let of_radius = keys
        .train
        .as_ref()
        .is_some_and(|list| list.contains(&super::keys::Trained::Radius));
    if keys.experiment == Experiment::Synthetic {
        for (key, given) in [
            ("radius", keys.radius.is_some()),
            ("train", of_radius),
            ("condensate", keys.condensate.is_some()),
            ("width", keys.width.is_some()),
        ] {
            if given {
                let problem = "only masses and condensates have a radius, a table and a width";
                return wrong(
                    key,
                    problem,
                    "remove it, or use experiment = \"condensate\"",
                );
            }
        }
    }
    for (key, given) in [
        ("points", keys.points.is_some()),
        ("condensate", keys.condensate.is_some()),
        ("width", keys.width.is_some()),
    ] {
        if keys.data.is_some() && given {
            let problem = "the points of holography.data are used as they are";
            return wrong(key, problem, "remove one of the two keys");
        }
    }
    if keys.load.is_some() && keys.h_init.is_some() {
        return wrong(
            "h_init",
            "the metric starts from holography.load",
            "remove one of the two keys",
        );
    }
    let trains = keys.train.as_ref().is_none_or(|list| !list.is_empty());
    if !trains && keys.recipe().epochs > 0 {
        return wrong(
            "train",
            "nothing is trained",
            "name \"h\", \"coupling\" or \"radius\", or use epochs = 0",
        );
    }
    Ok(())
}

fn potential(keys: &HolographyInput, bulk: &Bulk) -> Result<()> {
    let Some(potential) = &keys.potential else {
        return Ok(());
    };
    if potential.from == MetricSource::File && keys.load.is_none() {
        return wrong(
            "potential.from",
            "there is no file",
            "add holography.load, or use \"mean\" or \"best\"",
        );
    }
    let last = bulk.positions().last().copied().unwrap_or(0.0);
    let points = potential.turning_points.iter().flatten();
    match points
        .copied()
        .find(|eta| !(eta.is_finite() && *eta > last && *eta < 50.0))
    {
        None => Ok(()),
        Some(eta) => wrong(
            "potential.turning_points",
            format!("no string turns at {eta}"),
            &format!("give depths between the last position, {last:.6}, and 50"),
        ),
    }
}

/// The mean of the start at a position; an error where it cannot be read.
pub(super) fn mean_at(mean: &MeanInput, eta: f64) -> Result<f64> {
    let term = |text: &str| {
        let text = text.trim();
        let (number, over) = match text.strip_suffix("/eta") {
            Some(number) => (number.trim(), eta),
            None => (text, 1.0),
        };
        let number = number.parse::<f64>().ok().filter(|v| v.is_finite());
        number.map(|number| number / over)
    };
    let sum = match mean {
        MeanInput::Number(value) => Some(*value).filter(|v| v.is_finite()),
        MeanInput::Text(text) => text.split('+').map(term).sum(),
    };
    match sum {
        Some(sum) => Ok(sum),
        None => wrong(
            "h_init.mean",
            format!("{mean:?} is not understood"),
            "give a number, or a sum such as \"2 + 1/eta\"",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_sums_of_constants_and_inverses() {
        let text = |t: &str| mean_at(&MeanInput::Text(t.into()), 0.5);
        assert_eq!(text("2 + 1/eta"), Ok(4.0));
        assert_eq!(text("-3/eta"), Ok(-6.0));
        assert_eq!(mean_at(&MeanInput::Number(4.0), 0.5), Ok(4.0));
        for bad in ["", "eta", "2 * eta", "1/eta +", "inf"] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
