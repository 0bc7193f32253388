//! Circuits beside the reference numbers and beside tables of published kind, digit by digit.

use crate::common::{Case, expect_code};
use crate::reference::{entries, text};
use nishina::io::tree::Tree;
use toml::{Table, Value};

/// The results of an input.
fn run(input: &str) -> Case {
    let case = Case::new(input);
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn last(tree: &Tree, name: &str) -> f64 {
    let path = format!("construct/history/{name}");
    *tree.reals(&path).unwrap().last().unwrap()
}

fn close(found: f64, wanted: f64, tolerance: f64, what: &str) {
    let off = (found - wanted).abs();
    assert!(off < tolerance, "{what}: {found} is not {wanted}");
}

/// The input of an entry with the form of its bonds.
fn input(given: &Table, gates: &str) -> String {
    let hamiltonian = match text(given, "model") {
        "ising" => format!("kind = 'ising'\nhx = {}", given["hx"]),
        _ => format!(
            "kind = 'xxz'\ndelta = {}\nsign_rule = 'marshall'\nsector = {{ total_sz = 0 }}",
            given["delta"]
        ),
    };
    format!(
        "[lattice]\nkind = '{}'\nsize = {}\nboundary = '{}'\n[hamiltonian]\nj = {}\nunits = '{}'\n\
         {hamiltonian}\n[ansatz]\nkind = 'dbm'\n[sampler]\nmethod = 'full-sum'\n[construct]\n\
         time = {}\nstep = {}\ngates = '{gates}'\n[measure]\nsamples = 1\n",
        text(given, "lattice"),
        given["size"],
        text(given, "boundary"),
        given["j"],
        text(given, "units"),
        given["time"],
        given["step"],
    )
}

#[test]
fn energies_variances_infidelities_and_units_are_the_reference_numbers() {
    let all = entries("dbm.toml");
    assert_eq!(all.len(), 6);
    for entry in all {
        let id = text(&entry, "id");
        let (given, values) = (entry["given"].as_table(), entry["values"].as_table());
        let (given, values) = (given.unwrap(), values.unwrap());
        let wanted = |name: &str| values[name].as_float().unwrap();
        let is_ising = text(given, "model") == "ising";
        // Pairs and flips have one form.
        let forms: &[&str] = if is_ising {
            &["1d-3h"]
        } else {
            &["1d-3h", "2d-4h"]
        };
        for gates in forms {
            let case = run(&input(given, gates));
            let (tree, info) = (case.tree("x.h5"), case.info());
            for name in ["energy", "variance", "infidelity"] {
                close(
                    last(&tree, name),
                    wanted(name),
                    1e-9,
                    &format!("{id} {name}"),
                );
            }
            for name in ["mean", "variance"] {
                let of = if name == "mean" { "energy" } else { name };
                let found = tree.real(&format!("measure/energy/{name}")).unwrap();
                close(found, wanted(of), 1e-9, &format!("{id} {name}"));
            }
            let about = &info["construct"];
            let count = |name: &str| about[name].as_i64().unwrap();
            let key = |name: &str| match is_ising {
                true => format!("{name}_units"),
                false => format!("{name}_units_{}", gates.replace('-', "")),
            };
            assert_eq!(
                Some(count("hidden")),
                values[&key("hidden")].as_integer(),
                "{id}"
            );
            assert_eq!(
                Some(count("deep")),
                values[&key("deep")].as_integer(),
                "{id}"
            );
            assert_eq!(Some(count("steps")), values["steps"].as_integer(), "{id}");
            if let Some(Value::Integer(gates)) = values.get("gates") {
                assert_eq!(count("gates"), *gates, "{id}");
            }
        }
    }
}

/// Last energy and infidelity of a ring.
fn ring(sites: usize, hamiltonian: &str, (time, step): (f64, f64)) -> (f64, f64) {
    let case = run(&format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\n{hamiltonian}\n[ansatz]\n\
         kind = 'dbm'\n[sampler]\nmethod = 'full-sum'\n[construct]\ntime = {time}\nstep = {step}\n"
    ));
    let tree = case.tree("x.h5");
    (last(&tree, "energy"), last(&tree, "infidelity"))
}

#[test]
fn steps_converge_to_the_exact_evolution_as_their_fourth_power() {
    let steps = [0.1, 0.05, 0.025, 0.0125];
    let ising = "kind = 'ising'\nhx = 1.0";
    let exchange = "kind = 'heisenberg'\nunits = 'pauli'\nsign_rule = 'marshall'\n\
                    sector = { total_sz = 0 }";
    for (sites, hamiltonian, time, energies) in [
        (
            4,
            ising,
            1.0,
            [-5.2238649112, -5.2234353556, -5.2233043657, -5.2232701165],
        ),
        (
            6,
            ising,
            2.0,
            [-7.7270355895, -7.7271202961, -7.7271061514, -7.7271003721],
        ),
        (
            4,
            exchange,
            0.5,
            [-7.9977051511, -7.9998467945, -7.9999818008, -7.9999902306],
        ),
        (
            6,
            exchange,
            1.0,
            [
                -11.2100591925,
                -11.2110376521,
                -11.2110984767,
                -11.2111022728,
            ],
        ),
    ] {
        let found = steps.map(|step| ring(sites, hamiltonian, (time, step)));
        for ((energy, _), wanted) in found.iter().zip(energies) {
            close(*energy, wanted, 1e-9, hamiltonian);
        }
        for two in found.windows(2) {
            let ratio = two[0].1 / two[1].1;
            assert!((12.0..20.0).contains(&ratio), "{hamiltonian}: {found:?}");
        }
        if hamiltonian == ising && sites == 4 {
            for ((_, infidelity), wanted) in found.iter().zip([2.69e-5, 1.70e-6, 1.06e-7, 6.6e-9]) {
                close(*infidelity, wanted, 0.01 * wanted, hamiltonian);
            }
        }
    }
}
