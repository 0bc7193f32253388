//! Decides how bonds are coloured: those of one colour have no site in common.
//!
//! Bond (i, i+1) of a chain has colour i mod 2; on square lattices x-bonds with even x come first,
//! then x-bonds with odd x, y-bonds with even y, y-bonds with odd y. Where that does not fit, and
//! on other lattices, each bond takes the first colour that is free at both of its sites.

use super::{Bond, Lattice};

/// The bonds of each colour that occurs, in the order of the colours.
pub fn colours(lattice: &Lattice, bonds: &[Bond]) -> Vec<Vec<Bond>> {
    let natural = bonds.iter().map(|bond| natural(lattice, bond));
    let natural: Option<Vec<usize>> = natural.collect();
    let fits = natural.filter(|colours| is_proper(lattice.sites, bonds, colours));
    let chosen = fits.unwrap_or_else(|| greedy(lattice.sites, bonds));
    let count = chosen.iter().max().map_or(0, |most| most + 1);
    let mut found = vec![Vec::new(); count];
    for (bond, colour) in bonds.iter().zip(chosen) {
        found[colour].push(*bond);
    }
    found.retain(|bonds| !bonds.is_empty());
    found
}

/// The colour of a bond of a chain or of a square lattice by its place.
fn natural(lattice: &Lattice, bond: &Bond) -> Option<usize> {
    if !matches!(lattice.spec.kind.as_str(), "chain" | "square") {
        return None;
    }
    let (from, to, extent) = (
        lattice.cells[bond.i],
        lattice.cells[bond.j],
        lattice.extent(),
    );
    let mut along = (0..2).filter(|&axis| from[axis] != to[axis]);
    let axis = along.next().filter(|_| along.next().is_none())?;
    let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
    let start = match high - low {
        1 => low,
        across if across + 1 == extent[axis] => high,
        _ => return None,
    };
    Some(2 * axis + start % 2)
}

fn is_proper(sites: usize, bonds: &[Bond], colours: &[usize]) -> bool {
    let mut taken = vec![Vec::new(); sites];
    bonds.iter().zip(colours).all(|(bond, colour)| {
        [bond.i, bond.j].iter().all(|&site| {
            let free = !taken[site].contains(colour);
            taken[site].push(*colour);
            free
        })
    })
}

fn greedy(sites: usize, bonds: &[Bond]) -> Vec<usize> {
    let mut taken: Vec<Vec<usize>> = vec![Vec::new(); sites];
    let mut free = |bond: &Bond| {
        let is_free = |c: &usize| !taken[bond.i].contains(c) && !taken[bond.j].contains(c);
        let colour = (0..).find(is_free).unwrap_or(0);
        taken[bond.i].push(colour);
        taken[bond.j].push(colour);
        colour
    };
    bonds.iter().map(&mut free).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, LatticeSpec};

    #[test]
    fn colours_are_proper_and_those_of_chains_and_squares_are_known() {
        use Boundary::{Open, Periodic};
        for (kind, size, boundary, expected) in [
            ("chain", &[6][..], Periodic, vec![3, 3]),
            ("chain", &[5], Open, vec![2, 2]),
            ("chain", &[2], Open, vec![1]),
            ("chain", &[5], Periodic, vec![2, 2, 1]),
            ("square", &[4, 4], Periodic, vec![8; 4]),
            ("square", &[2, 3], Open, vec![3, 2, 2]),
            ("honeycomb", &[3, 3], Periodic, vec![]),
            ("cubic", &[2, 2, 3], Open, vec![]),
        ] {
            let spec = LatticeSpec::regular(kind, size, &[boundary]);
            let lattice = Lattice::new(&spec).unwrap();
            let bonds = lattice.bonds(1).unwrap();
            let found = colours(&lattice, &bonds);
            let counts: Vec<usize> = found.iter().map(Vec::len).collect();
            assert!(
                expected.is_empty() || counts == expected,
                "{kind} {counts:?}"
            );
            assert_eq!(counts.iter().sum::<usize>(), bonds.len());
            for colour in found {
                assert!(is_proper(lattice.sites, &colour, &vec![0; colour.len()]));
            }
        }
        let ring = Lattice::new(&LatticeSpec::regular("chain", &[6], &[Periodic])).unwrap();
        let first = colours(&ring, &ring.bonds(1).unwrap()).remove(0);
        let ends: Vec<_> = first.iter().map(|b| [b.i.min(b.j), b.i.max(b.j)]).collect();
        assert_eq!(ends, [[0, 1], [2, 3], [4, 5]]);
    }
}
