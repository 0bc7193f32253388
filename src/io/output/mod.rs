//! Decides which files belong to a run, in which order they are replaced, and that one run at a
//! time writes them.
//!
//! ```text
//! X.h5          results            X.ckpt.h5    checkpoint        X.old-N.*   set aside
//! X.samples.h5  samples, all       X.ckpt.1.h5  the one before
//! X.samples.NNNN.*.h5  samples, in segments
//! X.lock        held by the run that writes (flock)
//! ```
//!
//! Order at a checkpoint: segments, results, checkpoint. Reference: flock(2).

mod lock;
mod names;
mod segments;

pub use lock::Lock;
pub use names::is_reserved;
pub use segments::SegmentFile;

use super::atomic::{self, Temporary};
use super::hdf5;
use super::roles::{self, Wholeness};
use super::samples;
use super::tree::Tree;
use crate::error::{Error, Result};
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// The files of one run.
#[derive(Debug, Clone)]
pub struct OutputPaths {
    directory: PathBuf,
    name: String,
    /// Whether `X.ckpt.h5` is known to be readable, so that it may become the generation before.
    trusted: Cell<bool>,
}

impl OutputPaths {
    /// The files called `name` in `directory`; touches nothing.
    pub fn new(directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        OutputPaths {
            directory: directory.into(),
            name: name.into(),
            trusted: Cell::new(false),
        }
    }

    /// Makes sure, before anything is calculated, that the folder is there (it is made) and can be
    /// written, also under the longest name.
    ///
    /// Fails with `Error::Output`, with `Error::Input` where the name is too long.
    pub fn prepare(&self) -> Result<()> {
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::InvalidFilename => Error::input(
                "output.name",
                "the names of the samples files would be longer than this file system allows",
                "choose a shorter name",
            ),
            _ => Error::output(&self.directory, format!("cannot be written: {e}")),
        };
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        // The longest name that a run and its successors write.
        let longest = self.set_aside_as(99).segment((999_998, 999_999), 0);
        atomic::probe(&longest.path).map_err(failed)
    }

    /// The names that these files get when they are set aside.
    fn set_aside_as(&self, number: usize) -> Self {
        OutputPaths::new(&self.directory, format!("{}.old-{number}", self.name))
    }

    /// Removes what a killed run has left unfinished; call it with the lock. Fails with
    /// `Error::Output`.
    pub fn clear(&self) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::output(&self.directory, format!("the folder cannot be read: {e}"))
        };
        let mine = [
            self.results(),
            self.samples(),
            self.checkpoint(),
            self.live(),
        ];
        let segment = |name: &str| self.segments_in(name).is_some();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|n| n.to_str());
            let whole = name.and_then(atomic::whole_name);
            if whole.is_some_and(|w| mine.contains(&self.directory.join(w)) || segment(w)) {
                atomic::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Saves a checkpoint; the one that was there becomes the generation before, unless it is
    /// damaged.
    ///
    /// The new file is complete on the disk before the old one moves, so that a readable generation
    /// exists at any instant. Fails with `Error::Output`; the generations are then as they were.
    pub fn save_checkpoint(&self, tree: &Tree) -> Result<()> {
        let (current, previous) = (self.checkpoint(), self.previous_checkpoint());
        let new: Temporary = hdf5::write_temporary(&current, tree)?;
        let known = self.trusted.get() && current.exists();
        if known || matches!(roles::find(&current)?, Wholeness::Whole(_)) {
            atomic::rename(&current, &previous)?;
            atomic::sync_folder(&current)?;
        }
        new.publish()?;
        self.trusted.set(true);
        Ok(())
    }

    /// The newest whole checkpoint; `None` where there is none at all.
    ///
    /// Where the newest is damaged or missing the one before is taken, with a warning. Fails with
    /// `Error::Output` where checkpoints exist but none is whole, and where one of them may be
    /// whole but cannot be read: no rights, too many open files, a later schema version.
    pub fn load_checkpoint(&self) -> Result<Option<Tree>> {
        let (current, previous) = (self.checkpoint(), self.previous_checkpoint());
        let first = match roles::find(&current)? {
            Wholeness::Whole(tree) => {
                self.trusted.set(true);
                return Ok(Some(tree));
            }
            Wholeness::Damaged(e) => Some(e),
            Wholeness::Nothing => None,
        };
        let absent = |path: &Path| Error::output(path, "is not there");
        let second = match roles::find(&previous)? {
            Wholeness::Whole(tree) => {
                let first = first.unwrap_or_else(|| absent(&current));
                log::warn!(
                    "{first}; continuing from the checkpoint before it, {}",
                    previous.display()
                );
                return Ok(Some(tree));
            }
            Wholeness::Nothing if first.is_none() => return Ok(None),
            Wholeness::Nothing => absent(&previous),
            Wholeness::Damaged(e) => e,
        };
        let first = first.unwrap_or_else(|| absent(&current));
        let what = format!(
            "no readable checkpoint generation ({first}; {second}); start over with --fresh, \
             which keeps the old files aside"
        );
        Err(Error::output(current, what))
    }

    /// Renames all files of this run to `X.old-N.*` with the next free N and returns N; `None`
    /// where there are none.
    ///
    /// The joined samples are written anew, over the renamed segments. Fails with `Error::Output`.
    pub fn set_aside(&self) -> Result<Option<usize>> {
        let segments = self.segment_files()?;
        let files = |p: &Self| {
            [
                p.results(),
                p.checkpoint(),
                p.previous_checkpoint(),
                p.samples(),
            ]
        };
        if segments.is_empty() && !files(self).iter().any(|f| is_taken(f)) {
            return Ok(None);
        }
        let taken = |old: &Self| {
            Ok::<_, Error>(
                files(old).iter().any(|f| is_taken(f)) || !old.segment_files()?.is_empty(),
            )
        };
        let mut number = 1;
        let mut old = self.set_aside_as(number);
        while taken(&old)? {
            number += 1;
            old = self.set_aside_as(number);
        }
        // The checkpoints first: should this be interrupted, nothing is left that a run would
        // continue from.
        let [results, checkpoint, previous, joined] = files(self);
        for (from, to) in [
            (checkpoint, old.checkpoint()),
            (previous, old.previous_checkpoint()),
            (results, old.results()),
        ] {
            if is_taken(&from) {
                atomic::rename(&from, &to)?;
            }
        }
        let mut last = 0;
        for segment in &segments {
            let name = segment.name().replacen(&self.name, &old.name, 1);
            atomic::rename(&segment.path, &self.directory.join(name))?;
            last = last.max(segment.last);
        }
        match samples::write_view(&old, last) {
            Ok(gaps) => gaps.iter().for_each(|gap| log::warn!("{gap}")),
            Err(e) => log::warn!("the samples set aside cannot be joined: {e}"),
        }
        atomic::remove(&joined)?;
        atomic::sync_folder(&joined)?;
        self.trusted.set(false);
        Ok(Some(number))
    }
}

/// Whether a name is taken, be it by a link to nothing.
fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(step: i64) -> Tree {
        let mut tree = Tree::default();
        tree.put_integer("number_of_test", step);
        tree
    }
    fn step(paths: &OutputPaths) -> Result<Option<i64>> {
        paths
            .load_checkpoint()?
            .map(|t| t.integer("number_of_test"))
            .transpose()
    }

    #[test]
    fn generations_rotate_and_fall_back() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "x");
        assert_eq!(step(&paths), Ok(None));
        for k in 1..=3 {
            paths.save_checkpoint(&tree(k)).unwrap();
            assert_eq!(step(&paths), Ok(Some(k)));
        }
        assert_eq!(hdf5::read(&paths.previous_checkpoint()).unwrap(), tree(2));
        // A kill between the two renamings.
        std::fs::rename(paths.checkpoint(), folder.path().join("new")).unwrap();
        assert_eq!(step(&paths), Ok(Some(2)));
        // The newest is damaged: a restart continues from the one before and never puts the damaged
        // one in its place.
        std::fs::write(paths.checkpoint(), b"damaged").unwrap();
        let again = OutputPaths::new(folder.path(), "x");
        assert_eq!(step(&again), Ok(Some(2)));
        again.save_checkpoint(&tree(3)).unwrap();
        assert_eq!(hdf5::read(&again.previous_checkpoint()).unwrap(), tree(2));
        assert_eq!(step(&again), Ok(Some(3)));

        // What cannot be opened may be whole: it stays, and nothing falls back.
        std::fs::rename(paths.checkpoint(), folder.path().join("new")).unwrap();
        std::os::unix::fs::symlink("nowhere", paths.checkpoint()).unwrap();
        let again = OutputPaths::new(folder.path(), "x");
        assert_eq!(step(&again).unwrap_err().exit_code(), 74);
        assert!(again.save_checkpoint(&tree(4)).is_err());
        std::fs::remove_file(paths.checkpoint()).unwrap();
        std::fs::write(paths.checkpoint(), b"damaged").unwrap();
        std::fs::write(paths.previous_checkpoint(), b"").unwrap();
        let error = step(&paths).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no readable checkpoint generation"),
            "{error}"
        );
        assert_eq!(error.exit_code(), 74);
    }

    #[test]
    fn folders_are_made_and_obstacles_named() {
        let folder = tempfile::tempdir().unwrap();
        OutputPaths::new(folder.path().join("a/b"), "x")
            .prepare()
            .unwrap();
        assert_eq!(
            std::fs::read_dir(folder.path().join("a/b"))
                .unwrap()
                .count(),
            0
        );
        let name = "n".repeat(225);
        let error = OutputPaths::new(folder.path(), name).prepare().unwrap_err();
        assert_eq!(error.exit_code(), 64);
        assert!(error.to_string().contains("output.name"), "{error}");
        std::fs::write(folder.path().join("file"), b"").unwrap();
        let error = OutputPaths::new(folder.path().join("file"), "x")
            .prepare()
            .unwrap_err();
        assert_eq!(error.exit_code(), 74);
    }

    #[test]
    fn remnants_of_this_run_alone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "x.h5.AbC123.tmp",
            "x.ckpt.h5.AbC123.tmp",
            "x.samples.0003.h5.AbC123.tmp",
            "x.samples.0003.0123456789abcdef.h5.AbC123.tmp",
            "x.samples.h5.AbC123.tmp",
        ];
        let others = [
            "x.y.h5.AbC123.tmp",
            "y.h5.AbC123.tmp",
            "x.h5",
            "x.h5.tmp",
            "x.tmp",
            "x.samples.old.h5.AbC123.tmp",
        ];
        names
            .iter()
            .chain(&others)
            .for_each(|n| std::fs::write(folder.path().join(n), "").unwrap());
        OutputPaths::new(folder.path(), "x").clear().unwrap();
        assert!(names.iter().all(|n| !folder.path().join(n).exists()));
        assert!(others.iter().all(|n| folder.path().join(n).exists()));
    }

    #[test]
    fn old_files_are_set_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "x");
        assert_eq!(paths.set_aside(), Ok(None));
        for round in 1..=2 {
            hdf5::write_atomic(&paths.results(), &tree(round)).unwrap();
            paths.save_checkpoint(&tree(1)).unwrap();
            paths.save_checkpoint(&tree(2)).unwrap();
            samples::write_segment(&paths, 1, samples::tests::segment(0, 3), Tree::default())
                .unwrap();
            samples::write_segment(&paths, 2, samples::tests::segment(3, 2), Tree::default())
                .unwrap();
            samples::write_view(&paths, 2).unwrap();
            assert_eq!(paths.set_aside(), Ok(Some(round as usize)));
            assert_eq!(step(&paths), Ok(None));
            assert!(
                paths.segment_files().unwrap().is_empty()
                    && !paths.samples().exists()
                    && !paths.results().exists()
            );
            let old = OutputPaths::new(folder.path(), format!("x.old-{round}"));
            assert_eq!(hdf5::read(&old.results()).unwrap(), tree(round));
            assert_eq!(step(&old), Ok(Some(2)));
            assert_eq!(
                samples::read(&old.samples()).unwrap(),
                samples::tests::segment(0, 5)
            );
        }
    }
}
