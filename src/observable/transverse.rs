//! Decides the transverse magnetisation ⟨o^x_i⟩ of every site and its mean.
//!
//! 2 S^x_i = S⁺_i + S⁻_i, which is σ^x_i for spins one half; it vanishes in a sector of fixed
//! total Sz.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::basis::TOTAL_SZ;
use crate::error::{Error, Result};

struct Transverse {
    sites: usize,
    twice_spin: u8,
    factor: f64,
    unit: String,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    let twice_spin = context.twice_spin()?;
    if context.basis.fixed(TOTAL_SZ).is_some() {
        return Err(Error::input(
            &context.path,
            "the transverse magnetisation is zero where total Sz is fixed",
            "remove it, or hamiltonian.sector",
        ));
    }
    Ok(Box::new(Transverse {
        sites: context.lattice.sites,
        twice_spin,
        factor: context.factor(1),
        unit: context.unit(1),
    }))
}

impl Observable for Transverse {
    fn columns(&self) -> usize {
        self.sites
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        Ok(view
            .ladders(self.twice_spin)?
            .iter()
            .map(|[up, down]| self.factor * (up + down).re)
            .collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        vec![
            quantity("", &[], self.unit.clone(), "<sum_i ox_i> / N"),
            quantity("sites", &[self.sites], self.unit.clone(), "<ox_i> [site]"),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let mean = means.iter().sum::<f64>() / self.sites as f64;
        std::iter::once(mean).chain(means.iter().copied()).collect()
    }
}
