//! Decides how the terms of all images of a walker are summed, and their log-derivatives averaged.
//!
//! ln ψ = ln Σ_g e^{t_g}, the share of g is p_g = e^{t_g − ln ψ}, and O = Σ_g p_g O(gx).

use crate::ansatz::field::reduce;
use crate::ansatz::{Ansatz, Derivatives, Erased, Kind, Matrix};
use crate::number::larger;
use ndarray::Array2;
use num_complex::Complex64;

pub(super) const ZERO: Complex64 = Complex64::new(f64::NEG_INFINITY, 0.0);

/// Tables of all images of the walkers.
pub struct SymmetrisedBatch {
    pub(super) inner: <Erased as Ansatz>::Batch,
    pub(super) xs: Vec<i8>,
    /// ln of the term of each image.
    pub(super) terms: Vec<Complex64>,
    /// ln ψ of each walker.
    pub(super) total: Vec<Complex64>,
    /// Shares p of the images, which add up to 1.
    pub(super) shares: Vec<Complex64>,
    /// Walkers with a vanishing term or sum, whose ratios are evaluated from scratch.
    pub(super) direct: Vec<bool>,
}

/// ln Σ e^{terms}; −∞ where they cancel to below `cancelled` of their size, and no number where a
/// term is none.
pub(in crate::ansatz) fn log_sum(terms: &[Complex64], cancelled: f64) -> Complex64 {
    let largest = terms.iter().fold(f64::NEG_INFINITY, |m, t| larger(m, t.re));
    if largest == f64::NEG_INFINITY {
        return ZERO;
    }
    let powers = terms
        .iter()
        .filter(|t| t.re != f64::NEG_INFINITY)
        .map(|t| (t - largest).exp());
    let (sum, size) = powers.fold((Complex64::ZERO, 0.0), |(sum, size), z| {
        (sum + z, size + z.norm())
    });
    if sum.norm() <= cancelled * size {
        ZERO
    } else {
        reduce(sum.ln() + largest)
    }
}

impl SymmetrisedBatch {
    /// Brings sums and shares of one walker up to date with its terms.
    pub(super) fn settle(&mut self, walker: usize, order: usize, cancelled: f64) {
        let range = walker * order..(walker + 1) * order;
        let terms = &self.terms[range.clone()];
        let total = log_sum(terms, cancelled);
        let vanishes = |t: &Complex64| t.re == f64::NEG_INFINITY;
        self.direct[walker] = vanishes(&total) || terms.iter().any(vanishes);
        let share = |t: &Complex64| {
            if vanishes(&total) || vanishes(t) {
                Complex64::ZERO
            } else {
                (t - total).exp()
            }
        };
        let shares = self.shares[range].iter_mut();
        shares.zip(terms).for_each(|(out, term)| *out = share(term));
        self.total[walker] = total;
    }
}

/// Σ_g p_g O_g of every walker from the log-derivatives of its `order` images, in their precision.
pub(super) fn mean_derivatives(
    inner: &Derivatives,
    shares: &[Complex64],
    order: usize,
    kind: Kind,
) -> Derivatives {
    let (walkers, columns) = (shares.len() / order, inner.columns());
    let mut out = Array2::from_elem((walkers, columns), Complex64::ZERO);
    for ((k, shares), mut row) in shares.chunks_exact(order).enumerate().zip(out.rows_mut()) {
        // Σ_g p_g O_g, from the adjoint product Σ_g O_g* w_g.
        let own = inner.select(&(k * order..(k + 1) * order).collect::<Vec<_>>());
        let flat = |w: &mut dyn Iterator<Item = Complex64>| {
            w.flat_map(|z| [z.re, z.im]).collect::<Vec<f64>>()
        };
        match inner.kind {
            Kind::Real => {
                let re = own.adjoint_times(&shares.iter().map(|p| p.re).collect::<Vec<_>>());
                row.iter_mut().zip(re).for_each(|(z, x)| z.re = x);
                if kind == Kind::Stacked {
                    let im = own.adjoint_times(&shares.iter().map(|p| p.im).collect::<Vec<_>>());
                    row.iter_mut().zip(im).for_each(|(z, x)| z.im = x);
                }
            }
            Kind::Stacked => {
                let re = own.adjoint_times(&flat(&mut shares.iter().map(|p| p.conj())));
                let im =
                    own.adjoint_times(&flat(&mut shares.iter().map(|p| Complex64::i() * p.conj())));
                row.iter_mut()
                    .zip(re.iter().zip(im))
                    .for_each(|(z, (x, y))| *z = Complex64::new(*x, y));
            }
            Kind::Holomorphic => {
                let conjugate = own.adjoint_times(&flat(&mut shares.iter().map(|p| p.conj())));
                let pairs = conjugate.chunks_exact(2);
                row.iter_mut()
                    .zip(pairs)
                    .for_each(|(z, c)| *z = Complex64::new(c[0], -c[1]));
            }
        }
    }
    let matrix = if kind == Kind::Real {
        Matrix::Real(out.mapv(|z| z.re))
    } else {
        Matrix::Complex(out)
    };
    Derivatives::dense(kind, matrix).of_precision(inner.is_single())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_with_a_term_that_is_no_number_is_none() {
        let nan = Complex64::new(f64::NAN, 0.0);
        for terms in [[nan, ZERO], [ZERO, nan], [Complex64::ONE, nan], [nan, nan]] {
            assert!(log_sum(&terms, 1e-11).re.is_nan(), "{terms:?}");
        }
        assert_eq!(log_sum(&[ZERO, Complex64::ONE], 1e-11), Complex64::ONE);
        assert_eq!(log_sum(&[ZERO, ZERO], 1e-11), ZERO);
    }
}
