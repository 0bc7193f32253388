//! Ranks under a real mpirun: the same samples bit for bit, energies equal to rounding.

mod common;
use common::{Case, RING, expect_code};

#[test]
fn one_to_four_ranks_walk_the_same_path() {
    let input = format!(
        "{RING}[optimize]\nsteps = 20\nlearning_rate = 0.05\n[measure]\nsamples = \
         512\n[output]\nsamples = \"all\"\n"
    );
    let cases: Vec<_> = (1..=4)
        .map(|ranks| {
            let case = Case::new(&input);
            expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
            assert_eq!(case.info()["ranks"], ranks);
            case
        })
        .collect();
    let alone = Case::new(&input);
    expect_code(&alone.alone(&["run", "x.toml"]), 0);
    let energies = |case: &Case| case.tree("x.h5").reals("optimize/history/energy").unwrap();
    let samples = |case: &Case| case.first_segment().spins("configurations").unwrap();
    let (first, spins) = (energies(&alone), samples(&alone));
    assert_eq!(first.len(), 20);
    assert_eq!(spins.len(), 20 * 256 * 10);
    for case in &cases {
        // Equal parameters: the first step's samples agree bit for bit, and here those of all steps
        // do.
        assert_eq!(samples(case), spins);
        for (a, b) in first.iter().zip(energies(case)) {
            assert!((a - b).abs() < 1e-9 * a.abs(), "{a} {b}");
        }
    }
}

#[test]
fn more_ranks_than_chains_is_refused_once() {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 2\nlearning_rate = 0.05\n"
    ));
    let out = case.ranks(2, &["run", "x.toml", "--set", "sampler.chains=1"]);
    expect_code(&out, 64);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(said.matches("sampler.chains").count(), 1, "{said}");
    assert!(!case.path("x.h5").exists());
}

#[test]
fn an_output_that_cannot_be_written_ends_the_job_with_74() {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 2\nlearning_rate = 0.05\n"
    ));
    std::fs::write(case.path("taken"), "a file where a folder is wanted").unwrap();
    for ranks in [1, 3] {
        let out = case.ranks(ranks, &["run", "x.toml", "--set", "output.directory=taken"]);
        expect_code(&out, 74);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(said.matches("error: taken").count(), 1, "{said}");
    }
}
