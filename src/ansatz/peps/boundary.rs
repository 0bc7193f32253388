//! Decides how rows of the network become a matrix product state of bounded bond dimension.
//!
//! A row acts on the state of the rows before it. Gram–Schmidt from the left makes the product
//! left-orthonormal; from the right, each bond keeps the largest singular values, whose discarded
//! weight is then that of the whole state. (F. Verstraete, J. I. Cirac, arXiv:cond-mat/0407066
//! (2004); U. Schollwöck, Ann. Phys. 326, 96 (2011), section 4.5.)

use super::network::{BoundaryTensor, SiteTensor, Way, cross, enter, normalise};
use crate::ansatz::field::Field;
use crate::linalg::rotations::{OrthonormalRows, add, inner, leading, orthonormal};
use crate::linalg::simd::{Simd, compiled_for_each_set};
use crate::number::larger;

/// A matrix product state over the vertical legs of a row, times e^log.
#[derive(Debug, Clone)]
pub struct BoundaryState<T> {
    /// One tensor per column.
    pub tensors: Vec<BoundaryTensor<T>>,
    /// Logarithm of the factor in front.
    pub log: f64,
    /// The largest relative weight that was thrown away for it.
    pub discarded: f64,
}

impl<T: Field> BoundaryState<T> {
    /// The outside of the lattice.
    pub fn edge(columns: usize) -> Self {
        let one = BoundaryTensor::new([1, 1, 1], vec![T::from_re(1.0)]);
        BoundaryState {
            tensors: vec![one; columns],
            log: 0.0,
            discarded: 0.0,
        }
    }

    /// The state after one more row, whose legs down meet this state, with bonds of at most `most`.
    pub fn absorb(&self, row: &[SiteTensor<T>], most: usize) -> Self {
        absorb(Simd::chosen(), self, row, most)
    }
}

compiled_for_each_set! {
    fn absorb<T: Field>(
        boundary: &BoundaryState<T>,
        row: &[SiteTensor<T>],
        most: usize,
    ) -> BoundaryState<T> = absorb_by
}

#[inline(always)]
fn absorb_by<T: Field, const SET: u8>(
    boundary: &BoundaryState<T>,
    row: &[SiteTensor<T>],
    most: usize,
) -> BoundaryState<T> {
    let mut log = boundary.log;
    let mut carried = vec![T::from_re(1.0)];
    let mut parts: Vec<(OrthonormalRows<T>, usize)> = Vec::with_capacity(row.len());
    for (tensor, site) in boundary.tensors.iter().zip(row) {
        let entered = enter(&carried, tensor, Way::Right);
        let [_, right, _, up] = site.extents();
        let crossed = cross(&entered, site, tensor.shape[2]);
        let length = crossed.len() / (tensor.shape[2] * right);
        let part = orthonormal(&crossed, length);
        carried.clone_from(&part.coefficients);
        log += normalise(&mut carried);
        parts.push((part, up));
    }
    let (mut tensors, mut discarded) = (Vec::with_capacity(row.len()), boundary.discarded);
    for (part, up) in parts.iter().rev() {
        let (whole, bond) = times(part, *up, &carried);
        let length = whole.len() / bond;
        let (rows, rank) = if bond <= most {
            let kept = orthonormal(&whole, length);
            (kept.rows, kept.rank)
        } else {
            let kept = leading(whole.clone(), length, most);
            discarded = larger(discarded, kept.discarded);
            (kept.rows, kept.rank)
        };
        carried = Vec::with_capacity(bond * rank);
        for row in whole.chunks_exact(length) {
            carried.extend(rows.chunks_exact(length).map(|kept| inner(kept, row)));
        }
        log += normalise(&mut carried);
        tensors.push(BoundaryTensor::new([rank, *up, length / up], rows));
    }
    tensors.reverse();
    // One number is left, of modulus 1, or 0.
    let last = &mut tensors[0];
    let numbers = last.turned_by(carried[0]);
    *last = BoundaryTensor::new(last.shape, numbers);
    BoundaryState {
        tensors,
        log,
        discarded,
    }
}

/// W[left, up, right] = Σ_m Q_m[up, left] K[m, right], with the extent of left.
#[inline(always)]
fn times<T: Field>(part: &OrthonormalRows<T>, up: usize, carried: &[T]) -> (Vec<T>, usize) {
    let (rank, right) = (part.rank, carried.len() / part.rank);
    let left = part.rows.len() / rank / up;
    let mut whole = vec![T::default(); left * up * right];
    for (row, carried) in part
        .rows
        .chunks_exact(up * left)
        .zip(carried.chunks_exact(right))
    {
        for (k, &q) in row.iter().enumerate() {
            let at = (k % left * up + k / left) * right;
            add(&mut whole[at..at + right], q, carried);
        }
    }
    (whole, left)
}
