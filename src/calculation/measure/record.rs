//! Decides what results say of a measurement.

use super::Measure;
use super::verdict::{has_collapsed, joined_states};
use crate::calculation::vmc::observe;
use crate::io::tree::{Tree, Value, shaped};
use crate::stats::{Summary, v_score};

/// Energies, in results.
const UNIT: &str = "coupling";

fn real(tree: &mut Tree, path: &str, value: f64, unit: &str, meaning: &str) {
    tree.describe(path, Value::Real(shaped(&[], vec![value])), unit, meaning);
}

impl Measure<'_> {
    /// Everything, on rank 0.
    pub(super) fn record_all(&self, out: &mut Tree) {
        let m = &self.measurement;
        let seconds = Value::Real(shaped(&[m.seconds.len()], m.seconds.clone()));
        let meaning = "wall time of each block of the measurement";
        out.describe("timing/measure_seconds", seconds, "s", meaning);
        let mut results = m.results.clone();
        self.record_statistics(&mut results);
        // Of a ratio of means there are no local energies.
        if results.datasets.contains_key("energy/mean") && m.ratio.bins.is_empty() {
            let shape = [m.series.len(), m.per_chain];
            let series = Value::Complex(shaped(&shape, m.series.concat()));
            let meaning = "local energies [chain, sample]";
            results.describe("energy/series", series, UNIT, meaning);
            if !m.log_weights.is_empty() {
                let logs = Value::Real(shaped(&shape, m.log_weights.concat()));
                let meaning = "ln of the weight of each of them, up to a constant [chain, sample]";
                results.describe("energy/log_weights", logs, "1", meaning);
            }
        }
        out.put_group("measure", results);
    }

    /// What follows from the series and bins.
    pub(super) fn record_statistics(&self, tree: &mut Tree) {
        let m = &self.measurement;
        tree.put_integer("samples", m.samples() as i64);
        self.listed.record(tree);
        if m.energy.is_none() {
            return;
        }
        self.record_energy(tree);
        self.record_moments(tree);
        if !self.has_variance() {
            // A sample with another sign ends the run.
            let meaning = "mean sign of the weights of the world lines";
            real(tree, "average_sign", 1.0, "1", meaning);
            real(tree, "average_sign_error", 0.0, "1", "its standard error");
        }
        self.record_convergence(tree);
        if let Some(weight) = m.truncation {
            let meaning = "largest relative weight that contractions threw away";
            real(tree, "truncation", weight, "1", meaning);
        }
        for (named, summary) in self.observables.iter().zip(&m.observed) {
            let prefix = format!("observables/{}", named.name);
            observe::save(tree, &prefix, &*named.observable, summary);
        }
    }

    fn record_energy(&self, tree: &mut Tree) {
        let Some(e) = &self.measurement.energy else {
            return;
        };
        let vmc = self.vmc.borrow();
        let e_infinity = vmc.problem.facts.centre;
        let freedom = vmc.problem.basis.degrees_of_freedom();
        let score = v_score(freedom, e.variance, e.mean.re, e_infinity);
        let mut put = |name: &str, value: f64, unit: &str, meaning: &str| {
            real(tree, &format!("energy/{name}"), value, unit, meaning);
        };
        put("mean", e.mean.re, UNIT, "energy of the whole system");
        let meaning = "imaginary part of the mean local energy, zero within errors";
        put("mean_imag", e.mean.im, UNIT, meaning);
        put("error", e.error, UNIT, "standard error of the mean");
        let known = self.has_variance();
        if known {
            put("variance", e.variance, "coupling^2", "<|E_loc - E|^2>");
        }
        if let Some(score) = score.filter(|_| known) {
            put(
                "v_score",
                score,
                "1",
                "N variance / (E - E_inf)^2, N sites or bosons",
            );
        }
        if has_collapsed(&self.measurement, e, joined_states(&vmc.problem)) {
            tree.put_text("verdict", "collapsed");
        }
        let mut put = |name: &str, value: f64, unit: &str, meaning: &str| {
            real(tree, &format!("energy/{name}"), value, unit, meaning);
        };
        put("r_hat", e.r_hat, "1", "split R-hat");
        let meaning = "integrated autocorrelation time, 0.5 for independent samples";
        put("tau", e.tau, "samples", meaning);
        if vmc.sampler.is_weighted() {
            let fraction = self.measurement.effective_fraction();
            let meaning = "(sum w)^2/(N sum w^2) of the weights w of the N samples";
            put("effective_fraction", fraction, "1", meaning);
        }
        if e.effective_samples.is_finite() {
            let meaning = "samples / (2 tau), times effective_fraction where there is one";
            put("effective_samples", e.effective_samples, "1", meaning);
        }
        let swaps = self.measurement.swap_acceptance();
        if !swaps.is_empty() {
            let meaning = "share of the exchanges of replicas that were done, between each power \
                           and the next";
            let value = Value::Real(shaped(&[swaps.len()], swaps));
            tree.describe("energy/swap_acceptance", value, "1", meaning);
        }
    }

    fn record_moments(&self, tree: &mut Tree) {
        let known = |s: &&Summary| s.error[..2].iter().all(|e| e.is_finite());
        let Some(moments) = self.measurement.moments.as_ref().filter(known) else {
            return;
        };
        let meaning = "standard error of the variance";
        let (variance, score) = (moments.error[1], moments.error[2]);
        real(
            tree,
            "energy/variance_error",
            variance,
            "coupling^2",
            meaning,
        );
        // The V-score has none where the energy of all bins but one is E_inf.
        let entries = if score.is_finite() { 3 } else { 2 };
        if score.is_finite() {
            let meaning = "standard error of the V-score";
            real(tree, "energy/v_score_error", score, "1", meaning);
        }
        let pairs = (0..entries).flat_map(|k| (0..entries).map(move |l| (k, l)));
        let covariance = pairs.map(|(k, l)| moments.covariance(k, l)).collect();
        let meaning = "covariance of energy, variance and V-score [entry, entry], of the first \
                       two where the V-score has no error";
        let covariance = Value::Real(shaped(&[entries, entries], covariance));
        tree.describe("energy/covariance", covariance, "mixed", meaning);
    }

    fn record_convergence(&self, tree: &mut Tree) {
        let m = &self.measurement;
        let mut put = |name: &str, value: f64, unit: &str, meaning: &str| {
            real(tree, &format!("convergence/{name}"), value, unit, meaning);
        };
        let (equilibration, spins) = (&m.equilibration, m.spins.as_ref());
        let meaning = "first samples of each chain that were left out";
        put("cut", equilibration.cut as f64, "samples", meaning);
        let meaning = "difference of the halves of the energies, in standard errors";
        put("drift", equilibration.drift, "1", meaning);
        let meaning = "largest split R-hat of a spin or of their mean";
        put("spin_r_hat", spins.map_or(1.0, |s| s.r_hat), "1", meaning);
        let meaning = "integrated autocorrelation time of the spins";
        put("spin_tau", spins.map_or(0.5, |s| s.tau), "samples", meaning);
    }
}
