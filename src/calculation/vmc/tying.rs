//! Decides whether the filters of a Boltzmann machine are tied where the input says nothing of a
//! symmetry.
//!
//! Where no off-diagonal element of H is positive, after the sign rule, the ground state of a
//! sector is unique and has no zeros (Perron, Frobenius). A symmetry of H maps it to itself
//! then, with the sign +1: the group that leaves H unchanged ties filters without loss. Where H
//! falls apart into blocks, one of its ground states is of that kind. Elsewhere the ground state
//! can have other quantum numbers, and an excited state, a state that is learned or one after a
//! quench can as well: filters are free.
//!
//! On chains translations alone tie: two filters that mirror each other cost twice as much and
//! gain nothing (transverse-field Ising ring of 80 at h = 1, one filter: 2.8e-3 from the ground
//! state with translations, 8e-3 with reflections as well).

use super::problem::Problem;
use crate::ansatz;
use crate::input::Source;
use crate::lattice::Group;
use toml::Table;

/// Most sites of a lattice whose groups are made without being asked for.
pub(super) const MOST_SITES: usize = 1024;
/// The key.
const KEY: &str = "symmetry";
/// Keys of `[optimize]` with which the state of lowest energy can be another one.
const PENALTIES: [&str; 2] = ["orthogonal_to", "spin_penalty"];
/// Sections behind which the state is not the ground state of the Hamiltonian.
const OTHER_STATES: [&str; 4] = ["learn", "evolve", "convert", "construct"];

/// The symmetry that a machine has where the input leaves it out: the name for the key, and the
/// order of the group. None where the filters are free.
pub(super) fn tying(source: &Source, problem: &Problem) -> Option<(&'static str, usize)> {
    let table = source.input.ansatz.as_ref()?;
    if !ansatz::rbm::can_be_tied(table) {
        return None;
    }
    let optimize = source.table.get("optimize").and_then(toml::Value::as_table);
    let given = |key: &&str| optimize.is_some_and(|keys| keys.contains_key(*key));
    let excited = PENALTIES.iter().any(given);
    let other = OTHER_STATES.iter().any(|s| source.table.contains_key(*s));
    let ground = problem.facts.stoquastic && problem.facts.connected > 0;
    if excited || other || !ground || problem.lattice.sites > MOST_SITES {
        return None;
    }
    let translations = ("translations", problem.lattice.translations().ok());
    let space = match problem.lattice.dimensions() {
        1 => None,
        _ => problem.lattice.space_group().ok(),
    };
    let groups = [("space-group", space), translations];
    let holding = |(name, group): (&'static str, Option<Group>)| {
        let group = group.filter(|g| g.permutations.len() > 1)?;
        let holds = problem.hamiltonian.is_invariant(&group.generators(), false);
        holds.then_some((name, group.permutations.len()))
    };
    groups.into_iter().find_map(holding)
}

/// The table of a wave function with the symmetry that it has where the input leaves it out.
pub(super) fn tied(table: &Table, source: &Source, problem: &Problem) -> Option<Table> {
    let (name, _) = tying(source, problem)?;
    let mut table = table.clone();
    table.insert(KEY.into(), name.into());
    Some(table)
}

/// What the log says of such a symmetry of this name and order.
pub(super) fn headline((name, order): (&str, usize)) -> String {
    format!(
        "ansatz.symmetry = \"{name}\": filters are tied by {order} elements, since H has no \
         positive off-diagonal element, and so a ground state that is invariant"
    )
}
