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

#[test]
fn rows_that_become_columns_give_the_same_run() {
    // 706 real parameters, 40 samples: dense rows that three and five ranks turn; their shares of
    // samples and of columns are uneven.
    for (method, own) in [
        (
            "kernel-sr",
            "scale_invariant = { eps1 = 1e-2, eps2 = 1e-3 }",
        ),
        ("march", "shift = 0.01"),
    ] {
        let case = Case::new(&format!(
            "[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = \
             \"j1j2\"\nj2 = 0.5\nsector = {{ total_sz = 0 }}\n[ansatz]\nkind = \
             \"vit\"\nwidth = 6\nheads = 2\nlayers = 2\nratio = 2\n[sampler]\nchains = \
             8\nsamples = 40\n[optimize]\nsteps = 4\nlearning_rate = 0.05\nmethod = \
             \"{method}\"\n{own}\n"
        ));
        let energies = || case.tree("x.h5").reals("optimize/history/energy").unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let alone = energies();
        for ranks in [3, 5] {
            expect_code(&case.ranks(ranks, &["run", "x.toml", "--fresh"]), 0);
            let found = energies();
            assert_eq!(found.len(), 4);
            for (a, b) in alone.iter().zip(&found) {
                assert!((a - b).abs() < 1e-8 * a.abs(), "{method} {ranks}: {a} {b}");
            }
        }
        // The same ranks give the same bits; numbers of single precision travel as such.
        let found = energies();
        expect_code(&case.ranks(5, &["run", "x.toml", "--fresh"]), 0);
        assert_eq!(found, energies());
        let single = "ansatz.precision=\"single\"";
        let out = case.ranks(3, &["run", "x.toml", "--fresh", "--set", single]);
        expect_code(&out, 0);
        for (a, b) in alone.iter().zip(energies()) {
            assert!((a - b).abs() < 1e-3 * a.abs(), "{method} single: {a} {b}");
        }
    }
}
