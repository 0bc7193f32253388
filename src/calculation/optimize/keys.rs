//! Decides which keys `[optimize]` has, their defaults, and which values are refused before any
//! physics is built.

use super::history::StepRow;
use super::method::CHEAPEST;
use super::pilots::{self, PilotsInput};
use super::stages::{self, StageInput};
use crate::error::{Error, Result};
use crate::input::{Method, Source, at_least_one, positive};
use crate::optimizer::{MetricKeys, OPTIMIZERS, OptimizerEntry, Schedule, Shift};
use crate::table::{self, Entry, schema_of};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The section.
const NAME: &str = "optimize";

/// An entry of `optimize.orthogonal_to`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrthogonalInput {
    /// Results file of the state, relative to the input file
    pub file: std::path::PathBuf,
    /// Energy of the penalty, larger than the gap
    pub weight: f64,
}

/// `[optimize]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptimizeInput {
    /// Parameter updates
    pub steps: usize,
    /// The method: "sr" (default) chooses among the methods of stochastic reconfiguration by cost
    #[serde(default = "default_method")]
    pub method: String,
    /// A number or a schedule
    pub learning_rate: Schedule,
    /// Largest Fubini–Study length of a step, 0 for any (0.1 for "sr", "dense-sr", "kernel-sr" and
    /// "cg", 0.3 for "linear", else any)
    pub max_distance: Option<f64>,
    /// Stop when the error bar of a step is below this
    pub target_error: Option<f64>,
    /// Stop when the V-score of a step is below this
    pub target_v_score: Option<f64>,
    /// Largest rise of the energy above its best, in units of the distance of the best from E_inf;
    /// 0 allows any (0.5)
    #[serde(default = "default_max_rise")]
    pub max_rise: f64,
    /// Halvings of the learning rate after undone steps before the
    /// optimisation ends with its best state (10)
    #[serde(default = "default_max_backoffs")]
    pub max_backoffs: usize,
    /// States that the optimisation stays orthogonal to, for the next one
    #[serde(default)]
    pub orthogonal_to: Vec<OrthogonalInput>,
    /// An energy c: c <S^2> is added to what is optimised, so that states of larger total spin lie
    /// higher
    pub spin_penalty: Option<f64>,
    /// Largest squared Euclidean length of a step (1e-3 for methods that remember the last
    /// direction; else none)
    pub norm_constraint: Option<f64>,
    /// Local energies further from the median than this many mean distances are pulled to that
    /// distance in the force; the energy that is reported is not clipped
    pub clip_force: Option<f64>,
    /// The parameters at the end are the mean of those of this many last steps; of ten and more
    /// only where their energies are stationary
    pub average: Option<usize>,
    /// Stages, one after the other, with steps, samples, sweeps, moves, rates, shifts and methods
    /// of their own; their steps are all steps
    #[serde(default)]
    pub stages: Vec<StageInput>,
    /// The last fifth of the steps has four times the samples (false)
    #[serde(default)]
    pub polish: bool,
    /// Short optimisations from several initial parameters, of which the best goes on
    pub pilots: Option<PilotsInput>,
    /// The keys that all methods with a metric share.
    #[serde(skip)]
    pub metric: MetricKeys,
    /// The keys of the method.
    #[serde(skip)]
    pub own: toml::Table,
}

/// Longest step of a method with a metric where the input gives none: far steps overshoot, and late
/// ones are shorter by themselves.
const MAX_DISTANCE: f64 = 0.1;
/// The same of a method that knows how H acts on derivatives: its step is the lowest state nearby.
const MAX_DISTANCE_OF_H: f64 = 0.3;

/// The shift of a trial in place of one that follows from the samples, as it is given: each of
/// the first steps works out a whole ladder, which later ones do not.
const SHIFT_OF_TRIAL: &str = "optimize.shift=0.01";

/// The entry of a method that the program comes with.
fn entry(method: &str) -> Option<&'static OptimizerEntry> {
    OPTIMIZERS.iter().find(|entry| entry.kind == method)
}

/// Whether the shift of a method follows from the samples where the input gives none.
fn is_cross_validated(method: &str) -> bool {
    method == CHEAPEST || entry(method).is_some_and(|e| e.cross_validated)
}

/// Longest step of a method where the input gives none.
fn max_distance(method: &str) -> Option<f64> {
    if is_cross_validated(method) {
        return Some(MAX_DISTANCE);
    }
    let of_h = |e: &OptimizerEntry| e.local_derivatives.then_some(MAX_DISTANCE_OF_H);
    entry(method).and_then(of_h)
}

impl OptimizeInput {
    /// Whether a sound step is at a target.
    pub(super) fn is_reached(&self, row: &StepRow) -> bool {
        let below =
            |target: Option<f64>, value: f64| target.is_some_and(|t| value > 0.0 && value <= t);
        below(self.target_error, row.error) || below(self.target_v_score, row.v_score)
    }

    /// The key that gives the optimisation more steps.
    pub(super) fn steps_key(&self) -> String {
        match self.stages.len() {
            0 => "optimize.steps".into(),
            n => format!("optimize.stages[{}].steps", n - 1),
        }
    }

    /// The shift that a trial of a few steps has, where it has another one than the run.
    pub(super) fn shift_of_trial(&self) -> Option<String> {
        let mut keys = self.clone();
        keys.settle();
        (keys.metric.shift == Some(Shift::AUTOMATIC)).then(|| SHIFT_OF_TRIAL.into())
    }

    /// Takes what the method decides where the input is silent.
    pub(super) fn settle(&mut self) {
        if is_cross_validated(&self.method) && self.metric.regularisations().is_empty() {
            self.metric.shift = Some(Shift::AUTOMATIC);
        }
        self.max_distance = self.max_distance.or(max_distance(&self.method));
        self.max_distance = self.max_distance.filter(|d| *d != 0.0);
    }
}

/// The keys of `[optimize]` that a method has where the input does not give them, and their values.
pub fn decided_by(method: &str) -> Vec<(&'static str, toml::Value)> {
    let shift = is_cross_validated(method).then(|| ("shift", "auto".into()));
    let length = max_distance(method).map(|d| ("max_distance", d.into()));
    shift.into_iter().chain(length).collect()
}

fn default_method() -> String {
    "sr".into()
}

fn default_max_rise() -> f64 {
    0.5
}

fn default_max_backoffs() -> usize {
    10
}

/// `[optimize]` of an input, if there is one: the keys of the section itself, those of methods with
/// a metric, and the rest, which belongs to the method.
pub fn keys(source: &Source) -> Result<Option<OptimizeInput>> {
    let Some(table) = source.table.get(NAME).and_then(toml::Value::as_table) else {
        return Ok(None);
    };
    let (mut shared, rest) = split(table, &schema_of::<OptimizeInput>());
    settle_stages(&mut shared)?;
    let (metric, own) = split(&rest, &schema_of::<MetricKeys>());
    let keys: OptimizeInput = table::parse(&shared, NAME)?;
    let metric = table::parse(&metric, NAME)?;
    Ok(Some(OptimizeInput {
        metric,
        own,
        ..keys
    }))
}

/// What stages say goes without saying above them: the steps are theirs, and where each has a rate,
/// there is one.
fn settle_stages(table: &mut toml::Table) -> Result<()> {
    let list = table.get("stages").and_then(toml::Value::as_array);
    let list: Vec<_> = list.into_iter().flatten().cloned().collect();
    if list.is_empty() {
        return Ok(());
    }
    let steps = |stage: &toml::Value| stage.get("steps").and_then(toml::Value::as_integer);
    if let Some(all) = list.iter().map(steps).collect::<Option<Vec<_>>>() {
        let sum = all.iter().fold(0i64, |sum, n| sum.saturating_add(*n));
        table.insert("steps".into(), sum.into());
    }
    let rates = list.iter().map(|stage| stage.get("learning_rate").cloned());
    if let Some(rates) = rates.collect::<Option<Vec<_>>>() {
        let first = rates.into_iter().next();
        first.map(|rate| table.entry("learning_rate").or_insert(rate));
    }
    Ok(())
}

/// The keys that a schema has, and the others.
fn split(table: &toml::Table, schema: &Value) -> (toml::Table, toml::Table) {
    let known = |key: &String| schema["properties"].get(key).is_some();
    table.clone().into_iter().partition(|(key, _)| known(key))
}

/// JSON schema of `[optimize]` with the keys of all methods; each says which methods have it.
pub fn schema() -> Value {
    let mut schema = schema_of::<OptimizeInput>();
    // Stages may say them.
    if let Some(required) = schema["required"].as_array_mut() {
        required.clear();
    }
    let add = |part: Value, who: &str, schema: &mut Value| {
        for (place, values) in ["properties", "$defs"].map(|p| (p, part[p].as_object().cloned())) {
            for (key, value) in values.into_iter().flatten() {
                let known = schema[place][&key]["description"]
                    .as_str()
                    .map(str::to_string);
                let said = value["description"].as_str().unwrap_or_default();
                let text = match (place, &known) {
                    ("$defs", _) => said.to_string(),
                    (_, None) => format!("{who}: {said}"),
                    (_, Some(known)) => format!("{known}; {who}: {said}"),
                };
                // Methods that share a key need not share its default: their texts name it.
                let old = &schema[place][&key]["default"];
                let differs = known.is_some() && *old != value["default"];
                schema[place][&key] = value;
                schema[place][&key]["description"] = text.into();
                if let Some(own) = schema[place][&key].as_object_mut().filter(|_| differs) {
                    own.remove("default");
                }
            }
        }
    };
    add(
        schema_of::<MetricKeys>(),
        "methods with a metric",
        &mut schema,
    );
    for entry in OPTIMIZERS {
        add(entry.schema(), entry.kind, &mut schema);
    }
    schema
}

/// Whether the input sums over all configurations.
pub(super) fn sums(source: &Source) -> bool {
    let sampler = source.input.sampler.as_ref();
    sampler.is_some_and(|s| s.method == Method::FullSum)
}

/// An error for a key that changes what is optimised, where a method needs more than its local
/// energies.
fn refuse_changed_energies(o: &OptimizeInput) -> Result<()> {
    let methods = o
        .stages
        .iter()
        .map(|s| s.method.as_ref().unwrap_or(&o.method));
    let needs = |method: &&String| entry(method).is_some_and(|e| e.local_derivatives);
    let whole = o.stages.is_empty().then_some(&o.method);
    let Some(method) = methods.chain(whole).find(needs) else {
        return Ok(());
    };
    for (key, given) in [
        ("orthogonal_to", !o.orthogonal_to.is_empty()),
        ("spin_penalty", o.spin_penalty.is_some()),
        ("clip_force", o.clip_force.is_some()),
    ] {
        if given {
            return Err(Error::input(
                format!("optimize.{key}"),
                format!("the method \"{method}\" knows how H alone acts on derivatives"),
                "remove the key, or use method = \"sr\"",
            ));
        }
    }
    Ok(())
}

/// An error for the first key whose value cannot work.
pub fn validate(source: &Source) -> Result<()> {
    let Some(o) = keys(source)? else {
        return Ok(());
    };
    if source.input.deterministic && !o.orthogonal_to.is_empty() {
        return Err(Error::input(
            "deterministic",
            "overlaps with known states are summed rank by rank, so their last digits depend on \
             the number of ranks",
            "remove the key, or optimize.orthogonal_to",
        ));
    }
    refuse_changed_energies(&o)?;
    // Stages name their own.
    if o.stages.is_empty() {
        at_least_one("optimize.steps", o.steps)?;
    }
    let length = o.max_distance.filter(|d| *d != 0.0);
    positive("optimize.max_distance", length)?;
    positive("optimize.norm_constraint", o.norm_constraint)?;
    if !(o.max_rise.is_finite() && o.max_rise >= 0.0) {
        return Err(Error::input(
            "optimize.max_rise",
            format!("{} is not a number from 0", o.max_rise),
            "give a number, 0 to allow any rise",
        ));
    }
    positive("optimize.target_error", o.target_error)?;
    positive("optimize.clip_force", o.clip_force)?;
    positive("optimize.spin_penalty", o.spin_penalty)?;
    if let Some(over) = o.average {
        at_least_one("optimize.average", over)?;
        if over > o.steps {
            return Err(Error::input(
                "optimize.average",
                format!("{over} steps of {} cannot be averaged", o.steps),
                match o.stages.is_empty() {
                    true => "give at most optimize.steps",
                    false => "give at most the sum of the steps of optimize.stages",
                },
            ));
        }
    }
    if o.clip_force.is_some() && sums(source) {
        return Err(Error::input(
            "optimize.clip_force",
            "in a full sum every configuration has its own weight, and none is met by chance",
            "remove the key, or sample",
        ));
    }
    positive("optimize.target_v_score", o.target_v_score)?;
    o.metric.options()?;
    if let Some(wanted) = &o.pilots {
        pilots::validate(source, wanted, o.steps)?;
    }
    let given = source.table.get(NAME).and_then(|t| t.get("steps"));
    let given = given.and_then(toml::Value::as_integer);
    stages::validate(source, &o, given.and_then(|steps| steps.try_into().ok()))
}
