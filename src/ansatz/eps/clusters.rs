//! Decides which sites a cluster of an entangled-plaquette state holds, and which clusters hold a
//! site.
//!
//! The cluster of extents (l_1, l_2, l_3) at a cell holds the sites of the cells up to l_a − 1
//! further along lattice vector a, the sites of one cell first, then along the first vector. Its
//! number of a configuration is k = Σ_m b_m 2^m over its sites m, b = 1 where the spin is down.

use crate::basis::Move;
use crate::lattice::{Group, Lattice};

/// The clusters of a lattice and how many of them share a table.
#[derive(Debug, Clone)]
pub struct PlaquetteClusters {
    sites: usize,
    length: usize,
    tied: bool,
    /// The sites of each cluster, `length` after `length`.
    members: Vec<u32>,
    /// Where the entries of each site start, and where the last ones end.
    starts: Vec<usize>,
    /// Number of a cluster and the bit of the site in it, ordered by site and cluster.
    entries: Vec<(u32, u32)>,
}

impl PlaquetteClusters {
    /// Clusters of the same number of sites, at least one and at most 31; `tied` says that they
    /// share one table.
    pub fn new(sites: usize, clusters: &[Vec<u32>], tied: bool) -> Self {
        let length = clusters.first().map_or(0, Vec::len);
        debug_assert!(length < 32 && clusters.iter().all(|c| c.len() == length));
        let mut of_site = vec![Vec::new(); sites];
        for (p, cluster) in clusters.iter().enumerate() {
            for (m, &site) in cluster.iter().enumerate() {
                of_site[site as usize].push((p as u32, 1 << m));
            }
        }
        let mut starts = vec![0];
        for entries in &of_site {
            starts.push(starts[starts.len() - 1] + entries.len());
        }
        PlaquetteClusters {
            sites,
            length,
            tied,
            members: clusters.concat(),
            starts,
            entries: of_site.concat(),
        }
    }

    /// Number of sites of the lattice.
    pub fn sites(&self) -> usize {
        self.sites
    }
    /// Sites of a cluster.
    pub fn length(&self) -> usize {
        self.length
    }
    /// Number of clusters.
    pub fn count(&self) -> usize {
        self.members.len() / self.length.max(1)
    }
    /// Whether all clusters share one table.
    pub fn tied(&self) -> bool {
        self.tied
    }
    /// Entries of a table, 2^length.
    pub fn states(&self) -> usize {
        1 << self.length
    }
    /// Where the table of cluster `p` starts.
    #[inline(always)]
    pub fn table(&self, p: usize) -> usize {
        if self.tied { 0 } else { p << self.length }
    }
    /// Bytes of what is kept beside parameters.
    pub fn bytes(&self) -> usize {
        self.members.len() * (size_of::<u32>() + size_of::<(u32, u32)>())
    }

    /// The numbers of a configuration in all clusters, appended to `numbers`.
    pub fn number(&self, x: &[i8], numbers: &mut Vec<u32>) {
        let of = |cluster: &[u32]| {
            let bits = cluster.iter().enumerate();
            bits.fold(0, |k, (m, &i)| k | u32::from(x[i as usize] < 0) << m)
        };
        numbers.extend(self.members.chunks_exact(self.length).map(of));
    }

    fn of(&self, site: u32) -> &[(u32, u32)] {
        &self.entries[self.starts[site as usize]..self.starts[site as usize + 1]]
    }

    /// Calls `each` for every cluster that a move of the configuration `x` touches, with the bits
    /// that change in its number; `room` is for moves of three and more sites.
    #[inline]
    pub fn touched(
        &self,
        x: &[i8],
        step: Move,
        room: &mut Vec<(u32, u32)>,
        mut each: impl FnMut(usize, u32),
    ) {
        let changed = |k: usize| step.values[k] != x[step.sites[k] as usize];
        match *step.sites {
            [site] if changed(0) => {
                let entries = self.of(site).iter();
                entries.for_each(|&(p, bit)| each(p as usize, bit));
            }
            [one, two] if changed(0) && changed(1) => {
                merge(self.of(one), self.of(two), each);
            }
            _ => {
                room.clear();
                for k in (0..step.sites.len()).filter(|&k| changed(k)) {
                    room.extend_from_slice(self.of(step.sites[k]));
                }
                room.sort_unstable();
                for run in room.chunk_by(|a, b| a.0 == b.0) {
                    each(run[0].0 as usize, run.iter().fold(0, |bits, e| bits | e.1));
                }
            }
        }
    }
}

/// Calls `each` for the clusters of both lists in order, once where they share one.
#[inline]
fn merge(mut a: &[(u32, u32)], mut b: &[(u32, u32)], mut each: impl FnMut(usize, u32)) {
    while let ([(p, bit), rest @ ..], [(q, other), others @ ..]) = (a, b) {
        let bits = if p <= q { *bit } else { 0 } | if q <= p { *other } else { 0 };
        each(*p.min(q) as usize, bits);
        if p <= q {
            a = rest;
        }
        if q <= p {
            b = others;
        }
    }
    a.iter()
        .chain(b)
        .for_each(|&(p, bit)| each(p as usize, bit));
}

/// The clusters of the given extents, in cells, in the order of their first sites: one for each
/// cell, those alone that fit where a direction is open. No extent may exceed a periodic direction.
pub fn blocks(lattice: &Lattice, extents: [usize; 3]) -> Vec<Vec<u32>> {
    let (size, periodic) = (lattice.extent(), lattice.periodic());
    let places = lattice.sites / size.iter().product::<usize>();
    let cells = |l: [usize; 3]| {
        let rows = (0..l[2]).flat_map(move |z| (0..l[1]).map(move |y| (y, z)));
        rows.flat_map(move |(y, z)| (0..l[0]).map(move |x| [x, y, z]))
    };
    let fits = |at: &[usize; 3]| (0..3).all(|a| periodic[a] || at[a] + extents[a] <= size[a]);
    let block = |at: [usize; 3]| {
        let inside = cells(extents).flat_map(|by| {
            let [x, y, z] = std::array::from_fn(|a| (at[a] + by[a]) % size[a]);
            let cell = x + size[0] * (y + size[1] * z);
            (0..places).map(move |s| (s + places * cell) as u32)
        });
        inside.collect()
    };
    cells(size).filter(fits).map(block).collect()
}

/// The images of a cluster under a group, in the order of their first sites.
pub fn images(cluster: &[u32], group: &Group) -> Vec<Vec<u32>> {
    let image = |g: &Vec<u32>| cluster.iter().map(|&i| g[i as usize]).collect();
    let mut all: Vec<Vec<u32>> = group.permutations.iter().map(image).collect();
    all.sort_unstable();
    all.dedup();
    all
}
