//! Decides how kept samples are stored: segments, each a whole file, old ones joined to larger
//! files, and one file that shows all of them.
//!
//! ```text
//! X.samples.0001-0008.*.h5 ...  configurations int8 [samples, sites]; of wave functions log_psi,
//!                               local_energies complex [samples], where samples count differently
//!                               log_weights real [samples]; of classical spins energies
//!                               real, temperature int64 [samples]; chain, step (where given)
//!                               int64 [samples], segment_rows (where joined)
//! X.samples.h5                  the same: of one file a second name of it, of several virtual
//!                               datasets over all of them in order
//! ```
//!
//! Reference: HDF5 Virtual Dataset, RFC-2014-12-09.

mod columns;
mod index;
mod merge;

pub use index::{restore, truncate, write_view};
pub use merge::{files_of, merge};

use super::atomic;
use super::hdf5::{self, DatasetKind};
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
    /// ln ψ of each sample; empty for classical spins.
    pub log_psi: Vec<Complex64>,
    /// Local energy of each sample, in units of the couplings; empty for classical spins.
    pub local_energies: Vec<Complex64>,
    /// ln of what each sample counts, up to a constant; empty where all count the same.
    pub log_weights: Vec<f64>,
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
pub fn bytes_per_sample(sites: usize, weighted: bool) -> usize {
    let weight = if weighted { size_of::<f64>() } else { 0 };
    sites + 2 * size_of::<Complex64>() + 2 * size_of::<i64>() + weight
}

const NOTES: [(&str, DatasetKind, &str, &str); 8] = [
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
        "log_weights",
        DatasetKind::Real,
        "1",
        "ln of the weight of each sample, (2 - sampler.power) Re log_psi",
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

/// Samples of each segment of a file that joins several.
const ROWS: (&str, &str, &str) = (
    "segment_rows",
    "1",
    "samples of each segment that was joined",
);

/// Groups that tell where samples come from.
const ORIGIN: [&str; 2] = ["input", "provenance"];

/// Writes segment `number`, counted from 1, in the place of what had this number or a later one. A
/// file that begins before it stays: [`truncate`] left it for what may still be saved of it.
/// `origin` has the groups `input` and `provenance`, which tell where the samples come from.
///
/// Fails with `Error::Output`, also where the columns differ in length.
pub fn write_segment(
    paths: &OutputPaths,
    number: usize,
    segment: Segment,
    origin: Tree,
) -> Result<()> {
    let path = paths.temporary_segment(number);
    let rows = segment.chain.len();
    let quantum = [segment.log_psi.len(), segment.local_energies.len()];
    let classical = [segment.energies.len(), segment.temperature.len()];
    let weights = segment.log_weights.len();
    let of_waves = quantum == [rows; 2] && classical == [0; 2] && [0, rows].contains(&weights);
    let of_spins = quantum == [0; 2] && classical == [rows; 2] && weights == 0;
    let of_one_kind = of_waves || of_spins;
    let step = segment.step.as_ref().map_or(rows, Vec::len);
    if !of_one_kind || step != rows || segment.configurations.len() != rows * segment.sites {
        return Err(Error::output(
            path,
            format!("a segment of {rows} samples has columns of other lengths"),
        ));
    }
    let is_classical = classical == [rows; 2] && rows > 0;
    let mut tree = origin;
    let integers = |list| Value::Integer(shaped(&[rows], list));
    let complex = |list| (!is_classical).then(|| Value::Complex(shaped(&[rows], list)));
    let energies = Value::Real(shaped(&[classical[0]], segment.energies));
    let logs = Value::Real(shaped(&[weights], segment.log_weights));
    let spins = shaped(&[rows, segment.sites], segment.configurations);
    let columns = [
        Some(Value::Spin(spins)),
        complex(segment.log_psi),
        complex(segment.local_energies),
        (weights > 0).then_some(logs),
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
    let new = hdf5::write_temporary(&path, &tree)?;
    let file = paths.name_of((number, number), new.place())?;
    new.publish_as(file.path.clone())?;
    let old = paths.segment_files()?.into_iter();
    old.filter(|old| old.first >= number && *old != file)
        .try_for_each(|old| atomic::remove(&old.path))
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
        log_weights: tree.reals("log_weights").unwrap_or_default(),
        temperature: integers("temperature").unwrap_or_default(),
        energies,
        chain: integers("chain").ok_or_else(|| Error::output(path, "has no chain numbers"))?,
        step: integers("step"),
    })
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
        let classical = |first: usize| Segment {
            log_psi: Vec::new(),
            local_energies: Vec::new(),
            energies: vec![-1.0, 2.0, 0.5],
            temperature: vec![0, 0, 1],
            step: None,
            ..segment(first, 3)
        };
        write_segment(&paths, 1, classical(0), Tree::default()).unwrap();
        write_view(&paths, 1).unwrap();
        assert_eq!(read(&paths.samples()).unwrap(), classical(0));
        write_segment(&paths, 2, classical(3), Tree::default()).unwrap();
        write_view(&paths, 2).unwrap();
        assert_eq!(read(&paths.samples()).unwrap().energies.len(), 6);
        write_segment(&paths, 3, segment(0, 2), Tree::default()).unwrap();
        assert!(write_view(&paths, 3).is_err(), "two kinds of samples");
        let mut mixed = segment(0, 3);
        mixed.energies = vec![1.0; 3];
        assert!(write_segment(&paths, 4, mixed, Tree::default()).is_err());
    }

    /// Flips a bit near the end of a file, and of no other name of it.
    pub fn spoil(path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        let end = bytes.len() - 9;
        bytes[end] ^= 1;
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn weights_are_kept_where_samples_count_differently() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let weighted = Segment {
            log_weights: vec![0.5, -1.0, 0.0],
            ..segment(0, 3)
        };
        write_segment(&paths, 1, weighted.clone(), Tree::default()).unwrap();
        write_segment(&paths, 2, weighted.clone(), Tree::default()).unwrap();
        write_view(&paths, 2).unwrap();
        let read = read(&paths.samples()).unwrap();
        assert_eq!(read.log_weights, weighted.log_weights.repeat(2));
        let short = Segment {
            log_weights: vec![0.5],
            ..segment(0, 3)
        };
        assert!(write_segment(&paths, 3, short, Tree::default()).is_err());
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let mut bad = segment(0, 3);
        bad.chain.pop();
        assert!(matches!(
            write_segment(&paths, 1, bad, Tree::default()),
            Err(Error::Output { .. })
        ));
    }

    #[test]
    fn a_segment_takes_the_place_of_one_of_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let paths = OutputPaths::new(folder.path(), "run");
        let names = || {
            let files = paths.segment_files().unwrap();
            files.iter().map(|file| file.name()).collect::<Vec<_>>()
        };
        write_segment(&paths, 1, segment(0, 3), Tree::default()).unwrap();
        let first = names();
        write_segment(&paths, 2, segment(3, 2), Tree::default()).unwrap();
        write_segment(&paths, 1, segment(0, 4), Tree::default()).unwrap();
        let second = names();
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_ne!(first, second, "names follow the numbers");
        // The same numbers have the same name, whenever they are written.
        write_segment(&paths, 1, segment(0, 3), Tree::default()).unwrap();
        assert_eq!(names(), first);
    }
}
