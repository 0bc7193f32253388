//! Decides how a table of input keys becomes typed values: unknown keys, missing keys and wrong
//! types are errors that name the key and what is allowed.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Reads `table`, which stands at `path` in the input (such as `hamiltonian`), into `T`.
///
/// `T` derives `Deserialize` with `deny_unknown_fields`; integers are accepted where a real is
/// meant.
pub fn parse<T: DeserializeOwned>(table: &toml::Table, path: &str) -> Result<T> {
    serde_path_to_error::deserialize(toml::Value::Table(table.clone())).map_err(|e| {
        let inner = e.path().to_string();
        let path = if inner == "." {
            path.to_string()
        } else {
            join(path, &inner)
        };
        describe(&path, e.inner().message())
    })
}

/// Turns a message of the reader, raised at `path`, into an input error.
fn describe(path: &str, message: &str) -> Error {
    let quoted = |text: &str| {
        text.split('`')
            .nth(1)
            .map(str::to_string)
            .unwrap_or_default()
    };
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let key = quoted(rest);
        let known = rest
            .split_once(", ")
            .map_or("there are no keys here", |(_, known)| known);
        let full = if path.rsplit('.').next() == Some(&key) {
            path.to_string()
        } else {
            join(path, &key)
        };
        return Error::input(
            full,
            "unknown key",
            known.replace("expected", "known here:"),
        );
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return Error::input(
            join(path, &quoted(rest)),
            "this key is missing",
            "add it, see configs/reference.toml",
        );
    }
    Error::input(
        path,
        message.lines().next().unwrap_or_default(),
        "correct the value; configs/reference.toml says what is allowed",
    )
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
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
        for (text, key) in [
            ("inner = { rate = 1, extra = 2 }", "top.inner.extra"),
            ("inner = { }", "top.inner.rate"),
            ("inner = { rate = 'x' }", "top.inner.rate"),
            ("other = 1", "top.other"),
        ] {
            let table: toml::Table = text.parse().unwrap();
            match parse::<Outer>(&table, "top").unwrap_err() {
                Error::Input { key: found, .. } => assert_eq!(found, key, "{text}"),
                other => panic!("{other:?}"),
            }
        }
        let table: toml::Table = "inner = { rate = 1 }".parse().unwrap();
        assert!(parse::<Outer>(&table, "top").is_ok());
    }
}
