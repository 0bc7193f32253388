//! Observables against exact numbers, sampled ones against full sums, restarts, ranks.

mod common;
use common::{Case, expect_code};
use nishina::io::tree::Tree;

const MEASURE: &str = r#"
observables = ["magnetisation", "transverse-magnetisation", "spin-correlations",
    "spin-correlations-zz", "structure-factor",
    { kind = "structure-factor-zz", momenta = [[0.5], [0.0]], name = "zz" }]
[output]
samples = "none"
"#;

fn input(measure: &str) -> String {
    format!(
        "{}[optimize]\nsteps = 30\nlearning_rate = 0.05\n[measure]\n{measure}{MEASURE}",
        common::RING
    )
}

fn same_observables(a: &Tree, b: &Tree) {
    let mut compared = 0;
    for (path, value) in a
        .datasets
        .iter()
        .filter(|(p, _)| p.starts_with("measure/observables"))
    {
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
    expect_code(
        &parts.alone(&["run", "x.toml", "--set", "measure.samples=1536"]),
        0,
    );
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    same_observables(&reference, &parts.tree("x.h5"));
    // The optimisation rounds differently on another number of ranks: the measurement of the same
    // parameters does not.
    std::fs::copy(whole.path("x.ckpt.h5"), parts.path("y.ckpt.h5")).unwrap();
    let more = [
        "run",
        "x.toml",
        "--set",
        "output.name=y",
        "--set",
        "measure.samples=8192",
    ];
    expect_code(
        &whole.alone(&["run", "x.toml", "--set", "measure.samples=8192"]),
        0,
    );
    expect_code(&parts.ranks(3, &more), 0);
    same_observables(&whole.tree("x.h5"), &parts.tree("y.h5"));
    // Other observables measure anew.
    expect_code(
        &whole.alone(&[
            "run",
            "x.toml",
            "--set",
            "measure.observables=['magnetisation']",
        ]),
        0,
    );
    assert!(
        !whole
            .tree("x.h5")
            .datasets
            .contains_key("measure/observables/zz/mean")
    );
}

/// The exact fidelity with the state of `other.h5` and the energy difference, by full sums.
#[test]
fn a_saved_state_is_compared_by_fidelity_and_energy() {
    let measure = |method: &str| {
        format!(
            "{}method = '{method}'\n[measure]\nsamples = 32768\n\
             observables = [{{ kind = 'overlap', file = 'other.h5' }}]\n[output]\nsamples = \
             'none'\n",
            common::RING
        )
    };
    let case = Case::new(&measure("metropolis"));
    // The other state: a few steps of optimisation away from this one.
    let other = format!(
        "{}[optimize]\nsteps = 3\nlearning_rate = 0.02\nshift = 0.1\n",
        common::RING
    );
    std::fs::write(case.path("other.toml"), other).unwrap();
    expect_code(&case.alone(&["run", "other.toml"]), 0);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    std::fs::write(case.path("y.toml"), measure("full-sum")).unwrap();
    expect_code(&case.alone(&["run", "y.toml"]), 0);
    let (sampled, exact) = (case.tree("x.h5"), case.tree("y.h5"));
    let path = |name: &str| format!("measure/observables/overlap/{name}");
    let value = |tree: &Tree, name: &str| tree.real(&path(name)).unwrap();
    let fidelity = value(&exact, "fidelity/mean");
    assert!(fidelity > 0.3 && fidelity < 0.9999, "{fidelity}");
    for name in [
        "fidelity",
        "infidelity",
        "other_energy",
        "energy_difference",
    ] {
        let (mean, error) = (
            value(&sampled, &format!("{name}/mean")),
            value(&sampled, &format!("{name}/error")),
        );
        let expected = value(&exact, &format!("{name}/mean"));
        println!("{name}: {mean} +- {error} for {expected}");
        assert!(
            (mean - expected).abs() < 4.0 * error,
            "{name}: {mean} +- {error} for {expected}"
        );
    }
    // The difference is known better than either energy, whose errors it shares.
    let energies = sampled.real("measure/energy/error").unwrap();
    assert!(value(&sampled, "energy_difference/error") < 3.0 * energies);
    let difference =
        value(&exact, "other_energy/mean") - exact.real("measure/energy/mean").unwrap();
    assert!((value(&exact, "energy_difference/mean") - difference).abs() < 1e-9);
    // A state compared with itself.
    let own = "measure.observables=[{ kind = 'overlap', file = 'y.h5' }]";
    expect_code(
        &case.alone(&["run", "y.toml", "--set", own, "--set", "output.name=z"]),
        0,
    );
    assert!(value(&case.tree("z.h5"), "infidelity/mean").abs() < 1e-12);
}
