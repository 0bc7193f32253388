//! Decides which rows of which files the datasets of all samples are made of.

use super::{NOTES, ORIGIN};
use crate::error::{Error, Result};
use crate::io::hdf5::{self, DatasetKind, Joined, SourceFile};
use crate::io::output::SegmentFile;
use crate::io::seal;
use crate::io::tree::Tree;

/// A file of segments as a source of joined datasets. Fails with `Error::Output`.
pub(super) fn source(file: &SegmentFile) -> Result<SourceFile> {
    let failed = |e| Error::output(&file.path, format!("cannot be opened: {e}"));
    Ok(SourceFile {
        name: file.name(),
        identity: seal::identity(&file.path).map_err(failed)?,
    })
}

/// Where the samples of the last of some files come from. Fails with `Error::Output`.
pub(super) fn origin(files: &[SegmentFile]) -> Result<Tree> {
    let last = files.last();
    last.map_or(Ok(Tree::default()), |file| {
        hdf5::read_groups(&file.path, &ORIGIN)
    })
}

/// All datasets over some files.
pub(super) fn joined(files: &[SegmentFile]) -> Result<Vec<Joined>> {
    let names = NOTES.map(|(name, ..)| name);
    let shapes = |file: &SegmentFile| Ok((source(file)?, hdf5::shapes(&file.path, &names)?));
    let shapes = files.iter().map(shapes).collect::<Result<Vec<Shapes>>>()?;
    let datasets = (0..NOTES.len()).map(|k| joined_dataset(k, &shapes, files));
    Ok(datasets
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// A file with the shapes of its datasets, `None` where it has none of that name.
type Shapes = (SourceFile, Vec<Option<Vec<usize>>>);

/// Dataset `k` over some files; `None` for steps that one of them lacks, and for what none
/// has.
fn joined_dataset(
    k: usize,
    shapes_of_all: &[Shapes],
    files: &[SegmentFile],
) -> Result<Option<Joined>> {
    let (name, kind, unit, meaning) = NOTES[k];
    let mut parts = Vec::with_capacity(files.len());
    let mut columns = None;
    for ((source, shapes), file) in shapes_of_all.iter().zip(files) {
        let Some(shape) = &shapes[k] else {
            let in_none = shapes_of_all.iter().all(|(_, shapes)| shapes[k].is_none());
            return match name {
                "step" => Ok(None),
                _ if in_none => Ok(None),
                _ => Err(Error::output(
                    &file.path,
                    format!("the segment has no dataset {name}"),
                )),
            };
        };
        if kind == DatasetKind::Spin {
            let sites = shape.get(1).copied();
            if columns.is_some() && columns != sites {
                return Err(Error::output(
                    &file.path,
                    "the segments differ in their number of sites",
                ));
            }
            columns = sites;
        }
        parts.push((source.clone(), shape.first().copied().unwrap_or(0)));
    }
    Ok(Some(Joined {
        name: name.to_string(),
        kind,
        columns,
        parts,
        note: (unit.to_string(), meaning.to_string()),
    }))
}
