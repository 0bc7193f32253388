//! Decides whether every Hamiltonian is the matrix that Kronecker products of 2x2 matrices give.

use nishina::basis::SiteKind;
use nishina::error::{Error, Result};
use nishina::lattice::{Boundary, Lattice, LatticeSpec, bipartition};
use nishina::operator::models::{MODELS, Model, ModelContext, Units};
use nishina::operator::{Operator, Pauli, PauliSum, TermTable, files};
use num_complex::Complex64;
use std::path::{Path, PathBuf};

type Matrix = Vec<Vec<Complex64>>;

const PERIODIC: &[Boundary] = &[Boundary::Periodic];
const OPEN: &[Boundary] = &[Boundary::Open];

fn lattice(kind: &str, size: &[usize], boundary: &[Boundary]) -> Lattice {
    let spec = LatticeSpec::regular(kind, size, boundary);
    Lattice::new(&spec).expect("sound lattice")
}

fn graph(edges: &[(usize, usize, u32)], sites: usize) -> Lattice {
    let edges = (!edges.is_empty()).then(|| edges.to_vec());
    let spec = LatticeSpec {
        kind: "graph".into(),
        size: vec![],
        boundary: vec![],
        edges,
        sites: Some(sites),
    };
    Lattice::new(&spec).expect("sound graph")
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

fn build_in(
    folder: &Path,
    kind: &str,
    keys: &str,
    lattice: &Lattice,
    units: Option<Units>,
) -> Result<Model> {
    let entry = MODELS.iter().find(|m| m.kind == kind).expect("kind");
    let table: toml::Table = keys.parse().expect("keys");
    (entry.build)(
        &table,
        &ModelContext {
            lattice,
            site: SiteKind::HALF,
            folder,
            units,
            draws: None,
        },
    )
}

fn build(kind: &str, keys: &str, lattice: &Lattice, units: Option<Units>) -> Result<Model> {
    build_in(&reference(), kind, keys, lattice, units)
}

fn problem<T>(result: Result<T>, key: &str) -> String {
    match result {
        Err(Error::Input {
            key: found,
            problem,
            remedy,
        }) if found == key => format!("{problem}; {remedy}"),
        Err(other) => panic!("expected an error at {key}, got {other}"),
        Ok(_) => panic!("expected an error at {key}"),
    }
}

fn two_by_two(p: Pauli) -> Matrix {
    let (o, l, i) = (Complex64::ZERO, Complex64::ONE, Complex64::I);
    match p {
        Pauli::X => vec![vec![o, l], vec![l, o]],
        Pauli::Y => vec![vec![o, -i], vec![i, o]],
        Pauli::Z => vec![vec![l, o], vec![o, -l]],
    }
}

fn kron(a: &Matrix, b: &Matrix) -> Matrix {
    let row = |ra: &Vec<Complex64>, rb: &Vec<Complex64>| {
        ra.iter()
            .flat_map(|x| rb.iter().map(move |y| x * y))
            .collect()
    };
    a.iter()
        .flat_map(|ra| b.iter().map(move |rb| row(ra, rb)).collect::<Vec<_>>())
        .collect()
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let n = a.len();
    (0..n)
        .map(|r| {
            (0..n)
                .map(|c| (0..n).map(|k| a[r][k] * b[k][c]).sum())
                .collect()
        })
        .collect()
}

/// The matrix of one Pauli matrix on one of n sites; site 0 is the leftmost factor.
fn one_site(n: usize, site: usize, p: Pauli) -> Matrix {
    let unit = vec![
        vec![Complex64::ONE, Complex64::ZERO],
        vec![Complex64::ZERO, Complex64::ONE],
    ];
    (0..n).fold(vec![vec![Complex64::ONE]], |m, s| {
        kron(
            &m,
            &if s == site {
                two_by_two(p)
            } else {
                unit.clone()
            },
        )
    })
}

/// A dense operator put together by hand: Σ c × products of one-site matrices.
struct Dense {
    sites: usize,
    scale: f64,
    matrix: Matrix,
}

impl Dense {
    fn new(sites: usize, units: Units) -> Self {
        let scale = if units == Units::Spin { 0.5 } else { 1.0 };
        Dense {
            sites,
            scale,
            matrix: vec![vec![Complex64::ZERO; 1 << sites]; 1 << sites],
        }
    }

    fn add(&mut self, c: impl Into<Complex64>, factors: &[(usize, Pauli)]) {
        let mut c = c.into();
        let mut term: Matrix = (0..1 << self.sites)
            .map(|r| {
                (0..1 << self.sites)
                    .map(|k| {
                        if r == k {
                            Complex64::ONE
                        } else {
                            Complex64::ZERO
                        }
                    })
                    .collect()
            })
            .collect();
        for &(site, p) in factors {
            c *= self.scale;
            term = product(&term, &one_site(self.sites, site, p));
        }
        for (row, t) in self.matrix.iter_mut().zip(term) {
            for (m, t) in row.iter_mut().zip(t) {
                *m += c * t;
            }
        }
    }

    fn couple(&mut self, i: usize, j: usize, [x, y, z]: [f64; 3]) {
        self.add(x, &[(i, Pauli::X), (j, Pauli::X)]);
        self.add(y, &[(i, Pauli::Y), (j, Pauli::Y)]);
        self.add(z, &[(i, Pauli::Z), (j, Pauli::Z)]);
    }

    fn field(&mut self, [x, y, z]: [f64; 3]) {
        for i in 0..self.sites {
            self.add(x, &[(i, Pauli::X)]);
            self.add(y, &[(i, Pauli::Y)]);
            self.add(z, &[(i, Pauli::Z)]);
        }
    }
}

/// The matrix that the compiled term table visits.
fn visited(sites: usize, sum: &PauliSum) -> Matrix {
    let table = TermTable::compile(sites, sum).expect("compiles");
    let index = |x: &[i8]| x.iter().fold(0, |n, &s| 2 * n + usize::from(s < 0));
    let mut matrix = vec![vec![Complex64::ZERO; 1 << sites]; 1 << sites];
    for (row, line) in matrix.iter_mut().enumerate() {
        let x: Vec<i8> = (0..sites)
            .map(|s| {
                if row >> (sites - 1 - s) & 1 == 1 {
                    -1
                } else {
                    1
                }
            })
            .collect();
        line[row] += table.diagonal(&x);
        table.connected(&x, |flips, element| {
            let mut y = x.clone();
            for &s in flips {
                y[s as usize] = -y[s as usize];
            }
            line[index(&y)] += element;
        });
    }
    matrix
}

fn assert_equal(sites: usize, sum: &PauliSum, dense: &Matrix, what: &str) {
    let largest = dense.iter().flatten().fold(0.0f64, |m, c| m.max(c.norm()));
    assert!(largest > 0.1, "{what}: the comparison is empty");
    for (r, (a, b)) in visited(sites, sum).iter().zip(dense).enumerate() {
        for (c, (a, b)) in a.iter().zip(b).enumerate() {
            assert!(
                (a - b).norm() < 1e-12 * largest,
                "{what}: element {r},{c} is {a}, not {b}"
            );
        }
    }
}

/// Runs a check with the default units and with both overrides.
fn in_all_units(kind: &str, keys: &str, l: &Lattice, default: Units, fill: impl Fn(&mut Dense)) {
    for units in [None, Some(Units::Spin), Some(Units::Pauli)] {
        let model = build(kind, keys, l, units).expect("model");
        assert_eq!(model.units, units.unwrap_or(default));
        let mut dense = Dense::new(l.sites, model.units);
        fill(&mut dense);
        assert_equal(
            l.sites,
            model.pauli().unwrap(),
            &dense.matrix,
            &format!("{kind} in {units:?}"),
        );
        assert_eq!(model.pauli().unwrap().non_hermitian(), None);
    }
}

const SQUARE: [(usize, usize); 7] = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)];
const DIAGONALS: [(usize, usize); 4] = [(0, 4), (1, 5), (1, 3), (2, 4)];

#[test]
fn ising() {
    let ring = lattice("chain", &[5], PERIODIC);
    in_all_units(
        "ising",
        "j = 0.7\nhx = 1.3\nhz = 0.2",
        &ring,
        Units::Pauli,
        |d| {
            for i in 0..5 {
                d.add(-0.7, &[(i, Pauli::Z), ((i + 1) % 5, Pauli::Z)]);
            }
            d.field([-1.3, 0.0, -0.2]);
        },
    );
    in_all_units("ising", "alpha = 1.5\nhx = 1", &ring, Units::Pauli, |d| {
        for i in 0..5usize {
            for j in i + 1..5 {
                let distance = (j - i).min(5 - (j - i)) as f64;
                d.add(-distance.powf(-1.5), &[(i, Pauli::Z), (j, Pauli::Z)]);
            }
        }
        d.field([-1.0, 0.0, 0.0]);
    });
    let model = build("ising", "hx = 1", &ring, None).expect("model");
    assert_eq!(
        model.exchange_bonds,
        [(0, 1), (0, 4), (1, 2), (2, 3), (3, 4)]
    );
    assert!(model.marshall_bonds.is_empty());
    problem(
        build("ising", "alpha = 3", &graph(&[(0, 1, 1)], 2), None),
        "lattice.kind",
    );
    problem(
        build(
            "ising",
            "alpha = 3",
            &lattice("square", &[100, 100], OPEN),
            None,
        ),
        "hamiltonian.alpha",
    );
    problem(
        build("ising", "alpha = nan", &ring, None),
        "hamiltonian.alpha",
    );
    problem(build("ising", "hx = inf", &ring, None), "hamiltonian.hx");
    problem(build("ising", "h = 1", &ring, None), "hamiltonian.h");
    problem(build("ising", "", &graph(&[], 3), None), "lattice.file");
    problem(
        build("ising", "", &lattice("chain", &[2], PERIODIC), None),
        "lattice.size",
    );
}

#[test]
fn heisenberg_xxz_xyz() {
    let l = lattice("square", &[3, 2], OPEN);
    in_all_units("heisenberg", "j = 1.1\nhz = 0.3", &l, Units::Spin, |d| {
        SQUARE.iter().for_each(|&(i, j)| d.couple(i, j, [1.1; 3]));
        d.field([0.0, 0.0, -0.3]);
    });
    in_all_units(
        "xxz",
        "j = -2\ndelta = 0.4\nhz = 0.3",
        &l,
        Units::Spin,
        |d| {
            SQUARE
                .iter()
                .for_each(|&(i, j)| d.couple(i, j, [-2.0, -2.0, -0.8]));
            d.field([0.0, 0.0, -0.3]);
        },
    );
    in_all_units(
        "xyz",
        "jx = 1\njy = 0.5\njz = -0.25\nhx = 0.1\nhy = 0.2\nhz = 0.3",
        &l,
        Units::Spin,
        |d| {
            SQUARE
                .iter()
                .for_each(|&(i, j)| d.couple(i, j, [1.0, 0.5, -0.25]));
            d.field([-0.1, -0.2, -0.3]);
        },
    );
    let model = build("heisenberg", "", &l, None).expect("model");
    assert_eq!(model.marshall_bonds.len(), 7);
    assert_eq!(model.exchange_bonds.len(), 7);
    assert!(
        build("xyz", "jx = 0\njy = 0\njz = 1", &l, None)
            .expect("model")
            .marshall_bonds
            .is_empty()
    );
    assert!(problem(build("xxz", "", &l, None), "hamiltonian.delta").contains("missing"));
    problem(
        build("xyz", "jx = 1\njy = nan\njz = 1", &l, None),
        "hamiltonian.jy",
    );
}

#[test]
fn j1j2_on_lattices_and_graphs() {
    let fill = |d: &mut Dense| {
        SQUARE.iter().for_each(|&(i, j)| d.couple(i, j, [1.0; 3]));
        DIAGONALS
            .iter()
            .for_each(|&(i, j)| d.couple(i, j, [0.5; 3]));
        d.field([0.0, 0.0, -0.2]);
    };
    let square = lattice("square", &[3, 2], OPEN);
    let kinds = |pairs: &[(usize, usize)], kind| {
        pairs
            .iter()
            .map(move |&(i, j)| (i, j, kind))
            .collect::<Vec<_>>()
    };
    let edges = graph(&[kinds(&SQUARE, 1), kinds(&DIAGONALS, 2)].concat(), 6);
    for l in [&square, &edges] {
        in_all_units("j1j2", "j2 = 0.5\nhz = 0.2", l, Units::Spin, fill);
        let model = build("j1j2", "j2 = 0.5", l, None).expect("model");
        assert_eq!(model.marshall_bonds.len(), 7);
        assert!(
            bipartition(6, &model.marshall_bonds).is_ok(),
            "the second neighbours do not count"
        );
        assert_eq!(model.exchange_bonds.len(), 11);
    }
    problem(
        build("j1j2", "j2 = 0.5", &graph(&[(0, 1, 3)], 2), None),
        "hamiltonian.kind",
    );
    problem(
        build("j1j2", "j2 = 0.5", &lattice("chain", &[4], PERIODIC), None),
        "lattice.size",
    );
}

#[test]
fn bonds_from_files() {
    let folder = tempfile::tempdir().expect("folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write(
        "b.csv",
        "i,j,Jx,Jy,Jz\n0,1,1,0.5,-0.25\n\n3, 1, 0, 0, 2e0\n",
    );
    write("f.csv", "i,hx,hy,hz\n2,-1,0.5,0\n0,0,0,0.75\n");
    let l = graph(&[], 4);
    for units in [Units::Spin, Units::Pauli] {
        let keys = "bonds = \"b.csv\"\nfields = \"f.csv\"";
        let model = build_in(folder.path(), "bonds", keys, &l, Some(units)).expect("model");
        let mut d = Dense::new(4, units);
        d.couple(0, 1, [1.0, 0.5, -0.25]);
        d.couple(1, 3, [0.0, 0.0, 2.0]);
        d.add(-1.0, &[(2, Pauli::X)]);
        d.add(0.5, &[(2, Pauli::Y)]);
        d.add(0.75, &[(0, Pauli::Z)]);
        assert_equal(4, model.pauli().unwrap(), &d.matrix, "bonds");
        assert_eq!(model.exchange_bonds, [(0, 1), (1, 3)]);
        assert_eq!(model.marshall_bonds.len(), 1, "only xy couplings count");
    }
    problem(
        build_in(folder.path(), "bonds", "bonds = \"b.csv\"", &l, None),
        "hamiltonian.units",
    );
    let spin = Some(Units::Spin);
    write("empty.csv", "");
    problem(
        build_in(folder.path(), "bonds", "bonds = \"empty.csv\"", &l, spin),
        "hamiltonian.bonds",
    );
    problem(
        build_in(folder.path(), "bonds", "bonds = \"none.csv\"", &l, spin),
        "hamiltonian.bonds",
    );
    for (text, line, word) in [
        ("i,j,J\n0,1,1\n", 1, "Jx"),
        ("i,j,Jx,Jy,Jz\n0,4,1,1,1\n", 2, "site 4"),
        ("i,j,Jx,Jy,Jz\n0,1,1,1,1\n1,0,1,1,1\n", 3, "already"),
        ("i,j,Jx,Jy,Jz\n0,1,1,1,1\n1,1,1,1,1\n", 3, "itself"),
        ("i,j,Jx,Jy,Jz\n0,-1,1,1,1\n", 2, "-1"),
        ("i,j,Jx,Jy,Jz\n0,1,1,1\n", 2, "4 columns"),
        ("i,j,Jx,Jy,Jz\n0,1,1,inf,1\n", 2, "inf"),
        ("i,j,Jx,Jy,Jz\n0,1,1,a,1\n", 2, "`a`"),
    ] {
        write("bad.csv", text);
        let message = problem(
            build_in(folder.path(), "bonds", "bonds = \"bad.csv\"", &l, spin),
            "hamiltonian.bonds",
        );
        assert!(
            message.contains(&format!("bad.csv, line {line}")) && message.contains(word),
            "{message}"
        );
    }
    for text in [
        "i,hx,hy,hz\n4,1,1,1\n",
        "i,hx,hy,hz\n1,1,1,1\n1,1,1,1\n",
        "i,h\n",
    ] {
        write("bad.csv", text);
        let keys = "bonds = \"b.csv\"\nfields = \"bad.csv\"";
        problem(
            build_in(folder.path(), "bonds", keys, &l, spin),
            "hamiltonian.fields",
        );
    }
}

#[test]
fn pauli_strings() {
    let keys =
        "terms = [[1, \"X0 Z1\"], [\"0.5+0i\", \"Y2 Y0\"], [-0.3, \"\"], [2.0, \"X1 X2 Z0\"]]";
    in_all_units("pauli", keys, &graph(&[], 3), Units::Pauli, |d| {
        d.add(1.0, &[(0, Pauli::X), (1, Pauli::Z)]);
        d.add(0.5, &[(2, Pauli::Y), (0, Pauli::Y)]);
        d.add(-0.3, &[]);
        d.add(2.0, &[(1, Pauli::X), (2, Pauli::X), (0, Pauli::Z)]);
    });
    let l = graph(&[], 4);
    let model = build(
        "pauli",
        "terms = [[1, \"X0 X1\"], [1, \"Y0 Y1\"], [1, \"X1 X2 X3\"]]",
        &l,
        None,
    )
    .expect("model");
    assert_eq!(model.exchange_bonds, [(0, 1), (1, 2), (1, 3), (2, 3)]);
    assert_eq!(
        model
            .marshall_bonds
            .iter()
            .map(|b| (b.i, b.j))
            .collect::<Vec<_>>(),
        [(0, 1)]
    );
    for (terms, word) in [
        ("[1, \"X4\"]", "site 4"),
        ("[1, \"A1\"]", "A1"),
        ("[1, \"X\"]", "`X`"),
        ("[inf, \"X1\"]", "inf"),
        ("[\"z\", \"X1\"]", "`z`"),
        ("[\"0.5i\", \"X1\"]", "Hermitian"),
        ("[1, \"X1 Y1\"]", "twice"),
    ] {
        let message = problem(
            build("pauli", &format!("terms = [{terms}]"), &l, None),
            "hamiltonian.terms",
        );
        assert!(message.contains(word), "{message}");
    }
    problem(build("pauli", "", &l, None), "hamiltonian.terms");
    problem(
        build("pauli", "terms = []\nfile = \"a\"", &l, None),
        "hamiltonian.terms",
    );
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(
        folder.path().join("p.csv"),
        "coefficient,string\n1,X0\n1,X0 Q1\n",
    )
    .expect("written");
    let message = problem(
        build_in(folder.path(), "pauli", "file = \"p.csv\"", &l, None),
        "hamiltonian.file",
    );
    assert!(message.contains("p.csv, line 3"), "{message}");
    let conjugate = "terms = [[\"0.5+0.2i\", \"X1 Z2\"], [\"0.5-0.2i\", \"Z2 X1\"]]";
    assert!(build("pauli", conjugate, &l, None).is_ok());
}

/// The lowest eigenvalue, by power iteration on shift − H.
fn lowest(sites: usize, sum: &PauliSum) -> f64 {
    let h = TermTable::compile(sites, sum).expect("compiles");
    let spins = |row: usize| {
        (0..sites)
            .map(|s| if row >> s & 1 == 1 { -1 } else { 1 })
            .collect::<Vec<i8>>()
    };
    let shift: f64 = sum
        .iter()
        .filter(|(s, _)| !s.is_empty())
        .map(|(_, c)| c.norm())
        .sum();
    let mut v: Vec<f64> = (0..1 << sites)
        .map(|r: usize| 1.0 + (r as f64 * 0.7).sin())
        .collect();
    let mut energy = f64::NAN;
    for _ in 0..3000 {
        let mut w = vec![0.0; v.len()];
        for (row, w) in w.iter_mut().enumerate() {
            let x = spins(row);
            *w = h.diagonal(&x).re * v[row];
            h.connected(&x, |flips, e| {
                *w += e.re * v[flips.iter().fold(row, |r, &s| r ^ 1 << s)]
            });
        }
        let norm: f64 = v.iter().map(|a| a * a).sum();
        let next = v.iter().zip(&w).map(|(a, b)| a * b).sum::<f64>() / norm;
        if (next - energy).abs() < 1e-13 {
            break;
        }
        energy = next;
        v = v
            .iter()
            .zip(&w)
            .map(|(a, b)| (shift * a - b) / norm.sqrt() / shift)
            .collect();
    }
    energy
}

/// Models whose ground state of the whole space is listed.
#[test]
fn ground_states_are_those_of_the_reference() {
    let read = |name: &str| -> Vec<toml::Value> {
        let text = std::fs::read_to_string(reference().join(name)).expect("reference data");
        text.parse::<toml::Table>().expect("reference data")["entry"]
            .as_array()
            .expect("entries")
            .clone()
    };
    let entries = [read("energies.toml"), read("molecules.toml")].concat();
    let energy = |id: &str| {
        let entry = entries
            .iter()
            .find(|e| e["id"].as_str() == Some(id))
            .unwrap_or_else(|| panic!("no {id}"));
        entry["energy_total"].as_float().expect("energy")
    };
    let ring = |n| lattice("chain", &[n], PERIODIC);
    let chain = |n| lattice("chain", &[n], OPEN);
    let pauli = Some(Units::Pauli);
    let glass = "bonds = \"couplings/sherrington-kirkpatrick-n10-h0.6-bonds.csv\"\n\
                 fields = \"couplings/sherrington-kirkpatrick-n10-h0.6-fields.csv\"";
    let cases = [
        ("tfim-chain-n10-pbc-h1", "ising", "hx = 1", ring(10), None),
        (
            "tfim-cubic-2x2x2-obc-h2",
            "ising",
            "hx = 2",
            lattice("cubic", &[2, 2, 2], OPEN),
            None,
        ),
        (
            "mixed-field-ising-chain-n10-obc-J1-hx0.7-hz-0.2",
            "ising",
            "hx = 0.7\nhz = -0.2",
            chain(10),
            None,
        ),
        (
            "long-range-ising-n10-pbc-J1-alpha3-h1",
            "ising",
            "hx = 1\nalpha = 3",
            ring(10),
            None,
        ),
        ("heisenberg-chain-n8-pbc", "heisenberg", "", ring(8), None),
        (
            "heisenberg-triangular-3x3-pbc",
            "heisenberg",
            "",
            lattice("triangular", &[3, 3], PERIODIC),
            None,
        ),
        ("xxz-chain-n10-obc-D0", "xxz", "delta = 0", chain(10), None),
        (
            "xyz-chain-n10-pbc-J1_0.6_0.3-hz0",
            "xyz",
            "jx = 1\njy = 0.6\njz = 0.3",
            ring(10),
            None,
        ),
        (
            "j1j2-chain-n12-pbc-J2_0.5",
            "j1j2",
            "j2 = 0.5",
            ring(12),
            None,
        ),
        (
            "sherrington-kirkpatrick-n10-h0.6",
            "bonds",
            glass,
            graph(&[], 10),
            pauli,
        ),
        (
            "toric-code-2x2-pbc",
            "pauli",
            "file = \"pauli/toric-code-2x2-pbc.csv\"",
            graph(&[], 8),
            None,
        ),
        (
            "cluster-chain-n10-pbc",
            "pauli",
            "file = \"pauli/cluster-chain-n10-pbc.csv\"",
            ring(10),
            None,
        ),
        (
            "h2-sto3g-0.735",
            "pauli",
            "file = \"molecules/h2-sto3g-0.735.pauli.csv\"",
            graph(&[], 4),
            None,
        ),
    ];
    for (id, kind, keys, l, units) in cases {
        let model = build(kind, keys, &l, units).expect("model");
        let found = lowest(l.sites, model.pauli().unwrap());
        assert!(
            (found - energy(id)).abs() < 1e-6,
            "{id}: {found} is not {}",
            energy(id)
        );
    }
}

#[test]
fn every_reference_file_is_read() {
    for (folder, sites) in [("pauli", 10), ("molecules", 12)] {
        for entry in std::fs::read_dir(reference().join(folder)).expect("folder") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|e| e != "csv") {
                continue;
            }
            assert!(
                files::read_pauli(&path, "hamiltonian.file", sites)
                    .expect("strings")
                    .len()
                    > 5,
                "{path:?}"
            );
        }
    }
    for entry in std::fs::read_dir(reference().join("lattices")).expect("folder") {
        assert!(
            nishina::lattice::files::read_edges(&entry.expect("entry").path(), "lattice.file")
                .expect("edges")
                .len()
                > 5
        );
    }
    problem(
        nishina::lattice::files::read_edges(&reference().join("README.md"), "lattice.file"),
        "lattice.file",
    );
}

#[test]
fn products_and_conservation_laws() {
    let strings = [
        [(0, Pauli::X), (1, Pauli::Y), (0, Pauli::Z)],
        [(1, Pauli::Z), (0, Pauli::Y), (1, Pauli::X)],
    ];
    for s in strings {
        let (mut sum, mut dense) = (PauliSum::default(), Dense::new(2, Units::Pauli));
        sum.add(0.8, &s.map(|(site, p)| (site as u32, p)));
        dense.add(0.8, &s);
        assert_equal(2, &sum, &dense.matrix, "product");
    }
    let mut xy = PauliSum::default();
    xy.add(1.0, &[(0, Pauli::X), (1, Pauli::Y)]);
    assert_eq!(xy.non_hermitian(), None);
    assert!(
        TermTable::compile(2, &xy)
            .expect("table")
            .breaks_total_sz()
            .is_some()
    );
    xy.add(-1.0, &[(0, Pauli::Y), (1, Pauli::X)]);
    assert_eq!(
        TermTable::compile(2, &xy).expect("table").breaks_total_sz(),
        None,
        "Dzyaloshinskii-Moriya"
    );
    assert!(TermTable::compile(1, &xy).is_err());
    xy.add(Complex64::new(0.0, 0.1), &[(0, Pauli::X)]);
    assert_eq!(xy.non_hermitian().map(|f| f.0), Some("X0".to_string()));
    let l = lattice("chain", &[4], PERIODIC);
    for (kind, keys, conserved) in [
        ("ising", "hz = 1", true),
        ("ising", "hx = 1", false),
        ("heisenberg", "hz = 1", true),
        ("xxz", "delta = 2", true),
        ("xyz", "jx = 1\njy = 1\njz = 0", true),
        ("xyz", "jx = 1\njy = 0.9\njz = 0", false),
    ] {
        let model = build(kind, keys, &l, None).expect("model");
        let broken = TermTable::compile(4, model.pauli().unwrap())
            .expect("table")
            .breaks_total_sz();
        assert_eq!(broken.is_none(), conserved, "{kind} {keys}: {broken:?}");
    }
}

#[test]
fn schemas_name_every_key() {
    for entry in MODELS {
        let schema = (entry.schema)();
        let properties = schema["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("{}", entry.kind));
        for (key, value) in properties {
            assert!(
                value["description"].as_str().is_some_and(|d| !d.is_empty()),
                "{}.{key}",
                entry.kind
            );
        }
    }
}
