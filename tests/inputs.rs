//! Broken inputs: each ends with code 64 and one message that names the key and a remedy, and no
//! file is written.

mod common;
use common::{Case, expect_code, project, text};

#[test]
fn every_broken_input_names_its_key() {
    let folder = project().join("tests/inputs");
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 40, "{} inputs", inputs.len());
    let mut faults = Vec::new();
    for input in &inputs {
        let content = std::fs::read_to_string(input).unwrap();
        let key = content
            .lines()
            .next()
            .and_then(|l| l.strip_prefix("# key: "))
            .unwrap()
            .trim();
        let case = Case::new("");
        let out = case.alone(&["run", input.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let errors = said
            .lines()
            .filter(|l| l.starts_with("error: "))
            .collect::<Vec<_>>();
        let named = errors.len() == 1 && errors[0].contains(key) && errors[0].contains(';');
        let clean = std::fs::read_dir(case.folder.path()).unwrap().count() == 1;
        if out.status.code() != Some(64) || !named || !clean {
            faults.push(format!(
                "{}: code {:?}, wanted `{key}`:\n{}",
                input.display(),
                out.status.code(),
                text(&out)
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}\n{}",
        faults.len(),
        inputs.len(),
        faults.join("\n")
    );
}

#[test]
fn ranks_repeat_nothing() {
    let input = project().join("tests/inputs");
    let first = std::fs::read_dir(input)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "toml"));
    let case = Case::new("");
    let out = case.ranks(3, &["run", first.unwrap().to_str().unwrap()]);
    expect_code(&out, 64);
    assert_eq!(text(&out).matches("error: ").count(), 1, "{}", text(&out));
}
