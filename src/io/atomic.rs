//! Decides how a file comes to its name: written beside it, synchronised, renamed, and the folder
//! synchronised, so that a kill at any instant leaves either the old file or the new one.
//!
//! Reference: rename(2), fsync(2).

use crate::error::{Error, Result};
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile, PathPersistError, TempPath};

/// A file that is complete on the disk under its temporary name; removed when dropped without
/// [`Temporary::publish`].
#[derive(Debug)]
pub struct Temporary {
    place: TempPath,
    path: PathBuf,
}

/// What stands between a file's name and the ending `.tmp` of a temporary one: a point and so many
/// letters and digits.
const LETTERS: usize = 6;

impl Temporary {
    /// Lets `write` make the file that is to become `path`, under a name of its own beside it, and
    /// brings it to the disk. No file that was there is touched, and no link is followed.
    ///
    /// Fails with `Error::Output`; nothing is left behind then.
    pub fn new(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let temporary = Temporary {
            place: reserve(path)
                .map_err(|e| Error::output(path, format!("cannot be written: {e}")))?,
            path: path.to_path_buf(),
        };
        write(&temporary.place)?;
        // Not to be written: a copy of a file that its owner protects comes here, too.
        let sync = File::open(&temporary.place).and_then(|file| file.sync_all());
        sync.map_err(|e| Error::output(path, format!("cannot be brought to the disk: {e}")))?;
        Ok(temporary)
    }

    /// Where the file stands until it has its name.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Gives the file the name `path`, in the same folder, in place of the one it was made for.
    pub fn publish_as(mut self, path: PathBuf) -> Result<()> {
        self.path = path;
        self.publish()
    }

    /// Gives the file its name, in the place of what had it.
    pub fn publish(self) -> Result<()> {
        let failed = |e: PathPersistError| {
            Error::output(&self.path, format!("cannot get its name: {}", e.error))
        };
        self.place.persist(&self.path).map_err(failed)?;
        sync_folder(&self.path)
    }
}

/// A new, empty file beside `path`.
fn reserve(path: &Path) -> std::io::Result<TempPath> {
    beside(path, |named, folder| named.tempfile_in(folder))
}

/// What `make` makes in the folder of `path` under a name that nothing has: `X.AbC123.tmp`.
fn beside<R>(
    path: &Path,
    make: impl FnOnce(&Builder, &Path) -> std::io::Result<NamedTempFile<R>>,
) -> std::io::Result<TempPath> {
    let mut prefix = path.file_name().unwrap_or_default().to_os_string();
    prefix.push(".");
    let mut named = Builder::new();
    named
        .prefix(&prefix)
        .suffix(".tmp")
        .rand_bytes(LETTERS)
        .permissions(Permissions::from_mode(0o666));
    Ok(make(&named, folder_of(path))?.into_temp_path())
}

/// Gives `path` the content of another file, by a second name of the same file where the file
/// system knows such names. Nothing changes where it is that file already. Fails with
/// `Error::Output`.
pub fn duplicate(from: &Path, path: &Path) -> Result<()> {
    // The system renames no name of a file to another one of it.
    if is_same_file(from, path) {
        return Ok(());
    }
    second_name(from, path)
        .or_else(|_| copied(from, path))?
        .publish()
}

/// A second name of a file, which nothing had.
fn second_name(from: &Path, path: &Path) -> std::io::Result<Temporary> {
    let link = |place: &Path| std::fs::hard_link(from, place);
    Ok(Temporary {
        place: beside(path, |named, folder| named.make_in(folder, link))?,
        path: path.to_path_buf(),
    })
}

/// A copy of a file.
fn copied(from: &Path, path: &Path) -> Result<Temporary> {
    Temporary::new(path, |place| {
        std::fs::copy(from, place).map(drop).map_err(|e| {
            let what = format!("cannot become what {} is: {e}", from.display());
            Error::output(path, what)
        })
    })
}

/// Whether two names are those of one file; not where one of them cannot be looked at.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    let number = |path: &Path| path.symlink_metadata().map(|m| (m.dev(), m.ino()));
    matches!((number(a), number(b)), (Ok(a), Ok(b)) if a == b)
}

/// Whether a file could be written to `path`, without touching what is there.
pub fn probe(path: &Path) -> std::io::Result<()> {
    reserve(path)?.close()
}

/// The file that a temporary one is to become, or would have become; `None` for other names.
pub fn whole_name(name: &str) -> Option<&str> {
    let (whole, letters) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    let ours = letters.len() == LETTERS && letters.bytes().all(|b| b.is_ascii_alphanumeric());
    ours.then_some(whole)
}

/// The file that `path` stands for: the end of the links, where it is one.
pub fn followed(path: &Path) -> PathBuf {
    let mut at = path.to_path_buf();
    // As many as the system follows.
    for _ in 0..40 {
        match std::fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return at,
        }
    }
    at
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Renames a file. Fails with `Error::Output`.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .map_err(|e| Error::output(to, format!("cannot rename {}: {e}", from.display())))
}

/// Removes a file if it is there. Fails with `Error::Output`.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::output(path, format!("cannot be removed: {e}")))
        }
        _ => Ok(()),
    }
}

/// Brings the renamings in the folder of `path` to the disk. Fails with `Error::Output`.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| {
        Error::output(
            folder,
            format!("the folder cannot be brought to the disk: {e}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_appears_with_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let write = |text: &'static str| {
            move |p: &Path| std::fs::write(p, text).map_err(|e| Error::output(p, e))
        };
        let temporary = Temporary::new(&path, write("one")).unwrap();
        assert!(!path.exists());
        temporary.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        drop(Temporary::new(&path, write("two")).unwrap());
        assert!(
            Temporary::new(&path, |p| {
                write("x")(p).and(Err(Error::output(p, "full")))
            })
            .is_err()
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn neighbours_and_links_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "mine").unwrap();
        std::fs::write(at("a.h5.tmp"), "mine").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("b.h5.tmp")).unwrap();
        for name in ["a.h5", "b.h5"] {
            let write = |p: &Path| std::fs::write(p, "new").map_err(|e| Error::output(p, e));
            Temporary::new(&at(name), write).unwrap().publish().unwrap();
            assert!(at(name).symlink_metadata().unwrap().is_file());
            assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "new");
        }
        for name in ["victim", "a.h5.tmp", "b.h5.tmp"] {
            assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "mine");
        }
        let mode = at("a.h5").metadata().unwrap().permissions().mode();
        let usual = at("victim").metadata().unwrap().permissions().mode();
        assert_eq!(mode, usual, "readable for whom the user's mask allows");
    }

    #[test]
    fn a_file_gets_a_second_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "mine").unwrap();
        std::fs::write(at("b"), "old").unwrap();
        std::fs::set_permissions(at("a"), Permissions::from_mode(0o444)).unwrap();
        duplicate(&at("a"), &at("b")).unwrap();
        assert_eq!(std::fs::read_to_string(at("b")).unwrap(), "mine");
        // Twice is no more than once.
        duplicate(&at("a"), &at("b")).unwrap();
        assert!(is_same_file(&at("a"), &at("b")) && !is_same_file(&at("a"), &at("none")));
        assert!(duplicate(&at("none"), &at("b")).is_err());
        assert_eq!(std::fs::read_to_string(at("b")).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // Where the file system has no second names.
        copied(&at("a"), &at("b")).unwrap().publish().unwrap();
        assert!(!is_same_file(&at("a"), &at("b")));
        assert_eq!(std::fs::read_to_string(at("b")).unwrap(), "mine");
        assert!(copied(&at("none"), &at("b")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn names_of_temporary_files() {
        assert_eq!(whole_name("x.h5.AbC123.tmp"), Some("x.h5"));
        for other in ["x.h5.tmp", "x.h5", "x.h5.AbC12.tmp", "x.h5.AbC-23.tmp"] {
            assert_eq!(whole_name(other), None);
        }
    }
}
