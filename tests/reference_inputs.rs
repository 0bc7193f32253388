//! Decides whether an input says what it means: for every spin-1/2 entry of the reference data, the
//! lattice, the model and the sector of a TOML input compile to the operator that the entry's
//! formula states.

mod common;
#[path = "common/reference.rs"]
mod reference;

use common::{Case, expect_code, project};
use nishina::operator::{Monomial, TermTable, name};
use nishina::problem;
use nishina::registry::Registry;
use reference::{entries, files, hamiltonian, number, text, twice_sz};
use toml::{Table, Value};

fn folder() -> String {
    project()
        .join("tests/reference")
        .to_str()
        .unwrap()
        .to_string()
}

/// `[lattice]` of an entry, by its kind and size.
fn lattice(entry: &Table, n: usize) -> String {
    let kind = match text(entry, "lattice") {
        "chain, all pairs" => "chain",
        "square" | "triangular" | "honeycomb" | "kagome" | "cubic" | "chain" => {
            text(entry, "lattice")
        }
        _ => return format!("[lattice]\nkind = 'graph'\nsites = {n}\n"),
    };
    let boundary = match text(entry, "boundary") {
        "pbc" => "'periodic'",
        "obc" => "'open'",
        "pbc-x_obc-y" => "['periodic', 'open']",
        other => panic!("{}: {other}", text(entry, "id")),
    };
    format!(
        "[lattice]\nkind = '{kind}'\nsize = {}\nboundary = {boundary}\n",
        entry["size"]
    )
}

/// A Pauli file of an operator, for entries that no other model covers.
fn pauli_file(case: &Case, entry: &Table, n: usize) -> String {
    let sum = hamiltonian(entry, n).unwrap();
    let lines = sum
        .iter()
        .map(|(string, c)| format!("{:e},{}\n", c.re, name(string)));
    std::fs::write(
        case.path("p.csv"),
        format!("coefficient,string\n{}", lines.collect::<String>()),
    )
    .unwrap();
    "kind = 'pauli'\nfile = 'p.csv'\n".into()
}

/// The keys of the model in `[hamiltonian]`.
fn model(case: &Case, entry: &Table, n: usize) -> String {
    let get = |key: &str| number(entry, key).unwrap();
    let formula = text(entry, "hamiltonian");
    let file = |ending: &str| files(entry).into_iter().find(|f| f.ends_with(ending));
    if let Some(file) = files(entry).into_iter().find(|f| f.starts_with("pauli/")) {
        return format!("kind = 'pauli'\nfile = '{}/{file}'\n", folder());
    }
    if let Some(bonds) = file("-bonds.csv") {
        let fields =
            file("-fields.csv").map_or(String::new(), |f| format!("fields = '{}/{f}'\n", folder()));
        let units = text(entry, "operators");
        return format!(
            "kind = 'bonds'\nunits = '{units}'\nbonds = '{}/{bonds}'\n{fields}",
            folder()
        );
    }
    match formula {
        f if f.starts_with("H = -J sum_{i<j}") => {
            format!(
                "kind = 'ising'\nj = {}\nhx = {}\nalpha = {}\n",
                get("J"),
                get("h"),
                get("alpha")
            )
        }
        "H = -J sum_<ij> sz_i sz_j - h sum_i sx_i" => {
            format!("kind = 'ising'\nj = {}\nhx = {}\n", get("J"), get("h"))
        }
        "H = -J sum_<ij> sz_i sz_j - hx sum_i sx_i - hz sum_i sz_i" => {
            format!(
                "kind = 'ising'\nj = {}\nhx = {}\nhz = {}\n",
                get("J"),
                get("hx"),
                get("hz")
            )
        }
        "H = J sum_<ij> S_i . S_j" => format!("kind = 'heisenberg'\nj = {}\n", get("J")),
        f if f.starts_with("H = J1 sum") => {
            format!("kind = 'j1j2'\nj1 = {}\nj2 = {}\n", get("J1"), get("J2"))
        }
        f if f.starts_with("H = sum_<ij> (Sx_i Sx_j") => {
            format!("kind = 'xxz'\ndelta = {}\n", get("Delta"))
        }
        f if f.starts_with("H = sum_<ij> (Jx") => {
            // The entry's field enters with a plus sign.
            format!(
                "kind = 'xyz'\njx = {}\njy = {}\njz = {}\nhz = {}\n",
                get("Jx"),
                get("Jy"),
                get("Jz"),
                -get("hz")
            )
        }
        _ => pauli_file(case, entry, n),
    }
}

fn same(a: &[Monomial], b: &[Monomial]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.sites == b.sites && (a.coefficient - b.coefficient).norm() < 1e-12)
}

/// The entries of spins one half on finite lattices.
fn spins() -> impl Iterator<Item = (Table, usize)> {
    entries("energies.toml").into_iter().filter_map(|entry| {
        let n = entry.get("n_sites").and_then(Value::as_integer)? as usize;
        let spins = ["spin", "pauli"].contains(&text(&entry, "operators"))
            && text(&entry, "boundary") != "infinite";
        spins.then_some((entry, n))
    })
}

fn input(case: &Case, entry: &Table, n: usize) -> String {
    let sector = match twice_sz(entry) {
        Some(twice) => format!("sector = {{ total_sz = {:?} }}\n", twice as f64 / 2.0),
        None => String::new(),
    };
    format!(
        "{}[hamiltonian]\n{}{sector}",
        lattice(entry, n),
        model(case, entry, n)
    )
}

#[test]
fn inputs_compile_to_the_operators_of_the_reference() {
    let mut done = 0;
    for (entry, n) in spins() {
        let id = text(&entry, "id").to_string();
        let case = Case::new("");
        std::fs::write(case.path("x.toml"), input(&case, &entry, n)).unwrap();
        let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
        let problem =
            problem::problem(&source, &Registry::default()).unwrap_or_else(|e| panic!("{id}: {e}"));
        let expected = TermTable::compile(n, &hamiltonian(&entry, n).unwrap()).unwrap();
        let found = problem.hamiltonian.table().unwrap();
        assert!(
            same(&found.diagonal, &expected.diagonal),
            "{id}: the diagonal differs"
        );
        assert_eq!(found.flips.len(), expected.flips.len(), "{id}");
        for (f, e) in found.flips.iter().zip(&expected.flips) {
            assert!(
                f.sites == e.sites && same(&f.element, &e.element),
                "{id}: {f:?} is not {e:?}"
            );
        }
        let twice = problem.basis.fixed(nishina::basis::TOTAL_SZ).map(i64::from);
        assert_eq!(twice, twice_sz(&entry), "{id}");
        done += 1;
    }
    assert!(done >= 90, "only {done} entries were compared");
}

#[test]
fn imaginary_and_directional_couplings_through_the_command_line() {
    for wanted in [
        "xxz-dm-chain",
        "kitaev-honeycomb",
        "cluster-chain",
        "random-field-heisenberg",
    ] {
        let (entry, n) = spins()
            .find(|(e, _)| text(e, "id").starts_with(wanted))
            .unwrap();
        let case = Case::new("");
        std::fs::write(case.path("x.toml"), input(&case, &entry, n)).unwrap();
        let out = case.alone(&["exact", "x.toml", "--json"]);
        expect_code(&out, 0);
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let (found, expected) = (
            json["energies"][0].as_f64().unwrap(),
            entry["energy_total"].as_float().unwrap(),
        );
        assert!(
            (found - expected).abs() < 1e-9 * expected.abs(),
            "{wanted}: {found} instead of {expected}"
        );
    }
}
