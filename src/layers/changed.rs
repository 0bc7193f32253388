//! Decides how a network is evaluated where few rows of the input have changed: only the rows that
//! the change reaches, from those and from the values that a walker has kept.
//!
//! Rows of an output change where those of the input do, if a row depends on its own alone, and
//! where a window reads them. After m windows of three positions an exchange of neighbours has
//! reached min(L, 2m + 1) min(L, 2m + 2) positions of a square. A row is the same sum in the same
//! order as in an evaluation of all rows, so that both have the same bits.

use super::{Composition, LayerRows, RowReads, RowShape, WindowTable};
use crate::linalg::functions::Elementary;
use crate::linalg::gathered::{FRESH, GatheredRows};
use crate::linalg::simd::Simd;

/// A row that has not changed.
const SAME: u32 = u32::MAX;

/// What a row that changes costs beside its operations, and what a position does, in
/// multiply-adds; measured, in double and in single precision. The lists take as long in both.
const BESIDE: [[f64; 2]; 2] = [[1400.0, 1000.0], [2600.0, 1800.0]];

/// What an operation of a gathered row costs in those of others.
const GATHERED: f64 = 1.1;

/// Which rows of a network's values change with rows of its input.
#[derive(Debug)]
pub struct ChangedRows {
    positions: usize,
    /// Values whose rows change together have the same level; that of the input is 0.
    levels: Vec<usize>,
    /// Of each level and each position of the input, the rows that change with it.
    reach: Vec<Vec<Vec<u32>>>,
    /// Where each value stands among those that walkers keep.
    kept: Vec<Option<usize>>,
    /// Part of the operations that remain where two neighbours have changed.
    fraction: f64,
    /// Operations of all rows.
    operations: f64,
    /// Rows that are gathered where two neighbours have changed.
    gathered: usize,
}

/// Questions about walkers, and the rows that change with them.
#[derive(Debug)]
pub struct ChangedWork<R> {
    walkers: Vec<u32>,
    /// Of each level, the rows that change, question after question; and where each one's end.
    rows: Vec<Vec<u32>>,
    ends: Vec<Vec<usize>>,
    /// Of each level, the number of a position among those rows, question after question.
    maps: Vec<Vec<u32>>,
    sources: Vec<u32>,
    slots: Vec<Vec<R>>,
    /// Changed rows of the values that walkers keep.
    saved: Vec<Vec<R>>,
}

impl<R> Default for ChangedWork<R> {
    fn default() -> Self {
        ChangedWork {
            walkers: Vec::new(),
            rows: Vec::new(),
            ends: Vec::new(),
            maps: Vec::new(),
            sources: Vec::new(),
            slots: Vec::new(),
            saved: Vec::new(),
        }
    }
}

/// Rows in either of two lists, in ascending order.
fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

impl ChangedRows {
    /// Of a network whose rows depend on few; `None` for others.
    pub fn of<R: Elementary>(net: &Composition<R>) -> Option<Self> {
        let n = net.shapes[0].positions;
        let mut reach: Vec<Vec<Vec<u32>>> = vec![(0..n as u32).map(|p| vec![p]).collect()];
        let (mut levels, mut kept) = (vec![0], vec![false; net.shapes.len()]);
        for (k, node) in net.nodes.iter().enumerate() {
            let from = &reach[levels[node.input]];
            let mut rows: Vec<Vec<u32>> = match node.layer.reads() {
                RowReads::All => return None,
                RowReads::Window(window) if window.taps() == n => return None,
                RowReads::Own => from.clone(),
                RowReads::Window(window) => {
                    kept[node.input] = true;
                    from.iter().map(|rows| window.readers_of(rows)).collect()
                }
            };
            if let Some(u) = node.plus {
                let more = rows.iter().zip(&reach[levels[u]]);
                rows = more.map(|(a, b)| union(a, b)).collect();
                kept[u] |= rows != reach[levels[u]];
            }
            let known = reach.iter().position(|known| *known == rows);
            levels.push(known.unwrap_or(reach.len()));
            if known.is_none() {
                reach.push(rows);
            }
            let own = matches!(node.layer.reads(), RowReads::Own);
            if own && levels[k + 1] != levels[node.input] {
                return None;
            }
        }
        net.outputs.iter().for_each(|&v| kept[v] = true);
        kept[0] = true;
        let pair = |level: usize| match reach[level].as_slice() {
            [first, second, ..] => union(first, second).len(),
            rest => rest.len(),
        };
        let cost = |(k, node): (usize, &super::composition::Node<R>)| {
            let all = node.layer.operations(net.shapes[node.input]);
            [all * pair(levels[k + 1]) as f64 / n.max(1) as f64, all]
        };
        let costs = net.nodes.iter().enumerate().map(cost);
        let [part, all] = costs.fold([0.0; 2], |s, c| [s[0] + c[0], s[1] + c[1]]);
        let nodes = net.nodes.iter().enumerate();
        let windows = nodes.filter(|(_, node)| matches!(node.layer.reads(), RowReads::Window(_)));
        let gathered = windows.map(|(k, _)| pair(levels[k + 1])).sum();
        let mut count = 0;
        let number = |keep: bool| {
            count += usize::from(keep);
            keep.then(|| count - 1)
        };
        Some(ChangedRows {
            positions: n,
            fraction: part / f64::max(all, 1.0),
            operations: all,
            gathered,
            levels,
            kept: kept.into_iter().map(number).collect(),
            reach,
        })
    }

    /// Whether it is cheaper than an evaluation of all rows, in numbers of the type `R`.
    pub fn is_worth_it<R>(&self) -> bool {
        let [row, position] = BESIDE[usize::from(size_of::<R>() == 4)];
        let beside = row * self.gathered as f64 + position * self.positions as f64;
        GATHERED * self.fraction * self.operations + beside < self.operations
    }
    /// Part of the operations that remain where two neighbours have changed.
    pub fn fraction(&self) -> f64 {
        self.fraction
    }
    /// The values that walkers keep, in the order in which [`ChangedRows::forward`] wants them.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        let values = self.kept.iter().enumerate();
        values.filter_map(|(v, at)| at.map(|_| v))
    }

    /// Forgets all questions.
    pub fn clear<R>(&self, work: &mut ChangedWork<R>) {
        let levels = self.reach.len();
        work.walkers.clear();
        work.rows.resize_with(levels, Vec::new);
        work.ends.resize_with(levels, Vec::new);
        work.maps.resize_with(levels, Vec::new);
        work.rows.iter_mut().for_each(Vec::clear);
        work.ends.iter_mut().for_each(Vec::clear);
        work.maps.iter_mut().for_each(Vec::clear);
    }

    /// Adds the question of a walker about changes at these positions.
    pub fn ask<R>(
        &self,
        walker: usize,
        positions: impl Iterator<Item = usize> + Clone,
        work: &mut ChangedWork<R>,
    ) {
        work.walkers.push(walker as u32);
        for (level, reach) in self.reach.iter().enumerate() {
            let (map, rows) = (&mut work.maps[level], &mut work.rows[level]);
            let start = map.len();
            map.resize(start + self.positions, SAME);
            for row in positions.clone().flat_map(|p| &reach[p]) {
                let place = &mut map[start + *row as usize];
                if *place == SAME {
                    *place = rows.len() as u32;
                    rows.push(*row);
                }
            }
            work.ends[level].push(rows.len());
        }
    }

    /// Fills in the changed rows of the input: those that are kept, each changed by `put(question,
    /// position, row)`.
    pub fn fill<R: Elementary>(
        &self,
        net: &Composition<R>,
        kept: &[Vec<R>],
        work: &mut ChangedWork<R>,
        mut put: impl FnMut(usize, usize, &mut [R]),
    ) {
        let (stride, slot) = (net.shapes[0].stride, net.lean.slots[0]);
        let mut input = take(&mut work.slots, slot, work.rows[0].len() * stride);
        let rows = input.chunks_exact_mut(stride.max(1));
        for ((ask, row), x) in work.changed(0).zip(rows) {
            let from = (work.walkers[ask] as usize * self.positions + row) * stride;
            x.copy_from_slice(&kept[0][from..from + stride]);
            put(ask, row, x);
        }
        work.slots[slot] = input;
    }

    /// Evaluates all changed rows from those of the input and from what walkers have kept; `save`
    /// says that [`ChangedRows::take_over`] may follow.
    pub fn forward<R: Elementary>(
        &self,
        net: &Composition<R>,
        simd: Simd,
        kept: &[Vec<R>],
        save: bool,
        work: &mut ChangedWork<R>,
    ) {
        work.saved.resize_with(kept.len(), Vec::new);
        self.save(net, 0, save, work);
        for (k, node) in net.nodes.iter().enumerate() {
            let (v, level, shape) = (k + 1, self.levels[k + 1], net.shapes[k + 1]);
            let length = work.rows[level].len() * shape.stride;
            let mut y = take(&mut work.slots, net.lean.slots[v], length);
            let fresh = net.lean.slots[node.input];
            let stride = net.shapes[node.input].stride;
            if let (RowReads::Window(window), Some(at)) =
                (node.layer.reads(), self.kept[node.input])
            {
                self.gather(window, (self.levels[node.input], level), work);
                let x = GatheredRows {
                    kept: &kept[at],
                    fresh: &work.slots[fresh],
                    stride,
                    sources: &work.sources,
                    taps: window.taps(),
                };
                node.layer.forward_gathered(simd, x, &mut y[..length]);
            } else {
                let rows = work.rows[level].len();
                let x = LayerRows {
                    shape: RowShape {
                        positions: 1,
                        ..net.shapes[node.input]
                    },
                    numbers: &work.slots[fresh][..rows * stride],
                };
                node.layer.forward(simd, x, &mut y[..length]);
            }
            if let Some(u) = node.plus {
                self.add(net, u, level, kept, work, &mut y[..length]);
            }
            work.slots[net.lean.slots[v]] = y;
            self.save(net, v, save, work);
        }
    }

    /// Lists what the rows of a level read through a window from values of another.
    fn gather<R>(
        &self,
        window: &WindowTable,
        (from, to): (usize, usize),
        work: &mut ChangedWork<R>,
    ) {
        let (n, mut sources) = (self.positions, std::mem::take(&mut work.sources));
        let (table, map, taps) = (window.reads().table, &work.maps[from], window.taps());
        sources.resize(work.rows[to].len() * taps, 0);
        let mut lists = sources.chunks_exact_mut(taps.max(1));
        for (ask, &walker) in work.walkers.iter().enumerate() {
            let (old, map) = (walker * n as u32, &map[ask * n..(ask + 1) * n]);
            let rows = work.rows[to][work.range(to, ask)].iter();
            for (&row, list) in rows.zip(&mut lists) {
                for (source, tap) in list.iter_mut().zip(table.chunks_exact(n)) {
                    let read = tap[row as usize];
                    let fresh = map[read as usize];
                    *source = if fresh == SAME {
                        old + read
                    } else {
                        FRESH + fresh
                    };
                }
            }
        }
        work.sources = sources;
    }

    /// Adds the rows of value `u` to those of a value of this level.
    fn add<R: Elementary>(
        &self,
        net: &Composition<R>,
        u: usize,
        level: usize,
        kept: &[Vec<R>],
        work: &ChangedWork<R>,
        y: &mut [R],
    ) {
        let (n, stride) = (self.positions, net.shapes[u].stride);
        let (map, fresh) = (&work.maps[self.levels[u]], &work.slots[net.lean.slots[u]]);
        for ((ask, row), y) in work.changed(level).zip(y.chunks_exact_mut(stride.max(1))) {
            let from = match (map[ask * n + row], self.kept[u]) {
                (SAME, Some(at)) => &kept[at][(work.walkers[ask] as usize * n + row) * stride..],
                (place, _) => &fresh[place as usize * stride..],
            };
            y.iter_mut().zip(from).for_each(|(y, &u)| *y += u);
        }
    }

    /// Keeps the changed rows of a value for [`ChangedRows::take_over`].
    fn save<R: Elementary>(
        &self,
        net: &Composition<R>,
        v: usize,
        save: bool,
        work: &mut ChangedWork<R>,
    ) {
        if let Some(at) = self.kept[v].filter(|_| save) {
            let length = work.rows[self.levels[v]].len() * net.shapes[v].stride;
            work.saved[at].clear();
            work.saved[at].extend_from_slice(&work.slots[net.lean.slots[v]][..length]);
        }
    }

    /// Writes all rows of value `v` for a question to `out`, in double precision: those that are
    /// kept, and the changed ones in their place. `v` is an output.
    pub fn whole<R: Elementary>(
        &self,
        net: &Composition<R>,
        v: usize,
        kept: &[Vec<R>],
        work: &ChangedWork<R>,
        out: &mut [f64],
    ) {
        let (shape, level, size) = (net.shapes[v], self.levels[v], net.shapes[v].size());
        let Some(at) = self.kept[v] else { return };
        for (out, &walker) in out.chunks_exact_mut(size.max(1)).zip(&work.walkers) {
            let old = &kept[at][walker as usize * size..][..size];
            out.iter_mut().zip(old).for_each(|(o, x)| *o = x.to_f64());
        }
        let fresh = work.slots[net.lean.slots[v]].chunks_exact(shape.stride.max(1));
        for ((ask, row), x) in work.changed(level).zip(fresh) {
            let to = &mut out[ask * size + row * shape.stride..][..shape.stride];
            to.iter_mut().zip(x).for_each(|(o, x)| *o = x.to_f64());
        }
    }

    /// Makes the changed rows of question `ask` those that its walker keeps.
    pub fn take_over<R: Elementary>(
        &self,
        net: &Composition<R>,
        work: &ChangedWork<R>,
        ask: usize,
        kept: &mut [Vec<R>],
    ) {
        for (v, at) in self.kept.iter().enumerate() {
            let Some(at) = *at else { continue };
            let (level, stride) = (self.levels[v], net.shapes[v].stride);
            let first = work.walkers[ask] as usize * self.positions;
            for place in work.range(level, ask) {
                let to = (first + work.rows[level][place] as usize) * stride;
                let from = &work.saved[at][place * stride..][..stride];
                kept[at][to..to + stride].copy_from_slice(from);
            }
        }
    }
}

impl<R> ChangedWork<R> {
    /// Places of the rows of a question in those of a level.
    fn range(&self, level: usize, ask: usize) -> std::ops::Range<usize> {
        let ends = &self.ends[level];
        ask.checked_sub(1).map_or(0, |before| ends[before])..ends[ask]
    }

    /// Question and position of each changed row of a level.
    fn changed(&self, level: usize) -> impl Iterator<Item = (usize, usize)> {
        let rows = move |ask: usize| {
            let own = &self.rows[level][self.range(level, ask)];
            own.iter().map(move |&row| (ask, row as usize))
        };
        (0..self.walkers.len()).flat_map(rows)
    }
}

/// The numbers of a slot, at least so many of them; they are put back later.
fn take<R: Elementary>(slots: &mut Vec<Vec<R>>, slot: usize, length: usize) -> Vec<R> {
    if slots.len() <= slot {
        slots.resize_with(slot + 1, Vec::new);
    }
    let mut own = std::mem::take(&mut slots[slot]);
    if own.len() < length {
        own.resize(length, R::default());
    }
    own
}
