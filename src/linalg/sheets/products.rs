//! Decides how many columns are multiplied by one matrix: y_o += Σ_k A_ko x_k in the order of k, in
//! tiles of rows and columns whose sums stay in registers.

use super::{LANES, SheetView};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::number::Real;
use std::ops::Range;

/// Groups of terms at equal distances: group t has its first row of x at `row + t row_step`, and
/// its first weight at `weight + t weight_step`.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Row of x where the first group starts.
    pub row: usize,
    /// Where its weights start.
    pub weight: usize,
    /// Number of groups.
    pub count: usize,
    /// Rows from one group to the next.
    pub row_step: usize,
    /// Weights from one group to the next.
    pub weight_step: usize,
}

impl Run {
    /// A single group.
    pub fn one(row: usize, weight: usize) -> Self {
        Run {
            row,
            weight,
            count: 1,
            row_step: 0,
            weight_step: 0,
        }
    }
}

/// A matrix among parameters, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, R = f64> {
    /// All parameters; runs say where a matrix starts.
    pub values: &'a [R],
    /// Length of a row of the matrix.
    pub width: usize,
    /// Whether its rows belong to y, not to x.
    pub transposed: bool,
}

/// What is summed over.
#[derive(Debug, Clone, Copy)]
pub struct SheetTerms<'a> {
    /// Groups of rows of x.
    pub runs: &'a [Run],
    /// Rows of a group.
    pub each: usize,
    /// Groups of every run that each eight columns leave out; it does not fall. Empty for none.
    pub starts: &'a [usize],
}

impl<'a> SheetTerms<'a> {
    /// All groups, of `each` rows.
    pub fn all(runs: &'a [Run], each: usize) -> Self {
        SheetTerms {
            runs,
            each,
            starts: &[],
        }
    }
}

/// y += A x for the first `count` columns and those that fill up the last eight; `y` holds whole
/// rows of as many columns as `x`.
pub fn add_product<R: Real>(
    simd: Simd,
    a: Weights<R>,
    terms: SheetTerms,
    x: SheetView<R>,
    count: usize,
    y: &mut [R],
) {
    let task = Task {
        terms,
        x: x.numbers,
        columns: x.columns,
    };
    match a.transposed {
        false => product(simd, a, &task, count, y),
        true => transposed(simd, a, &task, count, y),
    }
}

/// What is summed over, and where it stands.
struct Task<'a, R> {
    terms: SheetTerms<'a>,
    x: &'a [R],
    columns: usize,
}

compiled_for_each_set! {
    fn product<R: Real>(
        a: Weights<R>, task: &Task<R>, count: usize, y: &mut [R],
    ) = product_body
}
compiled_for_each_set! {
    fn transposed<R: Real>(
        a: Weights<R>, task: &Task<R>, count: usize, y: &mut [R],
    ) = transposed_body
}

#[inline(always)]
fn product_body<R: Real, const SET: u8>(a: Weights<R>, task: &Task<R>, count: usize, y: &mut [R]) {
    tiles::<R, SET, false>(a, task, count, y);
}

#[inline(always)]
fn transposed_body<R: Real, const SET: u8>(
    a: Weights<R>,
    task: &Task<R>,
    count: usize,
    y: &mut [R],
) {
    tiles::<R, SET, true>(a, task, count, y);
}

#[inline(always)]
fn tiles<R: Real, const SET: u8, const T: bool>(
    a: Weights<R>,
    task: &Task<R>,
    count: usize,
    y: &mut [R],
) {
    if task.columns == 0 {
        return;
    }
    let count = count.next_multiple_of(LANES);
    let start = |c: usize| task.terms.starts.get(c / LANES).copied().unwrap_or(0);
    let mut c = 0;
    while c < count {
        if SET == Simd::Avx512 as u8 && c + 2 * LANES <= count {
            // The first eight alone up to where the others start, then all.
            let (first, second) = (start(c), start(c + LANES));
            if first < second {
                narrow::<R, SET, T>(a, task, c, first..second, y);
            }
            wide::<R, SET, T>(a, task, c, second..usize::MAX, y);
            c += 2 * LANES;
        } else {
            narrow::<R, SET, T>(a, task, c, start(c)..usize::MAX, y);
            c += LANES;
        }
    }
}

/// All rows of y in sixteen columns.
#[inline(always)]
fn wide<R: Real, const SET: u8, const T: bool>(
    a: Weights<R>,
    task: &Task<R>,
    c: usize,
    groups: Range<usize>,
    y: &mut [R],
) {
    let (outputs, mut o) = (y.len() / task.columns, 0);
    while o < outputs {
        let at = (c, o, groups.clone());
        o += match outputs - o {
            4.. => tile::<R, SET, T, 4, 16>(a, task, at, y),
            2.. => tile::<R, SET, T, 2, 16>(a, task, at, y),
            _ => tile::<R, SET, T, 1, 16>(a, task, at, y),
        };
    }
}

/// All rows of y in eight columns.
#[inline(always)]
fn narrow<R: Real, const SET: u8, const T: bool>(
    a: Weights<R>,
    task: &Task<R>,
    c: usize,
    groups: Range<usize>,
    y: &mut [R],
) {
    let (outputs, mut o) = (y.len() / task.columns, 0);
    while o < outputs {
        let at = (c, o, groups.clone());
        o += match outputs - o {
            8.. if SET == Simd::Avx512 as u8 => tile::<R, SET, T, 8, 8>(a, task, at, y),
            4.. => tile::<R, SET, T, 4, 8>(a, task, at, y),
            2.. => tile::<R, SET, T, 2, 8>(a, task, at, y),
            _ => tile::<R, SET, T, 1, 8>(a, task, at, y),
        };
    }
}

/// The sums of O rows of y in V columns, which stay in registers; O.
#[inline(always)]
fn tile<R: Real, const SET: u8, const T: bool, const O: usize, const V: usize>(
    a: Weights<R>,
    task: &Task<R>,
    (c, o, groups): (usize, usize, Range<usize>),
    y: &mut [R],
) -> usize {
    let columns = task.columns;
    let mut sums = [[R::default(); V]; O];
    for (r, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&y[(o + r) * columns + c..][..V]);
    }
    for run in task.terms.runs {
        for t in groups.start..groups.end.min(run.count) {
            let x = &task.x[(run.row + t * run.row_step) * columns + c..];
            let weight = run.weight + t * run.weight_step;
            for k in 0..task.terms.each {
                let x: &[R] = &x[k * columns..][..V];
                let w: [R; O] = if T {
                    let own = &a.values[weight + o * a.width + k..];
                    std::array::from_fn(|r| own[r * a.width])
                } else {
                    let own = &a.values[weight + k * a.width + o..][..O];
                    std::array::from_fn(|r| own[r])
                };
                for (sums, w) in sums.iter_mut().zip(w) {
                    for (sum, &x) in sums.iter_mut().zip(x) {
                        *sum = multiply_add::<_, SET>(w, x, *sum);
                    }
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        y[(o + r) * columns + c..][..V].copy_from_slice(sums);
    }
    O
}
