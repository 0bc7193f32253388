//! Decides what is kept of a configuration: the boundaries below and above each row, from when they
//! are first asked for until a move changes them.

use super::boundary::BoundaryState;
use super::network::SiteTensor;
use super::strip::Strip;
use super::{Pairs, span};
use crate::ansatz::Move;
use crate::ansatz::field::Field;
use num_complex::Complex64;
use std::ops::Range;
use std::sync::OnceLock;

/// A configuration and its boundaries. These follow from the configuration and the tensors alone,
/// so it does not matter who asks for them first.
#[derive(Debug)]
pub struct NetworkWalker<T> {
    /// The spins.
    pub(super) x: Vec<i8>,
    /// Of the rows below each row.
    below: Vec<OnceLock<BoundaryState<T>>>,
    /// Of the rows above each row.
    above: Vec<OnceLock<BoundaryState<T>>>,
}

impl<T: Field> NetworkWalker<T> {
    pub(super) fn new(x: &[i8], rows: usize) -> Self {
        let empty = || (0..rows).map(|_| OnceLock::new()).collect();
        NetworkWalker {
            x: x.to_vec(),
            below: empty(),
            above: empty(),
        }
    }

    fn below(&self, pairs: &Pairs<T>, y: usize) -> &BoundaryState<T> {
        // From the last one that is there on: each needs the one before.
        let known = (0..=y).rev().find(|&y| self.below[y].get().is_some());
        for y in known.map_or(0, |y| y + 1)..=y {
            let next = match y {
                0 => BoundaryState::edge(pairs.size[0]),
                _ => {
                    let row = pairs.row(y - 1, &self.x);
                    self.below(pairs, y - 1).absorb(&row, pairs.most)
                }
            };
            pairs.note(next.discarded);
            self.below[y].get_or_init(|| next);
        }
        self.below[y].get_or_init(|| BoundaryState::edge(pairs.size[0]))
    }

    fn above(&self, pairs: &Pairs<T>, y: usize) -> &BoundaryState<T> {
        let last = pairs.size[1] - 1;
        let known = (y..=last).find(|&y| self.above[y].get().is_some());
        for y in (y..known.unwrap_or(last + 1)).rev() {
            let next = if y == last {
                BoundaryState::edge(pairs.size[0])
            } else {
                let row = pairs.row(y + 1, &self.x).into_iter();
                let row: Vec<SiteTensor<T>> = row.map(SiteTensor::upside_down).collect();
                self.above(pairs, y + 1).absorb(&row, pairs.most)
            };
            pairs.note(next.discarded);
            self.above[y].get_or_init(|| next);
        }
        self.above[y].get_or_init(|| BoundaryState::edge(pairs.size[0]))
    }

    /// `count` rows from row `first` on between their boundaries.
    pub(super) fn strip<'a>(
        &'a self,
        pairs: &'a Pairs<T>,
        first: usize,
        count: usize,
    ) -> Strip<'a, T> {
        let rows = (first..first + count).map(|y| pairs.row(y, &self.x));
        Strip::new(
            self.below(pairs, first),
            rows.collect(),
            self.above(pairs, first + count - 1),
        )
    }

    /// ψ(x')/ψ(x) for a move inside the rows of a strip, which starts at row `first`.
    pub(super) fn near<'a>(
        &self,
        pairs: &'a Pairs<T>,
        strip: &mut Strip<'a, T>,
        first: usize,
        step: Move,
    ) -> Complex64 {
        let [_, columns] = span(pairs.size[0], step);
        let psi = strip.amplitude(columns.start);
        let changed = |row: usize, column: usize| {
            let site = column + pairs.size[0] * (first + row);
            let moved = step.sites.iter().rposition(|&i| i as usize == site);
            pairs.site(site, moved.map_or(self.x[site], |k| step.values[k]))
        };
        strip.replaced(columns, changed).over(psi)
    }

    /// ψ(x')/ψ(x) for a move over three and more rows: those below the last are contracted anew.
    pub(super) fn far(&self, pairs: &Pairs<T>, step: Move) -> Complex64 {
        let [rows, _] = span(pairs.size[0], step);
        let x = step.applied(&self.x);
        let mut below = self.below(pairs, rows.start).clone();
        for y in rows.start..rows.end - 1 {
            below = below.absorb(&pairs.row(y, &x), pairs.most);
            pairs.note(below.discarded);
        }
        let last = rows.end - 1;
        let above = self.above(pairs, last);
        let cut = pairs.size[0] / 2;
        let mut strip = Strip::new(&below, vec![pairs.row(last, &x)], above);
        let psi = self.strip(pairs, last, 1).amplitude(cut);
        strip.amplitude(cut).over(psi)
    }

    /// Takes a move inside these rows; boundaries that they belong to are forgotten.
    pub(super) fn move_on(&mut self, rows: Range<usize>, step: Move) {
        step.apply(&mut self.x);
        self.below
            .iter_mut()
            .skip(rows.start + 1)
            .for_each(|b| *b = OnceLock::new());
        let before = rows.end.saturating_sub(1);
        self.above
            .iter_mut()
            .take(before)
            .for_each(|b| *b = OnceLock::new());
    }
}
