//! The shape of the house: dependencies run one way, each outside library is named in one room,
//! files stay short.

mod common;
use common::project;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Path below src, content without its tests.
fn sources() -> Vec<(String, String)> {
    let src = project().join("src");
    files(&src)
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let name = path
                .strip_prefix(&src)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            (name, text.split("#[cfg(test)]").next().unwrap().to_string())
        })
        .collect()
}

/// Code without comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The rooms from the ground up: a room uses those below its floor, and none beside it.
const FLOORS: &[&[&str]] = &[
    &["error"],
    &["number", "rng", "table"],
    &["io", "comm", "lattice"],
    &["linalg"],
    &["job", "stats", "derivatives"],
    &["basis"],
    &["operator"],
    &["ansatz"],
    &["sampler"],
    &["ensemble"],
    &["observable"],
    &["optimizer"],
    &["evolution"],
    &["exact"],
    &["input"],
    &["run"],
    &["calculation"],
    &["laws"],
    &["plot"],
    &["commands"],
];

/// The rooms that a piece of code names, alone or in braces.
fn rooms(code: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        let letters = text.chars();
        letters
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                found.extend(list.split(',').map(|part| word(part.trim())));
            }
        }
    }
    found
}

#[test]
fn dependencies_run_one_way() {
    let floor = |room: &str| FLOORS.iter().position(|floor| floor.contains(&room));
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let room = name.split('/').next().unwrap().trim_end_matches(".rs");
        if ["lib", "main"].contains(&room) {
            continue;
        }
        let mine = floor(room).unwrap_or_else(|| panic!("{room} has no floor"));
        let above = |other: &&String| {
            let theirs = floor(other);
            other.as_str() != room && theirs.is_none_or(|theirs| theirs >= mine)
        };
        let code = code(&text);
        let found = rooms(&code);
        // Macros stand at the root of the crate.
        let found = found
            .iter()
            .filter(|r| !["record", "compiled_for_each_set"].contains(&r.as_str()));
        wrong.extend(
            found
                .filter(above)
                .map(|other| format!("{name} uses {other}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_front_page_names_the_floors() {
    let page = std::fs::read_to_string(project().join("src/lib.rs")).unwrap();
    let page = page.replace("\n//! ", " ");
    let floors: Vec<_> = FLOORS.iter().map(|floor| floor.join(", ")).collect();
    let sentence = floors.join(" → ");
    assert!(
        page.contains(&sentence),
        "src/lib.rs does not say: {sentence}"
    );
}

#[test]
fn each_outside_library_is_named_in_one_room() {
    for (word, room) in [
        ("mpi::traits", "comm/mpi.rs"),
        ("::hdf5::File", "io/hdf5.rs"),
        ("ndarray_linalg", "linalg/"),
        ("zheevd_", "linalg/"),
        ("from_seed(", "rng.rs"),
        ("signal_hook", "job/"),
        ("plotters::", "plot/"),
        ("resvg::", "plot/"),
        ("ratatui::", "commands/watch/"),
    ] {
        let users: Vec<_> = sources()
            .into_iter()
            .filter(|(_, text)| code(text).contains(word))
            .map(|(n, _)| n)
            .collect();
        assert!(
            users.iter().all(|u| u.starts_with(room)),
            "{word}: {users:?}"
        );
    }
    let physics = [
        "lattice",
        "basis",
        "operator",
        "ansatz",
        "sampler",
        "ensemble",
        "observable",
    ];
    let seen: Vec<_> = sources()
        .into_iter()
        .filter(|(name, text)| {
            physics.iter().any(|p| name.starts_with(p)) && code(text).contains("comm::")
        })
        .map(|(name, _)| name)
        .collect();
    assert!(
        seen.is_empty(),
        "physics never sees a communicator: {seen:?}"
    );
}

#[test]
fn every_file_says_what_it_decides_and_is_short() {
    for path in files(&project().join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{}", path.display());
        assert!(
            text.lines().count() <= 530,
            "{} has {} lines",
            path.display(),
            text.lines().count()
        );
    }
}

/// Every key under `properties`, at any depth.
fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|v| keys(v, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| keys(v, found)),
        _ => {}
    }
}

#[test]
fn the_reference_input_documents_every_key() {
    let reference = std::fs::read_to_string(project().join("configs/reference.toml")).unwrap();
    let mut found = Vec::new();
    keys(
        &nishina::commands::schema(&nishina::calculation::Registry::default()),
        &mut found,
    );
    assert!(found.len() > 60, "{}", found.len());
    let missing: Vec<_> = found
        .iter()
        .filter(|key| {
            !reference
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == key.as_str())
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every `$ref` of a schema.
fn references(schema: &serde_json::Value, found: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            found.extend(map.get("$ref").and_then(|r| r.as_str()).map(str::to_string));
            map.values().for_each(|v| references(v, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn the_schema_refers_to_what_it_defines() {
    let schema = nishina::commands::schema(&nishina::calculation::Registry::default());
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 20, "{}", found.len());
    let missing: Vec<_> = found
        .iter()
        .filter(|r| schema.pointer(r.trim_start_matches('#')).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_worked_input_passes_check() {
    let case = common::Case::new("");
    for entry in std::fs::read_dir(project().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let out = case.alone(&["check", path.to_str().unwrap(), "--json", "--quick"]);
            common::expect_code(&out, 0);
        }
    }
}
