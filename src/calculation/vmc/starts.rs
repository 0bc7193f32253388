//! Decides where Markov chains begin: in random configurations, in ordered ones, or in those of a
//! file.
//!
//! In the Néel state the two sublattices of the nearest neighbours are opposite; in a stripe state
//! rows are opposite, one state for each direction in which they fit. Every second chain begins in
//! the flipped state. Of R configurations of a file and n chains, n ≤ R, chain c begins in the one
//! of number ⌊(c + 1) R/n⌋ − 1, the last of its share; of fewer, in number c mod R.

use super::problem::Problem;
use crate::basis::Local;
use crate::error::{Error, Result};
use crate::input::{ChainOrder, ChainStart, SamplerInput};
use crate::io::hdf5;
use crate::io::tree::{Tree, Value};
use crate::lattice::{Lattice, bipartition};
use std::path::Path;

const KEY: &str = "sampler.start";

/// The configurations in which chains begin, one after the other; none where they are random.
pub(super) fn starts(
    sampler: &SamplerInput,
    problem: &Problem,
    folder: &Path,
) -> Result<Vec<Vec<i8>>> {
    match &sampler.start {
        ChainStart::Order(order) => ordered(*order, problem),
        ChainStart::File(of) => of_file(&folder.join(&of.file), sampler.chains, problem),
    }
}

fn ordered(order: ChainOrder, problem: &Problem) -> Result<Vec<Vec<i8>>> {
    let patterns = match order {
        ChainOrder::Random => return Ok(Vec::new()),
        ChainOrder::Neel => vec![neel(&problem.lattice)?],
        ChainOrder::Stripe => stripes(&problem.lattice)?,
    };
    let locals = problem.basis.locals();
    let mut all = Vec::new();
    for pattern in patterns {
        for flipped in [false, true] {
            let value = |(&up, local): (&bool, &Local)| match up != flipped {
                true => local.value(local.count as usize - 1),
                false => local.value(0),
            };
            let x: Vec<i8> = pattern.iter().zip(locals).map(value).collect();
            all.extend(problem.basis.contains(&x).then_some(x));
        }
    }
    if all.is_empty() {
        return Err(Error::input(
            KEY,
            "the ordered state is no configuration of the sector",
            "use \"random\", or the sector with as many spins up as down",
        ));
    }
    Ok(all)
}

/// The configurations of a file for so many chains.
fn of_file(path: &Path, chains: usize, problem: &Problem) -> Result<Vec<Vec<i8>>> {
    let wrong = |problem: String, remedy: &str| {
        let problem = format!("{}: {problem}", path.display());
        Error::input(format!("{KEY}.file"), problem, remedy)
    };
    let tree = hdf5::read(path);
    let tree = tree.map_err(|e| wrong(e.to_string(), "name the samples X.samples.h5 of a run"))?;
    let found = configurations(&tree).filter(|(rows, _)| *rows > 0);
    let (rows, all) = found.ok_or_else(|| {
        let remedy = "name the samples X.samples.h5 or the checkpoint X.ckpt.h5 of a run";
        wrong("there are no configurations of chains".into(), remedy)
    })?;
    let (length, sites) = (all.len() / rows, problem.basis.sites());
    if length != sites || all.len() != rows * sites {
        let problem = format!("its configurations have {length} sites, the lattice {sites}");
        return Err(wrong(problem, "name a file of a run on the same lattice"));
    }
    let chosen = |c: usize| match chains <= rows {
        true => (c + 1) * rows / chains - 1,
        false => c,
    };
    let mut starts = Vec::new();
    for row in (0..chains.min(rows)).map(chosen) {
        let x = &all[row * sites..][..sites];
        if !problem.basis.contains(x) {
            let what = problem.basis.describe();
            let problem = format!("its configuration {row} is not one with {what}");
            return Err(wrong(problem, "name a file of a run in the same sector"));
        }
        starts.push(x.to_vec());
    }
    Ok(starts)
}

/// The number of configurations of a file, and their values: samples, or the chains of the section
/// of a checkpoint that was begun last.
fn configurations(tree: &Tree) -> Option<(usize, Vec<i8>)> {
    let begun = tree.texts("run/sections").unwrap_or_default().iter().rev();
    let chains = begun.map(|section| format!("{section}/chains"));
    let mut paths = std::iter::once("configurations".to_string()).chain(chains);
    let path = paths.find(|path| tree.datasets.contains_key(path))?;
    match tree.datasets.get(&path)? {
        Value::Spin(all) => Some((*all.shape().first()?, tree.spins(&path).ok()?)),
        _ => None,
    }
}

/// Which sites are up in the Néel state.
fn neel(lattice: &Lattice) -> Result<Vec<bool>> {
    bipartition(lattice.sites, &lattice.bonds(1)?).map_err(|cycle| {
        Error::input(
            KEY,
            format!("the sites {cycle:?} form a cycle of odd length: there is no Néel state"),
            "use \"stripe\" or \"random\"",
        )
    })
}

/// Which sites are up in the stripe states, of each direction whose rows alternate.
fn stripes(lattice: &Lattice) -> Result<Vec<Vec<bool>>> {
    let (extent, periodic) = (lattice.extent(), lattice.periodic());
    let fits = |a: &usize| extent[*a] > 1 && (!periodic[*a] || extent[*a].is_multiple_of(2));
    let mut patterns = Vec::new();
    for a in (0..lattice.dimensions()).filter(fits) {
        let up = |site| Ok((lattice.fractional(site)?[a].floor() as i64).rem_euclid(2) == 0);
        patterns.push((0..lattice.sites).map(up).collect::<Result<_>>()?);
    }
    match patterns.is_empty() {
        false => Ok(patterns),
        true => Err(Error::input(
            KEY,
            "no direction has an even number of rows",
            "use \"random\", or a lattice with one",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculation::Registry;
    use crate::calculation::vmc::problem::problem;

    fn of(lattice: &str, sector: &str, start: ChainOrder) -> Result<Vec<Vec<i8>>> {
        let text = format!("[lattice]\n{lattice}\n[hamiltonian]\nkind = 'heisenberg'\n{sector}");
        let source = crate::input::from_text(&text, ".".into()).unwrap();
        ordered(start, &problem(&source, &Registry::default()).unwrap())
    }

    #[test]
    fn chains_begin_in_the_last_configurations_of_their_shares_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let text = "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'heisenberg'\n\
                    sector = { total_sz = 0 }";
        let source = crate::input::from_text(text, ".".into()).unwrap();
        let problem = problem(&source, &Registry::default()).unwrap();
        let states = |list: &[[i8; 4]], name: &str| {
            let mut tree = Tree::default();
            tree.put_spins(name, &[list.len(), 4], &list.concat());
            let begun = ["learn", "optimize", "measure"].map(String::from);
            tree.put("run/sections", Value::Texts(begun.to_vec()));
            hdf5::write_atomic(&path, &tree).unwrap();
        };
        let all = [
            [1, 1, -1, -1],
            [1, -1, 1, -1],
            [1, -1, -1, 1],
            [-1, 1, 1, -1],
            [-1, -1, 1, 1],
        ];
        let of = |chains: usize| of_file(&path, chains, &problem);
        for name in ["configurations", "optimize/chains"] {
            states(&all, name);
            assert_eq!(of(2).unwrap(), [all[1], all[4]]);
            assert_eq!(of(5).unwrap(), all);
            assert_eq!(of(7).unwrap(), all);
        }
        states(&[all[0], [1, 1, 1, -1]], "configurations");
        let other = of(2).unwrap_err().to_string();
        assert!(
            other.contains("sampler.start.file") && other.contains("sector"),
            "{other}"
        );
        // What stands for another spin is no configuration of this basis.
        states(&[[2, 0, 0, -2]], "configurations");
        assert!(of(1).is_err());
        states(&[all[0]], "parameters/a");
        let none = of(1).unwrap_err().to_string();
        assert!(none.contains("no configurations of chains"), "{none}");
        let mut tree = Tree::default();
        tree.put_spins("configurations", &[2, 2], &[1, -1, -1, 1]);
        hdf5::write_atomic(&path, &tree).unwrap();
        let smaller = of(1).unwrap_err().to_string();
        assert!(smaller.contains("have 2 sites, the lattice 4"), "{smaller}");
    }

    #[test]
    fn ordered_starts_are_those_of_the_lattice_and_refused_elsewhere() {
        let (square, sector) = (
            "kind = 'square'\nsize = [4, 2]\nboundary = 'open'",
            "sector = { total_sz = 0 }",
        );
        let flipped = |x: &[i8]| x.iter().map(|v| -v).collect::<Vec<_>>();
        let neel = of(square, sector, ChainOrder::Neel).unwrap();
        let up = vec![1, -1, 1, -1, -1, 1, -1, 1];
        assert_eq!(neel, [up.clone(), flipped(&up)]);
        let stripes = of(square, sector, ChainOrder::Stripe).unwrap();
        let (along, across) = (
            vec![1, -1, 1, -1, 1, -1, 1, -1],
            vec![1, 1, 1, 1, -1, -1, -1, -1],
        );
        let all = [
            along.clone(),
            flipped(&along),
            across.clone(),
            flipped(&across),
        ];
        assert_eq!(stripes, all);
        assert!(of(square, sector, ChainOrder::Random).unwrap().is_empty());
        let magnetised = of(square, "sector = { total_sz = 1 }", ChainOrder::Neel).unwrap_err();
        assert!(magnetised.to_string().contains("sector"), "{magnetised}");
        let triangles = of("kind = 'triangular'\nsize = [3, 3]", "", ChainOrder::Neel).unwrap_err();
        assert!(triangles.to_string().contains("odd length"), "{triangles}");
    }
}
