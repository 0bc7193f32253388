//! Matrix product states in runs: reference numbers, states that are known exactly, exact samples,
//! optimisation, and Boltzmann machines in this form.

mod common;
#[path = "common/reference.rs"]
mod reference;

use common::sections::Compared;
use common::{Case, expect_code, text};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::io::hdf5;
use nishina::io::tree::Tree;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::table::Shelf;
use num_complex::Complex64;
use toml::{Table, Value};

fn entry(id: &str) -> Table {
    let found = reference::entries("mps.toml").into_iter();
    let mut found = found.filter(|e| reference::text(e, "id") == id);
    found.next().unwrap()
}

/// All numbers of a value, row by row.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Integer(number) => vec![*number as f64],
        other => vec![other.as_float().unwrap()],
    }
}

fn close(found: &[f64], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (f, w) in found.iter().zip(wanted) {
        assert!((f - w).abs() < 1e-9, "{what}: {f} is not {w}");
    }
}

fn chain(sites: usize, boundary: &str, hamiltonian: &str, ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\nboundary = '{boundary}'\n[hamiltonian]\n\
         {hamiltonian}\n[ansatz]\n{ansatz}\n{rest}"
    )
}

const SUM: &str = "[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 1\nobservables = \
                   ['entanglement']\n";

/// The tensors of the reference numbers: δ_ab + c sin(1+3i+5s+7a+11b), and with complex numbers
/// i c cos(3+3i+5s+7a+11b) as well.
fn tensors(sites: usize, bond: usize, open: bool, complex: bool) -> Tree {
    let mut tree = Tree::default();
    for i in 0..sites {
        let rows = if open && i == 0 { 1 } else { bond };
        let columns = if open && i == sites - 1 { 1 } else { bond };
        let number = |k: usize| {
            let (s, a, b) = (k / (rows * columns), k / columns % rows, k % columns);
            let phase = (3 * i + 5 * s + 7 * a + 11 * b) as f64;
            let one = f64::from(u8::from(a == b));
            let im = if complex {
                0.1 * (3.0 + phase).cos()
            } else {
                0.0
            };
            Complex64::new(one + 0.1 * (1.0 + phase).sin(), im)
        };
        let all: Vec<Complex64> = (0..2 * rows * columns).map(number).collect();
        tree.put_complex(&format!("A_{i}"), &[2, rows, columns], &all);
    }
    tree
}

/// ln ψ of configurations of the state in a file.
fn log_psi(case: &Case, ansatz: &str, xs: &[i8], sites: usize) -> Vec<Complex64> {
    let spec = LatticeSpec::regular("chain", &[sites], &[Boundary::Open]);
    let (lattice, basis) = (
        Lattice::new(&spec).unwrap(),
        Basis::spin_half(sites, None).unwrap(),
    );
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: case.folder.path(),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let state: Erased = build(&ansatz.parse().unwrap(), &context).unwrap();
    state.log_psi(&state.batch(xs))
}

#[test]
fn energies_amplitudes_and_entropies_of_given_tensors() {
    for (id, bond, open, hx) in [
        ("mps-open6-d2-real", 2, true, 1.0),
        ("mps-ring6-d3-complex", 3, false, 0.9),
    ] {
        let entry = entry(id);
        let values = entry["values"].as_table().unwrap();
        let (ends, parameters) = match open {
            true => ("open", "real"),
            false => ("periodic", "complex"),
        };
        let ansatz = format!(
            "kind = 'mps'\nboundary = '{ends}'\nparameters = '{parameters}'\nload = 'a.h5'"
        );
        let model = format!("kind = 'ising'\nhx = {hx}");
        let case = Case::new(&chain(6, ends, &model, &ansatz, SUM));
        hdf5::write_atomic(&case.path("a.h5"), &tensors(6, bond, open, !open)).unwrap();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        for name in ["energy", "variance"] {
            let path = match name {
                "energy" => "measure/energy/mean",
                _ => "measure/energy/variance",
            };
            close(&tree.reals(path).unwrap(), &numbers(&values[name]), name);
        }
        if let Some(entropies) = values.get("entropies") {
            let found = tree.reals("measure/observables/entanglement/mean").unwrap();
            close(&found, &numbers(entropies), "entropies");
        }
        let xs: Vec<i8> = numbers(&values["configurations"])
            .iter()
            .map(|&x| x as i8)
            .collect();
        let found = log_psi(&case, &ansatz, &xs, 6);
        let found: Vec<f64> = found.iter().flat_map(|z| [z.re, z.im]).collect();
        close(&found, &numbers(&values["log_psi"]), "ln psi");
    }
}

#[test]
fn the_dimers_of_majumdar_and_ghosh() {
    // A^s_{0,1+s} = 1, A^0_{2,0} = -1, A^1_{1,0} = 1: both coverings of the ring.
    let mut all = [0.0; 18];
    (all[1], all[9 + 2]) = (1.0, 1.0);
    (all[2 * 3], all[9 + 3]) = (-1.0, 1.0);
    let mut tree = Tree::default();
    tree.put_complex("A", &[2, 3, 3], &all.map(Complex64::from));
    let ansatz = "kind = 'mps'\nboundary = 'periodic'\nsymmetry = 'translations'\nparameters = \
                  'real'\nload = 'a.h5'";
    let model = "kind = 'j1j2'\nj2 = 0.5\nunits = 'pauli'";
    let case = Case::new(&chain(8, "periodic", model, ansatz, SUM));
    hdf5::write_atomic(&case.path("a.h5"), &tree).unwrap();
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let tree = case.tree("x.h5");
    close(
        &tree.reals("measure/energy/mean").unwrap(),
        &[-12.0],
        "energy",
    );
    close(
        &tree.reals("measure/energy/variance").unwrap(),
        &[0.0],
        "variance",
    );
}

const PERFECT: &str = "[sampler]\nmethod = 'perfect'\nsamples = 256\n";
const STATE: &str = "kind = 'mps'\nbond_dimension = 4\ninit = 0.4";
const ISING: &str = "kind = 'ising'\nhx = 1.0";

#[test]
fn exact_samples_full_sums_and_chains_agree() {
    let rest = format!("{PERFECT}[measure]\nsamples = 16384\nobservables = ['entanglement']\n");
    let case = Case::new(&chain(8, "open", ISING, STATE, &rest));
    let found = |setting: &str| {
        let method = format!("sampler.method={setting}");
        expect_code(
            &case.alone(&["run", "x.toml", "--fresh", "--set", &method]),
            0,
        );
        let tree = case.tree("x.h5");
        let of = |name: &str| tree.reals(&format!("measure/{name}")).unwrap_or_default();
        (
            of("energy/mean")[0],
            of("energy/error").first().copied().unwrap_or(0.0),
            of("energy/tau").first().copied().unwrap_or(0.5),
            of("observables/entanglement/mean"),
        )
    };
    let (exact, _, _, entropies) = found("full-sum");
    let (perfect, error, tau, own) = found("perfect");
    assert_eq!(tau, 0.5);
    assert!(
        error < 0.1 && (perfect - exact).abs() < 4.0 * error,
        "{perfect} {error} {exact}"
    );
    close(
        &own,
        &entropies,
        "entropies from samples and from amplitudes",
    );
    let (chains, other, ..) = found("metropolis");
    let both = error.hypot(other);
    assert!(
        (chains - perfect).abs() < 4.0 * both,
        "{chains} {perfect} {both}"
    );
}

#[test]
fn exact_samples_go_on_bit_for_bit() {
    let steps = "[optimize]\nsteps = 12\nlearning_rate = 0.05\nshift = 0.001\n[measure]\nsamples = \
                 512\n";
    let input = chain(6, "open", ISING, STATE, &format!("{PERFECT}{steps}"));
    let (whole, parts) = (Case::new(&input), Case::new(&input));
    expect_code(&whole.alone(&["run", "x.toml"]), 0);
    let some = ["run", "x.toml", "--set", "optimize.steps=5"];
    expect_code(&parts.alone(&some), 0);
    expect_code(&parts.alone(&["run", "x.toml"]), 0);
    assert_eq!(whole.optimised(), parts.optimised());
    assert_eq!(whole.info()["energy"], parts.info()["energy"]);
}

#[test]
fn an_open_chain_of_ten_is_optimised_to_its_ground_state() {
    let ansatz = "kind = 'mps'\nbond_dimension = 32\nparameters = 'real'";
    let model = "kind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'";
    let rest = "[sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = 80\nlearning_rate = 0.2\nshift \
                = { kind = 'exponential', start = 1e-3, decay = 0.9, end = 1e-6 }\n[measure]\n\
                samples = 1\n";
    let case = Case::new(&chain(10, "open", model, ansatz, rest));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let mean = case.tree("x.h5").reals("measure/energy/mean").unwrap()[0];
    let exact = -4.258_035_207_282_883;
    assert!(mean > exact - 1e-10 && mean < exact + 1e-6, "{mean}");
}

/// The machine of an entry, with its windows.
fn machine(entry: &Table, sites: usize) -> (Tree, usize) {
    let given = entry["given"].as_table().unwrap();
    let windows = given["windows"].as_array().unwrap();
    let windows: Vec<Vec<f64>> = windows.iter().map(numbers).collect();
    let (size, hidden) = (given["w"].as_float().unwrap(), windows.len());
    let mut tree = Tree::default();
    let real = |k: usize| k as f64;
    let a = |i: usize| Complex64::new(0.2 * (1.0 + real(i)).cos(), 0.1 * (2.0 + real(i)).sin());
    let b = |j: usize| Complex64::new(0.15 * (1.0 + real(j)).sin(), 0.1 * (3.0 + real(j)).cos());
    let w = |k: usize| {
        let (i, j) = (real(k / hidden), real(k % hidden));
        let window = &windows[k % hidden];
        match window[0] <= i && i <= window[1] {
            true => Complex64::new(
                size * (1.0 + i + 2.0 * j).cos(),
                size * 0.7 * (2.0 + 3.0 * i + j).sin(),
            ),
            false => Complex64::ZERO,
        }
    };
    tree.put_complex("a", &[sites], &(0..sites).map(a).collect::<Vec<_>>());
    tree.put_complex("b", &[hidden], &(0..hidden).map(b).collect::<Vec<_>>());
    let all: Vec<_> = (0..sites * hidden).map(w).collect();
    tree.put_complex("W", &[sites, hidden], &all);
    (tree, hidden)
}

/// A run that converts the machine of an entry.
fn conversion(id: &str, sites: usize) -> (Case, Table) {
    let entry = entry(id);
    let (tree, hidden) = machine(&entry, sites);
    let density = hidden as f64 / sites as f64;
    let ansatz = format!("kind = 'rbm'\nsymmetry = 'none'\ndensity = {density}\nload = 'rbm.h5'");
    let rest = format!("{SUM}[convert]\nto = 'mps'\n[output]\ncheckpoint_every = 1e-9\n");
    let case = Case::new(&chain(sites, "periodic", ISING, &ansatz, &rest));
    hdf5::write_atomic(&case.path("rbm.h5"), &tree).unwrap();
    (case, entry["values"].as_table().unwrap().clone())
}

#[test]
fn machines_become_products_with_their_ranks_and_entropies() {
    for (id, sites) in [("rbm-mps-n8", 8), ("rbm-mps-n6-full2", 6)] {
        let (case, values) = conversion(id, sites);
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        let list = |name: &str| -> Vec<f64> {
            let all = tree.integers(&format!("convert/{name}")).unwrap();
            all.iter().map(|&n| n as f64).collect()
        };
        let wanted = |name: &str| numbers(&values[name]);
        close(&list("bond_dimensions"), &wanted("bond_dimensions"), id);
        close(&list("compressed"), &wanted("schmidt_ranks"), id);
        close(
            &tree.reals("convert/entropies").unwrap(),
            &wanted("entropies"),
            id,
        );
        let deviation = tree.reals("convert/deviation").unwrap()[0];
        assert!(deviation < 1e-13, "{id}: {deviation}");
        let ring = values["tfim_ring_h1"].as_table().unwrap();
        for (path, name) in [("mean", "energy"), ("variance", "variance")] {
            let found = tree.reals(&format!("measure/energy/{path}")).unwrap();
            close(&found, &numbers(&ring[name]), name);
        }
        assert_eq!(
            case.info()["convert"]["compressed"]
                .as_array()
                .unwrap()
                .len(),
            sites - 1
        );
        // The tensors of the results are the same state.
        let ansatz = "kind = 'mps'\nload = 'x.h5'";
        let other = Case::new(&chain(sites, "periodic", ISING, ansatz, SUM));
        std::fs::copy(case.path("x.h5"), other.path("y.h5")).unwrap();
        let load = ["run", "x.toml", "--set", "ansatz.load=y.h5"];
        expect_code(&other.alone(&load), 0);
        let found = other.tree("x.h5").reals("measure/energy/mean").unwrap();
        close(
            &found,
            &numbers(&ring["energy"]),
            "energy of the loaded state",
        );
    }
}

#[test]
fn a_sector_has_no_entropies_of_the_product() {
    for (sector, told) in [("", true), ("sector = { total_sz = 0 }", false)] {
        let model = format!("kind = 'heisenberg'\nsign_rule = 'marshall'\n{sector}");
        let rest = "[sampler]\nmethod = 'full-sum'\n[convert]\nto = 'mps'\n";
        let ansatz = "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\ninit = 0.3";
        let case = Case::new(&chain(4, "open", &model, ansatz, rest));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let tree = case.tree("x.h5");
        assert!(tree.real("convert/deviation").unwrap() < 1e-12);
        assert_eq!(tree.reals("convert/entropies").is_ok(), told);
    }
}

#[test]
fn products_that_learn_know_their_norm() {
    let rest = "[sampler]\nmethod = 'METHOD'\nsamples = 4096\n[learn]\n\
                objective = 'kullback-leibler'\ntarget = { kind = 'ground-state' }\n\
                steps = 0\nlearning_rate = 0.01\n";
    let nll = |method: &str| {
        let rest = rest.replace("METHOD", method);
        let case = Case::new(&chain(6, "open", ISING, STATE, &rest));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        case.tree("x.h5").real("learn/nll").unwrap()
    };
    let (sum, drawn) = (nll("full-sum"), nll("perfect"));
    assert!((sum - drawn).abs() < 1e-9, "{sum} {drawn}");
}

#[test]
fn conversions_are_the_same_on_any_ranks_and_after_kills() {
    let make = || conversion("rbm-mps-n8", 8).0;
    let compared = Compared::new("convert", &make);
    let whole = compared.whole();
    compared.same_on_more_ranks(&whole);
    compared.same_after_kills(&whole, &[(1, 1), (1, 2)], 1, "continuing from");
}

#[test]
fn what_cannot_work_is_refused_with_the_key() {
    let refused = |case: &Case, settings: &[&str], key: &str, remedy: &str| {
        let mut arguments = vec!["run", "x.toml"];
        settings.iter().for_each(|s| arguments.extend(["--set", s]));
        let out = case.alone(&arguments);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains(key) && said.contains(remedy),
            "{settings:?}: {said}"
        );
    };
    let (case, _) = conversion("rbm-mps-n8", 8);
    refused(
        &case,
        &["convert.max_bond=8"],
        "convert.max_bond",
        "bond dimension of 16",
    );
    refused(
        &case,
        &["convert.threshold=1.5"],
        "convert.threshold",
        "from 0 to below 1",
    );
    refused(&case, &["convert.to=peps"], "convert.to", "mps");
    let rest = format!("{PERFECT}[measure]\nsamples = 256\n");
    let case = Case::new(&chain(6, "periodic", ISING, STATE, &rest));
    let periodic = ["ansatz.boundary=periodic"];
    refused(&case, &periodic, "sampler.method", "boundary = \"open\"");
    refused(
        &case,
        &["ansatz.bond_dimension=0"],
        "ansatz.bond_dimension",
        "such as 8",
    );
    refused(&case, &["ansatz.load=none.h5"], "ansatz.load", "A_0");
    let mut tree = tensors(6, 2, true, false);
    tree.put_complex("A_3", &[2, 3, 2], &[Complex64::ONE; 12]);
    hdf5::write_atomic(&case.path("a.h5"), &tree).unwrap();
    refused(
        &case,
        &["ansatz.load=a.h5"],
        "ansatz.load",
        "[2, 2, right bond] is expected",
    );
}
