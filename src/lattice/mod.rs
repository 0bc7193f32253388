//! Decides what a lattice is: sites at positions, bonds by neighbour shell, symmetries as permutations of sites.

use crate::error::Result;

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
    /// One per direction, or one for all.
    pub boundary: Vec<Boundary>,
    /// Edges (i, j, kind) of a graph, already read from its file.
    pub edges: Option<Vec<(usize, usize, u32)>>,
    /// Number of sites of a graph where the model brings its bonds, or where some sites have no edge.
    pub sites: Option<usize>,
}

/// A pair of neighbours, once each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bond {
    /// First site.
    pub i: usize,
    /// Second site.
    pub j: usize,
    /// Direction (honeycomb) or kind (graph); 1 elsewhere.
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
    /// Cartesian positions in units of the nearest-neighbour distance, three components each; all zero for a graph.
    pub positions: Vec<[f64; 3]>,
    /// Cell coordinates of each site.
    pub cells: Vec<[usize; 3]>,
    /// Place of each site within its cell.
    pub sublattice: Vec<usize>,
}
impl Lattice {
    /// Builds and checks the lattice.
    pub fn new(_spec: &LatticeSpec) -> Result<Self> {
        unimplemented!()
    }
    /// Bonds of neighbour shell 1, 2, …, each pair once. A wrap that would make one pair a neighbour twice is an error.
    pub fn bonds(&self, _shell: usize) -> Result<Vec<Bond>> {
        unimplemented!()
    }
    /// Minimum-image distance.
    pub fn distance(&self, _i: usize, _j: usize) -> Result<f64> {
        unimplemented!()
    }
    /// Translations by lattice vectors along the periodic directions.
    pub fn translations(&self) -> Result<Group> {
        unimplemented!()
    }
    /// All automorphisms that come from isometries: translations and point group.
    pub fn space_group(&self) -> Result<Group> {
        unimplemented!()
    }
}
/// Two-colours the graph of these bonds, site 0 in sublattice A (`true`); each further component starts in A.
/// The error side is a cycle of odd length.
pub fn bipartition(_sites: usize, _bonds: &[Bond]) -> std::result::Result<Vec<bool>, Vec<usize>> {
    unimplemented!()
}
/// Sites that a group maps onto each other share a number, from 0 in order of the first site.
pub fn orbits(_sites: usize, _group: &Group) -> Vec<usize> {
    unimplemented!()
}
