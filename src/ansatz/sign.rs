//! Decides the sign rule: a fixed sign in front of a wave function.
//!
//! ψ(x) = (−1)^{n↑(A)} ψ₀(x), with n↑(A) the number of up spins on the sites of A (W.
//! Marshall, Proc. R. Soc. A 232, 48 (1955)). Ratios change sign with every site of A that flips;
//! log-derivatives stay as they are.

use super::field::reduce;
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, Erased};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::f64::consts::PI;

/// A wave function behind a sign rule.
#[derive(Debug)]
pub struct SignRule {
    inner: Erased,
    sublattice: Vec<bool>,
}

/// Tables of the wave function, and whether the sign of each walker is negative.
pub struct SignBatch {
    inner: <Erased as Ansatz>::Batch,
    negative: Vec<bool>,
}

impl SignRule {
    /// Puts the sign of `sublattice`, A as one flag per site, in front of `inner`.
    pub fn new(inner: Erased, sublattice: Vec<bool>) -> Result<Self> {
        if inner.sites() == sublattice.len() {
            return Ok(SignRule { inner, sublattice });
        }
        Err(Error::input(
            "hamiltonian.sign_rule",
            format!(
                "the sublattice has {} sites, the wave function has {}",
                sublattice.len(),
                inner.sites()
            ),
            "take both from one lattice",
        ))
    }

    fn changes(&self, sites: &[u32]) -> bool {
        sites
            .iter()
            .fold(false, |odd, &site| odd ^ self.sublattice[site as usize])
    }
}

impl Ansatz for SignRule {
    type Batch = SignBatch;
    type Scratch = <Erased as Ansatz>::Scratch;

    fn sites(&self) -> usize {
        self.inner.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.inner.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.inner.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.inner.set_parameters(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        let inner = self.inner.facts();
        AnsatzFacts {
            positive: false,
            bytes_per_walker: inner.bytes_per_walker + size_of::<bool>(),
            ..inner
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let odd = |x: &[i8]| {
            x.iter()
                .zip(&self.sublattice)
                .fold(false, |odd, (&s, &in_a)| odd ^ (in_a && s == 1))
        };
        let negative: Vec<bool> = xs.chunks_exact(self.sublattice.len()).map(odd).collect();
        SignBatch {
            inner: self.inner.batch(xs),
            negative,
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let mut logs = self.inner.log_psi(&batch.inner);
        for (log, _) in logs
            .iter_mut()
            .zip(&batch.negative)
            .filter(|(_, negative)| **negative)
        {
            *log = reduce(*log + Complex64::new(0.0, PI));
        }
        logs
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.inner.ratios(&batch.inner, asks, scratch, out);
        for ((_, step), ratio) in asks.iter().zip(out) {
            if self.changes(step.sites) {
                *ratio = -*ratio;
            }
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.inner.accept(&mut batch.inner, asks, taken, scratch);
        asks.taken(taken)
            .for_each(|(k, step)| batch.negative[k] ^= self.changes(step.sites));
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.inner.derivatives(&batch.inner)
    }
    fn direct(&self) -> Option<&dyn Direct> {
        // Signs leave |ψ|² as it is.
        self.inner.direct()
    }
}
