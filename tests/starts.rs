//! Chains that begin in configurations of an earlier run, on any number of ranks.

mod common;

use common::{Case, RING, expect_code, text};

/// Sums of the values of all configurations of a samples file, with their chains.
fn sums(case: &Case, name: &str) -> Vec<(i64, i64)> {
    let tree = case.tree(name);
    let sites = 10;
    let spins = tree.spins("configurations").unwrap();
    let sums = spins
        .chunks(sites)
        .map(|x| x.iter().map(|&v| i64::from(v)).sum());
    tree.integers("chain")
        .unwrap()
        .into_iter()
        .zip(sums)
        .collect()
}

#[test]
fn chains_go_on_from_the_configurations_of_a_file() {
    let case = Case::new(&format!("{RING}[measure]\nsamples = 64\n"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let before = sums(&case, "x.samples.h5");
    // Exchanges keep the sum of the values, so that each chain shows where it began; a flip is
    // never drawn.
    let input = |file: &str| {
        let sampler = format!(
            "[sampler]\nmoves = [{{ kind = 'exchange', weight = 1e12 }}, 'flip']\n\
             start = {{ file = '{file}' }}"
        );
        format!(
            "{}[measure]\nsamples = 32\n",
            RING.replace("[sampler]", &sampler)
        )
    };
    for (file, ranks) in [("x.samples.h5", 1), ("x.samples.h5", 3), ("x.ckpt.h5", 2)] {
        std::fs::write(case.path("y.toml"), input(file)).unwrap();
        expect_code(&case.ranks(ranks, &["run", "y.toml", "--fresh"]), 0);
        let after = sums(&case, "y.samples.h5");
        assert_eq!(after.len(), 32);
        for (chain, sum) in after {
            // The last sample of a chain is where it stands.
            let last = before.iter().rev().find(|(c, _)| *c == chain).unwrap();
            assert_eq!(sum, last.1, "{file}, {ranks} ranks, chain {chain}");
        }
    }
    // What cannot be is refused before any work.
    for (file, words) in [
        ("none.h5", "none.h5"),
        ("x.h5", "no configurations of chains"),
    ] {
        std::fs::write(case.path("y.toml"), input(file)).unwrap();
        let out = case.alone(&["check", "y.toml", "--quick"]);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains("sampler.start.file") && said.contains(words),
            "{said}"
        );
    }
    let other = input("x.samples.h5").replace("size = 10", "size = 8");
    std::fs::write(case.path("y.toml"), other).unwrap();
    let out = case.alone(&["check", "y.toml", "--quick"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("have 10 sites, the lattice 8"),
        "{}",
        text(&out)
    );
}
