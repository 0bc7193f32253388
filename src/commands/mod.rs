//! Decides what the program says about runs and files: one module per command.
//!
//! `check` speaks of a run before it starts, `info`, `gather`, `export`, `watch` and `extrapolate`
//! of files that are there, `schema` of the input itself.

pub mod check;
pub mod export;
mod extrapolate;
pub mod gather;
mod info;
mod schema;
mod varbench;
pub mod watch;

pub use check::{Forecast, Plan, forecast, header, modelled, plan};
pub use extrapolate::{extrapolate, extrapolate_text};
pub use info::{info, info_text};
pub use schema::schema;
pub use varbench::varbench;
