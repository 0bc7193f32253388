//! Decides how kept samples are stored: segments, each a whole file, and one small file that joins
//! them.
//!
//! ```text
//! X.samples.0001.h5 ...  configurations int8 [samples, sites]; of wave functions log_psi,
//!                        local_energies complex [samples]; of classical spins energies real,
//!                        temperature int64 [samples]; chain, step (where given) int64 [samples]
//! X.samples.h5           the same names, virtual datasets over all segments in order
//! ```
//!
//! Reference: HDF5 Virtual Dataset, RFC-2014-12-09.

use super::atomic;
use super::hdf5::{self, DatasetKind, Joined};
use super::output::OutputPaths;
use super::seal;
use super::tree::{Tree, Value, shaped};
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::path::Path;

/// The samples between two checkpoints, from all ranks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Segment {
    /// Number of sites of a configuration.
    pub sites: usize,
    /// Configurations, samples × sites in row-major order.
    pub configurations: Vec<i8>,
    /// ln ψ of each sample; empty for classical spins.
    pub log_psi: Vec<Complex64>,
    /// Local energy of each sample, in units of the couplings; empty for classical spins.
    pub local_energies: Vec<Complex64>,
    /// Energy of each sample of classical spins, in units of the couplings; else empty.
    pub energies: Vec<f64>,
    /// Number of the temperature of each sample of classical spins; else empty.
    pub temperature: Vec<i64>,
    /// Global number of the chain of each sample.
    pub chain: Vec<i64>,
    /// Step or sweep of each sample, where it is kept.
    pub step: Option<Vec<i64>>,
}

/// Bytes of a sample in a segment, its step included.
pub fn bytes_per_sample(sites: usize) -> usize {
    sites + 2 * size_of::<Complex64>() + 2 * size_of::<i64>()
}

const NOTES: [(&str, DatasetKind, &str, &str); 7] = [
    (
        "configurations",
        DatasetKind::Spin,
        "2 S^z",
        "spin of each site, one row per sample",
    ),
    (
        "log_psi",
        DatasetKind::Complex,
        "1",
        "logarithm of the wave function",
    ),
    (
        "local_energies",
        DatasetKind::Complex,
        "coupling",
        "local energy",
    ),
    (
        "energies",
        DatasetKind::Real,
        "coupling",
        "energy of classical spins",
    ),
    (
        "temperature",
        DatasetKind::Integer,
        "1",
        "place of the temperature in the list of the input, from 0",
    ),
    (
        "chain",
        DatasetKind::Integer,
        "1",
        "number of the Markov chain, from 0",
    ),
    (
        "step",
        DatasetKind::Integer,
        "1",
        "step at which the sample was taken",
    ),
];

/// Writes segment `number`, counted from 1, in the place of what had this number.
///
/// Fails with `Error::Output`, also where the columns differ in length.
pub fn write_segment(paths: &OutputPaths, number: usize, segment: Segment) -> Result<()> {
    let path = paths.segment(number);
    let rows = segment.chain.len();
    let quantum = [segment.log_psi.len(), segment.local_energies.len()];
    let classical = [segment.energies.len(), segment.temperature.len()];
    let both = (quantum, classical);
    let of_one_kind = both == ([rows; 2], [0; 2]) || both == ([0; 2], [rows; 2]);
    let step = segment.step.as_ref().map_or(rows, Vec::len);
    if !of_one_kind || step != rows || segment.configurations.len() != rows * segment.sites {
        return Err(Error::output(
            path,
            format!("a segment of {rows} samples has columns of other lengths"),
        ));
    }
    let is_classical = classical == [rows; 2] && rows > 0;
    let mut tree = Tree::default();
    let integers = |list| Value::Integer(shaped(&[rows], list));
    let complex = |list| (!is_classical).then(|| Value::Complex(shaped(&[rows], list)));
    let energies = Value::Real(shaped(&[classical[0]], segment.energies));
    let spins = shaped(&[rows, segment.sites], segment.configurations);
    let columns = [
        Some(Value::Spin(spins)),
        complex(segment.log_psi),
        complex(segment.local_energies),
        is_classical.then_some(energies),
        is_classical.then(|| integers(segment.temperature)),
        Some(integers(segment.chain)),
        segment.step.map(integers),
    ];
    for ((name, _, unit, meaning), value) in NOTES.into_iter().zip(columns) {
        if let Some(value) = value {
            tree.describe(name, value, unit, meaning);
        }
    }
    hdf5::write_atomic(&path, &tree)
}

/// Writes `X.samples.h5` over the segments 1 to `count`; removes it where there are none.
///
/// A segment that is missing or truncated is left out: its samples are lost, all others are sound.
/// Returns a warning about each gap, with the remedy. `step` is joined only where every segment has
/// it. Fails with `Error::Output`.
pub fn write_joined(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return atomic::remove(&paths.samples()).map(|()| Vec::new());
    }
    let names = NOTES.map(|(name, ..)| name);
    // Only what is on the disk is looked at, however many a damaged checkpoint claims.
    let mut numbers = paths.segments()?;
    numbers.retain(|&number| (1..=count).contains(&number));
    let mut lost = (count - numbers.len(), first_missing(&numbers));
    let mut found = Vec::new();
    for number in numbers {
        let path = paths.segment(number);
        match hdf5::shapes(&path, &names) {
            Ok(shapes) => found.push((path, shapes)),
            Err(_) => lost = (lost.0 + 1, lost.1.min(number)),
        }
    }
    let mut datasets = Vec::new();
    for (k, (name, ..)) in NOTES.into_iter().enumerate() {
        datasets.extend(joined(k, name, &found)?);
    }
    match found.is_empty() {
        true => atomic::remove(&paths.samples())?,
        false => hdf5::write_joined(&paths.samples(), &datasets)?,
    }
    Ok(gap(paths, lost).into_iter().collect())
}

/// Writes `X.samples.h5` again where it or one of the segments 1 to `count` is missing or
/// truncated. Returns warnings as [`write_joined`]. Fails with `Error::Output`.
pub fn restore(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let numbers = match count {
        0 => return Ok(Vec::new()),
        _ => paths.segments()?,
    };
    let present = numbers.iter().filter(|&&n| n <= count).count() == count;
    let mut files = numbers
        .iter()
        .map(|&n| paths.segment(n))
        .chain([paths.samples()]);
    match present && files.all(|file| seal::verify(&file, false).is_ok()) {
        true => Ok(Vec::new()),
        false => write_joined(paths, count),
    }
}

/// The first number from 1 on that is not in an ascending list.
fn first_missing(numbers: &[usize]) -> usize {
    let together = (1..).zip(numbers).take_while(|&(k, &n)| k == n);
    together.count() + 1
}

/// What is said of segments that are missing: their number and the first of them.
fn gap(paths: &OutputPaths, (lost, first): (usize, usize)) -> Option<String> {
    (lost > 0).then(|| {
        format!(
            "{lost} of the segments of samples are missing or damaged, the first is {}: {} is \
             without them; put them back and run the same command again, or use --fresh to take \
             all samples anew",
            paths.segment(first).display(),
            paths.samples().display()
        )
    })
}

/// Segments with the shapes of their datasets, `None` where they have none of that name.
type Shapes = (std::path::PathBuf, Vec<Option<Vec<usize>>>);

/// Dataset `k` over all segments; `None` for steps that one of them lacks, and for what none has.
fn joined(k: usize, name: &str, segments: &[Shapes]) -> Result<Option<Joined>> {
    let (_, kind, unit, meaning) = NOTES[k];
    let mut parts = Vec::with_capacity(segments.len());
    let mut columns = None;
    for (path, shapes) in segments {
        let Some(shape) = &shapes[k] else {
            let in_none = segments.iter().all(|(_, shapes)| shapes[k].is_none());
            return match name {
                "step" => Ok(None),
                _ if in_none => Ok(None),
                _ => Err(Error::output(
                    path,
                    format!("the segment has no dataset {name}"),
                )),
            };
        };
        if kind == DatasetKind::Spin {
            let sites = shape.get(1).copied();
            if columns.is_some() && columns != sites {
                return Err(Error::output(
                    path,
                    "the segments differ in their number of sites",
                ));
            }
            columns = sites;
        }
        parts.push((file_name(path), shape.first().copied().unwrap_or(0)));
    }
    Ok(Some(Joined {
        name: name.to_string(),
        kind,
        columns,
        parts,
        note: (unit.to_string(), meaning.to_string()),
    }))
}

/// Drops everything newer than the first `count` segments: first from the joined file, then from
/// the disk. Returns warnings as [`write_joined`].
///
/// Fails with `Error::Output`.
pub fn truncate(paths: &OutputPaths, count: usize) -> Result<Vec<String>> {
    let newer: Vec<usize> = paths
        .segments()?
        .into_iter()
        .filter(|&n| n > count)
        .collect();
    let gaps = write_joined(paths, count)?;
    for number in newer {
        atomic::remove(&paths.segment(number))?;
    }
    atomic::sync_folder(&paths.samples())?;
    Ok(gaps)
}

/// Reads a segment, or the joined file, back. Fails with `Error::Output`.
pub fn read(path: &Path) -> Result<Segment> {
    let tree = hdf5::read(path)?;
    let integers = |name: &str| match tree.datasets.get(name) {
        Some(Value::Integer(a)) => Some(a.iter().copied().collect::<Vec<i64>>()),
        _ => None,
    };
    let sites = match tree.datasets.get("configurations") {
        Some(Value::Spin(a)) if a.ndim() == 2 => a.shape()[1],
        _ => return Err(Error::output(path, "has no configurations")),
    };
    let energies = tree.reals("energies").unwrap_or_default();
    let complexes = |name: &str| match energies.is_empty() {
        true => tree.complexes(name),
        false => Ok(Vec::new()),
    };
    Ok(Segment {
        sites,
        configurations: tree.spins("configurations")?,
        log_psi: complexes("log_psi")?,
        local_energies: complexes("local_energies")?,
        temperature: integers("temperature").unwrap_or_default(),
        energies,
        chain: integers("chain").ok_or_else(|| Error::output(path, "has no chain numbers"))?,
        step: integers("step"),
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn segment(first: usize, rows: usize) -> Segment {
        let z = |i: usize| Complex64::new(i as f64, -0.5 * i as f64);
        let range = first..first + rows;
        Segment {
            sites: 3,
            configurations: range
                .clone()
                .flat_map(|i| [1, if i % 2 == 0 { 1 } else { -1 }, -1])
                .collect(),
            log_psi: range.clone().map(z).collect(),
            local_energies: range.clone().map(|i| z(i + 100)).collect(),
            chain: range.clone().map(|i| i as i64).collect(),
            step: Some(range.map(|i| 7 * i as i64).collect()),
            ..Segment::default()
        }
    }

    #[test]
    fn classical_samples_have_energies_and_temperatures() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let classical = Segment {
            log_psi: Vec::new(),
            local_energies: Vec::new(),
            energies: vec![-1.0, 2.0, 0.5],
            temperature: vec![0, 0, 1],
            step: None,
            ..segment(0, 3)
        };
        write_segment(&paths, 1, classical.clone()).unwrap();
        write_joined(&paths, 1).unwrap();
        assert_eq!(read(&paths.samples()).unwrap(), classical);
        write_segment(&paths, 2, segment(0, 2)).unwrap();
        assert!(write_joined(&paths, 2).is_err(), "two kinds of samples");
        let mut mixed = segment(0, 3);
        mixed.energies = vec![1.0; 3];
        assert!(write_segment(&paths, 3, mixed).is_err());
    }

    #[test]
    fn segments_join_to_one_dataset_that_can_move() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path().join("a"), "run");
        std::fs::create_dir(folder.path().join("a")).unwrap();
        for (number, first, rows) in [(1, 0, 4), (2, 4, 0), (3, 4, 5), (4, 9, 2)] {
            write_segment(&paths, number, segment(first, rows)).unwrap();
        }
        write_joined(&paths, 3).unwrap();
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
        write_joined(&paths, 4).unwrap();
        std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        let moved = OutputPaths::new(folder.path().join("b"), "run");
        assert_eq!(read(&moved.samples()).unwrap(), segment(0, 11));

        truncate(&moved, 1).unwrap();
        assert_eq!(moved.segments().unwrap(), [1]);
        assert_eq!(read(&moved.samples()).unwrap(), segment(0, 4));
        atomic::remove(&moved.segment(1)).unwrap();
        assert!(
            matches!(read(&moved.samples()), Err(Error::Output { .. })),
            "a missing segment is not zeros"
        );
        truncate(&moved, 0).unwrap();
        assert!(!moved.samples().exists());
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let mut bad = segment(0, 3);
        bad.chain.pop();
        assert!(matches!(
            write_segment(&paths, 1, bad),
            Err(Error::Output { .. })
        ));
    }

    #[test]
    fn a_missing_segment_is_named_and_the_others_are_joined() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "50%run%%b");
        for (number, first, rows) in [(1, 0, 4), (2, 4, 2), (3, 6, 3)] {
            write_segment(&paths, number, segment(first, rows)).unwrap();
        }
        assert_eq!(write_joined(&paths, 3), Ok(Vec::new()));
        assert_eq!(read(&paths.samples()).unwrap(), segment(0, 9));
        atomic::remove(&paths.segment(1)).unwrap();
        let gaps = write_joined(&paths, 3).unwrap();
        assert_eq!(gaps.len(), 1);
        assert!(gaps[0].starts_with("1 of the segments"), "{gaps:?}");
        assert!(gaps[0].contains("50%run%%b.samples.0001.h5"), "{gaps:?}");
        assert_eq!(read(&paths.samples()).unwrap(), segment(4, 5));
        let rest = write_joined(&paths, 1 << 60).unwrap();
        assert!(rest[0].contains("samples.0001.h5"), "{rest:?}");
        atomic::remove(&paths.segment(2)).unwrap();
        atomic::remove(&paths.segment(3)).unwrap();
        assert!(write_joined(&paths, 3).unwrap()[0].starts_with("3 of"));
        assert!(!paths.samples().exists());
    }
}
