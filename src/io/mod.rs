//! Decides what is in the files and how they reach the disk.
//!
//! ```text
//! X.h5                    input/{verbatim, resolved, title}   texts
//! (results)               provenance/*                        texts
//!                         status/{state, steps, started_at_step, proposals, sites, warnings}
//!                         progress/<section>/{blocks, expected, seconds}
//!                         optimize/history/<column>           f64 [steps], see calculation::optimize::Step
//!                         evolve/history/<column>             f64 [points], see calculation::evolve::PointRow: time, energy,
//!                             drift, r2, r2_integral, smallest_kept, solver_residual, ...
//!                         evolve/output/<column>              f64 [times], see calculation::evolve::OutputRow
//!                         measure/samples, measure/energy/{mean, mean_imag, error, variance, v_score, r_hat, tau,
//!                             effective_samples, variance_error, v_score_error, covariance [3, 3]}
//!                                                             f64;  series  complex [chain, sample]
//!                         measure/convergence/{cut, drift, spin_r_hat, spin_tau}
//!                         measure/observables/<name>/         mean, error, bins [bin, ...], covariance of its own quantity,
//!                             the same in a group per further quantity, bin_weights, tau, r_hat, labels (momenta, distances)
//!                         parameters/<block>                  f64 or complex, named by the wave function
//!                         timing/{ranks, elapsed, step_seconds, evolve_seconds, measure_seconds, peak_memory}
//! X.samples.h5            virtual datasets over X.samples.NNNN.h5: configurations int8 [sample, site],
//!                         log_psi, local_energies complex [sample], chain, step int64 [sample]
//! X.ckpt.h5, X.ckpt.1.h5  run/{identity, vector_instructions, stage, sections}
//! (checkpoint and the     <section>/section/{keys, relies_on, complete, segments, blocks, seconds}
//! generation before)      <section>/*    the state of the section: parameters, chains int8 [chain, site], histories
//! ```
//! The root carries the attributes `schema_version` = 2 and `program`; checksums of its datasets
//! stand in its user block.

pub mod atomic;
pub mod hdf5;
pub mod output;
pub mod roles;
pub mod samples;
pub mod seal;
pub mod tree;
