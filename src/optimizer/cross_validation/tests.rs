//! Shifts that random residuals ask for.

use super::*;
use crate::comm::{Serial, threads};
use crate::derivatives::{Derivatives, Matrix};
use crate::rng::{Purpose, stream};
use rand_distr::{Distribution, StandardNormal};

const SAMPLES: usize = 400;
const COLUMNS: usize = 12;

/// Residuals O δ + noise with columns of falling size.
fn problem(noise: f64, seed: u64) -> (Derivatives, Vec<Complex64>) {
    let mut rng = stream(seed, Purpose::Law, 0, 0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let o = Array2::from_shape_fn((SAMPLES, COLUMNS), |(_, k)| {
        normal() * 0.5f64.powi(k as i32)
    });
    let residual = o.outer_iter().map(|row| row.sum() + noise * normal());
    let residual = residual.map(Complex64::from).collect();
    (Derivatives::dense(Kind::Real, Matrix::Real(o)), residual)
}

fn found(noise: f64, ranks: usize) -> Vec<f64> {
    let (derivatives, residual) = problem(noise, 5);
    threads::run(ranks, |comm| {
        let own = crate::comm::share(SAMPLES, comm.rank(), comm.size());
        let samples: Vec<usize> = own.clone().collect();
        let data = Residuals {
            derivatives: &derivatives.select(&samples),
            weights: &vec![1.0 / SAMPLES as f64; own.len()],
            residual: &residual[own],
            exact: false,
        };
        AutomaticShift::default().next(&data, comm).unwrap()
    })
}

#[test]
fn noise_asks_for_a_shift_and_a_clear_signal_does_not() {
    let shifts = [0.0, 1.0, 30.0].map(|noise| found(noise, 1)[0]);
    // tr S/P is about 1/9.
    assert!(shifts[0] < 1e-3 * FACTOR, "{shifts:?}");
    assert!(
        shifts[1] > 3.0 * shifts[0] && shifts[2] > 30.0 * shifts[1],
        "{shifts:?}"
    );
}

#[test]
fn a_step_that_went_too_far_raises_the_shift_for_a_while() {
    let (derivatives, residual) = problem(1.0, 5);
    let data = |exact| Residuals {
        derivatives: &derivatives,
        weights: &[1.0 / SAMPLES as f64; SAMPLES],
        residual: &residual,
        exact,
    };
    for exact in [false, true] {
        let next = |shift: &mut AutomaticShift| shift.next(&data(exact), &Serial).unwrap();
        let mut shift = AutomaticShift::default();
        let first = next(&mut shift);
        // One halving is no reason, two are one, and of many no more than four decades.
        shift.halved(1, first);
        let second = next(&mut shift);
        assert!(second < 3.0 * first, "{first} {second}");
        for (halvings, times) in [(2, 10.0), (3, 100.0), (19, 1e4)] {
            shift.halved(halvings, first);
            let raised = next(&mut shift);
            assert!(
                (raised / first / times - 1.0).abs() < 1e-12,
                "{raised} {first}"
            );
        }
        let mut tree = Tree::default();
        shift.save(&mut tree, "s");
        let mut again = AutomaticShift::default();
        again.load(&tree, "s").unwrap();
        assert_eq!(again, shift);
        (0..1000).for_each(|_| again.halved(0, first));
        let late = next(&mut again);
        assert!(late < 3.0 * first, "{late} {first}");
    }
}

#[test]
fn the_matrix_of_a_half_is_the_smaller_one_and_has_a_limit() {
    let orders = [(40, 100), (60, 100), (200, 100), (10_000, 20_000)];
    let found = orders.map(|(columns, rows)| order_of_half(columns, rows));
    assert_eq!(found, [40, 50, 50, 3333]);
}

#[test]
fn ranks_and_the_smaller_matrix_agree() {
    let alone = found(1.0, 1)[0];
    assert!([2, 3].iter().all(|&ranks| {
        found(1.0, ranks)
            .iter()
            .all(|s| (s / alone - 1.0).abs() < 1e-9)
    }));
    let (derivatives, residual) = problem(1.0, 5);
    let few: Vec<usize> = (0..COLUMNS - 3).collect();
    let data = Residuals {
        derivatives: &derivatives,
        weights: &vec![1.0 / SAMPLES as f64; SAMPLES],
        residual: &residual,
        exact: false,
    };
    let problem = part(&data, &few, &Serial).unwrap();
    let shifts = [0.01, 0.1];
    let found = directions(&problem, &shifts, &Serial).unwrap();
    for (shift, found) in shifts.iter().zip(found) {
        let (metric, force) =
            parameter_space::assemble::<f64>(&problem, &problem.target, &Serial).unwrap();
        let wanted = ladder(&metric, &force, &[*shift], |_| ());
        let apart = wanted
            .iter()
            .zip(found.unwrap())
            .map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-9);
    }
}
