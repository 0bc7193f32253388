//! Decides how the overlap of two states follows from the ratios of their amplitudes on the samples
//! x of one of them.
//!
//! ```text
//! r(x) = φ(x)/ψ(x)        cos² D = |⟨r⟩|²/⟨|r|²⟩ = |⟨ψ|φ⟩|²/(⟨ψ|ψ⟩⟨φ|φ⟩)
//! ```
//! Ratios are taken relative to the largest, so that none overflows.

use crate::comm::Comm;
use crate::error::Result;
use num_complex::Complex64;

/// Means of the ratios of two states, the same on every rank.
#[derive(Debug, Clone, Copy)]
pub struct RatioMeans {
    /// The largest ln |r|.
    largest: f64,
    /// ⟨r⟩ and ⟨|r|²⟩ of ratios divided by the largest.
    mean: Complex64,
    square: f64,
    is_finite: bool,
    deterministic: bool,
}

impl RatioMeans {
    /// From ln r of the samples of this rank, each with its weight.
    pub fn new(comm: &dyn Comm, logs: &[(Complex64, f64)], deterministic: bool) -> Result<Self> {
        let highest = logs
            .iter()
            .map(|(l, _)| l.re)
            .fold(f64::NEG_INFINITY, f64::max);
        // An amplitude may vanish, but not be no number.
        let not_finite = logs
            .iter()
            .any(|(l, _)| l.re.is_nan() || l.re == f64::INFINITY);
        let mut extremes = [highest, f64::from(u8::from(not_finite))];
        comm.max(&mut extremes)?;
        let [largest, not_finite] = extremes;
        let parts = logs.iter().flat_map(|(log, weight)| {
            let ratio = relative(*log, largest);
            [ratio.re, ratio.im, ratio.norm_sqr()].map(|part| weight * part)
        });
        let [re, im, square] = summed(comm, parts.collect(), deterministic)?;
        Ok(RatioMeans {
            largest,
            mean: Complex64::new(re, im),
            square,
            is_finite: not_finite == 0.0 && largest.is_finite(),
            deterministic,
        })
    }

    /// cos² D; `None` where it is no number.
    pub fn overlap(&self) -> Option<f64> {
        let overlap = (self.mean.re.powi(2) + self.mean.im.powi(2)) / self.square;
        Some(overlap).filter(|o| self.is_finite && o.is_finite())
    }

    /// 1 − r/⟨r⟩ of a sample; the force of −ln cos² D is ⟨Ō^* (1 − r/⟨r⟩)⟩.
    pub fn residual(&self, log: Complex64) -> Complex64 {
        1.0 - relative(log, self.largest) / self.mean
    }

    /// 1 − cos² D from the residuals of the samples of this rank with their weights, which keeps
    /// its digits where states are close.
    pub fn infidelity(&self, comm: &dyn Comm, residuals: &[(Complex64, f64)]) -> Result<f64> {
        let rows = residuals
            .iter()
            .flat_map(|(e, w)| [w * e.norm_sqr(), 0.0, 0.0]);
        let [spread, ..] = summed(comm, rows.collect(), self.deterministic)?;
        Ok(spread / (1.0 + spread))
    }
}

/// e^log in units of e^largest.
fn relative(log: Complex64, largest: f64) -> Complex64 {
    match log.re > f64::NEG_INFINITY {
        true => (log - largest).exp(),
        false => Complex64::ZERO,
    }
}

/// The sums of rows of three numbers over all ranks, in an order that does not depend on the ranks
/// where that is asked for.
fn summed(comm: &dyn Comm, mut rows: Vec<f64>, deterministic: bool) -> Result<[f64; 3]> {
    if deterministic {
        rows = comm.gather(&rows)?;
    }
    let add = |[a, b, c]: [f64; 3], row: &[f64]| [a + row[0], b + row[1], c + row[2]];
    let mut sums = rows.chunks_exact(3).fold([0.0; 3], add);
    match deterministic {
        true => comm.broadcast(&mut sums)?,
        false => comm.sum(&mut sums)?,
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::Serial;

    #[test]
    fn overlaps_of_two_states_are_exact_however_far_their_norms_are_apart() {
        // ψ = (1, 2), φ = e^900 (1, 2 + 1e-9 i): 1 − cos² D = |δ|² |ψ_0|²/(⟨ψ|ψ⟩⟨φ|φ⟩).
        let weights = [0.2, 0.8];
        let far = Complex64::new(900.0, 0.3);
        let logs = [far, far + Complex64::new(1.0, 0.5e-9).ln()];
        let pairs = |values: [Complex64; 2]| values.into_iter().zip(weights).collect::<Vec<_>>();
        let means = RatioMeans::new(&Serial, &pairs(logs), true).unwrap();
        assert!((means.overlap().unwrap() - 1.0).abs() < 1e-15);
        let residuals = pairs(logs.map(|l| means.residual(l)));
        let infidelity = means.infidelity(&Serial, &residuals).unwrap();
        assert!(
            (infidelity / (0.16 * 0.25e-18) - 1.0).abs() < 1e-3,
            "{infidelity}"
        );
    }

    #[test]
    fn numbers_that_are_not_finite_have_no_overlap() {
        for log in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let logs = [(Complex64::new(log, 0.0), 1.0)];
            assert!(
                RatioMeans::new(&Serial, &logs, false)
                    .unwrap()
                    .overlap()
                    .is_none()
            );
        }
    }
}
