//! Boltzmann machines whose units see a few consecutive sites, their products, and products that
//! grow.

mod common;
use common::{Case, expect_code, text};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::io::hdf5;
use nishina::io::tree::Tree;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::laws;
use nishina::table::Shelf;
use num_complex::Complex64;

fn chain(sites: usize, boundary: &str, ansatz: &str, rest: &str) -> String {
    format!(
        "seed = 3\n[lattice]\nkind = 'chain'\nsize = {sites}\nboundary = '{boundary}'\n\
         [hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\n{ansatz}\n{rest}"
    )
}

fn state(sites: usize, boundary: Boundary, ansatz: &str) -> Erased {
    let spec = LatticeSpec::regular("chain", &[sites], &[boundary]);
    let (lattice, basis) = (
        Lattice::new(&spec).unwrap(),
        Basis::spin_half(sites, None).unwrap(),
    );
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 5.into(),
        kinds: Shelf::new(ANSATZE),
        folder: std::path::Path::new(""),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    build(&ansatz.parse().unwrap(), &context).unwrap()
}

#[test]
fn machines_of_limited_range_keep_the_laws() {
    let basis = Basis::spin_half(6, None).unwrap();
    for (boundary, keys) in [
        (
            Boundary::Open,
            "density = 1\nparameters = 'real'\nrange = 3",
        ),
        (Boundary::Periodic, "density = 2\nrange = 4"),
        (
            Boundary::Periodic,
            "density = 2\nsymmetry = 'translations'\nrange = 3",
        ),
        (
            Boundary::Periodic,
            "density = 1\nsymmetry = 'space-group'\nrange = 2\nparameters = 'real'",
        ),
    ] {
        let ansatz = format!("kind = 'rbm'\ninit = 0.4\n{keys}");
        let mut psi = state(6, boundary, &ansatz);
        laws::laws(&mut psi, &basis, 1).unwrap_or_else(|e| panic!("{keys}: {e}"));
    }
    // Six units of three sites, with biases: 6 + 6 + 18 parameters.
    let psi = state(
        6,
        Boundary::Open,
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nrange = 3\nparameters = 'real'",
    );
    assert_eq!(psi.parameters().len(), 30);
}

const RANGED: &str =
    "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\nrange = 3\ninit = 0.3\nparameters = 'real'";
const SUM: &str = "[sampler]\nmethod = 'full-sum'\n";

/// W of results, rows of sites.
fn weights(tree: &Tree, path: &str) -> Vec<Vec<f64>> {
    let flat = tree.reals(path).unwrap();
    let sites = (flat.len() as f64).sqrt() as usize;
    flat.chunks(sites).map(<[f64]>::to_vec).collect()
}

#[test]
fn weights_outside_the_range_stay_zero_and_files_hold_the_whole_array() {
    let rest = format!(
        "{SUM}[optimize]\nsteps = 5\nlearning_rate = 0.1\n[convert]\nto = 'mps'\n[measure]\n\
         samples = 1\n"
    );
    let case = Case::new(&chain(8, "open", RANGED, &rest));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    let w = weights(&tree, "parameters/W");
    for unit in 0..8_usize {
        let first = unit.saturating_sub(1).min(5);
        for (site, row) in w.iter().enumerate() {
            assert_eq!(
                row[unit] != 0.0,
                (first..first + 3).contains(&site),
                "{site} {unit}"
            );
        }
    }
    // α (R − 1) = 2 units straddle a cut away from the ends.
    assert_eq!(
        tree.integers("convert/bond_dimensions").unwrap()[2..5],
        [4, 4, 4]
    );
    assert!(
        tree.integers("convert/compressed")
            .unwrap()
            .iter()
            .all(|&d| d <= 4)
    );
    assert!(tree.real("convert/deviation").unwrap() < 1e-12);
    assert!(tree.real("convert/lost_weight").unwrap() < 1e-12);
    // The whole array is read again, and a unit that sees more sites is refused.
    let input = std::fs::read_to_string(case.path("x.toml")).unwrap();
    let input = input.replace("[optimize]\nsteps = 5\nlearning_rate = 0.1\n", "");
    std::fs::write(case.path("y.toml"), input).unwrap();
    let load = ["run", "y.toml", "--set", "ansatz.load=x.h5"];
    let out = case.alone(&load);
    let again = match out.status.code() {
        Some(0) => weights(&case.tree("y.h5"), "parameters/W"),
        _ => panic!("{}", text(&out)),
    };
    assert_eq!(again, w);
    let narrow = [
        "run",
        "y.toml",
        "--fresh",
        "--set",
        "ansatz.load=x.h5",
        "--set",
        "ansatz.range=2",
    ];
    let out = case.alone(&narrow);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("W couples sites outside the range"),
        "{}",
        text(&out)
    );
}

#[test]
fn a_machine_of_the_range_of_the_chain_is_the_whole_machine() {
    let ansatz =
        |keys: &str| format!("kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.3\n{keys}");
    let whole = state(5, Boundary::Open, &ansatz(""));
    let ranged = state(5, Boundary::Open, &ansatz("range = 5"));
    assert_eq!(whole.parameters(), ranged.parameters());
    let xs = [1, -1, 1, 1, -1];
    assert_eq!(
        whole.log_psi(&whole.batch(&xs)),
        ranged.log_psi(&ranged.batch(&xs))
    );
}

fn refused(case: &Case, settings: &[&str], wanted: &[&str]) {
    let mut arguments = vec!["run", "x.toml", "--fresh"];
    settings.iter().for_each(|s| arguments.extend(["--set", s]));
    let out = case.alone(&arguments);
    expect_code(&out, 64);
    let said = text(&out);
    assert!(
        wanted.iter().all(|w| said.contains(w)),
        "{settings:?}: {said}"
    );
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let case = Case::new(&chain(8, "open", RANGED, "[measure]\nsamples = 16\n"));
    refused(&case, &["ansatz.range=9"], &["ansatz.range", "from 1 to 8"]);
    refused(&case, &["ansatz.range=0"], &["ansatz.range", "from 1 to 8"]);
    let square = ["lattice={kind='square',size=[4, 4]}"];
    refused(
        &case,
        &square,
        &["ansatz.range", "consecutive sites", "chain"],
    );
    let spins = ["basis={kind='spin',s=1}", "hamiltonian={kind='heisenberg'}"];
    refused(&case, &spins, &["ansatz.range", "spins one half"]);
}

#[test]
fn what_a_threshold_loses_is_told() {
    let rest = format!("{SUM}[convert]\nto = 'mps'\nthreshold = 0.5\n[measure]\nsamples = 1\n");
    let ansatz = "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.5\nparameters = 'real'";
    let case = Case::new(&chain(6, "open", ansatz, &rest));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let said = text(&out);
    assert!(said.contains("lower convert.threshold"), "{said}");
    let tree = case.tree("x.h5");
    assert!(tree.real("convert/lost_weight").unwrap() > 1e-6);
    let told = tree.texts("status/warnings").unwrap();
    assert!(
        told.iter().any(|w| w.contains("lower convert.threshold")),
        "{told:?}"
    );
}

#[test]
fn loaded_products_grow_to_the_bond_dimension_of_the_input() {
    let mut small = Tree::default();
    for i in 0..8 {
        let (left, right) = (if i == 0 { 1 } else { 2 }, if i == 7 { 1 } else { 2 });
        let number = |k: usize| Complex64::from(1.0 + (i as f64 + 1.7 * k as f64).sin());
        let all: Vec<Complex64> = (0..2 * left * right).map(number).collect();
        small.put_complex(&format!("A_{i}"), &[2, left, right], &all);
    }
    let log_psi = |init: &str, d: &str| {
        let ansatz = format!("kind = 'mps'\nload = 'a.h5'\nparameters = 'real'\n{init}\n{d}");
        let rest = "[measure]\nsamples = 0\namplitudes = [[1, 1, -1, 1, -1, -1, 1, 1]]\n";
        let case = Case::new(&chain(8, "open", &ansatz, rest));
        hdf5::write_atomic(&case.path("a.h5"), &small).unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        let shape = match &tree.datasets["parameters/A_4"] {
            nishina::io::tree::Value::Real(a) => a.shape().to_vec(),
            other => panic!("{other:?}"),
        };
        (
            tree.complexes("measure/amplitudes/log_psi").unwrap()[0],
            shape,
        )
    };
    let (as_it_is, shape) = log_psi("", "");
    assert_eq!(shape, [2, 2, 2]);
    let (grown, shape) = log_psi("init = 0.0", "bond_dimension = 4");
    assert_eq!(shape, [2, 4, 4]);
    assert!((grown - as_it_is).norm() < 1e-13, "{grown} {as_it_is}");
    let (noisy, _) = log_psi("init = 1e-3", "bond_dimension = 4");
    let moved = (noisy - as_it_is).norm();
    assert!(moved > 0.0 && moved < 0.1, "{noisy} {as_it_is}");
}

#[test]
fn tensors_that_cannot_fit_are_refused_with_a_figure() {
    let input = "[lattice]\nkind = 'square'\nsize = [3, 3]\nboundary = 'open'\n[hamiltonian]\n\
                 kind = 'ising'\nhx = 1.0\n[ansatz]\nkind = 'peps'\nbond_dimension = 2\n\
                 [measure]\nsamples = 16\n";
    let case = Case::new(input);
    let large = ["ansatz.bond_dimension=1000000000"];
    refused(
        &case,
        &large,
        &["ansatz.bond_dimension", "1e30 GB", "2 or 3"],
    );
    refused(
        &case,
        &["lattice.boundary=periodic"],
        &["lattice.boundary", "open"],
    );
    let wraps = [
        "ansatz={kind='eps',cluster=[4, 1]}",
        "lattice.boundary=periodic",
    ];
    refused(&case, &wraps, &["ansatz.cluster", "at most 3"]);
    // Files of another wave function are told by the blocks that are looked for.
    let mut other = Tree::default();
    other.put_complex("parameters/W", &[2, 2], &[Complex64::ONE; 4]);
    hdf5::write_atomic(&case.path("w.h5"), &other).unwrap();
    let eps = ["ansatz={kind='eps',cluster=[2, 2],load='w.h5'}"];
    refused(&case, &eps, &["ansatz.load", "has no C", "datasets C"]);
    refused(&case, &["ansatz.load=w.h5"], &["ansatz.load", "T_0"]);
}
