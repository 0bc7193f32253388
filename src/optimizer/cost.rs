//! Decides what a solve costs, from its sizes alone: messages, bytes on the way, bytes held,
//! operations.
//!
//! With P columns, N samples on R ranks, n of them on this one, f factor numbers per sample, and c
//! = 1 (real) or 2 (complex) real numbers in an entry (N counts twice where rows are stacked):
//! ```text
//!             summed or sent by a rank, numbers           held, numbers                operations of rank 0
//! dense-sr    c (P²/2 + P)        triangle and force      c P² + portions              c² n P² + c² P³/3
//! kernel-sr   f n R/2 + c n N/2   factors, then blocks    c n N/2, rank 0: c (1.5 N²)  c f n N + c² N³/3
//! cg          c P per iteration                           12 c P + 2 f n               4 c P n per iteration
//! ```
//! The traffic of [`traffic`] is exact, a test holds it to what a communicator counts.

use super::sample_space::partners;
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
    /// R
    pub ranks: usize,
    /// Whether ⟨O⟩ and the diagonal of S are needed.
    pub diagonal: bool,
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
    /// Order of the matrix that a method factorises; none for methods without one.
    pub fn order(&self, method: &str) -> Option<usize> {
        match method {
            "dense-sr" => Some(self.columns),
            "kernel-sr" => Some(self.rows()),
            "spring" | "march" => Some(self.columns.min(self.rows())),
            _ => None,
        }
    }
    /// Whether the matrix of a method is shared out.
    pub fn is_shared_out(&self, method: &str) -> bool {
        let order = self.order(method).unwrap_or(0);
        !self.decomposed && self.ranks > 1 && self.shared_above.is_some_and(|above| order > above)
    }
    /// Whether a method works in parameter space.
    fn in_parameter_space(&self, method: &str) -> bool {
        method == "dense-sr"
            || (matches!(method, "spring" | "march") && self.columns <= self.rows())
    }
}

/// What `rank` brings to the collective calls of one direction; `iterations` are those of `cg`, and
/// for `spring` and `march` 1 says that there is a last direction.
pub fn traffic(method: &str, sizes: &Sizes, rank: usize, iterations: usize) -> Traffic {
    let Sizes {
        columns,
        samples,
        ranks,
        kind,
        ..
    } = *sizes;
    let (c, stack) = (sizes.parts(), kind.stack());
    let (vector, n) = (columns * c, sizes.samples_of(rank));
    let mut t = Traffic::default();
    let add = |load: &mut Load, messages: usize, numbers: usize| {
        *load = *load + Load::new(messages, numbers)
    };
    let dense = sizes.in_parameter_space(method);
    let with_mean = dense || method == "cg" || sizes.diagonal;
    add(
        &mut t.sum,
        1,
        ranks + 3 + if with_mean { columns * kind.parts() } else { 0 },
    );
    match method {
        "cg" => {
            add(&mut t.sum, 2, vector + columns);
            add(&mut t.sum, iterations, iterations * (vector + 2));
        }
        "adam" | "sgd" => {
            add(&mut t.sum, 1, vector);
            return t;
        }
        _ => {
            if matches!(method, "spring" | "march") {
                add(&mut t.sum, 1 + iterations, 1 + 2 * iterations);
            }
            if sizes.diagonal {
                add(&mut t.sum, 1, columns);
            }
            // Agreement on success, then the solution and two facts.
            add(&mut t.sum, 1, 1);
            add(
                &mut t.broadcast,
                1,
                if dense {
                    vector
                } else {
                    samples * kind.parts()
                } + 2,
            );
            if dense && ranks > 1 {
                t.sum_on_root = triangle(columns, c);
            }
            if !dense {
                add(&mut t.sum, 1, vector);
            }
            if !dense && ranks > 1 {
                add(&mut t.sum, 2, samples * (1 + stack * stack * c));
                let takers = (0..ranks)
                    .filter(|&r| partners(r, ranks).any(|q| q == rank))
                    .count();
                t.transpose = Load::new(1, takers * n * sizes.numbers);
                let own = n * stack;
                let met: usize = partners(rank, ranks)
                    .map(|q| sizes.samples_of(q) * stack)
                    .sum();
                t.gather = Load::new(
                    1,
                    c * (own * (own + 1) / 2 + own * met) + n * (kind.parts() + 1),
                );
            }
        }
    }
    // δ^H S δ
    add(&mut t.sum, 2, 3);
    t
}

/// The triangle of S and the force, in messages of at most 64 MiB.
fn triangle(columns: usize, c: usize) -> Load {
    let (mut messages, mut filled) = (1, 0);
    for row in (1..=columns).rev() {
        if filled > 0 && (filled + row) * c > PORTION {
            (messages, filled) = (messages + 1, 0);
        }
        filled += row;
    }
    Load::new(messages, c * (columns * (columns + 1) / 2 + columns))
}

/// Bytes that `rank` holds at the worst moment of a direction, factors of O included, at most.
pub fn memory(method: &str, sizes: &Sizes, rank: usize) -> f64 {
    let (c, n) = (sizes.parts() as f64, sizes.samples_of(rank) as f64);
    let (p, rows) = (sizes.columns as f64, sizes.rows() as f64);
    let own = n * sizes.kind.stack() as f64;
    let portion = PORTION as f64;
    let alone = sizes.ranks == 1;
    let vectors = c * p;
    let factors = sizes.numbers as f64 * n;
    // Eigenvectors take the matrix's place; LAPACK's work is two more of it.
    let work = |order: f64| {
        if sizes.decomposed && rank == 0 {
            2.0 * c * order * order
        } else {
            0.0
        }
    };
    let numbers = if sizes.is_shared_out(method) {
        // The share and its copy; Gram blocks or a panel, on their way out and in.
        let order = sizes.order(method).unwrap_or(0) as f64;
        let share = c * order * order / sizes.ranks as f64;
        let moved = match sizes.in_parameter_space(method) {
            true => 4.0 * portion.min(c * order * order),
            false => f64::max(
                c * own * rows + sizes.numbers as f64 * sizes.samples as f64,
                2.0 * c * own * rows,
            ),
        };
        share + f64::max(moved, share) + 4.0 * vectors + 4.0 * c * rows
    } else if method == "cg" {
        // A product with factors keeps two matrices of their size.
        12.0 * vectors + 2.0 * factors
    } else if matches!(method, "adam" | "sgd") {
        4.0 * vectors + factors
    } else if sizes.in_parameter_space(method) {
        let written = portion.min(c * own * p).max(c * p);
        let packed = if alone {
            0.0
        } else {
            portion.min(c * p * p / 2.0)
        };
        c * p * p + f64::max(written, f64::max(packed, work(p))) + 4.0 * vectors
    } else {
        let half = c * own * (own + rows) / 2.0;
        let exchanged = if alone {
            0.0
        } else {
            sizes.numbers as f64 * sizes.samples as f64
        };
        let blocks = if alone {
            c * rows * rows
        } else {
            f64::max(half + exchanged, 2.0 * half)
        };
        let gathered = if alone || rank > 0 {
            0.0
        } else {
            1.5 * c * rows * rows
        };
        // Columns with weights of their own are written out in portions.
        let weighted = method == "march" || sizes.diagonal;
        let blocks = blocks
            + if weighted {
                portion.min(c * own * p)
            } else {
                0.0
            };
        f64::max(blocks, gathered) + work(rows) + 3.0 * vectors
    };
    let state = if matches!(method, "spring" | "march") {
        2.0 * vectors
    } else {
        0.0
    };
    8.0 * (factors + numbers + state)
}

/// Floating-point operations of one direction on rank 0: its share of the products, and the
/// factorisation.
pub fn operations(method: &str, sizes: &Sizes, iterations: usize) -> f64 {
    let (c, n) = (sizes.parts() as f64, sizes.samples_of(0) as f64);
    let own = n * sizes.kind.stack() as f64;
    // Columns with weights of their own are written out.
    let numbers = if sizes.diagonal {
        products_per_sample(sizes)
    } else {
        sizes.numbers as f64
    };
    let Some(order) = sizes.order(method).map(|o| o as f64) else {
        let products = if method == "cg" {
            iterations as f64 + 2.0
        } else {
            1.0
        };
        return products * 4.0 * n * products_per_sample(sizes);
    };
    let workers = if sizes.is_shared_out(method) {
        sizes.ranks as f64
    } else {
        1.0
    };
    let factorisation = c * c * order.powi(3) / 3.0 / workers;
    if sizes.in_parameter_space(method) {
        c * c * own * order * order + factorisation
    } else {
        let pairs = own * sizes.rows() as f64 / if sizes.ranks == 1 { 2.0 } else { 1.0 };
        2.0 * c * numbers * pairs + factorisation
    }
}

/// Real multiplications of O v for one sample.
fn products_per_sample(sizes: &Sizes) -> f64 {
    (sizes.parts() * sizes.kind.stack() * sizes.columns) as f64
}

/// Which matrix of stochastic reconfiguration is cheaper and fits into `memory` bytes per rank, and
/// why.
pub fn choose_sr(sizes: &Sizes, memory_per_rank: f64) -> (&'static str, String) {
    let candidates = ["dense-sr", "kernel-sr"].map(|method| {
        let order = sizes.order(method).unwrap_or(0);
        let avoided =
            order > sizes.avoided_above && sizes.ranks > 1 && !sizes.is_shared_out(method);
        let (work, held) = (operations(method, sizes, 0), memory(method, sizes, 0));
        (
            method,
            order,
            work,
            held,
            !avoided && held <= memory_per_rank,
        )
    });
    let words = |(method, order, work, held, _): &(&str, usize, f64, f64, bool)| {
        format!(
            "{method}: order {order}, {work:.1e} operations, {:.3} GB",
            held / 1e9
        )
    };
    let why = format!(
        "{} parameters, {} samples; {}; {}",
        sizes.columns,
        sizes.samples,
        words(&candidates[0]),
        words(&candidates[1])
    );
    // Conjugate gradients need a shift.
    let best = candidates
        .iter()
        .filter(|c| c.4 || sizes.decomposed)
        .min_by(|a, b| a.2.total_cmp(&b.2));
    match best {
        Some((method, ..)) => (method, why),
        None => (
            "cg",
            format!("{why}; neither fits, conjugate gradients need no matrix"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(columns: usize, samples: usize, ranks: usize) -> Sizes {
        let kind = Kind::Holomorphic;
        Sizes {
            kind,
            columns,
            samples,
            numbers: 300,
            ranks,
            diagonal: false,
            decomposed: false,
            shared_above: None,
            avoided_above: 8192,
        }
    }

    #[test]
    fn the_smaller_matrix_is_chosen_where_it_fits() {
        let choose = |s: &Sizes, memory| choose_sr(s, memory).0;
        assert_eq!(choose(&sizes(404, 1024, 1), 1e9), "dense-sr");
        assert_eq!(choose(&sizes(20_300, 1024, 1), 1e9), "kernel-sr");
        assert_eq!(choose(&sizes(20_300, 1024, 1), 1e6), "cg");
        assert_eq!(choose(&sizes(20_300, 10_000, 4), 64e9), "cg");
        let able = Sizes {
            shared_above: Some(8192),
            ..sizes(20_300, 10_000, 4)
        };
        assert_eq!(choose(&able, 64e9), "kernel-sr");
        assert!(memory("kernel-sr", &able, 0) < memory("kernel-sr", &sizes(20_300, 10_000, 4), 0));
    }

    #[test]
    fn long_triangles_are_sent_in_parts() {
        let load = triangle(8192, 1);
        assert_eq!(load.bytes, 8 * (8192 * 8193 / 2 + 8192));
        assert_eq!(load.messages, 5);
    }
}
