//! Decides the spin correlations ⟨o_i·o_j⟩ and ⟨o^z_i o^z_j⟩ of all pairs, and their means
//! by distance.
//!
//! 4 S_i·S_j = v_i v_j + 2 (S⁺_i S⁻_j + S⁻_i S⁺_j) with v = 2 m, which is σ_i·σ_j for spins one
//! half. On the diagonal S_i·S_i = S(S+1); ⟨(S^z_i)²⟩ is measured where S > 1/2. Of more than
//! 65536 pairs the means by distance alone are kept, C(d) = Σ_{|r_i − r_j| = d} o_i·o_j / n_d of
//! each sample.

use super::{Label, Observable, ObservableContext, Quantity, View, quantity, refuse_keys};
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use std::collections::BTreeMap;

/// Largest number of pairs of which each is kept.
const LARGEST: usize = 1 << 16;

struct SpinCorrelations {
    full: bool,
    twice_spin: u8,
    sites: usize,
    /// Whether each pair is a column; else each distance is.
    by_pair: bool,
    /// Class of each pair i < j, where the lattice has distances, and the distance and multiplicity
    /// of each class.
    classes: Vec<u32>,
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
    let by_pair = pairs <= LARGEST;
    if sites < 2 || !by_pair && context.lattice.is_graph() {
        return Err(Error::input(
            &context.path,
            format!("{pairs} pairs of sites are not between 1 and {LARGEST}"),
            "use \"structure-factor\" with a list of momenta, or a table of kind \"pauli\" for \
             single pairs",
        ));
    }
    if !by_pair {
        log::info!(
            "{}: the matrix of {pairs} pairs of sites, more than {LARGEST}, is left out; the means \
             by distance stay",
            context.path
        );
    }
    let (classes, distances) = match context.lattice.is_graph() {
        true => (Vec::new(), Vec::new()),
        false => by_distance(context.lattice)?,
    };
    let (factor, unit) = (context.factor(2), context.unit(2));
    Ok(Box::new(SpinCorrelations {
        full,
        twice_spin,
        sites,
        by_pair,
        classes,
        distances,
        factor,
        unit,
    }))
}

/// Class of each pair i < j, and the distance and multiplicity of each class.
type DistanceClasses = (Vec<u32>, Vec<(f64, usize)>);

fn by_distance(lattice: &Lattice) -> Result<DistanceClasses> {
    let (mut classes, mut distances) = (Vec::new(), BTreeMap::new());
    for (i, row) in lattice.distance_classes()?.into_iter().enumerate() {
        for (k, &class) in row.iter().enumerate() {
            let distance = match distances.get(&class) {
                Some(&(distance, _)) => distance,
                None => lattice.distance(i, i + 1 + k)?,
            };
            distances.entry(class).or_insert((distance, 0)).1 += 1;
        }
        classes.extend(row);
    }
    Ok((classes, distances.into_values().collect()))
}

impl SpinCorrelations {
    /// Whether the squares of the values are columns behind the pairs: they are not the same in
    /// every configuration.
    fn has_squares(&self) -> bool {
        self.by_pair && !self.full && self.twice_spin > 1
    }

    /// Means by distance of one value for each pair.
    fn class_means(&self, pairs: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.distances.len()];
        let classes = self.classes.iter().zip(pairs);
        classes.for_each(|(&class, value)| sums[class as usize] += value);
        let counts = self.distances.iter().map(|d| d.1 as f64);
        sums.iter().zip(counts).map(|(sum, n)| sum / n).collect()
    }

    /// Appends the columns of samples with these values of all pairs, sample by sample.
    fn push(&self, pairs: &[f64], out: &mut Vec<f64>) {
        if self.by_pair {
            return out.extend(pairs.iter().map(|v| self.factor * v));
        }
        for row in pairs.chunks_exact(self.classes.len()) {
            out.extend(self.class_means(row).iter().map(|v| self.factor * v));
        }
    }
}

impl Observable for SpinCorrelations {
    fn columns(&self) -> usize {
        if !self.by_pair {
            return self.distances.len();
        }
        let squares = if self.has_squares() { self.sites } else { 0 };
        self.sites * (self.sites - 1) / 2 + squares
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        if self.full {
            view.with_pairs(self.twice_spin, |pairs| {
                self.push(pairs, &mut out);
                Ok(())
            })?;
            return Ok(out);
        }
        let mut pairs = Vec::new();
        for x in view.configurations() {
            pairs.clear();
            for (i, &s) in x.iter().enumerate() {
                let product = |&t: &i8| f64::from(s) * f64::from(t);
                pairs.extend(x[i + 1..].iter().map(product));
            }
            self.push(&pairs, &mut out);
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
        let mut list = Vec::new();
        if self.by_pair {
            let (shape, meaning) = ([self.sites; 2], format!("{what} [site i, site j]"));
            list.push(quantity("", &shape, self.unit.clone(), &meaning));
        }
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
        if !self.by_pair {
            return means.to_vec();
        }
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
        out.extend(self.class_means(means));
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
        let left_out = self.classes.len() as f64;
        let mut labels = vec![
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
        ];
        if !self.by_pair {
            let meaning = "number of pairs whose matrix is left out, above 65536";
            labels.push(Label {
                shape: Vec::new(),
                ..label("pairs_left_out", vec![left_out], "1", meaning)
            });
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, LatticeSpec};

    /// Means by distance of samples agree with those of the matrix of their means.
    #[test]
    fn both_ways_have_the_same_means_by_distance() {
        let spec = LatticeSpec::regular("triangular", &[5, 4], &[Boundary::Periodic]);
        let lattice = Lattice::new(&spec).expect("sound lattice");
        let (classes, distances) = by_distance(&lattice).expect("regular");
        let by_pair = SpinCorrelations {
            full: true,
            twice_spin: 1,
            sites: lattice.sites,
            by_pair: true,
            classes: classes.clone(),
            distances: distances.clone(),
            factor: 0.25,
            unit: "1".into(),
        };
        let by_class = SpinCorrelations {
            by_pair: false,
            classes,
            distances,
            unit: "1".into(),
            ..by_pair
        };
        let (pairs, samples) = (by_pair.columns(), 3);
        let local: Vec<f64> = (0..samples * pairs).map(|k| (k as f64).sin()).collect();
        let means = |what: &SpinCorrelations| {
            let (mut values, columns) = (Vec::new(), what.columns());
            what.push(&local, &mut values);
            let mean = |c: usize| values.iter().skip(c).step_by(columns).sum::<f64>();
            let means: Vec<f64> = (0..columns).map(|c| mean(c) / samples as f64).collect();
            what.evaluate(&means)
        };
        let (all, short) = (means(&by_pair), means(&by_class));
        let long = &all[lattice.sites * lattice.sites..];
        assert_eq!(
            (long.len(), short.len()),
            (by_class.columns(), by_class.columns())
        );
        for (a, b) in long.iter().zip(&short) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
    }
}
