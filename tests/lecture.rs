//! The figure of many wave functions: its inputs are accepted, a miniature of it is drawn by the
//! real program, and the kept table says what the page says.

mod common;
use common::{Case, expect_code, program, project, text};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Exact energies of the miniature: free fermions and exact diagonalisation.
const MINIATURE: [(&str, f64); 4] = [
    ("ising-h1", -10.251661790966),
    ("heisenberg-chain", -3.651093408937),
    ("heisenberg-square", -11.228483208429),
    ("heisenberg-open", -9.189207065193),
];

fn inputs() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(project().join("configs/lecture")).unwrap();
    let mut found: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The panel of an input, and its state.
fn parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let (panel, state) = stem.rsplit_once('-').unwrap();
    (panel.into(), state.into())
}

#[test]
fn every_input_passes_check() {
    let case = Case::new("");
    for path in inputs() {
        let output = case.alone(&["check", path.to_str().unwrap(), "--json", "--quick"]);
        expect_code(&output, 0);
    }
}

/// The same input on few sites with few steps and samples.
fn shrink(path: &Path, exact: f64) -> String {
    let mut table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let section = |table: &mut toml::Table, name: &str, key: &str, value: toml::Value| {
        if let Some(section) = table.get_mut(name).and_then(|s| s.as_table_mut()) {
            section.insert(key.into(), value);
        }
    };
    let square = table["lattice"]["kind"].as_str() == Some("square");
    let size = if square {
        toml::Value::from(vec![4, 4])
    } else {
        8.into()
    };
    section(&mut table, "lattice", "size", size);
    section(&mut table, "optimize", "steps", 4.into());
    section(&mut table, "sampler", "samples", 64.into());
    section(&mut table, "measure", "samples", 256.into());
    section(&mut table, "construct", "time", 0.5.into());
    let body = toml::to_string(&table).unwrap();
    format!("# Exact ground state: {exact:.12}\n{body}")
}

/// Runs the script with a Python that has h5py and matplotlib; none without one.
fn script(case: &Case, arguments: &[&str]) -> Option<Output> {
    let Ok(python) = std::env::var("NISHINA_PYTHON") else {
        println!(
            "SKIPPED: NISHINA_PYTHON does not name a Python with h5py (jobs/test.sh makes one)"
        );
        return None;
    };
    let mut command = Command::new(python);
    command
        .arg(project().join("jobs/lecture.py"))
        .args(arguments)
        .current_dir(case.folder.path())
        .env("NISHINA", program());
    Some(command.output().unwrap())
}

/// Rows of a table by panel, state and size.
fn rows(path: &Path) -> BTreeMap<[String; 3], BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').collect();
    let cells = |line: &str| {
        let cells = names.iter().map(|n| n.to_string());
        cells.zip(line.split(',').map(String::from)).collect()
    };
    let rows = lines.map(cells).map(|row: BTreeMap<_, _>| {
        let key = ["panel", "state", "size"].map(|name| row[name].clone());
        (key, row)
    });
    rows.collect()
}

fn number(row: &BTreeMap<String, String>, name: &str) -> f64 {
    row[name].parse().unwrap()
}

/// No energy lies below the ground state by more than chance.
fn hold_the_variational_law(rows: &BTreeMap<[String; 3], BTreeMap<String, String>>) {
    for (key, row) in rows {
        let bar = number(row, "error").hypot(number(row, "exact_error"));
        let above = number(row, "energy") - number(row, "exact");
        assert!(above > -4.5 * bar, "{key:?}: {above} +- {bar}");
    }
}

#[test]
fn a_miniature_is_run_once_and_drawn() {
    let case = Case::new("");
    std::fs::create_dir(case.path("inputs")).unwrap();
    for path in inputs() {
        let (panel, _) = parts(&path);
        if let Some((_, exact)) = MINIATURE.iter().find(|(name, _)| *name == panel) {
            let name = path.file_name().unwrap();
            std::fs::write(case.path("inputs").join(name), shrink(&path, *exact)).unwrap();
        }
    }
    let common = [
        "--inputs",
        "inputs",
        "--folder",
        "runs",
        "--table",
        "points.csv",
    ];
    let all = [
        &common[..],
        &["--out", "all.png", "--launcher", "nice -n 1"],
    ]
    .concat();
    let Some(output) = script(&case, &all) else {
        return;
    };
    expect_code(&output, 0);
    let points = rows(&case.path("points.csv"));
    // Densities, Jastrow, bond dimensions, clusters and construction; pairs and construction.
    assert_eq!(
        points.len(),
        2 * (4 + 1 + 4 + 4 + 1) + (4 + 1 + 4 + 3 + 1) + 2,
        "{}",
        text(&output)
    );
    hold_the_variational_law(&points);
    let picture = std::fs::read(case.path("all.png")).unwrap();
    assert!(
        picture.starts_with(b"\x89PNG") && picture.len() > 20_000,
        "{}",
        picture.len()
    );
    let result = case.path("runs/ising-h1-rbm-1.h5");
    let before = std::fs::metadata(&result).unwrap().modified().unwrap();
    let one = [
        &common[..],
        &["--only", "ising-h1-rbm-*", "--out", "again.svg"],
    ]
    .concat();
    let output = script(&case, &one).unwrap();
    expect_code(&output, 0);
    assert_eq!(text(&output).matches("relative error").count(), 4);
    assert_eq!(
        std::fs::metadata(&result).unwrap().modified().unwrap(),
        before
    );
    assert!(
        rows(&case.path("points.csv")) == points,
        "the table changed"
    );
    assert!(
        std::fs::read_to_string(case.path("again.svg"))
            .unwrap()
            .contains("<svg")
    );
}

#[test]
fn the_kept_table_belongs_to_the_inputs_and_to_the_page() {
    let points = rows(&project().join("jobs/lecture.csv"));
    hold_the_variational_law(&points);
    for path in inputs() {
        let (panel, state) = parts(&path);
        let found = points
            .iter()
            .find(|(key, _)| key[0] == panel && key[1] == state);
        let Some((key, row)) = found else {
            panic!("no point of {panel}-{state}");
        };
        let input = std::fs::read_to_string(&path).unwrap();
        let energy = input.split_once("state: ").expect("a reference energy").1;
        let energy: String = energy.chars().take_while(|c| !" (".contains(*c)).collect();
        assert_eq!(
            number(row, "exact"),
            energy.parse::<f64>().unwrap(),
            "{key:?}"
        );
    }
    let case = Case::new("");
    let arguments = ["--from-table", "--markdown", "--out", "x.png"];
    if let Some(output) = script(&case, &arguments) {
        expect_code(&output, 0);
        let page = std::fs::read_to_string(project().join("docs/guide/lecture.md")).unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(
            page.contains(shown.trim()),
            "write the table of the page anew:\n{shown}"
        );
    }
}
