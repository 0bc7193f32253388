//! Decides what log-derivatives are to a solver: a (real-)linear operator from parameters to samples.
//!
//! (O v)_s = Σ_k O_k(x_s) v_k and (O^H w)_k = Σ_s O_k(x_s)* w_s, with O_k(x) = ∂ ln ψ(x)/∂θ_k.

use ndarray::Array2;
use num_complex::Complex64;

/// What an entry of the parameter vector is and how solvers have to treat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real parameters, real derivatives.
    Real,
    /// Real parameters, complex derivatives: real and imaginary parts are stacked.
    Stacked,
    /// Complex parameters of a holomorphic ln ψ: one complex column for each pair (re, im) of the flat vector.
    Holomorphic,
}

/// Rows are samples, columns are parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix {
    /// For [`Kind::Real`].
    Real(Array2<f64>),
    /// For [`Kind::Stacked`] and [`Kind::Holomorphic`].
    Complex(Array2<Complex64>),
}

/// The log-derivatives of a batch, not centred.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// How to treat them.
    pub kind: Kind,
    /// The rows.
    pub matrix: Matrix,
}

impl Derivatives {
    /// Number of samples (rows).
    pub fn samples(&self) -> usize {
        match &self.matrix {
            Matrix::Real(m) => m.nrows(),
            Matrix::Complex(m) => m.nrows(),
        }
    }
    /// Number of columns: real parameters, or complex ones where holomorphic.
    pub fn columns(&self) -> usize {
        match &self.matrix {
            Matrix::Real(m) => m.ncols(),
            Matrix::Complex(m) => m.ncols(),
        }
    }
}
