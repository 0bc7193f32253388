//! Decides how this state compares with a saved one: fidelity, and the difference of their energies
//! from the same samples.
//!
//! With r(x) = φ(x)/ψ(x) and averages over |ψ|²: ⟨ψ|φ⟩/⟨ψ|ψ⟩ = ⟨r⟩,
//! ⟨φ|φ⟩/⟨ψ|ψ⟩ = ⟨|r|²⟩, so that F = |⟨r⟩|²/⟨|r|²⟩ and E_φ = ⟨r*
//! (Hφ)(x)/ψ(x)⟩/⟨|r|²⟩. The noise of E_φ − E_ψ is that of the difference of the
//! states (reweighting, A. M. Ferrenberg and R. H. Swendsen, Phys. Rev. Lett. 61, 2635 (1988)). φ
//! must vanish wherever ψ does; a full sum has no such condition.

use super::{Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::ansatz::{Ansatz, Erased};
use crate::basis::Numbering;
use crate::ensemble::{Amplitudes, Ensemble, local_values_by_ratios, relative_amplitudes};
use crate::error::Result;
use crate::operator::{self, Operator};
use crate::rng::{Purpose, stream};
use num_complex::Complex64;
use serde::Deserialize;
use std::sync::Arc;

/// Configurations that fix the common factor of the two states.
const REFERENCES: usize = 64;
/// Configurations of a full sum that are evaluated at once.
const BLOCK: usize = 1024;

/// Fidelity with a saved state, and the difference of the two energies.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Results file of the other state, relative to the input file.
    file: std::path::PathBuf,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

struct Overlap {
    other: Erased,
    hamiltonian: Arc<dyn Operator>,
    references: Vec<i8>,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let other = (context.state)(&keys.file, &format!("{}.file", context.path))?;
    let mut rng = stream(0, Purpose::Configurations, u64::MAX, 0);
    let references = (0..REFERENCES)
        .flat_map(|_| context.basis.random(&mut rng))
        .collect();
    Ok(Box::new(Overlap {
        other,
        hamiltonian: context.hamiltonian.clone(),
        references,
    }))
}

impl Overlap {
    /// A factor that brings φ/ψ near 1, from the parameters of both alone.
    fn scale(&self, psi: &dyn Amplitudes) -> f64 {
        let theirs = self.other.log_psi(&self.other.batch(&self.references));
        let ours = psi.log_psi_of(&self.references);
        let differences = theirs
            .iter()
            .zip(ours)
            .map(|(a, b)| a.re - b.re)
            .filter(|d| d.is_finite());
        differences
            .fold(None, |m: Option<f64>, d| Some(m.map_or(d, |m| m.max(d))))
            .unwrap_or(0.0)
    }

    /// ln φ and (Hφ)(x)/φ(x), which means nothing where φ vanishes.
    fn evaluate_other(&self, xs: &[i8]) -> (Vec<Complex64>, Vec<Complex64>) {
        let batch = self.other.batch(xs);
        (
            self.other.log_psi(&batch),
            local_values_by_ratios(&self.other, &batch, xs, &*self.hamiltonian),
        )
    }

    /// ⟨ψ|φ⟩, ⟨φ|φ⟩, ⟨φ|H|φ⟩ and ⟨ψ|H|ψ⟩, all over ⟨ψ|ψ⟩, from every
    /// amplitude.
    fn exact(&self, index: &Numbering, psi: &[Complex64]) -> Vec<f64> {
        let mut logs = Vec::with_capacity(psi.len());
        for start in (0..psi.len()).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(psi.len());
            let xs = index.rows(range);
            logs.extend(self.other.log_psi(&self.other.batch(&xs)));
        }
        let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
        let phi = relative_amplitudes(&logs, largest);
        let energy = |v: &[Complex64]| -> f64 {
            let images = operator::apply(&*self.hamiltonian, index, v, 0..v.len());
            let terms = v.iter().zip(images).map(|(a, b)| (a.conj() * b).re);
            terms.sum()
        };
        let norm: f64 = psi.iter().map(|z| z.norm_sqr()).sum();
        let inner: Complex64 = psi.iter().zip(&phi).map(|(a, b)| a.conj() * b).sum();
        let square: f64 = phi.iter().map(|z| z.norm_sqr()).sum();
        [inner.re, inner.im, square, energy(&phi), energy(psi)]
            .map(|v| v / norm)
            .to_vec()
    }
}

impl Observable for Overlap {
    fn columns(&self) -> usize {
        5
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let psi = view.psi()?;
        let scale = self.scale(psi);
        let n = view.ensemble.sites();
        let xs = &view.ensemble.configurations()[view.rows.start * n..view.rows.end * n];
        let (logs, others) = self.evaluate_other(xs);
        let mine = view.local_values(&*self.hamiltonian)?;
        let logs_of_psi = &psi.log_psi()[view.rows.clone()];
        let mut out = Vec::with_capacity(5 * view.rows.len());
        for (((phi, psi), other), mine) in logs.iter().zip(logs_of_psi).zip(others).zip(mine) {
            if phi.re == f64::NEG_INFINITY {
                out.extend([0.0, 0.0, 0.0, 0.0, mine.re]);
                continue;
            }
            let r = (phi - psi - scale).exp();
            out.extend([r.re, r.im, r.norm_sqr(), r.norm_sqr() * other.re, mine.re]);
        }
        Ok(out)
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        Ok(ensemble
            .psi()
            .and_then(|psi| psi.all())
            .map(|(index, psi)| self.exact(index, psi)))
    }
    fn quantities(&self) -> Vec<Quantity> {
        let energy = |name, meaning| quantity(name, &[], "coupling".into(), meaning);
        vec![
            quantity(
                "fidelity",
                &[],
                "1".into(),
                "|<psi|phi>|^2 / (<psi|psi><phi|phi>), phi the saved state",
            ),
            quantity("infidelity", &[], "1".into(), "1 - fidelity"),
            energy(
                "other_energy",
                "<phi|H|phi>/<phi|phi> with the Hamiltonian of this input",
            ),
            energy(
                "energy_difference",
                "energy of the saved state minus that of this one",
            ),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let [re, im, square, other, mine] = *means else {
            return vec![0.0; 4];
        };
        // A sampled state that never meets the other one has no overlap with it that could be seen.
        let (fidelity, energy) = if square > 0.0 {
            ((re * re + im * im) / square, other / square)
        } else {
            (0.0, 0.0)
        };
        vec![fidelity, 1.0 - fidelity, energy, energy - mine]
    }
}
