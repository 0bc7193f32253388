//! Decides which files belong to a run, in which order they are replaced, and that one run at a
//! time writes them.
//!
//! ```text
//! X.h5          results            X.ckpt.h5    checkpoint        X.old-N.*   set aside
//! X.samples.h5  samples, joined    X.ckpt.1.h5  the one before
//! X.lock        held by the run that writes (flock)
//! ```
//!
//! Order at a checkpoint: segments, results, checkpoint. Reference: flock(2).

mod lock;
mod names;

pub use lock::Lock;

use super::atomic::{self, Temporary};
use super::tree::Tree;
use super::{hdf5, samples};
use crate::error::{Error, Result};
use std::cell::Cell;
use std::fs::File;
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
    /// written.
    ///
    /// Fails with `Error::Output`.
    pub fn prepare(&self) -> Result<()> {
        let failed =
            |e: std::io::Error| Error::output(&self.directory, format!("cannot be written: {e}"));
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        let probe = self.file("tmp");
        File::create(&probe).map_err(failed)?;
        atomic::remove(&probe)
    }

    /// Removes what a killed run has left unfinished; call it with the lock. Fails with
    /// `Error::Output`.
    pub fn clear(&self) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::output(&self.directory, format!("the folder cannot be read: {e}"))
        };
        let mine = [self.results(), self.samples(), self.checkpoint()];
        let segment = |name: &str| {
            let inner = name
                .strip_prefix(&format!("{}.samples.", self.name))
                .and_then(|n| n.strip_suffix(".h5"));
            inner.is_some_and(|digits| digits.parse::<usize>().is_ok())
        };
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let whole = path.with_extension("");
            let ours = mine.contains(&whole)
                || whole
                    .file_name()
                    .and_then(|n| n.to_str())
                    .is_some_and(segment);
            if path.extension().is_some_and(|e| e == "tmp") && ours {
                atomic::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Saves a checkpoint; the one that was there becomes the generation before, if it is readable.
    ///
    /// The new file is complete on the disk before the old one moves, so that a readable generation
    /// exists at any instant. Fails with `Error::Output`; the generations are then as they were.
    pub fn save_checkpoint(&self, tree: &Tree) -> Result<()> {
        let (current, previous) = (self.checkpoint(), self.previous_checkpoint());
        let new: Temporary = hdf5::write_temporary(&current, tree)?;
        if current.exists() && (self.trusted.get() || hdf5::read(&current).is_ok()) {
            atomic::rename(&current, &previous)?;
            atomic::sync_folder(&current)?;
        }
        new.publish()?;
        self.trusted.set(true);
        Ok(())
    }

    /// The newest readable checkpoint; `None` where there is none at all.
    ///
    /// Where the newest is damaged or missing the one before is taken, with a warning. Fails with
    /// `Error::Output` where checkpoints exist but none can be read.
    pub fn load_checkpoint(&self) -> Result<Option<Tree>> {
        let (current, previous) = (self.checkpoint(), self.previous_checkpoint());
        if !current.exists() && !previous.exists() {
            return Ok(None);
        }
        let first = match hdf5::read(&current) {
            Ok(tree) => {
                self.trusted.set(true);
                return Ok(Some(tree));
            }
            Err(e) => e,
        };
        match hdf5::read(&previous) {
            Ok(tree) => {
                log::warn!(
                    "{first}; continuing from the checkpoint before it, {}",
                    previous.display()
                );
                Ok(Some(tree))
            }
            Err(second) => {
                let what = format!(
                    "no readable checkpoint generation ({first}; {second}); start over with \
                     --fresh, which keeps the \
                     old files aside"
                );
                Err(Error::output(current, what))
            }
        }
    }

    /// Renames all files of this run to `X.old-N.*` with the next free N and returns N; `None`
    /// where there are none.
    ///
    /// The joined samples are written anew, over the renamed segments. Fails with `Error::Output`.
    pub fn set_aside(&self) -> Result<Option<usize>> {
        let segments = self.segments()?;
        let files = |p: &Self| {
            [
                p.results(),
                p.checkpoint(),
                p.previous_checkpoint(),
                p.samples(),
            ]
        };
        if segments.is_empty() && !files(self).iter().any(|f| f.exists()) {
            return Ok(None);
        }
        let taken = |old: &Self| {
            Ok::<_, Error>(files(old).iter().any(|f| f.exists()) || !old.segments()?.is_empty())
        };
        let mut number = 1;
        let mut old = OutputPaths::new(&self.directory, format!("{}.old-{number}", self.name));
        while taken(&old)? {
            number += 1;
            old = OutputPaths::new(&self.directory, format!("{}.old-{number}", self.name));
        }
        // The checkpoints first: should this be interrupted, nothing is left that a run would
        // continue from.
        let [results, checkpoint, previous, joined] = files(self);
        for (from, to) in [
            (checkpoint, old.checkpoint()),
            (previous, old.previous_checkpoint()),
            (results, old.results()),
        ] {
            if from.exists() {
                atomic::rename(&from, &to)?;
            }
        }
        for &n in &segments {
            atomic::rename(&self.segment(n), &old.segment(n))?;
        }
        // Only an unbroken series can be joined; damaged segments are kept but not joined.
        let whole = segments
            .iter()
            .enumerate()
            .take_while(|&(i, &n)| n == i + 1)
            .count();
        if let Err(e) = samples::write_joined(&old, whole) {
            log::warn!("the samples set aside cannot be joined: {e}");
        }
        atomic::remove(&joined)?;
        atomic::sync_folder(&joined)?;
        self.trusted.set(false);
        Ok(Some(number))
    }
}

/// The content of a results file.
///
/// Fails with `Error::Input` for a file of another kind, with `Error::Output` for one that cannot
/// be read.
pub fn results(path: &Path) -> Result<Tree> {
    let tree = hdf5::read(path)?;
    match tree.datasets.contains_key("input/resolved") {
        true => Ok(tree),
        false => Err(Error::input(
            path.display().to_string(),
            "this is not a results file",
            "give the file X.h5 that `nishina run` writes, not a checkpoint, samples or amplitudes",
        )),
    }
}

/// The files without checkpoints and samples of runs whose results are among them, as a shell's
/// `X*.h5` brings them along.
pub fn results_among(files: &[PathBuf]) -> Vec<PathBuf> {
    let belongs = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = [".ckpt.", ".samples."]
            .iter()
            .find_map(|part| Some(&name[..name.rfind(part)?]));
        stem.is_some_and(|stem| files.contains(&file.with_file_name(format!("{stem}.h5"))))
    };
    files.iter().filter(|f| !belongs(f)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(step: i64) -> Tree {
        let mut tree = Tree::default();
        tree.put_integer("step", step);
        tree
    }
    fn step(paths: &OutputPaths) -> Result<Option<i64>> {
        paths
            .load_checkpoint()?
            .map(|t| t.integer("step"))
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
            "x.h5.tmp",
            "x.ckpt.h5.tmp",
            "x.samples.0003.h5.tmp",
            "x.samples.h5.tmp",
        ];
        let others = ["x.y.h5.tmp", "y.h5.tmp", "x.h5", "x.samples.old.h5.tmp"];
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
            samples::write_segment(&paths, 1, samples::tests::segment(0, 3)).unwrap();
            samples::write_segment(&paths, 2, samples::tests::segment(3, 2)).unwrap();
            samples::write_joined(&paths, 2).unwrap();
            assert_eq!(paths.set_aside(), Ok(Some(round as usize)));
            assert_eq!(step(&paths), Ok(None));
            assert!(
                paths.segments().unwrap().is_empty()
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

    #[test]
    fn a_shells_pattern_leaves_the_results() {
        let files = |names: &[&str]| {
            names
                .iter()
                .map(|n| PathBuf::from(format!("d/{n}")))
                .collect::<Vec<_>>()
        };
        let all = files(&[
            "x.ckpt.1.h5",
            "x.ckpt.h5",
            "x.h5",
            "x.samples.0001.h5",
            "x.samples.h5",
            "y.ckpt.h5",
        ]);
        assert_eq!(results_among(&all), files(&["x.h5", "y.ckpt.h5"]));
    }
}
