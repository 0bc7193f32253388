//! Samples with weights.

use super::*;
use crate::comm::Serial;
use crate::derivatives::{Derivatives, Kind, Matrix};
use crate::optimizer::Residuals;
use crate::rng::{Purpose, RngExt, stream};

const SAMPLES: usize = 40;
const COLUMNS: usize = 6;

/// Derivatives, weights that sum to 1, and residuals, of which some columns explain a part.
fn data() -> (Derivatives, Vec<f64>, Vec<Complex64>) {
    let mut rng = stream(3, Purpose::Law, 0, 0);
    let mut draw = || rng.random::<f64>() - 0.5;
    let o = Array2::from_shape_fn((SAMPLES, COLUMNS), |_| draw());
    let raw: Vec<f64> = (0..SAMPLES).map(|_| (4.0 * draw()).exp()).collect();
    let sum: f64 = raw.iter().sum();
    let weights = raw.iter().map(|w| w / sum).collect();
    let residual = (0..SAMPLES)
        .map(|x| (0.6 * o[(x, 0)] - 0.1 * o[(x, 3)] + draw()).into())
        .collect();
    let derivatives = Derivatives::dense(Kind::Real, Matrix::Real(o));
    (derivatives, weights, residual)
}

fn problem(
    (derivatives, weights, residual): &(Derivatives, Vec<f64>, Vec<Complex64>),
) -> LeastSquares {
    let data = Residuals {
        derivatives,
        weights,
        residual,
        exact: false,
    };
    LeastSquares::new(&data, true, &Serial).unwrap()
}

const CUT: SettledInverse = SettledInverse::Spectral(Spectral {
    cut: 1e-8,
    signal_to_noise: 1.0,
});

#[test]
fn both_spaces_leave_out_the_same_directions_of_samples_with_weights() {
    let problem = problem(&data());
    let [a, b] = [
        in_parameter_space::<f64>(CUT, &problem, &Serial),
        in_sample_space::<f64>(CUT, &problem, &Serial),
    ]
    .map(Result::unwrap);
    assert!((a.kept - b.kept).abs() < 1e-9, "{} {}", a.kept, b.kept);
    assert!(a.kept > 0.5 && a.kept < 0.9 * COLUMNS as f64, "{}", a.kept);
    for (x, y) in a.velocity.iter().zip(&b.velocity) {
        assert!((x - y).abs() < 1e-9, "{:?} {:?}", a.velocity, b.velocity);
    }
}

#[test]
fn the_noise_of_a_force_is_that_of_its_mean_with_weights() {
    let data = data();
    let problem = problem(&data);
    let (derivatives, weights, residual) = data;
    let whole = Array2::<f64>::eye(COLUMNS);
    let rho = problem.pull_back(&problem.target, &Serial).unwrap();
    let found = signals(&rho, &noise(&problem, &whole, &rho));
    // Σ w² (q − ρ)² of q = (O − <O>)(ε − <ε>), the variance of a mean with these weights.
    let mean_of = |f: &dyn Fn(usize) -> f64| (0..SAMPLES).map(|x| weights[x] * f(x)).sum::<f64>();
    let o: Array2<f64> = derivatives.matrix(0..SAMPLES, 0..COLUMNS);
    let energy = mean_of(&|x| residual[x].re);
    for k in 0..COLUMNS {
        let centre = mean_of(&|x| o[(x, k)]);
        let q = |x: usize| (o[(x, k)] - centre) * (residual[x].re - energy);
        let force = mean_of(&q);
        let variance: f64 = (0..SAMPLES)
            .map(|x| (weights[x] * (q(x) - force)).powi(2))
            .sum();
        let (power, noise) = found[k];
        assert!((power - force * force).abs() < 1e-12);
        assert!((noise / variance - 1.0).abs() < 1e-9, "{noise} {variance}");
    }
}
