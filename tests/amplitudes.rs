//! `measure.amplitudes`: ln ψ of listed configurations, for every wave function.

mod common;

use common::{Case, expect_code, text};
use nishina::ansatz::{ANSATZE, Ansatz, Context, build};
use nishina::basis::Basis;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

const LISTED: &str = "amplitudes = [[1, 1, 1, 1], [1, -1, -1, 1], [-1, -1, 1, -1]]\n";
const ROWS: [i8; 12] = [1, 1, 1, 1, 1, -1, -1, 1, -1, -1, 1, -1];

fn input(ansatz: &str, rest: &str) -> String {
    format!(
        "seed = 7\n[lattice]\nkind = 'square'\nsize = [2, 2]\nboundary = 'open'\n[hamiltonian]\n\
         kind = 'ising'\nhx = 1.0\n[ansatz]\n{ansatz}\n{rest}"
    )
}

/// ln ψ of the state of a table, from the library.
fn of_library(ansatz: &str) -> Vec<Complex64> {
    let spec = LatticeSpec::regular("square", &[2, 2], &[Boundary::Open]);
    let (lattice, basis) = (
        Lattice::new(&spec).unwrap(),
        Basis::spin_half(4, None).unwrap(),
    );
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: std::path::Path::new(""),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let state = build(&ansatz.parse().unwrap(), &context).unwrap();
    state.log_psi(&state.batch(&ROWS))
}

/// Holds logarithms to others, imaginary parts up to turns.
fn close(found: &[Complex64], wanted: &[Complex64], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (f, w) in found.iter().zip(wanted) {
        let d = f - w;
        let turns = (d.im / TAU).round() * TAU;
        assert!(
            d.re.abs() < 1e-12 && (d.im - turns).abs() < 1e-12,
            "{what}: {f} is not {w}"
        );
        assert!(f.im.abs() <= PI + 1e-15, "{what}: {f}");
    }
}

#[test]
fn every_wave_function_tells_them_on_any_ranks() {
    let kinds = [
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.3",
        "kind = 'feedforward'\nwidths = [4]",
        "kind = 'autoregressive'\nfeatures = [4]",
        "kind = 'boltzmann'\ndensity = 1\nphase = true\ninit = 0.3",
        "kind = 'dbm'\ndensity = 1\ninit = 0.3",
        "kind = 'eps'\ncluster = [2, 1]\ninit = 0.3",
        "kind = 'jastrow'\ninit = 0.3",
        "kind = 'mps'\nbond_dimension = 2\ninit = 0.3",
        "kind = 'table'\ninit = 0.3",
        "kind = 'peps'\nbond_dimension = 2\ninit = 0.3",
        "kind = 'product'\nfactors = [{ kind = 'jastrow', init = 0.2 }, { kind = 'table' }]",
        "kind = 'symmetrised'\nreflection = 1\nof = { kind = 'rbm', density = 1, init = 0.3 }",
    ];
    for ansatz in kinds {
        let wanted = of_library(ansatz);
        for (rest, ranks) in [
            (
                "[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 1\n",
                1,
            ),
            ("[measure]\nsamples = 0\n", 2),
        ] {
            let rest = match ansatz.contains("dbm") {
                true => rest.replace("[measure]", "[sampler]\nmethod = 'full-sum'\n[measure]"),
                false => rest.into(),
            };
            let rest = rest.replacen("[sampler]\nmethod = 'full-sum'\n[sampler]", "[sampler]", 1);
            let case = Case::new(&input(ansatz, &format!("{rest}{LISTED}")));
            let out = match ranks {
                1 => case.alone(&["run", "x.toml"]),
                _ => case.ranks(ranks, &["run", "x.toml"]),
            };
            expect_code(&out, 0);
            let tree = case.tree("x.h5");
            let found = tree.complexes("measure/amplitudes/log_psi").unwrap();
            close(&found, &wanted, ansatz);
            assert_eq!(
                tree.spins("measure/amplitudes/configurations").unwrap(),
                ROWS
            );
        }
    }
}

#[test]
fn the_sign_rule_is_in_them_and_info_shows_them() {
    // ψ of the machine is 1: the sign is that of the up spins on the sublattice of site 0.
    let text_of = "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'heisenberg'\n\
                   sector = { total_sz = 0 }\nsign_rule = 'marshall'\n[ansatz]\nkind = 'rbm'\n\
                   density = 1\ninit = 0.0\nparameters = 'real'\n[measure]\nsamples = 0\n\
                   amplitudes = [[1, -1, 1, -1], [1, 1, -1, -1]]\n";
    let case = Case::new(text_of);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case
        .tree("x.h5")
        .complexes("measure/amplitudes/log_psi")
        .unwrap();
    close(&found, &[Complex64::ZERO, Complex64::new(0.0, PI)], "signs");
    let info = case.info();
    assert_eq!(
        info["amplitudes"]["configurations"][1],
        serde_json::json!([1, 1, -1, -1])
    );
    assert_eq!(info["amplitudes"]["log_psi"][1][0], 0.0);
    assert!(info["energy"].is_null() && info["samples"] == 0, "{info}");
    let said = text(&case.alone(&["info", "x.h5"]));
    assert!(said.contains("ln psi [1,-1,1,-1] = 0.0"), "{said}");
    // Another list makes the finished measurement go on.
    let other = [
        "run",
        "x.toml",
        "--set",
        "measure.amplitudes=[[-1, 1, 1, -1]]",
    ];
    expect_code(&case.alone(&other), 0);
    let found = case
        .tree("x.h5")
        .complexes("measure/amplitudes/log_psi")
        .unwrap();
    close(&found, &[Complex64::new(0.0, PI)], "another list");
}

#[test]
fn vanishing_amplitudes_are_finite_numbers_in_files() {
    let ansatz = "kind = 'mps'\nload = 'a.h5'\nparameters = 'real'";
    let case = Case::new(&input(ansatz, &format!("[measure]\nsamples = 0\n{LISTED}")));
    let mut tree = nishina::io::tree::Tree::default();
    (0..4).for_each(|i| {
        tree.put_complex(
            &format!("A_{i}"),
            &[2, 1, 1],
            &[1.0, 0.0].map(Complex64::from),
        )
    });
    nishina::io::hdf5::write_atomic(&case.path("a.h5"), &tree).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case
        .tree("x.h5")
        .complexes("measure/amplitudes/log_psi")
        .unwrap();
    assert_eq!(found[0], Complex64::ZERO);
    assert!(
        found[1].re.is_finite() && found[1].re.exp() == 0.0,
        "{found:?}"
    );
    assert!(text(&case.alone(&["info", "x.h5"])).contains("= -inf"));
}

#[test]
fn wrong_configurations_are_refused_with_key_and_remedy() {
    let ansatz = "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1";
    let case = Case::new(&input(ansatz, "[measure]\nsamples = 16\n"));
    let sector = "hamiltonian={kind='heisenberg',sector={total_sz=0}}";
    for (settings, key, remedy) in [
        (
            vec!["measure.amplitudes=[[1, 1, 1]]"],
            "measure.amplitudes[0]",
            "one value for each site",
        ),
        (
            vec!["measure.amplitudes=[[1, 1, 1, 1], [1, 0, 1, 1]]"],
            "measure.amplitudes[1]",
            "-1, 1",
        ),
        (
            vec!["measure.amplitudes=[[1, 1, 1, 300]]"],
            "measure.amplitudes[0]",
            "-1, 1",
        ),
        (
            vec![sector, "measure.amplitudes=[[1, 1, 1, -1]]"],
            "measure.amplitudes[0]",
            "total sz = 0",
        ),
        (vec!["measure.samples=0"], "measure.samples", "at least 1"),
        (
            vec![
                "measure.samples=0",
                "measure.amplitudes=[[1, 1, 1, 1]]",
                "measure.target_error=0.1",
            ],
            "measure.target_error",
            "raise measure.samples",
        ),
    ] {
        let mut arguments = vec!["run", "x.toml"];
        settings.iter().for_each(|s| arguments.extend(["--set", s]));
        let out = case.alone(&arguments);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains(key) && said.contains(remedy),
            "{settings:?}: {said}"
        );
    }
}
