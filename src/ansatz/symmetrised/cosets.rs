//! Decides which images are summed of a wave function that has some of the quantum numbers by
//! itself: one of each coset.
//!
//! Where φ(hx) = χ_h φ(x) for all h of a subgroup H, the terms of a coset Hg are equal, since
//! χ_hg* φ(hgx) = χ_g* φ(gx), and ψ(x) = |H| Σ_{Hg} χ_g* φ(gx) is the sum over the whole group (M.
//! Tinkham, Group Theory and Quantum Mechanics (1964), ch. 2). Filters that are tied by
//! translations, pairs with a unit that repeats and machines without biases have such a subgroup.

use super::Element;
use super::eigenvalues::{Evidence, differs, multiples};
use super::group::product;
use crate::ansatz::Erased;
use crate::ansatz::sign::Sign;
use crate::basis::Basis;
use crate::error::Result;
use std::collections::HashMap;

/// Configurations that have to agree.
const AGREE: usize = 8;

/// A wave function with the images that are summed.
pub(super) struct Images {
    /// The wave function, as it was given.
    pub of: Erased,
    /// One element of each coset.
    pub elements: Vec<Element>,
    /// |H|: how many elements have the same term.
    pub repeats: usize,
}

/// The images of `of` behind a sign rule that differ under a group whose first element is the
/// identity.
pub(super) fn images(
    of: Erased,
    elements: Vec<Element>,
    (sign, basis): (Option<&Sign>, &Basis),
) -> Result<Images> {
    let identity = &elements[..1];
    let (mut of, mut own) = (of, elements[1..].to_vec());
    // Most elements drop out at the first configuration.
    for least in [1, AGREE] {
        let evidence = Evidence { least, fixed: true };
        let asked = [identity, &own[..]].concat();
        let (back, found) = multiples(of, &asked, (sign.cloned(), basis), evidence)?;
        of = back;
        let has = |multiple: &Option<_>| multiple.is_some_and(|m| !differs(m));
        let kept = own.into_iter().zip(&found[1..]).filter(|(_, m)| has(m));
        own = kept.map(|(element, _)| element).collect();
        if own.is_empty() {
            break;
        }
    }
    let subgroup = [identity, &own[..]].concat();
    let (elements, repeats) = match representatives(&elements, &subgroup) {
        Some(chosen) => (chosen, subgroup.len()),
        None => (elements, 1),
    };
    Ok(Images {
        of,
        elements,
        repeats,
    })
}

/// The first element of each coset; none where the cosets overlap, as they may where `subgroup` is
/// no group.
fn representatives(elements: &[Element], subgroup: &[Element]) -> Option<Vec<Element>> {
    let places: HashMap<(&[u32], bool), usize> = (elements.iter().enumerate())
        .map(|(place, e)| ((e.permutation.as_slice(), e.flip), place))
        .collect();
    let mut covered = vec![false; elements.len()];
    let mut chosen = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        if covered[place] {
            continue;
        }
        for image in product(subgroup, std::slice::from_ref(element)) {
            let at = *places.get(&(image.permutation.as_slice(), image.flip))?;
            if std::mem::replace(&mut covered[at], true) {
                return None;
            }
        }
        chosen.push(element.clone());
    }
    Some(chosen)
}
