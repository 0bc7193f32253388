//! Decides how configurations of all temperatures are kept: one bit for each spin, with energies,
//! numbers of chains, or weights where all states stand.

use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};

/// Configurations of classical spins, in the order temperature, chain, sample; or all states.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configurations {
    /// Spins of a configuration.
    pub sites: usize,
    /// Temperatures, k_B = 1, in the units of the couplings.
    pub temperatures: Vec<f64>,
    /// Markov chains of each temperature; 0 where all states stand.
    pub chains: usize,
    /// Bits of the spins, up is 1, in words of 64, configuration by configuration.
    bits: Vec<u64>,
    /// Energy of each configuration, whole system.
    pub energies: Vec<f64>,
    /// Place of its temperature in `temperatures`; empty where all states stand.
    pub temperature: Vec<u32>,
    /// Number of its chain; empty where all states stand.
    pub chain: Vec<u32>,
    /// ln of the Boltzmann weights [temperature, state], each row with Σ w = 1; empty for samples.
    pub log_weights: Vec<f64>,
}

impl Configurations {
    /// None yet.
    pub fn new(sites: usize, temperatures: &[f64], chains: usize) -> Self {
        Configurations {
            sites,
            temperatures: temperatures.to_vec(),
            chains,
            ..Configurations::default()
        }
    }

    /// All states of so many spins with their energies, in the order of their numbers, bit i set
    /// where spin i is up; `log_z` at each temperature.
    pub fn all(sites: usize, temperatures: &[f64], energies: Vec<f64>, log_z: &[f64]) -> Self {
        let of = |(t, z): (&f64, &f64)| {
            let weight = |e: &f64| -e / t - z;
            energies.iter().map(weight).collect::<Vec<_>>()
        };
        Configurations {
            bits: (0..energies.len() as u64).collect(),
            log_weights: temperatures.iter().zip(log_z).flat_map(of).collect(),
            energies,
            ..Configurations::new(sites, temperatures, 0)
        }
    }

    /// Words of a configuration.
    pub fn words(&self) -> usize {
        self.sites.div_ceil(64)
    }

    /// Number of configurations.
    pub fn len(&self) -> usize {
        self.energies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.energies.is_empty()
    }

    /// Whether all states stand, with a weight at every temperature.
    pub fn is_enumerated(&self) -> bool {
        !self.log_weights.is_empty()
    }

    /// The weight of configuration `k` at temperature number `t`: that of Boltzmann where all
    /// states stand, 1 for the samples of that temperature, 0 for others.
    pub fn weight(&self, k: usize, t: usize) -> f64 {
        match self.is_enumerated() {
            true => self.log_weights[t * self.len() + k].exp(),
            false => f64::from(u8::from(self.temperature[k] as usize == t)),
        }
    }

    /// The bits of configuration `k`.
    pub fn bits(&self, k: usize) -> &[u64] {
        &self.bits[k * self.words()..(k + 1) * self.words()]
    }

    /// The spins ±1 of configuration `k`.
    pub fn copy(&self, k: usize, out: &mut [i8]) {
        unpack(self.bits(k), out);
    }

    /// The mean spin of configuration `k`.
    pub fn magnetisation(&self, k: usize) -> f64 {
        let up: u32 = self.bits(k).iter().map(|w| w.count_ones()).sum();
        2.0 * f64::from(up) / self.sites as f64 - 1.0
    }

    /// Adds samples of one chain at one temperature, packed as [`pack`] does.
    pub fn push(&mut self, temperature: usize, chain: usize, bits: &[u64], energies: &[f64]) {
        self.bits.extend(bits);
        self.energies.extend(energies);
        let rows = self.energies.len();
        self.temperature.resize(rows, temperature as u32);
        self.chain.resize(rows, chain as u32);
    }

    /// Forgets all but the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.bits.truncate(count * self.words());
        self.energies.truncate(count);
        self.temperature.truncate(count);
        self.chain.truncate(count);
    }

    /// The same in the order temperature, chain, sample.
    pub fn sorted(&self) -> Self {
        if self.is_enumerated() {
            return self.clone();
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&k| (self.temperature[k], self.chain[k], k));
        let mut all = Configurations::new(self.sites, &self.temperatures, self.chains);
        for k in order {
            let (t, c) = (self.temperature[k], self.chain[k]);
            all.push(t as usize, c as usize, self.bits(k), &[self.energies[k]]);
        }
        all
    }

    /// Bytes of `count` configurations.
    pub fn bytes(sites: usize, count: usize) -> usize {
        count * (8 * sites.div_ceil(64) + 16)
    }

    /// Writes everything below `prefix`.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        let path = |name: &str| format!("{prefix}/{name}");
        out.put_integer(&path("sites"), self.sites as i64);
        out.put_integer(&path("chains"), self.chains as i64);
        out.put_reals(&path("temperatures"), &self.temperatures);
        let words: Vec<i64> = self.bits.iter().map(|w| *w as i64).collect();
        let value = Value::Integer(shaped(&[self.len(), self.words()], words));
        out.put(&path("bits"), value);
        out.put_reals(&path("energies"), &self.energies);
        out.put_reals(&path("log_weights"), &self.log_weights);
        for (name, list) in [("temperature", &self.temperature), ("chain", &self.chain)] {
            let list: Vec<i64> = list.iter().map(|v| i64::from(*v)).collect();
            out.put_integers(&path(name), &list);
        }
    }

    /// Reads back what was saved of such configurations as `like`: as many spins, the same
    /// temperatures and chains. An error where the parts do not fit together.
    pub fn load(from: &Tree, prefix: &str, like: &Configurations) -> Result<Self> {
        let path = |name: &str| format!("{prefix}/{name}");
        let counts = |name: &str| -> Result<Vec<u32>> {
            let list = from.integers(&path(name))?;
            Ok(list.iter().map(|v| *v as u32).collect())
        };
        let bits = from.integers(&path("bits"))?;
        let all = Configurations {
            sites: from.count(&path("sites"))?,
            temperatures: from.reals(&path("temperatures"))?,
            chains: from.count(&path("chains"))?,
            bits: bits.iter().map(|w| *w as u64).collect(),
            energies: from.reals(&path("energies"))?,
            temperature: counts("temperature")?,
            chain: counts("chain")?,
            log_weights: from.reals(&path("log_weights"))?,
        };
        let (rows, temperatures) = (all.len(), all.temperatures.len());
        let labels = if all.is_enumerated() { 0 } else { rows };
        let fits = (all.sites, all.chains) == (like.sites, like.chains)
            && all.temperatures == like.temperatures
            && all.bits.len() == rows * all.words()
            && all.temperature.len() == labels
            && all.chain.len() == labels
            && [0, rows * temperatures].contains(&all.log_weights.len())
            && all.temperature.iter().all(|t| (*t as usize) < temperatures)
            && all.chain.iter().all(|c| (*c as usize) < all.chains);
        match fits {
            true => Ok(all),
            false => Err(Error::output(
                prefix,
                "the configurations of this checkpoint do not fit together",
            )),
        }
    }
}

/// The bits of spins ±1, up is 1.
pub fn pack(spins: &[i8]) -> impl Iterator<Item = u64> {
    let word = |part: &[i8]| {
        let bits = part.iter().enumerate();
        bits.fold(0u64, |word, (k, s)| word | u64::from(*s > 0) << k)
    };
    spins.chunks(64).map(word)
}

/// The spins ±1 of bits.
pub fn unpack(bits: &[u64], out: &mut [i8]) {
    for (part, word) in out.chunks_mut(64).zip(bits) {
        for (k, spin) in part.iter_mut().enumerate() {
            *spin = 2 * (word >> k & 1) as i8 - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_come_back_in_order() {
        let spins = |seed: usize| -> Vec<i8> {
            let up = |k: usize| (k * k + seed).is_multiple_of(3);
            (0..70).map(|k| if up(k) { 1 } else { -1 }).collect()
        };
        let mut all = Configurations::new(70, &[1.0, 2.0], 2);
        for (sample, (t, c)) in [(1, 0), (0, 1), (1, 1), (0, 0)].into_iter().enumerate() {
            let bits: Vec<u64> = pack(&spins(sample)).collect();
            all.push(t, c, &bits, &[sample as f64]);
        }
        let all = all.sorted();
        assert_eq!(all.energies, [3.0, 1.0, 0.0, 2.0]);
        assert_eq!(
            (&all.temperature[..], &all.chain[..]),
            (&[0, 0, 1, 1][..], &[0, 1, 0, 1][..])
        );
        let mut back = vec![0; 70];
        all.copy(1, &mut back);
        assert_eq!(back, spins(1));
        let sum: i32 = back.iter().map(|s| i32::from(*s)).sum();
        assert!((all.magnetisation(1) - f64::from(sum) / 70.0).abs() < 1e-15);
        assert_eq!((all.weight(1, 0), all.weight(1, 1)), (1.0, 0.0));
        let mut tree = Tree::default();
        all.save(&mut tree, "x");
        let like = Configurations::new(70, &[1.0, 2.0], 2);
        assert_eq!(Configurations::load(&tree, "x", &like), Ok(all));
        let others = [(71, 1.0, 2), (70, 1.5, 2), (70, 1.0, 3)];
        for (sites, first, chains) in others {
            let other = Configurations::new(sites, &[first, 2.0], chains);
            assert!(Configurations::load(&tree, "x", &other).is_err());
        }
        tree.put_integers("x/chain", &[0, 1, 2, 1]);
        assert!(Configurations::load(&tree, "x", &like).is_err());
    }

    #[test]
    fn states_have_weights_at_every_temperature() {
        let log_z = [2.0f64, 1.0].map(|b| ((-b).exp() + b.exp()).ln());
        let all = Configurations::all(1, &[0.5, 1.0], vec![1.0, -1.0], &log_z);
        assert!(all.is_enumerated() && all.magnetisation(0) == -1.0);
        for t in 0..2 {
            assert!((all.weight(0, t) + all.weight(1, t) - 1.0).abs() < 1e-15);
        }
        let mut tree = Tree::default();
        all.save(&mut tree, "x");
        let like = Configurations::new(1, &[0.5, 1.0], 0);
        assert_eq!(Configurations::load(&tree, "x", &like), Ok(all));
    }
}
