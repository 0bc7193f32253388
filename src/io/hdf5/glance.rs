//! Decides what is seen of a file without reading it whole: some groups, names, shapes.

use super::groups::read_group;
use super::{Raw, changed, open, text};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use ::hdf5::File;
use std::collections::BTreeSet;
use std::path::Path;

/// Some groups at the top of a file, those that it has; its other datasets are not read.
///
/// Fails with `Error::Output` where the file cannot be read.
pub fn read_groups(path: &Path, names: &[&str]) -> Result<Tree> {
    changed::admit(path, false)?;
    let load = || {
        let file = open(path)?;
        let mut tree = Tree::default();
        for name in names.iter().filter(|name| file.link_exists(name)) {
            let group = file.group(name).map_err(text)?;
            read_group(&group, (path, 1), &mut tree, &mut BTreeSet::new())?;
        }
        Ok(tree)
    };
    load().map_err(|e: String| Error::output(path, format!("cannot be read: {e}")))
}

/// Which of some names a file has at its top, groups or datasets; its datasets are not read.
///
/// Fails with `Error::Output` where the file cannot be read.
pub fn holds(path: &Path, names: &[&str]) -> Result<Vec<bool>> {
    changed::admit(path, false)?;
    let file = open(path).map_err(|e| Error::output(path, format!("cannot be read: {e}")))?;
    Ok(names.iter().map(|name| file.link_exists(name)).collect())
}

/// The shapes of some datasets of a file, without reading them; `None` where there is no such
/// dataset.
///
/// Fails with `Error::Output` where the file cannot be read.
pub fn shapes(path: &Path, names: &[&str]) -> Result<Vec<Option<Vec<usize>>>> {
    changed::admit(path, false)?;
    let look = || {
        let file = open(path)?;
        shapes_in(&file, names)
    };
    look().map_err(|e| Error::output(path, format!("cannot be read: {e}")))
}

/// The same of an open file.
pub(super) fn shapes_in(file: &File, names: &[&str]) -> Raw<Vec<Option<Vec<usize>>>> {
    let shape = |name: &&str| match file.link_exists(name) {
        true => file
            .dataset(name)
            .and_then(|d| d.get_shape())
            .map(Some)
            .map_err(text),
        false => Ok(None),
    };
    names.iter().map(shape).collect()
}

/// One dataset of integers of a file whose checksum was verified, flattened. Fails with
/// `Error::Output`.
pub fn integers(path: &Path, name: &str) -> Result<Vec<i64>> {
    let read = || {
        open(path)?
            .dataset(name)
            .and_then(|d| d.read_raw())
            .map_err(text)
    };
    read().map_err(|e| Error::output(path, format!("cannot be read: {e}")))
}
