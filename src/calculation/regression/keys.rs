//! Decides which keys `[regression]` has, and their defaults.

use crate::error::Result;
use crate::input::{self, Source};
use crate::optimizer::FitMethod;
use crate::perceptron::{LearningPlan, Loss, UnitFunction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `regression.transform`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnTransform {
    /// Numbers as they are
    #[default]
    None,
    /// ln of inputs and outputs
    Log,
}

/// `regression.output`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputUnits {
    /// W x + b
    #[default]
    Linear,
    /// 1/(1 + e^-(W x + b))
    Sigmoid,
}

/// `regression.loss`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorFunction {
    /// |f - y|^2 over outputs, mean over rows
    #[default]
    Squared,
    /// |f - y| over outputs, mean over rows
    Absolute,
}

/// `regression.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegressionMethod {
    /// Steps of Adam
    #[default]
    Adam,
    /// Steps against the gradient
    Sgd,
    /// The exact minimum of one linear layer, in one step
    LeastSquares,
}

/// `regression.invert`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { outputs = [2.0], start = [1.0], steps = 500 }"
)]
pub struct InvertInput {
    /// Outputs that are wanted, in the units of the table
    pub outputs: Vec<f64>,
    /// Inputs to start from, in the units of the table
    pub start: Vec<f64>,
    /// Most steps
    pub steps: usize,
}

/// `regression.restarts`
const RESTARTS: usize = 1;
/// `regression.init`
const INIT: f64 = 1.0;
/// `regression.test_fraction`
const TEST_FRACTION: f64 = 0.0;

/// `[regression]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegressionInput {
    /// Table of numbers (CSV) whose first line names its columns
    pub data: String,
    /// Columns that the network sees
    pub inputs: Vec<String>,
    /// Columns that it should say
    pub outputs: Vec<String>,
    /// "none" (default); "log": ln of inputs and outputs
    #[serde(default)]
    pub transform: ColumnTransform,
    /// Units of each hidden layer (none: one layer)
    #[serde(default)]
    pub widths: Vec<usize>,
    /// Of the hidden layers
    #[serde(default)]
    pub activation: UnitFunction,
    /// Of the last layer: "linear" (default), "sigmoid"
    #[serde(default)]
    pub output: OutputUnits,
    /// "squared" (default) or "absolute" errors
    #[serde(default)]
    pub loss: ErrorFunction,
    /// Share of the rows that is held out (0)
    #[schemars(extend("default" = TEST_FRACTION))]
    pub test_fraction: Option<f64>,
    /// Steps of the training, each over all rows that are not held out
    pub steps: usize,
    /// "adam" (default), "sgd", "least-squares": exact, without hidden layers
    #[serde(default)]
    pub method: RegressionMethod,
    /// Rate of the steps; required but for least-squares, which has none
    pub learning_rate: Option<f64>,
    /// Independent initial weights, shared out over the ranks; the best is kept (1)
    #[schemars(extend("default" = RESTARTS))]
    pub restarts: Option<usize>,
    /// Weights start with the deviation init over the root of the inputs of their layer (1)
    #[schemars(extend("default" = INIT))]
    pub init: Option<f64>,
    /// Inputs are searched that give these outputs
    pub invert: Option<InvertInput>,
    /// HDF5 file with W_0, b_0, ... to start from: results with regression, or datasets at the root
    pub load: Option<String>,
}

/// The keys with their defaults.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RegressionRecipe {
    pub transform: ColumnTransform,
    pub widths: Vec<usize>,
    pub activation: UnitFunction,
    pub output: OutputUnits,
    pub loss: ErrorFunction,
    pub test_fraction: f64,
    pub steps: usize,
    pub method: RegressionMethod,
    pub learning_rate: Option<f64>,
    pub restarts: usize,
    pub init: f64,
}

impl RegressionInput {
    /// The keys with their defaults.
    pub(super) fn recipe(&self) -> RegressionRecipe {
        RegressionRecipe {
            transform: self.transform,
            widths: self.widths.clone(),
            activation: self.activation,
            output: self.output,
            loss: self.loss,
            test_fraction: self.test_fraction.unwrap_or(TEST_FRACTION),
            steps: self.steps,
            method: self.method,
            learning_rate: self.learning_rate,
            restarts: self.restarts.unwrap_or(RESTARTS),
            init: self.init.unwrap_or(INIT),
        }
    }
}

impl RegressionRecipe {
    /// Steps that are made: least squares arrive with the first.
    pub fn target(&self) -> usize {
        match self.method {
            RegressionMethod::LeastSquares => self.steps.min(1),
            RegressionMethod::Adam | RegressionMethod::Sgd => self.steps,
        }
    }

    /// How a network is trained.
    pub fn pace(&self) -> LearningPlan {
        LearningPlan {
            loss: match self.loss {
                ErrorFunction::Squared => Loss::Squared,
                ErrorFunction::Absolute => Loss::Absolute,
            },
            l2: 0.0,
            batch: 0,
            method: match self.method {
                RegressionMethod::Sgd => FitMethod::Sgd,
                RegressionMethod::Adam | RegressionMethod::LeastSquares => FitMethod::Adam,
            },
            learning_rate: self.learning_rate.unwrap_or_default(),
        }
    }

    /// The keys as a checkpoint compares them, defaults included.
    pub fn table(&self) -> toml::Table {
        let real = toml::Value::Float;
        let count = |n: usize| toml::Value::Integer(n as i64);
        let text = |debug: String| toml::Value::String(debug.to_lowercase());
        let pairs = [
            ("transform", text(format!("{:?}", self.transform))),
            ("widths", text(format!("{:?}", self.widths))),
            ("activation", text(format!("{:?}", self.activation))),
            ("output", text(format!("{:?}", self.output))),
            ("loss", text(format!("{:?}", self.loss))),
            ("test_fraction", real(self.test_fraction)),
            ("steps", count(self.steps)),
            ("method", text(format!("{:?}", self.method))),
            ("restarts", count(self.restarts)),
            ("init", real(self.init)),
        ];
        let rate = self.learning_rate.map(|rate| ("learning_rate", real(rate)));
        let pairs = pairs.into_iter().chain(rate);
        pairs.map(|(k, v)| (k.to_string(), v)).collect()
    }
}

/// `[regression]` of an input.
pub fn keys(source: &Source) -> Result<RegressionInput> {
    let keys = source.section::<RegressionInput>("regression")?;
    input::section(&keys, "regression").cloned()
}
