//! Decides how fits write: datasets below a prefix, the losses of their epochs.

use super::Course;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, save_rows};
use crate::stats::median;

record! {
    /// The losses of an epoch.
    pub struct EpochRow {
        best: "1", "smallest loss of a seed, mean over the batches of the epoch";
        median: "1", "median over the seeds";
    }
}

/// The record of the epochs in results, in a group such as `holography/history`.
pub(in crate::calculation) const fn curves(group: &'static str) -> Curves {
    Curves {
        shown: &["best", "median"],
        ..Curves::of::<EpochRow>(group, "epoch")
    }
}

/// Writes below a prefix.
pub(in crate::calculation) struct Writer<'t> {
    pub tree: &'t mut Tree,
    pub prefix: &'t str,
}

impl Writer<'_> {
    /// Real numbers with their unit and meaning.
    pub fn real(&mut self, name: &str, shape: &[usize], values: Vec<f64>, note: (&str, &str)) {
        let path = format!("{}/{name}", self.prefix);
        let value = Value::Real(shaped(shape, values));
        self.tree.describe(&path, value, note.0, note.1);
    }

    /// Whole numbers with their meaning.
    pub fn counts(&mut self, name: &str, shape: &[usize], values: Vec<i64>, meaning: &str) {
        let path = format!("{}/{name}", self.prefix);
        let value = Value::Integer(shaped(shape, values));
        self.tree.describe(&path, value, "1", meaning);
    }
}

/// The losses of the epochs so far, in `group`.
pub(in crate::calculation) fn history(out: &mut Tree, group: &str, courses: &[&Course]) {
    let epochs = courses.iter().map(|c| c.losses.len()).min().unwrap_or(0);
    if epochs == 0 {
        return;
    }
    let row = |k: usize| {
        let mut all: Vec<f64> = courses.iter().map(|c| c.losses[k]).collect();
        all.sort_by(f64::total_cmp);
        EpochRow {
            best: all.first().copied().unwrap_or(f64::NAN),
            median: median(all).unwrap_or(f64::NAN),
        }
    };
    let rows: Vec<EpochRow> = (0..epochs).map(row).collect();
    save_rows(out, group, &rows);
    let losses = courses
        .iter()
        .flat_map(|c| c.losses[..epochs].iter().copied());
    let meaning = "mean over the batches of an epoch, each before its step";
    let mut write = Writer {
        tree: out,
        prefix: group,
    };
    let losses = losses.collect();
    write.real("loss", &[courses.len(), epochs], losses, ("1", meaning));
}
