//! Decides whether every model is the matrix of its formula: ⟨x|H|x'⟩ from the term table
//! against Kronecker products of 2×2 matrices, H = Σ c 1 ⊗ … ⊗ P ⊗ … ⊗ 1, in both
//! units.

use nishina::basis::Basis;
use nishina::basis::SiteKind;
use nishina::error::{Error, Result};
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::operator::models::{MODELS, Model, ModelContext, Units};
use nishina::operator::{Operator, Pauli, PauliSum, TermTable, files};
use num_complex::Complex64;
use std::path::Path;

type Dense = Vec<Vec<Complex64>>;

fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

fn matrix(letter: char) -> [[Complex64; 2]; 2] {
    let (o, l, i) = (c(0.0, 0.0), c(1.0, 0.0), c(0.0, 1.0));
    match letter {
        'x' => [[o, l], [l, o]],
        'y' => [[o, -i], [i, o]],
        'z' => [[l, o], [o, -l]],
        _ => [[l, o], [o, l]],
    }
}

/// Adds `factor` × the product of one-site matrices to `sum`; site 0 is the leftmost factor, up
/// its first state.
fn add(sum: &mut Dense, sites: usize, factor: f64, product: &[(usize, char)]) {
    let mut full: Dense = vec![vec![c(factor, 0.0)]];
    for site in 0..sites {
        let m = matrix(product.iter().find(|p| p.0 == site).map_or('1', |p| p.1));
        let n = full.len();
        let entry = |a: usize, b: usize| full[a / 2][b / 2] * m[a % 2][b % 2];
        full = (0..2 * n)
            .map(|a| (0..2 * n).map(|b| entry(a, b)).collect())
            .collect();
    }
    for (row, other) in sum.iter_mut().zip(&full) {
        row.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    }
}

fn zero(sites: usize) -> Dense {
    vec![vec![c(0.0, 0.0); 1 << sites]; 1 << sites]
}

fn dense(table: &TermTable) -> Dense {
    let n = table.sites;
    let mut result = zero(n);
    for (word, row) in result.iter_mut().enumerate() {
        let x: Vec<i8> = (0..n)
            .map(|s| if word >> (n - 1 - s) & 1 == 0 { 1 } else { -1 })
            .collect();
        row[word] += table.diagonal(&x);
        table.connected(&x, |sites, element| {
            row[sites
                .iter()
                .fold(word, |w, &s| w ^ 1 << (n - 1 - s as usize))] += element;
        });
    }
    result
}

fn assert_equal(a: &Dense, b: &Dense, what: &str) {
    let worst = a
        .iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| (a - b).norm())
        .fold(0.0, f64::max);
    assert!(
        a.len() == b.len() && worst < 1e-13,
        "{what}: the matrices differ by {worst}"
    );
}

fn lattice(kind: &str, size: &[usize], boundary: Boundary) -> Lattice {
    let boundary = vec![boundary; size.len()];
    Lattice::new(&LatticeSpec::regular(kind, size, &boundary)).unwrap()
}

fn graph(sites: Option<usize>, edges: Option<Vec<(usize, usize, u32)>>) -> Lattice {
    Lattice::new(&LatticeSpec {
        kind: "graph".into(),
        size: vec![],
        boundary: vec![],
        edges,
        sites,
    })
    .unwrap()
}

fn try_model(
    kind: &str,
    keys: &str,
    lattice: &Lattice,
    folder: &Path,
    units: Option<Units>,
) -> Result<Model> {
    let entry = MODELS.iter().find(|m| m.kind == kind).unwrap();
    (entry.build)(
        &keys.parse().unwrap(),
        &ModelContext {
            lattice,
            site: SiteKind::HALF,
            folder,
            units,
            draws: None,
        },
    )
}

fn model(kind: &str, keys: &str, lattice: &Lattice, units: Option<Units>) -> Model {
    try_model(kind, keys, lattice, Path::new("."), units).unwrap()
}

/// The pairs at distance `d` along a chain.
fn pairs(sites: usize, d: usize, periodic: bool) -> Vec<(usize, usize)> {
    let last = if periodic { sites } else { sites - d };
    (0..last).map(|i| (i, (i + d) % sites)).collect()
}

/// Σ couplings (Jx, Jy, Jz) over pairs and Σ fields over sites, with the factor of one operator.
fn expected(
    sites: usize,
    o: f64,
    couplings: &[(usize, usize, [f64; 3])],
    fields: &[(usize, [f64; 3])],
) -> Dense {
    let mut sum = zero(sites);
    for (i, j, coupling) in couplings {
        for (letter, v) in ['x', 'y', 'z'].into_iter().zip(coupling) {
            add(&mut sum, sites, v * o * o, &[(*i, letter), (*j, letter)]);
        }
    }
    for (i, field) in fields {
        for (letter, v) in ['x', 'y', 'z'].into_iter().zip(field) {
            add(&mut sum, sites, v * o, &[(*i, letter)]);
        }
    }
    sum
}

/// Model, keys, factor of its own units, couplings of first and second neighbours, fields.
type Case = (
    &'static str,
    &'static str,
    f64,
    [f64; 3],
    [f64; 3],
    [f64; 3],
);

#[test]
fn named_models_are_their_formulas() {
    let cases: [Case; 7] = [
        ("ising", "", 1.0, [0.0, 0.0, -1.0], [0.0; 3], [0.0; 3]),
        (
            "ising",
            "j = -2\nhx = 0.7\nhz = 0.3",
            1.0,
            [0.0, 0.0, 2.0],
            [0.0; 3],
            [-0.7, 0.0, -0.3],
        ),
        ("heisenberg", "", 0.5, [1.0; 3], [0.0; 3], [0.0; 3]),
        (
            "heisenberg",
            "j = -1.5\nhz = 0.4",
            0.5,
            [-1.5; 3],
            [0.0; 3],
            [0.0, 0.0, -0.4],
        ),
        (
            "xxz",
            "j = 2\ndelta = -0.6\nhz = 0.2",
            0.5,
            [2.0, 2.0, -1.2],
            [0.0; 3],
            [0.0, 0.0, -0.2],
        ),
        (
            "xyz",
            "jx = 1\njy = 0.5\njz = -2\nhx = 0.1\nhy = 0.2\nhz = 0.3",
            0.5,
            [1.0, 0.5, -2.0],
            [0.0; 3],
            [-0.1, -0.2, -0.3],
        ),
        (
            "j1j2",
            "j2 = 0.55\nhz = 0.3",
            0.5,
            [1.0; 3],
            [0.55; 3],
            [0.0, 0.0, -0.3],
        ),
    ];
    let n = 5;
    for (boundary, periodic) in [(Boundary::Periodic, true), (Boundary::Open, false)] {
        let chain = lattice("chain", &[n], boundary);
        for (kind, keys, own, first, second, h) in &cases {
            let mut couplings: Vec<_> = pairs(n, 1, periodic)
                .iter()
                .map(|p| (p.0, p.1, *first))
                .collect();
            couplings.extend(pairs(n, 2, periodic).iter().map(|p| (p.0, p.1, *second)));
            let fields: Vec<_> = (0..n).map(|i| (i, *h)).collect();
            for (units, o) in [
                (None, *own),
                (Some(Units::Spin), 0.5),
                (Some(Units::Pauli), 1.0),
            ] {
                let model = model(kind, keys, &chain, units);
                assert!(model.pauli().unwrap().non_hermitian().is_none());
                let table = TermTable::compile(n, model.pauli().unwrap()).unwrap();
                assert_equal(
                    &dense(&table),
                    &expected(n, o, &couplings, &fields),
                    &format!("{kind} {keys} {units:?}"),
                );
            }
        }
    }
}

#[test]
fn long_range_ising_takes_the_short_way_round() {
    let n = 5;
    for periodic in [true, false] {
        let chain = lattice(
            "chain",
            &[n],
            if periodic {
                Boundary::Periodic
            } else {
                Boundary::Open
            },
        );
        let mut couplings = Vec::new();
        for i in 0..n {
            for j in i + 1..n {
                let d = if periodic {
                    (j - i).min(n - (j - i))
                } else {
                    j - i
                };
                couplings.push((i, j, [0.0, 0.0, 0.8 / (d as f64).powf(1.5)]));
            }
        }
        let fields: Vec<_> = (0..n).map(|i| (i, [-0.5, 0.0, 0.0])).collect();
        let model = model("ising", "j = -0.8\nhx = 0.5\nalpha = 1.5", &chain, None);
        let table = TermTable::compile(n, model.pauli().unwrap()).unwrap();
        assert_equal(
            &dense(&table),
            &expected(n, 1.0, &couplings, &fields),
            "long range",
        );
        assert_eq!(model.exchange_bonds.len(), n * (n - 1) / 2);
        assert!(model.marshall_bonds.is_empty());
    }
}

#[test]
fn edge_kinds_are_j1_and_j2() {
    let edges = vec![(0, 1, 1), (1, 2, 1), (2, 3, 1), (0, 2, 2), (1, 3, 2)];
    let model = model(
        "j1j2",
        "j1 = 2\nj2 = 0.5",
        &graph(None, Some(edges.clone())),
        None,
    );
    let couplings: Vec<_> = edges
        .iter()
        .map(|e| (e.0, e.1, if e.2 == 1 { [2.0; 3] } else { [0.5; 3] }))
        .collect();
    let table = TermTable::compile(4, model.pauli().unwrap()).unwrap();
    assert_equal(&dense(&table), &expected(4, 0.5, &couplings, &[]), "graph");
    assert_eq!(model.marshall_bonds.len(), 3);
    assert_eq!(
        model.exchange_bonds,
        [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    );
    let foreign = graph(None, Some(vec![(0, 1, 1), (1, 2, 3)]));
    assert!(try_model("j1j2", "j2 = 1", &foreign, Path::new("."), None).is_err());
}

#[test]
fn listed_bonds_and_fields_enter_as_listed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("b.csv"),
        "i,j,Jx,Jy,Jz\n2,0,1,-0.5,0.25\n0,1,0,0,2\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("f.csv"),
        "i,hx,hy,hz\n1,0.1,0.2,0.3\n3,0,0,-1\n",
    )
    .unwrap();
    let keys = "bonds = 'b.csv'\nfields = 'f.csv'";
    let lattice = graph(Some(4), None);
    let couplings = [(0, 2, [1.0, -0.5, 0.25]), (0, 1, [0.0, 0.0, 2.0])];
    let fields = [(1, [0.1, 0.2, 0.3]), (3, [0.0, 0.0, -1.0])];
    for (units, o) in [(Units::Spin, 0.5), (Units::Pauli, 1.0)] {
        let model = try_model("bonds", keys, &lattice, folder.path(), Some(units)).unwrap();
        let table = TermTable::compile(4, model.pauli().unwrap()).unwrap();
        assert_equal(
            &dense(&table),
            &expected(4, o, &couplings, &fields),
            "bonds",
        );
        assert_eq!(model.exchange_bonds, [(0, 1), (0, 2)]);
        assert_eq!(model.marshall_bonds.len(), 1);
    }
    match try_model("bonds", keys, &lattice, folder.path(), None) {
        Err(Error::Input { key, .. }) => assert_eq!(key, "hamiltonian.units"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pauli_strings_are_their_products() {
    let text = "[[0.5, 'X0 Y3 Z1'], [2, ''], ['-1.5', 'Y1 Y2'], [0.25, 'Z3'], [1, 'X0 X1 Y2 Y3']]";
    let folder = tempfile::tempdir().unwrap();
    let file = "coefficient,string\n0.5,X0 Y3 Z1\n2,\n-1.5,Y1 Y2\n0.25,Z3\n1,X0 X1 Y2 Y3\n";
    std::fs::write(folder.path().join("p.csv"), file).unwrap();
    for (units, o) in [(None, 1.0f64), (Some(Units::Spin), 0.5)] {
        let mut sum = zero(4);
        add(
            &mut sum,
            4,
            0.5 * o.powi(3),
            &[(0, 'x'), (1, 'z'), (3, 'y')],
        );
        add(&mut sum, 4, 2.0, &[]);
        add(&mut sum, 4, -1.5 * o.powi(2), &[(1, 'y'), (2, 'y')]);
        add(&mut sum, 4, 0.25 * o, &[(3, 'z')]);
        add(
            &mut sum,
            4,
            o.powi(4),
            &[(0, 'x'), (1, 'x'), (2, 'y'), (3, 'y')],
        );
        for keys in [format!("terms = {text}"), "file = 'p.csv'".to_string()] {
            let model =
                try_model("pauli", &keys, &graph(Some(4), None), folder.path(), units).unwrap();
            let table = TermTable::compile(4, model.pauli().unwrap()).unwrap();
            assert_equal(&dense(&table), &sum, &keys);
            let basis = Basis::spin_half(4, None).unwrap();
            let facts = table.facts(&basis, None);
            assert!(!facts.real);
            assert_eq!(facts.centre, 2.0);
            let flipped: Vec<_> = model.marshall_bonds.iter().map(|b| (b.i, b.j)).collect();
            assert_eq!(flipped, [(0, 3), (1, 2)]);
            assert_eq!(model.exchange_bonds.len(), 6);
        }
    }
}

#[test]
fn refusals_name_the_key() {
    let lattice = graph(Some(3), Some(vec![(0, 1, 1), (1, 2, 1)]));
    for (kind, keys, expected) in [
        ("ising", "j = inf", "hamiltonian.j"),
        ("ising", "hy = 1", "hamiltonian.hy"),
        ("ising", "alpha = -1", "hamiltonian.alpha"),
        ("heisenberg", "hz = nan", "hamiltonian.hz"),
        ("xxz", "", "hamiltonian.delta"),
        ("xyz", "jx = 1\njy = 1", "hamiltonian.jz"),
        ("j1j2", "j2 = 'x'", "hamiltonian.j2"),
        ("bonds", "", "hamiltonian.bonds"),
        ("bonds", "bonds = 'none.csv'", "hamiltonian.bonds"),
        ("pauli", "", "hamiltonian.terms"),
        ("pauli", "file = 'p.csv'\nterms = []", "hamiltonian.terms"),
        ("pauli", "file = 'none.csv'", "hamiltonian.file"),
        ("pauli", "terms = [[1, 'Q0']]", "hamiltonian.terms"),
        ("pauli", "terms = [[1, 'X3']]", "hamiltonian.terms"),
        ("pauli", "terms = [[nan, 'X0']]", "hamiltonian.terms"),
        ("pauli", "terms = [['0.5+0.2i', 'X0']]", "hamiltonian.terms"),
        (
            "pauli",
            "terms = [[1e308, 'X0'], [1e308, 'X0']]",
            "hamiltonian",
        ),
    ] {
        match try_model(kind, keys, &lattice, Path::new("."), Some(Units::Pauli)) {
            Err(Error::Input {
                key,
                problem,
                remedy,
            }) => {
                assert_eq!(key, expected, "{kind} {keys}: {problem}");
                assert!(!problem.is_empty() && !remedy.is_empty());
            }
            other => panic!("{kind} {keys}: {other:?}"),
        }
    }
    for keys in [
        "terms = [[1, 'X0', 2]]",
        "terms = [[1]]",
        "terms = [[true, 'X0']]",
    ] {
        assert!(
            try_model("pauli", keys, &lattice, Path::new("."), None).is_err(),
            "{keys}"
        );
    }
    // Imaginary parts that cancel in the sum leave it Hermitian.
    let keys = "terms = [['1+1i', 'X0'], ['1-1i', 'X0']]";
    assert!(try_model("pauli", keys, &lattice, Path::new("."), None).is_ok());
}

#[test]
fn products_on_one_site_follow_the_pauli_algebra() {
    use Pauli::{X, Y, Z};
    let letter = |p: Pauli| match p {
        X => 'x',
        Y => 'y',
        Z => 'z',
    };
    for a in [X, Y, Z] {
        for b in [X, Y, Z] {
            for third in [X, Y, Z] {
                let mut sum = PauliSum::default();
                sum.add(1.0, &[(0, a), (0, b), (0, third)]);
                let mut product = matrix('1');
                for p in [a, b, third] {
                    let m = matrix(letter(p));
                    let row =
                        |r: usize, k: usize| product[r][0] * m[0][k] + product[r][1] * m[1][k];
                    product = [[row(0, 0), row(0, 1)], [row(1, 0), row(1, 1)]];
                }
                let product: Dense = product.iter().map(|r| r.to_vec()).collect();
                assert_equal(
                    &dense(&TermTable::compile(1, &sum).unwrap()),
                    &product,
                    &format!("{a:?}{b:?}{third:?}"),
                );
            }
        }
    }
}

#[test]
fn conservation_of_total_sz_is_recognised() {
    let table = |terms: &[(f64, &str)]| {
        let mut sum = PauliSum::default();
        terms
            .iter()
            .for_each(|(v, text)| sum.add(*v, &files::parse_string(text, 4).unwrap()));
        TermTable::compile(4, &sum).unwrap()
    };
    for (terms, conserves) in [
        (&[(1.0, "X0 X1"), (1.0, "Y0 Y1")][..], true),
        (&[(1.0, "X0 X1"), (0.5, "Y0 Y1")], false),
        (&[(1.0, "X0")], false),
        (&[(1.0, "Z0"), (1.0, "Z1 Z2")], true),
        (&[(1.0, "X0 Y1"), (-1.0, "Y0 X1")], true),
        (&[(1.0, "X0 Y1"), (1.0, "Y0 X1")], false),
        (&[(1.0, "X0 Z1 X2"), (1.0, "Y0 Z1 Y2")], true),
        (&[(1.0, "X0 X1 X2 X3")], false),
    ] {
        let table = table(terms);
        assert_eq!(table.breaks_total_sz().is_none(), conserves, "{terms:?}");
        // The same from the matrix itself.
        let blocks = dense(&table).iter().enumerate().all(|(a, row)| {
            row.iter()
                .enumerate()
                .all(|(b, v)| v.norm() < 1e-14 || a.count_ones() == b.count_ones())
        });
        assert_eq!(blocks, conserves, "{terms:?}");
    }
}

#[test]
fn molecules_conserve_the_number_of_electrons() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/molecules");
    for (name, sites) in [
        ("h2-sto3g-0.735", 4),
        ("h4-chain-sto3g-1.0", 8),
        ("lih-sto3g-1.5949", 12),
    ] {
        let keys = format!("file = '{name}.pauli.csv'");
        let model = try_model("pauli", &keys, &graph(Some(sites), None), &folder, None).unwrap();
        let table = TermTable::compile(sites, model.pauli().unwrap()).unwrap();
        assert!(
            table
                .facts(&Basis::spin_half(sites, None).unwrap(), None)
                .real
                && table.breaks_total_sz().is_none(),
            "{name}"
        );
    }
}
