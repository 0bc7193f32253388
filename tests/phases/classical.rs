//! `[phases]` behind `[classical]`: exact numbers of small squares, restarts, ranks.

use crate::common::sections::Compared;
use crate::common::{Case, expect_code, text};
use crate::reference::reference;
use nishina::io::tree::Tree;
use toml::{Table, Value};

/// All states of a square of four sites a side, and a softmax of the energy.
const EXACT: &str = r#"
[lattice]
kind = "square"
size = [4, 4]
[hamiltonian]
kind = "ising"
[classical]
update = "enumeration"
[phases]
task = "temperature"
features = "energy"
widths = []
batch = 0
l2 = 0.0
newton = true
epochs = 100
"#;

/// Clusters and a small network.
const SAMPLED: &str = r#"
seed = 5
[lattice]
kind = "square"
size = [4, 4]
[hamiltonian]
kind = "ising"
[sampler]
chains = 4
samples = 80
sweeps = 2
[classical]
temperatures = [1.5, 2.0, 2.6, 3.4]
update = "wolff"
[phases]
task = "classify"
critical_temperature = 2.269185
widths = [6]
epochs = 20
batch = 16
learning_rate = 0.02
seeds = 2
[output]
checkpoint_every = 1e-9
"#;

fn group(case: &Case, name: &str) -> Tree {
    case.tree("x.h5").group(name)
}

fn all_near(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (f, w) in found.iter().zip(wanted) {
        assert!(
            (f - w).abs() <= tolerance * w.abs().max(1.0),
            "{what}: {f}, wanted {w}"
        );
    }
}

fn reals(table: &Table, key: &str) -> Vec<f64> {
    let list = table[key].as_array().unwrap().iter();
    list.map(|v| v.as_float().unwrap()).collect()
}

#[test]
fn biases_and_weights_are_those_of_the_reference() {
    let all: Table = reference("phases.toml").parse().unwrap();
    let entries = all["entry"].as_array().unwrap().clone();
    let Value::Table(entry) = entries[0].clone() else {
        panic!("no entry")
    };
    let part = |name: &str| entry[name].as_table().unwrap().clone();
    let (given, values) = (part("given"), part("values"));
    let betas = &given["inverse_temperatures"];
    let update = format!("[classical]\ninverse_temperatures = {betas}");
    let case = Case::new(&EXACT.replace("[classical]", &update));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = group(&case, "phases");
    for (name, wanted, tolerance) in [
        ("bias", "bias_from_first", 1e-9),
        ("weight", "weight_from_first", 1e-9),
        ("second_difference", "second_difference", 1e-7),
    ] {
        let found = found.reals(name).unwrap();
        all_near(&found, &reals(&values, wanted), tolerance, name);
    }
    let peak = values["peak"].as_float().unwrap();
    assert!((case.info()["phases"]["peak"].as_f64().unwrap() - peak).abs() < 1e-12);
    assert_eq!(case.info()["phases"]["task"], "temperature");
    assert!(case.info()["phases"]["crossing"].is_null());
    assert!(!case.info()["warnings"].to_string().contains("converged"));
}

#[test]
fn the_bias_is_the_partition_function_on_a_fine_grid() {
    let range = "[classical]\ninverse_temperatures = { from = 0.2, to = 0.7, count = 51 }";
    let case = Case::new(&EXACT.replace("[classical]", range));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let (phases, classical) = (group(&case, "phases"), group(&case, "classical"));
    let log_z = classical.reals("log_z").unwrap();
    let wanted: Vec<f64> = log_z.iter().map(|z| log_z[0] - z).collect();
    all_near(&phases.reals("bias").unwrap(), &wanted, 1e-8, "bias");
    let step = |k: usize| -0.01 * k as f64;
    let wanted: Vec<f64> = (0..51).map(step).collect();
    all_near(&phases.reals("weight").unwrap(), &wanted, 1e-8, "weight");
    // Its second difference is Var E, up to the square of the step.
    let heat = classical.reals("specific_heat/mean").unwrap();
    let temperature = classical.reals("temperature").unwrap();
    let variance = heat.iter().zip(&temperature).map(|(c, t)| 16.0 * c * t * t);
    let variance: Vec<f64> = variance.collect();
    let found = phases.reals("second_difference").unwrap();
    all_near(&found, &variance[1..50], 5e-3, "second difference");
    let largest = (1..50)
        .max_by(|a, b| variance[*a].total_cmp(&variance[*b]))
        .unwrap();
    let peak = phases.real("peak").unwrap();
    assert!((1.0 / peak - temperature[largest]).abs() < 1e-9, "{peak}");
}

#[test]
fn all_states_classify_without_noise() {
    let keys = "[classical]\ntemperatures = [1.5, 2.0, 2.5, 3.0]";
    let classify = EXACT
        .replace("[classical]", keys)
        .replace(
            "task = \"temperature\"",
            "task = \"classify\"\ncritical_temperature = 2.2",
        )
        .replace("features = \"energy\"", "features = \"abs-magnetisation\"")
        .replace("l2 = 0.0", "l2 = 1e-6");
    let case = Case::new(&classify);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = group(&case, "phases");
    // One network has no error.
    let crossing = &case.info()["phases"]["crossing"];
    assert!(
        crossing["mean"].is_number() && crossing["error"].is_null(),
        "{crossing}"
    );
    // The network is the baseline.
    let crossing = found.reals("crossing").unwrap();
    let baseline = found.real("baseline_crossing").unwrap();
    assert!(
        crossing.iter().all(|c| (c - baseline).abs() < 1e-9),
        "{crossing:?} {baseline}"
    );
    let accuracy = found.reals("accuracy").unwrap()[0];
    assert!((accuracy - found.real("baseline_accuracy").unwrap()).abs() < 1e-12);
    // Logistic regression keeps the sum of its outputs: half of the values are ordered.
    let output = found.reals("output").unwrap();
    assert!(
        (output[..4].iter().sum::<f64>() - 2.0).abs() < 1e-6,
        "{output:?}"
    );
}

#[test]
fn both_sections_go_on_after_a_kill_on_any_number_of_ranks() {
    let make = || Case::new(SAMPLED);
    let compared = Compared::new("phases", &make);
    let whole = compared.whole();
    assert!(whole.reals("output").unwrap()[0] > 0.5);
    compared.same_on_more_ranks(&whole);
    let kills = [(2, 1), (5, 2), (9, 1)];
    compared.same_after_kills(&whole, &kills, usize::MAX, "continuing from");
    let alone = make();
    expect_code(&alone.alone(&["run", "x.toml"]), 0);
    // A finished run has more epochs; its results come back where they are lost.
    let more = ["run", "x.toml", "--set", "phases.epochs=25"];
    expect_code(&alone.alone(&more), 0);
    let longer = group(&alone, "phases");
    assert_eq!(longer.reals("history/best").unwrap().len(), 25);
    std::fs::remove_file(alone.path("x.h5")).unwrap();
    expect_code(&alone.alone(&more), 0);
    assert_eq!(group(&alone, "phases"), longer);
}

#[test]
fn samples_of_a_run_are_read_with_the_temperatures_of_its_results() {
    let case = Case::new(SAMPLED);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let whole = group(&case, "phases");
    let keys: Table = SAMPLED.parse().unwrap();
    let mut phases = Table::new();
    let mut own = keys["phases"].as_table().unwrap().clone();
    let mut file = Table::new();
    file.insert("file".into(), "x.samples.h5".into());
    own.insert(
        "files".into(),
        Value::Array(vec![Value::Table(file.clone())]),
    );
    phases.insert("seed".into(), 5.into());
    phases.insert("phases".into(), Value::Table(own));
    let write = |table: &Table| std::fs::write(case.path("f.toml"), table.to_string()).unwrap();
    write(&phases);
    expect_code(&case.alone(&["run", "f.toml"]), 0);
    let found = case.tree("f.h5").group("phases");
    for name in [
        "temperature",
        "output",
        "crossing",
        "objective",
        "baseline_output",
    ] {
        assert_eq!(found.datasets[name], whole.datasets[name], "{name}");
    }
    // Other temperatures for the same numbers.
    let files = "phases.files=[{ file = \"x.samples.h5\", parameter = [1.0, 2.0, 3.0] }]";
    let out = case.alone(&["run", "f.toml", "--fresh", "--set", files]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("more than 3 temperatures"),
        "{}",
        text(&out)
    );
    // One parameter for samples of several temperatures.
    let files = "phases.files=[{ file = \"x.samples.h5\", parameter = 2.0 }]";
    let out = case.alone(&["run", "f.toml", "--fresh", "--set", files]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("several temperatures"),
        "{}",
        text(&out)
    );
    // Results are no samples.
    let files = "phases.files=[{ file = \"x.h5\" }]";
    let out = case.alone(&["run", "f.toml", "--fresh", "--set", files]);
    expect_code(&out, 64);
    assert!(text(&out).contains("not samples"), "{}", text(&out));
}

#[test]
fn sizes_are_extrapolated_and_drawn() {
    let case = Case::new(SAMPLED);
    for length in [4, 6, 8] {
        let size = format!("lattice.size=[{length}, {length}]");
        let name = format!("output.name=l{length}");
        let out = case.alone(&["run", "x.toml", "--set", &size, "--set", &name]);
        expect_code(&out, 0);
    }
    let files = ["l4.h5", "l6.h5", "l8.h5"];
    let arguments: Vec<&str> = ["extrapolate", "--json"].into_iter().chain(files).collect();
    let out = case.alone(&arguments);
    expect_code(&out, 0);
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(found["runs"].as_array().unwrap().len(), 3);
    assert_eq!(found["runs"][1]["size"], 6.0);
    for name in ["transition", "error", "slope", "baseline"] {
        assert!(found[name].is_number(), "{name}: {found}");
    }
    let out = case.alone(&["gather", "l4.h5", "l6.h5"]);
    expect_code(&out, 0);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    let place = |name: &str| rows[0].iter().rposition(|c| *c == name).unwrap();
    let back = rows[0].len() - place("crossing");
    let field: f64 = rows[1][rows[1].len() - back].parse().unwrap();
    assert!(
        (field - found["runs"][0]["crossing"].as_f64().unwrap()).abs() < 1e-12,
        "{table}"
    );
    assert!(place("crossing_error") > 0 && place("baseline_accuracy") > 0);
    // A file of one seed has no error: all weigh the same.
    let one = ["lattice.size=[6, 6]", "output.name=one", "phases.seeds=1"];
    let sets = one.iter().flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
    expect_code(&case.alone(&arguments), 0);
    let out = case.alone(&["extrapolate", "--json", "l4.h5", "one.h5", "l8.h5"]);
    expect_code(&out, 0);
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let run = |k: usize| found["runs"][k]["crossing"].as_f64().unwrap();
    assert!(found["runs"][1]["error"].is_null() && found["runs"][0]["error"].is_number());
    let x = [1.0 / 4.0, 1.0 / 6.0, 1.0 / 8.0];
    let (x_mean, y_mean) = (
        x.iter().sum::<f64>() / 3.0,
        (run(0) + run(1) + run(2)) / 3.0,
    );
    let xx: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    let xy: f64 = (0..3).map(|k| (x[k] - x_mean) * run(k)).sum();
    let wanted = y_mean - xy / xx * x_mean;
    let transition = found["transition"].as_f64().unwrap();
    assert!((transition - wanted).abs() < 1e-12, "{transition} {wanted}");
    assert!(found["chi2_per_freedom"].is_null());
    let out = case.alone(&["extrapolate", "l4.h5", "l6.h5"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("1/L = 0"), "{}", text(&out));
    // Networks of other widths do not lie on one line.
    let wide = one.map(|set| {
        if set.contains("name") {
            "output.name=wide"
        } else {
            set
        }
    });
    let wide = wide.into_iter().chain(["phases.widths=[7]"]);
    let sets = wide.flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
    expect_code(&case.alone(&arguments), 0);
    let out = case.alone(&["extrapolate", "l4.h5", "wide.h5"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("labels or network differ"),
        "{}",
        text(&out)
    );
    let out = case.alone(&["extrapolate", "l4.h5", "l4.h5"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("sizes"), "{}", text(&out));
    let arguments: Vec<&str> = ["plot", "--output", "p"].into_iter().chain(files).collect();
    let out = case.alone(&arguments);
    expect_code(&out, 0);
    for name in [
        "phases-output",
        "phases-collapse",
        "phases-size",
        "phases-loss",
    ] {
        assert!(
            case.path(&format!("p/{name}.png")).exists(),
            "{name}: {}",
            text(&out)
        );
    }
}
