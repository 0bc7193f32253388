//! `[classical]` from input to files: exact sums, restarts, ranks, commands.

use crate::common::sections::{Compared, differences, obeys_the_laws};
use crate::common::{Case, expect_code, program, text};
use crate::room::{NAMES, expected, measured, numbers};
use nishina::io::tree::{Tree, Value};

/// A short run of everything that learns.
const LEARNED: &str = r#"
seed = 3
[lattice]
kind = "square"
size = [6, 6]
[hamiltonian]
kind = "plaquette-ising"
k = 0.2
[sampler]
chains = 3
samples = 192
[classical]
temperatures = [2.4, 2.6, 3.0]
update = "self-learning"
reweight = [2.5]
[classical.effective]
classes = 2
training_samples = 96
[output]
checkpoint_every = 1e-9
"#;

/// Single flips with swaps of temperatures.
const SWAPPED: &str = r#"
[lattice]
kind = "triangular"
size = [4, 4]
[hamiltonian]
kind = "ising"
hz = 0.3
[sampler]
chains = 3
samples = 300
sweeps = 4
[classical]
temperatures = { from = 2.0, to = 4.0, count = 4 }
tempering = 3
[output]
checkpoint_every = 1e-9
"#;

/// All states.
const COUNTED: &str = r#"
[lattice]
kind = "square"
size = [5, 4]
[hamiltonian]
kind = "ising"
[classical]
temperatures = [2.0, 3.0]
update = "enumeration"
[classical.effective]
classes = 2
[output]
checkpoint_every = 1e-9
"#;

/// Ends of inputs, with the key that is refused.
const REFUSED: &[(&str, &str)] = &[
    (
        "[sampler]\nchains = 16\nsamples = 16\n[classical]\ntemperatures = 2.0\n",
        "sampler.samples",
    ),
    (
        "[classical]\nLEARNED\nrounds = 10000000000\n",
        "classical.effective.rounds",
    ),
    (
        "[classical]\nLEARNED\ntraining_samples = 1000000000000000000\n",
        "classical.effective.training_samples",
    ),
    (
        "[sampler]\nsweeps = 1000000000000000000\n[classical]\ntemperatures = 2.0\n",
        "sampler.sweeps",
    ),
    (
        "[classical]\ntemperatures = 1e-310\n",
        "classical.temperatures",
    ),
    (
        "[classical]\ninverse_temperatures = 1e-310\n",
        "classical.inverse_temperatures",
    ),
    (
        "[classical]\ntemperatures = 2.0\nupdate = 'wolff'\norder = 'random'\n",
        "classical.order",
    ),
    (
        "[classical]\nLEARNED\ncouplings = [1.0]\nrounds = 1\n",
        "classical.effective.rounds",
    ),
    (
        "[classical]\nLEARNED\nfeatures = ['plaquette']\n",
        "classical.effective.features",
    ),
    (
        "[classical]\ntemperatures = 2.0\nupdate = 'enumeration'\n[classical.effective]\n\
         max_cluster = 3\n",
        "classical.effective.max_cluster",
    ),
];

const ALL: [&str; 3] = [LEARNED, SWAPPED, COUNTED];

fn results(case: &Case) -> Tree {
    case.tree("x.h5").group("classical")
}

fn close(found: f64, wanted: f64, accuracy: f64, what: &str) {
    let near = (found - wanted).abs() <= accuracy * wanted.abs().max(1.0);
    assert!(near, "{what}: {found}, wanted {wanted}");
}

#[test]
fn sums_over_all_states_are_those_of_the_reference() {
    let mut fits = 0;
    for wanted in expected() {
        let keys = "update = 'enumeration'";
        let case = Case::new(&wanted.input("", keys));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        for (name, value) in NAMES.into_iter().zip(wanted.all()) {
            let (mean, error) = measured(&case, name)[0];
            let accuracy = wanted.accuracy * if name == "energy" { 16.0 } else { 1.0 };
            close(mean, value, accuracy, name);
            assert_eq!(error, 0.0, "{name}");
        }
        let info = &case.info()["classical"][0];
        close(
            info["log_z"].as_f64().unwrap(),
            wanted.log_z,
            wanted.accuracy,
            "ln Z",
        );
        assert!(info["tau"].is_null() && info["effective"].is_null());
        for fit in &wanted.fits {
            let classes = fit["classes"].as_integer().unwrap();
            let keys = format!("{keys}\n[classical.effective]\nclasses = {classes}");
            let case = Case::new(&wanted.input("", &keys));
            expect_code(&case.alone(&["run", "x.toml"]), 0);
            let found = &case.info()["classical"][0]["effective"];
            for (name, key) in [("constant", "constant_per_site"), ("kl", "kl")] {
                close(
                    found[name].as_f64().unwrap(),
                    numbers(fit, key)[0],
                    1e-10,
                    name,
                );
            }
            let couplings = numbers(fit, "couplings");
            assert_eq!(
                found["couplings"].as_array().unwrap().len(),
                couplings.len()
            );
            for (k, wanted) in couplings.iter().enumerate() {
                close(found["couplings"][k].as_f64().unwrap(), *wanted, 1e-10, "J");
            }
            fits += 1;
        }
    }
    assert_eq!(fits, 6);
}

/// The same without the record of the blocks, which are larger in a longer run.
fn results_without_blocks(case: &Case) -> Tree {
    let mut tree = results(case);
    tree.remove_group("history");
    tree
}

#[test]
fn a_run_is_the_same_on_one_two_and_three_ranks() {
    for input in ALL {
        let make = || Case::new(input);
        let compared = Compared::new("classical", &make);
        let whole = compared.whole();
        assert!(whole.datasets.contains_key("binder/error"));
        let has_samples = whole.datasets.contains_key("samples/configurations");
        assert_eq!(has_samples, input != COUNTED);
        compared.same_on_more_ranks(&whole);
    }
}

#[test]
fn a_killed_run_goes_on_to_the_bit_on_any_number_of_ranks() {
    for input in ALL {
        let make = || Case::new(input);
        let compared = Compared::new("classical", &make);
        let whole = compared.whole();
        let kills = [(1, 1), (6, 2), (12, 1), (20, 1)];
        compared.same_after_kills(&whole, &kills, 1, "continuing from");
    }
}

#[test]
fn the_section_obeys_the_laws_of_calculations() {
    for input in ALL {
        obeys_the_laws(&Case::new(input), &[(1, 3, 3), (2, 7, 12), (3, 20, 30)]);
    }
}

#[test]
fn more_samples_go_on_and_other_keys_are_refused() {
    let input = LEARNED.replace("samples = 192", "samples = 300");
    let whole = Case::new(&input);
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let parts = Case::new(&input);
    let fewer = "sampler.samples=192";
    expect_code(&parts.alone(&["run", "x.toml", "--set", fewer]), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    let [whole, parts_] = [&whole, &parts].map(results_without_blocks);
    assert_eq!(differences(&whole, &parts_), [""; 0]);
    for (set, said) in [
        ("sampler.chains=6", "sampler.chains was 3, is 6"),
        (
            "classical.effective.rounds=1",
            "classical.effective.rounds was 2, is 1",
        ),
        ("hamiltonian.k=0.3", "hamiltonian.k was 0.2, is 0.3"),
    ] {
        let out = parts.alone(&["run", "x.toml", "--set", set]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{}", text(&out));
    }
    // A key that is written with its default is the same key.
    let out = parts.alone(&[
        "run",
        "x.toml",
        "--set",
        "classical.effective.max_cluster=0",
    ]);
    expect_code(&out, 0);
    assert!(text(&out).contains("is finished"), "{}", text(&out));
    let out = parts.alone(&["run", "x.toml", "--set", "classical.reweight=[2.45, 2.5]"]);
    expect_code(&out, 0);
    assert!(parts.info()["warnings"].to_string().contains("2.45"));
}

/// Configurations that nobody wanted at first are drawn again, not left out.
#[test]
fn samples_that_were_not_kept_are_drawn_again() {
    let phases = "\n[phases]\ntask = 'classify'\ncritical_temperature = 3.0\nwidths = [4]\nepochs \
                  = 3\nseeds = 1\n";
    for (input, more) in [(SWAPPED, phases), (LEARNED, "")] {
        let input = input.replace("[output]", &format!("{more}[output]"));
        let whole = Case::new(&input);
        expect_code(&whole.alone(&["run", "x.toml"]), 0);
        let case = Case::new(&input);
        let first = match more {
            "" => input.replace("[output]", "[output]\nsamples = 'none'"),
            _ => input.replace(more, ""),
        };
        std::fs::write(case.path("x.toml"), first).unwrap();
        let command = [program(), "run", "x.toml"].map(String::from);
        let fault = ("NISHINA_FAULT", "kill@rank0:step30");
        if more.is_empty() {
            assert_ne!(case.start(&command, &[fault]).end_within(60.0), 0);
        } else {
            expect_code(&case.alone(&["run", "x.toml"]), 0);
        }
        std::fs::write(case.path("x.toml"), &input).unwrap();
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        let said = text(&out);
        assert!(said.contains("[classical] starts over"), "{said}");
        assert_eq!(differences(&results(&whole), &results(&case)), [""; 0]);
        let group = |case: &Case| case.tree("x.h5").group("phases");
        assert_eq!(differences(&group(&whole), &group(&case)), [""; 0]);
        let samples = |case: &Case| case.tree("x.samples.h5").datasets;
        assert_eq!(samples(&whole), samples(&case));
    }
}

#[test]
fn inputs_that_say_nothing_are_refused() {
    let square = "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = 'ising'\n";
    let learned = "temperatures = 2.5\nupdate = 'self-learning'\n[classical.effective]\n";
    for (keys, said) in REFUSED {
        let keys = keys.replace("LEARNED\n", learned);
        let case = Case::new(&format!("{square}{keys}"));
        let out = case.alone(&["check", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{keys}: {}", text(&out));
    }
}

#[test]
fn samples_are_kept_with_energies_and_temperatures() {
    let case = Case::new(SWAPPED);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.samples.h5");
    let (spins, energies) = (
        tree.spins("configurations").unwrap(),
        tree.reals("energies").unwrap(),
    );
    let temperature = tree.integers("temperature").unwrap();
    assert_eq!((energies.len(), spins.len()), (1200, 1200 * 16));
    let mut sums = [0.0; 4];
    let triangular = |x: &[i8]| {
        let at = |a: usize, b: usize| f64::from(x[a % 4 + 4 * (b % 4)]);
        let mut e = 0.0;
        for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
            e -= at(a, b) * (at(a + 1, b) + at(a, b + 1) + at(a + 1, b + 3) + 0.3);
        }
        e
    };
    for ((x, e), t) in spins.chunks(16).zip(&energies).zip(&temperature) {
        close(*e, triangular(x), 1e-12, "energy");
        sums[*t as usize] += e / 300.0;
    }
    for (t, (mean, _)) in measured(&case, "energy").into_iter().enumerate() {
        close(sums[t], mean, 1e-10, "mean");
    }
    let out = case.alone(&["info", "x.samples.h5"]);
    assert!(
        text(&out).contains("energies, temperature, chain"),
        "{}",
        text(&out)
    );
    let none = Case::new(&SWAPPED.replace("[output]", "[output]\nsamples = \"none\""));
    expect_code(&none.alone(&["run", "x.toml"]), 0);
    assert!(!none.path("x.samples.h5").exists());
    assert_eq!(differences(&results(&case), &results(&none)), [""; 0]);
}

#[test]
fn the_commands_show_classical_spins() {
    let case = Case::new(LEARNED);
    let out = case.alone(&["check", "x.toml", "--json", "--quick"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let blocks = figures["sections"]["classical"]["blocks"].as_f64().unwrap();
    assert!(blocks > 10.0 && figures["memory_per_rank"].as_f64().unwrap() > 1e6);
    let out = case.alone(&["check", "x.toml", "--json", "--within", "20"]);
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        figures["total_seconds"].as_f64().is_some_and(|s| s < 60.0),
        "{figures}"
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    assert_eq!(
        info["sections"]["classical"]["blocks"].as_f64(),
        Some(blocks)
    );
    let list = info["classical"].as_array().unwrap();
    assert_eq!(list.len(), 3);
    for (about, t) in list.iter().zip([2.4, 2.6, 3.0]) {
        assert_eq!(about["temperature"], t);
        for name in NAMES {
            assert!(about[name]["error"].as_f64().unwrap() > 0.0, "{about}");
        }
        let couplings = about["effective"]["couplings"].as_array().unwrap();
        assert!(couplings[0].as_f64().unwrap() > 1.0 && couplings.len() == 2);
        for name in ["tau", "acceptance", "cluster_size", "local_tau", "gain"] {
            assert!(about[name].as_f64().is_some_and(|v| v > 0.0), "{name}");
        }
        assert!(about["log_z"].is_null());
    }
    let out = case.alone(&["info", "x.h5"]);
    assert!(text(&out).contains("T 2.4"), "{}", text(&out));
    let out = case.alone(&["watch", "x.h5", "--once"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("classical: block"), "{}", text(&out));
}

#[test]
fn a_stopped_run_says_so_and_goes_on() {
    let long = LEARNED.replace("samples = 192", "samples = 3000000");
    let case = Case::new(&long);
    let mut running = case.launch(0, &["run", "x.toml"], &[]);
    running.wait_for("effective couplings");
    running.signal("USR1");
    assert_eq!(running.end_within(120.0), 75, "{}", running.said());
    let Value::Real(rounds) = &results(&case).datasets["effective/rounds"] else {
        panic!("no rounds")
    };
    assert_eq!(rounds.shape()[1..], [3, 2]);
}

#[test]
fn chains_that_disagree_and_temperatures_out_of_reach_are_told() {
    let input = "[lattice]\nkind = 'square'\nsize = [64, 64]\n[hamiltonian]\nkind = \
                 'ising'\n[sampler]\nchains = 4\nsamples = 200\n[classical]\ntemperatures = \
                 [1.0, 2.0]\nreweight = [1.05, 9.0]\n";
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let warnings = case.info()["warnings"].to_string();
    assert!(warnings.contains("the chains disagree"), "{warnings}");
    assert!(warnings.contains("at T = 9: no reweighted averages") || warnings.contains("9: no"));
    assert!(warnings.contains("classical.tempering"), "{warnings}");
    let left = results(&case)
        .reals("reweighted/temperature")
        .unwrap_or_default();
    assert!(!left.contains(&9.0), "{left:?}");
}

/// Swaps bring slow temperatures through fast ones.
#[test]
fn swaps_are_counted_and_change_no_average() {
    let input = |keys: &str| {
        format!(
            "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = 'ising'\n[sampler]\n\
             chains = 4\nsamples = 8192\n[classical]\ntemperatures = [1.5, 2.0, 3.0]\n{keys}\n"
        )
    };
    let exact = Case::new(&input("update = 'enumeration'"));
    expect_code(&exact.alone(&["run", "x.toml"]), 0);
    let learned = "update = 'self-learning'\n[classical.effective]\ncouplings = [0.9]";
    for more in ["", learned] {
        swapped(
            &input(&format!("tempering = 1\nreweight = [2.0]\n{more}")),
            &exact,
        );
    }
}

/// Averages of a run with swaps are the exact ones.
fn swapped(input: &str, exact: &Case) {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    // Series of swapped temperatures are not joined: the one at T has all there is to say.
    for name in NAMES {
        let again = measured(&case, &format!("reweighted/{name}"))[0];
        assert_eq!(measured(&case, name)[1], again, "{name}");
    }
    for name in NAMES {
        let pairs = measured(&case, name).into_iter().zip(measured(exact, name));
        for ((mean, error), (wanted, _)) in pairs {
            assert!(
                (mean - wanted).abs() < 4.0 * error,
                "{name}: {mean}, {error}, {wanted}"
            );
        }
    }
    let swaps = results(&case).reals("swap_acceptance").unwrap();
    assert_eq!(swaps.len(), 2);
    assert!(swaps.iter().all(|s| (0.1..0.95).contains(s)), "{swaps:?}");
}

#[test]
fn sizes_are_compared_by_where_their_cumulants_cross() {
    let case = Case::new("");
    for size in [4, 8, 16] {
        let input = format!(
            "[lattice]\nkind = 'square'\nsize = [{size}, {size}]\n[hamiltonian]\nkind = \
             'ising'\n[sampler]\nchains = 4\nsamples = 16384\nsweeps = 3\n[classical]\n\
             temperatures = [2.2, 2.3, 2.4]\nupdate = 'wolff'\nreweight = {{ from = 2.2, to = 2.4, \
             count = 21 }}\n[output]\nname = 'L{size}'\nsamples = 'none'\n"
        );
        std::fs::write(case.path(&format!("L{size}.toml")), input).unwrap();
        expect_code(&case.alone(&["run", &format!("L{size}.toml")]), 0);
    }
    let files = ["L4.h5", "L8.h5", "L16.h5"];
    let call = |words: &[&str]| {
        let words: Vec<&str> = words.iter().chain(&files).copied().collect();
        let out = case.alone(&words);
        expect_code(&out, 0);
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let found: serde_json::Value = serde_json::from_str(&call(&["extrapolate", "--json"])).unwrap();
    let last = found["crossings"].as_array().unwrap().last().unwrap();
    let (t, error) = (
        last["temperature"].as_f64().unwrap(),
        last["error"].as_f64().unwrap(),
    );
    assert!((t - 2.269_185).abs() < 0.01 + 4.0 * error, "{found}");
    let inverse_nu = last["inverse_nu"].as_f64().unwrap();
    assert!((0.7..1.3).contains(&inverse_nu), "{found}");
    assert!(found["dynamic_exponent"]["mean"].is_number(), "{found}");
    let said = call(&["extrapolate"]);
    assert!(
        said.contains("L = 8, 16: T = ") && said.contains("T_c"),
        "{said}"
    );
    println!("{said}");
    let table = call(&["gather"]);
    assert_eq!(table.lines().count(), 10, "{table}");
    let header = table.lines().next().unwrap();
    assert!(
        header.contains(",temperature,") && header.contains(",binder_error,"),
        "{header}"
    );
    call(&["plot", "--output", "p"]);
    for name in [
        "thermal-energy",
        "specific-heat",
        "magnetisation",
        "binder",
        "autocorrelation",
    ] {
        assert!(case.path(&format!("p/{name}.png")).exists(), "{name}");
    }
    let other = ["--set", "hamiltonian.j=1.1", "--set", "output.name=J8"];
    let run = [&["run", "L8.toml"], &other[..]].concat();
    expect_code(&case.alone(&run), 0);
    let out = case.alone(&["extrapolate", "L4.h5", "J8.h5", "L16.h5"]);
    expect_code(&out, 64);
    let said = text(&out);
    assert!(
        said.contains("J8.h5") && said.contains("Hamiltonian differ"),
        "{said}"
    );
    let out = case.alone(&["extrapolate", "L4.h5", "L4.h5"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("different sizes"), "{}", text(&out));
}
