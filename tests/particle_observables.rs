//! Decides whether observables of longer spins and of bosons are the expectation values of their
//! operators, whether samples agree with them, and which bases each of them refuses.

#[path = "common/matrices.rs"]
mod matrices;
use matrices::{expectation, lowering, spin};
use ndarray::Array2;
use nishina::ansatz::Erased;
use nishina::ansatz::table::Table;
use nishina::basis::Basis;
use nishina::ensemble::{Ensemble, FullSum, Request};
use nishina::error::Error;
use nishina::observable::{Observable, View};
use nishina::problem::{Problem, observables, problem};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use num_complex::Complex64;

const SPIN_1: &str = "[basis]\nkind = 'spin'\ns = 1\n[lattice]\nkind = 'chain'\nsize = 4\n\
    [hamiltonian]\nkind = 'heisenberg'\n";
const SPIN_3_2: &str = "[basis]\nkind = 'spin'\ns = 1.5\n[lattice]\nkind = 'chain'\nsize = 4\n\
    [hamiltonian]\nkind = 'heisenberg'\nsector = { total_sz = 1 }\n";
const BOSONS: &str = "[basis]\nkind = 'boson'\nmax_occupation = 2\n[lattice]\nkind = 'chain'\n\
    size = 4\n[hamiltonian]\nkind = 'bose-hubbard'\nu = 4\nsector = { particles = 3 }\n";
const HALVES: &str = "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'heisenberg'\n";

/// The problem of an input and the observables that it lists.
fn built(
    input: &str,
    list: &str,
) -> nishina::error::Result<(Problem<'static>, Vec<Box<dyn Observable>>)> {
    let text = format!("{input}[measure]\nsamples = 16\nobservables = [{list}]\n");
    let source = nishina::input::from_text(&text, ".".into())?;
    let problem = problem(&source, &Registry::default())?;
    let list = nishina::calculation::measure::keys(&source)
        .unwrap()
        .unwrap()
        .observables;
    let named = observables(&source, &problem, &list, "measure.observables")?;
    Ok((problem, named.into_iter().map(|n| n.observable).collect()))
}

/// A state without symmetry and with complex amplitudes.
fn state(basis: &Basis) -> Vec<Complex64> {
    let dimension = basis.numbering().unwrap().dimension();
    let amplitude = |k: usize| {
        let k = k as f64;
        Complex64::from_polar(1.0 + 0.8 * (1.3 * k).sin(), 0.9 * (0.7 * k * k).cos())
    };
    (0..dimension).map(amplitude).collect()
}

/// The values of every quantity in the state, from a full sum, by name.
fn measured(observable: &dyn Observable, basis: &Basis, psi: &[Complex64]) -> Vec<Vec<f64>> {
    let table = Table::<Complex64>::from_amplitudes(basis, psi).unwrap();
    let mut sum = FullSum::new(Erased::new(table), basis, |states| 0..states).unwrap();
    let all = Request {
        purpose: Purpose::Measure,
        step: 0,
        burn_in: 0,
        per_chain: 0,
    };
    sum.sample(&all).unwrap();
    let columns = observable.columns();
    let means = observable.full_sum(&sum).unwrap().unwrap_or_else(|| {
        let view = View::new(&sum, 0..sum.weights().len(), &[]);
        let values = observable.local_values(&view).unwrap();
        let norm: f64 = sum.weights().iter().sum();
        let mut means = vec![0.0; columns];
        for (row, z) in values.chunks_exact(columns).zip(sum.weights()) {
            means
                .iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m += v * z / norm);
        }
        means
    });
    let mut values = observable.evaluate(&means).into_iter();
    let take = |q: &nishina::observable::Quantity| values.by_ref().take(q.entries()).collect();
    observable.quantities().iter().map(take).collect()
}

fn close(found: f64, wanted: f64, what: &str) {
    assert!(
        (found - wanted).abs() < 1e-9,
        "{what}: {found} instead of {wanted}"
    );
}

#[test]
fn spins_of_every_length_have_the_values_of_their_matrices() {
    let list = "'magnetisation', 'one-site', 'spin-correlations', 'spin-correlations-zz', \
        'structure-factor', 'structure-factor-zz'";
    for (input, twice) in [(SPIN_1, 2), (SPIN_3_2, 3), (HALVES, 1)] {
        let (problem, list) = built(input, list).unwrap();
        let (basis, matrices) = (&problem.basis, spin(twice));
        let psi = state(basis);
        let values: Vec<_> = list.iter().map(|o| measured(&**o, basis, &psi)).collect();
        let pair = |a: usize, i: usize, j: usize| {
            expectation(basis, &psi, &[(i, &matrices[a]), (j, &matrices[a])]).re
        };
        let z: Vec<f64> = (0..4)
            .map(|i| expectation(basis, &psi, &[(i, &matrices[2])]).re)
            .collect();
        let mut squared = 0.0;
        for i in 0..4 {
            close(values[0][4][i], z[i], "magnetisation");
            close(values[1][0][i], z[i], "one-site z");
            if basis.charges().is_empty() {
                for a in 0..2 {
                    let wanted = expectation(basis, &psi, &[(i, &matrices[a])]).re;
                    close(values[1][1 + a][i], wanted, "one-site x, y");
                }
            }
            for j in 0..4 {
                let zz = pair(2, i, j);
                let full = (0..3).map(|a| pair(a, i, j)).sum::<f64>();
                close(values[2][0][4 * i + j], full, "spin-correlations");
                close(values[3][0][4 * i + j], zz, "spin-correlations-zz");
                squared += zz / 16.0;
            }
        }
        close(values[0][2][0], squared, "magnetisation squared");
        for (k, (full, z)) in values[4][0].iter().zip(&values[5][0]).enumerate() {
            let wave = |i: usize, j: usize| {
                (std::f64::consts::TAU * k as f64 * (i as f64 - j as f64) / 4.0).cos() / 4.0
            };
            let sum =
                |table: &[f64]| -> f64 { (0..16).map(|p| table[p] * wave(p / 4, p % 4)).sum() };
            close(*full, sum(&values[2][0]), "structure-factor");
            close(*z, sum(&values[3][0]), "structure-factor-zz");
        }
    }
    let (problem, list) = built(SPIN_1, "'transverse-magnetisation'").unwrap();
    let psi = state(&problem.basis);
    let found = measured(&*list[0], &problem.basis, &psi);
    for (i, &found) in found[1].iter().enumerate() {
        let wanted = expectation(&problem.basis, &psi, &[(i, &spin(2)[0])]).re;
        close(found, wanted, "transverse-magnetisation");
    }
}

#[test]
fn strings_of_spin_one_carry_their_signs() {
    let (problem, list) = built(SPIN_1, "'string-order'").unwrap();
    let (basis, z) = (&problem.basis, spin(2)[2].clone());
    let psi = state(basis);
    let found = measured(&*list[0], basis, &psi);
    let signs = [-1.0, 1.0, -1.0].map(Complex64::from);
    let sign = Array2::from_diag(&ndarray::Array1::from_iter(signs));
    for i in 0..4 {
        for d in 1..4 {
            let mut factors = vec![(i, &z), ((i + d) % 4, &z)];
            factors.extend((1..d).map(|k| ((i + k) % 4, &sign)));
            let wanted = expectation(basis, &psi, &factors).re;
            close(found[1][4 * i + (i + d) % 4], wanted, "string-order");
        }
    }
}

#[test]
fn bosons_have_the_values_of_their_matrices() {
    let names = "'density', 'density-correlations', 'one-body-density'";
    let (problem, list) = built(BOSONS, names).unwrap();
    let basis = &problem.basis;
    let psi = state(basis);
    let values: Vec<_> = list.iter().map(|o| measured(&**o, basis, &psi)).collect();
    let b = lowering(2);
    let raise = b.t().to_owned();
    let n = raise.dot(&b);
    let of = |factors: &[(usize, &Array2<Complex64>)]| expectation(basis, &psi, factors);
    for i in 0..4 {
        let (mean, square) = (of(&[(i, &n)]).re, of(&[(i, &n), (i, &n)]).re);
        close(values[0][1][i], mean, "density");
        close(values[0][2][i], square - mean * mean, "variance");
        for j in 0..4 {
            let (nn, other) = (of(&[(i, &n), (j, &n)]).re, of(&[(j, &n)]).re);
            close(values[1][0][4 * i + j], nn, "density-correlations");
            close(values[1][1][4 * i + j], nn - mean * other, "connected");
            let g = of(&[(i, &raise), (j, &b)]);
            close(values[2][0][4 * i + j], g.re, "one-body-density");
            close(values[2][1][4 * i + j], g.im, "one-body-density, imaginary");
        }
    }
}

#[test]
fn momenta_of_bosons_are_sums_over_the_one_body_matrix() {
    let (problem, list) = built(BOSONS, "'momentum-distribution', 'one-body-density'").unwrap();
    let psi = state(&problem.basis);
    let [n, g] = [&list[0], &list[1]].map(|o| measured(&**o, &problem.basis, &psi));
    for (k, &found) in n[0].iter().enumerate() {
        let term = |p: usize| {
            let angle = std::f64::consts::TAU * k as f64 * ((p / 4) as f64 - (p % 4) as f64) / 4.0;
            (Complex64::cis(angle) * Complex64::new(g[0][p], g[1][p])).re / 4.0
        };
        close(found, (0..16).map(term).sum(), "momentum-distribution");
    }
    close(n[0].iter().sum(), 3.0, "number of bosons");
    assert!(built(SPIN_1, "'momentum-distribution'").is_err());
}

/// What an observable has no meaning for is refused with its place in the input.
#[test]
fn bases_without_a_meaning_are_refused() {
    let refused = |input: &str, list: &str| match built(input, list).err() {
        Some(Error::Input { key, .. }) => assert!(key.starts_with("measure.observables"), "{key}"),
        other => panic!("{list}: {other:?}"),
    };
    let spins = [
        "magnetisation",
        "transverse-magnetisation",
        "spin-correlations",
        "one-site",
    ];
    let more = [
        "spin-correlations-zz",
        "structure-factor",
        "structure-factor-zz",
        "string-order",
    ];
    for kind in spins.iter().chain(&more) {
        refused(BOSONS, &format!("'{kind}'"));
    }
    let pauli = "{ kind = 'pauli', terms = [[1.0, 'Z0']] }";
    for list in [
        "'dimer-correlations'",
        "{ kind = 'plaquette-correlations', plaquettes = [[0, 1, 2, 3]] }",
        pauli,
    ] {
        refused(SPIN_1, list);
        refused(BOSONS, list);
    }
    for kind in ["density", "density-correlations", "one-body-density"] {
        refused(SPIN_1, &format!("'{kind}'"));
        refused(HALVES, &format!("'{kind}'"));
    }
    refused(SPIN_1, "{ kind = 'string-order', axis = 'x' }");
    refused(SPIN_3_2, "'string-order'");
}
