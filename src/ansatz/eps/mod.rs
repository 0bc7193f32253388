//! Decides the entangled-plaquette state: a factor for every cluster of sites, free for each of its
//! configurations.
//!
//! ln ψ(x) = Σ_P c_P[k_P(x)] with the number k_P of clusters.rs, so O_{P,k} = δ_{k,k_P}, or the
//! number of clusters in state k where all share one table. A move changes the terms of the
//! clusters that hold its sites. (H. J. Changlani et al., Phys. Rev. B 80, 245116 (2009); F.
//! Mezzacapo et al., New J. Phys. 11, 083026 (2009).)

mod clusters;
mod factory;
#[cfg(test)]
mod tests;

pub use clusters::{PlaquetteClusters, blocks, images};
pub use factory::{build, schema};

use super::field::{Field, check_length, flatten, gaussian, ratio_from_log, reduce, unflatten};
use super::{Ansatz, AnsatzFacts, Asks, Block, Columns, DOUBLE, Derivatives, Matrix, Move};
use crate::error::Result;
use crate::rng::Origin;
use ndarray::Array2;
use num_complex::Complex64;
use std::sync::Arc;

/// An entangled-plaquette state with real or complex coefficients.
#[derive(Debug, Clone)]
pub struct Plaquettes<T> {
    clusters: PlaquetteClusters,
    /// c_P[k], table after table.
    c: Vec<T>,
}

/// Walkers and the number of every cluster of theirs.
#[derive(Debug, Clone)]
pub struct PlaquetteBatch {
    xs: Vec<i8>,
    numbers: Vec<u32>,
    log_psi: Vec<Complex64>,
}

impl<T: Field> Plaquettes<T> {
    /// Gaussian coefficients with standard deviation `init`.
    pub fn new(clusters: PlaquetteClusters, init: f64, seed: impl Into<Origin>) -> Self {
        let tables = if clusters.tied() { 1 } else { clusters.count() };
        let count = tables * clusters.states();
        let c = gaussian(count, init, &mut seed.into().parameters());
        Plaquettes { clusters, c }
    }

    /// ln ψ(x') − ln ψ(x) of walker `k`.
    #[inline]
    fn change(
        &self,
        batch: &PlaquetteBatch,
        k: usize,
        step: Move,
        room: &mut Vec<(u32, u32)>,
    ) -> T {
        let (n, count) = (self.clusters.sites(), self.clusters.count());
        let x = &batch.xs[k * n..(k + 1) * n];
        let numbers = &batch.numbers[k * count..(k + 1) * count];
        let mut change = T::new(0.0, 0.0);
        self.clusters.touched(x, step, room, |p, bits| {
            let (table, number) = (&self.c[self.clusters.table(p)..], numbers[p]);
            change += table[(number ^ bits) as usize] - table[number as usize];
        });
        change
    }

    /// The low bits of a number as one factor of a column, and the high ones as the other.
    fn halves(&self, batch: &PlaquetteBatch, p: usize) -> Columns {
        let (count, samples) = (self.clusters.count(), batch.log_psi.len());
        let low = self.clusters.length() / 2;
        let one_hot = |states: usize, of: &dyn Fn(u32) -> u32| {
            let mut rows = Array2::from_elem((samples, states), 0.0);
            for (s, numbers) in batch.numbers.chunks_exact(count).enumerate() {
                rows[(s, of(numbers[p]) as usize)] = 1.0;
            }
            Arc::new(Matrix::Real(rows))
        };
        let high = one_hot(1 << (self.clusters.length() - low), &|k| k >> low);
        Columns::Outer(high, one_hot(1 << low, &|k| k & ((1 << low) - 1)))
    }

    /// How many clusters are in each state.
    fn counts(&self, batch: &PlaquetteBatch) -> Columns {
        let shape = (batch.log_psi.len(), self.clusters.states());
        let mut rows = Array2::from_elem(shape, 0.0);
        let numbers = batch.numbers.chunks_exact(self.clusters.count());
        for (numbers, mut row) in numbers.zip(rows.outer_iter_mut()) {
            numbers.iter().for_each(|&k| row[k as usize] += 1.0);
        }
        Columns::Dense(Arc::new(Matrix::Real(rows)))
    }
}

impl<T: Field> Ansatz for Plaquettes<T> {
    type Batch = PlaquetteBatch;
    /// PlaquetteClusters and bits of a move of many sites.
    type Scratch = Vec<(u32, u32)>;

    fn sites(&self) -> usize {
        self.clusters.sites()
    }
    fn layout(&self) -> Vec<Block> {
        let states = self.clusters.states();
        let shape = match self.clusters.tied() {
            true => vec![states],
            false => vec![self.clusters.count(), states],
        };
        vec![Block::new("C", shape, T::COMPLEX)]
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.c.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.c.len())?;
        self.c = unflatten(parameters);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let (count, length) = (self.clusters.count(), self.clusters.length());
        let numbers = self.clusters.sites() + count * size_of::<u32>();
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: !T::COMPLEX,
            bytes_per_walker: numbers + size_of::<Complex64>(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 20.0 + 3.0 * (count * length) as f64 / self.clusters.sites() as f64,
        }
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let count = self.clusters.count();
        let walkers = xs.len() / self.clusters.sites();
        let mut numbers = Vec::with_capacity(walkers * count);
        for x in xs.chunks_exact(self.clusters.sites()) {
            self.clusters.number(x, &mut numbers);
        }
        let log = |numbers: &[u32]| {
            let mut sum = T::new(0.0, 0.0);
            for (p, &k) in numbers.iter().enumerate() {
                sum += self.c[self.clusters.table(p) + k as usize];
            }
            reduce(sum.complex())
        };
        let log_psi = numbers.chunks_exact(count).map(log).collect();
        PlaquetteBatch {
            xs: xs.to_vec(),
            numbers,
            log_psi,
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.log_psi.clone()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for ((k, step), out) in asks.iter().zip(out) {
            *out = ratio_from_log(self.change(batch, k, step, scratch).complex());
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let (n, count) = (self.clusters.sites(), self.clusters.count());
        for (k, step) in asks.taken(taken) {
            let change = self.change(batch, k, step, scratch).complex();
            batch.log_psi[k] = reduce(batch.log_psi[k] + change);
            let x = &mut batch.xs[k * n..(k + 1) * n];
            let numbers = &mut batch.numbers[k * count..(k + 1) * count];
            let touched = |p: usize, bits| numbers[p] ^= bits;
            self.clusters.touched(x, step, scratch, touched);
            step.apply(x);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let blocks = match self.clusters.tied() {
            true => vec![self.counts(batch)],
            false => {
                let clusters = 0..self.clusters.count();
                clusters.map(|p| self.halves(batch, p)).collect()
            }
        };
        Derivatives::new(T::kind(), batch.log_psi.len(), blocks)
    }
}
