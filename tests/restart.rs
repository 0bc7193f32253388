//! A stopped run goes on as if it had never stopped: the same parameters and samples, bit for bit.

mod common;
use common::{Case, RING, expect_code, text};

const PLAN: &str = "[optimize]\nsteps = 100\nlearning_rate = 0.05\n[measure]\nsamples = 1024\n";

fn states(case: &Case) -> (Vec<f64>, Vec<i8>, Vec<f64>) {
    let checkpoint = case.present();
    let results = case.tree("x.h5");
    (
        checkpoint.reals("parameters").unwrap(),
        checkpoint.spins("chains").unwrap(),
        results.reals("optimize/history/energy").unwrap(),
    )
}

fn stop_and_go_on(case: &Case, run: &dyn Fn(&Case, &[&str]) -> std::process::Output) {
    expect_code(
        &run(case, &["run", "x.toml", "--set", "optimize.steps=50"]),
        0,
    );
    let out = run(case, &["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 50"),
        "{}",
        text(&out)
    );
    assert_eq!(case.info()["started_at_step"], 50);
}

#[test]
fn fifty_and_fifty_steps_are_a_hundred() {
    stopped_and_whole(&format!("{RING}{PLAN}[output]\nsamples = 'all'\n"));
}

#[test]
fn samples_with_weights_go_on_bit_for_bit() {
    let observables = "observables = ['magnetisation', { kind = 'renyi-2', blocks = [[0, 1]] }]";
    let input = format!("{RING}power = 1.5\n{PLAN}{observables}\n[output]\nsamples = 'all'\n");
    let (whole, parts) = stopped_and_whole(&input);
    let long = Case::new(&input.replace("1024", "2048"));
    expect_code(&long.alone(&["run", "x.toml"]), 0);
    let measured = |case: &Case, name: &str| {
        let results = case.tree("x.h5").group("measure");
        results.reals(name).unwrap()
    };
    let names = [
        "energy/log_weights",
        "energy/error",
        "observables/renyi-2/error",
    ];
    for name in names {
        assert_eq!(measured(&whole, name), measured(&parts, name));
    }
    // A measurement goes on as well.
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "measure.samples=2048"]),
        0,
    );
    for name in names {
        assert_eq!(measured(&long, name), measured(&parts, name));
    }
}

/// A run of 100 steps, and one of 50 that has gone on, which have the same bits.
fn stopped_and_whole(input: &str) -> (Case, Case) {
    let (whole, parts) = (Case::new(input), Case::new(input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    stop_and_go_on(&parts, &|case, arguments| case.alone(arguments));
    assert_eq!(states(&whole), states(&parts));
    // The measurement after 50 steps is dropped, and what is kept of samples is that of one run.
    let samples = |case: &Case| {
        let tree = case.tree("x.samples.h5");
        (
            tree.spins("configurations").unwrap(),
            tree.complexes("local_energies").unwrap(),
        )
    };
    assert_eq!(samples(&whole).1.len(), 100 * 256 + 1024);
    assert_eq!(samples(&whole), samples(&parts));
    let series = |case: &Case| {
        case.tree("x.h5")
            .complexes("measure/energy/series")
            .unwrap()
    };
    assert_eq!(series(&whole), series(&parts));
    assert_eq!(whole.info()["energy"], parts.info()["energy"]);
    (whole, parts)
}

#[test]
fn the_same_holds_on_two_ranks_and_a_checkpoint_of_two_goes_on_with_three() {
    let input = format!("{RING}{PLAN}");
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.ranks(2, &["run", "x.toml"]), 0);
    stop_and_go_on(&parts, &|case, arguments| case.ranks(2, arguments));
    assert_eq!(states(&whole), states(&parts));
    let out = parts.ranks(3, &["run", "x.toml", "--set", "optimize.steps=110"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("continuing from step 100"),
        "{}",
        text(&out)
    );
    assert_eq!(parts.info()["steps"], 110);
    assert_eq!(parts.info()["ranks"], 3);
}

#[test]
fn out_of_time_is_75_and_the_run_goes_on() {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let out = case.alone(&[
        "run",
        "x.toml",
        "--set",
        "output.max_time=1.5",
        "--set",
        "optimize.steps=200000",
    ]);
    expect_code(&out, 75);
    let stopped = case.info();
    assert_eq!(stopped["state"], "stopped");
    assert!(stopped["energy"].is_null());
    let steps = stopped["steps"].as_u64().unwrap();
    assert!(steps > 0 && steps < 200_000);
    let target = format!("optimize.steps={}", steps + 5);
    expect_code(&case.alone(&["run", "x.toml", "--set", &target]), 0);
    assert_eq!(case.info()["state"], "finished");
    assert_eq!(case.info()["steps"], steps + 5);
}

#[test]
fn a_finished_run_says_so_and_fresh_starts_over() {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 3\nlearning_rate = 0.05\n"
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let again = case.alone(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert!(text(&again).contains("is finished"), "{}", text(&again));
    // Other keys of what has ended change nothing, and that is said.
    let other = case.alone(&["run", "x.toml", "--set", "optimize.learning_rate=0.1"]);
    expect_code(&other, 0);
    let said = "has ended, and optimize.learning_rate of the input is not what it was made with";
    assert!(text(&other).contains(said), "{}", text(&other));
    let other = case.alone(&["run", "x.toml", "--set", "hamiltonian.hx=0.5"]);
    expect_code(&other, 64);
    assert!(
        text(&other).contains("hamiltonian.hx was 1, is 0.5"),
        "{}",
        text(&other)
    );
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "hamiltonian.hx=0.5", "--fresh"]),
        0,
    );
    let old: Vec<_> = std::fs::read_dir(case.folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("old"))
        .collect();
    assert!(!old.is_empty());
}

#[test]
fn a_file_that_says_something_else_is_another_input() {
    let observables = "observables = [{ kind = 'pauli', name = 'bond', file = 'p.csv' }]";
    let plan = PLAN.replace("100", "3");
    let case = Case::new(&format!("{RING}{plan}{observables}\n"));
    let bond = |term: &str| {
        std::fs::write(
            case.path("p.csv"),
            format!("coefficient,string\n1.0,{term}\n"),
        )
        .unwrap();
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        let value = case
            .tree("x.h5")
            .real("measure/observables/bond/mean")
            .unwrap();
        (text(&out), value)
    };
    let (_, near) = bond("Z0 Z1");
    let (said, same) = bond("Z0 Z1");
    assert!(said.contains("is finished") && same == near, "{said}");
    let (said, far) = bond("Z0 Z3");
    assert!(
        said.contains("[measure] has other keys and starts over"),
        "{said}"
    );
    assert_ne!(far, near);
}
