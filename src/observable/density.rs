//! Decides the density of bosons: ⟨n_i⟩ and ⟨n_i²⟩ − ⟨n_i⟩² of every site.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::Result;

struct Density {
    sites: usize,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    context.most_bosons()?;
    Ok(Box::new(Density {
        sites: context.lattice.sites,
    }))
}

impl Observable for Density {
    fn columns(&self) -> usize {
        2 * self.sites
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let power = |x: &[i8], p| -> Vec<f64> { x.iter().map(|&n| f64::from(n).powi(p)).collect() };
        let row = |x: &[i8]| [power(x, 1), power(x, 2)].concat();
        Ok(view.configurations().flat_map(row).collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        let one = |name, shape: &[usize], meaning| quantity(name, shape, "1".into(), meaning);
        vec![
            one("", &[], "<sum_i n_i> / N"),
            one("sites", &[self.sites], "<n_i> [site]"),
            one("variance", &[self.sites], "<n_i^2> - <n_i>^2 [site]"),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let (n, squares) = means.split_at(self.sites);
        let mean = n.iter().sum::<f64>() / self.sites as f64;
        let variance = n.iter().zip(squares).map(|(n, s)| s - n * n);
        [mean]
            .into_iter()
            .chain(n.iter().copied())
            .chain(variance)
            .collect()
    }
}
