//! Decides what stands where a file of the program is looked for: whether it is whole, and what it
//! is, told from what it holds and never from its name.

use super::tree::Tree;
use super::{hdf5, seal};
use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What stands where a file of the program is looked for.
#[derive(Debug)]
pub enum Wholeness {
    /// A whole file.
    Whole(Tree),
    /// Nothing, not even a link.
    Nothing,
    /// A file that is damaged; how.
    Damaged(Error),
}

/// Reads a file and tells damage from all else that keeps it from being read: no rights, too many
/// open files, a later schema version, a link to nothing. Those are an `Error::Output`.
pub fn find(path: &Path) -> Result<Wholeness> {
    if is_absent(path) {
        return Ok(Wholeness::Nothing);
    }
    match damage(path, true)? {
        None => hdf5::read_verified(path).map(Wholeness::Whole),
        Some(e) => Ok(Wholeness::Damaged(e)),
    }
}

/// Whether there is nothing of this name, not even a link.
fn is_absent(path: &Path) -> bool {
    let found = path.symlink_metadata();
    found.is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

/// What is missing or damaged of a file, where `thorough` to its last byte; `None` where it is
/// whole. Fails with `Error::Output` as [`find`].
pub fn damage(path: &Path, thorough: bool) -> Result<Option<Error>> {
    match seal::damage(path, thorough) {
        Ok(what) => Ok(what.map(|what| Error::output(path, what))),
        Err(_) if is_absent(path) => Ok(Some(Error::output(path, "is not there"))),
        Err(e) => Err(Error::output(path, format!("cannot be opened: {e}"))),
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Results of a run, X.h5.
    Results,
    /// The state of a run, X.ckpt.h5.
    Checkpoint,
    /// Samples, all of a run or a segment of them.
    Samples,
    /// Energies, perhaps with amplitudes, of an exact diagonalisation.
    Exact,
}

/// Roles with what has it at the top of a file, and none of those before.
const MARKS: [(&str, Role); 4] = [
    ("configurations", Role::Samples),
    ("input", Role::Results),
    ("run", Role::Checkpoint),
    ("energies", Role::Exact),
];

impl Role {
    /// What a file that was read is; `None` where it is none of these.
    pub fn of(tree: &Tree) -> Option<Self> {
        let is_there = |mark: &str| {
            let mut paths = tree.datasets.keys();
            paths.any(|path| path.split('/').next() == Some(mark))
        };
        MARKS
            .iter()
            .find(|(mark, _)| is_there(mark))
            .map(|&(_, role)| role)
    }

    /// The same, without reading more than names. Fails with `Error::Output`.
    pub fn of_file(path: &Path) -> Result<Option<Self>> {
        let present = hdf5::holds(path, &MARKS.map(|(mark, _)| mark))?;
        Ok(MARKS
            .iter()
            .zip(present)
            .find(|(_, p)| *p)
            .map(|(&(_, role), _)| role))
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Role::Results => "results of a run",
            Role::Checkpoint => "a checkpoint",
            Role::Samples => "samples of a run",
            Role::Exact => "energies of an exact diagonalisation",
        }
    }
}

/// The content of a results file.
///
/// Fails with `Error::Input` for a file of another kind, with `Error::Output` for one that cannot
/// be read.
pub fn results(path: &Path) -> Result<Tree> {
    let tree = hdf5::read(path)?;
    let is = match Role::of(&tree) {
        Some(Role::Results) => return Ok(tree),
        Some(role) => format!("this file holds {}, not results", role.words()),
        None => "this is not a results file".into(),
    };
    Err(Error::input(
        path.display().to_string(),
        is,
        "give the file X.h5 that `nishina run` writes",
    ))
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
    let is_other = |file: &PathBuf| !matches!(Role::of_file(file), Ok(Some(Role::Results)));
    let beside = |file: &&PathBuf| belongs(file) && is_other(file);
    files.iter().filter(|f| !beside(f)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_pattern_leaves_the_results() {
        let folder = tempfile::tempdir().unwrap();
        let files = |names: &[&str]| {
            let path = |n: &&str| folder.path().join(n);
            names.iter().map(path).collect::<Vec<PathBuf>>()
        };
        let write = |name: &str, path: &str| {
            let mut tree = Tree::default();
            tree.put_integer(path, 1);
            hdf5::write_atomic(&folder.path().join(name), &tree).unwrap();
        };
        write("x.ckpt.1.h5", "run/stage");
        write("x.ckpt.h5", "run/stage");
        write("x.h5", "input/resolved");
        write("x.samples.0001.h5", "configurations");
        write("x.samples.h5", "configurations");
        // Results of another run, whatever their name.
        write("x.samples.64.h5", "input/resolved");
        write("x.ckpt.test.h5", "input/resolved");
        write("y.ckpt.h5", "run/stage");
        let all = files(&[
            "x.ckpt.1.h5",
            "x.ckpt.h5",
            "x.h5",
            "x.samples.0001.h5",
            "x.samples.h5",
            "x.samples.64.h5",
            "x.ckpt.test.h5",
            "y.ckpt.h5",
        ]);
        assert_eq!(
            results_among(&all),
            files(&["x.h5", "x.samples.64.h5", "x.ckpt.test.h5", "y.ckpt.h5"])
        );
        assert_eq!(
            Role::of(&hdf5::read(&all[7]).unwrap()),
            Some(Role::Checkpoint)
        );
    }
}
