//! Broken inputs: each ends with code 64 and one message that names the key and a remedy, and no
//! file is written.

mod common;
use common::{Case, broken, expect_code, project, text};
use std::path::Path;

/// Words of the types behind the keys, which no message may hold.
const TYPES: &[&str] = &[
    "enum ", "struct ", " variant", "untagged", "usize", "u64", "f64",
];

/// A folder with the data files that inputs name.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(project().join("tests/inputs")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn every_broken_input_names_its_key() {
    let folder = data();
    let input = folder.path().join("input.toml");
    let before = entries(folder.path()) + 1;
    let cases = broken::inputs();
    assert!(cases.len() >= 150, "{} inputs", cases.len());
    let mut faults = Vec::new();
    for broken in &cases {
        std::fs::write(&input, &broken.text).unwrap();
        let case = Case::new("");
        let out = case.alone(&["run", input.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let errors: Vec<_> = said
            .lines()
            .filter_map(|l| l.strip_prefix("error: "))
            .collect();
        let place = errors.first().and_then(|e| e.split(": ").next());
        // A fault of the syntax is named by file and line.
        let named =
            place.is_some_and(|p| p == broken.key || p.ends_with(&format!(" {}", broken.key)));
        let said_well = errors.len() == 1 && errors[0].contains(&broken.says);
        let remedy = errors.iter().all(|e| e.contains(';'));
        let plain = !TYPES.iter().any(|word| said.contains(word));
        let clean = entries(case.folder.path()) == 1 && entries(folder.path()) == before;
        if out.status.code() != Some(64) || !(named && said_well && remedy && plain && clean) {
            faults.push(format!(
                "{}: code {:?}, wanted `{}` and \"{}\":\n{}\n{}",
                broken.name,
                out.status.code(),
                broken.key,
                broken.says,
                broken.text,
                text(&out)
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

#[test]
fn the_inputs_that_are_changed_are_sound() {
    let folder = data();
    let path = folder.path().join("input.toml");
    for (name, input) in broken::bases() {
        std::fs::write(&path, input).unwrap();
        let case = Case::new("");
        let out = case.alone(&["check", path.to_str().unwrap(), "--quick"]);
        assert_eq!(out.status.code(), Some(0), "{name}: {}", text(&out));
    }
}

#[test]
fn ranks_repeat_nothing() {
    let case = Case::new(&broken::inputs()[0].text);
    let out = case.ranks(3, &["run", "x.toml"]);
    expect_code(&out, 64);
    assert_eq!(text(&out).matches("error: ").count(), 1, "{}", text(&out));
}
