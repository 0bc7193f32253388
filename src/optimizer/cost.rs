//! Decides what a solve costs, from its sizes alone: messages, bytes on the way, bytes held,
//! operations.
//!
//! With P columns, N samples on R ranks, n of them on this one, f factor numbers per sample, and c
//! = 1 (real) or 2 (complex) real numbers in an entry (N counts twice where rows are stacked):
//! ```text
//!            numbers that a rank sums or sends        numbers held         operations of rank 0
//! dense-sr   c (P²/2 + P), triangle and force         c P² + portions      c² n P² + c² P³/3
//! kernel-sr  f n R/2 + c n N/2, factors, then blocks  c n N/2;             c f n N + c² N³/3
//!                                                     rank 0: 1.5 c N²
//! turned     c n P + c N²/2, rows, then T          c N P/R + portions;  c² N² P/R + c² N³/3
//!                                                     rank 0: c N² more
//! cg         c P per iteration                        12 c P + 2 f n       4 c P n per iteration
//! ```
//! A sample-space method turns rows into columns where `exchange.rs` says so. Each method
//! says what it costs in a function of its own, from the parts here. The traffic is exact: a test
//! holds it to what a communicator counts.

use super::cross_validation::order_of_half;
use super::exchange::{self, RowSizes};
use crate::comm::counting::{Load, Traffic};
use crate::comm::share;
use crate::derivatives::{Kind, PORTION};

/// What the cost of a solve depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// How derivatives are treated.
    pub kind: Kind,
    /// P: columns of O.
    pub columns: usize,
    /// N: samples over all ranks.
    pub samples: usize,
    /// Real numbers that the factors of O hold per sample.
    pub numbers: usize,
    /// Whether the network has single precision.
    pub single: bool,
    /// R
    pub ranks: usize,
    /// Whether ⟨O⟩ and the diagonal of S are needed.
    pub diagonal: bool,
    /// Factorisations of the matrix of a half of the samples in each solve, where the shift is
    /// found by cross-validation; else 0.
    pub half_factorisations: f64,
    /// Whether the matrix is decomposed, which needs room for eigenvectors and work.
    pub decomposed: bool,
    /// Matrices of more rows are shared out over the ranks; `None` where the program cannot.
    pub shared_above: Option<usize>,
    /// Matrices of more rows are avoided where several ranks would wait for one that solves alone.
    pub avoided_above: usize,
}

impl Sizes {
    /// Samples of a rank; ranks own whole chains, which this takes as even.
    pub fn samples_of(&self, rank: usize) -> usize {
        share(self.samples, rank, self.ranks).len()
    }
    /// Rows of the Gram matrix.
    pub fn rows(&self) -> usize {
        self.samples * self.kind.stack()
    }
    /// Real numbers of a matrix entry, c.
    pub fn parts(&self) -> usize {
        if self.kind == Kind::Holomorphic { 2 } else { 1 }
    }
    /// Real numbers that a product with O holds besides O: factors are scaled in a copy, rows that
    /// are written out are not.
    pub fn scaled(&self, rank: usize) -> usize {
        match self.numbers < self.columns * self.parts() {
            true => self.numbers * self.samples_of(rank),
            false => 0,
        }
    }
    /// Whether a matrix of this order is shared out over the ranks.
    pub fn is_shared_out(&self, order: usize) -> bool {
        !self.decomposed && self.ranks > 1 && self.shared_above.is_some_and(|above| order > above)
    }
}

/// What a direction costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SolveCost {
    /// Order of the matrix that is factorised, if there is one.
    pub order: Option<usize>,
    /// What a rank brings to the collective calls.
    pub traffic: Traffic,
    /// Bytes that a rank holds at the worst moment, factors of O included, at most.
    pub memory: f64,
    /// Bytes that the method remembers from step to step, without those of `memory`.
    pub remembered: f64,
    /// Floating-point operations of rank 0: its share of the products, and the factorisation.
    pub operations: f64,
}

/// The cost of a direction from sizes and rank. The last number is that of the iterations of an
/// iterative method, and 1 for a method that remembers a last direction where there is one.
pub type CostModel = fn(&Sizes, usize, usize) -> SolveCost;

/// δ^H S δ
pub const METRIC_NORM: Load = Load::new(2, 3);

/// What every method begins with: sums of weights and residuals, with ⟨O⟩ where `with_mean`;
/// the factors of O are held.
pub fn start(sizes: &Sizes, rank: usize, with_mean: bool) -> SolveCost {
    let mean = if with_mean || sizes.diagonal {
        sizes.columns * sizes.kind.parts()
    } else {
        0
    };
    SolveCost {
        traffic: Traffic {
            sum: Load::new(1, sizes.ranks + 3 + mean),
            ..Traffic::default()
        },
        // Halves of the samples are copied.
        memory: 8.0
            * (sizes.numbers * sizes.samples_of(rank)) as f64
            * if sizes.half_factorisations > 0.0 {
                2.0
            } else {
                1.0
            },
        ..SolveCost::default()
    }
}

/// The cost of a gradient.
pub fn of_gradient(sizes: &Sizes, rank: usize, _iterations: usize) -> SolveCost {
    let vector = sizes.columns * sizes.parts();
    let mut cost = start(sizes, rank, false);
    cost.traffic.sum = cost.traffic.sum + Load::new(1, vector);
    cost.memory += 8.0 * (4 * vector + sizes.scaled(rank)) as f64;
    cost.operations = products(sizes);
    cost
}

/// The cost of a gradient of which so many moments are kept.
pub fn with_moments(sizes: &Sizes, rank: usize, moments: usize) -> SolveCost {
    SolveCost {
        remembered: (8 * moments * sizes.columns * sizes.parts()) as f64,
        ..of_gradient(sizes, rank, 0)
    }
}

/// The start of a solve with a matrix: agreement on success, then the solution and two facts.
pub(super) fn with_matrix(sizes: &Sizes, rank: usize, dense: bool, solution: usize) -> SolveCost {
    let mut cost = start(sizes, rank, dense);
    let sum = &mut cost.traffic.sum;
    if sizes.diagonal {
        *sum = *sum + Load::new(1, sizes.columns);
    }
    *sum = *sum + Load::new(1, 1) + METRIC_NORM;
    cost.traffic.broadcast = Load::new(1, solution + 2);
    cost
}

/// LAPACK's work beside a matrix of this order: eigenvectors take the matrix's place, work is two
/// more of it.
fn work(sizes: &Sizes, rank: usize, order: f64) -> f64 {
    if sizes.decomposed && rank == 0 {
        2.0 * sizes.parts() as f64 * order * order
    } else {
        0.0
    }
}

/// Numbers of a rank's share of a matrix and of its copy, with what is `moved` on the way out and
/// in.
fn shared_out(sizes: &Sizes, order: usize, moved: f64) -> f64 {
    let c = sizes.parts() as f64;
    let share = c * (order * order) as f64 / sizes.ranks as f64;
    let vectors = c * (sizes.columns + sizes.rows()) as f64;
    share + f64::max(moved, share) + 4.0 * vectors
}

/// Operations of the factorisation of a matrix of this order on rank 0.
fn factorisation(sizes: &Sizes, order: usize) -> f64 {
    let workers = if sizes.is_shared_out(order) {
        sizes.ranks as f64
    } else {
        1.0
    };
    (sizes.parts() as f64).powi(2) * (order as f64).powi(3) / 3.0 / workers
}

/// Operations of the factorisations of the matrix of a half of the samples.
fn of_halves(sizes: &Sizes) -> f64 {
    let order = order_of_half(sizes.columns, sizes.rows()) as f64;
    sizes.half_factorisations * (sizes.parts() as f64).powi(2) * order.powi(3) / 3.0
}

/// The cost of a direction from the P × P matrix of parameters.
pub fn in_parameter_space(sizes: &Sizes, rank: usize) -> SolveCost {
    let (columns, c) = (sizes.columns, sizes.parts() as f64);
    let vector = columns * sizes.parts();
    let mut cost = with_matrix(sizes, rank, true, vector);
    if sizes.ranks > 1 {
        cost.traffic.sum_on_root = triangle(columns, sizes.parts());
    }
    let (p, portion) = (columns as f64, PORTION as f64);
    let half = order_of_half(columns, sizes.rows());
    let own = (sizes.samples_of(rank) * sizes.kind.stack()) as f64;
    cost.order = Some(columns);
    cost.memory += 8.0
        * if sizes.is_shared_out(columns) {
            shared_out(sizes, columns, 4.0 * portion.min(c * p * p))
        } else {
            let written = portion.min(c * own * p).max(c * p);
            let packed = match sizes.ranks {
                1 => 0.0,
                _ => portion.min(c * p * p / 2.0),
            };
            let beside = f64::max(written, f64::max(packed, work(sizes, rank, p)));
            // That of a half, with what the factorisation overwrites, comes first.
            let halves = match sizes.half_factorisations > 0.0 {
                true => 2.0 * (half as f64).powi(2),
                false => 0.0,
            };
            c * f64::max(p * p, halves) + beside + 4.0 * c * p
        };
    let own = (sizes.samples_of(0) * sizes.kind.stack()) as f64;
    cost.operations = c * c * own * p * p + factorisation(sizes, columns) + of_halves(sizes);
    cost
}

/// The cost of a direction from the matrix of samples; `weighted` says whether columns of O have
/// weights of their own, for which they are written out in portions.
pub fn in_sample_space(sizes: &Sizes, rank: usize, weighted: bool) -> SolveCost {
    let (ranks, kind, c) = (sizes.ranks, sizes.kind, sizes.parts());
    let mut cost = with_matrix(sizes, rank, false, sizes.samples * kind.parts());
    cost.traffic = (cost.traffic).combine(exchange::traffic(sizes, rank), |a, b| a + b);
    cost.order = Some(sizes.rows());
    cost.memory += 8.0 * sample_numbers(sizes, rank, weighted);
    let own = (sizes.samples_of(0) * kind.stack()) as f64;
    let turned = RowSizes::from(sizes).turn();
    let halves = if ranks == 1 || turned { 2.0 } else { 1.0 };
    let pairs = own * sizes.rows() as f64 / halves;
    // Columns with weights of their own, and those of all samples, are written out.
    let numbers = match (turned, sizes.diagonal) {
        (true, _) => (c * sizes.columns) as f64,
        (false, true) => products_per_sample(sizes),
        (false, false) => sizes.numbers as f64,
    };
    let whole = factorisation(sizes, sizes.rows());
    cost.operations = 2.0 * c as f64 * numbers * pairs + whole + of_halves(sizes);
    cost
}

/// Numbers that a rank holds beside the factors in sample space.
fn sample_numbers(sizes: &Sizes, rank: usize, weighted: bool) -> f64 {
    let (c, portion) = (sizes.parts() as f64, PORTION as f64);
    let (p, rows) = (sizes.columns as f64, sizes.rows() as f64);
    let own = (sizes.samples_of(rank) * sizes.kind.stack()) as f64;
    let exchanged = sizes.numbers as f64 * sizes.samples as f64;
    if RowSizes::from(sizes).turn() {
        let turned = exchange::turned_numbers(sizes, rank);
        let solve = match sizes.is_shared_out(sizes.rows()) {
            true => shared_out(sizes, sizes.rows(), 0.0),
            false => work(sizes, rank, rows) + 3.0 * c * p,
        };
        return turned + solve;
    }
    if sizes.is_shared_out(sizes.rows()) {
        let moved = f64::max(c * own * rows + exchanged, 2.0 * c * own * rows);
        return shared_out(sizes, sizes.rows(), moved);
    }
    let alone = sizes.ranks == 1;
    let half = c * own * (own + rows) / 2.0;
    let blocks = match alone {
        true => c * rows * rows,
        false => f64::max(half + exchanged, 2.0 * half),
    };
    let gathered = match alone || rank > 0 {
        true => 0.0,
        false => 1.5 * c * rows * rows,
    };
    let written = match weighted {
        true => portion.min(c * own * p),
        false => 0.0,
    };
    f64::max(blocks + written, gathered) + work(sizes, rank, rows) + 3.0 * c * p
}

/// Operations of a product O v and its adjoint on rank 0.
pub fn products(sizes: &Sizes) -> f64 {
    4.0 * sizes.samples_of(0) as f64 * products_per_sample(sizes)
}

/// The triangle of S and the force, in messages of at most 64 MiB.
pub(super) fn triangle(columns: usize, c: usize) -> Load {
    let (mut messages, mut filled) = (1, 0);
    for row in (1..=columns).rev() {
        if filled > 0 && (filled + row) * c > PORTION {
            (messages, filled) = (messages + 1, 0);
        }
        filled += row;
    }
    Load::new(messages, c * (columns * (columns + 1) / 2 + columns))
}

/// Real multiplications of O v for one sample.
fn products_per_sample(sizes: &Sizes) -> f64 {
    (sizes.parts() * sizes.kind.stack() * sizes.columns) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_triangles_are_sent_in_parts() {
        let load = triangle(8192, 1);
        assert_eq!(load.bytes, 8 * (8192 * 8193 / 2 + 8192));
        assert_eq!(load.messages, 5);
    }
}
