//! Decides what is remembered and recorded of an evolution in time: its place, a row per step, a
//! row per output time.

use super::curves;
use crate::calculation::vmc::Energy;
use crate::error::{Error, Result};
use crate::evolution::motion::Quality;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, Record, load_rows, save_rows};
use crate::stats::limits::MIN_EFFECTIVE_FRACTION;

record! {
    /// The point that a step arrived at; the first one is the start.
    pub struct PointRow {
        time: "1/coupling", "time of the point";
        step: "1/coupling", "length of the step that led here";
        energy: "coupling",
            "Re <E_loc> under the Hamiltonian of the time, whole system";
        energy_imag: "coupling", "Im <E_loc>, zero within its error bar";
        error: "coupling", "standard error of the energy";
        variance: "coupling^2", "<|E_loc - E|^2>, whole system";
        r_hat: "1", "split R-hat of the local energies";
        acceptance: "1", "accepted proposals / proposals";
        drift: "coupling",
            "energy per site minus that at the start; not conserved with ramps or in imaginary \
             time";
        drift_error: "coupling", "standard error of the drift";
        r2: "1",
            "local error r^2: the part of the exact motion that the wave function cannot follow; \
             of projected steps infidelity/(step^2 variance of the point before)";
        r2_integral: "1/coupling", "integral of r^2 over the time so far";
        solver_residual: "1", "|S v - f| / |f|";
        smallest_kept: "1",
            "smallest eigenvalue of S that counts by more than half; -1 without a decomposition";
        kept: "1", "effective number of parameters";
        step_error: "1", "length of the error estimate of the step; 0 for fixed steps";
        step_noise: "1", "sampling noise of the error estimate";
        rejected: "1", "attempts rejected before the step";
        infidelity: "1",
            "of projected steps the sum of 1 - |<psi|phi>|^2/(<psi|psi> <phi|phi>) over the \
             factors of the step, psi the fit and phi its aim; else 0";
        solves: "1", "solves of the step, those of rejected attempts left out";
        effective_fraction: "1",
            "what the samples of the point are worth, of so many with equal weights";
        shift: "1", "shift that was asked for; 0 with the pseudo-inverse";
    }
}

record! {
    /// Energies at an output time.
    pub struct OutputRow {
        time: "1/coupling", "output times";
        energy: "coupling",
            "energy of the whole system under the Hamiltonian of the time";
        energy_error: "coupling", "standard error";
        variance: "coupling^2", "<|E_loc - E|^2>";
        initial_energy: "coupling",
            "mean of [hamiltonian], under which the state was prepared";
        initial_energy_error: "coupling", "standard error";
        r_hat: "1", "split R-hat of the local energies";
        r2: "1",
            "local error r^2 of the motion on the samples of this time, which did not determine \
             it; far above that of the history: the noise is fitted";
        effective_fraction: "1", "what these samples are worth, of so many with equal weights";
    }
}

/// Wall times of the steps in results.
const SECONDS: &str = "timing/evolve_seconds";

/// The record of the steps in results.
pub const CURVES: Curves = Curves {
    group: "evolve/history",
    columns: PointRow::COLUMNS,
    across: Some("time"),
    row: "time",
    seconds: SECONDS,
    shown: &[],
    unknown: None,
};

/// The record of the output times in results.
pub const OUTPUTS: Curves = Curves {
    group: "evolve/output",
    columns: OutputRow::COLUMNS,
    across: Some("time"),
    row: "time",
    seconds: "",
    shown: &[],
    unknown: None,
};

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
    pub rows: Vec<PointRow>,
    /// Wall time of each step.
    pub seconds: Vec<f64>,
    /// One row per output time.
    pub outputs: Vec<OutputRow>,
    /// Observables at the output times, as results hold them; on rank 0.
    pub curves: Tree,
}

/// Where a trajectory stood: everything small, and lengths.
#[derive(Debug, Clone, Default)]
pub struct TrajectoryMark {
    time: f64,
    step: f64,
    rejected: usize,
    streams: u64,
    slope: (Vec<f64>, f64),
    rows: usize,
    outputs: usize,
}

/// A point of the trajectory, ready for its row.
pub struct Point {
    /// Energy under the Hamiltonian of the time.
    pub energy: Energy,
    /// How well the equation of motion was solved.
    pub quality: Quality,
    /// Accepted proposals / proposals.
    pub acceptance: f64,
    /// What the fits of the step missed; 0 of steps without fits.
    pub infidelity: f64,
    /// Solves of the step.
    pub solves: usize,
    /// What its samples are worth, of so many with equal weights.
    pub effective_fraction: f64,
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
            infidelity,
            solves,
            effective_fraction,
        } = point;
        let n = sites as f64;
        let first = self.rows.first();
        let (e0, error0) = first.map_or((energy.mean.re, energy.error), |r| (r.energy, r.error));
        let [step, step_error, step_noise] = attempt;
        let last = self.rows.last();
        self.rows.push(PointRow {
            time,
            step,
            energy: energy.mean.re,
            energy_imag: energy.mean.im,
            error: energy.error,
            variance: energy.variance,
            r_hat: energy.r_hat,
            acceptance: *acceptance,
            drift: (energy.mean.re - e0) / n,
            drift_error: first.map_or(0.0, |_| error0.hypot(energy.error) / n),
            r2: quality.r2,
            r2_integral: last.map_or(0.0, |r| {
                r.r2_integral + 0.5 * (time - r.time) * (r.r2 + quality.r2)
            }),
            solver_residual: quality.solver_residual,
            smallest_kept: quality.smallest_kept,
            kept: quality.kept,
            step_error,
            step_noise,
            rejected: self.rejected as f64,
            infidelity: *infidelity,
            solves: *solves as f64,
            effective_fraction: *effective_fraction,
            shift: quality.shift,
        });
        self.seconds.push(seconds);
        (self.time, self.rejected) = (time, 0);
    }

    /// Remembers where it stands.
    pub fn mark(&self) -> TrajectoryMark {
        TrajectoryMark {
            time: self.time,
            step: self.step,
            rejected: self.rejected,
            streams: self.streams,
            slope: self.slope.clone(),
            rows: self.rows.len(),
            outputs: self.outputs.len(),
        }
    }

    /// Goes back to a mark.
    pub fn rewind(&mut self, mark: &TrajectoryMark) {
        (self.time, self.step) = (mark.time, mark.step);
        (self.rejected, self.streams) = (mark.rejected, mark.streams);
        self.slope.clone_from(&mark.slope);
        self.rows.truncate(mark.rows);
        self.seconds.truncate(mark.rows);
        self.outputs.truncate(mark.outputs);
        curves::truncate(&mut self.curves, mark.outputs);
    }

    /// Writes what results hold.
    pub fn record(&self, tree: &mut Tree) {
        save_rows(tree, CURVES.group, &self.rows);
        save_rows(tree, OUTPUTS.group, &self.outputs);
        tree.put_group(curves::GROUP, self.curves.clone());
        let seconds = Value::Real(shaped(&[self.seconds.len()], self.seconds.clone()));
        let meaning = "wall time of each step of the evolution, outputs included";
        tree.describe(SECONDS, seconds, "s", meaning);
    }

    /// Writes what a restart needs.
    pub fn save(&self, tree: &mut Tree) {
        save_rows(tree, "history", &self.rows);
        save_rows(tree, "output", &self.outputs);
        tree.put_group("observables", self.curves.clone());
        tree.put_reals("seconds", &self.seconds);
        tree.put_reals("place", &[self.time, self.step, self.slope.1]);
        tree.put_integer("rejected", self.rejected as i64);
        tree.put_integer("streams", self.streams as i64);
        tree.put_reals("slope", &self.slope.0);
    }

    /// Reads it back.
    pub fn load(tree: &Tree) -> Result<Self> {
        let place = tree.reals("place")?;
        let at = |k: usize| place.get(k).copied().unwrap_or(0.0);
        let rows: Vec<PointRow> = load_rows(tree, "history")?;
        if at(0) != rows.last().map_or(0.0, |row| row.time) || !(0.0..f64::MAX).contains(&at(0)) {
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
            rejected: tree.count("rejected")?,
            streams: tree.integer("streams")? as u64,
            slope: (tree.reals("slope")?, at(2)),
            rows,
            seconds: tree.reals("seconds")?,
            outputs: load_rows(tree, "output")?,
            curves: tree.group("observables"),
        })
    }

    /// What a reader of the curves has to know; `max_drift` is `None` where the energy is not
    /// conserved.
    pub fn warnings(&self, max_drift: Option<f64>, max_r2: f64) -> Vec<String> {
        let mut list = Vec::new();
        let over = |r: &&PointRow| {
            max_drift.is_some_and(|bound| r.drift.abs() > bound + 3.0 * r.drift_error)
        };
        if let Some(row) = self.rows.iter().find(over) {
            list.push(format!(
                "the energy per site has drifted by {:.1e} at t = {:.4}: use shorter steps, a \
                 smaller cut-off or more samples",
                row.drift, row.time
            ));
        }
        if let Some(row) = self.rows.iter().find(|r| r.r2 > max_r2) {
            list.push(format!(
                "r^2 is {:.2} at t = {:.4}: the wave function cannot follow the motion from there; \
                 raise ansatz.density",
                row.r2, row.time
            ));
        }
        let own = |time: f64| {
            let before = |r: &&PointRow| r.time <= time * (1.0 + 1e-12);
            self.rows.iter().rfind(before).map_or(0.0, |r| r.r2)
        };
        let fitted = |r: &&OutputRow| r.r2 > max_r2 && r.r2 > 2.0 * own(r.time);
        if let Some(row) = self.outputs.iter().find(fitted) {
            list.push(format!(
                "the motion follows the noise: at t = {:.4} r^2 is {:.2} on fresh samples and \
                 {:.2} on its own; \
                 raise sampler.samples or evolve.signal_to_noise",
                row.time,
                row.r2,
                own(row.time)
            ));
        }
        // A program that did not know weights recorded nothing.
        let few = |fraction: f64| fraction > 0.0 && fraction < MIN_EFFECTIVE_FRACTION;
        let points = self.rows.iter().map(|r| (r.time, r.effective_fraction));
        let outputs = self.outputs.iter().map(|r| (r.time, r.effective_fraction));
        if let Some((time, fraction)) = points.chain(outputs).find(|row| few(row.1)) {
            list.push(format!(
                "at t = {time:.4} the weights of the samples make them worth a fraction \
                 {fraction:.2} of so many: raise sampler.power towards 2"
            ));
        }
        list
    }
}

/// The row of an output time, whose samples are worth a fraction of so many.
pub fn output_row(
    time: f64,
    [energy, initial]: [&Energy; 2],
    r2: f64,
    effective_fraction: f64,
) -> OutputRow {
    OutputRow {
        time,
        energy: energy.mean.re,
        energy_error: energy.error,
        variance: energy.variance,
        initial_energy: initial.mean.re,
        initial_energy_error: initial.error,
        r_hat: energy.r_hat,
        r2,
        effective_fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_never_reached_is_refused() {
        let row = PointRow {
            time: 0.25,
            ..PointRow::default()
        };
        let there = Trajectory {
            time: 0.25,
            step: 0.1,
            rows: vec![row],
            seconds: vec![0.0],
            ..Trajectory::default()
        };
        let load = |time: f64| {
            let mut tree = Tree::default();
            there.save(&mut tree);
            tree.put_reals("place", &[time, there.step, 0.0]);
            Trajectory::load(&tree)
        };
        assert_eq!(load(0.25).unwrap().time, 0.25);
        for time in [-4e238, 0.0, 0.3, f64::NAN, f64::INFINITY] {
            assert!(load(time).is_err(), "{time}");
        }
    }
}
