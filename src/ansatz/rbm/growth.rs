//! Decides how the filters of a machine become those of one with more filters, with a smaller
//! group, or on a larger lattice.
//!
//! On a larger lattice a tied filter keeps its weights at the displacements that it had (see
//! [`Transfer`]), and all others begin with zero: ln ψ of a repeated configuration is that of the
//! smaller lattice for each copy. On the same lattice:
//!
//! A filter of a group G is one filter of a subgroup H for each coset H c: W'_{c(j)} = W_j and
//! b' = b give θ'_h = Σ_j W'_j σ_{h(j)} + b' = θ_{h c}, so that ψ stays. Without a symmetry H is
//! the identity. Filters beyond those of the file begin with a tenth of their first values.

use super::orbits;
use crate::ansatz::Block;
use crate::ansatz::growth::{Arrays, OwnGrowth, Theirs};
use crate::ansatz::transfer::Transfer;
use crate::lattice::Lattice;
use num_complex::Complex64;
use std::collections::BTreeMap;

/// The part of their first values that new filters begin with.
const NEW: f64 = 0.1;

/// What ties filters: its name in the input, and the permutations.
#[derive(Debug, Clone)]
pub struct Tying {
    /// "none", "translations" or "space-group".
    pub name: &'static str,
    /// The identity alone where nothing is tied.
    pub permutations: Vec<Vec<u32>>,
}

/// How a machine grows from one of a file.
#[derive(Debug, Clone)]
pub struct FilterGrowth {
    /// Of the machine.
    pub own: Tying,
    /// Of all machines on its lattice.
    pub known: Vec<Tying>,
    /// Its lattice.
    pub lattice: Lattice,
}

/// The group of that name of a lattice.
fn group(lattice: &Lattice, name: &str) -> Result<Vec<Vec<u32>>, String> {
    let group = match name {
        "translations" => lattice.translations(),
        "space-group" => lattice.space_group(),
        _ => return Err("every site has weights of its own in a filter".into()),
    };
    Ok(group.map_err(|e| e.to_string())?.permutations)
}

/// A representative c of each coset H c of G, whose elements may stand there several times; `None`
/// where H is no subgroup.
fn cosets(g: &[Vec<u32>], h: &[Vec<u32>]) -> Option<Vec<Vec<u32>>> {
    let mut left: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    g.iter()
        .for_each(|c| *left.entry(c.clone()).or_default() += 1);
    let mut all = Vec::new();
    for c in g {
        if left.get(c).is_none_or(|&count| count == 0) {
            continue;
        }
        for h in h {
            let product: Vec<u32> = c.iter().map(|&j| h[j as usize]).collect();
            let count = left.get_mut(&product).filter(|count| **count > 0)?;
            *count -= 1;
        }
        all.push(c.clone());
    }
    Some(all)
}

/// Bias and weights of each filter.
type Filters = Vec<(Complex64, Vec<Complex64>)>;

impl OwnGrowth for FilterGrowth {
    fn kind(&self) -> &'static str {
        "rbm"
    }
    fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        theirs: &Theirs,
    ) -> Result<(), String> {
        let name = match theirs.word("symmetry", "none")? {
            Some("auto") => "none",
            Some(name) => name,
            None => self.own.name,
        };
        if let Some(size) = theirs.size.filter(|size| *size != self.lattice.spec.size) {
            self.transfer(arrays, size, name)?;
        }
        let known = self.known.iter().find(|tying| tying.name == name);
        let from = known.ok_or_else(|| format!("the lattice has no symmetry \"{name}\""))?;
        let cosets = cosets(&from.permutations, &self.own.permutations).ok_or_else(|| {
            format!(
                "filters of symmetry \"{name}\" are no filters of symmetry = \"{}\", which ties \
                 more of them",
                self.own.name
            )
        })?;
        let filters = self.unfolded(arrays, from, &cosets)?;
        for (block, first) in blocks {
            let mut grown = block.array(first).complex();
            match block.name.as_str() {
                "W" => self.fill(&block.shape, &filters, &mut grown)?,
                "b" => {
                    grown.iter_mut().for_each(|x| *x *= NEW);
                    let biases = filters.iter().map(|(bias, _)| *bias);
                    grown.iter_mut().zip(biases).for_each(|(x, b)| *x = b);
                }
                "a" => self.visible(arrays, from, &mut grown)?,
                _ => continue,
            }
            arrays.insert(block.name.clone(), (block.shape.clone(), grown));
        }
        Ok(())
    }
}

impl FilterGrowth {
    /// Gives filters tied by the group `name` of a lattice of this size the sites of this one.
    fn transfer(&self, arrays: &mut Arrays, size: &[usize], name: &str) -> Result<(), String> {
        let Transfer { smaller, sites } = Transfer::new(&self.lattice, size)?;
        let [theirs, ours] = [&smaller, &self.lattice];
        let [few, many] = [group(theirs, name)?, group(ours, name)?];
        let orbit =
            |lattice: &Lattice, group: &[Vec<u32>]| orbits(lattice.sites, group).into_iter().max();
        if few.len() * ours.sites != many.len() * theirs.sites
            || orbit(theirs, &few) != orbit(ours, &many)
        {
            return Err(format!(
                "the rotations and reflections of a lattice of {size:?} are not those of the \
                 input's"
            ));
        }
        let (shape, w) = arrays.get("W").ok_or("has no W")?;
        let &[filters, width] = &shape[..] else {
            return Err(format!("W has the shape {shape:?}"));
        };
        if width != theirs.sites || w.len() != filters * width {
            return Err(format!("W has the shape {shape:?}"));
        }
        let mut grown = vec![Complex64::ZERO; filters * ours.sites];
        for (filter, w) in grown
            .chunks_exact_mut(ours.sites)
            .zip(w.chunks_exact(width))
        {
            for (places, &weight) in sites.iter().zip(w) {
                places
                    .iter()
                    .for_each(|&(site, share)| filter[site] += weight * share);
            }
        }
        arrays.insert("W".into(), (vec![filters, ours.sites], grown));
        Ok(())
    }

    fn sites(&self) -> usize {
        self.own.permutations.first().map_or(0, Vec::len)
    }

    /// The filters of the file as those of the machine: bias and weights of the sites.
    fn unfolded(
        &self,
        arrays: &Arrays,
        from: &Tying,
        cosets: &[Vec<u32>],
    ) -> Result<Filters, String> {
        let (shape, w) = arrays.get("W").ok_or("has no W")?;
        let (tied, sites) = (from.name != "none", self.sites());
        let count = match (tied, shape.as_slice()) {
            (true, &[filters, n]) | (false, &[n, filters]) if n == sites => filters,
            _ => {
                return Err(format!(
                    "W has the shape {shape:?}, which is not that of {sites} sites and symmetry \
                     \"{}\"",
                    from.name
                ));
            }
        };
        let biases = arrays.get("b").map(|(_, values)| values);
        let mut all = Filters::new();
        for f in 0..count {
            let bias = biases.and_then(|b| b.get(f)).copied().unwrap_or_default();
            for c in cosets {
                let mut weights = vec![Complex64::ZERO; sites];
                for (j, &to) in c.iter().enumerate() {
                    let place = if tied { f * sites + j } else { j * count + f };
                    weights[to as usize] = w[place];
                }
                all.push((bias, weights));
            }
        }
        Ok(all)
    }

    /// W of this shape: the filters, and behind them a part of what stands there.
    fn fill(&self, shape: &[usize], filters: &Filters, w: &mut [Complex64]) -> Result<(), String> {
        let (tied, sites) = (self.own.name != "none", self.sites());
        let count = w.len() / sites.max(1);
        if filters.len() > count {
            let has = filters.len();
            return Err(format!(
                "its machine is one of {has} filters here, and W of the shape {shape:?} has \
                 {count}: raise density"
            ));
        }
        w.iter_mut().for_each(|x| *x *= NEW);
        for (f, (_, weights)) in filters.iter().enumerate() {
            for (site, &weight) in weights.iter().enumerate() {
                let place = if tied {
                    f * sites + site
                } else {
                    site * count + f
                };
                w[place] = weight;
            }
        }
        Ok(())
    }

    /// Visible biases: one of each orbit of sites; zero where the file has none.
    fn visible(&self, arrays: &Arrays, from: &Tying, own: &mut [Complex64]) -> Result<(), String> {
        own.fill(Complex64::ZERO);
        let Some((shape, a)) = arrays.get("a") else {
            return Ok(());
        };
        let orbit = |tying: &Tying| orbits(self.sites(), &tying.permutations);
        let (theirs, ours) = (orbit(from), orbit(&self.own));
        if theirs.iter().max().map_or(0, |m| m + 1) != a.len() {
            return Err(format!("a has the shape {shape:?}"));
        }
        let sites = theirs.iter().zip(ours);
        sites.for_each(|(&t, o)| own[o] = a[t]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosets_cover_a_group_once() {
        let cyclic: Vec<Vec<u32>> = (0..6)
            .map(|d| (0..6).map(|j| (j + d) % 6).collect())
            .collect();
        let mirrored = |g: &Vec<u32>| g.iter().map(|j| (6 - j) % 6).collect::<Vec<u32>>();
        let dihedral: Vec<_> = cyclic
            .iter()
            .cloned()
            .chain(cyclic.iter().map(mirrored))
            .collect();
        let identity = vec![cyclic[0].clone()];
        assert_eq!(cosets(&dihedral, &cyclic).unwrap().len(), 2);
        assert_eq!(cosets(&dihedral, &identity).unwrap(), dihedral);
        assert_eq!(cosets(&cyclic, &cyclic).unwrap(), identity);
        // A reflection of two rows is none of them.
        let twice = [cyclic.clone(), cyclic.clone()].concat();
        assert_eq!(cosets(&twice, &cyclic).unwrap().len(), 2);
        assert!(cosets(&cyclic, &dihedral).is_none());
        assert!(cosets(&identity, &cyclic).is_none());
    }
}
