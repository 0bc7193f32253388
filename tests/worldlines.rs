//! World lines of circuits in imaginary time: energies, distributions and slices against the state
//! vectors of the circuits.

#[path = "worldlines/circuits.rs"]
mod circuits;
mod common;
#[path = "worldlines/energies.rs"]
mod energies;
#[path = "worldlines/long.rs"]
mod long;
#[path = "worldlines/slices.rs"]
mod slices;
