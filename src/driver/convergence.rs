//! Decides what a reader of the results has to know about their convergence, each warning with what
//! to do about it.
//!
//! Of the measurement: R-hat and drift of the energies, R-hat of the spins, effective samples,
//! acceptance, bounds. Of the optimisation: the energy E of the last twentieth of the steps lies
//! above the lowest such mean by five standard errors and by a twentieth of the descent from the
//! first one.

use super::Run;
use super::history::{History, place};
use super::measure::Measurement;
use super::statistics::Energy;
use crate::stats::limits::{MAX_CONFIGURATION_R_HAT, MAX_R_HAT, MIN_EFFECTIVE_SAMPLES};
use crate::stats::with_error;

/// Warnings of a measurement; `names` are those of the observables, `lower_bound` one of the
/// energy.
pub fn of_measurement(
    m: &Measurement,
    energy: &Energy,
    names: &[&str],
    lower_bound: f64,
) -> Vec<String> {
    let mut list = Vec::new();
    let e = &m.equilibration;
    if e.cut > 0 {
        list.push(format!(
            "the chains were not in equilibrium: the first {} of {} samples of each were cut; \
             raise measure.burn_in",
            e.cut, m.per_chain
        ));
    }
    if e.drifts() {
        list.push(format!(
            "the energy still drifts (by {:.0} standard errors between the halves): the chains are \
             not in equilibrium; raise \
             measure.burn_in and measure.samples",
            e.drift.abs()
        ));
    }
    if energy.r_hat > MAX_R_HAT {
        list.push(format!(
            "R-hat is {:.2}: the chains disagree; raise measure.burn_in, sampler.sweeps or \
             measure.samples, or add moves",
            energy.r_hat
        ));
    }
    let spins = m.spins.as_ref().map_or(1.0, |s| s.r_hat);
    if spins > MAX_CONFIGURATION_R_HAT {
        list.push(format!(
            "R-hat of the spins is {spins:.2}: chains stay in different regions, which the moves \
             do not join; add moves such as \
             \"global-flip\", or raise sampler.sweeps or measure.samples"
        ));
    } else {
        for (name, summary) in names
            .iter()
            .zip(&m.observed)
            .filter(|(_, s)| s.r_hat > MAX_R_HAT)
        {
            list.push(format!(
                "R-hat of {name} is {:.2}: its error bar is not to be trusted; raise \
                 measure.samples or sampler.sweeps",
                summary.r_hat
            ));
        }
    }
    let (proposed, accepted): (f64, f64) = (m.proposed.iter().sum(), m.accepted.iter().sum());
    if proposed > 0.0 && accepted < 1e-3 * proposed {
        list.push(format!(
            "only {:.1e} of the proposals were accepted: the chains hardly move; use other moves \
             or more sweeps",
            accepted / proposed
        ));
    }
    let frozen = m.accepted.iter().filter(|&&a| a == 0.0).count();
    if frozen > 0 {
        list.push(format!(
            "{frozen} chains never moved: the error bar is not to be trusted; use other moves, \
             more sweeps or burn-in"
        ));
    }
    let mean = accepted / m.accepted.len().max(1) as f64;
    let slow = m
        .accepted
        .iter()
        .filter(|&&a| a > 0.0 && a < 0.01 * mean)
        .count();
    if slow > 0 {
        list.push(format!(
            "{slow} chains are stuck, with less than a hundredth of the mean acceptance; use other \
             moves or more sweeps"
        ));
    }
    if energy.effective_samples < MIN_EFFECTIVE_SAMPLES {
        list.push(format!(
            "only {:.0} effective samples: the error bar itself is uncertain; raise \
             measure.samples",
            energy.effective_samples
        ));
    }
    if energy.mean.re + 4.0 * energy.error < lower_bound - 1e-9 * lower_bound.abs() {
        list.push(format!(
            "the energy {} lies below the bound {lower_bound} that no state can cross: do not use \
             it; \
             sample longer and check the chains",
            energy.mean.re
        ));
    }
    if energy.mean.im.abs() > 5.0 * energy.error.max(1e-10 * energy.mean.re.abs()) {
        list.push(format!(
            "Im E = {:.2e} is not zero within its error bar: sample longer, the wave function has \
             near-zeros",
            energy.mean.im
        ));
    }
    list
}

const REJECTED: usize = place("rejected");

/// How many steps were undone, if more than a fiftieth of them.
fn undone(history: &History) -> Option<String> {
    let count = history.rows.iter().filter(|r| r[REJECTED] > 0.0).count();
    let total = history.rows.len();
    let text = format!(
        "{count} of {total} steps were undone: a lower optimize.learning_rate may serve better"
    );
    (50 * count > total).then_some(text)
}

/// Warnings of an optimisation that follows the energy downhill.
///
/// Steps whose energy is below `lower_bound` or has no finite error are no measure of the best.
pub fn of_optimisation(history: &History, lower_bound: f64) -> Vec<String> {
    let rows = &history.rows;
    let length = (rows.len() / 20).max(5);
    if rows.len() < 4 * length {
        return Vec::new();
    }
    let sound = |r: &&super::history::Row| {
        r[REJECTED] == 0.0 && r[2].is_finite() && r[0] >= lower_bound - 5.0 * r[2]
    };
    let mean = |rows: &[super::history::Row]| {
        let kept: Vec<_> = rows.iter().filter(sound).collect();
        let n = kept.len() as f64;
        let sum = |k: usize, p: i32| kept.iter().map(|r| r[k].powi(p)).sum::<f64>();
        (2 * kept.len() >= length).then(|| (sum(0, 1) / n, sum(2, 2).sqrt() / n))
    };
    let windows: Vec<(f64, f64)> = rows
        .rchunks(length)
        .filter(|w| w.len() == length)
        .filter_map(mean)
        .collect();
    let [last, .., first] = windows[..] else {
        return Vec::new();
    };
    let best = windows
        .iter()
        .copied()
        .fold(last, |b, w| if w.0 < b.0 { w } else { b });
    let noise = 5.0 * (last.1 * last.1 + best.1 * best.1).sqrt();
    let mut list = Vec::new();
    if last.0 - best.0
        > noise
            .max(0.05 * (first.0 - best.0))
            .max(1e-9 * best.0.abs())
    {
        list.push(format!(
            "the optimisation diverged: E = {} at the end, {} before; lower \
             optimize.learning_rate, or set \
             optimize.max_distance or a larger optimize.shift",
            with_error(last.0, last.1),
            with_error(best.0, best.1)
        ));
    }
    list
}

impl Run<'_> {
    /// What is wrong with the optimisation; a state that stays orthogonal to others may climb.
    pub(super) fn optimisation_warnings(&self) -> Vec<String> {
        let history = &self.progress.history;
        let mut list: Vec<String> = undone(history).into_iter().collect();
        if self.orthogonal.is_empty() {
            list.extend(of_optimisation(history, self.problem.facts.lower_bound()));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Equilibration, Summary};
    use num_complex::Complex64;

    fn energy() -> Energy {
        Energy {
            mean: Complex64::new(-1.0, 0.0),
            error: 0.01,
            variance: 1.0,
            tau: 0.5,
            effective_samples: 1e4,
            r_hat: 1.0,
        }
    }

    #[test]
    fn each_fault_has_its_warning_and_a_sound_run_has_none() {
        let sound = Measurement {
            proposed: vec![100.0; 4],
            accepted: vec![40.0; 4],
            ..Measurement::default()
        };
        let warnings = |m: &Measurement, e: &Energy| of_measurement(m, e, &["m"], -2.0);
        assert!(warnings(&sound, &energy()).is_empty());
        let summary = |r_hat: f64| Summary {
            r_hat,
            ..Summary::default()
        };
        for faulty in [
            Measurement {
                accepted: vec![40.0, 0.0, 40.0, 40.0],
                ..sound.clone()
            },
            Measurement {
                accepted: vec![40.0, 0.1, 40.0, 40.0],
                ..sound.clone()
            },
            Measurement {
                proposed: vec![1e6; 4],
                accepted: vec![1.0; 4],
                ..sound.clone()
            },
            Measurement {
                spins: Some(summary(1.5)),
                ..sound.clone()
            },
            Measurement {
                observed: vec![summary(1.5)],
                ..sound.clone()
            },
            Measurement {
                equilibration: Equilibration {
                    cut: 10,
                    drift: 0.0,
                },
                ..sound.clone()
            },
            Measurement {
                equilibration: Equilibration {
                    cut: 0,
                    drift: -9.0,
                },
                ..sound.clone()
            },
        ] {
            assert_eq!(warnings(&faulty, &energy()).len(), 1, "{faulty:?}");
        }
        assert_eq!(
            warnings(
                &sound,
                &Energy {
                    r_hat: 1.2,
                    ..energy()
                }
            )
            .len(),
            1
        );
        assert_eq!(of_measurement(&sound, &energy(), &[], -0.5).len(), 1);
        assert_eq!(
            warnings(
                &sound,
                &Energy {
                    mean: Complex64::new(-1.0, 0.2),
                    ..energy()
                }
            )
            .len(),
            1
        );
        assert_eq!(
            warnings(
                &sound,
                &Energy {
                    effective_samples: 10.0,
                    ..energy()
                }
            )
            .len(),
            1
        );
    }

    #[test]
    fn an_energy_that_rises_again_is_a_divergence() {
        let history = |energy: &dyn Fn(usize) -> f64, steps: usize| {
            let mut history = History::default();
            for step in 0..steps {
                let mut row = [0.0; super::super::history::COLUMNS.len()];
                (row[0], row[2]) = (energy(step), 0.01);
                row[place("iterations")] = -1.0;
                history.rows.push(row);
            }
            history
        };
        let falls = |step: usize| -10.0 + 5.0 * (-(step as f64) / 20.0).exp();
        assert!(of_optimisation(&history(&falls, 200), -20.0).is_empty());
        let rises = |step: usize| if step < 150 { falls(step) } else { -7.0 };
        assert_eq!(of_optimisation(&history(&rises, 200), -20.0).len(), 1);
        let breaks = |step: usize| {
            if step < 100 {
                falls(step)
            } else if step < 120 {
                -1e300
            } else {
                3.0
            }
        };
        assert_eq!(of_optimisation(&history(&breaks, 200), -20.0).len(), 1);
        assert!(of_optimisation(&history(&rises, 10), -20.0).is_empty());
    }
}
