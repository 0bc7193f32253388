//! Decides how y = H x is evaluated for operators that are no sums of Pauli strings: as a sparse
//! matrix, row by row.

use super::{ExactOptions, ExactResult, collect, krylov, lanczos_options, refuse};
use crate::basis::{Basis, Numbering};
use crate::error::{Error, Result};
use crate::linalg::available_memory;
use crate::linalg::lanczos::{self, LanczosOptions};
use crate::linalg::lapack::Lapack;
use crate::operator::{MatrixRows, Operator};
use num_complex::Complex64;

/// A Hermitian matrix over numbered configurations.
struct Sparse<T> {
    diagonal: Vec<f64>,
    /// Where each row starts.
    first: Vec<usize>,
    columns: Vec<u32>,
    elements: Vec<T>,
}

/// Bytes of the matrix, with at most `connected` elements in a row.
fn matrix_bytes(dimension: f64, connected: usize, real: bool) -> f64 {
    let element = if real { 8.0 } else { 16.0 };
    dimension * (16.0 + (4.0 + element) * connected as f64)
}

impl<T: Lapack> Sparse<T> {
    /// The matrix of `operator`.
    ///
    /// Errors: [`Error::Memory`] where there are more states than columns can be numbered.
    fn new(operator: &dyn Operator, numbering: &Numbering) -> Result<Self> {
        let dimension = numbering.dimension();
        if dimension > u32::MAX as usize {
            return Err(Error::Memory {
                what: format!("a matrix over {dimension} states"),
                needed: 16.0 * dimension as f64,
                available: available_memory(),
            });
        }
        let mut matrix = Sparse {
            diagonal: Vec::with_capacity(dimension),
            first: vec![0],
            columns: Vec::new(),
            elements: Vec::new(),
        };
        let mut rows = MatrixRows::new(operator, numbering);
        for k in 0..dimension {
            let diagonal = rows.row(k, |to, element| {
                matrix.columns.push(to as u32);
                matrix.elements.push(T::from_complex(element));
            });
            matrix.diagonal.push(diagonal.re);
            matrix.first.push(matrix.columns.len());
        }
        Ok(matrix)
    }

    /// y = H x, on several threads where that pays.
    fn apply(&self, x: &[T], y: &mut [T], threads: usize) {
        let threads = if y.len() < 1 << 13 { 1 } else { threads };
        let share = y.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for (t, part) in y.chunks_mut(share).enumerate() {
                scope.spawn(move || {
                    for (k, y) in (t * share..).zip(part) {
                        let range = self.first[k]..self.first[k + 1];
                        let terms = self.columns[range.clone()]
                            .iter()
                            .zip(&self.elements[range]);
                        *y = terms.fold(x[k] * self.diagonal[k], |sum, (&c, &e)| {
                            sum + e * x[c as usize]
                        });
                    }
                });
            }
        });
    }

    /// The lowest levels and their vectors.
    fn lowest(&self, options: &LanczosOptions) -> Result<(ExactResult, Vec<Vec<T>>)> {
        let apply = |x: &[T], y: &mut [T]| self.apply(x, y, options.threads);
        let pairs = lanczos::lowest(self.diagonal.len(), apply, options)?;
        Ok(collect(pairs, self.diagonal.len()))
    }
}

/// The lowest levels of any operator, as a sparse matrix.
pub(super) fn solve(
    operator: &dyn Operator,
    basis: &Basis,
    options: &ExactOptions,
) -> Result<ExactResult> {
    operator.check(basis)?;
    let facts = operator.facts(basis, None);
    let dimension = basis.dimension();
    let limit = options.memory_limit.min(available_memory());
    let matrix = matrix_bytes(dimension, facts.connected, facts.real);
    if matrix > limit {
        return Err(refuse(dimension, matrix, limit));
    }
    let bytes = if facts.real { 8.0 } else { 16.0 };
    let room = krylov(dimension, options.states, bytes, 0.0, limit - matrix)?;
    let numbering = basis.numbering()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let options = lanczos_options(options, room, threads);
    if facts.real {
        let matrix = Sparse::<f64>::new(operator, &numbering)?;
        let (mut result, vectors) = matrix.lowest(&options)?;
        let complex = |v: Vec<f64>| v.into_iter().map(Complex64::from).collect();
        result.vectors = Some(vectors.into_iter().map(complex).collect());
        Ok(result)
    } else {
        let matrix = Sparse::<Complex64>::new(operator, &numbering)?;
        let (mut result, vectors) = matrix.lowest(&options)?;
        result.vectors = Some(vectors);
        Ok(result)
    }
}
