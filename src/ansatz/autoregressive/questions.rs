//! Decides how questions about moved walkers are put into blocks and answered, and how moves are
//! made.

use super::walk::{MANY, MovedColumn, Side};
use super::{Autoregressive, AutoregressiveBatch};
use crate::ansatz::field::ratio_from_log;
use crate::ansatz::{Asks, Move};
use crate::linalg::functions::Elementary;
use num_complex::Complex64;

/// Blocks of the last questions.
#[derive(Debug, Default)]
pub struct Moved<R = f64> {
    blocks: Vec<Side<R>>,
    used: usize,
}

impl<R: Elementary> Autoregressive<R> {
    /// The answers to all questions.
    pub(super) fn answer(
        &self,
        batch: &AutoregressiveBatch<R>,
        asks: &Asks,
        moved: &mut Moved<R>,
        out: &mut [Complex64],
    ) {
        // Questions that may be accepted are kept: those of at most one move of each walker.
        let kept = asks.len() <= batch.walkers(self.path.len());
        let (most, mut start) = (self.block(), 0);
        moved.used = 0;
        while start < asks.len() {
            let end = block_end(asks, start, most);
            let at = if kept { moved.used } else { 0 };
            if at == moved.blocks.len() {
                moved.blocks.push(Side::default());
            }
            moved.used = at + 1;
            let side = &mut moved.blocks[at];
            self.ask(batch, (start..end).map(|ask| (ask, asks.get(ask))), side);
            self.walk_on(batch, side);
            for (c, column) in side.columns.iter().enumerate() {
                out[column.ask] = self.ratio(batch, side, c);
            }
            start = end;
        }
    }

    /// Puts questions side by side, in the order of the first positions that change.
    fn ask<'a>(
        &self,
        batch: &AutoregressiveBatch<R>,
        asks: impl Iterator<Item = (usize, (usize, Move<'a>))>,
        side: &mut Side<R>,
    ) {
        let n = self.path.len();
        side.columns.clear();
        side.spins.clear();
        for (ask, (walker, step)) in asks {
            let old = &batch.spins[walker * n..(walker + 1) * n];
            let start = side.spins.len();
            side.spins.extend_from_slice(old);
            let (own, mut first) = (&mut side.spins[start..], n);
            for (&site, &value) in step.sites.iter().zip(step.values) {
                let i = self.position[site as usize];
                if own[i] != value {
                    first = first.min(i);
                    own[i] = value;
                }
            }
            side.columns.push(MovedColumn {
                ask,
                walker,
                first,
                ups: old[..first].iter().filter(|&&s| s > 0).count(),
            });
        }
        side.columns.sort_by_key(|column| column.first);
    }

    /// ψ'/ψ of column `c`: the conditional amplitudes that differ.
    fn ratio(&self, batch: &AutoregressiveBatch<R>, side: &Side<R>, c: usize) -> Complex64 {
        let (n, MovedColumn { walker, first, .. }) = (self.path.len(), side.columns[c]);
        if first == n {
            return Complex64::ONE;
        }
        let old = &batch.terms[walker * n..(walker + 1) * n];
        let vanishes = |re: f64| re == f64::NEG_INFINITY;
        let (mut log, mut zero) = (Complex64::ZERO, old[..first].iter().any(|t| vanishes(t.re)));
        let mut was_zero = false;
        for (i, old) in old.iter().enumerate().skip(first) {
            let new = Complex64::new(side.terms.get(2 * i, c), side.terms.get(2 * i + 1, c));
            zero |= vanishes(new.re);
            was_zero |= vanishes(old.re);
            log += new - old;
        }
        match (zero, was_zero) {
            (true, _) => Complex64::ZERO,
            (false, true) => Complex64::new(f64::INFINITY, 0.0),
            (false, false) => ratio_from_log(log),
        }
    }

    /// Moves walkers to the configurations of the last questions that are taken.
    pub(super) fn take(
        &self,
        batch: &mut AutoregressiveBatch<R>,
        taken: &[bool],
        moved: &Moved<R>,
    ) {
        let n = self.path.len();
        for side in &moved.blocks[..moved.used] {
            let first_ask = side.columns.iter().map(|c| c.ask).min().unwrap_or(0);
            for (c, column) in side.columns.iter().enumerate() {
                if !taken[column.ask] || column.first == n {
                    continue;
                }
                let spins = &side.spins[(column.ask - first_ask) * n..][..n];
                batch.spins[column.walker * n..][..n].copy_from_slice(spins);
                self.keep(side, c, (column.walker, column.first), batch);
            }
        }
    }
}

/// Where the block ends that begins with question `start`: many questions of one walker are a block
/// of their own.
fn block_end(asks: &Asks, start: usize, most: usize) -> usize {
    let walker = |ask: usize| asks.get(ask).0;
    let group = |from: usize| {
        let last = (from..asks.len().min(from + most)).take_while(|&k| walker(k) == walker(from));
        last.last().map_or(from, |k| k + 1)
    };
    let mut end = group(start);
    if end - start >= MANY {
        return end;
    }
    while end < asks.len() && end - start < most {
        let next = group(end);
        if next - end >= MANY {
            break;
        }
        end = next.min(start + most);
    }
    end
}
