//! Decides what shots of quantum states are: outcomes ±1 of all sites in bases that measure each
//! site along x, y or z, with counts or probabilities.
//!
//! The amplitude of an outcome s in basis b is ψ_b(s) = Σ_σ U_b(s, σ) ψ(σ), where U_b is a product
//! of one-site matrices (G. Torlai et al., Nat. Phys. 14, 447 (2018)); only 2^t configurations
//! contribute where t sites are not measured along z. Readout errors mix the probabilities,
//! P(s) = Σ_s' Π_i C_i(s_i, s'_i) |ψ_b(s')|².

mod bases;
mod counted;
mod drawing;
mod files;
mod readout;
mod rotation;
#[cfg(test)]
mod tests;

pub use bases::{MeasuredAxis, MeasuredBasis, pairs};
pub use counted::Shots;
pub use drawing::{Urn, collapse, draw};
pub use files::{FirstSite, read_shots};
pub use readout::Readout;
pub use rotation::{rotate, rotate_back, unrotated};
