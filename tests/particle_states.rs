//! Wave functions of spins longer than one half and of bosons: golden numbers, sign rule, energies
//! with and without noise.

mod common;
use common::{Case, expect_code, text};
use nishina::ansatz::sign::Sign;
use nishina::ansatz::{Ansatz, Asks, Erased};
use nishina::exact::{self, ExactOptions};
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value};
use nishina::operator::{MatrixRows, local_values};
use nishina::problem::{Problem, problem, wave_function};
use nishina::registry::Registry;
use num_complex::Complex64;

fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

const SPIN: &str = "[basis]\nkind = 'spin'\ns = 1\n[lattice]\nkind = 'chain'\nsize = 6\n\
                    [hamiltonian]\nkind = 'heisenberg'\n";
const BOSE: &str = "[basis]\nkind = 'boson'\nmax_occupation = 3\n[lattice]\nkind = 'chain'\n\
                    size = 5\n[hamiltonian]\nkind = 'bose-hubbard'\nj = 1\nu = 4\n\
                    sector = { particles = 5 }\n";

/// Problem and wave function of an input in a folder.
fn built(case: &Case) -> (Problem<'static>, Erased) {
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let problem = problem(&source, &Registry::default()).unwrap();
    let state = wave_function(&source, &problem).unwrap();
    (problem, state)
}

/// What a sum over all configurations says of a state.
struct Sums {
    energy: f64,
    variance: f64,
    /// ⟨O_k* E_loc⟩ − ⟨O_k*⟩⟨E_loc⟩.
    forces: Vec<Complex64>,
    log_psi: Complex64,
    local_energy: Complex64,
}

/// Sums over all configurations; ln ψ and the local energy of `config`.
fn sums(problem: &Problem, state: &Erased, config: &[i8]) -> Sums {
    let numbering = problem.basis.numbering().unwrap();
    let (n, states) = (problem.basis.sites(), numbering.dimension());
    let mut xs: Vec<i8> = (0..states).flat_map(|k| numbering.row(k)).collect();
    xs.extend(config);
    let batch = state.batch(&xs);
    let logs = state.log_psi(&batch);
    let local = local_values(&*problem.hamiltonian, &xs, n, 0, |asks: &Asks, out| {
        out.resize(asks.len(), Complex64::ZERO);
        state.ratios(&batch, asks, &mut Default::default(), out);
    });
    let derivatives = state.derivatives(&batch).written_out();
    let weights: Vec<f64> = logs[..states].iter().map(|l| (2.0 * l.re).exp()).collect();
    let norm: f64 = weights.iter().sum();
    let mean = |f: &dyn Fn(usize) -> Complex64| -> Complex64 {
        (0..states).map(|k| f(k) * weights[k]).sum::<Complex64>() / norm
    };
    let energy = mean(&|k| local[k]);
    let forces = (0..derivatives.dim().1)
        .map(|p| {
            mean(&|k| derivatives.get(k, p).conj() * local[k])
                - mean(&|k| derivatives.get(k, p).conj()) * energy
        })
        .collect();
    Sums {
        energy: energy.re,
        variance: mean(&|k| (local[k] - energy).norm_sqr().into()).re,
        forces,
        log_psi: logs[states],
        local_energy: local[states],
    }
}

fn near(found: Complex64, wanted: Complex64, what: &str) {
    assert!((found - wanted).norm() < 1e-9, "{what}: {found} {wanted}");
}

/// One number for every index, in the order of the indices, the last one fastest.
fn grid(shape: &[usize], f: impl Fn(&[f64]) -> Complex64) -> Value {
    let all = ndarray::Array::from_shape_fn(ndarray::IxDyn(shape), |at| {
        let at: Vec<f64> = ndarray::Dimension::slice(&at)
            .iter()
            .map(|&k| k as f64)
            .collect();
        f(&at)
    });
    Value::Complex(all)
}

/// A machine of `m` units whose parameters come from a file.
fn machine(head: &str, inputs: &str, n: usize, d: usize, m: usize) -> Case {
    let case = Case::new(&format!(
        "{head}[ansatz]\nkind = 'rbm'\ninputs = '{inputs}'\ndensity = {}\nload = 'given.h5'\n",
        m as f64 / n as f64
    ));
    let mut tree = Tree::default();
    tree.put(
        "b",
        grid(&[m], |k| {
            c(0.08 * (1.0 + k[0]).sin(), 0.06 * (3.0 + k[0]).cos())
        }),
    );
    if inputs == "polynomial" {
        let weight = |k: &[f64]| {
            let (i, j) = (k[0], k[1]);
            c(
                0.12 * (1.0 + i + 2.0 * j).cos(),
                0.07 * (2.0 + 3.0 * i + j).sin(),
            )
        };
        let square = |k: &[f64]| {
            let (i, j) = (k[0], k[1]);
            c(
                0.05 * (2.0 + i + 3.0 * j).sin(),
                0.04 * (1.0 + 2.0 * i + j).cos(),
            )
        };
        let bias = |k: &[f64]| c(0.10 * (1.0 + k[0]).cos(), 0.05 * (2.0 + k[0]).sin());
        tree.put("a", grid(&[n], bias));
        let bias = |k: &[f64]| c(0.07 * (3.0 + k[0]).sin(), 0.03 * k[0].cos());
        tree.put("c", grid(&[n], bias));
        tree.put("W", grid(&[n, m], weight));
        tree.put("X", grid(&[n, m], square));
    } else {
        let bias = |k: &[f64]| {
            c(
                0.10 * (1.0 + k[0] + 2.0 * k[1]).cos(),
                0.05 * (2.0 + k[0] + k[1]).sin(),
            )
        };
        let weight = |k: &[f64]| {
            let (i, s, j) = (k[0], k[1], k[2]);
            c(
                0.12 * (1.0 + i + 2.0 * j + 3.0 * s).cos(),
                0.07 * (2.0 + 3.0 * i + j + s).sin(),
            )
        };
        tree.put("A", grid(&[n, d], bias));
        tree.put("W", grid(&[n, d, m], weight));
    }
    hdf5::write_atomic(&case.path("given.h5"), &tree).unwrap();
    case
}

#[test]
fn polynomial_machines_have_the_golden_numbers() {
    let config = [2, -2, 2, -2, 0, 0];
    let log = c(-0.857867663910, 0.062025140970);
    let local = c(12.024099061350, 0.600087872392);
    let sector = format!("{SPIN}sector = {{ total_sz = 0 }}\n");
    // a: 0 to 5, c: 6 to 11, b: 12 to 15, W: 16 to 39, X: 40 to 63.
    for (head, energy, variance, forces) in [
        (
            sector.as_str(),
            4.719086319438,
            3.199793263158,
            [
                (0, c(-0.389380430596, -0.231951939160)),
                (14, c(0.100866165618, -0.073729408013)),
                (16 + 7, c(0.114072837702, -0.013517091655)),
                (40 + 7, c(-0.322116550575, -0.274396088364)),
            ],
        ),
        (
            SPIN,
            4.902377079880,
            2.902811535506,
            [
                (0, c(-0.271636993083, -0.193191491730)),
                (14, c(0.104722513252, -0.066899541658)),
                (16 + 7, c(0.106346307125, -0.057287175132)),
                (40 + 7, c(-0.290782551969, -0.207639952096)),
            ],
        ),
    ] {
        let (problem, state) = built(&machine(head, "polynomial", 6, 3, 4));
        let found = sums(&problem, &state, &config);
        near(found.energy.into(), energy.into(), "E");
        near(found.variance.into(), variance.into(), "Var");
        near(found.log_psi, log, "ln psi");
        near(found.local_energy, local, "E_loc");
        for (k, force) in forces {
            near(found.forces[k], force, &format!("F of {k}"));
        }
    }
}

#[test]
fn one_hot_machines_have_the_golden_numbers() {
    let sector = format!("{SPIN}sector = {{ total_sz = 0 }}\n");
    let (problem, state) = built(&machine(&sector, "one-hot", 6, 3, 4));
    assert_eq!(state.parameters().len(), 2 * 94);
    let found = sums(&problem, &state, &[2, -2, 2, -2, 0, 0]);
    near(found.energy.into(), 5.201223074284.into(), "E");
    near(found.variance.into(), 3.298003060392.into(), "Var");
    near(found.log_psi, c(0.091497724043, 0.023010381577), "ln psi");
    near(
        found.local_energy,
        c(3.426576979260, -0.473852170268),
        "E_loc",
    );
    near(
        found.forces[0],
        c(-0.223805962500, -0.025466857794),
        "F of A_00",
    );
    near(
        found.forces[20],
        c(-0.033725761554, -0.027754388104),
        "F of b_2",
    );
    // W_113 stands behind 18 + 4 others, at (1 × 3 + 1) × 4 + 3.
    near(
        found.forces[22 + 19],
        c(-0.025573877837, -0.029670913527),
        "F of W_113",
    );

    let (problem, state) = built(&machine(BOSE, "one-hot", 5, 4, 5));
    let found = sums(&problem, &state, &[2, 0, 1, 1, 1]);
    near(found.energy.into(), 0.532457156905.into(), "E of bosons");
    near(
        found.variance.into(),
        37.269853169040.into(),
        "Var of bosons",
    );
    near(
        found.log_psi,
        c(0.390805540638, -0.090849669842),
        "ln psi of bosons",
    );
    near(
        found.local_energy,
        c(-4.122235592844, -0.003967414159),
        "E_loc of bosons",
    );
    near(
        found.forces[0],
        c(0.735442980643, 0.040785678070),
        "F of A_00 of bosons",
    );
    near(
        found.forces[22],
        c(0.115536661991, -0.067349481137),
        "F of b_2 of bosons",
    );
    near(
        found.forces[25 + 28],
        c(0.036691106063, 0.031033811949),
        "F of W_113 of bosons",
    );
}

#[test]
fn jastrow_factors_of_bosons_have_the_golden_numbers() {
    let ansatz = "[ansatz]\nkind = 'jastrow'\npairs = 'distance'\nparameters = 'real'\n";
    let (problem, mut state) = built(&Case::new(&format!("{BOSE}{ansatz}")));
    state.set_parameters(&[0.5, 0.1, -0.05]).unwrap();
    let found = sums(&problem, &state, &[2, 0, 1, 1, 1]);
    near(found.energy.into(), (-4.547562756680).into(), "E");
    near(found.variance.into(), 1.660835350827.into(), "Var");
    near(found.log_psi, (-2.246573590280).into(), "ln psi");
    near(found.local_energy, (-4.799320288223).into(), "E_loc");
    near(found.forces[0], (-0.973308909304).into(), "F of u_0");
    near(found.forces[1], 0.880588364486.into(), "F of u_1");
    // Without interaction u = 0 is the ground state: all bosons at k = 0.
    let free = BOSE
        .replace("u = 4", "u = 0")
        .replace("max_occupation = 3\n", "");
    let (problem, mut state) = built(&Case::new(&format!("{free}{ansatz}")));
    state.set_parameters(&[0.0; 3]).unwrap();
    let found = sums(&problem, &state, &[2, 0, 1, 1, 1]);
    near(found.energy.into(), (-10.0).into(), "E of free bosons");
    near(found.variance.into(), 0.0.into(), "Var of free bosons");
}

/// The rule (−1)^{Σ_A (S + m)} makes every off-diagonal element of the antiferromagnet ≤ 0.
#[test]
fn the_sign_rule_holds_for_spins_of_every_length() {
    for (s, size, open) in [
        ("0.5", 6, false),
        ("1", 4, false),
        ("1.5", 4, false),
        ("2", 3, true),
    ] {
        let boundary = if open { "open" } else { "periodic" };
        let head = format!(
            "[basis]\nkind = 'spin'\ns = {s}\n[lattice]\nkind = 'chain'\nsize = {size}\n\
             boundary = '{boundary}'\n[hamiltonian]\nkind = 'heisenberg'\n"
        );
        let ansatz = "[ansatz]\nkind = 'table'\ninit = 0.1\n";
        let (plain, bare) = built(&Case::new(&format!("{head}{ansatz}")));
        let ruled = format!("{head}sign_rule = 'marshall'\n{ansatz}");
        let (ruled, signed) = built(&Case::new(&ruled));
        assert!(!plain.facts.stoquastic && ruled.facts.stoquastic, "S = {s}");
        let sign = Sign::new(ruled.sign_rule.clone().unwrap(), &ruled.basis);
        let numbering = ruled.basis.numbering().unwrap();
        let mut matrix = MatrixRows::new(&*ruled.hamiltonian, &numbering);
        let mut elements = 0;
        for k in 0..numbering.dimension() {
            let x = numbering.row(k);
            let here = sign.is_negative(&x);
            let factor = if here { -1.0 } else { 1.0 };
            let psi = |state: &Erased| state.log_psi(&state.batch(&x))[0].exp();
            assert!((psi(&signed) - psi(&bare) * factor).norm() < 1e-12);
            matrix.row(k, |to, element| {
                let there = sign.is_negative(&numbering.row(to));
                let element = if here == there { element } else { -element };
                assert!(
                    element.re <= 0.0 && element.im == 0.0,
                    "{k} {to}: {element}"
                );
                elements += 1;
            });
        }
        assert!(elements > 0);
    }
}

fn ground(case: &Case) -> f64 {
    let (problem, _) = built(case);
    let options = ExactOptions {
        states: 1,
        momentum: None,
        seed: 1,
        memory_limit: 1e9,
    };
    let result = exact::solve(&*problem.hamiltonian, &problem.basis, None, &options);
    result.unwrap().energies[0]
}

#[test]
fn optimisation_without_noise_reaches_the_exact_energies() {
    let spin = format!("{SPIN}sector = {{ total_sz = 0 }}\nsign_rule = 'marshall'\n");
    let tables = "kind = 'table'\nparameters = 'real'\ninit = 0.1";
    let machine = "kind = 'rbm'\ndensity = 6\nsymmetry = 'translations'\nparameters = 'real'\n\
                   init = 0.1";
    let cooled = "{ kind = 'exponential', start = 1e-2, decay = 0.97, end = 1e-6 }";
    for (head, ansatz, shift, steps) in [
        (spin.as_str(), tables, cooled, 150),
        (spin.as_str(), machine, cooled, 400),
        (BOSE, tables, cooled, 150),
        (BOSE, machine, "1e-4", 800),
    ] {
        let case = Case::new(&format!(
            "seed = 3\n{head}[ansatz]\n{ansatz}\n[sampler]\nmethod = 'full-sum'\n\
             [optimize]\nsteps = {steps}\nlearning_rate = 0.1\nshift = {shift}\n\
             [measure]\nsamples = 16\n"
        ));
        let exact = ground(&case);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let energy = case.info()["energy"]["mean"].as_f64().unwrap();
        let relative = (energy - exact) / exact.abs();
        assert!(
            relative > -1e-12 && relative < 1e-6,
            "{head}{ansatz}: {energy} for {exact}, relative {relative:.2e}"
        );
    }
}

#[test]
fn sampled_energies_are_those_of_the_sum_over_all_states() {
    let spin = format!("{SPIN}sector = {{ total_sz = 0 }}\n");
    let grand = BOSE.replace("sector = { particles = 5 }\n", "");
    let bosons = "kind = 'product'\nfactors = [{ kind = 'jastrow', pairs = 'distance', init = 0.1 \
                  }, { kind = 'rbm', density = 1, init = 0.1 }]";
    for (head, ansatz, moves) in [
        (
            spin.as_str(),
            "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.2",
            "raise",
        ),
        (
            SPIN,
            "kind = 'rbm'\ninputs = 'polynomial'\ndensity = 1\ninit = 0.05",
            "raise",
        ),
        (SPIN, "kind = 'feedforward'\nwidths = [6]", "raise"),
        (
            spin.as_str(),
            "kind = 'jastrow'\npairs = 'distance'\ninit = 0.1",
            "raise",
        ),
        (BOSE, bosons, "hop"),
        (BOSE, bosons, "raise"),
        (grand.as_str(), bosons, "raise"),
    ] {
        let case = Case::new(&format!(
            "seed = 5\n{head}[ansatz]\n{ansatz}\n[sampler]\nmoves = ['{moves}']\nchains = 16\n\
             [measure]\nsamples = 16384\n"
        ));
        let (problem, state) = built(&case);
        let exact = sums(&problem, &state, &problem.basis.random(&mut seeded())).energy;
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let energy = &case.info()["energy"];
        let (mean, error) = (energy["mean"].as_f64(), energy["error"].as_f64());
        let (mean, error) = (mean.unwrap(), error.unwrap());
        assert!(
            (mean - exact).abs() < 4.0 * error,
            "{head}{ansatz}: {mean} ± {error} for {exact}"
        );
        assert!(error < 0.05 * (1.0 + exact.abs()), "{error}");
    }
}

fn seeded() -> nishina::rng::Generator {
    nishina::rng::stream(1, nishina::rng::Purpose::Law, 0, 0)
}

#[test]
fn a_run_of_spins_one_goes_on_bit_for_bit_and_files_hold_the_values() {
    let input = |head: &str, moves: &str| {
        format!(
            "seed = 2\n{head}[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[sampler]\n\
              moves = ['{moves}']\n\
             samples = 128\nchains = 8\n[optimize]\nsteps = 20\nlearning_rate = 0.02\n\
             [measure]\nsamples = 128\n[output]\nsamples = 'all'\n"
        )
    };
    for (head, moves, values) in [
        (SPIN, "raise", &[-2, 0, 2][..]),
        (BOSE, "hop", &[0, 1, 2, 3]),
    ] {
        let (whole, parts) = (
            Case::new(&input(head, moves)),
            Case::new(&input(head, moves)),
        );
        expect_code(&whole.alone(&["run", "x.toml"]), 0);
        expect_code(
            &parts.alone(&["run", "x.toml", "--set", "optimize.steps=10"]),
            0,
        );
        let out = parts.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        assert!(
            text(&out).contains("continuing from step 10"),
            "{}",
            text(&out)
        );
        let states = |case: &Case| {
            (
                case.tree("x.ckpt.h5").reals("measure/parameters").unwrap(),
                case.tree("x.ckpt.h5").spins("measure/chains").unwrap(),
                case.tree("x.samples.h5").spins("configurations").unwrap(),
            )
        };
        assert_eq!(states(&whole), states(&parts));
        let mut seen = states(&whole).2;
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, values);
    }
}

#[test]
fn scores_of_bosons_count_particles() {
    let case = Case::new(&format!(
        "{}[ansatz]\nkind = 'table'\ninit = 0.2\n[sampler]\nmethod = 'full-sum'\n\
         [measure]\nsamples = 16\n",
        BOSE.replace("particles = 5", "particles = 3")
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let (problem, state) = built(&case);
    let found = sums(&problem, &state, &[1, 1, 1, 0, 0]);
    // E_inf = U N (N − 1)/(sites + 1) as no site can be overfull.
    let distance = found.energy - 4.0 * 3.0 * 2.0 / 6.0;
    let wanted = 3.0 * found.variance / distance.powi(2);
    let score = case.info()["v_score"].as_f64().unwrap();
    assert!((score / wanted - 1.0).abs() < 1e-9, "{score} {wanted}");
}
