//! Decides the magnetisation along z: its powers, ⟨o^z_i⟩ of every site, and the Binder ratio.
//!
//! m = Σ_i o^z_i/N, o = σ (= 2 S) or S as the units say; U = 1 − ⟨m⁴⟩/(3 ⟨m²⟩²) (K. Binder,
//! Z. Phys. B 43, 119 (1981)). `staggered` has the sign of the sublattice of each site where the
//! lattice is bipartite.

use super::{Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::Result;
use crate::lattice::bipartition;

struct Magnetisation {
    sites: usize,
    /// ±1 of each site, where the lattice is bipartite.
    signs: Option<Vec<f64>>,
    factor: f64,
    unit: [String; 4],
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    refuse_keys(table, context)?;
    context.twice_spin()?;
    let sites = context.lattice.sites;
    let bonds = context.lattice.bonds(1).unwrap_or_default();
    let signs = match bipartition(sites, &bonds) {
        Ok(a) if !bonds.is_empty() => {
            Some(a.into_iter().map(|a| if a { 1.0 } else { -1.0 }).collect())
        }
        _ => None,
    };
    let unit = [1, 2, 3, 4].map(|p| context.unit(p));
    Ok(Box::new(Magnetisation {
        sites,
        signs,
        factor: context.factor(1),
        unit,
    }))
}

impl Observable for Magnetisation {
    fn columns(&self) -> usize {
        4 + self.sites + if self.signs.is_some() { 2 } else { 0 }
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mut out = Vec::new();
        let scale = self.factor / self.sites as f64;
        for x in view.configurations() {
            let m = scale * x.iter().map(|&s| f64::from(s)).sum::<f64>();
            out.extend([m, m.abs(), m * m, m.powi(4)]);
            out.extend(x.iter().map(|&s| self.factor * f64::from(s)));
            if let Some(signs) = &self.signs {
                let m = scale
                    * x.iter()
                        .zip(signs)
                        .map(|(&s, e)| e * f64::from(s))
                        .sum::<f64>();
                out.extend([m * m, m.powi(4)]);
            }
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let [one, two, _, four] = &self.unit;
        let mut list = vec![
            quantity("", &[], one.clone(), "<m>, m = sum_i oz_i / N"),
            quantity("absolute", &[], one.clone(), "<|m|>"),
            quantity("squared", &[], two.clone(), "<m^2>"),
            quantity("fourth", &[], four.clone(), "<m^4>"),
            quantity("sites", &[self.sites], one.clone(), "<oz_i> [site]"),
        ];
        if self.signs.is_some() {
            list.push(quantity(
                "staggered_squared",
                &[],
                two.clone(),
                "<m_s^2>, m_s = sum_i (-1)^i oz_i / N",
            ));
            list.push(quantity("staggered_fourth", &[], four.clone(), "<m_s^4>"));
            list.push(quantity(
                "staggered_binder",
                &[],
                "1".into(),
                "1 - <m_s^4> / (3 <m_s^2>^2)",
            ));
        }
        list.push(quantity(
            "binder",
            &[],
            "1".into(),
            "1 - <m^4> / (3 <m^2>^2), 0 where m vanishes",
        ));
        list
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let binder = |m2: f64, m4: f64| {
            if m2 > 0.0 {
                1.0 - m4 / (3.0 * m2 * m2)
            } else {
                0.0
            }
        };
        let mut out = means.to_vec();
        if let [staggered2, staggered4] = means[4 + self.sites..] {
            out.push(binder(staggered2, staggered4));
        }
        out.push(binder(means[2], means[3]));
        out
    }
}

/// The value of every site and their mean: σ for spins one half, 2 Sz or particles elsewhere.
pub(super) struct Spins {
    pub(super) sites: usize,
}

impl Observable for Spins {
    fn columns(&self) -> usize {
        self.sites + 1
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mean = |x: &[i8]| x.iter().map(|&s| f64::from(s)).sum::<f64>() / x.len() as f64;
        let row = |x: &[i8]| {
            x.iter()
                .map(|&s| f64::from(s))
                .chain([mean(x)])
                .collect::<Vec<_>>()
        };
        Ok(view.configurations().flat_map(row).collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        vec![
            quantity("sites", &[self.sites], "1".into(), "<sigma_i> [site]"),
            quantity("mean", &[], "1".into(), "sum_i <sigma_i> / N"),
        ]
    }
}
