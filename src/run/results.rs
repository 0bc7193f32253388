//! Decides what every results file holds besides the records of the sections: the input, where the
//! numbers come from, how far the run is.

use super::engine::{Engine, Standing};
use super::versions::versions;
use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};
use crate::job;

/// One real number with unit and meaning.
fn real(tree: &mut Tree, path: &str, value: f64, unit: &str, meaning: &str) {
    tree.describe(path, Value::Real(shaped(&[], vec![value])), unit, meaning);
}

impl Engine<'_, '_> {
    /// The results so far, on rank 0.
    pub(super) fn results(&self, state: &str, peak_memory: f64) -> Result<Tree> {
        let source = self.job.source;
        let mut tree = self.job.shared.clone();
        tree.put_text("input/verbatim", source.text.clone());
        tree.put_text("input/resolved", source.table.to_string());
        tree.put_text("input/title", source.input.title.clone());
        for (key, value) in job::provenance() {
            tree.put_text(&format!("provenance/{key}"), value);
        }
        for (key, value) in versions() {
            tree.put_text(&format!("provenance/{key}"), value);
        }
        tree.put_text("status/state", state);
        let mut warnings = Vec::new();
        for stage in self.stages.iter().filter(|s| s.standing != Standing::Ahead) {
            stage.calculation.record(&mut tree)?;
            warnings.extend(stage.calculation.warnings());
            let under = format!("progress/{}", stage.declaration.name);
            tree.put_integer(&format!("{under}/blocks"), stage.blocks as i64);
            let expected = stage.calculation.cost().blocks;
            let meaning = "blocks from the start to the end";
            real(
                &mut tree,
                &format!("{under}/expected"),
                expected,
                "1",
                meaning,
            );
            let meaning = "wall time of the blocks so far";
            real(
                &mut tree,
                &format!("{under}/seconds"),
                stage.seconds,
                "s",
                meaning,
            );
        }
        tree.put("status/warnings", Value::Texts(warnings));
        tree.put_integer("timing/ranks", self.job.comm.size() as i64);
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
