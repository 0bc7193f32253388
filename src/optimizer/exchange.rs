//! Decides how rows of derivatives meet in sample space: their ranks exchange rows, or turn them
//! into columns; and what that costs.
//!
//! With P columns, N samples in M rows (M = 2 N where stacked), R ranks, f factor numbers per
//! sample, c real numbers in an entry and e = 1, or 1/2 where the network has single precision, a
//! rank sends
//! ```text
//! rows     f (N/R) (R − 1)/2 + c M²/(2 R)          rows to half of the others, own blocks of T
//! columns  e c (M/R) P (1 − 1/R) + c M (M + 1)/2   own rows once, own part of all of T
//! ```
//! numbers on average. Columns are taken where that is less and the rows are dense, f ≥ c P:
//! factored rows would have to be written out. With dense rows it is less from three ranks on,
//! where P is a few times M: rows cost P N a rank whatever R, columns 2 N² and a share of P N
//! that falls as 1/R.

use super::cost::Sizes;
use super::sample_space::partners;
use crate::comm::counting::{Load, Traffic};
use crate::comm::share;
use crate::derivatives::{Kind, PORTION};
use std::ops::Range;

/// What the rule depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSizes {
    /// How derivatives are treated.
    pub kind: Kind,
    /// P
    pub columns: usize,
    /// N
    pub samples: usize,
    /// f
    pub numbers: usize,
    /// Whether the network has single precision.
    pub single: bool,
    /// R
    pub ranks: usize,
    /// Numbers of a message or a product at most, but for one column or row.
    pub portion: usize,
}

impl From<&Sizes> for RowSizes {
    fn from(sizes: &Sizes) -> Self {
        RowSizes {
            kind: sizes.kind,
            columns: sizes.columns,
            samples: sizes.samples,
            numbers: sizes.numbers,
            single: sizes.single,
            ranks: sizes.ranks,
            portion: PORTION,
        }
    }
}

impl RowSizes {
    fn parts(&self) -> usize {
        if self.kind == Kind::Holomorphic { 2 } else { 1 }
    }
    fn rows(&self) -> usize {
        self.samples * self.kind.stack()
    }
    /// Whether rows become columns.
    pub fn turn(&self) -> bool {
        let (c, ranks) = (self.parts() as f64, self.ranks as f64);
        let (columns, rows) = (self.columns as f64, self.rows() as f64);
        let numbers = (self.numbers * self.samples) as f64 / ranks;
        let by_rows = numbers * (ranks - 1.0) / 2.0 + c * rows * rows / (2.0 * ranks);
        let part = if self.single { 0.5 } else { 1.0 };
        let turned = part * c * (rows / ranks) * columns * (1.0 - 1.0 / ranks);
        let by_columns = turned + c * rows * (rows + 1.0) / 2.0;
        let dense = self.numbers >= self.parts() * self.columns;
        dense && self.ranks > 1 && by_columns < by_rows
    }
    /// Columns of a rank that travel in one message: what a rank receives stays below a portion.
    pub fn width(&self) -> usize {
        (self.portion / (self.rows() * self.parts()).max(1)).max(1)
    }
    /// The columns of `rank` that travel in message number `message`.
    pub fn travelling(&self, rank: usize, message: usize) -> Range<usize> {
        let own = share(self.columns, rank, self.ranks);
        let from = (own.start + message * self.width()).min(own.end);
        from..(from + self.width()).min(own.end)
    }
    /// Rows of the upper triangle of T that are summed in one message.
    pub fn triangle_rows(&self) -> Vec<Range<usize>> {
        triangle_rows(self.rows(), self.parts(), self.portion)
    }
    /// Number of these messages.
    pub fn messages(&self) -> usize {
        share(self.columns, 0, self.ranks)
            .len()
            .div_ceil(self.width())
    }
}

/// Rows of the upper triangle of a matrix that are summed in one message: at most `portion`
/// numbers, or one row.
fn triangle_rows(order: usize, parts: usize, portion: usize) -> Vec<Range<usize>> {
    let (mut all, mut first) = (Vec::new(), 0);
    while first < order {
        let (mut last, mut length) = (first, 0);
        while last < order && (last == first || (length + order - last) * parts <= portion) {
            length += order - last;
            last += 1;
        }
        all.push(first..last);
        first = last;
    }
    all
}

/// Columns of a matrix whose contributions are sent to their owners in one message.
pub fn panel_width(order: usize, parts: usize) -> usize {
    (PORTION / (order * parts).max(1)).max(1)
}

/// What the meeting of rows and the way back to parameters bring to messages.
pub fn traffic(sizes: &Sizes, rank: usize) -> Traffic {
    let vector = sizes.columns * sizes.parts();
    let back = Traffic {
        sum: Load::new(1, vector),
        ..Traffic::default()
    };
    match (sizes.ranks, RowSizes::from(sizes).turn()) {
        (1, _) => back,
        (_, false) => by_rows(sizes, rank).combine(back, |a, b| a + b),
        (_, true) => by_columns(sizes, rank),
    }
}

/// Factors that ranks send each other, and blocks of the Gram matrix that meet on rank 0.
fn by_rows(sizes: &Sizes, rank: usize) -> Traffic {
    let (samples, ranks, kind) = (sizes.samples, sizes.ranks, sizes.kind);
    let (c, stack, n) = (sizes.parts(), kind.stack(), sizes.samples_of(rank));
    let takers = (0..ranks)
        .filter(|&r| partners(r, ranks).any(|q| q == rank))
        .count();
    let own = n * stack;
    let met: usize = partners(rank, ranks)
        .map(|q| sizes.samples_of(q) * stack)
        .sum();
    Traffic {
        sum: Load::new(2, samples * (1 + stack * stack * c)),
        transpose: Load::new(1, takers * n * sizes.numbers),
        gather: Load::new(
            1,
            c * (own * (own + 1) / 2 + own * met) + n * (kind.parts() + 1),
        ),
        ..Traffic::default()
    }
}

/// Weights, rows that become columns, sums of the triangle of T, ζ, and the direction.
fn by_columns(sizes: &Sizes, rank: usize) -> Traffic {
    let of = RowSizes::from(sizes);
    let (c, n) = (sizes.parts(), sizes.samples_of(rank));
    let own = share(sizes.columns, rank, sizes.ranks).len();
    let sent = Load::new(
        of.messages(),
        c * n * sizes.kind.stack() * (sizes.columns - own),
    );
    let order = sizes.rows();
    let triangle = c * order * (order + 1) / 2;
    let mut traffic = Traffic {
        sum: Load::new(1, sizes.samples + 1),
        transpose: Load {
            bytes: if sizes.single {
                sent.bytes / 2
            } else {
                sent.bytes
            },
            ..sent
        },
        gather: Load::new(1, c * own),
        broadcast: Load::new(1, c * sizes.columns),
        ..Traffic::default()
    };
    if sizes.is_shared_out(order) {
        let panels = order.div_ceil(panel_width(order, c));
        let away = triangle - triangle / sizes.ranks;
        traffic.transpose = traffic.transpose + Load::new(panels, away);
    } else {
        traffic.sum_on_root = Load::new(of.triangle_rows().len(), triangle);
        traffic.gather = traffic.gather + Load::new(1, n * sizes.kind.parts());
    }
    traffic
}

/// Numbers that a rank holds beside its own rows where these are turned: columns of all samples,
/// and portions on the way or of a product.
pub fn turned_numbers(sizes: &Sizes, rank: usize) -> f64 {
    let (c, portion) = (sizes.parts() as f64, PORTION as f64);
    let (rows, order) = (sizes.rows() as f64, sizes.rows());
    let widest = share(sizes.columns, 0, sizes.ranks).len() as f64;
    let size = if sizes.single { 0.5 } else { 1.0 };
    let kept = size * c * rows * widest;
    let tile = (c * rows * widest).min(portion.max(c * rows));
    let way = (1.0 + 2.0 * size) * tile;
    let (whole, panel) = match (sizes.is_shared_out(order), rank) {
        (true, _) => (0.0, portion.max(c * rows)),
        (false, 0) => (c * rows * rows, 1.5 * portion),
        (false, _) => (0.0, 1.5 * portion),
    };
    let panel = panel.min(c * rows * rows);
    kept + way.max(whole + tile + 2.0 * panel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: usize, samples: usize, ranks: usize) -> RowSizes {
        RowSizes {
            kind: Kind::Stacked,
            columns,
            samples,
            numbers: 2 * columns,
            single: false,
            ranks,
            portion: PORTION,
        }
    }

    #[test]
    fn many_ranks_with_dense_rows_turn_them() {
        for ranks in [1, 2] {
            assert!(!of(400_000, 4096, ranks).turn());
        }
        for ranks in [3, 4, 16, 1000, 10_000] {
            assert!(of(400_000, 4096, ranks).turn());
            let factored = RowSizes {
                numbers: 1000,
                ..of(400_000, 4096, ranks)
            };
            assert!(!factored.turn());
        }
        // As many rows as columns: their Gram matrix is as long as they are.
        assert!(!of(2048, 1024, 4).turn());
    }

    #[test]
    fn every_column_and_every_row_travels_once() {
        for (columns, ranks) in [(5, 3), (400_000, 7), (3, 4)] {
            let of = of(columns, 4096, ranks);
            let all: Vec<usize> = (0..ranks)
                .flat_map(|r| (0..of.messages()).flat_map(move |m| of.travelling(r, m)))
                .collect();
            assert_eq!(all, (0..columns).collect::<Vec<_>>());
        }
        for order in [1, 100, 8192] {
            let rows = triangle_rows(order, 1, PORTION);
            assert!(rows.iter().cloned().flatten().eq(0..order));
        }
        assert_eq!(triangle_rows(8192, 1, PORTION).len(), 5);
    }
}
