//! Decides how any calculation runs: from boundary to boundary, with stops, saves and restarts.
//!
//! A run is a list of [`Stage`]s, one per section of the input, done one after the other. The
//! engine knows a section by its [`Declaration`] and its [`Calculation`] alone; no section is
//! named here. Order of writing: sample segments, results, checkpoint. The checkpoint is the truth;
//! what is newer is dropped.

mod bar;
mod calculation;
mod checkpoint;
mod contents;
mod curves;
mod desk;
mod engine;
mod extent;
mod identity;
mod live;
mod recurrence;
mod results;
mod versions;

pub use calculation::{Calculation, Cost, Loaded, Progress, most_held, most_held_elsewhere};
pub use checkpoint::KEPT;
pub use contents::add_contents;
pub use curves::{Column, Curves, Record, load_rows, save_rows};
pub use desk::Desk;
pub use engine::{Job, Outcome, Stage, run};
pub use extent::lattice_length;
pub use identity::{Declaration, compare, part_of};
pub use recurrence::{Recurrence, Recurring};
pub use versions::versions;
