//! Decides how an input asks for a total spin, or for its parity.
//!
//! The flip of N spins one half, Π σx, has the eigenvalue (−1)^{N/2+S} in the sector of total Sz =
//! 0. A total spin is a sum over rotations, which only a pair state knows: its factors of other
//! kinds would have to be rotated as well.

use super::factory::Keys;
use super::group::parity;
use crate::ansatz::pair::{self, Rotation};
use crate::ansatz::registry::is_of_kind;
use crate::ansatz::{Context, Erased};
use crate::basis::TOTAL_SZ;
use crate::error::Result;
use crate::operator::{Operator, conserves_total_spin};
use serde::Deserialize;

/// The key `total_spin`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "a total spin such as 0, or a table such as { s = 0, points = 5 }"
)]
pub(super) enum TotalSpin {
    /// The total spin S.
    Spin(usize),
    /// The same with the number of rotations.
    Table(SpinTable),
}

/// A total spin, and how it is projected on.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpinTable {
    /// The total spin S.
    s: usize,
    /// Number of rotations. Default: the least that is exact.
    points: Option<usize>,
}

/// The eigenvalue of the flip of all spins that the keys ask for, with the key that does.
pub(super) fn flip(keys: &Keys, context: &Context) -> Result<Option<(f64, &'static str)>> {
    let given = [
        ("spin_flip", keys.spin_flip.is_some()),
        ("spin_parity", keys.spin_parity.is_some()),
        ("total_spin", keys.total_spin.is_some()),
    ];
    let mut given = given.iter().filter(|(_, there)| *there);
    if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
        let problem = format!("{first} is given too, and one of them decides the other");
        return Err(context.wrong(second, problem, "give one of them"));
    }
    if let Some(value) = parity(keys.spin_flip, context.key("spin_flip"))? {
        return Ok(Some((value, "spin_flip")));
    }
    let Some(value) = parity(keys.spin_parity, context.key("spin_parity"))? else {
        return Ok(None);
    };
    check_spin("spin_parity", context)?;
    let turns = context.basis.sites() / 2 % 2;
    let flip = if turns == 1 { -value } else { value };
    Ok(Some((flip, "spin_parity")))
}

/// An error unless the sites are spins one half of total Sz = 0, with a Hamiltonian whose
/// eigenstates have a spin.
fn check_spin(key: &str, context: &Context) -> Result<()> {
    if !context.basis.is_spin_half() || context.basis.fixed(TOTAL_SZ) != Some(0) {
        let problem = "it is known for spins one half in the sector of total Sz = 0 alone";
        let remedy = "use sector = { total_sz = 0 }, or remove the key";
        return Err(context.wrong(key, problem, remedy));
    }
    let broken = |h: &dyn Operator| !conserves_total_spin(h, context.basis, 1);
    if context.hamiltonian.is_some_and(broken) {
        let problem = "the Hamiltonian does not conserve the total spin: [H, S+] is not 0";
        let remedy = "remove the key, or use spin_flip where the Hamiltonian has that symmetry";
        return Err(context.wrong(key, problem, remedy));
    }
    Ok(())
}

impl TotalSpin {
    /// The pair state of the table `of`, projected.
    pub(super) fn project(&self, of: &toml::Table, context: &Context) -> Result<Erased> {
        let wrong =
            |problem: String, remedy: &str| Err(context.wrong("total_spin", problem, remedy));
        let (spin, points) = match self {
            TotalSpin::Spin(s) => (*s, None),
            TotalSpin::Table(table) => (table.s, table.points),
        };
        check_spin("total_spin", context)?;
        let sites = context.basis.sites();
        if !is_of_kind(of, "pair") {
            let problem = "only a wave function of kind \"pair\" is known to every rotation";
            let remedy = "use of = { kind = \"pair\" }, as a factor of a product, or spin_parity";
            return wrong(problem.into(), remedy);
        }
        if context.sign_rule.is_some() {
            let problem = "a sign rule in front of it turns spins of one sublattice";
            return wrong(
                problem.into(),
                "remove hamiltonian.sign_rule: pairs have signs",
            );
        }
        if spin > sites / 2 {
            let problem = format!("{sites} spins one half have no total spin {spin}");
            return wrong(problem, "give a whole number up to half of the sites");
        }
        let points = points.unwrap_or(Rotation::least(spin, sites));
        if points == 0 || points > 1000 {
            let problem = format!("{points} is no number of rotations");
            return wrong(problem, "leave points out: the default is exact");
        }
        let mut keys = of.clone();
        keys.remove("kind");
        let part = Context {
            path: context.key("of"),
            origin: context.origin.part(0),
            ..*context
        };
        pair::projected(&keys, &part, spin, points)
    }
}
