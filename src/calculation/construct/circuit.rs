//! Decides the Trotter circuit of an input: which Hamiltonians have gates whose elements are all
//! positive, and in which order the gates come.

use super::keys::ConstructInput;
use crate::ansatz::dbm::BondUnits;
use crate::basis::{Basis, TOTAL_SZ};
use crate::calculation::vmc::problem::{self, Problem};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::lattice::{Bond, colours};
use crate::operator::{Pauli, PauliSum};
use crate::worldlines::Terms;
use crate::worldlines::circuit::Start;
use crate::worldlines::trotter::Trotter;

/// Hamiltonians that have gates.
const KINDS: [&str; 3] = ["ising", "heisenberg", "xxz"];

/// An error at a key of the Hamiltonian.
fn wrong(key: &str, problem: impl Into<String>, remedy: &str) -> Error {
    Error::input(format!("hamiltonian.{key}"), problem, remedy)
}

/// The circuit of `[construct]` and the terms of the Hamiltonian, in the frame in which all
/// amplitudes are positive.
pub(super) fn trotter(
    source: &Source,
    problem: &Problem,
    keys: &ConstructInput,
) -> Result<(Trotter, Terms)> {
    let (common, model) = problem::model(source, &problem.registry, &problem.lattice)?;
    let sum = model
        .pauli()
        .filter(|_| KINDS.contains(&common.kind.as_str()));
    let Some(sum) = sum else {
        return Err(wrong(
            "kind",
            format!("[construct] has no gates of `{}`", common.kind),
            "use ising, heisenberg or xxz",
        ));
    };
    let terms = terms(sum)?;
    match common.kind.as_str() {
        "ising" => Ok((ising(problem, &terms, keys)?, terms)),
        _ => exchange(problem, terms, keys),
    }
}

/// The terms of a Hamiltonian by their kinds.
fn terms(sum: &PauliSum) -> Result<Terms> {
    use Pauli::{X, Y, Z};
    let mut terms = Terms::default();
    for (string, coefficient) in sum.iter().filter(|(_, c)| c.norm() > 0.0) {
        let c = coefficient.re;
        match *string {
            [] => {}
            [(l, Z)] => terms.fields.push((l as usize, c)),
            [(l, X)] => terms.flips.push((l as usize, c)),
            [(l, Z), (m, Z)] => terms.pairs.push(([l as usize, m as usize], c)),
            [(l, X), (m, X)] => terms.exchanges.push(([l as usize, m as usize], c)),
            // Beside each X X there is a Y Y with the same coefficient.
            [(_, Y), (_, Y)] => {}
            _ => {
                let name = crate::operator::name(string);
                let remedy = "use ising, heisenberg or xxz";
                return Err(wrong("kind", format!("there is no gate of {name}"), remedy));
            }
        }
    }
    Ok(terms)
}

/// What the circuit starts from: all configurations of the basis.
fn start(basis: &Basis) -> Start {
    let twice = basis.fixed(TOTAL_SZ);
    match twice {
        None => Start::Uniform,
        Some(twice) => Start::Sector {
            up: ((basis.sites() as i64 + i64::from(twice)) / 2) as usize,
        },
    }
}

fn ising(problem: &Problem, terms: &Terms, keys: &ConstructInput) -> Result<Trotter> {
    let sites = problem.lattice.sites;
    if keys.gates != BondUnits::default() {
        return Err(Error::input(
            "construct.gates",
            format!(
                "`ising` has no exchange that \"{}\" is for",
                keys.gates.name()
            ),
            "remove `gates`",
        ));
    }
    if problem.sign_rule.is_some() {
        let remedy = "remove the sign rule";
        return Err(wrong(
            "sign_rule",
            "gates of `ising` are positive without one",
            remedy,
        ));
    }
    let moved = terms.flips.iter().filter(|(_, c)| *c < 0.0).count();
    if moved < sites {
        let what = "gates of the transverse field have elements of both signs, or there are none";
        return Err(wrong(
            "hx",
            what,
            "use hx > 0; its sign is that of a rotation of all spins",
        ));
    }
    Trotter::ising(sites, start(&problem.basis), terms, keys.step)
}

fn exchange(
    problem: &Problem,
    mut terms: Terms,
    keys: &ConstructInput,
) -> Result<(Trotter, Terms)> {
    let Some(in_a) = &problem.sign_rule else {
        let what = "gates of an exchange have elements of both signs without a sign rule";
        return Err(wrong("sign_rule", what, "use sign_rule = \"marshall\""));
    };
    if let Some((site, _)) = terms.fields.first() {
        let what = format!("there is no gate of a field beside exchanges (site {site})");
        return Err(wrong(
            "hz",
            what,
            "use hz = 0; within a sector the field is a constant",
        ));
    }
    for ([l, m], c) in &mut terms.exchanges {
        let rotated = in_a[*l] != in_a[*m];
        *c = if rotated { -*c } else { *c };
        if *c >= 0.0 {
            let what = "the sign rule leaves elements of both signs";
            return Err(wrong("j", what, "use j > 0 on a bipartite lattice"));
        }
    }
    if terms.exchanges.is_empty() {
        return Err(wrong("j", "there is no exchange", "use j > 0"));
    }
    let mut bonds: Vec<Bond> = problem.lattice.bonds(1)?;
    bonds.sort_by_key(|b| (b.i.min(b.j), b.i.max(b.j)));
    let colours = colours(&problem.lattice, &bonds);
    let ends = |bonds: &Vec<Bond>| bonds.iter().map(|b| [b.i, b.j]).collect();
    let colours: Vec<Vec<[usize; 2]>> = colours.iter().map(ends).collect();
    let sites = problem.lattice.sites;
    let start = start(&problem.basis);
    let trotter = Trotter::exchange(sites, start, &terms, &colours, keys.step)?;
    Ok((trotter, terms))
}
