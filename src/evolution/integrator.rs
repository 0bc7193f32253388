//! Decides how a step in time is made: explicit Runge–Kutta methods, their error estimates, step
//! sizes and dense output.
//!
//! y₁ = y₀ + h Σ b_i k_i with k_i = f(t + c_i h, y₀ + h Σ_j a_ij k_j); the slope at the new
//! point, f(t + h, y₁), is the first slope of the next step. Embedded pairs estimate the error of
//! a step as e = h Σ e_i k_i. Between the ends of a step, y(s) = Hermite cubic of (y₀, k₀,
//! y₁, k₁) + s² (1−s)² h Σ d_i k_i. (E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary
//! Differential Equations I.)

use super::tableau::{BOGACKI_SHAMPINE, DORMAND_PRINCE, HEUN, RK4, Tableau};
use crate::error::Result;
use schemars::JsonSchema;
use serde::Deserialize;

/// An integrator that inputs can name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Integrator {
    /// Second order, fixed steps.
    #[default]
    Heun,
    /// Fourth order, fixed steps.
    Rk4,
    /// Third order with a second-order estimate of the error, adaptive steps.
    BogackiShampine,
    /// Fifth order with a fourth-order estimate of the error, adaptive steps.
    DormandPrince,
}

/// What is integrated. Every call is made by all ranks with the same arguments.
pub trait System {
    /// f(t, y); `None`, on every rank, where it is not finite.
    fn slope(&mut self, time: f64, y: &[f64]) -> Result<Option<Vec<f64>>>;
    /// Keeps the metric of the last slope until the next call.
    fn mark(&mut self);
    /// Length of a change of y in the metric of the last slope or in the marked one, whichever is
    /// longer.
    fn length(&self, change: &[f64]) -> Result<f64>;
    /// Standard deviation of the last slope from sampling, in the same metric.
    fn noise(&self) -> f64;
}

/// What came of trying a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Start of the step and its length.
    pub start: f64,
    /// h
    pub step: f64,
    /// y at both ends.
    pub ends: [Vec<f64>; 2],
    /// All slopes, the first at the start, the last at the end of the step.
    pub slopes: Vec<Vec<f64>>,
    /// Length of the error estimate; 0 for fixed steps.
    pub error: f64,
    /// Sampling noise of the error estimate.
    pub noise: f64,
}

/// y + h Σ w_i k_i.
fn combine(y: &[f64], step: f64, weights: &[f64], slopes: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = y.to_vec();
    for (&w, slope) in weights.iter().zip(slopes).filter(|(w, _)| **w != 0.0) {
        sum.iter_mut()
            .zip(slope)
            .for_each(|(s, k)| *s += step * w * k);
    }
    sum
}

impl Integrator {
    fn tableau(self) -> &'static Tableau {
        match self {
            Integrator::Heun => &HEUN,
            Integrator::Rk4 => &RK4,
            Integrator::BogackiShampine => &BOGACKI_SHAMPINE,
            Integrator::DormandPrince => &DORMAND_PRINCE,
        }
    }

    /// Whether steps adapt to an estimate of the error.
    pub fn is_adaptive(self) -> bool {
        !self.tableau().error.is_empty()
    }

    /// Slopes that one step evaluates.
    pub fn slopes_per_step(self) -> usize {
        self.tableau().b.len()
    }

    /// Tries one step from `y` with the slope `first` there and the noise of that slope; `None`
    /// where a slope is not finite.
    pub fn attempt(
        self,
        system: &mut dyn System,
        start: f64,
        step: f64,
        y: &[f64],
        first: (&[f64], f64),
    ) -> Result<Option<Attempt>> {
        let tableau = self.tableau();
        let mut slopes = vec![first.0.to_vec()];
        let mut noises = vec![first.1];
        for row in tableau.a {
            let c: f64 = row.iter().sum();
            let Some(slope) = system.slope(start + c * step, &combine(y, step, row, &slopes))?
            else {
                return Ok(None);
            };
            noises.push(system.noise());
            // A step far too long ends where the metric has collapsed: the stage nearest to the
            // start still sees its error.
            if slopes.len() == 1 && self.is_adaptive() {
                system.mark();
            }
            slopes.push(slope);
        }
        let end = combine(y, step, tableau.b, &slopes);
        let Some(slope) = system.slope(start + step, &end)? else {
            return Ok(None);
        };
        slopes.push(slope);
        noises.push(system.noise());
        let (mut error, mut noise) = (0.0, 0.0);
        if self.is_adaptive() {
            error = system.length(&combine(&vec![0.0; y.len()], step, tableau.error, &slopes))?;
            // The slopes come from different samples: their errors add up in squares.
            noise = step
                * tableau
                    .error
                    .iter()
                    .zip(&noises)
                    .map(|(e, n)| (e * n).powi(2))
                    .sum::<f64>()
                    .sqrt();
        }
        Ok(Some(Attempt {
            start,
            step,
            ends: [y.to_vec(), end],
            slopes,
            error,
            noise,
        }))
    }

    /// y at a time within the step.
    pub fn interpolate(self, attempt: &Attempt, time: f64) -> Vec<f64> {
        let s = (time - attempt.start) / attempt.step;
        let (last, h) = (attempt.slopes.len() - 1, attempt.step);
        let bump = combine(
            &vec![0.0; attempt.ends[0].len()],
            h * (s * (1.0 - s)).powi(2),
            self.tableau().dense,
            &attempt.slopes,
        );
        (0..bump.len())
            .map(|i| {
                let (y0, y1) = (attempt.ends[0][i], attempt.ends[1][i]);
                let (k0, k1) = (h * attempt.slopes[0][i], h * attempt.slopes[last][i]);
                let inner = (1.0 - 2.0 * s) * (y1 - y0) + (s - 1.0) * k0 + s * k1;
                (1.0 - s) * y0 + s * y1 + s * (s - 1.0) * inner + bump[i]
            })
            .collect()
    }

    /// dy/dt of [`Integrator::interpolate`] at a time within the step; at its ends these are the
    /// slopes there.
    pub fn interpolated_slope(self, attempt: &Attempt, time: f64) -> Vec<f64> {
        let s = (time - attempt.start) / attempt.step;
        let (last, h) = (attempt.slopes.len() - 1, attempt.step);
        let factor = h * 2.0 * s * (1.0 - s) * (1.0 - 2.0 * s);
        let bump = combine(
            &vec![0.0; attempt.ends[0].len()],
            factor,
            self.tableau().dense,
            &attempt.slopes,
        );
        (0..bump.len())
            .map(|i| {
                let way = attempt.ends[1][i] - attempt.ends[0][i];
                let (k0, k1) = (h * attempt.slopes[0][i], h * attempt.slopes[last][i]);
                let inner = (1.0 - 2.0 * s) * way + (s - 1.0) * k0 + s * k1;
                (way + (2.0 * s - 1.0) * inner + s * (s - 1.0) * (k0 + k1 - 2.0 * way) + bump[i])
                    / h
            })
            .collect()
    }

    /// Whether a step with this error is kept, and the factor on the step for the next attempt.
    ///
    /// An error within twice its own sampling noise says nothing about the step, which is then
    /// neither rejected nor reduced.
    pub fn judge(self, error: f64, noise: f64, tolerance: f64) -> (bool, f64) {
        if !self.is_adaptive() {
            return (true, 1.0);
        }
        let factor = (0.9
            * (tolerance / error.max(f64::MIN_POSITIVE)).powf(1.0 / self.tableau().order))
        .clamp(0.2, 2.0);
        if error > 2.0 * noise {
            (error <= tolerance, factor)
        } else {
            (true, factor.max(1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y'' = −(1 + t) y, as two equations, against a solution with very small steps.
    struct Airy {
        noise: f64,
    }
    impl System for Airy {
        fn slope(&mut self, time: f64, y: &[f64]) -> Result<Option<Vec<f64>>> {
            Ok(Some(vec![y[1], -(1.0 + time) * y[0]]))
        }
        fn mark(&mut self) {}
        fn length(&self, change: &[f64]) -> Result<f64> {
            Ok(change.iter().map(|v| v * v).sum::<f64>().sqrt())
        }
        fn noise(&self) -> f64 {
            self.noise
        }
    }

    const ALL: [(Integrator, f64); 4] = [
        (Integrator::Heun, 2.0),
        (Integrator::Rk4, 4.0),
        (Integrator::BogackiShampine, 3.0),
        (Integrator::DormandPrince, 5.0),
    ];

    fn go(method: Integrator, steps: usize, end: f64) -> (Vec<f64>, Attempt) {
        let mut system = Airy { noise: 0.0 };
        let h = end / steps as f64;
        let mut y = vec![1.0, 0.3];
        let mut slope = system.slope(0.0, &y).unwrap().unwrap();
        let mut last = None;
        for n in 0..steps {
            let attempt = method
                .attempt(&mut system, n as f64 * h, h, &y, (&slope, 0.0))
                .unwrap()
                .unwrap();
            y.clone_from(&attempt.ends[1]);
            slope.clone_from(attempt.slopes.last().unwrap());
            last = Some(attempt);
        }
        (y, last.unwrap())
    }

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - y).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    #[test]
    fn each_method_has_its_order() {
        let exact = go(Integrator::DormandPrince, 4000, 2.0).0;
        for (method, order) in ALL {
            let error = |steps| distance(&go(method, steps, 2.0).0, &exact);
            let measured = (error(20) / error(40)).log2();
            assert!((measured - order).abs() < 0.25, "{method:?}: {measured}");
        }
    }

    #[test]
    fn dense_output_is_as_good_as_promised() {
        // Halving one first step: local errors fall as h^4 for the cubic, h^5 for the quartic of
        // Dormand and Prince.
        for (method, order) in [
            (Integrator::BogackiShampine, 4.0),
            (Integrator::DormandPrince, 5.0),
        ] {
            let error = |h: f64| {
                let (_, attempt) = go(method, 1, h);
                distance(
                    &method.interpolate(&attempt, 0.3 * h),
                    &go(Integrator::DormandPrince, 200, 0.3 * h).0,
                )
            };
            let measured = (error(0.2) / error(0.1)).log2();
            assert!((measured - order).abs() < 0.35, "{method:?}: {measured}");
            let (y, attempt) = go(method, 1, 0.5);
            assert!(distance(&method.interpolate(&attempt, 0.5), &y) < 1e-15);
            // Its derivative, and the slopes at both ends.
            let at = |t: f64| method.interpolate(&attempt, t);
            let slope: Vec<f64> = at(0.2001)
                .iter()
                .zip(at(0.1999))
                .map(|(a, b)| (a - b) / 2e-4)
                .collect();
            assert!(distance(&method.interpolated_slope(&attempt, 0.2), &slope) < 1e-7);
            assert!(
                distance(
                    &method.interpolated_slope(&attempt, 0.0),
                    &attempt.slopes[0]
                ) < 1e-14
            );
            assert!(
                distance(
                    &method.interpolated_slope(&attempt, 0.5),
                    attempt.slopes.last().unwrap()
                ) < 1e-14
            );
        }
    }

    #[test]
    fn error_estimates_have_their_order_and_rule_the_step() {
        for (method, order) in [
            (Integrator::BogackiShampine, 3.0),
            (Integrator::DormandPrince, 5.0),
        ] {
            let measured = (go(method, 1, 0.2).1.error / go(method, 1, 0.1).1.error).log2();
            assert!((measured - order).abs() < 0.35, "{method:?}: {measured}");
            let (kept, factor) = method.judge(1e-3, 0.0, 1e-4);
            assert!(!kept && (0.2..1.0).contains(&factor));
            assert_eq!(method.judge(1e-30, 0.0, 1e-4), (true, 2.0));
            // The same error within twice its noise is no reason for a smaller step.
            assert_eq!(method.judge(1e-3, 0.6e-3, 1e-4), (true, 1.0));
            assert!(!method.judge(1e-3, 0.4e-3, 1e-4).0);
        }
        let noisy = |noise: f64| {
            let mut system = Airy { noise };
            let y = [1.0, 0.3];
            let slope = system.slope(0.0, &y).unwrap().unwrap();
            Integrator::BogackiShampine
                .attempt(&mut system, 0.0, 0.1, &y, (&slope, noise))
                .unwrap()
                .unwrap()
                .noise
        };
        assert!(noisy(1.0) > 0.0 && (noisy(2.0) / noisy(1.0) - 2.0).abs() < 1e-12);
    }
}
