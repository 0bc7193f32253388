//! Decides how a circuit starts from a Boltzmann machine with real parameters: its hidden units are
//! drawn before each sweep, once for the ket and once for the bra, and are fields on the first
//! spins of either until the next one.
//!
//! ```text
//! ψ(σ) = e^{a·σ} Π_j 2 cosh θ_j,   θ_j = b_j + Σ_i σ_i W_ij,   P(h_j = 1 | σ) = 1/(1 + e^{−2 θ_j})
//! ```

use super::drawn;
use crate::clusters::Words;
use crate::error::{Error, Result};

/// A restricted Boltzmann machine with N visible and M hidden units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HiddenStart {
    /// Visible biases, N.
    pub a: Vec<f64>,
    /// Hidden biases, M.
    pub b: Vec<f64>,
    /// Couplings, N × M, row by row.
    pub w: Vec<f64>,
}

/// The machine at both ends.
#[derive(Debug, Clone)]
pub(super) struct HiddenEnds {
    start: HiddenStart,
    theta: Vec<f64>,
    /// The fields at the start of the ket and at that of the bra.
    pub fields: [Vec<f64>; 2],
}

impl HiddenEnds {
    /// Of a machine with as many visible units as `sites`.
    pub fn new(start: &HiddenStart, sites: usize) -> Result<Self> {
        let numbers = start.a.iter().chain(&start.b).chain(&start.w);
        let fits = start.a.len() == sites && start.w.len() == sites * start.b.len();
        if !fits || !numbers.clone().all(|number| number.is_finite()) {
            return Err(Error::numerical(
                format!("a Boltzmann machine cannot be the start of a circuit of {sites} sites"),
                "give it one visible unit for each site, and finite parameters",
            ));
        }
        Ok(HiddenEnds {
            theta: vec![0.0; start.b.len()],
            fields: [start.a.clone(), start.a.clone()],
            start: start.clone(),
        })
    }

    /// Draws the hidden units at the end of the ket (0) or bra (1), given its first spins.
    pub fn draw(&mut self, end: usize, spins: &[i8], rng: &mut Words) {
        let hidden = self.start.b.len();
        if hidden == 0 {
            return;
        }
        self.theta.copy_from_slice(&self.start.b);
        let rows = self.start.w.chunks_exact(hidden);
        for (row, spin) in rows.clone().zip(spins) {
            let couplings = self.theta.iter_mut().zip(row);
            couplings.for_each(|(theta, w)| *theta += w * f64::from(*spin));
        }
        for theta in &mut self.theta {
            *theta = f64::from(drawn(*theta, rng));
        }
        for ((field, a), row) in self.fields[end].iter_mut().zip(&self.start.a).zip(rows) {
            *field = a + row.iter().zip(&self.theta).map(|(w, h)| w * h).sum::<f64>();
        }
    }
}
