//! Decides how local energies of all ranks become an estimate: series per chain on rank 0, the same
//! numbers everywhere.
//!
//! E = ⟨E_loc⟩, Var = ⟨|E_loc − E|²⟩. A full sum has Var = Σ w |E_loc|² + unseen −
//! |E|² and no error bar.

use crate::comm::Comm;
use crate::ensemble::{Ensemble, LocalValues, Noise};
use crate::error::Result;
use crate::number::{flatten, larger, unflatten};
use crate::stats::{Bins, Estimate, Summary, WeightedSeries, largest_log, push_sums, v_score};
use num_complex::Complex64;

/// The energy of one set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// Mean local energy of the whole system.
    pub mean: Complex64,
    /// Standard error; 0 for a full sum.
    pub error: f64,
    /// Variance of the local energy.
    pub variance: f64,
    /// Integrated autocorrelation time in recording intervals.
    pub tau: f64,
    /// Samples / (2 τ).
    pub effective_samples: f64,
    /// Split R-hat; 1 for a full sum.
    pub r_hat: f64,
}

const FIELDS: usize = 7;

impl Energy {
    fn to_array(self) -> [f64; FIELDS] {
        [
            self.mean.re,
            self.mean.im,
            self.error,
            self.variance,
            self.tau,
            self.effective_samples,
            self.r_hat,
        ]
    }
    fn from_array(a: [f64; FIELDS]) -> Self {
        Energy {
            mean: Complex64::new(a[0], a[1]),
            error: a[2],
            variance: a[3],
            tau: a[4],
            effective_samples: a[5],
            r_hat: a[6],
        }
    }

    /// From one series per chain or stream.
    pub fn from_series(series: &[Vec<Complex64>], noise: &Noise) -> Self {
        match noise {
            Noise::Independent(_) => Estimate::independent(series),
            _ => Estimate::from_series(series),
        }
        .into()
    }

    /// From one series per chain with the weights of its samples.
    pub fn from_weighted(series: WeightedSeries, noise: &Noise) -> Self {
        match series.logs.is_empty() {
            true => Energy::from_series(series.values, noise),
            false => Estimate::weighted(series).into(),
        }
    }

    /// The numbers of rank 0 on every rank.
    pub fn broadcast(self, comm: &dyn Comm) -> Result<Self> {
        let mut numbers = self.to_array();
        comm.broadcast(&mut numbers)?;
        Ok(Energy::from_array(numbers))
    }
}

impl From<Estimate> for Energy {
    fn from(e: Estimate) -> Self {
        Energy {
            mean: e.mean,
            error: e.error,
            variance: e.variance,
            tau: e.tau,
            effective_samples: e.effective_samples,
            r_hat: e.r_hat,
        }
    }
}

/// Gathers the logarithms of the weights of all chains on rank 0 as one series per chain; empty
/// elsewhere, and where all samples count the same.
pub fn gather_log_weights(
    comm: &dyn Comm,
    ensemble: &dyn Ensemble,
    total_chains: usize,
) -> Result<Vec<Vec<f64>>> {
    let Some(logs) = ensemble.log_weights() else {
        return Ok(Vec::new());
    };
    let all = comm.gather(logs)?;
    let length = all.len() / total_chains.max(1);
    Ok(all.chunks_exact(length.max(1)).map(<[_]>::to_vec).collect())
}

/// Gathers the local values of all chains on rank 0 as one series per chain; empty elsewhere.
pub fn gather_series(
    comm: &dyn Comm,
    values: &[Complex64],
    total_chains: usize,
) -> Result<Vec<Vec<Complex64>>> {
    let flat: Vec<f64> = flatten(values.iter().copied());
    let all = comm.gather(&flat)?;
    let length = all.len() / 2 / total_chains.max(1);
    Ok(all
        .chunks_exact((2 * length).max(2))
        .map(unflatten)
        .collect())
}

/// The estimate of one step or of a full sum; the same on every rank.
pub fn estimate(
    comm: &dyn Comm,
    ensemble: &dyn Ensemble,
    local: &LocalValues,
    total_chains: usize,
) -> Result<Energy> {
    let noise = ensemble.noise();
    if !noise.is_none() {
        let series = gather_series(comm, &local.values, total_chains)?;
        let logs = gather_log_weights(comm, ensemble, total_chains)?;
        let energy = if comm.is_root() {
            let series = WeightedSeries {
                values: &series,
                logs: &logs,
            };
            Energy::from_weighted(series, &noise)
        } else {
            Energy::from_array([0.0; FIELDS])
        };
        return energy.broadcast(comm);
    }
    let mut first = [0.0, 0.0];
    for (w, e) in ensemble.weights().iter().zip(&local.values) {
        first[0] += w * e.re;
        first[1] += w * e.im;
    }
    comm.sum(&mut first)?;
    let mean = Complex64::new(first[0], first[1]);
    // Where ψ vanishes, ⟨x|(H − E)|ψ⟩ = ⟨x|H|ψ⟩.
    let spread: f64 = ensemble
        .weights()
        .iter()
        .zip(&local.values)
        .map(|(w, e)| w * (e - mean).norm_sqr())
        .sum();
    let mut variance = [spread + local.unseen];
    comm.sum(&mut variance)?;
    Ok(Energy {
        mean,
        error: 0.0,
        variance: variance[0],
        tau: 0.5,
        effective_samples: f64::INFINITY,
        r_hat: 1.0,
    })
}

/// Energy, variance and V-score of series of local energies with errors and covariance, by the
/// jackknife over bins; a V-score that is undefined is not a number.
pub fn moments(series: WeightedSeries, sites: usize, e_infinity: f64) -> Summary {
    let WeightedSeries { values, logs } = series;
    let length = values.iter().map(Vec::len).min().unwrap_or(0);
    if length == 0 {
        return Summary::exact(vec![0.0; 3]);
    }
    // About a nearby energy, so that the variance is not a difference of large numbers.
    let centre = values[0][0].re;
    let mut bins = Bins::new(values.len(), 3, length);
    if !logs.is_empty() {
        bins = bins.weighted();
    }
    let unit = logs.iter().map(|l| largest_log(l)).fold(f64::MIN, f64::max);
    let segments = bins.segments(length);
    let mut sums = Vec::new();
    for (k, chain) in values.iter().enumerate() {
        for segment in &segments {
            let columns = |e: &Complex64| [e.re - centre, e.im, (e - centre).norm_sqr()];
            let rows: Vec<f64> = chain[segment.clone()].iter().flat_map(columns).collect();
            let weight = |l: &f64| (l - unit).exp();
            let logs = logs.get(k).map(|l| &l[segment.clone()]);
            let weights: Option<Vec<f64>> = logs.map(|l| l.iter().map(weight).collect());
            push_sums(&rows, 3, weights.as_deref(), &mut sums);
        }
    }
    match logs.is_empty() {
        true => bins.push(length, &segments, Some(&sums)),
        false => bins.push_weighted(length, &segments, Some(&sums), unit),
    }
    bins.summary(0, &|means| {
        let variance = larger(means[2] - means[0] * means[0] - means[1] * means[1], 0.0);
        vec![
            centre + means[0],
            variance,
            v_score(sites, variance, centre + means[0], e_infinity).unwrap_or(f64::NAN),
        ]
    })
}
