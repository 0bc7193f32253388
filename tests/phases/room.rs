//! The room of perceptrons without the section: gradients, steps, translations.

use nishina::optimizer::{Fit, FitMethod};
use nishina::perceptron::{
    Convolution, LearningPlan, Loss, NetworkInputs, NetworkTargets, NetworkTrainer, Perceptron,
    TrainingSet, UnitFunction,
};
use nishina::rng::{Distribution, Generator, Purpose, StandardNormal, stream};

fn normals(rng: &mut Generator, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(rng)).collect()
}

/// All windows of so many neighbours on a ring.
fn ring(sites: u32, taps: u32, filters: usize) -> Convolution {
    let window = |t: u32| (0..taps).map(|k| (t + k) % sites).collect();
    Convolution {
        inputs: sites as usize,
        windows: (0..sites).map(window).collect(),
        filters,
    }
}

fn pace(loss: Loss, l2: f64, batch: usize) -> LearningPlan {
    LearningPlan {
        loss,
        l2,
        batch,
        method: FitMethod::Adam,
        learning_rate: 0.01,
    }
}

/// Rows of spins with weights of classes, or numbers to be met.
fn examples(loss: Loss, sites: usize, outputs: usize) -> TrainingSet {
    let mut rng = stream(5, Purpose::Law, 0, 0);
    let rows = 7;
    let spins = normals(&mut rng, rows * sites);
    let numbers = normals(&mut rng, rows * outputs);
    let targets = match loss {
        Loss::Squared | Loss::Absolute => numbers,
        Loss::CrossEntropy => numbers.iter().map(|v| v.abs()).collect(),
    };
    TrainingSet {
        inputs: NetworkInputs::Spins {
            width: sites,
            values: spins
                .iter()
                .map(|v| if *v > 0.0 { 1 } else { -1 })
                .collect(),
        },
        targets: NetworkTargets::Numbers {
            width: outputs,
            values: targets,
        },
    }
}

#[test]
fn gradients_are_finite_differences_for_every_number() {
    let sites = 6;
    let networks = [
        (None, vec![], UnitFunction::Sigmoid),
        (None, vec![5], UnitFunction::Sigmoid),
        (None, vec![4, 3], UnitFunction::Tanh),
        (None, vec![5, 4], UnitFunction::Relu),
        (Some(ring(6, 3, 2)), vec![], UnitFunction::Sigmoid),
        (Some(ring(6, 2, 3)), vec![4], UnitFunction::Tanh),
    ];
    for (convolution, widths, activation) in networks {
        for loss in [Loss::CrossEntropy, Loss::Squared, Loss::Absolute] {
            for outputs in [1, 2, 4] {
                let name = format!("{convolution:?} {widths:?} {activation:?} {loss:?} {outputs}");
                let hidden = (widths.as_slice(), activation);
                let network = Perceptron::new(sites, convolution.clone(), hidden, outputs);
                let mut theta = normals(&mut stream(1, Purpose::Law, 1, 1), network.size());
                theta.iter_mut().for_each(|t| *t *= 0.7);
                let data = examples(loss, sites, outputs);
                let mut trainer = NetworkTrainer::new(network, pace(loss, 0.03, 0));
                let gradient = trainer.judge(&theta, &data).gradient;
                for k in 0..theta.len() {
                    let mut at = |by: f64| {
                        let mut moved = theta.clone();
                        moved[k] += by;
                        trainer.judge(&moved, &data).objective
                    };
                    let step = 1e-5;
                    let slope = (at(step) - at(-step)) / (2.0 * step);
                    let off = (gradient[k] - slope).abs();
                    assert!(off < 1e-8, "{name} {k}: {} {slope}", gradient[k]);
                }
            }
        }
    }
}

#[test]
fn blocks_cover_the_flat_vector_and_starts_have_the_scale_of_their_inputs() {
    let hidden: (&[usize], _) = (&[300], UnitFunction::Sigmoid);
    let network = Perceptron::new(100, None, hidden, 2);
    let names: Vec<_> = network
        .blocks()
        .into_iter()
        .map(|b| (b.name, b.shape))
        .collect();
    let named = |name: &str, shape: &[usize]| (name.to_string(), shape.to_vec());
    assert_eq!(
        names,
        [
            named("W_0", &[300, 100]),
            named("b_0", &[300]),
            named("W_1", &[2, 300]),
            named("b_1", &[2]),
        ]
    );
    let theta = network.start(1.0, &mut stream(1, Purpose::Law, 0, 0));
    assert_eq!(theta.len(), network.size());
    let squares: f64 = theta[..30_000].iter().map(|w| w * w).sum();
    assert!((squares / 300.0 - 1.0).abs() < 0.03, "{squares}");
    assert!(theta[30_000..30_300].iter().all(|b| *b == 0.0));
}

#[test]
fn a_convolution_moves_with_its_input() {
    let network = Perceptron::new(6, Some(ring(6, 3, 2)), (&[], UnitFunction::Sigmoid), 3);
    let mut theta = normals(&mut stream(2, Purpose::Law, 0, 0), network.size());
    // The same weight for all translations: the answer does not depend on where things are.
    let blocks = network.blocks();
    let dense = blocks[2].range.clone();
    for (place, k) in dense.enumerate() {
        theta[k] = [0.3, -0.8][place % 2] + (place / 12) as f64;
    }
    let row: [i8; 6] = [1, 1, -1, 1, -1, -1];
    let moved: Vec<i8> = (0..12).map(|k| row[(k % 6 + k / 6) % 6]).collect();
    let inputs = NetworkInputs::Spins {
        width: 6,
        values: moved,
    };
    let answers =
        NetworkTrainer::new(network, pace(Loss::CrossEntropy, 0.0, 0)).answers(&theta, &inputs);
    for k in 0..3 {
        assert!((answers[k] - answers[3 + k]).abs() < 1e-14, "{answers:?}");
    }
    assert!((answers[..3].iter().sum::<f64>() - 1.0).abs() < 1e-14);
}

#[test]
fn newton_steps_reach_the_minimum_that_adam_approaches() {
    let network = Perceptron::new(6, None, (&[], UnitFunction::Sigmoid), 3);
    let data = examples(Loss::CrossEntropy, 6, 3);
    let mut trainer = NetworkTrainer::new(network.clone(), pace(Loss::CrossEntropy, 0.01, 0));
    let mut theta = vec![0.0; network.size()];
    let mut steps = 0;
    while !trainer.newton(&mut theta, &data).unwrap().arrived {
        steps += 1;
        assert!(steps < 30);
    }
    let judged = trainer.judge(&theta, &data);
    assert!(
        judged.gradient.iter().all(|g| g.abs() < 1e-12),
        "{steps} {judged:?}"
    );
    let mut fit = Fit::new(vec![0.0; network.size()]);
    let mut rng = stream(1, Purpose::Law, 0, 0);
    for _ in 0..4000 {
        trainer.epoch(&mut fit, &data, &mut rng, &|| true).unwrap();
    }
    let adam = trainer.judge(&fit.theta, &data).objective;
    assert!(
        (adam - judged.objective).abs() < 1e-6,
        "{adam} {}",
        judged.objective
    );
    assert!(adam >= judged.objective - 1e-15);
}

#[test]
fn a_newton_step_of_numbers_that_are_not_finite_is_an_error() {
    let network = Perceptron::new(1, None, (&[], UnitFunction::Sigmoid), 2);
    let of = |values: Vec<f64>| TrainingSet {
        inputs: NetworkInputs::Numbers { width: 1, values },
        targets: NetworkTargets::Classes {
            count: 2,
            class: vec![0, 1, 0],
            weight: vec![1.0; 3],
        },
    };
    let mut trainer = NetworkTrainer::new(network.clone(), pace(Loss::CrossEntropy, 0.01, 0));
    for (first, theta) in [(f64::NAN, 0.0), (1e300, 1.0), (0.5, f64::NAN)] {
        let mut theta = vec![theta; network.size()];
        let data = of(vec![first, -0.5, 0.25]);
        let found = trainer.newton(&mut theta, &data);
        assert!(
            matches!(found, Err(nishina::error::Error::Numerical { .. })),
            "{first}: {found:?}"
        );
    }
    // Of sound numbers it arrives.
    let (data, mut theta) = (of(vec![0.5, -0.5, 0.25]), vec![0.0; network.size()]);
    let arrives = (0..30).any(|_| trainer.newton(&mut theta, &data).unwrap().arrived);
    assert!(arrives);
}

#[test]
fn a_linear_output_with_squared_errors_is_a_regression() {
    let x: Vec<f64> = (0..20).map(|k| 0.1 * f64::from(k)).collect();
    let data = TrainingSet {
        targets: NetworkTargets::Numbers {
            width: 1,
            values: x.iter().map(|x| 1.5 * x - 0.25).collect(),
        },
        inputs: NetworkInputs::Numbers {
            width: 1,
            values: x,
        },
    };
    let network = Perceptron::new(1, None, (&[], UnitFunction::Sigmoid), 1);
    let mut trainer = NetworkTrainer::new(network, pace(Loss::Squared, 0.0, 0));
    let mut fit = Fit::new(vec![0.0; 2]);
    let mut rng = stream(1, Purpose::Law, 0, 0);
    for _ in 0..5000 {
        trainer.epoch(&mut fit, &data, &mut rng, &|| true).unwrap();
    }
    assert!((fit.theta[0] - 1.5).abs() < 1e-6 && (fit.theta[1] + 0.25).abs() < 1e-6);
}

#[test]
fn an_epoch_sees_each_row_once_and_can_be_left() {
    let network = Perceptron::new(6, None, (&[4], UnitFunction::Sigmoid), 2);
    let classes = NetworkTargets::Classes {
        count: 2,
        class: vec![0, 1, 1, 0, 1, 0, 0],
        weight: vec![1.0; 7],
    };
    let data = TrainingSet {
        targets: classes,
        ..examples(Loss::CrossEntropy, 6, 2)
    };
    let mut still = pace(Loss::CrossEntropy, 0.0, 1);
    still.learning_rate = 1e-300;
    let start = network.start(1.0, &mut stream(3, Purpose::Law, 0, 0));
    let mut trainer = NetworkTrainer::new(network, still);
    let whole = trainer.judge(&start, &data).objective;
    let mut fit = Fit::new(start);
    let mut rng = stream(1, Purpose::Law, 0, 0);
    let seen = trainer.epoch(&mut fit, &data, &mut rng, &|| true).unwrap();
    assert!((seen - whole).abs() < 1e-14, "{seen} {whole}");
    let asked = std::cell::Cell::new(0);
    let impatient = || {
        asked.set(asked.get() + 1);
        asked.get() < 4
    };
    assert_eq!(trainer.epoch(&mut fit, &data, &mut rng, &impatient), None);
    assert_eq!(asked.get(), 4);
}
