//! Decides random couplings: values of named couplings on sites or bonds, drawn from named
//! distributions.
//!
//! Value k of a coupling is number k of the stream (seed, realisation, name), in the order of the
//! sites or bonds: it depends on nothing else. A drawn coupling takes the place of the uniform one,
//! J → J_b on bonds and h → h_i on sites; an exponential one is −mean ln(1 − u), u uniform in
//! [0, 1). Reference: S. F. Edwards and P. W. Anderson, J. Phys. F 5, 965 (1975).

use super::ModelContext;
use crate::error::{Error, Result};
use crate::lattice::Bond;
use crate::rng::{Distribution as _, Generator, Purpose, RngExt, StandardNormal, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a coupling is drawn from, `disorder.couplings`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "lowercase",
    deny_unknown_fields,
    expecting = "a table such as { kind = \"uniform\", low = -1.0, high = 1.0 }"
)]
pub enum CouplingDistribution {
    /// Equally likely between two numbers.
    Uniform {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// Normal.
    Gaussian {
        /// Mean (0).
        #[serde(default)]
        mean: f64,
        /// Standard deviation.
        deviation: f64,
    },
    /// One of two values.
    Binary {
        /// The two values.
        values: [f64; 2],
        /// Probability of the first (0.5).
        #[serde(default = "half")]
        probability: f64,
    },
    /// Positive numbers with density exp(−x/mean)/mean.
    Exponential {
        /// Mean.
        mean: f64,
    },
}

fn half() -> f64 {
    0.5
}

impl CouplingDistribution {
    /// An error with the key `key` for parameters that make no distribution.
    pub fn check(&self, key: &str) -> Result<()> {
        let refuse = |problem: String, remedy: &str| Err(Error::input(key, problem, remedy));
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        match *self {
            Self::Uniform { low, high } if !(finite(&[low, high]) && low < high) => refuse(
                format!("there is nothing between {low} and {high}"),
                "give low < high",
            ),
            Self::Gaussian { mean, deviation }
                if !(finite(&[mean, deviation]) && deviation > 0.0) =>
            {
                refuse(
                    format!("{deviation} is no standard deviation about {mean}"),
                    "give finite numbers, and deviation > 0",
                )
            }
            Self::Binary {
                values,
                probability,
            } if !(finite(&values) && (0.0..=1.0).contains(&probability)) => refuse(
                format!("{values:?} with probability {probability}"),
                "give finite values, and a probability between 0 and 1",
            ),
            Self::Exponential { mean } if !(mean.is_finite() && mean > 0.0) => {
                refuse(format!("{mean} is no mean"), "give mean > 0")
            }
            _ => Ok(()),
        }
    }

    fn draw(&self, rng: &mut Generator) -> f64 {
        match *self {
            Self::Uniform { low, high } => low + (high - low) * rng.random::<f64>(),
            Self::Gaussian { mean, deviation } => {
                let x: f64 = StandardNormal.sample(rng);
                mean + deviation * x
            }
            Self::Binary {
                values,
                probability,
            } => values[usize::from(rng.random::<f64>() >= probability)],
            Self::Exponential { mean } => -mean * (-rng.random::<f64>()).ln_1p(),
        }
    }
}

/// The values of one coupling.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnCoupling {
    /// The sites that each value belongs to: one, or the two of a bond.
    pub sites: Vec<Vec<usize>>,
    /// The values, in the unit of the couplings of the input.
    pub values: Vec<f64>,
}

/// The random couplings of one realisation, by name, and those that a model has taken.
#[derive(Debug, Clone, Default)]
pub struct Draws {
    distributions: BTreeMap<String, CouplingDistribution>,
    seed: u64,
    realisation: u64,
    asked: RefCell<Vec<String>>,
    taken: RefCell<BTreeMap<String, DrawnCoupling>>,
}

impl Draws {
    /// Of these distributions; a realisation is known by its number and the seed.
    pub fn new(
        distributions: BTreeMap<String, CouplingDistribution>,
        seed: u64,
        realisation: u64,
    ) -> Self {
        Draws {
            distributions,
            seed,
            realisation,
            ..Draws::default()
        }
    }

    /// `number` values of the coupling `name`, in their order; `None` where it is not drawn.
    pub fn values(&self, name: &str, number: usize) -> Option<Vec<f64>> {
        let distribution = self.distributions.get(name)?;
        let word = crate::io::sum::fnv1a(name.as_bytes());
        let mut rng = stream(self.seed, Purpose::Disorder, word, self.realisation);
        Some((0..number).map(|_| distribution.draw(&mut rng)).collect())
    }

    fn take(&self, name: &str, sites: impl Iterator<Item = Vec<usize>>) -> Option<Vec<f64>> {
        self.asked.borrow_mut().push(name.into());
        let sites: Vec<_> = sites.collect();
        let values = self.values(name, sites.len())?;
        let coupling = DrawnCoupling {
            sites,
            values: values.clone(),
        };
        self.taken.borrow_mut().insert(name.into(), coupling);
        Some(values)
    }

    /// What a model has taken, by name; an error for a coupling of the input that the model `kind`
    /// does not have.
    pub fn all_taken(self, kind: &str) -> Result<BTreeMap<String, DrawnCoupling>> {
        let (taken, asked) = (self.taken.into_inner(), self.asked.into_inner());
        let unknown = self.distributions.keys().find(|n| !taken.contains_key(*n));
        let Some(name) = unknown else {
            return Ok(taken);
        };
        let remedy = match asked.is_empty() {
            true => "use ising, heisenberg, xxz, xyz or j1j2".to_string(),
            false => format!("draw one of {}", asked.join(", ")),
        };
        Err(Error::input(
            format!("disorder.couplings.{name}"),
            format!("`{kind}` has no coupling {name} that can be drawn here"),
            remedy,
        ))
    }
}

impl ModelContext<'_> {
    /// The coupling `name` of each of `bonds`: drawn where the input draws it, else `uniform`.
    pub fn on_bonds(&self, name: &str, bonds: &[Bond], uniform: f64) -> Vec<f64> {
        let sites = bonds.iter().map(|b| vec![b.i, b.j]);
        let drawn = self.draws.and_then(|draws| draws.take(name, sites));
        drawn.unwrap_or_else(|| vec![uniform; bonds.len()])
    }

    /// The coupling `name` of each site: drawn where the input draws it, else `uniform`.
    pub fn on_sites(&self, name: &str, uniform: f64) -> Vec<f64> {
        let number = self.lattice.sites;
        let sites = (0..number).map(|i| vec![i]);
        let drawn = self.draws.and_then(|draws| draws.take(name, sites));
        drawn.unwrap_or_else(|| vec![uniform; number])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 40_000;

    fn drawn(distribution: CouplingDistribution, seed: u64, realisation: u64) -> Vec<f64> {
        let list = BTreeMap::from([("hz".to_string(), distribution)]);
        let draws = Draws::new(list, seed, realisation);
        draws.values("hz", MANY).expect("hz is drawn")
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        use CouplingDistribution::*;
        let (low, high) = (-1.0, 3.0);
        let binary = Binary {
            values: [1.0, -3.0],
            probability: 0.25,
        };
        for (distribution, mean, variance, fourth) in [
            (Uniform { low, high }, 1.0, 4.0 / 3.0, 16.0 / 5.0),
            (
                Gaussian {
                    mean: 0.5,
                    deviation: 2.0,
                },
                0.5,
                4.0,
                48.0,
            ),
            (binary, -2.0, 3.0, 0.25 * 81.0 + 0.75),
            (Exponential { mean: 1.5 }, 1.5, 2.25, 9.0 * 1.5f64.powi(4)),
        ] {
            let x = drawn(distribution, 5, 2);
            let moment = |p: i32| x.iter().map(|x| (x - mean).powi(p)).sum::<f64>() / MANY as f64;
            // Standard errors of the mean and of the variance.
            let error = (variance / MANY as f64).sqrt();
            let spread = ((fourth - variance * variance) / MANY as f64).sqrt();
            assert!(
                moment(1).abs() < 4.0 * error,
                "{distribution:?} {}",
                moment(1)
            );
            let off = moment(2) - variance;
            assert!(
                off.abs() < 4.0 * spread + 1e-3 * variance,
                "{distribution:?} {off}"
            );
        }
    }

    #[test]
    fn a_value_depends_on_seed_realisation_name_and_number_alone() {
        let [low, high] = [0.0, 1.0];
        let uniform = CouplingDistribution::Uniform { low, high };
        let first = drawn(uniform, 1, 1);
        assert_eq!(first, drawn(uniform, 1, 1));
        assert!(first != drawn(uniform, 2, 1) && first != drawn(uniform, 1, 2));
        let list = BTreeMap::from([("hz".to_string(), uniform), ("j".to_string(), uniform)]);
        let draws = Draws::new(list, 1, 1);
        assert_eq!(draws.values("hz", 3).expect("drawn"), first[..3]);
        assert!(draws.values("j", 3).expect("drawn") != first[..3]);
        assert!(draws.values("hx", 3).is_none());
    }
}
