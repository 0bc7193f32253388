//! Decides how datasets of several files become one: virtual datasets, which name their sources,
//! or one file that holds all of it.
//!
//! The library fills the share of a source that is not there with the fill value: one that no
//! sample has ([`Fill`]).

use super::values::{attribute, read_attribute};
use super::{Raw, create, open, put, text};
use crate::error::{Error, Result};
use crate::io::atomic::Temporary;
use crate::io::seal::{self, Region, verify};
use crate::io::tree::Tree;
use ::hdf5::dataset::Layout;
use ::hdf5::{Dataset, File, H5Type, Selection};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex64;
use std::collections::BTreeSet;
use std::ops::Range;
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

/// What stands where a source is not there.
trait Fill: H5Type + Copy {
    const FILL: Self;
}

impl Fill for i8 {
    const FILL: i8 = i8::MIN;
}
impl Fill for i64 {
    const FILL: i64 = i64::MIN;
}
impl Fill for f64 {
    const FILL: f64 = f64::NAN;
}
impl Fill for Complex64 {
    const FILL: Complex64 = Complex64::new(f64::NAN, f64::NAN);
}

/// A file whose rows are a share of a joined dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name without folder: it stays in the folder of the joined file.
    pub name: String,
    /// A number for what it holds ([`seal::identity`]); a joined file of version 0.1 lists none.
    pub identity: Option<u64>,
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
    /// The other files with the number of rows, from the first, that each of them gives.
    pub parts: Vec<(SourceFile, usize)>,
    /// Its unit and meaning.
    pub note: (String, String),
}

impl Joined {
    fn shape(&self, rows: usize) -> Vec<usize> {
        std::iter::once(rows).chain(self.columns).collect()
    }
    fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.1).sum()
    }
    fn select(&self, rows: Range<usize>) -> Selection {
        match self.columns {
            Some(_) => (rows, ..).into(),
            None => rows.into(),
        }
    }
    fn describe(&self, dataset: &Dataset) -> Raw<()> {
        attribute(dataset, "unit", &self.note.0)?;
        attribute(dataset, "meaning", &self.note.1)
    }
}

/// Writes a file of virtual datasets over other files, with what `more` holds; as
/// [`super::write_atomic`]. Fails with `Error::Output`.
pub fn write_view(path: &Path, datasets: &[Joined], more: &Tree) -> Result<()> {
    let write = |file: &File| {
        for dataset in datasets {
            let made = match dataset.kind {
                DatasetKind::Spin => join::<i8>(file, dataset),
                DatasetKind::Integer => join::<i64>(file, dataset),
                DatasetKind::Complex => join::<Complex64>(file, dataset),
                DatasetKind::Real => join::<f64>(file, dataset),
            };
            made.map_err(|e| format!("dataset {}: {e}", dataset.name))?;
        }
        let mut regions = Vec::new();
        for dataset in &more.datasets {
            regions.extend(put(file, more, dataset)?);
        }
        Ok(regions)
    };
    create(
        path,
        seal::block(more.datasets.keys().map(String::as_str)),
        write,
    )?
    .publish()
}

fn join<T: Fill>(file: &File, joined: &Joined) -> Raw<()> {
    let total = joined.shape(joined.rows());
    let mut builder = file
        .new_dataset::<T>()
        .shape(&total[..])
        .fill_value(T::FILL);
    let mut start = 0;
    for (source, rows) in joined.parts.iter().filter(|part| part.1 > 0) {
        // The library reads %b as the number of a block and %% as %.
        let name = source.name.replace('%', "%%");
        let target = joined.select(start..start + rows);
        let (from, all) = (joined.shape(*rows), joined.select(0..*rows));
        builder = builder.virtual_map(name, &joined.name, from, all, total.clone(), target);
        start += rows;
    }
    let dataset = builder.create(joined.name.as_str()).map_err(text)?;
    joined.describe(&dataset)?;
    let list = |line: &dyn Fn(&SourceFile) -> String| {
        let lines: Vec<String> = joined.parts.iter().map(|part| line(&part.0)).collect();
        lines.join("\n")
    };
    attribute(&dataset, "sources", &list(&|source| source.name.clone()))?;
    let identity = |source: &SourceFile| format!("{:016x}", source.identity.unwrap_or_default());
    attribute(&dataset, "identities", &list(&identity))
}

/// Writes, as a temporary file that can become `path`, one file with the rows of others in its
/// folder, and what `more` holds. A few megabytes of memory are enough, whatever their size, and
/// after each of them `go_on` is asked.
///
/// Fails with `Error::Output`, also where `go_on` says no.
pub fn write_concatenated(
    path: &Path,
    datasets: &[Joined],
    more: &Tree,
    go_on: &dyn Fn() -> bool,
) -> Result<Temporary> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let names = datasets.iter().map(|dataset| &dataset.name);
    let names = names.chain(more.datasets.keys()).map(String::as_str);
    create(path, seal::block(names), |file| {
        let mut regions = Vec::new();
        for dataset in datasets {
            let made = match dataset.kind {
                DatasetKind::Spin => copy::<i8>(file, folder, dataset, go_on),
                DatasetKind::Integer => copy::<i64>(file, folder, dataset, go_on),
                DatasetKind::Complex => copy::<Complex64>(file, folder, dataset, go_on),
                DatasetKind::Real => copy::<f64>(file, folder, dataset, go_on),
            };
            regions.extend(made.map_err(|e| format!("dataset {}: {e}", dataset.name))?);
        }
        for dataset in &more.datasets {
            regions.extend(put(file, more, dataset)?);
        }
        Ok(regions)
    })
}

/// Bytes that are copied at once.
const PIECE: usize = 1 << 22;

fn copy<T: H5Type>(
    file: &File,
    folder: &Path,
    joined: &Joined,
    go_on: &dyn Fn() -> bool,
) -> Raw<Option<Region>> {
    let shape = joined.shape(joined.rows());
    let new = file.new_dataset::<T>().shape(&shape[..]);
    let target = new.create(joined.name.as_str()).map_err(text)?;
    joined.describe(&target)?;
    let width = joined.columns.unwrap_or(1).max(1);
    let most = (PIECE / (width * size_of::<T>())).max(1);
    let mut at = 0;
    for (source, rows) in &joined.parts {
        let from = open(&folder.join(&source.name))?;
        let from = from.dataset(&joined.name).map_err(text)?;
        for start in (0..*rows).step_by(most) {
            if !go_on() {
                return Err("told to stop".into());
            }
            let n = most.min(rows - start);
            let piece: ArrayD<T> = from
                .read_slice::<T, _, IxDyn>(joined.select(start..start + n))
                .map_err(text)?;
            let place = joined.select(at..at + n);
            target.write_slice(piece.view(), place).map_err(text)?;
            at += n;
        }
    }
    Ok(super::region(&target, &joined.name))
}

/// The files over which a dataset is joined; `None` for a dataset that holds its own numbers.
fn sources_of(dataset: &Dataset) -> Raw<Option<Vec<SourceFile>>> {
    if dataset.layout() != Layout::Virtual {
        return Ok(None);
    }
    let names = read_attribute(dataset, "sources")?.unwrap_or_default();
    let identities = read_attribute(dataset, "identities")?.unwrap_or_default();
    let mut identities = identities.lines();
    let source = |name: &str| SourceFile {
        name: name.to_string(),
        identity: (identities.next())
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .filter(|&identity| identity != 0),
    };
    Ok(Some(names.lines().map(source).collect()))
}

/// The files over which the dataset `name` of a file is joined; `None` where the file holds its
/// numbers itself. Fails with `Error::Output`.
pub fn sources(path: &Path, name: &str) -> Result<Option<Vec<SourceFile>>> {
    verify(path, false)?;
    let read = || sources_of(&open(path)?.dataset(name).map_err(text)?);
    read().map_err(|e: String| Error::output(path, format!("cannot be read: {e}")))
}

/// An error where a file is not there, or holds something else than when it was joined.
pub fn check_source(folder: &Path, source: &SourceFile) -> Result<()> {
    let path = folder.join(&source.name);
    let failed = |what: &str| {
        Err(Error::output(
            &path,
            format!(
                "{what}; put the file back, or, where a run was renamed, rename all its files and \
                 let `nishina run` join them again"
            ),
        ))
    };
    match seal::identity(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            failed("samples that were joined are not there")
        }
        Err(e) => Err(Error::output(&path, format!("cannot be opened: {e}"))),
        Ok(found) if source.identity.is_none() || found == source.identity => Ok(()),
        Ok(Some(_)) => failed("these are other samples than those that were joined"),
        Ok(None) => verify(&path, false),
    }
}

/// The library says nothing where a source is missing or another; here it is an error, as is
/// damage.
pub(super) fn check_sources(
    dataset: &Dataset,
    path: &Path,
    verified: &mut BTreeSet<String>,
) -> Raw<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let sources = sources_of(dataset)?.unwrap_or_default();
    let own = path.file_name().unwrap_or_default();
    let listed: BTreeSet<String> = (sources.iter())
        .map(|source| source.name.replace('%', "%%"))
        .collect();
    for map in dataset.dcpl().map_err(text)?.virtual_map() {
        if !listed.contains(&map.src_filename) || Path::new(&map.src_filename) == own {
            return Err(format!(
                "its source {} is not one of its list",
                map.src_filename
            ));
        }
    }
    for source in sources {
        if verified.insert(source.name.clone()) {
            check_source(folder, &source)
                .and_then(|()| verify(&folder.join(&source.name), true))
                .map_err(|e| format!("its source file {e}"))?;
        }
    }
    Ok(())
}

/// Local energies, spins and chains of a file as any other program reads them.
#[cfg(test)]
pub fn unchecked(path: &Path) -> (Vec<Complex64>, Vec<i8>, Vec<i64>) {
    let file = open(path).unwrap();
    let dataset = |name: &str| file.dataset(name).unwrap();
    (
        dataset("local_energies").read_raw().unwrap(),
        dataset("configurations").read_raw().unwrap(),
        dataset("chain").read_raw().unwrap(),
    )
}
