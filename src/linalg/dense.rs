//! Decides how dense Hermitian systems are solved: Cholesky by ndarray-linalg and
//! eigen-decomposition by LAPACK, in place.
//!
//! Matrices are row-major and only their upper triangle counts. LAPACK reads columns, so it is
//! shown the lower triangle of A^T = A*, without a copy: A x = b is solved as A* x* = b*, and its
//! eigenvectors are v*, which row by row are V^H.
//!
//! Reference: E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).

pub use super::lapack::Lapack;
use crate::error::{Error, Result};
use crate::number::Scalar;
use ndarray::{Array2, ArrayViewMut1};
use ndarray_linalg::{CholeskyFactorized, FactorizeCInto, SolveC, UPLO};
use std::ffi::c_int;

const LARGER_SHIFT: &str = "take a larger shift or a smaller step";

fn failed(what: &str, info: c_int) -> Error {
    Error::numerical(format!("{what} failed (LAPACK says {info})"), LARGER_SHIFT)
}

/// The order of a square matrix whose rows are contiguous.
fn order<T>(a: &Array2<T>) -> Result<c_int> {
    match (
        a.is_square() && a.is_standard_layout(),
        c_int::try_from(a.nrows()),
    ) {
        (true, Ok(n)) => Ok(n),
        _ => Err(Error::numerical(
            format!("a matrix of shape {:?} cannot be solved", a.dim()),
            "use fewer parameters",
        )),
    }
}

/// An error where the upper triangle has a number that is not finite: LAPACK would loop or return
/// nonsense.
fn check_finite<T: Scalar>(a: &Array2<T>) -> Result<()> {
    let fine = a
        .rows()
        .into_iter()
        .enumerate()
        .all(|(i, row)| row.iter().skip(i).all(|v| v.is_finite()));
    let wrong = || {
        Error::numerical(
            "a matrix has entries that are not finite",
            "take a smaller step",
        )
    };
    if fine { Ok(()) } else { Err(wrong()) }
}

/// A = U^H U in the upper triangle, in place.
pub(super) fn factorise<T: Scalar + ndarray_linalg::Lapack>(a: &mut Array2<T>) -> Result<()> {
    if order(a)? == 0 {
        return Ok(());
    }
    let wrong = |e| {
        Error::numerical(
            format!("the Cholesky factorisation failed ({e})"),
            LARGER_SHIFT,
        )
    };
    a.view_mut()
        .reversed_axes()
        .factorizec_into(UPLO::Lower)
        .map(drop)
        .map_err(wrong)
}

/// b ← A⁻¹ b with the factor of A.
pub(super) fn solve_factorised<T: Scalar + ndarray_linalg::Lapack>(
    a: &Array2<T>,
    b: &mut [T],
) -> Result<()> {
    if order(a)? == 0 {
        return Ok(());
    }
    b.iter_mut().for_each(|x| *x = Scalar::conj(*x));
    let factor = CholeskyFactorized {
        factor: a.t(),
        uplo: UPLO::Lower,
    };
    factor
        .solvec_inplace(&mut ArrayViewMut1::from(&mut *b))
        .map_err(|e| {
            Error::numerical(
                format!("a linear system cannot be solved ({e})"),
                LARGER_SHIFT,
            )
        })?;
    b.iter_mut().for_each(|x| *x = Scalar::conj(*x));
    match b.iter().all(|x| Scalar::is_finite(*x)) {
        true => Ok(()),
        false => Err(Error::numerical(
            "the solution of a linear system is not finite",
            LARGER_SHIFT,
        )),
    }
}

/// Length of a work array from LAPACK's answer to a query.
fn length(answer: f64) -> Result<c_int> {
    let fits = answer < f64::from(c_int::MAX);
    let wrong = || {
        Error::numerical(
            "the matrix is too large for an eigenvalue decomposition",
            "use a shift instead",
        )
    };
    if fits {
        Ok((answer as c_int).max(1))
    } else {
        Err(wrong())
    }
}

/// Work arrays of an eigenvalue routine and the lengths that it is told, −1 where it is asked for
/// them.
pub(super) struct Work<'w, T> {
    pub(super) numbers: &'w mut [T],
    pub(super) reals: &'w mut [f64],
    pub(super) integers: &'w mut [c_int],
    pub(super) lengths: [c_int; 3],
}

/// Calls an eigenvalue routine on (order, matrix, values, work) twice: for the lengths of its work
/// arrays, then for the work.
pub(super) fn eigen<T: Scalar>(
    mut a: Array2<T>,
    routine: impl Fn(c_int, *mut T, *mut f64, Work<T>) -> c_int,
) -> Result<(Vec<f64>, Array2<T>)> {
    check_finite(&a)?;
    let n = order(&a)?;
    let mut values = vec![0.0; a.nrows()];
    if n == 0 {
        return Ok((values, a));
    }
    let (mut numbers, mut reals, mut integers, mut lengths) =
        (vec![T::zero()], vec![0.0], vec![0], [-1; 3]);
    for query in [true, false] {
        let work = Work {
            numbers: &mut numbers,
            reals: &mut reals,
            integers: &mut integers,
            lengths,
        };
        let info = routine(n, a.as_mut_ptr(), values.as_mut_ptr(), work);
        if info != 0 {
            return Err(failed("the eigenvalue decomposition", info));
        }
        if query {
            lengths = [
                length(numbers[0].re())?,
                length(reals[0])?,
                length(f64::from(integers[0]))?,
            ];
            numbers = vec![T::zero(); lengths[0] as usize];
            reals = vec![0.0; lengths[1] as usize];
            integers = vec![0; lengths[2] as usize];
        }
    }
    Ok((values, a))
}

/// Copies the strict upper triangle to the lower one, each number through `f`, tile by tile.
pub fn mirror<T: Copy>(a: &mut Array2<T>, f: impl Fn(T) -> T) {
    across(a, |a, (i, j)| a[(j, i)] = f(a[(i, j)]));
}

/// Copies the strict lower triangle to the upper one.
pub fn restore<T: Copy>(a: &mut Array2<T>) {
    across(a, |a, (i, j)| a[(i, j)] = a[(j, i)]);
}

/// Visits the strict upper triangle in tiles that fit into the first cache.
fn across<T>(a: &mut Array2<T>, mut visit: impl FnMut(&mut Array2<T>, (usize, usize))) {
    const TILE: usize = 32;
    let n = a.nrows();
    for top in (0..n).step_by(TILE) {
        for left in (top..n).step_by(TILE) {
            for i in top..n.min(top + TILE) {
                (left.max(i + 1)..n.min(left + TILE)).for_each(|j| visit(a, (i, j)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex64;

    /// Positive definite, with off-diagonal phases.
    fn example(n: usize) -> Array2<Complex64> {
        let wave = |i: usize, j: usize| Complex64::cis(((3 * i + 5 * j * j) % 17) as f64) * 0.5;
        let b = Array2::from_shape_fn((n, n), |(i, j)| wave(i, j));
        let mut a = b.t().mapv(|z| z.conj()).dot(&b);
        a.diag_mut().iter_mut().for_each(|z| *z += 1.0);
        a
    }

    #[test]
    fn solutions_and_eigenvectors_satisfy_their_equations() {
        let n = 40;
        let a = example(n);
        let x: Vec<Complex64> = (0..n)
            .map(|k| Complex64::new(k as f64, 1.0 - k as f64))
            .collect();
        let mut b = a.dot(&ndarray::Array1::from(x.clone())).to_vec();
        let mut factor = a.clone();
        Complex64::factorise(&mut factor).unwrap();
        Complex64::solve_factorised(&factor, &mut b).unwrap();
        assert!(b.iter().zip(&x).all(|(b, x)| (b - x).norm() < 1e-10));
        restore(&mut factor);
        let (values, rows) = Complex64::eigen(a.clone()).unwrap();
        let image = a.dot(&rows.t().mapv(|z| z.conj()));
        for (k, value) in values.iter().enumerate() {
            assert!((0..n).all(|i| (image[(i, k)] - rows[(k, i)].conj() * value).norm() < 1e-11));
        }
        let real = a.mapv(|z| z.re);
        let (values, rows) = f64::eigen(real.clone()).unwrap();
        assert!(
            (real.dot(&rows.t()) - &rows.t() * &ndarray::aview1(&values))
                .iter()
                .all(|x| x.abs() < 1e-11)
        );
        let mut mirrored = a.clone();
        mirror(&mut mirrored, |z| z.conj());
        assert!(
            (&mirrored - &a).iter().all(|z| z.norm() < 1e-13),
            "a Hermitian matrix mirrors onto itself"
        );
    }

    #[test]
    fn what_cannot_be_solved_is_an_error() {
        assert!(f64::factorise(&mut ndarray::array![[1.0, 0.0], [0.0, -1.0]]).is_err());
        assert!(f64::eigen(ndarray::array![[f64::NAN]]).is_err());
        assert!(f64::factorise(&mut Array2::zeros((2, 3))).is_err());
        f64::factorise(&mut Array2::zeros((0, 0))).unwrap();
        assert!(
            Complex64::eigen(Array2::zeros((0, 0)))
                .unwrap()
                .0
                .is_empty()
        );
    }
}
