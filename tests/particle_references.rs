//! Ground states of longer spins and bosons have the observables of the reference, samples of them
//! agree, and symmetrised states of spins one lie in their momentum blocks.

#[path = "common/reference.rs"]
mod reference;

use ndarray::Array2;
use nishina::ansatz::table::Table as Amplitudes;
use nishina::ansatz::{Ansatz, Erased};
use nishina::basis::Basis;
use nishina::calculation::vmc::observe::observe;
use nishina::comm::Serial;
use nishina::ensemble::{Ensemble, FullSum, Request};
use nishina::exact::{self, ExactOptions};
use nishina::input::Source;
use nishina::linalg::lapack::Lapack;
use nishina::observable::{Named, OBSERVABLES, ObservableContext, build};
use nishina::operator::apply;
use nishina::problem::{Problem, ensemble, problem, wave_function};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::stats::Summary;
use nishina::table::Shelf;
use num_complex::Complex64;
use reference::{entries, particle_input, text};
use std::path::Path;
use toml::{Table, Value};

const CHAINS: usize = 16;
const PER_CHAIN: usize = 512;

fn built(input: &str) -> (Source, Problem<'static>) {
    let source = nishina::input::from_text(input, ".".into()).expect(input);
    let problem = problem(&source, &Registry::default()).expect(input);
    (source, problem)
}

fn levels(problem: &Problem, states: usize) -> Vec<Vec<Complex64>> {
    let options = ExactOptions {
        states,
        momentum: None,
        seed: 3,
        memory_limit: 2e9,
    };
    let result = exact::solve(&*problem.hamiltonian, &problem.basis, None, &options);
    result.unwrap().vectors.unwrap()
}

fn table(basis: &Basis, psi: &[Complex64]) -> Erased {
    Erased::new(Amplitudes::<Complex64>::from_amplitudes(basis, psi).unwrap())
}

/// Observables of these tables; `other` is the state that an overlap compares with.
fn observables(problem: &Problem, other: &[Complex64], tables: &[String]) -> Vec<Named> {
    let context = ObservableContext {
        lattice: &problem.lattice,
        basis: &problem.basis,
        hamiltonian: &problem.hamiltonian,
        units: problem.units,
        seed: 5,
        circuit: None,
        folder: Path::new("."),
        state: &|_, _| Ok(table(&problem.basis, other)),
        path: "measure.observables".into(),
    };
    let one = |text: &String| build(&text.parse().unwrap(), &context, Shelf::new(OBSERVABLES));
    tables.iter().map(|text| one(text).expect(text)).collect()
}

/// The observables of a basis that need no other state, with one block.
fn kinds(entry: &Table, block: &[usize]) -> Vec<String> {
    let names: &[&str] = match text(entry, "operators") {
        "boson" => &["density", "density-correlations", "one-body-density"],
        _ => &[
            "spin-correlations",
            "spin-correlations-zz",
            "structure-factor-zz",
        ],
    };
    let mut all: Vec<String> = names.iter().map(|n| format!("kind = '{n}'")).collect();
    if entry.contains_key("momentum_distribution") {
        all.push("kind = 'momentum-distribution'".into());
    }
    if entry.contains_key("string_order_from_site_0") {
        all.push("kind = 'string-order'".into());
    }
    all.push(format!("kind = 'renyi-2'\nblocks = [{block:?}]"));
    all
}

/// The full sum over a state.
fn summed(problem: &Problem, state: Erased, list: &[Named]) -> Vec<Summary> {
    let mut sum = FullSum::new(state, &problem.basis, |states| 0..states).unwrap();
    sum.sample(&request()).unwrap();
    observe(&Serial, &sum, list, 1, 1).unwrap()
}

fn request() -> Request {
    Request {
        purpose: Purpose::Measure,
        step: 0,
        burn_in: 100,
        per_chain: PER_CHAIN,
    }
}

/// The values of a quantity, `kind` or `kind/name`.
fn values(list: &[Named], summaries: &[Summary], path: &str) -> Vec<f64> {
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    let place = list.iter().position(|n| n.name == kind).expect(path);
    let mut rest = &summaries[place].mean[..];
    for quantity in list[place].observable.quantities() {
        let (own, others) = rest.split_at(quantity.entries());
        if quantity.name == name {
            return own.to_vec();
        }
        rest = others;
    }
    panic!("no {path}")
}

/// Key of the reference, quantity, number of the first entry.
const QUANTITIES: &[(&str, &str, usize)] = &[
    ("szsz_from_site_0", "spin-correlations-zz", 0),
    ("s_dot_s_from_site_0", "spin-correlations", 0),
    ("string_order_from_site_0", "string-order/pairs", 1),
    ("density", "density/sites", 0),
    ("density_variance", "density/variance", 0),
    ("n0_nj", "density-correlations", 0),
    ("bdag0_bj", "one-body-density", 0),
    ("momentum_distribution", "momentum-distribution", 0),
];

#[test]
fn ground_states_have_the_observables_of_the_reference() {
    let (mut compared, mut states) = (0, 0);
    for entry in entries("particles_observables.toml") {
        let (id, sites) = (text(&entry, "id"), |list: &Value| -> Vec<f64> {
            let list = list.as_array().unwrap().iter();
            list.map(|v| {
                v.as_float()
                    .unwrap_or_else(|| v.as_integer().unwrap() as f64)
            })
            .collect()
        });
        let (_, problem) = built(&particle_input(&entry).expect(id));
        let psi = levels(&problem, 1).remove(0);
        let mut near = |found: f64, wanted: f64, what: &str| {
            assert!(
                (found - wanted).abs() < 1e-7,
                "{id}, {what}: {found} instead of {wanted}"
            );
            compared += 1;
        };
        for entropy in entry["entropies"].as_array().unwrap() {
            let last = entropy["sites"]
                .as_str()
                .unwrap()
                .strip_prefix("0..")
                .unwrap();
            let block: Vec<usize> = (0..=last.parse().unwrap()).collect();
            let list = observables(&problem, &psi, &kinds(&entry, &block));
            let summaries = summed(&problem, table(&problem.basis, &psi), &list);
            let of = |path: &str| values(&list, &summaries, path);
            near(
                of("renyi-2")[0],
                entropy["renyi2"].as_float().unwrap(),
                "renyi2",
            );
            for (key, path, first) in QUANTITIES {
                let wanted = entry.get(*key).map_or(Vec::new(), sites);
                for (found, wanted) in of_entry(&wanted, || of(path), *first) {
                    near(found, wanted, key);
                }
            }
            if let Some(wanted) = entry
                .get("structure_factor_zz_pi")
                .and_then(Value::as_float)
            {
                let all = of("structure-factor-zz");
                near(all[all.len() / 2], wanted, "structure_factor_zz_pi");
            }
            if let Some(wanted) = entry.get("condensate_fraction").and_then(Value::as_float) {
                near(
                    of("one-body-density/condensate_fraction")[0],
                    wanted,
                    "condensate_fraction",
                );
            }
        }
        states += 1;
    }
    assert!(
        states == 12 && compared > 400,
        "{states} states, {compared} numbers"
    );
}

/// Pairs of what was found and what is wanted; nothing is asked for where nothing is wanted.
fn of_entry(wanted: &[f64], found: impl Fn() -> Vec<f64>, first: usize) -> Vec<(f64, f64)> {
    match wanted.is_empty() {
        true => Vec::new(),
        false => found()
            .into_iter()
            .skip(first)
            .zip(wanted.iter().copied())
            .collect(),
    }
}

#[test]
fn samples_of_ground_states_agree_with_the_reference() {
    let mut largest = 0.0f64;
    for entry in entries("particles_observables.toml") {
        let id = text(&entry, "id");
        if ![
            "spin1-n6-pbc-D2",
            "spin3half-n6-pbc",
            "bose-hubbard-chain-5-pbc-nb5-nmax3-U4",
        ]
        .contains(&id)
        {
            continue;
        }
        let sampler = format!(
            "seed = 6\n{}[ansatz]\nkind = 'table'\nparameters = 'complex'\n\
             [sampler]\nchains = {CHAINS}\nsamples = {}\nsweeps = 3\n",
            particle_input(&entry).unwrap(),
            CHAINS * PER_CHAIN
        );
        let (source, problem) = built(&sampler);
        let psi = levels(&problem, 1).remove(0);
        let other: Vec<Complex64> = psi.iter().map(|z| z + 0.05).collect();
        let mut tables = kinds(&entry, &[0, 1]);
        tables.push("kind = 'renyi-2'\nname = 'ratio'\nblocks = [[0, 1]]\nmethod = 'ratio'".into());
        tables.push("kind = 'overlap'\nfile = 'other.h5'".into());
        let list = observables(&problem, &other, &tables);
        let exact = summed(&problem, table(&problem.basis, &psi), &list);
        let mut chains = ensemble(&source, &problem, 0, 1).unwrap();
        chains
            .set_parameters(&table(&problem.basis, &psi).parameters())
            .unwrap();
        chains.sample(&request()).unwrap();
        let sampled = observe(&Serial, &*chains, &list, PER_CHAIN, CHAINS).unwrap();
        for ((named, exact), sampled) in list.iter().zip(&exact).zip(&sampled) {
            let all = sampled.mean.iter().zip(&sampled.error).zip(&exact.mean);
            for (k, ((mean, error), wanted)) in all.enumerate() {
                let distance = (mean - wanted).abs();
                let what = format!("{id}, {} {k}: {mean} +- {error} for {wanted}", named.name);
                assert!(distance < 4.0 * error + 1e-9, "{what}");
                largest = largest.max(distance / error.max(1e-9));
            }
        }
    }
    println!("largest distance {largest:.2} errors");
}

/// T x of the ring: site i + 1 has the value of site i.
fn translated(basis: &Basis, psi: &[Complex64]) -> Vec<Complex64> {
    let numbering = basis.numbering().unwrap();
    let mut out = vec![Complex64::ZERO; psi.len()];
    for (k, z) in psi.iter().enumerate() {
        let mut x = numbering.row(k);
        x.rotate_right(1);
        out[numbering.number(&x).unwrap()] = *z;
    }
    out
}

/// Σ_r e^{i k r} T^r/N: the part with ψ(T x) = e^{i k} ψ(x), k = 2π m/N.
fn projected(basis: &Basis, psi: &[Complex64], m: usize) -> Vec<Complex64> {
    let n = basis.sites();
    let (mut out, mut moved) = (vec![Complex64::ZERO; psi.len()], psi.to_vec());
    for r in 0..n {
        let phase = Complex64::cis(std::f64::consts::TAU * (m * r) as f64 / n as f64);
        (out.iter_mut().zip(&moved)).for_each(|(o, z)| *o += phase * z / n as f64);
        moved = translated(basis, &moved);
    }
    out
}

#[test]
fn symmetrised_states_of_spins_one_lie_in_their_momentum_blocks() {
    let mut lowest = Vec::new();
    for m in 0..6 {
        let input = format!(
            "seed = 3\n[basis]\nkind = 'spin'\ns = 1\n[lattice]\nkind = 'chain'\nsize = 6\n\
             [hamiltonian]\nkind = 'heisenberg'\nsector = {{ total_sz = 0 }}\n\
             [ansatz]\nkind = 'symmetrised'\nmomentum = [{m}]\n\
             of = {{ kind = 'table', parameters = 'complex', init = 0.4 }}\n"
        );
        let (source, problem) = built(&input);
        let (basis, numbering) = (&problem.basis, problem.basis.numbering().unwrap());
        let d = numbering.dimension();
        let unit = |k: usize| (0..d).map(|l| f64::from(u8::from(k == l)).into()).collect();
        // P H P + 100 (1 − P), column by column.
        let mut block = Array2::<Complex64>::zeros((d, d));
        for k in 0..d {
            let e: Vec<Complex64> = unit(k);
            let inside = projected(basis, &e, m);
            let image = apply(&*problem.hamiltonian, &numbering, &inside, 0..d);
            for (l, z) in projected(basis, &image, m).into_iter().enumerate() {
                block[(l, k)] = z + 100.0 * (e[l] - inside[l]);
            }
        }
        let (energies, rows) = Complex64::eigen(block).unwrap();
        // The lowest state of the block and random parts of all others, which are projected away.
        let mut psi = wave_function(&source, &problem).unwrap();
        let noise = psi.parameters();
        let noise: Vec<Complex64> = noise
            .chunks(2)
            .map(|z| Complex64::new(z[0] - 1.0, z[1]))
            .collect();
        let inside = projected(basis, &noise, m);
        let mixed = (0..d).map(|k| rows[(0, k)].conj() + noise[k] - inside[k]);
        psi.set_parameters(&mixed.flat_map(|z| [z.re, z.im]).collect::<Vec<_>>())
            .unwrap();
        let mut sum = FullSum::new(psi, basis, |states| 0..states).unwrap();
        sum.sample(&request()).unwrap();
        let local = sum.local_values(&*problem.hamiltonian).unwrap();
        let pairs = || sum.weights().iter().zip(&local.values);
        let energy: f64 = pairs().map(|(w, e)| w * e.re).sum();
        let variance: f64 = pairs().map(|(w, e)| w * (e - energy).norm_sqr()).sum();
        assert!(
            (energy - energies[0]).abs() < 1e-9 && variance < 1e-16 * d as f64,
            "momentum {m}: {energy}, variance {variance} for {}",
            energies[0]
        );
        lowest.push(energies[0]);
    }
    // Opposite momenta are degenerate; the ground state is at 0 and the first triplet at pi.
    assert!((lowest[1] - lowest[5]).abs() < 1e-10 && (lowest[2] - lowest[4]).abs() < 1e-10);
    let others = lowest[1].min(lowest[2]);
    assert!(lowest[0] < lowest[3] && lowest[3] < others, "{lowest:?}");
}

#[test]
fn a_twist_of_bosons_is_refused_with_the_known_keys() {
    let input = "[basis]\nkind = 'boson'\nmax_occupation = 3\n[lattice]\nkind = 'chain'\nsize = 6\n\
                 [hamiltonian]\nkind = 'bose-hubbard'\nu = 4\ntwist = 0.5\n\
                 sector = { particles = 6 }\n";
    let source = nishina::input::from_text(input, ".".into()).unwrap();
    let message = problem(&source, &Registry::default())
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("hamiltonian.twist") && message.contains("unknown key"),
        "{message}"
    );
    assert!(message.contains("`u`"), "{message}");
}
