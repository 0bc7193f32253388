//! `[phases]` from input to files: restarts, ranks, commands, faults.

use crate::common::sections::{
    differences, obeys_the_laws, same_after_any_kill, same_on_any_ranks,
};
use crate::common::{Case, expect_code, text};
use crate::spins::{ising, put_shaped, shape, write_foreign};
use nishina::io::tree::Tree;

const TEMPERATURES: [f64; 6] = [1.4, 1.8, 2.1, 2.5, 3.0, 3.6];

/// A short classification by all spins.
pub const CLASSIFY: &str = r#"
seed = 3
[lattice]
kind = "square"
size = [4, 4]
[phases]
task = "classify"
critical_value = 2.269185
files = [{ file = "ising.h5" }]
widths = [8]
epochs = 30
batch = 20
learning_rate = 0.01
seeds = 3
[output]
checkpoint_every = 1e-9
"#;

/// Which temperature, by filters.
const FILTERS: &str = r#"
seed = 4
[lattice]
kind = "square"
size = [4, 4]
[phases]
task = "temperature"
files = [{ file = "ising.h5" }]
convolution = { filters = 2, kernel = 2 }
epochs = 12
batch = 50
seeds = 2
[output]
checkpoint_every = 1e-9
"#;

/// Which temperature, by the energy, to convergence.
pub const ENERGY: &str = r#"
[phases]
task = "temperature"
files = [{ file = "ising.h5" }]
features = "energy"
widths = []
batch = 0
l2 = 0.0
newton = true
epochs = 50
[output]
checkpoint_every = 1e-9
"#;

pub fn case(input: &str) -> Case {
    let case = Case::new(input);
    write_foreign(&case, "ising.h5", &ising(4, &TEMPERATURES, 5, 24));
    case
}

pub fn results(case: &Case) -> Tree {
    case.tree("x.h5").group("phases")
}

#[test]
fn a_network_finds_the_transition_of_small_squares() {
    let case = case(&CLASSIFY.replace("epochs = 30", "epochs = 80"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    assert_eq!(found.reals("temperature").unwrap(), TEMPERATURES);
    assert_eq!(shape(&found, "output"), [3, 6]);
    for row in found.reals("output").unwrap().chunks_exact(6) {
        assert!(row[0] > 0.75 && row[5] < 0.25, "{row:?}");
    }
    for (crossing, there) in found
        .reals("crossing")
        .unwrap()
        .iter()
        .zip(found.integers("crosses").unwrap())
    {
        assert!((2.0..3.0).contains(crossing) && there == 1, "{crossing}");
    }
    assert!(found.reals("accuracy").unwrap().iter().all(|a| *a > 0.75));
    let baseline = found.real("baseline_crossing").unwrap();
    assert!((2.0..3.0).contains(&baseline), "{baseline}");
    let losses = found.reals("history/median").unwrap();
    assert!(losses.len() == 80 && losses[79] < losses[0]);
    assert_eq!(shape(&found, "parameters/W_0"), [3, 8, 16]);
    let info = &case.info()["phases"];
    assert_eq!(info["task"], "classify");
    let mean = found.reals("crossing").unwrap().iter().sum::<f64>() / 3.0;
    assert!((info["crossing"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!(info["crossing"]["error"].as_f64().unwrap() > 0.0);
    assert!(info["accuracy"].as_f64().unwrap() > 0.75 && info["peak"].is_null());
    assert_eq!(info["baseline_crossing"].as_f64(), Some(baseline));
}

#[test]
fn no_epochs_give_the_objective_and_its_gradient_at_loaded_numbers() {
    let case = case(&CLASSIFY.replace("epochs = 30", "epochs = 0"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    let objective = found.reals("objective").unwrap();
    assert!(
        objective.iter().all(|o| (0.3..2.0).contains(o)),
        "{objective:?}"
    );
    // One number of the first seed is moved: the objective follows its gradient.
    let gradient = found.reals("gradient/W_0").unwrap();
    let mut start = Tree::default();
    for name in ["W_0", "b_0", "W_1", "b_1"] {
        let path = format!("parameters/{name}");
        let (all, of) = (found.reals(&path).unwrap(), shape(&found, &path));
        put_shaped(&mut start, name, &of[1..], all[..all.len() / 3].to_vec());
    }
    let at = |by: f64| {
        let mut moved = start.clone();
        let mut weights = start.reals("W_0").unwrap();
        weights[5] += by;
        put_shaped(&mut moved, "W_0", &[8, 16], weights);
        nishina::io::hdf5::write_atomic(&case.path("start.h5"), &moved).unwrap();
        let set = ["phases.load=start.h5", "phases.seeds=1", "output.name=y"];
        let sets = set.iter().flat_map(|s| ["--set", s]);
        let arguments: Vec<&str> = ["run", "x.toml", "--fresh"]
            .into_iter()
            .chain(sets)
            .collect();
        expect_code(&case.alone(&arguments), 0);
        case.tree("y.h5").reals("phases/objective").unwrap()[0]
    };
    assert_eq!(at(0.0), objective[0]);
    let slope = (at(1e-4) - at(-1e-4)) / 2e-4;
    assert!(
        (slope - gradient[5]).abs() < 1e-8,
        "{slope} {}",
        gradient[5]
    );
    // Results of this program bring the numbers of their first seed.
    let set = ["phases.load=x.h5", "phases.seeds=1", "output.name=z"];
    let sets = set.iter().flat_map(|s| ["--set", s]);
    let arguments: Vec<&str> = ["run", "x.toml"].into_iter().chain(sets).collect();
    expect_code(&case.alone(&arguments), 0);
    assert_eq!(
        case.tree("z.h5").reals("phases/objective").unwrap()[0],
        objective[0]
    );
}

#[test]
fn a_run_is_the_same_on_one_two_and_three_ranks() {
    let datasets = ["objective"];
    same_on_any_ranks("phases", &[CLASSIFY, FILTERS, ENERGY], &case, &datasets);
}

#[test]
fn a_killed_run_goes_on_to_the_bit_on_any_number_of_ranks() {
    let kills = [(1, 1), (3, 2), (6, 1)];
    let says = "continuing from epoch";
    same_after_any_kill("phases", &[CLASSIFY, FILTERS], &case, &kills, says);
}

#[test]
fn the_section_obeys_the_laws_of_calculations() {
    for input in [CLASSIFY, FILTERS, ENERGY] {
        obeys_the_laws(&case(input), &[1, 2, 3].map(|ranks| (ranks, 3, 4)));
    }
}

#[test]
fn more_epochs_go_on_and_files_count_by_what_they_say() {
    let input = CLASSIFY.replace("epochs = 30", "epochs = 50");
    let whole = case(&input);
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let parts = case(&input);
    let fewer = ["run", "x.toml", "--set", "phases.epochs=30"];
    expect_code(&parts.alone(&fewer), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(differences(&results(&whole), &results(&parts)), [""; 0]);
    // A key that is written with its default is the same key.
    let out = parts.alone(&["run", "x.toml", "--set", "phases.l2=5e-4"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("is finished"), "{}", text(&out));
    // Spins that stand as other numbers are the same spins.
    let mut wide = ising(4, &TEMPERATURES, 5, 24);
    let spins = wide.spins("configurations").unwrap();
    let spins: Vec<f64> = spins.iter().map(|s| f64::from(*s)).collect();
    put_shaped(&mut wide, "configurations", &[spins.len() / 16, 16], spins);
    write_foreign(&parts, "ising.h5", &wide);
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("is finished"), "{}", text(&out));
    let out = parts.alone(&["run", "x.toml", "--set", "phases.l2=1e-3"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("phases.l2 was"), "{}", text(&out));
    write_foreign(&parts, "ising.h5", &ising(4, &TEMPERATURES, 5, 25));
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("phases.files was"), "{}", text(&out));
}

#[test]
fn a_stopped_run_says_so_and_goes_on() {
    let case = case(&CLASSIFY.replace("epochs = 30", "epochs = 20000000"));
    let mut running = case.launch(0, &["run", "x.toml"], &[]);
    running.wait_for("epoch");
    running.signal("USR1");
    assert_eq!(running.end_within(120.0), 75, "{}", running.said());
    assert!(case.info()["phases"]["accuracy"].is_null());
    let done = results(&case).reals("history/best").unwrap().len();
    let set = format!("phases.epochs={done}");
    expect_code(&case.alone(&["run", "x.toml", "--set", &set]), 0);
    assert!(case.info()["phases"]["accuracy"].as_f64().unwrap() > 0.7);
}

#[test]
fn the_commands_show_what_was_learned() {
    let case = case(CLASSIFY);
    let out = case.alone(&["check", "x.toml", "--json", "--quick"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let blocks = figures["sections"]["phases"]["blocks"].as_f64();
    assert!(figures["memory_per_rank"].as_f64().unwrap() > 1e6);
    let out = case.alone(&["check", "x.toml", "--json"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        figures["total_seconds"].as_f64().unwrap() > 0.0,
        "{figures}"
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    assert_eq!(case.info()["sections"]["phases"]["blocks"].as_f64(), blocks);
    let out = case.alone(&["watch", "x.h5", "--once"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("phases: block"), "{}", text(&out));
    let out = case.alone(&["export", "x.h5", "--csv"]);
    expect_code(&out, 0);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(table.starts_with("epoch,best,median"), "{table}");
    assert_eq!(table.lines().count(), 31, "{table}");
}

#[test]
fn the_memory_of_newton_steps_is_that_of_second_derivatives() {
    let case = case(&ENERGY.replace("l2 = 0.0", "l2 = 1e-3\nseeds = 1"));
    let memory = |newton: bool| {
        let newton = format!("phases.newton={newton}");
        let sets = ["--set", "phases.features=spins", "--set", &newton];
        let arguments = ["check", "x.toml", "--json", "--quick"].into_iter();
        let out = case.alone(&arguments.chain(sets).collect::<Vec<_>>());
        expect_code(&out, 0);
        let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        figures["memory_per_rank"].as_f64().unwrap()
    };
    // Six classes with sixteen weights and a bias.
    let more = memory(true) - memory(false);
    assert!((more - 8.0 * 102f64.powi(2)).abs() < 1.0, "{more}");
}

#[test]
fn filters_sum_their_weights_over_all_translations() {
    let case = case(FILTERS);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    assert_eq!(shape(&found, "parameters/K"), [2, 2, 4]);
    assert_eq!(shape(&found, "parameters/W_0"), [2, 6, 32]);
    let weights = found.reals("parameters/W_0").unwrap();
    let sums = found.reals("weight_sum").unwrap();
    for (row, sum) in weights.chunks_exact(32).zip(&sums) {
        assert!((row.iter().sum::<f64>() - sum).abs() < 1e-12);
    }
    assert_eq!(shape(&found, "tanh/centre"), [2]);
    assert!(!found.datasets.contains_key("bias"));
}

#[test]
fn the_energy_tells_temperatures_apart_as_boltzmann_says() {
    let case = case(ENERGY);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = results(&case);
    // The weight of the energy is minus the difference of 1/T, up to the noise of the samples.
    let weights = found.reals("weight").unwrap();
    for (t, w) in TEMPERATURES.iter().zip(&weights) {
        let wanted = -(1.0 / t - 1.0 / TEMPERATURES[0]);
        assert!((w - wanted).abs() < 0.06, "{w} {wanted}");
    }
    assert!(!found.datasets.contains_key("peak"));
    let warnings = case.info()["warnings"].to_string();
    assert!(warnings.contains("not equally spaced"), "{warnings}");
    assert!(!warnings.contains("converged"), "{warnings}");
    let steps = found.reals("history/best").unwrap().len();
    assert!(steps < 20, "{steps}");
    assert!(
        found
            .reals("gradient/W_0")
            .unwrap()
            .iter()
            .all(|g| g.abs() < 1e-12)
    );
}
