//! Decides how kept samples are stored: segments, each a whole file, and one small file that joins
//! them.
//!
//! ```text
//! X.samples.0001.h5 ...  configurations int8 [samples, sites], log_psi complex [samples],
//!                        local_energies complex [samples], chain int64 [samples],
//!                        step int64 [samples] (where given)
//! X.samples.h5           the same names, virtual datasets over all segments in order
//! ```
//!
//! Reference: HDF5 Virtual Dataset, RFC-2014-12-09.

use super::atomic;
use super::hdf5::{self, DatasetKind, Joined};
use super::output::OutputPaths;
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
    /// ln ψ of each sample.
    pub log_psi: Vec<Complex64>,
    /// Local energy of each sample, in units of the couplings.
    pub local_energies: Vec<Complex64>,
    /// Global number of the chain of each sample.
    pub chain: Vec<i64>,
    /// Step or sweep of each sample, where it is kept.
    pub step: Option<Vec<i64>>,
}

/// Bytes of a sample in a segment, its step included.
pub fn bytes_per_sample(sites: usize) -> usize {
    sites + 2 * size_of::<Complex64>() + 2 * size_of::<i64>()
}

const NOTES: [(&str, DatasetKind, &str, &str); 5] = [
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
    let step = segment.step.as_ref().map_or(rows, Vec::len);
    let lengths = [segment.log_psi.len(), segment.local_energies.len(), step];
    if lengths.iter().any(|&l| l != rows) || segment.configurations.len() != rows * segment.sites {
        return Err(Error::output(
            path,
            format!("a segment of {rows} samples has columns of other lengths"),
        ));
    }
    let mut tree = Tree::default();
    let columns = [
        Some(Value::Spin(shaped(
            &[rows, segment.sites],
            segment.configurations,
        ))),
        Some(Value::Complex(shaped(&[rows], segment.log_psi))),
        Some(Value::Complex(shaped(&[rows], segment.local_energies))),
        Some(Value::Integer(shaped(&[rows], segment.chain))),
        segment
            .step
            .map(|step| Value::Integer(shaped(&[rows], step))),
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
/// `step` is joined only where every segment has it. Fails with `Error::Output`.
pub fn write_joined(paths: &OutputPaths, count: usize) -> Result<()> {
    if count == 0 {
        return atomic::remove(&paths.samples());
    }
    let names = NOTES.map(|(name, ..)| name);
    // The first one that is missing ends this, however many a damaged checkpoint claims.
    let shapes = (1..=count)
        .map(|number| hdf5::shapes(&paths.segment(number), &names))
        .collect::<Result<Vec<_>>>()?;
    let files: Vec<_> = (1..=count).map(|number| paths.segment(number)).collect();
    let mut datasets = Vec::new();
    for (k, (name, kind, unit, meaning)) in NOTES.into_iter().enumerate() {
        let mut parts = Vec::with_capacity(count);
        let mut columns = None;
        for (path, shapes) in files.iter().zip(&shapes) {
            let Some(shape) = &shapes[k] else { break };
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
        if parts.len() == count {
            let note = (unit.to_string(), meaning.to_string());
            datasets.push(Joined {
                name: name.to_string(),
                kind,
                columns,
                parts,
                note,
            });
        } else if name != "step" {
            return Err(Error::output(
                paths.segment(parts.len() + 1),
                format!("the segment has no dataset {name}"),
            ));
        }
    }
    hdf5::write_joined(&paths.samples(), &datasets)
}

/// Drops everything newer than the first `count` segments: first from the joined file, then from
/// the disk.
///
/// Fails with `Error::Output`.
pub fn truncate(paths: &OutputPaths, count: usize) -> Result<()> {
    let newer: Vec<usize> = paths
        .segments()?
        .into_iter()
        .filter(|&n| n > count)
        .collect();
    write_joined(paths, count)?;
    for number in newer {
        atomic::remove(&paths.segment(number))?;
    }
    atomic::sync_folder(&paths.samples())
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
    Ok(Segment {
        sites,
        configurations: tree.spins("configurations")?,
        log_psi: tree.complexes("log_psi")?,
        local_energies: tree.complexes("local_energies")?,
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
        }
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
        assert!(matches!(write_joined(&paths, 1), Err(Error::Output { .. })));
    }
}
