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
mod weights;

pub use bins::Bins;
pub use equilibration::Equilibration;
pub use estimate::Estimate;
pub use format::{count, duration, with_error};
pub use line::{FitPoint, Line, fit};
pub use series::{autocorrelation_time, binned_error, split_r_hat};
pub use summary::Summary;
pub use weights::{
    Linearised, StreamSums, WeightedSeries, all_streams, effective_fraction, largest_log,
    push_sums, stream_sums,
};

/// The middle of some numbers, the mean of the middle two where their count is even; none of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let (low, high) = (values.get(last / 2)?, values.get(last.div_ceil(2))?);
    Some(0.5 * (low + high))
}

/// Mean with the standard error from the scatter, 0 for one number; `None` without numbers.
pub fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let error = (squares / (n - 1.0).max(1.0) / n).sqrt();
    (!values.is_empty()).then_some((mean, error))
}

/// The mean, with the standard error where the scatter says what it is: of two numbers or more
/// that differ. `None` without numbers.
pub fn mean_and_scatter(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let (mean, error) = mean_and_error(values)?;
    Some((mean, (error > 0.0).then_some(error)))
}

/// V-score N Var H/(E − E_inf)² (Wu et al., Science 386, 296 (2024)); `None` where E = E_inf.
pub fn v_score(sites: usize, variance: f64, energy: f64, e_infinity: f64) -> Option<f64> {
    let score = sites as f64 * variance / (energy - e_infinity).powi(2);
    score.is_finite().then_some(score)
}

/// A V-score as it is printed.
pub fn v_score_words(score: Option<f64>) -> String {
    score.map_or_else(|| "undefined".into(), |score| format!("{score:.2e}"))
}

/// The standard error that belongs to an estimated variance of a mean: 0 where rounding has made
/// that negative, infinite where it is not a number, which says that the error is unknown.
fn standard_error(variance: f64) -> f64 {
    match variance.is_nan() {
        true => f64::INFINITY,
        false => variance.max(0.0).sqrt(),
    }
}
