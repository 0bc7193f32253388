//! Decides the static structure factor of o·o or of its z part, on all momenta of the lattice or
//! on a list.
//!
//! S(q) = (1/N) Σ_ij e^{iq·(r_i − r_j)} ⟨o_i·o_j⟩, i = j included. With r = Σ_a ρ_a a_a
//! in lattice vectors and q given by its products q_a = q·a_a, q·r = Σ_a q_a ρ_a; the momenta
//! of the lattice are q_a = 2π m_a/L_a. The z part is |Σ_j e^{iq·r_j} o^z_j|²/N.

use super::momenta::MomentumList;
use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::error::{Error, Result};
use crate::linalg::products::{Op, multiply};
use ndarray::{Array2, ArrayView2};
use num_complex::Complex64;
use serde::Deserialize;

/// Largest number of cosines that are tabulated.
const LARGEST: usize = 1 << 25;

/// Structure factor, (1/N) Σ_ij exp(i q·(r_i − r_j)) times the correlation of sites i and j.
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

struct StructureFactor {
    sites: usize,
    momenta: MomentumList,
    kernel: MomentumKernel,
    twice_spin: u8,
    factor: f64,
    unit: String,
}

enum MomentumKernel {
    /// (2/N) cos q·(r_i − r_j), pairs × momenta.
    Full(Array2<f64>),
    /// e^{iq·r_j}/√N, momentum by momentum.
    Z(Vec<Complex64>),
}

pub(super) fn build_full(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    build(table, context, true)
}

pub(super) fn build_zz(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    build(table, context, false)
}

fn build(
    table: &toml::Table,
    context: &ObservableContext,
    full: bool,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let twice_spin = context.twice_spin()?;
    let (lattice, key) = (context.lattice, format!("{}.momenta", context.path));
    let sites = lattice.sites;
    let momenta = MomentumList::new(keys.momenta, context)?;
    let pairs = sites * (sites - 1) / 2;
    let entries = momenta.list.len() * if full { pairs } else { sites };
    if entries > LARGEST {
        return Err(Error::input(
            key,
            format!("{} momenta", momenta.list.len()),
            "give a list of some momenta",
        ));
    }
    let n = sites as f64;
    let kernel = if full {
        let mut cosines = Array2::zeros((pairs, momenta.list.len()));
        let both = (0..sites).flat_map(|i| (i + 1..sites).map(move |j| (i, j)));
        for ((i, j), mut row) in both.zip(cosines.rows_mut()) {
            for (q, cosine) in momenta.list.iter().zip(&mut row) {
                *cosine = 2.0 / n * (momenta.phase(q, i) - momenta.phase(q, j)).cos();
            }
        }
        MomentumKernel::Full(cosines)
    } else {
        let wave = |q, j| Complex64::cis(momenta.phase(q, j)) / n.sqrt();
        let waves = momenta.list.iter();
        MomentumKernel::Z(
            waves
                .flat_map(|q| (0..sites).map(move |j| wave(q, j)))
                .collect(),
        )
    };
    let (factor, unit) = (context.factor(2), context.unit(2));
    Ok(Box::new(StructureFactor {
        sites,
        momenta,
        kernel,
        twice_spin,
        factor,
        unit,
    }))
}

impl Observable for StructureFactor {
    fn columns(&self) -> usize {
        self.momenta.list.len()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        match &self.kernel {
            MomentumKernel::Full(cosines) => {
                let mut out = Vec::with_capacity(view.rows.len() * self.columns());
                // 4 S² = t (t + 2) of each site, t = 2 S.
                let t = f64::from(self.twice_spin);
                view.with_pairs(self.twice_spin, |pairs| {
                    let shape = (pairs.len() / cosines.nrows().max(1), cosines.nrows());
                    let pairs = ArrayView2::from_shape(shape, pairs)
                        .map_err(|e| Error::numerical(e.to_string(), ""))?;
                    let sums = multiply(pairs, Op::Same, cosines.view(), Op::Same);
                    out.extend(sums.iter().map(|s| self.factor * (t * (t + 2.0) + s)));
                    Ok(())
                })?;
                Ok(out)
            }
            MomentumKernel::Z(waves) => {
                let wave = |x: &[i8], w: &[Complex64]| -> f64 {
                    self.factor
                        * x.iter()
                            .zip(w)
                            .map(|(&s, w)| w * f64::from(s))
                            .sum::<Complex64>()
                            .norm_sqr()
                };
                Ok(view
                    .configurations()
                    .flat_map(|x| waves.chunks_exact(self.sites).map(move |w| wave(x, w)))
                    .collect())
            }
        }
    }
    fn quantities(&self) -> Vec<Quantity> {
        let meaning = match self.kernel {
            MomentumKernel::Full(_) => "(1/N) sum_ij exp(i q.(r_i - r_j)) <o_i . o_j> [momentum]",
            MomentumKernel::Z(_) => "(1/N) sum_ij exp(i q.(r_i - r_j)) <oz_i oz_j> [momentum]",
        };
        vec![quantity(
            "",
            &[self.momenta.list.len()],
            self.unit.clone(),
            meaning,
        )]
    }
    fn labels(&self) -> Vec<Label> {
        vec![self.momenta.label()]
    }
}
