//! Decides how S is inverted where it is nearly singular: smooth cut-offs on its eigenvalues and on
//! their signal.
//!
//! S = V diag(s) V^H, ρ = V^H f, θ̇ = Σ_k V_k (ρ_k/s_k) / [(1 + (ε s_max/s_k)⁶)(1 +
//! (ε_SNR/SNR_k)⁶)], zero below 10⁻¹⁴ s_max. With q_k(x) the sample's part of ρ_k = Σ_x w q_k(x),
//! SNR_k² = |ρ_k|²/Σ_x w² |q_k(x) − ρ_k|²; without weights SNR_k = √N |ρ_k|/σ_k, σ_k² = ⟨|q_k|²⟩ −
//! |ρ_k|² (M. Schmitt, M. Heyl, PRL 125, 100503 (2020)). With more parameters than samples the same
//! follows from T = Ō Ō^H = U diag(s) U^H: V_k = Ō^H U_k/√s_k, ρ_k = √s_k U_k^H t, (Ō V_k) =
//! √s_k U_k.

use crate::comm::{Comm, agree};
use crate::derivatives::{MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use crate::linalg::products::{Op, multiply};
use crate::number::{Scalar, flatten, unflatten};
use crate::optimizer::least_squares::LeastSquares;
use crate::optimizer::regularisation::{self, column, solve as solve_shifted};
use crate::optimizer::sample_space::{Meeting, SampleKernel};
use crate::optimizer::{RootFacts, parameter_space, solve_on_root};
use ndarray::{Array2, s};
use num_complex::Complex64;

/// Cut-offs of the pseudo-inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spectral {
    /// ε: relative to the largest eigenvalue.
    pub cut: f64,
    /// ε_SNR: signal over noise; 0 switches it off.
    pub signal_to_noise: f64,
}

/// How S is inverted at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettledInverse {
    /// (S + λ)⁻¹
    Shift(f64),
    /// By its eigenvalues.
    Spectral(Spectral),
}

/// What a solver found; the same bytes on every rank.
pub struct Found {
    pub velocity: Vec<f64>,
    pub smallest_kept: f64,
    pub kept: f64,
    pub shift: f64,
}

impl Found {
    fn new((velocity, [smallest_kept, kept]): (Vec<f64>, RootFacts)) -> Result<Self> {
        if !velocity.iter().all(|v| v.is_finite()) {
            return Err(Error::numerical(
                "the velocity of the parameters is not finite",
                "raise evolve.pseudo_inverse, or give a number, or a larger one, for evolve.shift",
            ));
        }
        Ok(Found {
            velocity,
            smallest_kept,
            kept,
            shift: 0.0,
        })
    }
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
                    1.0 / (1.0
                        + (self.signal_to_noise.powi(2) * noise / power.max(f64::MIN_POSITIVE))
                            .powi(3))
                });
                quiet / (1.0 + (self.cut * largest / value).powi(6))
            })
            .collect()
    }
}

/// Smallest kept eigenvalue and the sum of the factors.
fn summary(values: &[f64], factors: &[f64]) -> (f64, f64) {
    let smallest = values
        .iter()
        .zip(factors)
        .filter(|(_, f)| **f > 0.5)
        .fold(f64::INFINITY, |m, (v, _)| m.min(v.abs()));
    (
        if smallest.is_finite() { smallest } else { 0.0 },
        factors.iter().sum(),
    )
}

/// Facts about a shifted matrix, for which there is no decomposition: kept eigenvalues are at most
/// trace/shift.
fn shifted_facts(trace: f64, shift: f64, rows: usize) -> RootFacts {
    let all = rows as f64;
    [
        -1.0,
        if shift > 0.0 {
            (trace / shift).min(all)
        } else {
            all
        },
    ]
}

fn trace<T: Scalar>(matrix: &Array2<T>) -> f64 {
    matrix.diag().iter().map(|v| v.re()).sum()
}

/// Solves S θ̇ = Ō^H t with the problem's target t, in whichever space is smaller.
pub fn solve<T: Lapack + MatrixNumber>(
    inverse: SettledInverse,
    problem: &LeastSquares,
    comm: &dyn Comm,
) -> Result<Found> {
    let rows = problem.counts.iter().sum::<usize>() * problem.kind().stack();
    let found = if problem.derivatives.columns() <= rows {
        in_parameter_space::<T>(inverse, problem, comm)?
    } else {
        in_sample_space::<T>(inverse, problem, comm)?
    };
    Ok(match inverse {
        SettledInverse::Shift(shift) => Found { shift, ..found },
        SettledInverse::Spectral(_) => found,
    })
}

/// |ρ_k|² and the square of its noise.
fn signals<T: Scalar>(rho: &[T], noise: &[f64]) -> Vec<(f64, f64)> {
    let powers = rho.iter().map(|r| r.norm_sqr());
    powers.zip(noise.iter().copied()).collect()
}

/// θ̇ = V (factor ρ/s) in the basis of the rows V^H, with the facts about it.
fn combine<T: Lapack>(
    rows: &Array2<T>,
    values: &[f64],
    factors: &[f64],
    mut rho: Vec<T>,
) -> (Vec<f64>, RootFacts) {
    for ((x, value), factor) in rho.iter_mut().zip(values).zip(factors) {
        *x = if *factor > 0.0 {
            *x * T::from_re(factor / value)
        } else {
            T::zero()
        };
    }
    let (smallest, kept) = summary(values, factors);
    (
        flatten(multiply(rows.view(), Op::Adjoint, column(&rho), Op::Same)),
        [smallest, kept],
    )
}

/// V^H f
fn project<T: Lapack>(rows: &Array2<T>, f: &[T]) -> Vec<T> {
    multiply(rows.view(), Op::Same, column(f), Op::Same)
        .into_raw_vec_and_offset()
        .0
}

fn in_parameter_space<T: Lapack + MatrixNumber>(
    inverse: SettledInverse,
    problem: &LeastSquares,
    comm: &dyn Comm,
) -> Result<Found> {
    let (mut metric, force) = parameter_space::assemble::<T>(problem, &problem.target, comm)?;
    let p = force.len();
    let cut = match inverse {
        SettledInverse::Shift(shift) => {
            return Found::new(solve_on_root(p * T::PARTS, comm, || {
                let facts = shifted_facts(trace(&metric), shift, p);
                let damped = regularisation::Inverse::Damped {
                    scale: shift,
                    shape: None,
                };
                Ok((
                    flatten(solve_shifted(&mut metric, &force, &damped)?.0),
                    facts,
                ))
            })?);
        }
        SettledInverse::Spectral(cut) => cut,
    };
    let decomposed = agree(
        comm,
        if comm.is_root() {
            T::eigen(metric).map(Some)
        } else {
            Ok(None)
        },
    )?;
    let (values, mut rows) =
        decomposed.unwrap_or_else(|| (Vec::new(), Array2::from_elem((p, p), T::zero())));
    let signal = if cut.signal_to_noise > 0.0 {
        comm.broadcast(T::reals_mut(rows.as_slice_mut().unwrap_or_default()))?;
        let mut rho = vec![T::zero(); p];
        if comm.is_root() {
            rho = project(&rows, &force);
        }
        comm.broadcast(T::reals_mut(&mut rho))?;
        let mut noise = noise(problem, &rows, &rho);
        comm.sum(&mut noise)?;
        comm.is_root().then(|| signals(&rho, &noise))
    } else {
        None
    };
    Found::new(solve_on_root(p * T::PARTS, comm, || {
        let factors = cut.factors(&values, signal.as_deref());
        Ok(combine(&rows, &values, &factors, project(&rows, &force)))
    })?)
}

/// Σ_x |(Ō V)_xk* t_x − w(x) ρ_k|² over this rank's samples, from rows of Ō in portions.
fn noise<T: Lapack + MatrixNumber>(
    problem: &LeastSquares,
    rows: &Array2<T>,
    rho: &[T],
) -> Vec<f64> {
    let (p, stack, samples) = (
        rows.ncols(),
        problem.kind().stack(),
        problem.derivatives.samples(),
    );
    let target: Vec<T> = unflatten(&problem.target);
    let mut all = vec![0.0; p];
    let portion = (PORTION / (p * stack * T::PARTS).max(1)).max(1);
    for start in (0..samples).step_by(portion) {
        let end = samples.min(start + portion);
        let image = multiply(
            problem.rows::<T>(start..end).view(),
            Op::Same,
            rows.view(),
            Op::Adjoint,
        );
        for x in start..end {
            let part = |k: usize| {
                let of =
                    |a: usize| image[((x - start) * stack + a, k)].conj() * target[x * stack + a];
                (0..stack).fold(T::zero(), |q, a| q + of(a))
            };
            let w = T::from_re(problem.weights[x]);
            all.iter_mut()
                .zip(rho)
                .enumerate()
                .for_each(|(k, (m, &r))| *m += (part(k) - w * r).norm_sqr());
        }
    }
    all
}

fn in_sample_space<T: Lapack + MatrixNumber>(
    inverse: SettledInverse,
    problem: &LeastSquares,
    comm: &dyn Comm,
) -> Result<Found> {
    let meeting = Meeting::<T>::new(problem, None, comm)?;
    let kernel = meeting.kernel(&problem.target, comm)?;
    Found::new(meeting.solved(comm, || {
        let Some(SampleKernel {
            mut matrix,
            zeta,
            roots,
        }) = kernel
        else {
            return Ok((Vec::new(), [0.0; 2]));
        };
        let cut = match inverse {
            SettledInverse::Shift(shift) => {
                let facts = shifted_facts(trace(&matrix), shift, matrix.nrows());
                let damped = regularisation::Inverse::Damped {
                    scale: shift,
                    shape: None,
                };
                return Ok((
                    flatten(solve_shifted(&mut matrix, &zeta, &damped)?.0),
                    facts,
                ));
            }
            SettledInverse::Spectral(cut) => cut,
        };
        let (values, rows) = T::eigen(matrix)?;
        let rho = project(&rows, &zeta);
        // √s_k divides out of signal and noise.
        let signal = (cut.signal_to_noise > 0.0).then(|| {
            let stack = zeta.len() / roots.len().max(1);
            let noise: Vec<f64> = (rows.rows().into_iter().zip(&rho))
                .map(|(row, &r)| {
                    let terms: Vec<T> = row.iter().zip(&zeta).map(|(&v, &t)| v * t).collect();
                    let parts = terms.chunks_exact(stack).zip(&roots);
                    let missed = parts.map(|(q, root)| {
                        let q = q.iter().fold(T::zero(), |s, &q| s + q);
                        (q - T::from_re(root * root) * r).norm_sqr()
                    });
                    missed.sum()
                })
                .collect();
            signals(&rho, &noise)
        });
        let factors = cut.factors(&values, signal.as_deref());
        Ok(combine(&rows, &values, &factors, rho))
    })?)
}

/// Dirac–Frenkel for stacked rows: Im S θ̇ = −Re F by the Hermitian matrix i Im S, θ̇ = i
/// (i Im S)⁺ (−Re F).
pub fn symplectic(cut: Spectral, problem: &LeastSquares, comm: &dyn Comm) -> Result<Found> {
    let (p, samples) = (problem.derivatives.columns(), problem.derivatives.samples());
    // Re Ō^T Im Ō, and below it −Re F; the target is (Im ε, −Re ε).
    let mut cross = Array2::zeros((p + 1, p));
    let portion = (PORTION / (2 * p).max(1)).max(1);
    for start in (0..samples).step_by(portion) {
        let end = samples.min(start + portion);
        let rows: Array2<f64> = problem.rows(start..end);
        let (re, im) = (rows.slice(s![..;2, ..]), rows.slice(s![1..;2, ..]));
        f64::gemm(
            1.0,
            re,
            Op::Transpose,
            im,
            Op::Same,
            1.0,
            cross.slice_mut(s![..p, ..]),
        );
        let target: (Vec<f64>, Vec<f64>) = problem.target[2 * start..2 * end]
            .chunks_exact(2)
            .map(|t| (t[1], -t[0]))
            .unzip();
        let mut force = cross.slice_mut(s![p.., ..]);
        f64::gemm(
            1.0,
            column(&target.0),
            Op::Transpose,
            re,
            Op::Same,
            1.0,
            force.view_mut(),
        );
        f64::gemm(
            1.0,
            column(&target.1),
            Op::Transpose,
            im,
            Op::Same,
            1.0,
            force,
        );
    }
    comm.sum_on_root(cross.as_slice_mut().unwrap_or_default())?;
    Found::new(solve_on_root(p, comm, || {
        let mut hermitian = Array2::from_elem((p, p), Complex64::ZERO);
        for ((i, j), z) in hermitian.indexed_iter_mut() {
            z.im = cross[(i, j)] - cross[(j, i)];
        }
        let force: Vec<Complex64> = cross.row(p).iter().map(|&f| f.into()).collect();
        let (values, rows) = Complex64::eigen(hermitian)?;
        let factors = cut.factors(&values, None);
        let (x, facts) = combine(&rows, &values, &factors, project(&rows, &force));
        Ok((x.chunks_exact(2).map(|z| -z[1]).collect(), facts))
    })?)
}

#[cfg(test)]
mod tests;
