//! Decides how a coupling changes with time: linear, smooth, periodic or tabulated.

use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// A coupling as a function of time.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Ramp {
    /// From one value to another at a constant rate, constant before and after
    Linear {
        /// Until `start`
        from: f64,
        /// After `start + duration`
        to: f64,
        /// Time at which the change begins (0)
        #[serde(default)]
        start: f64,
        /// Length of the change
        duration: f64,
    },
    /// As linear, with two continuous derivatives: from + (to − from) s³ (10 − 15 s + 6 s²)
    Smooth {
        /// Until `start`
        from: f64,
        /// After `start + duration`
        to: f64,
        /// Time at which the change begins (0)
        #[serde(default)]
        start: f64,
        /// Length of the change
        duration: f64,
    },
    /// mean + amplitude sin(omega t + phase)
    Periodic {
        /// Mean value
        mean: f64,
        /// Amplitude
        amplitude: f64,
        /// Angular frequency
        omega: f64,
        /// Phase at time 0 (0)
        #[serde(default)]
        phase: f64,
    },
    /// Straight lines between [time, value], constant before and after
    Table {
        /// Pairs [time, value] in increasing order of time
        points: Vec<(f64, f64)>,
    },
}

impl Ramp {
    /// The value at a time.
    pub fn at(&self, time: f64) -> f64 {
        let progress = |start: f64, duration: f64| ((time - start) / duration).clamp(0.0, 1.0);
        match self {
            Ramp::Linear {
                from,
                to,
                start,
                duration,
            } => from + (to - from) * progress(*start, *duration),
            Ramp::Smooth {
                from,
                to,
                start,
                duration,
            } => {
                let s = progress(*start, *duration);
                from + (to - from) * s.powi(3) * (10.0 + s * (6.0 * s - 15.0))
            }
            Ramp::Periodic {
                mean,
                amplitude,
                omega,
                phase,
            } => mean + amplitude * (omega * time + phase).sin(),
            Ramp::Table { points } => {
                let after = points.partition_point(|(t, _)| *t <= time);
                match (
                    after.checked_sub(1).and_then(|k| points.get(k)),
                    points.get(after),
                ) {
                    (Some((t0, v0)), Some((t1, v1))) => v0 + (v1 - v0) * (time - t0) / (t1 - t0),
                    (Some((_, v)), None) | (None, Some((_, v))) => *v,
                    (None, None) => 0.0,
                }
            }
        }
    }

    /// Refuses numbers that are not finite, durations that are not positive, and times that do not
    /// increase.
    pub fn validate(&self, key: &str) -> Result<()> {
        let (numbers, problem) = match self {
            Ramp::Linear {
                from,
                to,
                start,
                duration,
            }
            | Ramp::Smooth {
                from,
                to,
                start,
                duration,
            } => (
                vec![*from, *to, *start, *duration],
                (*duration <= 0.0).then_some("the duration is not positive"),
            ),
            Ramp::Periodic {
                mean,
                amplitude,
                omega,
                phase,
            } => (vec![*mean, *amplitude, *omega, *phase], None),
            Ramp::Table { points } => {
                let ordered = !points.is_empty() && points.windows(2).all(|w| w[0].0 < w[1].0);
                let numbers = points.iter().flat_map(|(t, v)| [*t, *v]).collect();
                (
                    numbers,
                    (!ordered)
                        .then_some("the times of the table do not increase, or there are none"),
                )
            }
        };
        let infinite = numbers
            .iter()
            .any(|v| !v.is_finite())
            .then_some("a number is not finite");
        match problem.or(infinite) {
            None => Ok(()),
            Some(problem) => Err(Error::input(
                key,
                problem,
                "`nishina reference` shows evolve.ramps",
            )),
        }
    }

    /// Times at which the value has a corner or an extreme, for checks before the start.
    pub fn landmarks(&self) -> Vec<f64> {
        match self {
            Ramp::Linear {
                start, duration, ..
            }
            | Ramp::Smooth {
                start, duration, ..
            } => {
                vec![*start, start + 0.5 * duration, start + duration]
            }
            Ramp::Periodic { omega, phase, .. } => (0..4)
                .map(|k| (0.5 * std::f64::consts::PI * k as f64 - phase) / omega)
                .filter(|t| t.is_finite())
                .collect(),
            Ramp::Table { points } => points.iter().map(|p| p.0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_formulas() {
        let linear = Ramp::Linear {
            from: 1.0,
            to: 3.0,
            start: 1.0,
            duration: 2.0,
        };
        assert_eq!(
            [0.0, 1.0, 2.0, 3.0, 9.0].map(|t| linear.at(t)),
            [1.0, 1.0, 2.0, 3.0, 3.0]
        );
        let smooth = Ramp::Smooth {
            from: 1.0,
            to: 3.0,
            start: 0.0,
            duration: 2.0,
        };
        assert_eq!([0.0, 1.0, 2.0].map(|t| smooth.at(t)), [1.0, 2.0, 3.0]);
        let slope = |t: f64| (smooth.at(t + 1e-6) - smooth.at(t - 1e-6)) / 2e-6;
        assert!(
            slope(0.0).abs() < 1e-6 && slope(2.0).abs() < 1e-6 && (slope(1.0) - 1.875).abs() < 1e-6
        );
        let periodic = Ramp::Periodic {
            mean: 1.0,
            amplitude: 0.5,
            omega: 2.0,
            phase: 0.0,
        };
        assert!((periodic.at(std::f64::consts::FRAC_PI_4) - 1.5).abs() < 1e-12);
        let table = Ramp::Table {
            points: vec![(0.0, 1.0), (1.0, 2.0), (3.0, 0.0)],
        };
        assert_eq!(
            [-1.0, 0.5, 1.0, 2.0, 3.0, 4.0].map(|t| table.at(t)),
            [1.0, 1.5, 2.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn broken_ramps_are_refused() {
        for ramp in [
            Ramp::Linear {
                from: 1.0,
                to: 3.0,
                start: 1.0,
                duration: 0.0,
            },
            Ramp::Smooth {
                from: f64::NAN,
                to: 3.0,
                start: 1.0,
                duration: 1.0,
            },
            Ramp::Table { points: vec![] },
            Ramp::Table {
                points: vec![(1.0, 0.0), (0.0, 1.0)],
            },
        ] {
            assert!(ramp.validate("evolve.ramps.hx").is_err(), "{ramp:?}");
        }
    }
}
