//! Decides what `check` predicts of the bytes of a run, in its files and in memory.

use super::Forecaster;
use crate::calculation::measure::{BLOCK, bytes_of_sample};
use crate::commands::check::forecast::{Forecast, MPI, PROGRAM};
use crate::commands::check::growth::{Growth, of_bins};
use crate::ensemble::BATCH_BYTES;
use crate::input::KeptSamples;
use crate::io::samples::{bytes_per_sample, files_of};
use crate::observable::Named;

/// Bytes of a segment of samples besides the samples.
const SEGMENT: f64 = 8192.0;

impl Forecaster<'_> {
    /// Bytes of results and checkpoint.
    pub(super) fn of_files(&self, observables: &[Named], out: &mut Forecast, mut growth: Growth) {
        let (chains, chains_ran) = (self.sampler.chains, self.trial.extent.chains);
        let (per_chain, per_chain_ran) = (self.measured / chains, self.measured_ran / chains_ran);
        let blocks = |samples: usize| samples.div_ceil(BLOCK);
        growth.steps = self.work.steps / self.steps_ran as f64;
        growth.chains = chains as f64 / chains_ran as f64;
        growth.measured = self.measured as f64 / self.measured_ran.max(1) as f64;
        growth.blocks = blocks(per_chain) as f64 / blocks(per_chain_ran).max(1) as f64;
        let reached = self.measured_ran > 0;
        let unseen = match reached || self.exact {
            true => 0.0,
            false => 16.0 * self.measured as f64,
        };
        if reached && !self.exact {
            let run = (chains, per_chain, BLOCK);
            let short = (chains_ran, per_chain_ran, BLOCK);
            growth.bins = of_bins(observables, self.scaling.plan.sites, run, short);
        }
        out.results = Some(growth.bytes(&self.trial.results) + unseen);
        out.checkpoint = Some(growth.bytes(&self.trial.checkpoint) + unseen);
    }

    /// Kept samples of the steps and of the measurement.
    fn kept(&self) -> (f64, f64) {
        let kept = match self.exact {
            true => KeptSamples::None,
            false => self.output.samples,
        };
        let of_steps = match kept {
            KeptSamples::All => self.work.samples,
            _ => 0.0,
        };
        let of_measurement = match kept {
            KeptSamples::None => 0.0,
            _ => self.measured as f64,
        };
        (of_steps, of_measurement)
    }

    /// The same of the trial.
    fn kept_by_trial(&self) -> (f64, f64) {
        let (of_steps, of_measurement) = self.kept();
        let extent = self.trial.extent;
        let rows = |kept: f64, rows: usize| if kept > 0.0 { rows as f64 } else { 0.0 };
        let steps = self.steps_ran * extent.chains * extent.per_chain;
        (
            rows(of_steps, steps),
            rows(of_measurement, self.measured_ran),
        )
    }

    /// Seconds of all steps and of the measurement.
    fn spent(&self, out: &Forecast) -> (f64, f64) {
        (
            self.work.equivalent * out.step.unwrap_or(0.0),
            out.measure.unwrap_or(0.0),
        )
    }

    /// Bytes of a kept sample.
    fn row(&self) -> f64 {
        bytes_per_sample(self.scaling.plan.sites, self.sampler.is_weighted()) as f64
    }

    /// Bytes of the sample files.
    pub(super) fn of_samples(&self, out: &mut Forecast) {
        let (of_steps, of_measurement) = self.kept();
        let (in_steps, in_measurement) = self.spent(out);
        let every = self.output.checkpoint_every;
        let pieces = |rows: f64, seconds: f64| match rows > 0.0 {
            true => 1.0 + (seconds / every).floor(),
            false => 0.0,
        };
        let segments = pieces(of_steps, in_steps) + pieces(of_measurement, in_measurement);
        let (steps_ran, measured_ran) = self.kept_by_trial();
        let (bytes, joined) = &self.trial.segments;
        let extra = bytes.iter().sum::<f64>() - self.row() * (steps_ran + measured_ran);
        let extra = match bytes.is_empty() || extra < 0.0 {
            true => SEGMENT,
            false => extra / bytes.len() as f64,
        };
        let files = files_of(segments as usize) as f64;
        let is_joined = files < segments;
        let joined = if files > 1.0 {
            joined.max(SEGMENT)
        } else {
            0.0
        };
        let samples = self.row() * (of_steps + of_measurement) + files * extra + joined;
        out.samples = Some(samples);
        out.samples_peak = Some(if is_joined { 2.0 * samples } else { samples });
    }

    /// Memory of rank 0, which collects samples and energies until the next save.
    pub(super) fn of_memory(&self, out: &mut Forecast) {
        let (plan, ran) = (self.scaling.plan, &self.scaling.ran);
        let mpi = match plan.ranks > 1 && ran.ranks == 1 {
            true => MPI,
            false => 0.0,
        };
        let rows = plan.sizes.samples_of(0) as f64 - ran.samples_of(0) as f64;
        // Tables of walkers are built in blocks, of which one is there at a time.
        let blocks = (rows * (8 * plan.sizes.numbers) as f64).min(BATCH_BYTES as f64);
        let tables = (rows * (plan.sites + 32) as f64 + blocks).max(0.0);
        let solver = plan.root_bytes;
        let peak = self.tree().real("timing/peak_memory").unwrap_or(0.0) + mpi;
        let base = peak + solver - plan.solver_bytes([ran, ran], 0) + tables;
        let every = self.output.checkpoint_every;
        let waiting = |rows: f64, seconds: f64| rows * (every / seconds.max(1e-9)).min(1.0);
        let (of_steps, of_measurement) = self.kept();
        let (in_steps, in_measurement) = self.spent(out);
        let (steps_ran, measured_ran) = self.kept_by_trial();
        let of_steps = (waiting(of_steps, in_steps) - steps_ran).max(0.0);
        let of_measurement = (waiting(of_measurement, in_measurement) - measured_ran).max(0.0);
        let optimizing = base + self.row() * of_steps;
        let more = self.measured.saturating_sub(self.measured_ran) as f64;
        let measuring = (base - solver).max(PROGRAM.min(base))
            + self.row() * of_measurement
            + bytes_of_sample(&self.sampler) * more;
        out.memory = optimizing.max(measuring).max(PROGRAM);
    }
}
