//! Decides where the sites of a smaller lattice stand in a larger one of the same kind.
//!
//! Site j stands for its displacement from cell 0, d_a cells along direction a. Around a period l
//! that becomes longer, displacements below l/2 stay, those above are d_a − l, and of d_a = l/2,
//! which are both, each has half. A sum over sites that repeat the smaller lattice is the same.

use super::growth::places;
use crate::lattice::{Lattice, LatticeSpec};
use std::collections::HashMap;

/// The sites of a smaller lattice in a larger one.
pub(super) struct Transfer {
    /// The smaller lattice.
    pub smaller: Lattice,
    /// Sites of the larger one that each stands for, with their shares.
    pub sites: Vec<Vec<(usize, f64)>>,
}

impl Transfer {
    /// Of the sites of a lattice of this size.
    ///
    /// Errors: in words, that there is no such lattice, or that it is no smaller one.
    pub fn new(larger: &Lattice, size: &[usize]) -> Result<Self, String> {
        let spec = LatticeSpec {
            size: size.into(),
            ..larger.spec.clone()
        };
        let smaller = Lattice::new(&spec).map_err(|e| e.to_string())?;
        let (from, to, periodic) = (smaller.extent(), larger.extent(), larger.periodic());
        if larger.is_graph() || (0..3).any(|a| from[a] > to[a]) {
            let own = &larger.spec.size;
            return Err(format!(
                "is of a lattice of {size:?}, and the input's has {own:?}"
            ));
        }
        if (0..3).any(|a| from[a] != to[a] && !periodic[a]) {
            return Err("a direction with open ends does not become longer".into());
        }
        let number: HashMap<([usize; 3], usize), usize> = (0..larger.sites)
            .map(|site| ((larger.cells[site], larger.sublattice[site]), site))
            .collect();
        let along = |a: usize, d: usize| match from[a] == to[a] {
            true => vec![(d, 1.0)],
            false => places(d, from[a], to[a]),
        };
        let of = |j: usize| {
            let (cell, place) = (smaller.cells[j], smaller.sublattice[j]);
            let [x, y, z] = [0, 1, 2].map(|a| along(a, cell[a]));
            let mut all = Vec::new();
            for &(z, of_z) in &z {
                for &(y, of_y) in &y {
                    for &(x, of_x) in &x {
                        let cell = [x % to[0], y % to[1], z % to[2]];
                        let site = number.get(&(cell, place)).copied();
                        all.extend(site.map(|site| (site, of_x * of_y * of_z)));
                    }
                }
            }
            all
        };
        let sites = (0..smaller.sites).map(of).collect();
        Ok(Transfer { smaller, sites })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Boundary;

    #[test]
    fn shares_sum_to_one_and_repeat_the_smaller_lattice() {
        for (kind, from, to) in [
            ("chain", vec![6], vec![9]),
            ("square", vec![4, 3], vec![8, 6]),
            ("honeycomb", vec![2, 2], vec![4, 6]),
            ("cubic", vec![2, 2, 4], vec![2, 4, 8]),
        ] {
            let spec = LatticeSpec::regular(kind, &to, &[Boundary::Periodic]);
            let larger = Lattice::new(&spec).unwrap();
            let transfer = Transfer::new(&larger, &from).unwrap();
            for (j, all) in transfer.sites.iter().enumerate() {
                let sum: f64 = all.iter().map(|(_, share)| share).sum();
                assert!((sum - 1.0).abs() < 1e-15, "{kind} {j}");
                let extent = transfer.smaller.extent();
                for &(site, _) in all {
                    let back: [usize; 3] = std::array::from_fn(|a| {
                        match to.get(a).is_some_and(|l| l % extent[a] == 0) {
                            true => larger.cells[site][a] % extent[a],
                            false => transfer.smaller.cells[j][a],
                        }
                    });
                    assert_eq!(back, transfer.smaller.cells[j], "{kind} {j} {site}");
                    assert_eq!(larger.sublattice[site], transfer.smaller.sublattice[j]);
                }
            }
        }
    }

    #[test]
    fn what_is_no_smaller_lattice_says_so() {
        let lattice = |size: &[usize], boundary| {
            Lattice::new(&LatticeSpec::regular("chain", size, &[boundary])).unwrap()
        };
        let periodic = lattice(&[6], Boundary::Periodic);
        assert!(Transfer::new(&periodic, &[8]).is_err_and(|e| e.contains("[8]")));
        let open = lattice(&[6], Boundary::Open);
        assert!(Transfer::new(&open, &[4]).is_err_and(|e| e.contains("open ends")));
    }
}
