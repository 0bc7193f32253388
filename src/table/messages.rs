//! Decides how a message of the reader of inputs becomes one for people: the key, what is given,
//! what is allowed and the nearest known word, without a word of the types inside.

use super::{distance, join};
use crate::error::Error;
use serde_path_to_error::Segment;

/// Words that differ in more letters than this are not meant for each other.
const FAR: usize = 2;

/// Words of other programs of the field, each with those that it may stand for here.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("alpha", &["density"]),
    ("beta", &["inverse_temperatures"]),
    ("bond_dim", &["bond_dimension"]),
    ("dt", &["time_step", "step"]),
    ("diag_shift", &["shift"]),
    ("diagonal_shift", &["shift"]),
    ("driver", &["optimize"]),
    ("dtype", &["parameters"]),
    ("exact", &["full-sum"]),
    ("extent", &["size"]),
    ("h", &["hx"]),
    ("hilbert", &["basis"]),
    ("j1", &["j"]),
    ("l", &["size"]),
    ("length", &["size"]),
    ("lr", &["learning_rate"]),
    ("machine", &["ansatz"]),
    ("machine_pow", &["power"]),
    ("metropolislocal", &["metropolis"]),
    ("model", &["ansatz", "hamiltonian"]),
    ("momentum", &["mu"]),
    ("n_chains", &["chains"]),
    ("n_discard", &["burn_in"]),
    ("n_discard_per_chain", &["burn_in"]),
    ("n_hidden", &["density"]),
    ("n_iter", &["steps"]),
    ("n_samples", &["samples"]),
    ("n_sweeps", &["sweeps"]),
    ("obc", &["open"]),
    ("optimizer", &["optimize", "method"]),
    ("optimiser", &["optimize", "method"]),
    ("out", &["output", "name"]),
    ("param_dtype", &["parameters"]),
    ("pbc", &["periodic", "boundary"]),
    ("stddev", &["init"]),
    ("sweep_size", &["sweeps"]),
    ("symmetries", &["symmetry"]),
    ("total_sz", &["sector"]),
    ("use_hidden_bias", &["hidden_bias"]),
    ("use_visible_bias", &["visible_bias"]),
    ("vmc", &["optimize"]),
];

/// Turns the error of a reader of `table`, which stands at `path`, into an input error.
pub(super) fn describe(
    table: &toml::Table,
    path: &str,
    error: &serde_path_to_error::Error<toml::de::Error>,
) -> Error {
    let inner = error.path().to_string();
    let key = match inner.as_str() {
        "." => path.to_string(),
        inner => join(path, inner),
    };
    let message = error.inner().message().trim();
    let message = message.lines().next().unwrap_or_default();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown_key(&key, rest);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let missing = join(&key, &quoted(rest).concat());
        return Error::input(
            missing,
            "this key is missing",
            "add it; `nishina reference` shows every key",
        );
    }
    let given = value_at(table, error.path().iter());
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let words = quoted(rest);
        let (word, known) = words.split_first().unwrap_or((&"", &[]));
        let names: Vec<_> = known.iter().map(|k| format!("\"{k}\"")).collect();
        let hint =
            nearest(word, known).map_or(String::new(), |k| format!("did you mean \"{k}\"? "));
        return Error::input(
            key,
            format!("\"{word}\" is given"),
            format!("{hint}allowed: {}", names.join(", ")),
        );
    }
    let expected = match message.split_once(", expected ") {
        Some((start, expected)) if start.starts_with("invalid ") => meaning(expected),
        _ => message.to_string(),
    };
    let problem = given.map_or("the value does not fit".into(), |value| {
        format!("{value} is given")
    });
    Error::input(key, problem, format!("give {expected}"))
}

/// The error of a key that nobody knows; `rest` names it and then the known ones.
fn unknown_key(path: &str, rest: &str) -> Error {
    let words = quoted(rest);
    let (word, known) = words.split_first().unwrap_or((&"", &[]));
    let key = match path.rsplit('.').next() == Some(word) {
        true => path.to_string(),
        false => join(path, word),
    };
    let remedy = match known {
        [] => "there are no keys here".to_string(),
        _ => self::known(word, known),
    };
    Error::input(key, "unknown key", remedy)
}

/// The nearest of the known words, where one is near, and all of them.
pub(super) fn known(word: &str, known: &[&str]) -> String {
    let all = list(known);
    nearest(word, known).map_or_else(
        || format!("known here: {all}"),
        |near| format!("did you mean `{near}`? known here: {all}"),
    )
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|w| format!("`{w}`")).collect();
    quoted.join(", ")
}

/// The words between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The known word that is meant by `word`, if there is one: the other spelling of it, that of
/// another program, or the nearest.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let word = word.as_str();
    if let Some(same) = known.iter().find(|k| same_word(k, word)) {
        return Some(same);
    }
    let meant = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word);
    let meant = meant.and_then(|(_, ours)| known.iter().find(|k| ours.contains(k)));
    if let Some(meant) = meant {
        return Some(meant);
    }
    let near = known.iter().filter(|k| distance(k, word) <= FAR);
    near.min_by_key(|k| distance(k, word)).copied()
}

/// Whether two words are one in British and American spelling: "-ise" and "-ize".
pub(super) fn same_word(a: &str, b: &str) -> bool {
    a.replace("iz", "is") == b.replace("iz", "is")
}

/// The word that a remedy says was meant.
pub(super) fn suggested(remedy: &str) -> Option<&str> {
    let rest = remedy.strip_prefix("did you mean ")?;
    let mark = rest.chars().next().filter(|c| matches!(c, '`' | '"'))?;
    rest[1..].split(mark).next()
}

/// Whether an error says that a word is not known, a key is missing, or a value is of another type:
/// what can be seen without any physics.
pub(super) fn is_of_spelling(error: &Error) -> bool {
    let Error::Input { problem, .. } = error else {
        return false;
    };
    let starts = ["there is no ", "unknown key", "this key is missing"];
    starts.iter().any(|start| problem.starts_with(start)) || problem.ends_with(" is given")
}

/// What the reader expects, in plain words. An expectation that is none of its own is a text of
/// this program and stays.
fn meaning(expected: &str) -> String {
    let plain = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number from 0, without a point or an exponent"
        }
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, without a point or an exponent",
        "f32" | "f64" => "a number, without quotes",
        "a string" | "string" | "path string" => "a text in quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list such as [1, 2]",
        "a map" => "a table such as { key = 1 }",
        _ if expected.starts_with("struct ") => "a table such as { key = 1 }",
        _ if expected.contains("tagged enum ") => "a table with the key `kind`",
        "string only" | "string or map" => "a text in quotes",
        _ if expected.contains("enum ") => "a text in quotes",
        _ if expected.starts_with("a tuple of size ") || expected.starts_with("tuple ") => {
            return expected.replace("tuple", "list");
        }
        _ if expected.starts_with("an array of length ") => {
            return expected.replace("array", "list");
        }
        _ => expected,
    };
    plain.to_string()
}

/// The value at a path, as an input writes it.
fn value_at<'a>(
    table: &toml::Table,
    mut path: impl Iterator<Item = &'a Segment>,
) -> Option<String> {
    let whole = toml::Value::Table(table.clone());
    let value = path.try_fold(&whole, |value, segment| match segment {
        Segment::Map { key } => value.get(key.as_str()),
        Segment::Seq { index } => value.get(*index),
        _ => Some(value),
    })?;
    Some(value.to_string().trim().replace('\n', " "))
}
