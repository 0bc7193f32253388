//! Decides the numbers that tell sound statistics from unsound ones, and how long chains are left
//! alone before their samples count: one place for all of them.

/// R-hat of the energy or of an observable above which chains disagree. A. Vehtari et al., Bayesian
/// Anal. 16, 667 (2021) ask for 1.01 of single parameters; A. Gelman et al., Bayesian Data
/// Analysis, 3rd ed. (2013), section 11.4, for 1.1, which the few and short chains of one step of
/// an optimisation can meet.
pub const MAX_R_HAT: f64 = 1.1;

/// R-hat of the configurations themselves above which chains disagree: they are slower than
/// anything that was asked for.
pub const MAX_CONFIGURATION_R_HAT: f64 = 1.2;

/// Fewest effective samples of an error bar that is itself known: its relative error is then
/// 1/√(2 · 100) = 7 %.
pub const MIN_EFFECTIVE_SAMPLES: f64 = 100.0;

/// Standard errors beyond which a difference counts as one. Many differences are looked at in a
/// run; five standard errors happen by chance once in 1.7 million.
pub const SIGNIFICANT: f64 = 5.0;

/// Fraction that samples with weights are worth below which error bars are in doubt.
pub const MIN_EFFECTIVE_FRACTION: f64 = 0.3;

/// Share of the exchanges of replicas below which these do not help.
pub const MIN_SWAP_ACCEPTANCE: f64 = 0.1;

/// Fraction below which the numbers of a step rest on too few samples to be used.
pub const USABLE_EFFECTIVE_FRACTION: f64 = 0.05;

/// Sweeps from random configurations to the first sample of an optimisation, an evolution or a
/// measurement.
pub const FIRST_BURN_IN: usize = 100;

/// Sweeps from random configurations to the first sample of a state that stays as it is, which is
/// reached once in a run.
pub const FIXED_STATE_FIRST_BURN_IN: usize = 200;

/// Sweeps from there to the first sample of each step.
pub const FIXED_STATE_BURN_IN: usize = 20;

/// Sweeps before the samples of an output time of an evolution: the chains come from the end of the
/// step in which it lies.
pub const OUTPUT_BURN_IN: usize = 10;

/// Largest error of ln ψ in a chain's tables, which are updated and not evaluated anew, that goes
/// without a warning: half of the digits of a ratio with the relative error `precision`. In double
/// precision |ψ|² is then right to two parts in a million, in single precision to a hundredth.
pub fn max_table_drift(precision: f64) -> f64 {
    precision.sqrt()
}
