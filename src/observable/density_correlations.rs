//! Decides the density correlations of bosons, ⟨n_i n_j⟩ and ⟨n_i n_j⟩ − ⟨n_i⟩⟨n_j⟩ of all
//! pairs, i = j included.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::{Error, Result};

/// Largest number of sites: every pair is a column.
const LARGEST: usize = 256;

struct DensityCorrelations {
    sites: usize,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    context.most_bosons()?;
    let sites = context.lattice.sites;
    if sites > LARGEST {
        return Err(Error::input(
            &context.path,
            format!("the pairs of {sites} sites"),
            format!("use it on at most {LARGEST} sites"),
        ));
    }
    Ok(Box::new(DensityCorrelations { sites }))
}

impl DensityCorrelations {
    /// Pairs i ≤ j in the order of the columns, which stand behind those of n_i.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let n = self.sites;
        (0..n).flat_map(move |i| (i..n).map(move |j| (i, j)))
    }
}

impl Observable for DensityCorrelations {
    fn columns(&self) -> usize {
        self.sites + self.sites * (self.sites + 1) / 2
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        for x in view.configurations() {
            out.extend(x.iter().map(|&n| f64::from(n)));
            out.extend(self.pairs().map(|(i, j)| f64::from(x[i]) * f64::from(x[j])));
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let shape = [self.sites, self.sites];
        let connected = "<n_i n_j> - <n_i><n_j> [site i, site j]";
        vec![
            quantity("", &shape, "1".into(), "<n_i n_j> [site i, site j]"),
            quantity("connected", &shape, "1".into(), connected),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let n = self.sites;
        let (density, products) = means.split_at(n);
        let mut out = vec![0.0; 2 * n * n];
        for ((i, j), &product) in self.pairs().zip(products) {
            for place in [i * n + j, j * n + i] {
                out[place] = product;
                out[n * n + place] = product - density[i] * density[j];
            }
        }
        out
    }
}
