//! Decides how a table of input keys becomes typed values: unknown keys, missing keys and wrong types are errors that
//! name the key and what is allowed.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Reads `table`, which stands at `path` in the input (such as `hamiltonian`), into `T`.
///
/// `T` derives `Deserialize` with `deny_unknown_fields`; integers are accepted where a real is meant.
pub fn parse<T: DeserializeOwned>(table: &toml::Table, path: &str) -> Result<T> {
    table.clone().try_into().map_err(|e: toml::de::Error| describe(path, e.message()))
}

/// Turns a message of the reader into an input error at `path`.
pub fn describe(path: &str, message: &str) -> Error {
    let quoted = |text: &str| text.split('`').nth(1).map(str::to_string);
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let key = quoted(rest).unwrap_or_default();
        let known = rest.split_once(", ").map_or("there is none", |(_, known)| known);
        return Error::input(join(path, &key), "unknown key", known.to_string());
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return Error::input(join(path, &quoted(rest).unwrap_or_default()), "this key is missing", "add it");
    }
    Error::input(path, message.lines().next().unwrap_or_default(), "see configs/reference.toml for what is allowed")
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}
