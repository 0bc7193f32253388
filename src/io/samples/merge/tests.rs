//! Files stay few, and no sample is lost, whenever joining ends.

use super::super::tests::{segment, spoil};
use super::super::{read, restore, truncate, write_segment, write_view};
use super::*;
use crate::io::tree::Tree;
use std::cell::Cell;
use std::path::Path;

const YES: fn(f64) -> bool = |_| true;

/// Segments of different lengths; how many samples come before segment `number`.
fn before(number: usize) -> usize {
    (1..number).map(|k| 1 + k % 3).sum()
}

fn save(paths: &OutputPaths, number: usize) {
    let rows = before(number + 1) - before(number);
    write_segment(
        paths,
        number,
        segment(before(number), rows),
        Tree::default(),
    )
    .unwrap();
    write_view(paths, number).unwrap();
}

fn ranges(paths: &OutputPaths) -> Vec<(usize, usize)> {
    let files = paths.segment_files().unwrap();
    files.iter().map(|file| (file.first, file.last)).collect()
}

fn names(paths: &OutputPaths) -> Vec<String> {
    let files = paths.segment_files().unwrap();
    files.iter().map(SegmentFile::name).collect()
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
        write_segment(
            &apart,
            number,
            segment(before(number), rows),
            Tree::default(),
        )
        .unwrap();
    });
    assert!(bytes(folder.path()) < bytes(one_by_one.path()));
    // Segments of a run from before are joined at once.
    write_view(&apart, 600).unwrap();
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
        assert!(here.segment_files().unwrap().iter().all(|f| f.last <= 7));
    }
    // A damaged larger file does not hide its pieces.
    copy(old.path(), new.path(), &pieces);
    spoil(&new.path().join(&whole[0]));
    assert_eq!(truncate(&after, 8), Ok(Vec::new()));
    assert_eq!(read(&after.samples()).unwrap(), all);
}

/// The same of going back into a joined file, and of a segment that is written anew.
#[test]
fn every_instant_of_going_back_leaves_the_older_samples() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let paths = OutputPaths::new(old.path(), "run");
    (1..=8).for_each(|number| save(&paths, number));
    merge(&paths, 8, &YES).unwrap();
    save(&paths, 9);
    let (whole, index) = (names(&paths), ["run.samples.h5".to_string()]);
    copy(old.path(), new.path(), whole.iter().chain(&index));
    let after = OutputPaths::new(new.path(), "run");
    truncate(&after, 5).unwrap();
    let kept = names(&after);
    assert_eq!((ranges(&after), whole.len()), (vec![(1, 5)], 2));
    // The older segments are written anew, the index shows them, the files before it go.
    let instants = [(0, 9, 0), (1, 9, 0), (1, 5, 0), (1, 5, 1), (1, 5, 2)];
    for (cut, shown, removed) in instants {
        let place = tempfile::tempdir().unwrap();
        copy(new.path(), place.path(), &kept[..cut]);
        copy(old.path(), place.path(), &whole[removed..]);
        let from = if shown == 9 { old.path() } else { new.path() };
        copy(from, place.path(), &index);
        let here = OutputPaths::new(place.path(), "run");
        let is_shown = |count: usize| {
            let all = read(&here.samples()).unwrap();
            assert_eq!(
                all,
                segment(0, before(count + 1)),
                "{cut} {shown} {removed}"
            );
        };
        is_shown(shown);
        let goes_back = || {
            assert_eq!(truncate(&here, 5), Ok(Vec::new()));
            assert_eq!(ranges(&here), [(1, 5)]);
            is_shown(5);
        };
        goes_back();
        // A new segment stands beside one that had its number.
        write_segment(&here, 6, segment(70, 2), Tree::default()).unwrap();
        let aside = names(&here).remove(1);
        copy(place.path(), new.path(), [&aside]);
        save(&here, 6);
        copy(new.path(), place.path(), [&aside]);
        assert_eq!(ranges(&here), [(1, 5), (6, 6), (6, 6)]);
        goes_back();
        save(&here, 6);
        is_shown(6);
    }
}

#[test]
fn a_damaged_piece_does_not_keep_others_apart() {
    let folder = tempfile::tempdir().unwrap();
    let paths = OutputPaths::new(folder.path(), "run");
    (1..=11).for_each(|number| save(&paths, number));
    let spoiled = paths.segment_files().unwrap()[2].path.clone();
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
