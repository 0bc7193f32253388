//! `[regression]` from input to files: datasets, restarts, ranks, commands.

use crate::common::sections::{
    differences, obeys_the_laws, same_after_any_kill, same_on_any_ranks,
};
use crate::common::{Case, expect_code, text};
use nishina::io::tree::{Tree, Value};

/// A small network with held-out rows, several restarts and an inverse.
pub const NETWORK: &str = r#"
seed = 3
[regression]
data = "table.csv"
inputs = ["x"]
outputs = ["y", "z"]
widths = [6]
activation = "tanh"
test_fraction = 0.25
steps = 60
learning_rate = 0.02
restarts = 3
invert = { outputs = [0.5, 0.4], start = [0.3], steps = 50 }
[output]
checkpoint_every = 1e-9
"#;

/// A single layer by plain gradients, with sigmoids and absolute errors.
const GRADIENT: &str = r#"
[regression]
data = "table.csv"
inputs = ["x", "z"]
outputs = ["y"]
output = "sigmoid"
loss = "absolute"
method = "sgd"
steps = 40
learning_rate = 0.1
[output]
checkpoint_every = 1e-9
"#;

const EXACT: &str = r#"
[regression]
data = "table.csv"
inputs = ["x"]
outputs = ["y"]
method = "least-squares"
steps = 1
[output]
checkpoint_every = 1e-9
"#;

pub fn case(input: &str) -> Case {
    let case = Case::new(input);
    let row = |k: u32| {
        let x = f64::from(k) / 20.0;
        format!("{k},{x},{},{}\n", (2.0 * x).sin(), x * x)
    };
    let table: String = (0..20).map(row).collect();
    std::fs::write(case.path("table.csv"), format!("k,x,y,z\n{table}")).unwrap();
    case
}

pub fn results(case: &Case) -> Tree {
    case.tree("x.h5").group("regression")
}

fn shape(tree: &Tree, path: &str) -> Vec<usize> {
    match &tree.datasets[path] {
        Value::Real(a) => a.shape().to_vec(),
        Value::Integer(a) => a.shape().to_vec(),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn results_hold_the_fit_and_the_rows_that_it_is_made_from() {
    let case = case(NETWORK);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    for (path, wanted) in [
        ("parameters/W_0", vec![6, 1]),
        ("parameters/b_0", vec![6]),
        ("parameters/W_1", vec![2, 6]),
        ("parameters/b_1", vec![2]),
        ("gradient/W_1", vec![2, 6]),
        ("prediction", vec![20, 2]),
        ("initial_gradient", vec![2]),
        ("history/train_error", vec![61]),
        ("history/test_error", vec![61]),
        ("restart_error", vec![3]),
        ("inverse", vec![1]),
        ("data/input", vec![20, 1]),
        ("data/target", vec![20, 2]),
        ("data/held_out", vec![20]),
    ] {
        assert_eq!(shape(&found, path), wanted, "{path}");
    }
    // The rows that are held out, and the mean errors of both parts.
    let held = found.integers("data/held_out").unwrap();
    assert_eq!(held.iter().sum::<i64>(), 5);
    let (f, y) = (
        found.reals("prediction").unwrap(),
        found.reals("data/target").unwrap(),
    );
    let error = |part: i64| {
        let of = |k: &usize| held[k / 2] == part;
        let squares: Vec<f64> = (0..40).filter(of).map(|k| (f[k] - y[k]).powi(2)).collect();
        squares.iter().sum::<f64>() / squares.len() as f64
    };
    assert!((error(0) - found.real("train_error").unwrap()).abs() < 1e-14);
    assert!((error(1) - found.real("test_error").unwrap()).abs() < 1e-14);
    let curve = found.reals("history/train_error").unwrap();
    assert_eq!(curve[60], found.real("train_error").unwrap());
    assert!(curve[60] < 0.1 * curve[0], "{curve:?}");
    // The best restart is kept.
    let all = found.reals("restart_error").unwrap();
    let kept = found.integer("kept").unwrap() as usize;
    assert_eq!(all[kept], curve[60]);
    assert!(all.iter().all(|e| *e >= curve[60]) && all[0] != all[1]);
    let info = &case.info()["regression"];
    for (name, wanted) in [("train_error", curve[60]), ("test_error", error(1))] {
        assert!((info[name].as_f64().unwrap() - wanted).abs() < 1e-14);
    }
    assert!(info["slope"].is_null() && info["intercept"].is_null());
    let inverse = found.reals("inverse").unwrap()[0];
    assert!((info["inverse"][0].as_f64().unwrap() - inverse).abs() < 1e-14);
}

#[test]
fn no_steps_give_the_error_and_its_gradient_at_loaded_numbers() {
    let of = ["regression.steps=0", "regression.restarts=1"];
    for input in [NETWORK, GRADIENT] {
        let case = case(input);
        let run = |more: &[&str]| {
            let sets = of.iter().chain(more).flat_map(|s| ["--set", s]);
            let arguments: Vec<&str> = ["run", "x.toml", "--fresh"]
                .into_iter()
                .chain(sets)
                .collect();
            expect_code(&case.alone(&arguments), 0);
            results(&case)
        };
        let found = run(&[]);
        let gradient = found.reals("gradient/W_0").unwrap();
        let mean = gradient.iter().map(|g| g.abs()).sum::<f64>() / gradient.len() as f64;
        assert!((found.reals("initial_gradient").unwrap()[0] - mean).abs() < 1e-15);
        assert_eq!(found.reals("history/train_error").unwrap().len(), 1);
        let at = |by: f64| {
            let mut moved = found.group("parameters");
            let Some(Value::Real(weights)) = moved.datasets.get_mut("W_0") else {
                panic!("no weights");
            };
            weights[[0, 0]] += by;
            nishina::io::hdf5::write_atomic(&case.path("start.h5"), &moved).unwrap();
            run(&["regression.load=start.h5"])
                .real("train_error")
                .unwrap()
        };
        assert_eq!(at(0.0), found.real("train_error").unwrap());
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!(
            (slope - gradient[0]).abs() < 1e-8,
            "{slope} {}",
            gradient[0]
        );
    }
}

#[test]
fn results_can_be_loaded_and_seen_on_other_rows() {
    let case = case(NETWORK);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let whole = results(&case);
    let sets = [
        "regression.steps=0",
        "regression.load=x.h5",
        "regression.data=other.csv",
        "regression.restarts=1",
        "regression.test_fraction=0",
        "output.name=y",
    ];
    let table = std::fs::read_to_string(case.path("table.csv")).unwrap();
    let turned: Vec<&str> = table.lines().skip(1).collect();
    let turned: Vec<&str> = turned.into_iter().rev().collect();
    std::fs::write(
        case.path("other.csv"),
        format!("k,x,y,z\n{}\n", turned.join("\n")),
    )
    .unwrap();
    let sets = sets.iter().flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
    expect_code(&case.alone(&arguments), 0);
    let other = case.tree("y.h5").group("regression");
    let rows = |tree: &Tree| {
        let values = tree.reals("prediction").unwrap();
        values.chunks(2).map(<[f64]>::to_vec).collect::<Vec<_>>()
    };
    let mut back = rows(&other);
    back.reverse();
    for (a, b) in back.concat().iter().zip(rows(&whole).concat()) {
        assert!((a - b).abs() < 1e-13);
    }
}

#[test]
fn a_run_is_the_same_on_one_two_and_three_ranks() {
    let datasets = ["prediction"];
    same_on_any_ranks("regression", &[NETWORK, GRADIENT, EXACT], &case, &datasets);
}

#[test]
fn a_killed_run_goes_on_to_the_bit_on_any_number_of_ranks() {
    let kills = [(1, 1), (3, 2), (6, 1)];
    let says = "continuing from step";
    same_after_any_kill("regression", &[NETWORK, GRADIENT], &case, &kills, says);
}

#[test]
fn the_section_obeys_the_laws_of_calculations() {
    for input in [NETWORK, GRADIENT] {
        obeys_the_laws(&case(input), &[1, 2, 3].map(|ranks| (ranks, 3, 4)));
    }
    obeys_the_laws(&case(EXACT), &[(1, 1, 1), (2, 1, 1)]);
}

#[test]
fn more_steps_go_on_and_tables_count_by_what_they_say() {
    let whole = case(NETWORK);
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let parts = case(NETWORK);
    let fewer = ["run", "x.toml", "--set", "regression.steps=35"];
    expect_code(&parts.alone(&fewer), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(differences(&results(&whole), &results(&parts)), [""; 0]);
    // A key that is written with its default is the same key, and so are columns beside.
    let table = std::fs::read_to_string(parts.path("table.csv")).unwrap();
    let wide: Vec<String> = table.lines().map(|l| format!("{l},w")).collect();
    std::fs::write(parts.path("table.csv"), wide.join("\n")).unwrap();
    let out = parts.alone(&["run", "x.toml", "--set", "regression.init=1.0"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("is finished"), "{}", text(&out));
    // Another inverse of a finished run is found without another step.
    let other = "regression.invert={ outputs = [0.6, 0.1], start = [0.3], steps = 50 }";
    expect_code(&parts.alone(&["run", "x.toml", "--set", other]), 0);
    assert_ne!(
        results(&parts).reals("inverse").unwrap(),
        results(&whole).reals("inverse").unwrap()
    );
    let out = parts.alone(&["run", "x.toml", "--set", "regression.init=2.0"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("regression.init was"), "{}", text(&out));
    std::fs::write(parts.path("table.csv"), table.replace("0.05", "0.06")).unwrap();
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("regression.data was"), "{}", text(&out));
}

#[test]
fn a_stopped_run_says_so_and_goes_on() {
    let case = case(&NETWORK.replace("steps = 60", "steps = 50000000"));
    let mut running = case.launch(0, &["run", "x.toml"], &[]);
    running.wait_for("step");
    running.signal("USR1");
    assert_eq!(running.end_within(120.0), 75, "{}", running.said());
    let done = results(&case).reals("history/step").unwrap().len() - 1;
    assert!(results(&case).reals("inverse").is_err());
    let set = format!("regression.steps={done}");
    expect_code(&case.alone(&["run", "x.toml", "--set", &set]), 0);
    assert!(case.info()["regression"]["inverse"].is_array());
}

#[test]
fn the_commands_show_what_was_learned() {
    let case = case(NETWORK);
    let out = case.alone(&["check", "x.toml", "--json", "--quick"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let blocks = figures["sections"]["regression"]["blocks"].as_f64();
    let out = case.alone(&["check", "x.toml", "--json"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        figures["total_seconds"].as_f64().unwrap() > 0.0,
        "{figures}"
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let sections = &case.info()["sections"]["regression"];
    assert_eq!(sections["blocks"].as_f64(), blocks);
    let out = case.alone(&["watch", "x.h5", "--once"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("regression: block"), "{}", text(&out));
    let out = case.alone(&["export", "x.h5", "--csv"]);
    expect_code(&out, 0);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(table.starts_with("step,test_error,train_error"), "{table}");
    assert_eq!(table.lines().count(), 62, "{table}");
    let out = case.alone(&["gather", "x.h5"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("test_error"), "{}", text(&out));
    let out = case.alone(&["plot", "x.h5", "--output", "p", "--format", "svg"]);
    expect_code(&out, 0);
    for name in ["fit", "training", "gradients"] {
        assert!(
            case.path(&format!("p/regression-{name}.svg")).exists(),
            "{}",
            text(&out)
        );
    }
    assert!(
        text(&out).contains("left out regression-widths"),
        "{}",
        text(&out)
    );
}
