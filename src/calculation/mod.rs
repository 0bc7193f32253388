//! Decides which sections of an input calculate something, and how an input becomes a run.
//!
//! A new section is a folder of this room and one line of [`SECTIONS`]; another crate adds its own
//! to the [`Registry`].

pub mod classical;
pub mod construct;
mod contents;
pub mod convert;
pub mod evolve;
mod faults;
mod fits;
pub mod holography;
pub mod learn;
pub mod measure;
pub mod optimize;
pub mod phases;
mod plan;
pub mod registry;
pub mod regression;
pub mod sectors;
mod solves;
mod start;
pub mod vmc;
mod world;

pub use crate::run::Outcome;
pub use faults::read;
pub use plan::Plan;
pub use registry::Registry;
pub use start::{Options, RunStart, refuse_unknown, run, start, validate};
pub use world::{Extent, Section, World};

/// All sections, in the order in which a run does them.
pub const SECTIONS: &[Section] = &[
    learn::SECTION,
    optimize::SECTION,
    construct::SECTION,
    convert::SECTION,
    evolve::SECTION,
    measure::SECTION,
    classical::SECTION,
    phases::SECTION,
    holography::SECTION,
    regression::SECTION,
];
