//! Decides how a group is read with all that it holds, joined datasets and their sources included.

use super::joined::check_sources;
use super::scales;
use super::values::{read_attribute, read_value};
use super::{Raw, text};
use crate::io::tree::Tree;
use ::hdf5::dataset::Layout;
use ::hdf5::{Dataset, Group};
use std::collections::BTreeSet;
use std::path::Path;

/// Groups inside groups that a file of this program never has: links go round in a circle.
const DEEPEST: usize = 16;
/// Datasets that a file of this program never has.
const MOST: usize = 1 << 20;

/// Reads a group that stands `depth` groups below the root of the file `path`.
pub(super) fn read_group(
    group: &Group,
    (path, depth): (&Path, usize),
    tree: &mut Tree,
    verified: &mut BTreeSet<String>,
) -> Raw<()> {
    if depth > DEEPEST || tree.datasets.len() > MOST {
        return Err("links go round in a circle".into());
    }
    for dataset in group.datasets().map_err(text)? {
        if scales::is_scale(&dataset)? {
            continue;
        }
        let name = dataset.name().trim_start_matches('/').to_string();
        let about = |e: String| format!("dataset {name}: {e}");
        match dataset.layout() {
            Layout::Virtual => check_sources(&dataset, path, verified),
            _ => check_size(&dataset, path),
        }
        .map_err(about)?;
        let value = read_value(&dataset).map_err(about)?;
        if let (Some(unit), Some(meaning)) = (
            read_attribute(&dataset, "unit").map_err(about)?,
            read_attribute(&dataset, "meaning").map_err(about)?,
        ) {
            tree.notes.insert(name.clone(), (unit, meaning));
        }
        tree.put(&name, value);
    }
    group
        .groups()
        .map_err(text)?
        .iter()
        .try_for_each(|inner| read_group(inner, (path, depth + 1), tree, verified))
}

/// Most bytes that deflate makes one of.
///
/// Reference: P. Deutsch, RFC 1951 (1996); J.-l. Gailly, M. Adler, zlib technical details.
const PACKED: u64 = 1032;

/// An error where a dataset is larger than the file that should hold it.
fn check_size(dataset: &Dataset, path: &Path) -> Raw<()> {
    let held = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    // Another program may have packed it.
    let held = held.saturating_mul(if dataset.is_chunked() { PACKED } else { 1 });
    let bytes = dataset.dtype().map_err(text)?.size() as u64;
    let shape = dataset.get_shape().map_err(text)?;
    let size = (shape.iter()).try_fold(bytes, |n, &l| n.checked_mul(l as u64));
    match size.is_some_and(|n| n <= held) {
        true => Ok(()),
        false => Err(format!("the shape {shape:?} does not fit into the file")),
    }
}
