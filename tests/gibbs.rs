//! Block Gibbs in runs: energies beside other methods, restarts and ranks.

mod common;
use common::{Case, expect_code};

const INPUT: &str = r#"
seed = 7
[lattice]
kind = "chain"
size = 8
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "boltzmann"
density = 1
phase = true
init = 0.3
[sampler]
method = "gibbs"
samples = 256
"#;
const STEPS: &str = "[optimize]\nsteps = 20\nlearning_rate = 0.05\nmax_distance = 0.1\n";

/// Energy and its error where the sampler has these settings.
fn energy(case: &Case, settings: &[&str]) -> (f64, f64) {
    let mut arguments = vec!["run", "x.toml"];
    settings.iter().for_each(|s| arguments.extend(["--set", s]));
    expect_code(&case.alone(&arguments), 0);
    let tree = case.tree("x.h5");
    let error = tree.reals("measure/energy/error").map_or(0.0, |e| e[0]);
    (tree.reals("measure/energy/mean").unwrap()[0], error)
}

#[test]
fn layers_in_turn_single_flips_and_full_sums_agree() {
    let input = format!("{INPUT}[measure]\nsamples = 16384\n");
    let method = |name: &str| {
        let setting = format!("sampler.method={name}");
        energy(&Case::new(&input), &[&setting])
    };
    let (exact, _) = method("full-sum");
    for name in ["gibbs", "metropolis"] {
        let (found, error) = method(name);
        assert!(error > 0.0 && error < 0.1, "{name}: {error}");
        let off = (found - exact).abs();
        assert!(off < 4.0 * error, "{name}: {found} ± {error}, {exact}");
    }
}

#[test]
fn a_stopped_run_goes_on_bit_for_bit() {
    let input = format!("{INPUT}{STEPS}[measure]\nsamples = 1024\n");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    let expected = energy(&whole, &[]);
    energy(&parts, &["optimize.steps=9"]);
    assert_eq!(energy(&parts, &[]), expected);
    assert_eq!(whole.optimised(), parts.optimised());
}
