//! `[holography]` from input to files: numbers of the reference, restarts, ranks, commands, faults.

use crate::common::sections::{
    differences, obeys_the_laws, same_after_any_kill, same_on_any_ranks,
};
use crate::common::{Case, expect_code, text};
use crate::room::{entry, near, real, reals};
use nishina::io::tree::{Tree, Value};

/// A short run of everything: two seeds, candidates, replicates, strings.
const SHORT: &str = r#"
seed = 3
[holography]
experiment = "synthetic"
epochs = 12
points = 40
seeds = 2
bootstrap = 3
success = 0.6
[holography.potential]
[output]
checkpoint_every = 1e-9
"#;

/// The same with masses, fourth order and held-out points.
const WIDE: &str = r#"
[holography]
experiment = "condensate"
epochs = 3
points = 60
seeds = 2
batch = 20
scheme = "rk4"
knots = 6
smoothness = "cross-validated"
success = 3.0
bootstrap = 2
[holography.potential]
from = "best"
turning_points = [0.9, 1.2]
[output]
checkpoint_every = 1e-9
"#;

fn results(case: &Case) -> Tree {
    case.tree("x.h5").group("holography")
}

#[test]
fn the_program_says_what_the_reference_says() {
    for (id, columns) in [
        ("holography-synthetic-pi-20", ["phi", "pi"]),
        ("holography-condensate-20", ["mass", "condensate"]),
    ] {
        let (given, values) = entry(id);
        let mut input = String::from("[holography]\nepochs = 0\ndata = 'd.csv'\nload = 'm.h5'\n");
        for key in ["experiment", "horizon"] {
            input += &format!("{key} = {}\n", given[key]);
        }
        for key in [
            "dimension",
            "layers",
            "eta_boundary",
            "eta_horizon",
            "mass_squared",
            "steepness",
            "band",
            "smoothness",
            "boundary_pull",
        ] {
            input += &format!("{key} = {}\n", given[key]);
        }
        let case = Case::new(&input);
        let mut csv = format!("{},label\n", columns.join(","));
        let lists = [columns[0], columns[1], "label"].map(|c| reals(&given, c));
        let [first, second, labels] = &lists;
        for ((a, b), label) in first.iter().zip(second).zip(labels) {
            csv += &format!("{a:?},{b:?},{label}\n");
        }
        std::fs::write(case.path("d.csv"), csv).unwrap();
        let mut metric = Tree::default();
        metric.put_reals("h", &reals(&given, "h"));
        metric.put_real("coupling", real(&given, "coupling"));
        if given.contains_key("radius") {
            metric.put_real("radius", real(&given, "radius"));
        }
        nishina::io::hdf5::write_atomic(&case.path("m.h5"), &metric).unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let found = results(&case);
        let wrong = found.integers("misclassified").unwrap()[0] as f64;
        near(wrong, real(&values, "misclassified"), 0.0, "misclassified");
        let mut compared = 0;
        for (name, wanted) in [
            ("loss", "loss"),
            ("mean_error", "mean_error"),
            ("data/F", "F"),
            ("data/y", "output"),
            ("gradient/coupling", "gradient_coupling"),
            ("gradient/radius", "gradient_radius"),
            ("gradient/h", "gradient_h"),
        ] {
            let trained = !(name == "gradient/coupling" && columns[0] == "phi");
            let Some(wanted) = values.get(wanted).filter(|_| trained) else {
                continue;
            };
            let wanted: Vec<f64> = match wanted.as_array() {
                Some(list) => list.iter().map(|v| v.as_float().unwrap()).collect(),
                None => vec![wanted.as_float().unwrap()],
            };
            for (f, w) in found.reals(name).unwrap().iter().zip(wanted) {
                near(*f, w, 1e-10, name);
                compared += 1;
            }
        }
        assert!(compared >= 50, "{compared}");
    }
}

#[test]
fn the_potential_of_a_file_is_that_of_the_reference() {
    let (given, values) = entry("potential-published-metric");
    let points = &given["turning_points"];
    let case = Case::new(&format!(
        "[holography]\nexperiment = 'condensate'\nepochs = 0\npoints = 5\nload = \
         'm.h5'\n[holography.potential]\nfrom = 'file'\nturning_points = {points}\n"
    ));
    let mut metric = Tree::default();
    metric.put_reals("h", &reals(&given, "h"));
    nishina::io::hdf5::write_atomic(&case.path("m.h5"), &metric).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    for (name, key) in [
        ("separation", "separation"),
        ("energy", "energy"),
        ("walls", "walls"),
        ("tension", "sqrt_fg"),
    ] {
        let found = found.reals(&format!("potential/{name}")).unwrap();
        let wanted = reals(&values, key);
        assert_eq!(found.len(), wanted.len());
        found
            .iter()
            .zip(&wanted)
            .for_each(|(f, w)| near(*f, *w, 1e-8, name));
    }
    let info = &case.info()["holography"];
    near(info["wall"].as_f64().unwrap(), 0.69434096, 1e-8, "wall");
    near(
        info["screening_separation"].as_f64().unwrap(),
        0.607,
        1e-3,
        "screening",
    );
    assert_eq!(info["seeds"], 1);
}

#[test]
fn a_run_is_the_same_on_one_two_and_three_ranks() {
    let datasets = ["bootstrap/h", "potential/energy", "history/loss"];
    same_on_any_ranks("holography", &[SHORT, WIDE], &Case::new, &datasets);
}

#[test]
fn a_killed_run_goes_on_to_the_bit_on_any_number_of_ranks() {
    let kills = [(1, 1), (3, 2), (5, 1)];
    let says = "continuing from epoch";
    same_after_any_kill("holography", &[SHORT, WIDE], &Case::new, &kills, says);
}

#[test]
fn the_section_obeys_the_laws_of_calculations() {
    for input in [SHORT, WIDE] {
        obeys_the_laws(&Case::new(input), &[1, 2, 3].map(|ranks| (ranks, 3, 3)));
    }
}

#[test]
fn more_epochs_go_on_and_a_changed_potential_reopens() {
    let input = SHORT.replace("epochs = 12", "epochs = 20");
    let whole = Case::new(&input);
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let parts = Case::new(&input);
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "holography.epochs=12"]),
        0,
    );
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(differences(&results(&whole), &results(&parts)), [""; 0]);
    let again = "holography.potential.turning_points=[0.9, 1.0, 1.1]";
    expect_code(&parts.alone(&["run", "x.toml", "--set", again]), 0);
    let found = results(&parts);
    assert_eq!(
        found.reals("potential/turning_point").unwrap(),
        [0.9, 1.0, 1.1]
    );
    assert_eq!(
        found.reals("h").unwrap(),
        results(&whole).reals("h").unwrap()
    );
    let out = parts.alone(&["run", "x.toml", "--set", "holography.layers=11"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("holography.layers was 10, is 11"),
        "{}",
        text(&out)
    );
    // A key that is written with its default is the same key.
    let out = parts.alone(&[
        "run",
        "x.toml",
        "--set",
        "holography.layers=10",
        "--set",
        again,
    ]);
    expect_code(&out, 0);
    assert!(text(&out).contains("is finished"), "{}", text(&out));
}

#[test]
fn a_stopped_run_says_so_and_goes_on() {
    let case = Case::new(&SHORT.replace("epochs = 12", "epochs = 20000000"));
    let mut running = case.launch(0, &["run", "x.toml"], &[]);
    running.wait_for("seeds: epoch");
    running.signal("USR1");
    assert_eq!(running.end_within(120.0), 75, "{}", running.said());
    assert!(case.info()["holography"]["coupling"].is_null());
    let done = results(&case).reals("history/best").unwrap().len();
    let set = format!("holography.epochs={done}");
    expect_code(&case.alone(&["run", "x.toml", "--set", &set]), 0);
    assert_eq!(case.info()["holography"]["successful"], 2);
}

#[test]
fn the_commands_show_a_learned_space() {
    let case = Case::new(SHORT);
    let out = case.alone(&["check", "x.toml", "--json", "--quick"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let blocks = figures["sections"]["holography"]["blocks"]
        .as_f64()
        .unwrap();
    assert!(blocks > 2.0 && figures["memory_per_rank"].as_f64().unwrap() > 1e6);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    assert_eq!(
        info["sections"]["holography"]["blocks"].as_f64(),
        Some(blocks)
    );
    let space = &info["holography"];
    assert_eq!(
        (&space["seeds"], &space["successful"]),
        (&2.into(), &2.into())
    );
    for key in ["loss", "mean_error"] {
        assert!(space[key].as_f64().is_some_and(|v| v > 0.0), "{space}");
    }
    assert_eq!(space["coupling"]["mean"], 1.0);
    assert!(space["radius"].is_null());
    let out = case.alone(&["watch", "x.h5", "--once"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("holography: block"), "{}", text(&out));
    let out = case.alone(&["plot", "x.h5", "--output", "p"]);
    expect_code(&out, 0);
    for name in ["metric", "training-points", "loss", "potential"] {
        assert!(
            case.path(&format!("p/{name}.png")).exists(),
            "{name}: {}",
            text(&out)
        );
        assert!(case.path(&format!("p/{name}.svg")).exists(), "{name}");
    }
    // Pictures of wave functions are not missed.
    assert!(!text(&out).contains("left out"), "{}", text(&out));
    let out = case.alone(&["export", "x.h5", "--csv"]);
    expect_code(&out, 0);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(table.starts_with("epoch,best,median"), "{table}");
    assert_eq!(table.lines().count(), 13, "{table}");
}

#[test]
fn held_out_points_choose_the_smoothest_that_is_good_enough() {
    let case = Case::new(WIDE);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    let column = |name: &str| found.reals(&format!("cross_validation/{name}")).unwrap();
    let (candidates, errors) = (column("smoothness"), column("error"));
    let standard = column("standard_error");
    let best = (0..errors.len())
        .min_by(|a, b| errors[*a].total_cmp(&errors[*b]))
        .unwrap();
    let limit = errors[best] + standard[best];
    let wanted = errors.iter().position(|e| *e <= limit).unwrap();
    assert_eq!(found.real("smoothness").unwrap(), candidates[wanted]);
    assert_eq!(candidates.len(), 7);
    assert!(standard.iter().all(|s| *s > 0.0));
    // Knots, and the published network beside them.
    let shape = |name: &str| match &found.datasets[name] {
        Value::Real(a) => a.shape().to_vec(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(shape("h"), [2, 6]);
    assert_eq!(shape("euler/h"), [2, 15]);
    assert_eq!(shape("bootstrap/h"), [2, 6]);
    assert_eq!(shape("bootstrap/band"), [3, 6]);
    assert_eq!(shape("data/x"), [2, 120, 2]);
    assert_eq!(shape("history/loss"), [2, 3]);
}

#[test]
fn no_successful_seed_is_a_warning() {
    let case = Case::new(&SHORT.replace("success = 0.6", "success = 1e-9"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    let warnings = info["warnings"].to_string();
    assert!(
        warnings.contains("none of the 2 seeds is successful"),
        "{warnings}"
    );
    assert!(warnings.contains("holography.seeds"), "{warnings}");
    assert!(warnings.contains("holography.bootstrap"), "{warnings}");
    assert_eq!(info["holography"]["successful"], 0);
    assert!(info["holography"]["wall"].is_null());
    expect_code(&case.alone(&["plot", "x.h5", "--output", "p"]), 0);
    assert!(case.path("p/metric.png").exists());
}

#[test]
fn points_that_are_too_rare_are_refused_by_name() {
    let case = Case::new(SHORT);
    let out = case.alone(&["run", "x.toml", "--set", "holography.band=1e-12"]);
    expect_code(&out, 64);
    let said = text(&out);
    assert!(
        said.contains("holography.points: ") && said.contains("label 0"),
        "{said}"
    );
}
