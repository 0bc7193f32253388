//! Decides the number of every configuration: 0, 1, 2, … in one fixed order.

use super::counted::Counted;
use super::{Local, Move, StateIndex};
use crate::error::{Error, Result};

/// Numbers the configurations of a basis.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbering(Scheme);

#[derive(Debug, Clone, PartialEq)]
enum Scheme {
    /// Spins one half, in the order of their words of bits.
    Words(StateIndex),
    /// Anything else, in the order of an automaton.
    Counted {
        counted: Counted,
        locals: Vec<Local>,
        dimension: usize,
    },
}

impl Numbering {
    pub(super) fn words(index: StateIndex) -> Self {
        Numbering(Scheme::Words(index))
    }

    pub(super) fn counted(counted: Counted, locals: &[Local]) -> Result<Self> {
        // Numbers are counted in reals, which are exact up to 2^53.
        let dimension = counted.dimension();
        if dimension > 1e12 {
            return Err(Error::Memory {
                what: format!("a vector over {dimension:.3e} states"),
                needed: dimension * 16.0,
                available: crate::linalg::available_memory(),
            });
        }
        Ok(Numbering(Scheme::Counted {
            counted,
            locals: locals.to_vec(),
            dimension: dimension as usize,
        }))
    }

    /// Number of configurations.
    pub fn dimension(&self) -> usize {
        match &self.0 {
            Scheme::Words(index) => index.dimension(),
            Scheme::Counted { dimension, .. } => *dimension,
        }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        match &self.0 {
            Scheme::Words(index) => index.sites(),
            Scheme::Counted { locals, .. } => locals.len(),
        }
    }

    /// Configuration number `k`, which is below the dimension.
    pub fn row(&self, k: usize) -> Vec<i8> {
        match &self.0 {
            Scheme::Words(index) => index.spins(index.state(k)),
            Scheme::Counted {
                counted, locals, ..
            } => counted.row(locals, k),
        }
    }

    /// The configurations of these numbers, row by row.
    pub fn rows(&self, numbers: impl Iterator<Item = usize>) -> Vec<i8> {
        numbers.flat_map(|k| self.row(k)).collect()
    }

    /// The number of a row; `None` outside the basis.
    pub fn number(&self, x: &[i8]) -> Option<usize> {
        match &self.0 {
            Scheme::Words(index) => {
                let word = StateIndex::word(x);
                index.has(word).then(|| index.index(word))
            }
            Scheme::Counted {
                counted, locals, ..
            } => counted.number(locals, x),
        }
    }

    /// Configuration number `k`, which is `x`, as the start of moves.
    pub fn at<'a>(&'a self, k: usize, x: &'a [i8]) -> WalkStart<'a> {
        let word = match &self.0 {
            Scheme::Words(index) => index.state(k),
            Scheme::Counted { .. } => 0,
        };
        WalkStart {
            numbering: self,
            x,
            word,
        }
    }

    /// A number that tells the configurations apart by their values on the sites of `mask` alone.
    pub fn part(&self, k: usize, mask: &[bool]) -> u128 {
        let bits = |mask: &[bool]| {
            let inside = mask.iter().enumerate();
            inside.fold(0u64, |w, (i, &inside)| w | u64::from(inside) << i)
        };
        match &self.0 {
            Scheme::Words(index) => u128::from(index.state(k) & bits(mask)),
            Scheme::Counted {
                counted, locals, ..
            } => {
                let x = counted.row(locals, k);
                let places = locals.iter().zip(x).zip(mask);
                places
                    .filter(|(_, inside)| **inside)
                    .fold(0, |key, ((l, v), _)| {
                        key * u128::from(l.count) + l.place(v).unwrap_or(0) as u128
                    })
            }
        }
    }
}

/// A numbered configuration from which moves are looked at.
#[derive(Debug, Clone, Copy)]
pub struct WalkStart<'a> {
    numbering: &'a Numbering,
    x: &'a [i8],
    word: u64,
}

impl WalkStart<'_> {
    /// The number of the configuration that the move leads to; `None` outside the basis.
    #[inline]
    pub fn after(&self, step: Move) -> Option<usize> {
        match &self.numbering.0 {
            Scheme::Words(index) => {
                let word = step.sites.iter().fold(self.word, |w, &s| w ^ 1 << s);
                index.has(word).then(|| index.index(word))
            }
            Scheme::Counted {
                counted, locals, ..
            } => counted.number(locals, &step.applied(self.x)),
        }
    }
}
