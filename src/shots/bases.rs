//! Decides what a measured basis is: one axis for each site, written as letters X, Y and Z.

use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// What is measured at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MeasuredAxis {
    /// σ^x
    X,
    /// σ^y
    Y,
    /// σ^z
    Z,
}

/// One axis per site.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeasuredBasis(pub Vec<MeasuredAxis>);

/// What is wrong with a text, and the remedy.
pub(super) type Refusal = (String, &'static str);

impl MeasuredBasis {
    /// Reads exactly `sites` letters X, Y, Z, of which the first belongs to site 0. `key` is named
    /// in errors.
    pub fn parse(text: &str, sites: usize, key: &str) -> Result<Self> {
        Self::read(text, sites).map_err(|(problem, remedy)| Error::input(key, problem, remedy))
    }

    /// The same; the error is for whoever knows the place of the text.
    pub(super) fn read(text: &str, sites: usize) -> std::result::Result<Self, Refusal> {
        let axis = |letter: char| match letter {
            'X' => Some(MeasuredAxis::X),
            'Y' => Some(MeasuredAxis::Y),
            'Z' => Some(MeasuredAxis::Z),
            _ => None,
        };
        letters(
            text,
            sites,
            axis,
            "a basis has one letter X, Y or Z for each site",
        )
        .map(Self)
    }

    /// All sites along z.
    pub fn all_z(sites: usize) -> Self {
        MeasuredBasis(vec![MeasuredAxis::Z; sites])
    }

    /// The sites that are not measured along z, in ascending order.
    pub fn rotated(&self) -> Vec<usize> {
        let is_rotated = |i: &usize| self.0[*i] != MeasuredAxis::Z;
        (0..self.0.len()).filter(is_rotated).collect()
    }

    /// Its letters, site 0 first.
    pub fn text(&self) -> String {
        let letter = |axis: &MeasuredAxis| match axis {
            MeasuredAxis::X => 'X',
            MeasuredAxis::Y => 'Y',
            MeasuredAxis::Z => 'Z',
        };
        self.0.iter().map(letter).collect()
    }
}

/// The meaning of each of exactly `sites` letters.
pub(super) fn letters<T>(
    text: &str,
    sites: usize,
    meaning: impl Fn(char) -> Option<T>,
    remedy: &'static str,
) -> std::result::Result<Vec<T>, Refusal> {
    let mut found = Vec::with_capacity(sites);
    let shown = || text.chars().take(80).collect::<String>();
    for letter in text.chars() {
        match meaning(letter) {
            Some(value) => found.push(value),
            None => return Err((format!("`{}` holds the letter `{letter}`", shown()), remedy)),
        }
    }
    match found.len() == sites {
        true => Ok(found),
        false => {
            let problem = format!("`{}` has {} letters, not {sites}", shown(), found.len());
            Err((problem, remedy))
        }
    }
}

/// All z, then (x, x) and (x, y) on every pair (i, j) of `neighbours`, each pair once: the bases
/// that fix the phases of a state along its bonds.
pub fn pairs(sites: usize, neighbours: &[(usize, usize)]) -> Vec<MeasuredBasis> {
    let mut bases = vec![MeasuredBasis::all_z(sites)];
    let mut seen = BTreeSet::new();
    for &(i, j) in neighbours {
        let is_pair = i != j && i.max(j) < sites;
        if !is_pair || !seen.insert((i.min(j), i.max(j))) {
            continue;
        }
        for second in [MeasuredAxis::X, MeasuredAxis::Y] {
            let mut basis = MeasuredBasis::all_z(sites);
            basis.0[i] = MeasuredAxis::X;
            basis.0[j] = second;
            bases.push(basis);
        }
    }
    bases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_and_written() {
        let basis = MeasuredBasis::parse("ZXYZ", 4, "learn.bases").unwrap();
        assert_eq!(basis.text(), "ZXYZ");
        assert_eq!(basis.rotated(), [1, 2]);
        assert_eq!(basis.0[2], MeasuredAxis::Y);
        assert_eq!(MeasuredBasis::all_z(3).text(), "ZZZ");
        for (text, part) in [
            ("ZZZ", "has 3 letters, not 4"),
            ("ZZZZZ", "has 5 letters, not 4"),
            ("", "has 0 letters, not 4"),
            ("ZzZZ", "the letter `z`"),
            ("ZΨZZ", "the letter `Ψ`"),
        ] {
            let error = MeasuredBasis::parse(text, 4, "learn.bases").unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("learn.bases: "), "{error}");
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains("one letter X, Y or Z"), "{error}");
        }
    }

    #[test]
    fn each_pair_has_two_bases() {
        let texts = |bases: Vec<MeasuredBasis>| -> Vec<String> {
            bases.iter().map(MeasuredBasis::text).collect()
        };
        let found = texts(pairs(3, &[(0, 1), (2, 1), (1, 0)]));
        assert_eq!(found, ["ZZZ", "XXZ", "XYZ", "ZXX", "ZYX"]);
        assert_eq!(texts(pairs(2, &[])), ["ZZ"]);
    }
}
