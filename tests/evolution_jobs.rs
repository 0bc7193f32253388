//! An evolution in time as a job: stopped and continued bit for bit, on any number of ranks, by
//! time limits and signals.

mod common;
use common::{Case, expect_code, program, text};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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

/// Each slope has the shift that its samples ask for.
const AUTO: &str = "shift = \"auto\"\n";

const MEASURE: &str = "[measure]\nsamples = 240\nobservables = [\"transverse-magnetisation\"]\n";

fn column(case: &Case, name: &str) -> Vec<f64> {
    case.tree("x.h5").reals(&format!("evolve/{name}")).unwrap()
}

fn states(case: &Case) -> (Vec<i8>, [Vec<f64>; 7]) {
    let checkpoint = case.present();
    let parameters = checkpoint.reals("parameters").unwrap();
    let observed = ["mean", "error"].map(|n| {
        column(
            case,
            &format!("output/observables/transverse-magnetisation/{n}"),
        )
    });
    let [energy, r2, shift, output] = [
        "history/energy",
        "history/r2",
        "history/shift",
        "output/energy",
    ]
    .map(|name| column(case, name));
    let [mean, error] = observed;
    (
        checkpoint.spins("chains").unwrap(),
        [parameters, energy, r2, shift, output, mean, error],
    )
}

/// Each attempt is told to stop after two blocks.
const STOP: [(&str, &str); 1] = [("NISHINA_FAULT", "stop@rank0:step2")];

/// Runs in attempts that are stopped until one is finished; returns how often it was stopped.
fn in_pieces(run: &dyn Fn() -> std::process::Output) -> usize {
    for stops in 0..100 {
        let out = run();
        if out.status.code() == Some(0) {
            return stops;
        }
        expect_code(&out, 75);
    }
    panic!("never finished");
}

#[test]
fn a_stopped_evolution_goes_on_bit_for_bit() {
    for (method, more) in [
        ("heun", ""),
        ("bogacki-shampine", "tolerance = 1e-3\n"),
        ("heun", "method = \"projected\"\n"),
        ("heun", AUTO),
    ] {
        let input = format!("{SAMPLED}integrator = \"{method}\"\n{more}{MEASURE}");
        let (whole, parts) = (Case::new(&input), Case::new(&input));
        expect_code(&whole.alone(&["run", "x.toml"]), 0);
        let stops = in_pieces(&|| parts.alone_with(&STOP, &["run", "x.toml"]));
        assert!(stops > 3, "{stops}");
        assert_eq!(states(&whole), states(&parts), "{method} {more}");
        let shifts = column(&whole, "history/shift");
        assert!(shifts.iter().all(|s| (*s > 0.0) == (more == AUTO)));
        assert_eq!(whole.info()["energy"], parts.info()["energy"]);
    }
}

#[test]
fn a_longer_time_continues_a_finished_evolution() {
    let input = format!("{SAMPLED}{MEASURE}");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "evolve.time=0.1"]),
        0,
    );
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from t = 0.1"),
        "{}",
        text(&out)
    );
    assert_eq!(states(&whole), states(&parts));
    let other = parts.alone(&[
        "run",
        "x.toml",
        "--set",
        "evolve.step=0.01",
        "--set",
        "evolve.time=0.4",
    ]);
    expect_code(&other, 64);
    assert!(text(&other).contains("evolve.step"), "{}", text(&other));
}

#[test]
fn ranks_give_the_same_curve() {
    for regularisation in ["", "shift = 1e-2\n", AUTO, "method = \"projected\"\n"] {
        // 48 parameters: fewer than the samples, then more.
        for samples in ["240", "30"] {
            let input = format!("{SAMPLED}{regularisation}");
            let setting = format!("sampler.samples={samples}");
            let (one, three) = (Case::new(&input), Case::new(&input));
            let arguments = [
                "run",
                "x.toml",
                "--set",
                &setting,
                "--set",
                "evolve.time=0.04",
            ];
            expect_code(&one.alone(&arguments), 0);
            expect_code(&three.ranks(3, &arguments), 0);
            let (a, b) = (
                column(&one, "history/energy"),
                column(&three, "history/energy"),
            );
            assert_eq!(a.len(), b.len());
            assert!(
                a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-6),
                "{samples} {regularisation}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn the_same_holds_on_two_ranks() {
    let input = format!("{SAMPLED}integrator = \"bogacki-shampine\"\ntolerance = 1e-3\n{MEASURE}");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.ranks(2, &["run", "x.toml"]), 0);
    let stops = in_pieces(&|| parts.ranks_with(&STOP, 2, &["run", "x.toml"]));
    assert!(stops > 0);
    assert_eq!(states(&whole), states(&parts));
    assert_eq!(whole.info()["energy"], parts.info()["energy"]);
}

/// A deterministic evolution on one rank and on three, the same to the bit in these columns.
fn deterministic(own: &str, names: &[&str]) -> Case {
    let input = format!("deterministic = true\n{SAMPLED}{own}");
    let (one, three) = (Case::new(&input), Case::new(&input));
    let arguments = ["run", "x.toml", "--set", "evolve.time=0.06"];
    expect_code(&one.alone(&arguments), 0);
    expect_code(&three.ranks(3, &arguments), 0);
    for name in names {
        assert_eq!(column(&one, name), column(&three, name), "{name}");
    }
    one
}

#[test]
fn deterministic_projected_steps_have_the_same_bits_on_any_number_of_ranks() {
    let names = ["history/energy", "history/infidelity", "history/solves"];
    let one = deterministic("method = \"projected\"\n", &names);
    let infidelities = column(&one, "history/infidelity");
    assert!(
        infidelities[1..].iter().all(|i| *i > 0.0 && *i < 1e-3),
        "{infidelities:?}"
    );
}

#[test]
fn deterministic_shifts_have_the_same_bits_on_any_number_of_ranks() {
    let one = deterministic(AUTO, &["history/energy", "history/r2", "history/shift"]);
    let shifts = column(&one, "history/shift");
    assert!(shifts.iter().all(|s| *s > 0.0), "{shifts:?}");
}

#[test]
fn one_to_three_ranks_draw_the_same_samples() {
    let input = format!("{SAMPLED}{MEASURE}[output]\nsamples = \"all\"\n");
    let runs = [1, 2, 3].map(|ranks| {
        let case = Case::new(&input);
        expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
        let (chains, numbers) = states(&case);
        (
            chains,
            case.first_segment().spins("configurations").unwrap(),
            numbers,
        )
    });
    for (chains, samples, numbers) in &runs[1..] {
        assert_eq!((chains, samples), (&runs[0].0, &runs[0].1));
        for (a, b) in numbers.iter().flatten().zip(runs[0].2.iter().flatten()) {
            assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn a_signal_in_the_middle_saves_and_the_run_goes_on_bit_for_bit() {
    let input = format!("{}{MEASURE}", SAMPLED.replace("time = 0.2", "time = 2.0"));
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    for signal in ["USR1", "TERM"] {
        let mut child = Command::new(program())
            .args(["run", "x.toml", "--set", "output.log_every=0"])
            .current_dir(parts.folder.path())
            .env("OPENBLAS_NUM_THREADS", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Two steps into the evolution, or into its continuation.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let steps = lines
            .by_ref()
            .map(Result::unwrap)
            .filter(|line| line.contains("drift"))
            .take(2)
            .count();
        assert_eq!(steps, 2);
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(75), "{rest:?}");
    }
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(states(&whole), states(&parts));
}

#[test]
fn other_observables_wait_for_the_end_of_the_evolution() {
    let case = Case::new(&format!("{SAMPLED}{MEASURE}"));
    expect_code(&case.alone_with(&STOP, &["run", "x.toml"]), 75);
    let other = "measure.observables=[\"magnetisation\"]";
    let refused = case.alone(&["run", "x.toml", "--set", other]);
    expect_code(&refused, 64);
    assert!(
        text(&refused).contains("measure.observables"),
        "{}",
        text(&refused)
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let curve = column(&case, "output/observables/transverse-magnetisation/mean");
    assert_eq!(curve.len(), 5);
    // Afterwards the measurement starts over and the record of the evolution stays.
    expect_code(&case.alone(&["run", "x.toml", "--set", other]), 0);
    assert_eq!(
        column(&case, "output/observables/transverse-magnetisation/mean"),
        curve
    );
    assert!(
        case.tree("x.h5")
            .reals("measure/observables/magnetisation/mean")
            .is_ok()
    );
}

#[test]
fn an_evolution_gone_astray_ends_with_70_or_takes_shorter_steps() {
    let case = Case::new(&format!("{SAMPLED}{MEASURE}"));
    // One step of the length of the whole evolution, from a checkpoint at its start.
    let long = [
        "run",
        "x.toml",
        "--set",
        "evolve.time=40",
        "--set",
        "evolve.step=20",
        "--set",
        "evolve.output_every=20",
    ];
    let tight = [
        "--set",
        "output.checkpoint_every=1e-6",
        "--set",
        "evolve.pseudo_inverse=1e-14",
    ];
    let out = case.alone(&[&long[..], &tight].concat());
    expect_code(&out, 70);
    assert!(
        text(&out).contains("the evolution has gone astray"),
        "{}",
        text(&out)
    );
    for (file, path) in [
        ("x.h5", "evolve/history/energy"),
        ("x.ckpt.h5", "evolve/parameters"),
    ] {
        assert!(
            case.tree(file)
                .reals(path)
                .unwrap()
                .iter()
                .all(|x| x.is_finite()),
            "{file}"
        );
    }
    // The same first step, but adaptive: it is shortened until the energy is one that a state has.
    let adaptive = [
        "--fresh",
        "--set",
        "evolve.integrator=\"bogacki-shampine\"",
        "--set",
        "evolve.time=0.1",
    ];
    let sized = [
        "run",
        "x.toml",
        "--set",
        "evolve.step=20",
        "--set",
        "evolve.output_every=0.05",
    ];
    let out = case.alone(&[&sized[..], &adaptive].concat());
    expect_code(&out, 0);
}
