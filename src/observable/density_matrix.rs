//! Decides the reduced density matrix of a block of sites, ρ = Ψ Ψ^H/Tr, with Ψ the amplitudes as a
//! matrix of block and rest.

use crate::basis::Numbering;
use crate::error::{Error, Result};
use crate::linalg::products::{Op, multiply};
use ndarray::Array2;
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Most entries of the matrix of amplitudes.
const LARGEST: usize = 1 << 26;

/// ρ of the sites of `mask` from all amplitudes, or that of the rest where it is smaller: both have
/// the same eigenvalues but for zeros. Tr ρ = 1.
///
/// Errors: [`Error::Memory`] where the amplitudes as a matrix are too large.
pub(super) fn density_matrix(
    index: &Numbering,
    amplitudes: &[Complex64],
    mask: &[bool],
) -> Result<Array2<Complex64>> {
    let rest: Vec<bool> = mask.iter().map(|inside| !inside).collect();
    let numbered = |sites: &[bool]| {
        let mut numbers = BTreeMap::new();
        (0..amplitudes.len()).for_each(|k| {
            let next = numbers.len();
            numbers.entry(index.part(k, sites)).or_insert(next);
        });
        numbers
    };
    let (inside, outside) = (numbered(mask), numbered(&rest));
    let ((few, keep), (many, other)) = if inside.len() <= outside.len() {
        ((inside, mask), (outside, &rest[..]))
    } else {
        ((outside, &rest[..]), (inside, mask))
    };
    if few.len().saturating_mul(many.len()) > LARGEST {
        return Err(Error::Memory {
            what: "the amplitudes as a matrix of block and rest".into(),
            needed: 16.0 * few.len() as f64 * many.len() as f64,
            available: 16.0 * LARGEST as f64,
        });
    }
    let mut psi = Array2::from_elem((few.len(), many.len()), Complex64::ZERO);
    for (k, amplitude) in amplitudes.iter().enumerate() {
        psi[(few[&index.part(k, keep)], many[&index.part(k, other)])] = *amplitude;
    }
    let rho = multiply(psi.view(), Op::Same, psi.view(), Op::Adjoint);
    let trace: f64 = rho.diag().iter().map(|z| z.re).sum();
    Ok(rho / Complex64::from(trace))
}
