//! A kind of a list is named in the room of its list alone: whoever adds one touches its own file
//! and one line, the reference input and the pages.

mod common;
use common::project;
use nishina::calculation::Registry;
use nishina::table::{Entry, Shelf};
use std::path::{Path, PathBuf};

/// Places outside the room that name a kind, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "calculation/construct/circuit.rs",
        "ising",
        "a model whose gates are known",
    ),
    (
        "calculation/construct/circuit.rs",
        "heisenberg",
        "a model whose gates are known",
    ),
    (
        "calculation/construct/circuit.rs",
        "xxz",
        "a model whose gates are known",
    ),
    (
        "ansatz/rbm/factory.rs",
        "density",
        "a key shares the name of an observable",
    ),
    (
        "table/messages.rs",
        "density",
        "a key that words of other programs stand for",
    ),
    (
        "input/streams.rs",
        "dbm",
        "a method of sampling of its own by default",
    ),
    (
        "input/named.rs",
        "bonds",
        "a key that names a file shares the name of a model",
    ),
    (
        "calculation/contents/lattice.rs",
        "bonds",
        "a dataset shares the name of a model",
    ),
    (
        "calculation/vmc/sampled.rs",
        "flip",
        "the move without a sector",
    ),
    (
        "calculation/vmc/sampled.rs",
        "exchange",
        "the move in a sector of spins one half",
    ),
    (
        "calculation/vmc/sampled.rs",
        "raise",
        "the move of longer spins",
    ),
    ("calculation/vmc/sampled.rs", "hop", "the move of bosons"),
    (
        "operator/models/mod.rs",
        "pauli",
        "a model and an observable share the name",
    ),
    (
        "observable/mod.rs",
        "pauli",
        "a model and an observable share the name",
    ),
    (
        "calculation/vmc/unused.rs",
        "pair",
        "pairs have the signs that a sign rule would give",
    ),
    ("commands/pages.rs", "table", "a type of keys in words"),
    ("observable/four_spin.rs", "bonds", "a dataset of labels"),
];

/// Rooms that draw what an observable has measured: a picture is a file of its own.
const PICTURES: &str = "plot/";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            false => {}
        }
    }
}

/// Path below `folder`, code without comments and without what follows the first test module.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = project().join(folder);
    let mut found = Vec::new();
    files(&root, &mut found);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default();
        let lines = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        (name, lines.collect::<Vec<_>>().join("\n"))
    };
    let named = found.into_iter().map(read);
    named
        .filter(|(name, _)| !name.ends_with("tests.rs"))
        .collect()
}

/// The kinds of a shelf that something outside `room` names.
fn named_outside<E: Entry>(shelf: Shelf<E>, room: &str, used: &mut Vec<usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, code) in sources("src") {
        if name.starts_with(room) || name.starts_with(PICTURES) {
            continue;
        }
        for kind in shelf.iter().map(Entry::kind) {
            if !code.contains(&format!("\"{kind}\"")) {
                continue;
            }
            let known = |e: &(&str, &str, &str)| e.0 == name && e.1 == kind;
            match EXCEPTIONS.iter().position(known) {
                Some(k) => used.push(k),
                None => wrong.push(format!("{name} names \"{kind}\"")),
            }
        }
    }
    wrong
}

#[test]
fn a_kind_is_named_in_the_room_of_its_list_alone() {
    let (registry, mut used) = (Registry::default(), Vec::new());
    let mut wrong = named_outside(registry.ansatze, "ansatz/", &mut used);
    wrong.extend(named_outside(registry.models, "operator/", &mut used));
    wrong.extend(named_outside(registry.moves, "sampler/", &mut used));
    wrong.extend(named_outside(
        registry.observables,
        "observable/",
        &mut used,
    ));
    wrong.extend(named_outside(registry.optimizers, "optimizer/", &mut used));
    assert!(wrong.is_empty(), "{wrong:#?}");
    let spare = EXCEPTIONS
        .iter()
        .enumerate()
        .filter(|(k, _)| !used.contains(k));
    let spare: Vec<_> = spare.map(|(_, e)| e).collect();
    assert!(spare.is_empty(), "exceptions to remove: {spare:?}");
}

#[test]
fn the_engine_names_no_section() {
    let sections = Registry::default().sections;
    for (name, code) in sources("src/run") {
        for section in sections.iter().map(Entry::kind) {
            let named = code.contains(&format!("\"{section}\""));
            assert!(!named, "run/{name} names \"{section}\"");
        }
    }
}

/// Every kind is in the reference input and in some test.
fn shown<E: Entry>(shelf: Shelf<E>, reference: &str, tests: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for kind in shelf.iter().map(Entry::kind) {
        if !reference.contains(kind) {
            missing.push(format!("configs/reference.toml does not show `{kind}`"));
        }
        let quoted = [
            format!("\"{kind}"),
            format!("'{kind}"),
            format!("{kind}\\\""),
        ];
        if !quoted.iter().any(|q| tests.contains(q.as_str())) {
            missing.push(format!("no test uses `{kind}`"));
        }
    }
    missing
}

#[test]
fn every_kind_is_shown_and_tested() {
    let reference = std::fs::read_to_string(project().join("configs/reference.toml")).unwrap();
    let tests: String = sources("tests").into_iter().map(|(_, code)| code).collect();
    let registry = Registry::default();
    let mut missing = shown(registry.ansatze, &reference, &tests);
    missing.extend(shown(registry.models, &reference, &tests));
    missing.extend(shown(registry.moves, &reference, &tests));
    missing.extend(shown(registry.observables, &reference, &tests));
    missing.extend(shown(registry.optimizers, &reference, &tests));
    missing.extend(shown(registry.sections, &reference, &tests));
    // The unit tests of a method that needs no run.
    missing.retain(|m| m != "no test uses `rmsprop`");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether a part of the reference shows a key: with a value, at the beginning of a row of its own,
/// or as an item of a list in words, `key (default)` or `key: default`. A sentence does not count.
fn shows(part: &str, key: &str) -> bool {
    part.match_indices(key).any(|(at, _)| {
        let (before, after) = (&part[..at], &part[at + key.len()..]);
        let begins = !before.ends_with(|c: char| c == '_' || c.is_ascii_alphanumeric());
        let row = before.trim_end_matches(' ').ends_with('#');
        let item = row || before.ends_with("; ") || before.ends_with(", ");
        let value = after.strip_prefix(" (").and_then(|a| a.split_once(')'));
        let has_default = value.is_some_and(|(v, _)| !v.is_empty() && !v.contains(' '));
        begins
            && (after.starts_with(" =")
                || row && after.starts_with("  ")
                || item && (has_default || after.starts_with(": default")))
    })
}

/// The keys of the kinds of a list that its section of the reference does not show.
fn hidden<E: Entry>(shelf: Shelf<E>, reference: &str, section: &str) -> Vec<String> {
    let header = format!("[{section}]");
    let lines = reference.lines().skip_while(|l| !l.starts_with(&header));
    let part: Vec<_> = lines.skip(1).take_while(|l| !l.starts_with('[')).collect();
    let part = part.join("\n");
    let mut missing = Vec::new();
    for entry in shelf.iter() {
        let schema = entry.schema();
        let keys = schema["properties"].as_object().into_iter().flatten();
        let keys = keys.filter(|(key, _)| !shows(&part, key));
        missing.extend(keys.map(|(key, _)| format!("[{section}] {}: {key}", entry.kind())));
    }
    missing
}

#[test]
fn every_key_of_every_kind_is_in_the_reference() {
    let reference = std::fs::read_to_string(project().join("configs/reference.toml")).unwrap();
    let registry = Registry::default();
    let mut missing = hidden(registry.ansatze, &reference, "ansatz");
    missing.extend(hidden(registry.models, &reference, "hamiltonian"));
    missing.extend(hidden(registry.moves, &reference, "sampler"));
    missing.extend(hidden(registry.observables, &reference, "measure"));
    missing.extend(hidden(registry.optimizers, &reference, "optimize"));
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_sentence_shows_no_key() {
    let list = [
        "file = 1",
        "#  file   default none",
        "# file (none)",
        "x; file: default 1",
    ];
    assert!(list.iter().all(|part| shows(part, "file")));
    let prose = [
        "# an HDF5 file with x",
        "# a text, a file, or more",
        "# read from a file: results",
        "# results, file (relative to the input)",
        "# my_file = 1",
    ];
    let shown: Vec<_> = prose.iter().filter(|part| shows(part, "file")).collect();
    assert!(shown.is_empty(), "{shown:?}");
}

/// Every list of the registry, the methods of `[sampler]` and the law that each of their kinds
/// obeys, with the test that goes through the list.
const LAWS: &[(&str, &str, &str, &str)] = &[
    ("ansatze", "laws", "ansatz.rs", "in ANSATZE"),
    ("models", "operator", "model_laws.rs", "in MODELS"),
    ("moves", "moves", "laws.rs", "in RULES"),
    (
        "observables",
        "observable",
        "observable_laws.rs",
        "in OBSERVABLES",
    ),
    ("optimizers", "optimizer", "solvers.rs", "in OPTIMIZERS"),
    (
        "sections",
        "calculation",
        "library.rs",
        "in calculation::SECTIONS",
    ),
    ("sampler.method", "ensemble", "laws.rs", "in METHODS"),
];

#[test]
fn every_list_has_a_public_law_that_is_called_for_each_entry() {
    let code = |folder: &str, file: &str| {
        let found = sources(folder).into_iter().find(|(name, _)| name == file);
        found.unwrap_or_else(|| panic!("{folder} has no {file}")).1
    };
    let registry = code("src/calculation", "registry.rs");
    let fields = registry.lines().filter_map(|l| {
        let (name, kind) = l.trim().strip_prefix("pub ")?.split_once(": ")?;
        kind.starts_with("Shelf<").then_some(name)
    });
    let lists: Vec<&str> = fields.chain(["sampler.method"]).collect();
    assert!(lists.len() > 6, "{lists:?}");
    let public = code("src/laws", "mod.rs");
    for list in lists {
        let Some((_, law, file, goes)) = LAWS.iter().find(|l| l.0 == list) else {
            panic!("write a law in src/laws for the kinds of `{list}`, and call it for each");
        };
        let words = |c: char| !c.is_alphanumeric() && c != '_';
        let uses = public.lines().filter(|l| l.starts_with("pub use"));
        assert!(
            uses.flat_map(|l| l.split(words)).any(|w| w == *law),
            "no laws::{law}"
        );
        let test = code("tests", file);
        let calls = [format!("laws::{law}("), format!("{law}(&mut ")];
        assert!(
            calls.iter().any(|c| test.contains(c)),
            "tests/{file} does not call {law}"
        );
        assert!(
            test.contains(goes),
            "tests/{file} does not go through {list}"
        );
    }
}

#[test]
fn every_method_of_sampling_is_held_to_the_laws() {
    let text = std::fs::read_to_string(project().join("tests/laws.rs")).unwrap();
    let schema = nishina::commands::schema(&Registry::default());
    let methods = &schema["$defs"]["Method"];
    let list = methods.get("oneOf").or(methods.get("enum")).unwrap();
    let names = list.as_array().unwrap().iter();
    let names: Vec<&str> = names
        .filter_map(|m| m.get("const").unwrap_or(m).as_str())
        .collect();
    assert!(names.len() >= 3, "{methods}");
    for name in names {
        assert!(
            text.contains(&format!("(\"{name}\", ")),
            "METHODS has no {name}"
        );
    }
}
