//! What a first-time user is told: keys without an effect by name, and nothing of chains where
//! there are none.

mod common;
use common::{Case, expect_code, text};

/// A full sum over six sites with these keys of `[optimize]`.
fn sum(optimize: &str) -> Case {
    Case::new(&sum_text(optimize))
}

fn sum_text(optimize: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = \
         1.0\n[ansatz]\nkind = 'rbm'\ndensity = 1\n[sampler]\nmethod = \
         'full-sum'\n[optimize]\nsteps = 2\nlearning_rate = 0.01\n{optimize}\n[measure]\nsamples \
         = 16\n"
    )
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

/// What a user of other programs of the field writes at first.
const OF_ELSEWHERE: &str = "[lattice]\nkind = 'chain'\nsize = 10\nboundary = 'pbc'\n\
    [hamiltonian]\nkind = 'heisenberg'\nunit = 'spin'\n[ansatz]\nkind = 'rbm'\nalpha = 2\n\
    [sampler]\nn_chains = 16\nn_samples = 1e3\n[optimise]\nn_iter = 100\nlr = 0.01\n\
    diag_shift = 0.1\n";

#[test]
fn all_faults_of_an_input_are_told_at_once_with_their_lines() {
    let case = Case::new(OF_ELSEWHERE);
    for command in ["run", "check"] {
        let out = case.alone(&[command, "x.toml"]);
        expect_code(&out, 64);
        let said = text(&out);
        let errors: Vec<_> = said.lines().filter(|l| l.starts_with("error: ")).collect();
        let wanted = [
            ("lattice.boundary", "", 4),
            ("hamiltonian.unit", "`units`", 7),
            ("ansatz.alpha", "`density`", 10),
            ("sampler.n_chains", "`chains`", 12),
            ("sampler.n_samples", "`samples`", 13),
            ("sampler.samples", "a whole number", 13),
            ("optimize.n_iter", "`steps`", 15),
            ("optimize.lr", "`learning_rate`", 16),
            ("optimize.diag_shift", "`shift`", 17),
        ];
        assert_eq!(errors.len(), wanted.len(), "{said}");
        for (error, (key, remedy, line)) in errors.iter().zip(wanted) {
            assert!(error.contains(&format!("error: {key}: ")), "{key}: {said}");
            assert!(error.contains(remedy), "{remedy}: {error}");
            assert!(error.ends_with(&format!("(line {line})")), "{error}");
        }
    }
    // A fault of the physics is told alone, with its line; what `--set` says stands in no line.
    let odd = OF_ELSEWHERE
        .split("boundary")
        .next()
        .unwrap()
        .replace("10", "0");
    let case = Case::new(&(odd + "[hamiltonian]\nkind = 'heisenberg'\n[ansatz]\nkind = 'rbm'\n"));
    let out = case.alone(&["check", "x.toml", "--set", "ansatz.density=1"]);
    assert!(text(&out).contains("(line 3)"), "{}", text(&out));
    let out = case.alone(&[
        "check",
        "x.toml",
        "--set",
        "lattice.size=4",
        "--set",
        "seed=x",
    ]);
    expect_code(&out, 64);
    assert!(!text(&out).contains("(line"), "{}", text(&out));
}

#[test]
fn both_spellings_are_read() {
    let case = Case::new(&sum_text("").replace("[optimize]", "[optimise]"));
    let list = "measure.observables=[\"transverse-magnetization\"]";
    let out = case.alone(&["run", "x.toml", "--set", list]);
    expect_code(&out, 0);
    assert!(case.info()["energy"]["mean"].is_number());
    let name = "measure/observables/transverse-magnetisation/mean";
    assert!(case.tree("x.h5").datasets.contains_key(name));
}

#[test]
fn what_is_known_and_not_used_is_said() {
    let input = "[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\n\
        [ansatz]\nkind = 'rbm'\ndensity = 1\n[sampler]\nsamples = 64\n[optimize]\nsteps = 2\n\
        learning_rate = 0.01\n";
    let case = Case::new(input);
    let keys = [
        "hamiltonian.sector",
        "sign_rule = \"marshall\"",
        "ansatz.symmetry",
    ];
    let (sector, rule, ties) = (
        "hamiltonian.sector={ total_sz = 0 }",
        "hamiltonian.sign_rule=marshall",
        "ansatz.symmetry=translations",
    );
    let all = ["--set", sector, "--set", rule, "--set", ties];
    for used in 0..=3 {
        let settings = &all[..2 * used];
        for command in [
            &["check", "x.toml", "--quick"][..],
            &["run", "x.toml", "--fresh"],
        ] {
            let out = case.alone(&[command, settings].concat());
            expect_code(&out, 0);
            let said = text(&out);
            let hints = said.lines().filter(|l| l.starts_with("hint: ")).count();
            assert_eq!(hints, 3 - used, "{said}");
            keys[used..]
                .iter()
                .for_each(|key| assert!(said.contains(key), "{key}: {said}"));
        }
    }
    // A chain with a field along x has no conserved Sz, and no signs.
    let out = sum("").alone(&["check", "x.toml", "--quick"]);
    assert_eq!(text(&out).matches("hint: ").count(), 1, "{}", text(&out));
}

#[test]
fn the_program_carries_its_inputs_and_draws_lattices() {
    let case = Case::new("");
    let out = case.alone(&["new"]);
    assert!(text(&out).contains("quickstart"), "{}", text(&out));
    expect_code(&case.alone(&["new", "quickstart", "first.toml"]), 0);
    expect_code(&case.alone(&["new", "quickstart", "first.toml"]), 64);
    let kept = std::fs::read_to_string(case.path("first.toml")).unwrap();
    let of_project = common::project().join("configs/quickstart.toml");
    assert_eq!(kept, std::fs::read_to_string(of_project).unwrap());
    expect_code(&case.alone(&["check", "first.toml", "--quick"]), 0);
    let out = case.alone(&["new", "quickstrat"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("did you mean `quickstart`?"),
        "{}",
        text(&out)
    );
    let reference = text(&case.alone(&["reference"]));
    assert!(reference.contains("learning_rate") && reference.contains("[lattice]"));

    let set = [
        "--set",
        "lattice.kind=kagome",
        "--set",
        "lattice.size=[2, 2]",
    ];
    let draw = ["lattice", "first.toml", "--draw", "k.svg"];
    let out = case.alone(&[&draw[..], &set[..]].concat());
    expect_code(&out, 0);
    let said = text(&out);
    assert!(
        said.contains("12 sites, 24 bonds") && said.contains("not bipartite"),
        "{said}"
    );
    let svg = std::fs::read_to_string(case.path("k.svg")).unwrap();
    let letters = |k: usize| svg.contains(&format!("\n{k}\n"));
    assert!((0..12).all(letters), "{svg}");
    let out = case.alone(&["lattice", "first.toml", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(object["bonds"].as_array().unwrap().len(), 16);
    assert_eq!(
        (&object["translations"], &object["space_group"]),
        (&16.into(), &32.into())
    );
    let out = case.alone(&["lattice", "first.toml", "--draw", "k.gif"]);
    expect_code(&out, 64);
}
