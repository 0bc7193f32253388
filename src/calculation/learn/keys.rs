//! Decides which keys `[learn]` has, and their defaults.

use crate::error::Result;
use crate::input::{self, Source};
use crate::optimizer::{MetricKeys, Schedule, Shift};
use crate::shots::FirstSite;
use crate::table::schema_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The section.
pub(super) const NAME: &str = "learn";

/// `learn.objective`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LearnedObjective {
    /// Negative log-likelihood of outcomes, Kullback–Leibler divergence and the entropy of the data
    KullbackLeibler,
    /// −ln of the fidelity with a state
    Infidelity,
}

/// `learn.target`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TargetInput {
    /// The ground state of the Hamiltonian, by exact diagonalisation
    GroundState {},
    /// A state of a file
    File {
        /// Results file, file of `nishina exact --output`, or any HDF5 file with amplitudes
        file: PathBuf,
    },
    /// Measured outcomes
    Shots {
        /// CSV with the columns basis, outcome and perhaps weight, or JSON of counts
        file: PathBuf,
        /// Which character of a string is site 0: "left" (default) or "right"
        #[serde(default)]
        #[schemars(extend("default" = "left"))]
        first: FirstSite,
    },
}

/// `learn.bases`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "\"pairs\", or a list such as [\"ZZZZ\", \"XXZZ\"]"
)]
pub enum BasesInput {
    /// "pairs": all Z, and (X,X) and (X,Y) on every pair of neighbours
    Named(String),
    /// One letter per site
    Listed(Vec<String>),
}

/// `learn.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LearningMethod {
    /// The gradient rescaled by its running moments
    #[default]
    Adam,
    /// Plain gradient descent
    Sgd,
    /// Natural gradient: stochastic reconfiguration of the force
    Sr,
}

impl LearningMethod {
    /// Its name in inputs.
    pub(super) fn name(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or_default().to_string()
    }
}

/// `learn.negative`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NegativePhase {
    /// Chains go on from step to step
    #[default]
    Pcd,
    /// Chains start at outcomes in every step
    Cd,
}

/// `learn.log_z.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartitionMethod {
    /// A sum over the smaller layer
    #[default]
    Exact,
    /// Annealed importance sampling
    Ais,
}

/// `learn.log_z`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { method = \"ais\", temperatures = 1000, samples = 500 }"
)]
pub struct PartitionInput {
    /// "exact" or "ais"
    pub method: PartitionMethod,
    /// Steps of the annealing (1000)
    #[serde(default = "temperatures")]
    pub temperatures: usize,
    /// Independent annealed samples (500)
    #[serde(default = "annealed")]
    pub samples: usize,
}

fn temperatures() -> usize {
    1000
}
fn annealed() -> usize {
    500
}
fn one() -> usize {
    1
}

/// `[learn]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LearnInput {
    /// "kullback-leibler" or "infidelity"
    pub objective: LearnedObjective,
    /// { kind = "ground-state" }, { kind = "file", file = … }, { kind = "shots", file = … }
    pub target: TargetInput,
    /// Outcomes drawn from the target in every basis (0: its exact distribution)
    #[serde(default)]
    pub shots: usize,
    /// Bases of the outcomes of a state: all Z by default; "pairs", or one letter per site for each
    pub bases: Option<BasesInput>,
    /// Parameter updates; 0: the objective and its gradient at the start
    pub steps: usize,
    /// "adam" (default), "sgd", or "sr": natural gradient
    #[serde(default)]
    pub method: LearningMethod,
    /// A number or a schedule
    pub learning_rate: Schedule,
    /// adam: decay of the first moment (0.9)
    #[schemars(extend("default" = 0.9))]
    pub beta1: Option<f64>,
    /// adam: decay of the second moment (0.999)
    #[schemars(extend("default" = 0.999))]
    pub beta2: Option<f64>,
    /// adam: floor of the denominator (1e-8)
    #[schemars(extend("default" = 1e-8))]
    pub epsilon: Option<f64>,
    /// sr: added to the diagonal of S: a number or a schedule, or { relative = … } (0.01)
    #[schemars(extend("default" = 0.01))]
    pub shift: Option<Shift>,
    /// Outcomes of a step, drawn with replacement (0: all)
    #[serde(default)]
    pub batch: usize,
    /// gibbs: "pcd" (default), chains go on; "cd", they start at outcomes in every step
    #[schemars(extend("default" = NegativePhase::Pcd))]
    pub negative: Option<NegativePhase>,
    /// boltzmann with a phase: the step from which the phase moves (0)
    #[schemars(extend("default" = 0))]
    pub phase_from: Option<usize>,
    /// boltzmann with a phase: deviation of its weights and biases at the start (as built)
    pub phase_init: Option<f64>,
    /// boltzmann with a phase: rate of the phase (learning_rate)
    pub phase_learning_rate: Option<Schedule>,
    /// Seeds seed, seed + 1, …; the one of the lowest objective is kept (1)
    #[serde(default = "one")]
    pub restarts: usize,
    /// boltzmann with a phase: from phase_from on only the phase moves (false)
    #[serde(default)]
    pub freeze_amplitude: bool,
    /// How ln Z of a boltzmann is found at the end: exactly where N or M <= 20
    pub log_z: Option<PartitionInput>,
    /// One matrix for all sites or one for each, [[p(+|+), p(+|-)], [p(-|+), p(-|-)]]: readout
    /// errors of the outcomes
    pub readout: Option<Vec<[[f64; 2]; 2]>>,
    /// Share of the outcomes that is held out (0)
    #[serde(default)]
    pub test_fraction: f64,
    /// Steps without a better held-out likelihood after which a restart ends, and the best
    /// parameters are kept (0: never)
    #[serde(default)]
    pub patience: usize,
}

impl LearnInput {
    /// The options of the metric.
    pub(super) fn metric(&self) -> MetricKeys {
        MetricKeys {
            shift: self.shift.clone(),
            ..MetricKeys::default()
        }
    }

    /// The keys of adam that are given, as [optimize] has them.
    pub(super) fn of_adam(&self) -> toml::Table {
        let named = [
            ("beta1", self.beta1),
            ("beta2", self.beta2),
            ("epsilon", self.epsilon),
        ];
        let given = named
            .iter()
            .filter_map(|(k, v)| Some((k.to_string(), (*v)?.into())));
        given.collect()
    }
}

/// `[learn]` of an input that has it.
pub fn keys(source: &Source) -> Result<LearnInput> {
    let keys = source.section(NAME)?;
    keys.ok_or_else(|| input::missing_section(NAME))
}

/// JSON schema of the keys.
pub fn schema() -> serde_json::Value {
    schema_of::<LearnInput>()
}
