//! Decides how files that the keys of a section name count: by what they say, not by their names.

use crate::files;
use crate::io::hdf5;
use crate::io::seal::fnv1a;
use std::path::Path;
use toml::{Table, Value};

/// Keys whose text names a file.
const FILES: [&str; 3] = ["file", "bonds", "fields"];
/// The same of files that a run reads once: how they were counts, not how they are.
const READ_ONCE: [&str; 3] = ["load", "data", "condensate"];

/// Adds, beside each key of `table` and of the tables in it that names a file of `folder`, a number
/// for its content. What is no file, or cannot be read, is left to who reads it.
pub fn add_contents(table: &mut Table, folder: &Path) {
    add(table, folder, &FILES);
}

/// An input with a number for the content of every file that it names, those that are read once
/// included: what all ranks have to agree on.
pub(super) fn with_contents(input: &Table, folder: &Path) -> String {
    let mut input = input.clone();
    add(&mut input, folder, &[FILES, READ_ONCE].concat());
    input.to_string()
}

fn add(table: &mut Table, folder: &Path, keys: &[&str]) {
    let mut found = Vec::new();
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => add(inner, folder, keys),
            Value::Array(list) => list
                .iter_mut()
                .filter_map(Value::as_table_mut)
                .for_each(|inner| add(inner, folder, keys)),
            Value::String(name) if keys.contains(&key.as_str()) => {
                found.extend(content(&folder.join(name)).map(|sum| (key.clone(), sum)));
            }
            _ => {}
        }
    }
    for (key, sum) in found {
        table.insert(
            format!("{key}_content"),
            Value::String(format!("{sum:016x}")),
        );
    }
}

/// A number for what a file says: for a state the parameters of its wave function, so that the
/// same state counts as the same whenever it was written.
fn content(path: &Path) -> Option<u64> {
    let bytes = files::bytes(path, u64::MAX).ok()?;
    let state = hdf5::read(path).map(|tree| tree.group("parameters"));
    match state.ok().filter(|state| !state.datasets.is_empty()) {
        Some(state) => Some(fnv1a(&state.to_bytes())),
        None => Some(fnv1a(&bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_by_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let keys = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let list = "observables = [{ kind = 'pauli', file = 'p.csv' }, { file = 'none.csv' }]";
            let mut table: Table = list.parse().unwrap();
            add_contents(&mut table, folder.path());
            table.to_string()
        };
        let first = keys("1.0,Z0 Z1");
        assert_eq!(first.matches("file_content").count(), 1, "{first}");
        assert_ne!(first, keys("1.0,Z0 Z3"));
        assert_eq!(first, keys("1.0,Z0 Z1"));
        let load: Table = "ansatz = { load = 'p.csv' }".parse().unwrap();
        let mut counted = load.clone();
        add_contents(&mut counted, folder.path());
        assert_eq!(counted, load, "a run that goes on does not read it again");
        let all = with_contents(&load, folder.path());
        assert!(all.contains("load_content"), "{all}");
    }
}
