//! Decides what the distribution of a restricted Boltzmann machine with real parameters is:
//! p(v) = p̃(v)/Z, p̃(v) = e^{Σ_i a_i v_i} Π_j 2 cosh θ_j, θ_j = b_j + Σ_i W_ij v_i, v_i = ±1.

use crate::ansatz::Block;
use crate::linalg::hyperbolic::ln_2cosh;

/// The parameters of a distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct BoltzmannMachine {
    a: Vec<f64>,
    b: Vec<f64>,
    w: Vec<f64>,
}

impl BoltzmannMachine {
    /// From the biases a \[N\] and b \[M\] and the weights W \[N, M\], row by row; `None` where
    /// their lengths do not fit.
    pub fn new(a: Vec<f64>, b: Vec<f64>, w: Vec<f64>) -> Option<Self> {
        (w.len() == a.len() * b.len()).then_some(BoltzmannMachine { a, b, w })
    }

    /// From the blocks `a`, `b` and `W` of a flat parameter vector; `None` where it has no such
    /// real blocks.
    pub fn of(layout: &[Block], parameters: &[f64]) -> Option<Self> {
        Self::prefixed(layout, parameters, "")
    }

    /// From the blocks `phase_a`, `phase_b` and `phase_W`, of which φ = ln p̃.
    pub fn phase_of(layout: &[Block], parameters: &[f64]) -> Option<Self> {
        Self::prefixed(layout, parameters, super::PHASE)
    }

    fn prefixed(layout: &[Block], parameters: &[f64], prefix: &str) -> Option<Self> {
        let block = |name: &str, rank: usize| {
            let at = layout
                .iter()
                .position(|b| b.name.strip_prefix(prefix) == Some(name))?;
            if layout[at].complex || layout[at].shape.len() != rank {
                return None;
            }
            let first: usize = layout[..at].iter().map(Block::numbers).sum();
            Some(
                parameters
                    .get(first..)?
                    .get(..layout[at].numbers())?
                    .to_vec(),
            )
        };
        Self::new(block("a", 1)?, block("b", 1)?, block("W", 2)?)
    }

    /// Number of visible units N.
    pub fn sites(&self) -> usize {
        self.a.len()
    }
    /// Number of hidden units M.
    pub fn hidden(&self) -> usize {
        self.b.len()
    }
    /// The biases a of the visible units.
    pub fn a(&self) -> &[f64] {
        &self.a
    }
    /// The biases b of the hidden units.
    pub fn b(&self) -> &[f64] {
        &self.b
    }
    /// The weights W \[N, M\], row by row.
    pub fn w(&self) -> &[f64] {
        &self.w
    }

    /// ln p̃(v).
    pub fn log_weight(&self, v: &[i8]) -> f64 {
        let mut theta = self.b.clone();
        let mut sum = 0.0;
        let rows = self.w.chunks_exact(self.hidden().max(1));
        for ((&v, &a), row) in v.iter().zip(&self.a).zip(rows) {
            let v = f64::from(v);
            sum += a * v;
            theta.iter_mut().zip(row).for_each(|(t, w)| *t += v * w);
        }
        sum + theta.into_iter().map(ln_2cosh).sum::<f64>()
    }

    /// The same joint distribution with the layers exchanged.
    pub(super) fn transposed(&self) -> Self {
        let (n, m) = (self.sites(), self.hidden());
        let w = (0..n * m).map(|k| self.w[k % n * m + k / n]);
        BoltzmannMachine {
            a: self.b.clone(),
            b: self.a.clone(),
            w: w.collect(),
        }
    }
}
