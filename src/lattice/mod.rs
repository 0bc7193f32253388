//! Decides what a lattice is: sites at positions, bonds by neighbour shell, symmetries as
//! permutations of sites.
//!
//! Site i = s + n_s (x + L_x (y + L_y z)) is place s of the n_s places in cell (x, y, z).
//! Neighbours are (x+1, y) and (x, y+1) on square lattices and ladders (i = x + length y), these
//! and (x+1, y−1) on the triangular one; honeycomb cells have the bonds 0(x,y)-1(x,y),
//! -1(x−1,y), -1(x,y−1) of directions 1, 2, 3; kagome cells a triangle 0-1-2 and the bonds
//! 1(x,y)-0(x+1,y), 2(x,y)-0(x,y+1), 1(x,y)-2(x+1,y−1). Reference: those of `kinds`, `shells`,
//! `symmetry` and `graph`.

mod colours;
pub mod files;
mod graph;
mod kinds;
mod shells;
mod squares;
mod symmetry;

pub use colours::colours;
pub use graph::{bipartition, orbits};
pub use symmetry::PointElement;

use crate::error::{Error, Result};
use kinds::Geometry;

/// Largest number of sites.
pub const LARGEST: usize = 1 << 16;

/// Whether the lattice closes in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Open ends.
    Open,
    /// The last cell is a neighbour of the first.
    Periodic,
}

/// What the input says of a lattice, `[lattice]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LatticeSpec {
    /// `chain`, `ladder`, `square`, `triangular`, `honeycomb`, `kagome`, `cubic` or `graph`.
    pub kind: String,
    /// Sites or cells per direction; empty for a graph.
    pub size: Vec<usize>,
    /// One per direction, or one for all; on a ladder that along the legs.
    pub boundary: Vec<Boundary>,
    /// Edges (i, j, kind) of a graph, already read from its file.
    pub edges: Option<Vec<(usize, usize, u32)>>,
    /// Number of sites of a graph where the model brings its bonds, or where some sites have no
    /// edge.
    pub sites: Option<usize>,
}

impl LatticeSpec {
    /// A lattice of a kind with cells; `boundary` has one entry per direction, or one for all.
    pub fn regular(kind: &str, size: &[usize], boundary: &[Boundary]) -> Self {
        LatticeSpec {
            kind: kind.into(),
            size: size.into(),
            boundary: boundary.into(),
            edges: None,
            sites: None,
        }
    }
}

/// A pair of neighbours, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bond {
    /// First site.
    pub i: usize,
    /// Second site.
    pub j: usize,
    /// Direction (first neighbours of the honeycomb lattice), kind (graph), number of the shell
    /// elsewhere.
    pub kind: u32,
}

/// A group of site permutations; (g σ)_j = σ_{g(j)}. The identity comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// One permutation per element.
    pub permutations: Vec<Vec<u32>>,
}

/// Sites, positions, neighbours, symmetries.
#[derive(Debug, Clone)]
pub struct Lattice {
    /// What it was built from.
    pub spec: LatticeSpec,
    /// Number of sites.
    pub sites: usize,
    /// Cartesian positions in units of the nearest-neighbour distance, three components each; all
    /// zero for a graph.
    pub positions: Vec<[f64; 3]>,
    /// Cell coordinates of each site; [i, 0, 0] for a graph.
    pub cells: Vec<[usize; 3]>,
    /// Place of each site within its cell.
    pub sublattice: Vec<usize>,
    geometry: Option<Geometry>,
    size: [usize; 3],
    periodic: [bool; 3],
    edges: Vec<Bond>,
}

fn check_count(key: &str, sites: usize) -> Result<()> {
    match sites {
        0 => Err(Error::input(
            key,
            "the lattice has no sites",
            "at least one site is needed",
        )),
        n if n > LARGEST => Err(Error::input(
            key,
            format!("{n} sites are more than {LARGEST}"),
            format!("use at most {LARGEST} sites, numbered from 0"),
        )),
        _ => Ok(()),
    }
}

/// The number of sites of a regular lattice; an error where its keys do not fit together.
fn count_sites(spec: &LatticeSpec, geometry: &Geometry) -> Result<usize> {
    for (key, given) in [
        ("lattice.file", spec.edges.is_some()),
        ("lattice.sites", spec.sites.is_some()),
    ] {
        if given {
            return Err(Error::input(
                key,
                format!("a {} has a size", spec.kind),
                "only kind = \"graph\" has this key",
            ));
        }
    }
    let d = geometry.dimensions;
    if spec.size.len() != d {
        return Err(Error::input(
            "lattice.size",
            format!("{:?} has {} entries", spec.size, spec.size.len()),
            format!("a {} needs {d}", spec.kind),
        ));
    }
    let sites = spec
        .size
        .iter()
        .try_fold(geometry.offsets.len(), |n, &l| n.checked_mul(l))
        .unwrap_or(usize::MAX);
    // A zero may stand behind an overflow.
    check_count(
        "lattice.size",
        if spec.size.contains(&0) { 0 } else { sites },
    )?;
    Ok(sites)
}

impl Lattice {
    /// Builds and checks the lattice. Errors name the key: an unknown kind, a size with zeros, too
    /// few or too many entries or more than 65536 sites, boundaries that do not match the
    /// directions, edges that are not a simple graph.
    pub fn new(spec: &LatticeSpec) -> Result<Self> {
        if spec.kind == "graph" {
            return Self::graph(spec);
        }
        let Some(geometry) = Geometry::of(&spec.kind) else {
            return Err(Error::input(
                "lattice.kind",
                format!("`{}` does not exist", spec.kind),
                kinds::KINDS,
            ));
        };
        let d = geometry.dimensions;
        let sites = count_sites(spec, &geometry)?;
        let mut size = [1; 3];
        size[..d].copy_from_slice(&spec.size);
        let periodic = boundaries(spec, &geometry)?;
        let mut lattice = Lattice {
            spec: spec.clone(),
            sites,
            positions: Vec::with_capacity(sites),
            cells: Vec::with_capacity(sites),
            sublattice: Vec::with_capacity(sites),
            geometry: None,
            size,
            periodic,
            edges: Vec::new(),
        };
        for site in 0..sites {
            let cell = site / geometry.offsets.len();
            lattice.sublattice.push(site % geometry.offsets.len());
            lattice.cells.push([
                cell % size[0],
                cell / size[0] % size[1],
                cell / (size[0] * size[1]),
            ]);
            lattice
                .positions
                .push(geometry.cartesian(lattice.coordinates(&geometry, site)));
        }
        lattice.geometry = Some(geometry);
        Ok(lattice)
    }

    fn graph(spec: &LatticeSpec) -> Result<Self> {
        if !spec.size.is_empty() {
            return Err(Error::input(
                "lattice.size",
                "a graph has no size",
                "give file or sites instead",
            ));
        }
        let (sites, edges) = graph::check(spec.edges.as_deref(), spec.sites)?;
        Ok(Lattice {
            spec: spec.clone(),
            sites,
            positions: vec![[0.0; 3]; sites],
            cells: (0..sites).map(|i| [i, 0, 0]).collect(),
            sublattice: vec![0; sites],
            geometry: None,
            size: [sites, 1, 1],
            periodic: [false; 3],
            edges,
        })
    }

    /// Whether each direction is periodic; `false` for directions that do not exist and for graphs.
    pub fn periodic(&self) -> [bool; 3] {
        self.periodic
    }

    /// Cells per direction, 1 for directions that do not exist; [N, 1, 1] for a graph.
    pub fn extent(&self) -> [usize; 3] {
        self.size
    }

    /// Whether the lattice is a graph, without positions, distances and isometries.
    pub fn is_graph(&self) -> bool {
        self.geometry.is_none()
    }

    /// The geometry, or an error that says that `what` does not exist on a graph.
    fn regular(&self, what: &str) -> Result<&Geometry> {
        self.geometry.as_ref().ok_or_else(|| {
            Error::input(
                "lattice.kind",
                format!("{what} does not exist on a graph, whose sites have no positions"),
                "use a regular lattice, or do without it",
            )
        })
    }

    /// Number of directions; 1 for a graph.
    pub fn dimensions(&self) -> usize {
        self.geometry.as_ref().map_or(1, |g| g.dimensions)
    }

    /// The lattice vectors in units of the nearest-neighbour distance; those of a cube for a graph.
    pub fn vectors(&self) -> [[f64; 3]; 3] {
        self.geometry
            .as_ref()
            .map_or([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], |g| {
                g.vectors
            })
    }

    /// The position of a site in units of the lattice vectors. A graph has none, which is an error.
    pub fn fractional(&self, site: usize) -> Result<[f64; 3]> {
        let geometry = self.regular("a position of a site")?;
        Ok(self
            .coordinates(geometry, site)
            .map(|u| u as f64 / geometry.denominator as f64))
    }

    /// Integer coordinates of a site.
    fn coordinates(&self, geometry: &Geometry, site: usize) -> [i64; 3] {
        let offset = geometry.offsets[self.sublattice[site]];
        std::array::from_fn(|a| self.cells[site][a] as i64 * geometry.denominator + offset[a])
    }

    /// The site at integer coordinates, wrapped along periodic directions.
    fn site_at(&self, geometry: &Geometry, u: [i64; 3]) -> Option<usize> {
        let d = geometry.denominator;
        let place = u.map(|c| c.rem_euclid(d));
        let s = geometry.offsets.iter().position(|&o| o == place)?;
        let mut cell = [0; 3];
        for a in 0..3 {
            let (n, l) = (u[a].div_euclid(d), self.size[a] as i64);
            let n = if self.periodic[a] { n.rem_euclid(l) } else { n };
            cell[a] = usize::try_from(n).ok().filter(|&n| n < self.size[a])?;
        }
        Some(
            s + geometry.offsets.len()
                * (cell[0] + self.size[0] * (cell[1] + self.size[1] * cell[2])),
        )
    }
}

/// Which directions are periodic.
fn boundaries(spec: &LatticeSpec, geometry: &Geometry) -> Result<[bool; 3]> {
    let closed = |b: &Boundary| *b == Boundary::Periodic;
    let d = geometry.dimensions;
    let mut periodic = [false; 3];
    match (spec.boundary.as_slice(), geometry.ladder) {
        ([legs] | [legs, Boundary::Open], true) => periodic[0] = closed(legs),
        (_, true) => {
            return Err(Error::input(
                "lattice.boundary",
                "the rungs of a ladder cannot be closed",
                "give one boundary, that along the legs, or use kind = \"square\"",
            ));
        }
        ([all], false) => periodic[..d].fill(closed(all)),
        (each, false) if each.len() == d => {
            for (p, b) in periodic.iter_mut().zip(each) {
                *p = closed(b);
            }
        }
        (each, false) => {
            return Err(Error::input(
                "lattice.boundary",
                format!("{} boundaries are given", each.len()),
                format!("a {} needs one for all directions, or {d}", spec.kind),
            ));
        }
    }
    Ok(periodic)
}
