//! Decides what the files of a run are called.

use super::{OutputPaths, segments};
use std::path::{Path, PathBuf};

/// Whether the results of a run called `name` would have the name of another run's file: its
/// checkpoint, its samples, or what it has set aside.
pub fn is_reserved(name: &str) -> bool {
    let ends = |name: &str| name.ends_with(".ckpt") || name.ends_with(".samples");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let numbered = |(rest, last): (&str, &str)| {
        (ends(rest) && digits(last)) || last.strip_prefix("old-").is_some_and(digits)
    };
    ends(name) || segments::is_segment(name) || name.rsplit_once('.').is_some_and(numbered)
}

impl OutputPaths {
    pub(super) fn file(&self, ending: &str) -> PathBuf {
        self.directory.join(format!("{}.{ending}", self.name))
    }
    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
    /// The results.
    pub fn results(&self) -> PathBuf {
        self.file("h5")
    }
    /// What a run shows of itself between two saves.
    pub fn live(&self) -> PathBuf {
        self.file("live")
    }
    /// All samples as one logical file.
    pub fn samples(&self) -> PathBuf {
        self.file("samples.h5")
    }
    /// The newest checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("ckpt.h5")
    }
    /// The checkpoint before it.
    pub fn previous_checkpoint(&self) -> PathBuf {
        self.file("ckpt.1.h5")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_runs_files_are_reserved() {
        for name in [
            "a.ckpt",
            "a.ckpt.1",
            "a.samples",
            "a.samples.0001",
            "a.samples.64",
            "a.samples.0001-0008.0123456789abcdef",
            "a.old-1",
            "a.old-1.ckpt",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [
            "a",
            "a.ckpt.test",
            "ckpt",
            "samples.1",
            "a.old",
            "a.1",
            "h0.5",
            "old-1",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
