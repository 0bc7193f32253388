//! Decides what is known of a problem and not used by the input: a conserved sector, a sign rule,
//! a symmetry that ties parameters.

use super::problem::Problem;
use super::tying::{MOST_SITES, tying};
use crate::ansatz::rbm;
use crate::ansatz::registry::is_of_kind;
use crate::basis::{PARTICLES, TOTAL_SZ};
use crate::input::Source;
use crate::lattice::Group;
use crate::table::{Entry, has_part};

/// One sentence for each fact that would help and is not used, with the key that uses it.
pub fn unused(source: &Source, problem: &Problem) -> Vec<String> {
    let all = [
        flips(source, problem),
        sector(problem),
        sign_rule(source, problem),
        ties(source, problem),
    ];
    all.into_iter().flatten().collect()
}

/// A term that joins configurations, where the Hamiltonian has none and the input could give one.
fn flips(source: &Source, problem: &Problem) -> Option<String> {
    let table = source.input.hamiltonian.as_ref()?;
    let kind = table.get("kind")?.as_str()?;
    let model = problem.registry.models.iter().find(|e| e.kind() == kind)?;
    model.schema()["properties"].get("hx")?;
    if problem.facts.connected > 0 || source.table.contains_key("evolve") {
        return None;
    }
    let field = match table.contains_key("hx") {
        true => "hamiltonian.hx is 0",
        false => "hamiltonian.hx is left out, and 0",
    };
    Some(format!(
        "{field}: the Hamiltonian is diagonal, a model of classical spins; hamiltonian.hx = 1.0 \
         (for example) is a transverse field, and [classical] samples spins at temperatures"
    ))
}

/// A charge that the Hamiltonian conserves and the configurations do not.
fn sector(problem: &Problem) -> Option<String> {
    let (basis, facts) = (&problem.basis, &problem.facts);
    if !basis.charges().is_empty() || facts.connected == 0 {
        return None;
    }
    let odd = basis.is_spin_half() && basis.sites() % 2 == 1;
    let (what, example) = match *facts.conserved.first()? {
        TOTAL_SZ if odd => ("total Sz", "{ total_sz = 0.5 }"),
        TOTAL_SZ => ("total Sz", "{ total_sz = 0 }"),
        PARTICLES => ("the number of particles", "{ particles = n }"),
        _ => return None,
    };
    Some(format!(
        "the Hamiltonian conserves {what}, and the input leaves it free: hamiltonian.sector = \
         {example} (for example) samples one sector alone"
    ))
}

/// The sign rule of a bipartite lattice, where it makes all amplitudes positive; pairs of fermions
/// have its signs.
fn sign_rule(source: &Source, problem: &Problem) -> Option<String> {
    let in_a = problem.bipartite.as_deref()?;
    let paired = |table| has_part(table, &|part| is_of_kind(part, "pair"));
    if source.input.ansatz.as_ref().is_some_and(paired) {
        return None;
    }
    if problem.sign_rule.is_some() || problem.facts.stoquastic {
        return None;
    }
    let after = problem.hamiltonian.facts(&problem.basis, Some(in_a));
    after.stoquastic.then(|| {
        "the lattice is bipartite and the coupling antiferromagnetic: hamiltonian.sign_rule = \
         \"marshall\" gives the signs of the ground state, and without it a network has to find \
         them"
            .into()
    })
}

/// The symmetry of the lattice, where the wave function could be tied by it.
fn ties(source: &Source, problem: &Problem) -> Option<String> {
    let table = source.input.ansatz.as_ref()?;
    let kind = table.get("kind")?.as_str()?;
    let entry = problem.registry.ansatze.iter().find(|e| e.kind() == kind)?;
    let schema = entry.schema();
    schema["properties"].get("symmetry")?;
    let text = schema.to_string();
    let given = table.get("symmetry").and_then(toml::Value::as_str);
    let chosen = given.is_some_and(|name| !["none", "auto"].contains(&name));
    let tied = chosen || tying(source, problem).is_some();
    if tied || table.contains_key("load") {
        return None;
    }
    let holds = |group: &Group| {
        let order = group.permutations.len();
        let kept = problem.hamiltonian.is_invariant(&group.generators(), false);
        (order > 1 && kept).then_some(order)
    };
    let lattice = Some(&problem.lattice).filter(|l| l.sites <= MOST_SITES)?;
    let translations = lattice.translations().ok().as_ref().and_then(holds)?;
    let space = lattice.space_group().ok().as_ref().and_then(holds);
    let space = space.filter(|_| text.contains("space-group"));
    let more = space.map_or_else(String::new, |order| {
        format!(", or \"space-group\" by all {order} elements")
    });
    let whole = match rbm::is_whole(table) {
        true => "",
        false => ", with a whole number of filters as density",
    };
    Some(format!(
        "the Hamiltonian has the {translations} translations of the lattice: ansatz.symmetry = \
         \"translations\" ties the parameters by them{more}{whole}"
    ))
}
