//! Decides the groups behind quantum numbers: translations, reflections and rotations with their
//! characters.
//!
//! χ = e^{ik·R} for translations, k_a = 2π m_a/L_a, and products of ±1 for reflections and
//! rotations, which have to leave k as it is (M. Tinkham, Group Theory and Quantum Mechanics
//! (1964), ch. 3).

use super::Element;
use crate::error::{Error, Result};
use crate::lattice::{Lattice, PointElement};
use num_complex::Complex64;
use std::collections::HashMap;
use std::f64::consts::TAU;

pub(super) fn parity(value: Option<i64>, key: String) -> Result<Option<f64>> {
    match value {
        None => Ok(None),
        Some(s @ (1 | -1)) => Ok(Some(s as f64)),
        Some(other) => Err(Error::input(
            key,
            format!("{other} is not the eigenvalue of a parity"),
            "give 1 or -1",
        )),
    }
}

/// The translations with their characters e^{ik·R}.
pub(crate) fn translations(
    lattice: &Lattice,
    momentum: &[usize],
    key: &str,
) -> Result<Vec<Element>> {
    let (size, periodic, d) = (lattice.extent(), lattice.periodic(), lattice.dimensions());
    let wrong = |problem: String, remedy: String| Error::input(key, problem, remedy);
    if momentum.len() != d {
        let remedy = format!("give {d}, 0 in open directions");
        return Err(wrong(
            format!("{} momentum indices", momentum.len()),
            remedy,
        ));
    }
    for (a, &m) in momentum.iter().enumerate() {
        let allowed = if periodic[a] { size[a] } else { 1 };
        if m >= allowed {
            let problem = format!("momentum index {m} in direction {}", a + 1);
            return Err(wrong(problem, format!("choose 0 to {}", allowed - 1)));
        }
    }
    let element = |permutation: Vec<u32>| {
        // The spins move by R = cell(j) − cell(g(j)).
        let from = lattice.cells[permutation[0] as usize];
        let turns = momentum
            .iter()
            .enumerate()
            .map(|(a, m)| (m * (size[a] - from[a]) % size[a]) as f64 / size[a] as f64);
        Element {
            permutation,
            flip: false,
            character: root_of_unity(turns.sum()),
        }
    };
    Ok(lattice
        .translations()?
        .permutations
        .into_iter()
        .map(element)
        .collect())
}

/// e^{2πi t}, exactly real where it is real.
fn root_of_unity(turns: f64) -> Complex64 {
    let half = (2.0 * turns).round();
    if (2.0 * turns - half).abs() > 1e-12 {
        return Complex64::cis(TAU * turns);
    }
    if half.rem_euclid(2.0) == 0.0 {
        Complex64::ONE
    } else {
        -Complex64::ONE
    }
}

/// Reflections and rotations with their characters.
pub(super) fn point_group(
    lattice: &Lattice,
    reflection: Option<f64>,
    rotation: Option<f64>,
    key: &str,
) -> Result<Vec<Element>> {
    let group = lattice.point_group()?;
    let absent = |what: &str, exists: bool| match exists {
        true => Ok(()),
        false => Err(Error::input(
            format!("{key}.{what}"),
            format!("this lattice has no {what} about site 0"),
            "remove the key",
        )),
    };
    if reflection.is_some() {
        absent("reflection", group.iter().any(|p| p.mirror))?;
    }
    if rotation.is_some() {
        absent("rotation", group.iter().any(|p| !p.mirror && p.turns > 0))?;
    }
    let used = |p: &&PointElement| {
        (p.turns == 0 || rotation.is_some()) && (!p.mirror || reflection.is_some())
    };
    let character = |p: &PointElement| {
        let turned = if p.turns % 2 == 1 {
            rotation.unwrap_or(1.0)
        } else {
            1.0
        };
        turned
            * if p.mirror {
                reflection.unwrap_or(1.0)
            } else {
                1.0
            }
    };
    let element = |p: &PointElement| Element {
        permutation: p.permutation.clone(),
        flip: false,
        character: character(p).into(),
    };
    Ok(group.iter().filter(used).map(element).collect())
}

/// All products of the elements of two groups, g = b ∘ a.
pub(super) fn product(a: &[Element], b: &[Element]) -> Vec<Element> {
    let one = |x: &Element, y: &Element| Element {
        permutation: x
            .permutation
            .iter()
            .map(|&s| y.permutation[s as usize])
            .collect(),
        flip: x.flip ^ y.flip,
        character: x.character * y.character,
    };
    a.iter()
        .flat_map(|x| b.iter().map(move |y| one(x, y)))
        .collect()
}

/// An error unless the characters multiply as the elements do.
pub(super) fn check_representation(elements: &[Element], key: &str) -> Result<()> {
    let known: HashMap<(&[u32], bool), Complex64> = elements
        .iter()
        .map(|e| ((e.permutation.as_slice(), e.flip), e.character))
        .collect();
    // Every element of a small group, some of a large one, times every other.
    let stride = (elements.len() / 256).max(1);
    for x in elements.iter().step_by(stride) {
        for y in elements {
            let z = &product(std::slice::from_ref(x), std::slice::from_ref(y))[0];
            let fits = known
                .get(&(z.permutation.as_slice(), z.flip))
                .is_some_and(|c| (c - z.character).norm() < 1e-9);
            if !fits {
                return Err(Error::input(
                    key,
                    "these quantum numbers do not belong together: the reflection or rotation \
                     changes the momentum, or a \
                     rotation by a third has the eigenvalue -1",
                    "leave out reflection and rotation, or choose a momentum that they leave as it \
                     is",
                ));
            }
        }
    }
    if known.len() == elements.len() {
        return Ok(());
    }
    Err(Error::input(
        key,
        "the group has an element twice",
        "use a larger lattice",
    ))
}
