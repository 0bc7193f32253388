//! A sector that is left open: the lowest one is found by exact diagonalisation and by trials, the
//! run is that of its quantum numbers to the bit, and a restart takes them from the checkpoint.

mod common;

use common::{Case, expect_code, project, text};
use nishina::calculation::sectors::{SectorRow, Tried};

/// A worked input with its sector left open and few steps.
fn open(name: &str) -> String {
    let path = project().join(format!("configs/{name}.toml"));
    let whole = std::fs::read_to_string(path).unwrap();
    let numbers = ["momentum", "spin_flip", "rotation"];
    let kept = |line: &&str| !numbers.iter().any(|n| line.starts_with(n));
    let lines: Vec<&str> = whole.lines().filter(kept).collect();
    let open = lines
        .join("\n")
        .replace("\"symmetrised\"", "\"symmetrised\"\nsector = 'auto'");
    let short = open
        .replace("samples = 2048", "samples = 64")
        .replace("65536", "64");
    short.replace("steps = 150", "steps = 2") + "\n"
}

fn tried(case: &Case) -> Tried {
    Tried::load(&case.tree("x.h5")).unwrap()
}

fn chosen(case: &Case) -> SectorRow {
    let tried = tried(case);
    let mut chosen = tried.rows.iter().filter(|row| row.chosen == 1.0);
    let first = *chosen.next().unwrap();
    assert_eq!(chosen.next(), None);
    first
}

fn run(input: &str) -> (Case, String) {
    let case = Case::new(input);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    (case, text(&out))
}

#[test]
fn exact_sectors_are_those_of_frustrated_lattices() {
    let (case, said) = run(&open("heisenberg-triangular-4x3"));
    let row = chosen(&case);
    assert_eq!(
        [row.momentum_1, row.momentum_2, row.spin_flip],
        [2.0, 0.0, 1.0],
        "{said}"
    );
    assert!((row.energy + 6.930812362875875).abs() < 1e-9 && row.error == 0.0);
    let (case, said) = run(&open("heisenberg-kagome-2x2"));
    let row = chosen(&case);
    let numbers = [row.momentum_1, row.momentum_2, row.spin_flip, row.rotation];
    assert_eq!(numbers, [0.0, 0.0, 1.0, -1.0], "{said}");
    assert!((row.energy + 5.444875216971859).abs() < 1e-9);
    // All are told, and the chosen one stands in the input of the results.
    let info = case.info();
    let list = info["sectors"].as_array().unwrap();
    assert!(
        list.len() > 4
            && list
                .iter()
                .all(|s| s["energy"].as_f64() >= Some(row.energy))
    );
    let resolved = case.tree("x.h5");
    let resolved: toml::Table = resolved.text("input/resolved").unwrap().parse().unwrap();
    let ansatz = resolved["ansatz"].as_table().unwrap();
    assert_eq!(ansatz["rotation"].as_integer(), Some(-1));
    assert!(!ansatz.contains_key("sector"));
}

/// A ring of six: momentum pi, odd under the flip of all spins, in the original frame.
fn ring(sector: &str, optimize: &str) -> String {
    format!(
        "seed = 5\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'heisenberg'\n\
         sector = {{ total_sz = 0 }}\n[ansatz]\nkind = 'symmetrised'\n{sector}\n\
         of = {{ kind = 'rbm', density = 2, init = 0.2 }}\n[sampler]\nchains = 4\n\
         samples = 64\n[optimize]\n{optimize}\n"
    )
}

const OPTIMIZE: &str = "steps = 60\nlearning_rate = 0.1\nmax_distance = 0.2";

#[test]
fn trials_find_the_sector_that_diagonalisation_finds() {
    let exact = chosen(&run(&ring("sector = 'auto'", "steps = 3\nlearning_rate = 0.1")).0);
    assert_eq!([exact.momentum_1, exact.spin_flip], [3.0, -1.0]);
    assert!((exact.energy + 2.8027756377).abs() < 1e-8);
    // What is known of the spin besides the flip is left to trials.
    let parity = "sector = { auto = 40 }\nspin_parity = 1";
    let (case, said) = run(&ring(parity, OPTIMIZE));
    let row = chosen(&case);
    assert!(said.contains("trial 1 of "), "{said}");
    assert_eq!([row.momentum_1, row.steps], [3.0, 40.0], "{said}");
    assert_eq!(row.reflection, exact.reflection, "{said}");
}

/// A network of momentum zero on a ring whose ground state has momentum pi.
#[test]
fn sectors_that_the_network_inside_cannot_have_are_told_or_left_out() {
    let ring = |sector: &str, momentum: &str| {
        let of = format!("of = {{ kind = 'resnet', channels = 2, blocks = 1{momentum} }}");
        ring(sector, "steps = 2\nlearning_rate = 0.01")
            .replace("of = { kind = 'rbm', density = 2, init = 0.2 }", &of)
    };
    let out = Case::new(&ring("sector = 'auto'", "")).alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    let said = text(&out);
    let words = [
        "ansatz.sector: the lowest state has momentum = [3]",
        "ansatz.of.momentum = [3]",
    ];
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
    let exact = chosen(&run(&ring("sector = 'auto'", ", momentum = [3]")).0);
    assert_eq!([exact.momentum_1, exact.steps], [3.0, 0.0]);
    // Trials are of those that are left.
    let parity = "sector = { auto = 3 }\nspin_parity = 1";
    let (case, said) = run(&ring(parity, ""));
    let left_out = said.lines().find(|line| line.contains("are left out: "));
    assert!(
        left_out
            .unwrap()
            .contains("momentum = [3], reflection = -1"),
        "{said}"
    );
    let tried = tried(&case);
    assert!(
        tried
            .rows
            .iter()
            .all(|row| row.momentum_1 == 0.0 && row.failed == 0.0),
        "{said}"
    );
    assert_eq!(chosen(&case).momentum_1, 0.0);
    let first = run(&ring(
        "sector = { auto = 0 }\nspin_parity = 1",
        ", momentum = [3]",
    ));
    assert_eq!(chosen(&first.0).momentum_1, 3.0, "{}", first.1);
}

#[test]
fn a_choice_is_the_run_of_its_numbers_and_a_restart_keeps_it() {
    let parity = "spin_parity = 1";
    let open = ring(&format!("sector = {{ auto = 12 }}\n{parity}"), OPTIMIZE);
    let (whole, _) = run(&open);
    let row = chosen(&whole);
    let numbers = format!(
        "momentum = [{}]\nreflection = {}\n{parity}",
        row.momentum_1, row.reflection
    );
    let (named, _) = run(&ring(&numbers, OPTIMIZE));
    assert_eq!(whole.optimised(), named.optimised());
    let parts = Case::new(&open);
    let first = ["run", "x.toml", "--set", "optimize.steps=20"];
    expect_code(&parts.alone(&first), 0);
    let again = parts.alone(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert!(!text(&again).contains("trial 1 of "), "{}", text(&again));
    assert_eq!(parts.optimised(), whole.optimised());
    assert_eq!(tried(&parts), tried(&whole));
    // Ranks try the same.
    let pair = Case::new(&format!("deterministic = true\n{open}"));
    expect_code(&pair.ranks(2, &["run", "x.toml"]), 0);
    let alone = run(&format!("deterministic = true\n{open}")).0;
    assert_eq!(tried(&pair), tried(&alone));
    assert_eq!(pair.optimised(), alone.optimised());
}

#[test]
fn sectors_as_low_as_each_other_are_told() {
    let row = |energy: f64, error: f64, momentum_1: f64, chosen: f64| SectorRow {
        energy,
        error,
        momentum_1,
        chosen,
        steps: 40.0,
        ..SectorRow::default()
    };
    let rows = vec![row(-2.0, 0.01, 0.0, 1.0), row(-1.98, 0.01, 3.0, 0.0)];
    let warning = Tried { rows }.warning().unwrap();
    for words in ["momentum = [0", "momentum = [3", "auto = 80"] {
        assert!(warning.contains(words), "{warning}");
    }
    let rows = vec![row(-2.0, 0.01, 0.0, 1.0), row(-1.9, 0.01, 3.0, 0.0)];
    assert_eq!(Tried { rows }.warning(), None);
}

#[test]
fn choices_that_cannot_work_are_refused() {
    let refused = |input: String, said: &str| {
        let out = Case::new(&input).alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let words = text(&out);
        assert!(words.contains("ansatz.") && words.contains(said), "{words}");
    };
    let penalty = format!("{OPTIMIZE}\nspin_penalty = 1.0");
    refused(ring("sector = 'auto'", &penalty), "spin_penalty");
    let part = ring("sector = 'auto'", OPTIMIZE).replace(
        "of = { kind = 'rbm'",
        "of = { kind = 'symmetrised', sector = 'auto', of = { kind = 'rbm' }",
    );
    let part = part
        .replace(", density = 2, init = 0.2 }", " }")
        .replace("'rbm' }", "'rbm', density = 1 }");
    refused(part, "sector of a part");
    refused(ring("sector = 'lowest'", OPTIMIZE), "sector");
    let none = ring("sector = 'auto'\nspin_parity = 1", OPTIMIZE)
        .replace("[optimize]", "[measure]\nsamples = 64\n#")
        .replace(OPTIMIZE, "");
    let out = Case::new(&none).alone(&["run", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("[optimize]"), "{}", text(&out));
    // `check` takes the first sector without a trial.
    let case = Case::new(&ring("sector = 'auto'", OPTIMIZE));
    expect_code(&case.alone(&["check", "x.toml", "--quick"]), 0);
}
