//! Decides how a file comes to its name: written beside it, synchronised, renamed, and the folder
//! synchronised, so that a kill at any instant leaves either the old file or the new one.
//!
//! Reference: rename(2), fsync(2).

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file that is complete on the disk under its temporary name; removed when dropped without
/// [`Temporary::publish`].
#[derive(Debug)]
pub struct Temporary {
    place: PathBuf,
    path: PathBuf,
    published: bool,
}

impl Temporary {
    /// Lets `write` make the file that is to become `path`, under the name `path.tmp`, and brings
    /// it to the disk.
    ///
    /// Fails with `Error::Output`; nothing is left behind then.
    pub fn new(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let mut name = OsString::from(path);
        name.push(".tmp");
        let temporary = Temporary {
            place: name.into(),
            path: path.to_path_buf(),
            published: false,
        };
        write(&temporary.place)?;
        let sync = File::options()
            .write(true)
            .open(&temporary.place)
            .and_then(|file| file.sync_all());
        sync.map_err(|e| Error::output(path, format!("cannot be brought to the disk: {e}")))?;
        Ok(temporary)
    }

    /// Gives the file its name, in the place of what had it.
    pub fn publish(mut self) -> Result<()> {
        rename(&self.place, &self.path)?;
        self.published = true;
        sync_folder(&self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            // The reason why it was not published is already on its way; a remnant is overwritten
            // next time.
            let _ = std::fs::remove_file(&self.place);
        }
    }
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
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
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
}
