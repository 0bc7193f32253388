//! Decides how the terms on a set of sites become one matrix over the joint values of the sites.

use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::operator::Term;
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Elements smaller than this part of the largest one are rounding errors of terms that cancel.
const NEGLIGIBLE: f64 = 1e-14;

/// What one joint value becomes: the sites of the term that change (by their number in it), their
/// new values, and the element.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrow {
    pub(super) to: usize,
    pub(super) changed: Vec<u32>,
    pub(super) values: Vec<i8>,
    pub(super) element: Complex64,
}

/// The matrix of a term on its sites.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SiteTable {
    pub(super) diagonal: Vec<f64>,
    /// Where the arrows of each joint value start.
    first: Vec<usize>,
    pub(super) arrows: Vec<Arrow>,
}

/// Elements by (row, column).
pub(super) type Elements = BTreeMap<(usize, usize), Complex64>;

/// Numbers of values of `sites`.
pub(super) fn dimensions(basis: &Basis, sites: &[u32]) -> Vec<usize> {
    let count = |&s: &u32| basis.locals()[s as usize].count as usize;
    sites.iter().map(count).collect()
}

/// The elements of the product of a term's matrices on `sites`, in the order given.
pub(super) fn multiplied(term: &Term, sites: &[u32], dimensions: &[usize]) -> Elements {
    let total: usize = dimensions.iter().product();
    let mut product: Elements = (0..total).map(|k| ((k, k), term.coefficient)).collect();
    for (site, matrix) in &term.factors {
        let place = sites.iter().take_while(|s| *s != site).count();
        let stride: usize = dimensions[..place].iter().product();
        let d = dimensions[place];
        let mut next = Elements::new();
        for (&(row, column), &c) in &product {
            let p = column / stride % d;
            for q in 0..d {
                let element = c * matrix[(p, q)];
                if element != Complex64::ZERO {
                    *next
                        .entry((row, column - p * stride + q * stride))
                        .or_default() += element;
                }
            }
        }
        product = next;
    }
    product
}

impl SiteTable {
    /// The matrix with `elements` on `sites`.
    ///
    /// Errors: [`Error::Input`] where it is not Hermitian.
    pub(super) fn new(basis: &Basis, sites: &[u32], elements: &Elements) -> Result<Self> {
        let dimensions = dimensions(basis, sites);
        let total: usize = dimensions.iter().product();
        let scale = elements.values().fold(0.0f64, |m, e| m.max(e.norm()));
        let mut table = SiteTable {
            diagonal: vec![0.0; total],
            first: vec![0; total + 1],
            arrows: Vec::new(),
        };
        for (&(row, column), &element) in elements {
            let back = elements.get(&(column, row)).copied().unwrap_or_default();
            if (element - back.conj()).norm() > 1e-12 * scale {
                return Err(Error::input(
                    "hamiltonian",
                    format!("the terms on sites {sites:?} are not Hermitian"),
                    "add the Hermitian conjugates",
                ));
            }
            if row == column {
                table.diagonal[row] = element.re;
            } else if element.norm() > NEGLIGIBLE * scale {
                let (mut changed, mut values, mut stride) = (Vec::new(), Vec::new(), 1);
                for (k, &d) in dimensions.iter().enumerate() {
                    let (p, q) = (row / stride % d, column / stride % d);
                    if p != q {
                        changed.push(k as u32);
                        values.push(basis.locals()[sites[k] as usize].value(q));
                    }
                    stride *= d;
                }
                table.arrows.push(Arrow {
                    to: column,
                    changed,
                    values,
                    element,
                });
            }
            table.first[row + 1] = table.arrows.len();
        }
        // Rows without elements end where the row before them ends.
        for row in 0..total {
            table.first[row + 1] = table.first[row + 1].max(table.first[row]);
        }
        Ok(table)
    }

    /// Where the joint value `code` leads to.
    pub(super) fn row(&self, code: usize) -> &[Arrow] {
        &self.arrows[self.first[code]..self.first[code + 1]]
    }
}
