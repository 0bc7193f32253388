//! World lines against state vectors.

mod circuits;
mod energies;
mod slices;
