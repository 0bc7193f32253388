//! Decides which classical spins in space and imaginary time a circuit of pairs, fields and flips
//! is sampled as.
//!
//! ⟨s|e^{y σˣ}|s'⟩ = √(sinh y cosh y) e^{K s s'} with e^{2K} = coth y: between flips a site has one
//! spin, and diagonal gates couple the spins of one slice (M. Suzuki, Prog. Theor. Phys. 56, 1454
//! (1976)). Slices 0 to n are those of the ket, n + 1 to 2n + 1 those of the bra in reverse; the
//! slices n and n + 1 are the visible configuration twice.

use super::circuit::{Circuit, Gate, Start};
use crate::clusters::{join, root};
use crate::error::{Error, Result};
use crate::linalg::hyperbolic::half_ln_coth;
use std::collections::BTreeMap;

/// Couplings within one slice: pairs x s_i s_j and fields z s_i of a Boltzmann weight e^{…}.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SliceCouplings {
    /// Sites i < j of each pair, in order of j − i and then of i.
    pub pairs: Vec<[u32; 2]>,
    /// x of each.
    pub x: Vec<f64>,
    /// z of each site; empty where all are 0.
    pub z: Vec<f64>,
}

/// Spins of a circuit: `sites` × 2 `depth`, and what couples them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpaceTime {
    pub sites: usize,
    /// n + 1, slices of the ket.
    pub depth: usize,
    /// Planes that differ.
    pub planes: Vec<SliceCouplings>,
    /// Which of them a slice of the ket has.
    pub plane_of: Vec<usize>,
    /// K of each site, those that differ; infinite where a site is not flipped.
    pub walls: Vec<Vec<f64>>,
    /// Which of them is between slice t of the ket and t + 1.
    pub wall_of: Vec<usize>,
}

/// Gates that have been read since the last wall.
#[derive(Default)]
struct Reader {
    pairs: BTreeMap<(u32, u32), f64>,
    fields: BTreeMap<u32, f64>,
    flips: Vec<f64>,
    planes: Vec<SliceCouplings>,
    plane_of: Vec<usize>,
    walls: Vec<Vec<f64>>,
    wall_of: Vec<usize>,
}

/// The place of `wanted` in `list`, at whose end it is put where it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> usize {
    // Layers repeat: the last ones are the likely ones.
    let known = list.iter().rposition(|t| *t == wanted);
    known.unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    })
}

impl Reader {
    /// Ends the slice before the flips that wait, and begins the next one.
    fn end_slice(&mut self, sites: usize) {
        let mut pairs: Vec<_> = std::mem::take(&mut self.pairs).into_iter().collect();
        pairs.sort_by_key(|((i, j), _)| (j - i, *i));
        let mut z = vec![0.0; if self.fields.is_empty() { 0 } else { sites }];
        for (i, field) in std::mem::take(&mut self.fields) {
            z[i as usize] = field;
        }
        let plane = SliceCouplings {
            pairs: pairs.iter().map(|((i, j), _)| [*i, *j]).collect(),
            x: pairs.iter().map(|(_, x)| *x).collect(),
            z,
        };
        self.plane_of.push(place(&mut self.planes, plane));
        if self.flips.iter().any(|y| *y > 0.0) {
            let wall = self.flips.iter().map(|y| half_ln_coth(*y)).collect();
            self.wall_of.push(place(&mut self.walls, wall));
            self.flips.fill(0.0);
        }
    }

    fn read(&mut self, gate: Gate, sites: usize) -> Result<()> {
        let outside = |site: usize| site >= sites;
        let waits = |site: usize| self.flips[site] > 0.0;
        match gate {
            Gate::Pair { l, m, x } if !outside(l) && !outside(m) && l != m && x.is_finite() => {
                if waits(l) || waits(m) {
                    self.end_slice(sites);
                }
                let ends = (l.min(m) as u32, l.max(m) as u32);
                *self.pairs.entry(ends).or_default() += x;
            }
            Gate::Field { l, z } if !outside(l) && z.is_finite() => {
                if waits(l) {
                    self.end_slice(sites);
                }
                *self.fields.entry(l as u32).or_default() += z;
            }
            Gate::Flip { l, y } if !outside(l) && y > 0.0 && y.is_finite() => self.flips[l] += y,
            _ => return Err(unfit(&gate)),
        }
        Ok(())
    }
}

/// A gate that no world lines of the kind asked for can carry.
pub(super) fn unfit(gate: &Gate) -> Error {
    Error::numerical(
        format!("the gate {gate:?} does not fit into the circuit that is to be sampled"),
        "use gates of one model, on sites of the circuit, with finite numbers and times above 0",
    )
}

impl SpaceTime {
    /// Of a circuit of pairs, fields and flips; an error for other gates, and for a start that
    /// flips would leave.
    pub fn new(circuit: &Circuit) -> Result<Self> {
        let sites = circuit.sites;
        if circuit.start != Start::Uniform || sites == 0 {
            return Err(Error::numerical(
                "flips of single spins leave the sector that a circuit starts in",
                "start from all configurations of one site or more",
            ));
        }
        let mut reader = Reader {
            flips: vec![0.0; sites],
            ..Reader::default()
        };
        for gate in circuit.gates() {
            reader.read(*gate, sites)?;
        }
        let ends_with_flips = reader.flips.iter().any(|y| *y > 0.0);
        reader.end_slice(sites);
        if ends_with_flips {
            reader.end_slice(sites);
        }
        Ok(SpaceTime {
            sites,
            depth: reader.plane_of.len(),
            planes: reader.planes,
            plane_of: reader.plane_of,
            walls: reader.walls,
            wall_of: reader.wall_of,
        })
    }

    /// Number of slices, of ket and bra.
    pub fn slices(&self) -> usize {
        2 * self.depth
    }

    /// The slice of the ket with the couplings of slice `t`.
    pub fn mirrored(&self, t: usize) -> usize {
        t.min(self.slices() - 1 - t)
    }

    /// The plane of slice `t`.
    pub fn plane(&self, t: usize) -> usize {
        self.plane_of[self.mirrored(t)]
    }

    /// The wall between slices `t` and `t` + 1; none between the two visible ones.
    pub fn wall(&self, t: usize) -> Option<usize> {
        (t + 1 != self.depth).then(|| self.wall_of[self.mirrored(t).min(self.mirrored(t + 1))])
    }

    /// Whether some spin feels a field.
    pub fn has_fields(&self) -> bool {
        self.planes.iter().any(|plane| !plane.z.is_empty())
    }

    /// Writes numbers whose means are ⟨σˣ⟩ of each site: half the sum of the ratios of the weights
    /// of ket and bra with and without a flip of the visible spin. `beyond` are the slices next to
    /// the visible one.
    pub fn traced_flips(&self, visible: &[i8], beyond: [Option<&[i8]>; 2], out: &mut [f64]) {
        let plane = &self.planes[self.plane(self.depth - 1)];
        // What the visible spins feel of their own slice.
        out.fill(0.0);
        out.iter_mut()
            .zip(&plane.z)
            .for_each(|(felt, z)| *felt = *z);
        for (ends, x) in plane.pairs.iter().zip(&plane.x) {
            let [i, j] = ends.map(|site| site as usize);
            out[i] += x * f64::from(visible[j]);
            out[j] += x * f64::from(visible[i]);
        }
        let wall = self.wall_of.last().map(|wall| &self.walls[*wall]);
        for (i, out) in out.iter_mut().enumerate() {
            let half = |slice: Option<&[i8]>| {
                let both = slice.zip(wall);
                let time = both.map_or(0.0, |(slice, wall)| wall[i] * f64::from(slice[i]));
                (-2.0 * f64::from(visible[i]) * (*out + time)).exp()
            };
            *out = 0.5 * (half(beyond[0]) + half(beyond[1]));
        }
    }

    /// Whether some signs of all spins satisfy all pairs.
    pub fn is_satisfiable(&self) -> bool {
        // Sites i and i + N stand for both signs of site i.
        let n = self.sites as u32;
        let mut parents: Vec<u32> = (0..2 * n).collect();
        for plane in &self.planes {
            for ([i, j], x) in plane.pairs.iter().zip(&plane.x).filter(|(_, x)| **x != 0.0) {
                let turned = if *x < 0.0 { n } else { 0 };
                join(&mut parents, *i, j + turned);
                join(&mut parents, i + n, (j + n + turned) % (2 * n));
            }
        }
        (0..n).all(|i| root(&mut parents, i) != root(&mut parents, i + n))
    }
}
