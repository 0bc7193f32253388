//! Decides what results tell of the lattice: sites with their places, cell vectors, bonds of the
//! first shells.

use crate::io::tree::{Tree, Value, shaped};
use crate::lattice::Lattice;

/// Farthest shell of neighbours whose bonds are listed.
const SHELLS: usize = 2;

fn integers(shape: &[usize], all: Vec<i64>) -> Value {
    Value::Integer(shaped(shape, all))
}

/// Writes the lattice below `lattice`.
pub fn record(lattice: &Lattice, out: &mut Tree) {
    let sites = lattice.sites;
    let mut put = |name: &str, value: Value, unit: &str, meaning: &str| {
        out.describe(&format!("lattice/{name}"), value, unit, meaning);
    };
    let kind = Value::Text(lattice.spec.kind.clone());
    put("kind", kind, "", "kind of the lattice");
    let whole = |all: &[usize]| all.iter().map(|&n| n as i64).collect::<Vec<_>>();
    let extent = integers(&[3], whole(&lattice.extent()));
    put(
        "extent",
        extent,
        "1",
        "cells in each direction, 1 where there is none",
    );
    let closed = lattice.periodic().map(i64::from).to_vec();
    put(
        "periodic",
        integers(&[3], closed),
        "1",
        "1 where a direction closes",
    );
    let cells: Vec<i64> = lattice.cells.iter().flat_map(|c| whole(c)).collect();
    put(
        "cells",
        integers(&[sites, 3], cells),
        "1",
        "cell of each site",
    );
    let places = integers(&[sites], whole(&lattice.sublattice));
    put(
        "place_in_cell",
        places,
        "1",
        "place of each site in its cell",
    );
    if !lattice.is_graph() {
        let unit = "distance of first neighbours";
        let vectors = lattice.vectors().concat();
        let vectors = Value::Real(shaped(&[3, 3], vectors));
        put("vectors", vectors, unit, "lattice vectors, one a row");
        let positions = Value::Real(shaped(&[sites, 3], lattice.positions.concat()));
        put("positions", positions, unit, "position of each site");
    }
    record_bonds(lattice, &mut put);
}

/// Writes the bonds; `put` takes name, value, unit and meaning.
fn record_bonds(lattice: &Lattice, put: &mut dyn FnMut(&str, Value, &str, &str)) {
    let shells = 1..=if lattice.is_graph() { 1 } else { SHELLS };
    // A wrap that makes a pair a neighbour twice leaves a shell out.
    let bonds = shells.flat_map(|shell| {
        let bonds = lattice.bonds(shell).unwrap_or_default();
        bonds.into_iter().map(move |bond| (shell, bond))
    });
    let bonds: Vec<_> = bonds.collect();
    let pairs: Vec<i64> = bonds
        .iter()
        .flat_map(|(_, b)| [b.i as i64, b.j as i64])
        .collect();
    let meaning = "pairs of neighbours of the first two shells, or edges of a graph, each once";
    put("bonds", integers(&[bonds.len(), 2], pairs), "1", meaning);
    let shell = bonds.iter().map(|(shell, _)| *shell as i64).collect();
    put(
        "bond_shell",
        integers(&[bonds.len()], shell),
        "1",
        "shell of each bond, from 1",
    );
    let kinds = bonds.iter().map(|(_, b)| i64::from(b.kind)).collect();
    let meaning = "direction (first shell of a honeycomb), kind (graph), else shell of each bond";
    put("bond_kind", integers(&[bonds.len()], kinds), "1", meaning);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, LatticeSpec};

    #[test]
    fn bonds_of_a_square_have_the_lengths_of_their_shells() {
        let spec = LatticeSpec::regular("square", &[4, 4], &[Boundary::Open]);
        let lattice = Lattice::new(&spec).unwrap();
        let mut tree = Tree::default();
        record(&lattice, &mut tree);
        let pairs = tree.integers("lattice/bonds").unwrap();
        let shells = tree.integers("lattice/bond_shell").unwrap();
        let positions = tree.reals("lattice/positions").unwrap();
        // 2 · 4 · 3 sides and 2 · 3 · 3 diagonals.
        let count = |n: i64| shells.iter().filter(|s| **s == n).count();
        assert_eq!((count(1), count(2)), (24, 18));
        for (pair, shell) in pairs.chunks(2).zip(shells) {
            let place = |site: i64| &positions[3 * site as usize..][..3];
            let square = place(pair[0]).iter().zip(place(pair[1]));
            let square: f64 = square.map(|(a, b)| (a - b).powi(2)).sum();
            assert!((square - shell as f64).abs() < 1e-12, "{pair:?}");
        }
    }
}
