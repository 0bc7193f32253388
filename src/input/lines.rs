//! Decides on which line of its file a key of the input stands, so that a message can name it.

use super::Source;
use crate::error::Error;
use crate::table::same_word;
use toml::de::{DeTable, DeValue};

/// The parts of `a.b[2].c`: `a`, `b`, `2`, `c`.
pub(super) fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.split(['.', '[', ']']).filter(|part| !part.is_empty())
}

/// The line, from 1, where the text of an input has `key`; `None` where it does not stand there.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let root = DeValue::Table(document.into_inner());
    let (mut value, mut start) = (&root, None);
    for part in segments(key) {
        match value {
            DeValue::Table(table) => {
                let (name, inner) = table
                    .iter()
                    .find(|(name, _)| same_word(name.get_ref(), part))?;
                (value, start) = (inner.get_ref(), Some(name.span().start));
            }
            DeValue::Array(list) => {
                let inner = list.get(part.parse::<usize>().ok()?)?;
                (value, start) = (inner.get_ref(), Some(inner.span().start));
            }
            _ => return None,
        }
    }
    Some(text.get(..start?)?.matches('\n').count() + 1)
}

/// The value of `key` in a table.
pub(super) fn value_of<'t>(table: &'t toml::Table, key: &str) -> Option<&'t toml::Value> {
    let mut parts = segments(key);
    let of_table = |table: &'t toml::Table, part: &str| {
        let found = table.iter().find(|(name, _)| same_word(name, part));
        found.map(|(_, value)| value)
    };
    let first = of_table(table, parts.next()?)?;
    parts.try_fold(first, |value, part| match value {
        toml::Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        toml::Value::Table(table) => of_table(table, part),
        _ => None,
    })
}

impl Source {
    /// The same error with the line of its key, where the key stands in the file and `--set` has
    /// not replaced it.
    pub fn located(&self, error: Error) -> Error {
        with_line(error, |key| line_that_holds(key, &self.text, &self.table))
    }
}

/// The line of `key` in `text`, if `table` still has the value that stands there.
pub(super) fn line_that_holds(key: &str, text: &str, table: &toml::Table) -> Option<usize> {
    let written: toml::Table = text.parse().ok()?;
    (value_of(&written, key) == value_of(table, key)).then(|| line_of(text, key))?
}

/// The same error with the line of its key, where `line` knows it.
pub(super) fn with_line(error: Error, line: impl Fn(&str) -> Option<usize>) -> Error {
    error.of_input(|key, problem, remedy| {
        let line = line(&key).map(|line| format!(" (line {line})"));
        [key, problem, remedy + &line.unwrap_or_default()]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_line_where_they_stand() {
        let text = "seed = 1\n\n[a]\nb = 2\nc = [\n  1,\n  { d = 3 },\n]\n[a.e]\n\"f\" = 4\n";
        for (key, line) in [
            ("seed", Some(1)),
            ("a", Some(3)),
            ("a.b", Some(4)),
            ("a.c", Some(5)),
            ("a.c[0]", Some(6)),
            ("a.c[1].d", Some(7)),
            ("a.e.f", Some(10)),
            ("a.g", None),
            ("a.c[2]", None),
            ("a.b.x", None),
        ] {
            assert_eq!(line_of(text, key), line, "{key}");
        }
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(value_of(&table, "a.c[1].d").unwrap().as_integer(), Some(3));
        let told = |table: &toml::Table| {
            let error = Error::input("a.b", "2", "give 3");
            with_line(error, |key| line_that_holds(key, text, table)).to_string()
        };
        assert_eq!(told(&table), "a.b: 2; give 3 (line 4)");
        let mut set = table.clone();
        set["a"]["b"] = 5.into();
        assert_eq!(told(&set), "a.b: 2; give 3");
    }
}
