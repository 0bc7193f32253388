//! Decides how a group is read with all that it holds, joined datasets and their sources included.

use super::values::{read_attribute, read_value};
use super::{Raw, text};
use crate::io::seal::verify;
use crate::io::tree::Tree;
use ::hdf5::dataset::Layout;
use ::hdf5::{Dataset, Group};
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn read_group(
    group: &Group,
    path: &Path,
    tree: &mut Tree,
    verified: &mut BTreeSet<String>,
) -> Raw<()> {
    for dataset in group.datasets().map_err(text)? {
        let name = dataset.name().trim_start_matches('/').to_string();
        let about = |e: String| format!("dataset {name}: {e}");
        if dataset.layout() == Layout::Virtual {
            check_sources(&dataset, path, verified).map_err(about)?;
        }
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
        .try_for_each(|inner| read_group(inner, path, tree, verified))
}

/// The library fills the share of a missing source file with zeros in silence; here it is an error,
/// as is damage.
fn check_sources(dataset: &Dataset, path: &Path, verified: &mut BTreeSet<String>) -> Raw<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let sources = read_attribute(dataset, "sources")?.unwrap_or_default();
    for source in sources.lines() {
        if verified.insert(source.to_string()) {
            verify(&folder.join(source), true).map_err(|e| format!("its source file {e}"))?;
        }
    }
    Ok(())
}
