//! Decides the string correlations of a chain, ⟨o^a_i (Π_{i<k<j} σ^a_k) o^a_j⟩ for an axis a.
//!
//! With exp(iπ S^a_k) = i σ^a_k this is i^{−(j−i−1)} times the string order parameter of M.
//! den Nijs and K. Rommelse, Phys. Rev. B 40, 4709 (1989). Of integer spins it is that parameter
//! itself, ⟨S^z_i exp(iπ Σ_{i<k<j} S^z_k) S^z_j⟩. j runs forward from i; on a ring it wraps.
//! In Pauli units the x string is the disorder operator of the transverse-field Ising chain.

use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::ansatz::Asks;
use crate::error::{Error, Result};
use serde::Deserialize;

/// String order along a chain, o_i (Π_{i<k<j} σ_k) o_j, where o is S or σ as `units` says.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// "z" (default) or "x".
    #[serde(default)]
    axis: StringAxis,
}

#[derive(
    Debug, Clone, Copy, Default, PartialEq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum StringAxis {
    /// Strings of σz, diagonal.
    #[default]
    Z,
    /// Strings of σx, which flip the whole string.
    X,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

struct StringOrder {
    sites: usize,
    ring: bool,
    axis: StringAxis,
    integer: bool,
    factor: f64,
    unit: String,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let twice_spin = context.twice_spin()?;
    let integer = twice_spin % 2 == 0;
    if twice_spin > 1 && !(integer && keys.axis == StringAxis::Z) {
        return Err(Error::input(
            &context.path,
            "exp(i pi S) is used along z of integer spins, and along x and z of spins one half",
            "use axis = \"z\" and an integer spin, or remove it",
        ));
    }
    let (lattice, sites) = (context.lattice, context.lattice.sites);
    if lattice.spec.kind != "chain" || !(2..=256).contains(&sites) {
        return Err(Error::input(
            &context.path,
            format!("string order on a {} of {sites} sites", lattice.spec.kind),
            "use it on a chain of 2 to 256 sites, or a table of kind \"pauli\" for single strings",
        ));
    }
    let ring = lattice.periodic()[0];
    Ok(Box::new(StringOrder {
        sites,
        ring,
        axis: keys.axis,
        integer,
        factor: context.factor(2),
        unit: context.unit(2),
    }))
}

impl StringOrder {
    /// The last distance that occurs.
    fn reach(&self) -> usize {
        self.sites - 1
    }
    fn meaning(&self) -> &'static str {
        match self.integer {
            true => "mean over i of <Sz_i exp(i pi sum_{i<k<j} Sz_k) Sz_j> [j - i]",
            false => "mean over i of <o_i (prod_{i<k<j} sigma_k) o_j> [j - i]",
        }
    }
    /// Pairs (i, distance) in the order of the columns.
    fn strings(&self) -> impl Iterator<Item = (usize, usize)> {
        let (n, ring) = (self.sites, self.ring);
        (1..=self.reach()).flat_map(move |d| (0..if ring { n } else { n - d }).map(move |i| (i, d)))
    }
}

impl Observable for StringOrder {
    fn columns(&self) -> usize {
        self.strings().count()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let n = self.sites;
        let string = |i: usize, d: usize| (i..=i + d).map(move |k| k % n);
        if self.axis == StringAxis::Z {
            let value = |x: &[i8], i, d| {
                if self.integer {
                    let inside = string(i, d).skip(1).take(d - 1);
                    let odd = inside.filter(|&k| x[k] / 2 % 2 != 0).count() % 2 == 1;
                    let ends = f64::from(x[i]) * f64::from(x[(i + d) % n]);
                    return self.factor * if odd { -ends } else { ends };
                }
                self.factor * string(i, d).map(|k| f64::from(x[k])).product::<f64>()
            };
            return Ok(view
                .configurations()
                .flat_map(|x| self.strings().map(move |(i, d)| value(x, i, d)))
                .collect());
        }
        let mut asks = Asks::default();
        for (row, x) in view.rows.clone().zip(view.configurations()) {
            self.strings().for_each(|(i, d)| {
                asks.flip(row, x, &string(i, d).map(|k| k as u32).collect::<Vec<_>>())
            });
        }
        Ok(view
            .ratios(&asks)?
            .iter()
            .map(|r| self.factor * r.re)
            .collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        let n = self.sites;
        vec![
            quantity("", &[self.reach()], self.unit.clone(), self.meaning()),
            quantity(
                "pairs",
                &[n, n],
                self.unit.clone(),
                "the same for each pair [i, j], j forward of i, 0 elsewhere",
            ),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let n = self.sites;
        let mut out = vec![0.0; self.reach() + n * n];
        for ((i, d), value) in self.strings().zip(means) {
            let count = if self.ring { n } else { n - d };
            out[d - 1] += value / count as f64;
            out[self.reach() + i * n + (i + d) % n] = *value;
        }
        out
    }
    fn labels(&self) -> Vec<Label> {
        vec![Label {
            name: "distances",
            shape: vec![self.reach()],
            values: (1..=self.reach()).map(|d| d as f64).collect(),
            unit: "site",
            meaning: "j - i",
        }]
    }
}
