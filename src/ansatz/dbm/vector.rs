//! Decides how gates act on a state vector: one amplitude for each configuration of a basis of
//! spins one half.
//!
//! Of an exchange gate, parallel spins keep e^{−t J_z}, antiparallel ones e^{t J_z} cosh 2tJ_xy,
//! and e^{t J_z} sinh 2tJ_xy comes from the configuration with both turned.

use super::network::DeepNetwork;
use crate::basis::{Basis, StateIndex};
use crate::error::{Error, Result};
use crate::worldlines::circuit::Gate;
use num_complex::Complex64;
use std::sync::Arc;

/// The amplitudes ψ(x) = e^{log_scale} × `amplitudes`.
#[derive(Debug, Clone)]
pub struct StateVector {
    index: Arc<StateIndex>,
    /// In the order of the numbers of the basis.
    pub amplitudes: Vec<Complex64>,
    /// What has been divided out.
    pub log_scale: f64,
}

impl StateVector {
    /// The amplitudes of a network without deep units on all configurations of a basis.
    ///
    /// Fails where the basis has too many configurations, or other sites than spins one half.
    pub fn of_network(basis: &Basis, network: &DeepNetwork) -> Result<Self> {
        let index = StateIndex::new(basis)?;
        let all = 0..index.dimension();
        let spins = |k: usize| index.spins(index.state(k));
        let amplitudes = match network.b.is_empty() && network.a.iter().all(|a| a.norm() == 0.0) {
            true => vec![Complex64::ONE; index.dimension()],
            false => all.map(|k| network.amplitude(&spins(k))).collect(),
        };
        let mut vector = StateVector {
            index: Arc::new(index),
            amplitudes,
            log_scale: 0.0,
        };
        vector.normalise()?;
        Ok(vector)
    }

    /// The spins of configuration number `k`.
    pub fn spins(&self, k: usize) -> Vec<i8> {
        self.index.spins(self.index.state(k))
    }

    /// Applies a gate, which keeps the sector.
    pub fn apply(&mut self, gate: &Gate) {
        match *gate {
            Gate::Pair { l, m, x } => {
                let mask = 1u64 << l | 1 << m;
                let weights = [x.exp(), (-x).exp()];
                self.weigh(|word| weights[(word & mask).count_ones() as usize % 2]);
            }
            Gate::Field { l, z } => {
                let weights = [(-z).exp(), z.exp()];
                self.weigh(|word| weights[(word >> l & 1) as usize]);
            }
            Gate::Flip { l, y } => self.mix(1 << l, 0, y.cosh(), y.sinh()),
            Gate::Exchange { l, m, t, jz, jxy } => {
                let mask = 1u64 << l | 1 << m;
                let parallel = (-t * jz).exp();
                self.weigh(|word| match (word & mask).count_ones() {
                    1 => 1.0,
                    _ => parallel,
                });
                let scale = (t * jz).exp();
                let (kept, swapped) = ((2.0 * t * jxy).cosh(), (2.0 * t * jxy).sinh());
                self.mix(mask, 1 << l, scale * kept, scale * swapped);
            }
        }
    }

    fn weigh(&mut self, weight: impl Fn(u64) -> f64) {
        for (k, amplitude) in self.amplitudes.iter_mut().enumerate() {
            *amplitude *= weight(self.index.state(k));
        }
    }

    /// Mixes configurations whose bits in `mask` are `pattern` with those that have them turned.
    fn mix(&mut self, mask: u64, pattern: u64, kept: f64, turned: f64) {
        for k in 0..self.amplitudes.len() {
            let word = self.index.state(k);
            if word & mask != pattern {
                continue;
            }
            let other = self.index.index(word ^ mask);
            let (a, b) = (self.amplitudes[k], self.amplitudes[other]);
            self.amplitudes[k] = kept * a + turned * b;
            self.amplitudes[other] = kept * b + turned * a;
        }
    }

    /// Divides by the norm; fails where it is 0 or not finite.
    pub fn normalise(&mut self) -> Result<()> {
        let norm = self
            .amplitudes
            .iter()
            .map(Complex64::norm_sqr)
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 || !norm.is_finite() {
            return Err(Error::numerical(
                format!("the norm of the state vector is {norm}"),
                "use a shorter step, or start from smaller parameters",
            ));
        }
        self.amplitudes.iter_mut().for_each(|z| *z /= norm);
        self.log_scale += norm.ln();
        Ok(())
    }
}
