//! Decides the one-site expectation values ⟨o^x_i⟩, ⟨o^y_i⟩, ⟨o^z_i⟩ of every site.
//!
//! 2 S^x = S⁺ + S⁻ and 2 S^y = −i (S⁺ − S⁻), which are σ^x and σ^y for spins one half.
//! Where total Sz is fixed the first two vanish and are left out.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::basis::TOTAL_SZ;
use crate::error::Result;

struct OneSite {
    sites: usize,
    twice_spin: u8,
    transverse: bool,
    factor: f64,
    unit: String,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    let twice_spin = context.twice_spin()?;
    let (sites, transverse) = (
        context.lattice.sites,
        context.basis.fixed(TOTAL_SZ).is_none(),
    );
    Ok(Box::new(OneSite {
        sites,
        twice_spin,
        transverse,
        factor: context.factor(1),
        unit: context.unit(1),
    }))
}

impl Observable for OneSite {
    fn columns(&self) -> usize {
        self.sites * if self.transverse { 3 } else { 1 }
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let ladders = match self.transverse {
            true => view.ladders(self.twice_spin)?,
            false => Vec::new(),
        };
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        for (k, x) in view.configurations().enumerate() {
            let along = x.iter().map(|&s| self.factor * f64::from(s));
            out.extend(along);
            if self.transverse {
                let ladders = &ladders[k * self.sites..(k + 1) * self.sites];
                out.extend(
                    ladders
                        .iter()
                        .map(|[up, down]| self.factor * (up + down).re),
                );
                // −i (S⁺ − S⁻) has the real part Im (S⁺ − S⁻).
                out.extend(
                    ladders
                        .iter()
                        .map(|[up, down]| self.factor * (up - down).im),
                );
            }
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let one = |name, meaning| quantity(name, &[self.sites], self.unit.clone(), meaning);
        let mut list = vec![one("z", "<oz_i> [site]")];
        if self.transverse {
            list.extend([one("x", "<ox_i> [site]"), one("y", "<oy_i> [site]")]);
        }
        list
    }
}
