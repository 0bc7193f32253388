//! Decides whether parameters may be tied by a group of the lattice: the Hamiltonian has to be
//! invariant under it, or the tied wave function cannot reach its ground state.

use super::Context;
use crate::error::{Error, Result};
use crate::lattice::Group;

/// Holds the Hamiltonian of `context` to the permutations that tie parameters; `key` names where
/// the input asks for them.
///
/// A part of the group that the Hamiltonian has is a warning, and so is a group of the identity
/// alone, which ties nothing. Errors: [`Error::Input`] where it has nothing of the group.
pub fn check_tied(context: &Context, group: &Group, key: &str) -> Result<()> {
    let remedy = "remove the key, so that every site has parameters of its own";
    check_shared(context, group, key, remedy)
}

/// As [`check_tied`], with what to do where the Hamiltonian has nothing of the group.
pub fn check_shared(context: &Context, group: &Group, key: &str, remedy: &str) -> Result<()> {
    let Some(hamiltonian) = context.hamiltonian else {
        return Ok(());
    };
    let order = group.permutations.len();
    if order == 1 && context.basis.sites() > 1 {
        log::warn!("{key}: the group is the identity alone, on open boundaries: it ties nothing");
    }
    let generators = group.generators();
    if hamiltonian.is_invariant(&generators, false) {
        return Ok(());
    }
    let holds = |g: &&Vec<u32>| hamiltonian.is_invariant(&[g.as_slice()], false);
    let held = group.permutations.iter().filter(holds).count();
    if held > 1 {
        log::warn!(
            "{key}: the Hamiltonian has {held} of the {order} symmetries that tie the parameters: \
             the energy may stay above the ground state"
        );
        return Ok(());
    }
    Err(Error::input(
        key,
        "the Hamiltonian has none of the symmetries that tie the parameters",
        remedy,
    ))
}

#[cfg(test)]
mod tests {
    use crate::lattice::{Boundary, Lattice, LatticeSpec};

    #[test]
    fn generators_make_the_whole_group() {
        let spec = LatticeSpec::regular("square", &[4, 4], &[Boundary::Periodic]);
        let lattice = Lattice::new(&spec).unwrap();
        for (group, most) in [
            (lattice.translations().unwrap(), 2),
            (lattice.space_group().unwrap(), 5),
        ] {
            let generators = group.generators();
            assert!(generators.len() <= most, "{}", generators.len());
            let mut reached = vec![group.permutations[0].clone()];
            let mut next = 0;
            while next < reached.len() {
                for g in &generators {
                    let product = g.iter().map(|&i| reached[next][i as usize]).collect();
                    if !reached.contains(&product) {
                        reached.push(product);
                    }
                }
                next += 1;
            }
            let all = group.permutations.iter().all(|g| reached.contains(g));
            assert!(all && reached.len() == group.permutations.len());
        }
    }
}
