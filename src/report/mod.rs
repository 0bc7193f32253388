//! Decides what the program says about a run without running it: `check`, `info` and `schema`; and
//! of several files, `extrapolate`.

mod extrapolate;
mod forecast;
mod growth;
mod header;
mod info;
mod plan;
mod schema;
mod varbench;

pub use extrapolate::{extrapolate, extrapolate_text};
pub use forecast::{Forecast, forecast, modelled};
pub use header::header;
pub use info::{info, info_text};
pub use plan::{Plan, plan};
pub use schema::schema;
pub use varbench::varbench;
