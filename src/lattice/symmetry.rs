//! Decides the symmetry groups: site permutations that come from isometries of the lattice.
//!
//! An isometry u -> M u + t has an integer matrix with Mᵀ G M = G. On a wrapped lattice M must
//! map the lattice of supercell vectors onto itself, and t then follows from the image of site 0.
//! Isometries keep every neighbour shell. Reference: M. I. Aroyo (ed.), International Tables for
//! Crystallography A, 6th ed. (2016), sec. 1.2.

use super::kinds::Geometry;
use super::{Group, Lattice};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashSet};
use std::f64::consts::TAU;

/// Largest number of entries in the permutations of a group (1 GiB).
const LARGEST_GROUP: usize = 1 << 28;

type IntegerMatrix = [[i64; 3]; 3];

/// A rotation, or a rotation after the reference mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointElement {
    /// Site j goes to site g(j).
    pub permutation: Vec<u32>,
    /// How often the smallest rotation is applied.
    pub turns: usize,
    /// Whether the mirror that keeps the first lattice vector (or turns it least) is applied first.
    pub mirror: bool,
}

impl Group {
    /// Elements whose products are the whole group; none for the identity alone.
    pub fn generators(&self) -> Vec<&[u32]> {
        let mut chosen: Vec<&[u32]> = Vec::new();
        let identity = self.permutations.iter().take(1).cloned();
        let mut reached: HashSet<Vec<u32>> = identity.collect();
        for element in &self.permutations {
            if reached.contains(element) {
                continue;
            }
            chosen.push(element);
            let mut open: Vec<Vec<u32>> = reached.iter().cloned().collect();
            while let Some(last) = open.pop() {
                for g in &chosen {
                    let product: Vec<u32> = g.iter().map(|&i| last[i as usize]).collect();
                    if reached.insert(product.clone()) {
                        open.push(product);
                    }
                }
            }
        }
        chosen
    }
}

impl Lattice {
    /// Translations by lattice vectors along the periodic directions, the identity first; only the
    /// identity where every direction is open. A graph has none, which is an error.
    pub fn translations(&self) -> Result<Group> {
        let geometry = self.regular("symmetry = \"translations\"")?;
        let count = |a: usize| if self.periodic[a] { self.size[a] } else { 1 };
        self.check_group(count(0) * count(1) * count(2))?;
        let mut permutations = Vec::new();
        for z in 0..count(2) {
            for y in 0..count(1) {
                for x in 0..count(0) {
                    let t = [x, y, z].map(|c| c as i64 * geometry.denominator);
                    permutations.extend(self.permutation(geometry, &IDENTITY, t));
                }
            }
        }
        Ok(Group { permutations })
    }

    /// All automorphisms that come from isometries: translations and point group, the identity
    /// first, in lexical order. A graph has no isometries, which is an error.
    pub fn space_group(&self) -> Result<Group> {
        let geometry = self.regular("symmetry = \"space-group\"")?;
        let mut found = BTreeSet::new();
        for matrix in isometries(geometry).iter().filter(|m| self.compatible(m)) {
            let origin = apply(matrix, self.coordinates(geometry, 0));
            for image in 0..self.sites {
                let image = self.coordinates(geometry, image);
                let t = std::array::from_fn(|a| image[a] - origin[a]);
                found.extend(self.permutation(geometry, matrix, t));
                self.check_group(found.len())?;
            }
        }
        // The identity is the first permutation in lexical order.
        Ok(Group {
            permutations: found.into_iter().collect(),
        })
    }

    /// The isometries that keep site 0, the identity first: reflections and rotations of a chain, a
    /// ladder or a two-dimensional lattice. On a chain the reflection is i → N − 1 − i; open
    /// directions are reflected about their middle. A graph and a cubic lattice have no such list,
    /// which is an error.
    pub fn point_group(&self) -> Result<Vec<PointElement>> {
        let geometry = self.regular("a reflection or rotation")?;
        let d = geometry.dimensions;
        if d == 3 {
            return Err(Error::input(
                "lattice.kind",
                "the reflections and rotations of a cubic lattice have no names here",
                "use momentum and spin_flip alone",
            ));
        }
        let mut found: Vec<(f64, bool, Vec<u32>)> = Vec::new();
        for matrix in isometries(geometry).iter().filter(|m| self.compatible(m)) {
            let t = self.shift_of(geometry, matrix);
            let [x, y, _] = geometry.cartesian(apply(matrix, [1, 0, 0]));
            let determinant = matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0];
            // On a chain the image of the first vector is that of a half turn, and there is only
            // the reflection.
            let angle = if d == 1 {
                0.0
            } else {
                y.atan2(x).rem_euclid(TAU)
            };
            if let Some(permutation) = self.permutation(geometry, matrix, t) {
                found.push((
                    if angle > TAU - 1e-9 { 0.0 } else { angle },
                    determinant < 0,
                    permutation,
                ));
            }
        }
        found.sort_by(|a, b| {
            (a.1, a.0)
                .partial_cmp(&(b.1, b.0))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let order = found.iter().filter(|f| !f.1).count().max(1) as f64;
        let first_mirror = found.iter().find(|f| f.1).map_or(0.0, |f| f.0);
        let element = |(angle, mirror, permutation): (f64, bool, Vec<u32>)| {
            let turns =
                ((angle - if mirror { first_mirror } else { 0.0 }) * order / TAU).round() as usize;
            PointElement {
                permutation,
                turns,
                mirror,
            }
        };
        Ok(found.into_iter().map(element).collect())
    }

    /// The translation that goes with a matrix of the point group: open directions are mapped onto
    /// themselves, a periodic chain is reflected about a bond, all else keeps site 0.
    fn shift_of(&self, geometry: &Geometry, matrix: &IntegerMatrix) -> [i64; 3] {
        let lowest = |a: usize| {
            (0..self.sites)
                .map(|s| apply(matrix, self.coordinates(geometry, s))[a])
                .min()
                .unwrap_or(0)
        };
        let reflects_chain = geometry.dimensions == 1 && matrix[0][0] == -1;
        std::array::from_fn(|a| {
            if self.periodic[a] {
                -i64::from(reflects_chain && a == 0)
            } else {
                -lowest(a)
            }
        })
    }

    fn check_group(&self, elements: usize) -> Result<()> {
        if elements.saturating_mul(self.sites) > LARGEST_GROUP {
            return Err(Error::input(
                "ansatz.symmetry",
                format!(
                    "a group of {elements} or more permutations of {} sites does not fit in memory",
                    self.sites
                ),
                "use symmetry = \"none\" or a smaller lattice",
            ));
        }
        Ok(())
    }

    /// Whether M maps the lattice of supercell vectors onto itself.
    fn compatible(&self, m: &IntegerMatrix) -> bool {
        (0..3).filter(|&a| self.periodic[a]).all(|a| {
            (0..3).all(|b| match self.periodic[b] {
                true => self.size[a] as i64 * m[b][a] % self.size[b] as i64 == 0,
                false => m[b][a] == 0,
            })
        })
    }

    /// The permutation of the sites by u -> M u + t, if it is one.
    fn permutation(&self, geometry: &Geometry, m: &IntegerMatrix, t: [i64; 3]) -> Option<Vec<u32>> {
        let mut taken = vec![false; self.sites];
        (0..self.sites)
            .map(|site| {
                let u = apply(m, self.coordinates(geometry, site));
                let image = self.site_at(geometry, std::array::from_fn(|a| u[a] + t[a]))?;
                (!std::mem::replace(&mut taken[image], true)).then_some(image as u32)
            })
            .collect()
    }
}

const IDENTITY: IntegerMatrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];

fn apply(m: &IntegerMatrix, u: [i64; 3]) -> [i64; 3] {
    std::array::from_fn(|a| (0..3).map(|b| m[a][b] * u[b]).sum())
}

/// All integer matrices with Mᵀ G M = G. Their columns are images of the shortest lattice
/// vectors, which have components −1, 0 and 1 on every lattice here.
fn isometries(geometry: &Geometry) -> Vec<IntegerMatrix> {
    let d = geometry.dimensions;
    let mut matrices = Vec::new();
    for code in 0..3i64.pow((d * d) as u32) {
        let mut m = IDENTITY;
        let mut rest = code;
        for row in m.iter_mut().take(d) {
            for entry in row.iter_mut().take(d) {
                *entry = rest % 3 - 1;
                rest /= 3;
            }
        }
        let column = |a: usize| std::array::from_fn(|b| m[b][a]);
        if (0..3)
            .all(|a| (0..3).all(|b| geometry.product(column(a), column(b)) == geometry.gram[a][b]))
        {
            matrices.push(m);
        }
    }
    matrices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_groups_have_their_orders() {
        for (kind, order) in [
            ("chain", 2),
            ("square", 8),
            ("triangular", 12),
            ("cubic", 48),
            ("kagome", 12),
        ] {
            assert_eq!(
                Geometry::of(kind).map(|g| isometries(&g).len()),
                Some(order),
                "{kind}"
            );
        }
    }
}
