//! Decides how files that the keys of a section name count: by what they say, not by their names.

use crate::files;
use crate::input::named::{FILES, READ_ONCE};
use crate::io::hdf5;
use crate::io::sum::{checksum, fnv1a};
use std::path::Path;
use toml::{Table, Value};

/// Adds, beside each key of `table` and of the tables in it that names a file of `folder`, a number
/// for its content. What is no file, or cannot be read, is left to who reads it.
pub fn add_contents(table: &mut Table, folder: &Path) {
    add(table, folder, &FILES, meaning);
}

/// An input with a number for the bytes of every file that it names, those that are read once
/// included: what all ranks have to agree on.
pub(super) fn with_bytes(input: &Table, folder: &Path) -> String {
    let mut input = input.clone();
    let of_bytes = |path: &Path| checksum(path).ok();
    add(&mut input, folder, &[FILES, READ_ONCE].concat(), of_bytes);
    input.to_string()
}

/// Adds the numbers that `number` gives for files under one of `keys`.
fn add(table: &mut Table, folder: &Path, keys: &[&str], number: fn(&Path) -> Option<u64>) {
    let mut found = Vec::new();
    for (key, value) in table.iter_mut() {
        match value {
            // A table that says how a file is read once.
            Value::Table(_)
                if READ_ONCE.contains(&key.as_str()) && !keys.contains(&key.as_str()) => {}
            Value::Table(inner) => add(inner, folder, keys, number),
            Value::Array(list) => list
                .iter_mut()
                .filter_map(Value::as_table_mut)
                .for_each(|inner| add(inner, folder, keys, number)),
            Value::String(name) if keys.contains(&key.as_str()) => {
                found.extend(number(&folder.join(name)).map(|sum| (key.clone(), sum)));
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
fn meaning(path: &Path) -> Option<u64> {
    files::open(path).ok()?;
    let state = hdf5::read(path).map(|tree| tree.group("parameters"));
    match state.ok().filter(|state| !state.datasets.is_empty()) {
        Some(state) => Some(fnv1a(&state.to_bytes())),
        None => checksum(path).ok(),
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
        let mut start: Table = "load = { file = 'p.csv', grow = true }".parse().unwrap();
        add_contents(&mut start, folder.path());
        assert!(!start.to_string().contains("content"), "{start}");
        let all = with_bytes(&start, folder.path());
        assert!(all.contains("file_content"), "{all}");
        assert_ne!(first, keys("1.0,Z0 Z3"));
        assert_eq!(first, keys("1.0,Z0 Z1"));
        let chains: Table = "sampler = { start = { file = 'p.csv' } }".parse().unwrap();
        let all = with_bytes(&chains, folder.path());
        assert!(all.contains("file_content"), "{all}");
        let load: Table = "ansatz = { load = 'p.csv' }".parse().unwrap();
        let mut counted = load.clone();
        add_contents(&mut counted, folder.path());
        assert_eq!(counted, load, "a run that goes on does not read it again");
        let all = with_bytes(&load, folder.path());
        let sum = fnv1a(b"1.0,Z0 Z1");
        assert!(
            all.contains(&format!("load_content = \"{sum:016x}\"")),
            "{all}"
        );
    }

    #[test]
    fn ranks_compare_bytes_and_attempts_compare_states() {
        let folder = tempfile::tempdir().unwrap();
        let input: Table = "of = { file = 'x.h5' }".parse().unwrap();
        let numbers = |time: f64| {
            let mut tree = crate::io::tree::Tree::default();
            tree.put_reals("parameters/a", &[1.0, 2.0]);
            tree.put_real("timing/elapsed", time);
            hdf5::write_atomic(&folder.path().join("x.h5"), &tree).unwrap();
            let mut meant = input.clone();
            add_contents(&mut meant, folder.path());
            (meant, with_bytes(&input, folder.path()))
        };
        let (first, second) = (numbers(1.0), numbers(2.0));
        assert_ne!(first.0, input);
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1);
    }
}
