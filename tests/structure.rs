//! The shape of the house: dependencies run one way, each outside library is named in one room,
//! files stay short.

mod common;
use common::project;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Files of src with more than 400 lines, to be split.
const LONG_FILES: &[&str] = &[
    "ansatz/symmetrised/mod.rs",
    "derivatives/mod.rs",
    "driver/evolve.rs",
    "driver/files.rs",
    "driver/measure.rs",
    "driver/policy.rs",
    "driver/trial.rs",
    "evolution/integrator.rs",
    "exact/bits.rs",
    "exact/mod.rs",
    "input/sections.rs",
    "io/hdf5.rs",
    "io/output.rs",
    "laws/mod.rs",
    "main.rs",
    "problem.rs",
];

/// Files with lines of more than 100 letters, to be broken.
const LONG_LINES: &[&str] = &[
    "src/ansatz/feedforward/activation.rs",
    "src/ansatz/rbm/walkers.rs",
    "src/commands/check/forecast.rs",
    "src/commands/check/plan.rs",
    "src/driver/policy.rs",
    "src/evolution/motion.rs",
    "src/io/mod.rs",
    "src/io/output.rs",
    "src/io/samples.rs",
    "src/io/seal.rs",
    "src/main.rs",
    "src/optimizer/cost.rs",
    "src/optimizer/momentum.rs",
];

/// Files of src with functions of more than 60 lines, to be split.
const LONG_FUNCTIONS: &[&str] = &[
    "ansatz/feedforward/backward.rs",
    "ansatz/rbm/kernel.rs",
    "commands/check/forecast.rs",
    "commands/check/plan.rs",
    "driver/convergence.rs",
    "driver/evolve.rs",
    "driver/files.rs",
    "driver/measure.rs",
    "driver/mod.rs",
    "driver/observe.rs",
    "driver/optimize.rs",
    "driver/start.rs",
    "driver/target.rs",
    "driver/trial.rs",
    "exact/bits.rs",
    "exact/momentum.rs",
    "input/check.rs",
    "input/evolve.rs",
    "laws/derivatives.rs",
    "main.rs",
    "operator/files/tests.rs",
    "optimizer/conjugate_gradient.rs",
    "optimizer/cost.rs",
    "optimizer/distributed.rs",
    "optimizer/momentum.rs",
    "optimizer/sample_space.rs",
];

/// Type names of more than one room, and why.
const SAME_NAMES: &[(&str, &str)] = &[
    (
        "Attempt",
        "a step of an integrator; the trial of check takes another name",
    ),
    (
        "Axis",
        "of a diagram; the axis of evolution, real or imaginary time, is to be named",
    ),
    (
        "Boundary",
        "of a lattice; the place between blocks of a run takes another name",
    ),
    ("Entry", "of a matrix; that of a shelf is to be named"),
    ("Flip", "a move; the flip of an operator takes another name"),
    (
        "Inverse",
        "a way to invert, of solvers and of motion: one of them is to be named",
    ),
    (
        "Kernel",
        "of the RBM; those of sample space and of momenta take other names",
    ),
    (
        "Keys",
        "each kind of a shelf has the keys of its own table, private to its file",
    ),
    (
        "Kind",
        "of log-derivatives; that of datasets is to be named",
    ),
    ("Move", "of a configuration; that of the RBM is to be named"),
    (
        "Numbers",
        "a row of a factor; that of parameters is to be named",
    ),
    (
        "Product",
        "of wave functions; that of operators is to be named",
    ),
    ("Rule", "of moves; that of schedules is to be named"),
    ("Run", "of a program; that of entries is a span"),
    (
        "SignRule",
        "the key of an input and the wave function that it asks for",
    ),
    (
        "Sizes",
        "the key of an input; those of a cost are to be named",
    ),
    ("Table", "of amplitudes; that of a file is to be named"),
];

/// Files that panic outside tests, and why.
const PANICS: &[(&str, &str)] = &[
    (
        "driver/history.rs",
        "a constant is looked up while compiling",
    ),
    ("job/faults.rs", "a test asks for a panic"),
];

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

/// Fails where something breaks a rule and is not among the exceptions, and where an exception is
/// no longer needed: the list can only become shorter.
fn hold(rule: &str, broken: &[(String, String)], exceptions: &[&str]) {
    let is_excepted = |name: &str| exceptions.contains(&name);
    let new: Vec<_> = broken.iter().filter(|(n, _)| !is_excepted(n)).collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    let needed = |e: &&&str| broken.iter().any(|(name, _)| name == **e);
    let spare: Vec<_> = exceptions.iter().filter(|e| !needed(e)).collect();
    assert!(spare.is_empty(), "{rule}: exceptions to remove: {spare:?}");
}

/// Code without comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn dependencies_run_one_way() {
    let levels: &[&[&str]] = &[
        &["error", "number", "rng", "table"],
        &["linalg", "comm", "lattice"],
        &["derivatives"],
        &["basis", "stats"],
        &["operator", "ansatz"],
        &["sampler"],
        &["ensemble"],
        &["observable"],
        &["optimizer"],
        &["evolution"],
        &["io", "job"],
        &["exact", "laws"],
        &["driver", "registry", "input", "commands", "plot"],
    ];
    let level = |room: &str| levels.iter().position(|l| l.contains(&room));
    // Plain data and files, which every room may use; basis and exact ask linalg for memory, which
    // lies below them.
    let free = ["io::tree", "io::hdf5"];
    let mut back = Vec::new();
    for (name, text) in sources() {
        let room = name
            .split('/')
            .next()
            .unwrap()
            .trim_end_matches(".rs")
            .to_string();
        let Some(mine) = level(&room) else { continue };
        for (at, _) in code(&text).match_indices("crate::") {
            let rest = &code(&text)[at + 7..];
            if free.iter().any(|f| rest.starts_with(f)) {
                continue;
            }
            let target: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if level(&target).is_some_and(|theirs| theirs > mine) {
                back.push(format!("{name} uses {target}"));
            }
        }
    }
    assert!(back.is_empty(), "{back:#?}");
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
        ("ratatui::", "commands/watch.rs"),
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
            long.push((below(&src, &path), format!("{count} lines")));
        }
    }
    hold("files of at most 400 lines", &long, LONG_FILES);
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
                    long.push((below(project(), &path), format!("line {}", k + 1)));
                }
            }
        }
    }
    hold("lines of at most 100 letters", &long, LONG_LINES);
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
                long.push((file, format!("{name}: {lines} lines")));
            }
        }
    }
    hold("functions of at most 60 lines", &long, LONG_FUNCTIONS);
}

/// The types that a file defines.
fn types(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty() && !["pub", "crate", "super", "in"].contains(w))
            .collect();
        // `type` within a trait or an implementation is indented.
        let is_definition = match words.first() {
            Some(&"struct" | &"enum" | &"trait" | &"union") => true,
            Some(&"type") => !line.starts_with(' '),
            _ => false,
        };
        if is_definition && !line.trim_start().starts_with("//") {
            found.extend(words.get(1).map(|w| w.to_string()));
        }
    }
    found
}

#[test]
fn a_type_name_means_one_thing() {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in sources() {
        let room = name.split('/').next().unwrap().trim_end_matches(".rs");
        for defined in types(&text) {
            rooms.entry(defined).or_default().insert(room.to_string());
        }
    }
    assert!(rooms.len() > 150, "{} types", rooms.len());
    let twice: Vec<_> = rooms
        .into_iter()
        .filter(|(_, rooms)| rooms.len() > 1)
        .map(|(name, rooms)| (name, format!("{rooms:?}")))
        .collect();
    let excepted: Vec<&str> = SAME_NAMES.iter().map(|e| e.0).collect();
    hold("one meaning of each type name", &twice, &excepted);
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
    let mut found = Vec::new();
    for (name, text) in sources() {
        for line in code(&text).lines() {
            if words.iter().any(|w| line.contains(w)) {
                found.push((name.clone(), line.trim().to_string()));
            }
        }
    }
    let excepted: Vec<&str> = PANICS.iter().map(|e| e.0).collect();
    hold("errors instead of panics", &found, &excepted);
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
    keys(&nishina::commands::schema(), &mut found);
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
    let schema = nishina::commands::schema();
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
