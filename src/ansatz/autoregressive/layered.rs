//! Decides the layered networks: positions look at a window of positions before them.
//!
//! x⁰_i = s_i and x^{l+1}_i = b^l + Σ_t g(xˡ_{p(i,t)}) Wˡ_t over taps t of the window; the first
//! layer leaves out the position itself, and g is SELU, the identity on the spins. `made`: all
//! positions before, with weights and biases of their own (M. Germain et al., PMLR 37, 881 (2015)).
//! `conv1d`: the last K positions. `conv2d`: h − 1 rows above and the row itself up to the site (A.
//! van den Oord et al., PMLR 48, 1747 (2016)). Outside the lattice there are zeros.

use super::network::{Network, Parameters, Room, Shared, add_sums};
use super::units::{selu, selu_slope};
use super::window::Window;
use crate::ansatz::{Columns, Kind, Mask, Matrix};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{LANES, Run, Sheet, SheetTerms, Weights, add_outer, add_product};
use crate::linalg::simd::Simd;
use crate::rng::Origin;
use ndarray::{Array2, s};
use std::sync::Arc;

/// One layer: where its parameters, its inputs in a record and its signals start.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerPlaces {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Whether a position sees itself.
    pub(super) own: bool,
    pub(super) weights: usize,
    pub(super) biases: usize,
    pub(super) row: usize,
    pub(super) signals: usize,
}

/// A layered network.
#[derive(Debug, Clone)]
pub struct Layered<R> {
    pub(super) positions: usize,
    window: Window,
    pub(super) layers: Vec<LayerPlaces>,
    pub(super) record: usize,
    pub(super) table: Parameters<R>,
}

impl<R: Elementary> Layered<R> {
    /// Number of parameters, as a real number that cannot overflow.
    pub fn count(positions: usize, window: Window, features: &[usize], heads: usize) -> f64 {
        let n = positions as f64;
        let widths: Vec<f64> = std::iter::once(1)
            .chain(features.iter().copied())
            .chain([heads])
            .map(|f| f as f64)
            .collect();
        let layer = |(l, w): (usize, &[f64])| match window {
            Window::All => {
                let pairs = n * (n + if l == 0 { -1.0 } else { 1.0 }) / 2.0;
                pairs * w[0] * w[1] + n * w[1]
            }
            _ => window.taps(l > 0) as f64 * w[0] * w[1] + w[1],
        };
        widths.windows(2).enumerate().map(layer).sum()
    }

    /// Weights are Gaussian with the standard deviation `init`/√(allowed inputs), those of the last
    /// layer a tenth of that, so that conditional probabilities start near 1/2; biases are 0.
    pub fn new(
        positions: usize,
        window: Window,
        features: &[usize],
        heads: usize,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let mut table = Parameters::default();
        let (mut layers, mut inputs, mut row, mut signals) = (Vec::new(), 1, 0, 0);
        for (l, &outputs) in features.iter().chain([&heads]).enumerate() {
            let (own, weights) = (l > 0, table.values.len());
            let factor = init * if l == features.len() { 0.1 } else { 1.0 };
            let sd = |seen: usize| factor / ((seen * inputs).max(1) as f64).sqrt();
            let shape = |seen: usize| [seen, inputs, outputs];
            let biases = if window == Window::All {
                for seen in (0..positions)
                    .map(|i| i + usize::from(own))
                    .filter(|&s| s > 0)
                {
                    let name = format!("{l}.W_{}", seen - usize::from(own));
                    table.gaussian(&name, &shape(seen), sd(seen), &mut rng);
                }
                table.constant(&format!("{l}.b"), &[positions, outputs], 0.0)
            } else {
                let taps = window.taps(own);
                table.gaussian(&format!("{l}.W"), &shape(taps), sd(taps), &mut rng);
                table.constant(&format!("{l}.b"), &[outputs], 0.0)
            };
            layers.push(LayerPlaces {
                inputs,
                outputs,
                own,
                weights,
                biases,
                row,
                signals,
            });
            signals += positions * outputs;
            row += inputs;
            inputs = outputs;
        }
        Layered {
            positions,
            window,
            layers,
            record: row,
            table,
        }
    }

    /// Positions that position `i` sees, where it sees all.
    fn seen(layer: &LayerPlaces, i: usize) -> usize {
        i + usize::from(layer.own)
    }

    /// Where the weights of position `i` start, where they are its own.
    pub(super) fn own_weights(layer: &LayerPlaces, i: usize) -> usize {
        let pairs = i * (i + 1) / 2 - if layer.own { 0 } else { i };
        layer.weights + pairs * layer.inputs * layer.outputs
    }

    /// Calls `visit` with every position that position `i` sees, the number of the tap, and where
    /// its weights start.
    fn visit(&self, layer: &LayerPlaces, i: usize, visit: &mut dyn FnMut(usize, usize, usize)) {
        let size = layer.inputs * layer.outputs;
        let (first, taps) = match self.window {
            Window::All => (Self::own_weights(layer, i), Self::seen(layer, i)),
            window => (layer.weights, window.taps(layer.own)),
        };
        for t in 0..taps {
            if let Some(source) = self.window.source(i, t, layer.own) {
                visit(source, t, first + t * size);
            }
        }
    }

    /// The terms of position `i`.
    fn runs(&self, layer: &LayerPlaces, i: usize, runs: &mut Vec<Run>) {
        runs.clear();
        if self.window == Window::All {
            runs.push(Run {
                row: layer.row,
                weight: Self::own_weights(layer, i),
                count: Self::seen(layer, i),
                row_step: self.record,
                weight_step: layer.inputs * layer.outputs,
            });
            return;
        }
        self.visit(layer, i, &mut |source, _, weight| {
            runs.push(Run::one(source * self.record + layer.row, weight));
        });
    }

    pub(super) fn bias(&self, layer: &LayerPlaces, i: usize) -> usize {
        match self.window {
            Window::All => layer.biases + i * layer.outputs,
            _ => layer.biases,
        }
    }

    fn weights(&self, layer: &LayerPlaces, transposed: bool) -> Weights<'_, R> {
        Weights {
            values: &self.table.weights,
            width: layer.outputs,
            transposed,
        }
    }

    /// Derivatives by the outputs of all layers before SELU, in `signals`, from those by the heads.
    fn signals(&self, records: &Sheet<R>, seeds: &Sheet<R>, signals: &mut Sheet<R>) {
        let (n, columns) = (self.positions, records.columns());
        if let Some(last) = self.layers.last() {
            let rows = n * last.outputs;
            signals
                .rows_mut(last.signals, rows)
                .copy_from_slice(seeds.rows(0, rows));
        }
        for l in (1..self.layers.len()).rev() {
            let (layer, below) = (&self.layers[l], self.layers[l - 1].signals);
            let mut sinks = vec![Vec::new(); n];
            for i in 0..n {
                let row = layer.signals + i * layer.outputs;
                let mut sink = |source: usize, _, weight| sinks[source].push(Run::one(row, weight));
                self.visit(layer, i, &mut sink);
            }
            let mut sums = vec![R::default(); layer.inputs * columns];
            for (j, runs) in sinks.iter().enumerate() {
                sums.fill(R::default());
                let a = self.weights(layer, true);
                let own = signals.view();
                let terms = SheetTerms::all(runs, layer.outputs);
                add_product(Simd::chosen(), a, terms, own, columns, &mut sums);
                let values = records.rows(j * self.record + layer.row, layer.inputs);
                sums.iter_mut()
                    .zip(values)
                    .for_each(|(d, &y)| *d *= selu_slope(y));
                signals
                    .rows_mut(below + j * layer.inputs, layer.inputs)
                    .copy_from_slice(&sums);
            }
        }
    }

    /// Numbers of all signals.
    pub(super) fn all_signals(&self) -> usize {
        self.layers.iter().map(|l| self.positions * l.outputs).sum()
    }
}

/// Some neighbouring columns.
fn part(m: &Matrix, start: usize, width: usize) -> Arc<Matrix> {
    let columns = s![.., start..start + width];
    Arc::new(match m {
        Matrix::Real(m) => Matrix::Real(m.slice(columns).to_owned()),
        Matrix::Complex(m) => Matrix::Complex(m.slice(columns).to_owned()),
        Matrix::Rounded(_) => unreachable!("slopes have double precision"),
    })
}

impl<R: Elementary> Network<R> for Layered<R> {
    fn table(&self) -> &Parameters<R> {
        &self.table
    }
    fn table_mut(&mut self) -> &mut Parameters<R> {
        &mut self.table
    }
    fn record(&self) -> usize {
        self.record
    }
    fn advance(
        &self,
        i: usize,
        records: &mut Sheet<R>,
        count: usize,
        heads: &mut [R],
        room: &mut Room<R>,
    ) {
        let (columns, simd) = (records.columns(), Simd::chosen());
        let whole = count.next_multiple_of(LANES);
        let Room { runs, shared, .. } = room;
        for (l, layer) in self.layers.iter().enumerate() {
            self.runs(layer, i, runs);
            let a = self.weights(layer, false);
            let terms = SheetTerms {
                runs,
                each: layer.inputs,
                starts: &shared.starts,
            };
            let Some(next) = self.layers.get(l + 1) else {
                self.begin(layer, i, shared, columns, heads);
                return add_product(simd, a, terms, records.view(), count, heads);
            };
            let (before, own) = records.around(i * self.record + next.row, layer.outputs);
            self.begin(layer, i, shared, columns, own);
            add_product(simd, a, terms, before, count, own);
            own.chunks_exact_mut(columns)
                .for_each(|row| selu(simd, &mut row[..whole]));
        }
    }
    fn share(&self, known: &[R], starts: &[usize], shared: &mut Shared<R>) -> bool {
        self.window == Window::All && self.sum_shared(known, starts, shared)
    }
    fn slopes(&self) -> usize {
        match self.window {
            Window::All => self.all_signals(),
            _ => self.table.values.len(),
        }
    }
    fn reverse_rows(&self) -> usize {
        self.all_signals()
    }
    fn reverse(&self, records: &Sheet<R>, seeds: &Sheet<R>, out: &mut Sheet<R>) {
        if self.window == Window::All {
            return self.signals(records, seeds, out);
        }
        let mut signals = Sheet::new(self.all_signals(), records.columns());
        self.signals(records, seeds, &mut signals);
        for layer in &self.layers {
            let mut terms = vec![Vec::new(); self.window.taps(layer.own)];
            for i in 0..self.positions {
                let row = layer.signals + i * layer.outputs;
                self.visit(layer, i, &mut |source, t, _| {
                    terms[t].push((source * self.record + layer.row, row));
                });
            }
            let (shape, size) = ((layer.inputs, layer.outputs), layer.inputs * layer.outputs);
            for (t, terms) in terms.iter().enumerate() {
                let own = out.rows_mut(layer.weights + t * size, size);
                add_outer(
                    Simd::chosen(),
                    shape,
                    terms,
                    records.view(),
                    signals.view(),
                    own,
                );
            }
            let rows = (0..self.positions).map(|i| layer.signals + i * layer.outputs);
            add_sums(signals.view(), rows, layer.outputs, out, layer.biases);
        }
    }
    fn columns(&self, _kind: Kind, records: &[R], slopes: Matrix) -> Vec<Columns> {
        if self.window != Window::All {
            return vec![Columns::Dense(Arc::new(slopes))];
        }
        let (walkers, size) = (slopes.dim().0, self.positions * self.record);
        let mut blocks = Vec::new();
        for layer in &self.layers {
            let (f, g) = (layer.inputs, layer.outputs);
            let input = |(k, c): (usize, usize)| {
                records[k * size + c / f * self.record + layer.row + c % f].to_f64()
            };
            let inputs = Array2::from_shape_fn((walkers, self.positions * f), input);
            let signals = part(&slopes, layer.signals, self.positions * g);
            let mask = Mask {
                inputs: f,
                outputs: g,
                own: layer.own,
            };
            blocks.push(Columns::Masked(
                Arc::new(Matrix::Real(inputs)),
                signals.clone(),
                mask,
            ));
            blocks.push(Columns::Dense(signals));
        }
        blocks
    }
    fn derivative_bytes(&self, kind: Kind) -> usize {
        if self.tied() {
            return 8 * kind.parts() * self.slopes();
        }
        let inputs: usize = self.layers.iter().map(|l| l.inputs).sum();
        8 * (self.positions * inputs + kind.parts() * self.all_signals())
    }
    fn reach(&self) -> usize {
        match self.window {
            Window::All => self.positions,
            Window::Chain(kernel) => kernel,
            Window::Square {
                rows,
                columns,
                length,
            } => (rows - 1) * length + columns,
        }
    }
    fn tied(&self) -> bool {
        self.window != Window::All
    }
}
