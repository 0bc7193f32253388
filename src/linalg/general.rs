//! Decides how a matrix that is not Hermitian is diagonalised: A v = λ v, by LAPACK.
//!
//! Reference: E. Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).

use super::factors::{Number, by_rows, check_finite, failed};
use crate::error::Result;
use ndarray::Array2;
use ndarray_linalg::Eig;
use num_complex::Complex64;

/// Eigenvalues, and eigenvectors as columns.
pub(super) fn eigen<T>(a: &Array2<T>) -> Result<(Vec<Complex64>, Array2<Complex64>)>
where
    T: Number + ndarray_linalg::Scalar<Complex = Complex64>,
{
    check_finite(a)?;
    if a.is_empty() {
        return Ok((Vec::new(), Array2::default((0, 0))));
    }
    let parts = a.eig();
    let (values, vectors) = parts.map_err(|e| failed("an eigenvalue decomposition", e))?;
    Ok((values.to_vec(), by_rows(vectors)))
}

#[cfg(test)]
mod tests {
    use crate::linalg::dense::Lapack;
    use ndarray::Array2;
    use num_complex::Complex64;

    fn check<T: Lapack>(a: &Array2<T>) -> Vec<Complex64> {
        let (values, vectors) = T::eigen_general(a).unwrap();
        let a = a.mapv(|x| x.complex());
        let image = a.dot(&vectors);
        for (k, value) in values.iter().enumerate() {
            let off = |i: usize| (image[(i, k)] - vectors[(i, k)] * value).norm();
            assert!((0..a.nrows()).all(|i| off(i) < 1e-12));
        }
        values
    }

    #[test]
    fn eigenvectors_are_columns() {
        let n = 12;
        let wave = |i: usize, j: usize| Complex64::cis((1 + 2 * i + 3 * j * j) as f64);
        let a = Array2::from_shape_fn((n, n), |(i, j)| wave(i, j));
        check(&a);
        check(&a.mapv(|z| z.re));
        // A rotation by a right angle: ±i.
        let values = check(&ndarray::array![[0.0, -1.0], [1.0, 0.0]]);
        assert!(
            values
                .iter()
                .all(|v| v.re.abs() < 1e-15 && (v.im.abs() - 1.0).abs() < 1e-15)
        );
        assert!(f64::eigen_general(&ndarray::array![[f64::NAN]]).is_err());
    }
}
