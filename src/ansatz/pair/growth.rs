//! Decides how a pair table becomes one of a larger unit, or of a larger lattice.
//!
//! f_ij of a pair that is m_a cells apart along direction a, counted the shorter way round, is that
//! of the smaller lattice of length l where |m_a| < l/2, and half of it at m_a = ± l/2. To go round
//! a direction in which f is antiperiodic changes its sign. Pairs that are further apart begin with
//! a hundredth of their first values. With a larger unit on the same lattice ψ stays.

use super::ties::{PairTies, unit_of};
use crate::ansatz::Block;
use crate::ansatz::growth::{Arrays, OwnGrowth, Theirs};
use crate::ansatz::transfer::Transfer;
use crate::lattice::Lattice;
use num_complex::Complex64;
use toml::{Table, Value};

/// The part of their first values that pairs begin with which the smaller lattice lacks.
const NEW: f64 = 0.01;

/// What a pair table can take over.
#[derive(Debug, Clone)]
pub(super) struct TableGrowth {
    /// Its lattice.
    pub lattice: Lattice,
    /// Its ties.
    pub ties: PairTies,
}

/// The directions in which the pair table of a file with these keys is antiperiodic.
fn antiperiodic(keys: &Table) -> Result<[bool; 3], String> {
    let mut flags = [false; 3];
    if let Some(list) = keys.get("antiperiodic").and_then(Value::as_array) {
        let given = list.iter().map(|flag| flag.as_bool().unwrap_or(false));
        flags
            .iter_mut()
            .zip(given)
            .for_each(|(flag, given)| *flag = given);
        return Ok(flags);
    }
    match keys.get("start").and_then(Value::as_str) {
        None | Some("random") => Ok(flags),
        Some(start) => Err(format!(
            "start = \"{start}\" has chosen its antiperiodic directions: make it again with the \
             key antiperiodic"
        )),
    }
}

/// The table of the file.
struct Smaller<'a> {
    lattice: Lattice,
    unit: [usize; 3],
    antiperiodic: [bool; 3],
    ties: PairTies,
    values: &'a [Complex64],
}

impl Smaller<'_> {
    /// The site of a cell with this place in it.
    fn site(&self, cell: [usize; 3], place: usize) -> Option<u32> {
        let sites = self.lattice.cells.iter().zip(&self.lattice.sublattice);
        let found = sites
            .into_iter()
            .position(|(c, p)| (*c, *p) == (cell, place));
        found.map(|site| site as u32)
    }

    /// f of a pair from the site with this cell and place to one that is `m` cells on.
    fn value(&self, (cell, place): ([usize; 3], usize), m: [i64; 3], to: usize) -> Complex64 {
        let size = self.lattice.extent();
        let from: [usize; 3] = std::array::from_fn(|a| cell[a] % self.unit[a]);
        let (mut there, mut odd) = ([0; 3], false);
        for a in 0..3 {
            let (at, length) = (from[a] as i64 + m[a], size[a] as i64);
            there[a] = at.rem_euclid(length) as usize;
            odd ^= self.antiperiodic[a] && at.div_euclid(length) % 2 != 0;
        }
        let (Some(i), Some(j)) = (self.site(from, place), self.site(there, to)) else {
            return Complex64::ZERO;
        };
        let (class, minus) = self.ties.of(i, j);
        let value = self.values.get(class).copied().unwrap_or_default();
        if odd ^ minus { -value } else { value }
    }
}

impl OwnGrowth for TableGrowth {
    fn kind(&self) -> &'static str {
        "pair"
    }
    fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        theirs: &Theirs,
    ) -> Result<(), String> {
        let own = &self.lattice;
        let keys = theirs
            .parts
            .first()
            .map_or_else(Table::new, |part| (*part).clone());
        let smaller = Transfer::new(own, theirs.size.unwrap_or(&own.spec.size))?.smaller;
        let given = keys.get("sublattice").and_then(Value::as_array);
        let given: Option<Vec<usize>> = given.map(|list| {
            let cells = |v: &Value| v.as_integer().and_then(|n| usize::try_from(n).ok());
            list.iter().filter_map(cells).collect()
        });
        let unit = unit_of(given.as_ref(), &smaller).map_err(|(problem, _)| problem)?;
        let (flags, mine) = (antiperiodic(&keys)?, self.ties.antiperiodic);
        if flags != mine {
            return Err(format!(
                "f is antiperiodic in the directions {flags:?}, that of the input in {mine:?}"
            ));
        }
        if (0..3).any(|a| !self.ties.unit[a].is_multiple_of(unit[a])) {
            return Err(format!(
                "f has units of {unit:?} cells, which do not fill those of the input, {:?}",
                self.ties.unit
            ));
        }
        let ties = PairTies::new(&smaller, unit, flags);
        let Some((shape, values)) = arrays.get("f") else {
            return Err("has no f".into());
        };
        if values.len() != ties.count {
            return Err(format!("f has the shape {shape:?}"));
        }
        let smaller = Smaller {
            lattice: smaller,
            unit,
            antiperiodic: flags,
            ties,
            values,
        };
        let Some((block, first)) = blocks.iter().find(|(block, _)| block.name == "f") else {
            return Ok(());
        };
        let mut grown = block.array(first).complex();
        for (value, &pair) in grown.iter_mut().zip(&self.ties.pairs) {
            match self.known(pair, &smaller) {
                Some(known) => *value = known,
                None => *value *= NEW,
            }
        }
        arrays.insert("f".into(), (block.shape.clone(), grown));
        Ok(())
    }
}

impl TableGrowth {
    /// f of a pair of sites by the smaller lattice, unless they are too far apart for it.
    fn known(&self, (i, j): (usize, usize), smaller: &Smaller) -> Option<Complex64> {
        let (own, size, few) = (
            &self.lattice,
            self.lattice.extent(),
            smaller.lattice.extent(),
        );
        let (mut m, mut share) = ([0; 3], 1.0);
        for a in 0..3 {
            let length = size[a] as i64;
            m[a] = own.cells[j][a] as i64 - own.cells[i][a] as i64;
            if size[a] == few[a] {
                continue;
            }
            let around = 2 * m[a].abs() > length;
            if around {
                m[a] -= m[a].signum() * length;
            }
            if around && self.ties.antiperiodic[a] {
                share = -share;
            }
            match (2 * m[a].unsigned_abs() as usize).cmp(&few[a]) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => share *= 0.5,
                std::cmp::Ordering::Greater => return None,
            }
        }
        let from = (own.cells[i], own.sublattice[i]);
        Some(share * smaller.value(from, m, own.sublattice[j]))
    }
}
