//! Decides how networks start from the numbers of a file, and how files of fits count.

use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::hdf5;
use crate::io::sum::fnv1a;
use crate::io::tree::Value;
use crate::perceptron::Perceptron;

/// Numbers of a file to start from, at most.
const LARGEST: usize = 1 << 28;

/// The numbers of the file that the key `load` of a section names; results of the section bring
/// those of their network, or of the first one.
pub(in crate::calculation) fn load(
    source: &Source,
    section: &str,
    file: &str,
    network: &Perceptron,
) -> Result<Vec<f64>> {
    let bad = |problem: String, remedy: &str| {
        Error::input(
            format!("{section}.load"),
            format!("{file}: {problem}"),
            remedy,
        )
    };
    let blocks = network.blocks();
    let inner = |name: &str| format!("{section}/parameters/{name}");
    let names: Vec<String> = blocks
        .iter()
        .flat_map(|b| [b.name.clone(), inner(&b.name)])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let tree = hdf5::read_foreign(&source.folder.join(file), &names, LARGEST).map_err(|e| {
        bad(
            e.to_string(),
            "give an HDF5 file with datasets W_0, b_0, ...",
        )
    })?;
    let mut theta = Vec::<f64>::with_capacity(network.size());
    for block in &blocks {
        let names = [block.name.clone(), inner(&block.name)];
        let Some(Value::Real(found)) = names.iter().find_map(|name| tree.datasets.get(name)) else {
            let remedy = "give real numbers, the block next to the input first";
            return Err(bad(
                format!("no dataset {} of real numbers", block.name),
                remedy,
            ));
        };
        // Results have the networks of all seeds.
        let shape = found.shape();
        let fits = shape.ends_with(&block.shape) && shape.len() <= block.shape.len() + 1;
        if !fits || found.is_empty() {
            let problem = format!(
                "{} has the shape {shape:?} instead of {:?}",
                block.name, block.shape
            );
            let remedy = "give a network of the same widths, inputs and outputs";
            return Err(bad(problem, remedy));
        }
        theta.extend(found.iter().take(block.range.len()));
    }
    match theta.iter().all(|v| v.is_finite()) {
        true => Ok(theta),
        false => Err(bad("a number is not finite".into(), "correct the file")),
    }
}

/// Adds a number for what a file says to the keys of a section, in place of its name.
pub(in crate::calculation) fn add_digest(table: &mut toml::Table, key: &str, number: u64) {
    table.insert(key.into(), toml::Value::String(format!("{number:016x}")));
}

/// A number for the content of the file that `key` names.
pub(in crate::calculation) fn content(source: &Source, key: &str, file: &str) -> Result<u64> {
    let bytes = crate::files::bytes(&source.folder.join(file), u64::MAX).map_err(|e| {
        Error::input(
            key,
            format!("{file} cannot be read: {e}"),
            "give a file relative to the folder of the input",
        )
    })?;
    Ok(fnv1a(&bytes))
}
