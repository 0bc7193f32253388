//! Decides what loops say of ⟨σˣσˣ + σʸσʸ⟩ and ⟨σˣ⟩ at the visible configuration, where nothing is
//! frozen.
//!
//! Broken-up plaquettes leave loops and open strings, each of two orientations. An operator that
//! swaps antiparallel spins of the sites l and m is an antiparallel tie between ket and bra on
//! both. On one loop or string it turns the part between them: as many orientations as before, each
//! with the element 2. On two, both must be open. Let b be the number of ends of a string at the
//! start of the ket and p = ±1 the spin on l below the tie: the parts of both strings contribute p
//! (b_l − b_m) to the magnetisation there, which with that of the other strings is 0 in the sector
//! of 0. Of B strings with b = 1, all are up as often as down, and the mean is
//! ```text
//! B/(B − 1) for b_l = b_m = 1,   B/(B + 2) for b = 0 and 2,   1 for all others
//! ```
//! Without a sector it is 1. In another sector the operator reaches broken-up plaquettes that no
//! world lines fit without it, so that there is no such estimate.

use super::circuit::Start;
use crate::clusters::root;

/// No site.
const NONE: u32 = u32::MAX;

/// How the visible sites hang together.
#[derive(Debug, Clone)]
pub(super) struct LoopStrings {
    /// Whether the start is a sector, that of no magnetisation.
    in_sector: bool,
    /// The site at the other end of the line below and above each one.
    partners: [Vec<u32>; 2],
    /// Roots with their sites, in order.
    sorted: Vec<(u32, u32)>,
    /// The string of each site.
    strings: Vec<u32>,
    /// b of each string; none for loops.
    ends: Vec<Option<usize>>,
    /// A site above an end of each string at the start of the ket, where b = 1.
    feet: Vec<u32>,
}

impl LoopStrings {
    pub fn new(sites: usize, start: Start) -> Self {
        LoopStrings {
            in_sector: start != Start::Uniform,
            partners: [vec![NONE; sites], vec![NONE; sites]],
            sorted: Vec::with_capacity(sites),
            strings: vec![NONE; sites],
            ends: Vec::with_capacity(sites),
            feet: Vec::with_capacity(sites),
        }
    }

    /// Keeps which sites are connected through the ket, where they have the labels `visible`, and
    /// through the bra, with the labels from `first` on.
    pub fn take(&mut self, visible: &[u32], first: u32, parents: &mut [u32]) {
        for side in 0..2 {
            self.sorted.clear();
            for (site, line) in (0..).zip(visible) {
                let line = if side == 0 { *line } else { first + site };
                self.sorted.push((root(parents, line), site));
            }
            self.sorted.sort_unstable();
            self.partners[side].fill(NONE);
            for two in self.sorted.windows(2).filter(|two| two[0].0 == two[1].0) {
                self.partners[side][two[0].1 as usize] = two[1].1;
                self.partners[side][two[1].1 as usize] = two[0].1;
            }
        }
    }

    /// Walks from a site below (0) or above (1), and marks all sites as of `string`; the side and
    /// the site where the walk ends, none where it comes back.
    fn walk(&mut self, from: u32, mut side: usize, string: u32) -> Option<(usize, u32)> {
        let mut site = from;
        loop {
            self.strings[site as usize] = string;
            let last = site;
            site = self.partners[side][site as usize];
            if site == NONE {
                return Some((side, last));
            }
            self.strings[site as usize] = string;
            side = 1 - side;
            if site == from && side == 0 {
                return None;
            }
        }
    }

    /// Finds all strings.
    fn find(&mut self) {
        self.strings.fill(NONE);
        self.ends.clear();
        self.feet.clear();
        for site in 0..self.strings.len() as u32 {
            if self.strings[site as usize] != NONE {
                continue;
            }
            let string = self.ends.len() as u32;
            let down = self.walk(site, 0, string);
            let up = down.and_then(|_| self.walk(site, 1, string));
            let ends = down.zip(up).map(|both| [both.0, both.1]);
            let foot = |ends: &[(usize, u32); 2]| ends.iter().find(|end| end.0 == 0).copied();
            self.feet
                .push(ends.as_ref().and_then(foot).map_or(NONE, |end| end.1));
            let count = |ends: [(usize, u32); 2]| ends.iter().filter(|end| end.0 == 0).count();
            self.ends.push(ends.map(count));
        }
    }

    /// The number of strings with b = 1.
    fn straight(&self) -> f64 {
        self.ends.iter().filter(|ends| **ends == Some(1)).count() as f64
    }

    /// Writes the mean of σᶻσᶻ over the orientations for each pair of sites: fixed on one string, 0
    /// between two; but in the sector strings with b = 1 are up as often as down, which leaves
    /// −1/(B − 1) for their spins at the start of the ket.
    pub fn pairs(&mut self, visible: &[i8], pairs: &[[usize; 2]], out: &mut [f64]) {
        self.find();
        let apart = if self.in_sector {
            -1.0 / (self.straight() - 1.0)
        } else {
            0.0
        };
        for ([l, m], out) in pairs.iter().zip(out) {
            let strings = [*l, *m].map(|site| self.strings[site] as usize);
            let parallel = f64::from(visible[*l] * visible[*m]);
            *out = if strings[0] == strings[1] {
                parallel
            } else if strings.iter().all(|string| self.ends[*string] == Some(1)) {
                let [one, other] = strings.map(|string| visible[self.feet[string] as usize]);
                apart * parallel * f64::from(one * other)
            } else {
                0.0
            };
        }
    }

    /// The mean of σˣσˣ + σʸσʸ between two open strings over their orientations, for b = 0, 1, 2.
    fn between(&self) -> [[f64; 3]; 3] {
        let mut table = [[1.0; 3]; 3];
        if self.in_sector {
            let straight = self.straight();
            table[1][1] = straight / (straight - 1.0);
            table[0][2] = straight / (straight + 2.0);
            table[2][0] = table[0][2];
        }
        table
    }

    /// Writes the estimate for each pair of sites.
    pub fn exchanges(&mut self, pairs: &[[usize; 2]], out: &mut [f64]) {
        self.find();
        let between = self.between();
        for ([l, m], out) in pairs.iter().zip(out) {
            let (l, m) = (self.strings[*l] as usize, self.strings[*m] as usize);
            *out = match (self.ends[l], self.ends[m]) {
                _ if l == m => 2.0,
                (Some(a), Some(b)) => between[a][b],
                _ => 0.0,
            };
        }
    }

    /// Writes the estimate of σˣ of each site: 1 on open strings, where no sector is left.
    pub fn flips(&mut self, out: &mut [f64]) {
        self.find();
        for (string, out) in self.strings.iter().zip(out) {
            let is_open = self.ends[*string as usize].is_some();
            *out = f64::from(u8::from(is_open && !self.in_sector));
        }
    }
}
