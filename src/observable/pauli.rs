//! Decides the expectation value of any Hermitian sum of Pauli strings, ⟨Σ_k c_k P_k⟩.
//!
//! The letters are Pauli matrices in any units of the input. Strings that leave a sector of fixed
//! total Sz contribute nothing: their expectation value there is zero.

use super::{Observable, ObservableContext, Quantity, View, quantity};
use crate::error::Result;
use crate::operator::TermTable;
use crate::operator::models::pauli::hermitian_sum;

struct PauliStrings {
    table: TermTable,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    context.need_spin_half("a sum of Pauli strings")?;
    let sites = context.lattice.sites;
    let sum = hermitian_sum(table, &context.path, context.folder, sites, 1.0)?;
    Ok(Box::new(PauliStrings {
        table: TermTable::compile(sites, &sum)?,
    }))
}

impl Observable for PauliStrings {
    fn columns(&self) -> usize {
        1
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        Ok(view
            .local_values(&self.table)?
            .iter()
            .map(|z| z.re)
            .collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        vec![quantity(
            "",
            &[],
            "1".into(),
            "<sum_k c_k P_k>, P_k strings of Pauli matrices",
        )]
    }
}
