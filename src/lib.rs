//! Variational Monte Carlo with neural-network quantum states.
//!
//! # The theory on one page
//!
//! A wave function ψ(x; θ) on configurations x of spins ±1 is judged by its energy, an average
//! over |ψ|², and by the variance, which is zero for an eigenstate:
//! ```text
//! E(θ) = ⟨E_loc⟩,   E_loc(x) = Σ_x' ⟨x|H|x'⟩ ψ(x')/ψ(x),   Var H = ⟨|E_loc − E|²⟩
//! ```
//! Markov chains sample |ψ|²: a proposal x → x' is accepted with probability min(1,
//! |ψ(x')/ψ(x)|²). With the log-derivatives O_k = ∂ ln ψ/∂θ_k, stochastic reconfiguration
//! follows imaginary time within the manifold of wave functions:
//! ```text
//! S_kl = ⟨O_k* O_l⟩ − ⟨O_k*⟩⟨O_l⟩,   F_k = ⟨O_k* E_loc⟩ − ⟨O_k*⟩⟨E_loc⟩,   θ ← θ − η (S + λ)⁻¹ F
//! ```
//! (Sorella, PRL 80, 4558 (1998); Carleo, Troyer, Science 355, 602 (2017)). Where there are more
//! parameters than samples the same direction comes from the matrix of samples, Ō^H (Ō Ō^H +
//! λ)⁻¹ ε (Chen, Heyl, Nat. Phys. 20, 1476 (2024)).
//!
//! | symbol | meaning | in code |
//! | --- | --- | --- |
//! | σ, x | configuration, spins ±1 | `xs: &[i8]`, row by row |
//! | θ_j | argument of hidden unit j, b_j + Σ_i σ_i W_ij | tables of a batch |
//! | O | log-derivatives, samples × parameters | [`derivatives::Derivatives`] |
//! | E_loc | local energy | [`ensemble::LocalValues`] |
//! | S, F | metric and force | [`optimizer`] |
//! | η, λ | learning rate, shift | [`optimizer::Schedule`] |
//! | τ, R-hat, V-score | quality of samples and of the state | [`stats`] |
//!
//! # The straight line
//!
//! [`input`] reads the TOML, [`calculation`] turns its sections into blocks of work, [`run`] does
//! them, saves and restarts: the [`ensemble`]
//! samples its share of the chains and evaluates local energies and derivatives,
//! [`calculation::vmc`] reduces them over the [`comm`]unicator, the [`optimizer`] gives a
//! direction, [`io`] writes. Physics (lattice to ensemble) never sees a communicator.
//!
//! Rooms use those to their left: error → rng, table, files → number → io, comm, lattice →
//! linalg → job, stats, derivatives, clusters, layers → basis, worldlines → operator → ansatz →
//! sampler → ensemble → observable → optimizer → evolution, holography, classical, perceptron,
//! shots → exact → input → run → calculation → laws → plot → commands. [`laws`] holds what every
//! part obeys.

pub mod ansatz;
pub mod basis;
pub mod calculation;
pub mod classical;
pub mod clusters;
pub mod comm;
pub mod commands;
pub mod derivatives;
pub mod ensemble;
pub mod error;
pub mod evolution;
pub mod exact;
pub mod files;
pub mod holography;
pub mod input;
pub mod io;
pub mod job;
pub mod lattice;
pub mod laws;
pub mod layers;
pub mod linalg;
pub mod number;
pub mod observable;
pub mod operator;
pub mod optimizer;
pub mod perceptron;
#[cfg(feature = "tools")]
pub mod plot;
pub mod rng;
pub mod run;
pub mod sampler;
pub mod shots;
pub mod stats;
pub mod table;
pub mod worldlines;

pub use calculation::registry;
pub use calculation::vmc::problem;
