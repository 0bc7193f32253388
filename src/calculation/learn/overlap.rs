//! Decides how a state is compared with the wave function on its samples: R = Φ/ψ.
//!
//! F = |⟨R⟩|²/⟨|R|²⟩. Of samples the error is that of a jackknife which leaves out one chain at a
//! time (M. H. Quenouille, Biometrika 43, 353 (1956)).

use super::judge::total;
use super::target::TargetState;
use crate::calculation::vmc::{Vmc, gather_series};
use crate::comm::Comm;
use crate::error::Result;
use num_complex::Complex64;

/// A state on the configurations of the ensemble.
pub(super) struct Overlap {
    /// R of this rank's configurations, up to a common factor.
    pub ratios: Vec<Complex64>,
    /// ⟨R⟩ over all ranks, with the same factor.
    pub mean: Complex64,
    /// F; 0 where no configuration has an amplitude in the state.
    pub fidelity: f64,
}

impl Overlap {
    /// On the present configurations.
    pub fn new(vmc: &Vmc, state: &TargetState, comm: &dyn Comm) -> Result<Self> {
        let ensemble = &*vmc.ensemble;
        let theirs = state.log_amplitudes(ensemble.configurations(), ensemble.sites());
        let ours = ensemble.log_psi();
        let logs: Vec<Complex64> = theirs.iter().zip(ours).map(|(f, p)| f - p).collect();
        let mut largest = [logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re))];
        comm.max(&mut largest)?;
        let ratio = |l: &Complex64| match l.re == f64::NEG_INFINITY {
            true => Complex64::ZERO,
            false => (l - largest[0]).exp(),
        };
        let ratios: Vec<Complex64> = logs.iter().map(ratio).collect();
        let each = ensemble.weights().iter().zip(&ratios);
        let rows = each.map(|(w, r)| [w * r.re, w * r.im, w * r.norm_sqr(), *w]);
        let [re, im, squares, weight] = total(rows, vmc.deterministic, comm)?;
        let mean = Complex64::new(re, im) / weight;
        let fidelity = match squares == 0.0 {
            true => 0.0,
            false => mean.norm_sqr() * weight / squares,
        };
        Ok(Overlap {
            ratios,
            mean,
            fidelity,
        })
    }

    /// The standard error of F where the configurations are those of chains; the same on every
    /// rank. `None` for a single chain.
    pub fn error(&self, vmc: &Vmc, comm: &dyn Comm) -> Result<Option<f64>> {
        if vmc.sampler.chains < 2 {
            return Ok(None);
        }
        let series = gather_series(comm, &self.ratios, vmc.sampler.chains)?;
        let mut found = [if comm.is_root() {
            jackknife(&series)
        } else {
            0.0
        }];
        comm.broadcast(&mut found)?;
        Ok(Some(found[0]))
    }
}

/// The error of |⟨R⟩|²/⟨|R|²⟩ from its values without each of the chains.
fn jackknife(series: &[Vec<Complex64>]) -> f64 {
    let sums = |chain: &Vec<Complex64>| {
        let squares: f64 = chain.iter().map(Complex64::norm_sqr).sum();
        let sum: Complex64 = chain.iter().sum();
        [sum.re, sum.im, squares, chain.len() as f64]
    };
    let parts: Vec<[f64; 4]> = series.iter().map(sums).collect();
    let mut whole = [0.0; 4];
    for part in &parts {
        whole.iter_mut().zip(part).for_each(|(w, p)| *w += p);
    }
    let without = parts.iter().map(|part| {
        let left: [f64; 4] = std::array::from_fn(|k| whole[k] - part[k]);
        (left[0] * left[0] + left[1] * left[1]) / (left[2] * left[3])
    });
    let without: Vec<f64> = without.collect();
    let count = without.len() as f64;
    let centre = without.iter().sum::<f64>() / count;
    let spread: f64 = without.iter().map(|f| (f - centre).powi(2)).sum();
    ((count - 1.0) / count * spread).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jackknife_is_the_scatter_of_the_chains() {
        // Of equal chains there is none; of |<R>|^2 = m^2 with <|R|^2> = 1 it is 2 m sigma.
        let constant = vec![vec![Complex64::new(0.6, 0.8); 5]; 4];
        assert!(jackknife(&constant) < 1e-12);
        let sign = |k: usize, c: usize| {
            if (k * 7 + c * c * 3) % 10 < 8 {
                1.0
            } else {
                -1.0
            }
        };
        let chain = |c: usize| (0..50).map(|k| sign(k + c, c).into()).collect();
        let series: Vec<Vec<Complex64>> = (0..200).map(chain).collect();
        let means: Vec<f64> = series
            .iter()
            .map(|s| s.iter().sum::<Complex64>().re / 50.0)
            .collect();
        let mean = means.iter().sum::<f64>() / 200.0;
        let scatter: f64 = means.iter().map(|m| (m - mean).powi(2)).sum();
        let wanted = 2.0 * mean * (scatter / (199.0 * 200.0)).sqrt();
        assert!((jackknife(&series) - wanted).abs() < 0.02 * wanted + 1e-9);
    }
}
