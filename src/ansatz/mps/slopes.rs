//! Decides how log-derivatives follow from the environments of a walker: as outer products of an
//! open state, otherwise written out.

use super::tensors::power_of_two;
use super::{Mps, MpsBatch};
use crate::ansatz::Columns;
use crate::ansatz::field::Field;
use crate::linalg::dense::Lapack;
use ndarray::Array2;
use std::sync::Arc;

impl<T: Field + Lapack> Mps<T> {
    /// Whether log-derivatives are kept as products of L_i and R_{i+1}.
    pub(super) fn factored(&self) -> bool {
        self.shape().outer() == 1 && !self.shape().uniform
    }

    /// Numbers of the log-derivatives of a walker.
    pub(super) fn slopes(&self) -> usize {
        let shape = self.shape();
        let size = |i| {
            let [count, rows, columns] = shape.tensor(i);
            count * rows + columns
        };
        match self.factored() {
            true => (0..shape.sites()).map(size).sum(),
            false => shape.numbers(),
        }
    }

    /// The factor on L_i and R_{i+1} of walker `k` in ∂ ln ψ/∂A_i; 0 where ψ is 0.
    pub(super) fn weight(&self, batch: &MpsBatch<T>, k: usize, i: usize) -> T {
        let start = k * (self.shape().sites() + 1);
        let (psi, exponent) = self.psi(batch, k);
        if psi == T::zero() {
            return T::zero();
        }
        let own = batch.left_exponents[start + i] + batch.right_exponents[start + i + 1];
        psi.inverse() * power_of_two(own - exponent)
    }

    /// Log-derivatives by the tensor of position `i` of an open state: L_i ⊗ R_{i+1}.
    pub(super) fn factors(&self, batch: &MpsBatch<T>, i: usize) -> Columns {
        let n = self.shape().sites();
        let [count, rows, columns] = self.shape().tensor(i);
        let walkers = batch.places.len() / n;
        let mut left = Array2::from_elem((walkers, count * rows), T::zero());
        let mut right = Array2::from_elem((walkers, columns), T::zero());
        for k in 0..walkers {
            let weight = self.weight(batch, k, i);
            let start = usize::from(batch.places[k * n + i]) * rows;
            let own = batch.left[self.bond(k, i)].iter().enumerate();
            own.for_each(|(a, &x)| left[(k, start + a)] = x * weight);
            let own = batch.right[self.bond(k, i + 1)].iter().enumerate();
            own.for_each(|(b, &x)| right[(k, b)] = x);
        }
        Columns::Outer(Arc::new(T::matrix(left)), Arc::new(T::matrix(right)))
    }

    /// Log-derivatives of walker `k`, written out.
    pub(super) fn written(&self, batch: &MpsBatch<T>, k: usize, out: &mut [T]) {
        let n = self.shape().sites();
        for i in 0..n {
            let weight = self.weight(batch, k, i);
            let [_, rows, columns] = self.shape().tensor(i);
            let start = self.tensors.start(i, batch.places[k * n + i].into());
            let out = &mut out[start..start + rows * columns];
            let left = batch.left[self.bond(k, i)].chunks_exact(rows);
            let right = batch.right[self.bond(k, i + 1)].chunks_exact(columns);
            for (left, right) in left.zip(right) {
                for (&x, out) in left.iter().zip(out.chunks_exact_mut(columns)) {
                    let x = x * weight;
                    out.iter_mut()
                        .zip(right)
                        .for_each(|(out, &y)| *out += x * y);
                }
            }
        }
    }
}
