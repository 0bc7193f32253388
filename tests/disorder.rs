//! Random couplings: realisations against exact energies of what the files hold, averages,
//! restarts between and within realisations, refusals.

mod common;
use common::{Case, expect_code, project, text};
use nishina::io::tree::Tree;

/// The worked input with other numbers.
fn worked(replaced: &[(&str, &str)]) -> Case {
    let file = project().join("configs/disorder-heisenberg-8.toml");
    let mut input = std::fs::read_to_string(file).unwrap();
    for (old, new) in replaced {
        assert!(input.contains(old), "{old}");
        input = input.replace(old, new);
    }
    Case::new(&input)
}

fn realisation(case: &Case, number: usize) -> Tree {
    case.tree(&format!("x.r{number:04}.h5"))
}

fn exact(case: &Case, settings: &[&str]) -> f64 {
    let out = case.alone(&[&["exact", "x.toml", "--json"], settings].concat());
    expect_code(&out, 0);
    let object: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    object["energies"][0].as_f64().unwrap()
}

/// The columns of a table by their names.
fn columns(table: &str) -> std::collections::BTreeMap<&str, &str> {
    let mut lines = table.lines();
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(lines.next().is_none(), "{table}");
    names.split(',').zip(values.split(',')).collect()
}

#[test]
fn realisations_are_those_of_exact_diagonalisation() {
    let case = worked(&[("realisations = 10", "realisations = 4")]);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let (mut energies, mut errors) = (Vec::new(), Vec::new());
    for k in 1..=4 {
        let tree = realisation(&case, k);
        let [mean, error] =
            ["mean", "error"].map(|name| tree.real(&format!("measure/energy/{name}")).unwrap());
        let of_input = exact(&case, &["--set", &format!("disorder.realisation={k}")]);
        println!("{k}: {mean} +- {error}, exact {of_input}");
        assert!(
            (mean - of_input).abs() < 5.0 * error + 2e-3 * of_input.abs(),
            "{k}: {mean}"
        );
        // The couplings in the file are those of the Hamiltonian; fields of a file have a plus.
        let values = tree.reals("disorder/hz/values").unwrap();
        let sites = tree.integers("disorder/hz/sites").unwrap();
        assert!(values.len() == 8 && values.iter().all(|v| v.abs() <= 1.0));
        let rows = sites
            .iter()
            .zip(&values)
            .map(|(i, h)| format!("{i},0,0,{}\n", -h));
        let fields = format!("i,hx,hy,hz\n{}", rows.collect::<String>());
        std::fs::write(case.path("fields.csv"), fields).unwrap();
        let bonds = (0..8).map(|i| format!("{i},{},1,1,1\n", (i + 1) % 8));
        let bonds = format!("i,j,Jx,Jy,Jz\n{}", bonds.collect::<String>());
        std::fs::write(case.path("bonds.csv"), bonds).unwrap();
        let listed = "[lattice]\nkind = 'graph'\nsites = 8\n[hamiltonian]\nkind = 'bonds'\n\
                      bonds = 'bonds.csv'\nfields = 'fields.csv'\nunits = 'spin'\n";
        std::fs::write(case.path("listed.toml"), listed).unwrap();
        let out = case.alone(&["exact", "listed.toml", "--json", "--states", "1"]);
        let object: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let of_file = object["energies"][0].as_f64().unwrap();
        // Without a sector the lowest state may have another total Sz.
        assert!(of_file <= of_input + 1e-9, "{of_file} {of_input}");
        energies.push(mean);
        errors.push(error);
    }
    let files: Vec<String> = (1..=4).map(|k| format!("x.r{k:04}.h5")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let out = case.alone(&[&["gather", "--average"], &files[..]].concat());
    expect_code(&out, 0);
    let table = String::from_utf8(out.stdout).unwrap();
    let found = columns(&table);
    let number = |name: &str| found[name].parse::<f64>().unwrap();
    let mean = energies.iter().sum::<f64>() / 4.0;
    let spread: f64 = energies.iter().map(|e| (e - mean).powi(2)).sum();
    let noise: f64 = errors.iter().map(|e| e * e).sum();
    assert_eq!(found["realisations"], "4");
    for (name, expected) in [
        ("energy", mean),
        ("energy_error", (spread / 12.0).sqrt()),
        ("energy_sampling_error", noise.sqrt() / 4.0),
    ] {
        assert!((number(name) - expected).abs() < 1e-9, "{name}: {table}");
    }
    let out = case.alone(&[&["gather"], &files[..]].concat());
    let table = String::from_utf8(out.stdout).unwrap();
    assert!(
        table.starts_with("file,disorder.realisation,state"),
        "{table}"
    );
}

#[test]
fn a_run_that_was_stopped_or_done_in_parts_ends_in_the_same_bits() {
    let short = [
        ("realisations = 10", "realisations = 3"),
        ("steps = 200", "steps = 6"),
        ("samples = 8192", "samples = 512"),
    ];
    let (whole, parts) = (worked(&short), worked(&short));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    // One realisation on its own, a stop and a kill within another, then all that is left.
    let one = ["run", "x.toml", "--set", "disorder.realisation=2"];
    expect_code(&parts.alone(&one), 0);
    let fault = |what: &'static str| [("NISHINA_FAULT", what)];
    let out = parts.alone_with(&fault("stop@rank0:step3"), &["run", "x.toml"]);
    expect_code(&out, 75);
    assert!(!parts.path("x.r0003.h5").exists());
    let again = parts.alone_with(&fault("stop@rank0:step4"), &["run", "x.toml"]);
    expect_code(&again, 75);
    let killed = parts.alone_with(&fault("kill@rank0:step2"), &["run", "x.toml"]);
    assert_eq!(killed.status.code(), None);
    let out = parts.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("x.r0002 is finished"), "{}", text(&out));
    for k in 1..=3 {
        let (a, b) = (realisation(&whole, k), realisation(&parts, k));
        let kept = |path: &str| {
            [
                "parameters/",
                "measure/",
                "optimize/history/energy",
                "disorder/",
            ]
            .iter()
            .any(|start| path.starts_with(start))
        };
        let mut compared = 0;
        for (path, value) in a.datasets.iter().filter(|(path, _)| kept(path)) {
            assert_eq!(value, &b.datasets[path], "{path}");
            compared += 1;
        }
        assert!(compared > 10, "{compared}");
    }
    // Couplings and chains of realisations differ; ranks change neither.
    let values = |tree: &Tree| tree.reals("disorder/hz/values").unwrap();
    let [first, second] = [1, 2].map(|k| realisation(&whole, k));
    assert!(values(&first) != values(&second));
    let ranks = worked(&short);
    let one = ["run", "x.toml", "--set", "disorder.realisation=1"];
    expect_code(&ranks.ranks(2, &one), 0);
    assert_eq!(values(&realisation(&ranks, 1)), values(&first));
}

#[test]
fn a_realisation_whose_numbers_fail_leaves_the_others() {
    let drawn = "hz = { kind = \"uniform\", low = -1.0, high = 1.0 }";
    // Rarely a field whose square is beyond all numbers.
    let rare = "hz = { kind = \"binary\", values = [0.5, 1e200], probability = 0.9 }";
    let case = worked(&[
        (drawn, rare),
        ("realisations = 10", "realisations = 4"),
        ("steps = 200", "steps = 2"),
        ("samples = 8192", "samples = 512"),
    ]);
    let out = case.ranks(2, &["run", "x.toml"]);
    expect_code(&out, 70);
    let said = text(&out);
    let failed: Vec<usize> = (1..=4)
        .filter(|k| said.contains(&format!("error: x.r{k:04}: ")))
        .collect();
    assert!((1..4).contains(&failed.len()), "{said}");
    let names: Vec<_> = failed.iter().map(|k| format!("x.r{k:04}")).collect();
    let summary = format!(
        "{} of 4 realisations have failed ({}), the others are finished",
        names.len(),
        names.join(", ")
    );
    assert!(said.contains(&summary), "{said}");
    for k in (1..=4).filter(|k| !failed.contains(k)) {
        assert!(realisation(&case, k).real("measure/energy/mean").is_ok());
    }
}

#[test]
fn draws_that_make_no_sense_are_refused() {
    let couplings = "couplings = { hz = { kind = \"uniform\", low = -1.0, high = 1.0 } }";
    let draw = |text: &str| worked(&[(couplings, &format!("couplings = {text}"))]);
    for (text_of, said) in [
        (
            "{ hz = { kind = \"uniform\", low = 1.0, high = -1.0 } }",
            "disorder.couplings.hz: there is nothing between 1 and -1; give low < high",
        ),
        (
            "{ k = { kind = \"gaussian\", deviation = 1.0 } }",
            "`heisenberg` has no coupling k that can be drawn here; draw one of j, hx, hy, hz",
        ),
        ("{}", "disorder.couplings: nothing is drawn"),
        (
            "{ hz = { kind = \"binary\", values = [1.0, 2.0], probability = 2.0 } }",
            "give finite values, and a probability between 0 and 1",
        ),
    ] {
        let out = draw(text_of).alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{text_of}: {}", text(&out));
    }
    let case = worked(&[]);
    for (setting, said) in [
        (
            "hamiltonian.hz=0.5",
            "hamiltonian.hz gives the same coupling",
        ),
        ("disorder.realisation=11", "there is no realisation 11"),
        (
            "disorder.realisations=0",
            "disorder.realisations: 0 realisations",
        ),
    ] {
        let out = case.alone(&["check", "x.toml", "--quick", "--set", setting]);
        expect_code(&out, 64);
        assert!(text(&out).contains(said), "{setting}: {}", text(&out));
    }
    let out = case.alone(&["check", "x.toml", "--quick"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains("this is realisation 1 of 10"),
        "{}",
        text(&out)
    );
}
