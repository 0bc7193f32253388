//! Decides the energy where it is a sum of ratios of means, as that of world lines through inserted
//! layers: E = ⟨c_0⟩ + Σ_k ⟨c_{2k}⟩/⟨c_{2k−1}⟩.

use super::{Observable, Quantity, View, quantity};
use crate::error::{Error, Result};
use crate::worldlines::EnergyLines;

pub(super) struct EnergyRatio {
    pub(super) columns: usize,
}

impl Observable for EnergyRatio {
    fn columns(&self) -> usize {
        self.columns
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let all = view.ensemble.energy_columns();
        let Some((_, values)) = all.filter(|(width, _)| *width == self.columns) else {
            return Err(Error::numerical(
                "the energy of these samples is no ratio of means",
                "measure local energies",
            ));
        };
        let range = view.rows.start * self.columns..view.rows.end * self.columns;
        Ok(values[range].to_vec())
    }
    fn quantities(&self) -> Vec<Quantity> {
        let unit = "coupling".into();
        vec![quantity("", &[], unit, "energy of the whole system")]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        vec![EnergyLines::energy(means)]
    }
}
