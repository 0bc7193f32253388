//! Decides how the log-derivatives of a restricted Boltzmann machine are handed over: in factors,
//! or tied.
//!
//! ∂ ln ψ/∂a_i = σ_i, ∂ ln ψ/∂b_j = t_j, ∂ ln ψ/∂W_ij = σ_i t_j with t = tanh θ =
//! r − p. Tied filters correlate t with the moved spins, ∂ ln ψ/∂W^f_j = Σ_g t_{f,g}
//! σ_{g(j)}: one small matrix product per walker.

use super::kernel::Kernel;
use super::walkers::{self, RbmBatch};
use super::{Rbm, Tie};
use crate::ansatz::{Columns, Derivatives, Matrix};
use crate::linalg::panels::Panels;
use ndarray::Array2;
use std::sync::Arc;

impl<T: Kernel> Rbm<T> {
    /// O_k of every walker.
    pub(super) fn log_derivatives(&self, batch: &RbmBatch) -> Derivatives {
        match &self.tie {
            None => self.untied(batch),
            Some(tie) => Derivatives::dense(T::kind(), T::matrix(self.tied(batch, tie))),
        }
    }

    fn untied(&self, batch: &RbmBatch) -> Derivatives {
        let (n, m, walkers) = (self.sites, self.hidden, batch.walkers());
        let mut tanh = Array2::from_elem((walkers, m), T::new(0.0, 0.0));
        let mut flat = vec![0.0; T::PARTS * m];
        for (k, mut row) in tanh.outer_iter_mut().enumerate() {
            walkers::tanh(self, batch, k, &mut flat);
            row.iter_mut()
                .enumerate()
                .for_each(|(j, t)| *t = number(&flat, j, m));
        }
        let spins = Array2::from_shape_fn((walkers, n), |(k, i)| f64::from(batch.x[k * n + i]));
        let (x, t) = (Arc::new(Matrix::Real(spins)), Arc::new(T::matrix(tanh)));
        let visible = (!self.a.is_empty()).then(|| Columns::Dense(x.clone()));
        let hidden = (!self.b.is_empty()).then(|| Columns::Dense(t.clone()));
        let blocks = visible
            .into_iter()
            .chain(hidden)
            .chain([self.of_weights(x, t)]);
        Derivatives::new(T::kind(), walkers, blocks.collect())
    }

    /// σ_i t_j of the weights that are parameters.
    fn of_weights(&self, x: Arc<Matrix>, t: Arc<Matrix>) -> Columns {
        let Some(inside) = &self.inside else {
            return Columns::Outer(x, t);
        };
        let (Matrix::Real(spins), m) = (&*x, self.hidden) else {
            unreachable!("spins are real")
        };
        let shape = (spins.nrows(), inside.len());
        let place = |k: usize, c: usize| ([k, inside[c] / m], [k, inside[c] % m]);
        Columns::Dense(Arc::new(match &*t {
            Matrix::Real(t) => Matrix::Real(Array2::from_shape_fn(shape, |(k, c)| {
                let (site, unit) = place(k, c);
                spins[site] * t[unit]
            })),
            Matrix::Complex(t) => Matrix::Complex(Array2::from_shape_fn(shape, |(k, c)| {
                let (site, unit) = place(k, c);
                t[unit] * spins[site]
            })),
            Matrix::Rounded(_) => unreachable!("slopes have double precision"),
        }))
    }

    fn tied(&self, batch: &RbmBatch, Tie { filters, group }: &Tie) -> Array2<T> {
        let (n, m, size) = (self.sites, self.hidden, group.permutations.len());
        let front = self.a.len() + self.b.len();
        let columns = front + self.free().count();
        let mut rows = Array2::from_elem((batch.walkers(), columns), T::new(0.0, 0.0));
        let mut moved = Panels::zeros(size, n);
        let places: Vec<u32> = group.permutations.iter().flatten().copied().collect();
        // One row of t per filter and part, the elements of the group along it.
        let mut tanh = vec![0.0; T::PARTS * m];
        let mut correlations = vec![0.0; T::PARTS * filters * moved.stride()];
        let mut spins = vec![0.0; n];
        for (k, mut row) in rows.outer_iter_mut().enumerate() {
            let x = &batch.x[k * n..(k + 1) * n];
            spins
                .iter_mut()
                .zip(x)
                .for_each(|(spin, &x)| *spin = f64::from(x));
            self.orbit
                .iter()
                .zip(&spins)
                .for_each(|(&o, &s)| row[o] += T::new(s, 0.0));
            walkers::tanh(self, batch, k, &mut tanh);
            moved.gather(&spins, &places);
            moved.multiply(self.simd, &tanh, size, &mut correlations);
            let Some(row) = row.as_slice_mut() else {
                unreachable!("rows of a new matrix are contiguous")
            };
            let (b, w) = row[self.a.len()..].split_at_mut(self.b.len());
            for (f, b) in b.iter_mut().enumerate() {
                (0..size).for_each(|g| *b += number(&tanh, f * size + g, m));
            }
            let stride = moved.stride();
            let own = |k: usize| number(&correlations[k / n * stride..], k % n, filters * stride);
            match &self.inside {
                None => w.iter_mut().enumerate().for_each(|(k, w)| *w = own(k)),
                Some(inside) => w.iter_mut().zip(&**inside).for_each(|(w, &k)| *w = own(k)),
            }
        }
        rows
    }
}

/// Number `j` of flat parts that stand `plane` apart.
pub(super) fn number<T: Kernel>(flat: &[f64], j: usize, plane: usize) -> T {
    T::new(flat[j], if T::COMPLEX { flat[plane + j] } else { 0.0 })
}
