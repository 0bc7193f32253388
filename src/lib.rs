//! Variational Monte Carlo with neural-network quantum states.
pub mod ansatz;
pub mod basis;
pub mod check;
pub mod comm;
pub mod ensemble;
pub mod error;
pub mod exact;
pub mod io;
pub mod job;
pub mod keys;
pub mod lattice;
pub mod linalg;
pub mod operator;
pub mod optimizer;
pub mod rng;
pub mod sampler;
