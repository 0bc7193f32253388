//! Decides what series of energies and magnetisations say: averages with errors, at their own
//! temperature and, by reweighting, near it.
//!
//! With weights w = e^{−(β' − β) E} and X_k = ⟨w x_k⟩/⟨w⟩ for x = E, E², |m|, m², m⁴, a function
//! f(X) has the error of the mean of y = f + Σ_k ∂f/∂X_k (x_k − X_k) w/⟨w⟩ (A. M. Ferrenberg, R.
//! H. Swendsen, Phys. Rev. Lett. 61, 2635 (1988); U. Wolff, Comput. Phys. Commun. 156, 143
//! (2004)).

use crate::stats::limits::MIN_EFFECTIVE_SAMPLES;
use crate::stats::{Equilibration, Estimate};
use num_complex::Complex64;

/// What is averaged, with units and meanings.
pub const QUANTITIES: [(&str, &str, &str); 6] = [
    ("energy", "coupling", "energy of the whole system"),
    ("specific_heat", "1", "Var E / (N T^2)"),
    ("abs_magnetisation", "1", "<|m|>, m the mean spin"),
    ("magnetisation_squared", "1", "<m^2>"),
    ("magnetisation_fourth", "1", "<m^4>"),
    ("binder", "1", "1 - <m^4> / (3 <m^2>^2)"),
];

/// What one chain has seen at one temperature.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainSeries {
    /// Energies of the whole system.
    pub energies: Vec<f64>,
    /// Sums of the spins.
    pub sums: Vec<f64>,
}

/// Averages at a temperature, in the order of [`QUANTITIES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averages {
    /// Means.
    pub mean: [f64; 6],
    /// Standard errors.
    pub error: [f64; 6],
    /// Integrated autocorrelation time of |m|, in samples.
    pub tau: f64,
    /// The larger split R-hat of E and |m|.
    pub r_hat: f64,
    /// n/(2 τ) with the longer of the times of E and |m|, times the part that reweighting leaves.
    pub effective_samples: f64,
    /// First samples of each chain that were left out.
    pub cut: usize,
    /// Difference of the halves of the energies, in standard errors.
    pub drift: f64,
}

impl Averages {
    /// Independent averages together, each with the weight of its effective samples; none of none.
    pub fn joined(parts: &[Averages]) -> Option<Averages> {
        let total: f64 = parts.iter().map(|p| p.effective_samples).sum();
        let share = |p: &Averages| p.effective_samples / total;
        let column = |k: usize| parts.iter().map(|p| share(p) * p.mean[k]).sum();
        let squares = |k: usize| parts.iter().map(|p| (share(p) * p.error[k]).powi(2)).sum();
        let error = |k: usize| f64::sqrt(squares(k));
        Some(Averages {
            mean: std::array::from_fn(column),
            error: std::array::from_fn(error),
            effective_samples: total,
            ..*parts.first()?
        })
    }
}

/// Series of the chains at one temperature, ready to be averaged.
pub struct Thermal<'s> {
    sites: f64,
    beta: f64,
    chains: Vec<(&'s [f64], &'s [f64])>,
    equilibration: Equilibration,
    centre: f64,
    tau: f64,
    /// The longer of the times of E and |m|.
    longest: f64,
    r_hat: f64,
}

/// Chains as series of complex numbers.
fn series(chains: &[(&[f64], &[f64])], value: impl Fn(f64, f64) -> f64) -> Vec<Vec<Complex64>> {
    let of = |(energies, sums): &(&[f64], &[f64])| {
        let both = energies.iter().zip(*sums);
        both.map(|(e, s)| value(*e, *s).into()).collect()
    };
    chains.iter().map(of).collect()
}

impl<'s> Thermal<'s> {
    /// Of the chains at `temperature`, of equal lengths; beginnings out of equilibrium are cut.
    pub fn new(sites: usize, temperature: f64, chains: &'s [ChainSeries]) -> Option<Self> {
        let least = chains.iter().map(|c| c.energies.len()).min().unwrap_or(0);
        if least == 0 {
            return None;
        }
        let sites = sites as f64;
        let from = |cut: usize| -> Vec<(&[f64], &[f64])> {
            let range = cut..least;
            let part = |c: &'s ChainSeries| (&c.energies[range.clone()], &c.sums[range.clone()]);
            chains.iter().map(part).collect()
        };
        let whole = from(0);
        let energy = Equilibration::of(&series(&whole, |e, _| e));
        let order = Equilibration::of(&series(&whole, |_, s| s.abs()));
        let equilibration = if order.cut > energy.cut {
            order
        } else {
            energy
        };
        let chains = from(equilibration.cut);
        let order = Estimate::from_series(&series(&chains, |_, s| s.abs() / sites));
        let energy = Estimate::from_series(&series(&chains, |e, _| e));
        Some(Thermal {
            sites,
            beta: 1.0 / temperature,
            chains,
            equilibration,
            centre: energy.mean.re,
            tau: order.tau,
            longest: order.tau.max(energy.tau),
            r_hat: order.r_hat.max(energy.r_hat),
        })
    }

    fn count(&self) -> f64 {
        self.chains.iter().map(|c| c.0.len()).sum::<usize>() as f64
    }

    /// Weights e^{−(β' − β)(E − centre)} relative to the largest; their mean.
    fn weights(&self, beta: f64) -> (impl Fn(f64) -> f64, f64) {
        let (step, centre) = (beta - self.beta, self.centre);
        let power = move |e: f64| -step * (e - centre);
        let all = || self.chains.iter().flat_map(|c| c.0.iter().copied());
        let highest = all().map(power).fold(f64::NEG_INFINITY, f64::max);
        let weight = move |e: f64| (power(e) - highest).exp();
        let mean = all().map(&weight).sum::<f64>() / self.count();
        (weight, mean)
    }

    /// Integrated autocorrelation time of |m|, in samples.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// Effective samples at another temperature.
    pub fn effective_samples(&self, temperature: f64) -> f64 {
        let (weight, mean) = self.weights(1.0 / temperature);
        let all = self.chains.iter().flat_map(|c| c.0.iter().copied());
        let square = all.map(|e| weight(e).powi(2)).sum::<f64>() / self.count();
        self.count() / (2.0 * self.longest) * mean * mean / square
    }

    /// Averages at the temperature of the samples.
    pub fn averages(&self) -> Averages {
        self.at(1.0 / self.beta)
    }

    /// Averages at another temperature; none where too few samples count there.
    pub fn reweighted(&self, temperature: f64) -> Option<Averages> {
        let enough = self.effective_samples(temperature) >= MIN_EFFECTIVE_SAMPLES;
        enough.then(|| self.at(temperature))
    }

    fn at(&self, temperature: f64) -> Averages {
        let (weight, scale) = self.weights(1.0 / temperature);
        let (sites, centre) = (self.sites, self.centre);
        let columns = move |e: f64, s: f64| {
            let m = s.abs() / sites;
            [e - centre, (e - centre).powi(2), m, m * m, m.powi(4)]
        };
        let mut x = [0.0; 5];
        for (e, s) in self.chains.iter().flat_map(|c| c.0.iter().zip(c.1)) {
            let w = weight(*e) / scale;
            let sums = x.iter_mut().zip(columns(*e, *s));
            sums.for_each(|(x, value)| *x += w * value);
        }
        x.iter_mut().for_each(|x| *x /= self.count());
        let heat = 1.0 / (sites * temperature * temperature);
        let m2 = x[3].max(f64::MIN_POSITIVE);
        let mean = [
            x[0] + centre,
            (x[1] - x[0] * x[0]).max(0.0) * heat,
            x[2],
            x[3],
            x[4],
            1.0 - x[4] / (3.0 * m2 * m2),
        ];
        // The slopes of each quantity by X_k.
        let slopes: [[f64; 5]; 6] = [
            [1.0, 0.0, 0.0, 0.0, 0.0],
            [-2.0 * x[0] * heat, heat, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0],
            [
                0.0,
                0.0,
                0.0,
                2.0 * x[4] / (3.0 * m2.powi(3)),
                -1.0 / (3.0 * m2 * m2),
            ],
        ];
        let error = slopes.map(|slopes| {
            let line = |e: f64, s: f64| {
                let parts = columns(e, s).into_iter().zip(x).zip(slopes);
                let sum: f64 = parts.map(|((value, x), d)| d * (value - x)).sum();
                sum * weight(e) / scale
            };
            Estimate::from_series(&series(&self.chains, line)).error
        });
        Averages {
            mean,
            error,
            tau: self.tau,
            r_hat: self.r_hat,
            effective_samples: self.effective_samples(temperature),
            cut: self.equilibration.cut,
            drift: self.equilibration.drift,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    /// Independent spins in a field: E = −h Σ s, so that all averages are known at any temperature.
    #[test]
    fn reweighted_averages_are_those_of_the_other_temperature() {
        let (sites, t) = (40, 2.0);
        let up = |t: f64| 1.0 / (1.0 + (-2.0 / t).exp());
        let (mut pulls, mut joined, mut seen) = (Vec::new(), Vec::new(), 0);
        for experiment in 0..60 {
            let chain_at = |t: f64, c: u64| {
                let mut rng = stream(3, Purpose::Law, c, experiment);
                let mut one = || {
                    let spin = |_| {
                        if rng.random::<f64>() < up(t) {
                            1.0
                        } else {
                            -1.0
                        }
                    };
                    (0..sites).map(spin).sum::<f64>()
                };
                let sums: Vec<f64> = (0..500).map(|_| one()).collect();
                let energies = sums.iter().map(|s| -s).collect();
                ChainSeries { energies, sums }
            };
            let truths = |other: f64| {
                let m = 2.0 * up(other) - 1.0;
                let n = sites as f64;
                let heat = (1.0 - m * m) / (other * other);
                [(0, -m * n), (1, heat), (3, m * m + (1.0 - m * m) / n)]
            };
            let chains: Vec<_> = (0..4).map(|c| chain_at(t, c)).collect();
            let thermal = Thermal::new(sites, t, &chains).unwrap();
            for other in [2.0, 2.5] {
                let found = thermal.reweighted(other).unwrap();
                let pull = |(k, truth): (usize, f64)| (found.mean[k] - truth) / found.error[k];
                pulls.extend(truths(other).map(pull));
                seen += 1;
            }
            let hotter: Vec<_> = (4..8).map(|c| chain_at(2.6, c)).collect();
            let hotter = Thermal::new(sites, 2.6, &hotter).unwrap();
            let parts = [&thermal, &hotter].map(|from| from.reweighted(2.3).unwrap());
            let found = Averages::joined(&parts).unwrap();
            assert!(found.error[0] < parts[0].error[0].min(parts[1].error[0]));
            let pull = |(k, truth): (usize, f64)| (found.mean[k] - truth) / found.error[k];
            joined.extend(truths(2.3).map(pull));
            assert!(thermal.reweighted(0.05).is_none());
        }
        assert_eq!((seen, Averages::joined(&[])), (120, None));
        for pulls in [pulls, joined] {
            let count = pulls.len() as f64;
            let mean = pulls.iter().sum::<f64>() / count;
            let sd = (pulls.iter().map(|p| p * p).sum::<f64>() / count).sqrt();
            assert!(
                mean.abs() < 0.25 && (0.8..1.2).contains(&sd),
                "mean {mean}, sd {sd}"
            );
        }
    }
}
