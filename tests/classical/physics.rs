//! Samplers against exact numbers.

use crate::common::{Case, expect_code, is_left_out, text};
use crate::room::{NAMES, expected, measured};

/// The largest deviation in errors of the means of a run from exact numbers.
fn pulls(case: &Case, wanted: &[f64; 6]) -> Vec<f64> {
    pulls_under(case, "", wanted)
}

/// The same of datasets below a group.
fn pulls_under(case: &Case, under: &str, wanted: &[f64; 6]) -> Vec<f64> {
    let pull = |(name, wanted): (&str, &f64)| {
        let (mean, error) = measured(case, &format!("{under}{name}"))[0];
        (mean - wanted) / error
    };
    NAMES.into_iter().zip(wanted).map(pull).collect()
}

const CHAINS: &str = "chains = 8\nsamples = 16384";

/// All ways to sample, with the couplings that they can have.
const WAYS: [(&str, bool); 9] = [
    ("", true),
    ("order = 'random'", true),
    ("update = 'wolff'", false),
    ("update = 'swendsen-wang'", false),
    (
        "update = 'self-learning'\n[classical.effective]\ntraining_samples = 2048",
        true,
    ),
    (
        "update = 'self-learning'\n[classical.effective]\nclasses = 2\ncouplings = [0.9, -0.1]",
        true,
    ),
    (
        "update = 'self-learning'\n[classical.effective]\ncouplings = [1.1]\nmax_cluster = 5",
        true,
    ),
    (
        "update = 'self-learning'\n[classical.effective]\ncouplings = [0.8]",
        true,
    ),
    (
        "update = 'self-learning'\n[classical.effective]\nclasses = 3\ncouplings = [1.1, -0.3, \
         0.2]\nmax_cluster = 3",
        true,
    ),
];

#[test]
fn every_update_gives_the_exact_averages() {
    let (mut worst, mut roughest) = (0.0f64, 0.0f64);
    for wanted in expected() {
        for (keys, any) in WAYS {
            let singular = wanted.size[0] == 3 && keys.contains("classes");
            if singular || (wanted.k != 0.0 && !any) {
                continue;
            }
            let case = Case::new(&wanted.input(CHAINS, keys));
            expect_code(&case.alone(&["run", "x.toml"]), 0);
            // Errors of at most 20 samples for an independent one, 80 where clusters are small.
            let [_, c, m, m2, ..] = wanted.all();
            let sites = wanted.size.iter().product::<usize>() as f64;
            let spread = [wanted.temperature * (c * sites).sqrt(), (m2 - m * m).sqrt()];
            for (name, spread) in ["energy", "abs_magnetisation"].into_iter().zip(spread) {
                let rough = measured(&case, name)[0].1 / spread;
                let each = if keys.contains("max_cluster = 3") {
                    80.0
                } else {
                    20.0
                };
                assert!(
                    rough < f64::sqrt(2.0 * each / 16384.0),
                    "{name}, {keys}: {rough}"
                );
                roughest = roughest.max(rough);
            }
            for (pull, name) in pulls(&case, &wanted.all()).into_iter().zip(NAMES) {
                let (t, k) = (wanted.temperature, wanted.k);
                assert!(pull.abs() < 4.0, "{name}, T = {t}, k = {k}, {keys}: {pull}");
                worst = worst.max(pull.abs());
            }
        }
    }
    println!("largest deviation {worst:.2} errors, largest error {roughest:.4} deviations");
}

/// Error bars are honest: over many seeds deviations are distributed as they say.
#[test]
fn deviations_over_seeds_are_normal() {
    let wanted = &expected()[1];
    let t = wanted.temperature;
    let swaps = format!(
        "temperatures = {:?}\ntempering = 1\nreweight = [{t:?}]",
        [0.93 * t, 1.08 * t]
    );
    for (keys, swapped) in [
        (WAYS[0].0, false),
        (WAYS[4].0, false),
        (WAYS[8].0, false),
        ("", true),
    ] {
        let mut all: Vec<Vec<f64>> = Vec::new();
        for seed in 1..=40 {
            let mut input = wanted.input("chains = 4\nsamples = 4096\nsweeps = 2", keys);
            let under = if swapped { "reweighted/" } else { "" };
            if swapped {
                input = input.replace(&format!("temperatures = {t:?}"), &swaps);
            }
            let case = Case::new(&format!("seed = {seed}\n{input}"));
            expect_code(&case.alone(&["run", "x.toml"]), 0);
            all.push(pulls_under(&case, under, &wanted.all()));
        }
        for (k, name) in NAMES.into_iter().enumerate() {
            let column: Vec<f64> = all.iter().map(|p| p[k]).collect();
            let n = column.len() as f64;
            let mean = column.iter().sum::<f64>() / n;
            let sd = (column.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n).sqrt();
            println!("{name}: mean {mean:.2}, deviation {sd:.2}");
            assert!(
                mean.abs() < 0.65 && (0.65..1.4).contains(&sd),
                "{name}: {mean}, {sd}"
            );
        }
    }
}

#[test]
fn clusters_of_the_true_model_are_always_accepted() {
    let input = expected()[0].input(
        "chains = 2\nsamples = 2000",
        "update = 'self-learning'\n[classical.effective]\ncouplings = [1.0]",
    );
    for size in ["[4, 4]", "[8, 6]"] {
        let case = Case::new(&input.replace("[4, 4]", size));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        assert_eq!(case.info()["classical"][0]["acceptance"], 1.0);
    }
}

/// A large periodic square has the energy and the magnetisation of the infinite one.
#[test]
fn a_large_square_has_the_energy_of_onsager() {
    let input = "[lattice]\nkind = 'square'\nsize = [64, 64]\n[hamiltonian]\nkind = \
                 'ising'\n[sampler]\nchains = 4\nsamples = 4000\nsweeps = 8\n[classical]\n\
                 temperatures = [2.0, 2.5]\nupdate = 'wolff'\n[output]\nsamples = 'none'\n";
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let energy = measured(&case, "energy");
    let order = measured(&case, "abs_magnetisation");
    for ((mean, error), u) in energy.iter().zip([-1.745_564_58, -1.106_079_20]) {
        let pull = (mean / 4096.0 - u) * 4096.0 / error;
        println!(
            "E/N {} ({}), {u}: {pull:.2} errors",
            mean / 4096.0,
            error / 4096.0
        );
        assert!(pull.abs() < 4.0, "{pull}");
    }
    let (mean, error) = order[0];
    println!("|m| {mean} ({error}), 0.91131938");
    assert!((mean - 0.911_319_38).abs() < 4.0 * error, "{mean} {error}");
}

/// Rings, on which walls wander at no cost: the transfer matrix has E = −N j (t + t^{N−1})/(1 +
/// t^N), t = tanh(j/T).
#[test]
fn single_flips_reach_all_states_of_a_ring() {
    for (size, j) in [(16, 1.0), (16, -1.0), (64, 1.0)] {
        let input = format!(
            "[lattice]\nkind = 'chain'\nsize = {size}\n[hamiltonian]\nkind = 'ising'\nj = {j}\n\
             [sampler]\nchains = 1\nsamples = 65536\n[classical]\ntemperatures = [1.0, 2.0, 4.0]\n\
             [output]\nsamples = 'none'\n"
        );
        let case = Case::new(&input);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        for ((mean, error), t) in measured(&case, "energy").into_iter().zip([1.0, 2.0, 4.0]) {
            let (n, x) = (f64::from(size), f64::tanh(j / t));
            let wanted = -n * j * (x + x.powi(size - 1)) / (1.0 + x.powi(size));
            let pull = (mean - wanted) / error;
            println!("ring of {size}, j = {j}, T = {t}: {mean} ({error}), {wanted}");
            assert!(
                pull.abs() < 4.0 && error < 0.02 * n,
                "{size} {j} {t}: {pull}, {error}"
            );
        }
    }
}

/// Glasses, fields, triangles: any diagonal Hamiltonian, against the sum over all states.
#[test]
fn any_diagonal_hamiltonian_is_sampled() {
    let glass = "i,j,Jx,Jy,Jz\n0,1,0,0,0.7\n1,2,0,0,-1.1\n2,3,0,0,0.4\n3,0,0,0,1\n0,2,0,0,-0.3\n";
    let fields = "i,hx,hy,hz\n0,0,0,0.5\n2,0,0,-0.25\n";
    for (lattice, model, pairs) in [
        (
            "kind = 'graph'\nsites = 5",
            "kind = 'bonds'\nbonds = 'b.csv'\nfields = 'f.csv'\nunits = 'pauli'",
            false,
        ),
        (
            "kind = 'graph'\nsites = 4",
            "kind = 'bonds'\nbonds = 'b.csv'\nunits = 'pauli'",
            true,
        ),
        (
            "kind = 'chain'\nsize = 6",
            "kind = 'pauli'\nterms = [[-1.0, 'Z0 Z1 Z2'], [0.5, 'Z2 Z3'], [0.3, 'Z4'], [2.0, '']]",
            false,
        ),
        (
            "kind = 'triangular'\nsize = [4, 3]",
            "kind = 'ising'\nj = -1",
            true,
        ),
        (
            "kind = 'kagome'\nsize = [2, 2]",
            "kind = 'ising'\nhz = 0.7",
            false,
        ),
        (
            "kind = 'chain'\nsize = 8",
            "kind = 'ising'\nalpha = 2.0",
            true,
        ),
    ] {
        let input = |keys: &str| {
            format!(
                "[lattice]\n{lattice}\n[hamiltonian]\n{model}\n[sampler]\n{CHAINS}\n[classical]\n\
                 temperatures = [1.5, 20.0]\n{keys}\n"
            )
        };
        let run = |keys: &str| {
            let case = Case::new(&input(keys));
            std::fs::write(case.path("b.csv"), glass).unwrap();
            std::fs::write(case.path("f.csv"), fields).unwrap();
            let out = case.alone(&["run", "x.toml"]);
            expect_code(&out, 0);
            assert!(text(&out).contains("T = 20"), "{}", text(&out));
            case
        };
        let exact = run("update = 'enumeration'");
        let learned = "update = 'self-learning'\n[classical.effective]\ncouplings = [0.5]";
        let mut ways = vec![""];
        if pairs {
            ways.extend(["update = 'wolff'", "update = 'swendsen-wang'"]);
        } else if !lattice.contains("graph") {
            ways.push(learned);
        }
        for keys in ways {
            let case = run(keys);
            for name in NAMES {
                let pairs = measured(&case, name)
                    .into_iter()
                    .zip(measured(&exact, name));
                for ((mean, error), (wanted, _)) in pairs {
                    let pull = (mean - wanted) / error.max(1e-12);
                    assert!(
                        pull.abs() < 4.0,
                        "{lattice}, {keys}, {name}: {mean}, {wanted}"
                    );
                }
            }
        }
    }
}

/// The line of the log about effective couplings, and an object of `info`, of a self-learning run.
fn learned(size: usize, keys: &str, sampler: &str) -> serde_json::Value {
    let input = format!(
        "[lattice]\nkind = 'square'\nsize = [{size}, {size}]\n[hamiltonian]\nkind = \
         'plaquette-ising'\nk = 0.2\n[sampler]\n{sampler}\n[classical]\ntemperatures = \
         2.493\norder = 'random'\nupdate = 'self-learning'\n[classical.effective]\n{keys}\n\
         [output]\nsamples = 'none'\n"
    );
    let case = Case::new(&input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.info()["classical"][0].clone()
}

#[test]
fn plaquettes_are_found_by_samples_that_are_held_out() {
    let input = "[lattice]\nkind = 'square'\nsize = [6, 6]\n[hamiltonian]\nkind = \
                 'plaquette-ising'\nk = 0.2\n[sampler]\nchains = 4\nsamples = 2048\n[classical]\n\
                 temperatures = 2.493\nupdate = 'self-learning'\n[classical.effective]\nfeatures = \
                 'auto'\n";
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let list = |name: &str| tree.reals(&format!("classical/effective/{name}")).unwrap();
    // Nearest neighbours and plaquettes are the whole energy.
    let (order, errors) = (list("order"), list("held_out"));
    assert_eq!(
        (&order[..2], list("taken")[0]),
        (&[0.0, 3.0][..], 2.0),
        "{order:?} {errors:?}"
    );
    assert!(errors[1] < 1e-12 && errors[0] > 1e-3, "{errors:?}");
    let couplings = list("couplings");
    for (found, wanted) in couplings.iter().zip([1.0, 0.0, 0.0, 0.2]) {
        assert!((found - wanted).abs() < 1e-9, "{couplings:?}");
    }
    // Rounding of sums of squares.
    assert!(list("residual")[0] < 1e-5);
    // Clusters grow along the best pairs without plaquettes.
    let acceptance = case.info()["classical"][0]["acceptance"].as_f64().unwrap();
    assert!((0.6..0.95).contains(&acceptance), "{acceptance}");
}

/// Given plaquettes are the whole energy, but clusters do not grow along them.
#[test]
fn the_expected_acceptance_of_given_plaquettes_is_near_the_measured_one() {
    let keys = "features = ['nearest', 'plaquette']\ncouplings = [1.0, 0.2]";
    let found = learned(6, keys, "chains = 4\nsamples = 8192");
    let measured = found["acceptance"].as_f64().unwrap();
    let effective = &found["effective"];
    let expected = effective["expected_acceptance"].as_f64().unwrap();
    assert!(effective["residual"].as_f64().unwrap() < 1e-5, "{found}");
    // Half of a proposal's residual, that of the next configuration, is not independent.
    assert!(
        expected < 0.9 && expected < measured && measured < 0.95,
        "{found}"
    );
}

/// Couplings, acceptance and times near those of longer runs elsewhere.
fn compare(size: usize, wanted: [f64; 5], found: &serde_json::Value) {
    let [coupling, local_tau, tau, acceptance, cluster] = wanted;
    println!("L = {size}: {found}");
    let number = |name: &str| found[name].as_f64().unwrap();
    let j = found["effective"]["couplings"][0].as_f64().unwrap();
    assert!(
        (j / coupling - 1.0).abs() < 0.01,
        "L = {size}: J_1 = {j}, wanted {coupling}"
    );
    for (name, wanted, part) in [
        ("local_tau", local_tau, 0.35),
        ("tau", tau, 0.35),
        ("acceptance", acceptance, 0.05),
        ("cluster_size", cluster, 0.06),
    ] {
        let value = number(name);
        assert!(
            (value / wanted - 1.0).abs() < part,
            "L = {size}, {name}: {value}, {wanted}"
        );
    }
}

#[test]
fn self_learning_gains_as_published_on_a_small_square() {
    let sampler = "chains = 4\nsamples = 65536\nburn_in = 500";
    let found = learned(10, "training_samples = 65536", sampler);
    compare(10, [1.1120, 16.2, 2.7, 0.80, 0.64], &found);
}

#[test]
fn self_learning_gains_as_published_on_larger_squares() {
    if is_left_out() {
        return;
    }
    let sampler = "chains = 4\nsamples = 131072\nburn_in = 2000";
    let found = learned(20, "training_samples = 131072", sampler);
    compare(20, [1.1084, 85.0, 5.5, 0.65, 0.55], &found);
    let found = learned(40, "training_samples = 262144", sampler);
    compare(40, [1.1060, 332.0, 16.9, 0.44, 0.47], &found);
    assert!(found["gain"].as_f64().unwrap() > 10.0);
}
