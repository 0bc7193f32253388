//! Decides how dense Hermitian systems are solved: Cholesky and eigen-decomposition by LAPACK.

use super::vectors::Element;
use crate::error::{Error, Result};
use crate::scalar::Scalar;
use ndarray::{Array1, Array2};
use ndarray_linalg::{FactorizeC, SolveC, UPLO};
use num_complex::Complex64;

/// The LAPACK routines that solvers use, for both number types.
pub trait Lapack: Scalar {
    /// Solves A x = b for Hermitian positive definite A; an error where A is not, or the result is not finite.
    fn solve_positive(a: &Array2<Self>, b: &Array1<Self>) -> Result<Array1<Self>>;
    /// Eigenvalues in increasing order and eigenvectors as columns of a Hermitian matrix.
    fn eigh(a: &Array2<Self>) -> Result<(Array1<f64>, Array2<Self>)>;
}

fn failed(what: &str, e: &dyn std::fmt::Display) -> Error {
    Error::numerical(format!("{what}: {e}"), "raise optimize.shift or lower optimize.learning_rate")
}

macro_rules! lapack {
    ($scalar:ty) => {
        impl Lapack for $scalar {
            fn solve_positive(a: &Array2<Self>, b: &Array1<Self>) -> Result<Array1<Self>> {
                if b.is_empty() {
                    return Ok(b.clone());
                }
                let factor = a.factorizec(UPLO::Lower).map_err(|e| failed("Cholesky factorisation", &e))?;
                let x = factor.solvec(b).map_err(|e| failed("triangular solve", &e))?;
                if x.iter().all(|v| Scalar::is_finite(*v)) {
                    Ok(x)
                } else {
                    Err(Error::numerical("the solution of a linear system is not finite", "raise optimize.shift"))
                }
            }
            fn eigh(a: &Array2<Self>) -> Result<(Array1<f64>, Array2<Self>)> {
                if a.iter().any(|v| !Scalar::is_finite(*v)) {
                    return Err(Error::numerical("a matrix has entries that are not finite", "check the samples"));
                }
                let (values, vectors) = <Self as Element>::eigh(a)?;
                Ok((Array1::from(values), vectors))
            }
        }
    };
}
lapack!(f64);
lapack!(Complex64);

/// A^H B.
pub fn adjoint_times<T: Scalar>(a: &Array2<T>, b: &Array2<T>) -> Array2<T> {
    if T::PARTS == 1 { a.t().dot(b) } else { a.t().mapv(Scalar::conj).dot(b) }
}

/// A^H x.
pub fn adjoint_times_vector<T: Scalar>(a: &Array2<T>, x: &Array1<T>) -> Array1<T> {
    // (A^H x)* = A^T x*: one pass without a copy of A.
    a.t().dot(&x.mapv(Scalar::conj)).mapv_into(Scalar::conj)
}
