//! Decides when old segments become one file, so that a reader needs few of them.
//!
//! A file of n segments has the level ⌊log₈ n⌋. As soon as eight files in a row have one level
//! they become one file of a higher level. Of n segments at most 7 (1 + log₈ n) files are left,
//! fewer than 64 below 8⁸ segments. A sample is copied at most log₈ n times, so that all copies
//! together take n log₈ n, and no more than a piece of a file is in memory.
//!
//! The larger file is on the disk before `X.samples.h5` shows it, and its pieces are removed after
//! that: a kill at any instant leaves every sample in a file that is shown.

use super::columns::{joined, origin};
use super::index::{cover, write_index};
use super::{NOTES, ROWS};
use crate::error::{Error, Result};
use crate::io::hdf5::{self, Joined};
use crate::io::output::{OutputPaths, SegmentFile};
use crate::io::roles;
use crate::io::tree::{Value, shaped};
use std::ops::Range;

/// Files of one level that become one.
const WIDTH: usize = 8;

/// Files that are left of so many segments, each saved after the others were joined: the sum of the
/// digits to base 8.
pub fn files_of(segments: usize) -> usize {
    match segments {
        0 => 0,
        n => n % WIDTH + files_of(n / WIDTH),
    }
}

/// ⌊log₈ n⌋ of the n segments of a file.
fn level(file: &SegmentFile) -> u32 {
    (file.last + 1 - file.first).ilog(WIDTH)
}

/// The first files in a row, without a gap and a damaged one, that have one level and are too many.
fn crowd(files: &[SegmentFile], damaged: &[SegmentFile]) -> Option<Range<usize>> {
    let belongs = |a: &SegmentFile, b: &SegmentFile| {
        let whole = !damaged.contains(a) && !damaged.contains(b);
        whole && level(a) == level(b) && a.last + 1 == b.first
    };
    let mut start = 0;
    for row in files.chunk_by(belongs) {
        let end = start + row.len();
        if row.len() >= WIDTH {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// Joins old ones of the segments 1 to `count` to larger files, where there are many, and removes
/// the pieces. A piece that is damaged is left as it is.
///
/// `go_on` is asked often whether so many more seconds are left, and where it says no the row that
/// is being joined stays in pieces. Fails with `Error::Output`; `X.samples.h5` shows all samples
/// then, too, and the next call removes pieces that are left.
pub fn merge(paths: &OutputPaths, count: usize, go_on: &dyn Fn(f64) -> bool) -> Result<()> {
    let mut found = cover(paths, count, false)?;
    let before = found.files.len();
    let joined = join_rows(paths, &mut found.files, go_on);
    if found.files.len() != before || found.has_superseded() {
        write_index(paths, &found)?;
        cover(paths, count, false)?.remove_superseded()?;
    }
    match joined {
        Err(Error::Interrupted) => Ok(()),
        joined => joined,
    }
}

/// Joins rows of files until none is too long; `Error::Interrupted` where `go_on` says no.
fn join_rows(
    paths: &OutputPaths,
    files: &mut Vec<SegmentFile>,
    go_on: &dyn Fn(f64) -> bool,
) -> Result<()> {
    let mut damaged = Vec::new();
    while let Some(row) = crowd(files, &damaged) {
        let pieces = &files[row.clone()];
        if !go_on(seconds(pieces)) {
            return Err(Error::Interrupted);
        }
        if let Some(piece) = first_damaged(pieces, go_on)? {
            damaged.push(piece);
            continue;
        }
        let rows = pieces.iter().map(rows_of).collect::<Result<Vec<_>>>()?;
        let whole = write(paths, pieces, joined(pieces)?, rows.concat(), go_on)?;
        files.splice(row, [whole]);
    }
    Ok(())
}

/// Bytes that a slow file system reads and writes in a second.
const SLOW: f64 = 5e7;

/// Seconds that it takes at most to join files, on all but the slowest disks.
fn seconds(files: &[SegmentFile]) -> f64 {
    let length = |file: &SegmentFile| file.path.metadata().map_or(0, |about| about.len());
    files.iter().map(length).sum::<u64>() as f64 / SLOW
}

/// The first of some files that is not whole to its last byte; says what is damaged.
fn first_damaged(
    files: &[SegmentFile],
    go_on: &dyn Fn(f64) -> bool,
) -> Result<Option<SegmentFile>> {
    for file in files {
        if !go_on(0.0) {
            return Err(Error::Interrupted);
        }
        if let Some(damage) = roles::damage(&file.path, true)? {
            log::warn!("{damage}; no other segments are joined to it");
            return Ok(Some(file.clone()));
        }
    }
    Ok(None)
}

/// Writes the segments of a file up to `last` as a file of their own. Fails with `Error::Output`.
pub(super) fn cut(paths: &OutputPaths, file: &SegmentFile, last: usize) -> Result<()> {
    let pieces = [SegmentFile {
        last,
        ..file.clone()
    }];
    let mut rows = rows_of(file)?;
    rows.truncate(last + 1 - file.first);
    let kept = rows.iter().sum::<i64>() as usize;
    let mut datasets = joined(&pieces)?;
    for part in datasets.iter_mut().flat_map(|d| &mut d.parts) {
        part.1 = part.1.min(kept);
    }
    write(paths, &pieces, datasets, rows, &|_| true).map(drop)
}

/// Samples of each segment of a file.
fn rows_of(file: &SegmentFile) -> Result<Vec<i64>> {
    let segments = file.last + 1 - file.first;
    if segments == 1 {
        let shapes = hdf5::shapes(&file.path, &[NOTES[0].0])?;
        let rows = shapes.iter().flatten().flatten().next();
        return Ok(vec![rows.copied().unwrap_or(0) as i64]);
    }
    let rows = hdf5::integers(&file.path, ROWS.0)?;
    match rows.len() == segments && rows.iter().all(|&rows| rows >= 0) {
        true => Ok(rows),
        false => Err(Error::output(
            &file.path,
            "does not say which samples belong to which segment",
        )),
    }
}

/// Writes one file with the rows of some others; `Error::Interrupted` where `go_on` says no.
fn write(
    paths: &OutputPaths,
    pieces: &[SegmentFile],
    datasets: Vec<Joined>,
    rows: Vec<i64>,
    go_on: &dyn Fn(f64) -> bool,
) -> Result<SegmentFile> {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return Err(Error::output(paths.samples(), "no segments to be joined"));
    };
    let mut more = origin(pieces)?;
    let (name, unit, meaning) = ROWS;
    let rows = Value::Integer(shaped(&[rows.len()], rows));
    more.describe(name, rows, unit, meaning);
    let place = paths.temporary_segment(first.first);
    let may_go_on = || go_on(0.0);
    let new = hdf5::write_concatenated(&place, &datasets, &more, &may_go_on)
        .map_err(|e| if may_go_on() { e } else { Error::Interrupted })?;
    let file = paths.name_of((first.first, last.last), new.place())?;
    new.publish_as(file.path.clone())?;
    Ok(file)
}

#[cfg(test)]
mod tests;
