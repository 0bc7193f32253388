//! Decides how spins one half become words of bits: bit i is set where spin i is up.
//!
//! [`StateIndex`] numbers the states of up to 40 sites 0, 1, 2, … in the order of that word. Where
//! total Sz is fixed the number splits as first(high half) + rank(low half) (H. Q. Lin, Phys. Rev.
//! B 42, 6561 (1990)).

use super::{Basis, only_spin_half};
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

/// Number of states of `sites` spins, or of those with `up` of them up.
pub(super) fn dimension(sites: usize, up: Option<usize>) -> f64 {
    match up {
        None => 2f64.powi(sites as i32),
        Some(up) => {
            let k = up.min(sites - up);
            (0..k)
                .fold(1.0, |c, i| c * (sites - i) as f64 / (i + 1) as f64)
                .round()
        }
    }
}

/// Spins drawn uniformly; where `up` is given by a shuffle.
pub(super) fn random(sites: usize, up: Option<usize>, rng: &mut Generator) -> Vec<i8> {
    match up {
        None => (0..sites)
            .map(|_| if rng.random::<bool>() { 1 } else { -1 })
            .collect(),
        Some(up) => {
            let mut x = vec![-1; sites];
            x[..up].fill(1);
            for i in (1..sites).rev() {
                x.swap(i, rng.random_range(0..=i));
            }
            x
        }
    }
}

/// Numbers the states of at most 40 spins one half.
#[derive(Debug, Clone, PartialEq)]
pub struct StateIndex {
    sites: usize,
    up: Option<usize>,
    low_bits: usize,
    dimension: usize,
    /// Number of the first state with this high half.
    first: Vec<usize>,
    /// Rank of a low half among those with as many bits set.
    rank: Vec<u32>,
    /// Low halves by number of bits set.
    lows: Vec<Vec<u64>>,
}

impl StateIndex {
    /// Largest number of sites that can be numbered.
    pub const MAX_SITES: usize = 40;

    /// Builds the tables; an error where the sector is too large to number, or
    /// where the sites are not spins one half.
    pub fn new(basis: &Basis) -> Result<Self> {
        let sites = basis.sites();
        let Some(up) = basis.bits() else {
            return Err(only_spin_half("basis", "numbering by words of bits"));
        };
        if sites > Self::MAX_SITES {
            return Err(Error::Memory {
                what: format!("a vector over {:.3e} states", basis.dimension()),
                needed: basis.dimension() * 16.0,
                available: crate::linalg::available_memory(),
            });
        }
        let low_bits = sites / 2;
        let mut lows = vec![Vec::new(); low_bits + 1];
        let mut rank = vec![0; 1 << low_bits];
        for low in 0..1u64 << low_bits {
            let list: &mut Vec<u64> = &mut lows[low.count_ones() as usize];
            rank[low as usize] = list.len() as u32;
            list.push(low);
        }
        let mut first = Vec::new();
        let mut dimension = 0;
        if let Some(up) = up {
            for high in 0..1u64 << (sites - low_bits) {
                first.push(dimension);
                if let Some(list) = up
                    .checked_sub(high.count_ones() as usize)
                    .and_then(|k| lows.get(k))
                {
                    dimension += list.len();
                }
            }
        } else {
            dimension = 1 << sites;
        }
        Ok(StateIndex {
            sites,
            up,
            low_bits,
            dimension,
            first,
            rank,
            lows,
        })
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// The word of state number `k`.
    pub fn state(&self, k: usize) -> u64 {
        let Some(up) = self.up else { return k as u64 };
        // Several high halves may start at the same number, all but the last of them empty.
        let high = self.first.partition_point(|&f| f <= k) - 1;
        let low = self.lows[up - (high as u64).count_ones() as usize][k - self.first[high]];
        (high as u64) << self.low_bits | low
    }

    /// Whether the word has the fixed number of up spins.
    #[inline]
    pub fn has(&self, word: u64) -> bool {
        self.up.is_none_or(|up| word.count_ones() as usize == up)
    }

    /// Number of up spins, where it is fixed.
    pub fn up(&self) -> Option<usize> {
        self.up
    }

    /// The number of the state `word`, which has to lie in the sector.
    #[inline]
    pub fn index(&self, word: u64) -> usize {
        if self.up.is_none() {
            return word as usize;
        }
        let low = word & ((1 << self.low_bits) - 1);
        self.first[(word >> self.low_bits) as usize] + self.rank[low as usize] as usize
    }

    /// The spins of a word.
    pub fn spins(&self, word: u64) -> Vec<i8> {
        (0..self.sites)
            .map(|i| if word >> i & 1 == 1 { 1 } else { -1 })
            .collect()
    }

    /// The word of a configuration.
    pub fn word(x: &[i8]) -> u64 {
        x.iter()
            .enumerate()
            .fold(0, |w, (i, &s)| w | u64::from(s == 1) << i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbering_is_a_bijection_on_every_sector() {
        for sites in 1..=9 {
            for twice_sz in
                std::iter::once(None).chain((-(sites as i64)..=sites as i64).step_by(2).map(Some))
            {
                let basis = Basis::spin_half(sites, twice_sz).unwrap();
                let index = StateIndex::new(&basis).unwrap();
                assert_eq!(index.dimension() as f64, basis.dimension());
                for k in 0..index.dimension() {
                    let word = index.state(k);
                    assert!(basis.contains(&index.spins(word)));
                    assert_eq!(StateIndex::word(&index.spins(word)), word);
                    assert_eq!(index.index(word), k);
                }
            }
        }
    }

    #[test]
    fn sectors_that_do_not_exist_are_refused() {
        for (sites, twice_sz) in [(4, 1), (4, 6), (5, 0), (3, -5)] {
            assert!(Basis::spin_half(sites, Some(twice_sz)).is_err());
        }
    }
}
