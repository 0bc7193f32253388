//! Decides which entries of a pair table share a parameter: those that a translation by whole units
//! takes into each other.
//!
//! f_ij = ± θ[i mod unit, j − i], with a minus sign for every time that j − i leads around a
//! direction in which f is antiperiodic. The unit is a block of cells: one cell leaves differences
//! alone, 2 × 2 cells allow for Néel order and stripes, the whole lattice frees all N² entries.

use crate::ansatz::Context;
use crate::ansatz::tied::check_tied;
use crate::error::Result;
use crate::lattice::{Group, Lattice};
use crate::number::Scalar;

/// The parameter of every entry of a table.
#[derive(Debug, Clone)]
pub struct PairTies {
    sites: usize,
    /// Number of parameters.
    pub count: usize,
    /// Parameter of (i, j), row by row, and whether it enters with a minus sign.
    entries: Vec<(u32, bool)>,
    /// A pair (i, j) of each parameter that has it with a plus sign.
    pub pairs: Vec<(usize, usize)>,
    /// Cells of a unit along each direction.
    pub unit: [usize; 3],
    /// The directions around which f changes its sign.
    pub antiperiodic: [bool; 3],
}

impl PairTies {
    /// Ties by translations of `unit` cells; `antiperiodic` names directions around which f changes
    /// its sign. A unit divides a periodic direction, and fills an open one.
    pub fn new(lattice: &Lattice, unit: [usize; 3], antiperiodic: [bool; 3]) -> Self {
        let (n, size) = (lattice.sites, lattice.extent());
        let places = n / size.iter().product::<usize>();
        let number = |cell: [usize; 3], extent: [usize; 3], place: usize| {
            place + places * (cell[0] + extent[0] * (cell[1] + extent[1] * cell[2]))
        };
        let mut entries = Vec::with_capacity(n * n);
        let count = unit.iter().product::<usize>() * places * n;
        let mut pairs = vec![(0, 0); count];
        for i in 0..n {
            let (from, first) = (lattice.cells[i], lattice.sublattice[i]);
            let moved: [usize; 3] = std::array::from_fn(|a| from[a] % unit[a]);
            for j in 0..n {
                let (mut to, mut odd) = ([0; 3], false);
                for a in 0..3 {
                    // One period is added to stay above zero.
                    let shifted = size[a] + lattice.cells[j][a] + moved[a] - from[a];
                    to[a] = shifted % size[a];
                    odd ^= antiperiodic[a] && (shifted / size[a]).is_multiple_of(2);
                }
                let second = number(to, size, lattice.sublattice[j]);
                let class = number(moved, unit, first) * n + second;
                entries.push((class as u32, odd));
                if !odd && moved == from {
                    pairs[class] = (i, j);
                }
            }
        }
        PairTies {
            sites: n,
            count,
            entries,
            pairs,
            unit,
            antiperiodic,
        }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// The parameter of the entry (i, j), and whether it enters with a minus sign.
    pub fn of(&self, i: u32, j: u32) -> (usize, bool) {
        let (class, odd) = self.entries[i as usize * self.sites + j as usize];
        (class as usize, odd)
    }

    /// The table of these parameters, row by row.
    pub fn table<T: Scalar>(&self, parameters: &[T]) -> Vec<T> {
        let entry = |&(class, odd): &(u32, bool)| {
            let value = parameters[class as usize];
            if odd { -value } else { value }
        };
        self.entries.iter().map(entry).collect()
    }
}

/// The unit that `sublattice` asks for; without it, two cells along periodic directions of even
/// length, and all along others.
pub(super) fn unit(given: Option<&Vec<usize>>, context: &Context) -> Result<[usize; 3]> {
    let wrong = |(problem, remedy): (String, String)| context.wrong("sublattice", problem, remedy);
    unit_of(given, context.lattice).map_err(wrong)
}

/// The same on a lattice.
///
/// Errors: the problem and the remedy.
pub(super) fn unit_of(
    given: Option<&Vec<usize>>,
    lattice: &Lattice,
) -> std::result::Result<[usize; 3], (String, String)> {
    let (size, periodic, d) = (lattice.extent(), lattice.periodic(), lattice.dimensions());
    let mut unit = size;
    for a in 0..d {
        if periodic[a] && size[a].is_multiple_of(2) {
            unit[a] = 2;
        }
    }
    let Some(given) = given else {
        return Ok(unit);
    };
    let wrong = |problem: String, remedy: String| (problem, remedy);
    if given.len() != d {
        let problem = format!("{given:?} has {} entries", given.len());
        return Err(wrong(problem, format!("give {d}, one for each direction")));
    }
    for (a, &cells) in given.iter().enumerate() {
        if cells == 0 || !size[a].is_multiple_of(cells) {
            let problem = format!(
                "{cells} does not divide the {} cells of a direction",
                size[a]
            );
            let remedy = format!("give a divisor, such as {}", unit[a]);
            return Err(wrong(problem, remedy));
        }
        if !periodic[a] && cells != size[a] {
            let problem = "a direction that is open has no translations".to_string();
            return Err(wrong(problem, format!("give {} there, all cells", size[a])));
        }
        unit[a] = cells;
    }
    Ok(unit)
}

/// An error unless the Hamiltonian has some of the translations by whole units.
pub(super) fn held(unit: [usize; 3], context: &Context) -> Result<()> {
    let lattice = context.lattice;
    if unit == lattice.extent() {
        return Ok(());
    }
    let whole = |g: &Vec<u32>| {
        let cell = lattice.cells[g[0] as usize];
        (0..3).all(|a| cell[a].is_multiple_of(unit[a]))
    };
    let all = lattice.translations()?.permutations.into_iter();
    let permutations = all.filter(whole).collect();
    check_tied(context, &Group { permutations }, &context.key("sublattice"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, LatticeSpec};

    #[test]
    fn translations_by_units_keep_the_table_up_to_the_signs_of_the_boundary() {
        let spec = LatticeSpec::regular("square", &[4, 6], &[Boundary::Periodic]);
        let lattice = Lattice::new(&spec).unwrap();
        let ties = PairTies::new(&lattice, [2, 2, 1], [false, true, false]);
        assert_eq!(ties.count, 4 * 24);
        let values: Vec<f64> = (1..=ties.count).map(|k| k as f64).collect();
        let f = ties.table(&values);
        let site = |x: usize, y: usize| x % 4 + 4 * (y % 6);
        for (x, y, u, v) in [(0, 0, 1, 0), (1, 1, 3, 5), (2, 5, 1, 0), (3, 4, 3, 4)] {
            let (i, j) = (site(x, y), site(u, v));
            assert_eq!(f[24 * i + j], f[24 * site(x + 2, y) + site(u + 2, v)]);
            let wraps = (y + 2) / 6 + (v + 2) / 6;
            let sign = if wraps % 2 == 1 { -1.0 } else { 1.0 };
            assert_eq!(
                f[24 * i + j],
                sign * f[24 * site(x, y + 2) + site(u, v + 2)]
            );
        }
        for (k, &(i, j)) in ties.pairs.iter().enumerate() {
            assert_eq!(ties.of(i as u32, j as u32), (k, false));
        }
    }
}
