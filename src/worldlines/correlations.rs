//! Decides which slices correlations in imaginary time are taken of, C(k) = ⟨A⁺(τ + k Δτ) A(τ)⟩ of
//! diagonal A, and what gap they decay with.
//!
//! All times are within a window about the visible slice, where the circuit is long enough for the
//! ground state on either side. There C(k) = Σ_n |⟨n|A|0⟩|² e^{−k Δτ (E_n − E_0)}, and
//! ln(C(k)/C(k + 1))/Δτ goes to the lowest gap of states that A reaches.

use super::WorldLines;
use num_complex::Complex64;

/// Slices one Trotter step apart, as many before the middle of the circuit as behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeWindow {
    /// Their numbers among those of [`WorldLines::each_slice`], in ascending order.
    pub slices: Vec<usize>,
}

impl TimeWindow {
    /// Appends the spins of all its slices, one slice after the other.
    pub fn take(&self, lines: &dyn WorldLines, out: &mut Vec<i8>) {
        let (mut wanted, mut at) = (self.slices.iter().copied().peekable(), 0);
        lines.each_slice(&mut |slice| {
            if wanted.next_if_eq(&at).is_some() {
                out.extend_from_slice(slice);
            }
            at += 1;
        });
    }
}

/// C(0) to C(`count`) of times `every` entries of `values` apart, averaged over the entries; the
/// real part of f*(t + k) f(t).
pub fn correlations(values: &[Complex64], every: usize, count: usize) -> Vec<f64> {
    let mean = |k: usize| {
        let later = values.get(k * every..).unwrap_or(&[]);
        let both = later.iter().zip(values);
        let sum: f64 = both.map(|(a, b)| a.re * b.re + a.im * b.im).sum();
        sum / later.len().max(1) as f64
    };
    (0..=count).map(mean).collect()
}

/// Correlations below this part of C(0) count as this part.
const LEAST: f64 = 1e-12;
/// Those of an operator that is conserved are 0 up to rounding.
const ROUNDING: f64 = 1e-14;

/// ln(C(a)/C(b)) by the time between; a large number where noise has made C(b) negative.
pub fn gap(correlations: &[f64], (a, b): (usize, usize), time: f64) -> f64 {
    let least = (LEAST * correlations[0].abs()).max(ROUNDING);
    let log = |k: usize| correlations[k].max(least).ln();
    (log(a) - log(b)) / time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_keep_their_weight_and_decays_their_gap() {
        let wave: Vec<Complex64> = (0..9).map(|t| Complex64::cis(0.3 * t as f64)).collect();
        for (k, c) in correlations(&wave, 2, 4).iter().enumerate() {
            assert!((c - (0.6 * k as f64).cos()).abs() < 1e-14, "{k}: {c}");
        }
        let decay: Vec<f64> = (0..5).map(|k| 0.7 * (-0.4 * k as f64).exp()).collect();
        assert!((gap(&decay, (1, 4), 1.5) - 0.8).abs() < 1e-14);
        assert!(gap(&[1.0, -0.1], (0, 1), 1.0) > 20.0);
        assert_eq!(gap(&[1e-17, 1e-18], (0, 1), 1.0), 0.0);
    }
}
