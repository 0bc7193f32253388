//! Without noise: optimisation reaches the exact energy, and exact amplitudes have it with zero
//! variance.

mod common;
use common::{Case, expect_code};
use nishina::exact::{ExactOptions, solve};

/// The lowest energy of the case's input.
fn exact(case: &Case) -> f64 {
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let problem =
        nishina::problem::problem(&source, &nishina::registry::Registry::default()).unwrap();
    let options = ExactOptions {
        states: 1,
        momentum: None,
        seed: 1,
        memory_limit: 1e9,
    };
    solve(
        &*problem.hamiltonian,
        &problem.basis,
        Some(&problem.lattice),
        &options,
    )
    .unwrap()
    .energies[0]
}

const RBM: &str = "kind = 'rbm'\ndensity = 3\nsymmetry = 'translations'\nparameters = \
 'real'\nvisible_bias = false\ninit = 0.05";

fn reach(hamiltonian: &str, size: usize, ansatz: &str, rate: f64, steps: usize, tolerance: f64) {
    let case = Case::new(&format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = \
         {size}\n[hamiltonian]\n{hamiltonian}\n[ansatz]\n{ansatz}\n\
         [sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = {steps}\nlearning_rate = {rate}\n\
         shift = {{ kind = 'exponential', start = 1e-2, decay = 0.98, end = 1e-6 \
         }}\n[measure]\nsamples = 16\n"
    ));
    let exact = exact(&case);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    let energy = info["energy"]["mean"].as_f64().unwrap();
    assert_eq!(info["energy"]["error"], 0.0);
    let relative = (energy - exact) / exact.abs();
    assert!(
        relative > -1e-12,
        "below the exact energy: {energy} {exact}"
    );
    assert!(
        relative < tolerance,
        "{hamiltonian}, {ansatz}: {energy} for {exact}, relative {relative:.2e}"
    );
}

#[test]
fn ising_ring_to_a_millionth() {
    for field in ["0.5", "1", "2"] {
        reach(
            &format!("kind = 'ising'\nhx = {field}"),
            10,
            RBM,
            0.05,
            800,
            1e-6,
        );
    }
}

#[test]
fn heisenberg_ring_to_a_hundred_thousandth() {
    reach(
        "kind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'",
        10,
        RBM,
        0.12,
        600,
        1e-5,
    );
}

#[test]
fn dense_layers_to_a_hundred_thousandth() {
    for keys in [
        "parameters = 'real'\nphase = false\nactivation = 'tanh'",
        "parameters = 'real'\nactivation = 'gelu'",
        "parameters = 'complex'\nactivation = 'lncosh'",
    ] {
        reach(
            "kind = 'ising'\nhx = 1",
            8,
            &format!("kind = 'feedforward'\nwidths = [12, 8]\n{keys}"),
            0.05,
            400,
            1e-5,
        );
    }
}

#[test]
fn exact_amplitudes_have_the_exact_energy_and_no_variance() {
    let input = |method: &str| {
        format!(
            "[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\nsector = {{ \
             total_sz = 0 }}\n[ansatz]\n\
             kind = 'table'\nparameters = 'real'\nfile = 'ground.h5'\n[sampler]\nmethod = \
             '{method}'\nsamples = 256\n\
             [measure]\nsamples = 512\n"
        )
    };
    for method in ["full-sum", "metropolis"] {
        let case = Case::new(&input(method));
        expect_code(
            &case.alone(&["exact", "x.toml", "--output", "ground.h5"]),
            0,
        );
        let exact = exact(&case);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let energy = case.info()["energy"].clone();
        assert!(
            (energy["mean"].as_f64().unwrap() - exact).abs() < 1e-9,
            "{method}: {energy} {exact}"
        );
        assert!(
            energy["variance"].as_f64().unwrap() < 1e-12,
            "{method}: {energy}"
        );
    }
}

#[test]
fn momentum_blocks_through_the_command_line() {
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\nsector = { \
         total_sz = 0 }\n",
    );
    let energy = |arguments: &[&str]| {
        let out = case.alone(&[&["exact", "x.toml", "--json"], arguments].concat());
        expect_code(&out, 0);
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        json["energies"][0].as_f64().unwrap()
    };
    // Ground state at momentum 0 (8 = 4 n), first triplet at momentum pi (energies in units of
    // sigma are four times these).
    assert!((energy(&["--momentum", "0"]) + 14.6043736357 / 4.0).abs() < 1e-9);
    assert!((energy(&["--momentum", "4"]) + 12.5136762554 / 4.0).abs() < 1e-9);
    assert!((energy(&[]) + 14.6043736357 / 4.0).abs() < 1e-9);
}
