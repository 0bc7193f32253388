//! Decides how the lowest eigenpairs of a large Hermitian operator are found when only its action
//! on a vector is known.
//!
//! Levels are found one at a time in the complement of the eigenvectors found before, each from a
//! random start vector, so that degenerate levels come out with their multiplicity.

use super::dense::Lapack;
use super::krylov::{eigen_columns, finish, next_level};
use crate::error::{Error, Result};
use ndarray::Array2;

/// One level.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigenpair<T> {
    /// E
    pub energy: f64,
    /// ‖H v − E v‖ of the normalised v, evaluated with H itself.
    pub residual: f64,
    /// v, of norm 1.
    pub vector: Vec<T>,
}

/// What the solver is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct LanczosOptions {
    /// Number of levels; at most the dimension comes back.
    pub states: usize,
    /// Seed of the start vectors.
    pub seed: u64,
    /// Number of Krylov vectors kept in memory, at least 6.
    pub vectors: usize,
    /// Largest residual, relative to the largest |eigenvalue| seen.
    pub tolerance: f64,
    /// Up to this dimension the matrix is diagonalised densely.
    pub dense: usize,
    /// Number of applications of H for one level before giving up.
    pub applications: usize,
    /// Threads for vector operations; results do not depend on it.
    pub threads: usize,
}

impl Default for LanczosOptions {
    fn default() -> Self {
        LanczosOptions {
            states: 1,
            seed: 1,
            vectors: 40,
            tolerance: 1e-10,
            dense: 400,
            applications: 20_000,
            threads: 1,
        }
    }
}

/// The lowest eigenpairs of the Hermitian operator `apply(x, y)`: y = H x, in increasing order of
/// energy.
///
/// Errors: [`Error::Numerical`] where a level does not converge or the operator gives NaN.
pub fn lowest<T: Lapack>(
    dimension: usize,
    apply: impl Fn(&[T], &mut [T]),
    options: &LanczosOptions,
) -> Result<Vec<Eigenpair<T>>> {
    let states = options.states.min(dimension);
    if dimension <= options.dense.max(2 * states) {
        return dense(dimension, apply, states);
    }
    let mut found: Vec<Eigenpair<T>> = Vec::new();
    let mut largest = 0.0;
    for level in 0..states {
        let pair = next_level(dimension, &apply, options, &found, level, &mut largest)?;
        found.push(pair);
    }
    found.sort_by(|a, b| a.energy.total_cmp(&b.energy));
    Ok(found)
}

/// The lowest eigenpairs from the matrix itself, column by column.
fn dense<T: Lapack>(
    dimension: usize,
    apply: impl Fn(&[T], &mut [T]),
    states: usize,
) -> Result<Vec<Eigenpair<T>>> {
    let mut matrix = Array2::from_elem((dimension, dimension), T::zero());
    let (mut unit, mut column) = (vec![T::zero(); dimension], vec![T::zero(); dimension]);
    for k in 0..dimension {
        unit[k] = T::one();
        apply(&unit, &mut column);
        unit[k] = T::zero();
        matrix
            .column_mut(k)
            .iter_mut()
            .zip(&column)
            .for_each(|(m, &c)| *m = c);
    }
    let (_, vectors) = eigen_columns(&matrix)?;
    let pairs: Vec<_> = (0..states)
        .map(|k| finish(vectors.column(k).to_vec(), &apply))
        .collect();
    match pairs.iter().find(|p| !p.residual.is_finite()) {
        None => Ok(pairs),
        Some(_) => Err(Error::numerical(
            "the matrix holds NaN or infinity",
            "check the couplings",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::dot;
    use super::*;
    use crate::number::Scalar;
    use crate::rng::{self, Purpose};
    use num_complex::Complex64;

    /// −1 on both sides of the diagonal of an open chain: E_k = −2 cos(π k / (n + 1)).
    fn hop<T: Lapack>(n: usize) -> impl Fn(&[T], &mut [T]) {
        move |x, y| {
            for k in 0..n {
                let left = if k > 0 { x[k - 1] } else { T::zero() };
                let right = if k + 1 < n { x[k + 1] } else { T::zero() };
                y[k] = -(left + right);
            }
        }
    }

    #[test]
    fn open_chain_levels_agree_with_the_closed_form() {
        for (n, dense) in [(1, 400), (2, 400), (37, 400), (150, 0), (150, 400)] {
            for vectors in [12, 60] {
                let options = LanczosOptions {
                    states: 3,
                    dense,
                    vectors,
                    ..Default::default()
                };
                let pairs = lowest::<f64>(n, hop(n), &options).unwrap();
                assert_eq!(pairs.len(), n.min(3));
                for (k, p) in pairs.iter().enumerate() {
                    let exact =
                        -2.0 * (std::f64::consts::PI * (k + 1) as f64 / (n + 1) as f64).cos();
                    assert!(
                        (p.energy - exact).abs() < 1e-11,
                        "{n} {dense} {k}: {} {exact}",
                        p.energy
                    );
                    assert!(p.residual < 2e-10);
                }
            }
        }
    }

    #[test]
    fn degenerate_levels_come_with_their_multiplicity() {
        let diagonal = |k: usize| {
            [-2.0, -2.0, -2.0, -1.5, -1.5]
                .get(k)
                .copied()
                .unwrap_or(k as f64 / 500.0)
        };
        let apply =
            |x: &[Complex64], y: &mut [Complex64]| (0..500).for_each(|k| y[k] = x[k] * diagonal(k));
        let pairs = lowest(
            500,
            apply,
            &LanczosOptions {
                states: 6,
                ..Default::default()
            },
        )
        .unwrap();
        for (k, p) in pairs.iter().enumerate() {
            assert!((p.energy - diagonal(k)).abs() < 1e-11);
            for q in &pairs[..k] {
                assert!(dot(&p.vector, &q.vector).norm() < 1e-9);
            }
        }
    }

    #[test]
    fn complex_hermitian_eigenvectors_solve_the_matrix_itself() {
        let n = 30;
        let mut rng = rng::stream(1, Purpose::Law, 0, 0);
        let mut h = Array2::from_elem((n, n), Complex64::ZERO);
        for i in 0..n {
            for j in 0..=i {
                let z = if i == j {
                    Complex64::new(i as f64, 0.0)
                } else {
                    Complex64::normal(&mut rng)
                };
                h[[i, j]] = z;
                h[[j, i]] = Scalar::conj(z);
            }
        }
        let apply = |x: &[Complex64], y: &mut [Complex64]| {
            (0..n).for_each(|i| y[i] = (0..n).map(|j| h[[i, j]] * x[j]).sum());
        };
        let (values, _) = eigen_columns(&h).unwrap();
        for dense in [0, 400] {
            let options = LanczosOptions {
                states: 4,
                dense,
                vectors: 14,
                ..Default::default()
            };
            for (p, e) in lowest(n, apply, &options).unwrap().iter().zip(&values) {
                assert!(
                    (p.energy - e).abs() < 1e-11 && p.residual < 1e-8,
                    "{p:?} {e}"
                );
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let n = 50_000;
        let apply =
            |x: &[f64], y: &mut [f64]| (0..n).for_each(|k| y[k] = x[k] * ((k * k) % 101) as f64);
        let run = |threads| {
            lowest(
                n,
                apply,
                &LanczosOptions {
                    threads,
                    vectors: 20,
                    ..Default::default()
                },
            )
            .unwrap()
        };
        let (one, three) = (run(1), run(3));
        assert_eq!(one, three);
        assert!(one[0].energy.abs() < 1e-9);
    }

    #[test]
    fn the_zero_operator_and_failure_are_told_apart() {
        let zero = lowest::<f64>(600, |_, y| y.fill(0.0), &LanczosOptions::default()).unwrap();
        assert_eq!((zero[0].energy, zero[0].residual), (0.0, 0.0));
        let options = LanczosOptions {
            applications: 20,
            dense: 0,
            ..Default::default()
        };
        assert!(matches!(
            lowest::<f64>(2000, hop(2000), &options),
            Err(Error::Numerical { .. })
        ));
        assert!(matches!(
            lowest::<f64>(500, |_, y| y.fill(f64::NAN), &options),
            Err(Error::Numerical { .. })
        ));
    }
}
