//! Decides which files hold the samples of a run, and what stands in `X.samples.h5`.
//!
//! Several files may hold the same segment for a moment: pieces, and the larger file that they were
//! joined to. The largest that is whole counts.

use super::columns::{joined, source};
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

/// Looks for the segments 1 to `count`. Only what is on the disk is looked at, however many a
/// damaged checkpoint claims.
///
/// Fails with `Error::Output` where a file may be whole but cannot be opened.
pub(super) fn cover(paths: &OutputPaths, count: usize) -> Result<Cover> {
    let mut files = paths.segments()?;
    files.retain(|file| file.last <= count);
    let (mut found, mut next) = (Cover::default(), 1);
    while next <= count {
        let mut whole = None;
        for file in files.iter().rev().filter(|file| file.first == next) {
            // What makes others superfluous is looked at to the last byte.
            let counts_alone = !files.iter().any(|other| other != file && file.has(other));
            if roles::damage(&file.path, !counts_alone)?.is_none() {
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
                    let damaged = files.iter().find(|file| file.first == next);
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
pub fn write_joined(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let cover = cover(paths, count)?;
    write_index(paths, &cover)?;
    Ok(cover.gap(paths).into_iter().collect())
}

pub(super) fn write_index(paths: &OutputPaths, cover: &Cover) -> Result<()> {
    let index = paths.samples();
    match &cover.files[..] {
        [] => atomic::remove(&index),
        [_] if is_current(paths, cover, false)? => Ok(()),
        [alone] => atomic::duplicate(&alone.path, &index),
        files => hdf5::write_joined(&index, &joined(files)?),
    }
}

/// Whether `X.samples.h5` is whole, where `thorough` to its last byte, and shows these files as
/// they are.
fn is_current(paths: &OutputPaths, cover: &Cover, thorough: bool) -> Result<bool> {
    let index = paths.samples();
    if roles::damage(&index, thorough)?.is_some() {
        return Ok(cover.files.is_empty() && !index.exists());
    }
    let shown = hdf5::sources(&index, NOTES[0].0)?;
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
/// than the segments 1 to `count`: of a run that was renamed. Returns warnings as
/// [`write_joined`]. Fails with `Error::Output`.
pub fn restore(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let cover = cover(paths, count)?;
    if !is_current(paths, &cover, true)? {
        write_index(paths, &cover)?;
    }
    cover.remove_superseded()?;
    Ok(cover.gap(paths).into_iter().collect())
}

/// Drops everything newer than the first `count` segments: first from `X.samples.h5`, then from the
/// disk. Returns warnings as [`write_joined`].
///
/// Of a file that joins older segments and newer ones the older are written anew. Fails with
/// `Error::Output`.
pub fn truncate(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let mut newer = paths.segments()?;
    newer.retain(|file| file.last > count);
    let mut found = cover(paths, count)?;
    for file in newer.iter().filter(|file| file.first <= count) {
        let wanted = |lost: &(usize, usize)| lost.1 >= file.first;
        if found.lost.iter().any(wanted) && roles::damage(&file.path, true)?.is_none() {
            merge::cut(paths, file, count)?;
            found = cover(paths, count)?;
        }
    }
    write_index(paths, &found)?;
    for file in &newer {
        atomic::remove(&file.path)?;
    }
    found.remove_superseded()?;
    atomic::sync_folder(&paths.samples())?;
    Ok(found.gap(paths).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::segment;
    use super::super::{read, write_segment};
    use super::*;
    use crate::error::Error;
    use std::os::unix::fs::MetadataExt;

    fn run(folder: &std::path::Path, name: &str, rows: &[(usize, usize)]) -> OutputPaths {
        std::fs::create_dir_all(folder).unwrap();
        let paths = OutputPaths::new(folder, name);
        for (number, &(first, rows)) in (1..).zip(rows) {
            write_segment(&paths, number, segment(first, rows)).unwrap();
        }
        paths
    }

    fn file(paths: &OutputPaths, number: usize) -> PathBuf {
        let files = paths.segments().unwrap().into_iter();
        let mut files = files.filter(|file| file.first == number);
        files.next().unwrap().path
    }

    #[test]
    fn segments_join_to_one_dataset_that_can_move() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let paths = run(&a, "run", &[(0, 4), (4, 0), (4, 5), (9, 2)]);
        write_joined(&paths, 3).unwrap();
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
        write_joined(&paths, 4).unwrap();
        std::fs::rename(&a, &b).unwrap();
        let moved = OutputPaths::new(b, "run");
        assert_eq!(read(&moved.samples()).unwrap(), segment(0, 11));

        truncate(&moved, 3).unwrap();
        assert_eq!(moved.segments().unwrap().len(), 3);
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
        write_joined(&paths, 1).unwrap();
        let index = paths.samples();
        let number = |path: &PathBuf| path.metadata().unwrap().ino();
        assert_eq!(number(&index), number(&file(&paths, 1)));
        write_joined(&paths, 1).unwrap();
        std::fs::create_dir(folder.path().join("away")).unwrap();
        let copy = folder.path().join("away/copy.h5");
        std::fs::copy(&index, &copy).unwrap();
        assert_eq!(read(&copy).unwrap(), segment(0, 4));
        write_joined(&paths, 2).unwrap();
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
        assert_eq!(write_joined(&paths, 3), Ok(Vec::new()));
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
        let first = file(&paths, 1);
        let bytes = std::fs::read(&first).unwrap();
        std::fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
        for damaged in [true, false] {
            let gaps = write_joined(&paths, 3).unwrap();
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
        let rest = write_joined(&paths, 1 << 60).unwrap();
        assert!(rest[0].contains("samples.0001.*.h5"), "{rest:?}");
        atomic::remove(&file(&paths, 2)).unwrap();
        atomic::remove(&file(&paths, 3)).unwrap();
        assert!(write_joined(&paths, 3).unwrap()[0].starts_with("3 of"));
        assert!(!paths.samples().exists());
    }

    /// What cannot be opened may be whole: it is no lost segment.
    #[test]
    fn a_segment_that_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
        write_joined(&paths, 2).unwrap();
        let before = std::fs::read(paths.samples()).unwrap();
        let second = file(&paths, 2);
        std::fs::rename(&second, folder.path().join("aside")).unwrap();
        std::os::unix::fs::symlink("nowhere", &second).unwrap();
        for failed in [
            write_joined(&paths, 2),
            truncate(&paths, 2),
            restore(&paths, 2),
        ] {
            let error = failed.unwrap_err();
            assert_eq!(error.exit_code(), 74);
            assert!(error.to_string().contains("cannot be opened"), "{error}");
        }
        assert_eq!(std::fs::read(paths.samples()).unwrap(), before);
    }

    /// The library fills in what it does not find, and says nothing.
    #[test]
    fn samples_of_another_run_are_never_read() {
        let folder = tempfile::tempdir().unwrap();
        let paths = run(folder.path(), "run", &[(0, 4), (4, 2)]);
        write_joined(&paths, 2).unwrap();
        let renamed = folder.path().join("first.samples.h5");
        std::fs::rename(paths.samples(), &renamed).unwrap();
        let mut parts = Vec::new();
        for (k, file) in paths.segments().unwrap().iter().enumerate() {
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
        write_joined(&other, 2).unwrap();
        assert!(is_filled());
        // Its files under the names that were joined are told by the program.
        for ((k, _), file) in parts.iter().zip(other.segments().unwrap()) {
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
        write_joined(&paths, 2).unwrap();
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 6));
        write_segment(&paths, 3, segment(6, 3)).unwrap();
        assert_eq!(truncate(&paths, 3), Ok(Vec::new()));
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
    }
}
