//! Solvers agree on the same samples, on any number of ranks, rank-deficient problems included.

use ndarray::Array2;
use nishina::ansatz::{Derivatives, Kind, Matrix};
use nishina::comm::{Comm, Serial, share, threads};
use nishina::optimizer::{Direction, OPTIMIZERS, OptimizerOptions, Schedule, StepData};
use nishina::rng::{Distribution, Purpose, StandardNormal, stream};
use num_complex::Complex64;

fn options(shift: f64) -> OptimizerOptions {
    OptimizerOptions {
        shift: Schedule::Number(shift),
        carleo_troyer: None,
        scale_invariant: None,
        pseudo_inverse: None,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    }
}

struct Data {
    derivatives: Derivatives,
    weights: Vec<f64>,
    energies: Vec<Complex64>,
}

/// Random data; `rank` < columns makes the columns linearly dependent.
fn data(kind: Kind, samples: usize, columns: usize, rank: usize) -> Data {
    let mut rng = stream(5, Purpose::Law, 0, (samples * columns + rank) as u64);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut random =
        |rows: usize, columns: usize| Array2::from_shape_fn((rows, columns), |_| Complex64::new(normal(), normal()));
    let mut complex = random(samples, rank).dot(&random(rank, columns));
    if kind == Kind::Real {
        complex =
            random(samples, rank).mapv(|v| Complex64::from(v.re)).dot(&random(rank, columns).mapv(|v| v.re.into()));
    }
    let matrix = if kind == Kind::Real { Matrix::Real(complex.mapv(|v| v.re)) } else { Matrix::Complex(complex) };
    let energies = random(samples, 1).into_iter().collect();
    let raw: Vec<f64> = (0..samples).map(|k| 1.0 + (k % 3) as f64).collect();
    let total: f64 = raw.iter().sum();
    let weights = raw.iter().map(|w| w / total).collect();
    Data { derivatives: Derivatives::dense(kind, matrix), weights, energies }
}

fn part(all: &Data, range: std::ops::Range<usize>) -> Data {
    Data {
        derivatives: all.derivatives.select(&range.clone().collect::<Vec<_>>()),
        weights: all.weights[range.clone()].to_vec(),
        energies: all.energies[range].to_vec(),
    }
}

fn solve(kind: &str, options: &OptimizerOptions, data: &Data, comm: &dyn Comm) -> Direction {
    let entry = OPTIMIZERS.iter().find(|e| e.kind == kind).unwrap();
    let step = StepData { derivatives: &data.derivatives, weights: &data.weights, local_energies: &data.energies };
    (entry.build)(options).unwrap().direction(&step, 0, comm).unwrap()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(x, y)| x - y)) / norm(&mut a.iter().copied())
}

const KINDS: [Kind; 3] = [Kind::Real, Kind::Stacked, Kind::Holomorphic];

#[test]
fn parameter_space_equals_sample_space() {
    for kind in KINDS {
        for (samples, columns, rank) in [(40, 12, 12), (10, 30, 30), (20, 20, 5)] {
            let data = data(kind, samples, columns, rank);
            let dense = solve("dense-sr", &options(1e-2), &data, &Serial);
            let kernel = solve("kernel-sr", &options(1e-2), &data, &Serial);
            assert!(distance(&dense.update, &kernel.update) < 1e-8, "{kind:?} {samples} {columns} {rank}");
            let (a, b) = (dense.metric_norm.unwrap(), kernel.metric_norm.unwrap());
            assert!((a - b).abs() < 1e-8 * a);
        }
    }
}

#[test]
fn any_number_of_ranks_gives_the_same_direction() {
    for kind in KINDS {
        let all = data(kind, 24, 9, 9);
        for method in ["dense-sr", "kernel-sr", "adam", "sgd"] {
            let alone = solve(method, &options(1e-3), &all, &Serial);
            for size in 2..=4 {
                let parts = threads::run(size, |comm| {
                    solve(method, &options(1e-3), &part(&all, share(24, comm.rank(), size)), comm).update
                });
                for update in &parts {
                    assert!(distance(&alone.update, update) < 1e-9, "{kind:?} {method} {size}");
                    assert_eq!(update, &parts[0], "the same bytes on every rank");
                }
            }
        }
    }
}

#[test]
fn direction_solves_the_shifted_equations() {
    // Real case against the normal equations, written out.
    let data = data(Kind::Real, 30, 4, 4);
    let Matrix::Real(o) = &data.derivatives.written_out() else { unreachable!() };
    let mean: Vec<f64> = (0..4).map(|k| (0..30).map(|s| data.weights[s] * o[[s, k]]).sum()).collect();
    let e: f64 = (0..30).map(|s| data.weights[s] * data.energies[s].re).sum();
    let delta = solve("dense-sr", &options(0.1), &data, &Serial).update;
    for k in 0..4 {
        let c = |s: usize, k: usize| o[[s, k]] - mean[k];
        let s_delta: f64 =
            (0..30).map(|s| data.weights[s] * c(s, k) * (0..4).map(|l| c(s, l) * delta[l]).sum::<f64>()).sum();
        let f: f64 = (0..30).map(|s| data.weights[s] * c(s, k) * (data.energies[s].re - e)).sum();
        assert!((s_delta + 0.1 * delta[k] - f).abs() < 1e-12);
    }
}

#[test]
fn no_shift_on_a_singular_matrix_is_solved_by_a_fallback_and_counted() {
    let mut data = data(Kind::Real, 10, 3, 3);
    if let Matrix::Real(mut m) = data.derivatives.written_out() {
        m.column_mut(2).fill(0.0);
        data.derivatives = Derivatives::dense(Kind::Real, Matrix::Real(m));
    }
    let direction = solve("dense-sr", &options(0.0), &data, &Serial);
    assert!(direction.fallbacks > 0);
    assert!(direction.update.iter().all(|v| v.is_finite()));
}

#[test]
fn numbers_that_are_not_finite_never_reach_the_parameters() {
    let mut all = data(Kind::Real, 12, 3, 3);
    all.energies[5].re = f64::NAN;
    for method in OPTIMIZERS {
        let refused = threads::run(3, |comm| {
            let mine = part(&all, share(12, comm.rank(), 3));
            let step =
                StepData { derivatives: &mine.derivatives, weights: &mine.weights, local_energies: &mine.energies };
            (method.build)(&options(0.1)).unwrap().direction(&step, 0, comm).is_err()
        });
        assert_eq!(refused, vec![true; 3], "{}", method.kind);
    }
}

#[test]
fn adam_resumes_with_its_moments() {
    let data = data(Kind::Real, 12, 3, 3);
    let step = StepData { derivatives: &data.derivatives, weights: &data.weights, local_energies: &data.energies };
    let build = || (OPTIMIZERS.iter().find(|e| e.kind == "adam").unwrap().build)(&options(0.0)).unwrap();
    let (mut whole, mut first, mut second) = (build(), build(), build());
    whole.direction(&step, 0, &Serial).unwrap();
    first.direction(&step, 0, &Serial).unwrap();
    let mut tree = nishina::io::tree::Tree::default();
    first.save(&mut tree, "optimizer");
    second.load(&tree, "optimizer").unwrap();
    let (a, b) = (whole.direction(&step, 1, &Serial).unwrap(), second.direction(&step, 1, &Serial).unwrap());
    assert_eq!(a, b);
}
