//! Observables against exact numbers, sampled ones against full sums, restarts, ranks.

mod common;
use common::{Case, expect_code};
use nishina::io::tree::Tree;

const MEASURE: &str = r#"
observables = ["magnetisation", "transverse-magnetisation", "spin-correlations", "spin-correlations-zz",
    "structure-factor", { kind = "structure-factor-zz", momenta = [[0.5], [0.0]], name = "zz" }]
[output]
samples = "none"
"#;

fn input(measure: &str) -> String {
    format!("{}[optimize]\nsteps = 30\nlearning_rate = 0.05\n[measure]\n{measure}{MEASURE}", common::RING)
}

fn same_observables(a: &Tree, b: &Tree) {
    let mut compared = 0;
    for (path, value) in a.datasets.iter().filter(|(p, _)| p.starts_with("measure/observables")) {
        assert_eq!(value, &b.datasets[path], "{path}");
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn restarts_and_ranks_change_nothing() {
    let whole = Case::new(&input("samples = 4096"));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let reference = whole.tree("x.h5");
    // Stopped between the blocks of the measurement, which checkpoint every time.
    let parts = Case::new(&input("samples = 4096"));
    expect_code(&parts.alone(&["run", "x.toml", "--set", "measure.samples=1536"]), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    same_observables(&reference, &parts.tree("x.h5"));
    // The optimisation rounds differently on another number of ranks: the measurement of the same parameters does not.
    std::fs::copy(whole.path("x.ckpt.h5"), parts.path("y.ckpt.h5")).unwrap();
    let more = ["run", "x.toml", "--set", "output.name=y", "--set", "measure.samples=8192"];
    expect_code(&whole.alone(&["run", "x.toml", "--set", "measure.samples=8192"]), 0);
    expect_code(&parts.ranks(3, &more), 0);
    same_observables(&whole.tree("x.h5"), &parts.tree("y.h5"));
    // Other observables measure anew.
    expect_code(&whole.alone(&["run", "x.toml", "--set", "measure.observables=['magnetisation']"]), 0);
    assert!(!whole.tree("x.h5").datasets.contains_key("measure/observables/zz/mean"));
}
