//! Decides how observables at the output times of an evolution become curves: each number's array
//! with the time in front.
//!
//! Bins stay out: they are many times the means, and samples at different times are independent.

use crate::calculation::vmc::observe;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value};
use crate::observable::Named;
use crate::stats::{Summary, with_error};
use ndarray::{Axis, Slice};

/// Where curves stand in results.
pub const GROUP: &str = "evolve/output/observables";
/// The end of the meaning of what grows with the output times.
const GROWS: &str = "; first index: output time";

/// Adds time number `times` to the curves of `observables`; fails where they are not those of the
/// earlier times. What one of the times lacks, because it is not defined there, is left out.
pub fn add(
    curves: &mut Tree,
    observables: &[Named],
    summaries: &[Summary],
    times: usize,
) -> Result<()> {
    for (named, summary) in observables.iter().zip(summaries) {
        let prefix = named.name.clone();
        let mut row = Tree::default();
        observe::save(&mut row, &prefix, &*named.observable, summary);
        let labels: Vec<_> = named
            .observable
            .labels()
            .iter()
            .map(|l| format!("{prefix}/{}", l.name))
            .collect();
        let mut notes = row.notes;
        for (path, value) in row.datasets {
            let (unit, meaning) = notes.remove(&path).unwrap_or_default();
            if labels.contains(&path) {
                curves.describe(&path, value, &unit, &meaning);
            } else if let Value::Real(new) = value
                && !matches!(path.rsplit('/').next(), Some("bins" | "bin_weights"))
            {
                let new = new.insert_axis(Axis(0));
                match curves.datasets.get_mut(&path) {
                    Some(Value::Real(all)) => all.append(Axis(0), new.view()).map_err(|e| {
                        Error::output(
                            &path,
                            format!("a time of another shape than those before: {e}"),
                        )
                    })?,
                    _ => curves.describe(
                        &path,
                        Value::Real(new),
                        &unit,
                        &format!("{meaning}{GROWS}"),
                    ),
                }
            }
        }
    }
    leave_out_gaps(curves, times);
    Ok(())
}

/// Removes what does not have all of `times` times.
fn leave_out_gaps(curves: &mut Tree, times: usize) {
    let Tree { datasets, notes } = curves;
    datasets.retain(|path, value| {
        let grows = notes.get(path).is_some_and(|note| note.1.ends_with(GROWS));
        !matches!(value, Value::Real(all) if grows && all.len_of(Axis(0)) != times)
    });
    notes.retain(|path, _| datasets.contains_key(path));
}

/// A warning for each quantity that is left out.
pub fn undefined(curves: &Tree, observables: &[Named]) -> Vec<String> {
    let names = observables.iter().flat_map(|named| {
        let quantities = named.observable.quantities().into_iter();
        quantities.map(|quantity| match quantity.name.is_empty() {
            true => named.name.clone(),
            false => format!("{}/{}", named.name, quantity.name),
        })
    });
    let missing = names.filter(|name| !curves.datasets.contains_key(&format!("{name}/mean")));
    let words = |name: String| format!("{name} is left out: at one of the times it is not defined");
    missing.map(words).collect()
}

/// Leaves the first `times` output times.
pub fn truncate(curves: &mut Tree, times: usize) {
    let notes = &curves.notes;
    let grows = |path: &String| notes.get(path).is_some_and(|note| note.1.ends_with(GROWS));
    for (path, value) in &mut curves.datasets {
        if let Value::Real(all) = value
            && grows(path)
            && all.len_of(Axis(0)) > times
        {
            all.slice_axis_inplace(Axis(0), Slice::from(0..times));
            *all = all.to_owned();
        }
    }
}

/// Single numbers with their errors, for the log.
pub fn words(observables: &[Named], summaries: &[Summary]) -> String {
    let mut words = String::new();
    for (named, summary) in observables.iter().zip(summaries) {
        let single = named
            .observable
            .quantities()
            .first()
            .is_some_and(|q| q.entries() == 1);
        if let (true, Some(mean), Some(error)) =
            (single, summary.mean.first(), summary.error.first())
        {
            words += &format!("  {} = {}", named.name, with_error(*mean, *error));
        }
    }
    words
}
