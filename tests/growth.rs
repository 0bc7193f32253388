//! Parameters of a smaller wave function in a larger one: configurations that repeat have the value
//! that the smaller lattice gives, conditional probabilities of the first positions stay, new
//! phases leave moduli alone, and what cannot grow says why.

use nishina::ansatz::block::split;
use nishina::ansatz::{ANSATZE, Ansatz, BlockArray, Context, Erased, build};
use nishina::basis::Basis;
use nishina::error::{Error, Result};
use nishina::io::hdf5::write_atomic;
use nishina::io::tree::{Tree, Value, shaped};
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::rng::{Purpose, stream};
use nishina::table::Shelf;
use num_complex::Complex64;
use std::path::Path;

fn kind_of(size: &[usize]) -> &'static str {
    if size.len() == 1 { "chain" } else { "square" }
}

/// A wave function on a lattice of this size.
fn built(text: &str, size: &[usize], folder: &Path) -> Result<Erased> {
    let spec = LatticeSpec::regular(kind_of(size), size, &[Boundary::Periodic]);
    let lattice = Lattice::new(&spec).unwrap();
    // A pair state has as many spins up as down.
    let fixed = text.contains("\"pair\"").then_some(0);
    let basis = Basis::spin_half(lattice.sites, fixed).unwrap();
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 11.into(),
        kinds: Shelf::new(ANSATZE),
        folder,
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let outer: toml::Table = format!("ansatz = {{ {text} }}").parse().unwrap();
    build(outer["ansatz"].as_table().unwrap(), &context)
}

/// Writes parameters as results of these keys on a lattice of this size do.
fn save(ansatz: &Erased, keys: &str, size: &[usize], path: &Path) {
    save_on(kind_of(size), ansatz, keys, size, path);
}

/// The same on a lattice of this kind.
fn save_on(kind: &str, ansatz: &Erased, keys: &str, size: &[usize], path: &Path) {
    let (mut tree, mut rest) = (Tree::default(), ansatz.parameters());
    tree.put_text(
        "input/resolved",
        format!("ansatz = {{ {keys} }}\n[lattice]\nkind = '{kind}'\nsize = {size:?}\n"),
    );
    for block in ansatz.layout() {
        let after = rest.split_off(block.numbers());
        let value = match block.array(&rest) {
            BlockArray::Real(values) => Value::Real(shaped(&block.shape, values)),
            BlockArray::Complex(values) => Value::Complex(shaped(&block.shape, values)),
        };
        tree.put(&format!("parameters/{}", block.name), value);
        rest = after;
    }
    write_atomic(path, &tree).unwrap();
}

/// The wave function `small` on a lattice, and `large` on another with its parameters.
fn pair(small: (&str, &[usize]), large: (&str, &[usize])) -> (Erased, Result<Erased>) {
    let folder = tempfile::tempdir().unwrap();
    let mut first = built(small.0, small.1, folder.path()).unwrap();
    // Biases that start at zero would hide what multiplies them.
    let moved = |(k, p): (usize, f64)| p + 0.2 * (0.7 * k as f64).sin();
    let parameters: Vec<f64> = first
        .parameters()
        .into_iter()
        .enumerate()
        .map(moved)
        .collect();
    first.set_parameters(&parameters).unwrap();
    save(&first, small.0, small.1, &folder.path().join("x.h5"));
    let load = "load = { file = \"x.h5\", grow = true }";
    let grown = built(&format!("{}, {load}", large.0), large.1, folder.path());
    (first, grown)
}

fn log(ansatz: &Erased, x: &[i8]) -> Complex64 {
    ansatz.log_psi(&ansatz.batch(x))[0]
}

/// Configurations of so many sites with as many spins up as down.
fn balanced(sites: usize) -> Vec<Vec<i8>> {
    let basis = Basis::spin_half(sites, Some(0)).unwrap();
    let mut rng = stream(2, Purpose::Law, 0, 0);
    (0..20).map(|_| basis.random(&mut rng)).collect()
}

/// Configurations of so many sites.
fn some(sites: usize) -> Vec<Vec<i8>> {
    let (basis, mut rng) = (
        Basis::spin_half(sites, None).unwrap(),
        stream(3, Purpose::Law, 0, 0),
    );
    (0..6).map(|_| basis.random(&mut rng)).collect()
}

/// A configuration of the small lattice, repeated over the large one.
fn repeated(x: &[i8], from: &[usize], to: &[usize]) -> Vec<i8> {
    let (rows, across) = (to.get(1).copied().unwrap_or(1), from[0]);
    let height = from.get(1).copied().unwrap_or(1);
    let cells = (0..rows).flat_map(|y| (0..to[0]).map(move |i| (i, y)));
    cells
        .map(|(i, y)| x[i % across + across * (y % height)])
        .collect()
}

/// Keys, the lengths of both lattices, the difference of ln ψ in units of ln of the copies, and how
/// near it has to be.
type Doubled = (String, &'static [usize], &'static [usize], f64, f64);

#[test]
fn repeated_configurations_have_the_value_of_the_smaller_lattice() {
    let patches = "patch = 2, width = 4, heads = 2, layers = 2, ratio = 2";
    // Sums over cells grow with the lattice; a norm behind a sum leaves rounding by its epsilon.
    let cases: [Doubled; 10] = [
        (
            "kind = \"resnet\", channels = 4, blocks = 2".into(),
            &[4, 4],
            &[8, 4],
            1.0,
            1e-11,
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, head = \"sinh\"".into(),
            &[3, 4],
            &[3, 12],
            1.0,
            1e-11,
        ),
        (
            "kind = \"resnet\", channels = 4, blocks = 1, head = \"lncosh\"".into(),
            &[4, 4],
            &[8, 4],
            0.0,
            1e-11,
        ),
        (
            "kind = \"gcnn\", features = [2, 4], kernel = 3".into(),
            &[4, 4],
            &[8, 8],
            1.0,
            1e-11,
        ),
        (
            "kind = \"gcnn\", features = [2, 4], kernel = 3, group = \"translations\"".into(),
            &[4, 4],
            &[4, 8],
            1.0,
            1e-11,
        ),
        (
            "kind = \"gcnn\", features = [3, 2], kernel = 3".into(),
            &[6],
            &[12],
            1.0,
            1e-11,
        ),
        (
            format!("kind = \"vit\", {patches}"),
            &[4, 4],
            &[8, 8],
            0.0,
            1e-5,
        ),
        (
            format!("kind = \"vit\", {patches}"),
            &[6, 4],
            &[12, 4],
            0.0,
            1e-5,
        ),
        (
            "kind = \"convnext\", width = 4, layers = 2, patch = 2, kernel = 1".into(),
            &[4, 4],
            &[8, 4],
            0.0,
            1e-5,
        ),
        (
            "kind = \"convnext\", width = 4, layers = 2".into(),
            &[4, 4],
            &[8, 8],
            0.0,
            1e-5,
        ),
    ];
    for (text, from, to, power, tolerance) in cases {
        let (small, large) = pair((&text, from), (&text, to));
        let large = large.unwrap();
        let sites = |size: &[usize]| size.iter().product::<usize>();
        let copies = (sites(to) / sites(from)) as f64;
        for x in some(sites(from)) {
            let expected = log(&small, &x) + power * copies.ln();
            let found = log(&large, &repeated(&x, from, to));
            let error = ((found - expected).exp() - 1.0).norm();
            assert!(error < tolerance, "{text}: {found} instead of {expected}");
        }
    }
}

#[test]
fn conditional_probabilities_of_the_first_positions_stay() {
    for (text, from, to) in [
        ("network = \"gru\", hidden = 3", &[4][..], &[6][..]),
        (
            "network = \"conv1d\", features = [3], kernel = 3",
            &[4],
            &[6],
        ),
        (
            "network = \"conv2d\", features = [3], kernel = [2, 3]",
            &[3, 2],
            &[3, 3],
        ),
        (
            "network = \"rnn2d\", hidden = 3, path = \"snake\"",
            &[3, 2],
            &[3, 3],
        ),
    ] {
        let text = format!("kind = \"autoregressive\", {text}");
        let (small, large) = pair((&text, from), (&text, to));
        let large = large.unwrap();
        let sites = |size: &[usize]| size.iter().product::<usize>();
        let more = sites(to) - sites(from);
        for x in some(sites(from)) {
            let ends = (0..1 << more).map(|k| {
                let bit = |i: usize| if k >> i & 1 == 1 { 1 } else { -1 };
                let end = (0..more).map(bit);
                let whole: Vec<i8> = x.iter().copied().chain(end).collect();
                (2.0 * log(&large, &whole).re).exp()
            });
            let (sum, expected) = (ends.sum::<f64>(), (2.0 * log(&small, &x).re).exp());
            assert!(
                (sum / expected - 1.0).abs() < 1e-12,
                "{text}: {sum} {expected}"
            );
        }
    }
}

/// The parameters with zeros in the last half of an axis of some blocks, or in all of them.
fn without_phases(ansatz: &mut Erased, of: impl Fn(&str) -> Option<Option<usize>>) {
    let (mut parameters, mut first) = (ansatz.parameters(), 0);
    for block in ansatz.layout() {
        let own = &mut parameters[first..first + block.numbers()];
        first += own.len();
        match of(&block.name) {
            None => {}
            Some(None) => own.fill(0.0),
            Some(Some(axis)) => {
                let axis = axis.min(block.shape.len() - 1);
                let step: usize = block.shape[axis + 1..].iter().product();
                let beyond = |at: usize| at / step % block.shape[axis] >= block.shape[axis] / 2;
                (own.iter_mut().enumerate())
                    .filter(|(at, _)| beyond(*at))
                    .for_each(|(_, p)| *p = 0.0);
            }
        }
    }
    ansatz.set_parameters(&parameters).unwrap();
}

#[test]
fn phases_are_added_to_a_positive_wave_function() {
    let last = |axis| move |_: &str| Some(Some(axis));
    let of_gcnn = |name: &str| name.starts_with("1.").then_some(Some(0));
    let of_patches = |name: &str| name.starts_with("head.n2").then_some(None);
    type Of<'a> = &'a dyn Fn(&str) -> Option<Option<usize>>;
    let vit = "kind = \"vit\", width = 4, heads = 2, layers = 1";
    let convnext = "kind = \"convnext\", width = 4, layers = 1";
    let cases: [(&str, &str, Of); 6] = [
        (
            "kind = \"resnet\", blocks = 2, channels = 3",
            "kind = \"resnet\", blocks = 2, channels = 6",
            &last(2),
        ),
        (
            "kind = \"resnet\", blocks = 1, channels = 2, head = \"lncosh\"",
            "kind = \"resnet\", blocks = 1, channels = 4, head = \"lncosh\"",
            &last(2),
        ),
        (
            "kind = \"gcnn\", features = [2, 3], kernel = 3",
            "kind = \"gcnn\", features = [2, 6], kernel = 3",
            &of_gcnn,
        ),
        // Weights that know their lattice grow on it.
        (
            "kind = \"gcnn\", features = [2, 3], group = \"translations\"",
            "kind = \"gcnn\", features = [2, 6], group = \"translations\"",
            &of_gcnn,
        ),
        (vit, vit, &of_patches),
        (convnext, convnext, &of_patches),
    ];
    for (positive, complex, of) in cases {
        let positive = format!("{positive}, complex = false");
        let (small, large) = pair((&positive, &[4, 4]), (complex, &[4, 4]));
        let mut large = large.unwrap();
        let xs = some(16);
        let phases: Vec<f64> = xs.iter().map(|x| log(&large, x).im).collect();
        let apart = |phase: &f64| (phase - phases[0]).abs() > 1e-6;
        assert!(phases.iter().any(apart), "{complex}: {phases:?}");
        without_phases(&mut large, of);
        for x in &xs {
            let (found, expected) = (log(&large, x), log(&small, x));
            assert!(
                (found - expected).norm() < 1e-11,
                "{complex}: {found} {expected}"
            );
        }
    }
    // Moduli of a normalised wave function do not depend on phases at all.
    for (text, size) in [
        ("network = \"gru\", hidden = 3", &[6][..]),
        ("network = \"conv1d\", features = [2], kernel = 3", &[6]),
        ("network = \"rnn2d\", hidden = 2", &[3, 3]),
        ("network = \"made\", features = [2, 3]", &[6]),
        ("network = \"made\", features = []", &[4]),
        (
            "network = \"conv2d\", features = [2], kernel = [2, 3]",
            &[3, 2],
        ),
        (
            "network = \"transformer\", width = 4, heads = 2, layers = 1",
            &[6],
        ),
    ] {
        let text = format!("kind = \"autoregressive\", {text}");
        let positive = format!("{text}, positive = true");
        let (small, large) = pair((&positive, size), (&text, size));
        let large = large.unwrap();
        for x in some(size.iter().product()) {
            let (found, expected) = (log(&large, &x), log(&small, &x));
            assert!(
                (found.re - expected.re).abs() < 1e-12,
                "{text}: {found} {expected}"
            );
            assert!(found.im != 0.0, "{text}");
        }
    }
}

#[test]
fn a_symmetrised_wave_function_takes_parameters_of_the_one_inside() {
    let folder = tempfile::tempdir().unwrap();
    let inner = "kind = \"resnet\", channels = 4, blocks = 1";
    let plain = built(inner, &[4, 4], folder.path()).unwrap();
    save(&plain, inner, &[4, 4], &folder.path().join("x.h5"));
    let of = format!("{{ {inner}, load = \"x.h5\" }}");
    let text = format!("kind = \"symmetrised\", spin_flip = 1, of = {of}");
    let sum = built(&text, &[4, 4], folder.path()).unwrap();
    for x in some(16) {
        let flipped: Vec<i8> = x.iter().map(|s| -s).collect();
        let expected = log(&plain, &x).exp() + log(&plain, &flipped).exp();
        let error = (log(&sum, &x).exp() / expected - 1.0).norm();
        assert!(error < 1e-11, "{error}");
    }
    // What it saves is loaded by the next one.
    save(&sum, inner, &[4, 4], &folder.path().join("x.h5"));
    let more = text.replace("spin_flip = 1", "spin_flip = 1, rotation = 1");
    let more = built(&more, &[4, 4], folder.path()).unwrap();
    assert_eq!(more.parameters(), plain.parameters());
}

#[test]
fn a_factor_takes_the_factor_at_its_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let (pair, filters) = (
        "kind = \"pair\"",
        "kind = \"rbm\", symmetry = \"translations\"",
    );
    let product = |load: &str, density: usize| {
        let pair =
            format!("{{ kind = \"symmetrised\", momentum = [0, 0], of = {{ {pair}{load} }} }}");
        let rbm = format!("{{ {filters}, density = {density}{load} }}");
        let mps = format!("{{ kind = \"mps\", bond_dimension = 2{load} }}");
        format!("kind = \"product\", factors = [{pair}, {rbm}, {mps}]")
    };
    let first = built(&product("", 1), &[4, 2], folder.path()).unwrap();
    save(&first, &product("", 1), &[4, 2], &path);
    let again = |text: &str| built(text, &[4, 2], folder.path());
    let same = again(&product(", load = \"x.h5\"", 1)).unwrap();
    assert_eq!(same.parameters(), first.parameters());
    // A factor grows, the others stay.
    let load = ", load = { file = \"x.h5\", grow = true }";
    let plain = "bond_dimension = 2, load = \"x.h5\"";
    let more = product(load, 2).replace(&format!("bond_dimension = 2{load}"), plain);
    let more = again(&more).unwrap();
    for name in ["factor0.f", "factor1.W", "factor2.A_0"] {
        let values = |of: &Erased| {
            let (layout, parameters) = (of.layout(), of.parameters());
            let blocks = split(&layout, &parameters).unwrap();
            let own = blocks.into_iter().find(|(block, _)| block.name == name);
            own.map(|(block, values)| (block.shape.clone(), values.to_vec()))
        };
        let (theirs, own) = (values(&first).unwrap(), values(&more).unwrap());
        let grows = name == "factor1.W";
        assert_eq!(own.0 != theirs.0, grows, "{name}: {own:?} {theirs:?}");
        assert!(grows || own.1 == theirs.1, "{name}");
    }
    // The other place has a wave function of another kind, and says which.
    let turned =
        format!("kind = \"product\", factors = [{{ {filters}, density = 1, load = \"x.h5\" }}]");
    match again(&turned) {
        Err(Error::Input { key, problem, .. }) => {
            assert_eq!(key, "ansatz.factors[0].load");
            assert!(problem.contains("x.h5, factor0: has no"), "{problem}");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn what_cannot_grow_says_why() {
    let chain = "kind = \"autoregressive\", network";
    let cases: [(String, &[usize], &[usize], &str); 7] = [
        // As many sites in other places.
        (
            format!("{chain} = \"made\", features = [2]"),
            &[2, 4],
            &[4, 2],
            "every position has weights",
        ),
        (
            format!("{chain} = \"made\", features = [2]"),
            &[4],
            &[6],
            "every position has weights",
        ),
        (
            format!("{chain} = \"transformer\", width = 2, heads = 1, layers = 1"),
            &[4],
            &[6],
            "every position has a row P",
        ),
        (
            "kind = \"cnn-mps\", channels = 2, layers = 1, mlp = 2, bond = 2".into(),
            &[4, 4],
            &[8, 4],
            "every site has rows E",
        ),
        (
            "kind = \"gcnn\", features = [2, 2]".into(),
            &[4, 4],
            &[8, 8],
            "without `kernel`",
        ),
        (
            "kind = \"vit\", width = 2, heads = 1, layers = 1".into(),
            &[8, 4],
            &[4, 8],
            "is of a lattice of [8, 4]",
        ),
        // A square has rotations that a rectangle lacks.
        (
            "kind = \"gcnn\", features = [2, 2], kernel = 3".into(),
            &[4, 4],
            &[8, 4],
            "each element of the point group",
        ),
    ];
    for (text, from, to, reason) in cases {
        match pair((&text, from), (&text, to)).1 {
            Err(Error::Input { key, problem, .. }) => {
                assert_eq!(key, "ansatz.load", "{text}");
                assert!(problem.contains(reason), "{text}: {problem}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// A machine of filters, its biases left out or not.
fn filters(density: usize, symmetry: &str, more: &str) -> String {
    format!("kind = \"rbm\", density = {density}, symmetry = \"{symmetry}\", init = 0.3{more}")
}

#[test]
fn filters_of_a_larger_group_are_unfolded_exactly() {
    let real = ", parameters = \"real\"";
    let cases = [
        // The space group of 4 x 4 sites has 8 elements to a translation, that of a chain 2.
        (
            "space-group",
            "translations",
            "",
            "",
            &[4, 4][..],
            16,
            2,
            16,
        ),
        ("space-group", "none", "", "", &[4, 2], 8, 1, 2),
        ("translations", "none", "", "", &[6], 6, 2, 2),
        ("space-group", "translations", real, "", &[6], 6, 2, 4),
        ("translations", "translations", "", "", &[6], 6, 2, 2),
        ("none", "none", real, "", &[6], 6, 2, 2),
        (
            "translations",
            "none",
            ", hidden_bias = false, visible_bias = false",
            "",
            &[6],
            6,
            1,
            1,
        ),
    ];
    for (from, to, before, now, size, sites, few, many) in cases {
        let (first, grown) = pair(
            (&filters(few, from, before), size),
            (&filters(many, to, now), size),
        );
        let grown = grown.unwrap();
        for x in some(sites) {
            let error = (log(&first, &x) - log(&grown, &x)).norm();
            assert!(error < 1e-12, "{from} {to} {size:?}: {error}");
        }
    }
}

#[test]
fn new_filters_begin_small_and_old_ones_stay() {
    for symmetry in ["none", "translations", "space-group"] {
        let (first, grown) = pair(
            (&filters(1, symmetry, ""), &[6]),
            (&filters(3, symmetry, ""), &[6]),
        );
        let grown = grown.unwrap();
        let own = built(&filters(3, symmetry, ""), &[6], Path::new(".")).unwrap();
        let (kept, mut new) = (first.parameters(), grown.parameters());
        for p in &kept {
            let at = new.iter().position(|q| q == p);
            new.remove(at.unwrap());
        }
        // A tenth of the first values, none of which is zero.
        let small = own
            .parameters()
            .iter()
            .fold(0.0, |m: f64, p| m.max(0.1 * p.abs()));
        assert_eq!(new.len() + kept.len(), own.parameters().len());
        assert!(new.iter().all(|p| *p != 0.0 && p.abs() <= small), "{new:?}");
        for x in some(6) {
            let difference = log(&first, &x) - log(&grown, &x);
            assert!(
                difference.norm() < 1.0 && difference.norm() > 0.0,
                "{difference}"
            );
        }
    }
}

#[test]
fn filters_that_do_not_unfold_say_why() {
    let chain: &[usize] = &[6];
    for (from, to, few, many, size, reason) in [
        (
            "translations",
            "space-group",
            1,
            2,
            chain,
            "ties more of them",
        ),
        ("none", "translations", 1, 6, chain, "ties more of them"),
        (
            "space-group",
            "translations",
            2,
            3,
            chain,
            "one of 4 filters here",
        ),
        // Units without a tie belong to their sites.
        ("none", "none", 1, 1, &[8], "every site has weights"),
        ("translations", "translations", 1, 1, &[4], "more numbers"),
    ] {
        let small = filters(few, from, "");
        match pair((&small, chain), (&filters(many, to, ""), size)).1 {
            Err(Error::Input { key, problem, .. }) => {
                assert_eq!(key, "ansatz.load", "{from} {to}");
                assert!(problem.contains(reason), "{from} {to}: {problem}");
            }
            other => panic!("{from} {to}: {other:?}"),
        }
    }
}

#[test]
fn tied_filters_keep_their_displacements_on_a_larger_lattice() {
    let cases: [(&str, usize, &[usize], &[usize]); 4] = [
        ("translations", 2, &[6], &[12]),
        ("translations", 1, &[4, 3], &[4, 6]),
        ("space-group", 2, &[4, 4], &[8, 8]),
        ("space-group", 1, &[6], &[18]),
    ];
    for (symmetry, density, from, to) in cases {
        for more in ["", ", visible_bias = true", ", parameters = \"real\""] {
            let keys = filters(density, symmetry, more);
            let (small, large) = pair((&keys, from), (&keys, to));
            let large = large.unwrap();
            let sites = |size: &[usize]| size.iter().product::<usize>();
            let copies = (sites(to) / sites(from)) as f64;
            for x in some(sites(from)) {
                let expected = copies * log(&small, &x);
                let found = log(&large, &repeated(&x, from, to));
                let error = ((found - expected).exp() - 1.0).norm();
                assert!(error < 1e-9, "{keys} {to:?}: {found} {expected}");
            }
        }
    }
    // More filters besides, and a smaller group there.
    let (small, large) = pair(
        (&filters(1, "space-group", ""), &[6]),
        (&filters(3, "translations", ""), &[12]),
    );
    assert!(small.parameters().len() < large.unwrap().parameters().len());
    // Displacements of another lattice are others.
    let keys = filters(1, "translations", "");
    let folder = tempfile::tempdir().unwrap();
    let small = built(&keys, &[3, 3], folder.path()).unwrap();
    save_on(
        "triangular",
        &small,
        &keys,
        &[3, 3],
        &folder.path().join("x.h5"),
    );
    let load = format!("{keys}, load = {{ file = \"x.h5\", grow = true }}");
    let refused = built(&load, &[6, 6], folder.path())
        .err()
        .map(|e| e.to_string());
    let refused = refused.unwrap_or_default();
    assert!(refused.contains("of the kind \"triangular\""), "{refused}");
    // A square has rotations that an oblong lattice lacks.
    let keys = filters(1, "space-group", "");
    let refused = pair((&keys, &[4, 4]), (&keys, &[8, 4])).1.err().unwrap();
    assert!(refused.to_string().contains("rotations and reflections"));
}

#[test]
fn factors_of_distances_stay_on_a_larger_lattice_and_for_single_pairs() {
    let keys = |pairs: &str| format!("kind = \"jastrow\", pairs = \"{pairs}\", init = 0.3");
    let (small, large) = pair((&keys("distance"), &[6]), (&keys("all"), &[6]));
    let large = large.unwrap();
    for x in some(6) {
        let error = (log(&small, &x) - log(&large, &x)).norm();
        assert!(error < 1e-13, "{error}");
    }
    // Distances 1, 2, 3 of a ring of 6, and 4, 5, 6 of a ring of 12.
    let (small, large) = pair((&keys("distance"), &[6]), (&keys("distance"), &[12]));
    let (few, many) = (small.parameters(), large.unwrap().parameters());
    assert_eq!((few.len(), many.len()), (6, 12));
    assert_eq!(many[..6], few[..]);
    assert_eq!(many[6..], [0.0; 6]);
    // Distances of a square lattice interleave with those of a larger one.
    let (small, large) = pair((&keys("distance"), &[4, 4]), (&keys("all"), &[6, 6]));
    let large = large.unwrap();
    let mut x = vec![1; 36];
    let up = log(&large, &x).re;
    x[14] = -1;
    let v = small.parameters();
    // 1, sqrt 2, 2, sqrt 5, sqrt 8 with 4, 4, 4, 8, 4 neighbours on the larger lattice.
    let sum: f64 = [4.0, 4.0, 4.0, 8.0, 4.0]
        .iter()
        .zip(v.chunks(2))
        .map(|(n, v)| n * v[0])
        .sum();
    assert!((log(&large, &x).re - up + 2.0 * sum).abs() < 1e-12);
    for (from, to, small, large, reason) in [
        ("all", "distance", &[6], &[6], "more numbers"),
        ("all", "all", &[6], &[12], "every pair has a factor"),
        ("distance", "distance", &[12], &[6], "more numbers"),
    ] {
        let refused = pair((&keys(from), small), (&keys(to), large))
            .1
            .err()
            .unwrap();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn files_whose_parameters_mean_something_else_are_refused() {
    let resnet = "kind = \"resnet\", channels = 4, blocks = 2";
    let vit = "kind = \"vit\", width = 4, heads = 2, layers = 1";
    let positive = |keys: &str| format!("{keys}, complex = false");
    let gcnn = "kind = \"gcnn\", features = [2, 2], kernel = 3";
    let made = "kind = \"autoregressive\"";
    let of_transformer = "width = 4, layers = 1";
    let cases = [
        // As many channels with another meaning.
        (positive(resnet), resnet.to_string(), "twice as many"),
        (positive(gcnn), gcnn.into(), "twice as many"),
        (
            format!("{resnet}, complex = true"),
            positive(resnet),
            "complex = true",
        ),
        // Fewer and more blocks, and blocks of another network.
        (
            resnet.into(),
            resnet.replace("blocks = 2", "blocks = 1"),
            "leaves out",
        ),
        (
            positive(&resnet.replace("channels = 4", "channels = 2")),
            resnet.replace("blocks = 2", "blocks = 3"),
            "has no 1.b2",
        ),
        (
            positive(gcnn),
            resnet.into(),
            "the kind \"gcnn\", and the input of \"resnet\"",
        ),
        // Channels of a complex network hold moduli and phases.
        (
            resnet.into(),
            resnet.replace("channels = 4", "channels = 8"),
            "a positive wave function alone",
        ),
        (
            gcnn.into(),
            gcnn.replace("[2, 2]", "[2, 4]"),
            "a positive wave function alone",
        ),
        // Whether a late layer adds its input changes with the phases.
        (
            positive("kind = \"gcnn\", features = [2, 2, 2, 2, 2], kernel = 3"),
            "kind = \"gcnn\", features = [2, 2, 2, 2, 4], kernel = 3".into(),
            "phases cannot be added",
        ),
        (
            format!("{made}, network = \"transformer\", {of_transformer}, heads = 1"),
            format!("{made}, network = \"transformer\", {of_transformer}, heads = 2"),
            "heads",
        ),
        (
            format!("{made}, features = [2], path = \"rows\""),
            format!("{made}, features = [2], path = \"snake\""),
            "path",
        ),
        (
            format!("{made}, network = \"conv1d\", features = [2], kernel = 6"),
            format!("{made}, network = \"conv2d\", features = [2], kernel = [2, 3]"),
            "network",
        ),
        (resnet.into(), format!("{resnet}, head = \"sinh\""), "head"),
        (vit.into(), format!("{vit}, norm = \"rms\""), "norm"),
    ];
    for (small, large, said) in cases {
        // Results know every default.
        let small = match small.split(',').next() {
            Some("kind = \"resnet\"") if !small.contains("complex") => {
                format!("{small}, head = \"exp\", complex = true")
            }
            Some("kind = \"resnet\"") => format!("{small}, head = \"exp\""),
            Some("kind = \"vit\"") => format!("{small}, norm = \"layer\""),
            Some("kind = \"gcnn\"") if !small.contains("complex") => {
                format!("{small}, complex = true")
            }
            _ => small,
        };
        let (_, result) = pair((&small, &[4, 4]), (&large, &[4, 4]));
        let text = result.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            text.contains("load") && text.contains(said),
            "{small}, {large}: {text}"
        );
    }
    let (_, result) = pair((resnet, &[8]), (resnet, &[6]));
    let text = result.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(text.contains("of a lattice of [8]"), "{text}");
    // Without growth the lattice is the same.
    let plain = |small: &[usize], large: &[usize], keys: &str| {
        let folder = tempfile::tempdir().unwrap();
        let first = built(keys, small, folder.path()).unwrap();
        save(&first, keys, small, &folder.path().join("x.h5"));
        let loaded = built(&format!("{keys}, load = \"x.h5\""), large, folder.path());
        loaded.err().map(|e| e.to_string()).unwrap_or_default()
    };
    let made = "kind = \"autoregressive\", features = [2]";
    for (small, large, keys, said) in [
        (&[4, 3][..], &[3, 4][..], made, "of a lattice of [4, 3]"),
        (&[4, 4], &[16], made, "of the kind \"square\""),
        (&[4], &[6], resnet, "grow = true"),
        (&[6], &[4], resnet, "of a lattice of [6]"),
    ] {
        let text = plain(small, large, keys);
        assert!(text.contains(said), "{keys} {small:?} {large:?}: {text}");
    }
    assert_eq!(plain(&[4, 4], &[4, 4], resnet), "");
}

#[test]
fn a_network_of_many_layers_gains_phases_where_they_change_no_sum() {
    let positive = "kind = \"gcnn\", features = [2, 2, 2, 2, 3], kernel = 3, complex = false";
    let complex = "kind = \"gcnn\", features = [2, 2, 2, 2, 6], kernel = 3";
    let (small, large) = pair((positive, &[4, 4]), (complex, &[4, 4]));
    let mut large = large.unwrap();
    without_phases(&mut large, |name| name.starts_with("4.").then_some(Some(0)));
    for x in some(16) {
        let (found, expected) = (log(&large, &x), log(&small, &x));
        assert!((found - expected).norm() < 1e-11, "{found} {expected}");
    }
}

#[test]
fn a_pair_table_grows_to_larger_units_and_lattices() {
    let keys = |more: &str| format!("kind = \"pair\"{more}");
    // A larger unit frees entries and leaves psi alone.
    for (small, large, size) in [
        (", sublattice = [1]", ", sublattice = [2]", &[6][..]),
        (", sublattice = [2, 2]", ", sublattice = [4, 4]", &[4, 4]),
        (
            ", sublattice = [2, 1], antiperiodic = [false, true]",
            ", sublattice = [4, 2], antiperiodic = [false, true]",
            &[4, 4],
        ),
    ] {
        let (small, large) = (keys(small), keys(large));
        let (first, second) = pair((&small, size), (&large, size));
        let second = second.unwrap();
        assert!(first.parameters().len() < second.parameters().len());
        for x in balanced(size.iter().product()) {
            let error = (log(&first, &x) - log(&second, &x)).exp() - 1.0;
            assert!(error.norm() < 1e-10, "{large}: {error}");
        }
    }
    // Of a ring of 4 to one of 8: d = -1, 0, 1 stay, both d = 2 and d = -2 have half.
    for (antiperiodic, sign) in [("false", 1.0), ("true", -1.0)] {
        let keys = keys(&format!(
            ", sublattice = [1], antiperiodic = [{antiperiodic}]"
        ));
        let (first, second) = pair((&keys, &[4]), (&keys, &[8]));
        let complex = |p: Vec<f64>| p.chunks(2).map(|z| Complex64::new(z[0], z[1])).collect();
        let f: Vec<Complex64> = complex(first.parameters());
        let g: Vec<Complex64> = complex(second.unwrap().parameters());
        let near = |a: Complex64, b: Complex64| (a - b).norm() < 1e-14;
        assert!(near(g[0], f[0]) && near(g[1], f[1]) && near(g[7], f[3]));
        assert!(
            near(g[2], 0.5 * f[2]) && near(g[6], 0.5 * f[2]),
            "{sign} {f:?} {g:?}"
        );
        let far = g[3].norm() + g[4].norm() + g[5].norm();
        assert!(far > 0.0 && far < 0.3, "{far}");
    }
    for (small, large, size, reason) in [
        (
            ", sublattice = [2]",
            ", sublattice = [3]",
            &[6][..],
            "do not fill",
        ),
        (
            ", antiperiodic = [true]",
            "",
            &[6],
            "antiperiodic in the directions",
        ),
        (
            ", start = \"free\"",
            ", sublattice = [6]",
            &[6],
            "make it again",
        ),
    ] {
        let (small, large) = (keys(small), keys(large));
        let refused = pair((&small, size), (&large, size)).1.err().unwrap();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn tensors_that_translations_tie_do_not_know_the_size_of_the_lattice() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, from, to) in [
        (
            "kind = \"mps\", bond_dimension = 2, boundary = \"periodic\", \
             symmetry = \"translations\"",
            &[4][..],
            &[8][..],
        ),
        (
            "kind = \"eps\", cluster = [2, 2], symmetry = \"translations\"",
            &[4, 4],
            &[8, 4],
        ),
    ] {
        let first = built(keys, from, folder.path()).unwrap();
        save(&first, keys, from, &folder.path().join("x.h5"));
        let second = built(&format!("{keys}, load = \"x.h5\""), to, folder.path()).unwrap();
        assert_eq!(first.parameters(), second.parameters());
    }
}

#[test]
fn one_flat_vector_is_read_in_the_order_of_the_layout() {
    let folder = tempfile::tempdir().unwrap();
    for keys in [
        "kind = \"resnet\", channels = 4, blocks = 1",
        "kind = \"rbm\", density = 1, symmetry = \"none\"",
        "kind = \"feedforward\", widths = [3], precision = \"single\"",
        "kind = \"jastrow\"",
    ] {
        let first = built(keys, &[4], folder.path()).unwrap();
        let mut tree = Tree::default();
        tree.put_reals("flat", &first.parameters());
        write_atomic(&folder.path().join("x.h5"), &tree).unwrap();
        let load = format!("{keys}, load = \"x.h5\"");
        let second = built(&load, &[4], folder.path()).unwrap();
        assert_eq!(first.parameters(), second.parameters());
        let refused = built(&load, &[6], folder.path());
        let refused = refused.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            keys.contains("resnet") || refused.contains("flat has"),
            "{refused}"
        );
    }
}
