//! Decides the square of the total spin, ⟨S²⟩ = ⟨(Σ_i S_i)²⟩: S(S + 1) of a state of spin S.
//!
//! S² = Σ_i S_i·S_i + 2 Σ_{i<j} S_i·S_j, with S_i·S_i = s (s + 1) of spins of length s. A
//! Hamiltonian with [H, S⁺] = 0 has eigenstates of one spin each; what ⟨S²⟩ has beyond S(S + 1) is
//! an admixture of other states of its tower (P. W. Anderson, Phys. Rev. 86, 694 (1952)). It raises
//! the energy more than the variance.

use super::view::raising;
use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::basis::{Asks, TOTAL_SZ};
use crate::error::Result;
use crate::operator::Operator;
use crate::rng::{Purpose, stream};
use num_complex::Complex64;
use std::collections::BTreeMap;

/// Configurations on which H is compared with S⁺.
const ROWS: usize = 8;
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
    let smallest = fixed.map_or(f64::from(u8::from(!whole)), |c| (c.total as f64).abs()) / 2.0;
    Ok(Box::new(TotalSpin {
        sites,
        twice_spin,
        smallest: conserved(context, twice_spin).then_some(smallest),
    }))
}

/// Whether ⟨x|[H, S⁺]|x'⟩ vanishes for some x and every x'.
fn conserved(context: &ObservableContext, twice_spin: u8) -> bool {
    let mut rng = stream(0, Purpose::Configurations, u64::MAX, 1);
    (0..ROWS).all(|_| {
        let x = context.basis.random(&mut rng);
        let mut difference = BTreeMap::new();
        for (y, h) in row(&**context.hamiltonian, &x) {
            for (z, s) in lowered(&y, twice_spin) {
                *difference.entry(z).or_insert(Complex64::ZERO) += h * s;
            }
        }
        let mut scale: f64 = 1.0;
        for (y, s) in lowered(&x, twice_spin) {
            for (z, h) in row(&**context.hamiltonian, &y) {
                *difference.entry(z).or_insert(Complex64::ZERO) -= h * s;
                scale = scale.max(h.norm());
            }
        }
        difference.values().all(|d| d.norm() <= 1e-12 * scale)
    })
}

/// The configurations and elements of ⟨x|H.
fn row(hamiltonian: &dyn Operator, x: &[i8]) -> Vec<(Vec<i8>, Complex64)> {
    let (mut asks, mut elements) = (Asks::default(), Vec::new());
    hamiltonian.connect(0, x, &mut asks, &mut elements);
    let mut out = vec![(x.to_vec(), hamiltonian.diagonal(x))];
    for ((_, step), &element) in asks.iter().zip(&elements) {
        out.push((step.applied(x), element));
    }
    out
}

/// The configurations and elements of ⟨x|S⁺, whose spins are lower by one.
fn lowered(x: &[i8], twice_spin: u8) -> Vec<(Vec<i8>, f64)> {
    let mut out = Vec::new();
    for (site, &value) in x.iter().enumerate() {
        if value > -(twice_spin as i8) {
            let mut y = x.to_vec();
            y[site] = value - 2;
            out.push((y, raising(twice_spin, value - 2)));
        }
    }
    out
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
