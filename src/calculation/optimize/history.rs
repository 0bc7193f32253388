//! Decides what is recorded of every optimisation step: one row of numbers per step, named by
//! column.

use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, Record, load_rows, save_rows};

record! {
    /// One step of an optimisation.
    pub struct StepRow {
        energy: "coupling", "Re <E_loc> of the step's samples, whole system";
        energy_imag: "coupling", "Im <E_loc>, zero within its error bar";
        error: "coupling", "standard error of the energy";
        variance: "coupling^2", "<|E_loc - E|^2>, whole system";
        v_score: "1", "N variance / (E - E_inf)^2; -1 where E = E_inf";
        r_hat: "1", "split R-hat of the local energies";
        acceptance: "1", "accepted proposals / proposals";
        learning_rate: "1/coupling", "rate of the step after the trust region";
        shift: "1", "shift of the step";
        metric_norm: "coupling^2",
            "delta^H S delta; NaN-free: -1 where the method has no metric";
        fallbacks: "1", "larger shifts and pseudo-inverses that the solve needed";
        iterations: "1", "iterations of the solver; -1 where the method is direct";
        residual: "1",
            "||F - S_reg delta||/||F|| where an iterative solver stopped; -1 where the method is \
             direct";
        rejected: "1", REJECTED;
        backoff: "1", "halvings of the learning rate after faults, in force at the step";
        non_finite: "1", "samples whose local energy is not finite";
        zero_amplitudes: "1", "samples whose amplitude vanishes or is not finite";
        still_chains: "1", "chains that accepted no proposal of the step";
        bad_ratios: "1", "proposals rejected because the ratio of amplitudes is not a number";
        table_drift: "1",
            "largest |ln psi - ln psi computed afresh| of a chain's tables at the end of the \
             step's sweeps; -1 where infinite";
        clipped: "1", "samples whose local energy is clipped in the force";
        rounding_rms: "1",
            "root mean square difference of ln(psi'/psi) between single and double precision; 0 \
             in double precision, -1 where it is not finite";
        rounding_max: "1", "the largest such difference; -1 where it is not finite";
        stage: "1", "number of the stage, from 1";
        spin_squared: "hbar^2", "<S^2> of the step's samples; 0 without a penalty on it";
        spin_squared_error: "hbar^2", "its standard error";
        effective_fraction: "1",
            "(sum w)^2/(N sum w^2) of the weights w of the N samples, 1 where all count the same; \
             -1 where it is not finite, 0 where it was not recorded";
        swap_acceptance: "1",
            "smallest share of exchanges of replicas, between a power and the next, that were \
             done; 1 without replicas";
    }
}

impl StepRow {
    /// The numbers of an unsound step mean nothing; those of the last sound one stand for them.
    pub fn with_numbers_of(self, last: Option<&StepRow>) -> Self {
        let last = last.copied().unwrap_or_default();
        StepRow {
            energy: last.energy,
            energy_imag: last.energy_imag,
            error: last.error,
            variance: last.variance,
            v_score: last.v_score,
            r_hat: last.r_hat,
            spin_squared: last.spin_squared,
            spin_squared_error: last.spin_squared_error,
            ..self
        }
    }
}

const REJECTED: &str = "0, or why the step was undone (energies are then those of the last sound \
 step): 1 local energies not finite, \
    2 an energy or variance that no state has, 3 the energy rose far above the best, 4 no \
    direction, 5 the update not finite, \
    6 the variance rose far above that of the steps before, \
    7 the chains froze above the best energy, \
    8 the weights rest on too few samples";

/// Wall times of the steps in results.
const SECONDS: &str = "timing/step_seconds";

/// The record in results.
pub const CURVES: Curves = Curves {
    group: "optimize/history",
    columns: StepRow::COLUMNS,
    across: None,
    row: "step",
    seconds: SECONDS,
    shown: &[],
    unknown: None,
};

/// All steps so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// One row per step.
    pub rows: Vec<StepRow>,
    /// Seconds of wall time per step.
    pub seconds: Vec<f64>,
}

impl History {
    /// Writes what results hold.
    pub fn record(&self, tree: &mut Tree) {
        save_rows(tree, CURVES.group, &self.rows);
        let seconds = Value::Real(shaped(&[self.seconds.len()], self.seconds.clone()));
        tree.describe(SECONDS, seconds, "s", "wall time of each step");
    }

    /// Writes what a restart needs.
    pub fn save(&self, tree: &mut Tree) {
        save_rows(tree, "history", &self.rows);
        tree.put_reals("seconds", &self.seconds);
    }

    /// Reads it back.
    pub fn load(tree: &Tree) -> Result<Self> {
        Ok(History {
            rows: load_rows(tree, "history")?,
            seconds: tree.reals("seconds")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_round_trips() {
        let row = |i: usize| {
            let numbers: Vec<f64> = (0..27).map(|k| (10 * i + k) as f64).collect();
            StepRow::from_numbers(&numbers)
        };
        let history = History {
            rows: (0..3).map(row).collect(),
            seconds: vec![0.1, 0.2, 0.3],
        };
        let mut tree = Tree::default();
        history.save(&mut tree);
        assert_eq!(History::load(&tree).unwrap(), history);
        assert_eq!(history.rows[2].energy, 20.0);
        assert_eq!(history.rows[2].clipped, 40.0);
        assert_eq!(history.rows[2].rounding_max, 42.0);
        assert_eq!(history.rows[2].stage, 43.0);
        assert_eq!(history.rows[2].spin_squared_error, 45.0);
        assert_eq!(history.rows[2].effective_fraction, 46.0);
    }
}
