//! Decides how a matrix that no rank holds whole is put on the block-cyclic grid, and how δ
//! follows from it.
//!
//! Sample space: the Gram blocks of [`sample_space`] go to their owners, or panel by panel what
//! each rank's columns add. Parameter space: S is made
//! panel by panel of columns, each rank's contribution to a panel goes to the owners, who add them
//! in the order of the ranks. A rank holds its share of the matrix twice (a factorisation that
//! fails is tried again with a larger shift), what it sends and what it receives, and portions of
//! at most 64 MiB.

use super::exchange::panel_width;
use super::least_squares::LeastSquares;
use super::regularisation::{Inverse, RETRIES, column, tell};
use super::sample_space::{self, Meeting, partners, starts};
use super::turned::Turned;
use crate::comm::{Comm, agree};
use crate::derivatives::{MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::linalg::products::Op;
use crate::linalg::scalapack::{Grid, Layout};
use crate::number::{flatten, unflatten};
use ndarray::{Array2, s};
use std::ops::Range;

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
            tell(&format!(
                "the distributed factorisation failed: trying again with {factor} times the shift"
            ));
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

/// T, as its upper triangle, from the Gram blocks of all ranks.
fn share_blocks<T: MatrixNumber>(
    problem: &LeastSquares,
    shape: Option<&[f64]>,
    comm: &dyn Comm,
) -> Result<Share<T>> {
    let (stack, counts) = (problem.kind().stack(), &problem.counts);
    let blocks = sample_space::assemble::<T>(problem, shape, comm)?;
    let grid = grid(comm)?;
    let layout = grid.layout;
    let piece = |to: usize| {
        let mut piece = Vec::new();
        let mut push = |at: usize, (a, b): (usize, usize), _: (usize, usize), swapped: bool| {
            let v = blocks.blocks[at].1[(a, b)];
            if swapped { v.conj() } else { v }.push_parts(&mut piece);
        };
        visit(
            counts,
            stack,
            comm.rank(),
            layout,
            layout.place(to),
            &mut push,
        );
        piece
    };
    let pieces: Vec<Vec<f64>> = (0..comm.size()).map(piece).collect();
    drop(blocks);
    let received = comm.transpose(&pieces)?;
    drop(pieces);
    let mut share = Share::<T>::new(counts.iter().sum::<usize>() * stack, grid);
    let place = share.grid.place;
    for (from, piece) in received.iter().enumerate() {
        let mut values = piece.chunks_exact(T::PARTS).map(T::from_parts);
        let mut put = |_: usize, _: (usize, usize), (i, j): (usize, usize), _: bool| {
            *share.entry(i, j) = values.next().unwrap_or_else(T::zero);
        };
        visit(counts, stack, from, layout, place, &mut put);
    }
    Ok(share)
}

/// T, as its upper triangle, from the columns of all ranks.
fn share_columns<T: MatrixNumber>(turned: &Turned<T>, comm: &dyn Comm) -> Result<Share<T>> {
    let order = turned.order();
    let mut share = Share::<T>::new(order, grid(comm)?);
    let width = panel_width(order, T::PARTS);
    for left in (0..order).step_by(width) {
        let columns = left..order.min(left + width);
        let panel = turned.panel(0..columns.end, columns.clone());
        add_panel(&mut share, &panel, columns, comm)?;
    }
    Ok(share)
}

/// What every rank knows of all samples.
struct AllSamples<T> {
    zeta: Vec<T>,
    /// √w
    roots: Vec<f64>,
    /// tr T
    trace: f64,
}

impl<T: MatrixNumber> AllSamples<T> {
    fn gather(
        problem: &LeastSquares,
        zeta: &[f64],
        share: &mut Share<T>,
        comm: &dyn Comm,
    ) -> Result<Self> {
        let starts = starts(&problem.counts);
        let (start, samples) = (starts[comm.rank()], starts[comm.size()]);
        let numbers = share.order * T::PARTS;
        let mut whole = vec![0.0; numbers + samples + 1];
        let (of_zeta, rest) = whole.split_at_mut(numbers);
        of_zeta[start * problem.kind().parts()..][..zeta.len()].copy_from_slice(zeta);
        rest[start..][..problem.roots.len()].copy_from_slice(&problem.roots);
        share.diagonal(|_, d| rest[samples] += d.re());
        comm.sum(&mut whole)?;
        let (of_zeta, rest) = whole.split_at(numbers);
        Ok(AllSamples {
            zeta: unflatten(of_zeta),
            roots: rest[..samples].to_vec(),
            trace: rest[samples],
        })
    }

    /// Adds √w √w^T to this rank's share of T, as large as T is on average, for each kind of row.
    fn fill_null_space(&self, share: &mut Share<T>) {
        let (order, (layout, place)) = (share.order, (share.grid.layout, share.grid.place));
        let stack = order / self.roots.len().max(1);
        let fill = if self.trace > 0.0 {
            self.trace / order as f64
        } else {
            1.0
        };
        let columns = Share::<T>::own(order, place.1, |j| layout.column_of(j));
        for i in Share::<T>::own(order, place.0, |i| layout.row_of(i)) {
            let is_met = |j: &&usize| **j >= i && **j % stack == i % stack;
            for &j in columns.iter().filter(is_met) {
                let roots = (self.roots[i / stack], self.roots[j / stack]);
                *share.entry(i, j) += T::from_re(fill * roots.0 * roots.1);
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
    let meeting = Meeting::<T>::new(problem, shape, comm)?;
    let mut share = match meeting.turned() {
        Some(turned) => share_columns(turned, comm)?,
        None => share_blocks::<T>(problem, shape, comm)?,
    };
    let all = AllSamples::gather(problem, zeta, &mut share, comm)?;
    all.fill_null_space(&mut share);
    let (mut x, fallbacks) = share.solve(&all.zeta, (scale, None), comm)?;
    sample_space::project(&mut x, &all.roots);
    Ok((meeting.pull_back(T::reals(&x), comm)?, fallbacks))
}

/// This rank's contribution to the columns `columns` of S, in their rows from 0 on; of these the
/// upper triangle counts. Where `force` is there, adds the contribution to Ō^H ζ to its second.
fn panel<T: MatrixNumber>(
    problem: &LeastSquares,
    columns: Range<usize>,
    mut force: Option<(&[T], &mut Array2<T>)>,
) -> Array2<T> {
    let (stack, samples) = (problem.kind().stack(), problem.derivatives.samples());
    let numbers = problem.derivatives.columns() * stack * T::PARTS;
    let portion = (PORTION / numbers.max(1)).max(1);
    let one = T::one();
    let mut panel = Array2::from_elem((columns.end, columns.len()), T::zero());
    for start in (0..samples).step_by(portion) {
        let end = samples.min(start + portion);
        let rows: Array2<T> = problem.rows(start..end);
        let all = rows.slice(s![.., ..columns.end]);
        let some = rows.slice(s![.., columns.clone()]);
        T::gemm(one, all, Op::Adjoint, some, Op::Same, one, panel.view_mut());
        if let Some((zeta, force)) = &mut force {
            let zeta = column(&zeta[start * stack..end * stack]);
            let (rows, force) = (rows.view(), force.view_mut());
            T::gemm(one, rows, Op::Adjoint, zeta, Op::Same, one, force);
        }
    }
    panel
}

/// Sends the contributions to the columns `columns` of S to their owners, who add them up.
fn add_panel<T: MatrixNumber>(
    share: &mut Share<T>,
    panel: &Array2<T>,
    columns: Range<usize>,
    comm: &dyn Comm,
) -> Result<()> {
    let (layout, place) = (share.grid.layout, share.grid.place);
    let entries = |(row, column): (usize, usize)| {
        let own = columns
            .clone()
            .filter(move |&j| layout.column_of(j) == column);
        own.flat_map(move |j| {
            let rows = (0..=j).filter(move |&i| layout.row_of(i) == row);
            rows.map(move |i| (i, j))
        })
    };
    let piece = |to: usize| {
        let entries = entries(layout.place(to));
        flatten(entries.map(|(i, j)| panel[(i, j - columns.start)]))
    };
    let pieces: Vec<Vec<f64>> = (0..comm.size()).map(piece).collect();
    for piece in &comm.transpose(&pieces)? {
        for ((i, j), value) in entries(place).zip(piece.chunks_exact(T::PARTS)) {
            *share.entry(i, j) += T::from_parts(value);
        }
    }
    Ok(())
}

/// As [`super::parameter_space::solve`], on the grid.
pub fn in_parameter_space<T: MatrixNumber>(
    problem: &LeastSquares,
    zeta: &[f64],
    inverse: &Inverse,
    comm: &dyn Comm,
) -> Result<(Vec<f64>, usize)> {
    let damping = damping(inverse)?;
    let order = problem.derivatives.columns();
    let mut share = Share::<T>::new(order, grid(comm)?);
    let mut force = Array2::from_elem((order, 1), T::zero());
    let zeta: Vec<T> = unflatten(zeta);
    let width = panel_width(order, T::PARTS);
    for left in (0..order).step_by(width) {
        let columns = left..order.min(left + width);
        let with_force = (left == 0).then_some((&zeta[..], &mut force));
        let panel = panel(problem, columns.clone(), with_force);
        add_panel(&mut share, &panel, columns, comm)?;
    }
    let mut force = force.into_raw_vec_and_offset().0;
    comm.sum(T::reals_mut(&mut force))?;
    let (x, fallbacks) = share.solve(&force, damping, comm)?;
    Ok((flatten(x), fallbacks))
}
