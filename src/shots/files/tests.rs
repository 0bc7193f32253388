//! Decides whether files of shots are read right, and refused with their place.

use super::*;
use std::fmt::Write;

const KEY: &str = "learn.target.file";

/// What a file of this name with this text gives.
fn read(name: &str, text: &str, sites: usize, first: FirstSite) -> Result<Shots> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read_shots(&path, KEY, sites, first)
}

/// (basis, outcome as letters, weight) of each row.
fn listed(shots: &Shots) -> Vec<(String, String, f64)> {
    let sign = |s: &i8| if *s == 1 { '+' } else { '-' };
    let row = |k: usize| {
        let basis = &shots.bases[shots.basis[k] as usize];
        let outcome = shots.outcome(k).iter().map(sign).collect();
        (basis.text(), outcome, shots.weights[k])
    };
    (0..shots.len()).map(row).collect()
}

fn row(basis: &str, outcome: &str, weight: f64) -> (String, String, f64) {
    (basis.into(), outcome.into(), weight)
}

#[test]
fn tables_are_read_and_equal_rows_joined() {
    let text = "# of today\nbasis,outcome,weight\nZXY,++-,2\nZZZ,+--,0.5\nZXY,--+,1\n\n\
                ZXY,++-,3\nZZZ,---,0\n";
    let left = read("a.csv", text, 3, FirstSite::Left).unwrap();
    let expected = [
        row("ZXY", "++-", 5.0),
        row("ZXY", "--+", 1.0),
        row("ZZZ", "---", 0.0),
        row("ZZZ", "+--", 0.5),
    ];
    assert_eq!(listed(&left), expected);
    assert_eq!(left.sites(), 3);
    let right = read("a.csv", text, 3, FirstSite::Right).unwrap();
    let expected = [
        row("YXZ", "+--", 1.0),
        row("YXZ", "-++", 5.0),
        row("ZZZ", "---", 0.0),
        row("ZZZ", "--+", 0.5),
    ];
    assert_eq!(listed(&right), expected);
    let ones = read("a.csv", "basis,outcome\nZZ,+-\nZZ,+-\n", 2, FirstSite::Left).unwrap();
    assert_eq!(listed(&ones), [row("ZZ", "+-", 2.0)]);
}

#[test]
fn three_forms_of_counts() {
    let bases = "{\"ZX\": {\"01\": 5, \"00\": 2.0, \"01\": 1}, \"YZ\": {\"10\": 7}, \
                 \"ZX\": {\"00\": 1}}";
    let list = "[{\"basis\": \"ZX\", \"counts\": {\"01\": 6, \"00\": 3}, \"shots\": 9}, \
                {\"counts\": {\"10\": 7}, \"basis\": \"YZ\"}]";
    let expected = [
        row("ZX", "+-", 6.0),
        row("ZX", "++", 3.0),
        row("YZ", "-+", 7.0),
    ];
    for text in [bases, list] {
        let shots = read("a.json", text, 2, FirstSite::Left).unwrap();
        assert_eq!(listed(&shots), expected, "{text}");
    }
    let right = read("a.JSON", bases, 2, FirstSite::Right).unwrap();
    let expected = [
        row("XZ", "-+", 6.0),
        row("XZ", "++", 3.0),
        row("ZY", "+-", 7.0),
    ];
    assert_eq!(listed(&right), expected);
    let plain = read("a.json", "{\"011\": 4, \"110\": 0}", 3, FirstSite::Left).unwrap();
    let expected = [row("ZZZ", "+--", 4.0), row("ZZZ", "--+", 0.0)];
    assert_eq!(listed(&plain), expected);
}

/// Lines below a good one, and what the refusal says.
const LINES: &[(&str, [&str; 2])] = &[
    (
        "ZZZ,++,1",
        ["line 3: `ZZZ` has 3 letters, not 2", "X, Y or Z"],
    ),
    (
        "ZA,++,1",
        ["line 3: `ZA` holds the letter `A`", "X, Y or Z"],
    ),
    (
        "zz,++,1",
        ["line 3: `zz` holds the letter `z`", "X, Y or Z"],
    ),
    ("ZZ,+,1", ["line 3: `+` has 1 letters, not 2", "+ or -"]),
    ("ZZ,+0,1", ["line 3: `+0` holds the letter `0`", "+ or -"]),
    ("ZZ,+-,-1", ["line 3: the weight -1 is negative", "counts"]),
    (
        "ZZ,+-,NaN",
        ["line 3: `NaN` is not a finite number", "number"],
    ),
    (
        "ZZ,+-,inf",
        ["line 3: `inf` is not a finite number", "number"],
    ),
    ("ZZ,+-,x", ["line 3: `x` is not a finite number", "number"]),
    ("ZZ,+-", ["line 3: 2 columns instead of 3", "every column"]),
    ("XX,+-,0", ["XX is a basis without shots", "take it out"]),
    (
        "ZZ,+-,1e308\nZZ,+-,1e308",
        ["ZZ has weights whose sum", "divide"],
    ),
];

/// Whole tables, and what the refusal says.
const TABLES: &[(&str, [&str; 2])] = &[
    (
        "outcome,weight\n++,1\n",
        ["line 1: the header", "`basis,outcome`"],
    ),
    (
        "ZZ,++\n",
        ["line 1: the header is `ZZ,++`", "`basis,outcome`"],
    ),
    (
        "basis,outcome\n",
        ["there are no data lines", "`basis,outcome`"],
    ),
    ("", ["there are no data lines", "`basis,outcome`"]),
];

#[test]
fn what_is_wrong_in_a_table_is_named_with_its_line() {
    for (lines, parts) in LINES {
        let text = format!("basis,outcome,weight\nZZ,++,1\n{lines}\n");
        refused("a.csv", &text, parts);
    }
    for (text, parts) in TABLES {
        refused("a.csv", text, parts);
    }
}

fn refused(name: &str, text: &str, parts: &[&str]) {
    let error = read(name, text, 2, FirstSite::Left).unwrap_err();
    assert_eq!(error.exit_code(), 64);
    let error = error.to_string();
    assert!(error.starts_with(&format!("{KEY}: ")), "{error}");
    assert!(error.contains(name), "{error}");
    for part in parts {
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

const WHOLE: &str = "counts are whole numbers";

/// Files of counts, and what the refusal says.
const COUNTS: &[(&str, [&str; 2])] = &[
    (
        "{\"ZZZ\": {\"00\": 1}}",
        ["a.json, ZZZ: `ZZZ` has 3 letters", "X, Y or Z"],
    ),
    (
        "{\"ZQ\": {\"00\": 1}}",
        ["a.json, ZQ: `ZQ` holds the letter `Q`", "X, Y or Z"],
    ),
    (
        "{\"ZX\": {\"0\": 1}}",
        ["a.json, ZX.0: `0` has 1 letters", "0 (+1) or 1 (-1)"],
    ),
    (
        "{\"ZX\": {\"0+\": 1}}",
        ["a.json, ZX.0+: `0+` holds", "0 (+1) or 1 (-1)"],
    ),
    (
        "{\"012\": 1}",
        [
            "a.json, 012: `012` holds the letter `2`",
            "0 (+1) or 1 (-1)",
        ],
    ),
    (
        "{\"ZX\": {\"00\": -1}}",
        ["a.json, ZX.00: -1 is no count", WHOLE],
    ),
    (
        "{\"ZX\": {\"00\": 0.5}}",
        ["a.json, ZX.00: 0.5 is no count", WHOLE],
    ),
    (
        "{\"ZX\": {\"00\": 1e17}}",
        ["ZX.00: 100000000000000000 is no count", WHOLE],
    ),
    (
        "{\"ZX\": {\"00\": \"1\"}}",
        ["a.json, ZX.00: \"1\" is no count", WHOLE],
    ),
    (
        "{\"ZX\": {\"00\": null}}",
        ["a.json, ZX.00: null is no count", WHOLE],
    ),
    (
        "{\"00\": 1, \"ZX\": {}}",
        ["a.json, ZX: an object is no count", WHOLE],
    ),
    (
        "{\"ZX\": {\"00\": 1}, \"01\": 1}",
        ["01: 1 is no object of counts", "give {"],
    ),
    ("{\"ZX\": {\"00\": NaN}}", ["it is not JSON: ", "line 1"]),
    ("{\"ZX\": {\"00\": 1}", ["it is not JSON: EOF", "give {"]),
    ("basis,outcome\nZZ,++\n", ["it is not JSON: ", "give {"]),
    ("3", ["a.json: it holds 3", "give {"]),
    ("{}", ["there are no shots", "give {"]),
    ("[]", ["there are no shots", "give {"]),
    (" \n", ["the file is empty", "give {"]),
    (
        "{\"ZX\": {}}",
        ["ZX is a basis without shots", "take it out"],
    ),
    (
        "{\"ZX\": {\"00\": 0}}",
        ["ZX is a basis without shots", "take it out"],
    ),
    ("[3]", ["a.json, [0]: 3 is given", "give {"]),
    (
        "[{\"counts\": {\"00\": 1}}]",
        ["a.json, [0]: `basis` is missing", "give {"],
    ),
    (
        "[{\"basis\": \"ZX\"}]",
        ["a.json, [0]: `counts` is missing", "give {"],
    ),
    (
        "[{\"basis\": 1, \"counts\": {}}]",
        ["a.json, [0].basis: 1 is no basis", "give {"],
    ),
    (
        "[{\"basis\": \"ZZ\", \"basis\": \"XX\"}]",
        ["`basis` is there 2 times", "give {"],
    ),
    (
        "[{\"basis\": \"ZX\", \"counts\": {\"0\": 1}}]",
        [
            "a.json, [0].counts.0: `0` has 1 letters",
            "0 (+1) or 1 (-1)",
        ],
    ),
    (
        "[{\"basis\": \"ZX\", \"counts\": [1]}]",
        [
            "a.json, [0].counts: a list is no object of counts",
            "give {",
        ],
    ),
];

#[test]
fn what_is_wrong_in_counts_is_named_with_its_path() {
    for (text, parts) in COUNTS {
        refused("a.json", text, parts);
    }
    refused(
        "a.json",
        &"[".repeat(100_000),
        &["it is not JSON: recursion"],
    );
    let missing = read_shots(Path::new("/nowhere/a.json"), KEY, 2, FirstSite::Left);
    assert!(missing.unwrap_err().to_string().contains("a.json"));
}

#[test]
fn a_basis_without_shots_is_named_as_the_file_writes_it() {
    let text = "basis,outcome,weight\nXZ,++,0\n";
    let error = read("a.csv", text, 2, FirstSite::Right).unwrap_err();
    assert!(error.to_string().contains(": XZ is a basis"), "{error}");
}

#[test]
fn many_bases_are_found_without_comparing_each_with_each() {
    let letter = |word: usize, i: usize| ['X', 'Y', 'Z'][word / 3usize.pow(i as u32) % 3];
    let mut text = String::from("basis,outcome\n");
    for k in 0..200_000usize {
        let word = k.wrapping_mul(7919) % 177_147;
        let basis: String = (0..11).map(|i| letter(word, i)).collect();
        writeln!(text, "{basis},++++-+-+++-").unwrap();
    }
    let shots = read("a.csv", &text, 11, FirstSite::Left).unwrap();
    assert_eq!((shots.bases.len(), shots.len()), (177_147, 177_147));
    assert_eq!(shots.weights.iter().sum::<f64>(), 200_000.0);
}
