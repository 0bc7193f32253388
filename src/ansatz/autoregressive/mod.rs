//! Decides the autoregressive wave function: a product of conditional amplitudes, which is
//! normalised and can be drawn without a chain.
//!
//! ln ψ(s) = Σ_i [½ ln p_i(s_i | s_<i) + i φ_i(s_i | s_<i)] along a path through the sites, with
//! p_i = softmax(2 u_i) (O. Sharir et al., PRL 124, 020503 (2020)). A network gives the logits u
//! and the phases φ of both spins from the spins before. With a fixed total Sz, a spin is allowed
//! while fewer than its number have come; p_i is normalised over what is allowed (M. Hibat-Allah
//! et al., PRR 2, 023358 (2020)). So Σ |ψ|² = 1 over the sector.

mod factory;
mod made;
#[cfg(test)]
mod tests;

pub use factory::{build, schema};
pub use made::Made;

use super::field::{ratio_from_log, reduce};
use super::{Ansatz, AnsatzFacts, Asks, Block, Columns, DOUBLE, Derivatives, Direct, Kind, Move};
use crate::error::Result;
use crate::rng::{Generator, RngExt};
use num_complex::Complex64;

/// What gives the logits and phases of every position from the spins before it. A state holds what
/// it knows of a walker after some positions.
pub trait Network: Send + Sync {
    /// Named blocks of the parameters, which are real.
    fn layout(&self) -> Vec<Block>;
    /// The flat parameter vector.
    fn parameters(&self) -> Vec<f64>;
    /// Replaces the parameters; an error if the length differs.
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()>;
    /// Numbers in the state of a walker.
    fn state(&self) -> usize;
    /// Bytes that the log-derivatives of a walker take.
    fn derivative_bytes(&self) -> usize;
    /// Tells the state the spin of position `i`.
    fn put(&self, i: usize, spin: i8, state: &mut [f64]);
    /// Logits (u↑, u↓) and, unless ψ is positive, phases (φ↑, φ↓) of position `i`, from a state
    /// that knows all positions before it; what the state has of later ones is not read.
    fn advance(&self, i: usize, state: &mut [f64], heads: &mut [f64]);
    /// Log-derivatives from the states of walkers that know all positions, and from the
    /// derivatives `seeds` of ln ψ by the heads, walkers × positions × heads.
    fn derivatives(&self, kind: Kind, states: &[f64], seeds: &[Complex64]) -> Vec<Columns>;
}

/// Index of a spin among the heads: up, down.
fn place(spin: i8) -> usize {
    usize::from(spin < 0)
}

/// ln p of up and down from the heads; −∞ for what is not allowed.
fn conditional(heads: &[f64], allowed: [bool; 2]) -> [f64; 2] {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let d = 2.0 * (heads[0] - heads[1]);
    match allowed {
        [true, true] => [-softplus(-d), -softplus(d)],
        [up, down] => [up, down].map(|a| if a { 0.0 } else { f64::NEG_INFINITY }),
    }
}

/// An autoregressive wave function of spins one half.
#[derive(Debug, Clone)]
pub struct Autoregressive<N> {
    network: N,
    /// The site of every position.
    path: Vec<usize>,
    /// The position of every site.
    position: Vec<usize>,
    /// Spins up of the sector.
    up: Option<usize>,
    positive: bool,
}

/// Walkers: states, heads, and ln ψ_i of every position.
#[derive(Debug, Clone)]
pub struct AutoregressiveBatch {
    /// Spins along the path.
    spins: Vec<i8>,
    states: Vec<f64>,
    heads: Vec<f64>,
    terms: Vec<Complex64>,
}

/// Room for one moved walker.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    spins: Vec<i8>,
    state: Vec<f64>,
    heads: Vec<f64>,
    terms: Vec<Complex64>,
}

impl<N: Network> Autoregressive<N> {
    /// A wave function along `path`, the site of every position; with `up` spins up where the
    /// sector fixes them. `positive`: the network gives no phases.
    pub fn new(network: N, path: Vec<usize>, up: Option<usize>, positive: bool) -> Self {
        let mut position = vec![0; path.len()];
        path.iter()
            .enumerate()
            .for_each(|(i, &site)| position[site] = i);
        Autoregressive {
            network,
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

    /// Which spins position `i` can have after `ups` spins up.
    fn allowed(&self, i: usize, ups: usize) -> [bool; 2] {
        let n = self.path.len();
        self.up.map_or([true; 2], |up| [ups < up, i - ups < n - up])
    }

    /// ln ψ_i of a spin.
    fn term(&self, heads: &[f64], spin: i8, allowed: [bool; 2]) -> Complex64 {
        let k = place(spin);
        let phase = if self.positive { 0.0 } else { heads[2 + k] };
        Complex64::new(0.5 * conditional(heads, allowed)[k], phase)
    }

    /// Evaluates the positions of a walker from `first` on, whose heads are known unless it is 0.
    fn evaluate(
        &self,
        first: usize,
        spins: &[i8],
        state: &mut [f64],
        heads: &mut [f64],
        terms: &mut [Complex64],
    ) {
        let width = self.width();
        let mut ups = spins[..first].iter().filter(|&&s| s > 0).count();
        for i in first..spins.len() {
            let heads = &mut heads[i * width..(i + 1) * width];
            if i > first || i == 0 {
                self.network.advance(i, state, heads);
            }
            self.network.put(i, spins[i], state);
            terms[i] = self.term(heads, spins[i], self.allowed(i, ups));
            ups += usize::from(spins[i] > 0);
        }
    }

    /// Walker `k` after a move, in `moved`; the first position that changes.
    fn moved(&self, b: &AutoregressiveBatch, k: usize, step: Move, moved: &mut Moved) -> usize {
        fn copy<T: Copy>(from: &[T], k: usize, width: usize, to: &mut Vec<T>) {
            to.clear();
            to.extend_from_slice(&from[k * width..(k + 1) * width]);
        }
        let n = self.path.len();
        copy(&b.spins, k, n, &mut moved.spins);
        copy(&b.states, k, self.network.state(), &mut moved.state);
        copy(&b.heads, k, n * self.width(), &mut moved.heads);
        copy(&b.terms, k, n, &mut moved.terms);
        let mut first = n;
        for (&site, &value) in step.sites.iter().zip(step.values) {
            let i = self.position[site as usize];
            if moved.spins[i] != value {
                first = first.min(i);
                moved.spins[i] = value;
            }
        }
        let Moved {
            spins,
            state,
            heads,
            terms,
        } = moved;
        self.evaluate(first, spins, state, heads, terms);
        first
    }

    /// Derivatives of ln ψ by the heads of walker `k`.
    fn seeds(&self, batch: &AutoregressiveBatch, k: usize, seeds: &mut [Complex64]) {
        let (n, width) = (self.path.len(), self.width());
        let spins = &batch.spins[k * n..(k + 1) * n];
        let terms = &batch.terms[k * n..(k + 1) * n];
        if terms.iter().any(|t| t.re == f64::NEG_INFINITY) {
            return;
        }
        let heads = batch.heads[k * n * width..].chunks_exact(width);
        let mut ups = 0;
        for (i, (heads, seeds)) in heads.zip(seeds.chunks_exact_mut(width)).enumerate() {
            let (own, allowed) = (place(spins[i]), self.allowed(i, ups));
            if allowed == [true; 2] {
                let p = conditional(heads, allowed).map(f64::exp);
                (0..2).for_each(|c| seeds[c] = (f64::from(u8::from(c == own)) - p[c]).into());
            }
            if !self.positive {
                seeds[2 + own] = Complex64::I;
            }
            ups += usize::from(spins[i] > 0);
        }
    }
}

/// ψ'/ψ from the logarithms of the conditional amplitudes that differ.
fn ratio(new: &[Complex64], old: &[Complex64]) -> Complex64 {
    let vanishes = |terms: &[Complex64]| terms.iter().any(|t| t.re == f64::NEG_INFINITY);
    if vanishes(new) {
        return Complex64::ZERO;
    }
    if vanishes(old) {
        return Complex64::new(f64::INFINITY, 0.0);
    }
    ratio_from_log(new.iter().zip(old).map(|(a, b)| a - b).sum())
}

impl<N: Network> Ansatz for Autoregressive<N> {
    type Batch = AutoregressiveBatch;
    type Scratch = Moved;

    fn sites(&self) -> usize {
        self.path.len()
    }
    fn layout(&self) -> Vec<Block> {
        self.network.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.network.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.network.set_parameters(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        let n = self.path.len();
        AnsatzFacts {
            kind: if self.positive {
                Kind::Real
            } else {
                Kind::Stacked
            },
            precision: DOUBLE,
            positive: self.positive,
            bytes_per_walker: 8 * self.network.state()
                + n * (8 * self.width() + 17)
                + self.network.derivative_bytes(),
            derivative_bytes: self.network.derivative_bytes(),
            operations: self.network.parameters().len() as f64,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let (n, width, size) = (self.path.len(), self.width(), self.network.state());
        let walkers = xs.len() / n;
        let along = |x: &[i8]| self.path.iter().map(|&site| x[site]).collect::<Vec<i8>>();
        let mut batch = AutoregressiveBatch {
            spins: xs.chunks_exact(n).flat_map(along).collect(),
            states: vec![0.0; walkers * size],
            heads: vec![0.0; walkers * n * width],
            terms: vec![Complex64::ZERO; walkers * n],
        };
        for (k, spins) in batch.spins.chunks_exact(n).enumerate() {
            self.evaluate(
                0,
                spins,
                &mut batch.states[k * size..(k + 1) * size],
                &mut batch.heads[k * n * width..(k + 1) * n * width],
                &mut batch.terms[k * n..(k + 1) * n],
            );
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
        let n = self.path.len();
        for ((k, step), out) in asks.iter().zip(out) {
            let first = self.moved(batch, k, step, scratch);
            let old = &batch.terms[k * n..(k + 1) * n];
            *out = match first == n {
                true => Complex64::ONE,
                // A zero may lie before the first position that changes.
                false if old[..first].iter().any(|t| t.re == f64::NEG_INFINITY) => Complex64::ZERO,
                false => ratio(&scratch.terms[first..], &old[first..]),
            };
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let (n, width, size) = (self.path.len(), self.width(), self.network.state());
        for (k, step) in asks.taken(taken) {
            self.moved(batch, k, step, scratch);
            batch.spins[k * n..(k + 1) * n].copy_from_slice(&scratch.spins);
            batch.states[k * size..(k + 1) * size].copy_from_slice(&scratch.state);
            batch.heads[k * n * width..(k + 1) * n * width].copy_from_slice(&scratch.heads);
            batch.terms[k * n..(k + 1) * n].copy_from_slice(&scratch.terms);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let (n, kind) = (self.path.len(), self.facts().kind);
        let walkers = batch.spins.len() / n;
        let mut seeds = vec![Complex64::ZERO; walkers * n * self.width()];
        for (k, seeds) in seeds.chunks_exact_mut(n * self.width()).enumerate() {
            self.seeds(batch, k, seeds);
        }
        let blocks = self.network.derivatives(kind, &batch.states, &seeds);
        Derivatives::new(kind, walkers, blocks)
    }
    fn direct(&self) -> Option<&dyn Direct> {
        Some(self)
    }
}

impl<N: Network> Direct for Autoregressive<N> {
    fn draw(&self, rngs: &mut [Generator], xs: &mut [i8], log_weights: &mut [f64]) {
        let (n, size) = (self.path.len(), self.network.state());
        let mut states = vec![0.0; rngs.len() * size];
        let (mut ups, mut heads) = (vec![0; rngs.len()], vec![0.0; self.width()]);
        log_weights.fill(0.0);
        for (i, &site) in self.path.iter().enumerate() {
            let walkers = rngs
                .iter_mut()
                .zip(states.chunks_exact_mut(size))
                .enumerate();
            for (k, (rng, state)) in walkers {
                self.network.advance(i, state, &mut heads);
                let log = conditional(&heads, self.allowed(i, ups[k]));
                let up = rng.random::<f64>() < log[0].exp();
                let spin = if up { 1 } else { -1 };
                self.network.put(i, spin, state);
                ups[k] += usize::from(up);
                log_weights[k] += log[place(spin)];
                xs[k * n + site] = spin;
            }
        }
    }
}
