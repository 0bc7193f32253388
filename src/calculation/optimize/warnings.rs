//! Decides what a reader of the results has to know about an optimisation, each warning with what
//! to do about it.
//!
//! The energy E of the last twentieth of the steps lies above the lowest such mean by five standard
//! errors and by a twentieth of the descent from the first one.

use super::history::{History, StepRow};
use crate::stats::limits::{MAX_R_HAT, MIN_EFFECTIVE_FRACTION};
use crate::stats::with_error;

/// Whether the chains disagreed in most of the later steps.
pub fn disagreement(history: &History) -> Option<String> {
    let rows = &history.rows;
    let late = &rows[rows.len() / 2..];
    let apart = late.iter().filter(|r| r.r_hat > MAX_R_HAT).count();
    (2 * apart > late.len() && late.len() >= 10).then(|| {
        format!(
            "R-hat was above {MAX_R_HAT} in {apart} of the last {} steps: the chains disagree; \
             raise sampler.sweeps or add moves",
            late.len()
        )
    })
}

/// Steps from the first one that tell how an optimisation starts.
const START: usize = 6;
/// An acceptance below which, and an R-hat above which, chains do not sample the state of a start.
const STANDS: f64 = 0.02;
const APART: f64 = 2.0;

fn is_glassy(row: &StepRow) -> bool {
    let broken = row.bad_ratios + row.non_finite + row.zero_amplitudes;
    broken == 0.0 && (row.acceptance < STANDS || row.r_hat > APART)
}

/// What is wrong with one of the first steps, the first time, from the rows before and its own.
pub fn start(before: &History, row: &StepRow) -> Option<String> {
    let step = before.rows.len();
    let first = step < START && is_glassy(row) && !before.rows.iter().any(is_glassy);
    // Before the first step nothing but the start can be the cause.
    let cause = match step {
        0 => "",
        _ => {
            "; or the steps were too long: lower optimize.learning_rate, or set \
              optimize.max_distance"
        }
    };
    first.then(|| {
        format!(
            "step {step}: acceptance {:.3}, R-hat {:.3}: the chains do not sample this state; if \
             it lasts, start from a smaller ansatz.init, or set sampler.start{cause}",
            row.acceptance, row.r_hat
        )
    })
}

/// What helps an optimisation whose steps go wrong: where chains stood still before the first one,
/// its start.
pub fn remedy(history: &History) -> &'static str {
    match history.rows.first().is_some_and(is_glassy) {
        true => {
            "chains stood still or disagreed before the first step: use a smaller ansatz.init, or \
             set sampler.start"
        }
        false => "lower optimize.learning_rate, or raise optimize.shift or sampler.samples",
    }
}

/// How many steps were too far off in single precision, if any.
pub fn rounded(history: &History) -> Option<String> {
    let count = history.rows.iter().filter(|r| r.is_rounded()).count();
    let total = history.rows.len();
    let text = format!(
        "single precision was too far off in {count} of {total} steps, which were evaluated in \
         double: use ansatz.precision = \"double\""
    );
    (count > 0).then_some(text)
}

/// How many steps the optimisation used whose weights rest on few samples, if any.
pub fn few_count(history: &History) -> Option<String> {
    // A program that did not know weights recorded nothing.
    let few = |r: &&StepRow| {
        r.rejected == 0.0
            && r.effective_fraction > 0.0
            && r.effective_fraction < MIN_EFFECTIVE_FRACTION
    };
    let (count, total) = (history.rows.iter().filter(few).count(), history.rows.len());
    let text = format!(
        "in {count} of {total} steps the weights of the samples made them worth less than a \
         fraction {MIN_EFFECTIVE_FRACTION} of so many: raise sampler.power towards 2"
    );
    (count > 0).then_some(text)
}

/// How many steps were undone, if more than a fiftieth of them.
pub fn undone(history: &History) -> Option<String> {
    let count = history.rows.iter().filter(|r| r.rejected > 0.0).count();
    let total = history.rows.len();
    let text = format!("{count} of {total} steps were undone: {}", remedy(history));
    (50 * count > total).then_some(text)
}

/// Steps of a window of an optimisation of so many.
pub fn window_length(steps: usize) -> usize {
    (steps / 20).max(5)
}

/// Mean energy of a window and its standard error; none where more than half of its `length` steps
/// are no measure of it.
pub fn window_mean(rows: &[StepRow], length: usize, lower_bound: f64) -> Option<(f64, f64)> {
    let sound = |r: &&StepRow| {
        r.rejected == 0.0 && r.error.is_finite() && r.energy >= lower_bound - 5.0 * r.error
    };
    let kept: Vec<_> = rows.iter().filter(sound).collect();
    let n = kept.len() as f64;
    let energy = kept.iter().map(|r| r.energy).sum::<f64>() / n;
    let error = kept.iter().map(|r| r.error.powi(2)).sum::<f64>().sqrt() / n;
    (!kept.is_empty() && 2 * kept.len() >= length).then_some((energy, error))
}

/// Warnings of an optimisation that follows the energy downhill.
///
/// Steps whose energy is below `lower_bound` or has no finite error are no measure of the best.
pub fn of_optimisation(history: &History, lower_bound: f64) -> Vec<String> {
    let rows = &history.rows;
    let length = window_length(rows.len());
    if rows.len() < 4 * length {
        return Vec::new();
    }
    let mean = |rows: &[StepRow]| window_mean(rows, length, lower_bound);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glassy_start_is_said_once_and_names_init() {
        let row = |acceptance: f64, r_hat: f64| StepRow {
            acceptance,
            r_hat,
            rejected: 1.0,
            ..StepRow::default()
        };
        let run = |rows: &[(f64, f64)]| {
            let mut history = History::default();
            let mut said = Vec::new();
            for &(acceptance, r_hat) in rows {
                let row = row(acceptance, r_hat);
                said.push(start(&history, &row).unwrap_or_default());
                history.rows.push(row);
            }
            (history, said)
        };
        let (history, said) = run(&[(0.4, 2.5), (0.4, 1.0), (0.0, 1.0)]);
        let named = |text: &String| ["ansatz.init", "learning_rate"].map(|key| text.contains(key));
        let expected = [[true, false], [false; 2], [false; 2]];
        assert_eq!(said.iter().map(named).collect::<Vec<_>>(), expected);
        assert!(remedy(&history).contains("ansatz.init"));
        assert!(undone(&history).unwrap().contains("ansatz.init"));
        // A state that was sound before the first step was thrown off by the steps.
        let (history, said) = run(&[(0.4, 1.0), (0.0, 1e6)]);
        assert_eq!(
            said.iter().map(named).collect::<Vec<_>>(),
            [[false; 2], [true; 2]]
        );
        assert!(remedy(&history).contains("learning_rate"));
        let mut later = History::default();
        (0..START).for_each(|_| later.rows.push(row(0.4, 1.0)));
        assert_eq!(start(&later, &row(0.0, 1e6)), None);
        later.rows.push(row(0.0, 1e6));
        assert!(remedy(&later).contains("learning_rate"));
    }

    #[test]
    fn weights_that_rest_on_few_samples_are_said_of_steps_that_were_used() {
        let row = |effective_fraction: f64, rejected: f64| StepRow {
            effective_fraction,
            rejected,
            ..StepRow::default()
        };
        let of = |rows: Vec<StepRow>| {
            few_count(&History {
                rows,
                seconds: Vec::new(),
            })
        };
        assert_eq!(of(vec![row(1.0, 0.0), row(0.02, 8.0), row(0.0, 0.0)]), None);
        let said = of(vec![row(0.31, 0.0), row(0.29, 0.0)]).unwrap();
        assert!(said.contains("1 of 2 steps") && said.contains("sampler.power"));
    }

    #[test]
    fn an_energy_that_rises_again_is_a_divergence() {
        let history = |energy: &dyn Fn(usize) -> f64, steps: usize| {
            let mut history = History::default();
            for step in 0..steps {
                history.rows.push(StepRow {
                    energy: energy(step),
                    error: 0.01,
                    iterations: -1.0,
                    ..StepRow::default()
                });
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
