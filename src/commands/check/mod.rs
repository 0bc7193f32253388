//! Decides what `check` says of a run before it starts: its plan, a forecast of memory, time and
//! files, and the header of a job script.

mod forecast;
mod growth;
mod header;
mod plan;

pub use forecast::{Forecast, forecast, modelled};
pub use header::header;
pub use plan::{Plan, plan};
