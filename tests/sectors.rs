//! Decides whether symmetrised wave functions have their quantum numbers, and reach the lowest
//! energy of every sector.

mod common;
use common::{Case, expect_code, project};
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::rng::{Purpose, stream};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::f64::consts::TAU;
use std::path::Path;
use toml::Table;

fn lattice(kind: &str, size: &[usize], boundary: Boundary) -> Lattice {
    let spec = LatticeSpec::regular(kind, size, &[boundary]);
    Lattice::new(&spec).unwrap()
}

fn parsed(
    text: &str,
    lattice: &Lattice,
    basis: &Basis,
    sign_rule: Option<&[bool]>,
) -> Result<Erased, String> {
    let context = Context {
        lattice,
        basis,
        origin: 3.into(),
        kinds: Shelf::new(ANSATZE),
        folder: Path::new("."),
        sign_rule,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    build(&text.parse().unwrap(), &context).map_err(|e| e.to_string())
}

const MACHINE: &str = "{ kind = 'rbm', density = 2, init = 0.3 }";

fn psi<A: Ansatz>(ansatz: &A, x: &[i8]) -> Complex64 {
    ansatz.log_psi(&ansatz.batch(x))[0].exp()
}

/// The characters of a translation by one site, the reflection and the flip are those asked for,
/// sign rule or not.
#[test]
fn images_differ_by_their_characters() {
    use nishina::ansatz::sign::{Sign, SignRule};
    let (mut asked, mut empty) = (0, 0);
    for (n, twice_sz) in [(6, Some(0)), (8, Some(0)), (6, Some(2)), (6, None)] {
        let chain = lattice("chain", &[n], Boundary::Periodic);
        let basis = Basis::spin_half(n, twice_sz).unwrap();
        let sublattice: Vec<bool> = (0..n).map(|i| i % 2 == 0).collect();
        let flips = twice_sz != Some(2);
        for m in 0..n {
            for (rule, flip) in [(false, 1), (true, 1), (true, -1), (false, -1)] {
                let spin_flip = if flips {
                    format!("spin_flip = {flip}")
                } else {
                    String::new()
                };
                let reflects = m == 0 || 2 * m == n;
                let reflection = if reflects {
                    format!("reflection = {}", -flip)
                } else {
                    String::new()
                };
                let text = format!(
                    "kind = 'symmetrised'\nof = {MACHINE}\nmomentum = \
                     [{m}]\n{spin_flip}\n{reflection}"
                );
                let rule = rule.then_some(sublattice.as_slice());
                let mut state = parsed(&text, &chain, &basis, rule).unwrap();
                if let Some(a) = rule {
                    let sign = Sign::new(a.to_vec(), &basis);
                    state = Erased::new(SignRule::new(state, sign).unwrap());
                }
                let mut rng = stream(1, Purpose::Law, 0, 0);
                let mut seen = 0;
                for _ in 0..20 {
                    let x = basis.random(&mut rng);
                    let here = psi(&state, &x);
                    if here.norm() < 1e-6 {
                        continue;
                    }
                    seen += 1;
                    // Spins that move by one site: the new site j shows what was at j − 1.
                    let shifted: Vec<i8> = (0..n).map(|j| x[(j + n - 1) % n]).collect();
                    let character = Complex64::cis(TAU * m as f64 / n as f64);
                    assert!(
                        (psi(&state, &shifted) / here - character).norm() < 1e-9,
                        "{text}"
                    );
                    if flips {
                        let flipped: Vec<i8> = x.iter().map(|s| -s).collect();
                        assert!(
                            (psi(&state, &flipped) / here - f64::from(flip)).norm() < 1e-9,
                            "{text}"
                        );
                    }
                    if reflects {
                        let mirrored: Vec<i8> = x.iter().rev().copied().collect();
                        assert!(
                            (psi(&state, &mirrored) / here + f64::from(flip)).norm() < 1e-9,
                            "{text}"
                        );
                    }
                }
                // Some blocks are empty: no configuration of a short ring differs from its mirror
                // image.
                (asked, empty) = (asked + 1, empty + usize::from(seen == 0));
            }
        }
    }
    assert!(4 * empty < asked, "{empty} of {asked}");
}

#[test]
fn point_groups_have_the_characters_of_their_representations() {
    for (kind, size, turn, order) in [
        ("square", [4, 4], 4, 8),
        ("triangular", [3, 3], 6, 12),
        ("square", [4, 3], 2, 4),
    ] {
        let lattice = lattice(kind, &size, Boundary::Periodic);
        let group = lattice.point_group().unwrap();
        assert_eq!(group.len(), order, "{kind}");
        assert_eq!(
            group.iter().filter(|p| !p.mirror).map(|p| p.turns).max(),
            Some(turn - 1)
        );
        let basis = Basis::spin_half(lattice.sites, None).unwrap();
        for (reflection, rotation) in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
            let text = format!(
                "kind = 'symmetrised'\nof = {MACHINE}\nmomentum = [0, 0]\nreflection = \
                 {reflection}\nrotation = {rotation}"
            );
            let state = parsed(&text, &lattice, &basis, None).unwrap();
            let mut rng = stream(2, Purpose::Law, 0, 0);
            for _ in 0..5 {
                let x = basis.random(&mut rng);
                let here = psi(&state, &x);
                for p in &group {
                    let image: Vec<i8> = p.permutation.iter().map(|&s| x[s as usize]).collect();
                    let character = f64::from(rotation).powi(p.turns as i32)
                        * if p.mirror { reflection.into() } else { 1.0 };
                    let there = psi(&state, &image);
                    assert!(
                        (there - here * character).norm() <= 1e-9 * (here.norm() + 1e-3),
                        "{kind} {text} {p:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn quantum_numbers_that_do_not_exist_are_refused() {
    let chain = lattice("chain", &[6], Boundary::Periodic);
    let open = lattice("chain", &[6], Boundary::Open);
    let square = lattice("square", &[4, 4], Boundary::Periodic);
    for (keys, lattice, twice_sz, key) in [
        ("momentum = [6]", &chain, None, "ansatz.momentum"),
        ("momentum = [0, 0]", &chain, None, "ansatz.momentum"),
        ("momentum = [1]", &open, None, "ansatz.momentum"),
        ("momentum = [1]\nreflection = 1", &chain, None, "ansatz"),
        (
            "momentum = [1, 0]\nreflection = 1\nrotation = 1",
            &square,
            None,
            "ansatz",
        ),
        ("spin_flip = 0", &chain, None, "ansatz.spin_flip"),
        ("spin_flip = 1", &chain, Some(2), "ansatz.spin_flip"),
        ("rotation = 1", &chain, None, "ansatz.rotation"),
        ("reflexion = 1", &chain, None, "ansatz.reflexion"),
    ] {
        let basis = Basis::spin_half(lattice.sites, twice_sz).unwrap();
        let text = format!("kind = 'symmetrised'\nof = {MACHINE}\n{keys}");
        let message = parsed(&text, lattice, &basis, None).unwrap_err();
        assert!(message.starts_with(&format!("{key}:")), "{keys}: {message}");
    }
}

const RESNET: &str = "kind = 'resnet', channels = 2, blocks = 1";
const VIT: &str = "kind = 'vit', width = 4, heads = 2, layers = 1";
const GCNN: &str = "kind = 'gcnn', features = [2, 2], kernel = 3";

/// A network that is an eigenstate of a symmetry for all its parameters has no other quantum
/// number: what the input says of that names both keys, and what it advises works.
#[test]
fn numbers_that_the_wave_function_inside_cannot_have_are_refused() {
    let chain = lattice("chain", &[6], Boundary::Periodic);
    let square = lattice("square", &[4, 4], Boundary::Periodic);
    let of =
        |kind: &str, numbers: &str| format!("kind = 'symmetrised'\nof = {{ {kind} }}\n{numbers}");
    let product = "kind = 'product', factors = [{ kind = 'resnet', channels = 2, blocks = 1, \
                   momentum = [1, 0] }, { kind = 'resnet', channels = 2, blocks = 1 }]";
    let nested = format!("kind = 'symmetrised', spin_flip = 1, momentum = [0, 2], of = {MACHINE}");
    let single = format!("{RESNET}, precision = 'single'");
    let tied = "kind = 'rbm', density = 1, symmetry = 'translations'";
    let even = "kind = 'rbm', density = 1, init = 0.0, visible_bias = false, hidden_bias = false";
    for (inside, numbers, rule, key, advice) in [
        (
            RESNET,
            "momentum = [2, 2]",
            0,
            "momentum",
            "ansatz.of.momentum = [2, 2]",
        ),
        (
            &single,
            "momentum = [0, 3]",
            0,
            "momentum",
            "ansatz.of.momentum = [0, 3]",
        ),
        // The rule of stripes turns 8 of the 16 sites, and a translation exchanges them.
        (
            RESNET,
            "momentum = [1, 2]\nspin_flip = 1",
            16,
            "momentum",
            "momentum = [1, 2]",
        ),
        (
            RESNET,
            "momentum = [0]",
            6,
            "momentum",
            "ansatz.of.momentum = [3]",
        ),
        (
            RESNET,
            "momentum = [5]",
            6,
            "momentum",
            "ansatz.of.momentum = [2]",
        ),
        (
            VIT,
            "momentum = [1, 0]",
            0,
            "momentum",
            "another ansatz.of.patch",
        ),
        (
            product,
            "momentum = [0, 0]",
            0,
            "momentum",
            "another ansatz.momentum",
        ),
        (
            &nested,
            "momentum = [0, 0]",
            0,
            "momentum",
            "ansatz.of.momentum = [0, 0]",
        ),
        (
            &nested,
            "spin_flip = -1",
            0,
            "spin_flip",
            "another ansatz.of.spin_flip",
        ),
        (
            tied,
            "momentum = [1, 1]",
            0,
            "momentum",
            "ansatz.of.symmetry = \"none\"",
        ),
        (
            GCNN,
            "rotation = -1",
            0,
            "rotation",
            "another ansatz.of.character",
        ),
        (
            GCNN,
            "reflection = -1",
            0,
            "reflection",
            "another ansatz.of.character",
        ),
        (
            GCNN,
            "momentum = [0, 0]\nrotation = 1\nreflection = -1",
            0,
            "reflection",
            "other eigenvalue for ansatz.reflection",
        ),
        (
            even,
            "momentum = [0, 0]\nspin_flip = -1",
            0,
            "spin_flip",
            "other eigenvalue",
        ),
    ] {
        let lattice = if rule == 6 { &chain } else { &square };
        let basis = Basis::spin_half(lattice.sites, Some(0)).unwrap();
        let turned: Vec<bool> = (0..lattice.sites).map(|i| i % 2 == 0).collect();
        let rule = (rule > 0).then_some(turned.as_slice());
        let text = of(inside, numbers);
        let message = parsed(&text, lattice, &basis, rule).unwrap_err();
        let begins = message.starts_with(&format!("ansatz.{key}:"));
        assert!(begins && message.contains(advice), "{text}: {message}");
        if let Some((_, momentum)) = advice.split_once("ansatz.of.momentum = ")
            && inside != nested
        {
            let text = of(&format!("{inside}, momentum = {momentum}"), numbers);
            let state = parsed(&text, lattice, &basis, rule).unwrap();
            let x = basis.random(&mut stream(4, Purpose::Law, 0, 0));
            assert!(psi(&state, &x).norm() > 1e-9, "{text}");
        }
    }
}

/// What only the parameters of the start make symmetric is not refused, nor what configurations
/// with symmetries of their own make look so, and the parameters stay.
#[test]
fn numbers_that_other_parameters_have_are_not_refused() {
    let chain = lattice("chain", &[6], Boundary::Periodic);
    let square = lattice("square", &[4, 4], Boundary::Periodic);
    for (inside, numbers, lattice) in [
        (
            "kind = 'rbm', density = 1, init = 0.0",
            "momentum = [3]",
            &chain,
        ),
        (
            "kind = 'rbm', density = 1, init = 1e-9",
            "spin_flip = -1",
            &chain,
        ),
        (
            "kind = 'feedforward', widths = [6, 6, 6, 6, 6]",
            "momentum = [2, 1]",
            &square,
        ),
        // Most rings of six are their own mirror images; some are not.
        (RESNET, "reflection = -1\nmomentum = [0]", &chain),
        (VIT, "momentum = [2, 0]\nspin_flip = -1", &square),
        (
            RESNET,
            "momentum = [0, 0]\nrotation = -1\nreflection = -1",
            &square,
        ),
        (
            "kind = 'cnn-mps', channels = 2, layers = 1, mlp = 2, bond = 2",
            "momentum = [1, 1]",
            &square,
        ),
        (
            "kind = 'mps', bond_dimension = 2",
            "momentum = [1]\nspin_flip = -1",
            &chain,
        ),
        ("kind = 'pair'", "momentum = [3]\nspin_flip = -1", &chain),
        ("kind = 'table'", "momentum = [1]\nspin_flip = -1", &chain),
        (
            "kind = 'eps', cluster = [3]",
            "momentum = [1]\nspin_flip = -1",
            &chain,
        ),
    ] {
        let basis = Basis::spin_half(lattice.sites, Some(0)).unwrap();
        for precision in ["", ", precision = 'single'"] {
            let layered = ["resnet", "vit", "feedforward"]
                .iter()
                .any(|k| inside.contains(k));
            if !layered && !precision.is_empty() {
                continue;
            }
            let of = format!("{inside}{precision}");
            let text = format!("kind = 'symmetrised'\nof = {{ {of} }}\n{numbers}");
            let state = parsed(&text, lattice, &basis, None).unwrap_or_else(|e| panic!("{e}"));
            // The part has the random numbers of its place.
            let alone = format!("kind = 'product'\nfactors = [{{ {of} }}]");
            let bare = parsed(&alone, lattice, &basis, None).unwrap();
            assert_eq!(state.parameters(), bare.parameters(), "{text}");
            assert_eq!(state.facts().precision, bare.facts().precision, "{text}");
            let (mut again, x) = (state, basis.random(&mut stream(4, Purpose::Law, 0, 0)));
            let log = |a: &Erased| a.log_psi(&a.batch(&x))[0];
            let found = log(&again);
            again.set_parameters(&bare.parameters()).unwrap();
            assert_eq!(log(&again), found, "{text}");
        }
    }
}

/// The wave function inside a projection, with its parameters, and how many images are asked for.
fn within(state: &Erased, of: &str, lattice: &Lattice, basis: &Basis) -> (Erased, f64) {
    let table: Table = format!("of = {{ {of} }}").parse().unwrap();
    let alone = toml::to_string(&table["of"]).unwrap();
    let mut inner = parsed(&alone, lattice, basis, None).unwrap();
    inner.set_parameters(&state.parameters()).unwrap();
    let images = state.facts().operations / inner.facts().operations;
    (inner, images)
}

/// What has some of the quantum numbers by itself is asked for one image of each coset. The sum is
/// that over the whole group.
#[test]
fn images_that_are_equal_are_summed_once() {
    let square = lattice("square", &[4, 4], Boundary::Periodic);
    let basis = Basis::spin_half(16, Some(0)).unwrap();
    let translations = square.translations().unwrap().permutations;
    let points = square.point_group().unwrap();
    let unbiased = "visible_bias = false, hidden_bias = false";
    let tied = "kind = 'rbm', density = 1, init = 0.3, symmetry = 'translations'";
    let (even, flip) = (format!("{tied}, {unbiased}"), "spin_flip = 1");
    let point = "rotation = 1\nreflection = 1";
    let pair = "kind = 'pair', sublattice = [2, 2]";
    for (of, numbers, order) in [
        (pair, "", 4),
        (pair, point, 32),
        (&format!("{pair}, antiperiodic = [false, true]"), flip, 8),
        ("kind = 'pair', sublattice = [4, 2]", "", 8),
        ("kind = 'rbm', density = 1, init = 0.3", flip, 32),
        (
            &format!("kind = 'rbm', density = 1, init = 0.3, {unbiased}"),
            flip,
            16,
        ),
        (tied, flip, 2),
        (&even, flip, 1),
        (&even, point, 8),
    ] {
        let text = format!("kind = 'symmetrised'\nof = {{ {of} }}\nmomentum = [0, 0]\n{numbers}");
        let state = parsed(&text, &square, &basis, None).unwrap();
        let (inner, images) = within(&state, of, &square, &basis);
        assert!((images - f64::from(order)).abs() < 1e-9, "{text}: {images}");
        let moved = |x: &[i8], g: &[u32]| -> Vec<i8> { g.iter().map(|&j| x[j as usize]).collect() };
        let mut rng = stream(5, Purpose::Law, 0, 0);
        for _ in 0..10 {
            let x = basis.random(&mut rng);
            let mut images: Vec<Vec<i8>> = translations.iter().map(|g| moved(&x, g)).collect();
            if numbers == point {
                let of_all =
                    |y: &Vec<i8>| points.iter().map(|p| moved(y, &p.permutation)).collect();
                images = images.iter().flat_map::<Vec<_>, _>(of_all).collect();
            }
            if numbers == flip {
                let flipped = |y: &Vec<i8>| y.iter().map(|s| -s).collect();
                images.extend(images.iter().map(flipped).collect::<Vec<_>>());
            }
            let terms: Vec<Complex64> = images.iter().map(|y| psi(&inner, y)).collect();
            let size: f64 = terms.iter().map(|t| t.norm()).sum();
            let sum: Complex64 = terms.iter().sum();
            assert!((psi(&state, &x) - sum).norm() < 1e-10 * size, "{text}");
        }
    }
}

/// Where an element leaves a configuration as it is and the sum vanishes there, the wave function
/// inside has no quantum number, although it has one at all others: two sites, of which the
/// exchange turns every configuration but the aligned ones into its mirror image.
#[test]
fn an_element_with_fixed_configurations_makes_no_coset() {
    let chain = lattice("chain", &[2], Boundary::Periodic);
    let basis = Basis::spin_half(2, None).unwrap();
    let rule = [true, false];
    let of = "kind = 'rbm', density = 1, init = 0.3, symmetry = 'translations'";
    let text = format!("kind = 'symmetrised'\nof = {{ {of} }}\nmomentum = [1]");
    let state = parsed(&text, &chain, &basis, Some(&rule)).unwrap();
    assert_eq!(psi(&state, &[1, 1]), Complex64::ZERO);
    assert_eq!(psi(&state, &[-1, -1]), Complex64::ZERO);
    assert!(psi(&state, &[1, -1]).norm() > 1e-3);
}

/// The same behind a sign rule, with characters that are not 1.
#[test]
fn cosets_follow_characters_and_the_sign_rule() {
    let chain = lattice("chain", &[8], Boundary::Periodic);
    let basis = Basis::spin_half(8, Some(0)).unwrap();
    let sublattice: Vec<bool> = (0..8).map(|i| i % 2 == 0).collect();
    for (momentum, inside, rule) in [(2, 2, None), (3, 3, None), (4, 4, Some(&sublattice[..]))] {
        let of = format!("kind = 'resnet', channels = 2, blocks = 1, momentum = [{inside}]");
        let text = format!("kind = 'symmetrised'\nof = {{ {of} }}\nmomentum = [{momentum}]");
        let state = parsed(&text, &chain, &basis, rule).unwrap();
        let (inner, images) = within(&state, &of, &chain, &basis);
        assert!((images - 1.0).abs() < 1e-9, "{text}: {images}");
        let mut rng = stream(6, Purpose::Law, 0, 0);
        for _ in 0..10 {
            let x = basis.random(&mut rng);
            let ratio = psi(&state, &x) / psi(&inner, &x);
            assert!((ratio - 8.0).norm() < 1e-9, "{text}: {ratio}");
        }
    }
}

/// An image whose amplitude is no number leaves no mean of the others, and no ratio to it.
#[test]
fn an_image_that_is_no_number_is_not_left_out() {
    use nishina::ansatz::Asks;
    let chain = lattice("chain", &[4], Boundary::Periodic);
    let basis = Basis::spin_half(4, None).unwrap();
    let text = "kind = 'symmetrised'\nmomentum = [0]\nof = { kind = 'table', init = 0.3, \
                parameters = 'real' }";
    let mut state = parsed(text, &chain, &basis, None).unwrap();
    let numbering = basis.numbering().unwrap();
    let xs = numbering.rows(0..numbering.dimension());
    // The amplitude of one of the four configurations with one turned spin.
    let mut parameters = state.parameters();
    let place = |x: &[i8]| x.iter().filter(|s| **s > 0).count() == 1;
    let first = xs.chunks_exact(4).position(place).unwrap();
    let numbers = parameters.len() / 16;
    parameters[first * numbers] = f64::NAN;
    state.set_parameters(&parameters).unwrap();
    let logs = state.log_psi(&state.batch(&xs));
    for (x, log) in xs.chunks_exact(4).zip(&logs) {
        assert_eq!(log.re.is_nan(), place(x), "{x:?}: {log}");
    }
    let mut asks = Asks::default();
    let mut found = [Complex64::ZERO; 2];
    let (down, both) = ([-1, -1, -1, -1], [1, -1, -1, 1]);
    asks.flip(0, &down, &[2]);
    asks.flip(1, &both, &[0]);
    let batch = state.batch(&[down, both].concat());
    state.ratios(&batch, &asks, &mut Default::default(), &mut found);
    assert!(found.iter().all(|r| r.is_nan()), "{found:?}");
}

/// Optimises by full sums and returns the measured energy.
fn lowest(lattice: &str, hamiltonian: &str, ansatz: &str, rate: f64, steps: usize) -> f64 {
    lowest_by(
        "method = 'full-sum'",
        1e-6,
        lattice,
        hamiltonian,
        ansatz,
        rate,
        steps,
    )
}

fn lowest_by(
    sampler: &str,
    shift: f64,
    lattice: &str,
    hamiltonian: &str,
    ansatz: &str,
    rate: f64,
    steps: usize,
) -> f64 {
    let case = Case::new(&format!(
        "seed = 2\n[lattice]\n{lattice}\n[hamiltonian]\n{hamiltonian}\n[ansatz]\n{ansatz}\n\
         [sampler]\n{sampler}\n[optimize]\nsteps = {steps}\nlearning_rate = {rate}\n\
         shift = {{ kind = 'exponential', start = 1e-1, decay = 0.95, end = {shift} \
         }}\nmax_distance = 0.2\n\
         [measure]\nsamples = 32768\n[output]\nsamples = 'none'\n"
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.info()["energy"]["mean"].as_f64().unwrap()
}

/// The lowest energy of a block, by diagonalisation.
fn exact(lattice: &str, hamiltonian: &str, momentum: &str) -> f64 {
    let case = Case::new(&format!(
        "[lattice]\n{lattice}\n[hamiltonian]\n{hamiltonian}\n"
    ));
    let out = case.alone(&["exact", "x.toml", "--momentum", momentum, "--json"]);
    expect_code(&out, 0);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    json["energies"][0].as_f64().unwrap()
}

fn check(faults: &mut Vec<String>, what: String, energy: f64, exact: f64, tolerance: f64) {
    let relative = (energy - exact) / exact.abs();
    println!("{what}: {energy:.9} for {exact:.9}, relative {relative:.1e}");
    // Samples may lie below by their noise.
    let below = if tolerance < 2e-3 { 1e-10 } else { tolerance };
    if !(relative > -below && relative < tolerance) {
        faults.push(format!(
            "{what}: {energy} for {exact}, relative {relative:.1e}"
        ));
    }
}

#[test]
fn rings_reach_the_energy_of_every_momentum() {
    let mut faults = Vec::new();
    let complex = |m: usize| {
        format!(
            "kind = 'symmetrised'\nmomentum = [{m}]\nof = {{ kind = 'rbm', density = 2, init = 0.1 \
             }}"
        )
    };
    for n in [8, 10] {
        for rule in ["none", "marshall"] {
            let hamiltonian =
                format!("kind = 'heisenberg'\nsector = {{ total_sz = 0 }}\nsign_rule = '{rule}'");
            let (lattice, plain) = (
                format!("kind = 'chain'\nsize = {n}"),
                "kind = 'heisenberg'\nsector = { total_sz = 0 }",
            );
            // Momenta m and n − m have the same energy; one with a larger index checks the sign
            // of the phase.
            let momenta: Vec<usize> = if n == 8 {
                vec![0, 1, 2, 3, 4, 7]
            } else {
                vec![0, 5]
            };
            for m in momenta {
                let energy = lowest(&lattice, &hamiltonian, &complex(m), 0.2, 150);
                check(
                    &mut faults,
                    format!("N = {n}, {rule}, m = {m}"),
                    energy,
                    exact(&lattice, plain, &m.to_string()),
                    1e-6,
                );
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Energies that tell k from −k, in a model without reflection symmetry.
#[test]
fn momenta_have_the_sign_of_the_exact_blocks() {
    let n = 6;
    let bond = |i: usize| {
        let j = (i + 1) % n;
        format!(
            "[1.0, 'X{i} X{j}'], [1.0, 'Y{i} Y{j}'], [0.5, 'Z{i} Z{j}'], [0.7, 'X{i} Y{j}'], \
             [-0.7, 'Y{i} X{j}']"
        )
    };
    let terms: Vec<String> = (0..n).map(bond).collect();
    let hamiltonian = format!(
        "kind = 'pauli'\nsector = {{ total_sz = 0 }}\nterms = [{}]",
        terms.join(", ")
    );
    let lattice = format!("kind = 'chain'\nsize = {n}");
    let mut faults = Vec::new();
    for m in [1, 5, 2, 4] {
        let ansatz = format!(
            "kind = 'symmetrised'\nmomentum = [{m}]\nof = {{ kind = 'rbm', density = 3, init = 0.1 \
             }}"
        );
        let energy = lowest(&lattice, &hamiltonian, &ansatz, 0.05, 200);
        check(
            &mut faults,
            format!("m = {m}"),
            energy,
            exact(&lattice, &hamiltonian, &m.to_string()),
            1e-6,
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Entries of the reference spectra.
fn spectra() -> Vec<Table> {
    let text = std::fs::read_to_string(project().join("tests/reference/spectra.toml")).unwrap();
    let table: Table = text.parse().unwrap();
    table["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e.as_table().unwrap().clone())
        .collect()
}

fn integer(level: &toml::Value, key: &str) -> Option<i64> {
    level.get(key)?.as_integer()
}

/// The lowest level of each set of quantum numbers of an entry: keys of the ansatz and energy.
fn lowest_levels(entry: &Table) -> Vec<(String, f64)> {
    let mut found: Vec<(String, f64)> = Vec::new();
    for level in entry["levels"].as_array().unwrap() {
        let momentum = match (
            integer(level, "momentum_index"),
            integer(level, "momentum_index_x"),
        ) {
            (Some(m), _) => format!("momentum = [{m}]"),
            (None, Some(x)) => format!(
                "momentum = [{x}, {}]",
                integer(level, "momentum_index_y").unwrap()
            ),
            _ => continue,
        };
        let reflection = match integer(level, "reflection") {
            Some(r @ (1 | -1)) => format!("\nreflection = {r}"),
            _ => String::new(),
        };
        let parity = integer(level, "spin_flip_parity")
            .map_or(String::new(), |p| format!("\nspin_flip = {p}"));
        let keys = format!("{momentum}{reflection}{parity}");
        if !found.iter().any(|(known, _)| *known == keys) {
            found.push((keys, level["energy_total"].as_float().unwrap()));
        }
    }
    found
}

/// Full sums up to 12 sites, samples beyond.
fn reach(entry: &Table, levels: usize, steps: usize, tolerance: f64, faults: &mut Vec<String>) {
    let parameter = |key: &str| entry["parameters"].get(key).and_then(|v| v.as_float());
    let ising = entry["operators"].as_str() == Some("pauli");
    let hamiltonian = match (ising, parameter("J2")) {
        (true, _) => format!("kind = 'ising'\nhx = {}", parameter("h").unwrap()),
        (false, Some(j2)) if j2 != 0.0 => {
            format!("kind = 'j1j2'\nj2 = {j2}\nsector = {{ total_sz = 0 }}")
        }
        _ => "kind = 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'".to_string(),
    };
    let lattice = format!(
        "kind = '{}'\nsize = {}",
        entry["lattice"].as_str().unwrap(),
        entry["size"]
    );
    for (keys, energy) in lowest_levels(entry).into_iter().take(levels) {
        let ansatz = format!(
            "kind = 'symmetrised'\n{keys}\nof = {{ kind = 'rbm', density = 2, init = 0.1 }}"
        );
        let rate = if ising { 0.05 } else { 0.15 };
        let found = match entry["size"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_integer().unwrap())
            .product::<i64>()
        {
            16 => lowest_by(
                "chains = 16\nsamples = 1024",
                1e-3,
                &lattice,
                &hamiltonian,
                &ansatz,
                rate,
                steps,
            ),
            _ => lowest(&lattice, &hamiltonian, &ansatz, rate, steps),
        };
        check(
            faults,
            format!("{} {}", entry["id"], keys.replace('\n', " ")),
            found,
            energy,
            tolerance,
        );
    }
}

#[test]
fn levels_of_the_reference_spectra() {
    let long = std::env::var_os("NISHINA_LONG").is_some();
    let mut faults = Vec::new();
    for entry in spectra() {
        let sites = entry["size"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_integer().unwrap())
            .product::<i64>();
        match (long, sites) {
            (false, 12) if entry["operators"].as_str() == Some("spin") => {
                reach(&entry, 2, 80, 1e-3, &mut faults)
            }
            (false, _) => {}
            (true, 16) => reach(&entry, 5, 100, 2e-3, &mut faults),
            (true, _) => reach(&entry, 6, 120, 1e-3, &mut faults),
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
