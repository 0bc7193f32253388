//! Decides whether states of plaquettes and tensors with given parameters have the amplitudes and
//! energies that are known otherwise, and whether a cluster of all sites reaches the ground state.

mod common;
#[path = "common/reference.rs"]
mod reference;

use common::{Case, expect_code};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value};
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::table::Shelf;
use num_complex::Complex64;
use reference::{entries, text};
use toml::Table;

/// All numbers of a value, row by row.
fn numbers(value: &toml::Value) -> Vec<f64> {
    match value {
        toml::Value::Array(list) => list.iter().flat_map(numbers).collect(),
        toml::Value::Integer(i) => vec![*i as f64],
        other => vec![other.as_float().unwrap()],
    }
}

/// A wave function of this table with the parameters of a file `start.h5`.
fn loaded(table: &Table, lattice: &Lattice, folder: &std::path::Path) -> Erased {
    let basis = Basis::spin_half(lattice.sites, None).unwrap();
    let context = Context {
        lattice,
        basis: &basis,
        origin: 1.into(),
        kinds: Shelf::new(ANSATZE),
        folder,
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    build(table, &context).unwrap()
}

/// Holds an entry to its amplitudes, and a run that loads its parameters to energy and variance.
fn check(entry: &Table, keys: &str, start: &Tree) {
    let (given, values) = (&entry["given"], &entry["values"]);
    let word = |key: &str| given[key].as_str().unwrap();
    let size: Vec<usize> = numbers(&given["size"])
        .iter()
        .map(|&l| l as usize)
        .collect();
    let ansatz = format!(
        "{keys}\nload = \"start.h5\"\nparameters = \"{}\"",
        word("parameters")
    );
    let (j, hx) = (1.0, &given["hamiltonian"]["hx"]);
    let case = Case::new(&format!(
        "[lattice]\nkind = \"square\"\nsize = {size:?}\nboundary = \"{}\"\n[hamiltonian]\n\
         kind = \"ising\"\nj = {j}\nhx = {hx}\n[ansatz]\n{ansatz}\n[sampler]\n\
         method = \"full-sum\"\n[measure]\nsamples = 1\n",
        word("boundary")
    ));
    hdf5::write_atomic(&case.path("start.h5"), start).unwrap();
    let boundary = match word("boundary") {
        "open" => Boundary::Open,
        _ => Boundary::Periodic,
    };
    let lattice = Lattice::new(&LatticeSpec::regular("square", &size, &[boundary])).unwrap();
    let state = loaded(&ansatz.parse().unwrap(), &lattice, case.folder.path());
    let xs: Vec<i8> = numbers(&values["configurations"])
        .iter()
        .map(|&s| s as i8)
        .collect();
    let logs = state.log_psi(&state.batch(&xs));
    for (log, wanted) in logs.iter().zip(numbers(&values["log_psi"]).chunks(2)) {
        let wanted = Complex64::new(wanted[0], wanted[1]);
        assert!(
            ((log - wanted).exp() - 1.0).norm() < 1e-9,
            "{log} is not {wanted}"
        );
    }
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let found = case.tree("x.h5");
    for (name, key) in [("mean", "energy"), ("variance", "variance")] {
        if let Some(wanted) = values.get(key).and_then(toml::Value::as_float) {
            let found = found.real(&format!("measure/energy/{name}")).unwrap();
            assert!(
                (found - wanted).abs() < 1e-9 * wanted.abs(),
                "{name} {found}, not {wanted}"
            );
        }
    }
}

fn of_kind(file: &str, kind: &str) -> Vec<Table> {
    let all = entries(file)
        .into_iter()
        .filter(|e| text(e, "calculation") == kind);
    all.collect()
}

/// Writes numbers as complex ones, or as real ones where the entry says so.
fn put(tree: &mut Tree, name: &str, shape: &[usize], entry: &Table, all: Vec<Complex64>) {
    if entry["given"]["parameters"].as_str() == Some("complex") {
        return tree.put_complex(name, shape, &all);
    }
    let real = all.iter().map(|z| z.re).collect();
    let real = ndarray::ArrayD::from_shape_vec(shape, real).unwrap();
    tree.put(name, Value::Real(real));
}

#[test]
fn plaquettes_with_given_coefficients() {
    let all = of_kind("plaquettes.toml", "eps");
    assert_eq!(all.len(), 2);
    for entry in all {
        let given = &entry["given"];
        let tied = given["symmetry"].as_str() == Some("translations");
        let clusters = given["clusters"].as_integer().unwrap() as usize;
        let tables = if tied { 1 } else { clusters };
        let c = |at: usize| {
            let (p, k) = ((at / 16) as f64, (at % 16) as f64);
            let re = 0.3 * (1.0 + 2.0 * p + 3.0 * k).sin();
            Complex64::new(re, 0.2 * (2.0 + p + 5.0 * k).cos())
        };
        let shape = if tied { vec![16] } else { vec![tables, 16] };
        let mut start = Tree::default();
        let all = (0..16 * tables).map(c).collect();
        put(&mut start, "parameters/C", &shape, &entry, all);
        let symmetry = given["symmetry"].as_str().unwrap();
        let keys = format!("kind = \"eps\"\ncluster = [2, 2]\nsymmetry = \"{symmetry}\"");
        check(&entry, &keys, &start);
    }
}

/// Of an open chain of 8 sites; the state has as many parameters as there are configurations.
#[test]
fn a_cluster_of_all_sites_reaches_the_ground_state() {
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 8\nboundary = 'open'\n[hamiltonian]\n\
         kind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'\n[ansatz]\n\
         kind = 'eps'\ncluster = [8]\nparameters = 'real'\n[sampler]\nmethod = 'full-sum'\n\
         [optimize]\nsteps = 150\nlearning_rate = 0.2\nshift = 1e-6\n[measure]\nsamples = 1\n",
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    expect_code(&case.alone(&["exact", "x.toml", "--output", "e.h5"]), 0);
    let exact = case.tree("e.h5").reals("energies").unwrap()[0];
    let found = case.tree("x.h5").real("measure/energy/mean").unwrap();
    assert!((found - exact).abs() < 1e-8, "{found} is not {exact}");
}

#[test]
fn networks_with_given_tensors() {
    let all = of_kind("peps.toml", "peps");
    assert_eq!(all.len(), 2);
    for entry in all {
        let size = numbers(&entry["given"]["size"])[0] as usize;
        let c = entry["given"]["amplitude"].as_float().unwrap();
        let mut start = Tree::default();
        for site in 0..size * size {
            let (x, y) = (site % size, site / size);
            let inside = [x > 0, x + 1 < size, y > 0, y + 1 < size];
            let legs = inside.map(|inside| 1 + usize::from(inside));
            let shape: Vec<usize> = std::iter::once(2).chain(legs).collect();
            let mut at = [0; 5];
            let mut tensor = Vec::new();
            for mut k in 0..shape.iter().product() {
                for (place, &extent) in at.iter_mut().zip(&shape).rev() {
                    (*place, k) = (k % extent, k / extent);
                }
                let factors = [5.0, 7.0, 11.0, 13.0, 17.0];
                let sum: f64 = at.iter().zip(factors).map(|(&i, f)| f * i as f64).sum();
                let angle = 1.0 + 3.0 * site as f64 + sum;
                let one = f64::from(u8::from(at[1..] == [0; 4]));
                tensor.push(Complex64::new(
                    one + c * angle.sin(),
                    c * (1.0 + angle).cos(),
                ));
            }
            put(&mut start, &format!("T_{site}"), &shape, &entry, tensor);
        }
        for keys in ["boundary_dimension = 0", "bond_dimension = 2"] {
            check(&entry, &format!("kind = \"peps\"\n{keys}"), &start);
        }
    }
}

/// Small boundaries lose weight, which the results and a warning tell; large ones lose none.
#[test]
fn results_say_what_contractions_threw_away() {
    let case = Case::new(
        "[lattice]\nkind = 'square'\nsize = [4, 3]\nboundary = 'open'\n[hamiltonian]\n\
         kind = 'ising'\nhx = 2.0\n[ansatz]\nkind = 'peps'\nbond_dimension = 2\n\
         boundary_dimension = 1\ninit = 0.3\n[sampler]\nchains = 4\nsamples = 16\n\
         [measure]\nsamples = 64\n",
    );
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(common::text(&out).contains("raise ansatz.boundary_dimension"));
    let lost = case.tree("x.h5").real("measure/truncation").unwrap();
    assert!(lost > 1e-6 && lost < 1.0, "{lost}");
    let path = case.path("y.toml");
    let load = "[ansatz]\nkind = 'peps'\nload = 'x.h5'\n";
    let input = std::fs::read_to_string(case.path("x.toml")).unwrap();
    let (head, tail) = input.split_once("[ansatz]").unwrap();
    let (_, tail) = tail.split_once("[sampler]").unwrap();
    std::fs::write(&path, format!("{head}{load}[sampler]{tail}")).unwrap();
    expect_code(
        &case.alone(&["run", "y.toml", "--set", "ansatz.boundary_dimension=0"]),
        0,
    );
    assert_eq!(case.tree("y.h5").real("measure/truncation"), Ok(0.0));
    let [a, b] = ["x.h5", "y.h5"].map(|f| case.tree(f).complexes("parameters/T_5").unwrap());
    assert_eq!(a, b);
}

#[test]
fn a_file_that_is_missing_is_told_with_the_datasets_of_its_kind() {
    for (ansatz, datasets) in [
        (
            "kind = \"eps\"\ncluster = [2, 2]",
            "datasets C, or flat for all of them (line",
        ),
        (
            "kind = \"peps\"\nbond_dimension = 2",
            "datasets T_0, T_1, T_2, T_3, T_4, T_5, or flat for all of them (line",
        ),
        (
            "kind = \"rbm\"\ndensity = 1",
            "datasets a, b, W, or flat for all of them, or a text N, M, a, b, W (line",
        ),
    ] {
        let out = Case::new(&format!(
            "[lattice]\nkind = \"square\"\nsize = [3, 2]\nboundary = \"open\"\n[hamiltonian]\n\
             kind = \"ising\"\nhx = 1.0\n[ansatz]\n{ansatz}\nload = \"absent.h5\"\n[measure]\n\
             samples = 16\n"
        ))
        .alone(&["run", "x.toml"]);
        expect_code(&out, 64);
        let said = common::text(&out);
        assert!(said.contains(datasets), "{said}");
    }
}
