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

/// Of more than 65536 pairs the means by distance stay, which are what other observables say of the
/// same samples; the matrix is left out, and said.
#[test]
fn correlations_of_many_pairs_are_kept_by_distance() {
    let case = Case::new(
        "[lattice]\nkind = 'square'\nsize = [20, 20]\n[hamiltonian]\nkind = 'heisenberg'\n\
         [ansatz]\nkind = 'rbm'\ndensity = 1\nsymmetry = 'translations'\nparameters = 'real'\n\
         [sampler]\nchains = 4\nsamples = 8\nsweeps = 1\n[measure]\nsamples = 8\nburn_in = 2\n\
         observables = ['spin-correlations', 'spin-correlations-zz', 'magnetisation',\n\
         { kind = 'structure-factor', momenta = [[0.0, 0.0]] }]\n",
    );
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let words = "the matrix of 79800 pairs of sites, more than 65536, is left out";
    assert!(common::text(&out).contains(words), "{}", common::text(&out));
    let tree = case.tree("x.h5");
    let reals = |path: &str| {
        tree.reals(&format!("measure/observables/{path}"))
            .unwrap_or_default()
    };
    let one = |path: &str| reals(path)[0];
    // Every site has as many partners at each distance, 79800 pairs in all.
    let sum = |name: &str| {
        assert!(reals(&format!("{name}/mean")).is_empty());
        assert_eq!(one(&format!("{name}/pairs_left_out")), 79800.0);
        let counts = reals(&format!("{name}/pairs_at_distance"));
        let means = reals(&format!("{name}/by_distance/mean"));
        let errors = reals(&format!("{name}/by_distance/error"));
        assert_eq!((counts[0], counts.len()), (800.0, means.len()));
        assert_eq!(counts.iter().sum::<f64>(), 79800.0);
        assert!(errors.len() == means.len() && errors.iter().all(|e| *e >= 0.0));
        counts.iter().zip(means).map(|(n, c)| n * c).sum::<f64>()
    };
    // (sum Sz)^2 = N/4 + 2 sum_pairs, N S(0) = 3 N/4 + 2 sum_pairs.
    let zz = (400.0 * 400.0 * one("magnetisation/squared/mean") - 100.0) / 2.0;
    let full = (400.0 * one("structure-factor/mean") - 300.0) / 2.0;
    for (sum, expected) in [
        (sum("spin-correlations-zz"), zz),
        (sum("spin-correlations"), full),
    ] {
        let size = expected.abs().max(1.0);
        assert!((sum - expected).abs() < 1e-9 * size, "{sum} {expected}");
    }
    let out = case.alone(&["plot", "x.h5", "--format", "svg", "--output", "p"]);
    expect_code(&out, 0);
    let words = "left out bonds: x: the matrix of all pairs is left out";
    assert!(common::text(&out).contains(words), "{}", common::text(&out));
    assert!(case.path("p/spin-correlations.svg").exists());
}
