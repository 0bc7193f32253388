//! Decides the least-squares problem that every stochastic-reconfiguration solver shares.
//!
//! Ō_{sk} = √w_s (O_k(x_s) − ⟨O_k⟩), ε_s = √w_s (E_loc(x_s) − ⟨E_loc⟩): S = Ō^H Ō, F = Ō^H ε. Real parameters with complex
//! derivatives are stacked, Ō → [Re Ō; Im Ō], ε → [Re ε; Im ε], which gives Re S and Re F.

use super::StepData;
use crate::ansatz::{Kind, Matrix};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::scalar::{Scalar, flatten};
use ndarray::{Array1, Array2, Axis, concatenate};
use num_complex::Complex64;

/// This rank's rows of Ō and ε.
#[derive(Debug, Clone)]
pub struct LeastSquares<T> {
    /// Ō, rows × columns.
    pub matrix: Array2<T>,
    /// ε, one per row.
    pub target: Array1<T>,
}

/// Real or complex, as the derivatives demand.
pub enum AnyLeastSquares {
    /// Real parameters.
    Real(LeastSquares<f64>),
    /// Complex parameters of a holomorphic ln ψ.
    Complex(LeastSquares<Complex64>),
}

/// Weighted mean of the rows over all ranks.
fn mean_row<T: Scalar>(matrix: &Array2<T>, weights: &[f64], comm: &dyn Comm) -> Result<Array1<T>> {
    let weights = Array1::from_iter(weights.iter().map(|&w| T::from_re(w)));
    let mut parts = flatten(matrix.t().dot(&weights));
    comm.sum(&mut parts)?;
    Ok(Array1::from_iter(parts.chunks_exact(T::PARTS).map(T::from_parts)))
}

fn centre<T: Scalar>(matrix: &Array2<T>, weights: &[f64], comm: &dyn Comm) -> Result<Array2<T>> {
    let mean = mean_row(matrix, weights, comm)?;
    let mut centred = matrix - &mean;
    for (mut row, w) in centred.axis_iter_mut(Axis(0)).zip(weights) {
        let root = T::from_re(w.sqrt());
        row.mapv_inplace(|v| v * root);
    }
    Ok(centred)
}

/// Builds this rank's part; an error on every rank where any number of any rank is not finite.
pub fn assemble(data: &StepData, comm: &dyn Comm) -> Result<AnyLeastSquares> {
    let derivatives = data.derivatives.written_out();
    let finite = data.local_energies.iter().all(|e| Scalar::is_finite(*e))
        && match &derivatives {
            Matrix::Real(m) => m.iter().all(|v| Scalar::is_finite(*v)),
            Matrix::Complex(m) => m.iter().all(|v| Scalar::is_finite(*v)),
        };
    let mut bad = [f64::from(u8::from(!finite))];
    comm.max(&mut bad)?;
    if bad[0] > 0.0 {
        return Err(Error::numerical(
            "log-derivatives or local energies are not finite",
            "lower optimize.learning_rate or raise optimize.shift",
        ));
    }
    let mut mean = [0.0, 0.0];
    for (e, w) in data.local_energies.iter().zip(data.weights) {
        mean[0] += w * e.re;
        mean[1] += w * e.im;
    }
    comm.sum(&mut mean)?;
    let mean = Complex64::new(mean[0], mean[1]);
    let target: Array1<Complex64> =
        data.local_energies.iter().zip(data.weights).map(|(e, w)| (e - mean) * w.sqrt()).collect();
    let real = || target.mapv(|e| e.re);
    Ok(match (&derivatives, data.derivatives.kind) {
        (Matrix::Real(m), _) => {
            AnyLeastSquares::Real(LeastSquares { matrix: centre(m, data.weights, comm)?, target: real() })
        }
        (Matrix::Complex(m), Kind::Holomorphic) => {
            AnyLeastSquares::Complex(LeastSquares { matrix: centre(m, data.weights, comm)?, target })
        }
        (Matrix::Complex(m), _) => {
            let centred = centre(m, data.weights, comm)?;
            let (re, im) = (centred.mapv(|v| v.re), centred.mapv(|v| v.im));
            let stack = |a, b| concatenate(Axis(0), &[a, b]).map_err(|e| Error::numerical(e.to_string(), "report it"));
            let matrix = stack(re.view(), im.view())?;
            let target = Array1::from_iter(real().into_iter().chain(target.iter().map(|e| e.im)));
            AnyLeastSquares::Real(LeastSquares { matrix, target })
        }
    })
}
