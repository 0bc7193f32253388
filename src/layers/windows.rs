//! Decides which positions of a lattice a window reads, and which sites a position holds.
//!
//! A position is a patch of b cells in each direction, numbered q = q_x + (L_x/b) (q_y + …);
//! within it a site of place s in cell (i_x, i_y) has the number s + n_s (i_x + b i_y). A window of
//! K positions in each direction has taps k = (d_x + h) + K (d_y + h) with h = (K − 1)/2 and
//! reads t(r, k) = r + d, wrapped; that of the whole lattice has one tap for every displacement d =
//! k.

use crate::error::{Error, Result};
use crate::lattice::{Group, Lattice};
use crate::linalg::windowed::Taps;

/// The positions of a network on a periodic lattice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchGrid {
    /// Positions in each direction.
    extent: [usize; 3],
    dimensions: usize,
    /// Sites of a position.
    inputs: usize,
    /// The sites, position after position.
    sites: Vec<u32>,
}

/// A window and the positions that it reads at every position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTable {
    positions: usize,
    /// Lengths of the grid that the window moves on.
    extent: Option<[usize; 3]>,
    /// t(r, k), tap by tap.
    table: Vec<u32>,
    /// r where t(r, k) is the position, tap by tap.
    inverse: Vec<u32>,
}

impl WindowTable {
    /// From t(r, k), tap by tap; every tap has to be a permutation of the positions.
    pub fn new(positions: usize, table: Vec<u32>) -> Self {
        let mut inverse = vec![0; table.len()];
        for (k, row) in table.chunks_exact(positions.max(1)).enumerate() {
            for (r, &t) in row.iter().enumerate() {
                inverse[k * positions + t as usize] = r as u32;
            }
        }
        WindowTable {
            positions,
            extent: None,
            table,
            inverse,
        }
    }
    /// The window that reads its own position alone.
    pub fn single(positions: usize) -> Self {
        WindowTable::new(positions, (0..positions as u32).collect())
    }
    /// Lengths of the periodic grid whose translations all its taps are, where it has one.
    pub fn extent(&self) -> Option<&[usize; 3]> {
        self.extent.as_ref()
    }
    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.table.len() / self.positions.max(1)
    }
    /// What the window reads.
    pub fn reads(&self) -> Taps<'_> {
        Taps {
            positions: self.positions,
            table: &self.table,
        }
    }
    /// The readers of rows, in ascending order.
    pub(super) fn readers_of(&self, rows: &[u32]) -> Vec<u32> {
        let (readers, n) = (self.readers().table, self.reads().positions);
        let mut reads = vec![false; n];
        for tap in readers.chunks_exact(n.max(1)) {
            rows.iter()
                .for_each(|&r| reads[tap[r as usize] as usize] = true);
        }
        let all = (0..)
            .zip(reads)
            .filter_map(|(row, reads)| reads.then_some(row));
        all.collect()
    }
    /// Who reads a position: the same for the way back.
    pub fn readers(&self) -> Taps<'_> {
        Taps {
            positions: self.positions,
            table: &self.inverse,
        }
    }
}

impl PatchGrid {
    /// Patches of `side` cells in each direction; `key` is where the input gives the side.
    ///
    /// Errors: [`Error::Input`] where the lattice is a graph or has open ends, or where the side
    /// does not divide it.
    pub fn new(lattice: &Lattice, side: usize, key: &str) -> Result<Self> {
        let (size, d) = (lattice.extent(), lattice.dimensions());
        if lattice.is_graph() || (0..d).any(|a| !lattice.periodic()[a]) {
            let never = lattice.is_graph() || lattice.spec.kind == "ladder";
            let (key, remedy) = match never {
                true => ("lattice.kind", "use a chain or a lattice of the plane"),
                false => ("lattice.boundary", "use a periodic lattice"),
            };
            return Err(Error::input(
                key,
                "one window for all positions needs a lattice that is periodic in all directions",
                format!("{remedy}, or an ansatz without windows, such as feedforward"),
            ));
        }
        if side == 0 || (0..d).any(|a| !size[a].is_multiple_of(side)) {
            let problem = format!("patches of {side} cells do not fill a lattice of {size:?}");
            let remedy = "choose a common divisor of the lengths, such as 1";
            return Err(Error::input(key, problem, remedy));
        }
        let inside: [usize; 3] = std::array::from_fn(|a| if a < d { side } else { 1 });
        let extent: [usize; 3] = std::array::from_fn(|a| size[a] / inside[a]);
        let places = lattice.sites / size.iter().product::<usize>();
        let mut sites = Vec::with_capacity(lattice.sites);
        for q in cells(extent) {
            for i in cells(inside) {
                let [x, y, z] = std::array::from_fn(|a| q[a] * inside[a] + i[a]);
                let cell = x + size[0] * (y + size[1] * z);
                sites.extend((0..places).map(|s| (s + places * cell) as u32));
            }
        }
        Ok(PatchGrid {
            extent,
            dimensions: d,
            inputs: places * inside.iter().product::<usize>(),
            sites,
        })
    }
    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.extent.iter().product()
    }
    /// Sites of a position.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
    /// The sites, position after position.
    pub fn sites(&self) -> &[u32] {
        &self.sites
    }
    /// Number of directions.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }
    /// Positions in each direction, 1 in those that do not exist.
    pub fn extent(&self) -> [usize; 3] {
        self.extent
    }
    /// The coordinates of every position.
    pub fn coordinates(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        cells(self.extent)
    }

    /// The permutations of sites that move whole positions, the identity first.
    pub fn translations(&self) -> Group {
        let whole = self.whole();
        let of = |row: &[u32]| {
            let mut g = vec![0; self.sites.len()];
            let moved = row.iter().flat_map(|&t| {
                let first = t as usize * self.inputs;
                &self.sites[first..first + self.inputs]
            });
            let pairs = self.sites.iter().zip(moved);
            pairs.for_each(|(&site, &to)| g[site as usize] = to);
            g
        };
        let rows = whole.reads().table.chunks_exact(self.positions().max(1));
        Group {
            permutations: rows.map(of).collect(),
        }
    }

    /// The window of `kernel` positions in each direction; `key` is where the input gives it.
    ///
    /// Errors: [`Error::Input`] where the kernel is even, or longer than the lattice.
    pub fn window(&self, kernel: usize, key: &str) -> Result<WindowTable> {
        let lengths = &self.extent[..self.dimensions];
        let least = lengths.iter().min().copied().unwrap_or(1);
        if kernel.is_multiple_of(2) || kernel > least {
            let problem = match kernel.is_multiple_of(2) {
                true => format!("a window of {kernel} positions has no middle"),
                false => format!("{kernel} positions around a period of {least}: one stands twice"),
            };
            let remedy = format!("choose an odd number up to {least}");
            return Err(Error::input(key, problem, remedy));
        }
        let half = kernel / 2;
        let window = std::array::from_fn(|a| if a < self.dimensions { kernel } else { 1 });
        let first = std::array::from_fn(|a| if a < self.dimensions { half } else { 0 });
        Ok(self.table(window, first))
    }

    /// The window of the whole lattice.
    pub fn whole(&self) -> WindowTable {
        self.table(self.extent, [0; 3])
    }

    /// The window of displacements from −`first` on.
    fn table(&self, window: [usize; 3], first: [usize; 3]) -> WindowTable {
        let l = self.extent;
        let mut table = Vec::new();
        for d in cells(window) {
            for r in cells(l) {
                let t: [usize; 3] = std::array::from_fn(|a| (r[a] + d[a] + l[a] - first[a]) % l[a]);
                table.push((t[0] + l[0] * (t[1] + l[1] * t[2])) as u32);
            }
        }
        WindowTable {
            extent: Some(l),
            ..WindowTable::new(self.positions(), table)
        }
    }
}

/// All cells of a block, the first direction fastest.
fn cells(l: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let rows = (0..l[2]).flat_map(move |z| (0..l[1]).map(move |y| (y, z)));
    rows.flat_map(move |(y, z)| (0..l[0]).map(move |x| [x, y, z]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, LatticeSpec};

    fn grid(kind: &str, size: &[usize], side: usize) -> Result<PatchGrid> {
        let spec = LatticeSpec::regular(kind, size, &[Boundary::Periodic]);
        PatchGrid::new(&Lattice::new(&spec).unwrap(), side, "ansatz.patch")
    }

    #[test]
    fn windows_are_translations() {
        let grid = grid("square", &[4, 3], 1).unwrap();
        let window = grid.window(3, "ansatz.kernel").unwrap();
        assert_eq!(window.taps(), 9);
        // Tap 0 is (−1, −1): site 0 reads (3, 2), and the last tap undoes it.
        assert_eq!(window.reads().table[0], 3 + 4 * 2);
        assert_eq!(window.readers().table[..12], window.reads().table[8 * 12..]);
        assert_eq!(
            grid.whole().reads().table[..12],
            window.reads().table[4 * 12..5 * 12]
        );
        assert!(grid.window(5, "k").is_err() && grid.window(2, "k").is_err());
    }

    #[test]
    fn positions_hold_whole_patches_and_cells() {
        let square = grid("square", &[4, 4], 2).unwrap();
        assert_eq!((square.positions(), square.inputs()), (4, 4));
        assert_eq!(square.sites()[4..8], [2, 3, 6, 7]);
        let kagome = grid("kagome", &[2, 2], 1).unwrap();
        assert_eq!((kagome.positions(), kagome.inputs()), (4, 3));
        assert_eq!(kagome.sites()[3..6], [3, 4, 5]);
        assert!(grid("square", &[4, 3], 2).is_err());
    }
}
