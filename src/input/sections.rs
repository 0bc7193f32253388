//! Decides which keys a section of the input has, their types and their defaults.

use super::basis::BasisInput;
use crate::error::Result;
use crate::lattice::{Boundary, LatticeSpec};
use crate::operator::models::{CouplingDistribution, Units};
use crate::sampler::BORN;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// `[lattice]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatticeInput {
    /// chain, ladder, square, triangular, honeycomb, kagome, cubic or graph
    pub kind: String,
    /// Sites (chain, square, triangular, cubic), unit cells (honeycomb, kagome), [length, legs]
    /// (ladder)
    pub size: Option<LatticeSize>,
    /// "periodic" (default) or "open", or one per direction
    #[schemars(extend("default" = BoundaryName::default()))]
    pub boundary: Option<Boundaries>,
    /// Edge list of a graph: CSV with columns i,j and an optional kind
    pub file: Option<String>,
    /// Number of sites of a graph whose model brings its bonds
    pub sites: Option<usize>,
}

/// One size or one per direction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a whole number from 1, or a list with one for each direction"
)]
pub enum LatticeSize {
    /// A chain's length.
    One(usize),
    /// One per direction.
    Many(Vec<usize>),
}

/// One boundary or one per direction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "\"periodic\" or \"open\", or a list with one of them for each direction"
)]
pub enum Boundaries {
    /// The same in all directions.
    One(BoundaryName),
    /// One per direction.
    Many(Vec<BoundaryName>),
}

/// The name of a boundary.
#[derive(Debug, Clone, Copy, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BoundaryName {
    /// Open ends.
    Open,
    /// Closed.
    #[default]
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
    pub sign_rule: SignRuleName,
}

/// `hamiltonian.sector`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table such as { total_sz = 0 }")]
pub struct SectorInput {
    /// spins: total Sz in units of hbar, a multiple of 1/2
    pub total_sz: Option<f64>,
    /// bosons: their number
    pub particles: Option<u32>,
}

/// `[disorder]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisorderInput {
    /// Number of realisations, from 1 on, each a run with files of its own
    pub realisations: usize,
    /// The one realisation that is meant; all of them, one after the other, where it is absent
    pub realisation: Option<usize>,
    /// Seed of the couplings (that of the input)
    pub seed: Option<u64>,
    /// What is drawn, in the place of the uniform couplings: hx, hy, hz on sites, j and the like
    /// on bonds
    pub couplings: BTreeMap<String, CouplingDistribution>,
}

/// `hamiltonian.sign_rule`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignRuleName {
    /// The network is the wave function.
    #[default]
    None,
    /// ψ = (−1)^(up spins on the sublattice of site 0) × network.
    Marshall,
}

/// `sampler.method`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Markov chains.
    #[default]
    Metropolis,
    /// Every configuration of the sector.
    FullSum,
    /// Independent samples without chains, of wave functions that can be drawn; "perfect" is
    /// another word for it.
    #[serde(alias = "perfect")]
    Direct,
    /// Markov chains of visible and hidden units that are drawn in turn.
    Gibbs,
    /// Markov chains of world lines, of machines that are circuits in imaginary time.
    Cluster,
}

impl Method {
    /// Whether samples come from Markov chains.
    pub fn has_chains(self) -> bool {
        matches!(self, Method::Metropolis | Method::Gibbs | Method::Cluster)
    }
}

/// One entry of `sampler.moves`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "the name of a move, or a table with the key `kind`"
)]
pub enum MoveInput {
    /// A move with weight 1.
    Name(String),
    /// A table with `kind`, an optional `weight` (relative probability, 1) and the keys of the
    /// move.
    Table(#[schemars(with = "serde_json::Map<String, serde_json::Value>")] toml::Table),
}

/// `[sampler]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplerInput {
    /// "metropolis" (default), "full-sum", "direct": independent samples without chains, "gibbs":
    /// visible and hidden units in turn, of `boltzmann` and `dbm`, or "cluster": clusters and loops
    /// of world lines, the method of `dbm` where none is given
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
    /// Where chains begin: "random" (default), "neel": opposite sublattices, "stripe": opposite
    /// rows, or { file = "x.samples.h5" }: configurations of a file
    pub start: ChainStart,
    /// Chains sample |psi|^power, 1 to 2, and samples carry weights |psi|^(2 - power) (2)
    pub power: f64,
    /// Replicas of each chain at smaller powers, { replicas, least_power }: parallel tempering
    pub tempering: Option<TemperingInput>,
}

/// `sampler.tempering`
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TemperingInput {
    /// Replicas of a chain, of which the first gives samples (1 + 0.4 sqrt(N)
    /// ln(power/least_power), rounded up)
    pub replicas: Option<usize>,
    /// Power of the last replica (0.5)
    pub least_power: f64,
}

impl Default for TemperingInput {
    fn default() -> Self {
        TemperingInput {
            replicas: None,
            least_power: 0.5,
        }
    }
}

/// `sampler.start`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "\"random\", \"neel\", \"stripe\", or a table such as { file = \"x.samples.h5\" }"
)]
pub enum ChainStart {
    /// Configurations of the program's choice.
    Order(ChainOrder),
    /// Configurations of a file.
    File(StartFile),
}

impl Default for ChainStart {
    fn default() -> Self {
        ChainStart::Order(ChainOrder::Random)
    }
}

/// Configurations of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartFile {
    /// Samples or checkpoint of a run, relative to the input file
    pub file: std::path::PathBuf,
}

/// `sampler.start` without a file
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChainOrder {
    /// Random configurations of the sector.
    #[default]
    Random,
    /// Opposite sublattices.
    Neel,
    /// Opposite rows.
    Stripe,
}

impl Default for SamplerInput {
    fn default() -> Self {
        SamplerInput {
            method: Method::Metropolis,
            moves: None,
            chains: 16,
            samples: 1024,
            sweeps: 1,
            burn_in: 0,
            start: ChainStart::default(),
            power: BORN,
            tempering: None,
        }
    }
}

/// One entry of `measure.observables`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "the name of an observable, or a table with the key `kind`"
)]
pub enum ObservableInput {
    /// An observable without keys.
    Name(String),
    /// A table with its `kind`, its keys and perhaps a `name` for the files.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    Table(#[schemars(with = "serde_json::Map<String, serde_json::Value>")] toml::Table),
}

pub use crate::stats::limits::FIRST_BURN_IN;

/// `output.samples`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
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
    /// Least seconds between two lines of progress in a log; 0: a line for every block (1)
    pub log_every: f64,
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
            log_every: 1.0,
            max_time: None,
            samples: KeptSamples::Measure,
        }
    }
}

/// What all inputs share. Sections whose keys belong to a registered part stay tables; those that
/// calculate something are read where they are built.
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
    /// What the sites hold (spins one half)
    pub basis: Option<BasisInput>,
    /// Sites and bonds
    pub lattice: Option<LatticeInput>,
    /// The model
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub hamiltonian: Option<toml::Table>,
    /// Random couplings
    pub disorder: Option<DisorderInput>,
    /// The wave function
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub ansatz: Option<toml::Table>,
    /// How configurations are sampled
    pub sampler: Option<SamplerInput>,
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

impl LatticeInput {
    /// What the lattice room needs to know; reads the edge file of a graph.
    pub fn spec(&self, folder: &Path) -> Result<LatticeSpec> {
        let size = match &self.size {
            None => Vec::new(),
            Some(LatticeSize::One(n)) => vec![*n],
            Some(LatticeSize::Many(many)) => many.clone(),
        };
        let one = |b: &BoundaryName| match b {
            BoundaryName::Open => Boundary::Open,
            BoundaryName::Periodic => Boundary::Periodic,
        };
        let boundary = match &self.boundary {
            None => vec![one(&BoundaryName::default())],
            Some(Boundaries::One(b)) => vec![one(b)],
            Some(Boundaries::Many(many)) => many.iter().map(one).collect(),
        };
        let edges = match &self.file {
            None => None,
            Some(file) => Some(crate::lattice::files::read_edges(
                &folder.join(file),
                "lattice.file",
            )?),
        };
        Ok(LatticeSpec {
            kind: self.kind.clone(),
            size,
            boundary,
            edges,
            sites: self.sites,
        })
    }
}
