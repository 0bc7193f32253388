//! Decides who are neighbours and how far two sites are apart.
//!
//! Shell n holds the pairs whose displacement in the infinite lattice has the n-th shortest length;
//! the distance is that of the nearest image, d(i, j) = min_R |r_i − r_j + R| over the supercell
//! vectors R. Without exception, a wrap that makes one pair a neighbour twice, or a site its own
//! neighbour, is an error: the sum over bonds would depend on how one counts. Reference: M. P.
//! Allen and D. J. Tildesley, Computer Simulation of Liquids, 2nd ed. (2017), sec. 1.6.

use super::kinds::Geometry;
use super::{Bond, Lattice};
use crate::error::{Error, Result};

/// Largest number of pairs for which distances are tabulated.
const LARGEST_TABLE: usize = 1 << 27;

/// Farthest neighbour shell.
const LARGEST_SHELL: usize = 1000;

impl Lattice {
    /// Bonds of neighbour shell 1, 2, …, each pair once with i < j, sorted; empty where the
    /// lattice has no such pair. The edges of a graph are its shell 1. A wrap that would make one
    /// pair a neighbour twice is an error.
    pub fn bonds(&self, shell: usize) -> Result<Vec<Bond>> {
        let Some(geometry) = &self.geometry else {
            return match shell {
                1 => Ok(self.edges.clone()),
                _ => Err(Error::input(
                    "lattice.kind",
                    format!("a graph has no neighbour shell {shell}"),
                    "give those bonds a kind of their own in the edge file, or use another lattice",
                )),
            };
        };
        if !(1..=LARGEST_SHELL).contains(&shell) {
            return Err(Error::input(
                "lattice",
                format!("there is no neighbour shell {shell}"),
                format!("shells count from 1 to {LARGEST_SHELL}"),
            ));
        }
        let displacements = geometry.shell(shell, self.size);
        let mut bonds = Vec::new();
        let mut last_seen = vec![usize::MAX; self.sites];
        for i in 0..self.sites {
            let from = self.coordinates(geometry, i);
            for u in &displacements[self.sublattice[i]] {
                let Some(j) = self.site_at(geometry, std::array::from_fn(|a| from[a] + u[a]))
                else {
                    continue;
                };
                if j == i || last_seen[j] == i {
                    return Err(self.wrapped_twice(shell, i, j));
                }
                last_seen[j] = i;
                if i < j {
                    let kind = match (self.spec.kind.as_str(), shell) {
                        ("honeycomb", 1) => direction(*u),
                        _ => shell as u32,
                    };
                    bonds.push(Bond { i, j, kind });
                }
            }
        }
        bonds.sort_unstable();
        Ok(bonds)
    }

    /// Bonds of one kind: of the edges of a graph, of shell 1 elsewhere (directions 1, 2, 3 on the
    /// honeycomb lattice).
    pub fn bonds_of_kind(&self, kind: u32) -> Result<Vec<Bond>> {
        Ok(self
            .bonds(1)?
            .into_iter()
            .filter(|b| b.kind == kind)
            .collect())
    }

    fn wrapped_twice(&self, shell: usize, i: usize, j: usize) -> Error {
        let what = match i == j {
            true => format!("site {i} its own neighbour"),
            false => format!("the sites {i} and {j} neighbours twice"),
        };
        Error::input(
            "lattice.size",
            format!(
                "the periodic wrap of {:?} makes {what} in shell {shell}",
                self.spec.size
            ),
            "use a larger size or an open boundary",
        )
    }

    /// Minimum-image distance in units of the nearest-neighbour distance. A graph has none, which
    /// is an error.
    pub fn distance(&self, i: usize, j: usize) -> Result<f64> {
        let geometry = self.regular("a distance between sites")?;
        Ok((self.squared_distance(geometry, i, j) as f64 / geometry.nearest as f64).sqrt())
    }

    /// Number of the distance class of each pair: entry [i][j − i − 1] for i < j. Classes are
    /// the distinct minimum-image distances, from 0 for the shortest. A graph has no distances,
    /// which is an error.
    pub fn distance_classes(&self) -> Result<Vec<Vec<u32>>> {
        let geometry = self.regular("a distance between sites")?;
        let pairs = self.sites * self.sites.saturating_sub(1) / 2;
        if pairs > LARGEST_TABLE {
            return Err(Error::input(
                "lattice.size",
                format!("the distances of {pairs} pairs of sites do not fit in memory"),
                "use fewer than 16384 sites where every pair has a parameter",
            ));
        }
        let squares: Vec<Vec<i64>> = (0..self.sites)
            .map(|i| {
                (i + 1..self.sites)
                    .map(|j| self.squared_distance(geometry, i, j))
                    .collect()
            })
            .collect();
        let lengths: std::collections::BTreeSet<i64> = squares.iter().flatten().copied().collect();
        let class: std::collections::BTreeMap<i64, u32> = lengths.into_iter().zip(0..).collect();
        Ok(squares
            .iter()
            .map(|row| row.iter().map(|q| class[q]).collect())
            .collect())
    }

    /// min_R |u_i − u_j + R|², in the integer measure of the geometry.
    fn squared_distance(&self, geometry: &Geometry, i: usize, j: usize) -> i64 {
        let (from, to) = (self.coordinates(geometry, i), self.coordinates(geometry, j));
        let u: [i64; 3] = std::array::from_fn(|a| to[a] - from[a]);
        let supercell = |a: usize| {
            let mut r = [0; 3];
            r[a] = self.size[a] as i64 * geometry.denominator;
            r
        };
        let mut directions: Vec<usize> = (0..geometry.dimensions)
            .filter(|&a| self.periodic[a])
            .collect();
        // On a skew supercell the image of the longer direction is one of a few, and that of the
        // shorter one follows.
        let outer = match directions.len() {
            2 if geometry.skew() => {
                Some(directions.remove(usize::from(self.size[0] < self.size[1])))
            }
            _ => None,
        };
        (if outer.is_some() { -2..=2 } else { 0..=0 })
            .map(|n| {
                let mut best = outer.map_or(u, |a| add(u, n, supercell(a)));
                for &a in &directions {
                    let r = supercell(a);
                    let m = -geometry.product(best, r).div_euclid(geometry.squared(r));
                    let images = [m - 1, m, m + 1].map(|m| add(best, m, r));
                    best = images
                        .into_iter()
                        .min_by_key(|&v| geometry.squared(v))
                        .unwrap_or(best);
                }
                geometry.squared(best)
            })
            .min()
            .unwrap_or_else(|| geometry.squared(u))
    }
}

fn add(u: [i64; 3], n: i64, r: [i64; 3]) -> [i64; 3] {
    std::array::from_fn(|a| u[a] + n * r[a])
}

/// Direction of a honeycomb bond: 1 within the cell, 2 and 3 to the cells at x − 1 and y − 1 of
/// place 0.
fn direction(u: [i64; 3]) -> u32 {
    match (u[0].abs(), u[1].abs()) {
        (2, _) => 2,
        (_, 2) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use crate::lattice::{Boundary, Lattice, LatticeSpec};

    fn lattice(kind: &str, size: &[usize]) -> Lattice {
        let spec = LatticeSpec::regular(kind, size, &[Boundary::Periodic]);
        Lattice::new(&spec).expect("sound lattice")
    }

    /// The nearest image of skew supercells agrees with a search over many images of the positions.
    #[test]
    fn nearest_images_are_nearest() {
        for (kind, size) in [
            ("triangular", vec![9, 2]),
            ("triangular", vec![2, 7]),
            ("kagome", vec![3, 4]),
            ("honeycomb", vec![2, 5]),
            ("square", vec![5, 4]),
            ("ladder", vec![6, 3]),
            ("cubic", vec![3, 4, 2]),
        ] {
            let l = lattice(kind, &size);
            let v = l.geometry.as_ref().expect("regular").vectors;
            for j in 0..l.sites {
                let mut nearest = f64::INFINITY;
                let reach = |a: usize| if l.periodic[a] { 9 } else { 0 };
                for n in -reach(0)..=reach(0) {
                    for m in -reach(1)..=reach(1) {
                        for k in -reach(2)..=reach(2) {
                            let n = [n, m, k];
                            let square: f64 = (0..3)
                                .map(|c| {
                                    let shift: f64 = (0..3)
                                        .map(|a| f64::from(n[a]) * l.size[a] as f64 * v[a][c])
                                        .sum();
                                    (l.positions[j][c] - l.positions[0][c] + shift).powi(2)
                                })
                                .sum();
                            nearest = nearest.min(square.sqrt());
                        }
                    }
                }
                let found = l.distance(0, j).expect("regular");
                assert!(
                    (found - nearest).abs() < 1e-9,
                    "{kind} {size:?} site {j}: {found} is not {nearest}"
                );
            }
        }
    }

    #[test]
    fn classes_of_a_ring() {
        let classes = lattice("chain", &[6]).distance_classes().expect("regular");
        assert_eq!(classes[0], [0, 1, 2, 1, 0]);
        assert_eq!(classes[4], [0]);
        assert!(classes[5].is_empty());
    }
}
