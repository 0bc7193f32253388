//! Decides how S is inverted where it is nearly singular: smooth cut-offs on its eigenvalues and on their signal.
//!
//! S = V diag(s) V^H, ρ = V^H f, θ̇ = Σ_k V_k (ρ_k/s_k) / [(1 + (ε s_max/s_k)⁶)(1 + (ε_SNR/SNR_k)⁶)], zero below 10⁻¹⁴ s_max, with
//! SNR_k = √N |ρ_k|/σ_k, σ_k² = ⟨|q_k|²⟩ − |ρ_k|², q_k(x) the sample's part of ρ_k (M. Schmitt, M. Heyl, PRL 125, 100503
//! (2020)). With more parameters than samples the same follows from T = Ō Ō^H = U diag(s) U^H: V_k = Ō^H U_k/√s_k,
//! ρ_k = √s_k U_k^H t, (Ō V_k) = √s_k U_k.

use super::motion::Inverse;
use crate::comm::{Comm, agree, share};
use crate::error::{Error, Result};
use crate::linalg::dense::{Lapack, adjoint_times, adjoint_times_vector};
use crate::optimizer::least_squares::LeastSquares;
use crate::optimizer::{Regularisation, solve as solve_shifted};
use crate::scalar::{Scalar, flatten};
use ndarray::{Array1, Array2, s};
use num_complex::Complex64;

/// Cut-offs of the pseudo-inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spectral {
    /// ε: relative to the largest eigenvalue.
    pub cut: f64,
    /// ε_SNR: signal over noise; 0 switches it off.
    pub signal_to_noise: f64,
}

/// What a solver found; the same bytes on every rank.
pub struct Found<T> {
    pub velocity: Array1<T>,
    pub smallest_kept: f64,
    pub kept: f64,
}

/// Eigenvalues below this fraction of the largest are zero.
const FLOOR: f64 = 1e-14;

impl Spectral {
    /// The factor on each eigenvalue; `signal` is |ρ_k|² and N⁻¹ σ_k², where they are used.
    fn factors(&self, values: &[f64], signal: Option<&[(f64, f64)]>) -> Vec<f64> {
        let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        (0..values.len())
            .map(|k| {
                let value = values[k].abs();
                if value <= FLOOR * largest || value == 0.0 {
                    return 0.0;
                }
                let quiet = signal.map_or(1.0, |signal| {
                    let (power, noise) = signal[k];
                    1.0 / (1.0 + (self.signal_to_noise.powi(2) * noise / power.max(f64::MIN_POSITIVE)).powi(3))
                });
                quiet / (1.0 + (self.cut * largest / value).powi(6))
            })
            .collect()
    }
}

/// Smallest kept eigenvalue and the sum of the factors.
fn summary(values: &[f64], factors: &[f64]) -> (f64, f64) {
    let smallest =
        values.iter().zip(factors).filter(|(_, f)| **f > 0.5).fold(f64::INFINITY, |m, (v, _)| m.min(v.abs()));
    (if smallest.is_finite() { smallest } else { 0.0 }, factors.iter().sum())
}

fn values_of<T: Scalar>(flat: &[f64]) -> impl Iterator<Item = T> {
    flat.chunks_exact(T::PARTS).map(T::from_parts)
}

fn matrix_of<T: Scalar>(rows: usize, columns: usize, flat: &[f64]) -> Result<Array2<T>> {
    Array2::from_shape_vec((rows, columns), values_of(flat).collect())
        .map_err(|e| Error::Communication { what: format!("a matrix of another shape: {e}") })
}

/// Rank 0's velocity and summary on every rank.
fn from_root<T: Scalar>(
    columns: usize,
    comm: &dyn Comm,
    on_root: impl FnOnce() -> Result<(Array1<T>, f64, f64)>,
) -> Result<Found<T>> {
    let found = agree(comm, if comm.is_root() { on_root().map(Some) } else { Ok(None) })?;
    let mut packed = match found {
        Some((x, smallest, kept)) => flatten(x.into_iter().chain([T::from_re(smallest), T::from_re(kept)])),
        None => vec![0.0; (columns + 2) * T::PARTS],
    };
    comm.broadcast(&mut packed)?;
    let velocity: Array1<T> = values_of(&packed[..columns * T::PARTS]).collect();
    if !velocity.iter().all(|v| v.is_finite()) {
        return Err(Error::numerical(
            "the velocity of the parameters is not finite",
            "raise evolve.shift or evolve.pseudo_inverse",
        ));
    }
    Ok(Found { velocity, smallest_kept: packed[columns * T::PARTS], kept: packed[(columns + 1) * T::PARTS] })
}

/// Solves S θ̇ = Ō^H t, in whichever space is smaller.
pub fn solve<T: Lapack>(
    inverse: &Inverse,
    problem: &LeastSquares<T>,
    weights: &[f64],
    exact: bool,
    comm: &dyn Comm,
) -> Result<Found<T>> {
    let mut counts = vec![0.0; comm.size()];
    counts[comm.rank()] = problem.matrix.nrows() as f64;
    comm.sum(&mut counts)?;
    let counts: Vec<usize> = counts.iter().map(|&c| c as usize).collect();
    let inverse = match inverse {
        Inverse::Spectral(cut) if exact => Inverse::Spectral(Spectral { signal_to_noise: 0.0, ..*cut }),
        other => *other,
    };
    if problem.matrix.ncols() <= counts.iter().sum() {
        in_parameter_space(inverse, problem, weights, comm)
    } else {
        in_sample_space(inverse, problem, weights, &counts, comm)
    }
}

/// Σ_x w(x) |q_k(x)|² over this rank's samples, from the rows (Ō V)_xk; stacked rows of a sample stand `samples` apart.
fn second_moments<T: Scalar>(rows: &Array2<T>, target: &Array1<T>, weights: &[f64]) -> Vec<f64> {
    let n = weights.len();
    let mut moments = vec![0.0; rows.ncols()];
    for (x, &w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        for (k, moment) in moments.iter_mut().enumerate() {
            let part = (x..rows.nrows()).step_by(n).fold(T::zero(), |q, row| q + rows[[row, k]].conj() * target[row]);
            *moment += part.norm_sqr() / w;
        }
    }
    moments
}

/// |ρ_k|² and σ_k²/N from ρ and ⟨|q_k|²⟩.
fn signals<T: Scalar>(rho: &Array1<T>, moments: &[f64], samples: f64) -> Vec<(f64, f64)> {
    rho.iter().zip(moments).map(|(r, m)| (r.norm_sqr(), (m - r.norm_sqr()).max(0.0) / samples)).collect()
}

fn in_parameter_space<T: Lapack>(
    inverse: Inverse,
    problem: &LeastSquares<T>,
    weights: &[f64],
    comm: &dyn Comm,
) -> Result<Found<T>> {
    let LeastSquares { matrix, target } = problem;
    let p = matrix.ncols();
    let mut packed = flatten(adjoint_times(matrix, matrix));
    packed.extend(flatten(adjoint_times_vector(matrix, target)));
    packed.push(weights.len() as f64);
    comm.sum(&mut packed)?;
    let samples = packed.pop().unwrap_or(0.0);
    let f: Array1<T> = values_of(&packed[p * p * T::PARTS..]).collect();
    let metric = || matrix_of::<T>(p, p, &packed[..p * p * T::PARTS]);
    let cut = match inverse {
        Inverse::Shift(shift) => {
            return from_root(p, comm, || {
                let metric = metric()?;
                let trace: f64 = metric.diag().iter().map(|v| v.re()).sum();
                let (x, _) = solve_shifted(&metric, &f, Regularisation::Diagonal { relative: 0.0, absolute: shift })?;
                Ok((x, -1.0, if shift > 0.0 { (trace / shift).min(p as f64) } else { p as f64 }))
            });
        }
        Inverse::Spectral(cut) => cut,
    };
    let decomposed = agree(comm, if comm.is_root() { T::eigh(&metric()?).map(Some) } else { Ok(None) })?;
    let signal = if cut.signal_to_noise > 0.0 {
        let mut vectors = decomposed.as_ref().map_or(vec![0.0; p * p * T::PARTS], |d| flatten(d.1.iter().copied()));
        comm.broadcast(&mut vectors)?;
        let vectors = matrix_of::<T>(p, p, &vectors)?;
        let mut moments = second_moments(&matrix.dot(&vectors), target, weights);
        comm.sum(&mut moments)?;
        Some(signals(&adjoint_times_vector(&vectors, &f), &moments, samples))
    } else {
        None
    };
    from_root(p, comm, || {
        let (values, vectors) =
            decomposed.ok_or_else(|| Error::numerical("no decomposition on rank 0", "report it"))?;
        let values = values.to_vec();
        let factors = cut.factors(&values, signal.as_deref());
        let mut rho = adjoint_times_vector(&vectors, &f);
        for ((r, value), factor) in rho.iter_mut().zip(&values).zip(&factors) {
            *r = if *factor > 0.0 { *r * T::from_re(factor / value) } else { T::zero() };
        }
        let (smallest, kept) = summary(&values, &factors);
        Ok((vectors.dot(&rho), smallest, kept))
    })
}

/// `counts`: rows of every rank.
fn in_sample_space<T: Lapack>(
    inverse: Inverse,
    problem: &LeastSquares<T>,
    weights: &[f64],
    counts: &[usize],
    comm: &dyn Comm,
) -> Result<Found<T>> {
    let LeastSquares { matrix, target } = problem;
    let (columns, rows) = (matrix.ncols(), counts.iter().sum::<usize>());
    let mine = share(columns, comm.rank(), comm.size());
    // Rows to columns: afterwards this rank holds all rows of its share of the parameters, in rank order.
    let pieces: Vec<Vec<f64>> = (0..comm.size())
        .map(|r| flatten(matrix.slice(s![.., share(columns, r, comm.size())]).iter().copied()))
        .collect();
    let all = matrix_of::<T>(rows, mine.len(), &comm.transpose(&pieces)?.concat())?;
    let mut kernel = flatten(all.dot(&all.t().mapv(Scalar::conj)));
    comm.sum(&mut kernel)?;
    let targets = comm.gather(&flatten(target.iter().copied()))?;
    let all_weights = comm.gather(weights)?;
    let found = from_root(rows, comm, || {
        let kernel = matrix_of::<T>(rows, rows, &kernel)?;
        let t: Array1<T> = values_of(&targets).collect();
        let cut = match inverse {
            Inverse::Shift(shift) => {
                let trace: f64 = kernel.diag().iter().map(|v| v.re()).sum();
                let (x, _) = solve_shifted(&kernel, &t, Regularisation::Diagonal { relative: 0.0, absolute: shift })?;
                return Ok((x, -1.0, if shift > 0.0 { (trace / shift).min(rows as f64) } else { rows as f64 }));
            }
            Inverse::Spectral(cut) => cut,
        };
        let (values, vectors) = T::eigh(&kernel)?;
        let values = values.to_vec();
        let mut projected = adjoint_times_vector(&vectors, &t);
        let signal = (cut.signal_to_noise > 0.0).then(|| {
            // √s_k divides out of signal and noise.
            let moments = moments_by_rank(&vectors, &t, &all_weights, counts);
            signals(&projected, &moments, all_weights.len() as f64)
        });
        let factors = cut.factors(&values, signal.as_deref());
        for ((x, value), factor) in projected.iter_mut().zip(&values).zip(&factors) {
            *x = if *factor > 0.0 { *x * T::from_re(factor / value) } else { T::zero() };
        }
        let (smallest, kept) = summary(&values, &factors);
        Ok((vectors.dot(&projected), smallest, kept))
    })?;
    let before: usize = counts[..comm.rank()].iter().sum();
    let x = found.velocity.slice(s![before..before + matrix.nrows()]).to_owned();
    let mut velocity = flatten(adjoint_times_vector(matrix, &x));
    comm.sum(&mut velocity)?;
    comm.broadcast(&mut velocity)?;
    Ok(Found { velocity: values_of(&velocity).collect(), ..found })
}

/// As [`second_moments`] for rows of all ranks, each rank's block stacked for itself.
fn moments_by_rank<T: Scalar>(vectors: &Array2<T>, target: &Array1<T>, weights: &[f64], counts: &[usize]) -> Vec<f64> {
    let stacked = vectors.nrows() / weights.len().max(1);
    let mut moments = vec![0.0; vectors.ncols()];
    let (mut row, mut sample) = (0, 0);
    for &count in counts {
        let samples = count / stacked.max(1);
        let part = second_moments(
            &vectors.slice(s![row..row + count, ..]).to_owned(),
            &target.slice(s![row..row + count]).to_owned(),
            &weights[sample..sample + samples],
        );
        moments.iter_mut().zip(part).for_each(|(m, p)| *m += p);
        (row, sample) = (row + count, sample + samples);
    }
    moments
}

/// Dirac–Frenkel for stacked rows: Im S θ̇ = −Re F by the Hermitian matrix i Im S, θ̇ = i (i Im S)⁺ (−Re F).
pub fn symplectic(cut: Spectral, problem: &LeastSquares<f64>, samples: usize, comm: &dyn Comm) -> Result<Found<f64>> {
    let (re, im) = problem.matrix.view().split_at(ndarray::Axis(0), samples);
    let p = problem.matrix.ncols();
    // The target is (Im ε, −Re ε).
    let (im_e, minus_re_e) = problem.target.view().split_at(ndarray::Axis(0), samples);
    let cross = re.t().dot(&im);
    let mut packed: Vec<f64> = (&cross - &cross.t()).into_iter().collect();
    packed.extend(re.t().dot(&minus_re_e) - im.t().dot(&im_e));
    comm.sum(&mut packed)?;
    from_root(p, comm, || {
        let hermitian = Array2::from_shape_fn((p, p), |(i, j)| Complex64::new(0.0, packed[i * p + j]));
        let f: Array1<Complex64> = packed[p * p..].iter().map(|&v| v.into()).collect();
        let (values, vectors) = Complex64::eigh(&hermitian)?;
        let values = values.to_vec();
        let factors = cut.factors(&values, None);
        let mut projected = adjoint_times_vector(&vectors, &f);
        for ((x, value), factor) in projected.iter_mut().zip(&values).zip(&factors) {
            *x = if *factor > 0.0 { *x * Complex64::new(0.0, factor / value) } else { Complex64::ZERO };
        }
        let (smallest, kept) = summary(&values, &factors);
        Ok((vectors.dot(&projected).mapv(|v| v.re), smallest, kept))
    })
}
