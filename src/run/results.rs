//! Decides what every results file holds besides the records of the sections: the input, where the
//! numbers come from, how far the run is.

use super::engine::{Engine, Stage, Standing};
use super::versions::versions;
use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};
use crate::job;

/// What samples hold of the provenance: what does not differ between attempts.
const OF_SAMPLES: [&str; 3] = ["program", "version", "commit"];

/// One real number with unit and meaning.
fn real(tree: &mut Tree, path: &str, value: f64, unit: &str, meaning: &str) {
    tree.describe(path, Value::Real(shaped(&[], vec![value])), unit, meaning);
}

/// One integer with its meaning.
fn integer(tree: &mut Tree, path: &str, value: i64, meaning: &str) {
    tree.describe(path, Value::Integer(shaped(&[], vec![value])), "1", meaning);
}

/// One text with its meaning.
fn line(tree: &mut Tree, path: &str, value: impl Into<String>, meaning: &str) {
    tree.describe(path, Value::Text(value.into()), "", meaning);
}

/// How far a section is.
fn progress(tree: &mut Tree, stage: &Stage) {
    let under = format!("progress/{}", stage.declaration.name);
    let blocks = stage.blocks as i64;
    let meaning = "blocks of the section so far";
    integer(tree, &format!("{under}/blocks"), blocks, meaning);
    let (expected, path) = (stage.calculation.cost().blocks, format!("{under}/expected"));
    let meaning = "blocks from the start to the end";
    real(tree, &path, expected, "1", meaning);
    let (seconds, path) = (stage.seconds, format!("{under}/seconds"));
    let meaning = "wall time of the blocks so far";
    real(tree, &path, seconds, "s", meaning);
}

impl Engine<'_, '_> {
    /// Where numbers come from, on rank 0.
    pub(super) fn origin(&self) -> Tree {
        let source = self.job.source;
        let mut tree = Tree::default();
        let resolved = source.table.to_string();
        let meaning = "the input with --set applied";
        line(&mut tree, "input/resolved", resolved, meaning);
        let title = source.input.title.clone();
        line(&mut tree, "input/title", title, "title of the run");
        let versions = versions()
            .into_iter()
            .map(|(key, value)| (key.to_string(), value));
        for (key, value) in job::provenance().into_iter().chain(versions) {
            let meaning = format!("{} of the last attempt", key.replace('_', " "));
            line(&mut tree, &format!("provenance/{key}"), value, &meaning);
        }
        tree
    }

    /// The same for samples, of which there may be many files: what finds the results.
    pub(super) fn origin_of_samples(&self) -> Tree {
        let mut tree = self.origin();
        let kept = |path: &String| match path.strip_prefix("provenance/") {
            Some(key) => OF_SAMPLES.contains(&key),
            None => true,
        };
        tree.datasets.retain(|path, _| kept(path));
        tree.notes.retain(|path, _| kept(path));
        tree
    }

    /// The results so far, on rank 0.
    pub(super) fn results(&self, state: &str, peak_memory: f64) -> Result<Tree> {
        let mut tree = self.origin();
        tree.append(self.job.contents.clone());
        let verbatim = self.job.source.text.clone();
        line(
            &mut tree,
            "input/verbatim",
            verbatim,
            "the input as written",
        );
        let meaning = "how the run ended: finished or stopped";
        line(&mut tree, "status/state", state, meaning);
        let mut warnings = self.job.remarks.clone();
        for stage in self.stages.iter().filter(|s| s.standing != Standing::Ahead) {
            stage.calculation.record(&mut tree)?;
            warnings.extend(stage.calculation.warnings());
            progress(&mut tree, stage);
        }
        let meaning = "what a reader of the numbers has to know, with remedies";
        tree.describe("status/warnings", Value::Texts(warnings), "", meaning);
        let ranks = self.job.comm.size() as i64;
        let meaning = "MPI ranks of the last attempt";
        integer(&mut tree, "timing/ranks", ranks, meaning);
        let elapsed = self.job.stop.elapsed();
        let meaning = "wall time of the last attempt";
        real(&mut tree, "timing/elapsed", elapsed, "s", meaning);
        let hours = elapsed * self.job.comm.size() as f64 / 3600.0;
        let meaning = "core hours of the last attempt, at one core a rank";
        real(&mut tree, "timing/core_hours", hours, "h", meaning);
        for (phase, seconds) in job::phase_seconds().filter(|(_, seconds)| *seconds > 0.0) {
            let path = format!("timing/phase/{}", phase.name());
            let meaning = "wall time of this work on rank 0 in the last attempt";
            real(&mut tree, &path, seconds, "s", meaning);
        }
        let meaning = "largest resident memory of a rank so far";
        real(
            &mut tree,
            "timing/peak_memory",
            peak_memory,
            "byte",
            meaning,
        );
        Ok(tree)
    }
}
