//! Decides the spin correlations ⟨o_i·o_j⟩ and ⟨o^z_i o^z_j⟩ of all pairs, and their means
//! by distance.
//!
//! 4 S_i·S_j = v_i v_j + 2 (S⁺_i S⁻_j + S⁻_i S⁺_j) with v = 2 m, which is σ_i·σ_j for spins one
//! half. On the diagonal S_i·S_i = S(S+1); ⟨(S^z_i)²⟩ is measured where S > 1/2.

use super::{Label, Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Largest number of pairs that is kept.
const LARGEST: usize = 1 << 16;

struct SpinCorrelations {
    full: bool,
    twice_spin: u8,
    sites: usize,
    /// Class of each pair i < j, where the lattice has distances, and the distance and multiplicity
    /// of each class.
    classes: Vec<usize>,
    distances: Vec<(f64, usize)>,
    factor: f64,
    unit: String,
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
    refuse_keys(table, context)?;
    let twice_spin = context.twice_spin()?;
    let sites = context.lattice.sites;
    let pairs = sites * (sites - 1) / 2;
    if pairs > LARGEST || sites < 2 {
        return Err(Error::input(
            &context.path,
            format!("{pairs} pairs of sites are not between 1 and {LARGEST}"),
            "use \"structure-factor\" with a list of momenta, or a table of kind \"pauli\" for \
             single pairs",
        ));
    }
    let (mut classes, mut distances) = (Vec::new(), BTreeMap::new());
    if !context.lattice.is_graph() {
        let table = context.lattice.distance_classes()?;
        for (i, row) in table.iter().enumerate() {
            for (k, &class) in row.iter().enumerate() {
                classes.push(class as usize);
                let distance = context.lattice.distance(i, i + 1 + k)?;
                distances.entry(class).or_insert((distance, 0)).1 += 1;
            }
        }
    }
    let distances = distances.into_values().collect();
    let (factor, unit) = (context.factor(2), context.unit(2));
    Ok(Box::new(SpinCorrelations {
        full,
        twice_spin,
        sites,
        classes,
        distances,
        factor,
        unit,
    }))
}

impl SpinCorrelations {
    /// Whether the squares of the values are columns behind the pairs: they are not the same in
    /// every configuration.
    fn has_squares(&self) -> bool {
        !self.full && self.twice_spin > 1
    }
}

impl Observable for SpinCorrelations {
    fn columns(&self) -> usize {
        let squares = if self.has_squares() { self.sites } else { 0 };
        self.sites * (self.sites - 1) / 2 + squares
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        if self.full {
            return Ok(view
                .pairs(self.twice_spin)?
                .iter()
                .map(|v| self.factor * v)
                .collect());
        }
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        for x in view.configurations() {
            for (i, &s) in x.iter().enumerate() {
                let product = |&t: &i8| self.factor * f64::from(s) * f64::from(t);
                out.extend(x[i + 1..].iter().map(product));
            }
            if self.has_squares() {
                out.extend(x.iter().map(|&s| self.factor * f64::from(s).powi(2)));
            }
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let what = if self.full {
            "<o_i . o_j>"
        } else {
            "<oz_i oz_j>"
        };
        let mut list = vec![quantity(
            "",
            &[self.sites, self.sites],
            self.unit.clone(),
            &format!("{what} [site i, site j]"),
        )];
        if !self.distances.is_empty() {
            let meaning = format!("mean of {what} over the pairs at each distance");
            list.push(quantity(
                "by_distance",
                &[self.distances.len()],
                self.unit.clone(),
                &meaning,
            ));
        }
        list
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let n = self.sites;
        let t = f64::from(self.twice_spin);
        let diagonal = if self.full { t * (t + 2.0) } else { 1.0 } * self.factor;
        let mut out = vec![diagonal; n * n];
        let mut pairs = means.iter();
        for i in 0..n {
            for (j, &value) in (i + 1..n).zip(&mut pairs) {
                out[i * n + j] = value;
                out[j * n + i] = value;
            }
        }
        if self.has_squares() {
            pairs
                .enumerate()
                .for_each(|(i, &value)| out[i * n + i] = value);
        }
        let mut sums = vec![0.0; self.distances.len()];
        self.classes
            .iter()
            .zip(means)
            .for_each(|(&class, value)| sums[class] += value);
        out.extend(
            sums.iter()
                .zip(&self.distances)
                .map(|(sum, (_, count))| sum / *count as f64),
        );
        out
    }
    fn labels(&self) -> Vec<Label> {
        if self.distances.is_empty() {
            return Vec::new();
        }
        let label = |name, values: Vec<f64>, unit, meaning| Label {
            name,
            shape: vec![values.len()],
            values,
            unit,
            meaning,
        };
        let distances = self.distances.iter().map(|d| d.0).collect();
        let counts = self.distances.iter().map(|d| d.1 as f64).collect();
        vec![
            label(
                "distances",
                distances,
                "nearest-neighbour distance",
                "minimum-image distance of by_distance",
            ),
            label(
                "pairs_at_distance",
                counts,
                "1",
                "number of pairs at each distance",
            ),
        ]
    }
}
