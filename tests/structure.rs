//! The shape of the house: dependencies run one way, each outside library is named in one room,
//! files stay short.

mod common;
use common::project;
use std::collections::{BTreeMap, BTreeSet};
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

/// Text without the items behind `#[cfg(test)]`, wherever they stand.
fn without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        // An item ends with its first line, or with a brace below its beginning.
        let item = lines.find(|l| !l.trim_start().starts_with("#["));
        if item.is_some_and(|l| !l.ends_with(';') && !l.ends_with('}')) {
            lines.find(|l| *l == end);
        }
    }
    kept.join("\n")
}

/// Path below src, content without its tests.
fn sources() -> Vec<(String, String)> {
    let src = project().join("src");
    files(&src)
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (below(&src, &path), without_tests(&text))
        })
        .collect()
}

/// The path of a file from `folder` on.
fn below(folder: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap();
    inner.to_string_lossy().into_owned()
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
    &["rng", "table", "files"],
    &["number"],
    &["io", "comm", "lattice"],
    &["linalg"],
    &["job", "stats", "derivatives", "clusters", "layers"],
    &["basis", "worldlines"],
    &["operator"],
    &["ansatz"],
    &["sampler"],
    &["ensemble"],
    &["observable"],
    &["optimizer"],
    &[
        "evolution",
        "holography",
        "classical",
        "perceptron",
        "shots",
    ],
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
        ("::hdf5::File", "io/hdf5/"),
        ("ndarray_linalg", "linalg/"),
        ("blas_sys", "linalg/"),
        ("lapack_sys", "linalg/"),
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
fn what_stands_behind_cfg_test_is_left_out() {
    let text = [
        "a",
        "#[cfg(test)]",
        "use b;",
        "c",
        "    #[cfg(test)]",
        "    #[allow(x)]",
        "    fn d() {",
        "        if e {",
        "        }",
        "    }",
        "f",
        "#[cfg(test)]",
        "mod tests {",
        "    g",
        "}",
        "h",
    ];
    assert_eq!(without_tests(&text.join("\n")), "a\nc\nf\nh");
}

#[test]
fn every_file_says_what_it_decides_and_is_short() {
    const LINES: usize = 400;
    let src = project().join("src");
    let mut long = Vec::new();
    for path in files(&src) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{}", path.display());
        let count = text.lines().count();
        if count > LINES {
            long.push(format!("{}: {count} lines", below(&src, &path)));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_line_is_longer_than_a_hundred_letters() {
    const LETTERS: usize = 100;
    let mut long = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in files(&project().join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (k, line) in text.lines().enumerate() {
                if line.chars().count() > LETTERS {
                    long.push(format!("{}, line {}", below(project(), &path), k + 1));
                }
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The functions of a file with their numbers of lines.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (k, line) in lines.iter().enumerate() {
        let words = line.trim_start();
        let head = words.split("fn ").next().unwrap_or_default();
        let is_head = |w: &str| {
            ["pub", "const", "unsafe", "extern", "\"C\""].contains(&w) || w.starts_with("pub(")
        };
        if !words.contains("fn ") || !head.split_whitespace().all(is_head) {
            continue;
        }
        let name: String = words[head.len() + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let end = format!("{}}}", &line[..line.len() - words.len()]);
        // A declaration has no body.
        let first = lines[k..].iter().position(|l| l.ends_with([';', '{', '}']));
        let has_body = first.is_some_and(|at| lines[k + at].ends_with('{'));
        if has_body && let Some(last) = lines[k..].iter().position(|l| *l == end) {
            found.push((name, last + 1));
        }
    }
    found
}

#[test]
fn functions_fit_on_a_screen() {
    const LINES: usize = 60;
    let text =
        "pub(super) const fn a(\n) {\n    b\n}\nfn c();\n    fn d<T>() {\n    }\nlet fn_ = 1;";
    let expected = [("a".to_string(), 4), ("d".to_string(), 2)];
    assert_eq!(functions(text), expected);
    let mut long = Vec::new();
    for path in files(&project().join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (name, lines) in functions(&text) {
            if lines > LINES {
                let file = below(&project().join("src"), &path);
                long.push(format!("{file}, {name}: {lines} lines"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The types that a file shows to others.
fn types(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((first, [kind, name, ..])) = words.split_first() else {
            continue;
        };
        let is_shown = *first == "pub" || first.starts_with("pub(");
        if is_shown && ["struct", "enum", "trait", "union", "type"].contains(kind) {
            let letters = name.chars();
            let name = letters.take_while(|c| c.is_alphanumeric() || *c == '_');
            found.push(name.collect());
        }
    }
    found
}

#[test]
fn a_type_name_means_one_thing() {
    let text = "pub struct A<T>(T);\nenum B {}\n    pub(super) type C = u8;\n// pub trait D\n";
    assert_eq!(types(text), ["A", "C"]);
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources() {
        for defined in types(&text) {
            files.entry(defined).or_default().insert(name.clone());
        }
    }
    assert!(files.len() > 250, "{} types", files.len());
    let twice: Vec<_> = files.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn the_library_returns_errors_and_does_not_panic() {
    let words = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "todo!(",
        "unimplemented!(",
        "unreachable!()",
    ];
    // The fault that a test asks for.
    let is_injected = |line: &str| line.starts_with("What::Panic => panic!(\"{NAME} asks for");
    let mut found = Vec::new();
    for (name, text) in sources() {
        for line in code(&text).lines().map(str::trim) {
            if words.iter().any(|w| line.contains(w)) && !is_injected(line) {
                found.push(format!("{name}: {line}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_ground_names_no_section_of_the_input() {
    let sections = [
        "optimize.",
        "evolve.",
        "measure.",
        "sampler.",
        "hamiltonian.",
    ];
    let mut found = Vec::new();
    for (name, text) in sources() {
        let is_ground = ["linalg/", "comm/", "stats/"]
            .iter()
            .any(|r| name.starts_with(r));
        for line in code(&text).lines().filter(|_| is_ground) {
            if sections.iter().any(|s| line.contains(s)) {
                found.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
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
