//! Decides when old segments become one file, so that a reader needs few of them.
//!
//! A file of n segments has the level ⌊log₈ n⌋. As soon as eight files in a row have one level
//! they become one file of a higher level. Of n segments at most 7 (1 + log₈ n) files are left,
//! fewer than 64 below 8⁸ segments. A sample is copied at most log₈ n times, so that all copies
//! together take n log₈ n, and no more than a piece of a file is in memory.
//!
//! The larger file is on the disk before `X.samples.h5` shows it, and its pieces are removed after
//! that: a kill at any instant leaves every sample in a file that is shown.

use super::columns::joined;
use super::index::{cover, write_index};
use super::{NOTES, ROWS};
use crate::error::{Error, Result};
use crate::io::hdf5::{self, Joined};
use crate::io::output::{OutputPaths, SegmentFile};
use crate::io::roles;
use crate::io::tree::{Tree, Value, shaped};
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
    let mut more = Tree::default();
    let (name, unit, meaning) = ROWS;
    let rows = Value::Integer(shaped(&[rows.len()], rows));
    more.describe(name, rows, unit, meaning);
    let place = paths.new_segment(first.first);
    let may_go_on = || go_on(0.0);
    let new = hdf5::write_concatenated(&place, &datasets, &more, &may_go_on)
        .map_err(|e| if may_go_on() { e } else { Error::Interrupted })?;
    let file = paths.name_of((first.first, last.last), new.place())?;
    new.publish_as(file.path.clone())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{segment, spoil};
    use super::super::{read, restore, truncate, write_joined, write_segment};
    use super::*;
    use std::cell::Cell;
    use std::path::Path;

    const YES: fn(f64) -> bool = |_| true;

    /// Segments of different lengths; how many samples come before segment `number`.
    fn before(number: usize) -> usize {
        (1..number).map(|k| 1 + k % 3).sum()
    }

    fn save(paths: &OutputPaths, number: usize) {
        let rows = before(number + 1) - before(number);
        write_segment(paths, number, segment(before(number), rows)).unwrap();
        write_joined(paths, number).unwrap();
    }

    fn ranges(paths: &OutputPaths) -> Vec<(usize, usize)> {
        let files = paths.segments().unwrap();
        files.iter().map(|file| (file.first, file.last)).collect()
    }

    fn bytes(folder: &Path) -> u64 {
        let files = folder.read_dir().unwrap().map(|e| e.unwrap());
        files.map(|file| file.metadata().unwrap().len()).sum()
    }

    #[test]
    fn files_stay_few_and_samples_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let mut written = 0;
        for number in 1..=600 {
            save(&paths, number);
            let old = ranges(&paths);
            merge(&paths, number, &YES).unwrap();
            let new = ranges(&paths);
            assert_eq!(new.len(), files_of(number), "{new:?}");
            if new != old {
                written += new.last().map_or(0, |last| last.1 + 1 - last.0);
            }
            if number % 50 == 0 || new != old {
                let all = read(&paths.samples()).unwrap();
                assert_eq!(all, segment(0, before(number + 1)), "{number}");
            }
        }
        assert_eq!(ranges(&paths)[..3], [(1, 512), (513, 576), (577, 584)]);
        // Each segment is copied once for each level.
        assert!(written <= 3 * 600, "{written}");
        let one_by_one = tempfile::tempdir().unwrap();
        let apart = OutputPaths::new(one_by_one.path(), "run");
        (1..=600).for_each(|number| {
            let rows = before(number + 1) - before(number);
            write_segment(&apart, number, segment(before(number), rows)).unwrap();
        });
        assert!(bytes(folder.path()) < bytes(one_by_one.path()));
        // Segments of a run from before are joined at once.
        write_joined(&apart, 600).unwrap();
        merge(&apart, 600, &YES).unwrap();
        assert_eq!(ranges(&apart), [(1, 600)]);
        let all = read(&apart.samples()).unwrap();
        assert_eq!(all, segment(0, before(601)));
    }

    #[test]
    fn a_run_goes_back_into_a_joined_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        (1..=70).for_each(|number| {
            save(&paths, number);
            merge(&paths, number, &YES).unwrap();
        });
        for count in [69, 37, 8, 3, 1, 0] {
            assert_eq!(truncate(&paths, count), Ok(Vec::new()));
            assert!(ranges(&paths).iter().all(|&(_, last)| last <= count));
            if count > 0 {
                let all = read(&paths.samples()).unwrap();
                assert_eq!(all, segment(0, before(count + 1)), "{count}");
            }
        }
        assert!(!paths.samples().exists());
        (1..=40).for_each(|number| {
            save(&paths, number);
            merge(&paths, number, &YES).unwrap();
            if number == 20 {
                truncate(&paths, 13).unwrap();
                (14..=20).for_each(|number| save(&paths, number));
            }
        });
        let all = read(&paths.samples()).unwrap();
        assert_eq!(all, segment(0, before(41)));
        assert!(ranges(&paths).len() <= 14, "{:?}", ranges(&paths));
    }

    /// Copies files of a folder to another.
    fn copy<'n>(from: &Path, to: &Path, names: impl IntoIterator<Item = &'n String>) {
        for name in names {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }

    /// A kill between any two changes of the disk: what stands there is a mixture of the files
    /// before and after.
    #[test]
    fn every_instant_leaves_all_samples() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = OutputPaths::new(old.path(), "run");
        (1..=8).for_each(|number| save(&paths, number));
        let all = segment(0, before(9));
        let names = |paths: &OutputPaths| -> Vec<String> {
            let files = paths.segments().unwrap();
            files.iter().map(SegmentFile::name).collect()
        };
        let (pieces, index) = (names(&paths), ["run.samples.h5".to_string()]);
        copy(old.path(), new.path(), pieces.iter().chain(&index));
        let after = OutputPaths::new(new.path(), "run");
        merge(&after, 8, &YES).unwrap();
        let whole = names(&after);
        assert_eq!(ranges(&after), [(1, 8)]);
        // The larger file is there, the index is old; then it is new, and pieces go one by one.
        let instants = (0..=pieces.len()).map(|removed| (removed, new.path()));
        for (removed, of_index) in std::iter::once((0, old.path())).chain(instants) {
            let place = tempfile::tempdir().unwrap();
            copy(new.path(), place.path(), &whole);
            copy(old.path(), place.path(), &pieces[removed..]);
            copy(of_index, place.path(), &index);
            let here = OutputPaths::new(place.path(), "run");
            assert_eq!(read(&here.samples()).unwrap(), all);
            merge(&here, 8, &YES).unwrap();
            assert_eq!(ranges(&here), [(1, 8)], "pieces do not stay");
            for count in [8, 7] {
                truncate(&here, count).unwrap();
                let kept = segment(0, before(count + 1));
                assert_eq!(read(&here.samples()).unwrap(), kept);
            }
            assert!(here.segments().unwrap().iter().all(|f| f.last <= 7));
        }
        // A damaged larger file does not hide its pieces.
        copy(old.path(), new.path(), &pieces);
        spoil(&new.path().join(&whole[0]));
        assert_eq!(truncate(&after, 8), Ok(Vec::new()));
        assert_eq!(read(&after.samples()).unwrap(), all);
    }

    #[test]
    fn a_damaged_piece_does_not_keep_others_apart() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        (1..=11).for_each(|number| save(&paths, number));
        let spoiled = paths.segments().unwrap()[2].path.clone();
        spoil(&spoiled);
        merge(&paths, 11, &YES).unwrap();
        let apart = [(1, 1), (2, 2), (3, 3)];
        assert_eq!(ranges(&paths), [&apart[..], &[(4, 11)]].concat());
        // The row before it does not grow, the one behind it is joined as ever.
        for number in 12..=19 {
            save(&paths, number);
            merge(&paths, number, &YES).unwrap();
        }
        let joined = [(4, 11), (12, 19)];
        assert_eq!(ranges(&paths), [&apart[..], &joined].concat());
        let gaps = restore(&paths, 19).unwrap();
        assert!(gaps[0].contains(spoiled.to_str().unwrap()), "{gaps:?}");
        let mut chain = segment(0, before(20)).chain;
        chain.drain(before(3)..before(4));
        assert_eq!(read(&paths.samples()).unwrap().chain, chain);
    }

    /// However often it may go on, nothing is lost, and nothing half is left.
    #[test]
    fn joining_can_be_stopped_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        (1..=8).for_each(|number| save(&paths, number));
        let (all, files) = (segment(0, before(9)), std::fs::read_dir(folder.path()));
        let files = files.unwrap().count();
        // A level that is expected to outlast the time left is not begun.
        merge(&paths, 8, &|seconds| seconds <= 0.0).unwrap();
        assert_eq!(ranges(&paths).len(), 8);
        let mut stops = 0;
        while ranges(&paths).len() > 1 {
            let asked = Cell::new(0);
            let so_often = |_| asked.replace(asked.get() + 1) < stops;
            merge(&paths, 8, &so_often).unwrap();
            assert_eq!(read(&paths.samples()).unwrap(), all, "{stops}");
            if ranges(&paths).len() > 1 {
                assert_eq!(folder.path().read_dir().unwrap().count(), files);
                stops += 1;
            }
        }
        // The row, each piece, each column of each piece.
        assert_eq!(stops, 1 + 8 + 5 * 8);
    }
}
