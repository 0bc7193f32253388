//! Decides the momenta of a measurement: all of the lattice, or those of a list.
//!
//! With r = Σ_a ρ_a a_a in lattice vectors and q given by its products q_a = q·a_a,
//! q·r = Σ_a q_a ρ_a; the momenta of the lattice are q_a = 2π m_a/L_a.

use super::{Label, ObservableContext};
use crate::error::{Error, Result};
use std::f64::consts::TAU;

/// Momenta and the sites that they are for.
pub(super) struct MomentumList {
    /// q_a, three per momentum.
    pub(super) list: Vec<[f64; 3]>,
    dimensions: usize,
    /// ρ_a of each site.
    positions: Vec<[f64; 3]>,
}

impl MomentumList {
    /// Those of the key `momenta`, in units of 2π per lattice vector, or all.
    ///
    /// Errors: [`Error::Input`] where the lattice has none, or where the list is empty or holds
    /// something that is no momentum.
    pub(super) fn new(list: Option<Vec<Vec<f64>>>, context: &ObservableContext) -> Result<Self> {
        let lattice = context.lattice;
        if lattice.is_graph() {
            return Err(Error::input(
                &context.path,
                "a graph has no momenta",
                "use correlations of pairs of sites",
            ));
        }
        let (dimensions, extent) = (lattice.dimensions(), lattice.extent());
        let invalid = |problem: String, remedy: String| {
            Error::input(format!("{}.momenta", context.path), problem, remedy)
        };
        let of_lattice = |k: usize| {
            let m = [
                k % extent[0],
                k / extent[0] % extent[1],
                k / (extent[0] * extent[1]),
            ];
            std::array::from_fn(|a| TAU * m[a] as f64 / extent[a] as f64)
        };
        let fits = |q: &Vec<f64>| q.len() == dimensions && q.iter().all(|c| c.is_finite());
        let list: Vec<[f64; 3]> = match list {
            None => (0..extent.iter().product()).map(of_lattice).collect(),
            Some(list) => {
                if let Some(q) = list.iter().find(|q| !fits(q)) {
                    return Err(invalid(
                        format!("{q:?} is not a momentum of this lattice"),
                        format!(
                            "give {dimensions} numbers per momentum, in units of 2 pi per lattice \
                             vector"
                        ),
                    ));
                }
                let angle = |q: &Vec<f64>, a: usize| TAU * q.get(a).copied().unwrap_or(0.0);
                list.iter()
                    .map(|q| std::array::from_fn(|a| angle(q, a)))
                    .collect()
            }
        };
        if list.is_empty() {
            return Err(invalid(
                "0 momenta".into(),
                "give a list of some momenta".into(),
            ));
        }
        let positions = (0..lattice.sites).map(|i| lattice.fractional(i));
        Ok(MomentumList {
            list,
            dimensions,
            positions: positions.collect::<Result<_>>()?,
        })
    }

    /// q·r of a site.
    pub(super) fn phase(&self, q: &[f64; 3], site: usize) -> f64 {
        let r = &self.positions[site];
        (0..3).map(|a| q[a] * r[a]).sum::<f64>()
    }

    /// The list for files.
    pub(super) fn label(&self) -> Label {
        let angles = self.list.iter().flat_map(|q| &q[..self.dimensions]);
        Label {
            name: "momenta",
            shape: vec![self.list.len(), self.dimensions],
            values: angles.copied().collect(),
            unit: "1",
            meaning: "q.a for the lattice vectors a: 2 pi m / L for the momenta of the lattice \
             [momentum, direction]",
        }
    }
}
