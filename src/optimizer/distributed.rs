//! Decides how a matrix that no rank holds whole is put on the block-cyclic grid, and how δ
//! follows from it.
//!
//! Sample space: the Gram blocks of [`sample_space`] go to their owners. Parameter space: S is made
//! panel by panel of columns, each rank's contribution to a panel goes to the owners, who add them
//! in the order of the ranks. A rank holds its share of the matrix twice (a factorisation that
//! fails is tried again with a larger shift), what it sends and what it receives, and portions of
//! at most 64 MiB.

use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, RETRIES, column};
use super::sample_space::{self, partners, reciprocals, starts};
use crate::comm::{Comm, agree};
use crate::derivatives::{MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::linalg::products::Op;
use crate::linalg::scalapack::{Grid, Layout};
use crate::number::{flatten, unflatten};
use ndarray::{Array2, s};

/// This rank's share of a Hermitian matrix, column by column.
struct Share<T> {
    order: usize,
    grid: Grid,
    entries: Vec<T>,
}

impl<T: MatrixNumber> Share<T> {
    fn new(order: usize, grid: Grid) -> Self {
        let (layout, (row, column)) = (grid.layout, grid.place);
        let length =
            Layout::count(order, row, layout.rows) * Layout::count(order, column, layout.columns);
        Share {
            order,
            grid,
            entries: vec![T::zero(); length],
        }
    }
    fn leading(&self) -> usize {
        Layout::count(self.order, self.grid.place.0, self.grid.layout.rows)
    }
    fn entry(&mut self, i: usize, j: usize) -> &mut T {
        let layout = self.grid.layout;
        let at = Layout::local(j, layout.columns) * self.leading() + Layout::local(i, layout.rows);
        &mut self.entries[at]
    }
    /// The rows (or columns) of this process, in increasing order.
    fn own(order: usize, at: usize, owner: impl Fn(usize) -> usize) -> Vec<usize> {
        (0..order).filter(|&i| owner(i) == at).collect()
    }
    /// The diagonal entries of this process.
    fn diagonal(&mut self, mut f: impl FnMut(usize, &mut T)) {
        let (layout, place) = (self.grid.layout, self.grid.place);
        for i in (0..self.order).filter(|&i| (layout.row_of(i), layout.column_of(i)) == place) {
            f(i, self.entry(i, i));
        }
    }

    /// Solves with λ × shape on the diagonal; retries with more. `force` is whole on every rank,
    /// and so is the solution.
    fn solve(
        mut self,
        force: &[T],
        (scale, shape): (f64, Option<&[f64]>),
        comm: &dyn Comm,
    ) -> Result<(Vec<T>, usize)> {
        let (layout, place) = (self.grid.layout, self.grid.place);
        let rows = Self::own(self.order, place.0, |i| layout.row_of(i));
        let mut largest = [0.0f64];
        self.diagonal(|_, d| largest[0] = largest[0].max(d.re()));
        comm.max(&mut largest)?;
        let original = self.entries.clone();
        let mut factor = 1.0;
        for fallbacks in 0..=RETRIES {
            let extra = if fallbacks > 0 {
                (1e-12 * largest[0]).max(f64::MIN_POSITIVE) * factor
            } else {
                0.0
            };
            self.entries.copy_from_slice(&original);
            self.diagonal(|i, d| {
                *d += T::from_re(factor * scale * shape.map_or(1.0, |s| s[i]) + extra)
            });
            let mut own: Vec<T> = rows.iter().map(|&i| force[i]).collect();
            let order = self.order;
            let Share { grid, entries, .. } = &mut self;
            let solved = grid.solve(order, entries, &mut own);
            let finite = solved.is_ok() && own.iter().all(|x| x.is_finite());
            let mut x = vec![T::zero(); order];
            if place.1 == 0 && finite {
                rows.iter().zip(own).for_each(|(&i, v)| x[i] = v);
            }
            let mut failed = [f64::from(u8::from(!finite))];
            comm.max(&mut failed)?;
            if failed[0] == 0.0 {
                comm.sum(T::reals_mut(&mut x))?;
                return Ok((x, fallbacks));
            }
            factor *= 10.0;
            log::warn!(
                "the distributed factorisation failed: trying again with {factor} times the shift"
            );
        }
        agree(
            comm,
            Err(Error::numerical(
                "a distributed matrix is not positive definite",
                "raise optimize.shift or use \"cg\"",
            )),
        )
    }
}

/// Whether the solve of a matrix of this order is shared out.
pub fn applies(order: usize, inverse: &Inverse, above: usize, comm: &dyn Comm) -> bool {
    let damped = matches!(inverse, Inverse::Damped { .. });
    damped && order > above && comm.size() > 1 && comm.fortran_handle().is_some()
}

fn grid(comm: &dyn Comm) -> Result<Grid> {
    let none = || Error::Communication {
        what: "a distributed solve needs MPI".into(),
    };
    Ok(Grid::new(
        comm.fortran_handle().ok_or_else(none)?,
        comm.rank(),
        comm.size(),
    ))
}

fn damping(inverse: &Inverse) -> Result<(f64, Option<&[f64]>)> {
    match inverse {
        Inverse::Damped { scale, shape } => Ok((*scale, shape.as_deref())),
        Inverse::Pseudo(_) => Err(Error::numerical(
            "a distributed matrix is not decomposed",
            "use optimize.shift or distribute_above",
        )),
    }
}

/// The entries that `rank`'s Gram blocks give to place `to`, in a fixed order: f(block, row,
/// column, i, j, swapped) with i ≤ j.
fn visit(
    counts: &[usize],
    stack: usize,
    rank: usize,
    layout: Layout,
    to: (usize, usize),
    f: &mut dyn FnMut(usize, (usize, usize), (usize, usize), bool),
) {
    let starts = starts(counts);
    let size = counts.len();
    let top = starts[rank] * stack;
    for (at, q) in std::iter::once(rank)
        .chain(partners(rank, size))
        .enumerate()
    {
        let left = starts[q] * stack;
        let swapped = q < rank;
        for a in 0..counts[rank] * stack {
            let mine = if swapped {
                layout.column_of(top + a) == to.1
            } else {
                layout.row_of(top + a) == to.0
            };
            if !mine {
                continue;
            }
            for b in (if q == rank { a } else { 0 })..counts[q] * stack {
                let (i, j) = if swapped {
                    (left + b, top + a)
                } else {
                    (top + a, left + b)
                };
                if if swapped {
                    layout.row_of(i) == to.0
                } else {
                    layout.column_of(j) == to.1
                } {
                    f(at, (a, b), (i, j), swapped);
                }
            }
        }
    }
}

/// As [`sample_space::solve`], on the grid.
pub fn in_sample_space<T: MatrixNumber>(
    problem: &LeastSquares,
    zeta: &[f64],
    inverse: &Inverse,
    comm: &dyn Comm,
) -> Result<(Vec<f64>, usize)> {
    let (scale, shape) = damping(inverse)?;
    let (size, stack, counts) = (comm.size(), problem.kind().stack(), &problem.counts);
    let starts = starts(counts);
    let order = starts[size] * stack;
    let blocks = sample_space::assemble::<T>(problem, shape, comm)?;
    let grid = grid(comm)?;
    let layout = grid.layout;
    let pieces: Vec<Vec<f64>> = (0..size)
        .map(|to| {
            let mut piece = Vec::new();
            visit(
                counts,
                stack,
                comm.rank(),
                layout,
                layout.place(to),
                &mut |at, (a, b), _, swapped| {
                    let v = blocks.blocks[at].1[(a, b)];
                    if swapped { v.conj() } else { v }.push_parts(&mut piece);
                },
            );
            piece
        })
        .collect();
    drop(blocks);
    let received = comm.transpose(&pieces)?;
    drop(pieces);
    let mut share = Share::<T>::new(order, grid);
    let place = share.grid.place;
    for (from, piece) in received.iter().enumerate() {
        let mut values = piece.chunks_exact(T::PARTS).map(T::from_parts);
        visit(
            counts,
            stack,
            from,
            layout,
            place,
            &mut |_, _, (i, j), _| {
                *share.entry(i, j) = values.next().unwrap_or_else(T::zero);
            },
        );
    }
    drop(received);
    // ζ and √w of all samples, and the trace.
    let mut whole = vec![0.0; order * T::PARTS + starts[size] + 1];
    let (of_zeta, rest) = whole.split_at_mut(order * T::PARTS);
    let first = starts[comm.rank()] * problem.kind().parts();
    of_zeta[first..first + zeta.len()].copy_from_slice(zeta);
    rest[starts[comm.rank()]..][..problem.roots.len()].copy_from_slice(&problem.roots);
    share.diagonal(|_, d| rest[starts[size]] += d.re());
    comm.sum(&mut whole)?;
    let (of_zeta, rest) = whole.split_at(order * T::PARTS);
    let (roots, trace) = rest.split_at(starts[size]);
    let fill = if trace[0] > 0.0 {
        trace[0] / order as f64
    } else {
        1.0
    };
    let own_columns = Share::<T>::own(order, place.1, |j| layout.column_of(j));
    for i in Share::<T>::own(order, place.0, |i| layout.row_of(i)) {
        for &j in own_columns
            .iter()
            .filter(|&&j| j >= i && j % stack == i % stack)
        {
            *share.entry(i, j) += T::from_re(fill * roots[i / stack] * roots[j / stack]);
        }
    }
    let (mut x, fallbacks) = share.solve(&unflatten(of_zeta), (scale, None), comm)?;
    for alpha in 0..stack {
        let along = x
            .iter()
            .skip(alpha)
            .step_by(stack)
            .zip(roots)
            .fold(T::zero(), |s, (&x, &r)| s + x * T::from_re(r));
        x.iter_mut()
            .skip(alpha)
            .step_by(stack)
            .zip(roots)
            .for_each(|(x, &r)| *x = *x - along * T::from_re(r));
    }
    let mine = starts[comm.rank()] * stack..starts[comm.rank() + 1] * stack;
    let mut delta = problem.pull_back(T::reals(&x[mine]), comm)?;
    if let Some(shape) = shape {
        let inverse = reciprocals(shape);
        delta
            .chunks_exact_mut(problem.width())
            .zip(inverse)
            .for_each(|(d, i)| d.iter_mut().for_each(|d| *d *= i));
    }
    Ok((delta, fallbacks))
}

/// As [`super::parameter_space::solve`], on the grid.
pub fn in_parameter_space<T: MatrixNumber>(
    problem: &LeastSquares,
    zeta: &[f64],
    inverse: &Inverse,
    comm: &dyn Comm,
) -> Result<(Vec<f64>, usize)> {
    let damping = damping(inverse)?;
    let (p, stack, samples) = (
        problem.derivatives.columns(),
        problem.kind().stack(),
        problem.derivatives.samples(),
    );
    let grid = grid(comm)?;
    let (layout, place) = (grid.layout, grid.place);
    let mut share = Share::<T>::new(p, grid);
    let mut force = Array2::from_elem((p, 1), T::zero());
    let zeta: Vec<T> = unflatten(zeta);
    let portion = (PORTION / (p * stack * T::PARTS).max(1)).max(1);
    let width = (PORTION / (p * T::PARTS).max(1)).max(1);
    for left in (0..p).step_by(width) {
        let right = p.min(left + width);
        // Upper part of the columns left..right.
        let mut panel = Array2::from_elem((right, right - left), T::zero());
        for start in (0..samples).step_by(portion) {
            let end = samples.min(start + portion);
            let rows: Array2<T> = problem.rows(start..end);
            let (all, some) = (rows.slice(s![.., ..right]), rows.slice(s![.., left..right]));
            T::gemm(
                T::one(),
                all,
                Op::Adjoint,
                some,
                Op::Same,
                T::one(),
                panel.view_mut(),
            );
            if left == 0 {
                let zeta = column(&zeta[start * stack..end * stack]);
                T::gemm(
                    T::one(),
                    rows.view(),
                    Op::Adjoint,
                    zeta,
                    Op::Same,
                    T::one(),
                    force.view_mut(),
                );
            }
        }
        let entries = |(row, column): (usize, usize)| {
            let columns = (left..right).filter(move |&j| layout.column_of(j) == column);
            columns.flat_map(move |j| {
                (0..=j)
                    .filter(move |&i| layout.row_of(i) == row)
                    .map(move |i| (i, j))
            })
        };
        let pieces: Vec<Vec<f64>> = (0..comm.size())
            .map(|to| flatten(entries(layout.place(to)).map(|(i, j)| panel[(i, j - left)])))
            .collect();
        let received = comm.transpose(&pieces)?;
        for piece in &received {
            for ((i, j), value) in entries(place).zip(piece.chunks_exact(T::PARTS)) {
                *share.entry(i, j) += T::from_parts(value);
            }
        }
    }
    let mut force = force.into_raw_vec_and_offset().0;
    comm.sum(T::reals_mut(&mut force))?;
    let (x, fallbacks) = share.solve(&force, damping, comm)?;
    Ok((flatten(x), fallbacks))
}
