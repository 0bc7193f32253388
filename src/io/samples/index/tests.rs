//! What `X.samples.h5` shows, whatever stands on the disk.

use super::super::tests::{segment, spoil};
use super::super::{read, write_segment};
use super::*;
use crate::error::Error;
use crate::io::tree::Tree;
use std::os::unix::fs::MetadataExt;

fn run(folder: &std::path::Path, name: &str, rows: &[(usize, usize)]) -> OutputPaths {
    std::fs::create_dir_all(folder).unwrap();
    let paths = OutputPaths::new(folder, name);
    for (number, &(first, rows)) in (1..).zip(rows) {
        write_segment(&paths, number, segment(first, rows), Tree::default()).unwrap();
    }
    paths
}

fn file(paths: &OutputPaths, number: usize) -> PathBuf {
    let files = paths.segment_files().unwrap().into_iter();
    let mut files = files.filter(|file| file.first == number);
    files.next().unwrap().path
}

#[test]
fn segments_join_to_one_dataset_that_can_move() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let paths = run(&a, "run", &[(0, 4), (4, 0), (4, 5), (9, 2)]);
    write_view(&paths, 3).unwrap();
    assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
    write_view(&paths, 4).unwrap();
    std::fs::rename(&a, &b).unwrap();
    let moved = OutputPaths::new(b, "run");
    assert_eq!(read(&moved.samples()).unwrap(), segment(0, 11));

    truncate(&moved, 3).unwrap();
    assert_eq!(moved.segment_files().unwrap().len(), 3);
    assert_eq!(read(&moved.samples()).unwrap(), segment(0, 9));
    atomic::remove(&file(&moved, 1)).unwrap();
    assert!(
        matches!(read(&moved.samples()), Err(Error::Output { .. })),
        "a missing segment is not zeros"
    );
    truncate(&moved, 0).unwrap();
    assert!(!moved.samples().exists());
}

#[test]
fn one_file_of_segments_is_the_joined_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
    write_view(&paths, 1).unwrap();
    let index = paths.samples();
    let number = |path: &PathBuf| path.metadata().unwrap().ino();
    assert_eq!(number(&index), number(&file(&paths, 1)));
    write_view(&paths, 1).unwrap();
    std::fs::create_dir(folder.path().join("away")).unwrap();
    let copy = folder.path().join("away/copy.h5");
    std::fs::copy(&index, &copy).unwrap();
    assert_eq!(read(&copy).unwrap(), segment(0, 4));
    write_view(&paths, 2).unwrap();
    assert_eq!(read(&index).unwrap(), segment(0, 6));
    truncate(&paths, 1).unwrap();
    assert_eq!(number(&index), number(&file(&paths, 1)));
    let names = folder.path().read_dir().unwrap();
    let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".tmp")).count(), 0);
}

#[test]
fn a_missing_segment_is_named_and_the_others_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "50%run%%b", &[(0, 4), (4, 2), (6, 3)]);
    assert_eq!(write_view(&paths, 3), Ok(Vec::new()));
    assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
    let first = file(&paths, 1);
    let bytes = std::fs::read(&first).unwrap();
    std::fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
    for damaged in [true, false] {
        let gaps = write_view(&paths, 3).unwrap();
        assert_eq!(gaps.len(), 1);
        assert!(gaps[0].starts_with("1 of the segments"), "{gaps:?}");
        let name = match damaged {
            true => first.display().to_string(),
            false => "50%run%%b.samples.0001.*.h5".into(),
        };
        assert!(gaps[0].contains(&name), "{gaps:?}");
        assert_eq!(read(&paths.samples()).unwrap(), segment(4, 5));
        atomic::remove(&first).unwrap();
    }
    let rest = write_view(&paths, 1 << 60).unwrap();
    assert!(rest[0].contains("samples.0001.*.h5"), "{rest:?}");
    atomic::remove(&file(&paths, 2)).unwrap();
    atomic::remove(&file(&paths, 3)).unwrap();
    assert!(write_view(&paths, 3).unwrap()[0].starts_with("3 of"));
    assert!(!paths.samples().exists());
}

/// What cannot be opened may be whole: it is no lost segment.
#[test]
fn a_segment_that_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
    write_view(&paths, 2).unwrap();
    let before = std::fs::read(paths.samples()).unwrap();
    let second = file(&paths, 2);
    std::fs::rename(&second, folder.path().join("aside")).unwrap();
    std::os::unix::fs::symlink("nowhere", &second).unwrap();
    for failed in [
        write_view(&paths, 2),
        truncate(&paths, 2),
        restore(&paths, 2),
    ] {
        let error = failed.unwrap_err();
        assert_eq!(error.exit_code(), 74);
        assert!(error.to_string().contains("cannot be opened"), "{error}");
    }
    assert_eq!(std::fs::read(paths.samples()).unwrap(), before);
}

/// A flipped byte changes neither length nor checksums at the beginning.
#[test]
fn a_finished_run_looks_at_every_byte() {
    for rows in [&[(0, 4)][..], &[(0, 4), (4, 2)]] {
        let folder = tempfile::tempdir().unwrap();
        let (paths, count) = (run(folder.path(), "run", rows), rows.len());
        let whole = segment(0, rows.iter().map(|r| r.1).sum());
        write_view(&paths, count).unwrap();
        spoil(&paths.samples());
        assert!(read(&paths.samples()).is_err());
        assert_eq!(restore(&paths, count), Ok(Vec::new()));
        assert_eq!(read(&paths.samples()).unwrap(), whole);
        // The segment itself, and with it a second name of it.
        let first = file(&paths, 1);
        spoil(&first);
        if count == 1 {
            atomic::remove(&paths.samples()).unwrap();
            std::fs::hard_link(&first, paths.samples()).unwrap();
        }
        for _ in 0..2 {
            let gaps = restore(&paths, count).unwrap();
            assert!(gaps[0].starts_with("1 of the segments"), "{gaps:?}");
            assert!(gaps[0].contains(first.to_str().unwrap()), "{gaps:?}");
        }
        match count {
            1 => assert!(!paths.samples().exists()),
            _ => assert_eq!(read(&paths.samples()).unwrap(), segment(4, 2)),
        }
        let names = folder.path().read_dir().unwrap().map(|e| e.unwrap().path());
        assert_eq!(names.filter(|n| n.extension().unwrap() == "tmp").count(), 0);
    }
}

/// A joined file that goes beyond the checkpoint may be the only one with older segments.
#[test]
fn a_damaged_joined_file_is_kept_for_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<(usize, usize)> = (0..8).map(|k| (2 * k, 2)).collect();
    let paths = run(folder.path(), "run", &rows);
    merge(&paths, 8, &|_| true).unwrap();
    let joined = file(&paths, 1);
    let whole = std::fs::read(&joined).unwrap();
    spoil(&joined);
    let is_named = |gaps: Vec<String>| {
        assert!(gaps[0].starts_with("5 of the segments"), "{gaps:?}");
        assert!(gaps[0].contains(joined.to_str().unwrap()), "{gaps:?}");
        assert!(joined.exists());
    };
    is_named(truncate(&paths, 5).unwrap());
    assert!(!paths.samples().exists());
    write_segment(&paths, 6, segment(10, 2), Tree::default()).unwrap();
    is_named(write_view(&paths, 6).unwrap());
    assert_eq!(read(&paths.samples()).unwrap(), segment(10, 2));
    is_named(truncate(&paths, 6).unwrap());
    // Put back, it gives what is wanted of it.
    std::fs::write(&joined, whole).unwrap();
    assert_eq!(truncate(&paths, 6), Ok(Vec::new()));
    assert_eq!(read(&paths.samples()).unwrap(), segment(0, 12));
    assert!(!joined.exists());
}

/// `X.samples.h5` holds nothing of its own: whatever stands there is replaced.
#[test]
fn foreign_content_of_the_index_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "run", &[(0, 4)]);
    let mut other = crate::io::tree::Tree::default();
    other.put_integer("run/stage", 1);
    let spoil: [&dyn Fn(); 2] = [
        &|| hdf5::write_atomic(&paths.samples(), &other).unwrap(),
        &|| {
            std::fs::remove_file(paths.samples()).unwrap();
            std::os::unix::fs::symlink("nowhere", paths.samples()).unwrap();
        },
    ];
    for spoil in spoil {
        for mend in [write_view, restore] {
            spoil();
            assert_eq!(mend(&paths, 1), Ok(Vec::new()));
            assert_eq!(read(&paths.samples()).unwrap(), segment(0, 4));
        }
    }
}

/// The library fills in what it does not find, and says nothing.
#[test]
fn samples_of_another_run_are_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
    write_view(&paths, 2).unwrap();
    let renamed = folder.path().join("first.samples.h5");
    std::fs::rename(paths.samples(), &renamed).unwrap();
    let mut parts = Vec::new();
    for (k, file) in paths.segment_files().unwrap().iter().enumerate() {
        let name = file.name().replacen("run", "first", 1);
        std::fs::rename(&file.path, folder.path().join(&name)).unwrap();
        parts.push((k, name));
    }
    let is_filled = || {
        let (energies, spins, chain) = hdf5::unchecked(&renamed);
        energies.len() == 6
            && energies.iter().all(|e| e.re.is_nan() && e.im.is_nan())
            && spins.iter().all(|&s| s == -128)
            && chain.iter().all(|&c| c == i64::MIN)
    };
    assert!(is_filled());
    let error = read(&renamed).unwrap_err().to_string();
    assert!(error.contains("are not there"), "{error}");
    // Another run takes the old name.
    let other = run(folder.path(), "run", &[(50, 4), (54, 2)]);
    write_view(&other, 2).unwrap();
    assert!(is_filled());
    // Its files under the names that were joined are told by the program.
    for ((k, _), file) in parts.iter().zip(other.segment_files().unwrap()) {
        let wanted = &hdf5::sources(&renamed, "chain").unwrap().unwrap()[*k];
        std::fs::copy(&file.path, folder.path().join(&wanted.name)).unwrap();
    }
    let error = read(&renamed).unwrap_err().to_string();
    assert!(error.contains("other samples"), "{error}");
    // The run goes on under its new name.
    let mine = OutputPaths::new(folder.path(), "first");
    assert_eq!(restore(&mine, 2), Ok(Vec::new()));
    assert_eq!(read(&renamed).unwrap(), segment(0, 6));
}

/// Files of version 0.1: numbers alone in their names.
#[test]
fn segments_of_an_older_version_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
    for number in [1, 2] {
        let old = folder.path().join(format!("run.samples.{number:04}.h5"));
        std::fs::rename(file(&paths, number), old).unwrap();
    }
    write_view(&paths, 2).unwrap();
    assert_eq!(read(&paths.samples()).unwrap(), segment(0, 6));
    write_segment(&paths, 3, segment(6, 3), Tree::default()).unwrap();
    assert_eq!(truncate(&paths, 3), Ok(Vec::new()));
    assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
}
