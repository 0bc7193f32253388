//! Decides what configurations are here: rows of spins that belong to values of a parameter, drawn
//! or all of them with weights.

use crate::io::sum::fnv1a;

/// Which values of the parameter a row belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shares {
    /// One of them, from one chain.
    Drawn {
        /// Number of the value of each row.
        value: Vec<u32>,
        /// Number of the chain of each row.
        chain: Vec<i64>,
    },
    /// All of them: probabilities [row, value], whose columns sum to 1.
    Weighted(Vec<f64>),
}

/// SpinData at several values of a temperature or another parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpinData {
    pub sites: usize,
    /// The values, in the order of their numbers.
    pub values: Vec<f64>,
    /// ±1, [row, site]
    pub spins: Vec<i8>,
    /// Energy of the whole system of each row, where it is known.
    pub energies: Option<Vec<f64>>,
    pub shares: Shares,
}

impl SpinData {
    pub fn rows(&self) -> usize {
        self.spins.len() / self.sites.max(1)
    }

    /// The rows in the order of value and chain, in which `[classical]` hands them on.
    pub fn sorted(self) -> Self {
        let Shares::Drawn { value, chain } = &self.shares else {
            return self;
        };
        let mut order: Vec<usize> = (0..self.rows()).collect();
        order.sort_by_key(|r| (value[*r], chain[*r]));
        let row = |r: &usize| &self.spins[r * self.sites..(r + 1) * self.sites];
        let energies = self.energies.as_ref();
        SpinData {
            spins: order.iter().flat_map(row).copied().collect(),
            energies: energies.map(|all| order.iter().map(|r| all[*r]).collect()),
            shares: Shares::Drawn {
                value: order.iter().map(|r| value[*r]).collect(),
                chain: order.iter().map(|r| chain[*r]).collect(),
            },
            sites: self.sites,
            values: self.values,
        }
    }

    /// |Σ s|/N of each row.
    pub fn abs_magnetisations(&self) -> Vec<f64> {
        let of_row = |row: &[i8]| {
            let sum: i64 = row.iter().map(|s| i64::from(*s)).sum();
            sum.abs() as f64 / self.sites as f64
        };
        self.spins
            .chunks_exact(self.sites.max(1))
            .map(of_row)
            .collect()
    }

    /// A number for what they say.
    pub fn digest(&self) -> u64 {
        let mut bytes: Vec<u8> = self.spins.iter().map(|s| *s as u8).collect();
        let reals = self.values.iter().chain(self.energies.iter().flatten());
        reals.for_each(|v| bytes.extend(v.to_le_bytes()));
        match &self.shares {
            Shares::Drawn { value, chain } => {
                value.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
                chain.iter().for_each(|c| bytes.extend(c.to_le_bytes()));
            }
            Shares::Weighted(weights) => {
                weights.iter().for_each(|w| bytes.extend(w.to_le_bytes()));
            }
        }
        fnv1a(&bytes)
    }

    /// Values whose rows all have m ≥ 0, or all m ≤ 0, though some are magnetised.
    pub fn one_sided(&self) -> Vec<f64> {
        let Shares::Drawn { value, .. } = &self.shares else {
            return Vec::new();
        };
        let mut seen = vec![[0usize; 2]; self.values.len()];
        for (row, v) in self.spins.chunks_exact(self.sites.max(1)).zip(value) {
            let sum: i64 = row.iter().map(|s| i64::from(*s)).sum();
            seen[*v as usize][0] += usize::from(sum > 0);
            seen[*v as usize][1] += usize::from(sum < 0);
        }
        let one = |s: &[usize; 2]| (s[0] == 0) != (s[1] == 0) && s[0] + s[1] > 1;
        let pairs = self.values.iter().zip(&seen);
        pairs.filter(|(_, s)| one(s)).map(|(v, _)| *v).collect()
    }

    /// The rows of the training and of the test set: of each value the last chains are held out, at
    /// least one where `share` is not 0. The same rows twice where nothing is held out.
    pub fn split(&self, share: f64) -> (Vec<u32>, Vec<u32>) {
        let all = || (0..self.rows() as u32).collect::<Vec<u32>>();
        let Shares::Drawn { value, chain } = &self.shares else {
            return (all(), all());
        };
        if share == 0.0 {
            return (all(), all());
        }
        let mut chains = vec![Vec::new(); self.values.len()];
        for (v, c) in value.iter().zip(chain) {
            chains[*v as usize].push(*c);
        }
        let first_held = |list: &mut Vec<i64>| {
            list.sort_unstable();
            list.dedup();
            let held = ((share * list.len() as f64).round() as usize).max(1);
            let at = list.len().saturating_sub(held).max(1);
            list.get(at).copied().unwrap_or(i64::MAX)
        };
        let first: Vec<i64> = chains.iter_mut().map(first_held).collect();
        all().into_iter().partition(|r| {
            let r = *r as usize;
            chain[r] < first[value[r] as usize]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(chains: &[i64]) -> SpinData {
        let rows = 2 * chains.len();
        SpinData {
            sites: 2,
            values: vec![1.0, 2.0],
            spins: vec![1; 2 * rows],
            energies: None,
            shares: Shares::Drawn {
                value: (0..rows as u32).map(|r| r / chains.len() as u32).collect(),
                chain: chains.iter().chain(chains).copied().collect(),
            },
        }
    }

    #[test]
    fn whole_chains_of_each_value_are_held_out() {
        let found = drawn(&[0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        let (training, test) = found.split(0.2);
        assert_eq!((training.len(), test), (16, vec![8, 9, 18, 19]));
        // At least one chain, and never the last one that is left.
        assert_eq!(found.split(0.01).1.len(), 4);
        assert_eq!(found.split(0.99).0.len(), 4);
        assert_eq!(found.split(0.0).0, found.split(0.0).1);
    }

    #[test]
    fn magnetised_values_of_one_sign_are_found() {
        let mut found = drawn(&[0, 1, 2]);
        assert_eq!(found.one_sided(), [1.0, 2.0]);
        found.spins[..2].copy_from_slice(&[-1, -1]);
        assert_eq!(found.one_sided(), [2.0]);
    }
}
