//! Decides how rows of a table become examples: which columns are read, which rows are held out,
//! what a network sees of them.

use super::check::wrong;
use super::keys::{ColumnTransform, RegressionInput, RegressionRecipe};
use crate::error::Result;
use crate::input::Source;
use crate::io::sum::fnv1a;
use crate::lattice::files::columns;
use crate::perceptron::{NetworkInputs, NetworkTargets, TrainingSet};
use crate::rng::{Purpose, shuffle, stream};

/// Fewest rows.
const FEWEST: usize = 2;

/// Rows of a table, in its units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DataRows {
    /// Names of the columns.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// [row, input]
    pub x: Vec<f64>,
    /// [row, output]
    pub y: Vec<f64>,
    /// Whether a row is held out.
    pub held: Vec<bool>,
}

impl ColumnTransform {
    /// What networks get of a number.
    pub(super) fn forth(self, value: f64) -> f64 {
        match self {
            ColumnTransform::None => value,
            ColumnTransform::Log => value.ln(),
        }
    }

    /// The inverse.
    pub(super) fn back(self, value: f64) -> f64 {
        match self {
            ColumnTransform::None => value,
            ColumnTransform::Log => value.exp(),
        }
    }
}

/// The rows that the keys name, checked.
pub(super) fn read(source: &Source, keys: &RegressionInput) -> Result<DataRows> {
    let key = "regression.data";
    let path = source.folder.join(&keys.data);
    let of = |key: &'static str| move |name: &String| (key, name.clone());
    let inputs = keys.inputs.iter().map(of("regression.inputs"));
    let outputs = keys.outputs.iter().map(of("regression.outputs"));
    let names: Vec<(&str, String)> = inputs.chain(outputs).collect();
    let names: Vec<(&str, &str)> = names.iter().map(|(k, n)| (*k, n.as_str())).collect();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    columns(&path, key, &names, |place, fields| {
        for (k, text) in fields.iter().enumerate() {
            let value = place.real(text)?;
            if keys.transform == ColumnTransform::Log && value <= 0.0 {
                let problem = format!("`{text}` of the column `{}` has no logarithm", names[k].1);
                let remedy = "give positive numbers, or use transform = \"none\"";
                return Err(place.error(problem, remedy));
            }
            match k < keys.inputs.len() {
                true => x.push(value),
                false => y.push(value),
            }
        }
        Ok(())
    })?;
    let rows = x.len() / keys.inputs.len().max(1);
    if rows < FEWEST {
        let problem = format!("{}: there is one row", path.display());
        return wrong("data", problem, "give at least two rows");
    }
    Ok(DataRows {
        held: held_out(rows, keys.recipe().test_fraction, source.input.seed),
        inputs: keys.inputs.clone(),
        outputs: keys.outputs.clone(),
        x,
        y,
    })
}

/// The rows that are held out, drawn by the seed: at least one where `share` is not 0, and at least
/// one is left.
fn held_out(rows: usize, share: f64, seed: u64) -> Vec<bool> {
    let mut held = vec![false; rows];
    if share > 0.0 {
        let count = (share * rows as f64).round() as usize;
        let mut order: Vec<u32> = (0..rows as u32).collect();
        shuffle(&mut order, &mut stream(seed, Purpose::HeldOut, 0, 0));
        let drawn = order.into_iter().take(count.clamp(1, rows - 1));
        drawn.for_each(|row| held[row as usize] = true);
    }
    held
}

impl DataRows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// What networks see of the rows that are held out, or of the others.
    pub fn examples(&self, recipe: &RegressionRecipe, held: bool) -> TrainingSet {
        let chosen = |values: &[f64], width: usize| {
            let rows = values.chunks_exact(width.max(1)).zip(&self.held);
            let rows = rows.filter(|(_, out)| **out == held);
            let values = rows.flat_map(|(row, _)| row.iter().copied());
            values.map(|v| recipe.transform.forth(v)).collect()
        };
        let (ins, outs) = (self.inputs.len(), self.outputs.len());
        TrainingSet {
            inputs: NetworkInputs::Numbers {
                width: ins,
                values: chosen(&self.x, ins),
            },
            targets: NetworkTargets::Numbers {
                width: outs,
                values: chosen(&self.y, outs),
            },
        }
    }

    /// A number for what they say.
    pub fn digest(&self) -> u64 {
        let numbers = self.x.iter().chain(&self.y);
        let bytes: Vec<u8> = numbers.flat_map(|v| v.to_le_bytes()).collect();
        fnv1a(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_rows_is_held_out_by_the_seed() {
        let count = |rows, share, seed| held_out(rows, share, seed).iter().filter(|h| **h).count();
        assert_eq!(count(10, 0.0, 1), 0);
        assert_eq!(count(10, 0.2, 1), 2);
        assert_eq!(count(10, 0.01, 1), 1);
        assert_eq!(count(10, 0.99, 1), 9);
        assert_eq!(held_out(50, 0.5, 1), held_out(50, 0.5, 1));
        assert_ne!(held_out(50, 0.5, 1), held_out(50, 0.5, 2));
    }
}
