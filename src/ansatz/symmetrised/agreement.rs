//! Decides what an input is told whose wave function inside has other quantum numbers, for all its
//! parameters, than those that it is projected on: the sum over images would be zero.
//!
//! Asked are translations along one lattice vector by divisors of its length, reflections and
//! rotations, the flip, and these followed by the flip.

use super::Element;
use super::eigenvalues::{Evidence, differs, multiples};
use super::group::product;
use crate::ansatz::sign::Sign;
use crate::ansatz::{Context, Erased};
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use num_complex::Complex64;
use std::f64::consts::TAU;

/// Two configurations agree on an eigenvalue.
const ASKED: Evidence = Evidence {
    least: 2,
    fixed: false,
};

/// A quantum number of the input with the elements that it belongs to.
pub(super) struct Part {
    /// Its key, such as `spin_flip`.
    pub name: &'static str,
    /// Its value, as the input has it.
    pub value: String,
    /// Its elements.
    pub elements: Vec<Element>,
}

impl Part {
    /// A momentum with its translations.
    pub(super) fn momentum(momentum: &[usize], all: &[Element], lattice: &Lattice) -> Self {
        let is_asked = |e: &&Element| {
            let cells = lattice.cells[e.permutation[0] as usize];
            let mut moved = cells.iter().zip(lattice.extent()).filter(|(c, _)| **c > 0);
            let one = moved.next().is_some_and(|(c, length)| length % c == 0);
            one && moved.next().is_none()
        };
        Part {
            name: "momentum",
            value: format!("{momentum:?}"),
            elements: all.iter().filter(is_asked).cloned().collect(),
        }
    }

    /// A parity with its elements.
    pub(super) fn parity(name: &'static str, value: Option<i64>, elements: Vec<Element>) -> Self {
        let value = value.unwrap_or_default().to_string();
        Part {
            name,
            value,
            elements,
        }
    }
}

/// A wave function with what stands in the way of its projection.
pub(super) struct Agreement {
    /// The wave function, as it was given.
    pub of: Erased,
    /// The error, where the sum over its images is zero.
    pub error: Option<Error>,
}

/// Whether the wave function `of`, whose table is `table`, can have these quantum numbers behind
/// the sign rule.
pub(super) fn agreement(
    of: Erased,
    parts: &[Part],
    table: &toml::Table,
    context: &Context,
) -> Result<Agreement> {
    let mut places: Vec<(&Part, Element)> = Vec::new();
    for part in parts {
        places.extend(part.elements.iter().map(|e| (part, e.clone())));
    }
    if places.is_empty() {
        return Ok(Agreement { of, error: None });
    }
    let identity = Element {
        permutation: (0..context.lattice.sites as u32).collect(),
        flip: false,
        character: Complex64::ONE,
    };
    places.retain(|(_, e)| e.flip || e.permutation != identity.permutation);
    if let Some((_, flip)) = places.iter().find(|(_, e)| e.flip).cloned() {
        let unflipped = places.iter().filter(|(_, e)| !e.flip);
        let both = unflipped.map(|(part, e)| {
            let both = product(std::slice::from_ref(e), std::slice::from_ref(&flip));
            (*part, both[0].clone())
        });
        let both: Vec<_> = both.collect();
        places.extend(both);
    }
    let elements: Vec<Element> = std::iter::once(identity)
        .chain(places.iter().map(|(_, e)| e.clone()))
        .collect();
    let sign = (context.sign_rule).map(|in_a| Sign::new(in_a.to_vec(), context.basis));
    let (of, found) = multiples(of, &elements, (sign, context.basis), ASKED)?;
    let known: Vec<(&Part, &Element, Complex64)> = (places.iter().zip(&found[1..]))
        .filter_map(|((part, e), multiple)| Some((*part, e, (*multiple)?)))
        .collect();
    let refused = known.iter().find(|(_, _, multiple)| differs(*multiple));
    let error = refused.map(|(part, element, _)| {
        let remedy = remedy(part, &known, table, context);
        let problem = problem(part, element, context.lattice);
        context.wrong(part.name, problem, remedy)
    });
    Ok(Agreement { of, error })
}

fn problem(part: &Part, element: &Element, lattice: &Lattice) -> String {
    let cells = &lattice.cells[element.permutation[0] as usize][..lattice.dimensions()];
    let operation = match part.name {
        "momentum" => format!("a translation by {cells:?} cells"),
        "rotation" | "reflection" => format!("the {}", part.name),
        _ => "the flip of all spins".into(),
    };
    let operation = match element.flip && !part.elements.iter().any(|e| e.flip) {
        true => format!("{operation} and the flip of all spins"),
        false => operation,
    };
    format!(
        "the wave function inside, `of`, has its own eigenvalue of {operation} whatever its \
         parameters, and {} = {} needs another one: the sum over its images is zero",
        part.name, part.value
    )
}

/// What to change: the quantum number inside, where it has a key, or the one outside.
fn remedy(
    part: &Part,
    known: &[(&Part, &Element, Complex64)],
    table: &toml::Table,
    context: &Context,
) -> String {
    let inside = context.key("of");
    let here = match part.name {
        "momentum" => format!("choose another {}", context.key(part.name)),
        name => format!("choose the other eigenvalue for {}", context.key(name)),
    };
    let keys: &[&str] = match part.name {
        "momentum" => &["momentum", "symmetry", "patch", "sublattice"],
        "rotation" => &["rotation", "character", "symmetry"],
        "reflection" => &["reflection", "character", "symmetry"],
        _ => &["spin_flip", "spin_parity"],
    };
    let Some(key) = keys.iter().find(|key| has_key(table, key, context)) else {
        return format!(
            "{here}, or a wave function {inside} without this symmetry, such as kind = \
             \"feedforward\""
        );
    };
    let wanted = (*key == "momentum").then(|| momentum(known, table, context.lattice));
    match (*key, wanted.flatten()) {
        ("momentum", Some(wanted)) => format!("give {inside}.momentum = {wanted:?}, or {here}"),
        ("symmetry", _) => format!("give {inside}.symmetry = \"none\", or {here}"),
        _ => format!("give another {inside}.{key}, or {here}"),
    }
}

/// Whether the kind of a table has this key.
fn has_key(table: &toml::Table, key: &str, context: &Context) -> bool {
    let entry = context.kinds.take(table, &context.key("of"));
    entry.is_ok_and(|(entry, _)| (entry.schema)()["properties"].get(key).is_some())
}

/// The momentum with which the wave function inside has that of the sum: λ is that of a translation
/// by minus one cell along each direction.
fn momentum(
    known: &[(&Part, &Element, Complex64)],
    table: &toml::Table,
    lattice: &Lattice,
) -> Option<Vec<usize>> {
    let (size, periodic) = (lattice.extent(), lattice.periodic());
    let own = table.get("momentum").and_then(toml::Value::as_array);
    let index = |a: usize| {
        let own = own.and_then(|m| m.get(a)).and_then(toml::Value::as_integer);
        let length = size[a] as i64;
        if !periodic[a] || length == 1 {
            return Some(0);
        }
        let is_next = |e: &Element| {
            let cells = lattice.cells[e.permutation[0] as usize];
            !e.flip && (0..cells.len()).all(|b| cells[b] == usize::from(a == b))
        };
        let next = known
            .iter()
            .find(|(p, e, _)| p.name == "momentum" && is_next(e));
        let turns = next?.2.arg() / TAU * length as f64;
        Some((own.unwrap_or(0) + turns.round() as i64).rem_euclid(length) as usize)
    };
    (0..lattice.dimensions()).map(index).collect()
}
