//! Decides how the log-derivatives of a machine on sites of any values are handed over: in factors,
//! or tied.
//!
//! ∂ ln ψ/∂A_ik = f_k(x_i), ∂ ln ψ/∂b_j = t_j, ∂ ln ψ/∂W_ikj = f_k(x_i) t_j with t = tanh θ; tied,
//! sums of these over the group.

use super::{Inputs, ValueRbm};
use crate::ansatz::rbm::kernel::Kernel;
use crate::ansatz::rbm::machine::Machine;
use crate::ansatz::rbm::slopes::number;
use crate::ansatz::rbm::walkers::{self, RbmBatch};
use crate::ansatz::{Columns, Derivatives, Matrix};
use ndarray::Array2;
use std::sync::Arc;

impl<T: Kernel> ValueRbm<T> {
    /// O_k of every walker.
    pub(super) fn log_derivatives(&self, batch: &RbmBatch) -> Derivatives {
        match &self.shape.group {
            None => self.untied(batch),
            Some(_) => self.tied(batch),
        }
    }

    /// Features of all walkers: one-hot as one matrix, polynomial ones as one matrix each.
    fn feature_blocks(&self, batch: &RbmBatch) -> Vec<Array2<f64>> {
        let (n, count) = (self.shape.sites, self.features_per_site());
        let (walkers, place) = (batch.walkers(), |s: usize, i: usize| {
            self.place(batch.x[s * n + i])
        });
        match self.shape.inputs {
            Inputs::OneHot => vec![Array2::from_shape_fn((walkers, n * count), |(s, at)| {
                self.features[(place(s, at / count), at % count)]
            })],
            Inputs::Polynomial => (0..count)
                .map(|k| {
                    Array2::from_shape_fn((walkers, n), |(s, i)| self.features[(place(s, i), k)])
                })
                .collect(),
        }
    }

    fn untied(&self, batch: &RbmBatch) -> Derivatives {
        let (walkers, m) = (batch.walkers(), self.units);
        let mut tanh = Array2::from_elem((walkers, m), T::new(0.0, 0.0));
        let mut flat = vec![0.0; T::PARTS * m];
        for (s, mut row) in tanh.outer_iter_mut().enumerate() {
            walkers::tanh(self, batch, s, &mut flat);
            row.iter_mut()
                .enumerate()
                .for_each(|(j, t)| *t = number(&flat, j, m));
        }
        let features = self.feature_blocks(batch).into_iter();
        let features: Vec<_> = features.map(|f| Arc::new(Matrix::Real(f))).collect();
        let tanh = Arc::new(T::matrix(tanh));
        let dense = |f: &Arc<Matrix>| Columns::Dense(f.clone());
        let visible = features
            .iter()
            .filter(|_| self.shape.visible_bias)
            .map(dense);
        let hidden = self.shape.hidden_bias.then(|| dense(&tanh));
        let weights = features
            .iter()
            .map(|f| Columns::Outer(f.clone(), tanh.clone()));
        let blocks = visible.chain(hidden).chain(weights).collect();
        Derivatives::new(T::kind(), walkers, blocks)
    }

    fn tied(&self, batch: &RbmBatch) -> Derivatives {
        let (n, m, count) = (self.shape.sites, self.units, self.features_per_site());
        let [a, b, w] = self.counts();
        let mut rows = Array2::from_elem((batch.walkers(), a + b + w), T::new(0.0, 0.0));
        let (mut flat, mut inputs) = (vec![0.0; T::PARTS * m], vec![0.0; n * count]);
        for (s, mut row) in rows.outer_iter_mut().enumerate() {
            self.write_inputs(&batch.x[s * n..(s + 1) * n], &mut inputs);
            for site in 0..if a > 0 { n } else { 0 } {
                for k in 0..count {
                    let place = self.bias_place(self.orbit[site], k);
                    row[place] += T::new(inputs[site * count + k], 0.0);
                }
            }
            walkers::tanh(self, batch, s, &mut flat);
            for unit in 0..if b > 0 { m } else { 0 } {
                row[a + unit / self.shape.repeats()] += number::<T>(&flat, unit, m);
            }
            self.each_weight(|site, k, unit, place| {
                let input = inputs[site * count + k];
                if input != 0.0 {
                    row[a + b + place] += number::<T>(&flat, unit, m) * input;
                }
            });
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
}
