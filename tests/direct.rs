//! Direct sampling in runs: energies, error bars, ranks, restarts and refusals.

mod common;
use common::{Case, expect_code, text};
use nishina::calculation::vmc::problem::problem;
use nishina::calculation::vmc::{Vmc, estimate, parameters_of};
use nishina::calculation::{Registry, read};
use nishina::comm::Serial;
use nishina::ensemble::Request;
use nishina::rng::Purpose;

const INPUT: &str = r#"
seed = 7
[lattice]
kind = "chain"
size = 8
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "autoregressive"
features = [4]
[sampler]
method = "direct"
samples = 256
"#;
const SECTOR: &str = r#"
seed = 7
[lattice]
kind = "chain"
size = 8
[hamiltonian]
kind = "heisenberg"
sector = { total_sz = 0 }
sign_rule = "marshall"
[ansatz]
kind = "autoregressive"
features = [4]
[sampler]
method = "direct"
samples = 256
"#;
const STEPS: &str = "[optimize]\nsteps = 20\nlearning_rate = 0.05\nmax_distance = 0.1\n";

fn energy(input: &str, settings: &[&str]) -> (f64, f64, f64) {
    let case = Case::new(input);
    let mut arguments = vec!["run", "x.toml"];
    settings.iter().for_each(|s| arguments.extend(["--set", s]));
    expect_code(&case.alone(&arguments), 0);
    let tree = case.tree("x.h5");
    let real = |name: &str| tree.reals(name).unwrap()[0];
    let error = tree.reals("measure/energy/error").map_or(0.0, |e| e[0]);
    (
        real("measure/energy/mean"),
        error,
        real("measure/energy/tau"),
    )
}

#[test]
fn direct_samples_full_sums_and_chains_agree() {
    for input in [INPUT, SECTOR] {
        let input = format!("{input}[measure]\nsamples = 16384\n");
        let (direct, error, tau) = energy(&input, &[]);
        assert_eq!(tau, 0.5);
        let (exact, _, _) = energy(&input, &["sampler.method=full-sum"]);
        assert!(
            (direct - exact).abs() < 4.0 * error,
            "{direct} {error} {exact}"
        );
        assert!(error < 0.05, "{error}");
        let (chains, other, _) = energy(&input, &["sampler.method=metropolis"]);
        let both = error.hypot(other);
        assert!(
            (direct - chains).abs() < 4.0 * both,
            "{direct} {chains} {both}"
        );
    }
}

#[test]
fn a_stopped_run_goes_on_bit_for_bit() {
    let input = format!("{SECTOR}{STEPS}[measure]\nsamples = 1024\n");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "optimize.steps=9"]),
        0,
    );
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 9"),
        "{}",
        text(&out)
    );
    assert_eq!(whole.optimised(), parts.optimised());
    assert_eq!(whole.info()["energy"], parts.info()["energy"]);
}

#[test]
fn samples_are_the_same_on_any_number_of_ranks() {
    let input = format!("{INPUT}{STEPS}[output]\nsamples = \"all\"\n");
    let exact = format!("deterministic = true\n{SECTOR}{STEPS}");
    let (one, two) = (Case::new(&exact), Case::new(&exact));
    expect_code(&one.alone(&["run", "x.toml"]), 0);
    expect_code(&two.ranks(2, &["run", "x.toml"]), 0);
    assert_eq!(one.optimised(), two.optimised());
    let samples = |case: &Case| {
        let tree = case.tree("x.samples.h5");
        tree.spins("configurations").unwrap()
    };
    let alone = Case::new(&input);
    expect_code(&alone.alone(&["run", "x.toml"]), 0);
    for ranks in [2, 3] {
        let case = Case::new(&input);
        expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
        assert_eq!(samples(&case), samples(&alone));
        for (a, b) in alone.optimised().1.iter().zip(case.optimised().1) {
            assert!((a - b).abs() < 1e-9 * a.abs(), "{a} {b}");
        }
    }
}

#[test]
fn a_target_error_ends_the_measurement_and_evolution_runs() {
    let input = format!(
        "{INPUT}[evolve]\naxis = \"imaginary\"\ntime = 0.1\nstep = 0.05\noutput_every = 0.05\n\
         integrator = \"heun\"\n[measure]\nsamples = 262144\ntarget_error = 0.05\n"
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    assert!(tree.reals("measure/energy/error").unwrap()[0] <= 0.05);
    assert!(tree.integers("measure/samples").unwrap()[0] < 262_144);
}

/// The energy of the last parameters, without noise.
fn full_sum_energy(case: &Case) -> f64 {
    let (registry, settings) = (Registry::default(), ["sampler.method=full-sum".to_string()]);
    let source = read(&case.path("x.toml"), &settings, &registry).unwrap();
    let problem = problem(&source, &registry).unwrap();
    let Vmc {
        problem,
        mut ensemble,
        ..
    } = Vmc::new(&source, problem, 0, 1).unwrap();
    let parameters = parameters_of(&case.tree("x.h5"), &ensemble.layout()).unwrap();
    ensemble.set_parameters(&parameters).unwrap();
    let request = Request {
        purpose: Purpose::Measure,
        step: 0,
        burn_in: 0,
        per_chain: 0,
    };
    ensemble.sample(&request).unwrap();
    let local = ensemble.local_values(&*problem.hamiltonian).unwrap();
    estimate(&Serial, &*ensemble, &local, 0).unwrap().mean.re
}

#[test]
fn a_ring_of_eight_is_optimised() {
    // -sum_k sqrt(2 + 2 cos k), k = (2 m + 1) pi/8.
    let term = |m: usize| {
        let k = (2.0 * m as f64 + 1.0) * std::f64::consts::PI / 8.0;
        (2.0 + 2.0 * k.cos()).sqrt()
    };
    let exact = -(0..8).map(term).sum::<f64>();
    let run = INPUT.replace("samples = 256", "samples = 1024");
    let case = Case::new(&format!(
        "{run}[optimize]\nsteps = 300\nlearning_rate = 0.1\nshift = 0.001\nmax_distance = 0.1\n"
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let mean = full_sum_energy(&case);
    let relative = (mean - exact) / exact.abs();
    assert!((-1e-12..1e-4).contains(&relative), "{mean} {exact}");
}

#[test]
fn what_cannot_work_is_refused_with_the_key() {
    let case = Case::new(&format!("{INPUT}{STEPS}"));
    for (setting, key, remedy) in [
        ("sampler.chains=8", "sampler.chains", "remove this key"),
        ("sampler.sweeps=2", "sampler.sweeps", "remove this key"),
        ("sampler.burn_in=2", "sampler.burn_in", "remove this key"),
        (
            "sampler.moves=[\"flip\"]",
            "sampler.moves",
            "remove this key",
        ),
        ("ansatz.features=[0]", "ansatz.features", "from 1 to"),
        ("ansatz.path=snake", "ansatz.path", "\"rows\""),
        ("ansatz.init=-1.0", "ansatz.init", "≥ 0"),
    ] {
        let out = case.alone(&["run", "x.toml", "--set", setting]);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains(key) && said.contains(remedy),
            "{setting}: {said}"
        );
    }
    let rbm = INPUT.replace("\"autoregressive\"\nfeatures = [4]", "\"rbm\"\ndensity = 1");
    let out = Case::new(&format!("{rbm}{STEPS}")).alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    let said = text(&out);
    assert!(
        said.contains("sampler.method") && said.contains("autoregressive"),
        "{said}"
    );
}

#[test]
fn check_knows_the_sizes() {
    let case = Case::new(&format!("{INPUT}{STEPS}"));
    let out = case.alone(&["check", "x.toml", "--json"]);
    expect_code(&out, 0);
    let plan: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(plan["parameters"], 752);
}
