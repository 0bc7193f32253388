//! Decides what is recorded of every optimisation step: one row of numbers per step, named by
//! column.

use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};

/// Columns of the history: name, unit, meaning.
pub const COLUMNS: [(&str, &str, &str); 20] = [
    (
        "energy",
        "energy of the input",
        "Re <E_loc> of the step's samples, whole system",
    ),
    (
        "energy_imag",
        "energy of the input",
        "Im <E_loc>, zero within its error bar",
    ),
    (
        "error",
        "energy of the input",
        "standard error of the energy",
    ),
    (
        "variance",
        "energy squared",
        "<|E_loc - E|^2>, whole system",
    ),
    (
        "v_score",
        "1",
        "N variance / (E - E_inf)^2; -1 where E = E_inf",
    ),
    ("r_hat", "1", "split R-hat of the local energies"),
    ("acceptance", "1", "accepted proposals / proposals"),
    (
        "learning_rate",
        "1/energy",
        "rate of the step after the trust region",
    ),
    ("shift", "1", "shift of the step"),
    (
        "metric_norm",
        "energy squared",
        "delta^H S delta; NaN-free: -1 where the method has no metric",
    ),
    (
        "fallbacks",
        "1",
        "larger shifts and pseudo-inverses that the solve needed",
    ),
    (
        "iterations",
        "1",
        "iterations of the solver; -1 where the method is direct",
    ),
    (
        "residual",
        "1",
        "||F - S_reg delta||/||F|| where an iterative solver stopped; -1 where the method is \
         direct",
    ),
    ("rejected", "1", REJECTED),
    (
        "backoff",
        "1",
        "halvings of the learning rate after faults, in force at the step",
    ),
    (
        "non_finite",
        "1",
        "samples whose local energy is not finite",
    ),
    (
        "zero_amplitudes",
        "1",
        "samples whose amplitude vanishes or is not finite",
    ),
    (
        "still_chains",
        "1",
        "chains that accepted no proposal of the step",
    ),
    (
        "bad_ratios",
        "1",
        "proposals rejected because the ratio of amplitudes is not a number",
    ),
    (
        "table_drift",
        "1",
        "largest |ln psi - ln psi computed afresh| of a chain's tables at the end of the step's \
         sweeps; -1 where infinite",
    ),
];

const REJECTED: &str = "0, or why the step was undone (energies are then those of the last sound \
 step): 1 local energies not finite, \
    2 an energy or variance that no state has, 3 the energy rose far above the best, 4 no \
    direction, 5 the update not finite, \
    6 the variance rose far above that of the steps before";

/// Place of a column in a row; a name that does not exist is found when the program is compiled.
pub const fn place(name: &str) -> usize {
    let mut k = 0;
    while k < COLUMNS.len() {
        let (a, b) = (COLUMNS[k].0.as_bytes(), name.as_bytes());
        let mut i = 0;
        while i < a.len() && i < b.len() && a[i] == b[i] {
            i += 1;
        }
        if i == a.len() && i == b.len() {
            return k;
        }
        k += 1;
    }
    panic!("there is no such column")
}

/// One step, in the order of [`COLUMNS`].
pub type Row = [f64; COLUMNS.len()];

/// All steps so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// One row per step.
    pub rows: Vec<Row>,
    /// Seconds of wall time per step.
    pub seconds: Vec<f64>,
}

impl History {
    /// Writes one dataset per column under `prefix`, and the seconds under `timing/`.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        for (k, (name, unit, meaning)) in COLUMNS.iter().enumerate() {
            let column: Vec<f64> = self.rows.iter().map(|r| r[k]).collect();
            tree.describe(
                &format!("{prefix}/{name}"),
                Value::Real(shaped(&[column.len()], column)),
                unit,
                meaning,
            );
        }
        let seconds = Value::Real(shaped(&[self.seconds.len()], self.seconds.clone()));
        tree.describe(
            "timing/step_seconds",
            seconds,
            "s",
            "wall time of each step",
        );
    }

    /// Reads it back.
    pub fn load(tree: &Tree, prefix: &str) -> Result<Self> {
        let columns = COLUMNS
            .iter()
            .map(|(name, ..)| tree.reals(&format!("{prefix}/{name}")))
            .collect::<Result<Vec<_>>>()?;
        let length = columns.iter().map(Vec::len).min().unwrap_or(0);
        let rows = (0..length)
            .map(|i| std::array::from_fn(|k| columns[k][i]))
            .collect();
        Ok(History {
            rows,
            seconds: tree.reals("timing/step_seconds")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_round_trips() {
        let rows = (0..3)
            .map(|i| std::array::from_fn(|k| (10 * i + k) as f64))
            .collect();
        let history = History {
            rows,
            seconds: vec![0.1, 0.2, 0.3],
        };
        let mut tree = Tree::default();
        history.save(&mut tree, "optimize/history");
        assert_eq!(History::load(&tree, "optimize/history").unwrap(), history);
    }
}
