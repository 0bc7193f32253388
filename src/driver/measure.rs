//! Decides the measurement: fixed parameters, fresh samples in blocks, an energy with an honest
//! error bar and warnings.

use super::observe::{self, Observations};
use super::statistics::{Energy, estimate, gather_series, moments};
use super::target::Target;
use super::{Run, Stage, convergence};
use crate::comm::agree;
use crate::ensemble::{Noise, Request};
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};
use crate::observable::monitor;
use crate::problem::{ChosenOptimizer, section};
use crate::rng::Purpose;
use crate::stats::{Bins, Equilibration, Summary, v_score, with_error};
use num_complex::Complex64;
use std::time::Instant;

/// Samples of one chain in one block; tables are rebuilt and the run may stop between blocks.
pub const BLOCK: usize = 64;

/// Where a measurement stands; series and bins live on rank 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measurement {
    /// Samples taken so far, per chain.
    pub per_chain: usize,
    /// Local energies, one series per chain.
    pub series: Vec<Vec<Complex64>>,
    /// Proposals of each chain.
    pub proposed: Vec<f64>,
    /// Accepted proposals of each chain.
    pub accepted: Vec<f64>,
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
    /// What was cut, once the measurement is done.
    pub equilibration: Equilibration,
    /// Energy, variance and V-score with their errors and covariance.
    pub moments: Option<Summary>,
    /// The spins, with their R-hat.
    pub spins: Option<Summary>,
}

impl Measurement {
    /// The approach to equilibrium; independent samples have none.
    pub fn approach(&self, noise: &Noise) -> Equilibration {
        match noise {
            Noise::Chains(_) => Equilibration::of(&self.series),
            _ => Equilibration::default(),
        }
    }

    /// The local energies without the first `cut` of each chain.
    pub fn after(&self, cut: usize) -> Vec<Vec<Complex64>> {
        self.series
            .iter()
            .map(|s| s[cut.min(s.len())..].to_vec())
            .collect()
    }

    /// Samples taken so far over all chains; known on rank 0 and after loading on every rank.
    pub fn samples(&self) -> usize {
        self.per_chain * self.series.len()
    }

    /// Writes the state that a restart needs.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/per_chain"), self.per_chain as i64);
        let flat: Vec<Complex64> = self.series.concat();
        tree.put_complex(
            &format!("{prefix}/local_energies"),
            &[self.series.len(), self.per_chain],
            &flat,
        );
        tree.put_reals(&format!("{prefix}/proposed"), &self.proposed);
        tree.put_reals(&format!("{prefix}/accepted"), &self.accepted);
        for (k, bins) in self.observations.bins.iter().enumerate() {
            bins.save(tree, &format!("{prefix}/bins/{k}"));
        }
        self.monitor
            .bins
            .iter()
            .for_each(|bins| bins.save(tree, &format!("{prefix}/monitor")));
        self.save_seconds(tree);
    }

    /// Writes the wall time of the blocks, for results and checkpoint.
    pub fn save_seconds(&self, tree: &mut Tree) {
        let seconds = Value::Real(shaped(&[self.seconds.len()], self.seconds.clone()));
        tree.describe(
            "timing/measure_seconds",
            seconds,
            "s",
            "wall time of each block of the \
         measurement",
        );
    }

    /// Reads it back.
    pub fn load(tree: &Tree, prefix: &str) -> Result<Self> {
        let per_chain = tree.count(&format!("{prefix}/per_chain"))?;
        let flat = tree.complexes(&format!("{prefix}/local_energies"))?;
        let series = if per_chain == 0 {
            Vec::new()
        } else {
            flat.chunks(per_chain).map(<[_]>::to_vec).collect()
        };
        if per_chain > 0 && flat.len() % per_chain != 0 {
            return Err(Error::output(
                prefix,
                "the local energies of this checkpoint do not fit the \
             samples",
            ));
        }
        let reals = |name: &str| tree.reals(&format!("{prefix}/{name}"));
        let mut observations = Observations::default();
        while tree
            .datasets
            .contains_key(&format!("{prefix}/bins/{}/length", observations.bins.len()))
        {
            observations.bins.push(Bins::load(
                tree,
                &format!("{prefix}/bins/{}", observations.bins.len()),
            )?);
        }
        let (proposed, accepted) = (reals("proposed")?, reals("accepted")?);
        let mut monitor = Observations::default();
        if tree
            .datasets
            .contains_key(&format!("{prefix}/monitor/length"))
        {
            monitor
                .bins
                .push(Bins::load(tree, &format!("{prefix}/monitor"))?);
        }
        let seconds = tree.reals("timing/measure_seconds").unwrap_or_default();
        Ok(Measurement {
            per_chain,
            series,
            proposed,
            accepted,
            seconds,
            observations,
            monitor,
            ..Measurement::default()
        })
    }
}

impl Run<'_> {
    /// What results say of the measurement.
    pub(super) fn record_measurement(&self, tree: &mut Tree) {
        let m = &self.progress.measurement;
        m.save_seconds(tree);
        let chains = m.series.len();
        tree.put_integer("measure/samples", (m.per_chain * chains) as i64);
        if let Some(e) = &m.energy {
            let score = v_score(
                self.problem.lattice.sites,
                e.variance,
                e.mean.re,
                self.problem.facts.centre,
            );
            let unit = "energy of the input";
            let mut real = |name: &str, value: f64, unit: &str, meaning: &str| {
                let value = Value::Real(shaped(&[], vec![value]));
                tree.describe(&format!("measure/energy/{name}"), value, unit, meaning);
            };
            real("mean", e.mean.re, unit, "energy of the whole system");
            real(
                "mean_imag",
                e.mean.im,
                unit,
                "imaginary part of the mean local energy, zero \
             within errors",
            );
            real("error", e.error, unit, "standard error of the mean");
            real("variance", e.variance, "energy squared", "<|E_loc - E|^2>");
            if score.is_finite() {
                real("v_score", score, "1", "N variance / (E - E_inf)^2");
            }
            real("r_hat", e.r_hat, "1", "split R-hat");
            real(
                "tau",
                e.tau,
                "samples",
                "integrated autocorrelation time, 0.5 for independent \
             samples",
            );
            if e.effective_samples.is_finite() {
                real(
                    "effective_samples",
                    e.effective_samples,
                    "1",
                    "samples / (2 tau)",
                );
            }
            if let Some(moments) = m
                .moments
                .as_ref()
                .filter(|s| s.error.iter().all(|e| e.is_finite()))
            {
                real(
                    "variance_error",
                    moments.error[1],
                    "energy squared",
                    "standard error of the \
                 variance",
                );
                real(
                    "v_score_error",
                    moments.error[2],
                    "1",
                    "standard error of the V-score",
                );
                let pairs = (0..3).flat_map(|k| (0..3).map(move |l| (k, l)));
                let covariance = pairs.map(|(k, l)| moments.covariance(k, l)).collect();
                let meaning = "covariance of energy, variance and V-score [entry, entry]";
                tree.describe(
                    "measure/energy/covariance",
                    Value::Real(shaped(&[3, 3], covariance)),
                    "mixed",
                    meaning,
                );
            }
            let (equilibration, spins) = (&m.equilibration, m.spins.as_ref());
            let mut real = |name: &str, value: f64, unit: &str, meaning: &str| {
                let value = Value::Real(shaped(&[], vec![value]));
                tree.describe(&format!("measure/convergence/{name}"), value, unit, meaning);
            };
            real(
                "cut",
                equilibration.cut as f64,
                "samples",
                "first samples of each chain that \
             were left out",
            );
            real(
                "drift",
                equilibration.drift,
                "1",
                "difference of the halves of the energies, in \
             standard errors",
            );
            real(
                "spin_r_hat",
                spins.map_or(1.0, |s| s.r_hat),
                "1",
                "largest split R-hat of a spin \
             or of their mean",
            );
            real(
                "spin_tau",
                spins.map_or(0.5, |s| s.tau),
                "samples",
                "integrated autocorrelation \
             time of the spins",
            );
            tree.describe(
                "measure/energy/series",
                Value::Complex(shaped(&[chains, m.per_chain], m.series.concat())),
                unit,
                "local energies [chain, sample]",
            );
            for (named, summary) in self.observables.iter().zip(&m.observed) {
                observe::save(
                    tree,
                    &format!("measure/observables/{}", named.name),
                    &*named.observable,
                    summary,
                );
            }
        }
    }
}

/// Measures at the present parameters; returns whether the measurement came to its end.
pub(super) fn measure(run: &mut Run, chosen: Option<&ChosenOptimizer>) -> Result<bool> {
    let settings = section(&run.source.input.measure, "measure")?.clone();
    let sampler = run.source.input.sampler.clone().unwrap_or_default();
    if run.ensemble.noise().is_none() {
        let clock = Instant::now();
        let request = Request {
            purpose: Purpose::Measure,
            step: 0,
            burn_in: 0,
            per_chain: 0,
        };
        run.sample(&request)?;
        let local = agree(
            run.comm,
            run.ensemble.local_values(&*run.problem.hamiltonian),
        )?;
        let energy = estimate(run.comm, &*run.ensemble, &local, 0)?;
        run.progress.measurement.observed =
            observe::observe(run.comm, &*run.ensemble, &run.observables, 0, 0)?;
        run.progress.measurement.seconds = vec![clock.elapsed().as_secs_f64()];
        return finish(run, energy);
    }
    let target = settings.samples / sampler.chains;
    let wanted = Target::new(&settings, &run.observables)?;
    let monitor = [monitor(run.problem.lattice.sites)];
    if run.progress.measurement.per_chain == 0 {
        run.progress.measurement.observations =
            Observations::new(&run.observables, sampler.chains, target);
        run.progress.measurement.monitor = Observations::new(&monitor, sampler.chains, target);
    }
    while run.progress.measurement.per_chain < target && !reached(run, wanted.as_ref())? {
        let clock = Instant::now();
        let done = run.progress.measurement.per_chain;
        let per_chain = BLOCK.min(target - done);
        let due = run.take_burn_in();
        let request = Request {
            purpose: Purpose::Measure,
            step: done.div_ceil(BLOCK) as u64,
            burn_in: if done == 0 {
                settings.burn_in.max(due)
            } else {
                due
            },
            per_chain,
        };
        run.sample(&request)?;
        let local = agree(
            run.comm,
            run.ensemble.local_values(&*run.problem.hamiltonian),
        )?;
        let counts = run.count_proposals()?;
        let mut bad = [local
            .values
            .iter()
            .filter(|e| !(e.re.is_finite() && e.im.is_finite()))
            .count() as f64];
        run.comm.sum(&mut bad)?;
        if bad[0] > 0.0 {
            return Err(Error::numerical(
                format!(
                    "{} local energies of the measurement are not finite",
                    bad[0]
                ),
                "the wave function has zeros or overflows: optimise with a lower learning rate",
            ));
        }
        let m = &mut run.progress.measurement;
        m.observations.add(
            run.comm,
            &*run.ensemble,
            &run.observables,
            per_chain,
            sampler.chains,
        )?;
        m.monitor.add(
            run.comm,
            &*run.ensemble,
            &monitor,
            per_chain,
            sampler.chains,
        )?;
        let series = gather_series(run.comm, &local.values, sampler.chains)?;
        let m = &mut run.progress.measurement;
        if run.comm.is_root() {
            m.series.resize(series.len(), Vec::new());
            m.series
                .iter_mut()
                .zip(series)
                .for_each(|(all, new)| all.extend(new));
            // The first block holds the burn-in, which may hide that a chain has stopped moving.
            if done == BLOCK {
                m.proposed.clear();
                m.accepted.clear();
            }
            m.proposed.resize(counts.proposed.len(), 0.0);
            m.accepted.resize(counts.accepted.len(), 0.0);
            m.proposed
                .iter_mut()
                .zip(&counts.proposed)
                .for_each(|(all, new)| *all += new);
            m.accepted
                .iter_mut()
                .zip(&counts.accepted)
                .for_each(|(all, new)| *all += new);
        }
        m.per_chain += per_chain;
        run.keep_measured_samples(&local.values, per_chain)?;
        run.progress
            .measurement
            .seconds
            .push(clock.elapsed().as_secs_f64());
        run.log_line(
            done / BLOCK,
            target.div_ceil(BLOCK),
            &format!(
                "measure {} of {} samples",
                (done + per_chain) * sampler.chains,
                target * sampler.chains
            ),
        );
        if run.progress.measurement.per_chain < target && !run.continue_between_blocks(chosen)? {
            return Ok(false);
        }
    }
    let m = &mut run.progress.measurement;
    let noise = run.ensemble.noise();
    m.equilibration = m.approach(&noise);
    let cut = m.equilibration.cut;
    m.observed = m.observations.summaries(run.comm, &run.observables, cut);
    m.spins = m.monitor.summaries(run.comm, &monitor, cut).pop();
    let series = m.after(cut);
    if run.comm.is_root() {
        m.moments = Some(moments(
            &series,
            run.problem.lattice.sites,
            run.problem.facts.centre,
        ));
    }
    let energy = if run.comm.is_root() {
        Energy::from_series(&series, &noise)
    } else {
        Energy::from_series(&[], &noise)
    };
    let energy = energy.broadcast(run.comm)?;
    if let Some(wanted) = wanted.filter(|_| run.comm.is_root()) {
        run.progress.target_reached =
            wanted.is_reached(&run.progress.measurement, &run.observables, &noise);
        if !run.progress.target_reached {
            run.progress.warnings = vec![wanted.missed(settings.samples)];
        }
    }
    finish(run, energy)
}

/// Whether the measurement may end before all its samples; the same on every rank.
fn reached(run: &Run, wanted: Option<&Target>) -> Result<bool> {
    let m = &run.progress.measurement;
    let Some(wanted) =
        wanted.filter(|_| m.per_chain.is_multiple_of(BLOCK) && Target::is_due(m.per_chain / BLOCK))
    else {
        return Ok(false);
    };
    let mut reached = [f64::from(u8::from(
        run.comm.is_root() && wanted.is_reached(m, &run.observables, &run.ensemble.noise()),
    ))];
    run.comm.broadcast(&mut reached)?;
    Ok(reached[0] > 0.0)
}

fn finish(run: &mut Run, energy: Energy) -> Result<bool> {
    if ![
        energy.mean.re,
        energy.mean.im,
        energy.error,
        energy.variance,
    ]
    .iter()
    .all(|v| v.is_finite())
    {
        return Err(Error::numerical(
            "the measured energy is not a finite number",
            "measure with more samples per chain",
        ));
    }
    run.progress.measurement.energy = Some(energy);
    run.progress.stage = Stage::Finished;
    run.end_bar();
    if run.comm.is_root() {
        let sites = run.problem.lattice.sites;
        let score = v_score(
            sites,
            energy.variance,
            energy.mean.re,
            run.problem.facts.centre,
        );
        log::info!(
            "measured E = {}  per site {}  var = {:.4e}  V-score {score:.2e}  tau {:.2}  R-hat \
             {:.3}  effective samples {:.0}",
            with_error(energy.mean.re, energy.error),
            with_error(energy.mean.re / sites as f64, energy.error / sites as f64),
            energy.variance,
            energy.tau,
            energy.r_hat,
            energy.effective_samples
        );
        let names: Vec<&str> = run.observables.iter().map(|n| n.name.as_str()).collect();
        let (m, bound) = (&run.progress.measurement, run.problem.facts.lower_bound());
        run.progress
            .warnings
            .extend(convergence::of_measurement(m, &energy, &names, bound));
        run.progress.warnings.iter().for_each(|w| log::warn!("{w}"));
    }
    Ok(true)
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
            ..Measurement::default()
        };
        let mut tree = Tree::default();
        m.save(&mut tree, "measure");
        assert_eq!(Measurement::load(&tree, "measure").unwrap(), m);
    }
}
