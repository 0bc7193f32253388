//! Decides what a user can write: the mirror of the TOML input, its defaults, and the checks that need no physics.

use crate::error::{Error, Result};
use crate::keys;
use crate::lattice::{Boundary, LatticeSpec};
use crate::operator::models::Units;
use crate::optimizer::Schedule;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[lattice]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatticeInput {
    /// chain, ladder, square, triangular, honeycomb, kagome, cubic or graph
    pub kind: String,
    /// Sites (chain, square, triangular, cubic), unit cells (honeycomb, kagome), [length, legs] (ladder)
    pub size: Option<Sizes>,
    /// "periodic" (default) or "open", or one per direction
    pub boundary: Option<Boundaries>,
    /// Edge list of a graph: CSV with columns i,j and an optional kind
    pub file: Option<String>,
    /// Number of sites of a graph whose model brings its bonds
    pub sites: Option<usize>,
}

/// One size or one per direction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sizes {
    /// A chain's length.
    One(usize),
    /// One per direction.
    Many(Vec<usize>),
}

/// One boundary or one per direction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Boundaries {
    /// The same in all directions.
    One(BoundaryName),
    /// One per direction.
    Many(Vec<BoundaryName>),
}

/// The name of a boundary.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BoundaryName {
    /// Open ends.
    Open,
    /// Closed.
    Periodic,
}

/// The keys of `[hamiltonian]` that every model shares; the others belong to the model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HamiltonianCommon {
    /// The model: ising, heisenberg, xxz, xyz, j1j2, bonds, pauli
    pub kind: String,
    /// "spin" (S = sigma/2) or "pauli" (sigma)
    pub units: Option<Units>,
    /// The sector of the Hilbert space; none by default
    pub sector: Option<SectorInput>,
    /// "none" (default) or "marshall"
    #[serde(default)]
    pub sign_rule: SignRule,
}

/// `hamiltonian.sector`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SectorInput {
    /// Total Sz in units of hbar: a multiple of 1/2
    pub total_sz: f64,
}

/// `hamiltonian.sign_rule`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignRule {
    /// The network is the wave function.
    #[default]
    None,
    /// ψ = (−1)^(up spins on the sublattice of site 0) × network.
    Marshall,
}

/// `sampler.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Markov chains.
    #[default]
    Metropolis,
    /// Every configuration of the sector.
    FullSum,
}

/// One entry of `sampler.moves`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MoveInput {
    /// A move with weight 1.
    Name(String),
    /// A move with a weight.
    Weighted {
        /// flip, exchange or global-flip
        kind: String,
        /// Relative probability
        weight: f64,
    },
}

/// `[sampler]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerInput {
    /// "metropolis" (default) or "full-sum"
    pub method: Method,
    /// Moves: flip without a sector, exchange with one
    pub moves: Option<Vec<MoveInput>>,
    /// Markov chains over all ranks (16)
    pub chains: usize,
    /// Samples per step over all ranks, a multiple of chains (1024)
    pub samples: usize,
    /// Sweeps of N proposals between kept samples (1)
    pub sweeps: usize,
    /// Sweeps after each parameter change (0); 100 before the first step and before the measurement
    pub burn_in: usize,
}

impl Default for SamplerInput {
    fn default() -> Self {
        SamplerInput { method: Method::Metropolis, moves: None, chains: 16, samples: 1024, sweeps: 1, burn_in: 0 }
    }
}

/// R3 of the regularisations: S + eps1 diag(S) + eps2.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleInvariantInput {
    /// Multiplies the diagonal of S
    pub eps1: f64,
    /// Absolute shift
    pub eps2: f64,
}

/// R1 of the regularisations: S + λ(p) diag(S), λ(p) = max(lambda0 b^p, lambda_min).
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CarleoTroyerInput {
    /// λ at step 0 (100)
    pub lambda0: f64,
    /// Factor per step (0.9)
    pub b: f64,
    /// Floor (1e-4)
    pub lambda_min: f64,
}

impl Default for CarleoTroyerInput {
    fn default() -> Self {
        CarleoTroyerInput { lambda0: 100.0, b: 0.9, lambda_min: 1e-4 }
    }
}

/// `[optimize]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptimizeInput {
    /// Parameter updates
    pub steps: usize,
    /// sr (default), dense-sr, kernel-sr, adam, sgd
    #[serde(default = "default_method")]
    pub method: String,
    /// A number or a schedule
    pub learning_rate: Schedule,
    /// Added to the diagonal of S, a number or a schedule (0.01; 0 with another regularisation)
    pub shift: Option<Schedule>,
    /// S + λ(p) diag(S) instead of a shift
    pub carleo_troyer: Option<CarleoTroyerInput>,
    /// S + eps1 diag(S) + eps2 instead of a shift
    pub scale_invariant: Option<ScaleInvariantInput>,
    /// Pseudo-inverse with this relative cut-off instead of a shift
    pub pseudo_inverse: Option<f64>,
    /// Largest Fubini–Study length of a step
    pub max_distance: Option<f64>,
    /// Stop when the error bar of a step is below this
    pub target_error: Option<f64>,
    /// Stop when the V-score of a step is below this
    pub target_v_score: Option<f64>,
    /// adam: decay of the first moment (0.9)
    pub beta1: Option<f64>,
    /// adam: decay of the second moment (0.999)
    pub beta2: Option<f64>,
    /// adam: floor of the denominator (1e-8)
    pub epsilon: Option<f64>,
}

fn default_method() -> String {
    "sr".into()
}

/// `[measure]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureInput {
    /// Samples over all ranks, a multiple of chains
    pub samples: usize,
    /// Sweeps before the first sample (100)
    #[serde(default = "default_burn_in")]
    pub burn_in: usize,
    /// Observables besides the energy
    #[serde(default)]
    pub observables: Vec<String>,
}

/// Sweeps before the first step and before a measurement.
pub const FIRST_BURN_IN: usize = 100;

fn default_burn_in() -> usize {
    FIRST_BURN_IN
}

/// `output.samples`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeptSamples {
    /// Those of `[measure]`.
    #[default]
    Measure,
    /// Those of every step too.
    All,
    /// None.
    None,
}

/// `[output]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputInput {
    /// Folder, relative to the working directory (".")
    pub directory: String,
    /// Stem of the output files (the input file's stem)
    pub name: Option<String>,
    /// Seconds between checkpoints (300)
    pub checkpoint_every: f64,
    /// Seconds after which the run saves and stops with code 75
    pub max_time: Option<f64>,
    /// Which samples are kept
    pub samples: KeptSamples,
}

impl Default for OutputInput {
    fn default() -> Self {
        OutputInput {
            directory: ".".into(),
            name: None,
            checkpoint_every: 300.0,
            max_time: None,
            samples: KeptSamples::Measure,
        }
    }
}

/// The whole input. Sections whose keys belong to a registered part stay tables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// For people (the file's stem)
    #[serde(default)]
    pub title: String,
    /// Seed of every random stream (1)
    #[serde(default = "one")]
    pub seed: u64,
    /// Sums in an order that does not depend on the rank count (false)
    #[serde(default)]
    pub deterministic: bool,
    /// BLAS threads per rank (1)
    #[serde(default = "one_thread")]
    pub threads: usize,
    /// Sites and bonds
    pub lattice: Option<LatticeInput>,
    /// The model
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub hamiltonian: Option<toml::Table>,
    /// The wave function
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub ansatz: Option<toml::Table>,
    /// How configurations are sampled
    pub sampler: Option<SamplerInput>,
    /// The optimisation
    pub optimize: Option<OptimizeInput>,
    /// The measurement
    pub measure: Option<MeasureInput>,
    /// Files
    #[serde(default)]
    pub output: OutputInput,
}

fn one() -> u64 {
    1
}
fn one_thread() -> usize {
    1
}

/// An input with the file it came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Typed content.
    pub input: Input,
    /// The table after `--set`.
    pub table: toml::Table,
    /// The text as it stands in the file.
    pub text: String,
    /// Folder of the file, to which files in the input are relative.
    pub folder: PathBuf,
}

/// Reads and checks an input file; `settings` are the `a.b=c` of `--set`.
pub fn read(path: &Path, settings: &[String]) -> Result<Source> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::input(&shown, format!("the input file cannot be read: {e}"), "check the path"))?;
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1);
        Error::input(format!("{shown} line {line}"), e.message().replace('\n', ", "), "correct the TOML")
    })?;
    for setting in settings {
        set(&mut table, setting)?;
    }
    let mut input: Input = keys::parse(&table, "")?;
    let stem = path.file_stem().map_or("run".into(), |s| s.to_string_lossy().into_owned());
    if input.title.is_empty() {
        input.title.clone_from(&stem);
    }
    input.output.name.get_or_insert(stem);
    let folder = path.parent().map_or(PathBuf::new(), Path::to_path_buf);
    check(&input)?;
    Ok(Source { input, table, text, folder })
}

/// Puts `a.b=c` into the table; c is TOML, or a text where it is not.
fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let wrong = |problem: &str| Error::input(format!("--set {setting}"), problem, "write --set section.key=value");
    let (path, value) = setting.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_string()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().filter(|k| !k.is_empty()).ok_or_else(|| wrong("the key is empty"))?;
    let mut place = table;
    for key in keys {
        place = place
            .entry(key)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| wrong(&format!("`{key}` is not a section")))?;
    }
    place.insert(last.to_string(), value);
    Ok(())
}

fn positive(key: &str, value: Option<f64>) -> Result<()> {
    match value.filter(|v| !(v.is_finite() && *v > 0.0)) {
        Some(v) => Err(Error::input(key, format!("{v} is not a positive number"), "give a positive number")),
        None => Ok(()),
    }
}

fn at_least_one(key: &str, value: usize) -> Result<()> {
    if value == 0 { Err(Error::input(key, "0 is too small", "give at least 1")) } else { Ok(()) }
}

fn check(input: &Input) -> Result<()> {
    at_least_one("threads", input.threads)?;
    if i64::try_from(input.seed).is_err() {
        return Err(Error::input("seed", "the seed is too large", "seeds go from 0 to 9223372036854775807"));
    }
    if input.deterministic {
        return Err(Error::input(
            "deterministic",
            "bit-identical results on any number of ranks are not offered by this version",
            "remove the key; samples do not depend on the rank count for equal parameters",
        ));
    }
    let sampler = input.sampler.clone().unwrap_or_default();
    at_least_one("sampler.chains", sampler.chains)?;
    at_least_one("sampler.samples", sampler.samples)?;
    at_least_one("sampler.sweeps", sampler.sweeps)?;
    let multiple = |key: &str, samples: usize| {
        if sampler.method == Method::Metropolis && !samples.is_multiple_of(sampler.chains) {
            let near = samples.div_ceil(sampler.chains) * sampler.chains;
            return Err(Error::input(
                key,
                format!("{samples} is not a multiple of the {} chains", sampler.chains),
                format!("use {near}, or another number of chains"),
            ));
        }
        Ok(())
    };
    multiple("sampler.samples", sampler.samples)?;
    if sampler.samples > 1 << 31 || sampler.chains > 1 << 31 {
        return Err(Error::input("sampler.samples", "more than 2^31 samples a step", "use fewer samples"));
    }
    if let Some(o) = &input.optimize {
        at_least_one("optimize.steps", o.steps)?;
        positive("optimize.max_distance", o.max_distance)?;
        positive("optimize.target_error", o.target_error)?;
        positive("optimize.target_v_score", o.target_v_score)?;
        let regularisations = [
            ("shift", o.shift.is_some()),
            ("carleo_troyer", o.carleo_troyer.is_some()),
            ("scale_invariant", o.scale_invariant.is_some()),
            ("pseudo_inverse", o.pseudo_inverse.is_some()),
        ];
        let named: Vec<_> = regularisations.iter().filter(|r| r.1).map(|r| r.0).collect();
        if named.len() > 1 {
            return Err(Error::input(
                format!("optimize.{}", named[1]),
                format!("several regularisations: {}", named.join(", ")),
                "keep one of them",
            ));
        }
        if sampler.method == Method::Metropolis && sampler.samples < 2 {
            return Err(Error::input("sampler.samples", "one sample has no variance", "use at least 2"));
        }
    }
    if let Some(m) = &input.measure {
        at_least_one("measure.samples", m.samples)?;
        multiple("measure.samples", m.samples)?;
        if let Some(name) = m.observables.iter().find(|o| *o != "energy") {
            return Err(Error::input(
                "measure.observables",
                format!("`{name}` is not an observable of this version"),
                "known: energy, which is always measured",
            ));
        }
        if m.samples > 1 << 33 {
            return Err(Error::input("measure.samples", "more than 2^33 samples", "use fewer samples"));
        }
    }
    positive("output.checkpoint_every", Some(input.output.checkpoint_every))?;
    positive("output.max_time", input.output.max_time)?;
    if input.output.name.as_ref().is_some_and(|n| n.is_empty() || n.contains('/')) {
        return Err(Error::input(
            "output.name",
            "the name is empty or holds a `/`",
            "use output.directory for folders",
        ));
    }
    Ok(())
}

impl LatticeInput {
    /// What the lattice room needs to know; reads the edge file of a graph.
    pub fn spec(&self, folder: &Path) -> Result<LatticeSpec> {
        let size = match &self.size {
            None => Vec::new(),
            Some(Sizes::One(n)) => vec![*n],
            Some(Sizes::Many(many)) => many.clone(),
        };
        let one = |b: &BoundaryName| match b {
            BoundaryName::Open => Boundary::Open,
            BoundaryName::Periodic => Boundary::Periodic,
        };
        let boundary = match &self.boundary {
            None => vec![Boundary::Periodic],
            Some(Boundaries::One(b)) => vec![one(b)],
            Some(Boundaries::Many(many)) => many.iter().map(one).collect(),
        };
        let edges = match &self.file {
            None => None,
            Some(file) => Some(crate::operator::files::read_edges(&folder.join(file), "lattice.file")?),
        };
        Ok(LatticeSpec { kind: self.kind.clone(), size, boundary, edges, sites: self.sites })
    }
}

/// Splits `[hamiltonian]` into the keys that all models share and the model's own.
pub fn split_hamiltonian(table: &toml::Table) -> Result<(HamiltonianCommon, toml::Table)> {
    let mut own = table.clone();
    let mut common = toml::Table::new();
    for key in ["kind", "units", "sector", "sign_rule"] {
        if let Some(value) = own.remove(key) {
            common.insert(key.into(), value);
        }
    }
    Ok((keys::parse(&common, "hamiltonian")?, own))
}
