//! Ground states of rings of 80 sites from two steps in imaginary time; minutes of work.

use crate::circuits::{exchange, ising};
use crate::energies::{filled, words};
use nishina::stats::{FitPoint, fit};
use nishina::worldlines::circuit::{Circuit, Start};
use nishina::worldlines::{EnergyLines, Terms};

/// The energy at the step in the limit of short steps is the known one.
fn check_limit(of: impl Fn(f64) -> (Circuit, Terms), sweeps: usize, known: f64) {
    let point = |step: f64| {
        let (circuit, terms) = of(step);
        let mut lines = EnergyLines::new(&circuit, terms).unwrap();
        let mut rng = words(1);
        (0..sweeps / 20).for_each(|_| lines.sweep(&mut rng));
        let mut sample = |_| {
            lines.sweep(&mut rng);
            lines.columns().unwrap()
        };
        let samples: Vec<_> = (0..sweeps).map(&mut sample).collect();
        let evaluate = |means: &[f64]| vec![EnergyLines::energy(means)];
        let summary = filled(&samples).summary(0, &evaluate);
        println!(
            "{step}: {} ± {}, {known}",
            summary.mean[0], summary.error[0]
        );
        FitPoint {
            x: step * step,
            y: summary.mean[0],
            x_variance: 0.0,
            y_variance: summary.error[0].powi(2),
            covariance: 0.0,
        }
    };
    let line = fit(&[point(0.1), point(0.05)]).unwrap();
    println!("0: {} ± {}", line.intercept, line.error);
    assert!((line.intercept - known).abs() < 4.0 * line.error);
    assert!(line.error < 1e-3 * known.abs());
}

#[test]
#[ignore = "minutes"]
fn the_critical_ising_ring_of_80_has_its_ground_state() {
    let steps = |step: f64| (20.0 / step).round() as usize;
    let of = |step: f64| ising(80, 1.0, 1.0, 0.0, step, steps(step));
    check_limit(of, 100_000, -101.8657088579);
}

#[test]
#[ignore = "minutes"]
fn the_heisenberg_ring_of_80_has_its_ground_state() {
    let steps = |step: f64| (10.0 / step).round() as usize;
    let of = |step: f64| exchange(80, 1.0, Start::Sector { up: 40 }, step, steps(step));
    check_limit(of, 100_000, -141.8483045989);
}
