//! Decides the momentum distribution of bosons, n(k) = (1/N) Σ_ij e^{ik·(r_i − r_j)} ⟨b†_i
//! b_j⟩, whose sum over the momenta of the lattice is the number of bosons.

use super::momenta::MomentumList;
use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::error::Result;
use num_complex::Complex64;
use serde::Deserialize;

/// Keys of the distribution.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// List of momenta, one number per direction in units of 2 pi per lattice vector ([0.5, 0.5] is
    /// (pi, pi)); all by default.
    momenta: Option<Vec<Vec<f64>>>,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

struct MomentumDistribution {
    sites: usize,
    most: i8,
    momenta: MomentumList,
    /// e^{ik·r_j}/√N, momentum by momentum.
    waves: Vec<Complex64>,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let most = context.most_bosons()?;
    let sites = context.lattice.sites;
    let momenta = MomentumList::new(keys.momenta, context)?;
    let wave = |k, j| Complex64::cis(momenta.phase(k, j)) / (sites as f64).sqrt();
    let waves = momenta.list.iter();
    let waves = waves
        .flat_map(|k| (0..sites).map(move |j| wave(k, j)))
        .collect();
    Ok(Box::new(MomentumDistribution {
        sites,
        most,
        momenta,
        waves,
    }))
}

impl Observable for MomentumDistribution {
    fn columns(&self) -> usize {
        self.momenta.list.len()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let n = self.sites;
        let sum = |g: &[Complex64], wave: &[Complex64]| -> f64 {
            let row = |i: usize| -> Complex64 {
                let terms = g[i * n..(i + 1) * n].iter().zip(wave);
                wave[i] * terms.map(|(g, w)| g * w.conj()).sum::<Complex64>()
            };
            (0..n).map(|i| row(i).re).sum()
        };
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        for g in view.hops(self.most)?.chunks_exact(n * n) {
            out.extend(self.waves.chunks_exact(n).map(|wave| sum(g, wave)));
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let meaning = "n(k) = (1/N) sum_ij exp(i k.(r_i - r_j)) <b+_i b_j> [momentum]";
        vec![quantity("", &[self.columns()], "1".into(), meaning)]
    }
    fn labels(&self) -> Vec<Label> {
        vec![self.momenta.label()]
    }
}
