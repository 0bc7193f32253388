//! Decides whether energy, variance, gradient and metric of explicitly given wave functions come
//! out of a full sum, from a TOML input on: the way that every run takes.
//!
//! E = Σ_x w(x) E_loc(x), F_k = ⟨O_k* E_loc⟩_c, S_kl = ⟨O_k* O_l⟩_c; ∂E/∂Re θ_k = 2
//! Re F_k, ∂E/∂Im θ_k = 2 Im F_k.

mod common;
use common::Case;
use ndarray::Array2;
use nishina::basis::StateIndex;
use nishina::calculation::optimize;
use nishina::calculation::vmc::estimate;
use nishina::comm::Serial;
use nishina::derivatives::{Kind, Matrix};
use nishina::ensemble::{Request, Variational};
use nishina::evolution::motion::{Equation, MotionInverse, Principle, Spectral, TimeAxis, solve};
use nishina::optimizer::Residuals;
use nishina::problem::{self, Problem};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use num_complex::Complex64;

const REQUEST: Request = Request {
    purpose: Purpose::Measure,
    step: 0,
    burn_in: 0,
    per_chain: 0,
};

/// An ensemble from an input, at given parameters, with its samples drawn.
struct State {
    problem: Problem<'static>,
    ensemble: Box<dyn Variational>,
    source: nishina::input::Source,
    local: Vec<Complex64>,
    unseen: f64,
}

impl State {
    fn new(input: &str, parameters: Option<&[f64]>, request: &Request) -> Self {
        let case = Case::new(input);
        let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
        let problem = problem::problem(&source, &Registry::default()).unwrap();
        let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
        if let Some(parameters) = parameters {
            ensemble.set_parameters(parameters).unwrap();
        }
        ensemble.sample(request).unwrap();
        let local = ensemble.local_values(&*problem.hamiltonian).unwrap();
        State {
            problem,
            ensemble,
            source,
            local: local.values,
            unseen: local.unseen,
        }
    }

    /// Energy and variance as a run reports them.
    fn energy(&self) -> (f64, f64) {
        let local = self
            .ensemble
            .local_values(&*self.problem.hamiltonian)
            .unwrap();
        let energy = estimate(&Serial, &*self.ensemble, &local, 1).unwrap();
        close(energy.mean.im, 0.0, 1e-10);
        (energy.mean.re, energy.variance)
    }

    /// Σ w (a − ⟨a⟩)* (b − ⟨b⟩)
    fn covariance(
        &self,
        a: &dyn Fn(usize) -> Complex64,
        b: &dyn Fn(usize) -> Complex64,
    ) -> Complex64 {
        let weights = self.ensemble.weights();
        let mean = |f: &dyn Fn(usize) -> Complex64| {
            weights
                .iter()
                .enumerate()
                .map(|(s, w)| f(s) * *w)
                .sum::<Complex64>()
        };
        let (a0, b0) = (mean(a), mean(b));
        weights
            .iter()
            .enumerate()
            .map(|(s, w)| (a(s) - a0).conj() * (b(s) - b0) * *w)
            .sum()
    }

    fn derivatives(&self) -> Matrix {
        self.ensemble.derivatives().written_out()
    }

    fn force(&self, o: &Matrix, k: usize) -> Complex64 {
        self.covariance(&|s| o.get(s, k), &|s| self.local[s])
    }

    fn metric(&self, o: &Matrix) -> Array2<Complex64> {
        let columns = o.dim().1;
        Array2::from_shape_fn((columns, columns), |(k, l)| {
            self.covariance(&|s| o.get(s, k), &|s| o.get(s, l))
        })
    }

    fn step_data<'a>(
        &'a self,
        derivatives: &'a nishina::derivatives::Derivatives,
    ) -> Residuals<'a> {
        Residuals {
            derivatives,
            weights: self.ensemble.weights(),
            residual: &self.local,
            exact: true,
        }
    }
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() < tolerance,
        "{found} instead of {expected}"
    );
}

fn close_complex(found: Complex64, (re, im): (f64, f64), tolerance: f64) {
    assert!(
        (found - Complex64::new(re, im)).norm() < tolerance,
        "{found} instead of {re} + {im} i"
    );
}

fn input(hamiltonian: &str, sites: i64, ansatz: &str, sampler: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = \
         {sites}\n[hamiltonian]\n{hamiltonian}\n[ansatz]\n{ansatz}\n[sampler]\n{sampler}\n\
         [optimize]\nsteps = 1\nmethod = 'dense-sr'\nlearning_rate = 0.1\nshift = 1e-3\n"
    )
}

const FULL_SUM: &str = "method = 'full-sum'";

/// The explicitly given complex machine of six sites and six units.
fn given() -> Vec<f64> {
    let mut parameters = Vec::new();
    let real = f64::from;
    (0..6).for_each(|i| parameters.extend([0.10 * real(1 + i).cos(), 0.05 * real(2 + i).sin()]));
    (0..6).for_each(|j| parameters.extend([0.08 * real(1 + j).sin(), 0.06 * real(3 + j).cos()]));
    for i in 0..6 {
        for j in 0..6 {
            parameters.extend([
                0.12 * real(1 + i + 2 * j).cos(),
                0.07 * real(2 + 3 * i + j).sin(),
            ]);
        }
    }
    parameters
}

/// What is known of the given machine under one Hamiltonian.
struct Golden {
    hamiltonian: &'static str,
    energy: f64,
    variance: f64,
    v_score: f64,
    /// Of all spins up and of + − + − + −.
    local: [(f64, f64); 2],
    /// F of a_0, b_2 and W_13, with the digits that are given.
    force: [(f64, f64, f64); 3],
    /// ‖(S + 10⁻³)⁻¹ F‖ and its component of a_0.
    direction: (f64, f64, f64),
    r2: f64,
}

const GOLDEN: [Golden; 2] = [
    Golden {
        hamiltonian: "kind = 'ising'\nhx = 1",
        energy: -6.297546440275816,
        variance: 3.704222141550132,
        v_score: 0.560409535243031,
        local: [
            (-12.443947450101264, -0.083666424345474),
            (-1.393993933376192, 0.157217064254498),
        ],
        force: [
            (0.074990154244140, 0.109790522982523, 1e-12),
            (-0.024112561724689, 0.008183870292175, 1e-12),
            (0.006761262611506, -0.074851537773224, 1e-12),
        ],
        direction: (23.970260512, 0.613199694, 0.815650850),
        r2: 0.000347562,
    },
    Golden {
        hamiltonian: "kind = 'heisenberg'\nunits = 'pauli'",
        energy: 5.781886196511358,
        variance: 1.186366978284915,
        v_score: 0.212927238501319,
        local: [(6.0, 0.0), (9.601140218199573, -0.754503371153297)],
        force: [
            (-0.200164491315244, -0.175710911178647, 1e-12),
            (0.087404238, -0.017794951, 1e-9),
            (0.019859240, -0.073486950, 1e-9),
        ],
        direction: (2.714363809, -0.048155966, -0.051218856),
        r2: 0.002962902,
    },
];

/// Columns of a_0, b_2 and W_13 among 6 + 6 + 36.
const PLACES: [usize; 3] = [0, 6 + 2, 12 + 6 + 3];
const MACHINE: &str = "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1";

#[test]
fn the_given_machine_has_its_golden_numbers() {
    for golden in &GOLDEN {
        let state = State::new(
            &input(golden.hamiltonian, 6, MACHINE, FULL_SUM),
            Some(&given()),
            &REQUEST,
        );
        let (energy, variance) = state.energy();
        close(energy, golden.energy, 1e-12);
        close(variance, golden.variance, 1e-12);
        close(
            nishina::stats::v_score(6, variance, energy, state.problem.facts.centre).unwrap(),
            golden.v_score,
            1e-12,
        );
        for (x, local) in [[1i8; 6], [1, -1, 1, -1, 1, -1]].iter().zip(golden.local) {
            let at = state
                .ensemble
                .configurations()
                .chunks_exact(6)
                .position(|y| y == x)
                .unwrap();
            close_complex(state.local[at], local, 1e-12);
        }
        let o = state.derivatives();
        for (&k, (re, im, tolerance)) in PLACES.iter().zip(golden.force) {
            close_complex(state.force(&o, k), (re, im), tolerance);
        }
        let derivatives = state.ensemble.derivatives();
        let keys = optimize::keys(&state.source).unwrap().unwrap();
        let method = optimize::ChosenMethod {
            kind: "dense-sr",
            reason: String::new(),
            cost: |_, _, _| Default::default(),
        };
        let mut chosen = optimize::optimizer(&keys, &Registry::default(), &method).unwrap();
        let direction = chosen
            .optimizer
            .direction(&(&state.step_data(&derivatives)).into(), 0, &Serial)
            .unwrap()
            .update;
        let (norm, re, im) = golden.direction;
        close(
            direction.iter().map(|d| d * d).sum::<f64>().sqrt(),
            norm,
            1e-8,
        );
        close_complex(Complex64::new(direction[0], direction[1]), (re, im), 1e-9);
        let inverse = MotionInverse::Spectral(Spectral {
            cut: 1e-13,
            signal_to_noise: 0.0,
        });
        let equation = Equation {
            axis: TimeAxis::Real,
            principle: Principle::Mclachlan,
            inverse,
        };
        let motion = solve(
            &equation,
            &state.step_data(&derivatives),
            state.unseen,
            true,
            &Serial,
        )
        .unwrap();
        close(motion.into_parts().1.r2, golden.r2, 1e-9);
    }
}

#[test]
fn the_metric_and_the_spins_of_the_given_machine() {
    let state = State::new(
        &input(GOLDEN[0].hamiltonian, 6, MACHINE, FULL_SUM),
        Some(&given()),
        &REQUEST,
    );
    let s = state.metric(&state.derivatives());
    close_complex(s[(0, 0)], (0.980281250268134, 0.0), 1e-13);
    close_complex(
        s[(0, 6 + 1)],
        (-0.132964535419690, 0.003813819734860),
        1e-13,
    );
    close_complex(
        s[(0, PLACES[2])],
        (-0.012773686920903, 0.012080883900735),
        1e-13,
    );
    close(
        s.diag().iter().map(|z| z.re).sum(),
        8.131339392393787,
        1e-12,
    );
    let sz = [
        0.140423465745,
        -0.125823015524,
        -0.218967085513,
        -0.172946642724,
        0.098208484751,
        0.211233910824,
    ];
    for (i, expected) in sz.into_iter().enumerate() {
        let spins = state.ensemble.configurations().iter().skip(i).step_by(6);
        close(
            spins
                .zip(state.ensemble.weights())
                .map(|(&x, w)| f64::from(x) * w)
                .sum(),
            expected,
            1e-11,
        );
    }
}

#[test]
fn samples_of_the_given_machine_agree_with_its_golden_numbers() {
    let (chains, per_chain) = (64usize, 512usize);
    let sampler = format!(
        "chains = {chains}\nsamples = {}\nsweeps = 2",
        chains * per_chain
    );
    let request = Request {
        burn_in: 100,
        per_chain,
        ..REQUEST
    };
    for golden in &GOLDEN {
        let state = State::new(
            &input(golden.hamiltonian, 6, MACHINE, &sampler),
            Some(&given()),
            &request,
        );
        let o = state.derivatives();
        // Means over each chain; their spread is the error bar.
        let check = |name: &str, expected: f64, value: &dyn Fn(std::ops::Range<usize>) -> f64| {
            let means: Vec<f64> = (0..chains)
                .map(|c| value(c * per_chain..(c + 1) * per_chain))
                .collect();
            let mean = means.iter().sum::<f64>() / chains as f64;
            let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
            let error = (spread / (chains * (chains - 1)) as f64).sqrt();
            assert!(
                (mean - expected).abs() < 4.0 * error,
                "{name}: {mean} +- {error}, expected {expected}"
            );
        };
        let average = |range: std::ops::Range<usize>, f: &dyn Fn(usize) -> Complex64| {
            range.clone().map(f).sum::<Complex64>() / range.len() as f64
        };
        let covariance = |range: std::ops::Range<usize>, k: usize, l: Option<usize>| {
            let b = |s: usize| l.map_or(state.local[s], |l| o.get(s, l));
            // A covariance within a chain loses one sample to its mean.
            let bias = per_chain as f64 / (per_chain - 1) as f64;
            let both = average(range.clone(), &|s| o.get(s, k).conj() * b(s));
            (both - average(range.clone(), &|s| o.get(s, k)).conj() * average(range, &b)) * bias
        };
        check("E", golden.energy, &|r| average(r, &|s| state.local[s]).re);
        check("Var", golden.variance, &|r| {
            average(r, &|s| {
                Complex64::from((state.local[s] - golden.energy).norm_sqr())
            })
            .re
        });
        for (&k, (re, im, _)) in PLACES.iter().zip(golden.force) {
            check("Re F", re, &|r| covariance(r, k, None).re);
            check("Im F", im, &|r| covariance(r, k, None).im);
        }
        check("Re S", -0.132964535419690, &|r| {
            covariance(r, 0, Some(7)).re
        });
        check("Im S", 0.003813819734860, &|r| covariance(r, 0, Some(7)).im);
    }
}

/// Parameters and derivatives of the energy, as the file lists them; complex where `complex`.
fn listed(file: &str, complex: bool) -> (Vec<f64>, Vec<f64>) {
    let text =
        std::fs::read_to_string(common::project().join("tests/reference").join(file)).unwrap();
    let (mut parameters, mut gradient) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let number = |k: usize| line.split(',').nth(k).unwrap().parse::<f64>();
        parameters.push(number(3).unwrap());
        gradient.push(number(5).unwrap());
        if complex {
            parameters.push(number(4).unwrap());
            gradient.push(number(6).unwrap());
        }
    }
    (parameters, gradient)
}

#[test]
fn every_listed_state_has_its_energy_variance_and_gradient() {
    let text =
        std::fs::read_to_string(common::project().join("tests/reference/trial.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let entries = table["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let word = |key: &str| {
            entry
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
        };
        let number = |key: &str| entry.get(key).and_then(toml::Value::as_float);
        let (id, sites) = (word("id"), entry["size"][0].as_integer().unwrap());
        let hamiltonian = match entry["parameters"].get("h").and_then(toml::Value::as_float) {
            Some(h) => format!("kind = 'ising'\nhx = {h}"),
            None => {
                let sign = if word("sign_rule") == "none" {
                    "none"
                } else {
                    "marshall"
                };
                format!("kind = 'heisenberg'\nsector = {{ total_sz = 0 }}\nsign_rule = '{sign}'")
            }
        };
        let complex = id == "rbm-complex-tfim-n8";
        let (mut parameters, mut gradient) = (None, Vec::new());
        if !word("file").is_empty() {
            let (p, g) = listed(word("file"), complex);
            (parameters, gradient) = (Some(p), g);
        }
        let ansatz = match id {
            "uniform-tfim-n10" | "neel-heisenberg-n12" => {
                "kind = 'table'\nparameters = 'real'\ninit = 0.0".into()
            }
            "jastrow-tfim-n10" => {
                parameters = Some(vec![0.3, 0.0, 0.0, 0.0, 0.0]);
                "kind = 'jastrow'\npairs = 'distance'\nparameters = 'real'".to_string()
            }
            _ => {
                let density = if complex { 0.5 } else { 1.0 };
                format!(
                    "kind = 'rbm'\nsymmetry = 'none'\ndensity = {density}\nparameters = '{}'",
                    if complex { "complex" } else { "real" }
                )
            }
        };
        let text = input(&hamiltonian, sites, &ansatz, FULL_SUM);
        if id == "neel-heisenberg-n12" {
            let basis = State::new(&text, None, &REQUEST).problem.basis;
            let index = StateIndex::new(&basis).unwrap();
            let mut amplitudes = vec![0.0; index.dimension()];
            amplitudes[index.index(0x555)] = 1.0;
            parameters = Some(amplitudes);
        }
        let state = State::new(&text, parameters.as_deref(), &REQUEST);
        let (energy, variance) = state.energy();
        close(energy, number("energy").unwrap(), 1e-9);
        close(variance, number("variance").unwrap(), 1e-9);
        if gradient.is_empty() {
            continue;
        }
        let o = state.derivatives();
        assert_eq!(
            state.ensemble.derivatives().kind == Kind::Holomorphic,
            complex
        );
        for k in 0..o.dim().1 {
            let force = state.force(&o, k) * 2.0;
            if complex {
                close_complex(force, (gradient[2 * k], gradient[2 * k + 1]), 1e-9);
            } else {
                close(force.re, gradient[k], 1e-9);
            }
        }
        let s = state.metric(&o);
        close(
            s.diag().iter().map(|z| z.re).sum(),
            number("metric_trace").unwrap(),
            1e-9,
        );
        let square: f64 = s.iter().map(Complex64::norm_sqr).sum();
        close(square.sqrt(), number("metric_frobenius").unwrap(), 1e-9);
        let weights = state.ensemble.weights();
        close(
            weights.iter().map(|w| w * w).sum(),
            number("participation").unwrap(),
            1e-9,
        );
    }
}
