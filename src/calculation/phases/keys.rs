//! Decides which keys `[phases]` has, and their defaults.

use crate::error::Result;
use crate::input::{self, Source};
use crate::optimizer::FitMethod;
use crate::perceptron::{LearningPlan, Loss, UnitFunction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `phases.task`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Ordered or disordered: below or above the critical value
    Classify,
    /// Which temperature
    Temperature,
}

/// `phases.features`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureName {
    /// All spins
    #[default]
    Spins,
    /// Energy of the whole system
    Energy,
    /// |sum of all spins| / N
    AbsMagnetisation,
}

/// An entry of `phases.files`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { file = \"x.samples.h5\", parameter = 0.5 }"
)]
pub struct SampleFile {
    /// X.samples.h5 of a run, or any HDF5 file with configurations int8 [sample, site] of +1 and -1
    pub file: String,
    /// Temperature or coupling of all its samples, or a list for the numbers in its dataset
    /// temperature; absent: from its dataset parameter, or from the results beside it
    pub parameter: Option<ParameterInput>,
}

/// `phases.files.parameter`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or a list of numbers")]
pub enum ParameterInput {
    /// The same for all samples
    One(f64),
    /// One for each number of a temperature
    Many(Vec<f64>),
}

/// `phases.convolution`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { filters = 5, kernel = 3 }"
)]
pub struct ConvolutionInput {
    /// Filters, with ReLU
    pub filters: usize,
    /// Cells of the window in each direction
    pub kernel: usize,
}

/// `phases.widths`
const WIDTHS: [usize; 1] = [100];
/// `phases.l2`
const L2: f64 = 5e-4;
/// `phases.batch`
const BATCH: usize = 100;
/// `phases.learning_rate`
const LEARNING_RATE: f64 = 1e-3;
/// `phases.seeds`
const SEEDS: usize = 5;
/// `phases.test_fraction`
const TEST_FRACTION: f64 = 0.2;

/// `[phases]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhasesInput {
    /// "classify": below or above the critical value; "temperature": which temperature
    pub task: Task,
    /// classify: configurations of lower temperatures are ordered
    pub critical_temperature: Option<f64>,
    /// The same for another parameter of files, such as a field
    pub critical_value: Option<f64>,
    /// Files with configurations, in place of the section classical
    pub files: Option<Vec<SampleFile>>,
    /// "spins" (default), "energy", "abs-magnetisation"
    #[serde(default)]
    pub features: FeatureName,
    /// Units of each hidden layer: one of 100, none with a convolution; none: logistic regression
    pub widths: Option<Vec<usize>>,
    /// Of the hidden layers
    #[serde(default)]
    pub activation: UnitFunction,
    /// A first layer of filters over all translations of the lattice
    pub convolution: Option<ConvolutionInput>,
    /// Coefficient of the sum of squared weights (5e-4)
    #[schemars(extend("default" = L2))]
    pub l2: Option<f64>,
    /// Passes over the training set, or most Newton steps
    pub epochs: usize,
    /// Configurations of a batch (100); 0: all
    #[schemars(extend("default" = BATCH))]
    pub batch: Option<usize>,
    /// Rate of Adam (1e-3)
    #[schemars(extend("default" = LEARNING_RATE))]
    pub learning_rate: Option<f64>,
    /// Newton steps to convergence, without hidden layers and with batch = 0 (false)
    #[serde(default)]
    pub newton: bool,
    /// Independent initial weights, shared out over the ranks (5; 1 with newton)
    #[schemars(extend("default" = SEEDS))]
    pub seeds: Option<usize>,
    /// Share of the chains of each temperature that is held out (0.2)
    #[schemars(extend("default" = TEST_FRACTION))]
    pub test_fraction: Option<f64>,
    /// HDF5 file with W_0, b_0, ... to start from: results with phases, or datasets at the root
    pub load: Option<String>,
}

/// The keys with their defaults.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PhaseRecipe {
    pub task: Task,
    /// Name and value of the key of the critical point; of classify alone.
    pub critical: Option<(&'static str, f64)>,
    pub features: FeatureName,
    pub widths: Vec<usize>,
    pub activation: UnitFunction,
    pub convolution: Option<ConvolutionInput>,
    pub pace: LearningPlan,
    pub epochs: usize,
    pub newton: bool,
    pub seeds: usize,
    pub test_fraction: f64,
}

impl PhasesInput {
    /// The keys with their defaults.
    pub(super) fn recipe(&self) -> PhaseRecipe {
        let temperature = self
            .critical_temperature
            .map(|t| ("critical_temperature", t));
        let value = self.critical_value.map(|v| ("critical_value", v));
        let widths = match self.convolution {
            Some(_) => Vec::new(),
            None => WIDTHS.to_vec(),
        };
        PhaseRecipe {
            task: self.task,
            critical: temperature.or(value),
            features: self.features,
            widths: self.widths.clone().unwrap_or(widths),
            activation: self.activation,
            convolution: self.convolution,
            pace: LearningPlan {
                loss: Loss::CrossEntropy,
                l2: self.l2.unwrap_or(L2),
                batch: self.batch.unwrap_or(BATCH),
                method: FitMethod::Adam,
                learning_rate: self.learning_rate.unwrap_or(LEARNING_RATE),
            },
            epochs: self.epochs,
            newton: self.newton,
            seeds: self.seeds.unwrap_or(if self.newton { 1 } else { SEEDS }),
            test_fraction: self.test_fraction.unwrap_or(TEST_FRACTION),
        }
    }
}

impl PhaseRecipe {
    /// The keys as a checkpoint compares them, defaults included.
    pub fn table(&self) -> toml::Table {
        let real = toml::Value::Float;
        let count = |n: usize| toml::Value::Integer(n as i64);
        let text = |debug: String| toml::Value::String(debug.to_lowercase());
        let pairs = [
            ("task", text(format!("{:?}", self.task))),
            ("features", text(format!("{:?}", self.features))),
            ("widths", text(format!("{:?}", self.widths))),
            ("activation", text(format!("{:?}", self.activation))),
            ("l2", real(self.pace.l2)),
            ("batch", count(self.pace.batch)),
            ("learning_rate", real(self.pace.learning_rate)),
            ("epochs", count(self.epochs)),
            ("newton", toml::Value::Boolean(self.newton)),
            ("seeds", count(self.seeds)),
            ("test_fraction", real(self.test_fraction)),
        ];
        pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
    }
}

/// `[phases]` of an input.
pub fn keys(source: &Source) -> Result<PhasesInput> {
    let keys = source.section::<PhasesInput>("phases")?;
    input::section(&keys, "phases").cloned()
}
