//! Decides how observables at the output times of an evolution become curves: each number's array
//! with the time in front.
//!
//! Bins stay out: they are many times the means, and samples at different times are independent.

use super::observe;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value};
use crate::observable::Named;
use crate::stats::{Summary, with_error};
use ndarray::Axis;

/// Where curves stand in files.
pub const PREFIX: &str = "evolve/output/observables";

/// Adds one time to the curves of `observables`; fails where they are not those of the earlier
/// times.
pub fn add(curves: &mut Tree, observables: &[Named], summaries: &[Summary]) -> Result<()> {
    for (named, summary) in observables.iter().zip(summaries) {
        let prefix = format!("{PREFIX}/{}", named.name);
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
                        &format!("{meaning}; first index: output time"),
                    ),
                }
            }
        }
    }
    Ok(())
}

/// The curves in a file.
pub fn of(tree: &Tree) -> Tree {
    let inside = |path: &&String| path.starts_with(PREFIX);
    let mut curves = Tree::default();
    for path in tree.datasets.keys().filter(inside) {
        curves
            .datasets
            .insert(path.clone(), tree.datasets[path].clone());
        if let Some(note) = tree.notes.get(path) {
            curves.notes.insert(path.clone(), note.clone());
        }
    }
    curves
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
