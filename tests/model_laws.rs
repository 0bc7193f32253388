//! Every model of the list obeys the public laws of operators: it is the matrix of its formula,
//! multiplied out from the matrices of its sites.

mod common;
#[path = "common/matrices.rs"]
mod matrices;

use common::Case;
use matrices::{element, lowering, spin};
use ndarray::Array2;
use nishina::laws;
use nishina::operator::models::MODELS;
use nishina::problem::problem;
use nishina::registry::Registry;
use num_complex::Complex64;

/// Matrices that are multiplied in this order, with their sites.
type Term = (f64, Vec<(usize, Array2<Complex64>)>);

/// Pairs of the ring of five sites at a distance.
fn ring(distance: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..5).map(move |i| (i, (i + distance) % 5))
}

/// Σ_a c_a A^a_i A^a_j on the pairs at a distance.
fn coupled(distance: usize, c: [f64; 3], a: &[Array2<Complex64>; 3]) -> Vec<Term> {
    let pair = |(i, j)| {
        let component = |k: usize| (c[k], vec![(i, a[k].clone()), (j, a[k].clone())]);
        [0, 1, 2].map(component)
    };
    ring(distance).flat_map(pair).collect()
}

/// Σ_a c_a A^a_i on all sites.
fn fields(c: [f64; 3], a: &[Array2<Complex64>; 3]) -> Vec<Term> {
    let site = |i: usize| [0, 1, 2].map(|k| (c[k], vec![(i, a[k].clone())]));
    (0..5).flat_map(site).collect()
}

/// The products of all pairs of terms on the same bond: each bond has three terms.
fn squared(terms: &[Term]) -> Vec<Term> {
    let bond = |three: &[Term]| -> Vec<Term> {
        let product = |a: &Term, b: &Term| (a.0 * b.0, [a.1.clone(), b.1.clone()].concat());
        three
            .iter()
            .flat_map(|a| three.iter().map(move |b| product(a, b)))
            .collect()
    };
    terms.chunks(3).flat_map(bond).collect()
}

fn times(factor: f64, terms: Vec<Term>) -> Vec<Term> {
    terms.into_iter().map(|(c, f)| (factor * c, f)).collect()
}

/// The keys of a model on the ring of five sites, its basis and its formula.
fn example(kind: &str) -> (&'static str, &'static str, Vec<Term>) {
    let (s, one) = (spin(1), spin(2));
    let sigma = s.clone().map(|m| m.mapv(|v| v * 2.0));
    let half = "kind = 'spin'";
    match kind {
        "ising" => {
            let (zz, field) = (
                coupled(1, [0.0, 0.0, -0.8], &sigma),
                fields([-0.7, 0.0, -0.3], &sigma),
            );
            ("j = 0.8\nhx = 0.7\nhz = 0.3", half, [zz, field].concat())
        }
        "plaquette-ising" => {
            // An open square of 3 by 2 sites.
            let z = |sites: &[usize]| sites.iter().map(|i| (*i, sigma[2].clone())).collect();
            let bonds = [[0, 1], [1, 2], [3, 4], [4, 5], [0, 3], [1, 4], [2, 5]];
            let pairs = bonds.iter().map(|on| (-0.9, z(on)));
            let squares = [[0, 1, 3, 4], [1, 2, 4, 5]];
            let squares = squares.iter().map(|on| (0.4, z(on)));
            ("j = 0.9\nk = -0.4", half, pairs.chain(squares).collect())
        }
        "heisenberg" => ("j = 0.9\nhz = 0.4", half, {
            [coupled(1, [0.9; 3], &s), fields([0.0, 0.0, -0.4], &s)].concat()
        }),
        "xxz" => ("j = 0.9\ndelta = 0.5\nhz = 0.4", half, {
            [
                coupled(1, [0.9, 0.9, 0.45], &s),
                fields([0.0, 0.0, -0.4], &s),
            ]
            .concat()
        }),
        "xyz" => (
            "jx = 0.9\njy = 0.4\njz = -0.3\nhx = 0.2\nhy = 0.1\nhz = 0.6",
            half,
            {
                [
                    coupled(1, [0.9, 0.4, -0.3], &s),
                    fields([-0.2, -0.1, -0.6], &s),
                ]
                .concat()
            },
        ),
        "j1j2" => ("j2 = 0.4", half, {
            [coupled(1, [1.0; 3], &s), coupled(2, [0.4; 3], &s)].concat()
        }),
        "bonds" => (
            "bonds = 'bonds.csv'\nfields = 'fields.csv'\nunits = 'spin'",
            half,
            {
                let (mut pair, mut field) = (
                    coupled(1, [0.9, 0.4, -0.3], &s),
                    fields([0.2, 0.1, 0.6], &s),
                );
                pair.truncate(3);
                field.truncate(3);
                [pair, field].concat()
            },
        ),
        "bilinear-biquadratic" => {
            let keys = "j = 0.9\nbeta = 0.3\nd = 0.2\ndelta = 0.5";
            let h = coupled(1, [1.0, 1.0, 0.5], &one);
            let z2 = one[2].dot(&one[2]);
            let ion = (0..5).map(|i| (0.2, vec![(i, z2.clone())])).collect();
            let all = [times(0.9, h.clone()), times(0.3, squared(&h)), ion];
            (keys, "kind = 'spin'\ns = 1", all.concat())
        }
        "bose-hubbard" => {
            let b = lowering(2);
            let up = b.t().to_owned();
            let n = up.dot(&b);
            let pairs = n.dot(&n) - &n;
            let mut terms: Vec<Term> = (0..5).map(|i| (1.5, vec![(i, pairs.clone())])).collect();
            for (i, j) in ring(1) {
                terms.push((-0.9, vec![(i, up.clone()), (j, b.clone())]));
                terms.push((-0.9, vec![(j, up.clone()), (i, b.clone())]));
                terms.push((0.4, vec![(i, n.clone()), (j, n.clone())]));
            }
            (
                "j = 0.9\nu = 3\nv = 0.4",
                "kind = 'boson'\nmax_occupation = 2",
                terms,
            )
        }
        "pauli" => (
            "terms = [[-0.7, 'Z0 X1 Y3'], [0.5, 'Y2 Y4'], [0.3, 'X0']]",
            half,
            {
                let [x, y, z] = sigma;
                vec![
                    (-0.7, vec![(0, z), (1, x.clone()), (3, y.clone())]),
                    (0.5, vec![(2, y.clone()), (4, y)]),
                    (0.3, vec![(0, x)]),
                ]
            },
        ),
        other => panic!("add an example of {other}"),
    }
}

#[test]
fn every_model_obeys_the_laws_of_operators() {
    let case = Case::new("");
    std::fs::write(case.path("bonds.csv"), "i,j,Jx,Jy,Jz\n0,1,0.9,0.4,-0.3\n").unwrap();
    std::fs::write(case.path("fields.csv"), "i,hx,hy,hz\n0,0.2,0.1,0.6\n").unwrap();
    for entry in MODELS {
        let (keys, basis, terms) = example(entry.kind);
        let lattice = match entry.kind {
            "plaquette-ising" => "kind = 'square'\nsize = [3, 2]\nboundary = 'open'",
            _ => "kind = 'chain'\nsize = 5",
        };
        let text = format!(
            "[basis]\n{basis}\n[lattice]\n{lattice}\n\
             [hamiltonian]\nkind = '{}'\n{keys}\n",
            entry.kind
        );
        let source = nishina::input::from_text(&text, case.folder.path().into()).unwrap();
        let problem = problem(&source, &Registry::default()).unwrap();
        let expected = |x: &[i8], y: &[i8]| -> Complex64 {
            let term = |(c, factors): &Term| {
                let factors: Vec<_> = factors.iter().map(|(site, m)| (*site, m)).collect();
                element(&problem.basis, x, y, &factors) * c
            };
            terms.iter().map(term).sum()
        };
        let verdict = laws::operator(&*problem.hamiltonian, &problem.basis, expected);
        assert_eq!(verdict, Ok(()), "{}", entry.kind);
    }
}
