//! Decides what is said of a set of noisy numbers: mean, honest error, autocorrelation,
//! convergence. Knows no physics of spins.

mod bins;
mod equilibration;
mod estimate;
mod format;
pub mod limits;
mod line;
mod series;
mod summary;

pub use bins::Bins;
pub use equilibration::Equilibration;
pub use estimate::Estimate;
pub use format::with_error;
pub use line::{FitPoint, Line, fit};
pub use series::{autocorrelation_time, binned_error, split_r_hat};
pub use summary::Summary;

/// V-score N Var H/(E − E_inf)² (Wu et al., Science 386, 296 (2024)); infinite where E = E_inf.
pub fn v_score(sites: usize, variance: f64, energy: f64, e_infinity: f64) -> f64 {
    sites as f64 * variance / (energy - e_infinity).powi(2)
}
