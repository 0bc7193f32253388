//! Decides how log-derivatives of a real machine are multiplied by a number, factor by factor.

use crate::ansatz::{Columns, Derivatives, Matrix};
use num_complex::Complex64;
use std::sync::Arc;

/// The blocks of `derivatives`, times `number`.
pub fn times(derivatives: Derivatives, number: Complex64) -> Vec<Columns> {
    let kind = derivatives.kind;
    // A factor that several blocks share is multiplied once.
    let mut done: Vec<(Arc<Matrix>, Arc<Matrix>)> = Vec::new();
    let mut scaled = |old: Arc<Matrix>| {
        if let Some((_, new)) = done.iter().find(|(known, _)| Arc::ptr_eq(known, &old)) {
            return new.clone();
        }
        let new = Arc::new(product(&old, number));
        done.push((old, new.clone()));
        new
    };
    let blocks = derivatives.blocks_as(kind).into_iter();
    let times = |block| match block {
        Columns::Dense(matrix) => Columns::Dense(scaled(matrix)),
        Columns::Outer(left, right) => Columns::Outer(left, scaled(right)),
        Columns::Masked(..) => unreachable!("a Boltzmann machine has no masked layers"),
        Columns::Pairs(_) => unreachable!("real parameters have no pairs"),
    };
    blocks.map(times).collect()
}

fn product(matrix: &Matrix, number: Complex64) -> Matrix {
    match matrix {
        Matrix::Real(m) if number.im == 0.0 => Matrix::Real(m * number.re),
        Matrix::Real(m) => Matrix::Complex(m.mapv(|x| number * x)),
        Matrix::Complex(m) => Matrix::Complex(m * number),
        Matrix::Rounded(_) => unreachable!("slopes have double precision"),
    }
}
