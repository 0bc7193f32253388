//! Checks what the readers accept and that every refusal names the key, the file and the line.

use super::*;
use crate::error::Error;
use crate::lattice::files::read_edges;
use std::fs::write;

fn with<T>(text: &str, read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    write(&path, text).unwrap();
    read(&path)
}

fn refused<T: std::fmt::Debug>(result: Result<T>, line: usize, what: &str) {
    match result {
        Err(Error::Input {
            key,
            problem,
            remedy,
        }) => {
            assert_eq!(key, "here");
            assert!(
                problem.contains("list.csv") && problem.contains(what),
                "{problem}"
            );
            assert!(
                line == 0 || problem.contains(&format!("line {line}:")),
                "{problem}"
            );
            assert!(!remedy.is_empty());
        }
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn good_files() {
    let edges = with(
        "# a triangle\ni,j,kind\n\n0,1,1\n 1 , 2 ,2\r\n0,2,1\n",
        |p| read_edges(p, "here"),
    )
    .unwrap();
    assert_eq!(edges, [(0, 1, 1), (1, 2, 2), (0, 2, 1)]);
    assert_eq!(
        with("i,j\n0,1\n", |p| read_edges(p, "here")).unwrap(),
        [(0, 1, 1)]
    );
    let bonds = with("i,j,Jx,Jy,Jz\n3,1,1,-2e-1,.5", |p| read_bonds(p, "here", 4)).unwrap();
    assert_eq!(
        bonds,
        [Coupling {
            i: 3,
            j: 1,
            j_xyz: [1.0, -0.2, 0.5]
        }]
    );
    let fields = with("i,hx,hy,hz\n2,0,1,-1\n", |p| read_fields(p, "here", 3)).unwrap();
    assert_eq!(fields, [(2, [0.0, 1.0, -1.0])]);
    let terms = with("coefficient,string\n0.5+0.2i,X0 Y3\n-1,\n", |p| {
        read_pauli(p, "here", 4)
    })
    .unwrap();
    assert_eq!(
        terms[0],
        (Complex64::new(0.5, 0.2), vec![(0, Pauli::X), (3, Pauli::Y)])
    );
    assert_eq!(terms[1], (Complex64::new(-1.0, 0.0), vec![]));
}

#[test]
fn bad_bonds_and_fields() {
    let bonds = |text: &str| with(text, |p| read_bonds(p, "here", 3));
    refused(bonds("i,j\n0,1\n"), 1, "header");
    refused(bonds(""), 0, "no data");
    refused(bonds("i,j,Jx,Jy,Jz\n"), 0, "no data");
    refused(bonds("i,j,Jx,Jy,Jz\n0,1,1,1\n"), 2, "columns");
    refused(bonds("i,j,Jx,Jy,Jz\n0,3,1,1,1\n"), 2, "does not exist");
    refused(bonds("i,j,Jx,Jy,Jz\n0,-1,1,1,1\n"), 2, "site number");
    refused(bonds("i,j,Jx,Jy,Jz\n0,1,1,nan,1\n"), 2, "finite");
    refused(bonds("i,j,Jx,Jy,Jz\n0,1,1,1,1e999\n"), 2, "finite");
    refused(bonds("i,j,Jx,Jy,Jz\n1,1,1,1,1\n"), 2, "itself");
    let twice = "i,j,Jx,Jy,Jz\n0,1,1,1,1\n#\n1,0,1,1,1\n";
    refused(bonds(twice), 4, "already on line 2");
    let fields = |text: &str| with(text, |p| read_fields(p, "here", 3));
    refused(
        fields("i,hx,hy,hz\n0,1,1,1\n0,1,1,1\n"),
        3,
        "already on line 2",
    );
}

#[test]
fn bad_edges() {
    let edges = |text: &str| with(text, |p| read_edges(p, "here"));
    refused(edges("i,j,kind\n0,1,0\n"), 2, "kind");
    refused(edges("i,j\n0,99999999999\n"), 2, "largest");
    refused(edges("i,j\n0,1\n1,0\n"), 3, "already");
    refused(edges("i,j\n0,\"1\n1,2\n2,3\n"), 2, "quote is not closed");
    refused(edges("i,j\n0,1\n1,\"2\n"), 3, "quote is not closed");
}

#[test]
fn bad_pauli_strings() {
    for (line, what) in [
        ("x,X0", "coefficient"),
        ("1,W0", "W0"),
        ("1,X", "site"),
        ("1,X+1", "site"),
        ("1,X9", "exist"),
        ("1,X0 Z0", "twice"),
        ("inf,X0", "finite"),
    ] {
        let text = format!("coefficient,string\n{line}\n");
        refused(with(&text, |p| read_pauli(p, "here", 3)), 2, what);
    }
}

#[test]
fn paths_that_are_no_files() {
    let read = |path: &Path| read_edges(path, "here");
    refused(read(Path::new("/no/such/list.csv")), 0, "list.csv");
    let below_a_file = with("", |p| read(&p.join("x")));
    refused(below_a_file, 0, "list.csv");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::create_dir(&path).unwrap();
    refused(read(&path), 0, "regular");
}

#[test]
fn coefficients() {
    for (text, re, im) in [
        ("1", 1.0, 0.0),
        ("-2e-3", -2e-3, 0.0),
        ("0.5+0.2i", 0.5, 0.2),
        ("1e-2-3e-1i", 1e-2, -0.3),
        ("i", 0.0, 1.0),
        ("-i", 0.0, -1.0),
        ("2-i", 2.0, -1.0),
        ("-0.5i", 0.0, -0.5),
        ("1 + 2i", 1.0, 2.0),
    ] {
        assert_eq!(
            parse_coefficient(text),
            Ok(Complex64::new(re, im)),
            "{text}"
        );
    }
    for text in ["", "x", "1+", "1+xi", "nan", "infi", "1++2i"] {
        assert!(parse_coefficient(text).is_err(), "{text}");
    }
}
