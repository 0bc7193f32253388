//! Decides how long the lattice of a results file is: L = N^{1/d}, with N sites in d directions.

use crate::io::tree::Tree;

/// Sites along a direction of the lattice of a results file; nothing where the file does not tell.
pub fn lattice_length(tree: &Tree) -> Option<f64> {
    let sites = tree.integer("status/sites").ok()? as f64;
    let input: toml::Table = tree.text("input/resolved").ok()?.parse().ok()?;
    let extent = input.get("lattice").and_then(|l| l.get("size"));
    let directions = extent.and_then(toml::Value::as_array).map_or(1, Vec::len);
    Some(sites.powf(1.0 / directions.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_one_direction() {
        for (size, sites) in [("6", 6), ("[6]", 6), ("[6, 6]", 36), ("[6, 6, 6]", 216)] {
            let mut tree = Tree::default();
            tree.put_integer("status/sites", sites);
            tree.put_text("input/resolved", format!("[lattice]\nsize = {size}\n"));
            let found = lattice_length(&tree).unwrap();
            assert!((found - 6.0).abs() < 1e-12, "{size}: {found}");
        }
    }
}
