//! Solvers agree on the same samples, on any number of ranks, rank-deficient problems included.

use ndarray::{Array1, Array2};
use nishina::comm::counting::Counting;
use nishina::comm::{Comm, Serial, share, threads};
use nishina::derivatives::{Columns, Derivatives, Kind, Matrix};
use nishina::io::tree::Tree;
use nishina::optimizer::{
    Direction, OPTIMIZERS, Objective, Optimizer, OptimizerEntry, OptimizerOptions, Regularisation,
    RelativeShift, Residuals, Schedule, Shift, Sizes, natural,
};
use nishina::rng::{Distribution, Purpose, StandardNormal, stream};
use num_complex::Complex64;
use std::sync::Arc;

fn options(shift: f64) -> OptimizerOptions {
    OptimizerOptions::shifted(Schedule::Number(shift))
}

fn entry(kind: &str) -> &'static OptimizerEntry {
    OPTIMIZERS.iter().find(|e| e.kind == kind).unwrap()
}

struct Data {
    derivatives: Derivatives,
    weights: Vec<f64>,
    energies: Vec<Complex64>,
}

impl Data {
    /// Local derivatives whose matrices are those of H = E_loc, diagonal.
    fn local(&self) -> Matrix {
        let mut rows = self.derivatives.written_out();
        match &mut rows {
            Matrix::Real(rows) => (rows.rows_mut().into_iter().zip(&self.energies))
                .for_each(|(mut row, e)| row *= e.re),
            Matrix::Complex(rows) => {
                (rows.rows_mut().into_iter().zip(&self.energies)).for_each(|(mut row, e)| row *= *e)
            }
            Matrix::Rounded(_) => panic!("what is written out has double precision"),
        }
        rows
    }
}

/// Random data; `rank` < columns makes the columns linearly dependent.
fn data(kind: Kind, samples: usize, columns: usize, rank: usize) -> Data {
    let mut rng = stream(5, Purpose::Law, 0, (samples * columns + rank) as u64);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let mut random = |rows: usize, columns: usize| {
        Array2::from_shape_fn((rows, columns), |_| Complex64::new(normal(), normal()))
    };
    let mut complex = random(samples, rank).dot(&random(rank, columns));
    if kind == Kind::Real {
        complex = random(samples, rank)
            .mapv(|v| Complex64::from(v.re))
            .dot(&random(rank, columns).mapv(|v| v.re.into()));
    }
    let matrix = if kind == Kind::Real {
        Matrix::Real(complex.mapv(|v| v.re))
    } else {
        Matrix::Complex(complex)
    };
    let energies = random(samples, 1).into_iter().collect();
    let raw: Vec<f64> = (0..samples).map(|k| 1.0 + (k % 3) as f64).collect();
    let total: f64 = raw.iter().sum();
    let weights = raw.iter().map(|w| w / total).collect();
    Data {
        derivatives: Derivatives::dense(kind, matrix),
        weights,
        energies,
    }
}

/// Random data in factors, as a machine of `sites` visible and `hidden` hidden units has them:
/// three blocks.
fn factored(kind: Kind, samples: usize, sites: usize, hidden: usize) -> Data {
    let like = data(kind, samples, 2, 2);
    let mut rng = stream(6, Purpose::Law, 0, (samples * sites + hidden) as u64);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let x = Arc::new(Matrix::Real(Array2::from_shape_fn(
        (samples, sites),
        |_| normal().signum(),
    )));
    let t = Array2::from_shape_fn((samples, hidden), |_| Complex64::new(normal(), normal()));
    let t = Arc::new(if kind == Kind::Real {
        Matrix::Real(t.mapv(|z| z.re))
    } else {
        Matrix::Complex(t)
    });
    let mut blocks = vec![
        Columns::Dense(x.clone()),
        Columns::Dense(t.clone()),
        Columns::Outer(x.clone(), t.clone()),
    ];
    if kind == Kind::Stacked {
        blocks.push(Columns::Pairs(Box::new(Columns::Outer(x, t))));
    }
    Data {
        derivatives: Derivatives::new(kind, samples, blocks),
        ..like
    }
}

fn part(all: &Data, range: std::ops::Range<usize>) -> Data {
    Data {
        derivatives: all.derivatives.select(&range.clone().collect::<Vec<_>>()),
        weights: all.weights[range.clone()].to_vec(),
        energies: all.energies[range].to_vec(),
    }
}

fn solve(kind: &str, options: &OptimizerOptions, data: &Data, comm: &dyn Comm) -> Direction {
    let step = Residuals {
        derivatives: &data.derivatives,
        weights: &data.weights,
        residual: &data.energies,
        exact: false,
    };
    build(kind, options)
        .direction(&Objective::Hamiltonian(&step, &data.local()), 0, comm)
        .unwrap()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(x, y)| x - y)) / norm(&mut a.iter().copied())
}

const KINDS: [Kind; 3] = [Kind::Real, Kind::Stacked, Kind::Holomorphic];

/// Every solver's direction of the first step, against that of dense-sr.
fn compare(options: &OptimizerOptions, data: &Data, methods: &[&str], tolerance: f64, what: &str) {
    let dense = solve("dense-sr", options, data, &Serial);
    for method in methods {
        let other = solve(method, options, data, &Serial);
        let apart = distance(&dense.update, &other.update);
        assert!(apart < tolerance, "{method}: {apart:e} for {what}");
        let (a, b) = (dense.metric_norm.unwrap(), other.metric_norm.unwrap());
        assert!(
            (a - b).abs() < tolerance * a,
            "{method}: {a} {b} for {what}"
        );
    }
}

#[test]
fn all_solvers_agree() {
    for kind in KINDS {
        for (samples, columns, rank) in [(40, 12, 12), (10, 30, 30), (20, 20, 5), (1, 3, 1)] {
            let data = data(kind, samples, columns, rank);
            if samples > 1 {
                let what = format!("{kind:?} {samples} {columns} {rank}");
                compare(
                    &options(1e-2),
                    &data,
                    &["kernel-sr", "spring", "march", "cg"],
                    1e-8,
                    &what,
                );
            }
        }
        for (samples, sites, hidden) in [(60, 3, 4), (9, 5, 6), (300, 4, 3)] {
            let what = format!("{kind:?} {samples} {sites} {hidden} in factors");
            let data = factored(kind, samples, sites, hidden);
            compare(
                &options(1e-2),
                &data,
                &["kernel-sr", "spring", "march", "cg"],
                1e-8,
                &what,
            );
        }
    }
}

#[test]
fn regularisations_agree_in_both_spaces() {
    for kind in KINDS {
        for (samples, sites, hidden) in [(60, 3, 4), (9, 5, 6)] {
            let data = factored(kind, samples, sites, hidden);
            let what = format!("{kind:?} {samples} {sites} {hidden}");
            let none = || options(0.0);
            let first = OptimizerOptions {
                carleo_troyer: Some((0.5, 0.9, 1e-4)),
                ..none()
            };
            compare(
                &first,
                &data,
                &["kernel-sr", "spring", "cg"],
                1e-8,
                &format!("R1 {what}"),
            );
            let third = OptimizerOptions {
                scale_invariant: Some((1e-2, 1e-3)),
                ..none()
            };
            compare(
                &third,
                &data,
                &["kernel-sr", "spring", "cg"],
                1e-8,
                &format!("R3 {what}"),
            );
            let fourth = OptimizerOptions {
                pseudo_inverse: Some(1e-3),
                ..none()
            };
            compare(
                &fourth,
                &data,
                &["kernel-sr", "spring"],
                1e-7,
                &format!("R4 {what}"),
            );
        }
    }
    // Columns that do not vary are left alone by all.
    let mut dead = data(Kind::Real, 30, 4, 4);
    if let Matrix::Real(mut m) = dead.derivatives.written_out() {
        m.column_mut(1).fill(0.1);
        dead.derivatives = Derivatives::dense(Kind::Real, Matrix::Real(m));
    }
    let scaled = OptimizerOptions {
        carleo_troyer: Some((0.5, 0.9, 1e-4)),
        ..options(0.0)
    };
    for method in ["dense-sr", "kernel-sr", "cg"] {
        let update = solve(method, &scaled, &dead, &Serial).update;
        assert!(
            update[1].abs() < 1e-3 && update.iter().all(|u| u.abs() < 10.0),
            "{method} {update:?}"
        );
    }
}

#[test]
fn any_number_of_ranks_gives_the_same_direction() {
    for kind in KINDS {
        for all in [data(kind, 24, 9, 9), factored(kind, 24, 5, 6)] {
            for method in OPTIMIZERS.iter().map(|o| o.kind) {
                let alone = solve(method, &options(1e-3), &all, &Serial);
                for size in 2..=4 {
                    let parts = threads::run(size, |comm| {
                        solve(
                            method,
                            &options(1e-3),
                            &part(&all, share(24, comm.rank(), size)),
                            comm,
                        )
                        .update
                    });
                    for update in &parts {
                        let apart = distance(&alone.update, update);
                        assert!(apart < 1e-8, "{kind:?} {method} {size}: {apart:e}");
                        assert_eq!(update, &parts[0], "the same bytes on every rank");
                    }
                }
            }
            let scaled = OptimizerOptions {
                carleo_troyer: Some((0.5, 0.9, 1e-4)),
                ..options(0.0)
            };
            let alone = solve("kernel-sr", &scaled, &all, &Serial);
            let parts = threads::run(3, |comm| {
                solve(
                    "kernel-sr",
                    &scaled,
                    &part(&all, share(24, comm.rank(), 3)),
                    comm,
                )
                .update
            });
            assert!(
                parts
                    .iter()
                    .all(|update| distance(&alone.update, update) < 1e-8)
            );
        }
    }
}

/// Ō and ε of a problem with real derivatives, written out.
fn written(data: &Data) -> (Array2<f64>, Array1<f64>) {
    let Matrix::Real(o) = data.derivatives.written_out() else {
        panic!("real data")
    };
    let weights = Array1::from(data.weights.clone());
    let mean = weights.dot(&o);
    let energies: Array1<f64> = data.energies.iter().map(|e| e.re).collect();
    let energy = weights.dot(&energies);
    let roots = weights.mapv(f64::sqrt);
    let rows = (&o - &mean) * roots.view().insert_axis(ndarray::Axis(1));
    (rows, (energies - energy) * roots)
}

/// With default keys; conjugate gradients go on to rounding.
fn build(kind: &str, options: &OptimizerOptions) -> Box<dyn Optimizer> {
    let keys = if kind == "cg" {
        "tolerance = 1e-13"
    } else {
        ""
    };
    build_with(kind, keys, options)
}

fn build_with(kind: &str, keys: &str, options: &OptimizerOptions) -> Box<dyn Optimizer> {
    (entry(kind).build)(&keys.parse().unwrap(), options).unwrap()
}

fn next(optimizer: &mut dyn Optimizer, step: usize, data: &Data) -> Array1<f64> {
    let data = Residuals {
        derivatives: &data.derivatives,
        weights: &data.weights,
        residual: &data.energies,
        exact: false,
    };
    Array1::from(
        optimizer
            .direction(&(&data).into(), step, &Serial)
            .unwrap()
            .update,
    )
}

#[test]
fn spring_and_march_minimise_what_they_say() {
    for (samples, columns) in [(30, 8), (8, 30)] {
        let (lambda, mu, beta): (f64, f64, f64) = (1e-2, 0.8, 0.9);
        for method in ["spring", "march"] {
            let mut keys = format!("mu = {mu}\n");
            if method == "march" {
                keys += &format!("beta = {beta}\n");
            }
            let mut optimizer = build_with(method, &keys, &options(lambda));
            let mut last = Array1::zeros(columns);
            let mut second = Array1::<f64>::zeros(columns);
            for step in 0..4 {
                let data = data(Kind::Real, samples + step, columns, columns);
                let (rows, target) = written(&data);
                let phi = next(&mut *optimizer, step, &data);
                let unbias = 1.0 - beta.powi(step as i32);
                let scaled = method == "march" && step > 0;
                let d = if scaled {
                    second.mapv(|v| (v / unbias).sqrt())
                } else {
                    Array1::ones(columns)
                };
                // The gradient of |O phi - eps|^2 + lambda |phi - mu last|_D^2 is zero.
                let slope = rows.t().dot(&(rows.dot(&phi) - &target))
                    + (&phi - &(&last * mu)) * &d * lambda;
                assert!(
                    slope.iter().all(|g| g.abs() < 1e-8),
                    "{method} {samples} {step}: {slope}"
                );
                second = second * beta + (&phi - &last).mapv(|x| x * x) * (1.0 - beta);
                last = phi;
            }
        }
    }
}

#[test]
fn spring_converges_to_the_minimum_norm_solution() {
    let data = data(Kind::Real, 8, 20, 20);
    let plain = OptimizerOptions {
        pseudo_inverse: Some(1e-13),
        ..options(0.0)
    };
    let minimum = Array1::from(solve("kernel-sr", &plain, &data, &Serial).update);
    let mut spring = build_with("spring", "mu = 0.9", &options(1e-9));
    let mut phi = Array1::zeros(20);
    for step in 0..400 {
        phi = next(&mut *spring, step, &data);
    }
    // What mu keeps of directions without a gradient dies out; the rest solves the equations.
    assert!((&phi - &minimum).mapv(|x| x * x).sum().sqrt() < 1e-5 * minimum.dot(&minimum).sqrt());
}

#[test]
fn every_optimiser_obeys_its_laws() {
    for entry in OPTIMIZERS {
        let verdict = nishina::laws::optimizer(&|| Ok(build(entry.kind, &options(1e-3))), 3);
        assert_eq!(verdict, Ok(()), "{}", entry.kind);
    }
    let relative = Shift::Relative(RelativeShift {
        relative: Schedule::Number(0.01),
    });
    for shift in [relative, Shift::AUTOMATIC] {
        for kind in ["dense-sr", "kernel-sr", "cg"] {
            let options = OptimizerOptions {
                shift: shift.clone(),
                ..options(0.0)
            };
            let verdict = nishina::laws::optimizer(&|| Ok(build(kind, &options)), 3);
            assert_eq!(verdict, Ok(()), "{kind} with {shift:?}");
        }
    }
}

/// tr S/P of complete data, from the rows themselves.
fn mean_of_diagonal(data: &Data) -> f64 {
    let rows = match data.derivatives.written_out() {
        Matrix::Real(m) => m.mapv(Complex64::from),
        Matrix::Complex(m) => m,
        Matrix::Rounded(_) => panic!("what is written out has double precision"),
    };
    let w = |s: usize| data.weights[s];
    let each = rows.columns().into_iter().map(|column| {
        let mean: Complex64 = column.iter().enumerate().map(|(s, o)| w(s) * o).sum();
        let squares = column.iter().enumerate();
        squares
            .map(|(s, o)| w(s) * (o - mean).norm_sqr())
            .sum::<f64>()
    });
    each.sum::<f64>() / rows.ncols() as f64
}

#[test]
fn relative_shifts_are_multiples_of_the_mean_diagonal() {
    for kind in KINDS {
        let data = data(kind, 40, 12, 12);
        let absolute = options(0.3 * mean_of_diagonal(&data));
        let relative = OptimizerOptions {
            shift: Shift::Relative(RelativeShift {
                relative: Schedule::Number(0.3),
            }),
            ..options(0.0)
        };
        for method in ["dense-sr", "kernel-sr"] {
            let both = [&absolute, &relative].map(|o| solve(method, o, &data, &Serial).update);
            let off = distance(&both[0], &both[1]);
            assert!(off < 1e-10, "{method} {kind:?}: {off:e}");
        }
    }
}

#[test]
fn natural_gradients_of_the_force_are_the_directions_of_residuals() {
    for kind in KINDS {
        let data = data(kind, 40, 12, 12);
        let with = |residual| Residuals {
            derivatives: &data.derivatives,
            weights: &data.weights,
            residual,
            exact: false,
        };
        let still = vec![Complex64::ZERO; 40];
        for options in [
            options(0.01),
            OptimizerOptions {
                scale_invariant: Some((0.1, 1e-3)),
                ..options(0.0)
            },
        ] {
            let known = with(&data.energies);
            let force = Objective::from(&known).gradient(&Serial).unwrap();
            let rule = Regularisation::at(&options, 0);
            let wanted = solve("dense-sr", &options, &data, &Serial).update;
            for in_order in [false, true] {
                let found = natural::direction(&with(&still), &force, rule, in_order, &Serial);
                let off = distance(&wanted, &found.unwrap());
                assert!(off < 1e-10, "{kind:?}: {off:e}");
            }
        }
    }
}

/// Adam with a fault: it ascends, adds the number of ranks, or forgets its state.
struct Faulty(Box<dyn Optimizer>, &'static str);

impl Optimizer for Faulty {
    fn direction(
        &mut self,
        objective: &Objective,
        step: usize,
        comm: &dyn Comm,
    ) -> nishina::error::Result<Direction> {
        let mut direction = self.0.direction(objective, step, comm)?;
        match self.1 {
            "descent" => direction.update.iter_mut().for_each(|d| *d = -*d),
            "ranks" => direction.update[0] += 1e-3 * comm.size() as f64,
            _ => {}
        }
        Ok(direction)
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        self.0.save(tree, prefix);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> nishina::error::Result<()> {
        match self.1 {
            "resume" => Ok(()),
            _ => self.0.load(tree, prefix),
        }
    }
}

#[test]
fn every_broken_law_of_an_optimiser_is_named() {
    for law in ["descent", "ranks", "resume"] {
        let faulty = || -> nishina::error::Result<Box<dyn Optimizer>> {
            Ok(Box::new(Faulty(build("adam", &options(1e-3)), law)))
        };
        let verdict = nishina::laws::optimizer(&faulty, 3).unwrap_err();
        assert!(verdict.starts_with(law), "{verdict}");
    }
}

#[test]
fn messages_and_bytes_are_those_of_the_cost_model() {
    for kind in KINDS {
        for (samples, sites, hidden) in [(32, 2, 3), (16, 4, 5)] {
            let all = factored(kind, samples, sites, hidden);
            let derivatives = &all.derivatives;
            for ranks in [1, 2, 4, 8] {
                for method in OPTIMIZERS.iter().map(|o| o.kind) {
                    for diagonal in [false, true] {
                        if diagonal && !matches!(method, "dense-sr" | "kernel-sr" | "spring") {
                            continue;
                        }
                        let sizes = Sizes {
                            kind,
                            columns: derivatives.columns(),
                            samples,
                            numbers: derivatives.numbers_per_sample(),
                            single: false,
                            ranks,
                            diagonal,
                            half_factorisations: 0.0,
                            decomposed: false,
                            shared_above: None,
                            avoided_above: 8192,
                        };
                        let mut options = options(1e-2);
                        options.carleo_troyer = diagonal.then_some((0.5, 0.9, 1e-4));
                        let counted = threads::run(ranks, |comm| {
                            let comm = Counting::new(comm);
                            let mine = part(&all, share(samples, comm.rank(), ranks));
                            let data = Residuals {
                                derivatives: &mine.derivatives,
                                weights: &mine.weights,
                                residual: &mine.energies,
                                exact: false,
                            };
                            let mut optimizer = build(method, &options);
                            let local = mine.local();
                            let objective = Objective::Hamiltonian(&data, &local);
                            // The second step has a last direction.
                            optimizer.direction(&objective, 0, &comm).unwrap();
                            comm.take();
                            let direction = optimizer.direction(&objective, 1, &comm).unwrap();
                            (comm.take(), direction.iterations.map_or(1, |i| i.count))
                        });
                        for (rank, (counted, iterations)) in counted.into_iter().enumerate() {
                            let model = (entry(method).cost)(&sizes, rank, iterations).traffic;
                            assert_eq!(
                                counted, model,
                                "{kind:?} {method} {ranks} {rank} {diagonal}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn matrix_products_per_solve() {
    let count = |method: &str, data: &Data| {
        let before = nishina::linalg::products::count();
        let iterations = solve(method, &options(1e-2), data, &Serial)
            .iterations
            .map_or(0, |i| i.count as u64);
        (nishina::linalg::products::count() - before, iterations)
    };
    let data = factored(Kind::Holomorphic, 100, 3, 4);
    // Three blocks. Mean: 3. One portion of rows: rank update and force. Image of delta for its
    // norm: 3.
    assert_eq!(count("dense-sr", &data), (8, 0));
    // One tile: X X^T and T T^H, each once. Pull-back 3, norm 3.
    assert_eq!(count("kernel-sr", &data), (8, 0));
    // 200 samples are two tiles of rows over one of columns.
    assert_eq!(
        count("kernel-sr", &factored(Kind::Holomorphic, 200, 3, 4)),
        (10, 0)
    );
    // Mean 3, force 3, squares 3, norm 3, and two products with three blocks per iteration.
    let (products, iterations) = count("cg", &data);
    assert!(iterations > 3);
    assert_eq!(products, 12 + 6 * iterations);
    assert_eq!(count("sgd", &data), (3, 0));
}

#[test]
fn direction_solves_the_shifted_equations() {
    // Real case against the normal equations, written out.
    let data = data(Kind::Real, 30, 4, 4);
    let Matrix::Real(o) = &data.derivatives.written_out() else {
        unreachable!()
    };
    let mean: Vec<f64> = (0..4)
        .map(|k| (0..30).map(|s| data.weights[s] * o[[s, k]]).sum())
        .collect();
    let e: f64 = (0..30).map(|s| data.weights[s] * data.energies[s].re).sum();
    let delta = solve("dense-sr", &options(0.1), &data, &Serial).update;
    for k in 0..4 {
        let c = |s: usize, k: usize| o[[s, k]] - mean[k];
        let s_delta: f64 = (0..30)
            .map(|s| data.weights[s] * c(s, k) * (0..4).map(|l| c(s, l) * delta[l]).sum::<f64>())
            .sum();
        let f: f64 = (0..30)
            .map(|s| data.weights[s] * c(s, k) * (data.energies[s].re - e))
            .sum();
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
            let step = Residuals {
                derivatives: &mine.derivatives,
                weights: &mine.weights,
                residual: &mine.energies,
                exact: false,
            };
            build(method.kind, &options(0.1))
                .direction(&Objective::Hamiltonian(&step, &mine.local()), 0, comm)
                .is_err()
        });
        assert_eq!(refused, vec![true; 3], "{}", method.kind);
    }
}
