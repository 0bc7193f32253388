//! Decides what a conditional network is: logits and phases of every position from the spins
//! before it, for many configurations side by side.
//!
//! What later positions look at is kept in records, one per position, the spin first. So all N
//! positions of a configuration cost one pass, and a configuration that differs from a known one
//! from position f on costs the positions after f.

use crate::ansatz::{Block, Columns, Kind, Matrix};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{Run, Sheet, SheetTerms, SheetView, Weights, add_product};
use crate::linalg::simd::Simd;
use crate::number::Real;
use crate::rng::{Distribution, Generator, StandardNormal};
use std::sync::Arc;

/// Room for what a position needs on the way to its heads.
#[derive(Debug, Default)]
pub struct Room<R> {
    /// SheetTerms of a sum.
    pub runs: Vec<Run>,
    /// Rows of numbers.
    pub rows: Sheet<R>,
    /// More rows.
    pub more: Sheet<R>,
    /// What columns have in common.
    pub shared: Shared<R>,
}

/// Sums over the positions in which eight columns are one and the same configuration.
#[derive(Debug, Default)]
pub struct Shared<R> {
    /// Number of such positions of each eight columns; it does not fall. Empty where nothing is
    /// shared.
    pub starts: Vec<usize>,
    /// The sums, in an order of the network.
    pub sums: Vec<R>,
}

/// What gives the logits and phases of every position from the spins before it.
pub trait Network<R: Elementary>: Send + Sync + std::fmt::Debug {
    /// The parameters.
    fn table(&self) -> &Parameters<R>;
    /// The parameters, to be changed.
    fn table_mut(&mut self) -> &mut Parameters<R>;
    /// Rows of the record of a position: its spin, then what later positions need.
    fn record(&self) -> usize;
    /// Logits (u↑, u↓) and, unless ψ is positive, phases (φ↑, φ↓) of position `i` to the rows
    /// `heads`, and all but the spin of its record, in the first `count` columns. Records of later
    /// positions are not read.
    fn advance(
        &self,
        i: usize,
        records: &mut Sheet<R>,
        count: usize,
        heads: &mut [R],
        room: &mut Room<R>,
    );
    /// Prepares sums over the first positions of one configuration with the records `known`: each
    /// eight columns are going to have as many positions in common with it as `starts` says.
    /// Whether columns need no records of these positions.
    fn share(&self, _known: &[R], _starts: &[usize], _shared: &mut Shared<R>) -> bool {
        false
    }
    /// Rows that [`Network::reverse`] writes: derivatives by all parameters, unless
    /// [`Network::columns`] makes them of something smaller.
    fn slopes(&self) -> usize {
        self.table().values.len()
    }
    /// Rows that it keeps besides.
    fn reverse_rows(&self) -> usize;
    /// Adds derivatives of a real function to `out`, from records that know all positions, and from
    /// its derivatives `seeds` by the heads, position by position.
    fn reverse(&self, records: &Sheet<R>, seeds: &Sheet<R>, out: &mut Sheet<R>);
    /// Log-derivatives from what [`Network::reverse`] wrote, walkers × slopes, and the records of
    /// the walkers, one after the other.
    fn columns(&self, _kind: Kind, _records: &[R], slopes: Matrix) -> Vec<Columns> {
        vec![Columns::Dense(Arc::new(slopes))]
    }
    /// Bytes that log-derivatives of this kind keep of a walker.
    fn derivative_bytes(&self, kind: Kind) -> usize {
        8 * kind.parts() * self.slopes()
    }
    /// How many positions back records are read at most.
    fn reach(&self) -> usize;
    /// Whether all positions have the same weights.
    fn tied(&self) -> bool {
        true
    }
}

/// Blocks of real parameters, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Parameters<R = f64> {
    /// Names and shapes.
    pub blocks: Vec<Block>,
    /// Their numbers.
    pub values: Vec<f64>,
    /// The same in the precision of the network.
    pub weights: Vec<R>,
}

impl<R: Real> Parameters<R> {
    /// Adds a block of the same numbers; where it starts.
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], value: f64) -> usize {
        let start = self.values.len();
        let count = shape.iter().product::<usize>();
        self.values.resize(start + count, value);
        self.weights.resize(start + count, R::from_f64(value));
        self.blocks.push(Block::new(name, shape.into(), false));
        start
    }
    /// Adds a block of Gaussian numbers of standard deviation `sd`; where it starts.
    pub(super) fn gaussian(
        &mut self,
        name: &str,
        shape: &[usize],
        sd: f64,
        rng: &mut Generator,
    ) -> usize {
        let start = self.constant(name, shape, 0.0);
        let weights = self.weights[start..].iter_mut();
        for (value, weight) in self.values[start..].iter_mut().zip(weights) {
            let z: f64 = StandardNormal.sample(rng);
            (*value, *weight) = (sd * z, R::from_f64(sd * z));
        }
        start
    }
    /// Replaces all numbers by as many others.
    pub(super) fn set(&mut self, values: &[f64]) {
        self.values.copy_from_slice(values);
        let pairs = self.weights.iter_mut().zip(values);
        pairs.for_each(|(weight, &value)| *weight = R::from_f64(value));
    }
    /// Makes every row of `y`, of `columns` numbers, the parameter that starts at `start`.
    pub(super) fn spread(&self, start: usize, columns: usize, y: &mut [R]) {
        let rows = y.chunks_exact_mut(columns);
        rows.zip(&self.weights[start..])
            .for_each(|(row, &b)| row.fill(b));
    }
}

/// y = b + x W for `depth` neighbouring rows x from `row` on; `W` and `b` are where weights and
/// biases start.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearMap {
    pub(super) weights: usize,
    pub(super) biases: usize,
    pub(super) depth: usize,
    pub(super) width: usize,
}

impl LinearMap {
    /// y of the first `count` columns.
    pub(super) fn apply<R: Real>(
        &self,
        table: &Parameters<R>,
        x: (SheetView<R>, usize),
        count: usize,
        y: &mut [R],
    ) {
        table.spread(self.biases, x.0.columns(), y);
        let a = Weights {
            values: &table.weights,
            width: self.width,
            transposed: false,
        };
        let run = [Run::one(x.1, self.weights)];
        add_product(
            Simd::chosen(),
            a,
            SheetTerms::all(&run, self.depth),
            x.0,
            count,
            y,
        );
    }
    /// x̄ += W ȳ for the rows `d` of ȳ.
    pub(super) fn back<R: Real>(
        &self,
        table: &Parameters<R>,
        d: (SheetView<R>, usize),
        x: &mut [R],
    ) {
        let a = Weights {
            values: &table.weights,
            width: self.width,
            transposed: true,
        };
        let run = [Run::one(d.1, self.weights)];
        add_product(
            Simd::chosen(),
            a,
            SheetTerms::all(&run, self.width),
            d.0,
            d.0.columns(),
            x,
        );
    }
}

/// Adds Σ_t of rows `row` + `o` of `d` to row `o` of `out`, from `start` on.
pub(super) fn add_sums<R: Real>(
    d: SheetView<R>,
    rows: impl Iterator<Item = usize>,
    width: usize,
    out: &mut Sheet<R>,
    start: usize,
) {
    for row in rows {
        for o in 0..width {
            let sums = out.row_mut(start + o).iter_mut();
            sums.zip(d.row(row + o)).for_each(|(sum, d)| *sum += *d);
        }
    }
}
