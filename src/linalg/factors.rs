//! Decides how matrices are factorised by orthogonal ones: A = Q R and A = U S V^H, by LAPACK.
//!
//! Reference: E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).

use super::dense::length;
use crate::error::{Error, Result};
use crate::number::Scalar;
use ndarray::{Array2, s};
use std::ffi::c_int;

/// What a routine is given that finds A^T = L Q' (`build` is false), or that builds Q' of it.
pub(super) struct QrArguments<T> {
    pub(super) build: bool,
    /// Rows and columns of A^T, and the smaller of them.
    pub(super) sizes: [c_int; 3],
    pub(super) a: *mut T,
    /// Factors of the reflections.
    pub(super) tau: *mut T,
    pub(super) work: *mut T,
    /// Length of `work`; −1 asks for it.
    pub(super) length: c_int,
}

/// What a routine is given that finds A^T = U S V^H.
pub(super) struct SvdArguments<T> {
    /// Rows and columns of A^T, and the smaller of them.
    pub(super) sizes: [c_int; 3],
    pub(super) a: *mut T,
    /// S
    pub(super) values: *mut f64,
    pub(super) u: *mut T,
    /// V^H
    pub(super) v: *mut T,
    pub(super) work: *mut T,
    /// Length of `work`; −1 asks for it.
    pub(super) length: c_int,
    pub(super) reals: *mut f64,
    pub(super) integers: *mut c_int,
}

const SMALLER_STEP: &str = "take a smaller step";

fn failed(what: &str, info: c_int) -> Error {
    let problem = format!("{what} failed (LAPACK says {info})");
    Error::numerical(problem, SMALLER_STEP)
}

fn check_finite<T: Scalar>(a: &Array2<T>) -> Result<()> {
    match a.iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err(Error::numerical(
            "a factorisation failed (entries are not finite)",
            SMALLER_STEP,
        )),
    }
}

/// Columns, rows and the smaller of them: the sizes of A^T.
fn sizes<T>(a: &Array2<T>) -> Result<[c_int; 3]> {
    let int = |n: usize| {
        let wrong = |_| Error::numerical("a matrix is too large", "use fewer parameters");
        c_int::try_from(n).map_err(wrong)
    };
    let (m, n) = (int(a.ncols())?, int(a.nrows())?);
    Ok([m, n, m.min(n)])
}

/// A copy, row by row in memory: what LAPACK sees of it is A^T.
fn by_rows<T: Scalar>(a: &Array2<T>) -> Vec<T> {
    a.iter().copied().collect()
}

fn shaped<T>(rows: usize, columns: usize, entries: Vec<T>) -> Array2<T> {
    Array2::from_shape_vec((rows, columns), entries)
        .unwrap_or_else(|_| unreachable!("the lengths were taken from the shapes"))
}

/// Calls a routine on (work array, its length) twice: for the length, then for the work.
fn twice<T: Scalar>(what: &str, mut routine: impl FnMut(*mut T, c_int) -> c_int) -> Result<()> {
    let (mut work, mut asked) = (vec![T::zero()], -1);
    for _ in 0..2 {
        match routine(work.as_mut_ptr(), asked) {
            0 if asked < 0 => {
                asked = length(work[0].re())?;
                work = vec![T::zero(); asked as usize];
            }
            0 => {}
            info => return Err(failed(what, info)),
        }
    }
    Ok(())
}

/// A = Q R: A^T = L Q', so Q = Q'^T and R = L^T, which lie row by row where the routines leave Q'
/// and L column by column.
pub(super) fn qr<T: Scalar>(
    a: &Array2<T>,
    routine: impl Fn(QrArguments<T>) -> c_int,
) -> Result<(Array2<T>, Array2<T>)> {
    check_finite(a)?;
    let (sizes, (rows, columns), k) = (sizes(a)?, a.dim(), a.nrows().min(a.ncols()));
    if k == 0 {
        let empty = |rows, columns| Array2::from_elem((rows, columns), T::zero());
        return Ok((empty(rows, 0), empty(0, columns)));
    }
    let mut entries = by_rows(a);
    let mut tau = vec![T::zero(); k];
    let mut r = Array2::from_elem((k, columns), T::zero());
    for build in [false, true] {
        twice("a QR decomposition", |work, length| {
            routine(QrArguments {
                build,
                sizes,
                a: entries.as_mut_ptr(),
                tau: tau.as_mut_ptr(),
                work,
                length,
            })
        })?;
        if !build {
            for ((i, j), r) in r.indexed_iter_mut().filter(|((i, j), _)| i <= j) {
                *r = entries[i * columns + j];
            }
        }
    }
    let q = shaped(rows, columns, entries);
    Ok((q.slice(s![.., ..k]).to_owned(), r))
}

/// A = U S V^H: A^T has V* for U and U* for V.
pub(super) fn svd<T: Scalar>(
    a: &Array2<T>,
    routine: impl Fn(SvdArguments<T>) -> c_int,
) -> Result<(Array2<T>, Vec<f64>, Array2<T>)> {
    check_finite(a)?;
    let (sizes, (rows, columns), k) = (sizes(a)?, a.dim(), a.nrows().min(a.ncols()));
    let (mut u, mut v) = (vec![T::zero(); columns * k], vec![T::zero(); k * rows]);
    let mut values = vec![0.0; k];
    if k > 0 {
        let mut entries = by_rows(a);
        let longer = rows.max(columns);
        let reals = (5 * k * k + 5 * k).max(2 * longer * k + 2 * k * k + k);
        let (mut reals, mut integers) = (vec![0.0; reals], vec![0; 8 * k]);
        twice("a singular value decomposition", |work, length| {
            routine(SvdArguments {
                sizes,
                a: entries.as_mut_ptr(),
                values: values.as_mut_ptr(),
                u: u.as_mut_ptr(),
                v: v.as_mut_ptr(),
                work,
                length,
                reals: reals.as_mut_ptr(),
                integers: integers.as_mut_ptr(),
            })
        })?;
    }
    Ok((shaped(rows, k, v), values, shaped(k, columns, u)))
}

#[cfg(test)]
mod tests {
    use crate::linalg::dense::Lapack;
    use ndarray::{Array1, Array2};
    use num_complex::Complex64;

    fn example(rows: usize, columns: usize) -> Array2<Complex64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            Complex64::cis((1 + 2 * i + 3 * j * j) as f64)
        })
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        let distance = |a: &Array2<Complex64>, b: &Array2<Complex64>| {
            (a - b).iter().fold(0.0, |m: f64, z| m.max(z.norm()))
        };
        for (rows, columns) in [(3, 5), (5, 3), (4, 4), (1, 2)] {
            let a = example(rows, columns);
            let (q, r) = Complex64::qr(&a).unwrap();
            assert!(distance(&q.dot(&r), &a) < 1e-13);
            let (u, values, v) = Complex64::svd(&a).unwrap();
            let diagonal = Array2::from_diag(&Array1::from_iter(
                values.iter().map(|&s| Complex64::from(s)),
            ));
            assert!(distance(&u.dot(&diagonal).dot(&v), &a) < 1e-13);
            for factor in [q, u, v.t().mapv(|z| z.conj())] {
                let gram = factor.t().mapv(|z| z.conj()).dot(&factor);
                assert!(distance(&gram, &Array2::eye(gram.nrows())) < 1e-13);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_an_error() {
        assert!(f64::qr(&ndarray::array![[f64::NAN]]).is_err());
        assert!(f64::svd(&ndarray::array![[f64::INFINITY, 1.0]]).is_err());
    }
}
