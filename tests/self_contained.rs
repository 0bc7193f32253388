//! Results that are copied alone to another folder tell what they are about.

mod common;
use common::{Case, expect_code, project, text};
use nishina::ansatz::ANSATZE;
use nishina::io::tree::{Tree, Value};
use nishina::operator::models::MODELS;
use nishina::table::Entry;
use std::collections::BTreeSet;

/// A triangle with a tail whose edges, couplings and Pauli strings stand in files.
const GRAPH: &str = "seed = 7\n[lattice]\nkind = \"graph\"\nfile = \"data/e.csv\"\n[hamiltonian]\n\
    kind = \"bonds\"\nunits = \"spin\"\nbonds = \"b.csv\"\n[ansatz]\nkind = \"rbm\"\ndensity = 1\n\
    [sampler]\nchains = 4\nsamples = 64\n[optimize]\nsteps = 2\nlearning_rate = 0.05\n[measure]\n\
    samples = 64\nobservables = [\"spin-correlations-zz\",\n{ kind = \"pauli\", file = \
    \"p.csv\" }]\n";
const EDGES: &str = "i,j\n0,1\n1,2\n0,2\n2,3\n";
const BONDS: &str = "i,j,Jx,Jy,Jz\n0,1,1,1,1\n1,2,1,1,2\n0,2,1,1,1\n2,3,0,0,-3\n";

fn graph() -> Case {
    let case = Case::new(GRAPH);
    std::fs::create_dir(case.path("data")).unwrap();
    std::fs::write(case.path("data/e.csv"), EDGES).unwrap();
    std::fs::write(case.path("b.csv"), BONDS).unwrap();
    std::fs::write(case.path("p.csv"), "coefficient,string\n1.0,Z0 Z3\n").unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn texts<'t>(tree: &'t Tree, path: &str) -> Vec<&'t str> {
    tree.texts(path)
        .unwrap()
        .iter()
        .map(String::as_str)
        .collect()
}

#[test]
fn a_copy_in_another_folder_is_enough() {
    let case = graph();
    let elsewhere = Case::new("");
    std::fs::copy(case.path("x.h5"), elsewhere.path("copy.h5")).unwrap();
    drop(case);
    let tree = elsewhere.tree("copy.h5");
    // H = 1/4 sum J σσ, in the order of the strings.
    let strings = texts(&tree, "hamiltonian/operators");
    let numbers = tree.reals("hamiltonian/coefficient").unwrap();
    let term = |string: &str| numbers[strings.iter().position(|s| *s == string).unwrap()];
    assert_eq!(strings.len(), 10);
    assert_eq!(term("X0 X1"), 0.25);
    assert_eq!(term("Z1 Z2"), 0.5);
    assert_eq!(term("Z2 Z3"), -0.75);
    assert_eq!(
        tree.integers("lattice/bonds").unwrap(),
        [0, 1, 0, 2, 1, 2, 2, 3]
    );
    let keys = [
        "hamiltonian.bonds",
        "lattice.file",
        "measure.observables[1].file",
    ];
    assert_eq!(texts(&tree, "input/files/key"), keys);
    assert_eq!(texts(&tree, "input/files/text")[..2], [BONDS, EDGES]);

    let drawn = elsewhere.alone(&["plot", "copy.h5"]);
    expect_code(&drawn, 0);
    assert!(
        elsewhere.path("copy-plots/bonds.png").exists(),
        "{}",
        text(&drawn)
    );

    let said = text(&elsewhere.alone(&["info", "copy.h5"]));
    for part in [
        "kind graph",
        "sites 4",
        "neighbours 4",
        "terms 10",
        "b.csv",
        "seed             7",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_list_of_terms_is_an_input() {
    let case = graph();
    let tree = case.tree("x.h5");
    let numbers = tree.reals("hamiltonian/coefficient").unwrap();
    let pairs = numbers.iter().zip(texts(&tree, "hamiltonian/operators"));
    let lines: Vec<_> = pairs.map(|(c, s)| format!("{c},{s}\n")).collect();
    std::fs::write(
        case.path("h.csv"),
        format!("coefficient,string\n{}", lines.concat()),
    )
    .unwrap();
    let model = "kind = \"bonds\"\nunits = \"spin\"\nbonds = \"b.csv\"";
    let listed = GRAPH.replace(model, "kind = \"pauli\"\nfile = \"h.csv\"");
    std::fs::write(case.path("y.toml"), listed).unwrap();
    let energies = |input: &str| {
        let out = case.alone(&["exact", input, "--json"]);
        expect_code(&out, 0);
        let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        found["energies"][0].as_f64().unwrap()
    };
    assert!((energies("x.toml") - energies("y.toml")).abs() < 1e-10);
}

#[test]
fn operators_of_other_sites_come_with_their_matrices() {
    let input = "[basis]\nkind = \"boson\"\nmax_occupation = 2\n[lattice]\nkind = \"chain\"\n\
                 size = 3\n[hamiltonian]\nkind = \"bose-hubbard\"\nu = 4.0\nsector = { particles \
                 = 3 }\n[ansatz]\nkind = \"jastrow\"\n[sampler]\nmethod = \
                 \"full-sum\"\n[measure]\nsamples = 2\n";
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let strings = texts(&tree, "hamiltonian/operators");
    assert!(
        strings.contains(&"b+0 b1") && strings.contains(&"n2 n2"),
        "{strings:?}"
    );
    // b|2> = sqrt(2) |1>, rows and columns from n = 0 on.
    let Some(Value::Complex(lower)) = tree.datasets.get("hamiltonian/matrices/b") else {
        panic!("no matrix");
    };
    assert!((lower[[1, 2]].re - 2f64.sqrt()).abs() < 1e-15 && lower[[2, 1]].re == 0.0);
    assert_eq!(
        tree.datasets
            .keys()
            .filter(|k| k.contains("matrices"))
            .count(),
        3
    );
}

#[test]
fn samples_say_whose_they_are() {
    let often = "[output]\nsamples = 'all'\ncheckpoint_every = 1e-9\n[optimize]\nsteps = 9";
    let case = Case::new("");
    std::fs::write(
        case.path("x.toml"),
        GRAPH.replace("[optimize]\nsteps = 2", often),
    )
    .unwrap();
    std::fs::create_dir(case.path("data")).unwrap();
    std::fs::write(case.path("data/e.csv"), EDGES).unwrap();
    std::fs::write(case.path("b.csv"), BONDS).unwrap();
    std::fs::write(case.path("p.csv"), "coefficient,string\n1.0,Z0 Z3\n").unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let samples = case.tree("x.samples.h5");
    assert_eq!(samples.text("input/title").unwrap(), "x");
    assert!(samples.text("input/resolved").unwrap().contains("seed = 7"));
    let program = samples.text("provenance/program").unwrap();
    assert_eq!(program, "nishina");
    let said = text(&case.alone(&["info", "x.samples.h5"]));
    assert!(
        said.contains("samples") && said.contains("title            x"),
        "{said}"
    );
}

/// The keys of `configs/reference.toml` below each of its headers, those that are comments too.
fn reference() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(project().join("configs/reference.toml")).unwrap();
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in page.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some((name, _)) = bare.strip_prefix('[').and_then(|l| l.split_once(']')) {
            section = name.trim_matches('[').into();
        } else if let Some((key, _)) = bare.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            found.push((section.clone(), key.to_string()));
        }
    }
    found
}

#[test]
fn every_key_of_its_sections_stands_in_the_complete_input() {
    let case = graph();
    let complete = case
        .tree("x.h5")
        .text("input/complete")
        .unwrap()
        .to_string();
    let table: toml::Table = complete.parse().unwrap();
    assert_eq!(table["seed"].as_integer(), Some(7));
    assert_eq!(table["title"].as_str(), Some("x"));
    assert_eq!(table["threads"].as_integer(), Some(1));
    assert_eq!(table["sampler"]["moves"][0]["kind"].as_str(), Some("flip"));
    assert_eq!(table["sampler"]["sweeps"].as_integer(), Some(1));
    assert_eq!(table["measure"]["burn_in"].as_integer(), Some(100));
    assert_eq!(table["output"]["checkpoint_every"].as_float(), Some(300.0));
    assert_eq!(table["hamiltonian"]["sign_rule"].as_str(), Some("none"));
    // How weights of a machine start is told as the formula that it is.
    assert!(complete.contains("# ansatz.init: ") && complete.contains("2 / sqrt("));
    assert!(table["optimize"].get("shift").is_some());
    let stands = |section: &str, key: &str| {
        let inside = match section {
            "" => table.get(key).is_some(),
            _ => table.get(section).is_some_and(|s| s.get(key).is_some()),
        };
        let place = [section, key].join(".");
        inside || complete.contains(&format!("# {}:", place.trim_start_matches('.')))
    };
    let keys = |schema: serde_json::Value| -> BTreeSet<String> {
        let own = schema["properties"].as_object().into_iter().flatten();
        own.map(|(key, _)| key.clone()).collect()
    };
    let model = MODELS.iter().find(|m| m.kind == "bonds").unwrap().schema();
    let ansatz = ANSATZE.iter().find(|a| a.kind == "rbm").unwrap().schema();
    let (model, ansatz) = (keys(model), keys(ansatz));
    let method = table["optimize"]["method"].as_str().unwrap();
    let (mut seen, mut missing) = (0, Vec::new());
    for (section, key) in reference() {
        let belongs = match section.as_str() {
            "" | "output" | "sampler" | "measure" => true,
            "lattice" => !["size", "boundary"].contains(&key.as_str()),
            "hamiltonian" => {
                ["units", "sector", "sign_rule"].contains(&key.as_str()) || model.contains(&key)
            }
            "ansatz" => ansatz.contains(&key),
            _ => false,
        };
        if belongs {
            seen += 1;
            if !stands(&section, &key) {
                missing.push(format!("{section}.{key}"));
            }
        }
    }
    assert!(
        missing.is_empty() && seen > 35,
        "{seen} keys, {method}: {missing:?}\n{complete}"
    );
}

#[test]
fn a_shift_that_is_not_used_has_no_default() {
    let metric = "[optimize]\nsteps = 2\npseudo_inverse = 1e-6\nmethod = \"dense-sr\"";
    let input = "[lattice]\nkind = \"chain\"\nsize = 3\n[hamiltonian]\nkind = \"ising\"\nhx = \
                 1.0\n[ansatz]\nkind = \"rbm\"\ndensity = 1\n[sampler]\nmethod = \
                 \"full-sum\"\n";
    let case = Case::new(&format!("{input}{metric}\nlearning_rate = 0.05\n"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let table: toml::Table = tree.text("input/complete").unwrap().parse().unwrap();
    assert!(table["optimize"].get("shift").is_none());
    assert_eq!(table["optimize"]["method"].as_str(), Some("dense-sr"));
    // A full sum has no chains.
    assert!(table["sampler"].get("chains").is_none());
    assert_eq!(table["sampler"]["samples"].as_integer(), Some(1024));
}
