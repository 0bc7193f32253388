//! Decides the measurement: fixed parameters, fresh samples in blocks, an energy with an honest error bar and warnings.

use super::observe::{self, Observations};
use super::statistics::{Energy, estimate, gather_series};
use super::{Run, Stage};
use crate::comm::agree;
use crate::ensemble::Request;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::registry::{ChosenOptimizer, section};
use crate::rng::Purpose;
use crate::stats::{Bins, Summary, v_score, with_error};
use num_complex::Complex64;

/// Samples of one chain in one block; tables are rebuilt and the run may stop between blocks.
const BLOCK: usize = 64;

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
    /// The observables so far.
    pub observations: Observations,
    /// The result, once there is one.
    pub energy: Option<Energy>,
    /// The results of the observables, in their order.
    pub observed: Vec<Summary>,
}

impl Measurement {
    /// Writes the state that a restart needs.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/per_chain"), self.per_chain as i64);
        let flat: Vec<Complex64> = self.series.concat();
        tree.put_complex(&format!("{prefix}/local_energies"), &[self.series.len(), self.per_chain], &flat);
        tree.put_reals(&format!("{prefix}/proposed"), &self.proposed);
        tree.put_reals(&format!("{prefix}/accepted"), &self.accepted);
        for (k, bins) in self.observations.bins.iter().enumerate() {
            bins.save(tree, &format!("{prefix}/bins/{k}"));
        }
    }

    /// Reads it back.
    pub fn load(tree: &Tree, prefix: &str) -> Result<Self> {
        let per_chain = tree.integer(&format!("{prefix}/per_chain"))? as usize;
        let flat = tree.complexes(&format!("{prefix}/local_energies"))?;
        let series = if per_chain == 0 { Vec::new() } else { flat.chunks(per_chain).map(<[_]>::to_vec).collect() };
        let reals = |name: &str| tree.reals(&format!("{prefix}/{name}"));
        let mut observations = Observations::default();
        while tree.datasets.contains_key(&format!("{prefix}/bins/{}/length", observations.bins.len())) {
            observations.bins.push(Bins::load(tree, &format!("{prefix}/bins/{}", observations.bins.len()))?);
        }
        let (proposed, accepted) = (reals("proposed")?, reals("accepted")?);
        Ok(Measurement { per_chain, series, proposed, accepted, observations, energy: None, observed: Vec::new() })
    }
}

/// Measures at the present parameters; returns whether the measurement came to its end.
pub(super) fn measure(run: &mut Run, chosen: Option<&ChosenOptimizer>) -> Result<bool> {
    let settings = section(&run.source.input.measure, "measure")?.clone();
    let sampler = run.source.input.sampler.clone().unwrap_or_default();
    if run.ensemble.is_exact() {
        let request = Request { purpose: Purpose::Measure, step: 0, burn_in: 0, per_chain: 0 };
        run.sample(&request)?;
        let local = agree(run.comm, run.ensemble.local_values(&run.problem.hamiltonian))?;
        let energy = estimate(run.comm, &*run.ensemble, &local, 0)?;
        run.progress.measurement.observed = observe::observe(run.comm, &*run.ensemble, &run.observables, 0, 0)?;
        return finish(run, energy);
    }
    let target = settings.samples / sampler.chains;
    if run.progress.measurement.per_chain == 0 {
        run.progress.measurement.observations = Observations::new(&run.observables, sampler.chains, target);
    }
    while run.progress.measurement.per_chain < target {
        let done = run.progress.measurement.per_chain;
        let per_chain = BLOCK.min(target - done);
        let request = Request {
            purpose: Purpose::Measure,
            step: done.div_ceil(BLOCK) as u64,
            burn_in: if done == 0 { settings.burn_in } else { 0 },
            per_chain,
        };
        run.sample(&request)?;
        let local = agree(run.comm, run.ensemble.local_values(&run.problem.hamiltonian))?;
        let counts = run.count_proposals()?;
        let mut bad = [local.values.iter().filter(|e| !(e.re.is_finite() && e.im.is_finite())).count() as f64];
        run.comm.sum(&mut bad)?;
        if bad[0] > 0.0 {
            return Err(Error::numerical(
                format!("{} local energies of the measurement are not finite", bad[0]),
                "the wave function has zeros or overflows: optimise with a lower learning rate",
            ));
        }
        let observations = &mut run.progress.measurement.observations;
        observations.add(run.comm, &*run.ensemble, &run.observables, per_chain, sampler.chains)?;
        let series = gather_series(run.comm, &local.values, sampler.chains)?;
        let m = &mut run.progress.measurement;
        if run.comm.is_root() {
            m.series.resize(series.len(), Vec::new());
            m.series.iter_mut().zip(series).for_each(|(all, new)| all.extend(new));
            m.proposed.resize(counts.proposed.len(), 0.0);
            m.accepted.resize(counts.accepted.len(), 0.0);
            m.proposed.iter_mut().zip(&counts.proposed).for_each(|(all, new)| *all += new);
            m.accepted.iter_mut().zip(&counts.accepted).for_each(|(all, new)| *all += new);
        }
        m.per_chain += per_chain;
        run.keep_measured_samples(&local.values, per_chain)?;
        run.log_line(
            done / BLOCK,
            target.div_ceil(BLOCK),
            &format!("measure {} of {} samples", (done + per_chain) * sampler.chains, target * sampler.chains),
        );
        if run.progress.measurement.per_chain < target && !run.continue_between_blocks(chosen)? {
            return Ok(false);
        }
    }
    let m = &mut run.progress.measurement;
    m.observed = m.observations.summaries(run.comm, &run.observables);
    let series = &m.series;
    let energy = if run.comm.is_root() { Energy::from_series(series) } else { Energy::from_series(&[]) };
    let energy = energy.broadcast(run.comm)?;
    finish(run, energy)
}

fn finish(run: &mut Run, energy: Energy) -> Result<bool> {
    if ![energy.mean.re, energy.mean.im, energy.error, energy.variance].iter().all(|v| v.is_finite()) {
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
        let score = v_score(sites, energy.variance, energy.mean.re, run.problem.e_infinity);
        log::info!(
            "measured E = {}  per site {}  var = {:.4e}  V-score {score:.2e}  tau {:.2}  R-hat {:.3}",
            with_error(energy.mean.re, energy.error),
            with_error(energy.mean.re / sites as f64, energy.error / sites as f64),
            energy.variance,
            energy.tau,
            energy.r_hat
        );
        run.progress.warnings = warnings(&run.progress.measurement, &energy, run.problem.lower_bound);
        run.progress.warnings.iter().for_each(|w| log::warn!("{w}"));
    }
    Ok(true)
}

/// What a reader of the number has to know, each with what to do about it.
fn warnings(m: &Measurement, energy: &Energy, lower_bound: f64) -> Vec<String> {
    let mut list = Vec::new();
    if energy.r_hat > 1.1 {
        list.push(format!(
            "R-hat is {:.2}: the chains disagree; raise measure.burn_in, sampler.sweeps or measure.samples, or add moves",
            energy.r_hat
        ));
    }
    let (proposed, accepted): (f64, f64) = (m.proposed.iter().sum(), m.accepted.iter().sum());
    if proposed > 0.0 && accepted < 1e-3 * proposed {
        list.push(format!(
            "only {:.1e} of the proposals were accepted: the chains hardly move; use other moves or more sweeps",
            accepted / proposed
        ));
    }
    let frozen = m.accepted.iter().filter(|&&a| a == 0.0).count();
    if frozen > 0 {
        list.push(format!(
            "{frozen} chains never moved: the error bar is not to be trusted; use other moves, more sweeps or burn-in"
        ));
    }
    if energy.effective_samples < 100.0 {
        list.push(format!(
            "only {:.0} effective samples: the error bar itself is uncertain; raise measure.samples",
            energy.effective_samples
        ));
    }
    if energy.mean.re + 4.0 * energy.error < lower_bound - 1e-9 * lower_bound.abs() {
        list.push(format!(
            "the energy {} lies below the bound {lower_bound} that no state can cross: do not use it; \
             sample longer and check the chains",
            energy.mean.re
        ));
    }
    if energy.mean.im.abs() > 5.0 * energy.error.max(1e-10 * energy.mean.re.abs()) {
        list.push(format!(
            "Im E = {:.2e} is not zero within its error bar: sample longer, the wave function has near-zeros",
            energy.mean.im
        ));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn energy() -> Energy {
        Energy {
            mean: Complex64::new(-1.0, 0.0),
            error: 0.01,
            variance: 1.0,
            tau: 0.5,
            effective_samples: 1e4,
            r_hat: 1.0,
        }
    }

    #[test]
    fn each_fault_has_its_warning_and_a_sound_run_has_none() {
        let sound = Measurement { proposed: vec![100.0; 4], accepted: vec![40.0; 4], ..Measurement::default() };
        assert!(warnings(&sound, &energy(), -2.0).is_empty());
        let frozen = Measurement { accepted: vec![40.0, 0.0, 40.0, 40.0], ..sound.clone() };
        assert_eq!(warnings(&frozen, &energy(), -2.0).len(), 1);
        let stuck = Measurement { proposed: vec![1e6; 4], accepted: vec![1.0; 4], ..sound.clone() };
        assert_eq!(warnings(&stuck, &energy(), -2.0).len(), 1);
        assert_eq!(warnings(&sound, &Energy { r_hat: 1.2, ..energy() }, -2.0).len(), 1);
        assert_eq!(warnings(&sound, &energy(), -0.5).len(), 1);
        assert_eq!(warnings(&sound, &Energy { mean: Complex64::new(-1.0, 0.2), ..energy() }, -2.0).len(), 1);
        assert_eq!(warnings(&sound, &Energy { effective_samples: 10.0, ..energy() }, -2.0).len(), 1);
    }

    #[test]
    fn state_round_trips() {
        let m = Measurement {
            per_chain: 2,
            series: vec![vec![Complex64::new(1.0, 2.0), Complex64::ZERO]; 3],
            proposed: vec![5.0; 3],
            accepted: vec![1.0; 3],
            ..Measurement::default()
        };
        let mut tree = Tree::default();
        m.save(&mut tree, "measure");
        assert_eq!(Measurement::load(&tree, "measure").unwrap(), m);
    }
}
