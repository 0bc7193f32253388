//! Replicas at smaller powers of |psi|: the samples of the first power keep its averages, cross
//! between peaks that chains alone never leave, and are the same on any number of ranks and behind
//! a restart.

mod common;
use common::{Case, expect_code, text};
use nishina::io::tree::Tree;

/// A state far from any eigenstate, so that wrong samples are seen.
const ROUGH: &str = "seed = 5\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = \
 'ising'\nhx = 1.0\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.4\n";

fn first(tree: &Tree, name: &str) -> f64 {
    tree.reals(name).unwrap()[0]
}

#[test]
fn a_measurement_is_that_of_a_full_sum() {
    let measure = |sampler: &str| {
        let case = Case::new(&format!(
            "{ROUGH}[sampler]\n{sampler}[measure]\nsamples = 8192\nobservables = \
             ['magnetisation', 'transverse-magnetisation']\n"
        ));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.tree("x.h5").group("measure")
    };
    let exact = measure("method = 'full-sum'\n");
    for sampler in [
        "tempering = { replicas = 3, least_power = 0.3 }\n",
        "power = 1.5\ntempering = { least_power = 0.2 }\n",
    ] {
        let found = measure(&format!("chains = 16\n{sampler}"));
        for (name, error) in [
            ("energy/mean", "energy/error"),
            ("energy/variance", "energy/variance_error"),
            (
                "observables/magnetisation/squared/mean",
                "observables/magnetisation/squared/error",
            ),
            (
                "observables/transverse-magnetisation/mean",
                "observables/transverse-magnetisation/error",
            ),
        ] {
            let (value, error) = (first(&found, name), first(&found, error));
            let wanted = first(&exact, name);
            assert!(error > 0.0 && error < 0.1 * (1.0 + wanted.abs()));
            let close = (value - wanted).abs() < 5.0 * error;
            assert!(close, "{sampler} {name}: {value} +- {error}, not {wanted}");
        }
        let shares = found.reals("energy/swap_acceptance").unwrap();
        assert!(shares.iter().all(|s| (0.3..1.0).contains(s)), "{shares:?}");
    }
}

/// psi = cosh(sum sigma) of so many spins, two peaks e^20 above what lies between them.
fn two_peaks(sites: usize, sampler: &str, rest: &str) -> Case {
    let case = Case::new(&format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = \
         'ising'\nhx = 0.1\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nload = \
         'a.wf'\n[sampler]\nchains = 8\nsamples = 512\n{sampler}{rest}"
    ));
    let biases = "(0,0)\n".repeat(2 * sites);
    let weights: String = (0..sites * sites)
        .map(|k| match k.is_multiple_of(sites) {
            true => "(1,0)\n",
            false => "(0,0)\n",
        })
        .collect();
    let file = format!("{sites} {sites}\n{biases}{weights}");
    std::fs::write(case.path("a.wf"), file).unwrap();
    case
}

#[test]
fn replicas_cross_between_peaks() {
    let moments = |sampler: &str| {
        let measure = "[measure]\nsamples = 16384\nobservables = ['magnetisation']\n";
        let case = two_peaks(10, sampler, measure);
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        let tree = case.tree("x.h5").group("measure");
        let r_hat = tree.real("convergence/spin_r_hat").unwrap();
        let of = |name: &str| first(&tree, &format!("observables/magnetisation/{name}"));
        (of("mean"), of("error"), r_hat, text(&out))
    };
    let (.., r_hat, said) = moments("");
    assert!(r_hat > 1.5, "{r_hat} {said}");
    let (mean, error, r_hat, said) = moments("tempering = { least_power = 0.1 }\n");
    assert!(
        mean.abs() < 5.0 * error && error < 0.15,
        "{mean} +- {error}"
    );
    assert!(r_hat < 1.1, "{r_hat} {said}");
    // Two powers that hardly overlap.
    let (.., said) = moments("tempering = { replicas = 2, least_power = 0.001 }\n");
    assert!(said.contains("sampler.tempering.replicas"), "{said}");
}

#[test]
fn ranks_and_a_restart_have_the_same_bits() {
    let input = format!(
        "deterministic = true\n{ROUGH}[sampler]\nchains = 6\nsamples = 12\ntempering = {{ \
         replicas = 3 }}\n[optimize]\nsteps = 8\nlearning_rate = 0.05\nshift = \
         0.01\n[measure]\nsamples = 192\n"
    );
    let case = Case::new(&input);
    let numbers = || {
        let results = case.tree("x.h5");
        let of_results = [
            "optimize/history/energy",
            "optimize/history/swap_acceptance",
            "measure/energy/series",
            "measure/energy/swap_acceptance",
        ];
        let all = of_results.map(|name| match name.ends_with("series") {
            true => (results.complexes(name).unwrap().iter())
                .flat_map(|z| [z.re, z.im])
                .collect(),
            false => results.reals(name).unwrap(),
        });
        (all, case.present().reals("parameters").unwrap())
    };
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let whole = numbers();
    let shares = &whole.0[1];
    assert!(
        shares.iter().all(|s| (0.05..=1.0).contains(s)),
        "{shares:?}"
    );
    for ranks in [2, 3] {
        expect_code(&case.ranks(ranks, &["run", "x.toml", "--fresh"]), 0);
        assert_eq!(whole, numbers(), "{ranks} ranks");
    }
    // Stopped behind three steps, and gone on with.
    let first = ["run", "x.toml", "--fresh", "--set", "optimize.steps=3"];
    expect_code(&case.alone(&first), 0);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    assert_eq!(whole, numbers(), "a restart");
    // Other replicas are another chain.
    let other = ["run", "x.toml", "--set", "sampler.tempering.replicas=4"];
    let out = case.alone(&other);
    expect_code(&out, 64);
    assert!(text(&out).contains("tempering"), "{}", text(&out));
}

#[test]
fn replicas_that_cannot_be_are_refused() {
    for (sampler, key) in [
        (
            "tempering = { least_power = 2.0 }",
            "sampler.tempering.least_power",
        ),
        (
            "tempering = { least_power = 0.0 }",
            "sampler.tempering.least_power",
        ),
        ("tempering = { replicas = 1 }", "sampler.tempering.replicas"),
        ("tempering = { replica = 4 }", "replica"),
        ("method = 'full-sum'\ntempering = {}", "sampler.tempering"),
    ] {
        let case = Case::new(&format!(
            "{ROUGH}[sampler]\n{sampler}\n[optimize]\nsteps = 1\n"
        ));
        let out = case.alone(&["check", "x.toml"]);
        expect_code(&out, 64);
        assert!(text(&out).contains(key), "{sampler}: {}", text(&out));
    }
    let classical = "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = \
                     'ising'\n[classical]\ntemperatures = [2.0]\n[sampler]\ntempering = {}\n";
    let out = Case::new(classical).alone(&["check", "x.toml"]);
    expect_code(&out, 64);
    assert!(text(&out).contains("sampler.tempering"), "{}", text(&out));
}

#[test]
fn replicas_are_counted_as_memory() {
    let memory = |sampler: &str| {
        let case = Case::new(
            &format!(
                "{ROUGH}[sampler]\nchains = 64\nsamples = 64\n{sampler}[optimize]\nsteps = \
                 1\nlearning_rate = 0.01\n"
            )
            .replace("size = 6", "size = 200"),
        );
        let out = case.alone(&["check", "x.toml", "--quick", "--json"]);
        expect_code(&out, 0);
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        json["memory_per_rank"].as_f64().unwrap()
    };
    let (alone, with) = (memory(""), memory("tempering = { replicas = 100 }\n"));
    // 6 400 walkers with a table of 200 hidden units each.
    assert!(with - alone > 6_336.0 * 200.0 * 16.0, "{alone} {with}");
}
