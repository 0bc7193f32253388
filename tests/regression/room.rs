//! The room of perceptrons for regression: gradients by numbers and by inputs, least squares,
//! inverses.

use nishina::optimizer::{Fit, FitMethod};
use nishina::perceptron::{
    InverseStart, LearningPlan, Loss, NetworkInputs, NetworkTargets, NetworkTrainer, Perceptron,
    TrainingSet, UnitFunction,
};
use nishina::rng::{Distribution, Purpose, StandardNormal, stream};

fn normals(number: u64, count: usize) -> Vec<f64> {
    let mut rng = stream(9, Purpose::Law, number, 0);
    (0..count)
        .map(|_| StandardNormal.sample(&mut rng))
        .collect()
}

fn pace(loss: Loss, method: FitMethod) -> LearningPlan {
    LearningPlan {
        loss,
        l2: 0.0,
        batch: 0,
        method,
        learning_rate: 0.05,
    }
}

/// Rows of so many inputs and outputs.
fn rows(count: usize, inputs: usize, outputs: usize) -> TrainingSet {
    TrainingSet {
        inputs: NetworkInputs::Numbers {
            width: inputs,
            values: normals(1, count * inputs),
        },
        targets: NetworkTargets::Numbers {
            width: outputs,
            values: normals(2, count * outputs),
        },
    }
}

const FUNCTIONS: [UnitFunction; 3] = [
    UnitFunction::Sigmoid,
    UnitFunction::Relu,
    UnitFunction::Tanh,
];

/// Networks with every kind of hidden layer and of output.
fn networks() -> Vec<(String, Perceptron)> {
    let mut all = Vec::new();
    for widths in [vec![], vec![4], vec![5, 3]] {
        for activation in FUNCTIONS {
            for ends in [None, Some(UnitFunction::Sigmoid), Some(UnitFunction::Tanh)] {
                let hidden = (widths.as_slice(), activation);
                let network = Perceptron::new(3, None, hidden, 2);
                let network = ends.map_or(network.clone(), |ends| network.with_outputs(ends));
                all.push((format!("{widths:?} {activation:?} {ends:?}"), network));
            }
        }
    }
    all
}

#[test]
fn gradients_are_finite_differences_for_every_layer_loss_and_input() {
    let data = rows(6, 3, 2);
    let step = 1e-5;
    for (name, network) in networks() {
        for loss in [Loss::Squared, Loss::Absolute] {
            let theta = normals(3, network.size());
            let mut trainer = NetworkTrainer::new(network.clone(), pace(loss, FitMethod::Adam));
            let judged = trainer.judge(&theta, &data);
            assert!((judged.loss - trainer.loss(&theta, &data)).abs() < 1e-14);
            for k in 0..theta.len() {
                let mut at = |by: f64| {
                    let mut moved = theta.clone();
                    moved[k] += by;
                    trainer.loss(&moved, &data)
                };
                let slope = (at(step) - at(-step)) / (2.0 * step);
                let off = (judged.gradient[k] - slope).abs();
                assert!(
                    off < 1e-8,
                    "{name} {loss:?} {k}: {} {slope}",
                    judged.gradient[k]
                );
            }
        }
        let theta = normals(4, network.size());
        let (x, wanted) = (normals(5, 3), normals(6, 2));
        let mut trainer = NetworkTrainer::new(network, pace(Loss::Squared, FitMethod::Adam));
        let (_, gradient) = trainer.distance(&theta, &x, &wanted);
        for k in 0..x.len() {
            let mut at = |by: f64| {
                let mut moved = x.clone();
                moved[k] += by;
                trainer.distance(&theta, &moved, &wanted).0
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            assert!((gradient[k] - slope).abs() < 1e-8, "{name} input {k}");
        }
    }
}

#[test]
fn an_absolute_error_without_a_difference_has_no_gradient() {
    let network = Perceptron::new(1, None, (&[], UnitFunction::Sigmoid), 1);
    let data = TrainingSet {
        inputs: NetworkInputs::Numbers {
            width: 1,
            values: vec![1.0, 2.0],
        },
        targets: NetworkTargets::Numbers {
            width: 1,
            values: vec![3.0, 4.0],
        },
    };
    let mut trainer = NetworkTrainer::new(network, pace(Loss::Absolute, FitMethod::Adam));
    // The first row is met, the second missed by 1.
    let judged = trainer.judge(&[2.0, 1.0], &data);
    assert_eq!((judged.loss, judged.gradient), (0.5, vec![1.0, 0.5]));
}

#[test]
fn least_squares_are_the_limit_of_the_gradient() {
    let data = rows(20, 3, 2);
    let network = Perceptron::new(3, None, (&[], UnitFunction::Sigmoid), 2);
    let mut trainer = NetworkTrainer::new(network.clone(), pace(Loss::Squared, FitMethod::Sgd));
    let exact = trainer.least_squares(&data).unwrap().unwrap();
    let judged = trainer.judge(&exact, &data);
    assert!(
        judged.gradient.iter().all(|g| g.abs() < 1e-14),
        "{judged:?}"
    );
    let mut fit = Fit::new(vec![0.0; network.size()]);
    let mut rng = stream(1, Purpose::Law, 0, 0);
    for _ in 0..4000 {
        trainer.epoch(&mut fit, &data, &mut rng, &|| true).unwrap();
    }
    for (found, wanted) in fit.theta.iter().zip(&exact) {
        assert!((found - wanted).abs() < 1e-10, "{found} {wanted}");
    }
}

#[test]
fn least_squares_stand_columns_far_from_zero_and_refuse_what_is_not_fixed() {
    let network = Perceptron::new(2, None, (&[], UnitFunction::Sigmoid), 1);
    let mut trainer = NetworkTrainer::new(network, pace(Loss::Squared, FitMethod::Adam));
    let table = |x: Vec<f64>| TrainingSet {
        targets: NetworkTargets::Numbers {
            width: 1,
            values: x.chunks(2).map(|x| 3.0 * x[0] - 2.0 * x[1] + 1.0).collect(),
        },
        inputs: NetworkInputs::Numbers {
            width: 2,
            values: x,
        },
    };
    let far: Vec<f64> = (0..8)
        .flat_map(|k| [1e5 + f64::from(k), 1e-4 * f64::from(k * k)])
        .collect();
    let found = trainer.least_squares(&table(far)).unwrap().unwrap();
    assert!(
        (found[0] - 3.0).abs() < 1e-9 && (found[1] + 2.0).abs() < 1e-5,
        "{found:?}"
    );
    for bad in [
        // A constant column, one that follows from the other, too few rows.
        (0..8).flat_map(|k| [f64::from(k), 0.1]).collect(),
        (0..8)
            .flat_map(|k| [f64::from(k), 0.3 * f64::from(k) - 1.0])
            .collect(),
        vec![1.0, 2.0, 3.0, 5.0],
    ] {
        assert_eq!(trainer.least_squares(&table(bad)).unwrap(), None);
    }
}

#[test]
fn inverses_of_known_functions_are_found() {
    // One layer: two inputs from two outputs have one answer.
    let network = Perceptron::new(2, None, (&[], UnitFunction::Sigmoid), 2);
    let mut trainer = NetworkTrainer::new(network, pace(Loss::Squared, FitMethod::Adam));
    let theta = [2.0, 1.0, -1.0, 3.0, 0.5, -0.5];
    let wanted = [2.0 * 0.7 + 1.0 * -4.0 + 0.5, -0.7 + 3.0 * -4.0 - 0.5];
    let start = |inputs: Vec<f64>, steps| InverseStart {
        scales: vec![1.0; inputs.len()],
        inputs,
        steps,
    };
    let (found, off) = trainer.invert(&theta, &wanted, &start(vec![0.0, 0.0], 200));
    assert!(
        (found[0] - 0.7).abs() < 1e-9 && (found[1] + 4.0).abs() < 1e-9,
        "{found:?} {off}"
    );
    // No step leaves the start where it is.
    let (found, off) = trainer.invert(&theta, &wanted, &start(vec![0.0, 0.0], 0));
    assert_eq!(found, [0.0, 0.0]);
    assert!(off > 1.0);
    // tanh: x = artanh(1/2).
    let network = Perceptron::new(1, None, (&[1], UnitFunction::Tanh), 1);
    let mut trainer = NetworkTrainer::new(network, pace(Loss::Squared, FitMethod::Adam));
    let theta = [1.0, 0.0, 1.0, 0.0];
    let (found, _) = trainer.invert(&theta, &[0.5], &start(vec![-3.0], 200));
    assert!((found[0] - 0.5f64.atanh()).abs() < 1e-9, "{found:?}");
    // What tanh never gives is not met.
    assert!(trainer.invert(&theta, &[1.5], &start(vec![0.0], 200)).1 > 0.2);
}
