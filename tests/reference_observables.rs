//! Decides whether observables have their exact values: those of ground states that were computed
//! independently, and those of a fully given machine of six sites.

mod common;
use common::{Case, expect_code, project};
use nishina::io::tree::Tree;
use toml::{Table, Value};

fn entries() -> Vec<Table> {
    let text = std::fs::read_to_string(project().join("tests/reference/observables.toml")).unwrap();
    let table: Table = text.parse().unwrap();
    table["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e.as_table().unwrap().clone())
        .collect()
}

fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry[key].as_str().unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_float()
        .or(value.as_integer().map(|i| i as f64))
        .unwrap()
}

fn numbers(entry: &Table, key: &str) -> Option<Vec<f64>> {
    Some(entry.get(key)?.as_array()?.iter().map(number).collect())
}

fn sites(entry: &Table) -> usize {
    let size: usize = entry["size"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_integer().unwrap() as usize)
        .product();
    if text(entry, "lattice") == "kagome" {
        3 * size
    } else {
        size
    }
}

fn is_spin(entry: &Table) -> bool {
    text(entry, "operators") == "spin"
}

/// Lattice, Hamiltonian and full sums of an entry; the sign rule where one is asked for.
fn physics(entry: &Table, marshall: bool) -> String {
    let parameter = |key: &str| number(&entry["parameters"][key]);
    let model = match text(entry, "model") {
        "Heisenberg antiferromagnet" => "kind = 'heisenberg'".to_string(),
        "J1-J2 Heisenberg" => format!("kind = 'j1j2'\nj2 = {}", parameter("J2")),
        "XXZ" => format!("kind = 'xxz'\ndelta = {}", parameter("Delta")),
        "transverse-field Ising" => format!("kind = 'ising'\nhx = {}", parameter("h")),
        other => panic!("{other}"),
    };
    let boundary = if text(entry, "boundary") == "pbc" {
        "periodic"
    } else {
        "open"
    };
    let sector = if is_spin(entry) {
        "sector = { total_sz = 0 }"
    } else {
        ""
    };
    let rule = if marshall {
        "sign_rule = 'marshall'"
    } else {
        ""
    };
    format!(
        "[lattice]\nkind = '{}'\nsize = {}\nboundary = \
         '{boundary}'\n[hamiltonian]\n{model}\n{sector}\n{rule}\n[sampler]\n\
         method = 'full-sum'\n",
        text(entry, "lattice"),
        entry["size"],
    )
}

/// The blocks of an entry: sites 0 to a.
fn blocks(entry: &Table) -> Vec<usize> {
    let last = |e: &Value| {
        e["sites"]
            .as_str()
            .unwrap()
            .split_once("..")
            .unwrap()
            .1
            .parse()
            .unwrap()
    };
    entry["entropies"]
        .as_array()
        .unwrap()
        .iter()
        .map(last)
        .collect()
}

fn observables(entry: &Table) -> String {
    let mut list = vec!["'spin-correlations-zz'".to_string()];
    let lists: Vec<String> = blocks(entry)
        .iter()
        .map(|&a| format!("{:?}", (0..=a).collect::<Vec<_>>()))
        .collect();
    list.push(format!(
        "{{ kind = 'renyi-2', blocks = [{}] }}",
        lists.join(", ")
    ));
    if is_spin(entry) {
        list.push("'spin-correlations'".into());
        if text(entry, "lattice") != "kagome" {
            let momenta = if text(entry, "lattice") == "chain" {
                "[[0.5], [0.25]]"
            } else {
                "[[0.5, 0.5], [0.5, 0.0]]"
            };
            list.push(format!(
                "{{ kind = 'structure-factor', momenta = {momenta} }}"
            ));
            list.push(format!(
                "{{ kind = 'structure-factor-zz', momenta = {momenta} }}"
            ));
        }
    } else {
        list.push("'magnetisation'".into());
        list.push("'one-site'".into());
        for j in 1..sites(entry) {
            list.push(format!(
                "{{ kind = 'pauli', name = 'xx-{j}', terms = [[1.0, 'X0 X{j}']] }}"
            ));
        }
    }
    format!(
        "[measure]\nsamples = 16\nobservables = [{}]\n[output]\nsamples = 'none'\n",
        list.join(", ")
    )
}

/// Differences between what was measured and the entry, by name.
fn compare(entry: &Table, measured: &Tree) -> Vec<(String, f64)> {
    let n = sites(entry);
    let found = |path: &str| {
        measured
            .reals(&format!("measure/observables/{path}"))
            .unwrap()
    };
    let mut differences = Vec::new();
    let mut check = |name: &str, found: &[f64], expected: &[f64]| {
        assert_eq!(found.len(), expected.len(), "{name}");
        let largest = found
            .iter()
            .zip(expected)
            .map(|(f, e)| (f - e).abs())
            .fold(0.0, f64::max);
        differences.push((name.to_string(), largest));
    };
    check(
        "energy",
        &[measured.real("measure/energy/mean").unwrap()],
        &[number(&entry["energy_total"])],
    );
    let mut single = |key: &str, found: f64| {
        if let Some(expected) = entry.get(key) {
            check(key, &[found], &[number(expected)]);
        }
    };
    let zz = found("spin-correlations-zz/mean");
    if is_spin(entry) {
        let full = found("spin-correlations/mean");
        if text(entry, "lattice") != "kagome" {
            let (s, z) = (
                found("structure-factor/mean"),
                found("structure-factor-zz/mean"),
            );
            for (k, names) in [["pi", "pi_pi"], ["pi_over_2", "pi_0"]].iter().enumerate() {
                names
                    .iter()
                    .for_each(|name| single(&format!("structure_factor_{name}"), s[k]));
                names
                    .iter()
                    .for_each(|name| single(&format!("structure_factor_zz_{name}"), z[k]));
            }
        }
        if let Some(expected) = numbers(entry, "s_dot_s_from_site_0") {
            check("s_dot_s_from_site_0", &full[..n], &expected);
        }
        for bond in entry
            .get("s_dot_s_bonds")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let [i, j, expected] = [0, 1, 2].map(|k| number(&bond[k]));
            check(
                "s_dot_s_bonds",
                &[full[i as usize * n + j as usize]],
                &[expected],
            );
        }
    } else {
        single(
            "magnetisation_squared",
            found("magnetisation/squared/mean")[0],
        );
        single("abs_magnetisation", found("magnetisation/absolute/mean")[0]);
        single(
            "magnetisation_fourth",
            found("magnetisation/fourth/mean")[0],
        );
        check(
            "sx_per_site",
            &found("one-site/x/mean"),
            &numbers(entry, "sx_per_site").unwrap(),
        );
        check("sy", &found("one-site/y/mean"), &vec![0.0; n]);
        let xx: Vec<f64> = std::iter::once(1.0)
            .chain((1..n).map(|j| found(&format!("xx-{j}/mean"))[0]))
            .collect();
        check(
            "sxsx_from_site_0",
            &xx,
            &numbers(entry, "sxsx_from_site_0").unwrap(),
        );
    }
    check(
        "szsz_from_site_0",
        &zz[..n],
        &numbers(entry, "szsz_from_site_0").unwrap(),
    );
    let renyi: Vec<f64> = entry["entropies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| number(&e["renyi2"]))
        .collect();
    check("renyi2", &found("renyi-2/mean"), &renyi);
    differences
}

fn faults(entry: &Table, differences: Vec<(String, f64)>, tolerance: f64) -> Vec<String> {
    let id = text(entry, "id");
    let largest = differences.iter().map(|d| d.1).fold(0.0, f64::max);
    println!("{id}: {} values within {largest:.1e}", differences.len());
    differences
        .into_iter()
        .filter(|d| d.1.is_nan() || d.1 > tolerance)
        .map(|d| format!("{id}: {} {:.1e}", d.0, d.1))
        .collect()
}

#[test]
fn exact_amplitudes_have_every_reference_value() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let case = Case::new(&format!(
            "{}[ansatz]\nkind = 'table'\nparameters = 'real'\nfile = 'ground.h5'\n{}",
            physics(&entry, false),
            observables(&entry)
        ));
        expect_code(
            &case.alone(&["exact", "x.toml", "--output", "ground.h5"]),
            0,
        );
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        wrong.extend(faults(&entry, compare(&entry, &case.tree("x.h5")), 1e-8));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The fully given machine of six sites (complex, no symmetry) as flat parameters in the order a,
/// b, W.
fn golden() -> Vec<f64> {
    let mut flat = Vec::new();
    let real = f64::from;
    (0..6).for_each(|i| flat.extend([0.10 * real(1 + i).cos(), 0.05 * real(2 + i).sin()]));
    (0..6).for_each(|j| flat.extend([0.08 * real(1 + j).sin(), 0.06 * real(3 + j).cos()]));
    for i in 0..6 {
        (0..6).for_each(|j| {
            flat.extend([
                0.12 * real(1 + i + 2 * j).cos(),
                0.07 * real(2 + 3 * i + j).sin(),
            ]);
        });
    }
    flat
}

/// A case whose checkpoint holds the given machine.
fn golden_case(method: &str, samples: usize, observables: &str) -> Case {
    Case::new(&format!(
        "seed = 5\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = \
         1\n[ansatz]\nkind = 'rbm'\n\
         symmetry = 'none'\ndensity = 1\n[sampler]\nmethod = '{method}'\nchains = 16\nsamples = \
         1024\n[measure]\nsamples = {samples}\n\
         observables = [{observables}]\n"
    ))
}

struct Measured {
    mean: Vec<f64>,
    error: Vec<f64>,
    bins: usize,
}

/// Means and errors of the first observable of the list, of the given machine.
fn of_golden(method: &str, per_chain: usize, observable: &str) -> Measured {
    let case = golden_case(method, 16 * per_chain, observable);
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let problem =
        nishina::problem::problem(&source, &nishina::registry::Registry::default()).unwrap();
    let mut ensemble = nishina::problem::ensemble(&source, &problem, 0, 1).unwrap();
    ensemble.set_parameters(&golden()).unwrap();
    let keys = nishina::calculation::measure::keys(&source)
        .unwrap()
        .unwrap();
    let list = &keys.observables;
    let named =
        nishina::problem::observables(&source, &problem, list, "measure.observables").unwrap();
    let request = nishina::ensemble::Request {
        purpose: nishina::rng::Purpose::Measure,
        step: 0,
        burn_in: 100,
        per_chain,
    };
    ensemble.sample(&request).unwrap();
    let comm = nishina::comm::Serial;
    let summary =
        nishina::calculation::vmc::observe::observe(&comm, &*ensemble, &named, per_chain, 16)
            .unwrap()
            .remove(0);
    Measured {
        mean: summary.mean,
        error: summary.error,
        bins: summary.bins.len(),
    }
}

#[test]
fn entropy_of_the_given_machine() {
    let blocks = "blocks = [[0, 1, 2]]";
    let expected = 0.019149047623506;
    for method in ["swap", "ratio"] {
        let observable = format!("{{ kind = 'renyi-2', {blocks}, method = '{method}' }}");
        let exact = of_golden("full-sum", 1, &observable);
        assert!(
            (exact.mean[0] - expected).abs() < 1e-9,
            "{method}: {} for {expected}",
            exact.mean[0]
        );
        let sampled = of_golden("metropolis", 2048, &observable);
        let pull = (sampled.mean[0] - expected) / sampled.error[0];
        println!(
            "{method}: {} +- {} for {expected}, {} bins",
            sampled.mean[0], sampled.error[0], sampled.bins
        );
        assert!(
            pull.abs() < 4.0 && sampled.error[0] < 0.01 && sampled.bins >= 64,
            "{method}: pull {pull}"
        );
    }
}

#[test]
fn one_site_values_of_the_given_machine() {
    let z = [
        0.140423465745,
        -0.125823015524,
        -0.218967085513,
        -0.172946642724,
        0.098208484751,
        0.211233910824,
    ];
    let x = [
        0.975035360114,
        0.980224917523,
        0.962104891952,
        0.967284133394,
        0.983607698135,
        0.964717208320,
    ];
    let exact = of_golden("full-sum", 1, "'one-site'");
    for (k, expected) in z.iter().chain(&x).enumerate() {
        assert!(
            (exact.mean[k] - expected).abs() < 1e-11,
            "{k}: {} for {expected}",
            exact.mean[k]
        );
    }
}

/// Observables of every kind that need no file, of the ring of six sites.
const KINDS: [&str; 12] = [
    "'magnetisation'",
    "'transverse-magnetisation'",
    "'one-site'",
    "'spin-correlations'",
    "'spin-correlations-zz'",
    "'structure-factor'",
    "'structure-factor-zz'",
    "'dimer-correlations'",
    "{ kind = 'plaquette-correlations', plaquettes = [[0, 1, 2, 3], [1, 2, 3, 4], [2, 4, 5, 0]] }",
    "{ kind = 'pauli', terms = [[0.5, 'X0 Y1'], [-1.0, 'Y2 Z3 Y4'], [0.3, 'Z0']] }",
    "{ kind = 'string-order', axis = 'x' }",
    "{ kind = 'renyi-2', blocks = [[0], [0, 1], [2, 4], [0, 1, 2, 3]] }",
];

#[test]
fn samples_agree_with_full_sums_of_the_same_parameters() {
    let more = [
        "'string-order'",
        "{ kind = 'renyi-2', blocks = [[0], [0, 1], [2, 4]], method = 'ratio', copy_burn_in = 20 }",
    ];
    let mut largest = 0.0f64;
    for kind in KINDS.iter().chain(&more) {
        let exact = of_golden("full-sum", 1, kind);
        let sampled = of_golden("metropolis", 512, kind);
        assert!(sampled.bins >= 64, "{kind}: {} bins", sampled.bins);
        for (k, ((m, e), x)) in sampled
            .mean
            .iter()
            .zip(&sampled.error)
            .zip(&exact.mean)
            .enumerate()
        {
            assert!(m.is_finite() && e.is_finite(), "{kind} {k}: {m} +- {e}");
            let pull = (m - x).abs() / e.max(1e-12);
            largest = largest.max(pull);
            assert!(
                pull < 4.0 || (m - x).abs() < 1e-10,
                "{kind} {k}: {m} +- {e} for {x}"
            );
        }
    }
    println!("largest pull {largest:.2}");
}

/// The value of a sum of Pauli strings in the given machine, by a full sum.
fn strings(terms: &[(f64, String)]) -> f64 {
    let list: Vec<String> = terms
        .iter()
        .map(|(c, s)| format!("[{c:?}, '{s}']"))
        .collect();
    of_golden(
        "full-sum",
        1,
        &format!("{{ kind = 'pauli', terms = [{}] }}", list.join(", ")),
    )
    .mean[0]
}

/// c (sigma_i . sigma_j) of each pair, multiplied out.
fn products(c: f64, pairs: &[(usize, usize)]) -> Vec<(f64, String)> {
    let mut terms = vec![(c, String::new())];
    for (i, j) in pairs {
        let longer = |(c, s): &(f64, String)| {
            ["X", "Y", "Z"].map(|a| (*c, format!("{s} {a}{i} {a}{j}").trim().to_string()))
        };
        terms = terms.iter().flat_map(longer).collect();
    }
    terms
}

#[test]
fn four_spin_operators_are_sums_of_pauli_strings() {
    let dimers = of_golden(
        "full-sum",
        1,
        "{ kind = 'dimer-correlations', bonds = [[0, 1], [2, 3], [4, 2]] }",
    )
    .mean;
    let close = |found: f64, terms: &[(f64, String)], what: &str| {
        let expected = strings(terms);
        assert!(
            (found - expected).abs() < 1e-11,
            "{what}: {found} for {expected}"
        );
    };
    close(dimers[1], &products(1.0, &[(2, 3)]), "dimer");
    close(
        dimers[3 + 1],
        &products(1.0, &[(0, 1), (2, 3)]),
        "product of dimers",
    );
    assert!((dimers[3 + 9 + 1] - (dimers[3 + 1] - dimers[0] * dimers[1])).abs() < 1e-12);
    // P + P^-1 = 1/4 (1 + sum of all six pairs + (ij)(kl) + (il)(jk) - (ik)(jl)).
    let ring = of_golden(
        "full-sum",
        1,
        "{ kind = 'plaquette-correlations', plaquettes = [[0, 1, 3, 4]] }",
    )
    .mean;
    let mut terms = vec![(0.125, String::new())];
    for pair in [(0, 1), (0, 3), (0, 4), (1, 3), (1, 4), (3, 4)] {
        terms.extend(products(0.125, &[pair]));
    }
    terms.extend(products(0.125, &[(0, 1), (3, 4)]));
    terms.extend(products(0.125, &[(0, 4), (1, 3)]));
    terms.extend(products(-0.125, &[(0, 3), (1, 4)]));
    close(ring[0], &terms, "plaquette");
    let (x, z) = ("{ kind = 'string-order', axis = 'x' }", "'string-order'");
    for (observable, letter) in [(x, 'X'), (z, 'Z')] {
        let found = of_golden("full-sum", 1, observable).mean;
        // The entries [i, j] follow the means of the five distances.
        let string: Vec<String> = (1..=4).map(|k| format!("{letter}{k}")).collect();
        close(found[5 + 6 + 4], &[(1.0, string.join(" "))], observable);
        close(
            found[5 + 5 * 6 + 1],
            &[(1.0, format!("{letter}5 {letter}0 {letter}1"))],
            observable,
        );
    }
}

/// A machine that can represent the ground state of an entry, and how it is optimised: sign rule,
/// [ansatz], [optimize].
///
/// A step is one of imaginary time: the rate times the width of the spectrum has to stay below 2.
fn machine(entry: &Table) -> (bool, String, String) {
    let rbm = |density: usize, keys: &str| {
        let free = match keys.contains("symmetry") {
            true => "",
            false => "symmetry = 'none'\n",
        };
        format!("kind = 'rbm'\n{free}density = {density}\ninit = 0.05\n{keys}\n")
    };
    let optimize = |steps: usize, rate: f64, distance: f64, decay: f64, end: f64| {
        format!(
            "steps = {steps}\nlearning_rate = {rate}\nmax_distance = {distance}\n\
             shift = {{ kind = 'exponential', start = 1e-2, decay = {decay}, end = {end:e} }}\n"
        )
    };
    let steps = |steps: usize, rate: f64, end: f64| optimize(steps, rate, 0.2, 0.97, end);
    let even = "visible_bias = false\nhidden_bias = false";
    let tied = |group: &str| format!("symmetry = '{group}'\n{even}");
    let real = |keys: &str| format!("parameters = 'real'\n{keys}");
    match (
        text(entry, "model"),
        text(entry, "lattice"),
        text(entry, "boundary"),
    ) {
        (_, "kagome", _) => (false, rbm(4, ""), steps(800, 0.1, 1e-7)),
        ("J1-J2 Heisenberg", "square", _) => (
            true,
            rbm(8, &tied("space-group")),
            optimize(200, 0.07, 0.15, 0.96, 3e-5),
        ),
        ("J1-J2 Heisenberg", ..) => (true, rbm(6, &tied("translations")), steps(400, 0.1, 1e-7)),
        ("Heisenberg antiferromagnet", "square", _) => (
            true,
            rbm(8, &real(&tied("space-group"))),
            optimize(320, 0.05, 0.1, 0.96, 3e-5),
        ),
        ("transverse-field Ising", _, "pbc") => {
            let (wide, rate) = match number(&entry["energy_total"]).abs() {
                e if e > 50.0 => (3, 0.015),
                e if e > 30.0 => (2, 0.023),
                _ => (3, 0.04),
            };
            (
                false,
                rbm(wide, &real(&tied("translations"))),
                steps(350, rate, 1e-5),
            )
        }
        ("transverse-field Ising", ..) => (false, rbm(2, &real(even)), steps(400, 0.05, 1e-7)),
        (_, _, "pbc") => (
            true,
            rbm(4, &real(&tied("translations"))),
            steps(500, 0.12, 1e-7),
        ),
        _ => (true, rbm(2, &real(even)), steps(300, 0.12, 1e-7)),
    }
}

#[test]
fn converged_machines_have_every_reference_value_to_a_thousandth() {
    let long = std::env::var_os("NISHINA_LONG").is_some();
    let mut wrong = Vec::new();
    for entry in entries()
        .iter()
        .filter(|e| long || (sites(e) <= 12 && text(e, "lattice") != "kagome"))
    {
        let (marshall, ansatz, optimize) = machine(entry);
        let case = Case::new(&format!(
            "seed = 3\n{}[ansatz]\n{ansatz}[optimize]\n{optimize}{}",
            physics(entry, marshall),
            observables(entry)
        ));
        let clock = std::time::Instant::now();
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        wrong.extend(faults(entry, compare(entry, &case.tree("x.h5")), 1e-3));
        println!("    {:.0} s", clock.elapsed().as_secs_f64());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
