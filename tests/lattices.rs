//! Decides whether lattices are those of the reference edge lists and whether their symmetries are
//! groups.

use nishina::error::Error;
use nishina::lattice::{Bond, Boundary, Group, Lattice, LatticeSpec, bipartition, orbits};
use std::collections::BTreeSet;

fn lattice(kind: &str, size: &[usize], boundary: &[Boundary]) -> Lattice {
    Lattice::new(&LatticeSpec::regular(kind, size, boundary)).expect("sound lattice")
}

const OPEN: &[Boundary] = &[Boundary::Open];
const PERIODIC: &[Boundary] = &[Boundary::Periodic];

fn unordered(bonds: &[Bond]) -> BTreeSet<(usize, usize, u32)> {
    let set: BTreeSet<_> = bonds
        .iter()
        .map(|b| (b.i.min(b.j), b.i.max(b.j), b.kind))
        .collect();
    assert_eq!(set.len(), bonds.len(), "a bond occurs twice");
    set
}

fn problem<T: std::fmt::Debug>(result: Result<T, Error>, key: &str) -> String {
    match result {
        Err(Error::Input {
            key: found,
            problem,
            remedy,
        }) if found == key => format!("{problem}; {remedy}"),
        other => panic!("expected an error at {key}, got {other:?}"),
    }
}

#[test]
fn bonds_are_those_of_the_reference() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/lattices");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("reference data") {
        let path = entry.expect("entry").path();
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .expect("name")
            .to_string();
        let words: Vec<&str> = stem.split('-').collect();
        let size: Vec<usize> = words[1]
            .split('x')
            .map(|n| n.parse().expect("size"))
            .collect();
        let l = lattice(
            words[0],
            &size,
            if words[2] == "pbc" { PERIODIC } else { OPEN },
        );
        let mut bonds = l.bonds(1).expect("first neighbours");
        if words.get(3) == Some(&"nnn") {
            bonds.extend(l.bonds(2).expect("second neighbours"));
        }
        let listed: BTreeSet<(usize, usize, u32)> = std::fs::read_to_string(&path)
            .expect("edges")
            .lines()
            .skip(1)
            .map(|line| {
                let n: Vec<usize> = line
                    .split(',')
                    .map(|n| n.parse().expect("number"))
                    .collect();
                (n[0].min(n[1]), n[0].max(n[1]), n[2] as u32)
            })
            .collect();
        assert_eq!(unordered(&bonds), listed, "{stem}");
        files += 1;
    }
    assert!(files >= 17);
}

#[test]
fn chains_and_ladders() {
    let ring = lattice("chain", &[6], PERIODIC);
    assert_eq!(ring.bonds(1).expect("shell").len(), 6);
    let second: Vec<_> = ring
        .bonds(2)
        .expect("shell")
        .iter()
        .map(|b| (b.i, b.j, b.kind))
        .collect();
    assert_eq!(
        second,
        [
            (0, 2, 2),
            (0, 4, 2),
            (1, 3, 2),
            (1, 5, 2),
            (2, 4, 2),
            (3, 5, 2)
        ]
    );
    assert_eq!(ring.distance(0, 5), Ok(1.0));
    assert_eq!(lattice("chain", &[6], OPEN).distance(0, 5), Ok(5.0));
    assert_eq!(
        lattice("chain", &[6], OPEN).bonds(1).expect("shell").len(),
        5
    );
    let ladder = lattice("ladder", &[4, 2], PERIODIC);
    let bonds = unordered(&ladder.bonds(1).expect("shell"));
    assert_eq!(bonds.len(), 12);
    for bond in [(0, 1, 1), (0, 3, 1), (0, 4, 1), (4, 7, 1)] {
        assert!(bonds.contains(&bond), "{bond:?}");
    }
    assert_eq!(unordered(&ladder.bonds(2).expect("diagonals")).len(), 8);
    assert_eq!(
        lattice("ladder", &[4, 3], OPEN)
            .bonds(1)
            .expect("shell")
            .len(),
        9 + 8
    );
    assert_eq!(ladder.cells[6], [2, 1, 0]);
}

/// Neighbours are at the distance that the positions say, and have the coordination of the lattice.
#[test]
fn positions_distances_and_shells_agree() {
    for (kind, size, coordination, second) in [
        ("chain", vec![7], 2, 2.0),
        ("square", vec![5, 5], 4, 2f64.sqrt()),
        ("triangular", vec![5, 5], 6, 3f64.sqrt()),
        ("honeycomb", vec![4, 4], 3, 3f64.sqrt()),
        ("kagome", vec![4, 4], 4, 3f64.sqrt()),
        ("cubic", vec![5, 5, 5], 6, 2f64.sqrt()),
    ] {
        let l = lattice(kind, &size, PERIODIC);
        let bonds = l.bonds(1).expect("shell 1");
        assert_eq!(2 * bonds.len(), coordination * l.sites, "{kind}");
        for b in &bonds {
            assert!(
                (l.distance(b.i, b.j).expect("distance") - 1.0).abs() < 1e-12,
                "{kind} {b:?}"
            );
        }
        for b in &l.bonds(2).expect("shell 2") {
            assert!(
                (l.distance(b.i, b.j).expect("distance") - second).abs() < 1e-12,
                "{kind} {b:?}"
            );
        }
        let open = lattice(kind, &size, OPEN);
        for i in 0..open.sites {
            let (a, b) = (open.positions[0], open.positions[i]);
            let d = (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt();
            assert!(
                (open.distance(0, i).expect("distance") - d).abs() < 1e-12,
                "{kind} {i}"
            );
        }
    }
}

fn is_group_of_symmetries(l: &Lattice, group: &Group) {
    let identity: Vec<u32> = (0..l.sites as u32).collect();
    assert_eq!(group.permutations[0], identity);
    let elements: BTreeSet<&Vec<u32>> = group.permutations.iter().collect();
    assert_eq!(
        elements.len(),
        group.permutations.len(),
        "an element occurs twice"
    );
    for g in &group.permutations {
        for h in group.permutations.iter().take(24) {
            let product: Vec<u32> = h.iter().map(|&k| g[k as usize]).collect();
            assert!(elements.contains(&product), "not closed");
        }
    }
    for shell in 1..=2 {
        let Ok(bonds) = l.bonds(shell) else { continue };
        let pairs: BTreeSet<(usize, usize)> = bonds.iter().map(|b| (b.i, b.j)).collect();
        for g in &group.permutations {
            for b in &bonds {
                let (i, j) = (g[b.i] as usize, g[b.j] as usize);
                assert!(
                    pairs.contains(&(i.min(j), i.max(j))),
                    "shell {shell} is not kept"
                );
            }
        }
    }
}

#[test]
fn symmetries_are_groups_of_the_right_order() {
    let cylinder = [Boundary::Periodic, Boundary::Open];
    for (kind, size, boundary, translations, all) in [
        ("chain", vec![8], PERIODIC, 8, 16),
        ("chain", vec![8], OPEN, 1, 2),
        ("chain", vec![1], OPEN, 1, 1),
        ("ladder", vec![5, 2], PERIODIC, 5, 20),
        ("ladder", vec![5, 3], OPEN, 1, 4),
        ("square", vec![6, 6], PERIODIC, 36, 288),
        ("square", vec![4, 4], PERIODIC, 16, 128),
        ("square", vec![4, 3], PERIODIC, 12, 48),
        ("square", vec![4, 4], &cylinder, 4, 16),
        ("square", vec![4, 4], OPEN, 1, 8),
        ("triangular", vec![4, 4], PERIODIC, 16, 192),
        ("triangular", vec![6, 3], PERIODIC, 18, 72),
        ("triangular", vec![3, 3], OPEN, 1, 4),
        ("honeycomb", vec![3, 3], PERIODIC, 9, 108),
        ("kagome", vec![3, 3], PERIODIC, 9, 108),
        ("cubic", vec![3, 3, 3], PERIODIC, 27, 27 * 48),
        ("cubic", vec![2, 2, 2], OPEN, 1, 48),
    ] {
        let l = lattice(kind, &size, boundary);
        let t = l.translations().expect("translations");
        assert_eq!(
            t.permutations.len(),
            translations,
            "{kind} {size:?} {boundary:?}"
        );
        is_group_of_symmetries(&l, &t);
        let g = l.space_group().expect("space group");
        assert_eq!(g.permutations.len(), all, "{kind} {size:?} {boundary:?}");
        is_group_of_symmetries(&l, &g);
    }
}

#[test]
fn orbits_and_sublattices() {
    let kagome = lattice("kagome", &[3, 3], PERIODIC);
    assert_eq!(
        orbits(27, &kagome.translations().expect("group")),
        kagome.sublattice
    );
    assert_eq!(
        orbits(27, &kagome.space_group().expect("group")),
        vec![0; 27]
    );
    let open = lattice("square", &[3, 3], OPEN);
    assert_eq!(
        orbits(9, &open.space_group().expect("group")),
        [0, 1, 0, 1, 2, 1, 0, 1, 0]
    );
    let honeycomb = lattice("honeycomb", &[3, 2], PERIODIC);
    let colours = bipartition(12, &honeycomb.bonds(1).expect("shell")).expect("bipartite");
    assert!(
        colours
            .iter()
            .zip(&honeycomb.sublattice)
            .all(|(&a, &s)| a == (s == 0))
    );
    let triangular = lattice("triangular", &[4, 4], PERIODIC);
    assert_eq!(
        bipartition(16, &triangular.bonds(1).expect("shell"))
            .expect_err("frustrated")
            .len()
            % 2,
        1
    );
    assert!(
        bipartition(
            5,
            &lattice("chain", &[5], PERIODIC).bonds(1).expect("shell")
        )
        .is_err()
    );
}

#[test]
fn impossible_lattices_are_refused() {
    for (kind, size) in [
        ("chain", vec![]),
        ("chain", vec![0]),
        ("square", vec![4]),
        ("square", vec![4, 4, 4]),
        ("square", vec![usize::MAX, usize::MAX]),
        ("square", vec![1_000_000, 1_000_000]),
        ("cubic", vec![0, usize::MAX, usize::MAX]),
        ("kagome", vec![200, 200]),
        ("graph", vec![4]),
    ] {
        problem(
            Lattice::new(&LatticeSpec::regular(kind, &size, PERIODIC)),
            "lattice.size",
        );
    }
    assert!(
        problem(
            Lattice::new(&LatticeSpec::regular("pyrochlore", &[4], PERIODIC)),
            "lattice.kind"
        )
        .contains("kagome")
    );
    let both = [Boundary::Periodic, Boundary::Periodic];
    problem(
        Lattice::new(&LatticeSpec::regular("chain", &[4], &both)),
        "lattice.boundary",
    );
    problem(
        Lattice::new(&LatticeSpec::regular("ladder", &[4, 2], &both)),
        "lattice.boundary",
    );
    problem(
        Lattice::new(&LatticeSpec::regular("square", &[4, 2], &[])),
        "lattice.boundary",
    );
    problem(
        Lattice::new(&LatticeSpec {
            sites: Some(4),
            ..LatticeSpec::regular("chain", &[4], OPEN)
        }),
        "lattice.sites",
    );
    problem(
        Lattice::new(&LatticeSpec {
            edges: Some(vec![]),
            ..LatticeSpec::regular("chain", &[4], OPEN)
        }),
        "lattice.file",
    );
}

#[test]
fn pairs_that_wrap_twice_are_refused() {
    for (kind, size, shell) in [
        ("chain", vec![1], 1),
        ("chain", vec![2], 1),
        ("chain", vec![4], 2),
        ("square", vec![4, 2], 1),
        ("square", vec![4, 1], 1),
        ("triangular", vec![2, 4], 1),
        ("honeycomb", vec![1, 3], 1),
        ("square", vec![4, 4], 3),
    ] {
        let message = problem(lattice(kind, &size, PERIODIC).bonds(shell), "lattice.size");
        assert!(
            message.contains("neighbour") && message.contains("open boundary"),
            "{message}"
        );
    }
    // Displacements longer than the lattice wrap as well: ±4 leads from a single site back to it,
    // ±7 on a ring of three to both others.
    problem(lattice("chain", &[1], PERIODIC).bonds(4), "lattice.size");
    let pairs: Vec<_> = lattice("chain", &[3], PERIODIC)
        .bonds(7)
        .expect("ring")
        .iter()
        .map(|b| (b.i, b.j))
        .collect();
    assert_eq!(pairs, [(0, 1), (0, 2), (1, 2)]);
    problem(lattice("chain", &[4], OPEN).bonds(0), "lattice");
    problem(lattice("chain", &[4], OPEN).bonds(usize::MAX), "lattice");
    assert_eq!(
        lattice("square", &[4, 1], OPEN)
            .bonds(1)
            .expect("open")
            .len(),
        3
    );
    assert!(
        lattice("chain", &[2], OPEN)
            .bonds(2)
            .expect("open")
            .is_empty()
    );
}

#[test]
fn graphs() {
    let edges = vec![(1, 0, 1), (1, 2, 2), (2, 3, 1)];
    let s = LatticeSpec {
        edges: Some(edges),
        ..LatticeSpec::regular("graph", &[], &[])
    };
    let g = Lattice::new(&s).expect("graph");
    assert_eq!((g.sites, g.bonds(1).expect("edges").len()), (4, 3));
    assert_eq!(
        g.bonds_of_kind(2).expect("edges"),
        [Bond {
            i: 1,
            j: 2,
            kind: 2
        }]
    );
    problem(g.bonds(2), "lattice.kind");
    problem(g.distance(0, 1), "lattice.kind");
    problem(g.distance_classes(), "lattice.kind");
    assert!(problem(g.translations(), "lattice.kind").contains("graph"));
    problem(g.space_group(), "lattice.kind");
    assert!(g.positions.iter().all(|p| *p == [0.0; 3]));
}
