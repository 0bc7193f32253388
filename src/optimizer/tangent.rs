//! Decides the matrices of H and of overlaps between ψ and its derivatives, summed over samples.
//!
//! In the basis {ψ, (O_k − ⟨O_k⟩) ψ}, with dO_k = O_k − ⟨O_k⟩ and the local value of H on a
//! derivative, G_l(x) = Σ_x' H_xx' ψ(x')/ψ(x) (O_l(x') − ⟨O_l⟩):
//! ```text
//! overlaps 1, S_kl = ⟨dO_k* dO_l⟩     H_00 = ⟨E_loc⟩   H_k0 = ⟨dO_k* E_loc⟩
//!                                     H_0l = ⟨G_l⟩     H_kl = ⟨dO_k* G_l⟩
//! ```
//! (M. P. Nightingale, V. Melik-Alaverdian, PRL 87, 043401 (2001).) This estimate of H is not
//! symmetric: where some combination of the basis is an eigenstate, any samples give it without an
//! error. Energies count from ⟨E_loc⟩: H stands for H − Re⟨E_loc⟩, and H_00 = 0. Of real parameters
//! these are the real parts, from stacked rows.

use super::Residuals;
use super::least_squares::LeastSquares;
use super::parameter_space;
use crate::comm::Comm;
use crate::derivatives::{Kind, Matrix, MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::linalg::products::Op;
use ndarray::{Array2, ArrayViewMut1, s};
use num_complex::Complex64;
use std::ops::Range;

/// The matrices, complete on rank 0.
pub struct Tangent<T> {
    /// S, its upper triangle.
    pub overlap: Array2<T>,
    /// H_k0.
    pub force: Vec<T>,
    /// H_0l, and below it H_kl.
    pub hamiltonian: Array2<T>,
    /// Root of the variance of the local energies, of their real part where derivatives are real.
    pub spread: f64,
}

/// The matrices of a problem that knows ⟨O⟩, from its data and the local derivatives
/// Σ_x' H_xx' ψ(x')/ψ(x) O_l(x').
pub fn assemble<T: MatrixNumber>(
    problem: &LeastSquares,
    data: &Residuals,
    local: &Matrix,
    comm: &dyn Comm,
) -> Result<Tangent<T>> {
    let (samples, columns) = (problem.derivatives.samples(), problem.derivatives.columns());
    if local.dim() != (samples, columns) {
        return Err(Error::numerical(
            format!(
                "local derivatives of shape {:?} do not fit the others",
                local.dim()
            ),
            "give one row per sample and one column per parameter",
        ));
    }
    let (overlap, force) = parameter_space::assemble::<T>(problem, &problem.target, comm)?;
    let mut hamiltonian = Array2::from_elem((columns + 1, columns), T::zero());
    let stack = problem.kind().stack();
    let portion = (PORTION / (columns * stack * T::PARTS).max(1)).max(1);
    let means = problem.means();
    for start in (0..samples).step_by(portion) {
        let range = start..samples.min(start + portion);
        let rows: Array2<T> = problem.rows(range.clone());
        let images = images(problem, data, (local, &means), &rows, range.clone());
        for (r, image) in images.rows().into_iter().enumerate().step_by(stack) {
            let root = T::from_re(problem.roots[range.start + r / stack]);
            let sum = hamiltonian.row_mut(0).into_iter();
            sum.zip(image).for_each(|(h, g)| *h += root * *g);
        }
        T::gemm(
            T::one(),
            rows.view(),
            Op::Adjoint,
            images.view(),
            Op::Same,
            T::one(),
            hamiltonian.slice_mut(s![1.., ..]),
        );
    }
    let mut square = [problem.target.iter().map(|e| e * e).sum::<f64>()];
    if comm.size() > 1 {
        comm.sum_on_root(&mut square)?;
        let numbers = hamiltonian.as_slice_mut().unwrap_or_default();
        for part in T::reals_mut(numbers).chunks_mut(PORTION) {
            comm.sum_on_root(part)?;
        }
    }
    Ok(Tangent {
        overlap,
        force,
        hamiltonian,
        spread: square[0].sqrt(),
    })
}

/// √w ∘ G of some samples, from the local derivatives and ⟨O⟩; `rows` are √w ∘ dO of the same.
fn images<T: MatrixNumber>(
    problem: &LeastSquares,
    data: &Residuals,
    (local, means): (&Matrix, &[Complex64]),
    rows: &Array2<T>,
    samples: Range<usize>,
) -> Array2<T> {
    let energy = T::from_re(problem.residual_mean.re);
    let mut out = rows.mapv(|o| -(energy * o));
    let stacked = problem.kind() == Kind::Stacked;
    for (r, s) in samples.enumerate() {
        let (root, own) = (problem.roots[s], data.residual[s]);
        let image = |l: usize| (local.get(s, l) - means[l] * own) * root;
        let add = |mut row: ArrayViewMut1<T>, part: &dyn Fn(Complex64) -> T| {
            let numbers = row.iter_mut().enumerate();
            numbers.for_each(|(l, g)| *g += part(image(l)));
        };
        if stacked {
            add(out.row_mut(2 * r), &|z| T::from_re(z.re));
            add(out.row_mut(2 * r + 1), &|z| T::from_re(z.im));
        } else {
            add(out.row_mut(r), &T::from_complex);
        }
    }
    out
}
