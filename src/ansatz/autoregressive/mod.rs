//! Decides the autoregressive wave function: a product of conditional amplitudes, which is
//! normalised and can be drawn without a chain.
//!
//! ln ψ(s) = Σ_i [½ ln p_i(s_i | s_<i) + i φ_i(s_i | s_<i)] along a path through the sites, with
//! p_i = softmax(2 u_i) (O. Sharir et al., PRL 124, 020503 (2020)). A network gives the logits u
//! and the phases φ of both spins from the spins before. With a fixed total Sz, a spin is allowed
//! while fewer than its number have come; p_i is normalised over what is allowed (M. Hibat-Allah
//! et al., PRR 2, 023358 (2020)). So Σ |ψ|² = 1 over the sector.

mod attention;
mod factory;
mod growth;
mod gru;
mod heads;
mod layered;
mod names;
mod network;
mod norms;
mod questions;
mod rnn2d;
mod shape;
mod shared;
#[cfg(test)]
mod tests;
mod transformer;
mod units;
mod walk;
mod window;

pub use factory::{autoregressive, build, schema};
pub use gru::Gru;
pub use layered::Layered;
pub use network::{Network, Parameters, Room, Shared};
pub use questions::Moved;
pub use rnn2d::Rnn2d;
pub use shape::TransformerShape;
pub use transformer::Transformer;
pub use window::Window;

use super::field::{check_length, reduce};
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, Kind, Matrix, precision};
use crate::error::Result;
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::Sheet;
use crate::rng::{Generator, RngExt};
use ndarray::Array2;
use num_complex::Complex64;
use walk::Side;

/// Index of a spin among the heads: up, down.
fn place(spin: i8) -> usize {
    usize::from(spin < 0)
}

/// An autoregressive wave function of spins one half.
#[derive(Debug)]
pub struct Autoregressive<R = f64> {
    network: Box<dyn Network<R>>,
    /// The site of every position.
    path: Vec<usize>,
    /// The position of every site.
    position: Vec<usize>,
    /// Spins up of the sector.
    up: Option<usize>,
    positive: bool,
}

/// Walkers: records, heads, and ln ψ_i of every position.
#[derive(Debug, Clone)]
pub struct AutoregressiveBatch<R> {
    /// Spins along the path.
    spins: Vec<i8>,
    records: Vec<R>,
    heads: Vec<R>,
    terms: Vec<Complex64>,
}

impl<R> AutoregressiveBatch<R> {
    fn walkers(&self, positions: usize) -> usize {
        self.spins.len() / positions
    }
}

impl<R: Elementary> Autoregressive<R> {
    /// A wave function along `path`, the site of every position; with `up` spins up where the
    /// sector fixes them. `positive`: the network gives no phases.
    pub fn new(
        network: impl Network<R> + 'static,
        path: Vec<usize>,
        up: Option<usize>,
        positive: bool,
    ) -> Self {
        let mut position = vec![0; path.len()];
        path.iter()
            .enumerate()
            .for_each(|(i, &site)| position[site] = i);
        Autoregressive {
            network: Box::new(network),
            path,
            position,
            up,
            positive,
        }
    }

    /// Heads of a position.
    fn width(&self) -> usize {
        if self.positive { 2 } else { 4 }
    }

    /// Draws as many configurations as `xs` has rows: position i of row k is up where
    /// `uniform(k, i)`, a number from 0 to 1, is below p(up). ln |ψ|² of each to `log_weights`.
    pub fn draw_from(
        &self,
        mut uniform: impl FnMut(usize, usize) -> f64,
        xs: &mut [i8],
        log_weights: &mut [f64],
    ) {
        let (n, most) = (self.path.len(), self.block());
        let mut side = Side::default();
        log_weights.fill(0.0);
        let blocks = xs.chunks_mut(most * n).zip(log_weights.chunks_mut(most));
        for (b, (xs, log_weights)) in blocks.enumerate() {
            let draw = |c: usize, i: usize, p: f64| {
                let spin = if uniform(b * most + c, i) < p { 1 } else { -1 };
                xs[c * n + self.path[i]] = spin;
                spin
            };
            let count = log_weights.len();
            self.walk(&mut side, count, draw, |c, log| log_weights[c] += log);
        }
    }

    /// The probability that each position of the walkers `xs` is up, given the spins before it:
    /// walkers × positions along the path.
    pub fn conditionals(&self, xs: &[i8]) -> Vec<f64> {
        let (n, most) = (self.path.len(), self.block());
        let (mut side, mut out) = (Side::default(), vec![0.0; xs.len()]);
        for (xs, out) in xs.chunks(most * n).zip(out.chunks_mut(most * n)) {
            let spin = |c: usize, i: usize, p: f64| {
                out[c * n + i] = p;
                xs[c * n + self.path[i]]
            };
            self.walk(&mut side, xs.len() / n, spin, |_, _| {});
        }
        out
    }

    /// Derivatives of ln ψ by the heads of walker `k`: of ln |ψ| by the logits, of the phase by the
    /// phases.
    fn seeds(&self, batch: &AutoregressiveBatch<R>, k: usize, seeds: &mut [R]) {
        let (n, width) = (self.path.len(), self.width());
        let spins = &batch.spins[k * n..(k + 1) * n];
        let terms = &batch.terms[k * n..(k + 1) * n];
        seeds.fill(R::default());
        if terms.iter().any(|t| t.re == f64::NEG_INFINITY) {
            return;
        }
        let mut ups = 0;
        for (i, seeds) in seeds.chunks_exact_mut(width).enumerate() {
            let own = place(spins[i]);
            if self.allowed(i, ups) == [true; 2] {
                // p of the spin that is not there.
                let other = R::from_f64(-(2.0 * terms[i].re).exp_m1());
                seeds[own] = other;
                seeds[1 - own] = -other;
            }
            if !self.positive {
                seeds[2 + own] = R::from_f64(1.0);
            }
            ups += usize::from(spins[i] > 0);
        }
    }

    /// Makes column `c` of `records` and `seeds` those of walker `k`, of ln |ψ| or of the phase.
    fn put_walker(
        &self,
        batch: &AutoregressiveBatch<R>,
        (k, c, phase): (usize, usize, bool),
        records: &mut Sheet<R>,
        seeds: &mut Sheet<R>,
    ) {
        let (n, width) = (self.path.len(), self.width());
        let size = n * self.network.record();
        records.put_column(0, c, &batch.records[k * size..(k + 1) * size]);
        let mut own = vec![R::default(); n * width];
        self.seeds(batch, k, &mut own);
        for heads in own.chunks_exact_mut(width) {
            if phase {
                heads[..2].fill(R::default());
            } else {
                heads[2..].fill(R::default());
            }
        }
        seeds.put_column(0, c, &own);
    }

    /// Rows of all that slopes are made of: their own, those of records and seeds, and what
    /// [`Network::reverse`] keeps besides.
    fn rows_of_slopes(&self) -> usize {
        let own = self.path.len() * (self.network.record() + self.width());
        self.network.slopes() + self.network.reverse_rows() + own
    }

    /// What [`Network::reverse`] gives, walkers × slopes.
    fn slopes(&self, batch: &AutoregressiveBatch<R>) -> Matrix {
        let (n, parts) = (self.path.len(), self.facts().kind.parts());
        let (network, walkers) = (&self.network, batch.walkers(n));
        let (count, size) = (network.slopes(), n * network.record());
        let most = walk::columns(self.rows_of_slopes()) / parts;
        let rows = |of: usize| (if parts == of { walkers } else { 0 }, count);
        let mut re = Array2::from_elem(rows(1), 0.0);
        let mut both = Array2::from_elem(rows(2), Complex64::ZERO);
        let (mut records, mut seeds) = (Sheet::default(), Sheet::default());
        let mut out = Sheet::default();
        for first in (0..walkers).step_by(most) {
            let own = most.min(walkers - first);
            records.fit(size, own * parts);
            seeds.fit(n * self.width(), own * parts);
            out.fit(count, own * parts);
            out.clear();
            seeds.clear();
            for c in 0..own * parts {
                let place = (first + c / parts, c, c % parts == 1);
                self.put_walker(batch, place, &mut records, &mut seeds);
            }
            network.reverse(&records, &seeds, &mut out);
            let (re, both) = (re.as_slice_mut(), both.as_slice_mut());
            match (parts, re, both) {
                (1, Some(re), _) => {
                    out.visit(0, count, own, |r, c, x| {
                        re[(first + c) * count + r] = x.to_f64();
                    });
                }
                (_, _, Some(both)) => out.visit(0, count, 2 * own, |r, c, x| {
                    let z = &mut both[(first + c / 2) * count + r];
                    *if c % 2 == 0 { &mut z.re } else { &mut z.im } = x.to_f64();
                }),
                _ => unreachable!("new matrices are row-major"),
            }
        }
        match parts {
            1 => Matrix::Real(re),
            _ => Matrix::Complex(both),
        }
    }
}

impl<R: Elementary> Ansatz for Autoregressive<R> {
    type Batch = AutoregressiveBatch<R>;
    type Scratch = Moved<R>;

    fn sites(&self) -> usize {
        self.path.len()
    }
    fn layout(&self) -> Vec<Block> {
        self.network.table().blocks.clone()
    }
    fn parameters(&self) -> Vec<f64> {
        self.network.table().values.clone()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let table = self.network.table_mut();
        check_length(parameters, table.values.len())?;
        table.set(parameters);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let n = self.path.len();
        let kind = match self.positive {
            true => Kind::Real,
            false => Kind::Stacked,
        };
        let derivative_bytes = self.network.derivative_bytes(kind);
        let rows = self.rows_of_slopes();
        AnsatzFacts {
            kind,
            precision: precision::<R>(),
            positive: self.positive,
            bytes_per_walker: n * (size_of::<R>() * (self.network.record() + self.width()) + 17)
                + derivative_bytes,
            derivative_bytes,
            derivative_scratch: size_of::<R>() * rows * walk::columns(rows),
            operations: self.network.table().values.len() as f64
                * if self.network.tied() { n as f64 } else { 1.0 },
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let (n, width, record) = (self.path.len(), self.width(), self.network.record());
        let along = |x: &[i8]| self.path.iter().map(|&site| x[site]).collect::<Vec<i8>>();
        let mut batch = AutoregressiveBatch {
            spins: xs.chunks_exact(n).flat_map(along).collect(),
            records: vec![R::default(); xs.len() * record],
            heads: vec![R::default(); xs.len() * width],
            terms: vec![Complex64::ZERO; xs.len()],
        };
        let (mut side, walkers) = (Side::default(), batch.walkers(n));
        for first in (0..walkers).step_by(self.block()) {
            let count = self.block().min(walkers - first);
            let spins = &batch.spins[first * n..];
            self.walk(&mut side, count, |c, i, _| spins[c * n + i], |_, _| {});
            self.keep_all(&side, first, count, &mut batch);
        }
        batch
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let walkers = batch.terms.chunks_exact(self.path.len());
        walkers.map(|terms| reduce(terms.iter().sum())).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.answer(batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        _asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.take(batch, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let (n, kind) = (self.path.len(), self.facts().kind);
        let slopes = self.slopes(batch);
        let blocks = self.network.columns(kind, &batch.records, slopes);
        Derivatives::new(kind, batch.walkers(n), blocks)
    }
    fn direct(&self) -> Option<&dyn Direct> {
        Some(self)
    }
}

impl<R: Elementary> Direct for Autoregressive<R> {
    fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]) {
        self.draw_from(|k, _| rngs[k].random::<f64>(), xs, log_weights);
    }
}
