//! Decides what a checkpoint holds and how a run finds its place again.
//!
//! ```text
//! run/before/...                                         what was found out before the first block
//! run/{identity, vector_instructions, stage, sections, left_out}   what is shared, and how far
//!                                                        the run is
//! <section>/section/{keys, relies_on, complete, segments, blocks, seconds}   of the engine
//! <section>/...                                          of the section: its state
//! ```
//! A section goes on where its keys are equal or have only grown. The first that grows restarts
//! those behind it from what it hands on; anything else is refused.

use super::calculation::Loaded;
use super::engine::{Engine, Stage, Standing};
use super::identity::{self, Relation};
use crate::comm::agree;
use crate::error::{Error, Result};
use crate::io::roles::{self, Wholeness};
use crate::io::tree::{Tree, Value};
use crate::io::{hdf5, samples};
use crate::job::{self, Phase, timed};
use std::path::Path;
use std::time::Instant;

/// The engine's own part of a section's group.
const OWN: &str = "section";
/// The stage of a run that has nothing left to do.
const FINISHED: &str = "finished";
/// Datasets of the results that could not be written.
const LEFT_OUT: &str = "run/left_out";
/// What was found out before the first block.
pub const KEPT: &str = "run/before";

/// Whether the results of a finished run are there and whole; `Error::Output` where that cannot be
/// known.
fn is_finished(path: &Path) -> Result<bool> {
    match roles::find(path)? {
        Wholeness::Whole(results) => Ok(results.text("status/state").is_ok_and(|s| s == FINISHED)),
        Wholeness::Nothing | Wholeness::Damaged(_) => Ok(false),
    }
}

/// What the engine keeps of one section.
struct Kept {
    keys: toml::Table,
    relies_on: toml::Table,
    complete: bool,
    segments: usize,
    blocks: usize,
    seconds: f64,
}

impl Kept {
    fn read(group: &Tree) -> Result<Self> {
        let table = |name: &str| {
            let text = group.text(&format!("{OWN}/{name}"))?;
            Ok::<toml::Table, Error>(text.parse().unwrap_or_default())
        };
        Ok(Kept {
            keys: table("keys")?,
            relies_on: table("relies_on")?,
            complete: group.integer(&format!("{OWN}/complete"))? != 0,
            segments: group.count(&format!("{OWN}/segments"))?,
            blocks: group.count(&format!("{OWN}/blocks"))?,
            seconds: group.real(&format!("{OWN}/seconds"))?,
        })
    }
}

impl Engine<'_, '_> {
    /// Continues from the newest readable checkpoint, if there is one; refuses what is not this
    /// run.
    pub(super) fn load(&mut self) -> Result<()> {
        let comm = self.job.comm;
        if let Some(tree) = self.read_once()? {
            identity::compare(tree.text("run/identity")?, &self.job.identity)?;
            let then = tree.text("run/vector_instructions").unwrap_or_default();
            let now = job::instructions_of_all_ranks();
            if then != now {
                log::warn!(
                    "the checkpoint was made with other vector instructions ({then}) than this \
                     run's ({now}): from here on numbers agree to rounding, not bit for bit"
                );
            }
            let placed = self.place(&tree);
            agree(comm, placed)?;
            if self.at == self.stages.len() {
                // Checkpoints of version 0.1 do not say it.
                let left_out = tree.texts(LEFT_OUT).unwrap_or_default();
                self.left_out = left_out.to_vec();
                return self.restore();
            }
        }
        let root = comm.is_root();
        let truncated = || samples::truncate(&self.paths, self.segments);
        let gaps = agree(comm, if root { truncated() } else { Ok(Vec::new()) })?;
        gaps.iter().for_each(|gap| log::warn!("{gap}"));
        self.merge_samples();
        Ok(())
    }

    /// Joins old segments of samples to larger files as far as there is time. Where that fails they
    /// stay as they are, and the run goes on; the next save tries again.
    pub(super) fn merge_samples(&self) {
        let go_on = |seconds: f64| self.job.stop.has_time(seconds);
        if self.job.comm.is_root()
            && let Err(e) = samples::merge(&self.paths, self.segments, &go_on)
        {
            log::warn!("segments of samples cannot be joined: {e}");
        }
    }

    /// A finished run: results and joined samples that are missing or damaged are written again
    /// from what the checkpoint holds.
    fn restore(&mut self) -> Result<()> {
        let (comm, paths) = (self.job.comm, &self.paths);
        let again = || {
            let gaps = samples::restore(paths, self.segments)?;
            gaps.iter().for_each(|gap| log::warn!("{gap}"));
            let path = paths.results();
            if is_finished(&path)? {
                return Ok(self.left_out.clone());
            }
            let left_out = self.write_results(FINISHED, job::peak_memory(), &gaps)?;
            log::warn!(
                "{} was missing, damaged or of an unfinished run, and is written again",
                path.display()
            );
            Ok(left_out)
        };
        let written = if comm.is_root() {
            again()
        } else {
            Ok(Vec::new())
        };
        self.left_out = agree(comm, written)?;
        self.merge_samples();
        Ok(())
    }

    /// Writes the results, on rank 0; returns what they had to leave out.
    fn write_results(&self, state: &str, peak: f64, gaps: &[String]) -> Result<Vec<String>> {
        let mut results = self.results(state, peak)?;
        let mut left_out = results.leave_out_unfinite();
        // What the checkpoint lacks since then.
        let known = self.left_out.iter();
        let still = known.filter(|path| !results.datasets.contains_key(*path));
        left_out.extend(
            still
                .filter(|path| !left_out.contains(path))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let words =
            |path: &String| format!("{path} is left out: it holds a number that is not finite");
        let mut warnings = results.texts("status/warnings")?.to_vec();
        warnings.extend(left_out.iter().map(words));
        warnings.extend(gaps.iter().cloned());
        results.put("status/warnings", Value::Texts(warnings));
        let list = Value::Texts(left_out.clone());
        let meaning = "datasets with a number that is not finite, which are not written";
        results.describe("status/left_out", list, "", meaning);
        left_out
            .iter()
            .for_each(|path| log::warn!("{}", words(path)));
        hdf5::write_atomic(&self.paths.results(), &results)?;
        self.hide();
        Ok(left_out)
    }

    /// The newest readable checkpoint on every rank; rank 0 alone reads it, so that all have the
    /// same and no other needs the folder.
    fn read_once(&self) -> Result<Option<Tree>> {
        let comm = self.job.comm;
        let root = comm.is_root();
        let read = || self.paths.load_checkpoint();
        let found = agree(comm, if root { read() } else { Ok(None) })?;
        let mut bytes = found.as_ref().map_or_else(Vec::new, Tree::to_bytes);
        comm.broadcast_bytes(&mut bytes)?;
        Ok(match root {
            true => found,
            false => Tree::from_bytes(&bytes).filter(|tree| !tree.datasets.is_empty()),
        })
    }

    /// Loads the sections that the checkpoint has begun, up to the one that goes on.
    fn place(&mut self, tree: &Tree) -> Result<()> {
        let begun = tree.texts("run/sections")?.to_vec();
        self.refuse_missing(&begun)?;
        while self.at < self.stages.len() {
            let stage = &mut self.stages[self.at];
            let name = stage.declaration.name;
            stage.segments = self.segments;
            if !begun.iter().any(|b| b == name) {
                return Ok(());
            }
            let mut group = tree.group(name);
            let kept = Kept::read(&group)?;
            let relation = stage.declaration.relation(&kept.keys, &stage.keys)?;
            if !kept.complete {
                let relies_on = stage
                    .declaration
                    .reliance(&self.job.source.table, &self.job.source.folder);
                stage
                    .declaration
                    .check_reliance(&kept.relies_on, &relies_on)?;
            }
            if relation == Relation::StartsOver {
                log::warn!("[{name}] has other keys and starts over");
                return Ok(());
            }
            group.remove_group(OWN);
            let loaded = stage.calculation.load(&group)?;
            if loaded == Loaded::StartsOver {
                return Ok(());
            }
            (stage.blocks, stage.seconds) = (kept.blocks, kept.seconds);
            stage.segments = kept.segments;
            self.segments = kept.segments;
            stage.standing = Standing::Begun;
            let goes_on = relation == Relation::Grown || loaded == Loaded::GoesOn;
            if !kept.complete || goes_on {
                return Ok(());
            }
            stage.standing = Standing::Complete;
            stage.handed_on = Some(group);
            self.at += 1;
        }
        Ok(())
    }

    /// An error where a section of the checkpoint is gone from the input and others stood on it.
    fn refuse_missing(&self, begun: &[String]) -> Result<()> {
        let mut wanted = self.stages.iter().map(|s| s.declaration.name).peekable();
        for name in begun {
            if wanted.next_if_eq(&name.as_str()).is_some() {
                continue;
            }
            let is_here = self.stages.iter().any(|s| s.declaration.name == name);
            if !is_here && begun.iter().any(|b| wanted.peek() == Some(&b.as_str())) {
                return Err(Error::input(
                    name.as_str(),
                    "the checkpoint beside the output has this section before others, the input \
                     has not",
                    "keep the section, use --fresh to start over, or another output.name",
                ));
            }
        }
        Ok(())
    }

    /// Writes the samples kept since the last segment as a segment of their own.
    pub(super) fn flush_samples(&mut self) -> Result<()> {
        let comm = self.job.comm;
        let rows = self.desk.take_kept();
        let mut written = Ok(());
        let mut segments = [self.segments as f64];
        if comm.is_root() && !rows.chain.is_empty() {
            written = samples::write_segment(
                &self.paths,
                self.segments + 1,
                rows,
                self.origin_of_samples(),
            );
            segments[0] += 1.0;
        }
        agree(comm, written)?;
        comm.broadcast(&mut segments)?;
        self.segments = segments[0] as usize;
        self.stages[self.at].segments = self.segments;
        Ok(())
    }

    /// Segments, results, checkpoint: in this order.
    pub(super) fn save(&mut self, state: &str) -> Result<()> {
        timed(Phase::Files, || self.write(state))
    }

    fn write(&mut self, state: &str) -> Result<()> {
        let (clock, comm) = (Instant::now(), self.job.comm);
        if self.at < self.stages.len() {
            self.flush_samples()?;
        }
        let mut states = Vec::new();
        for stage in self.stages.iter() {
            let mut tree = Tree::default();
            if stage.standing != Standing::Ahead && stage.handed_on.is_none() {
                stage.calculation.save(&mut tree, comm)?;
            }
            states.push(tree);
        }
        let mut peak = [job::peak_memory()];
        comm.max(&mut peak)?;
        let write = || {
            let gaps = match self.segments > 0 {
                true => samples::write_view(&self.paths, self.segments)?,
                false => Vec::new(),
            };
            let left_out = self.write_results(state, peak[0], &gaps)?;
            // Records can do without a number that is not finite, a state cannot.
            let mut checkpoint = self.checkpoint(states);
            checkpoint.put(LEFT_OUT, Value::Texts(left_out.clone()));
            checkpoint.leave_out_unfinite_below("/results/");
            self.paths.save_checkpoint(&checkpoint)?;
            Ok(left_out)
        };
        let written = if comm.is_root() {
            write()
        } else {
            Ok(Vec::new())
        };
        self.left_out = agree(comm, written)?;
        self.saved = Instant::now();
        let seconds = clock.elapsed().as_secs_f64();
        log::debug!(
            "saved {} in {seconds:.2} s",
            self.paths.checkpoint().display()
        );
        self.job.stop.measured(seconds, 0.0);
        Ok(())
    }

    fn checkpoint(&self, states: Vec<Tree>) -> Tree {
        let mut tree = Tree::default();
        tree.put_text("run/identity", self.job.identity.clone());
        tree.put_text("run/vector_instructions", job::instructions_of_all_ranks());
        tree.put_group(KEPT, self.job.kept.clone());
        let stage = self.stages.get(self.at);
        let name = stage.map_or(FINISHED, |stage| stage.declaration.name);
        tree.put_text("run/stage", name);
        let begun = |stage: &&Stage| stage.standing != Standing::Ahead;
        let names = self.stages.iter().filter(begun);
        let names = names
            .map(|stage| stage.declaration.name.to_string())
            .collect();
        tree.put("run/sections", Value::Texts(names));
        for (stage, state) in self
            .stages
            .iter()
            .zip(states)
            .filter(|(stage, _)| begun(stage))
        {
            let name = stage.declaration.name;
            let mut group = stage.handed_on.clone().unwrap_or(state);
            let relies_on = stage
                .declaration
                .reliance(&self.job.source.table, &self.job.source.folder);
            let complete = stage.standing == Standing::Complete;
            group.put_text(&format!("{OWN}/keys"), stage.keys.to_string());
            group.put_text(&format!("{OWN}/relies_on"), relies_on.to_string());
            group.put_integer(&format!("{OWN}/complete"), i64::from(complete));
            group.put_integer(&format!("{OWN}/segments"), stage.segments as i64);
            group.put_integer(&format!("{OWN}/blocks"), stage.blocks as i64);
            group.put_real(&format!("{OWN}/seconds"), stage.seconds);
            tree.put_group(name, group);
        }
        tree
    }
}
