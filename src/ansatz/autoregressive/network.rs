//! Decides what a conditional network is: logits and phases of every position from the spins
//! before it, for many configurations side by side.
//!
//! What later positions look at is kept in records, one per position, the spin first. So all N
//! positions of a configuration cost one pass, and a configuration that differs from a known one
//! from position f on costs the positions after f.

use crate::ansatz::{Block, Columns, Kind, Matrix};
use crate::linalg::sheets::{Run, Sheet, SheetTerms, SheetView, Weights, add_product};
use crate::linalg::simd::Simd;
use crate::rng::{Distribution, Generator, StandardNormal};
use std::sync::Arc;

/// Room for what a position needs on the way to its heads.
#[derive(Debug, Default)]
pub struct Room {
    /// SheetTerms of a sum.
    pub runs: Vec<Run>,
    /// Rows of numbers.
    pub rows: Sheet,
    /// More rows.
    pub more: Sheet,
    /// What columns have in common.
    pub shared: Shared,
}

/// Sums over the positions in which eight columns are one and the same configuration.
#[derive(Debug, Default)]
pub struct Shared {
    /// Number of such positions of each eight columns; it does not fall. Empty where nothing is
    /// shared.
    pub starts: Vec<usize>,
    /// The sums, in an order of the network.
    pub sums: Vec<f64>,
}

/// What gives the logits and phases of every position from the spins before it.
pub trait Network: Send + Sync + std::fmt::Debug {
    /// The parameters.
    fn table(&self) -> &Parameters;
    /// The parameters, to be changed.
    fn table_mut(&mut self) -> &mut Parameters;
    /// Rows of the record of a position: its spin, then what later positions need.
    fn record(&self) -> usize;
    /// Logits (u↑, u↓) and, unless ψ is positive, phases (φ↑, φ↓) of position `i` to the rows
    /// `heads`, and all but the spin of its record, in the first `count` columns. Records of later
    /// positions are not read.
    fn advance(
        &self,
        i: usize,
        records: &mut Sheet,
        count: usize,
        heads: &mut [f64],
        room: &mut Room,
    );
    /// Prepares sums over the first positions of one configuration with the records `known`: each
    /// eight columns are going to have as many positions in common with it as `starts` says.
    /// Whether columns need no records of these positions.
    fn share(&self, _known: &[f64], _starts: &[usize], _shared: &mut Shared) -> bool {
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
    fn reverse(&self, records: &Sheet, seeds: &Sheet, out: &mut Sheet);
    /// Log-derivatives from what [`Network::reverse`] wrote, walkers × slopes, and the records of
    /// the walkers, one after the other.
    fn columns(&self, _kind: Kind, _records: &[f64], slopes: Matrix) -> Vec<Columns> {
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
pub struct Parameters {
    /// Names and shapes.
    pub blocks: Vec<Block>,
    /// Their numbers.
    pub values: Vec<f64>,
}

impl Parameters {
    /// Adds a block of the same numbers; where it starts.
    pub(super) fn constant(&mut self, name: &str, shape: &[usize], value: f64) -> usize {
        let start = self.values.len();
        let count = shape.iter().product::<usize>();
        self.values.resize(start + count, value);
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
        for value in &mut self.values[start..] {
            let z: f64 = StandardNormal.sample(rng);
            *value = sd * z;
        }
        start
    }
    /// Makes every row of `y`, of `columns` numbers, the parameter that starts at `start`.
    pub(super) fn spread(&self, start: usize, columns: usize, y: &mut [f64]) {
        let rows = y.chunks_exact_mut(columns);
        rows.zip(&self.values[start..])
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
    pub(super) fn apply(
        &self,
        table: &Parameters,
        x: (SheetView, usize),
        count: usize,
        y: &mut [f64],
    ) {
        table.spread(self.biases, x.0.columns(), y);
        let a = Weights {
            values: &table.values,
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
    pub(super) fn back(&self, table: &Parameters, d: (SheetView, usize), x: &mut [f64]) {
        let a = Weights {
            values: &table.values,
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
pub(super) fn add_sums(
    d: SheetView,
    rows: impl Iterator<Item = usize>,
    width: usize,
    out: &mut Sheet,
    start: usize,
) {
    for row in rows {
        for o in 0..width {
            let sums = out.row_mut(start + o).iter_mut();
            sums.zip(d.row(row + o)).for_each(|(sum, d)| *sum += d);
        }
    }
}
