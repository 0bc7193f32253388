//! Decides what a configuration is: spins ±1 on sites, in a sector of fixed total Sz or without
//! one.
//!
//! A state of up to 63 sites is also a word of bits, bit i set where spin i is up; [`StateIndex`]
//! numbers the states of a sector 0, 1, 2, … in the order of that word. Within a sector the
//! number splits as first(high half) + rank(low half) (H. Q. Lin, Phys. Rev. B 42, 6561 (1990)).

use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};

/// The configurations of spins one half: all of them, or those with a fixed total Sz.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpinBasis {
    /// Number of sites.
    pub sites: usize,
    /// Number of up spins, where total Sz is fixed.
    pub up: Option<usize>,
}

/// One move: the sites that change and their new values. An empty move changes nothing.
pub type Move<'a> = &'a [(u32, i8)];

impl SpinBasis {
    /// The whole space of `sites` spins, or its sector with twice the total Sz equal to `twice_sz`.
    pub fn new(sites: usize, twice_sz: Option<i64>) -> Result<Self> {
        let up = match twice_sz {
            None => None,
            Some(m) => {
                let up = sites as i64 + m;
                if m.unsigned_abs() as usize > sites || up % 2 != 0 {
                    return Err(Error::input(
                        "hamiltonian.sector.total_sz",
                        format!(
                            "total Sz = {} does not exist for {sites} spins one half",
                            m as f64 / 2.0
                        ),
                        format!(
                            "choose one of {}, {}, … up to ±{}",
                            if sites.is_multiple_of(2) {
                                "0"
                            } else {
                                "±0.5"
                            },
                            if sites.is_multiple_of(2) {
                                "±1"
                            } else {
                                "±1.5"
                            },
                            sites as f64 / 2.0
                        ),
                    ));
                }
                Some((up / 2) as usize)
            }
        };
        Ok(SpinBasis { sites, up })
    }

    /// Number of states, as a real number because it overflows every integer on large lattices.
    pub fn dimension(&self) -> f64 {
        match self.up {
            None => 2f64.powi(self.sites as i32),
            Some(up) => {
                let k = up.min(self.sites - up);
                (0..k)
                    .fold(1.0, |c, i| c * (self.sites - i) as f64 / (i + 1) as f64)
                    .round()
            }
        }
    }

    /// Whether the configuration lies in the sector.
    pub fn contains(&self, x: &[i8]) -> bool {
        let up = x.iter().filter(|&&s| s == 1).count();
        let down = x.iter().filter(|&&s| s == -1).count();
        up + down == self.sites
            && x.len() == self.sites
            && self.up.is_none_or(|wanted| wanted == up)
    }

    /// A configuration drawn uniformly from the sector.
    pub fn random(&self, rng: &mut Generator) -> Vec<i8> {
        match self.up {
            None => (0..self.sites)
                .map(|_| if rng.random::<bool>() { 1 } else { -1 })
                .collect(),
            Some(up) => {
                let mut x = vec![-1; self.sites];
                x[..up].fill(1);
                for i in (1..self.sites).rev() {
                    x.swap(i, rng.random_range(0..=i));
                }
                x
            }
        }
    }
}

/// Numbers the states of a basis of at most 63 sites.
#[derive(Debug, Clone)]
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

    /// Builds the tables; an error where the sector is too large to number.
    pub fn new(basis: &SpinBasis) -> Result<Self> {
        let (sites, up) = (basis.sites, basis.up);
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
                let basis = SpinBasis::new(sites, twice_sz).unwrap();
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
            assert!(SpinBasis::new(sites, Some(twice_sz)).is_err());
        }
    }
}
