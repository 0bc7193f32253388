//! Decides the geometry of each kind of lattice, in integers.
//!
//! A site stands at r = Σ_a (u_a / D) a_a, with u = D n + τ_s: n the cell, τ_s the offset of its
//! place s in the cell, D the common denominator. Squared lengths are uᵀ G u, an integer, with G
//! proportional to a_a · a_b; the squared distance of nearest neighbours is uᵀ G u = `nearest`.
//! Reference: N. W. Ashcroft and N. D. Mermin, Solid State Physics (1976), ch. 4; I. Syôzi, Prog.
//! Theor. Phys. 6, 306 (1951) for kagome.

/// Integer geometry of a kind of lattice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Geometry {
    /// Number of directions.
    pub dimensions: usize,
    /// D
    pub denominator: i64,
    /// G
    pub gram: [[i64; 3]; 3],
    /// uᵀ G u of nearest neighbours.
    pub nearest: i64,
    /// τ_s
    pub offsets: &'static [[i64; 3]],
    /// a_a in units of the nearest-neighbour distance.
    pub vectors: [[f64; 3]; 3],
    /// Whether the second direction is a finite width of the infinite lattice itself.
    pub ladder: bool,
}

const ORTHOGONAL: [[i64; 3]; 3] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const HEXAGONAL: [[i64; 3]; 3] = [[2, 1, 0], [1, 2, 0], [0, 0, 2]];

/// The names of all kinds, for messages.
pub(super) const KINDS: &str =
    "chain, ladder, square, triangular, honeycomb, kagome, cubic or graph";

impl Geometry {
    /// The geometry of a kind; `None` for a graph and for names that do not exist.
    pub fn of(kind: &str) -> Option<Self> {
        let orthogonal = |dimensions, ladder| Geometry {
            dimensions,
            denominator: 1,
            gram: ORTHOGONAL,
            nearest: 1,
            offsets: &[[0, 0, 0]],
            vectors: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            ladder,
        };
        let hexagonal = |denominator, nearest, offsets, length: f64| Geometry {
            dimensions: 2,
            denominator,
            gram: HEXAGONAL,
            nearest,
            offsets,
            vectors: [
                [length, 0.0, 0.0],
                [0.5 * length, 0.75f64.sqrt() * length, 0.0],
                [0.0, 0.0, 1.0],
            ],
            ladder: false,
        };
        Some(match kind {
            "chain" => orthogonal(1, false),
            "ladder" => orthogonal(2, true),
            "square" => orthogonal(2, false),
            "cubic" => orthogonal(3, false),
            "triangular" => hexagonal(1, 2, &[[0, 0, 0]], 1.0),
            "honeycomb" => hexagonal(3, 6, &[[0, 0, 0], [1, 1, 0]], 3f64.sqrt()),
            "kagome" => hexagonal(2, 2, &[[0, 0, 0], [1, 0, 0], [0, 1, 0]], 2.0),
            _ => return None,
        })
    }

    /// Whether the directions are not orthogonal.
    pub fn skew(&self) -> bool {
        self.gram[0][1] != 0
    }

    /// uᵀ G v
    pub fn product(&self, u: [i64; 3], v: [i64; 3]) -> i64 {
        (0..3)
            .map(|a| (0..3).map(|b| u[a] * self.gram[a][b] * v[b]).sum::<i64>())
            .sum()
    }

    /// Squared length of a displacement.
    pub fn squared(&self, u: [i64; 3]) -> i64 {
        self.product(u, u)
    }

    /// Cartesian position of u in units of the nearest-neighbour distance.
    pub fn cartesian(&self, u: [i64; 3]) -> [f64; 3] {
        std::array::from_fn(|c| {
            (0..3)
                .map(|a| u[a] as f64 / self.denominator as f64 * self.vectors[a][c])
                .sum()
        })
    }

    /// Displacements of shell n = 1, 2, … from each place in the cell to the sites of the
    /// infinite lattice, in a fixed order; `size` bounds the rungs of a ladder only, since a
    /// periodic lattice wraps displacements of any length.
    pub fn shell(&self, n: usize, size: [usize; 3]) -> Vec<Vec<[i64; 3]>> {
        let limit = |a: usize, reach: i64| match a {
            1 if self.ladder => reach.min(size[1] as i64 - 1),
            a if a < self.dimensions => reach,
            _ => 0,
        };
        // The multiples of one lattice vector alone are n distances of at most n |a|, and 3/4
        // (reach − 1)² ≥ n² at the end.
        for reach in 2..=2 * n as i64 + 2 {
            let mut found = Vec::new();
            for z in -limit(2, reach)..=limit(2, reach) {
                for y in -limit(1, reach)..=limit(1, reach) {
                    for x in -reach..=reach {
                        for (s, from) in self.offsets.iter().enumerate() {
                            for to in self.offsets {
                                let u = std::array::from_fn(|a| {
                                    self.denominator * [x, y, z][a] + to[a] - from[a]
                                });
                                found.push((self.squared(u), s, u));
                            }
                        }
                    }
                }
            }
            let mut lengths: Vec<i64> = found.iter().map(|f| f.0).collect();
            lengths.sort_unstable();
            lengths.dedup();
            // Every vector of squared length up to 3/4 (reach − 1)² |a|² is among those found.
            let complete = 3
                * (reach - 1)
                * (reach - 1)
                * self.gram[0][0]
                * self.denominator
                * self.denominator
                / 4;
            if let Some(&length) = lengths.get(n).filter(|&&l| l <= complete) {
                let mut shell = vec![Vec::new(); self.offsets.len()];
                for (_, s, u) in found.into_iter().filter(|f| f.0 == length) {
                    shell[s].push(u);
                }
                return shell;
            }
        }
        unreachable!("n multiples of a lattice vector are n distances within reach")
    }
}
