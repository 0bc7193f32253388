//! Decides which keys `[holography]` has, and their defaults, which the experiment decides.

use crate::error::Result;
use crate::holography::bulk::{Bulk, Entrance, Horizon, Stepper};
use crate::holography::training::Pace;
use crate::input::{self, Source};
use schemars::JsonSchema;
use serde::Deserialize;

/// Knots of a metric that is a spline.
const KNOTS: usize = 12;

/// `holography.experiment`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Experiment {
    /// Find the AdS–Schwarzschild black hole again from points that it has labelled
    Synthetic,
    /// Find a space, a coupling and a radius from masses and condensates of QCD
    Condensate,
}

/// An entry of `holography.train`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trained {
    /// The metric
    H,
    /// λ
    Coupling,
    /// L
    Radius,
}

/// `holography.smoothness`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or \"cross-validated\"")]
pub enum SmoothnessInput {
    /// A coefficient
    Number(f64),
    /// "cross-validated": points that are held out choose
    Name(String),
}

/// `holography.h_init.mean`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or a text such as \"2 + 1/eta\"")]
pub enum MeanInput {
    /// The same at every position
    Number(f64),
    /// A sum of terms a and a/eta
    Text(String),
}

/// `holography.h_init`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { mean = 4, sd = 3 }"
)]
pub struct MetricStart {
    /// A number, or a text such as "2 + 1/eta"
    pub mean: Option<MeanInput>,
    /// Standard deviation of independent normal numbers that are added
    pub sd: Option<f64>,
}

/// `holography.potential.from`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricSource {
    /// The mean of the successful seeds
    #[default]
    Mean,
    /// The seed of the smallest loss
    Best,
    /// The metric of holography.load
    File,
}

/// `holography.eta_boundary`
const ETA_BOUNDARY: f64 = 1.0;
/// `holography.band`
const BAND: f64 = 0.1;
/// `holography.steepness`
const STEEPNESS: f64 = 100.0;
/// `holography.width`
const WIDTH: f64 = 0.004;
/// `holography.seeds`
const SEEDS: usize = 1;
/// `holography.learning_rate`
const LEARNING_RATE: f64 = 1e-3;
/// `holography.bootstrap`
const BOOTSTRAP: usize = 0;

/// `[holography.potential]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PotentialInput {
    /// Whose metric: "mean" (default) of the successful seeds, "best", or "file" (holography.load)
    pub from: MetricSource,
    /// Depths at which strings turn (40 outside the outermost wall, logarithmically closer to it)
    pub turning_points: Option<Vec<f64>>,
}

/// `[holography]`
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HolographyInput {
    /// "synthetic" or "condensate"; it decides the defaults
    pub experiment: Experiment,
    /// d, dimensions of the boundary, 3 to 5 (synthetic 3, condensate 4)
    pub dimension: Option<usize>,
    /// Layers of the network (synthetic 10, condensate 15)
    pub layers: Option<usize>,
    /// eta of the first slice, in AdS radii (1)
    #[schemars(extend("default" = ETA_BOUNDARY))]
    pub eta_boundary: Option<f64>,
    /// eta behind the last layer (synthetic 0.1, condensate 1/15)
    pub eta_horizon: Option<f64>,
    /// m^2 of the field (synthetic -1, condensate -3)
    pub mass_squared: Option<f64>,
    /// lambda, the start where it is trained (synthetic 1, condensate 0.2)
    pub coupling: Option<f64>,
    /// L in 1/GeV, the start where it is trained (synthetic none, condensate 0.8)
    pub radius: Option<f64>,
    /// What is trained, of "h", "coupling", "radius" (synthetic "h", condensate all three)
    pub train: Option<Vec<Trained>>,
    /// "pi" (default): F = pi; "regular": F = (2/eta) pi - m^2 phi - lambda phi^3
    #[serde(default)]
    pub horizon: Horizon,
    /// Points with abs F below it have label 0 (0.1)
    #[schemars(extend("default" = BAND))]
    pub band: Option<f64>,
    /// How fast the answer changes at the band (100)
    #[schemars(extend("default" = STEEPNESS))]
    pub steepness: Option<f64>,
    /// Coefficient of sum eta^4 (difference of h)^2 (1e-3; 1e-2), or "cross-validated"
    pub smoothness: Option<SmoothnessInput>,
    /// Coefficient of (d - h_0)^2 (synthetic 0, condensate 1e-2)
    pub boundary_pull: Option<f64>,
    /// Points of each label (synthetic 1000, condensate 10000)
    pub points: Option<usize>,
    /// CSV with columns phi,pi,label or mass,condensate,label, in place of points that are drawn
    pub data: Option<String>,
    /// condensate: CSV with columns mass,condensate in GeV and GeV^3 (built in: QCD at 207 MeV)
    pub condensate: Option<String>,
    /// condensate: deviation of the half-width of the band of label 0, in GeV^3 (0.004)
    #[schemars(extend("default" = WIDTH))]
    pub width: Option<f64>,
    /// Start of the metric (synthetic: mean "2 + 1/eta", sd 1; condensate: mean 4, sd 3)
    pub h_init: Option<MetricStart>,
    /// HDF5 file with h, coupling, radius to start from: results, or datasets at the root
    pub load: Option<String>,
    /// Independent data and starts, shared out over the ranks (1)
    #[schemars(extend("default" = SEEDS))]
    pub seeds: Option<usize>,
    /// Passes over the points (synthetic 100, condensate 5000)
    pub epochs: Option<usize>,
    /// Points of a batch (synthetic 10, condensate 100)
    pub batch: Option<usize>,
    /// Rate of Adam (1e-3)
    #[schemars(extend("default" = LEARNING_RATE))]
    pub learning_rate: Option<f64>,
    /// A seed counts below it: mean abs(y - label), of condensate the loss (synthetic 0.01,
    /// condensate 0.1)
    pub success: Option<f64>,
    /// "euler" (default), or "rk4": layers are steps of fourth order, and the published network is
    /// trained beside
    #[serde(default)]
    pub scheme: Stepper,
    /// The metric is a spline through so many knots (synthetic none: one number per layer,
    /// condensate 12 for "rk4")
    pub knots: Option<usize>,
    /// Fits to resampled data, for a band of the metric (0)
    #[schemars(extend("default" = BOOTSTRAP))]
    pub bootstrap: Option<usize>,
    /// Strings in the learned space
    pub potential: Option<PotentialInput>,
}

/// The keys with their defaults.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub experiment: Experiment,
    pub bulk: Bulk,
    /// λ and L at the start; L is 0 where there is none.
    pub constants: [f64; 2],
    pub pace: Pace,
    /// `None`: points that are held out choose.
    pub smoothness: Option<f64>,
    pub boundary_pull: f64,
    /// Layers of the published network.
    pub published: usize,
    pub points: usize,
    pub width: f64,
    pub mean: MeanInput,
    pub sd: f64,
    pub seeds: usize,
    pub epochs: usize,
    pub success: f64,
    pub bootstrap: usize,
}

impl HolographyInput {
    /// The keys with their defaults.
    pub(super) fn recipe(&self) -> Recipe {
        let qcd = self.experiment == Experiment::Condensate;
        let pick = |given: Option<f64>, first: f64, second: f64| {
            given.unwrap_or(if qcd { second } else { first })
        };
        let count = |given: Option<usize>, first: usize, second: usize| {
            given.unwrap_or(if qcd { second } else { first })
        };
        let trained = |what: Trained| match &self.train {
            None => qcd || what == Trained::H,
            Some(list) => list.contains(&what),
        };
        let start = self.h_init.as_ref();
        let mean = start.and_then(|s| s.mean.clone());
        let default = match qcd {
            true => MeanInput::Number(4.0),
            false => MeanInput::Text("2 + 1/eta".into()),
        };
        Recipe {
            experiment: self.experiment,
            bulk: self.bulk(),
            constants: [pick(self.coupling, 1.0, 0.2), pick(self.radius, 0.0, 0.8)],
            pace: Pace {
                trained: [Trained::H, Trained::Coupling, Trained::Radius].map(trained),
                batch: count(self.batch, 10, 100),
                learning_rate: self.learning_rate.unwrap_or(LEARNING_RATE),
            },
            smoothness: match &self.smoothness {
                None => Some(pick(None, 1e-3, 1e-2)),
                Some(SmoothnessInput::Number(c)) => Some(*c),
                Some(SmoothnessInput::Name(_)) => None,
            },
            boundary_pull: pick(self.boundary_pull, 0.0, 1e-2),
            published: count(None, 10, 15),
            points: count(self.points, 1000, 10_000),
            width: self.width.unwrap_or(WIDTH),
            mean: mean.unwrap_or(default),
            sd: pick(start.and_then(|s| s.sd), 1.0, 3.0),
            seeds: self.seeds.unwrap_or(SEEDS),
            epochs: count(self.epochs, 100, 5000),
            success: pick(self.success, 0.01, 0.1),
            bootstrap: self.bootstrap.unwrap_or(BOOTSTRAP),
        }
    }

    fn bulk(&self) -> Bulk {
        let qcd = self.experiment == Experiment::Condensate;
        let choose = |first: f64, second: f64| if qcd { second } else { first };
        let splined = (self.scheme == Stepper::Rk4).then_some(KNOTS);
        Bulk {
            dimension: self.dimension.unwrap_or(if qcd { 4 } else { 3 }),
            layers: self.layers.unwrap_or(if qcd { 15 } else { 10 }),
            eta_boundary: self.eta_boundary.unwrap_or(ETA_BOUNDARY),
            eta_horizon: self.eta_horizon.unwrap_or(choose(0.1, 1.0 / 15.0)),
            mass_squared: self.mass_squared.unwrap_or(choose(-1.0, -3.0)),
            horizon: self.horizon,
            band: self.band.unwrap_or(BAND),
            steepness: self.steepness.unwrap_or(STEEPNESS),
            scheme: self.scheme,
            knots: self.knots.or(splined),
            entrance: match qcd {
                true => Entrance::Condensate,
                false => Entrance::Field,
            },
        }
    }
}

impl Recipe {
    /// The published network of the same space: one number a layer, steps of Euler; `None` where
    /// it is the one that is asked for.
    pub fn euler(&self) -> Option<Bulk> {
        let published = Bulk {
            scheme: Stepper::Euler,
            knots: None,
            ..self.bulk.clone()
        };
        (published != self.bulk).then_some(published)
    }

    /// The keys as a checkpoint compares them, defaults included.
    pub fn table(&self) -> toml::Table {
        let Bulk {
            dimension, layers, ..
        } = self.bulk;
        let train: Vec<_> = self.pace.trained.iter().map(|t| (*t).into()).collect();
        let (real, count) = (toml::Value::Float, |n: usize| {
            toml::Value::Integer(n as i64)
        });
        let smoothness = match self.smoothness {
            Some(c) => real(c),
            None => toml::Value::String("cross-validated".into()),
        };
        let text = |debug: String| toml::Value::String(debug);
        let pairs = [
            ("dimension", count(dimension)),
            ("layers", count(layers)),
            ("eta_boundary", real(self.bulk.eta_boundary)),
            ("eta_horizon", real(self.bulk.eta_horizon)),
            ("mass_squared", real(self.bulk.mass_squared)),
            ("horizon", text(format!("{:?}", self.bulk.horizon))),
            ("band", real(self.bulk.band)),
            ("steepness", real(self.bulk.steepness)),
            ("scheme", text(format!("{:?}", self.bulk.scheme))),
            ("knots", count(self.bulk.knots.unwrap_or(0))),
            ("coupling", real(self.constants[0])),
            ("radius", real(self.constants[1])),
            ("train", toml::Value::Array(train)),
            ("batch", count(self.pace.batch)),
            ("learning_rate", real(self.pace.learning_rate)),
            ("smoothness", smoothness),
            ("boundary_pull", real(self.boundary_pull)),
            ("points", count(self.points)),
            ("width", real(self.width)),
            ("h_init", text(format!("{:?} {}", self.mean, self.sd))),
            ("seeds", count(self.seeds)),
            ("epochs", count(self.epochs)),
            ("success", real(self.success)),
            ("bootstrap", count(self.bootstrap)),
        ];
        pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
    }
}

/// `[holography]` of an input.
pub fn keys(source: &Source) -> Result<HolographyInput> {
    let keys = source.section::<HolographyInput>("holography")?;
    input::section(&keys, "holography").cloned()
}
