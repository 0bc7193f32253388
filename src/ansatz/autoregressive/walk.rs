//! Decides how configurations are walked along the path, many side by side: from the start, drawn,
//! or from the first position that a move changes.

use super::network::Room;
use super::units::{Logits, log_probabilities};
use super::{Autoregressive, AutoregressiveBatch, place};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{LANES, Sheet};
use crate::linalg::simd::Simd;
use num_complex::Complex64;
use std::ops::Range;

/// Numbers that a block of configurations may take: about 1 MiB stays in cache.
const CACHED: usize = 1 << 17;
/// Most configurations side by side.
const WIDEST: usize = 64;
/// Questions of one walker that are a block of their own.
pub(super) const MANY: usize = 16;

/// Columns of a block whose columns have so many rows.
pub(super) fn columns(rows: usize) -> usize {
    (CACHED / rows.max(1)).clamp(LANES, WIDEST) / LANES * LANES
}

/// A question in a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MovedColumn {
    /// Number of the question.
    pub(super) ask: usize,
    pub(super) walker: usize,
    /// The first position that changes.
    pub(super) first: usize,
    /// Spins up before it.
    pub(super) ups: usize,
}

/// Configurations side by side.
#[derive(Debug, Default)]
pub(super) struct Side<R> {
    pub(super) records: Sheet<R>,
    pub(super) heads: Sheet<R>,
    /// Re and Im of ln ψ_i of every position.
    pub(super) terms: Sheet,
    /// Spins up so far.
    ups: Vec<usize>,
    /// ln p of up and down.
    logs: [Vec<f64>; 2],
    /// u of up and down in double precision, where they are in single.
    wide: [Vec<f64>; 2],
    room: Room<R>,
    pub(super) columns: Vec<MovedColumn>,
    /// Spins after the moves, along the path.
    pub(super) spins: Vec<i8>,
}

impl<R: Elementary> Side<R> {
    /// Makes room for so many configurations of `psi`, with nothing known of them.
    pub(super) fn fit(&mut self, psi: &Autoregressive<R>, count: usize) {
        let n = psi.path.len();
        self.records.fit(n * psi.network.record(), count);
        self.heads.fit(n * psi.width(), count);
        self.terms.fit(2 * n, count);
        let columns = self.records.columns();
        self.ups.clear();
        self.ups.resize(columns, 0);
        self.logs
            .iter_mut()
            .for_each(|row| row.resize(columns, 0.0));
    }
}

impl<R: Elementary> Autoregressive<R> {
    /// Configurations that are walked side by side.
    pub(super) fn block(&self) -> usize {
        columns(self.path.len() * (self.network.record() + self.width() + 2))
    }

    /// Which spins position `i` can have after `ups` spins up.
    pub(super) fn allowed(&self, i: usize, ups: usize) -> [bool; 2] {
        let n = self.path.len();
        self.up.map_or([true; 2], |up| [ups < up, i - ups < n - up])
    }

    /// Heads of position `i` in the first `count` columns.
    fn advance(&self, i: usize, side: &mut Side<R>, count: usize) {
        let width = self.width();
        let heads = side.heads.rows_mut(i * width, width);
        self.network
            .advance(i, &mut side.records, count, heads, &mut side.room);
    }

    /// ln p of both spins at position `i` from its heads, without the sector, in `count` columns.
    fn find_logs(&self, i: usize, side: &mut Side<R>, count: usize) {
        let (first, whole) = (i * self.width(), count.next_multiple_of(LANES));
        let [up, down] = &mut side.wide;
        let u = Logits {
            up: R::widened(&side.heads.row(first)[..whole], up),
            down: R::widened(&side.heads.row(first + 1)[..whole], down),
        };
        let [up, down] = &mut side.logs;
        log_probabilities(Simd::chosen(), u, &mut up[..whole], &mut down[..whole]);
    }

    /// ln p of both spins of column `c`; −∞ for what is not allowed.
    fn conditional(&self, i: usize, side: &Side<R>, c: usize) -> [f64; 2] {
        match self.allowed(i, side.ups[c]) {
            [true, true] => [side.logs[0][c], side.logs[1][c]],
            allowed => allowed.map(|a| if a { 0.0 } else { f64::NEG_INFINITY }),
        }
    }

    /// Tells position `i` of column `c` its spin, and finds ln ψ_i.
    fn settle(&self, i: usize, record: usize, side: &mut Side<R>, c: usize, spin: i8) -> f64 {
        let k = place(spin);
        let log = self.conditional(i, side, c)[k];
        let number = R::from_f64(f64::from(spin));
        side.records.set(i * record, c, number);
        side.terms.set(2 * i, c, 0.5 * log);
        let phase = match self.positive {
            true => 0.0,
            false => side.heads.get(i * self.width() + 2 + k, c).to_f64(),
        };
        side.terms.set(2 * i + 1, c, phase);
        side.ups[c] += usize::from(spin > 0);
        log
    }

    /// Walks `count` configurations from the start; `spin(c, i, p)` is the spin of position `i` of
    /// column `c`, which is up with probability p.
    pub(super) fn walk(
        &self,
        side: &mut Side<R>,
        count: usize,
        mut spin: impl FnMut(usize, usize, f64) -> i8,
        mut seen: impl FnMut(usize, f64),
    ) {
        side.fit(self, count);
        side.room.shared.starts.clear();
        let record = self.network.record();
        for i in 0..self.path.len() {
            self.advance(i, side, count);
            self.find_logs(i, side, count);
            for c in 0..count {
                let spin = spin(c, i, self.conditional(i, side, c)[0].exp());
                seen(c, self.settle(i, record, side, c, spin));
            }
        }
    }

    /// Copies what is known of the first `count` columns to walkers from `first` on.
    pub(super) fn keep_all(
        &self,
        side: &Side<R>,
        first: usize,
        count: usize,
        batch: &mut AutoregressiveBatch<R>,
    ) {
        let n = self.path.len();
        let (record, width) = (n * self.network.record(), n * self.width());
        let own = &mut batch.records[first * record..];
        (side.records).visit(0, record, count, |r, c, x| own[c * record + r] = x);
        let own = &mut batch.heads[first * width..];
        (side.heads).visit(0, width, count, |r, c, x| own[c * width + r] = x);
        let own = &mut batch.terms[first * n..];
        side.terms.visit(0, 2 * n, count, |r, c, x| {
            let z = &mut own[c * n + r / 2];
            *if r % 2 == 0 { &mut z.re } else { &mut z.im } = x;
        });
    }

    /// Copies what is known of column `c` from position `first` on to walker `k`.
    pub(super) fn keep(
        &self,
        side: &Side<R>,
        c: usize,
        (k, first): (usize, usize),
        batch: &mut AutoregressiveBatch<R>,
    ) {
        let (n, record, width) = (self.path.len(), self.network.record(), self.width());
        let own = &mut batch.records[(k * n + first) * record..(k + 1) * n * record];
        side.records.copy_column(first * record, c, own);
        let own = &mut batch.heads[(k * n + first) * width..(k + 1) * n * width];
        side.heads.copy_column(first * width, c, own);
        for i in first..n {
            let term = [side.terms.get(2 * i, c), side.terms.get(2 * i + 1, c)];
            batch.terms[k * n + i] = Complex64::new(term[0], term[1]);
        }
    }

    /// Prepares what many questions of one walker have in common; the first position whose record
    /// is read.
    fn share(&self, batch: &AutoregressiveBatch<R>, side: &mut Side<R>, count: usize) -> usize {
        side.room.shared.starts.clear();
        let columns = &side.columns[..count];
        let Some(first) = columns.first() else {
            return self.path.len();
        };
        let alone = columns.iter().all(|column| column.walker == first.walker);
        let size = self.path.len() * self.network.record();
        let starts: Vec<usize> = columns.iter().step_by(LANES).map(|c| c.first).collect();
        let known = &batch.records[first.walker * size..][..size];
        let shared = &mut side.room.shared;
        if alone && count >= MANY && self.network.share(known, &starts, shared) {
            return first.first;
        }
        first.first.saturating_sub(self.network.reach())
    }

    /// Walks the questions on from the positions where they change.
    pub(super) fn walk_on(&self, batch: &AutoregressiveBatch<R>, side: &mut Side<R>) {
        let (n, width) = (self.path.len(), self.width());
        let record = self.network.record();
        let count = (side.columns.iter())
            .filter(|column| column.first < n)
            .count();
        side.fit(self, count);
        let start = side.columns.first().map_or(n, |column| column.first);
        let first_ask = side.columns.iter().map(|c| c.ask).min().unwrap_or(0);
        let (spins, mut known) = (std::mem::take(&mut side.spins), 0);
        for i in self.share(batch, side, count)..n {
            if known > 0 {
                self.advance(i, side, known);
            }
            self.copy_known(batch, side, i, known..count);
            if i < start {
                continue;
            }
            while known < count && side.columns[known].first == i {
                let MovedColumn { walker, ups, .. } = side.columns[known];
                let heads = &batch.heads[(walker * n + i) * width..][..width];
                side.heads.put_column(i * width, known, heads);
                side.ups[known] = ups;
                known += 1;
            }
            self.find_logs(i, side, known);
            for c in 0..known {
                let row = side.columns[c].ask - first_ask;
                self.settle(i, record, side, c, spins[row * n + i]);
            }
        }
        side.spins = spins;
    }

    /// Copies the record of position `i` that questions share with their walkers, where it is read.
    fn copy_known(
        &self,
        batch: &AutoregressiveBatch<R>,
        side: &mut Side<R>,
        i: usize,
        unknown: Range<usize>,
    ) {
        let (n, record) = (self.path.len(), self.network.record());
        let last = i.saturating_add(self.network.reach());
        // Columns that share sums over this position do not read its record.
        let starts = &side.room.shared.starts;
        let read = match starts.is_empty() {
            true => unknown.end,
            false => (starts.partition_point(|&start| start <= i) * LANES).min(unknown.end),
        };
        let columns = &side.columns[unknown.start..read.max(unknown.start)];
        let columns = &columns[..columns.partition_point(|column| column.first <= last)];
        let Some(first) = columns.first() else { return };
        let alone = columns.iter().all(|column| column.walker == first.walker);
        for r in 0..record {
            let value = |k: usize| batch.records[(k * n + i) * record + r];
            let row = &mut side.records.row_mut(i * record + r)[unknown.start..];
            if alone {
                row[..columns.len()].fill(value(first.walker));
                continue;
            }
            let own = row.iter_mut().zip(columns);
            own.for_each(|(x, column)| *x = value(column.walker));
        }
    }
}
