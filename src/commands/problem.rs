//! Decides what `info` says of the problem that results are about: lattice, Hamiltonian, seed,
//! files.

use crate::io::tree::Tree;
use serde_json::{Value, json};

/// Lattice, Hamiltonian, seed and files, each null where the file does not tell it.
pub fn problem(tree: &Tree) -> [Value; 4] {
    let complete = tree.text("input/complete").unwrap_or_default();
    let input: toml::Table = complete.parse().unwrap_or_default();
    let section = |name: &str| input.get(name).and_then(toml::Value::as_table);
    let key = |name: &str, key: &str| section(name).and_then(|s| s.get(key)).cloned();
    let lattice = section("lattice").map(|_| {
        let first = tree.integers("lattice/bond_shell").unwrap_or_default();
        let places = tree.integers("lattice/place_in_cell").unwrap_or_default();
        json!({
            "kind": key("lattice", "kind"), "size": key("lattice", "size"),
            "boundary": key("lattice", "boundary"), "sites": places.len(),
            "neighbours": first.iter().filter(|shell| **shell == 1).count(),
        })
    });
    let hamiltonian = section("hamiltonian").map(|own| {
        let mut about = json!({ "terms": tree.integer("hamiltonian/count").ok() });
        for (name, value) in own {
            about[name] = json!(value);
        }
        about
    });
    let names = tree.texts("input/files/name").ok();
    [
        lattice.unwrap_or(Value::Null),
        hamiltonian.unwrap_or(Value::Null),
        json!(input.get("seed").and_then(toml::Value::as_integer)),
        json!(names),
    ]
}
