//! What a first-time user is told: keys without an effect by name, and nothing of chains where
//! there are none.

mod common;
use common::{Case, expect_code, text};

/// A full sum over six sites with these keys of `[optimize]`.
fn sum(optimize: &str) -> Case {
    Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = \
         1.0\n[ansatz]\nkind = 'rbm'\ndensity = 1\n[sampler]\nmethod = \
         'full-sum'\n[optimize]\nsteps = 2\nlearning_rate = 0.01\n{optimize}\n[measure]\nsamples \
         = 16\n"
    ))
}

#[test]
fn keys_that_the_method_ignores_are_named() {
    for (keys, said) in [
        ("mu = 0.5", Some("optimize.mu belongs to spring, march")),
        ("tolerance = 1e-3", Some("optimize.tolerance belongs to cg")),
        (
            "method = 'adam'\nshift = 0.1",
            Some("optimize.shift belongs to dense-sr, kernel-sr"),
        ),
        (
            "method = 'sgd'\npseudo_inverse = 1e-8",
            Some("optimize.pseudo_inverse belongs to dense-sr"),
        ),
        (
            "method = 'rmsprop'\nmax_distance = 0.1",
            Some("optimize.max_distance belongs to dense-sr"),
        ),
        ("method = 'adam'\nbeta1 = 0.8", None),
        ("method = 'spring'\nmu = 0.8\nshift = 0.1", None),
        ("shift = 0.1\nmax_distance = 0.5", None),
    ] {
        let out = sum(keys).alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 0);
        let all = text(&out);
        match said {
            Some(words) => assert!(all.contains(words), "{keys}: {all}"),
            None => assert!(!all.contains("has no effect on"), "{keys}: {all}"),
        }
    }
    let chains = ["--set", "sampler.sweeps=2", "--set", "measure.burn_in=7"];
    let out = sum("").alone(&[&["check", "x.toml", "--quick"], &chains[..]].concat());
    let words = "a full sum has no Markov chains: sampler.sweeps, measure.burn_in belong to";
    assert!(text(&out).contains(words), "{}", text(&out));
    let out = sum("mu = 0.5").alone(&["run", "x.toml"]);
    assert!(
        text(&out).contains("which \"sr\" has chosen"),
        "{}",
        text(&out)
    );
}

#[test]
fn full_sums_say_nothing_of_chains() {
    let case = sum("");
    let mut said = Vec::new();
    for command in [
        &["run", "x.toml"][..],
        &["info", "x.h5"],
        &["watch", "x.h5", "--once"],
    ] {
        let out = case.alone(command);
        expect_code(&out, 0);
        said.push(text(&out));
    }
    for (said, there) in said.iter().zip(["measured E = ", "energy", "step "]) {
        assert!(said.contains(there), "{said}");
        for word in ["R-hat", "r_hat", "acc ", "tau", "effective samples"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
    assert!(case.info()["r_hat"].is_null() && case.info()["energy"]["tau"].is_null());
}
