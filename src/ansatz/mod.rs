//! Decides what a wave function is to the rest of the program: batches of walkers, ratios,
//! log-derivatives.

pub mod autoregressive;
pub mod block;
pub mod boltzmann;
pub mod dbm;
pub mod deep;
pub mod eps;
pub mod erased;
pub mod feedforward;
pub mod field;
mod growth;
pub mod jastrow;
mod load;
mod meaning;
pub mod mixed;
pub mod mps;
pub mod pair;
pub mod peps;
mod place;
pub mod product;
pub mod rbm;
pub mod registry;
pub mod sign;
pub mod symmetrised;
pub mod table;
mod text;
pub mod tied;
mod transfer;

pub use crate::basis::{Asks, Move};
pub use block::{Block, BlockArray};
pub use boltzmann::SweepRoom;
pub use erased::Erased;
pub use growth::{LoadKey, ParameterGrowth, PhaseBlocks};
pub use meaning::Meaning;
pub use mixed::MixedPrecision;
pub use registry::{
    ANSATZE, AnsatzEntry, LEAST_VECTORS, ParameterNumbers, Precision, build, check_init,
    check_parameters, warn_of_zeros,
};

use crate::derivatives::{Columns, Derivatives, Kind, Mask, Matrix};
use crate::error::{Error, Result};
use crate::number::Real;
use crate::rng::{Generator, Origin};
use crate::table::{Shelf, schema_of};
use num_complex::Complex64;

/// Facts of a wave function that its callers act on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnsatzFacts {
    /// What kind of real-linear operator the log-derivatives are.
    pub kind: Kind,
    /// Relative error of a ratio, such as [`DOUBLE`]. Tolerances scale with it.
    pub precision: f64,
    /// Whether ψ(x) > 0 for every x and all parameters.
    pub positive: bool,
    /// Bytes of a walker in a batch, with what its log-derivatives need before they are done.
    pub bytes_per_walker: usize,
    /// Those of them that log-derivatives alone take.
    pub derivative_bytes: usize,
    /// Bytes that log-derivatives take besides until they are done, of any number of walkers.
    pub derivative_scratch: usize,
    /// Floating-point operations of a ratio that changes one site, roughly.
    pub operations: f64,
}

impl AnsatzFacts {
    /// Whether ratios are less accurate than double precision makes them.
    pub fn is_single(&self) -> bool {
        self.precision > 1e3 * DOUBLE
    }
}

/// The relative error of a ratio that is evaluated in double precision.
pub const DOUBLE: f64 = 1e-12;

/// The relative error of a ratio of which all but the last sum is evaluated in single precision.
pub const SINGLE: f64 = 1e-5;

/// The relative error of a ratio of a network whose layers are evaluated in the precision of `R`.
fn precision<R: Real>() -> f64 {
    match R::EPSILON > f64::EPSILON {
        true => SINGLE,
        false => DOUBLE,
    }
}

/// Copies ratios to where [`Ansatz::accept`] finds them. There is room for a question of every
/// walker at once, so that sweeps allocate nothing; more questions than walkers are none to accept.
pub(crate) fn keep(kept: &mut Vec<Complex64>, ratios: &[Complex64], walkers: usize) {
    kept.clear();
    if ratios.len() <= walkers {
        kept.reserve(walkers);
        kept.extend_from_slice(ratios);
    }
}

/// A variational wave function ψ(x; θ) with immutable parameters; all evaluation goes through
/// batches of walkers.
pub trait Ansatz: Send + Sync {
    /// State of a block of walkers: look-up tables in whatever layout is fast. One walker is a
    /// batch of one. Nothing inside changes behind a shared reference.
    type Batch: Send + Sync;
    /// What the last questions left behind, such as ratios and activations, with the room for the
    /// next ones. It fits every batch of this wave function.
    type Scratch: Default + Send;
    /// Number of sites.
    fn sites(&self) -> usize;
    /// Named blocks of the flat parameter vector.
    fn layout(&self) -> Vec<Block>;
    /// The flat parameter vector, complex entries as (re, im).
    fn parameters(&self) -> Vec<f64>;
    /// Replaces the parameters; an error if the length differs.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()>;
    /// Evaluates new batches in double precision whatever the input says, or again as it says. What
    /// is in double precision anyway stays as it is.
    fn set_exact(&mut self, _exact: bool) -> Result<()> {
        Ok(())
    }
    /// What callers have to know of it.
    fn facts(&self) -> AnsatzFacts;
    /// Builds the tables of the walkers `xs` (row-major, walkers × sites).
    fn batch(&self, xs: &[i8]) -> Self::Batch;
    /// ln ψ of every walker; −∞ where ψ = 0.
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64>;
    /// ψ(x')/ψ(x) for every question; 0 where ψ(x') = 0, +∞ where only ψ(x) = 0.
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    );
    /// Moves the walkers whose question is `taken`. The questions are those of the last `ratios`
    /// with this scratch and this batch, at most one of each walker.
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    );
    /// O_k(x) = ∂ ln ψ(x)/∂θ_k of every walker.
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives;
    /// The largest relative weight that an approximate contraction has thrown away since the
    /// parameters were set; `None` where ψ is no contraction.
    fn truncation(&self) -> Option<f64> {
        None
    }
    /// How to draw from |ψ|² without a chain, where that is known.
    fn direct(&self) -> Option<&dyn Direct> {
        None
    }
    /// How to draw two layers of units in turn, where |ψ|² is the distribution of one of them.
    fn alternating(&self) -> Option<&dyn Alternating> {
        None
    }
    /// The product of matrices that the wave function is, up to signs of single sites.
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        None
    }
    /// The circuit in imaginary time whose state this is, up to signs of configurations.
    fn imaginary_time(&self) -> Option<&dbm::ImaginaryTime> {
        None
    }
}

/// Wave functions that are a product of one matrix for each site.
pub trait MatrixProduct: Send + Sync {
    /// The site of every position of the product.
    fn order(&self) -> &[usize];
    /// Von Neumann entropies of the cuts between positions, N − 1 numbers in nats; `None` where
    /// they do not follow from the matrices alone.
    fn entropies(&self) -> Option<Result<Vec<f64>>>;
}

/// Wave functions that can be drawn from without a chain.
pub trait Direct: Send + Sync {
    /// Draws an independent configuration from |ψ|² with every generator, row by row into `xs`
    /// (generators × sites), and ln(|ψ|²/Σ |ψ|²) of each into `log_weights`. What a generator
    /// draws does not depend on the others.
    fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]);
}

/// Wave functions whose |ψ|² is the distribution of visible units, the sites, which are independent
/// of each other where a layer of hidden units is given, and the other way round.
pub trait Alternating: Send + Sync {
    /// Number of hidden units.
    fn hidden(&self) -> usize;
    /// Draws the hidden units of every row of `xs` (generators × sites) given the row, then the row
    /// given those: a step of a Markov chain that samples |ψ|². What a generator draws does not
    /// depend on the others.
    fn sweep(&self, rngs: &mut [Generator], xs: &mut [i8], room: &mut SweepRoom);
}

/// What a factory of the registry knows besides its own keys.
pub struct Context<'a> {
    /// The lattice, for symmetric filters and distances.
    pub lattice: &'a crate::lattice::Lattice,
    /// The configurations.
    pub basis: &'a crate::basis::Basis,
    /// Where the initial parameters come from.
    pub origin: Origin,
    /// The kinds that parts can be of.
    pub kinds: Shelf<'a, AnsatzEntry>,
    /// Folder of the input file, to which files are relative.
    pub folder: &'a std::path::Path,
    /// The Hamiltonian, where quantum numbers are held to its symmetries.
    pub hamiltonian: Option<&'a dyn crate::operator::Operator>,
    /// Sublattice of the sign rule that is put in front of the whole wave function, one flag per
    /// site.
    pub sign_rule: Option<&'a [bool]>,
    /// Where this table stands in the input, such as `ansatz` or `ansatz.factors[1]`.
    pub path: String,
}

impl Context<'_> {
    /// The place of a key of this table in the input, such as `ansatz.init`.
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// An error at a key of this table.
    pub fn wrong(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::input(self.key(key), problem, remedy)
    }

    /// The wave function with the parameters of the file that the key `load` names, if it does.
    ///
    /// Errors: [`Error::Input`] at that key where the file does not fit.
    pub fn loaded(
        &self,
        mut state: impl Ansatz + 'static,
        file: Option<&String>,
    ) -> Result<Erased> {
        if let Some(file) = file {
            self.put(&mut state, file, None)?;
        }
        Ok(Erased::new(state))
    }

    /// The same of a wave function that may grow from a smaller one.
    ///
    /// Errors: [`Error::Input`] at the key where the file does not fit, or where it shall grow and
    /// cannot.
    pub fn grown<A: Ansatz>(
        &self,
        mut state: A,
        load: Option<&LoadKey>,
        growth: &ParameterGrowth,
    ) -> Result<A> {
        let Some(load) = load else {
            return Ok(state);
        };
        let growing = load::Growing {
            growth,
            lattice: &self.lattice.spec.kind,
            size: &self.lattice.spec.size,
            grows: load.grows(),
        };
        self.put(&mut state, load.file(), Some(growing))?;
        Ok(state)
    }

    /// Puts the parameters of a file into a wave function.
    fn put(
        &self,
        state: &mut impl Ansatz,
        file: &str,
        growing: Option<load::Growing>,
    ) -> Result<()> {
        let (file, key) = (self.folder.join(file), self.key("load"));
        load::load(state, &file, (&key, self.sign_rule.is_some()), growing)
    }

    /// Builds part number `k` of a composed wave function from its table, which stands at `path`.
    pub fn part(&self, table: &toml::Table, k: u64, path: String) -> Result<Erased> {
        let origin = self.origin.part(k);
        build(
            table,
            &Context {
                path,
                origin,
                ..*self
            },
        )
    }
}
