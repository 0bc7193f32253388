//! Ground states of rings of 80 sites from two steps in imaginary time; minutes of work.

use crate::circuits::{exchange, ising};
use crate::common::is_left_out;
use crate::energies::measured;
use nishina::stats::{FitPoint, fit};
use nishina::worldlines::circuit::{Circuit, Start};
use nishina::worldlines::{EnergyLines, Terms};

/// The energy at the step in the limit of short steps is the known one.
fn check_limit(of: impl Fn(f64) -> (Circuit, Terms), sweeps: usize, known: f64) {
    let point = |step: f64| {
        let (circuit, terms) = of(step);
        let lines = EnergyLines::new(&circuit, terms).unwrap();
        let [mean, error] = measured(lines, 1, sweeps / 20, sweeps);
        println!("{step}: {mean} ± {error}, {known}");
        FitPoint {
            x: step * step,
            y: mean,
            x_variance: 0.0,
            y_variance: error.powi(2),
            covariance: 0.0,
        }
    };
    let line = fit(&[point(0.1), point(0.05)]).unwrap();
    println!("0: {} ± {}", line.intercept, line.error);
    assert!((line.intercept - known).abs() < 4.0 * line.error);
    assert!(line.error < 1e-3 * known.abs());
}

#[test]
fn the_critical_ising_ring_of_80_has_its_ground_state() {
    if is_left_out() {
        return;
    }
    let steps = |step: f64| (20.0 / step).round() as usize;
    let of = |step: f64| ising(80, 1.0, 1.0, 0.0, step, steps(step));
    check_limit(of, 100_000, -101.8657088579);
}

#[test]
fn the_heisenberg_ring_of_80_has_its_ground_state() {
    if is_left_out() {
        return;
    }
    let steps = |step: f64| (10.0 / step).round() as usize;
    let of = |step: f64| exchange(80, 1.0, Start::Sector { up: 40 }, step, steps(step));
    check_limit(of, 100_000, -141.8483045989);
}
