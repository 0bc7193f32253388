//! Decides where Markov chains begin: in random configurations, or in ordered ones.
//!
//! In the Néel state the two sublattices of the nearest neighbours are opposite; in a stripe state
//! rows are opposite, one state for each direction in which they fit. Every second chain begins in
//! the flipped state.

use super::problem::Problem;
use crate::basis::Local;
use crate::error::{Error, Result};
use crate::input::ChainStart;
use crate::lattice::{Lattice, bipartition};

const KEY: &str = "sampler.start";

/// The configurations in which chains begin, one after the other; none where they are random.
pub(super) fn starts(start: ChainStart, problem: &Problem) -> Result<Vec<Vec<i8>>> {
    let patterns = match start {
        ChainStart::Random => return Ok(Vec::new()),
        ChainStart::Neel => vec![neel(&problem.lattice)?],
        ChainStart::Stripe => stripes(&problem.lattice)?,
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

    fn of(lattice: &str, sector: &str, start: ChainStart) -> Result<Vec<Vec<i8>>> {
        let text = format!("[lattice]\n{lattice}\n[hamiltonian]\nkind = 'heisenberg'\n{sector}");
        let source = crate::input::from_text(&text, ".".into()).unwrap();
        starts(start, &problem(&source, &Registry::default()).unwrap())
    }

    #[test]
    fn ordered_starts_are_those_of_the_lattice_and_refused_elsewhere() {
        let (square, sector) = (
            "kind = 'square'\nsize = [4, 2]\nboundary = 'open'",
            "sector = { total_sz = 0 }",
        );
        let flipped = |x: &[i8]| x.iter().map(|v| -v).collect::<Vec<_>>();
        let neel = of(square, sector, ChainStart::Neel).unwrap();
        let up = vec![1, -1, 1, -1, -1, 1, -1, 1];
        assert_eq!(neel, [up.clone(), flipped(&up)]);
        let stripes = of(square, sector, ChainStart::Stripe).unwrap();
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
        assert!(of(square, sector, ChainStart::Random).unwrap().is_empty());
        let magnetised = of(square, "sector = { total_sz = 1 }", ChainStart::Neel).unwrap_err();
        assert!(magnetised.to_string().contains("sector"), "{magnetised}");
        let triangles = of("kind = 'triangular'\nsize = [3, 3]", "", ChainStart::Neel).unwrap_err();
        assert!(triangles.to_string().contains("odd length"), "{triangles}");
    }
}
