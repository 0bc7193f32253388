//! Decides which keys `[classical]` has, and their defaults.

use crate::classical::UPDATES;
use crate::classical::effective::{CLASSES, Feature};
use crate::error::Result;
use crate::input::{self, FIRST_BURN_IN, SamplerInput, Source};
use schemars::JsonSchema;
use serde::Deserialize;

/// A list of numbers, one by one or as a range.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number, a list of numbers, or a range such as { from = 1, to = 3, count = 21 }"
)]
pub enum NumberList {
    /// One number
    One(f64),
    /// A list
    Many(Vec<f64>),
    /// Equally spaced numbers, ends included
    Range(NumberRange),
}

/// Equally spaced numbers.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberRange {
    /// The first
    pub from: f64,
    /// The last
    pub to: f64,
    /// Their number
    pub count: usize,
}

impl NumberList {
    /// The numbers.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            NumberList::One(value) => vec![*value],
            NumberList::Many(list) => list.clone(),
            NumberList::Range(NumberRange { from, to, count }) => {
                let step = (to - from) / (count.max(&2) - 1) as f64;
                let number = |k: usize| match k + 1 == *count && *count > 1 {
                    true => *to,
                    false => from + k as f64 * step,
                };
                (0..*count).map(number).collect()
            }
        }
    }
}

/// `classical.effective.features`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a list such as [\"nearest\", \"diagonal\"], or \"auto\""
)]
pub enum FeatureChoice {
    /// These
    List(Vec<Feature>),
    /// "auto": samples that are held out choose
    Name(String),
}

/// `classical.effective.training_samples`
const TRAINING_SAMPLES: usize = 8192;
/// `classical.effective.rounds`
const ROUNDS: usize = 2;

/// `classical.order`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlipOrder {
    /// One after the other, or one sublattice after the other
    #[default]
    Sites,
    /// As many as there are sites, each anywhere
    Random,
}

/// `[classical.effective]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EffectiveInput {
    /// Pair classes: 1 nearest, 2 also diagonal, 3 also distance 2 along the axes (1)
    #[schemars(extend("default" = 1))]
    pub classes: Option<usize>,
    /// In place of classes: of "nearest", "diagonal", "axes", "plaquette"; or "auto"
    pub features: Option<FeatureChoice>,
    /// J_k of the classes or features (fitted); given ones are not fitted
    pub couplings: Option<Vec<f64>>,
    /// Samples of single flips for the first fit, over all chains (8192)
    pub training_samples: usize,
    /// Fits to as many samples of the self-learning run itself (2)
    pub rounds: usize,
    /// Most sites of a cluster, none for 0 (0)
    pub max_cluster: usize,
}

impl Default for EffectiveInput {
    fn default() -> Self {
        EffectiveInput {
            classes: None,
            features: None,
            couplings: None,
            training_samples: TRAINING_SAMPLES,
            rounds: ROUNDS,
            max_cluster: 0,
        }
    }
}

impl EffectiveInput {
    /// Whether samples that are held out choose the features.
    pub fn chooses(&self) -> bool {
        matches!(self.features, Some(FeatureChoice::Name(_)))
    }

    /// The key that names the features.
    pub fn key(&self) -> &'static str {
        match self.features {
            Some(_) => "classical.effective.features",
            None => "classical.effective.classes",
        }
    }

    /// The features; candidates where they are chosen.
    pub fn list(&self) -> Vec<Feature> {
        match &self.features {
            Some(FeatureChoice::List(list)) => list.clone(),
            Some(FeatureChoice::Name(_)) => CLASSES.to_vec(),
            None => CLASSES
                .into_iter()
                .take(self.classes.unwrap_or(1))
                .collect(),
        }
    }
}

fn first_update() -> String {
    UPDATES[0].kind.into()
}

/// `[classical]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassicalInput {
    /// Temperatures, k_B = 1, in the units of the couplings: a number, a list, or a range
    pub temperatures: Option<NumberList>,
    /// In place of temperatures: 1/T
    pub inverse_temperatures: Option<NumberList>,
    /// "metropolis" (default), "wolff", "swendsen-wang", "self-learning", "enumeration"
    #[serde(default = "first_update")]
    pub update: String,
    /// "sites" (default), or "random": where single flips are proposed
    #[serde(default)]
    pub order: FlipOrder,
    /// The effective model of self-learning, or of a fit under exact weights
    pub effective: Option<EffectiveInput>,
    /// Sweeps or moves between swaps of neighbouring temperatures (none)
    pub tempering: Option<usize>,
    /// Temperatures to which samples are reweighted
    pub reweight: Option<NumberList>,
}

/// The keys with what they take from `[sampler]`.
#[derive(Debug, Clone)]
pub(super) struct ClassicalPlan {
    pub temperatures: Vec<f64>,
    pub update: String,
    pub order: FlipOrder,
    pub effective: EffectiveInput,
    pub tempering: Option<usize>,
    pub reweight: Vec<f64>,
    pub chains: usize,
    /// Of each chain at each temperature.
    pub samples: usize,
    pub sweeps: usize,
    pub burn_in: usize,
    pub seed: u64,
}

impl ClassicalInput {
    /// The temperatures.
    pub fn temperatures(&self) -> Vec<f64> {
        match (&self.temperatures, &self.inverse_temperatures) {
            (Some(list), _) => list.numbers(),
            (None, Some(list)) => list.numbers().iter().map(|b| 1.0 / b).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The keys with those of `[sampler]`.
    pub(super) fn plan(&self, source: &Source) -> ClassicalPlan {
        let sampler: SamplerInput = source.input.sampler.clone().unwrap_or_default();
        let list = self.reweight.as_ref().map(NumberList::numbers);
        let of_input = source.table.get("sampler");
        let given = of_input.is_some_and(|table| table.get("burn_in").is_some());
        ClassicalPlan {
            temperatures: self.temperatures(),
            update: self.update.clone(),
            order: self.order,
            effective: self.effective.clone().unwrap_or_default(),
            tempering: self.tempering,
            reweight: list.unwrap_or_default(),
            chains: sampler.chains,
            samples: sampler.samples / sampler.chains,
            sweeps: sampler.sweeps,
            burn_in: if given {
                sampler.burn_in
            } else {
                FIRST_BURN_IN
            },
            seed: source.input.seed,
        }
    }
}

impl ClassicalPlan {
    /// What a checkpoint compares, defaults included.
    pub fn table(&self) -> toml::Table {
        let EffectiveInput {
            training_samples,
            rounds,
            max_cluster,
            ..
        } = self.effective;
        let text = |debug: String| toml::Value::String(debug);
        let count = |n: usize| toml::Value::Integer(n as i64);
        let reals = |list: &[f64]| {
            let list = list.iter().map(|v| toml::Value::Float(*v));
            toml::Value::Array(list.collect())
        };
        let choice = (self.effective.list(), self.effective.chooses());
        let effective = [
            ("features", text(format!("{choice:?}"))),
            ("couplings", text(format!("{:?}", self.effective.couplings))),
            ("training_samples", count(training_samples)),
            ("rounds", count(rounds)),
            ("max_cluster", count(max_cluster)),
        ];
        let sampler = [
            ("chains", count(self.chains)),
            ("samples", count(self.samples * self.chains)),
            ("sweeps", count(self.sweeps)),
            ("burn_in", count(self.burn_in)),
        ];
        let named = |pairs: &[(&str, toml::Value)]| {
            let pairs = pairs.iter().map(|(k, v)| (k.to_string(), v.clone()));
            toml::Value::Table(pairs.collect())
        };
        let pairs = [
            ("temperatures", reals(&self.temperatures)),
            ("update", text(self.update.clone())),
            ("order", text(format!("{:?}", self.order))),
            ("effective", named(&effective)),
            ("tempering", count(self.tempering.unwrap_or(0))),
            ("reweight", reals(&self.reweight)),
            ("sampler", named(&sampler)),
        ];
        pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
    }
}

/// `[classical]` of an input.
pub fn keys(source: &Source) -> Result<ClassicalInput> {
    let keys = source.section::<ClassicalInput>("classical")?;
    input::section(&keys, "classical").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends() {
        let range = |from, to, count| NumberList::Range(NumberRange { from, to, count });
        assert_eq!(range(1.0, 3.0, 5).numbers(), [1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(range(1.0, 3.5, 26).numbers()[25], 3.5);
        assert_eq!(range(2.0, 3.0, 1).numbers(), [2.0]);
        assert_eq!(NumberList::One(2.0).numbers(), [2.0]);
    }
}
