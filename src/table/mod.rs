//! Decides how a table of input keys becomes typed values, and how a name of the input finds its
//! kind: unknown keys, missing keys, wrong types and unknown names are errors that say what is
//! allowed.

mod messages;

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Reads `table`, which stands at `path` in the input (such as `hamiltonian`), into `T`.
///
/// `T` derives `Deserialize` with `deny_unknown_fields`; integers are accepted where a real is
/// meant.
pub fn parse<T: DeserializeOwned>(table: &toml::Table, path: &str) -> Result<T> {
    serde_path_to_error::deserialize(toml::Value::Table(table.clone()))
        .map_err(|e| messages::describe(table, path, &e))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
}

/// One kind that an input can name: a line of a list.
pub trait Entry {
    /// What it is, in messages: "wave function", "model".
    const WHAT: &'static str;
    /// Its name in inputs.
    fn kind(&self) -> &'static str;
    /// JSON schema of its keys, without `kind`.
    fn schema(&self) -> serde_json::Value;
}

/// A list of kinds: those of this program and those that another crate adds.
pub struct Shelf<'a, E> {
    own: &'a [E],
    added: &'a [E],
}

impl<E> Clone for Shelf<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Shelf<'_, E> {}

impl<'a, E: Entry> Shelf<'a, E> {
    /// The list of this program.
    pub const fn new(own: &'a [E]) -> Self {
        Shelf { own, added: &[] }
    }

    /// The same with the kinds of another crate behind it; a name that is taken stays as it is.
    pub const fn with(self, added: &'a [E]) -> Self {
        Shelf {
            own: self.own,
            added,
        }
    }

    /// All kinds in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a E> + use<'a, E> {
        self.own.iter().chain(self.added)
    }

    /// The names of all kinds, for messages.
    pub fn names(&self) -> String {
        let quoted: Vec<_> = self.iter().map(|e| format!("\"{}\"", e.kind())).collect();
        quoted.join(", ")
    }

    /// The entry called `kind`; `key` is where the input names it.
    pub fn find(&self, kind: &str, key: &str) -> Result<&'a E> {
        let named = |e: &&E| e.kind() == kind;
        let spelt = |e: &&E| messages::same_word(e.kind(), kind);
        let found = self.iter().find(named).or_else(|| self.iter().find(spelt));
        found.ok_or_else(|| {
            let kinds: Vec<_> = self.iter().map(Entry::kind).collect();
            let near = messages::nearest(kind, &kinds);
            let hint = near.map_or(String::new(), |k| format!("did you mean \"{k}\"? "));
            Error::input(
                key,
                format!("there is no {} \"{kind}\"", E::WHAT),
                format!("{hint}known: {}", self.names()),
            )
        })
    }

    /// The entry that the key `kind` of `table` names, and the table without that key; `path` is
    /// where the table stands in the input.
    pub fn take(&self, table: &toml::Table, path: &str) -> Result<(&'a E, toml::Table)> {
        let key = join(path, "kind");
        let mut own = table.clone();
        match own.remove("kind") {
            Some(toml::Value::String(kind)) => Ok((self.find(&kind, &key)?, own)),
            Some(other) => Err(Error::input(
                key,
                format!("{other} is not a text"),
                format!("one of {}", self.names()),
            )),
            None => Err(Error::input(
                key,
                "this key is missing",
                format!("add one of {}", self.names()),
            )),
        }
    }
}

/// A remedy for a word that is none of the known ones: the nearest of them, and all.
pub fn known(word: &str, known: &[&str]) -> String {
    messages::known(word, known)
}

/// Whether two words are one in British and American spelling: "-ise" and "-ize".
pub fn same_word(a: &str, b: &str) -> bool {
    messages::same_word(a, b)
}

/// The word that a remedy of this room says was meant.
pub fn suggested(remedy: &str) -> Option<&str> {
    messages::suggested(remedy)
}

/// Whether an error of this room is one that can be seen without any physics.
pub fn is_of_spelling(error: &Error) -> bool {
    messages::is_of_spelling(error)
}

/// An error for the first key of `table`, which stands at `path`, that `schema` does not have;
/// `shared` are those that it may have besides.
pub fn refuse_unknown_keys(
    table: &toml::Table,
    path: &str,
    schema: &serde_json::Value,
    shared: &[&str],
) -> Result<()> {
    let own = schema["properties"].as_object().into_iter().flatten();
    let own = own.map(|(key, _)| key.as_str());
    let all: Vec<&str> = shared.iter().copied().chain(own).collect();
    match table.keys().find(|key| !all.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::input(
            join(path, key),
            "unknown key",
            known(key, &all),
        )),
    }
}

/// Letters to insert, remove or replace to get from one word to the other (V. I. Levenshtein, Sov.
/// Phys. Dokl. 10, 707 (1966)).
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// JSON schema of a structure of keys; a paragraph of its comments is one line of description.
pub fn schema_of<T: schemars::JsonSchema>() -> serde_json::Value {
    let mut schema = schemars::schema_for!(T).to_value();
    join_lines(&mut schema);
    schema
}

fn join_lines(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::String(text)) = map.get_mut("description") {
                let paragraphs: Vec<_> = text.split("\n\n").map(|p| p.replace('\n', " ")).collect();
                *text = paragraphs.join("\n\n");
            }
            map.values_mut().for_each(join_lines);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// The schema of a kind without keys, with what it is.
pub fn no_keys(description: &str) -> serde_json::Value {
    serde_json::json!({
        "description": description,
        "type": "object", "properties": {}, "additionalProperties": false
    })
}

/// Whether a table, or one inside it, `is` something.
pub fn has_part(table: &toml::Table, is: &dyn Fn(&toml::Table) -> bool) -> bool {
    is(table)
        || table.values().any(|value| match value {
            toml::Value::Table(part) => has_part(part, is),
            toml::Value::Array(parts) => {
                let mut parts = parts.iter().filter_map(toml::Value::as_table);
                parts.any(|part| has_part(part, is))
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        rate: f64,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        inner: Inner,
    }

    #[test]
    fn errors_name_the_key() {
        for (text, key, part) in [
            (
                "inner = { rate = 1, rat = 2 }",
                "top.inner.rat",
                "did you mean `rate`?",
            ),
            ("inner = { }", "top.inner.rate", "missing"),
            (
                "inner = { rate = 'x' }",
                "top.inner.rate",
                "\"x\" is given; give a number",
            ),
            ("inner = 3", "top.inner", "3 is given; give a table"),
            ("other = 1", "top.other", "known here: `inner`"),
        ] {
            let table: toml::Table = text.parse().unwrap();
            let error = parse::<Outer>(&table, "top").unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
            match error {
                Error::Input { key: found, .. } => assert_eq!(found, key, "{text}"),
                other => panic!("{other:?}"),
            }
        }
        let table: toml::Table = "inner = { rate = 1 }".parse().unwrap();
        assert!(parse::<Outer>(&table, "top").is_ok());
    }
}
