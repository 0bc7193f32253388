//! A checkpoint goes on with other ranks, chains, samples, steps, rates and observables, and with
//! no other physics.

mod common;
use common::{Case, RING, expect_code, text};

const PLAN: &str = "[optimize]\nsteps = 60\nlearning_rate = 0.05\n[measure]\nsamples = 2048\n";

/// A ring optimised for 30 of its 60 steps.
fn halfway() -> Case {
    let case = Case::new(&format!("{RING}{PLAN}"));
    expect_code(
        &case.alone(&["run", "x.toml", "--set", "optimize.steps=30"]),
        0,
    );
    case
}

fn energy(case: &Case) -> (f64, f64) {
    let info = case.info();
    assert_eq!(info["state"], "finished");
    (
        info["energy"]["mean"].as_f64().unwrap(),
        info["energy"]["error"].as_f64().unwrap(),
    )
}

fn spins(case: &Case, name: &str) -> Vec<i8> {
    case.tree("x.ckpt.h5").spins(name).unwrap()
}

#[test]
fn fewer_chains_are_the_first_and_more_are_copies_that_burn_in() {
    for chains in [4, 5, 12] {
        let case = halfway();
        let before = spins(&case, "optimize/chains");
        let samples = format!("sampler.samples={}", 60 * chains);
        let measured = format!("measure.samples={}", 400 * chains);
        let set = format!("sampler.chains={chains}");
        // Nothing but the number of chains: steps are done, the measurement of 8 chains is not that
        // of this run.
        let arguments = [
            "run", "x.toml", "--set", &set, "--set", &samples, "--set", &measured,
        ];
        let out = case.alone(&arguments);
        expect_code(&out, 0);
        assert!(
            text(&out).contains(&format!("has 8 chains, this run {chains}")),
            "{}",
            text(&out)
        );
        assert!(
            text(&out).contains("continuing from step 30"),
            "{}",
            text(&out)
        );
        assert_eq!(case.info()["steps"], 60);
        assert_eq!(case.info()["samples"], 400 * chains);
        let after = spins(&case, "optimize/chains");
        assert_eq!((before.len(), after.len()), (80, 10 * chains));
        let distinct: std::collections::BTreeSet<&[i8]> = after.chunks(10).collect();
        assert!(distinct.len() > chains / 2, "copies have moved apart");
        let (mean, error) = energy(&case);
        assert!(
            (mean + 12.7849).abs() < 0.05 + 5.0 * error,
            "{chains} chains: {mean}"
        );
        let r_hat = case.info()["energy"]["r_hat"].as_f64().unwrap();
        assert!(r_hat < 1.05, "{r_hat}");
    }
}

#[test]
fn the_burn_in_of_new_chains_is_not_lost_at_a_stop() {
    // Stopped at once after the change: the chains are already those of the new number, the burn-in
    // is still to come.
    let change = [
        "run",
        "x.toml",
        "--set",
        "sampler.chains=16",
        "--set",
        "measure.samples=1024",
    ];
    let (whole, parts) = (halfway(), halfway());
    expect_code(&whole.alone(&change), 0);
    for steps in [31, 40, 60] {
        let set = format!("optimize.steps={steps}");
        expect_code(&parts.alone(&[&change[..], &["--set", &set]].concat()), 0);
    }
    let parameters = |case: &Case| case.present().reals("parameters").unwrap();
    assert_eq!(parameters(&whole), parameters(&parts));
    assert_eq!(energy(&whole), energy(&parts));
}

#[test]
fn another_number_of_ranks_and_chains_at_once() {
    let case = halfway();
    let set = [
        "--set",
        "sampler.chains=6",
        "--set",
        "sampler.samples=252",
        "--set",
        "measure.samples=2046",
    ];
    expect_code(&case.ranks(3, &[&["run", "x.toml"], &set[..]].concat()), 0);
    assert_eq!(case.info()["ranks"], 3);
    let alone = halfway();
    expect_code(&alone.alone(&[&["run", "x.toml"], &set[..]].concat()), 0);
    assert_eq!(
        spins(&alone, "optimize/chains"),
        spins(&case, "optimize/chains")
    );
    assert!((energy(&case).0 - energy(&alone).0).abs() < 1e-9);
}

#[test]
fn what_is_not_physics_may_change() {
    let case = halfway();
    for set in [
        "optimize.learning_rate=0.02",
        "optimize.shift=0.001",
        "sampler.samples=512",
        "sampler.sweeps=2",
        "sampler.burn_in=1",
        "output.checkpoint_every=0.01",
        "optimize.steps=64",
        "measure.samples=4096",
        "optimize.max_rise=0.0",
        "measure.observables=[\"magnetisation\"]",
        "optimize.method=\"adam\"",
    ] {
        let out = case.alone(&["run", "x.toml", "--set", set]);
        expect_code(&out, 0);
        assert_eq!(case.info()["state"], "finished", "{set}");
    }
    assert_eq!(case.info()["steps"], 64);
}

#[test]
fn other_physics_is_refused_with_what_differs() {
    let case = halfway();
    let bytes = || std::fs::read(case.path("x.ckpt.h5")).unwrap();
    let before = bytes();
    for (set, said) in [
        ("hamiltonian.hx=0.5", "hamiltonian.hx was 1, is 0.5"),
        ("lattice.size=12", "lattice.size was 10, is 12"),
        (
            "lattice.boundary=\"open\"",
            "lattice.boundary was absent, is \"open\"",
        ),
        ("ansatz.density=2", "ansatz.density was 1, is 2"),
        (
            "ansatz.parameters=\"real\"",
            "ansatz.parameters was \"complex\", is \"real\"",
        ),
        ("seed=8", "seed was 7, is 8"),
        (
            "sampler.method=\"full-sum\"",
            "sampler.method was absent, is \"full-sum\"",
        ),
    ] {
        let out = case.alone(&["run", "x.toml", "--set", set]);
        expect_code(&out, 64);
        assert!(
            text(&out).contains(said) && text(&out).contains("--fresh"),
            "{set}: {}",
            text(&out)
        );
    }
    assert_eq!(before, bytes());
}
