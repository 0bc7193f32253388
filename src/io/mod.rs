//! Decides what is in the files and how they reach the disk.
//!
//! ```text
//! X.h5         results, replaced as a whole at every checkpoint and at the end
//!   input/{verbatim, resolved, complete, title}  texts
//!   input/files/{key, name, checksum, text, bytes}
//!   lattice/*, hamiltonian/*                   the problem
//!   provenance/*                               texts
//!   status/{state, steps, started_at_step, proposals, sites, warnings, left_out}
//!   progress/<section>/{blocks, expected, seconds}
//!   optimize/history/<column>                  f64 [step]: energy, variance, learning_rate, ...
//!   evolve/history/<column>                    f64 [point]: time, energy, drift, r2, kept, ...
//!   evolve/output/<column>                     f64 [time]: time, energy, variance, r2, ...
//!   evolve/output/observables/<name>/...       as below, with the time in front, without bins
//!   measure/samples                            integer
//!   measure/energy/{mean, mean_imag, error, variance, v_score, r_hat, tau, effective_samples}
//!   measure/energy/{variance_error, v_score_error, covariance [3, 3]}
//!   measure/energy/series                      complex [chain, sample]
//!   measure/convergence/{cut, drift, spin_r_hat, spin_tau}
//!   measure/observables/<name>/{mean, error, bins [bin, ...], covariance}
//!   measure/observables/<name>/<further quantity>/{mean, error, bins, covariance}
//!   measure/observables/<name>/{bin_weights, tau, r_hat} and labels: momenta, distances, ...
//!   classical/<quantity>/{mean, error}         f64 [temperature]
//!   parameters/<block>                         f64 or complex, named by the wave function
//!   timing/{ranks, elapsed, step_seconds, evolve_seconds, measure_seconds, peak_memory}
//! X.samples.h5                   all samples: of the segments X.samples.NNNN.*.h5, old ones joined
//!   configurations                             int8 [sample, site]
//!   log_psi, local_energies                    complex [sample], of wave functions
//!   energies, temperature                      f64, integer [sample], of classical spins
//!   chain, step                                integer [sample]
//! X.ckpt.h5, X.ckpt.1.h5         checkpoint, and the one before it
//!   run/{identity, vector_instructions, stage, sections, left_out}
//!   <section>/section/{keys, relies_on, complete, segments, blocks, seconds}
//!   <section>/...                              what the section goes on from: parameters as
//!                                              f64 [number], chains int8 [chain, site], histories
//! ```
//! `docs/schema.md` has every dataset with its shape, unit and meaning, and a test compares it with
//! real files.
//!
//! The root carries the attributes `schema_version` = 2 and `program`; checksums of its datasets
//! stand in its user block.

pub mod atomic;
pub mod hdf5;
pub mod notes;
pub mod output;
pub mod roles;
pub mod samples;
pub mod seal;
pub mod sum;
pub mod tree;
