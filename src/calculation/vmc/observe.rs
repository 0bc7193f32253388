//! Decides how observables of all ranks become numbers with error bars: sums per bin, chain by
//! chain on rank 0.
//!
//! Sums are added in the order of the chains, so that nothing depends on the number of ranks. Where
//! samples count differently, a pair counts as the product of both.

use super::counted::SampleWeights;
use crate::comm::{Comm, agree};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};
use crate::observable::{Named, Observable, Quantity, View};
use crate::stats::{Bins, Summary, push_sums};
use std::ops::Range;

/// Configurations of a full sum that are evaluated at once.
const BLOCK: usize = 256;
/// Largest number of quantities whose covariance is stored; more follow from the bins.
const COVARIANCES: usize = 128;

/// What is measured so far of each observable, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// One per observable; empty for a full sum.
    pub bins: Vec<Bins>,
}

impl Observations {
    /// Nothing yet, with `expected` samples of each of `chains` chains about to come.
    pub fn new(observables: &[Named], chains: usize, expected: usize) -> Self {
        Observations::of(observables, chains, expected, false)
    }

    /// The same, where samples count differently if they are `weighted`.
    pub fn of(observables: &[Named], chains: usize, expected: usize, weighted: bool) -> Self {
        let new = |n: &Named| {
            let counted = if n.observable.needs_partners() {
                chains / 2
            } else {
                chains
            };
            let bins = Bins::new(counted, n.observable.columns(), expected);
            match weighted && !n.observable.draws_its_own() {
                true => bins.weighted(),
                false => bins,
            }
        };
        Observations {
            bins: observables.iter().map(new).collect(),
        }
    }

    /// Counts the samples that `ensemble` holds, `per_chain` of each of its chains.
    pub fn add(
        &mut self,
        comm: &dyn Comm,
        ensemble: &dyn Ensemble,
        observables: &[Named],
        per_chain: usize,
        chains: usize,
    ) -> Result<()> {
        let paired = observables.iter().any(|n| n.observable.needs_partners());
        let partners = match paired {
            true => partners(comm, ensemble, per_chain, chains)?,
            false => Vec::new(),
        };
        let weights = SampleWeights::new(comm, ensemble, paired, chains)?;
        let before = self.bins.first().map_or(0, Bins::samples);
        let segments: Vec<_> = self
            .bins
            .iter_mut()
            .map(|b| b.segments(per_chain))
            .collect();
        let weighted: Vec<bool> = self.bins.iter().map(Bins::is_weighted).collect();
        let mut sums = vec![Vec::new(); observables.len()];
        let mut local = || {
            for (k, chain) in ensemble.noise().streams().enumerate() {
                let row = per_chain * ensemble.sites();
                let others = partners.get(k * row..(k + 1) * row).unwrap_or(&[]);
                let rows = k * per_chain..(k + 1) * per_chain;
                let view = View::new(ensemble, rows.clone(), others).at(chain, before);
                for (o, named) in observables
                    .iter()
                    .enumerate()
                    .filter(|(o, _)| chain < self.bins[*o].chains())
                {
                    let values = checked(named, named.observable.local_values(&view)?)?;
                    let columns = named.observable.columns();
                    let own = weighted[o].then(|| weights.own(named, rows.clone()));
                    for segment in &segments[o] {
                        let entries = segment.start * columns..segment.end * columns;
                        let own = own.as_ref().map(|w| &w[segment.clone()]);
                        push_sums(&values[entries], columns, own, &mut sums[o]);
                    }
                }
            }
            Ok(())
        };
        agree(comm, local())?;
        let all = self.bins.iter_mut().zip(observables);
        for (((bins, named), sums), segments) in all.zip(&sums).zip(&segments) {
            let all = comm.gather(sums)?;
            let all = comm.is_root().then_some(all.as_slice());
            match bins.is_weighted() {
                true => bins.push_weighted(per_chain, segments, all, weights.unit(named)),
                false => bins.push(per_chain, segments, all),
            }
        }
        Ok(())
    }

    /// Means, errors and bins on rank 0; empty elsewhere.
    /// The first `cut` samples of each chain do not count.
    pub fn summaries(&self, comm: &dyn Comm, observables: &[Named], cut: usize) -> Vec<Summary> {
        let summary = |(bins, named): (&Bins, &Named)| {
            bins.summary(cut, &|means| named.observable.evaluate(means))
        };
        if comm.is_root() {
            self.bins.iter().zip(observables).map(summary).collect()
        } else {
            Vec::new()
        }
    }
}

/// The configurations of the chain half of all chains further on, for each of this rank's chains.
fn partners(
    comm: &dyn Comm,
    ensemble: &dyn Ensemble,
    per_chain: usize,
    chains: usize,
) -> Result<Vec<i8>> {
    let mine: Vec<u8> = ensemble.configurations().iter().map(|&s| s as u8).collect();
    let mut all = comm.gather_bytes(&mine)?;
    comm.broadcast_bytes(&mut all)?;
    let row = per_chain * ensemble.sites();
    let partner = |chain: usize| {
        all[(chain + chains / 2) % chains * row..][..row]
            .iter()
            .map(|&b| b as i8)
    };
    Ok(ensemble.noise().streams().flat_map(partner).collect())
}

/// Refuses values that are not finite.
fn checked(named: &Named, values: Vec<f64>) -> Result<Vec<f64>> {
    match values.iter().all(|v| v.is_finite()) {
        true => Ok(values),
        false => Err(Error::numerical(
            format!("local values of \"{}\" are not finite", named.name),
            "the wave function has zeros or overflows: optimise with a lower learning rate",
        )),
    }
}

/// Means over a full sum, the same on every rank.
fn exact(comm: &dyn Comm, ensemble: &dyn Ensemble, named: &Named) -> Result<Summary> {
    let observable = &*named.observable;
    if let Some(means) = agree(comm, observable.full_sum(ensemble))? {
        return Ok(Summary::exact(observable.evaluate(&checked(named, means)?)));
    }
    let mut means = vec![0.0; observable.columns()];
    let rows = ensemble.weights().len();
    let mut local = || {
        for start in (0..rows).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(rows);
            let values = checked(
                named,
                observable.local_values(&View::new(ensemble, range.clone(), &[]))?,
            )?;
            for (w, row) in ensemble.weights()[range]
                .iter()
                .zip(values.chunks_exact(observable.columns()))
            {
                means.iter_mut().zip(row).for_each(|(m, x)| *m += w * x);
            }
        }
        Ok(())
    };
    agree(comm, local())?;
    comm.sum(&mut means)?;
    Ok(Summary::exact(observable.evaluate(&means)))
}

/// Observables of the present parameters from what `ensemble` holds: a full sum, or one block of
/// `per_chain` samples of each of `chains` chains over all ranks. On rank 0; empty elsewhere.
pub fn observe(
    comm: &dyn Comm,
    ensemble: &dyn Ensemble,
    observables: &[Named],
    per_chain: usize,
    chains: usize,
) -> Result<Vec<Summary>> {
    if ensemble.noise().is_none() {
        let all = observables
            .iter()
            .map(|o| exact(comm, ensemble, o))
            .collect::<Result<Vec<_>>>()?;
        return Ok(if comm.is_root() { all } else { Vec::new() });
    }
    let weighted = ensemble.log_weights().is_some();
    let mut observations = Observations::of(observables, chains, per_chain, weighted);
    observations.add(comm, ensemble, observables, per_chain, chains)?;
    Ok(observations.summaries(comm, observables, 0))
}

/// Writes what is known of one observable under `prefix`.
pub fn save(tree: &mut Tree, prefix: &str, observable: &dyn Observable, summary: &Summary) {
    for (group, quantity, range) in places(prefix, observable) {
        save_quantity(tree, &group, &quantity, summary, range);
    }
    if !summary.bins.is_empty() {
        save_quality(tree, prefix, summary);
    }
    for label in observable.labels() {
        // Numbers of sites are integers, so that readers can use them as indices.
        let value = match label.unit {
            "site" => {
                let indices = label.values.iter().map(|v| v.round() as i64);
                Value::Integer(shaped(&label.shape, indices.collect()))
            }
            _ => Value::Real(shaped(&label.shape, label.values)),
        };
        let path = format!("{prefix}/{}", label.name);
        tree.describe(&path, value, label.unit, label.meaning);
    }
}

/// Mean, error, bins and covariance of one quantity, which has the entries `range` of the summary.
fn save_quantity(
    tree: &mut Tree,
    group: &str,
    quantity: &Quantity,
    summary: &Summary,
    range: Range<usize>,
) {
    let mut put = |name: &str, shape: &[usize], values: Vec<f64>, unit: &str, meaning: &str| {
        let value = Value::Real(shaped(shape, values));
        tree.describe(&format!("{group}/{name}"), value, unit, meaning);
    };
    let (shape, unit) = (&quantity.shape, quantity.unit.as_str());
    let mean = summary.mean[range.clone()].to_vec();
    if !all_finite(&mean) {
        return;
    }
    put("mean", shape, mean, unit, &quantity.meaning);
    let errors = summary.error[range.clone()].to_vec();
    // One bin has no spread, and some functions are not defined without one of the bins: there is
    // no error bar to write.
    let known = all_finite(&errors);
    if known {
        put("error", shape, errors, unit, "standard error of the mean");
    }
    if summary.bins.is_empty() || !known {
        return;
    }
    let bins = summary.bins.iter();
    let values = bins.flat_map(|b| b[range.clone()].iter().copied());
    let all: Vec<usize> = std::iter::once(summary.bins.len())
        .chain(shape.iter().copied())
        .collect();
    let meaning =
        "means of bins; jackknife pseudo-values where the quantity is not linear [bin, ...]";
    put("bins", &all, values.collect(), unit, meaning);
    if range.len() <= COVARIANCES {
        let pairs = range.clone();
        let pairs = pairs.flat_map(|k| range.clone().map(move |l| (k, l)));
        let values = pairs.map(|(k, l)| summary.covariance(k, l)).collect();
        let (shape, unit) = ([range.len(), range.len()], squared(unit));
        let meaning = "covariance of the means [entry, entry]";
        put("covariance", &shape, values, &unit, meaning);
    }
}

/// The unit of a square.
fn squared(unit: &str) -> String {
    let power = |n: &str| n.parse::<u32>().ok();
    match unit.rsplit_once('^') {
        _ if unit == "1" => "1".into(),
        Some((base, n)) if !base.contains(['/', ' ', '^']) && power(n).is_some() => {
            format!("{base}^{}", 2 * power(n).unwrap_or(1))
        }
        None if !unit.contains(['/', ' ']) => format!("{unit}^2"),
        _ => format!("({unit})^2"),
    }
}

fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|v| v.is_finite())
}

/// The quantities of an observable with their groups below `prefix` and the places of their
/// entries in a summary.
fn places(prefix: &str, observable: &dyn Observable) -> Vec<(String, Quantity, Range<usize>)> {
    let mut start = 0;
    let place = |quantity: Quantity| {
        let range = start..start + quantity.entries();
        start = range.end;
        let group = match quantity.name.is_empty() {
            true => prefix.to_string(),
            false => format!("{prefix}/{}", quantity.name),
        };
        (group, quantity, range)
    };
    observable.quantities().into_iter().map(place).collect()
}

/// A warning for each quantity that [`save`] leaves out of the results, or whose error it does.
pub fn undefined(observables: &[Named], summaries: &[Summary]) -> Vec<String> {
    let mut list = Vec::new();
    for (named, summary) in observables.iter().zip(summaries) {
        for (name, _, range) in places(&named.name, &*named.observable) {
            if !all_finite(&summary.mean[range.clone()]) {
                list.push(format!(
                    "{name} is left out: it is not defined for these samples (a division by zero \
                     or the like); raise measure.samples"
                ));
            } else if summary.bins.len() > 1 && !all_finite(&summary.error[range]) {
                list.push(format!(
                    "the error of {name} is left out: it is not defined without one of the bins; \
                     raise measure.samples"
                ));
            }
        }
    }
    list
}

/// How good the samples of an observable are.
fn save_quality(tree: &mut Tree, prefix: &str, summary: &Summary) {
    let mut one = |name: &str, value: f64, unit: &str, meaning: &str| {
        let value = Value::Real(shaped(&[], vec![value]));
        tree.describe(&format!("{prefix}/{name}"), value, unit, meaning);
    };
    let meaning = "integrated autocorrelation time, 0.5 for independent samples";
    one("tau", summary.tau, "samples", meaning);
    let meaning = "largest split R-hat of what is averaged";
    one("r_hat", summary.r_hat, "1", meaning);
    let meaning = "factor of each bin in covariance = sum w (b - mean b)(b - mean b)^T";
    let weights = Value::Real(shaped(&[summary.weights.len()], summary.weights.clone()));
    tree.describe(&format!("{prefix}/bin_weights"), weights, "1", meaning);
}

#[cfg(test)]
mod tests {
    #[test]
    fn units_of_squares() {
        let pairs = [
            ("1", "1"),
            ("coupling", "coupling^2"),
            ("hbar^2", "hbar^4"),
            ("1/coupling", "(1/coupling)^2"),
        ];
        for (unit, square) in pairs {
            assert_eq!(super::squared(unit), square);
        }
    }
}
