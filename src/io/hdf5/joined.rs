//! Decides how datasets of several files become one: virtual datasets, which name their sources.

use super::values::attribute;
use super::{Raw, create, text};
use crate::error::Result;
use crate::io::seal;
use ::hdf5::{File, H5Type};
use num_complex::Complex64;
use std::path::Path;

/// What a virtual dataset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetKind {
    /// 8-bit integers.
    Spin,
    /// 64-bit integers.
    Integer,
    /// Complex numbers.
    Complex,
    /// Real numbers.
    Real,
}

/// One dataset that lives in other files, joined along its first dimension.
#[derive(Debug, Clone)]
pub struct Joined {
    /// Its name, here and in the other files.
    pub name: String,
    /// Its type.
    pub kind: DatasetKind,
    /// Its second dimension; one-dimensional without.
    pub columns: Option<usize>,
    /// The other files' names without folder (they stay in the same one), with the number of rows
    /// in each.
    pub parts: Vec<(String, usize)>,
    /// Its unit and meaning.
    pub note: (String, String),
}

/// Writes a file of virtual datasets over other files; as [`super::write_atomic`]. Fails with
/// `Error::Output`.
pub fn write_joined(path: &Path, datasets: &[Joined]) -> Result<()> {
    let write = |file: &File| {
        for dataset in datasets {
            match dataset.kind {
                DatasetKind::Spin => join::<i8>(file, dataset)?,
                DatasetKind::Integer => join::<i64>(file, dataset)?,
                DatasetKind::Complex => join::<Complex64>(file, dataset)?,
                DatasetKind::Real => join::<f64>(file, dataset)?,
            }
        }
        Ok(Vec::new())
    };
    create(path, seal::block(std::iter::empty()), write)?.publish()
}

fn join<T: H5Type>(file: &File, joined: &Joined) -> Raw<()> {
    let with_columns = |rows: usize| match joined.columns {
        Some(columns) => vec![rows, columns],
        None => vec![rows],
    };
    let total = with_columns(joined.parts.iter().map(|p| p.1).sum());
    let mut builder = file.new_dataset::<T>().shape(&total[..]);
    let mut start = 0;
    for (name, rows) in joined.parts.iter().filter(|p| p.1 > 0) {
        // The library reads %b as the number of a block and %% as %.
        let name = &name.replace('%', "%%");
        let (source, target) = (with_columns(*rows), total.clone());
        let range = start..start + rows;
        builder = match joined.columns {
            Some(_) => builder.virtual_map(name, &joined.name, source, .., target, (range, ..)),
            None => builder.virtual_map(name, &joined.name, source, .., target, range),
        };
        start += rows;
    }
    let sources: Vec<&str> = joined.parts.iter().map(|p| p.0.as_str()).collect();
    let made = builder
        .create(joined.name.as_str())
        .map_err(text)
        .and_then(|dataset| {
            attribute(&dataset, "unit", &joined.note.0)?;
            attribute(&dataset, "meaning", &joined.note.1)?;
            attribute(&dataset, "sources", &sources.join("\n"))
        });
    made.map_err(|e| format!("dataset {}: {e}", joined.name))
}
