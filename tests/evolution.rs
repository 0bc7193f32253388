//! Evolution in time: against exact curves, order of the steps, imaginary time as small-step optimisation, restart bit for bit.

mod common;
use common::{Case, expect_code, project, text};
use std::collections::HashMap;

/// A full-sum quench of the transverse-field Ising ring, to be completed with [evolve].
const QUENCH: &str = r#"
seed = 3
[lattice]
kind = "chain"
size = 8
[hamiltonian]
kind = "ising"
hx = 0.5
[ansatz]
kind = "rbm"
density = 3
visible_bias = false
hidden_bias = false
symmetry = "translations"
[sampler]
method = "full-sum"
[optimize]
steps = 300
learning_rate = 0.05
shift = { kind = "exponential", start = 0.01, decay = 0.97, end = 1e-7 }
"#;

/// A sampled evolution that starts from random weights.
const SAMPLED: &str = r#"
seed = 5
[lattice]
kind = "chain"
size = 6
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "rbm"
density = 1
init = 0.05
[sampler]
chains = 6
samples = 240
[evolve]
time = 0.2
step = 0.02
output_every = 0.05
hamiltonian = { j = 0.5 }
"#;

const MEASURE: &str = "[measure]\nsamples = 240\nobservables = [\"transverse-magnetisation\"]\n";

fn column(case: &Case, name: &str) -> Vec<f64> {
    case.tree("x.h5").reals(&format!("evolve/{name}")).unwrap()
}

/// ⟨σx⟩ per site at the output times of a quench of the field alone, from the energies under both fields.
fn magnetisation(case: &Case, h0: f64, h1: f64, sites: f64) -> Vec<(f64, f64)> {
    let (before, after) = (column(case, "output/initial_energy"), column(case, "output/energy"));
    let times = column(case, "output/time");
    (0..times.len()).map(|k| (times[k], (before[k] - after[k]) / (h1 - h0) / sites)).collect()
}

/// A column of an exact curve, by time in units of 10⁻⁴.
fn exact(name: &str, wanted: &str) -> HashMap<i64, f64> {
    let path = project().join(format!("tests/reference/dynamics/{name}.csv"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let at = lines.next().unwrap().split(',').position(|c| c == wanted).unwrap();
    lines
        .map(|line| {
            let row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
            ((row[0] * 1e4).round() as i64, row[at])
        })
        .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn a_full_sum_quench_follows_the_exact_curve() {
    let input = format!(
        "{QUENCH}[evolve]\ntime = 1.0\nstep = 0.01\nintegrator = \"rk4\"\npseudo_inverse = 1e-9\noutput_every = 0.25\n\
         hamiltonian = {{ hx = 1.0 }}\n[measure]\nsamples = 1\n\
         observables = [\"transverse-magnetisation\", \"spin-correlations-zz\"]\n"
    );
    let case = Case::new(&input);
    // The table of free fermions at N = 10, to which the state is prepared and evolved.
    expect_code(&case.alone(&["run", "x.toml", "--set", "lattice.size=10"]), 0);
    let curve = exact("tfim-chain-n10-pbc-h0.5to1.0", "sx_average");
    let found = magnetisation(&case, 0.5, 1.0, 10.0);
    assert_eq!(found.len(), 5);
    for (time, value) in found {
        let wanted = curve[&((time * 1e4).round() as i64)];
        assert!((value - wanted).abs() < 1e-3, "t = {time}: {value}, exact {wanted}");
    }
    let found = column(&case, "output/observables/transverse-magnetisation/mean");
    assert!(
        found.iter().zip(magnetisation(&case, 0.5, 1.0, 10.0)).all(|(a, (_, b))| (a - b).abs() < 1e-10),
        "{found:?}"
    );
    let tree = case.tree("x.h5");
    let path = "evolve/output/observables/spin-correlations-zz/by_distance/mean";
    let nishina::io::tree::Value::Real(zz) = &tree.datasets[path] else { panic!("{path}") };
    assert_eq!(zz.shape(), [5, 5]);
    assert!(tree.notes[path].1.contains("output time"), "{:?}", tree.notes[path]);
    let [neighbours, far] = ["szsz_nn_average", "szsz_site0_far"].map(|c| exact("tfim-chain-n10-pbc-h0.5to1.0", c));
    for (k, time) in column(&case, "output/time").iter().enumerate() {
        let at = (time * 1e4).round() as i64;
        assert!((zz[[k, 0]] - neighbours[&at]).abs() < 1e-3 && (zz[[k, 4]] - far[&at]).abs() < 2e-3, "t = {time}");
    }
    assert!(largest(&column(&case, "history/drift")) < 1e-4);
    assert!(column(&case, "history/r2_integral").last().unwrap() < &2e-3);
    // [measure] measures the Hamiltonian of the evolution.
    let mean = case.info()["energy"]["mean"].as_f64().unwrap();
    assert!((mean - column(&case, "output/energy").last().unwrap()).abs() < 1e-10, "{mean}");
}

#[test]
fn adaptive_pairs_keep_their_tolerance() {
    let input = format!(
        "{QUENCH}[evolve]\ntime = 0.5\nstep = 0.001\nintegrator = \"rk4\"\npseudo_inverse = 1e-9\noutput_every = 0.1\n\
         hamiltonian = {{ hx = 1.0 }}\n"
    );
    let truth = Case::new(&input);
    expect_code(&truth.alone(&["run", "x.toml"]), 0);
    let truth_energies = column(&truth, "output/initial_energy");
    for (name, tolerance) in [("bogacki-shampine", "1e-5"), ("dormand-prince", "1e-5")] {
        let input = input.replace("\"rk4\"", &format!("\"{name}\"\ntolerance = {tolerance}"));
        let case = Case::new(&input.replace("step = 0.001", "step = 0.4"));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = column(&case, "output/initial_energy");
        for (a, b) in found.iter().zip(&truth_energies) {
            assert!((a - b).abs() < 2e-3, "{name}: {a} {b}");
        }
        assert!(column(&case, "history/step_error").iter().all(|e| *e <= 1e-5));
        assert!(column(&case, "history/rejected").iter().sum::<f64>() > 0.0, "{name}: the first step was far too long");
    }
}

#[test]
fn imaginary_time_is_small_step_optimisation() {
    let common = QUENCH.split("[optimize]").next().unwrap().replace("density = 3", "density = 1\ninit = 0.1");
    let evolved = Case::new(&format!(
        "{common}[evolve]\naxis = \"imaginary\"\ntime = 1.0\nstep = 0.01\nintegrator = \"rk4\"\nshift = 1e-3\n"
    ));
    expect_code(&evolved.alone(&["run", "x.toml"]), 0);
    let error = |steps: usize| {
        let rate = 1.0 / steps as f64;
        let sr = Case::new(&format!(
            "{common}[optimize]\nsteps = {steps}\nlearning_rate = {rate}\nshift = 1e-3\n[measure]\nsamples = 1\n"
        ));
        expect_code(&sr.alone(&["run", "x.toml"]), 0);
        let energy = sr.info()["energy"]["mean"].as_f64().unwrap();
        (energy - column(&evolved, "output/energy").last().unwrap()).abs()
    };
    let (coarse, fine) = (error(250), error(1000));
    // Euler steps of optimisation approach the flow linearly.
    assert!(fine < 2e-2 && (coarse / fine - 4.0).abs() < 0.4, "{coarse} {fine}");
}

#[test]
fn couplings_follow_their_ramp() {
    let ramp = "[evolve]\ntime = 0.4\nstep = 0.02\nintegrator = \"rk4\"\noutput_every = 0.2\n";
    let run = |more: &str| {
        let case = Case::new(&format!("{}{ramp}{more}", QUENCH.split("[optimize]").next().unwrap()));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        column(&case, "output/energy")
    };
    // A table and the line that it describes are the same drive; a step function at time 0 is a quench.
    let line = run("[evolve.ramps]\nhx = { kind = \"linear\", from = 0.5, to = 1.0, duration = 0.4 }\n");
    let table = run("[evolve.ramps]\nhx = { kind = \"table\", points = [[0.0, 0.5], [0.4, 1.0]] }\n");
    let quench = run("hamiltonian = { hx = 1.0 }\n");
    let flat = run("[evolve.ramps]\nhx = { kind = \"periodic\", mean = 1.0, amplitude = 0.0, omega = 1.0 }\n");
    assert!(line.iter().zip(&table).all(|(a, b)| (a - b).abs() < 1e-9), "{line:?} {table:?}");
    assert!(quench.iter().zip(&flat).all(|(a, b)| (a - b).abs() < 1e-9), "{quench:?} {flat:?}");
    assert!((line[0] - quench[0]).abs() > 1.0 && (line[2] - quench[2]).abs() > 1e-4);
}

fn states(case: &Case) -> (Vec<i8>, [Vec<f64>; 6]) {
    let checkpoint = case.tree("x.ckpt.h5");
    let parameters = checkpoint.reals("parameters/flat").unwrap();
    let observed = ["mean", "error"].map(|n| column(case, &format!("output/observables/transverse-magnetisation/{n}")));
    let [energy, r2, output] = ["history/energy", "history/r2", "output/energy"].map(|name| column(case, name));
    let [mean, error] = observed;
    (checkpoint.spins("chains/now").unwrap(), [parameters, energy, r2, output, mean, error])
}

/// Runs with a time limit until it is finished; returns how often it was stopped.
fn in_pieces(case: &Case, limit: &str, run: &dyn Fn(&Case, &[&str]) -> std::process::Output) -> usize {
    for stops in 0..400 {
        let out = run(case, &["run", "x.toml", "--set", limit]);
        if out.status.code() == Some(0) {
            return stops;
        }
        expect_code(&out, 75);
    }
    panic!("never finished");
}

#[test]
fn a_stopped_evolution_goes_on_bit_for_bit() {
    for (method, more) in [("heun", ""), ("bogacki-shampine", "tolerance = 1e-3\n")] {
        let input = format!("{SAMPLED}integrator = \"{method}\"\n{more}{MEASURE}");
        let (whole, parts) = (Case::new(&input), Case::new(&input));
        expect_code(&whole.alone(&["run", "x.toml"]), 0);
        let stops = in_pieces(&parts, "output.max_time=1e-9", &|case, arguments| case.alone(arguments));
        assert!(stops > 3, "{stops}");
        assert_eq!(states(&whole), states(&parts), "{method}");
        assert_eq!(whole.info()["energy"], parts.info()["energy"]);
    }
}

#[test]
fn a_longer_time_continues_a_finished_evolution() {
    let input = format!("{SAMPLED}{MEASURE}");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    expect_code(&parts.alone(&["run", "x.toml", "--set", "evolve.time=0.1"]), 0);
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("continuing from t = 0.1"), "{}", text(&out));
    assert_eq!(states(&whole), states(&parts));
    let other = parts.alone(&["run", "x.toml", "--set", "evolve.step=0.01", "--set", "evolve.time=0.4"]);
    expect_code(&other, 64);
    assert!(text(&other).contains("evolve.step"), "{}", text(&other));
}

#[test]
fn ranks_give_the_same_curve() {
    for regularisation in ["", "shift = 1e-2\n"] {
        // 48 parameters: fewer than the samples, then more.
        for samples in ["240", "30"] {
            let input = format!("{SAMPLED}{regularisation}");
            let setting = format!("sampler.samples={samples}");
            let (one, three) = (Case::new(&input), Case::new(&input));
            let arguments = ["run", "x.toml", "--set", &setting, "--set", "evolve.time=0.04"];
            expect_code(&one.alone(&arguments), 0);
            expect_code(&three.ranks(3, &arguments), 0);
            let (a, b) = (column(&one, "history/energy"), column(&three, "history/energy"));
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-6), "{samples} {regularisation}: {a:?} {b:?}");
        }
    }
}
