//! Decides whether clusters are where they should be, and pairs of sites are a Jastrow function.

use super::*;
use crate::ansatz::jastrow::{Form, Jastrow, all_pairs};
use crate::basis::Basis;
use crate::lattice::{Boundary, Lattice, LatticeSpec};
use crate::laws::laws;
use crate::rng::{Purpose, stream};

fn lattice(kind: &str, size: &[usize], boundary: &[Boundary]) -> Lattice {
    Lattice::new(&LatticeSpec::regular(kind, size, boundary)).unwrap()
}

#[test]
fn blocks_run_along_the_first_vector_from_their_anchor() {
    use Boundary::{Open, Periodic};
    let closed = blocks(&lattice("square", &[4, 3], &[Periodic]), [2, 2, 1]);
    assert_eq!(closed.len(), 12);
    assert_eq!(
        (&closed[0], &closed[11]),
        (&vec![0, 1, 4, 5], &vec![11, 8, 3, 0])
    );
    let half = blocks(&lattice("square", &[4, 3], &[Open, Periodic]), [2, 2, 1]);
    assert_eq!(half.len(), 9);
    assert_eq!(half[8], [10, 11, 2, 3]);
    let open = blocks(&lattice("cubic", &[2, 2, 3], &[Open]), [2, 1, 2]);
    assert_eq!(
        open,
        [[0, 1, 4, 5], [2, 3, 6, 7], [4, 5, 8, 9], [6, 7, 10, 11]]
    );
    // All sites of a cell belong to the cluster that holds the cell.
    let cells = blocks(&lattice("kagome", &[2, 2], &[Periodic]), [2, 1, 1]);
    assert_eq!(cells[1], [3, 4, 5, 0, 1, 2]);
}

#[test]
fn images_of_a_listed_cluster_are_those_of_its_extents() {
    for kind in ["square", "triangular"] {
        let lattice = lattice(kind, &[3, 4], &[Boundary::Periodic]);
        let group = lattice.translations().unwrap();
        let all = blocks(&lattice, [2, 3, 1]);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(images(&all[5], &group), sorted);
    }
}

/// c_P[k] for two spins with the values of the bits: v s_1 s_2 = v (1 − 2 b_1)(1 − 2 b_2).
#[test]
fn clusters_of_two_sites_are_a_jastrow_function() {
    let n = 7;
    let basis = Basis::spin_half(n, None).unwrap();
    let jastrow = Jastrow::<Complex64>::new(&all_pairs(n), Form::Pairs, false, 0.4, 3);
    let v = unflatten::<Complex64>(&jastrow.parameters());
    let first = |i: u32| (i + 1..n as u32).map(move |j| vec![i, j]);
    let pairs: Vec<Vec<u32>> = (0..n as u32).flat_map(first).collect();
    let mut eps = Plaquettes::<Complex64>::new(PlaquetteClusters::new(n, &pairs, false), 0.1, 1);
    let table = |&v: &Complex64| [v, -v, -v, v];
    eps.set_parameters(&flatten(v.iter().flat_map(table)))
        .unwrap();
    let mut rng = stream(1, Purpose::Law, 0, 0);
    for _ in 0..20 {
        let x = basis.random(&mut rng);
        let [a, b] = [
            eps.log_psi(&eps.batch(&x))[0],
            jastrow.log_psi(&jastrow.batch(&x))[0],
        ];
        assert!(((a - b).exp() - 1.0).norm() < 1e-13, "{a} {b}");
    }
}

#[test]
fn plaquettes_of_every_lattice_obey_the_laws() {
    for (kind, size, extents, tied) in [
        ("square", vec![3, 3], [2, 2, 1], true),
        ("square", vec![2, 4], [2, 2, 1], false),
        ("honeycomb", vec![2, 2], [2, 1, 1], true),
        ("triangular", vec![3, 3], [2, 2, 1], false),
    ] {
        let lattice = lattice(kind, &size, &[Boundary::Periodic]);
        let basis = Basis::spin_half(lattice.sites, None).unwrap();
        let clusters = PlaquetteClusters::new(lattice.sites, &blocks(&lattice, extents), tied);
        let mut eps = Plaquettes::<Complex64>::new(clusters, 0.3, 5);
        laws(&mut eps, &basis, 2).unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
}

#[test]
fn one_table_counts_how_often_each_state_is_there() {
    let lattice = lattice("square", &[3, 3], &[Boundary::Periodic]);
    let clusters = PlaquetteClusters::new(9, &blocks(&lattice, [2, 2, 1]), true);
    let eps = Plaquettes::<f64>::new(clusters, 0.3, 5);
    let mut x = vec![1; 9];
    x[4] = -1;
    let counts = eps.derivatives(&eps.batch(&x)).written_out();
    let found: Vec<f64> = (0..16).map(|k| counts.get(0, k).re).collect();
    // The site is each of the four of a cluster once.
    let mut expected = vec![0.0; 16];
    for (k, n) in [(0, 5.0), (1, 1.0), (2, 1.0), (4, 1.0), (8, 1.0)] {
        expected[k] = n;
    }
    assert_eq!(found, expected);
}
