//! Decides the square of the total spin, ⟨S²⟩ = ⟨(Σ_i S_i)²⟩: S(S + 1) of a state of spin S.
//!
//! S² = Σ_i S_i·S_i + 2 Σ_{i<j} S_i·S_j, with S_i·S_i = s (s + 1) of spins of length s. A
//! Hamiltonian with [H, S⁺] = 0 has eigenstates of one spin each; what ⟨S²⟩ has beyond S(S + 1) is
//! an admixture of other states of its tower (P. W. Anderson, Phys. Rev. 86, 694 (1952)). It raises
//! the energy more than the variance.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::basis::TOTAL_SZ;
use crate::error::Result;
use crate::operator::conserves_total_spin;

/// An admixture of other spins, as a difference of ⟨S²⟩, that is told where errors do not cover it.
const ADMIXTURE: f64 = 0.02;
/// Standard errors that noise may make.
const ERRORS: f64 = 4.0;

struct TotalSpin {
    sites: usize,
    twice_spin: u8,
    /// The smallest spin that the sector allows, where H conserves the total spin.
    smallest: Option<f64>,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    let (sites, twice_spin) = (context.lattice.sites, context.twice_spin()?);
    let fixed = context.basis.charges().iter().find(|c| c.name == TOTAL_SZ);
    let whole = (sites * usize::from(twice_spin)).is_multiple_of(2);
    let conserved = conserves_total_spin(&**context.hamiltonian, context.basis, twice_spin);
    let smallest = fixed.map_or(f64::from(u8::from(!whole)), |c| (c.total as f64).abs()) / 2.0;
    Ok(Box::new(TotalSpin {
        sites,
        twice_spin,
        smallest: conserved.then_some(smallest),
    }))
}

impl Observable for TotalSpin {
    fn columns(&self) -> usize {
        1
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let s = f64::from(self.twice_spin) / 2.0;
        let own = self.sites as f64 * s * (s + 1.0);
        let pairs = self.sites * (self.sites - 1) / 2;
        if pairs == 0 {
            return Ok(vec![own; view.rows.len()]);
        }
        let mut out = Vec::with_capacity(view.rows.len());
        view.with_pairs(self.twice_spin, |values| {
            let rows = values.chunks_exact(pairs);
            out.extend(rows.map(|row| own + row.iter().sum::<f64>() / 2.0));
            Ok(())
        })?;
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        vec![quantity(
            "",
            &[],
            "hbar^2".into(),
            "square of the total spin, S(S + 1) of a state of spin S",
        )]
    }
    fn warning(&self, means: &[f64], errors: &[f64]) -> Option<String> {
        let (smallest, square, error) = (self.smallest?, *means.first()?, *errors.first()?);
        // S(S + 1) of the allowed spin that is nearest.
        let spin = ((square.max(0.0) + 0.25).sqrt() - 0.5 - smallest).max(0.0);
        let nearest = [spin.floor(), spin.ceil()].map(|s| (s + smallest) * (s + smallest + 1.0));
        let away = |s: f64| (square - s).abs();
        let distance = away(nearest[0]).min(away(nearest[1]));
        (distance > ADMIXTURE && distance > ERRORS * error).then(|| {
            format!(
                "the square of the total spin is {square:.3}, {distance:.3} away from that of a \
                 state of one spin, as eigenstates are: states of other spins are mixed in, which \
                 the variance hardly sees; optimise with more samples and a larger \
                 optimize.shift, or set ansatz.kind = \"symmetrised\" with spin_flip"
            )
        })
    }
}
