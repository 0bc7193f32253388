//! Deep Boltzmann machines by construction in imaginary time: energies, infidelities and units
//! beside reference numbers, the section `[construct]` from input to files.

mod common;
#[path = "dbm/gates.rs"]
mod gates;
#[path = "dbm/golden.rs"]
mod golden;
#[path = "common/reference.rs"]
mod reference;
#[path = "dbm/sampling.rs"]
mod sampling;
#[path = "dbm/section.rs"]
mod section;
#[path = "dbm/times.rs"]
mod times;
