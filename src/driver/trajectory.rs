//! Decides what is remembered and recorded of an evolution in time: its place, a row per step, a
//! row per output time.

use super::curves;
use super::statistics::Energy;
use crate::error::{Error, Result};
use crate::evolution::motion::Quality;
use crate::io::tree::{Tree, Value, shaped};
use num_complex::Complex64;

/// Columns of the record of steps: name, unit, meaning. A row describes the point that a step
/// arrived at, the first one the start.
pub const STEPS: [(&str, &str, &str); 18] = [
    ("time", "1/energy", "time of the point"),
    ("step", "1/energy", "length of the step that led here"),
    (
        "energy",
        "energy of the input",
        "Re <E_loc> under the Hamiltonian of the time, whole system",
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
    ("r_hat", "1", "split R-hat of the local energies"),
    ("acceptance", "1", "accepted proposals / proposals"),
    (
        "drift",
        "energy of the input",
        "energy per site minus that at the start; not conserved with ramps or in imaginary time",
    ),
    (
        "drift_error",
        "energy of the input",
        "standard error of the drift",
    ),
    (
        "r2",
        "1",
        "local error r^2: the part of the exact motion that the wave function cannot follow",
    ),
    (
        "r2_integral",
        "1/energy",
        "integral of r^2 over the time so far",
    ),
    ("solver_residual", "1", "|S v - f| / |f|"),
    (
        "smallest_kept",
        "1",
        "smallest eigenvalue of S that counts by more than half; -1 without a decomposition",
    ),
    ("kept", "1", "effective number of parameters"),
    (
        "step_error",
        "1",
        "length of the error estimate of the step; 0 for fixed steps",
    ),
    ("step_noise", "1", "sampling noise of the error estimate"),
    ("rejected", "1", "attempts rejected before the step"),
];

/// Columns of the energies at the output times.
pub const OUTPUTS: [(&str, &str, &str); 8] = [
    ("time", "1/energy", "output times"),
    (
        "energy",
        "energy of the input",
        "energy of the whole system under the Hamiltonian of the time",
    ),
    ("energy_error", "energy of the input", "standard error"),
    ("variance", "energy squared", "<|E_loc - E|^2>"),
    (
        "initial_energy",
        "energy of the input",
        "mean of [hamiltonian], under which the state was prepared",
    ),
    (
        "initial_energy_error",
        "energy of the input",
        "standard error",
    ),
    ("r_hat", "1", "split R-hat of the local energies"),
    (
        "r2",
        "1",
        "local error r^2 of the motion on the samples of this time, which did not determine it; \
         far above that of the history: \
         the noise is fitted",
    ),
];

/// One step.
pub type StepRow = [f64; STEPS.len()];
/// One output time.
pub type OutputRow = [f64; OUTPUTS.len()];

/// Where an evolution stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trajectory {
    /// Present time.
    pub time: f64,
    /// Length of the next step.
    pub step: f64,
    /// Attempts rejected since the last step.
    pub rejected: usize,
    /// Sets of samples drawn for slopes: the number of the next random stream.
    pub streams: u64,
    /// The slope at the present point, and its sampling noise.
    pub slope: (Vec<f64>, f64),
    /// One row per point.
    pub rows: Vec<StepRow>,
    /// Wall time of each step.
    pub seconds: Vec<f64>,
    /// One row per output time.
    pub outputs: Vec<OutputRow>,
    /// Observables at the output times, as results hold them; on rank 0.
    pub curves: Tree,
    /// Chains at the end of the evolution, on rank 0.
    pub chains: Option<Vec<i8>>,
}

fn save_columns<const N: usize>(
    tree: &mut Tree,
    prefix: &str,
    columns: &[(&str, &str, &str); N],
    rows: &[[f64; N]],
) {
    for (k, (name, unit, meaning)) in columns.iter().enumerate() {
        let column: Vec<f64> = rows.iter().map(|r| r[k]).collect();
        tree.describe(
            &format!("{prefix}/{name}"),
            Value::Real(shaped(&[column.len()], column)),
            unit,
            meaning,
        );
    }
}

fn load_columns<const N: usize>(
    tree: &Tree,
    prefix: &str,
    columns: &[(&str, &str, &str); N],
) -> Result<Vec<[f64; N]>> {
    let all = columns
        .iter()
        .map(|(name, ..)| tree.reals(&format!("{prefix}/{name}")))
        .collect::<Result<Vec<_>>>()?;
    let length = all.iter().map(Vec::len).min().unwrap_or(0);
    Ok((0..length)
        .map(|i| std::array::from_fn(|k| all[k][i]))
        .collect())
}

/// A point of the trajectory, ready for its row.
pub struct Point {
    /// Energy under the Hamiltonian of the time.
    pub energy: Energy,
    /// How well the equation of motion was solved.
    pub quality: Quality,
    /// Accepted proposals / proposals.
    pub acceptance: f64,
}

impl Trajectory {
    /// Adds the row of a point; `attempt` is the length of the step, its error and the error's
    /// noise.
    pub fn push(
        &mut self,
        time: f64,
        attempt: [f64; 3],
        point: &Point,
        sites: usize,
        seconds: f64,
    ) {
        let Point {
            energy,
            quality,
            acceptance,
        } = point;
        let n = sites as f64;
        let first = self.rows.first();
        let (e0, error0) = first.map_or((energy.mean.re, energy.error), |r| (r[2], r[4]));
        let drift_error = if first.is_some() {
            error0.hypot(energy.error) / n
        } else {
            0.0
        };
        let integral = self
            .rows
            .last()
            .map_or(0.0, |r| r[11] + 0.5 * (time - r[0]) * (r[10] + quality.r2));
        self.rows.push([
            time,
            attempt[0],
            energy.mean.re,
            energy.mean.im,
            energy.error,
            energy.variance,
            energy.r_hat,
            *acceptance,
            (energy.mean.re - e0) / n,
            drift_error,
            quality.r2,
            integral,
            quality.solver_residual,
            quality.smallest_kept,
            quality.kept,
            attempt[1],
            attempt[2],
            self.rejected as f64,
        ]);
        self.seconds.push(seconds);
        (self.time, self.rejected) = (time, 0);
    }

    /// Everything that results and checkpoint share.
    pub fn save_record(&self, tree: &mut Tree) {
        save_columns(tree, "evolve/history", &STEPS, &self.rows);
        save_columns(tree, "evolve/output", &OUTPUTS, &self.outputs);
        tree.datasets.extend(self.curves.datasets.clone());
        tree.notes.extend(self.curves.notes.clone());
        let seconds = Value::Real(shaped(&[self.seconds.len()], self.seconds.clone()));
        tree.describe(
            "timing/evolve_seconds",
            seconds,
            "s",
            "wall time of each step of the evolution, outputs included",
        );
    }

    /// The state that a restart needs.
    pub fn save(&self, tree: &mut Tree, sites: usize) {
        self.save_record(tree);
        tree.put_reals("evolve/place", &[self.time, self.step, self.slope.1]);
        tree.put_integer("evolve/rejected", self.rejected as i64);
        tree.put_integer("evolve/streams", self.streams as i64);
        tree.put_reals("evolve/slope", &self.slope.0);
        if let Some(chains) = &self.chains {
            tree.put_spins("chains/evolved", &[chains.len() / sites, sites], chains);
        }
    }

    /// Reads it back; a checkpoint without an evolution gives an empty one.
    pub fn load(tree: &Tree) -> Result<Self> {
        if !tree.datasets.contains_key("evolve/place") {
            return Ok(Trajectory::default());
        }
        let place = tree.reals("evolve/place")?;
        let at = |k: usize| place.get(k).copied().unwrap_or(0.0);
        let rows = load_columns(tree, "evolve/history", &STEPS)?;
        if at(0) != rows.last().map_or(0.0, |row| row[0]) || !(0.0..f64::MAX).contains(&at(0)) {
            return Err(Error::numerical(
                format!(
                    "the evolution of the checkpoint stands at t = {}, where it has never been",
                    at(0)
                ),
                "run with --fresh",
            ));
        }
        Ok(Trajectory {
            time: at(0),
            step: at(1),
            rejected: tree.integer("evolve/rejected")? as usize,
            streams: tree.integer("evolve/streams")? as u64,
            slope: (tree.reals("evolve/slope")?, at(2)),
            rows,
            seconds: tree.reals("timing/evolve_seconds")?,
            outputs: load_columns(tree, "evolve/output", &OUTPUTS)?,
            curves: curves::of(tree),
            chains: tree.spins("chains/evolved").ok(),
        })
    }

    /// What a reader of the curves has to know; `max_drift` is `None` where the energy is not
    /// conserved.
    pub fn warnings(&self, max_drift: Option<f64>, max_r2: f64) -> Vec<String> {
        let mut list = Vec::new();
        let over = |r: &&StepRow| max_drift.is_some_and(|bound| r[8].abs() > bound + 3.0 * r[9]);
        if let Some(row) = self.rows.iter().find(over) {
            list.push(format!(
                "the energy per site has drifted by {:.1e} at t = {:.4}: use shorter steps, a \
                 smaller cut-off or more samples",
                row[8], row[0]
            ));
        }
        if let Some(row) = self.rows.iter().find(|r| r[10] > max_r2) {
            list.push(format!(
                "r^2 is {:.2} at t = {:.4}: the wave function cannot follow the motion from there; \
                 raise ansatz.density",
                row[10], row[0]
            ));
        }
        let own = |time: f64| {
            self.rows
                .iter()
                .rfind(|r| r[0] <= time * (1.0 + 1e-12))
                .map_or(0.0, |r| r[10])
        };
        if let Some(row) = self
            .outputs
            .iter()
            .find(|r| r[7] > max_r2 && r[7] > 2.0 * own(r[0]))
        {
            list.push(format!(
                "the motion follows the noise: at t = {:.4} r^2 is {:.2} on fresh samples and \
                 {:.2} on its own; \
                 raise sampler.samples or evolve.signal_to_noise",
                row[0],
                row[7],
                own(row[0])
            ));
        }
        list
    }
}

/// The row of an output time.
pub fn output_row(time: f64, energy: &Energy, initial: &Energy, r2: f64) -> OutputRow {
    let Complex64 { re, .. } = energy.mean;
    [
        time,
        re,
        energy.error,
        energy.variance,
        initial.mean.re,
        initial.error,
        energy.r_hat,
        r2,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_never_reached_is_refused() {
        let row: StepRow = std::array::from_fn(|k| if k == 0 { 0.25 } else { 0.0 });
        let there = Trajectory {
            time: 0.25,
            step: 0.1,
            rows: vec![row],
            seconds: vec![0.0],
            ..Trajectory::default()
        };
        let load = |time: f64| {
            let mut tree = Tree::default();
            there.save(&mut tree, 1);
            tree.put_reals("evolve/place", &[time, there.step, 0.0]);
            Trajectory::load(&tree)
        };
        assert_eq!(load(0.25).unwrap().time, 0.25);
        for time in [-4e238, 0.0, 0.3, f64::NAN, f64::INFINITY] {
            assert!(load(time).is_err(), "{time}");
        }
    }
}
