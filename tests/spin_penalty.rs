//! A penalty on the total spin: its force is the gradient of E + c <S²>, it lifts states of larger
//! spin, and nothing of it is in the energy that is measured.

mod common;

use common::sections::obeys_the_laws;
use common::{Case, RING, expect_code, text};
use nishina::calculation::vmc::problem::{ensemble, initial_parameters, problem};
use nishina::ensemble::{Request, Variational};
use nishina::operator::{Operator, total_spin_squared};
use nishina::registry::Registry;
use nishina::rng::Purpose;

/// A full sum over a ring in total Sz = 0.
fn ring(size: usize, hamiltonian: &str, parameters: &str, optimize: &str) -> String {
    format!(
        "seed = 4\n[lattice]\nkind = 'chain'\nsize = {size}\n[hamiltonian]\nkind = 'heisenberg'\n\
         sector = {{ total_sz = 0 }}\n{hamiltonian}\n[ansatz]\nkind = 'rbm'\ndensity = 2\n\
         init = 0.2\nparameters = '{parameters}'\n[sampler]\nmethod = 'full-sum'\n\
         [optimize]\n{optimize}\n"
    )
}

const SHIFT: &str = "shift = { kind = 'exponential', start = 0.1, decay = 0.95, end = 1e-6 }";

fn mean(ensemble: &dyn Variational, operator: &dyn Operator) -> f64 {
    let local = ensemble.local_values(operator).unwrap().values;
    let terms = local.iter().zip(ensemble.weights());
    terms.map(|(e, w)| e.re * w).sum()
}

#[test]
fn the_force_is_the_gradient_of_the_energy_and_the_penalty() {
    let (rate, weight, step) = (1e-3, 0.7, 1e-5);
    for (rule, parameters) in [
        ("sign_rule = 'marshall'", "real"),
        ("sign_rule = 'marshall'", "complex"),
        ("", "complex"),
    ] {
        let keys =
            format!("method = 'sgd'\nsteps = 1\nlearning_rate = {rate}\nspin_penalty = {weight}");
        let case = Case::new(&ring(4, rule, parameters, &keys));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
        let registry = Registry::default();
        let problem = problem(&source, &registry).unwrap();
        let square = total_spin_squared(&problem.basis, 1).unwrap();
        let before = initial_parameters(&source, &problem, source.input.seed).unwrap();
        let mut state = ensemble(&source, &problem, 0, 1).unwrap();
        let mut energies = |parameters: &[f64]| {
            state.set_parameters(parameters).unwrap();
            let request = Request {
                purpose: Purpose::Optimize,
                step: 0,
                burn_in: 0,
                per_chain: 1,
            };
            state.sample(&request).unwrap();
            [
                mean(&*state, &*problem.hamiltonian),
                mean(&*state, &*square),
            ]
        };
        let [energy, spin] = energies(&before);
        let history = |name: &str| {
            let name = format!("optimize/history/{name}");
            case.tree("x.h5").reals(&name).unwrap()[0]
        };
        assert!((history("energy") - energy).abs() < 1e-12);
        assert!((history("spin_squared") - spin).abs() < 1e-12 && spin > 0.1);
        assert_eq!(history("spin_squared_error"), 0.0);
        let after = case.optimised().0;
        let mut steepest = 0.0f64;
        for k in 0..before.len() {
            let mut lifted = |sign: f64| {
                let mut moved = before.clone();
                moved[k] += sign * step;
                let [energy, spin] = energies(&moved);
                energy + weight * spin
            };
            // The force is half the slope along real and imaginary parts alike.
            let slope = (lifted(1.0) - lifted(-1.0)) / (4.0 * step);
            let found = (before[k] - after[k]) / rate;
            assert!((found - slope).abs() < 1e-7, "{k}: {found} for {slope}");
            steepest = steepest.max(slope.abs());
        }
        assert!(steepest > 1e-2);
    }
}

/// The ferromagnetic ring has spin 2 in its ground state, and the singlets E = 0 and 2.
#[test]
fn a_penalty_turns_a_ferromagnet_into_a_singlet() {
    let keys = |penalty: &str| {
        let steps = "steps = 150\nlearning_rate = 0.1\nmax_distance = 0.2";
        let keys = format!("{steps}\n{SHIFT}\n{penalty}");
        ring(4, "j = -1.0", "complex", &keys) + "[measure]\nsamples = 16\n"
    };
    for (penalty, energy, spin) in [("", -1.0, 0.0), ("spin_penalty = 1.0", 0.0, 1e-6)] {
        let case = Case::new(&keys(penalty));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        let found = tree.real("measure/energy/mean").unwrap();
        assert!((found - energy).abs() < 1e-5, "{penalty}: {found}");
        let squares = tree.reals("optimize/history/spin_squared").unwrap();
        assert!(squares.last().unwrap().abs() <= spin, "{squares:?}");
        assert_eq!(penalty.is_empty(), squares.iter().all(|&s| s == 0.0));
    }
}

/// A matrix product that is any state of the ring of six starts from its triplet, the next state.
#[test]
fn a_triplet_ends_in_the_singlet() {
    let steps = "steps = 200\nlearning_rate = 0.2\nmax_distance = 0.2";
    let keys = format!("{steps}\n{SHIFT}");
    let case = Case::new("");
    let run = |name: &str, keys: &str, ansatz: &str| {
        let rbm = "kind = 'rbm'\ndensity = 2\ninit = 0.2\n";
        let mps = format!("kind = 'mps'\nbond_dimension = 8\ninit = 0.2\n{ansatz}\n");
        let input = ring(6, "", "real", keys).replace(rbm, &mps);
        let input = input + "[measure]\nsamples = 16\nobservables = ['total-spin']\n";
        std::fs::write(case.path(&format!("{name}.toml")), input).unwrap();
        let out = case.alone(&["run", &format!("{name}.toml")]);
        expect_code(&out, 0);
        let tree = case.tree(&format!("{name}.h5"));
        let part = |name: &str| tree.real(&format!("measure/{name}/mean")).unwrap();
        let found = [part("energy"), part("observables/total-spin")];
        (
            found,
            tree.reals("optimize/history/spin_squared").unwrap(),
            text(&out),
        )
    };
    let short = keys.replace("200", "60");
    let (ground, _, _) = run("ground", &keys, "");
    assert!(
        (ground[0] + 2.8027756377).abs() < 1e-5 && ground[1].abs() < 1e-4,
        "{ground:?}"
    );
    let away = "orthogonal_to = [{ file = 'ground.h5', weight = 3.0 }]";
    let (triplet, _, _) = run("triplet", &format!("{short}\n{away}"), "");
    assert!((triplet[1] - 2.0).abs() < 0.1, "{triplet:?}");
    let from = "load = 'triplet.h5'";
    let (back, squares, said) = run(
        "x",
        &(keys.replace("0.2\nmax", "0.1\nmax") + "\nspin_penalty = 0.5"),
        from,
    );
    assert!(
        (squares[0] - triplet[1]).abs() < 1e-9 && said.contains("S^2 = "),
        "{squares:?}"
    );
    assert!(back[0] - ground[0] < 1e-4 && back[1] < 1e-4, "{back:?}");
}

#[test]
fn samples_obey_the_laws_of_calculations() {
    let input = RING.replace(
        "kind = \"ising\"\nhx = 1.0",
        "kind = 'heisenberg'\nsector = { total_sz = 0 }",
    );
    let keys = "[optimize]\nsteps = 8\nlearning_rate = 0.05\nspin_penalty = 0.5\n";
    let case = Case::new(&format!("{input}{keys}"));
    obeys_the_laws(&case, &[(1, 3, 5), (2, 4, 4), (3, 5, 3)]);
    // The same bits on ranks, and errors.
    let input = format!("deterministic = true\n{}{keys}", input.trim_start());
    let [one, two] = [1, 2].map(|ranks| {
        let case = Case::new(&input);
        expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        ["energy", "spin_squared", "spin_squared_error"]
            .map(|name| tree.reals(&format!("optimize/history/{name}")).unwrap())
    });
    assert_eq!(one, two);
    assert!(one[2].iter().all(|&error| error > 0.0));
}

#[test]
fn penalties_without_a_meaning_are_refused() {
    let refused = |input: String, said: &str| {
        let case = Case::new(&input);
        let out = case.alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 64);
        let words = text(&out);
        assert!(
            words.contains("optimize.spin_penalty") && words.contains(said),
            "{words}"
        );
    };
    let keys = |more: &str| format!("steps = 5\nlearning_rate = 0.1\n{more}");
    let penalty = keys("spin_penalty = 1.0");
    refused(ring(4, "", "real", &keys("spin_penalty = 0.0")), "positive");
    refused(ring(4, "hz = 0.5", "real", &penalty), "does not conserve");
    let xxz = ring(4, "delta = 0.5", "real", &penalty).replace("'heisenberg'", "'xxz'");
    refused(xxz, "does not conserve");
    let bosons = ring(4, "", "real", &penalty)
        .replace("'heisenberg'", "'bose-hubbard'")
        .replace("total_sz = 0", "particles = 4")
        .replace("[lattice]", "[basis]\nkind = 'boson'\n[lattice]");
    refused(bosons, "hold none");
    let pilots = "pilots = { seeds = 2, steps = 2 }\nspin_penalty = 1.0";
    let case = Case::new(&ring(4, "", "real", &keys(pilots)));
    let out = case.alone(&["check", "x.toml", "--quick"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("spin_penalty"), "{}", text(&out));
}
