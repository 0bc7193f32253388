//! Decides how H is restricted to one momentum: a basis of orbits under the translations, and the
//! block as a sparse matrix.
//!
//! P_k = |G|⁻¹ Σ_R χ*(R) T_R with χ(R) = exp(−i k·R), k_d = 2π m_d / L_d. A
//! representative r, the smallest word of its orbit, gives P_k|r⟩ of norm n_r = √(|Stab r| /
//! |G|) where χ is trivial on its stabiliser, and nothing elsewhere. With s = T_R r' the block is
//! H_{r r'} = Σ_s ⟨r|H|s⟩ χ*(R) n_{r'} / n_r.
//!
//! A. W. Sandvik, AIP Conf. Proc. 1297, 135 (2010), section 4.1.

use super::bits::walk;
use super::masks::Masks;
use crate::ansatz::symmetrised::Element;
use crate::basis::{Basis, StateIndex};
use crate::error::{Error, Result};
use crate::lattice::Group;
use crate::operator::{Operator, TermTable};
use num_complex::Complex64;

/// Site permutations acting on words, by tables over the bytes of a word, and flips of all spins.
#[derive(Debug, Clone)]
struct Translations {
    /// Per element and byte: where its 256 values go.
    tables: Vec<Vec<[u64; 256]>>,
    /// The bits that each element flips afterwards: all or none.
    flipped: Vec<u64>,
    /// χ(R) per element.
    characters: Vec<Complex64>,
}

fn bad(problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::input("--momentum", problem, remedy)
}

/// χ(R) for every element of the translation group, from where it takes the cells.
///
/// An element with (g σ)_j = σ_{g(j)} moves the spins by R = cell(j) − cell(g(j)).
pub fn characters(
    group: &Group,
    cells: &[[usize; 3]],
    momentum: &[usize],
) -> Result<Vec<Complex64>> {
    let length = |d: usize| cells.iter().map(|c| c[d]).max().unwrap_or(0) + 1;
    let lengths = [length(0), length(1), length(2)];
    let shift =
        |g: &[u32], d: usize| (cells[0][d] + lengths[d] - cells[g[0] as usize][d]) % lengths[d];
    let translated = |d: usize| group.permutations.iter().any(|g| shift(g, d) != 0);
    let expected: usize = (0..3)
        .filter(|&d| translated(d))
        .map(|d| lengths[d])
        .product();
    if expected != group.permutations.len() {
        return Err(bad(
            "the lattice has no complete translation group",
            "leave the option out",
        ));
    }
    let directions = (0..3).filter(|&d| translated(d)).max().map_or(0, |d| d + 1);
    if momentum.len() < directions || momentum.len() > 3 {
        return Err(bad(
            format!(
                "{} indices for a lattice with translations in {directions} directions",
                momentum.len()
            ),
            "give one index per direction, 0 in directions with open ends",
        ));
    }
    for (d, &m) in momentum.iter().enumerate() {
        let allowed = if translated(d) { lengths[d] } else { 1 };
        if m >= allowed {
            return Err(bad(
                format!("momentum index {m} in direction {d}"),
                format!("choose 0 to {}", allowed - 1),
            ));
        }
    }
    let phase = |g: &Vec<u32>| {
        let turns = momentum
            .iter()
            .enumerate()
            .map(|(d, &m)| (m * shift(g, d) % lengths[d]) as f64 / lengths[d] as f64);
        Complex64::cis(-2.0 * std::f64::consts::PI * turns.sum::<f64>())
    };
    Ok(group.permutations.iter().map(phase).collect())
}

impl Translations {
    fn new<'g>(
        permutations: impl Iterator<Item = &'g [u32]>,
        flipped: Vec<u64>,
        characters: Vec<Complex64>,
    ) -> Self {
        let table = |g: &[u32]| {
            let mut tables = vec![[0u64; 256]; g.len().div_ceil(8)];
            for (to, &from) in g.iter().enumerate() {
                let (byte, bit) = (from as usize / 8, from % 8);
                for value in (0..256usize).filter(|v| v >> bit & 1 == 1) {
                    tables[byte][value] |= 1 << to;
                }
            }
            tables
        };
        Translations {
            tables: permutations.map(table).collect(),
            flipped,
            characters,
        }
    }

    fn act(&self, g: usize, word: u64) -> u64 {
        let moved = self.tables[g]
            .iter()
            .enumerate()
            .fold(0, |w, (b, t)| w | t[(word >> (8 * b) & 255) as usize]);
        moved ^ self.flipped[g]
    }

    /// n_r² where `word` is a representative that the momentum allows.
    fn weight(&self, word: u64) -> Option<f64> {
        let mut stabiliser = 0;
        for (g, character) in self.characters.iter().enumerate() {
            let image = self.act(g, word);
            if image < word || (image == word && (character - 1.0).norm() > 1e-9) {
                return None;
            }
            stabiliser += usize::from(image == word);
        }
        Some(stabiliser as f64 / self.characters.len() as f64)
    }

    /// The representative r of `word` and χ*(R), where word = T_R r.
    fn representative(&self, word: u64) -> (u64, Complex64) {
        let (mut smallest, mut element) = (word, 0);
        for g in 1..self.characters.len() {
            let image = self.act(g, word);
            if image < smallest {
                (smallest, element) = (image, g);
            }
        }
        // T_g word = r, so word = T_g⁻¹ r and χ*(g⁻¹) = χ(g).
        (smallest, self.characters[element])
    }
}

/// H between the states of one momentum, as a sparse matrix by rows.
#[derive(Debug, Clone)]
pub struct MomentumBlock {
    translations: Translations,
    representatives: Vec<u64>,
    norms: Vec<f64>,
    first: Vec<usize>,
    columns: Vec<u32>,
    elements: Vec<Complex64>,
}

/// Bytes that a block of `dimension` states needs while it is built and applied, with at most
/// `flips` elements in a row.
pub fn block_bytes(dimension: f64, flips: usize) -> f64 {
    dimension * (8.0 + 8.0 + 8.0 + 20.0 * (flips + 1) as f64)
}

impl MomentumBlock {
    /// Builds the block of the given characters, checking that H commutes with the group.
    ///
    /// Errors: [`Error::Input`] where it does not; [`Error::Memory`] where the block needs more
    /// than `limit` bytes.
    pub fn new(
        table: &TermTable,
        basis: &Basis,
        group: &Group,
        characters: Vec<Complex64>,
        limit: f64,
    ) -> Result<Self> {
        let permutations: Vec<&[u32]> = group.permutations.iter().map(Vec::as_slice).collect();
        if !table.is_invariant(&permutations, false) {
            return Err(bad(
                "the Hamiltonian is not translation invariant",
                "leave the option out",
            ));
        }
        let flipped = vec![0; permutations.len()];
        let translations = Translations::new(permutations.into_iter(), flipped, characters);
        Self::build(table, basis, translations, limit)
    }

    /// The block of a character of permutations of the sites and flips of all spins; those of the
    /// elements are of wave functions.
    ///
    /// Errors: as for [`MomentumBlock::new`].
    pub fn of_group(
        table: &TermTable,
        basis: &Basis,
        elements: &[Element],
        limit: f64,
    ) -> Result<Self> {
        let of = |flip: bool| -> Vec<&[u32]> {
            let some = elements.iter().filter(|e| e.flip == flip);
            some.map(|e| e.permutation.as_slice()).collect()
        };
        if !(table.is_invariant(&of(false), false) && table.is_invariant(&of(true), true)) {
            return Err(Error::input(
                "ansatz.sector",
                "the Hamiltonian does not have this symmetry",
                "give other quantum numbers",
            ));
        }
        let all = u64::MAX >> (64 - basis.sites().clamp(1, 64));
        let flipped = elements.iter().map(|e| if e.flip { all } else { 0 });
        let characters = elements.iter().map(|e| e.character.conj()).collect();
        let permutations = elements.iter().map(|e| e.permutation.as_slice());
        let group = Translations::new(permutations, flipped.collect(), characters);
        Self::build(table, basis, group, limit)
    }

    fn build(
        table: &TermTable,
        basis: &Basis,
        translations: Translations,
        limit: f64,
    ) -> Result<Self> {
        let masks = Masks::<Complex64>::new(table, basis)?;
        let index = StateIndex::new(basis)?;
        let (mut representatives, mut norms) = (Vec::new(), Vec::new());
        walk(&index, 0, index.dimension(), |_, word| {
            if let Some(weight) = translations.weight(word) {
                representatives.push(word);
                norms.push(weight.sqrt());
            }
        });
        let needed = block_bytes(representatives.len() as f64, masks.flips());
        if needed > limit || representatives.len() > u32::MAX as usize {
            let what = format!("the momentum block of {} states", representatives.len());
            return Err(Error::Memory {
                what,
                needed,
                available: limit,
            });
        }
        let mut block = MomentumBlock {
            translations,
            representatives,
            norms,
            first: vec![0],
            columns: Vec::new(),
            elements: Vec::new(),
        };
        block.fill(&masks);
        Ok(block)
    }

    /// Works out the elements, row by row.
    fn fill(&mut self, masks: &Masks<Complex64>) {
        let mut row: Vec<(u32, Complex64)> = Vec::new();
        for (r, &word) in self.representatives.iter().enumerate() {
            row.clear();
            row.push((r as u32, masks.diagonal(word).into()));
            masks.connected(word, |reached, element| {
                let (smallest, character) = self.translations.representative(reached);
                if let Ok(c) = self.representatives.binary_search(&smallest) {
                    let norms = self.norms[c] / self.norms[r];
                    row.push((c as u32, element * character * norms));
                }
            });
            row.sort_unstable_by_key(|e| e.0);
            for &(c, element) in &row {
                let is_same = self.columns.len() > self.first[r] && self.columns.last() == Some(&c);
                match self.elements.last_mut() {
                    Some(last) if is_same => *last += element,
                    _ => {
                        self.columns.push(c);
                        self.elements.push(element);
                    }
                }
            }
            self.first.push(self.columns.len());
        }
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.representatives.len()
    }

    /// y = H x
    pub fn apply(&self, x: &[Complex64], y: &mut [Complex64]) {
        for (r, y) in y.iter_mut().enumerate() {
            let range = self.first[r]..self.first[r + 1];
            let terms = self.columns[range.clone()]
                .iter()
                .zip(&self.elements[range]);
            *y = terms.map(|(&c, e)| e * x[c as usize]).sum();
        }
    }

    /// The amplitudes over all states of `index`: ⟨T_R r|v⟩ = n_r χ*(R) v_r.
    pub fn expand(&self, v: &[Complex64], index: &StateIndex) -> Vec<Complex64> {
        let mut full = vec![Complex64::ZERO; index.dimension()];
        walk(index, 0, index.dimension(), |k, word| {
            let (smallest, character) = self.translations.representative(word);
            if let Ok(r) = self.representatives.binary_search(&smallest) {
                full[k] = character * self.norms[r] * v[r];
            }
        });
        full
    }
}
