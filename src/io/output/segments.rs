//! Decides what the files of samples are called: by the segments whose samples they hold, and by
//! what these are, so that no file is taken for another that had its place.
//!
//! ```text
//! X.samples.0003.0f1e2d3c4b5a6978.h5        segment 3
//! X.samples.0001-0008.89abcdef01234567.h5   segments 1 to 8, joined
//! X.samples.0003.h5                         segment 3, of version 0.1
//! ```

use super::OutputPaths;
use crate::error::{Error, Result};
use crate::io::seal;
use std::path::{Path, PathBuf};

/// A file with the samples of one segment, or of several in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentFile {
    /// Its first segment, from 1.
    pub first: usize,
    /// Its last segment.
    pub last: usize,
    /// Where it is.
    pub path: PathBuf,
}

/// `0003` or `0001-0008`.
fn numbers((first, last): (usize, usize)) -> String {
    match first == last {
        true => format!("{first:04}"),
        false => format!("{first:04}-{last:04}"),
    }
}

/// The segments of a file, from what stands between `X.samples.` and `.h5`.
fn parse(inner: &str) -> Option<(usize, usize)> {
    let (range, identity) = match inner.split_once('.') {
        Some((range, identity)) => (range, Some(identity)),
        None => (inner, None),
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let found = (first.parse().ok()?, last.parse().ok()?);
    let is_letter = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_known = |text: &str| text.len() == 16 && text.bytes().all(is_letter);
    let sound = 0 < found.0 && found.0 <= found.1 && identity.is_none_or(is_known);
    Some(found).filter(|&found| sound && numbers(found) == range)
}

impl SegmentFile {
    /// Whether all segments of `other` are in this file, too.
    pub fn has(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Its name without the folder.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

impl OutputPaths {
    /// The file of the segments `first` to `last` whose samples have this identity
    /// ([`crate::io::seal::identity`]).
    pub fn segment(&self, (first, last): (usize, usize), identity: u64) -> SegmentFile {
        let range = numbers((first, last));
        SegmentFile {
            first,
            last,
            path: self.file(&format!("samples.{range}.{identity:016x}.h5")),
        }
    }

    /// What the temporary name of a segment begins with, before it is known what it holds.
    pub fn temporary_segment(&self, number: usize) -> PathBuf {
        self.file(&format!("samples.{number:04}.h5"))
    }

    /// The same for people, as a shell's pattern.
    pub fn some_segment(&self, number: usize) -> PathBuf {
        self.file(&format!("samples.{number:04}.*.h5"))
    }

    /// The name of the file at `place`, which holds the segments `first` to `last`. Fails with
    /// `Error::Output` where it cannot be read.
    pub fn name_of(&self, range: (usize, usize), place: &Path) -> Result<SegmentFile> {
        let failed = |what: String| Error::output(place, what);
        let identity = seal::identity(place)
            .map_err(|e| failed(format!("cannot be opened: {e}")))?
            .ok_or_else(|| failed("is damaged".into()))?;
        Ok(self.segment(range, identity))
    }

    /// The segments that a file of this name holds, if it is one of samples of this run.
    pub(super) fn segments_in(&self, name: &str) -> Option<(usize, usize)> {
        let rest = name.strip_prefix(&self.name)?.strip_prefix(".samples.")?;
        parse(rest.strip_suffix(".h5")?)
    }

    /// The files of segments on the disk, in ascending order, of those that begin with the same
    /// segment the longest last. Fails with `Error::Output`.
    pub fn segment_files(&self) -> Result<Vec<SegmentFile>> {
        let failed = |e: std::io::Error| {
            Error::output(&self.directory, format!("the folder cannot be read: {e}"))
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some((first, last)) = name.and_then(|name| self.segments_in(name)) {
                found.push(SegmentFile { first, last, path });
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Whether `X.h5` of a run with this name would be a file of samples of another run.
pub(super) fn is_segment(name: &str) -> bool {
    let inner = name.rsplit_once(".samples.").map(|(_, inner)| inner);
    inner.is_some_and(|inner| parse(inner).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments() {
        let paths = OutputPaths::new("a", "x.y");
        for (range, name) in [
            ((3, 3), "x.y.samples.0003.0123456789abcdef.h5"),
            ((1, 8), "x.y.samples.0001-0008.0123456789abcdef.h5"),
            ((8, 12345), "x.y.samples.0008-12345.0123456789abcdef.h5"),
        ] {
            let file = paths.segment(range, 0x0123_4567_89ab_cdef);
            assert_eq!(file.name(), name);
            assert_eq!(paths.segments_in(name), Some(range));
            assert!(is_segment(name.strip_suffix(".h5").unwrap()));
        }
        assert_eq!(paths.segments_in("x.y.samples.0003.h5"), Some((3, 3)));
        for name in [
            "x.samples.0003.h5",
            "x.y.samples.3.h5",
            "x.y.samples.0000.h5",
            "x.y.samples.0002-0001.h5",
            "x.y.samples.0001-0001.h5",
            "x.y.samples.0001.0123456789ABCDEF.h5",
            "x.y.samples.0001.0123.h5",
            "x.y.samples.h5",
        ] {
            assert_eq!(paths.segments_in(name), None, "{name}");
        }
    }
}
