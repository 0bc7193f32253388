//! Decides the von Neumann entropies of all cuts along the order of the sites, S = −Tr ρ ln ρ.
//!
//! From all amplitudes of a full sum, or from the singular values of an open matrix product state
//! (U. Schollwöck, Ann. Phys. 326, 96 (2011)).

use super::density_matrix::density_matrix;
use super::{Observable, ObservableContext, Quantity, View, quantity};
use crate::ensemble::{Amplitudes, Ensemble};
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use num_complex::Complex64;

struct Entanglement {
    sites: usize,
    /// Where it stands in the input.
    path: String,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    super::refuse_keys(table, context)?;
    let sites = context.basis.sites();
    if sites < 2 {
        return Err(Error::input(
            &context.path,
            "one site has no cut",
            "remove it, or use a larger lattice",
        ));
    }
    Ok(Box::new(Entanglement {
        sites,
        path: context.path.clone(),
    }))
}

/// −Tr ρ ln ρ
fn entropy(rho: ndarray::Array2<Complex64>) -> Result<f64> {
    let (values, _) = Complex64::eigen(rho)?;
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    Ok(values.into_iter().map(term).sum())
}

/// What the matrices of a matrix product state say alone.
fn of_matrices(psi: &dyn Amplitudes) -> Result<Option<Vec<f64>>> {
    let product = psi.matrix_product();
    product.and_then(|product| product.entropies()).transpose()
}

impl Observable for Entanglement {
    fn columns(&self) -> usize {
        self.sites - 1
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let Some(entropies) = of_matrices(view.psi()?)? else {
            return Err(Error::input(
                &self.path,
                "entropies of samples are those of an open matrix product state without a sector",
                "use sampler.method = \"full-sum\", or the observable \"renyi-2\"",
            ));
        };
        Ok(entropies.repeat(view.rows.len()))
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        let Some(psi) = ensemble.psi() else {
            return Ok(None);
        };
        let Some((index, amplitudes)) = psi.all() else {
            return Ok(None);
        };
        let by_number: Vec<usize> = (0..self.sites).collect();
        let order = psi.matrix_product().map_or(&by_number[..], |p| p.order());
        let mut mask = vec![false; self.sites];
        let cut = |&site: &usize| {
            mask[site] = true;
            entropy(density_matrix(index, amplitudes, &mask)?)
        };
        let entropies = order[..self.sites - 1].iter().map(cut);
        entropies.collect::<Result<Vec<f64>>>().map(Some)
    }
    fn quantities(&self) -> Vec<Quantity> {
        vec![quantity(
            "",
            &[self.sites - 1],
            "1".into(),
            "von Neumann entropy of the first sites of the order, in nats [cut]",
        )]
    }
    fn needs_all_amplitudes(&self) -> bool {
        true
    }
}
