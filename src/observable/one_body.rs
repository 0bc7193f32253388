//! Decides the one-body density matrix of bosons, G_ij = ⟨b†_i b_j⟩, and the condensate fraction.
//!
//! G is Hermitian: the mean of the local values of (i, j) and, conjugated, of (j, i) is kept. Its
//! largest eigenvalue over the number of bosons Tr G is the condensate fraction (O. Penrose and L.
//! Onsager, Phys. Rev. 104, 576 (1956)).

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::{Error, Result};
use crate::linalg::lapack::Lapack;
use ndarray::Array2;
use num_complex::Complex64;

/// Largest number of sites: every pair is a ratio of amplitudes.
const LARGEST: usize = 256;

struct OneBody {
    sites: usize,
    most: i8,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    let (sites, most) = (context.lattice.sites, context.most_bosons()?);
    if sites > LARGEST {
        return Err(Error::input(
            &context.path,
            format!("the pairs of {sites} sites"),
            format!("use it on at most {LARGEST} sites"),
        ));
    }
    Ok(Box::new(OneBody { sites, most }))
}

impl OneBody {
    /// G from the columns: the real part of (i, j) at i ≤ j, the imaginary part below.
    fn matrix(&self, means: &[f64]) -> Array2<Complex64> {
        let n = self.sites;
        Array2::from_shape_fn((n, n), |(i, j)| match i.cmp(&j) {
            std::cmp::Ordering::Equal => means[i * n + i].into(),
            std::cmp::Ordering::Less => Complex64::new(means[i * n + j], means[j * n + i]),
            std::cmp::Ordering::Greater => Complex64::new(means[j * n + i], -means[i * n + j]),
        })
    }
}

impl Observable for OneBody {
    fn columns(&self) -> usize {
        self.sites * self.sites
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let n = self.sites;
        let mut out = Vec::with_capacity(view.rows.len() * n * n);
        for g in view.hops(self.most)?.chunks_exact(n * n) {
            let at = |i: usize, j: usize| (g[i * n + j] + g[j * n + i].conj()) / 2.0;
            for i in 0..n {
                out.extend((0..n).map(|j| if i <= j { at(i, j).re } else { at(j, i).im }));
            }
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let one = |name, shape: &[usize], meaning| quantity(name, shape, "1".into(), meaning);
        let shape = [self.sites, self.sites];
        vec![
            one("", &shape, "Re <b+_i b_j> [site i, site j]"),
            one("imaginary", &shape, "Im <b+_i b_j> [site i, site j]"),
            one(
                "condensate_fraction",
                &[],
                "largest eigenvalue of <b+_i b_j> over the number of bosons",
            ),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let matrix = self.matrix(means);
        let bosons: f64 = matrix.diag().iter().map(|z| z.re).sum();
        let mut out: Vec<f64> = matrix.iter().map(|z| z.re).collect();
        out.extend(matrix.iter().map(|z| z.im));
        // Without bosons, or where the eigenvalues are not found, there is no number.
        let largest = Complex64::eigen(matrix)
            .ok()
            .and_then(|(values, _)| values.last().copied());
        out.push(largest.map_or(f64::NAN, |v| v / bosons));
        out
    }
}
