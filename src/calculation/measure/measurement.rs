//! Decides what is kept of a measurement, and how it is written for a restart.

use crate::calculation::vmc::Energy;
use crate::calculation::vmc::observe::Observations;
use crate::comm::Comm;
use crate::ensemble::Noise;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value};
use crate::number::larger;
use crate::sampler::swap_shares;
use crate::stats::{Bins, Equilibration, Summary, WeightedSeries, effective_fraction};
use crate::worldlines::EnergyLines;
use num_complex::Complex64;

/// Where a measurement stands; series and bins live on rank 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measurement {
    /// Samples taken so far, per chain.
    pub per_chain: usize,
    /// Local energies, one series per chain.
    pub series: Vec<Vec<Complex64>>,
    /// ln of what each counts, up to a constant; none where all count the same.
    pub log_weights: Vec<Vec<f64>>,
    /// Proposals of each chain.
    pub proposed: Vec<f64>,
    /// Accepted proposals of each chain.
    pub accepted: Vec<f64>,
    /// Exchanges of replicas between each power and the next that were tried, and those that were
    /// done.
    pub swaps: Vec<[f64; 2]>,
    /// Wall time of each block.
    pub seconds: Vec<f64>,
    /// The observables so far.
    pub observations: Observations,
    /// The result, once there is one.
    pub energy: Option<Energy>,
    /// The results of the observables, in their order.
    pub observed: Vec<Summary>,
    /// Sums of every spin and of their mean: what shows chains that stay apart.
    pub monitor: Observations,
    /// Sums of what the energy is a ratio of; of none where it is a mean.
    pub ratio: Observations,
    /// What was cut, once the measurement is done.
    pub equilibration: Equilibration,
    /// Energy, variance and V-score with their errors and covariance.
    pub moments: Option<Summary>,
    /// The spins, with their R-hat, as the chains sample them.
    pub spins: Option<Summary>,
    /// The largest relative weight that contractions have thrown away, on any rank.
    pub truncation: Option<f64>,
    /// What a reader has to know, once the measurement is done.
    pub warnings: Vec<String>,
    /// The results of a measurement that an earlier attempt has completed.
    pub results: Tree,
}

impl Measurement {
    /// The local energies with what they count.
    fn weighted(&self) -> WeightedSeries<'_> {
        WeightedSeries {
            values: &self.series,
            logs: &self.log_weights,
        }
    }

    /// The approach to equilibrium; independent samples have none.
    pub fn approach(&self, noise: &Noise) -> Equilibration {
        match (noise, self.weighted().linearised()) {
            (Noise::Chains(_), None) => Equilibration::of(&self.series),
            (Noise::Chains(_), Some(linear)) => Equilibration::of(&linear.series),
            _ => Equilibration::default(),
        }
    }

    /// The local energies without the first `cut` of each chain, and ln of what they count.
    pub fn after(&self, cut: usize) -> (Vec<Vec<Complex64>>, Vec<Vec<f64>>) {
        self.weighted().after(cut)
    }

    /// Which fraction of so many samples with equal weights those that count are worth.
    pub fn effective_fraction(&self) -> f64 {
        effective_fraction(&self.after(self.equilibration.cut).1)
    }

    /// Which share of the exchanges between each power and the next was done.
    pub fn swap_acceptance(&self) -> Vec<f64> {
        swap_shares(&self.swaps)
    }

    /// The energy without the first `cut` samples of each chain.
    pub fn energy_after(&self, cut: usize, noise: &Noise) -> Energy {
        let (values, logs) = self.after(cut);
        let series = WeightedSeries {
            values: &values,
            logs: &logs,
        };
        let plain = Energy::from_weighted(series, noise);
        let Some(bins) = self.ratio.bins.first() else {
            return plain;
        };
        let summary = bins.summary(cut, &|means| vec![EnergyLines::energy(means)]);
        let samples = plain.effective_samples * 2.0 * plain.tau;
        Energy {
            mean: summary.mean[0].into(),
            error: summary.error[0],
            tau: summary.tau,
            effective_samples: samples / (2.0 * summary.tau),
            r_hat: summary.r_hat,
            ..plain
        }
    }

    /// Samples taken so far over all chains; known on rank 0 and after loading on every rank.
    pub fn samples(&self) -> usize {
        self.per_chain * self.series.len()
    }

    /// Takes in what contractions have thrown away on all ranks; every rank calls it.
    pub fn add_truncation(&mut self, here: Option<f64>, comm: &dyn Comm) -> Result<()> {
        let Some(weight) = here else {
            return Ok(());
        };
        let mut largest = [larger(weight, self.truncation.unwrap_or_default())];
        comm.max(&mut largest)?;
        self.truncation = Some(largest[0]);
        Ok(())
    }

    /// Writes the state that a restart needs.
    pub fn save(&self, tree: &mut Tree) {
        tree.put_integer("per_chain", self.per_chain as i64);
        let shape = [self.series.len(), self.per_chain];
        tree.put_complex("local_energies", &shape, &self.series.concat());
        if !self.log_weights.is_empty() {
            tree.put_reals("log_weights", &self.log_weights.concat());
        }
        tree.put_reals("proposed", &self.proposed);
        tree.put_reals("accepted", &self.accepted);
        if !self.swaps.is_empty() {
            tree.put_reals("swaps", self.swaps.as_flattened());
        }
        tree.put_reals("seconds", &self.seconds);
        if let Some(weight) = self.truncation {
            tree.put_real("truncation", weight);
        }
        tree.put("warnings", Value::Texts(self.warnings.clone()));
        tree.put_group("results", self.results.clone());
        for (k, bins) in self.observations.bins.iter().enumerate() {
            bins.save(tree, &format!("bins/{k}"));
        }
        let monitor = self.monitor.bins.iter();
        monitor.for_each(|bins| bins.save(tree, "monitor"));
        let ratio = self.ratio.bins.iter();
        ratio.for_each(|bins| bins.save(tree, "ratio"));
    }

    /// Reads back the state of a measurement of so many observables.
    pub fn load(tree: &Tree, observables: usize) -> Result<Self> {
        let per_chain = tree.count("per_chain")?;
        let flat = tree.complexes("local_energies")?;
        if per_chain > 0 && flat.len() % per_chain != 0 {
            return Err(Error::output(
                "local_energies",
                "the local energies of this checkpoint do not fit the samples",
            ));
        }
        let series = match per_chain {
            0 => Vec::new(),
            _ => flat.chunks(per_chain).map(<[_]>::to_vec).collect(),
        };
        let logs = tree.reals("log_weights").unwrap_or_default();
        if !logs.is_empty() && logs.len() != flat.len() {
            return Err(Error::output(
                "log_weights",
                "the weights of this checkpoint do not fit the samples",
            ));
        }
        let log_weights = logs.chunks(per_chain.max(1)).map(<[_]>::to_vec).collect();
        let has = |prefix: &str| tree.datasets.contains_key(&format!("{prefix}/length"));
        let (mut observations, mut monitor) = (Observations::default(), Observations::default());
        let names = (0..).map(|k: usize| format!("bins/{k}"));
        for name in names.take_while(|name| has(name)) {
            observations.bins.push(Bins::load(tree, &name)?);
        }
        if has("monitor") {
            monitor.bins.push(Bins::load(tree, "monitor")?);
        }
        let mut ratio = Observations::default();
        if has("ratio") {
            ratio.bins.push(Bins::load(tree, "ratio")?);
        }
        let bins = [observations.bins.len(), monitor.bins.len()];
        if per_chain > 0 && bins != [observables, 1] {
            return Err(Error::output(
                "bins",
                "the bins of this checkpoint do not fit the observables",
            ));
        }
        Ok(Measurement {
            per_chain,
            series,
            log_weights,
            proposed: tree.reals("proposed")?,
            accepted: tree.reals("accepted")?,
            swaps: pairs(&tree.reals("swaps").unwrap_or_default()),
            seconds: tree.reals("seconds")?,
            observations,
            monitor,
            ratio,
            truncation: tree.real("truncation").ok(),
            warnings: tree.texts("warnings")?.to_vec(),
            results: tree.group("results"),
            ..Measurement::default()
        })
    }
}

/// Numbers in pairs.
fn pairs(flat: &[f64]) -> Vec<[f64; 2]> {
    flat.as_chunks().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_round_trips() {
        let m = Measurement {
            per_chain: 2,
            series: vec![vec![Complex64::new(1.0, 2.0), Complex64::ZERO]; 3],
            proposed: vec![5.0; 3],
            accepted: vec![1.0; 3],
            seconds: vec![0.5],
            warnings: vec!["few samples".into()],
            ..Measurement::default()
        };
        let mut tree = Tree::default();
        m.save(&mut tree);
        // Samples have bins, of every observable and of the spins.
        let refused = Measurement::load(&tree, 0).unwrap_err().to_string();
        assert!(refused.contains("do not fit the observables"), "{refused}");
        let m = Measurement {
            observations: Observations {
                bins: vec![Bins::new(3, 1, 2); 2],
            },
            monitor: Observations {
                bins: vec![Bins::new(3, 1, 2)],
            },
            ..m
        };
        m.save(&mut tree);
        assert_eq!(Measurement::load(&tree, 2).unwrap(), m);
        assert!(Measurement::load(&tree, 1).is_err() && Measurement::load(&tree, 3).is_err());
    }
}
