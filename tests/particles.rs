//! Spins longer than one half and bosons: operators, moves, exact energies and wave functions
//! against numbers that were computed independently.

#[path = "common/reference.rs"]
mod reference;

use nishina::basis::Basis;
use nishina::exact::{self, ExactOptions};
use nishina::laws;
use nishina::operator::sites::{boson, spin};
use nishina::operator::{Operator, Small, Term};
use nishina::problem::{Problem, problem};
use nishina::registry::Registry;
use nishina::sampler::{Mixture, RULES, RuleContext, named};
use nishina::table::Shelf;
use num_complex::Complex64;
use reference::{entries, particle_input, text};

fn built(input: &str) -> Problem<'static> {
    let source = nishina::input::from_text(input, ".".into()).expect("input");
    problem(&source, &Registry::default()).expect(input)
}

fn ground(problem: &Problem) -> f64 {
    let options = ExactOptions {
        states: 1,
        momentum: None,
        seed: 3,
        memory_limit: 2e9,
    };
    let result = exact::solve(&*problem.hamiltonian, &problem.basis, None, &options);
    result.expect("solved").energies[0]
}

#[test]
fn exact_energies_agree_with_the_reference() {
    let mut done = 0;
    for entry in [entries("energies.toml"), entries("particles_energies.toml")].concat() {
        let Some(input) = particle_input(&entry) else {
            continue;
        };
        let problem = built(&input);
        let (found, wanted) = (ground(&problem), entry["energy_total"].as_float().unwrap());
        assert!(
            (found - wanted).abs() < 1e-9,
            "{}: {found} {wanted}",
            text(&entry, "id")
        );
        assert!(
            problem.facts.lower_bound() <= wanted,
            "{}",
            text(&entry, "id")
        );
        done += 1;
    }
    assert_eq!(done, 31);
}

#[test]
fn heisenberg_models_of_every_length_are_one_model() {
    let energy = |basis: &str, hamiltonian: &str| {
        ground(&built(&format!(
            "{basis}[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\n{hamiltonian}"
        )))
    };
    let bilinear = "kind = 'bilinear-biquadratic'\nj = 0.7\nsector = { total_sz = 1 }";
    let heisenberg = "kind = 'heisenberg'\nj = 0.7\nsector = { total_sz = 1 }";
    let half = energy("", heisenberg);
    for basis in ["", "[basis]\nkind = 'spin'\ns = 0.5\n"] {
        assert!((energy(basis, bilinear) - half).abs() < 1e-10);
    }
    let one = "[basis]\nkind = 'spin'\ns = 1\n";
    assert!((energy(one, bilinear) - energy(one, heisenberg)).abs() < 1e-10);
    // A field shifts the energy of a sector by −hz total Sz.
    let field = format!("{heisenberg}\nhz = 0.3");
    assert!((energy(one, &field) - energy(one, heisenberg) + 0.3).abs() < 1e-10);
}

/// Mean diagonals of the sectors in closed form.
#[test]
fn energies_at_infinite_temperature_are_mean_diagonals() {
    let bosons = |n: i32, most: i32, v: f64| {
        built(&format!(
            "[basis]\nkind = 'boson'\nmax_occupation = {most}\n\
             [lattice]\nkind = 'chain'\nsize = 6\n\
             [hamiltonian]\nkind = 'bose-hubbard'\nu = 4\nv = {v}\nsector = {{ particles = {n} }}\n"
        ))
    };
    let centre = bosons(4, 4, 0.0).facts.centre;
    assert!((centre - 4.0 * 4.0 * 3.0 / 7.0).abs() < 1e-12, "{centre}");
    for problem in [bosons(5, 3, 0.0), bosons(4, 2, 1.5)] {
        let numbering = problem.basis.numbering().unwrap();
        let states = numbering.dimension();
        let diagonal = |k: usize| problem.hamiltonian.diagonal(&numbering.row(k)).re;
        let mean = (0..states).map(diagonal).sum::<f64>() / states as f64;
        assert!((problem.facts.centre - mean).abs() < 1e-12, "{mean}");
    }
}

/// The product over the sites of the matrix elements of a term.
fn element(basis: &Basis, terms: &[Term], x: &[i8], y: &[i8]) -> Complex64 {
    let place = |row: &[i8], s: usize| basis.locals()[s].place(row[s]).unwrap();
    let term = |t: &Term| {
        let mut product = t.coefficient;
        for s in 0..x.len() {
            let d = basis.locals()[s].count as usize;
            let mut matrix = ndarray::Array2::<Complex64>::eye(d);
            for (_, factor) in t.factors.iter().filter(|f| f.0 as usize == s) {
                matrix = matrix.dot(&**factor);
            }
            product *= matrix[(place(x, s), place(y, s))];
        }
        product
    };
    terms.iter().map(term).sum()
}

#[test]
fn operators_on_sites_of_many_values_are_their_matrices() {
    let [x, y, z] = spin(2);
    let mut terms = vec![Term::new(0.3, &[])];
    for i in 0..4u32 {
        let j = (i + 1) % 4;
        // The fields and the products with z change the same sites: their elements add up.
        for (c, m) in [(0.4, &x), (0.2, &y), (-0.3, &z)] {
            terms.push(Term::new(c, &[(i, m)]));
            terms.push(Term::new(c, &[(i, m), (j, &z)]));
            terms.push(Term::new(0.7 * c, &[(j, m), (i, m)]));
        }
        terms.push(Term::new(0.1, &[(i, &z), (i, &z)]));
    }
    let free = Basis::spins(4, 2, None).unwrap();
    let operator = Small::compile(&free, &terms).unwrap();
    laws::operator(&operator, &free, |x, y| element(&free, &terms, x, y)).unwrap();
    assert!(
        operator
            .check(&Basis::spins(4, 2, Some(0)).unwrap())
            .is_err()
    );
    assert!(operator.check(&Basis::spins(4, 3, None).unwrap()).is_err());
    assert!(operator.is_invariant(&[&[1, 2, 3, 0]], false));
    assert!(!operator.is_invariant(&[&[1, 0, 3, 2]], false));
    assert!(!operator.is_invariant(&[&[0, 1, 2, 3]], true));
    let [b, raise, n] = boson(3);
    let hop: Vec<Term> = (0..4u32)
        .flat_map(|i| {
            let j = (i + 1) % 4;
            [
                Term::new(-1.0, &[(i, &raise), (j, &b)]),
                Term::new(-1.0, &[(j, &raise), (i, &b)]),
                Term::new(0.5, &[(i, &n), (j, &n)]),
                Term::new(0.9, &[(i, &n), (i, &n)]),
            ]
        })
        .collect();
    for particles in [None, Some(0), Some(5)] {
        let basis = Basis::bosons(4, 3, particles).unwrap();
        let operator = Small::compile(&basis, &hop).unwrap();
        laws::operator(&operator, &basis, |x, y| element(&basis, &hop, x, y)).unwrap();
        let facts = operator.facts(&basis, None);
        assert!(facts.stoquastic && facts.real && facts.pairs.len() == 4);
        assert_eq!(facts.conserved, ["particles"]);
        laws::basis(&basis, 2).unwrap();
    }
    let one_sided = [Term::new(1.0, &[(0, &raise)])];
    assert!(Small::compile(&Basis::bosons(2, 3, None).unwrap(), &one_sided).is_err());
}

#[test]
fn moves_of_spins_and_bosons_obey_their_laws() {
    // An open chain: the ends have one neighbour, so that hops there and back differ.
    let chain: Vec<(u32, u32)> = (0..3).map(|i| (i, i + 1)).collect();
    let build = |kind: &str, basis: &Basis, pairs: &[(u32, u32)]| {
        let context = RuleContext {
            basis,
            pairs,
            neighbours: &[],
        };
        Mixture::new(&[named(kind)], &context, Shelf::new(RULES))
    };
    for (kind, basis) in [
        ("raise", Basis::spins(4, 2, Some(0)).unwrap()),
        ("raise", Basis::spins(4, 3, Some(2)).unwrap()),
        ("raise", Basis::spins(3, 2, None).unwrap()),
        ("raise", Basis::bosons(3, 2, None).unwrap()),
        ("raise", Basis::bosons(4, 2, Some(3)).unwrap()),
        ("hop", Basis::bosons(4, 3, Some(4)).unwrap()),
        ("hop", Basis::bosons(4, 1, Some(2)).unwrap()),
    ] {
        let mixture = build(kind, &basis, &chain).unwrap();
        laws::moves(
            |x, rng, step| mixture.propose(x, rng, step),
            &basis,
            true,
            5,
        )
        .unwrap();
        let split = build(kind, &basis, &chain[..1]);
        assert_eq!(split.is_ok(), basis.charges().is_empty(), "{kind}");
    }
    let spins = Basis::spins(4, 2, Some(0)).unwrap();
    assert!(
        build("exchange", &spins, &chain).is_err(),
        "values alone are not ergodic"
    );
    assert!(build("flip", &Basis::spins(4, 2, None).unwrap(), &chain).is_err());
    assert!(build("hop", &spins, &chain).is_err());
    assert!(build("hop", &Basis::bosons(4, 3, None).unwrap(), &chain).is_err());
}

#[test]
fn what_is_made_for_spins_one_half_is_refused_elsewhere() {
    let base =
        "[basis]\nkind = 'spin'\ns = 1\n[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\n";
    let refused = |hamiltonian: &str, ansatz: &str, key: &str| {
        let text = format!("{base}{hamiltonian}\n[ansatz]\n{ansatz}\n");
        let source = nishina::input::from_text(&text, ".".into()).unwrap();
        let verdict = problem(&source, &Registry::default())
            .and_then(|p| nishina::problem::wave_function(&source, &p).map(drop));
        match verdict {
            Err(nishina::error::Error::Input { key: found, .. }) => assert_eq!(found, key),
            other => assert!(other.is_ok() && key.is_empty(), "{other:?}"),
        }
    };
    let (heisenberg, table) = ("kind = 'heisenberg'", "kind = 'table'");
    refused(heisenberg, table, "");
    refused(
        heisenberg,
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1",
        "",
    );
    refused("kind = 'heisenberg'\nsign_rule = 'marshall'", table, "");
    refused(
        heisenberg,
        "kind = 'rbm'\nsymmetry = 'none'\ndensity = 0",
        "ansatz.density",
    );
    refused(
        "kind = 'heisenberg'\nunits = 'pauli'",
        table,
        "hamiltonian.units",
    );
    refused("kind = 'xxz'\ndelta = 1", table, "hamiltonian");
    refused("kind = 'bose-hubbard'", table, "hamiltonian.kind");
    refused(
        "kind = 'heisenberg'\nsector = { particles = 1 }",
        table,
        "hamiltonian.sector.particles",
    );
    refused(
        "kind = 'heisenberg'\nsector = { total_sz = 0.5 }",
        table,
        "hamiltonian.sector.total_sz",
    );
    refused(
        "kind = 'heisenberg'\nsector = { total_sz = 5 }",
        table,
        "hamiltonian.sector.total_sz",
    );
}
