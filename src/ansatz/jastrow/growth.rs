//! Decides how the pair factors of a smaller Jastrow wave function become those of a larger one:
//! pairs at the same distance have the same factor.
//!
//! On a larger lattice distances that the smaller one lacks begin with zero. On the same lattice
//! factors of distances become factors of single pairs, and ψ stays.

use super::factory::distance_classes;
use crate::ansatz::Block;
use crate::ansatz::growth::{Arrays, OwnGrowth, Theirs};
use crate::ansatz::transfer::Transfer;
use crate::lattice::Lattice;
use num_complex::Complex64;
use std::collections::BTreeMap;

/// What a Jastrow wave function can take over.
#[derive(Debug, Clone)]
pub(super) struct PairGrowth {
    /// Its lattice.
    pub lattice: Lattice,
    /// Number of the parameter of each pair of sites.
    pub classes: Vec<Vec<u32>>,
    /// Whether the first parameter is that of squares.
    pub squares: bool,
    /// Whether pairs at the same distance share a parameter.
    pub by_distance: bool,
}

impl OwnGrowth for PairGrowth {
    fn kind(&self) -> &'static str {
        "jastrow"
    }
    fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        theirs: &Theirs,
    ) -> Result<(), String> {
        let own = &self.lattice;
        let same = theirs.size.is_none_or(|size| size == own.spec.size);
        if theirs.word("pairs", "all")? != Some("distance") {
            return match same {
                true => Ok(()),
                false => Err("every pair has a factor of its own: it stays on its lattice".into()),
            };
        }
        if same && self.by_distance {
            return Ok(());
        }
        let size = theirs.size.unwrap_or(&own.spec.size);
        let smaller = Transfer::new(own, size)?.smaller;
        if !same && arrays.contains_key("a") {
            return Err("a has a bias of every site: it stays on its lattice".into());
        }
        for (block, _) in blocks.iter().filter(|(block, _)| block.name != "a") {
            let Some((shape, values)) = arrays.get(&block.name) else {
                continue;
            };
            let (shape, grown) = (shape.clone(), self.filled(&smaller, values));
            let grown = grown.map_err(|e| format!("{} of the shape {shape:?}: {e}", block.name))?;
            arrays.insert(block.name.clone(), (block.shape.clone(), grown));
        }
        Ok(())
    }
}

impl PairGrowth {
    /// The parameters of all classes from those of the distances of `smaller`.
    fn filled(&self, smaller: &Lattice, values: &[Complex64]) -> Result<Vec<Complex64>, String> {
        let key = |d: f64| (d * 1e6).round() as i64;
        let said = |e: crate::error::Error| e.to_string();
        let of = |lattice: &Lattice, classes: &[Vec<u32>]| {
            let mut distances = BTreeMap::new();
            for (i, row) in classes.iter().enumerate() {
                for (j, &class) in row.iter().enumerate().skip(i) {
                    if i != j || self.squares {
                        let d = lattice.distance(i, j).map_err(said)?;
                        distances.insert(class, key(d));
                    }
                }
            }
            Ok::<_, String>(distances)
        };
        let theirs = of(
            smaller,
            &distance_classes(smaller, self.squares).map_err(said)?,
        )?;
        if theirs.len() != values.len() {
            return Err(format!("the lattice has {} distances", theirs.len()));
        }
        let known: BTreeMap<i64, Complex64> = theirs
            .iter()
            .map(|(&class, &d)| (d, values[class as usize]))
            .collect();
        let own = of(&self.lattice, &self.classes)?;
        Ok(own
            .values()
            .map(|d| known.get(d).copied().unwrap_or_default())
            .collect())
    }
}
