//! Decides how correlations in imaginary time are estimated, C(k) = ⟨A(τ + k Δτ) B(τ)⟩ of diagonal
//! A and B, and what gap they decay with.
//!
//! Both times are within a window about the visible slice, where the circuit is long enough for the
//! ground state on either side. There C(k) = Σ_n |⟨0|A|n⟩|² e^{−k Δτ (E_n − E_0)} for A = B, and
//! ln(C(k)/C(k + 1))/Δτ goes to the lowest gap of states that A reaches.

use super::WorldLines;

/// What is correlated with itself or with another site.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// σᶻ of the first site later, of the second one earlier, and the other way round.
    Pair([usize; 2]),
    /// A = B = Σ w_i σᶻ_i
    Mode(Vec<f64>),
}

/// Correlations of probes over a window of slices.
#[derive(Debug, Clone)]
pub struct TimeCorrelations {
    probes: Vec<Probe>,
    /// Slices from one time to the next.
    stride: usize,
    /// Times on each side of the visible slice.
    reach: usize,
    window: Vec<i8>,
}

impl TimeCorrelations {
    /// Of times that are `stride` slices apart, up to `reach` on each side of the visible slice.
    pub fn new(probes: Vec<Probe>, stride: usize, reach: usize) -> Self {
        TimeCorrelations {
            probes,
            stride: stride.max(1),
            reach,
            window: Vec::new(),
        }
    }

    /// C(0) to C(2 `reach`) of each probe in turn, averaged over the window; empty where the
    /// circuit is shorter than the window.
    pub fn columns(&mut self, lines: &dyn WorldLines) -> Vec<f64> {
        let sites = lines.visible().len();
        let mut slices = 0usize;
        lines.each_slice(&mut |_| slices += 1);
        let span = self.stride * self.reach;
        let Some(first) = (slices / 2 - 1).checked_sub(span) else {
            return Vec::new();
        };
        self.window.clear();
        let mut at = 0;
        lines.each_slice(&mut |slice| {
            // The visible slice comes twice.
            let t = at - usize::from(at >= slices / 2);
            let is_second = at == slices / 2;
            at += 1;
            let is_inside = (first..=first + 2 * span).contains(&t) && !is_second;
            if is_inside && (t - first).is_multiple_of(self.stride) {
                self.window.extend_from_slice(slice);
            }
        });
        let times = 2 * self.reach + 1;
        let mut out = Vec::with_capacity(self.probes.len() * times);
        for probe in &self.probes {
            let value = |site: usize| self.window[site..].iter().step_by(sites).map(real);
            let (a, b): (Vec<f64>, Vec<f64>) = match probe {
                Probe::Pair([l, m]) => (value(*l).collect(), value(*m).collect()),
                Probe::Mode(weights) => {
                    let slices = self.window.chunks(sites);
                    let sum = |slice: &[i8]| slice.iter().zip(weights).map(product).sum();
                    let mode: Vec<f64> = slices.map(sum).collect();
                    (mode.clone(), mode)
                }
            };
            out.extend((0..times).map(|k| {
                let both = |t: usize| a[t + k] * b[t] + b[t + k] * a[t];
                (0..times - k).map(both).sum::<f64>() / (2 * (times - k)) as f64
            }));
        }
        out
    }
}

fn real(spin: &i8) -> f64 {
    f64::from(*spin)
}

fn product((spin, weight): (&i8, &f64)) -> f64 {
    weight * real(spin)
}

/// ln(C(k)/C(k + 1))/Δτ for each k of the correlations of one probe; not a number where these have
/// lost their sign to noise.
pub fn gaps(correlations: &[f64], step: f64) -> Vec<f64> {
    let two = correlations.windows(2);
    two.map(|c| (c[0] / c[1]).ln() / step).collect()
}
