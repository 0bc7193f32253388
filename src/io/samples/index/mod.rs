//! Decides which files hold the samples of a run, and what stands in `X.samples.h5`.
//!
//! Several files may hold the same segment for a moment: pieces, and the larger file that they were
//! joined to. The largest that is whole counts.

use super::columns::{joined, origin, source};
use super::{NOTES, merge};
use crate::error::Result;
use crate::io::hdf5::{self, SourceFile};
use crate::io::output::{OutputPaths, SegmentFile};
use crate::io::{atomic, roles, seal};
use std::path::PathBuf;

/// The files that hold the segments 1 to some number.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// In order, each segment at most once.
    pub files: Vec<SegmentFile>,
    /// Ranges of segments that no whole file has.
    pub lost: Vec<(usize, usize)>,
    /// What is known of the first of them: the damaged file, or the name of the missing one.
    first_lost: PathBuf,
    /// Files whose segments stand in a larger one.
    superseded: Vec<SegmentFile>,
}

/// Looks for the segments 1 to `count`, where `thorough` to the last byte of each. Only what is on
/// the disk is looked at, however many a damaged checkpoint claims.
///
/// Fails with `Error::Output` where a file may be whole but cannot be opened.
pub(super) fn cover(paths: &OutputPaths, count: usize, thorough: bool) -> Result<Cover> {
    let all = paths.segment_files()?;
    let mut files = all.clone();
    files.retain(|file| file.last <= count);
    let (mut found, mut next) = (Cover::default(), 1);
    while next <= count {
        let mut whole = None;
        for file in files.iter().rev().filter(|file| file.first == next) {
            // What makes others superfluous is looked at to the last byte.
            let replaces = files.iter().any(|other| other != file && file.has(other));
            if roles::damage(&file.path, thorough || replaces)?.is_none() {
                whole = Some(file.clone());
                break;
            }
        }
        next = match whole {
            Some(file) => {
                found.files.push(file.clone());
                file.last + 1
            }
            None => {
                let later = files.iter().map(|f| f.first).filter(|&first| first > next);
                let end = later.min().unwrap_or(count + 1);
                if found.lost.is_empty() {
                    let damaged = all.iter().find(|f| f.first <= next && next <= f.last);
                    let name = damaged.map(|file| file.path.clone());
                    found.first_lost = name.unwrap_or_else(|| paths.some_segment(next));
                }
                found.lost.push((next, end - 1));
                end
            }
        };
    }
    let chosen = &found.files;
    let is_superseded =
        |file: &SegmentFile| chosen.iter().any(|whole| whole != file && whole.has(file));
    files.retain(is_superseded);
    found.superseded = files;
    Ok(found)
}

impl Cover {
    /// What is said of segments that are missing: their number and the first of them.
    fn gap(&self, paths: &OutputPaths) -> Option<String> {
        let lost: usize = self.lost.iter().map(|(first, last)| last + 1 - first).sum();
        (lost > 0).then(|| {
            format!(
                "{lost} of the segments of samples are missing or damaged, the first is {}: {} is \
                 without them; put them back and run the same command again, or use --fresh to \
                 take all samples anew",
                self.first_lost.display(),
                paths.samples().display()
            )
        })
    }

    /// Whether a file is said to hold segments that are missing.
    fn lacks(&self, file: &SegmentFile) -> bool {
        let overlaps = |lost: &(usize, usize)| file.first <= lost.1 && lost.0 <= file.last;
        self.lost.iter().any(overlaps)
    }

    /// Whether there are files whose samples stand in others.
    pub fn has_superseded(&self) -> bool {
        !self.superseded.is_empty()
    }

    /// Removes the files whose samples stand in others, once `X.samples.h5` does not name them.
    pub fn remove_superseded(&self) -> Result<()> {
        let mut old = self.superseded.iter();
        old.try_for_each(|file| atomic::remove(&file.path))
    }
}

/// Writes `X.samples.h5` over the segments 1 to `count`; removes it where there are none. Where one
/// file has them all it is that file under a second name.
///
/// A segment that is missing or truncated is left out: its samples are lost, all others are sound.
/// Returns a warning about each gap, with the remedy. `step` is joined only where every segment has
/// it. Fails with `Error::Output`.
pub fn write_view(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let cover = cover(paths, count, false)?;
    write_index(paths, &cover)?;
    Ok(cover.gap(paths).into_iter().collect())
}

/// Writes `X.samples.h5` over these files; a second name of the only one stays as it is.
pub(super) fn write_index(paths: &OutputPaths, cover: &Cover) -> Result<()> {
    match cover.files.len() == 1 && is_current(paths, cover, false)? {
        true => Ok(()),
        false => replace_index(paths, cover),
    }
}

fn replace_index(paths: &OutputPaths, cover: &Cover) -> Result<()> {
    let index = paths.samples();
    match &cover.files[..] {
        [] => atomic::remove(&index),
        [alone] => atomic::duplicate(&alone.path, &index),
        files => hdf5::write_view(&index, &joined(files)?, &origin(files)?),
    }
}

/// Whether `X.samples.h5` is whole, where `thorough` to its last byte, and shows these files as
/// they are. All that it shows stands in others: what cannot be opened or read is not current, too.
fn is_current(paths: &OutputPaths, cover: &Cover, thorough: bool) -> Result<bool> {
    let index = paths.samples();
    if let [alone] = &cover.files[..]
        && atomic::is_same_file(&alone.path, &index)
    {
        return Ok(true);
    }
    if !matches!(roles::damage(&index, thorough), Ok(None)) {
        return Ok(false);
    }
    let Ok(shown) = hdf5::sources(&index, NOTES[0].0) else {
        return Ok(false);
    };
    let sources = cover.files.iter().map(source);
    let sources = sources.collect::<Result<Vec<SourceFile>>>()?;
    Ok(match (shown, &sources[..]) {
        (None, [alone]) => {
            let identity = seal::identity(&index);
            identity.is_ok_and(|identity| identity == alone.identity)
        }
        (Some(shown), files) => shown == files && files.len() > 1,
        (None, _) => false,
    })
}

/// Writes `X.samples.h5` of a finished run again where it is missing, damaged, or shows other files
/// than the segments 1 to `count`: of a run that was renamed. All files are looked at to their last
/// byte. Returns warnings as [`write_view`]. Fails with `Error::Output`.
pub fn restore(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let cover = cover(paths, count, true)?;
    if !is_current(paths, &cover, true)? {
        replace_index(paths, &cover)?;
    }
    cover.remove_superseded()?;
    Ok(cover.gap(paths).into_iter().collect())
}

/// Drops everything newer than the first `count` segments: first from `X.samples.h5`, then from the
/// disk. Returns warnings as [`write_view`].
///
/// Of a file that joins older segments and newer ones the older are written anew; where it is
/// damaged and nothing else has them it stays as it is. Fails with `Error::Output`.
pub fn truncate(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let mut newer = paths.segment_files()?;
    newer.retain(|file| file.last > count);
    let mut found = cover(paths, count, false)?;
    for file in &newer {
        if found.lacks(file) && roles::damage(&file.path, true)?.is_none() {
            merge::cut(paths, file, count)?;
            found = cover(paths, count, false)?;
        }
    }
    write_index(paths, &found)?;
    for file in newer.iter().filter(|file| !found.lacks(file)) {
        atomic::remove(&file.path)?;
    }
    found.remove_superseded()?;
    atomic::sync_folder(&paths.samples())?;
    Ok(found.gap(paths).into_iter().collect())
}

#[cfg(test)]
mod tests;
