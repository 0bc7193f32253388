//! Decides one block of a measurement, and how the blocks become an energy and observables.

use super::measurement::Measurement;
use super::target::Target;
use super::{BLOCK, Measure, verdict, warnings};
use crate::calculation::vmc::observe::{self, Observations};
use crate::calculation::vmc::{
    BlockCounts, Energy, Vmc, estimate, gather_log_weights, gather_series, moments,
};
use crate::comm::Comm;
use crate::ensemble::{LocalValues, Request};
use crate::error::{Error, Result};
use crate::job::{Phase, timed};
use crate::observable::{Named, energy_ratio, monitor};
use crate::rng::Purpose;
use crate::run::{Desk, Progress};
use crate::stats::{WeightedSeries, v_score, v_score_words, with_error};
use num_complex::Complex64;
use std::time::Instant;

impl Measure<'_> {
    /// Everything from a full sum.
    pub(super) fn sum(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = Instant::now();
        let request = Request {
            purpose: Purpose::Measure,
            step: 0,
            burn_in: 0,
            per_chain: 0,
        };
        let vmc = &mut *self.vmc.borrow_mut();
        vmc.sample(&request, desk)?;
        let local = vmc.local_values(&*vmc.problem.hamiltonian, desk.comm)?;
        let energy = estimate(desk.comm, &*vmc.ensemble, &local, 0)?;
        let m = &mut self.measurement;
        m.observed = timed(Phase::Observables, || {
            observe::observe(desk.comm, &*vmc.ensemble, &self.observables, 0, 0)
        })?;
        m.add_truncation(vmc.ensemble.truncation(), desk.comm)?;
        m.seconds = vec![clock.elapsed().as_secs_f64()];
        finish(m, vmc, energy, &self.observables, desk)
    }

    /// One block of samples.
    pub(super) fn sample_block(&mut self, desk: &mut Desk) -> Result<()> {
        let (clock, wanted) = (Instant::now(), self.wanted());
        let vmc = &mut *self.vmc.borrow_mut();
        let (m, chains) = (&mut self.measurement, vmc.sampler.chains);
        let monitor = [monitor(vmc.sites())];
        if m.per_chain == 0 {
            let weighted = vmc.ensemble.log_weights().is_some();
            m.observations = Observations::of(&self.observables, chains, wanted, weighted);
            m.monitor = Observations::new(&monitor, chains, wanted);
            m.ratio = Observations::new(&ratio(vmc), chains, wanted);
        }
        let done = m.per_chain;
        let per_chain = BLOCK.min(wanted - done);
        let due = vmc.take_burn_in();
        let request = Request {
            purpose: Purpose::Measure,
            step: done.div_ceil(BLOCK) as u64,
            burn_in: match done {
                0 => self.keys.burn_in.max(due),
                _ => due,
            },
            per_chain,
        };
        vmc.sample(&request, desk)?;
        let comm = desk.comm;
        let local = vmc.local_values(&*vmc.problem.hamiltonian, comm)?;
        let counts = vmc.count_proposals(comm)?;
        refuse_infinite(&local, comm)?;
        let (ensemble, observables) = (&*vmc.ensemble, &self.observables);
        let observations = &mut m.observations;
        timed(Phase::Observables, || {
            observations.add(comm, ensemble, observables, per_chain, chains)?;
            m.monitor.add(comm, ensemble, &monitor, per_chain, chains)?;
            m.ratio.add(comm, ensemble, &ratio(vmc), per_chain, chains)
        })?;
        m.add_truncation(ensemble.truncation(), comm)?;
        let series = gather_series(comm, &local.values, chains)?;
        let logs = gather_log_weights(comm, ensemble, chains)?;
        if comm.is_root() {
            m.add(series, logs, &counts, done);
        }
        m.per_chain += per_chain;
        if vmc.keeps_samples(false) {
            desk.keep(vmc.sample_rows(comm, &local.values, per_chain, -1)?);
        }
        m.seconds.push(clock.elapsed().as_secs_f64());
        let (so_far, all) = (m.per_chain * chains, wanted * chains);
        let text = format!("measure {so_far} of {all} samples");
        desk.line(done / BLOCK, wanted.div_ceil(BLOCK), &text);
        Ok(())
    }

    /// Whether the measurement may end before all its samples; the same on every rank.
    pub(super) fn is_reached(&self, comm: &dyn Comm) -> Result<bool> {
        let m = &self.measurement;
        let due = m.per_chain.is_multiple_of(BLOCK) && Target::is_due(m.per_chain / BLOCK);
        let Some(target) = self.target.as_ref().filter(|_| due) else {
            return Ok(false);
        };
        let noise = self.vmc.borrow().ensemble.noise();
        let here = comm.is_root() && target.is_reached(m, &self.observables, &noise);
        let mut reached = [f64::from(u8::from(here))];
        comm.broadcast(&mut reached)?;
        Ok(reached[0] > 0.0)
    }

    /// Energy and observables from all blocks, without what came before equilibrium.
    pub(super) fn settle(&mut self, desk: &mut Desk) -> Result<Progress> {
        let vmc = &*self.vmc.borrow();
        let (m, comm) = (&mut self.measurement, desk.comm);
        let noise = vmc.ensemble.noise();
        m.equilibration = m.approach(&noise);
        let cut = m.equilibration.cut;
        m.observed = m.observations.summaries(comm, &self.observables, cut);
        let monitor = [monitor(vmc.sites())];
        m.spins = m.monitor.summaries(comm, &monitor, cut).pop();
        let (values, logs) = m.after(cut);
        let series = WeightedSeries {
            values: &values,
            logs: &logs,
        };
        let energy = match comm.is_root() {
            true => {
                m.moments = vmc.ensemble.psi().map(|_| {
                    let freedom = vmc.problem.basis.degrees_of_freedom();
                    moments(series, freedom, vmc.problem.facts.centre)
                });
                m.energy_after(cut, &noise)
            }
            false => Energy::from_series(&[], &noise),
        };
        let energy = energy.broadcast(comm)?;
        m.warnings.clear();
        if let Some(target) = self.target.as_ref().filter(|_| comm.is_root())
            && !target.is_reached(m, &self.observables, &noise)
        {
            m.warnings.push(target.missed(self.keys.samples));
        }
        finish(m, vmc, energy, &self.observables, desk)
    }
}

impl Measurement {
    /// Adds a block, on rank 0.
    fn add(
        &mut self,
        series: Vec<Vec<Complex64>>,
        logs: Vec<Vec<f64>>,
        counts: &BlockCounts,
        done: usize,
    ) {
        self.log_weights.resize(logs.len(), Vec::new());
        for (all, new) in self.log_weights.iter_mut().zip(logs) {
            all.extend(new);
        }
        self.series.resize(series.len(), Vec::new());
        for (all, new) in self.series.iter_mut().zip(series) {
            all.extend(new);
        }
        // The first block holds the burn-in, which may hide that a chain has stopped moving.
        if done == BLOCK {
            self.proposed.clear();
            self.accepted.clear();
            self.swaps.clear();
        }
        self.swaps.resize(counts.swaps.len(), [0.0; 2]);
        for (all, new) in self.swaps.iter_mut().zip(&counts.swaps) {
            (all.iter_mut().zip(new)).for_each(|(a, n)| *a += n);
        }
        for (all, new) in [
            (&mut self.proposed, &counts.proposed),
            (&mut self.accepted, &counts.accepted),
        ] {
            all.resize(new.len(), 0.0);
            all.iter_mut().zip(new).for_each(|(a, n)| *a += n);
        }
    }
}

/// The energy, where it is a ratio of means.
fn ratio(vmc: &Vmc) -> Vec<Named> {
    let columns = vmc.ensemble.energy_columns();
    columns
        .map(|(columns, _)| energy_ratio(columns))
        .into_iter()
        .collect()
}

fn refuse_infinite(local: &LocalValues, comm: &dyn Comm) -> Result<()> {
    let finite = |e: &&Complex64| e.re.is_finite() && e.im.is_finite();
    let good = local.values.iter().filter(finite).count();
    let mut bad = [(local.values.len() - good) as f64];
    comm.sum(&mut bad)?;
    if bad[0] == 0.0 {
        return Ok(());
    }
    Err(Error::numerical(
        format!(
            "{} local energies of the measurement are not finite",
            bad[0]
        ),
        "the wave function has zeros or overflows: optimise with a lower learning rate",
    ))
}

/// For the log: how good the samples are; nothing of a full sum.
fn words_of_chains(m: &Measurement, vmc: &Vmc, energy: &Energy) -> String {
    if vmc.ensemble.noise().is_none() {
        return String::new();
    }
    format!(
        "  tau {:.2}  R-hat {:.3}  effective samples {:.0}{}",
        energy.tau,
        energy.r_hat,
        energy.effective_samples,
        vmc.words_of_weights(m.effective_fraction())
    )
}

/// Writes down the energy and says it.
fn finish(
    m: &mut Measurement,
    vmc: &Vmc,
    energy: Energy,
    observables: &[Named],
    desk: &mut Desk,
) -> Result<Progress> {
    let Energy { mean, error, .. } = energy;
    let numbers = [mean.re, mean.im, error, energy.variance];
    if numbers.iter().any(|v| !v.is_finite()) {
        return Err(Error::numerical(
            "the measured energy is not a finite number",
            "measure with more samples per chain",
        ));
    }
    m.energy = Some(energy);
    if !desk.comm.is_root() {
        return Ok(Progress::Done);
    }
    let (sites, problem) = (vmc.sites(), &vmc.problem);
    let score = v_score(
        problem.basis.degrees_of_freedom(),
        energy.variance,
        mean.re,
        problem.facts.centre,
    );
    let chains = words_of_chains(m, vmc, &energy);
    let known = vmc.ensemble.psi().is_some();
    let spread = match known {
        true => format!(
            "  var = {:.4e}  V-score {}",
            energy.variance,
            v_score_words(score)
        ),
        false => String::new(),
    };
    let states = verdict::joined_states(problem);
    let verdict = verdict::words(m, &energy, states);
    desk.say(&format!(
        "{verdict}measured E = {}  per site {}{spread}{chains}",
        with_error(mean.re, error),
        with_error(mean.re / sites as f64, error / sites as f64),
    ));
    let names: Vec<&str> = observables.iter().map(|n| n.name.as_str()).collect();
    let bound = problem.facts.lower_bound();
    let more = warnings::of_measurement(m, &energy, &names, bound, states);
    m.warnings.extend(more);
    let of_score = warnings::of_v_score(score, m.moments.as_ref());
    m.warnings.extend(of_score.filter(|_| known));
    m.warnings
        .extend(warnings::of_observables(observables, &m.observed));
    warn(m, vmc, desk);
    Ok(Progress::Done)
}

/// Says all warnings; where there are any, with what is known of the problem and not used.
fn warn(m: &mut Measurement, vmc: &Vmc, desk: &mut Desk) {
    if !m.warnings.is_empty() {
        m.warnings.extend(vmc.unused.iter().cloned());
    }
    m.warnings.iter().for_each(|w| desk.warn(w));
}
