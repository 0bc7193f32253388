//! Decides how an input names a projection: a wave function and quantum numbers that the
//! Hamiltonian has.

use super::agreement::{Part, agreement};
use super::cosets::images;
use super::group::{check_representation, parity, point_group, product, translations};
use super::sectors::{self, Sector, SectorChoice, SectorContext};
use super::{Element, Normalised, Symmetrised, spin};
use crate::ansatz::registry::is_of_kind;
use crate::ansatz::sign::Sign;
use crate::ansatz::{Ansatz, Context, Erased};
use crate::basis::{Basis, Local, TOTAL_SZ};
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::table::schema_of;
use serde::Deserialize;

/// How images are combined.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Their sum.
    #[default]
    Linear,
    /// The mean of |ψ|², and the phase of a sum of phases.
    Normalised,
}

/// Projection of any wave function on quantum numbers, which are those of the whole state: a sign
/// rule is taken into account.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// The wave function, a table with `kind` and its own keys. No default.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    of: toml::Table,
    /// Momentum indices m, one per direction: k = 2 pi m / L, 0 in open directions. Default none:
    /// no translations.
    pub(super) momentum: Option<Vec<usize>>,
    /// "auto" finds out which quantum numbers the lowest state has, of those that are not given:
    /// by exact diagonalisation of up to 50000 states of spins one half, else by trials of 40
    /// steps of [optimize]; { auto = 100 }: of so many. Default none.
    pub(super) sector: Option<SectorChoice>,
    /// Eigenvalue of the flip of all spins, 1 or -1. Default none.
    pub(super) spin_flip: Option<i64>,
    /// Whether total spins are even, 1, or odd, -1: the flip of all of N spins one half with the
    /// eigenvalue (-1)^{N/2} or its negative. Default none.
    pub(super) spin_parity: Option<i64>,
    /// Total spin S of a wave function of kind "pair", a number or a table { s, points }: a sum
    /// over rotations, exact from (S + N/2 + 1)/2 points on, which are the default. Default none.
    pub(super) total_spin: Option<spin::TotalSpin>,
    /// Eigenvalue of the reflection, 1 or -1: i -> N-1-i on a chain, that keeps the first lattice
    /// vector elsewhere. Default none.
    pub(super) reflection: Option<i64>,
    /// Eigenvalue of the smallest rotation of a two-dimensional lattice about site 0, 1 or -1.
    /// Default none.
    pub(super) rotation: Option<i64>,
    /// "linear", the sum over images; "normalised", the mean of |psi|^2 over images of an
    /// autoregressive wave function, which stays normalised and can be drawn. Default "linear".
    #[serde(default)]
    mode: Mode,
}

/// Whether a Hamiltonian has these permutations of the sites as symmetries, followed by a flip of
/// all spins where `flip`.
pub(super) fn is_held(
    hamiltonian: Option<&dyn Operator>,
    permutations: &[&[u32]],
    flip: bool,
) -> bool {
    hamiltonian.is_none_or(|h| h.is_invariant(permutations, flip))
}

/// An error unless the Hamiltonian has the symmetry that a quantum number at `key` belongs to.
fn held(context: &Context, elements: &[Element], key: &str) -> Result<()> {
    let permutations = |flip: bool| {
        elements
            .iter()
            .filter(move |e| e.flip == flip)
            .map(|e| e.permutation.as_slice())
            .collect::<Vec<_>>()
    };
    let has = |flip: bool| is_held(context.hamiltonian, &permutations(flip), flip);
    match has(false) && has(true) {
        true => Ok(()),
        false => Err(Error::input(
            key,
            "the Hamiltonian does not have this symmetry",
            "remove the key",
        )),
    }
}

/// An error unless changing the sign of all values leads from the basis to itself.
pub(super) fn flips_stay_inside(basis: &Basis, key: &str) -> Result<()> {
    let has_signs = |l: &Local| l.first == -l.value(l.count as usize - 1);
    if !basis.locals().iter().all(has_signs) {
        return Err(Error::input(
            key,
            "particle numbers have no sign that a flip could change",
            "remove the key",
        ));
    }
    if basis.fixed(TOTAL_SZ).is_some_and(|m| m != 0) {
        return Err(Error::input(
            key,
            "flipping all spins leaves the sector of fixed total Sz",
            "use total_sz = 0, or remove the key",
        ));
    }
    Ok(())
}

/// The reflections and rotations that the keys ask for; none where they ask for neither.
fn points(keys: &Keys, context: &Context, parts: &mut Vec<Part>) -> Result<Option<Vec<Element>>> {
    let key = |name: &str| context.key(name);
    let (reflection, rotation) = (
        parity(keys.reflection, key("reflection"))?,
        parity(keys.rotation, key("rotation"))?,
    );
    if reflection.is_none() && rotation.is_none() {
        return Ok(None);
    }
    let of =
        |reflection, rotation| point_group(context.lattice, reflection, rotation, &context.path);
    let points = of(reflection, rotation)?;
    let name = if reflection.is_some() {
        "reflection"
    } else {
        "rotation"
    };
    held(context, &points, &key(name))?;
    if rotation.is_some() {
        parts.push(Part::parity("rotation", keys.rotation, of(None, rotation)?));
    }
    if reflection.is_some() {
        parts.push(Part::parity(
            "reflection",
            keys.reflection,
            of(reflection, None)?,
        ));
    }
    Ok(Some(points))
}

/// The group of all quantum numbers that the keys ask for, and those of each of them.
fn group(keys: &Keys, context: &Context) -> Result<(Vec<Element>, Vec<Part>)> {
    let (lattice, basis) = (context.lattice, context.basis);
    let identity = (0..lattice.sites as u32).collect::<Vec<_>>();
    let one = |flip: bool, character: f64| Element {
        permutation: identity.clone(),
        flip,
        character: character.into(),
    };
    let (mut elements, mut parts) = (vec![one(false, 1.0)], Vec::new());
    if let Some(momentum) = &keys.momentum {
        let key = context.key("momentum");
        elements = translations(lattice, momentum, &key)?;
        held(context, &elements, &key)?;
        parts.push(Part::momentum(momentum, &elements, lattice));
    }
    if let Some(points) = points(keys, context, &mut parts)? {
        elements = product(&points, &elements);
    }
    if let Some((flip, name)) = spin::flip(keys, context)? {
        let key = context.key(name);
        flips_stay_inside(basis, &key)?;
        held(context, &[one(true, flip)], &key)?;
        elements = product(&elements, &[one(false, 1.0), one(true, flip)]);
        let value = keys.spin_flip.or(keys.spin_parity);
        parts.push(Part::parity(name, value, vec![one(true, flip)]));
    }
    check_representation(&elements, &context.path)?;
    Ok((elements, parts))
}

/// Why the sum over images of the wave function inside is zero with the numbers of each sector
/// whatever its parameters; none of those with which it is not.
pub fn misfits(
    table: &toml::Table,
    sectors: &[Sector],
    context: &Context,
) -> Result<Vec<Option<Error>>> {
    let mut of = None;
    let mut errors = Vec::new();
    for sector in sectors {
        let settled = sectors::settled(table, &sector.keys());
        let keys: Keys = crate::table::parse(&without_kind(settled), &context.path)?;
        let parts = group(&keys, context)?.1;
        let inner = match of.take() {
            Some(inner) => inner,
            None => inside(&keys, context)?,
        };
        let found = agreement(inner, &parts, &keys.of, context)?;
        of = Some(found.of);
        errors.push(found.error);
    }
    Ok(errors)
}

fn without_kind(mut table: toml::Table) -> toml::Table {
    table.remove("kind");
    table
}

/// The wave function that is projected.
fn inside(keys: &Keys, context: &Context) -> Result<Erased> {
    match &keys.total_spin {
        None => context.part(&keys.of, 0, context.key("of")),
        Some(wanted) => wanted.project(&keys.of, context),
    }
}

/// The table with the first sector in the place of the choice that a run makes.
fn untried(table: &toml::Table, context: &Context) -> Result<toml::Table> {
    if context.path != "ansatz" {
        let problem = "the sector of a part is not that of the whole wave function";
        return Err(context.wrong("sector", problem, "give its quantum numbers"));
    }
    let of = SectorContext {
        lattice: context.lattice,
        basis: context.basis,
        hamiltonian: context.hamiltonian,
        all: false,
    };
    let first = sectors::candidates(table, &of)?.into_iter().next();
    let numbers = first.map(|sector| sector.keys()).unwrap_or_default();
    Ok(sectors::settled(table, &numbers))
}

/// Builds a projection from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    if keys.sector.is_some() {
        // Whether the wave function inside has the numbers is asked of those that are chosen.
        let untried = crate::table::parse(&untried(table, context)?, &context.path)?;
        return built(&untried, false, context);
    }
    built(&keys, true, context)
}

/// The projection, of which it is known which numbers it has; where these are `settled`, an error
/// if the wave function inside cannot have them.
fn built(keys: &Keys, settled: bool, context: &Context) -> Result<Erased> {
    let (elements, parts) = group(keys, context)?;
    let sign = (context.sign_rule).map(|in_a| Sign::new(in_a.to_vec(), context.basis));
    if keys.mode == Mode::Normalised && !is_of_kind(&keys.of, "autoregressive") {
        return Err(context.wrong(
            "mode",
            "\"normalised\" needs a normalised wave function",
            "use mode = \"linear\", or of = { kind = \"autoregressive\", … }",
        ));
    }
    let mut of = inside(keys, context)?;
    let trivial = elements.iter().all(|e| e.character == 1.0.into());
    if keys.mode == Mode::Normalised && of.facts().positive && sign.is_none() && !trivial {
        let problem = "the phases of a positive wave function cancel with these quantum numbers";
        return Err(context.wrong("of", problem, "use positive = false, or mode = \"linear\""));
    }
    if settled {
        let found = agreement(of, &parts, &keys.of, context)?;
        if let Some(error) = found.error {
            return Err(error);
        }
        of = found.of;
    }
    if keys.mode == Mode::Normalised {
        return Ok(Erased::new(Normalised::new(Symmetrised::new(
            of, elements, sign,
        )?)));
    }
    let found = images(of, elements, (sign.as_ref(), context.basis))?;
    let sum = Symmetrised::new(found.of, found.elements, sign)?;
    Ok(Erased::new(sum.repeated(found.repeats)))
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
