//! Decides what is made of the samples that count: averages, reweighted averages, how good an
//! effective model is, and what it gains.

use super::learning::{LearnedModel, total};
use super::sampled::Sampled;
use crate::classical::averages::{Averages, Thermal};
use crate::classical::effective::EffectiveModel;
use crate::classical::{Tally, UpdateCourse};
use crate::stats::limits::{MAX_R_HAT, MIN_EFFECTIVE_SAMPLES, SIGNIFICANT};
use crate::stats::with_error;

/// Averages at a temperature of the input.
pub(super) struct OutcomeAt {
    pub averages: Averages,
    /// Integrated time of |m| in sweeps or moves.
    pub tau: f64,
    /// Accepted proposals.
    pub acceptance: f64,
    /// Mean size of the proposed clusters over N; `None` for single flips.
    pub cluster_size: Option<f64>,
    /// The effective model, where there is one.
    pub effective: Option<LearnedModel>,
    /// Work of single flips over that of clusters for an independent sample, in visits of sites.
    pub gain: Option<f64>,
}

/// Averages at another temperature.
pub(super) struct ReweightedAt {
    pub temperature: f64,
    /// Number of the temperature whose samples count most.
    pub from: usize,
    pub averages: Averages,
}

/// What is made of a run.
pub(super) struct Outcomes {
    pub at: Vec<OutcomeAt>,
    pub reweighted: Vec<ReweightedAt>,
    /// Temperatures at which too few samples count.
    pub out_of_reach: Vec<f64>,
}

impl Outcomes {
    /// Of the samples so far; none before the second one of those that count.
    pub fn of(run: &Sampled) -> Option<Self> {
        let leg = run.leg();
        if !leg.counts || leg.kept(run.standing.step) < 2 {
            return None;
        }
        let sites = run.model.energy.sites();
        let all: Vec<_> = (0..run.roster.temperatures)
            .map(|t| run.series_at(t))
            .collect();
        let temperatures = &run.plan.temperatures;
        let thermal: Vec<Thermal> = temperatures
            .iter()
            .zip(&all)
            .filter_map(|(t, series)| Thermal::new(sites, *t, series))
            .collect();
        if thermal.len() < temperatures.len() {
            return None;
        }
        let mut outcomes = Outcomes {
            at: (0..thermal.len())
                .map(|t| at(run, t, &thermal[t]))
                .collect(),
            reweighted: Vec::new(),
            out_of_reach: Vec::new(),
        };
        for &temperature in &run.plan.reweight {
            let samples = |t: &usize| thermal[*t].effective_samples(temperature);
            let mut nearest: Vec<usize> = (0..thermal.len()).collect();
            nearest.sort_by(|a, b| samples(b).total_cmp(&samples(a)));
            let two = nearest.iter().take(2);
            let parts: Vec<Averages> = two
                .filter_map(|t| thermal[*t].reweighted(temperature))
                .collect();
            match Averages::joined(&parts) {
                Some(averages) => outcomes.reweighted.push(ReweightedAt {
                    temperature,
                    from: nearest[0],
                    averages,
                }),
                None => outcomes.out_of_reach.push(temperature),
            }
        }
        Some(outcomes)
    }

    /// What the log says.
    pub fn words(&self, run: &Sampled) -> Vec<String> {
        let sites = run.model.energy.sites() as f64;
        let line = |(t, found): (&f64, &OutcomeAt)| {
            let Averages {
                mean, error, r_hat, ..
            } = found.averages;
            let model = found.effective.as_ref().map_or(String::new(), |learned| {
                let expected = learned.expected_acceptance(1.0 / t);
                let gain = found
                    .gain
                    .map_or(String::new(), |g| format!("  gain {g:.2}"));
                format!(" (of a Gaussian residual {expected:.3}){gain}")
            });
            let size = found.cluster_size;
            let size = size.map_or(String::new(), |size| format!("  cluster {size:.3} N"));
            format!(
                "T = {t}: E/N = {}  |m| = {}  Binder {}  tau {:.2}{size}  acceptance \
                 {:.3}{model}  R-hat {r_hat:.3}",
                with_error(mean[0] / sites, error[0] / sites),
                with_error(mean[2], error[2]),
                with_error(mean[5], error[5]),
                found.tau,
                found.acceptance,
            )
        };
        run.plan
            .temperatures
            .iter()
            .zip(&self.at)
            .map(line)
            .collect()
    }

    /// What a reader of the results has to know.
    pub fn warnings(&self, run: &Sampled) -> Vec<String> {
        let temperatures = &run.plan.temperatures;
        let of = |wrong: &dyn Fn(&Averages) -> bool| -> Vec<String> {
            let found = temperatures.iter().zip(&self.at);
            let found = found.filter(|(_, o)| wrong(&o.averages));
            found.map(|(t, _)| t.to_string()).collect()
        };
        let mut list = Vec::new();
        let mut add = |at: Vec<String>, what: &str| {
            if !at.is_empty() {
                list.push(format!("at T = {}: {what}", at.join(", ")));
            }
        };
        add(
            of(&|a| a.r_hat > MAX_R_HAT),
            "the chains disagree (R-hat of E or |m| above 1.1); raise sampler.burn_in and \
             sampler.sweeps, use classical.tempering, or another update",
        );
        add(
            of(&|a| a.effective_samples < MIN_EFFECTIVE_SAMPLES),
            "fewer than 100 effective samples: error bars are themselves uncertain; raise \
             sampler.samples or sampler.sweeps",
        );
        add(
            of(&|a| a.drift.abs() > SIGNIFICANT),
            "the energies of the two halves differ; raise sampler.burn_in",
        );
        let lost: Vec<String> = self.out_of_reach.iter().map(f64::to_string).collect();
        add(
            lost,
            "no reweighted averages, because too few samples count there; take more samples, or \
             temperatures nearer to it",
        );
        list
    }
}

fn at(run: &Sampled, t: usize, thermal: &Thermal) -> OutcomeAt {
    let averages = thermal.averages();
    let mut tally = Tally::default();
    for w in run.roster.at(t) {
        tally.add(run.standing.tallies[w].numbers());
    }
    let proposed = tally.proposed.max(1.0);
    let sites = run.model.energy.sites() as f64;
    let cluster_size = run
        .entry
        .clusters
        .then(|| tally.cluster_sites / proposed / sites);
    let tau = averages.tau * run.leg().sweeps as f64;
    let effective = match (run.entry.course, &run.features) {
        (UpdateCourse::Learned(_), Some(features)) => {
            let sums = total(features.len(), run.moments_at(t).into_iter());
            let in_use = run.standing.models.get(t);
            let judged = |m: &LearnedModel| {
                let EffectiveModel {
                    couplings,
                    cluster_couplings,
                    ..
                } = &m.model;
                LearnedModel::given(features, couplings, cluster_couplings, &sums)
            };
            in_use.map(judged)
        }
        _ => None,
    };
    let local = run.standing.local_tau.get(t);
    OutcomeAt {
        tau,
        acceptance: tally.accepted / proposed,
        cluster_size,
        effective,
        gain: local
            .zip(cluster_size)
            .map(|(local, size)| local / (tau * size)),
        averages,
    }
}
