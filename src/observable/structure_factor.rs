//! Decides the static structure factor of o·o or of its z part, on all momenta of the lattice or
//! on a list.
//!
//! S(q) = (1/N) Σ_ij e^{iq·(r_i − r_j)} ⟨o_i·o_j⟩, i = j included. With r = Σ_a ρ_a a_a
//! in lattice vectors and q given by its products q_a = q·a_a, q·r = Σ_a q_a ρ_a; the momenta
//! of the lattice are q_a = 2π m_a/L_a. The z part is |Σ_j e^{iq·r_j} o^z_j|²/N.

use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};
use num_complex::Complex64;
use serde::Deserialize;
use std::f64::consts::TAU;

/// Largest number of cosines that are tabulated.
const LARGEST: usize = 1 << 25;

/// Keys of the structure factors.
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
    /// q_a, three per momentum.
    momenta: Vec<[f64; 3]>,
    dimensions: usize,
    kernel: Kernel,
    twice_spin: u8,
    factor: f64,
    unit: String,
}

enum Kernel {
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
    if lattice.is_graph() {
        return Err(Error::input(
            &context.path,
            "a graph has no momenta",
            "use \"spin-correlations\"",
        ));
    }
    let (sites, dimensions, extent) = (lattice.sites, lattice.dimensions(), lattice.extent());
    let momenta: Vec<[f64; 3]> = match keys.momenta {
        None => (0..extent.iter().product::<usize>())
            .map(|k| {
                let m = [
                    k % extent[0],
                    k / extent[0] % extent[1],
                    k / (extent[0] * extent[1]),
                ];
                std::array::from_fn(|a| TAU * m[a] as f64 / extent[a] as f64)
            })
            .collect(),
        Some(list) => {
            if let Some(q) = list
                .iter()
                .find(|q| q.len() != dimensions || q.iter().any(|c| !c.is_finite()))
            {
                let remedy = format!(
                    "give {dimensions} numbers per momentum, in units of 2 pi per lattice vector"
                );
                return Err(Error::input(
                    key,
                    format!("{q:?} is not a momentum of this lattice"),
                    remedy,
                ));
            }
            list.iter()
                .map(|q| std::array::from_fn(|a| TAU * q.get(a).copied().unwrap_or(0.0)))
                .collect()
        }
    };
    let pairs = sites * (sites - 1) / 2;
    let entries = momenta.len() * if full { pairs } else { sites };
    if entries > LARGEST || momenta.is_empty() {
        return Err(Error::input(
            key,
            format!("{} momenta", momenta.len()),
            "give a list of some momenta",
        ));
    }
    let positions = (0..sites)
        .map(|i| lattice.fractional(i))
        .collect::<Result<Vec<_>>>()?;
    let phase = |q: &[f64; 3], r: &[f64; 3]| (0..3).map(|a| q[a] * r[a]).sum::<f64>();
    let n = sites as f64;
    let kernel = if full {
        let mut cosines = Array2::zeros((pairs, momenta.len()));
        let both = (0..sites).flat_map(|i| (i + 1..sites).map(move |j| (i, j)));
        for ((i, j), mut row) in both.zip(cosines.rows_mut()) {
            for (q, cosine) in momenta.iter().zip(&mut row) {
                *cosine = 2.0 / n * (phase(q, &positions[i]) - phase(q, &positions[j])).cos();
            }
        }
        Kernel::Full(cosines)
    } else {
        let waves = momenta.iter().flat_map(|q| {
            positions
                .iter()
                .map(move |r| Complex64::cis(phase(q, r)) / n.sqrt())
        });
        Kernel::Z(waves.collect())
    };
    let (factor, unit) = (context.factor(2), context.unit(2));
    Ok(Box::new(StructureFactor {
        sites,
        momenta,
        dimensions,
        kernel,
        twice_spin,
        factor,
        unit,
    }))
}

impl Observable for StructureFactor {
    fn columns(&self) -> usize {
        self.momenta.len()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        match &self.kernel {
            Kernel::Full(cosines) => {
                let shape = (view.rows.len(), cosines.nrows());
                let pairs = ArrayView2::from_shape(shape, view.pairs(self.twice_spin)?)
                    .map_err(|e| Error::numerical(e.to_string(), ""))?;
                // 4 S² = t (t + 2) of each site, t = 2 S.
                let t = f64::from(self.twice_spin);
                Ok(pairs
                    .dot(cosines)
                    .iter()
                    .map(|s| self.factor * (t * (t + 2.0) + s))
                    .collect())
            }
            Kernel::Z(waves) => {
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
            Kernel::Full(_) => "(1/N) sum_ij exp(i q.(r_i - r_j)) <o_i . o_j> [momentum]",
            Kernel::Z(_) => "(1/N) sum_ij exp(i q.(r_i - r_j)) <oz_i oz_j> [momentum]",
        };
        vec![quantity(
            "",
            &[self.momenta.len()],
            self.unit.clone(),
            meaning,
        )]
    }
    fn labels(&self) -> Vec<Label> {
        vec![Label {
            name: "momenta",
            shape: vec![self.momenta.len(), self.dimensions],
            values: self
                .momenta
                .iter()
                .flat_map(|q| q[..self.dimensions].to_vec())
                .collect(),
            unit: "1",
            meaning: "q.a for the lattice vectors a: 2 pi m / L for the momenta of the lattice \
             [momentum, direction]",
        }]
    }
}
