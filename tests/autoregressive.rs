//! Decides whether autoregressive wave functions with given parameters have the amplitudes,
//! log-derivatives, conditional probabilities, drawn configurations and energies that are known
//! otherwise, alone and projected.

mod common;
#[path = "common/reference.rs"]
mod reference;

use nishina::ansatz::autoregressive::{Autoregressive, autoregressive};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::derivatives::Matrix;
use nishina::ensemble::local_values_by_ratios;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::registry::Registry;
use nishina::table::Shelf;
use num_complex::Complex64;
use reference::{entries, text};
use std::f64::consts::TAU;
use std::path::Path;
use toml::{Table, Value};

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Integer(i) => vec![*i as f64],
        other => vec![other.as_float().unwrap()],
    }
}

fn number(table: &Table, key: &str) -> f64 {
    table[key].as_float().unwrap()
}

fn complex(value: &Value) -> Complex64 {
    let parts = numbers(value);
    Complex64::new(parts[0], parts[1])
}

fn lattice(entry: &Table) -> Lattice {
    let size: Vec<usize> = numbers(&entry["lattice"])
        .iter()
        .map(|&l| l as usize)
        .collect();
    let kind = if size.len() == 1 { "chain" } else { "square" };
    Lattice::new(&LatticeSpec::regular(kind, &size, &[Boundary::Periodic])).unwrap()
}

/// What `make` makes of the keys of an entry.
fn made<T>(
    entry: &Table,
    keys: &Table,
    make: impl Fn(&Table, &Context) -> nishina::error::Result<T>,
) -> T {
    let lattice = lattice(entry);
    let twice = entry.get("total_sz").map(|sz| 2 * sz.as_integer().unwrap());
    let basis = Basis::spin_half(lattice.sites, twice).unwrap();
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 1.into(),
        kinds: Shelf::new(ANSATZE),
        folder: Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    make(keys, &context).unwrap()
}

/// The wave function of an entry with its parameters.
fn wave(entry: &Table) -> Erased {
    let mut keys = entry["ansatz"].as_table().unwrap().clone();
    keys.insert("kind".into(), "autoregressive".into());
    if let Some(mode) = entry.get("mode") {
        let text = "kind = \"symmetrised\"\nmomentum = [0]\nspin_flip = 1";
        let mut outer: Table = text.parse().unwrap();
        outer.insert("mode".into(), mode.clone());
        outer.insert("of".into(), keys.into());
        keys = outer;
    }
    let mut psi = made(entry, &keys, build);
    set_parameters(entry, &mut psi);
    psi
}

fn set_parameters(entry: &Table, psi: &mut impl Ansatz) {
    let law = numbers(&entry["law"]);
    let mut values = Vec::new();
    for block in psi.layout() {
        let gain = if block.name.ends_with(".g") { 1.0 } else { 0.0 };
        for _ in 0..block.shape.iter().product::<usize>() {
            let k = values.len() as f64;
            values.push(law[0] * (law[1] + law[2] * k + law[3] * k * k).sin() + gain);
        }
    }
    assert_eq!(
        values.len() as i64,
        entry["parameters"].as_integer().unwrap()
    );
    let sum: f64 = values
        .iter()
        .enumerate()
        .map(|(k, p)| p * (k as f64).cos())
        .sum();
    assert!(
        (sum - number(entry, "parameters_cos")).abs() < 1e-10,
        "{}",
        text(entry, "id")
    );
    psi.set_parameters(&values).unwrap();
}

fn spins(up: &Value, sites: usize) -> Vec<i8> {
    let mut x = vec![-1; sites];
    numbers(up).iter().for_each(|&i| x[i as usize] = 1);
    x
}

#[track_caller]
fn close(id: &str, found: f64, expected: f64) {
    let error = (found - expected).abs() / (1.0 + expected.abs());
    assert!(error < 1e-9, "{id}: {found} instead of {expected}");
}

fn same_angle(a: f64, b: f64) -> f64 {
    b + (a - b) - TAU * ((a - b) / TAU).round()
}

/// O of one configuration.
fn row(psi: &Erased, x: &[i8]) -> Vec<Complex64> {
    match psi.derivatives(&psi.batch(x)).written_out() {
        Matrix::Complex(o) => o.into_raw_vec_and_offset().0,
        Matrix::Real(o) => o.iter().map(|&o| o.into()).collect(),
        Matrix::Rounded(_) => panic!("what is written out has double precision"),
    }
}

#[test]
fn amplitudes_and_derivatives_are_those_known() {
    for entry in entries("autoregressive.toml") {
        let (id, psi) = (text(&entry, "id"), wave(&entry));
        let table = |key: &str| entry[key].as_table().unwrap();
        for (name, up) in table("configurations") {
            let x = spins(up, psi.sites());
            let log = psi.log_psi(&psi.batch(&x))[0];
            let expected = complex(&table("ln_psi")[name]);
            close(id, log.re, expected.re);
            close(id, same_angle(log.im, expected.im), expected.im);
            let o = row(&psi, &x);
            let cos = |k: usize| (k as f64).cos();
            let sum: Complex64 = o.iter().enumerate().map(|(k, o)| o * cos(k)).sum();
            let expected = complex(&table("o_cos")[name]);
            close(id, sum.re, expected.re);
            close(id, sum.im, expected.im);
            let squares = o.iter().map(Complex64::norm_sqr).sum();
            close(id, squares, table("o_norm2")[name].as_float().unwrap());
        }
        let of = |name: &str| row(&psi, &spins(&table("configurations")[name], psi.sites()));
        let (a, b) = (of("neel"), of("mixed"));
        let gram: Complex64 = a.iter().zip(&b).map(|(a, b)| a * b.conj()).sum();
        let expected = complex(&entry["gram_neel_mixed"]);
        close(id, gram.re, expected.re);
        close(id, gram.im, expected.im);
    }
}

/// The bare wave function of an entry.
fn bare(entry: &Table) -> Autoregressive {
    let mut psi = made(entry, entry["ansatz"].as_table().unwrap(), autoregressive);
    set_parameters(entry, &mut psi);
    psi
}

#[test]
fn probabilities_and_drawn_configurations_are_those_known() {
    let alone = |entry: &Table| !entry.contains_key("mode");
    for entry in entries("autoregressive.toml").into_iter().filter(alone) {
        let (id, psi) = (text(&entry, "id"), bare(&entry));
        let n = psi.sites();
        for (name, up) in entry["configurations"].as_table().unwrap() {
            let found = psi.conditionals(&spins(up, n));
            let expected = numbers(&entry["p_up"][name]);
            found
                .iter()
                .zip(expected)
                .for_each(|(&p, expected)| close(id, p, expected));
        }
        let samples = entry["samples"].as_array().unwrap();
        let uniform =
            |w: usize, i: usize| (0.5 + 0.618033988749895 * (i + 1 + 100 * w) as f64).fract();
        let (mut xs, mut weights) = (vec![0; samples.len() * n], vec![0.0; samples.len()]);
        psi.draw_from(uniform, &mut xs, &mut weights);
        for (x, expected) in xs.chunks_exact(n).zip(samples) {
            let signs: String = x.iter().map(|&s| if s > 0 { '+' } else { '-' }).collect();
            assert_eq!(signs, expected.as_str().unwrap(), "{id}");
        }
        let logs = psi.log_psi(&psi.batch(&xs));
        for (log, weight) in logs.iter().zip(&weights) {
            assert!((2.0 * log.re - weight).abs() < 1e-12, "{id}");
        }
    }
}

/// All configurations of the sector.
fn all(entry: &Table, n: usize) -> Vec<u32> {
    let up = entry
        .get("total_sz")
        .map(|sz| n as u32 / 2 + sz.as_integer().unwrap() as u32);
    (0..1u32 << n)
        .filter(|w| up.is_none_or(|up| w.count_ones() == up))
        .collect()
}

fn row_of(word: u32, n: usize) -> impl Iterator<Item = i8> {
    (0..n).map(move |i| if word >> i & 1 == 1 { 1 } else { -1 })
}

/// (H ψ)(x)/ψ(x).
fn local_energy(model: &Table, lattice: &Lattice, psi: &[Complex64], word: u32) -> Complex64 {
    let own = psi[word as usize];
    let changed = |mask: u32| psi[(word ^ mask) as usize] / own;
    let n = lattice.sites;
    let mut energy = Complex64::ZERO;
    let shells = if model.contains_key("j2") { 2 } else { 1 };
    for shell in 1..=shells {
        let j = if shell == 2 {
            model["j2"].as_float().unwrap()
        } else {
            1.0
        };
        for bond in lattice.bonds(shell).unwrap() {
            let differs = (word >> bond.i ^ word >> bond.j) & 1 == 1;
            let zz = if differs { -1.0 } else { 1.0 };
            if text(model, "kind") == "ising" {
                energy -= zz;
                continue;
            }
            energy += 0.25 * j * zz;
            if differs {
                let turned = model.contains_key("sign_rule") && shell == 1;
                let sign = if turned { -1.0 } else { 1.0 };
                energy += 0.5 * j * sign * changed(1 << bond.i | 1 << bond.j);
            }
        }
    }
    if text(model, "kind") == "ising" {
        energy -= (0..n).map(|i| changed(1 << i)).sum::<Complex64>();
    }
    energy
}

#[test]
fn energies_variances_and_gradients_are_those_known() {
    for entry in entries("autoregressive.toml") {
        let (id, psi, lattice) = (text(&entry, "id"), wave(&entry), lattice(&entry));
        let n = psi.sites();
        let words = all(&entry, n);
        let xs: Vec<i8> = words.iter().flat_map(|&w| row_of(w, n)).collect();
        let batch = psi.batch(&xs);
        let mut amplitudes = vec![Complex64::ZERO; 1 << n];
        for (&word, log) in words.iter().zip(psi.log_psi(&batch)) {
            amplitudes[word as usize] = log.exp();
        }
        let norm: f64 = amplitudes.iter().map(Complex64::norm_sqr).sum();
        if entry
            .get("mode")
            .is_none_or(|mode| mode.as_str() == Some("normalised"))
        {
            assert!((norm - 1.0).abs() < 1e-12, "{id}: {norm}");
        }
        let derivatives = psi.derivatives(&batch);
        for model in entry["models"].as_array().unwrap() {
            let model = model.as_table().unwrap();
            let local = |&w: &u32| local_energy(model, &lattice, &amplitudes, w);
            let local: Vec<Complex64> = words.iter().map(local).collect();
            let weight = |k: usize| amplitudes[words[k] as usize].norm_sqr() / norm;
            let mean: f64 = local
                .iter()
                .enumerate()
                .map(|(k, e)| weight(k) * e.re)
                .sum();
            let square: f64 = (local.iter().enumerate())
                .map(|(k, e)| weight(k) * e.norm_sqr())
                .sum();
            close(id, mean, number(model, "energy"));
            close(id, square - mean * mean, number(model, "variance"));
            let centred = local
                .iter()
                .enumerate()
                .map(|(k, e)| 2.0 * weight(k) * (e - mean));
            let w: Vec<f64> = centred.flat_map(|z| [z.re, z.im]).collect();
            let gradient = derivatives.adjoint_times(&w);
            for (k, expected) in model["gradient"].as_table().unwrap() {
                let k: usize = k.parse().unwrap();
                close(id, gradient[k], expected.as_float().unwrap());
            }
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            close(id, norm, number(model, "gradient_norm"));
            let sum = gradient
                .iter()
                .enumerate()
                .map(|(k, g)| g * (k as f64).cos())
                .sum();
            close(id, sum, number(model, "gradient_cos"));
        }
    }
}

#[test]
fn energies_in_single_precision_agree_within_a_tenth_of_the_error_bar() {
    let text = "lattice = { kind = 'chain', size = 16 }\nhamiltonian = { kind = 'ising', hx = 1 }";
    let source = nishina::input::from_text(text, ".".into()).unwrap();
    let problem = nishina::problem::problem(&source, &Registry::default()).unwrap();
    let count = 2000;
    for keys in ["features = [4, 4]", "network = 'gru'\nhidden = 6"] {
        let built = |precision: &str| {
            let context = Context {
                lattice: &problem.lattice,
                basis: &problem.basis,
                origin: 1.into(),
                kinds: Shelf::new(ANSATZE),
                folder: Path::new("."),
                sign_rule: None,
                hamiltonian: None,
                path: "ansatz".into(),
            };
            let text = format!("kind = 'autoregressive'\n{keys}\nprecision = '{precision}'");
            let mut psi = build(&text.parse().unwrap(), &context).unwrap();
            let larger: Vec<f64> = psi.parameters().iter().map(|p| 2.0 * p).collect();
            psi.set_parameters(&larger).unwrap();
            psi
        };
        let double = built("double");
        let stream = |k| nishina::rng::stream(5, nishina::rng::Purpose::Law, k, 0);
        let mut rngs: Vec<_> = (0..count as u64).map(stream).collect();
        let (mut xs, mut weights) = (vec![0; 16 * count], vec![0.0; count]);
        let direct = double.direct().unwrap();
        direct.draw(&mut rngs, &mut xs, &mut weights);
        let energies = |psi: &Erased| -> Vec<f64> {
            let values = local_values_by_ratios(psi, &psi.batch(&xs), &xs, &*problem.hamiltonian);
            values.into_iter().map(|e| e.re).collect()
        };
        let (exact, rough) = (energies(&double), energies(&built("single")));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count as f64;
        let square = |e: &f64| (e - mean(&exact)).powi(2);
        let error = exact.iter().map(square).sum::<f64>().sqrt() / count as f64;
        let difference = mean(&rough) - mean(&exact);
        println!("{keys}: error bar {error:.1e}, difference {difference:.1e}");
        assert!(
            difference.abs() < 0.1 * error && difference != 0.0,
            "{keys}"
        );
    }
}
