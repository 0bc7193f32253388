//! Decides the sign rule: a fixed sign in front of a wave function.
//!
//! ψ(x) = (−1)^{Σ_{i∈A} k_i} ψ₀(x), with k_i the number of units by which x_i lies above the
//! smallest value of its site: S + m_i for spins, n_i for bosons. For spins one half the sum counts
//! the up spins of A (W. Marshall, Proc. R. Soc. A 232, 48 (1955); E. Lieb, D. Mattis, J. Math.
//! Phys. 3, 749 (1962)). A term that moves one unit between A and the other sites changes its sign.
//! Log-derivatives stay as they are.

use super::dbm::ImaginaryTime;
use super::field::reduce;
use super::{
    Alternating, Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, Erased, MatrixProduct,
};
use crate::basis::{Basis, Local, Move};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::f64::consts::PI;

/// The sign (−1)^{Σ_{i∈A} k_i}.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// A, one flag per site.
    in_a: Vec<bool>,
    /// The values of each site.
    locals: Vec<Local>,
}

impl Sign {
    /// The sign of the sites `in_a` of a basis, one flag per site.
    pub fn new(in_a: Vec<bool>, basis: &Basis) -> Self {
        Sign {
            in_a,
            locals: basis.locals().to_vec(),
        }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.in_a.len()
    }

    /// Whether a site belongs to A.
    pub fn has(&self, site: u32) -> bool {
        self.in_a[site as usize]
    }

    /// Whether the sign of the row is −1.
    pub fn is_negative(&self, x: &[i8]) -> bool {
        let sites = self.in_a.iter().zip(&self.locals).zip(x);
        sites.fold(false, |odd, ((&in_a, local), &value)| {
            odd ^ (in_a && is_odd(local.first, value, local.step))
        })
    }

    /// Whether k of a site changes by an odd number.
    #[inline]
    pub fn turns(&self, site: u32, from: i8, to: i8) -> bool {
        is_odd(from, to, self.locals[site as usize].step)
    }

    /// Whether the move from `x` changes the sign.
    fn changes(&self, x: &[i8], step: Move) -> bool {
        let sites = step.sites.iter().zip(step.values);
        sites.fold(false, |odd, (&site, &value)| {
            odd ^ (self.has(site) && self.turns(site, x[site as usize], value))
        })
    }

    /// Whether the sign of every row differs from that of the row with all values mirrored,
    /// k → count − 1 − k.
    pub fn changes_mirrored(&self) -> bool {
        let sites = self.in_a.iter().zip(&self.locals);
        sites.fold(false, |odd, (&in_a, local)| {
            odd ^ (in_a && local.count.is_multiple_of(2))
        })
    }
}

/// Whether two values are an odd number of units apart.
#[inline]
fn is_odd(from: i8, to: i8, step: i8) -> bool {
    (i32::from(to) - i32::from(from)) / i32::from(step) % 2 != 0
}

/// A wave function behind a sign rule.
#[derive(Debug)]
pub struct SignRule {
    inner: Erased,
    sign: Sign,
}

/// Tables of the wave function, the rows, and whether the sign of each is negative.
pub struct SignBatch {
    inner: <Erased as Ansatz>::Batch,
    x: Vec<i8>,
    negative: Vec<bool>,
}

impl SignRule {
    /// Puts a sign in front of `inner`.
    pub fn new(inner: Erased, sign: Sign) -> Result<Self> {
        if inner.sites() == sign.sites() {
            return Ok(SignRule { inner, sign });
        }
        Err(Error::input(
            "hamiltonian.sign_rule",
            format!(
                "the sublattice has {} sites, the wave function has {}",
                sign.sites(),
                inner.sites()
            ),
            "take both from one lattice",
        ))
    }

    /// Whether the move of walker `k` changes its sign.
    fn changes(&self, batch: &SignBatch, k: usize, step: Move) -> bool {
        let n = self.sign.sites();
        self.sign.changes(&batch.x[k * n..(k + 1) * n], step)
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
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.inner.set_exact(exact)
    }
    fn facts(&self) -> AnsatzFacts {
        let inner = self.inner.facts();
        AnsatzFacts {
            positive: false,
            bytes_per_walker: inner.bytes_per_walker + self.sites() + size_of::<bool>(),
            ..inner
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let rows = xs.chunks_exact(self.sign.sites());
        let negative = rows.map(|x| self.sign.is_negative(x)).collect();
        SignBatch {
            inner: self.inner.batch(xs),
            x: xs.to_vec(),
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
        for ((k, step), ratio) in asks.iter().zip(out) {
            if self.changes(batch, k, step) {
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
        let n = self.sign.sites();
        for (k, step) in asks.taken(taken) {
            batch.negative[k] ^= self.changes(batch, k, step);
            step.apply(&mut batch.x[k * n..(k + 1) * n]);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.inner.derivatives(&batch.inner)
    }
    fn truncation(&self) -> Option<f64> {
        self.inner.truncation()
    }
    fn direct(&self) -> Option<&dyn Direct> {
        // Signs leave |ψ|² as it is.
        self.inner.direct()
    }
    fn alternating(&self) -> Option<&dyn Alternating> {
        self.inner.alternating()
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        // A sign is a product of signs of single sites.
        self.inner.matrix_product()
    }
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        self.inner.imaginary_time()
    }
}
