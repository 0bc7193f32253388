//! The linear method: its matrices are those of the dense Hamiltonian, its steps find the lowest
//! state among psi and its derivatives, and it converges in few of them.

mod common;

use common::sections::obeys_the_laws;
use common::{Case, RING, expect_code, text};
use ndarray::{Array1, Array2, Axis};
use nishina::calculation::vmc::problem::{Problem, ensemble, problem};
use nishina::comm::{Serial, share, threads};
use nishina::derivatives::{Derivatives, Kind, Matrix, MatrixNumber};
use nishina::ensemble::{Request, Variational, local_derivatives};
use nishina::error::Result;
use nishina::optimizer::least_squares::LeastSquares;
use nishina::optimizer::tangent::{self, Tangent};
use nishina::optimizer::{
    Direction, OPTIMIZERS, Objective, Optimizer, OptimizerOptions, Residuals, Schedule,
};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use num_complex::Complex64;

const HEISENBERG: &str = "kind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'";
const ISING: &str = "kind = 'ising'\nhx = 1.0";
/// Wave functions with real, stacked and holomorphic derivatives.
const KINDS: [(&str, Kind); 3] = [
    (
        "kind = 'rbm'\ndensity = 1\ninit = 0.2\nsymmetry = 'none'\nparameters = 'real'",
        Kind::Real,
    ),
    (
        "kind = 'product'\nfactors = [{ kind = 'rbm', density = 1, init = 0.2, symmetry = 'none' \
         }, { kind = 'jastrow', init = 0.1, parameters = 'real' }]",
        Kind::Stacked,
    ),
    (
        "kind = 'rbm'\ndensity = 1\ninit = 0.2\nsymmetry = 'none'",
        Kind::Holomorphic,
    ),
];

fn input(size: usize, model: &str, ansatz: &str, sampler: &str) -> String {
    format!(
        "seed = 4\n[lattice]\nkind = 'chain'\nsize = {size}\n[hamiltonian]\n{model}\n[ansatz]\n\
         {ansatz}\n[sampler]\n{sampler}\n"
    )
}

const SUM: &str = "method = 'full-sum'";

/// What is known of a set of configurations.
struct Known {
    state: Box<dyn Variational>,
    energies: Vec<Complex64>,
    local: Matrix,
}

fn draw(state: &mut dyn Variational, step: u64) {
    let request = Request {
        purpose: Purpose::Optimize,
        step,
        burn_in: 10,
        per_chain: 32,
    };
    state.sample(&request).unwrap();
}

impl Known {
    fn new(text: &str, rank: usize, size: usize) -> Self {
        let (problem, mut state) = start(text, rank, size);
        draw(&mut *state, 0);
        Self::of(state, &problem)
    }

    fn of(state: Box<dyn Variational>, problem: &Problem) -> Self {
        let hamiltonian = &*problem.hamiltonian;
        let derivatives = state.derivatives();
        Known {
            energies: state.local_values(hamiltonian).unwrap().values,
            local: local_derivatives(&*state, &derivatives, hamiltonian),
            state,
        }
    }

    fn residuals<'a>(&'a self, derivatives: &'a Derivatives) -> Residuals<'a> {
        Residuals {
            derivatives,
            weights: self.state.weights(),
            residual: &self.energies,
            exact: false,
        }
    }

    fn tangent<T: MatrixNumber>(&self) -> Tangent<T> {
        let derivatives = self.state.derivatives();
        let data = self.residuals(&derivatives);
        let problem = LeastSquares::new(&data, true, &Serial).unwrap();
        tangent::assemble(&problem, &data, &self.local, &Serial).unwrap()
    }

    fn direction(
        &self,
        optimizer: &mut dyn Optimizer,
        comm: &dyn nishina::comm::Comm,
    ) -> Result<Direction> {
        let derivatives = self.state.derivatives();
        let data = self.residuals(&derivatives);
        optimizer.direction(&Objective::Hamiltonian(&data, &self.local), 0, comm)
    }
}

fn start(text: &str, rank: usize, size: usize) -> (Problem<'static>, Box<dyn Variational>) {
    let source = nishina::input::from_text(text, ".".into()).unwrap();
    let registry = Box::leak(Box::new(Registry::default()));
    let problem = problem(&source, registry).unwrap();
    let state = ensemble(&source, &problem, rank, size).unwrap();
    (problem, state)
}

fn linear(keys: &str, options: &OptimizerOptions) -> Result<Box<dyn Optimizer>> {
    let entry = OPTIMIZERS.iter().find(|e| e.kind == "linear").unwrap();
    (entry.build)(&keys.parse().unwrap(), options)
}

fn shifted(shift: f64) -> OptimizerOptions {
    OptimizerOptions::shifted(Schedule::Number(shift))
}

/// All elements of the Hamiltonian between the configurations of a full sum.
fn dense(problem: &Problem, state: &dyn Variational) -> Array2<Complex64> {
    let (numbering, _) = state.all().unwrap();
    let mut rows = nishina::operator::MatrixRows::new(&*problem.hamiltonian, numbering);
    let dimension = numbering.dimension();
    let mut h = Array2::from_elem((dimension, dimension), Complex64::ZERO);
    for k in 0..dimension {
        let mut found = Vec::new();
        let diagonal = rows.row(k, |to, element| found.push((to, element)));
        found
            .iter()
            .for_each(|(to, element)| h[(k, *to)] += element);
        h[(k, k)] += diagonal;
    }
    h
}

/// <psi|psi>, the derivatives of psi less their part along psi as columns, and psi.
fn vectors(state: &dyn Variational) -> (f64, Array2<Complex64>, Array1<Complex64>) {
    let (_, amplitudes) = state.all().unwrap();
    let psi = Array1::from(amplitudes.to_vec());
    let norm: f64 = psi.iter().map(Complex64::norm_sqr).sum();
    let o = match state.derivatives().written_out() {
        Matrix::Real(o) => o.mapv(Complex64::from),
        Matrix::Complex(o) => o,
        Matrix::Rounded(_) => panic!("what is written out has double precision"),
    };
    let mut columns = &o * &psi.view().insert_axis(Axis(1));
    for mut column in columns.columns_mut() {
        let dot: Complex64 = psi.iter().zip(&column).map(|(p, c)| p.conj() * c).sum();
        column.scaled_add(-dot / norm, &psi);
    }
    (norm, columns, psi)
}

fn largest_distance<T: MatrixNumber>(found: &Array2<T>, wanted: &Array2<Complex64>) -> f64 {
    assert_eq!(found.dim(), wanted.dim());
    let off = |(f, w): (&T, &Complex64)| {
        let wanted = T::from_complex(*w);
        (*f - wanted).norm_sqr().sqrt()
    };
    found.iter().zip(wanted).map(off).fold(0.0, f64::max)
}

fn compare<T: MatrixNumber>(known: &Known, h: &Array2<Complex64>) {
    let Tangent {
        overlap,
        force,
        hamiltonian,
        spread,
    } = known.tangent::<T>();
    let (norm, tangents, psi) = vectors(&*known.state);
    let bra = tangents.t().mapv(|z| z.conj());
    let over = |m: Array2<Complex64>| m.mapv(|z| z / norm);
    let image = h.dot(&psi);
    let energy = psi
        .iter()
        .zip(&image)
        .map(|(p, i)| (p.conj() * i).re)
        .sum::<f64>()
        / norm;
    let moved = h - &(Array2::from_diag_elem(h.nrows(), Complex64::from(energy)));
    let metric = over(bra.dot(&tangents));
    let upper = Array2::from_shape_fn(metric.dim(), |(i, j)| match i <= j {
        true => metric[(i, j)],
        false => overlap[(i, j)].complex(),
    });
    assert!(largest_distance(&overlap, &upper) < 1e-10);
    let below = over(bra.dot(&moved.dot(&tangents)));
    let inner = hamiltonian.slice(ndarray::s![1.., ..]).to_owned();
    assert!(largest_distance(&inner, &below) < 1e-10);
    let left = over(bra.dot(&moved.dot(&psi)).insert_axis(Axis(1)));
    let found = Array2::from_shape_vec((force.len(), 1), force).unwrap();
    assert!(largest_distance(&found, &left) < 1e-10);
    let right = over(
        moved
            .dot(&tangents)
            .t()
            .dot(&psi.mapv(|z| z.conj()))
            .insert_axis(Axis(0)),
    );
    let found = hamiltonian.slice(ndarray::s![..1, ..]).to_owned();
    assert!(largest_distance(&found, &right) < 1e-10);
    let square = moved.dot(&psi).iter().map(Complex64::norm_sqr).sum::<f64>() / norm;
    assert!((spread * spread - square).abs() < 1e-10);
}

#[test]
fn the_matrices_of_a_full_sum_are_those_of_the_dense_hamiltonian() {
    for model in [HEISENBERG, ISING] {
        for (ansatz, kind) in KINDS {
            let text = input(6, model, ansatz, SUM);
            let (problem, mut state) = start(&text, 0, 1);
            draw(&mut *state, 0);
            let h = dense(&problem, &*state);
            let known = Known::of(state, &problem);
            assert_eq!(known.state.derivatives().kind, kind);
            match kind {
                Kind::Holomorphic => compare::<Complex64>(&known, &h),
                _ => compare::<f64>(&known, &h),
            }
        }
    }
}

/// Local derivatives of samples, from amplitudes at shifted parameters: psi is differentiated,
/// H psi formed, and divided by psi.
#[test]
fn local_derivatives_of_samples_are_finite_differences() {
    let sampler = "chains = 2\nsamples = 16";
    for (ansatz, kind) in KINDS {
        let text = input(6, HEISENBERG, ansatz, sampler);
        let (problem, mut state) = start(&text, 0, 1);
        draw(&mut *state, 0);
        let known = Known::of(state, &problem);
        let state = &known.state;
        let xs = state.configurations().to_vec();
        let (before, parameters) = (state.log_psi_of(&xs), state.parameters());
        let mut moved = start(&text, 0, 1).1;
        let mut image = |parameters: &[f64]| -> Vec<Complex64> {
            moved.set_parameters(parameters).unwrap();
            let local = moved.local_values_of(&xs, &*problem.hamiltonian);
            let logs = moved.log_psi_of(&xs);
            let parts = local.iter().zip(logs.iter().zip(&before));
            parts
                .map(|(e, (after, before))| e * (after - before).exp())
                .collect()
        };
        let step = 1e-5;
        let width = if kind == Kind::Holomorphic { 2 } else { 1 };
        for column in (0..parameters.len() / width).step_by(5) {
            let mut at = |sign: f64| {
                let mut moved = parameters.clone();
                moved[column * width] += sign * step;
                image(&moved)
            };
            let (above, below) = (at(1.0), at(-1.0));
            for (s, (a, b)) in above.iter().zip(&below).enumerate() {
                let (wanted, found) = ((a - b) / (2.0 * step), known.local.get(s, column));
                assert!(
                    (wanted - found).norm() < 1e-7,
                    "{kind:?} {column}: {wanted} {found}"
                );
            }
        }
    }
}

/// The lowest energy of a full sum.
fn ground(problem: &Problem, state: &dyn Variational) -> f64 {
    use nishina::linalg::dense::Lapack;
    let (values, _) = Complex64::eigen(dense(problem, state)).unwrap();
    values[0]
}

/// Energies of so many steps at rate 1 above the lowest one.
fn steps(text: &str, keys: &str, options: &OptimizerOptions, count: usize) -> Vec<f64> {
    let (problem, mut state) = start(text, 0, 1);
    let mut optimizer = linear(keys, options).unwrap();
    let mut energies = Vec::new();
    for step in 0..=count {
        draw(&mut *state, step as u64);
        let known = Known::of(state, &problem);
        let parts = known.energies.iter().zip(known.state.weights());
        energies.push(parts.map(|(e, w)| e.re * w).sum::<f64>());
        let update = known.direction(&mut *optimizer, &Serial).unwrap().update;
        state = known.state;
        let moved: Vec<f64> = state
            .parameters()
            .iter()
            .zip(&update)
            .map(|(p, d)| p - d)
            .collect();
        state.set_parameters(&moved).unwrap();
    }
    let lowest = ground(&problem, &*state);
    energies.iter().map(|e| e - lowest).collect()
}

#[test]
fn linear_parameters_need_one_step_and_rescaled_ones_a_handful() {
    let exact = OptimizerOptions {
        pseudo_inverse: Some(1e-13),
        ..shifted(0.0)
    };
    for parameters in ["real", "complex"] {
        let ansatz = format!("kind = 'table'\ninit = 0.1\nparameters = '{parameters}'");
        let text = input(8, HEISENBERG, &ansatz, SUM);
        let once = steps(&text, "xi = 1.0", &exact, 1);
        assert!(once[0] > 0.1 && once[1].abs() < 1e-9, "{once:?}");
        let kept = steps(&text, "", &exact, 5);
        assert!(kept[1] > 1e-6 && kept[5].abs() < 1e-9, "{kept:?}");
    }
}

#[test]
fn ranks_share_the_sums_and_all_have_the_same_step() {
    let sampler = "chains = 12\nsamples = 384";
    for (ansatz, kind) in KINDS {
        let text = input(8, ISING, ansatz, sampler);
        let run = |size: usize| {
            threads::run(size, |comm| {
                let known = Known::new(&text, comm.rank(), size);
                assert_eq!(
                    known.energies.len(),
                    32 * share(12, comm.rank(), size).len()
                );
                let mut optimizer = linear("", &shifted(0.1)).unwrap();
                known.direction(&mut *optimizer, comm).unwrap().update
            })
        };
        let alone = &run(1)[0];
        let length = alone.iter().map(|d| d * d).sum::<f64>().sqrt();
        for size in [2, 3] {
            let all = run(size);
            let apart = all[0].iter().zip(alone).map(|(a, b)| (a - b) * (a - b));
            let apart = apart.sum::<f64>().sqrt();
            assert!(
                apart < 1e-7 * length,
                "{kind:?} {size}: {apart:e} of {length:e}"
            );
            assert!(
                all.iter().all(|update| *update == all[0]),
                "{kind:?} {size}"
            );
        }
    }
}

/// Energies of the steps of a run.
fn run(input: &str) -> (Case, Vec<f64>) {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let energies = case.tree("x.h5").reals("optimize/history/energy").unwrap();
    (case, energies)
}

/// Steps to within a distance of an energy.
fn reached(energies: &[f64], lowest: f64, distance: f64) -> usize {
    let near = energies.iter().position(|e| e - lowest < distance);
    near.unwrap_or(usize::MAX)
}

const MACHINE: &str = "kind = 'rbm'\ndensity = 1\ninit = 0.1\nparameters = 'real'\nsymmetry = \
                       'none'";

#[test]
fn fewer_steps_than_stochastic_reconfiguration_are_needed() {
    for (size, model, distance, most) in [(8, HEISENBERG, 1e-8, 10), (10, ISING, 1e-4, 12)] {
        let text = input(size, model, MACHINE, SUM);
        let (problem, mut state) = start(&text, 0, 1);
        draw(&mut *state, 0);
        let lowest = ground(&problem, &*state);
        let count = |keys: &str| {
            let energies = run(&format!("{text}[optimize]\n{keys}\n")).1;
            reached(&energies, lowest, distance * lowest.abs())
        };
        let linear = count("method = 'linear'\nsteps = 13\nlearning_rate = 1.0");
        let sr = count("method = 'sr'\nsteps = 25\nlearning_rate = 0.1");
        assert!(
            linear <= most && sr > 2 * most,
            "{model}: {linear} and {sr} steps"
        );
    }
}

/// Small weights and no sign rule: nearly the highest state of all.
#[test]
fn a_full_sum_leaves_the_neighbourhood_of_a_higher_eigenstate() {
    let model = "kind = 'heisenberg'\nsector = { total_sz = 0 }";
    let text = input(
        6,
        model,
        "kind = 'rbm'\ndensity = 1\ninit = 0.01\nsymmetry = 'none'",
        SUM,
    );
    let (problem, mut state) = start(&text, 0, 1);
    draw(&mut *state, 0);
    let lowest = ground(&problem, &*state);
    let keys = "method = 'linear'\nsteps = 25\nlearning_rate = 1.0";
    let energies = run(&format!("{text}[optimize]\n{keys}\n")).1;
    assert!((energies[0] - 1.5).abs() < 0.01, "{energies:?}");
    assert!(reached(&energies, lowest, 1e-6) < 25, "{energies:?}");
}

#[test]
fn samples_lead_to_the_ground_state() {
    let sampler = "chains = 16\nsamples = 2048";
    let text = input(8, HEISENBERG, MACHINE, sampler);
    let keys = "method = 'linear'\nsteps = 20\nlearning_rate = 1.0";
    let (problem, mut state) = start(&input(8, HEISENBERG, MACHINE, SUM), 0, 1);
    draw(&mut *state, 0);
    let lowest = ground(&problem, &*state);
    let (case, _) = run(&format!("{text}[optimize]\n{keys}\n"));
    state
        .set_parameters(&case.present().reals("parameters").unwrap())
        .unwrap();
    draw(&mut *state, 1);
    let known = Known::of(state, &problem);
    let parts = known.energies.iter().zip(known.state.weights());
    let above = parts.map(|(e, w)| e.re * w).sum::<f64>() / lowest - 1.0;
    assert!(above.abs() < SAMPLED, "{above:e}");
}

/// How far the state above may be from the ground state.
const SAMPLED: f64 = 1e-3;

#[test]
fn blocks_of_steps_obey_the_laws() {
    let keys = "[optimize]\nmethod = 'linear'\nsteps = 9\nlearning_rate = 1.0\n";
    for ansatz in ["parameters = \"complex\"", "parameters = \"real\""] {
        let ring = RING.replace("parameters = \"complex\"", ansatz);
        let case = Case::new(&format!("{ring}{keys}"));
        obeys_the_laws(&case, &[(1, 4, 5), (3, 2, 7)]);
    }
}

#[test]
fn what_the_method_cannot_do_is_refused_before_any_work() {
    for (keys, says) in [
        ("shift = 'auto'", "optimize.shift"),
        ("xi = 1.5", "optimize.xi"),
        ("clip_force = 5.0", "optimize.clip_force"),
        ("spin_penalty = 1.0", "optimize.spin_penalty"),
    ] {
        let method = "[optimize]\nmethod = 'linear'\nsteps = 2\nlearning_rate = 1.0";
        let case = Case::new(&format!("{RING}{method}\n{keys}\n"));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(says), "{}", text(&out));
    }
    let gradient = Objective::Gradient(&[1.0]);
    let mut optimizer = linear("", &shifted(0.1)).unwrap();
    assert!(optimizer.direction(&gradient, 0, &Serial).is_err());
}

/// Matrices of parameters: `check` tells their bytes, and a run that has no room for them does not
/// begin.
#[test]
fn matrices_that_do_not_fit_are_refused() {
    let ring = RING.replace("size = 10", "size = 1000");
    let keys = "[optimize]\nmethod = 'linear'\nsteps = 2\nlearning_rate = 1.0";
    let case = Case::new(&format!("{ring}{keys}\n"));
    let out = case.alone(&["check", "x.toml", "--quick", "--json"]);
    expect_code(&out, 0);
    let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let parameters = 1000.0 * 1002.0;
    assert!(told["bytes_per_rank"].as_f64().unwrap() > 16.0 * 2.0 * parameters * parameters);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("GB are available"), "{}", text(&out));
}

/// What a run of the linear method says of states above the middle of the spectrum: in its log, and
/// in its results.
fn said_of_height(input: &str, steps: usize) -> [usize; 2] {
    let keys = format!("method = 'linear'\nsteps = {steps}\nlearning_rate = 1.0");
    let case = Case::new(&format!(
        "{input}[optimize]\n{keys}\n[output]\nsamples = 'none'\n"
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let words = "the energy at infinite temperature, near a high eigenstate, which optimize.method";
    let results = case.info()["warnings"].to_string();
    [text(&out), results].map(|text| text.matches(words).count())
}

/// Without the sign rule small weights begin in the highest state; samples show little else.
#[test]
fn a_start_near_a_high_eigenstate_is_said() {
    let sampler = "chains = 16\nsamples = 1024";
    let heisenberg = |keys: &str| format!("kind = 'heisenberg'\n{keys}");
    let free = |model: &str, ansatz: &str, sampler: &str| {
        let ansatz = format!("kind = 'rbm'\ndensity = 1\nsymmetry = 'none'\n{ansatz}");
        input(10, model, &ansatz, sampler)
    };
    let highest = heisenberg("sector = { total_sz = 0 }");
    assert_eq!(said_of_height(&free(&highest, "", sampler), 8), [1, 0]);
    // Real weights have one sign and never get away.
    let real = free(&highest, "parameters = 'real'", sampler);
    assert_eq!(said_of_height(&real, 14), [2, 1]);
    for (model, ansatz, sampler) in [
        (HEISENBERG.to_string(), "", sampler),
        (
            heisenberg("j = -1.0\nsector = { total_sz = 0 }"),
            "",
            sampler,
        ),
        // The ground state of one spin down lies above the mean over all sectors.
        (
            HEISENBERG.replace("total_sz = 0", "total_sz = 4"),
            "",
            sampler,
        ),
        (ISING.to_string(), "", sampler),
        (highest.clone(), "init = 0.1", sampler),
        (highest.clone(), "", SUM),
    ] {
        let input = free(&model, ansatz, sampler);
        assert_eq!(said_of_height(&input, 8), [0, 0], "{input}");
    }
}

/// A stage of another method before it is the remedy; one behind it does not hide what was said.
#[test]
fn stages_are_judged_by_their_own_steps() {
    let ansatz = "kind = 'rbm'\ndensity = 1\nsymmetry = 'none'";
    let model = "kind = 'heisenberg'\nsector = { total_sz = 0 }";
    let ring = input(10, model, ansatz, "chains = 16\nsamples = 1024");
    let run = |stages: [(&str, f64, usize); 2]| {
        let stages = stages.map(|(method, rate, steps)| {
            let keys = format!("method = '{method}'\nlearning_rate = {rate}\nsteps = {steps}");
            format!("[[optimize.stages]]\n{keys}\n")
        });
        let case = Case::new(&(ring.clone() + &stages.concat()));
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        text(&out).matches("near a high eigenstate").count()
    };
    assert_eq!(run([("sr", 0.1, 60), ("linear", 1.0, 7)]), 0);
    assert_eq!(run([("linear", 1.0, 7), ("sr", 0.1, 2)]), 1);
}
