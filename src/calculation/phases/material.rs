//! Decides what a network sees of configurations, and what it should say: features, targets,
//! weights that make all values of the parameter equally likely.

use super::keys::{FeatureName, PhaseRecipe, Task};
use super::spins::{Shares, SpinData};
use crate::error::{Error, Result};
use crate::perceptron::{NetworkInputs, NetworkTargets, TrainingSet};
use std::collections::BTreeMap;

/// FeatureName of rows, and the values of the parameter that they belong to.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub inputs: NetworkInputs,
    /// Number of values of the parameter.
    values: usize,
    belongs: Belongs,
}

#[derive(Debug, Clone)]
enum Belongs {
    /// The number of the value of each row.
    One(Vec<u32>),
    /// Probabilities [row, value]; columns sum to 1.
    All(Vec<f64>),
}

/// What a network says of the rows that it is judged by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Verdicts {
    /// Mean probability of the first class at each value.
    pub output: Vec<f64>,
    /// Share of right answers, all values equally likely.
    pub accuracy: f64,
}

/// (x − shift)/scale is what a network gets of a number x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scaling {
    pub shift: f64,
    pub scale: f64,
}

/// What networks are trained with and judged by.
pub(super) struct Material {
    pub training: Seen,
    pub test: Seen,
    /// Of features that are one number.
    pub scaling: Option<Scaling>,
    /// Values of the parameter whose configurations have one sign of the magnetisation.
    pub one_sided: Vec<f64>,
}

/// The number that a feature gives of each row.
fn numbers(all: &SpinData, features: FeatureName) -> Result<Option<Vec<f64>>> {
    match (features, &all.energies) {
        (FeatureName::Spins, _) => Ok(None),
        (FeatureName::AbsMagnetisation, _) => Ok(Some(all.abs_magnetisations())),
        (FeatureName::Energy, Some(energies)) => Ok(Some(energies.clone())),
        (FeatureName::Energy, None) => Err(Error::input(
            "phases.features",
            "some file has no dataset energies",
            "use \"spins\" or \"abs-magnetisation\", or add energies float64 [sample]",
        )),
    }
}

impl Material {
    /// Of configurations. Numbers that occur several times are kept once, with weights, where that
    /// changes nothing: over whole sets, and where all configurations have weights.
    pub fn new(all: &SpinData, recipe: &PhaseRecipe, features: FeatureName) -> Result<Self> {
        let (training, test) = all.split(recipe.test_fraction);
        let numbers = numbers(all, features)?;
        let together = recipe.pace.batch == 0 || matches!(all.shares, Shares::Weighted(_));
        let of = |rows: &[u32]| match &numbers {
            None => Seen::spins(all, rows),
            Some(numbers) => {
                let seen = Seen::numbers(all, numbers, rows);
                if together { seen.together() } else { seen }
            }
        };
        let (mut training, mut test) = (of(&training), of(&test));
        let scaling = training.scaling();
        if let Some(scaling) = scaling {
            training.scale(scaling);
            test.scale(scaling);
        }
        Ok(Material {
            training,
            test,
            scaling,
            one_sided: match features {
                FeatureName::Spins => all.one_sided(),
                _ => Vec::new(),
            },
        })
    }
}

impl Seen {
    fn belongs(all: &SpinData, rows: &[u32]) -> Belongs {
        let count = all.values.len();
        match &all.shares {
            Shares::Drawn { value, .. } => {
                Belongs::One(rows.iter().map(|r| value[*r as usize]).collect())
            }
            Shares::Weighted(weights) => {
                let row = |r: &u32| &weights[*r as usize * count..(*r as usize + 1) * count];
                Belongs::All(rows.iter().flat_map(row).copied().collect())
            }
        }
    }

    fn spins(all: &SpinData, rows: &[u32]) -> Self {
        let n = all.sites;
        let row = |r: &u32| &all.spins[*r as usize * n..(*r as usize + 1) * n];
        Seen {
            inputs: NetworkInputs::Spins {
                width: n,
                values: rows.iter().flat_map(row).copied().collect(),
            },
            values: all.values.len(),
            belongs: Self::belongs(all, rows),
        }
    }

    fn numbers(all: &SpinData, numbers: &[f64], rows: &[u32]) -> Self {
        Seen {
            inputs: NetworkInputs::Numbers {
                width: 1,
                values: rows.iter().map(|r| numbers[*r as usize]).collect(),
            },
            values: all.values.len(),
            belongs: Self::belongs(all, rows),
        }
    }

    /// Calls `visit` with row, value and probability of the row at the value.
    fn each(&self, mut visit: impl FnMut(usize, usize, f64)) {
        match &self.belongs {
            Belongs::One(value) => {
                let mut count = vec![0.0; self.values];
                value.iter().for_each(|v| count[*v as usize] += 1.0);
                for (r, v) in value.iter().enumerate() {
                    visit(r, *v as usize, 1.0 / count[*v as usize]);
                }
            }
            Belongs::All(weights) => {
                for (r, row) in weights.chunks_exact(self.values).enumerate() {
                    let pairs = row.iter().enumerate();
                    pairs.for_each(|(v, w)| visit(r, v, *w));
                }
            }
        }
    }

    /// The same numbers once each.
    fn together(self) -> Self {
        let NetworkInputs::Numbers { width: 1, values } = &self.inputs else {
            return self;
        };
        // Energies of one configuration may differ in their last digits.
        let key = |x: f64| (x * 1e9).round() as i64;
        let mut places = BTreeMap::new();
        for x in values {
            places.entry(key(*x)).or_insert((*x, 0usize));
        }
        places.values_mut().enumerate().for_each(|(k, p)| p.1 = k);
        let mut weights = vec![0.0; places.len() * self.values];
        self.each(|r, v, w| {
            let place = places.get(&key(values[r])).map_or(0, |p| p.1);
            weights[place * self.values + v] += w;
        });
        Seen {
            inputs: NetworkInputs::Numbers {
                width: 1,
                values: places.values().map(|p| p.0).collect(),
            },
            values: self.values,
            belongs: Belongs::All(weights),
        }
    }

    /// Mean and deviation of numbers; none of spins.
    fn scaling(&self) -> Option<Scaling> {
        let NetworkInputs::Numbers { values, .. } = &self.inputs else {
            return None;
        };
        let (mut mean, mut square) = (0.0, 0.0);
        let count = self.values as f64;
        self.each(|r, _, w| mean += w * values[r] / count);
        self.each(|r, _, w| square += w * (values[r] - mean).powi(2) / count);
        let scale = square.sqrt();
        Some(Scaling {
            shift: mean,
            scale: if scale > 0.0 { scale } else { 1.0 },
        })
    }

    /// The mean of numbers at each value; none of spins.
    pub fn means(&self) -> Option<Vec<f64>> {
        let NetworkInputs::Numbers { width: 1, values } = &self.inputs else {
            return None;
        };
        let mut means = vec![0.0; self.values];
        self.each(|r, v, w| means[v] += w * values[r]);
        Some(means)
    }

    fn scale(&mut self, by: Scaling) {
        if let NetworkInputs::Numbers { values, .. } = &mut self.inputs {
            values
                .iter_mut()
                .for_each(|x| *x = (*x - by.shift) / by.scale);
        }
    }

    /// Examples whose targets are the classes of the values.
    pub fn examples(&self, classes: &[u32]) -> TrainingSet {
        TrainingSet {
            inputs: self.inputs.clone(),
            targets: self.targets(classes),
        }
    }

    /// The same without a copy.
    pub fn into_examples(self, classes: &[u32]) -> TrainingSet {
        TrainingSet {
            targets: self.targets(classes),
            inputs: self.inputs,
        }
    }

    fn targets(&self, classes: &[u32]) -> NetworkTargets {
        let count = classes.iter().max().map_or(1, |c| *c as usize + 1);
        let rows = self.inputs.len();
        let all = rows as f64 / self.values as f64;
        match &self.belongs {
            Belongs::One(value) => {
                let mut weight = vec![0.0; rows];
                self.each(|r, _, w| weight[r] = all * w);
                NetworkTargets::Classes {
                    count,
                    class: value.iter().map(|v| classes[*v as usize]).collect(),
                    weight,
                }
            }
            Belongs::All(_) => {
                let mut values = vec![0.0; rows * count];
                self.each(|r, v, w| values[r * count + classes[v] as usize] += all * w);
                NetworkTargets::Numbers {
                    width: count,
                    values,
                }
            }
        }
    }

    /// What `answers` [row, class] say.
    pub fn judge(&self, answers: &[f64], classes: &[u32]) -> Verdicts {
        let count = answers.len() / self.inputs.len().max(1);
        let mut verdicts = Verdicts {
            output: vec![0.0; self.values],
            accuracy: 0.0,
        };
        let best = |row: &[f64]| {
            let places = 0..row.len();
            places
                .max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)))
                .unwrap_or(0)
        };
        let chosen: Vec<usize> = answers.chunks_exact(count.max(1)).map(best).collect();
        self.each(|r, v, w| {
            verdicts.output[v] += w * answers[r * count];
            if chosen[r] == classes[v] as usize {
                verdicts.accuracy += w / self.values as f64;
            }
        });
        verdicts
    }
}

/// The class of each value: 0 for ordered and 1 for disordered, or its own number. An error where
/// all are on one side of the critical value.
pub(super) fn classes(values: &[f64], recipe: &PhaseRecipe) -> Result<Vec<u32>> {
    let Some((key, critical)) = recipe.critical.filter(|_| recipe.task == Task::Classify) else {
        return Ok((0..values.len() as u32).collect());
    };
    let ordered = values.iter().filter(|v| **v < critical).count();
    if ordered == 0 || ordered == values.len() {
        return Err(Error::input(
            format!("phases.{key}"),
            format!("all {} values are on one side of {critical}", values.len()),
            "give configurations below and above it",
        ));
    }
    Ok(values.iter().map(|v| u32::from(*v >= critical)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_values() -> SpinData {
        SpinData {
            sites: 2,
            values: vec![1.0, 3.0],
            spins: vec![1, 1, -1, -1, 1, -1, 1, 1, -1, 1],
            energies: Some(vec![-2.0, -2.0, 2.0, -2.0, 2.0]),
            shares: Shares::Drawn {
                value: vec![0, 0, 0, 1, 1],
                chain: vec![0; 5],
            },
        }
    }

    #[test]
    fn equal_numbers_are_kept_once_with_their_weights() {
        let all = two_values();
        let rows: Vec<u32> = (0..5).collect();
        let energies = all.energies.clone().unwrap();
        let seen = Seen::numbers(&all, &energies, &rows);
        let together = seen.clone().together();
        assert_eq!(together.inputs.len(), 2);
        let mut weights = Vec::new();
        together.each(|_, _, w| weights.push(w));
        assert!((weights[0] - 2.0 / 3.0).abs() < 1e-15 && weights[1] == 0.5);
        let [a, b] = [seen.scaling().unwrap(), together.scaling().unwrap()];
        assert!((a.shift - b.shift).abs() < 1e-15 && (a.scale - b.scale).abs() < 1e-15);
        // Both values are equally likely, whatever the number of their rows.
        assert!((a.shift + 1.0 / 3.0).abs() < 1e-15, "{}", a.shift);
    }

    #[test]
    fn verdicts_are_means_over_the_rows_of_a_value() {
        let all = two_values();
        let rows: Vec<u32> = (0..5).collect();
        let seen = Seen::spins(&all, &rows);
        let answers = [0.9, 0.1, 0.6, 0.4, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6];
        let found = seen.judge(&answers, &[0, 1]);
        assert!((found.output[0] - 0.6).abs() < 1e-15);
        assert!((found.output[1] - 0.3).abs() < 1e-15);
        assert!((found.accuracy - 0.5 * (2.0 / 3.0 + 1.0)).abs() < 1e-15);
        let NetworkTargets::Classes { weight, class, .. } = seen.examples(&[0, 1]).targets else {
            panic!("drawn rows have classes");
        };
        assert_eq!(class, [0, 0, 0, 1, 1]);
        assert!((weight.iter().sum::<f64>() - 5.0).abs() < 1e-12);
    }
}
