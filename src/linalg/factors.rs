//! Decides how matrices are factorised by orthogonal ones: A = Q R and A = U S V^H, by LAPACK.
//!
//! Reference: E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).

use crate::error::{Error, Result};
use crate::number::Scalar;
use ndarray::Array2;
use ndarray_linalg::{JobSvd, QR, SVDDC};

/// Numbers that the library factorises.
pub(super) trait Number: Scalar + ndarray_linalg::Lapack<Real = f64> {}

impl<T: Scalar + ndarray_linalg::Lapack<Real = f64>> Number for T {}

pub(super) fn failed(what: &str, why: impl std::fmt::Display) -> Error {
    Error::numerical(format!("{what} failed ({why})"), "take a smaller step")
}

pub(super) fn check_finite<T: Number>(a: &Array2<T>) -> Result<()> {
    match a.iter().all(|x| Scalar::is_finite(*x)) {
        true => Ok(()),
        false => Err(failed("a factorisation", "entries are not finite")),
    }
}

/// The same matrix, row by row in memory.
pub(super) fn by_rows<T: Clone>(a: Array2<T>) -> Array2<T> {
    match a.is_standard_layout() {
        true => a,
        false => a.as_standard_layout().into_owned(),
    }
}

/// A = Q R
pub(super) fn qr<T: Number>(a: &Array2<T>) -> Result<(Array2<T>, Array2<T>)> {
    check_finite(a)?;
    let (q, r) = a.qr().map_err(|e| failed("a QR decomposition", e))?;
    Ok((by_rows(q), by_rows(r)))
}

/// A = U S V^H
pub(super) fn svd<T: Number>(a: &Array2<T>) -> Result<(Array2<T>, Vec<f64>, Array2<T>)> {
    check_finite(a)?;
    let parts = a.svddc(JobSvd::Some);
    match parts.map_err(|e| failed("a singular value decomposition", e))? {
        (Some(u), values, Some(v)) => Ok((by_rows(u), values.to_vec(), by_rows(v))),
        _ => Err(failed("a singular value decomposition", "no vectors came")),
    }
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
